//! `GuardDuty` noise: findings of every family, in several revisions, many archived or samples.
//!
//! Of severity 7 and more at most [`LOUD`] are neither archived nor samples. Types that a rule of the catalogue asks about come only
//! archived or as samples.

use super::super::draw::Draw;
use super::super::dress;
use super::super::finding::Finding;
use super::super::kinds::{self, Family, KINDS, Kind};
use super::super::plan::Plan;
use super::super::stage::Stage;
use super::super::world::World;
use crate::event::time::{DAY_MS, MINUTE_MS};

/// Findings an account and a thousand days of it bring forth.
const FINDINGS_PERMILLE: u64 = 1_150;

/// High findings that nobody has archived: real work for an analyst, one each on the first day.
const LOUD: [&str; 3] = ["Backdoor:EC2/Spambot", "UnauthorizedAccess:EC2/TorClient", "Trojan:EC2/DGADomainRequest.B"];

/// Parts of type names that rules of the catalogue ask about.
const ASKED: [&str; 12] = [
    "CredentialExfiltration",
    "MetadataDNSRebind",
    "BitcoinTool",
    "CryptoMiner",
    "UnusualDNSResolver",
    "UnusualDo",
    "RootCredentialUsage",
    "PublicAccessGranted",
    "MaliciousFile",
    "Execution:Runtime",
    "PrivilegeEscalation:Runtime",
    "AttackSequence",
];

/// One day.
pub(super) fn day(plan: &Plan, world: &World, day: u32, stage: &mut Stage) {
    let mut draw = Draw::new(world.seed, &format!("noise/findings/{day}"));
    let (midnight_ms, count) =
        (world.start_ms + i64::from(day) * DAY_MS, plan.scaled(world.accounts.len() as u64 * FINDINGS_PERMILLE / 1000));
    for _ in 0..count {
        let kind = *draw.pick(&KINDS);
        let account = draw.pick(&world.accounts);
        let created_ms = midnight_ms + draw.between(10 * MINUTE_MS, DAY_MS - MINUTE_MS);
        let host = draw.below(6) as u32;
        let mut finding = dress::finding(&mut draw, world, account, kind, host, created_ms);
        quiet_down(&mut finding, &mut draw);
        revisions(finding, midnight_ms + DAY_MS, world, &mut draw, stage);
    }
    if day == 0 && count > 0 {
        for (n, name) in LOUD.into_iter().enumerate() {
            let account = &world.accounts[8 + 5 * n];
            let at_ms = midnight_ms + (300 + 410 * n as i64) * MINUTE_MS;
            let mut finding = dress::finding(&mut draw, world, account, kinds::find(name), 1, at_ms);
            finding.severity_tenths = 80;
            stage.finding(account.region, &finding.document(world), false);
        }
    }
}

/// Archives what would be loud, and some of the rest.
fn quiet_down(finding: &mut Finding<'_>, draw: &mut Draw) {
    if finding.kind.severity_tenths == 50 && draw.chance(200) {
        finding.severity_tenths = *draw.pick(&[45, 55, 60]);
    }
    if finding.severity_tenths >= 70 || asked(finding.kind) {
        finding.archived = draw.chance(800);
        finding.sample = !finding.archived;
    } else {
        finding.archived = draw.chance(120);
        finding.sample = draw.chance(30);
    }
}

fn asked(kind: Kind) -> bool {
    kind.family == Family::Sequence || ASKED.iter().any(|part| kind.name.contains(part))
}

/// One to five revisions, quarters of hours apart; the export mixes their order.
fn revisions(mut finding: Finding<'_>, end_ms: i64, world: &World, draw: &mut Draw, stage: &mut Stage) {
    let later = if finding.sample { 0 } else { draw.below(5) };
    for _ in 0..=later {
        stage.finding(finding.account.region, &finding.document(world), draw.chance(40));
        let updated_ms = finding.updated_ms + 15 * MINUTE_MS * draw.between(1, 8);
        if updated_ms >= end_ms {
            return;
        }
        finding = finding.revised(updated_ms, finding.count + 1 + draw.below(20));
    }
}
