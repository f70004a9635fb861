//! The answer to a `_bulk` request, item by item.
//!
//! Owns the check that the answer is one to what was sent: as many items, the same ids, in the same order. What does not fit is
//! believed in nothing.

use super::bulk::Item;
use super::fault::{Fault, Said, of_item};
use serde::Deserialize;

/// What of an answer is asked for: the rest would only be carried.
pub(super) const PATH: &str = "/_bulk?filter_path=took,errors,items.*._id,items.*.status,items.*.error";

#[derive(Deserialize)]
struct Bulk {
    #[serde(default)]
    items: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    index: Told,
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "_id")]
    id: String,
    status: u16,
    #[serde(default)]
    error: serde_json::Value,
}

/// What became of each item sent: `None` is taken.
///
/// # Errors
/// If this is no answer to them: in words.
pub(super) fn read(body: &[u8], sent: &[Item]) -> Result<Vec<Option<Fault>>, String> {
    let bulk: Bulk = serde_json::from_slice(body).map_err(|e| format!("the answer to a bulk request is not what it must be: {e}"))?;
    if bulk.items.len() != sent.len() {
        return Err(format!("{} documents were sent and {} answered for", sent.len(), bulk.items.len()));
    }
    let one = |(item, One { index: told }): (&Item, One)| {
        if told.id != item.id {
            return Err("the answer to a bulk request names other documents than were sent".to_owned());
        }
        Ok(of_item(told.status, &Said::read(&told.error), &item.index))
    };
    sent.iter().zip(bulk.items).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(ids: &[&str]) -> Vec<Item> {
        ids.iter().enumerate().map(|(at, id)| Item { at, id: (*id).into(), index: "i".into(), lines: String::new() }).collect()
    }

    #[test]
    fn every_item_has_its_own_outcome() {
        let body = json!({"errors": true, "items": [
            {"index": {"_id": "a", "status": 201}},
            {"index": {"_id": "b", "status": 400, "error": {"type": "mapper_parsing_exception", "reason": "r"}}},
            {"index": {"_id": "c", "status": 429, "error": {"type": "rejected_execution_exception", "reason": "r"}}},
        ]});
        let read = read(body.to_string().as_bytes(), &sent(&["a", "b", "c"])).unwrap();
        assert!(matches!(&read[..], [None, Some(Fault::Document(_)), Some(Fault::Pressure(_))]), "{read:?}");
    }

    #[test]
    fn an_answer_to_something_else_is_believed_in_nothing() {
        let item = |id: &str| json!({"index": {"_id": id, "status": 201}});
        for body in [
            json!({"errors": false, "items": [item("a")]}),
            json!({"errors": false, "items": [item("b"), item("a")]}),
            json!({"items": [{"create": {"_id": "a", "status": 201}}, item("b")]}),
            json!({}),
            json!([]),
        ] {
            assert!(read(body.to_string().as_bytes(), &sent(&["a", "b"])).is_err(), "{body}");
        }
    }
}
