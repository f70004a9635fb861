//! One attack or near-miss being played: it acts, and the scene records what was done and what is to be told about it.

use super::draw::Draw;
use super::dress;
use super::finding::Finding;
use super::flow::{Flow, FlowItem};
use super::kinds::Kind;
use super::principal::Principal;
use super::stage::Stage;
use super::trail::Call;
use super::truth::SeededAttack;
use super::world::{Account, World};
use crate::event::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Chance in a thousand that a record of a scene is delivered twice.
const TWICE_PERMILLE: u64 = 250;

/// The place and time of one attack or near-miss.
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    pub(super) draw: Draw,
    /// When it begins: a full minute, and at least an hour before the day ends.
    pub(super) start_ms: i64,
    number: usize,
    bystanders: bool,
    stage: &'a mut Stage,
    told: Option<&'a mut SeededAttack>,
}

impl<'a> Scene<'a> {
    /// The scene of an attack: its accounts are counted from the front, its truth is told.
    pub(super) fn attack(world: &'a World, number: usize, stage: &'a mut Stage, told: &'a mut SeededAttack) -> Self {
        let start_ms = start(world, number, 90);
        let draw = Draw::new(world.seed, told.kind);
        Scene { world, draw, start_ms, number, bystanders: false, stage, told: Some(told) }
    }

    /// The scene of a near-miss: other accounts, other hours, nothing told.
    pub(super) fn near_miss(world: &'a World, number: usize, stage: &'a mut Stage) -> Self {
        let start_ms = start(world, number, 60);
        let draw = Draw::new(world.seed, &format!("near-miss/{number}"));
        Scene { world, draw, start_ms, number, bystanders: true, stage, told: None }
    }

    /// Its `j`-th account (of at most 13).
    pub(super) fn account(&self, j: usize) -> &'a Account {
        if self.bystanders { self.world.bystander(self.number, j) } else { self.world.target(self.number, j) }
    }

    /// The first of its accounts that is so, or the first of the organisation.
    pub(super) fn account_where(&self, is: fn(&Account) -> bool) -> &'a Account {
        let own = (0..13).map(|j| self.account(j)).find(|account| is(account));
        own.or_else(|| self.world.accounts.iter().find(|account| is(account))).unwrap_or(self.account(0))
    }

    /// A moment so many seconds after the start.
    pub(super) fn after(&self, seconds: i64) -> i64 {
        self.start_ms + seconds * 1000
    }

    /// The midnight that ends its day.
    pub(super) fn end_of_day(&self) -> i64 {
        self.start_ms.div_euclid(DAY_MS) * DAY_MS + DAY_MS
    }

    /// A session of a role, begun ten minutes before the scene.
    pub(super) fn session(&mut self, account: &Account, role: &str, session: &str) -> Principal {
        Principal::role(&mut self.draw, account, role, session, self.start_ms - 10 * MINUTE_MS)
    }

    /// A finding in the shape of its kind, on resource `n` of the account; not published yet.
    pub(super) fn found<'b>(&mut self, account: &'b Account, kind: Kind, n: u32, at_ms: i64) -> Finding<'b> {
        dress::finding(&mut self.draw, self.world, account, kind, n, at_ms)
    }

    /// A call happens.
    pub(super) fn call(&mut self, call: Call<'_>) {
        let (account, region, at_ms) = (call.account().to_owned(), call.region, call.at_ms);
        let (principal, ip) = (call.who.arn(), call.ip);
        let (id, record) = call.record(&mut self.draw);
        let twice = self.draw.chance(TWICE_PERMILLE);
        self.stage.trail(&account, region, at_ms, &record, twice);
        if let Some(told) = self.told.as_deref_mut() {
            told.note(at_ms, &account, principal, Some(ip).filter(|ip| ip.parse::<std::net::IpAddr>().is_ok()), id);
        }
    }

    /// `GuardDuty` publishes a revision of a finding.
    pub(super) fn finding(&mut self, finding: &Finding<'_>) {
        let twice = self.draw.chance(TWICE_PERMILLE);
        self.stage.finding(finding.account.region, &finding.document(self.world), twice);
        if let Some(told) = self.told.as_deref_mut() {
            let ip = finding.remote_ip.as_deref();
            told.note(finding.updated_ms, &finding.account.id, finding.principal.clone(), ip, finding.arn(self.world));
        }
    }

    /// A flow is logged.
    pub(super) fn flow(&mut self, flow: &Flow) {
        self.stage.flows.push(FlowItem::new(self.world, flow));
        if let Some(told) = self.told.as_deref_mut() {
            let account = &self.world.accounts[flow.account as usize];
            told.note(flow.start_ms / 1000 * 1000, &account.id, None, Some(&flow.source.to_string()), flow.tuple());
        }
    }
}

/// Which day the `number`-th scene plays on.
pub(super) fn day_of(world: &World, number: usize) -> u32 {
    number as u32 % world.days
}

fn start(world: &World, number: usize, first_minute: i64) -> i64 {
    let minute = first_minute + (number as i64 * 53) % (20 * 60);
    world.start_ms + i64::from(day_of(world, number)) * DAY_MS + (minute * MINUTE_MS).min(22 * HOUR_MS)
}
