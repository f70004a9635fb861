//! `event_count`: N events in a row hold from the last of them until the first leaves.

use super::interval::Interval;
use super::store::Store;

/// The stretches that the event at `place` gives: of all rows of N kept events that contain it.
pub(super) fn stretches(store: &Store, place: usize, n: usize, timespan: i64, missing: Interval) -> Vec<Interval> {
    let entries = &store.entries;
    let first = (place + 1).saturating_sub(n);
    // A row that ends before the first missing moment leaves (its first event + T) adds nothing.
    let useful = entries.partition_point(|e| e.time.saturating_add(timespan) <= missing.0);
    let rows = first.max(useful)..(place + 1).min((entries.len() + 1).saturating_sub(n));
    rows.filter_map(|i| {
        let last = entries.get(i + n - 1)?;
        let (start, end) = (last.time, entries[i].time.saturating_add(timespan));
        (start < end && start < missing.1).then_some((start, end))
    })
    .collect()
}
