//! Documents and pages that a sink refused for good, in the quarantine.
//!
//! Owns how they stand among what could not be read: the source is `sink/LANE` (no source of the configuration can be called so),
//! the shard `PLACE/ALERT` (index or route, then the alert's id), the sequence its version, the bytes the document. One item per
//! lane, place and alert: a newer version that is refused too takes its place.

use super::append::sequence_text;
use super::error::Trouble;
use super::quarantine::Redrive;
use crate::io::clock::now_ms;
use crate::io::port::{Delivery, Refusal};
use rusqlite::Transaction;
use std::sync::Arc;
use tidegate_core::event::Sequence;

/// The reason under which they stand.
pub const REFUSED: &str = "document_refused";
/// What the source of such an item begins with.
const SINK: &str = "sink/";

pub(super) fn store(t: &Transaction<'_>, refusals: &[Refusal]) -> Result<(), Trouble> {
    for Refusal { lane, delivery, why } in refusals {
        let (source, shard) = (format!("{SINK}{lane}"), format!("{}/{}", delivery.route, delivery.alert));
        let (sequence, bytes) = (sequence_text(Sequence::from(delivery.version)), delivery.document.as_bytes());
        let newer =
            "UPDATE quarantine SET sequence = ?3, detail = ?4, bytes = ?5, stored_ms = ?6 WHERE source = ?1 AND shard = ?2 AND code = ?7";
        let row = (&source, &shard, &sequence, why, bytes, now_ms(), REFUSED);
        if t.prepare_cached(newer)?.execute(row)? == 0 {
            let sql = "INSERT INTO quarantine (source, shard, sequence, sub_sequence, code, offset, detail, bytes, truncated, arrival_ms, stored_ms) \
                       VALUES (?1, ?2, ?3, 0, ?7, 0, ?4, ?5, 0, ?6, ?6)";
            t.prepare_cached(sql)?.execute(row)?;
        }
    }
    Ok(())
}

pub(super) fn settle(t: &Transaction<'_>, id: i64, refused_again: Option<&str>) -> Result<(), Trouble> {
    t.prepare_cached("DELETE FROM redrive WHERE item = ?1")?.execute([id])?;
    match refused_again {
        None => t.prepare_cached("DELETE FROM quarantine WHERE id = ?1")?.execute([id])?,
        Some(why) => t.prepare_cached("UPDATE quarantine SET detail = ?2, attempts = attempts + 1 WHERE id = ?1")?.execute((id, why))?,
    };
    Ok(())
}

/// What is to be sent again, and the lane it goes to; `None`: it came from a source, not from a sink.
#[must_use]
pub fn sent_again(item: &Redrive) -> Option<(Arc<str>, Delivery)> {
    let lane = item.position.source.strip_prefix(SINK)?;
    let (place, alert) = item.position.shard.split_once('/')?;
    let document = String::from_utf8_lossy(&item.bytes).into_owned();
    let version = item.position.sequence.to_string().parse().ok()?;
    let delivery = Delivery { alert: alert.into(), version, route: place.into(), document: document.into(), repeated: true };
    Some((lane.into(), delivery))
}

#[cfg(test)]
mod tests {
    use crate::io::port::{Delivery, Refusal, Store};
    use crate::io::sqlite::{OpenOptions, QuarantineFilter, SqliteStore, View, sent_again};

    fn refusal(version: u64, why: &str) -> Refusal {
        let (route, document) = ("tidegate-alerts-v1-2026.11".into(), format!("{{\"v\":{version}}}").into());
        let delivery = Delivery { alert: "a3/f1".into(), version, route, document, repeated: false };
        Refusal { lane: "opensearch".into(), delivery, why: why.into() }
    }

    #[test]
    fn one_item_per_alert_leaves_when_it_is_taken_and_stays_when_it_is_refused_again() {
        let folder = std::env::temp_dir().join(format!("tidegate-refused-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("state");
        let mut store = SqliteStore::open(&path, &OpenOptions::default()).unwrap();
        store.refuse(&[refusal(3, "first"), refusal(4, "second")]).unwrap();
        store.refuse(&[refusal(4, "second")]).unwrap();
        let mut view = View::open(&path).unwrap();
        let items = view.quarantine(&QuarantineFilter::default()).unwrap();
        assert_eq!((items.len(), items[0].detail.as_str(), items[0].truncated), (1, "second", false));
        assert!(store.redrive_requests(10).unwrap().is_empty());

        let id = items[0].id;
        view.request_redrive(&[id]).unwrap();
        let asked = store.redrive_requests(10).unwrap();
        let mut want = refusal(4, "").delivery;
        want.repeated = true;
        assert_eq!(sent_again(&asked[0]), Some(("opensearch".into(), want)));
        store.settle_refused(id, Some("again")).unwrap();
        let (item, _) = view.quarantined(id).unwrap().unwrap();
        assert_eq!((item.attempts, item.detail.as_str(), item.requested), (1, "again", false));
        view.request_redrive(&[id]).unwrap();
        store.settle_refused(id, None).unwrap();
        assert!(view.quarantined(id).unwrap().is_none() && store.redrive_requests(10).unwrap().is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
