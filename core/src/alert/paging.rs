//! Whether an alert pages, and why not if it does not. Decided once per alert, before any sink is asked anything.

use super::severity;
use super::subject::RelatedAlert;
use serde::{Deserialize, Serialize};

/// The lowest severity that pages: High.
pub const PAGES_FROM: u8 = 4;

/// What was decided. Every word but `Page` says why nobody was woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Decision {
    /// A page is sent.
    Page,
    /// Below High: only indexed.
    Severity,
    /// The rule runs in shadow.
    Shadow,
    /// A suppression holds.
    Suppressed,
    /// An AWS sample finding.
    Sample,
    /// Archived in the product it came from.
    Archived,
    /// Older alerts inside it paged at the same severity or above.
    Related,
    /// Merged into an alert that came earlier.
    Merged,
    /// Over the storm budget of its rule and account: a summary page speaks for it.
    Storm,
}

impl Decision {
    /// The word in the document.
    #[must_use]
    pub fn word(self) -> &'static str {
        WORDS[self as usize]
    }
}

/// Every word, in order of declaration.
pub const WORDS: [&str; 9] = ["page", "severity", "shadow", "suppressed", "sample", "archived", "related", "merged", "storm"];

/// A decision and where the page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paging {
    /// Page, or why not.
    pub decision: Decision,
    /// Severity 1-5: its lower-case name is the route (a topic per severity).
    pub severity: u8,
}

impl Paging {
    /// The route's name.
    #[must_use]
    pub fn route(self) -> &'static str {
        severity::route(self.severity)
    }

    /// Whether a page is sent.
    #[must_use]
    pub fn pages(self) -> bool {
        self.decision == Decision::Page
    }
}

/// Decides. An alert over older alerts pages only if it is more severe than each of them or none of them paged.
#[must_use]
pub fn paging_decision(severity: u8, shadow: bool, suppressed: bool, sample: bool, archived: bool, related: &[RelatedAlert]) -> Paging {
    let heard = related.iter().any(|r| r.paged) && related.iter().any(|r| r.severity >= severity);
    let decision = match () {
        () if shadow => Decision::Shadow,
        () if suppressed => Decision::Suppressed,
        () if sample => Decision::Sample,
        () if archived => Decision::Archived,
        () if severity < PAGES_FROM => Decision::Severity,
        () if heard => Decision::Related,
        () => Decision::Page,
    };
    Paging { decision, severity }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(severity: u8, paged: bool) -> RelatedAlert {
        RelatedAlert { alert_id: "a".into(), title: "t".into(), severity, paged }
    }

    #[test]
    fn high_and_critical_page_and_nothing_else_does() {
        let decide = |severity| paging_decision(severity, false, false, false, false, &[]).decision;
        assert_eq!(
            [1, 2, 3, 4, 5].map(decide),
            [Decision::Severity, Decision::Severity, Decision::Severity, Decision::Page, Decision::Page]
        );
    }

    #[test]
    fn each_reason_is_named() {
        let flags = |at: usize| [0, 1, 2, 3].map(|i| i == at);
        let decide = |[shadow, suppressed, sample, archived]: [bool; 4]| paging_decision(5, shadow, suppressed, sample, archived, &[]);
        let words: Vec<_> = (0..5).map(|at| decide(flags(at)).decision.word()).collect();
        assert_eq!(words, ["shadow", "suppressed", "sample", "archived", "page"]);
    }

    #[test]
    fn older_pages_of_the_same_weight_are_enough() {
        let decide = |severity, related: &[RelatedAlert]| paging_decision(severity, false, false, false, false, related).pages();
        assert!(!decide(4, &[related(4, true)]));
        assert!(decide(5, &[related(4, true)]), "more severe than all");
        assert!(decide(4, &[related(4, false)]), "none of them paged");
        assert!(!decide(4, &[related(2, true), related(5, false)]), "one is as severe, one paged");
    }
}
