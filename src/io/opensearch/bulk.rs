//! The body of a `_bulk` request: two lines per document.
//!
//! Owns the lines and how many fit into a body. Never the same id twice in one body: OpenSearch would take them in any order.

use crate::io::port::Delivery;
use serde_json::json;
use std::collections::BTreeMap;

/// Longest id that OpenSearch takes; a longer one fails the whole body.
const ID_BYTES_MAX: usize = 512;
/// What an index of alerts is called before `index_prefix` takes its place.
const PREFIX: &str = "tidegate-alerts-v1-";

/// A document as it goes into a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Which delivery.
    pub(super) at: usize,
    /// Id.
    pub(super) id: String,
    /// The index.
    pub(super) index: String,
    /// Both lines, each with its end.
    pub(super) lines: String,
}

/// The name of an index under another prefix.
pub(super) fn index_name(place: &str, prefix: &str) -> String {
    place.strip_prefix(PREFIX).map_or_else(|| place.to_owned(), |period| format!("{prefix}-v1-{period}"))
}

/// What deliveries come to.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// What is sent: the newest version of each alert, in order of delivery.
    pub(super) items: Vec<Item>,
    /// Deliveries of which a newer version is sent: (this, that).
    pub(super) superseded: Vec<(usize, usize)>,
    /// Deliveries that no request may hold: (this, why).
    pub(super) refused: Vec<(usize, String)>,
}

/// Writes deliveries as items.
pub(super) fn items(deliveries: &[Delivery], prefix: &str) -> Items {
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, delivery) in deliveries.iter().enumerate() {
        let held = newest.entry(&delivery.alert).or_insert(at);
        if delivery.version >= deliveries[*held].version {
            *held = at;
        }
    }
    let mut out = Items::default();
    for (at, delivery) in deliveries.iter().enumerate() {
        let winner = newest.get(&*delivery.alert).copied().unwrap_or(at);
        if winner != at {
            out.superseded.push((at, winner));
        } else if delivery.alert.is_empty() || delivery.alert.len() > ID_BYTES_MAX {
            let why = format!("an id of {} bytes: OpenSearch takes 1 to {ID_BYTES_MAX}", delivery.alert.len());
            out.refused.push((at, why));
        } else {
            out.items.push(item(at, delivery, prefix));
        }
    }
    out
}

fn item(at: usize, delivery: &Delivery, prefix: &str) -> Item {
    let index = index_name(&delivery.route, prefix);
    let action = json!({"index": {"_index": index, "_id": &*delivery.alert, "version": delivery.version, "version_type": "external"}});
    // Line ends stand only between the tokens of a JSON text; a body is read line by line.
    let document = delivery.document.replace(['\n', '\r'], " ");
    Item { at, id: delivery.alert.to_string(), index, lines: format!("{action}\n{document}\n") }
}

/// The items of the next body: as many as fit, one at least.
pub(super) fn next_body(items: &[Item], bytes_max: usize) -> usize {
    let mut bytes = 0;
    let fit = items.iter().take_while(|item| {
        bytes += item.lines.len();
        bytes <= bytes_max
    });
    fit.count().max(1).min(items.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(alert: &str, version: u64, document: &str) -> Delivery {
        let route = "tidegate-alerts-v1-2026.11".into();
        Delivery { alert: alert.into(), version, route, document: document.into(), repeated: false }
    }

    #[test]
    fn a_document_is_an_action_and_a_line() {
        let all = items(&[delivery("a\"1", 7, "{\"a\":\r\n1}")], "soc");
        let want =
            "{\"index\":{\"_index\":\"soc-v1-2026.11\",\"_id\":\"a\\\"1\",\"version\":7,\"version_type\":\"external\"}}\n{\"a\":  1}\n";
        assert_eq!(all.items[0].lines, want);
        assert_eq!(index_name("elsewhere", "soc"), "elsewhere");
    }

    #[test]
    fn only_the_newest_version_of_an_alert_is_sent() {
        let long = "x".repeat(513);
        let all = items(&[delivery("a", 2, "{}"), delivery("b", 1, "{}"), delivery("a", 3, "{}"), delivery(&long, 1, "{}")], "p");
        assert_eq!(all.items.iter().map(|i| i.at).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(all.superseded, [(0, 2)]);
        assert!(matches!(&all.refused[..], [(3, why)] if why.contains("513")));
    }

    #[test]
    fn bodies_hold_what_fits_and_one_at_least() {
        let all = items(&(0..4).map(|n| delivery(&format!("a{n}"), 1, "{}")).collect::<Vec<_>>(), "p").items;
        let one = all[0].lines.len();
        assert_eq!(next_body(&all, 2 * one), 2);
        assert_eq!(next_body(&all, 2 * one - 1), 1);
        assert_eq!(next_body(&all, 1), 1);
        assert_eq!(next_body(&all, usize::MAX), 4);
        assert_eq!(next_body(&[], 1), 0);
    }
}
