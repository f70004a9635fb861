//! What was decided about waking somebody, and why.

use super::read::text;
use super::sheet::Sheet;
use serde_json::Value;

/// Says it.
pub(super) fn decision(document: &Value, sheet: &mut Sheet) {
    let word = text(document, "/tidegate/paging/decision");
    if word.is_empty() {
        return;
    }
    sheet.heading("Paging");
    let route = text(document, "/tidegate/paging/route");
    sheet.paragraph(&match why(word) {
        Some(why) => format!("{why} (route {route})"),
        None => format!("nobody was paged: {word} (route {route})"),
    });
}

/// The decision in words; `None` for a word of a newer program.
fn why(word: &str) -> Option<&'static str> {
    Some(match word {
        "page" => "a page was sent",
        "severity" => "nobody was paged: below High",
        "shadow" => "nobody was paged: the rule runs in shadow",
        "suppressed" => "nobody was paged: a suppression hides it",
        "sample" => "nobody was paged: a sample finding",
        "archived" => "nobody was paged: archived in the product it came from",
        "related" => "nobody was paged: alerts inside it paged before, as severe as this one",
        "merged" => "nobody was paged: merged into an alert that came earlier",
        "storm" => "nobody was paged: over the storm budget of its rule and account; a summary page speaks for it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_decision_has_its_words() {
        for word in tidegate_core::alert::paging::WORDS {
            assert!(super::why(word).is_some(), "{word}");
        }
    }
}
