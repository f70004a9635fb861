//! Appends, snapshots, cursors, read positions, rule sets: kept over a restart, cut where they may be.

use crate::support::*;
use tidegate::io::port::{Append, ReadPosition, Store, StoreError};
use tidegate::io::sqlite::SqliteStore;
use tidegate_core::event::Sequence;
use tidegate_core::event::id::hash128;

#[test]
fn a_new_store_is_empty_and_private() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    let recovered = store.recover().expect("recovers");
    assert_eq!((recovered.pipelines, recovered.head), (0, 0));
    append_some(&mut store);
    for ending in ["", "-wal", "-shm", ".lock"] {
        let name = folder.path(&format!("state{ending}"));
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&name).expect("there").permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", name.display());
    }
}

fn append_some(store: &mut SqliteStore) {
    store.set_pipelines(2).expect("pipelines");
    store.append(&Append { position: 1, entries: &entries(2, 1), rules: Some(&rules(1)), ..Append::default() }).expect("appended");
    (2..=5).for_each(|n| append(store, 2, n));
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    append_some(&mut store);
    let positions = [read_to("a", 7), read_to("b", 9)];
    let batch = Append { position: 6, entries: &entries(2, 6), positions: &positions, ..Append::default() };
    store.append(&batch).expect("appended");
    store.acknowledge(1, "sqlite", b"five").expect("acknowledged");
    store.acknowledge(1, "sqlite", b"six").expect("acknowledged");
    let before = content(&mut store);
    drop(store);
    let mut store = open(&path);
    assert_eq!(content(&mut store), before);
    let recovered = store.recover().expect("recovers");
    assert_eq!((recovered.pipelines, recovered.head), (2, 6));
    assert_eq!(recovered.positions, positions);
    assert_eq!(recovered.cursors, [vec![], vec![("sqlite".to_owned(), b"six".to_vec())]]);
    assert_eq!(store.entry(1, 3).expect("reads"), Some(entry(1, 3).encode()));
    assert_eq!(store.entry(1, 7).expect("reads"), None);
    assert_eq!(store.rules(&[1; 32]).expect("reads"), Some(rules(1)));
}

#[test]
fn read_positions_are_never_lowered() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    store.set_pipelines(1).expect("pipelines");
    let big = |text: &str| ReadPosition { sequence: Sequence::parse(text).expect("digits"), ..read_to("a", 0) };
    let (nine, ten) = (big("9999999999999999999999999999999999999999"), big("10000000000000000000000000000000000000000"));
    for (n, position) in [(1, &nine), (2, &ten), (3, &nine)] {
        let batch = Append { position: n, entries: &entries(1, n), positions: std::slice::from_ref(position), ..Append::default() };
        store.append(&batch).expect("appended");
    }
    assert_eq!(store.recover().expect("recovers").positions, [ten]);
}

#[test]
fn what_does_not_follow_is_refused_and_leaves_nothing() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    assert!(store.append(&Append { position: 1, ..Append::default() }).is_err(), "nobody said for how many Pipelines");
    append_some(&mut store);
    let before = content(&mut store);
    for (position, count) in [(5, 2), (7, 2), (6, 1), (6, 3)] {
        let batch = Append { position, entries: &entries(count, position), positions: &[read_to("x", 1)], ..Append::default() };
        let error = store.append(&batch).expect_err("refused");
        assert!(matches!(&error, StoreError::Unreadable(text) if text.contains("position") || text.contains("2 Pipelines")), "{error}");
    }
    assert!(matches!(store.set_pipelines(3), Err(StoreError::Unreadable(text)) if text.contains("2 Pipelines")));
    assert_eq!(content(&mut store), before);
    append(&mut store, 2, 6);
}

#[test]
fn the_log_is_cut_behind_the_older_of_two_snapshots() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    append_some(&mut store);
    snapshot(&mut store, 0, 2, b"two", 2);
    assert!(store.entry(0, 1).expect("reads").is_some(), "one snapshot alone cuts nothing");
    snapshot(&mut store, 0, 4, b"four", 2);
    assert_eq!(store.recover().expect("recovers").snapshots, [vec![4, 2], vec![]]);
    assert!(store.entry(0, 2).expect("reads").is_none());
    assert!(store.entry(0, 3).expect("reads").is_some());
    assert!(store.entry(1, 1).expect("reads").is_some(), "the other Pipeline's log is its own");
    snapshot(&mut store, 0, 5, b"five", 2);
    assert_eq!(store.recover().expect("recovers").snapshots, [vec![5, 4], vec![]]);
    assert_eq!(store.snapshot(0, 5).expect("whole"), b"five");
    append(&mut store, 2, 6);
}

#[test]
fn a_snapshot_may_be_taken_again_at_its_position() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    append_some(&mut store);
    snapshot(&mut store, 0, 3, b"with a full outbox", 4);
    put_pieces(&mut store, 0, 3, b"torn, and longer than the one that follows", 4);
    assert_eq!(store.snapshot(0, 3).expect("whole"), b"with a full outbox");
    snapshot(&mut store, 0, 3, b"with none", 4);
    assert_eq!(store.snapshot(0, 3).expect("whole"), b"with none");
    assert_eq!(store.recover().expect("recovers").snapshots[0], [3]);
}

#[test]
fn pieces_that_do_not_fit_are_never_sealed() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    append_some(&mut store);
    put_pieces(&mut store, 0, 3, b"abcdef", 2);
    for (pieces, bytes) in [(2, &b"abcdef"[..]), (4, b"abcdef"), (3, b"abcdeg")] {
        assert!(matches!(store.seal_snapshot(0, 3, pieces, hash128(bytes)), Err(StoreError::Unavailable(_))));
    }
    assert!(matches!(store.seal_snapshot(0, 4, 1, hash128(b"x")), Err(StoreError::Unavailable(_))));
    assert!(store.recover().expect("recovers").snapshots[0].is_empty());
    store.seal_snapshot(0, 3, 3, hash128(b"abcdef")).expect("sealed");
}

#[test]
fn rule_sets_stay_as_long_as_a_state_may_need_them() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    store.set_pipelines(1).expect("pipelines");
    // 1 rules from 1, 2 from 3, 1 again from 5, 3 from 7.
    for n in 1..=8u64 {
        let set = [1, 0, 2, 0, 1, 0, 3, 0][n as usize - 1];
        let (files, entries) = (rules(set), entries(1, n));
        store
            .append(&Append { position: n, entries: &entries, rules: (set > 0).then_some(&files), ..Append::default() })
            .expect("appended");
    }
    let held = |store: &mut SqliteStore| (1..=3u8).filter(|d| store.rules(&[*d; 32]).expect("reads").is_some()).collect::<Vec<_>>();
    snapshot(&mut store, 0, 4, b"4", 1);
    assert_eq!(held(&mut store), [1, 2, 3], "the log from its start is a place to begin at");
    snapshot(&mut store, 0, 5, b"5", 1);
    assert_eq!(held(&mut store), [1, 2, 3], "set 2 ruled at 4");
    snapshot(&mut store, 0, 6, b"6", 1);
    assert_eq!(held(&mut store), [1, 3], "set 1 came back");
    snapshot(&mut store, 0, 8, b"8", 1);
    assert_eq!(held(&mut store), [1, 3]);
    append(&mut store, 1, 9);
    snapshot(&mut store, 0, 9, b"9", 1);
    assert_eq!(held(&mut store), [3]);
}
