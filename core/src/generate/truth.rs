//! The truth beside the synthetic organisation: which attacks were seeded, and where they can be seen.

use super::plan::AttackKind;
use serde::Serialize;

/// Everything that was seeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// In the order of [`super::ATTACK_KINDS`].
    pub attacks: Vec<SeededAttack>,
}

/// One seeded attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeededAttack {
    /// Unique in this organisation, e.g. `A08-role-guessing`.
    pub id: String,
    /// [`AttackKind::name`].
    pub kind: &'static str,
    /// [`AttackKind::title`].
    pub title: &'static str,
    /// [`AttackKind::catalogue`]: each of these must fire.
    pub catalogue: &'static [&'static str],
    /// [`AttackKind::expect`].
    pub expect: &'static str,
    /// The accounts it touches, in order of appearance.
    pub accounts: Vec<String>,
    /// ARNs (user names where AWS writes no ARN) of those who act.
    pub principals: Vec<String>,
    /// Addresses it comes from.
    pub source_ips: Vec<String>,
    /// First event, epoch milliseconds.
    pub first_ms: i64,
    /// Last event, epoch milliseconds.
    pub last_ms: i64,
    /// `CloudTrail` eventIDs, finding ARNs, and for flows `srcaddr dstaddr srcport dstport protocol`.
    pub events: Vec<String>,
}

impl SeededAttack {
    pub(super) fn new(kind: AttackKind) -> Self {
        SeededAttack {
            id: format!("A{:02}-{}", kind.ordinal() + 1, kind.name()),
            kind: kind.name(),
            title: kind.title(),
            catalogue: kind.catalogue(),
            expect: kind.expect(),
            accounts: Vec::new(),
            principals: Vec::new(),
            source_ips: Vec::new(),
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            events: Vec::new(),
        }
    }

    /// Takes note of one event.
    pub(super) fn note(&mut self, at_ms: i64, account: &str, principal: Option<String>, ip: Option<&str>, event: String) {
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
        push_new(&mut self.accounts, account);
        if let Some(principal) = principal {
            push_new(&mut self.principals, &principal);
        }
        if let Some(ip) = ip {
            push_new(&mut self.source_ips, ip);
        }
        self.events.push(event);
    }
}

fn push_new(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}
