//! Which events a replay is about: those of some accounts, Regions and sources.
//!
//! Owns the judgement on one event. What an event does not say cannot speak against it: a flow log without a Region column is not
//! "of another Region". Never looks at times: they are judged where windows are.

use crate::event::Source;
use std::collections::BTreeSet;

/// What is asked for; an empty set asks for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Accounts.
    pub accounts: BTreeSet<Box<str>>,
    /// Regions.
    pub regions: BTreeSet<Box<str>>,
    /// Sources.
    pub sources: BTreeSet<Source>,
}

impl Selected {
    /// Whether everything is asked for.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.accounts.is_empty() && self.regions.is_empty() && self.sources.is_empty()
    }

    /// Whether an event counts that is from this source and says this about itself.
    #[must_use]
    pub fn admits(&self, source: Source, account: Option<&str>, region: Option<&str>) -> bool {
        let among = |asked: &BTreeSet<Box<str>>, said: Option<&str>| asked.is_empty() || said.is_none_or(|said| asked.contains(said));
        (self.sources.is_empty() || self.sources.contains(&source)) && among(&self.accounts, account) && among(&self.regions, region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_does_not_say_speaks_not_against_it() {
        let none = Selected::default();
        assert!(none.is_all() && none.admits(Source::Waf, Some("1"), None));
        let some = Selected {
            accounts: ["111122223333".into()].into(),
            regions: ["eu-central-1".into()].into(),
            sources: [Source::GuardDuty, Source::VpcFlow].into(),
        };
        let cases = [
            (Source::GuardDuty, Some("111122223333"), Some("eu-central-1"), true),
            (Source::VpcFlow, Some("111122223333"), None, true),
            (Source::VpcFlow, None, None, true),
            (Source::CloudTrail, Some("111122223333"), Some("eu-central-1"), false),
            (Source::GuardDuty, Some("111122223334"), Some("eu-central-1"), false),
            (Source::GuardDuty, Some("111122223333"), Some("us-east-1"), false),
        ];
        for (source, account, region, admitted) in cases {
            assert_eq!(some.admits(source, account, region), admitted, "{source:?} {account:?} {region:?}");
        }
    }
}
