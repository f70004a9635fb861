//! Gravestones: what must go on when an alert that was forgotten comes again.
//!
//! Owns, per hash of an alert id, its last version, its paging, where it is filed. So its documents never fall behind those a
//! sink has, and nobody is paged twice. Limit: [`GRAVES_MAX`], the oldest go; what comes again after that begins with a version
//! made from its arrival (see [`super::single`]).

use crate::alert::paging::Paging;
use crate::event::id::hash128;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most gravestones kept.
const GRAVES_MAX: usize = 1_000_000;

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Grave {
    pub(super) revision: u64,
    pub(super) created_ms: i64,
    pub(super) paging: Paging,
    pub(super) month: Option<i64>,
    pub(super) told: Option<bool>,
}

/// All of them, by age.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Graves {
    next: u64,
    by_name: BTreeMap<u64, (u64, Grave)>,
    by_age: BTreeMap<u64, u64>,
}

impl Graves {
    pub(super) fn dig(&mut self, alert_id: &str, grave: Grave) {
        self.dig_within(alert_id, grave, GRAVES_MAX);
    }

    fn dig_within(&mut self, alert_id: &str, grave: Grave, most: usize) {
        let name = name(alert_id);
        if let Some((age, _)) = self.by_name.insert(name, (self.next, grave)) {
            self.by_age.remove(&age);
        }
        self.by_age.insert(self.next, name);
        self.next += 1;
        if self.by_name.len() > most
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_name.remove(&oldest);
        }
    }

    pub(super) fn open(&mut self, alert_id: &str) -> Option<Grave> {
        let (age, grave) = self.by_name.remove(&name(alert_id))?;
        self.by_age.remove(&age);
        Some(grave)
    }
}

fn name(alert_id: &str) -> u64 {
    hash128(alert_id.as_bytes()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::paging::Decision;

    #[test]
    fn the_oldest_go_first_and_what_is_opened_is_gone() {
        let grave = |revision| {
            let paging = Paging { decision: Decision::Page, severity: 4 };
            Grave { revision, created_ms: 0, paging, month: None, told: Some(false) }
        };
        let mut graves = Graves::default();
        graves.dig_within("a", grave(1), 2);
        graves.dig_within("b", grave(2), 2);
        graves.dig_within("a", grave(3), 2);
        graves.dig_within("c", grave(4), 2);
        assert_eq!([graves.open("b").is_none(), graves.open("a").is_some_and(|g| g.revision == 3)], [true, true]);
        assert!(graves.open("a").is_none() && graves.open("c").is_some());
        assert_eq!((graves.by_age.len(), graves.by_name.len()), (0, 0));
    }
}
