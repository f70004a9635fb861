//! Files that are not what they should be, and disks that do not do what they should.

use crate::support::*;
use std::path::Path;
use tidegate::io::port::{Append, Store, StoreError};
use tidegate::io::sqlite::{OpenOptions, SqliteStore, View};

/// A store with a log of two Pipelines, some of it cut.
fn filled(path: &Path) -> String {
    let mut store = open(path);
    store.set_pipelines(2).expect("pipelines");
    for n in 1..=30 {
        append(&mut store, 2, n);
        if n % 10 == 0 {
            (0..2).for_each(|p| snapshot(&mut store, p, n, format!("state {p} at {n}").repeat(3000).as_bytes(), 5000));
        }
    }
    content(&mut store)
}

/// Neither the owner nor a look may take or change this file.
fn is_refused(path: &Path, why: &str) {
    let before = std::fs::read(path).expect("reads");
    let refusal = opened(path).expect_err("refused");
    assert!(matches!(&refusal, StoreError::Unreadable(text) if text.contains(why) && text.contains("state")), "{refusal}");
    assert!(View::open(path).is_err());
    assert_eq!(std::fs::read(path).expect("reads"), before, "it was changed");
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let folder = Folder::new();
    let text = folder.path("state-text");
    std::fs::write(&text, "once upon a time\n".repeat(1000)).expect("written");
    is_refused(&text, "no state file of Tidegate");
    let empty = folder.path("state-empty");
    std::fs::write(&empty, "").expect("written");
    is_refused(&empty, "it is empty");
    let foreign = folder.path("state-foreign");
    rusqlite::Connection::open(&foreign).expect("opens").execute_batch("CREATE TABLE notes (text)").expect("made");
    is_refused(&foreign, "another program");
    assert!(matches!(opened(&folder.path("")), Err(StoreError::Unreadable(text)) if text.contains("folder")));
    assert!(matches!(opened(&folder.path("no/such/folder")), Err(StoreError::Unavailable(_))));
    assert!(matches!(View::open(&folder.path("missing")), Err(StoreError::Unavailable(_))));
    assert!(!folder.path("missing").exists(), "a look makes no file");
}

#[test]
fn a_newer_format_is_refused() {
    let folder = Folder::new();
    let path = folder.path("state");
    drop(open(&path));
    rusqlite::Connection::open(&path).expect("opens").pragma_update(None, "user_version", 99).expect("set");
    is_refused(&path, "format 99");
}

#[test]
fn a_missing_file_with_writes_beside_it_is_no_new_start() {
    let folder = Folder::new();
    let path = folder.path("state");
    drop(open(&path));
    std::fs::rename(&path, folder.path("moved")).expect("moved");
    std::fs::write(folder.path("state-wal"), "writes").expect("written");
    assert!(matches!(opened(&path), Err(StoreError::Unreadable(text)) if text.contains("it is missing")));
    assert!(!path.exists());
}

#[test]
fn a_truncated_file_is_never_a_new_start() {
    let folder = Folder::new();
    let path = folder.path("state");
    filled(&path);
    let whole = std::fs::read(&path).expect("reads");
    for part in 1..20 {
        let cut = folder.path(&format!("state-{part}"));
        std::fs::write(&cut, &whole[..whole.len() * part / 20]).expect("written");
        let refusal = opened(&cut).map(|mut s| s.recover());
        assert!(matches!(&refusal, Err(StoreError::Unreadable(_)) | Ok(Err(StoreError::Unreadable(_)))), "{part}/20: {refusal:?}");
    }
}

/// A bit flips somewhere: the store says so, or what it still gives is what it was given. Never something else.
#[test]
fn a_flipped_bit_is_never_believed() {
    let folder = Folder::new();
    let path = folder.path("state");
    let text = filled(&path);
    // Without what the cut left free: every page is in use.
    rusqlite::Connection::open(&path).expect("opens").execute_batch("VACUUM").expect("made small");
    let whole = std::fs::read(&path).expect("reads");
    let flipped = folder.path("flipped");
    let (mut rng, mut told, mut silent) = (fastrand::Rng::with_seed(7), 0, 0);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        // The header of the first page is full of hints that SQLite does not need: begin behind it.
        let at = rng.usize(100..bytes.len());
        bytes[at] ^= 1 << rng.u8(0..8);
        std::fs::write(&flipped, &bytes).expect("written");
        let outcome = opened(&flipped).and_then(|mut store| gather(&mut store, &text));
        match outcome {
            Ok(true) => silent += 1,
            Ok(false) | Err(StoreError::Unreadable(_)) => told += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
        for ending in ["-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(folder.path(&format!("flipped{ending}")));
        }
    }
    println!("{told} flips told, {silent} in bytes that nothing reads");
    assert!(told > 100, "{told}");
}

/// Whether everything in the store is as it was. Snapshots must be; an entry that is not must not decode.
fn gather(store: &mut SqliteStore, text: &str) -> Result<bool, StoreError> {
    let recovered = store.recover()?;
    for (pipeline, snapshots) in (0..).zip(&recovered.snapshots) {
        for position in snapshots {
            let bytes = store.snapshot(pipeline, *position)?;
            assert_eq!(bytes, format!("state {pipeline} at {position}").repeat(3000).as_bytes(), "a damaged snapshot was believed");
        }
        for n in snapshots.first().copied().unwrap_or(0) + 1..=recovered.head {
            let bytes = store.entry(pipeline, n)?.unwrap_or_default();
            if bytes != entry(pipeline, n).encode() {
                assert!(tidegate_core::pipeline::Entry::decode(&bytes).is_err(), "a damaged entry was believed");
                return Ok(false);
            }
        }
    }
    Ok(recovered.warnings.is_empty() && content(store) == text)
}

#[test]
fn a_damaged_snapshot_is_left_out_and_the_one_before_it_is_used() {
    let folder = Folder::new();
    let path = folder.path("state");
    filled(&path);
    let sql = "UPDATE pieces SET bytes = 'x' || substr(bytes, 2) WHERE number = 1 AND snapshot = \
               (SELECT id FROM snapshots WHERE pipeline = 0 AND position = 30 AND sealed = 1)";
    assert_eq!(rusqlite::Connection::open(&path).expect("opens").execute(sql, []).expect("damaged"), 1);
    let mut store = open(&path);
    let recovered = store.recover().expect("goes on from the one before");
    assert_eq!(recovered.snapshots, [vec![20], vec![30, 20]]);
    assert!(recovered.warnings[0].contains("Pipeline 0 at position 30") && recovered.warnings[0].contains("piece 1 is damaged"));
    assert!(store.snapshot(0, 30).is_err());
    // The next snapshot must not make the damaged one count as the second of two.
    append(&mut store, 2, 31);
    snapshot(&mut store, 0, 31, b"state", 2);
    assert_eq!(store.recover().expect("recovers").snapshots[0], [31, 20]);
    assert!(store.entry(0, 21).expect("reads").is_some());
}

#[test]
fn without_a_whole_snapshot_a_cut_log_is_no_place_to_begin_at() {
    let folder = Folder::new();
    let path = folder.path("state");
    filled(&path);
    let damage = |sql: &str| rusqlite::Connection::open(&path).expect("opens").execute(sql, []).expect("damaged");
    damage("DELETE FROM pieces WHERE number = 0 AND snapshot IN (SELECT id FROM snapshots WHERE pipeline = 1)");
    let refusal = open(&path).recover().expect_err("refused");
    assert!(matches!(&refusal, StoreError::Unreadable(text) if text.contains("its log was cut (it begins at position 21)")), "{refusal}");
    assert!(refusal.to_string().contains("Restore"), "{refusal}");
    assert!(open(&path).recover().is_err(), "nor the second time");
}

#[test]
fn a_log_with_a_gap_is_refused() {
    let folder = Folder::new();
    let path = folder.path("state");
    filled(&path);
    rusqlite::Connection::open(&path).expect("opens").execute("DELETE FROM log WHERE pipeline = 1 AND position = 25", []).expect("damaged");
    assert!(matches!(open(&path).recover(), Err(StoreError::Unreadable(text)) if text.contains("has gaps")));
}

#[test]
fn a_full_disk_holds_the_writer_up_and_loses_nothing() {
    let folder = Folder::new();
    let path = folder.path("state");
    let small = OpenOptions { bytes_max: Some(400 * 1024), ..options() };
    let mut store = SqliteStore::open(&path, &small).expect("opens");
    store.set_pipelines(1).expect("pipelines");
    let quarantined = [refused("a", 1, 0)].map(|mut q| {
        q.bytes = vec![b'x'; 20_000];
        q
    });
    let mut n = 0;
    let refusal = loop {
        let (entries, positions) = (entries(1, n + 1), [read_to("a", n + 1)]);
        let batch = Append { position: n + 1, entries: &entries, positions: &positions, quarantined: &quarantined, ..Append::default() };
        match store.append(&batch) {
            Ok(()) => n += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(&refusal, StoreError::Unavailable(text) if text.contains("byte budget")), "{refusal}");
    assert!(n > 5, "{n}");
    let full = content(&mut store);
    assert!(full.contains(&format!("head {n}\n")) && full.contains(&format!("offset {n}\n")), "all of the batch or nothing: {full}");
    for _ in 0..3 {
        let batch = Append { position: n + 1, entries: &entries(1, n + 1), quarantined: &quarantined, ..Append::default() };
        assert!(matches!(store.append(&batch), Err(StoreError::Unavailable(_))));
        store.renew().expect("a full disk does not cost the lease");
    }
    assert_eq!(content(&mut store), full);
    // What leaves makes room: work goes on by itself.
    let leaving: Vec<i64> = (1..=3).collect();
    store.append(&Append { position: n + 1, entries: &entries(1, n + 1), redriven: &leaving, ..Append::default() }).expect("smaller");
    store.append(&Append { position: n + 2, entries: &entries(1, n + 2), quarantined: &quarantined, ..Append::default() }).expect("room");
    drop(store);
    let mut store = open(&path);
    append(&mut store, 1, n + 3);
    assert_eq!(View::open(&path).expect("opens").info().expect("reads").quarantined, n + 1 - 3);
}

#[test]
fn a_locked_file_is_waited_for() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    store.set_pipelines(1).expect("pipelines");
    let other = rusqlite::Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let batch = entries(1, 1);
    let batch = Append { position: 1, entries: &batch, ..Append::default() };
    assert!(matches!(store.append(&batch), Err(StoreError::Unavailable(text)) if text.contains("another process holds it")));
    other.execute_batch("ROLLBACK").expect("let go");
    store.append(&batch).expect("goes on");
}

#[test]
fn a_file_that_was_moved_away_is_missed() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    store.renew().expect("renewed");
    std::fs::rename(&path, folder.path("moved")).expect("moved");
    assert!(matches!(store.renew(), Err(StoreError::Unavailable(text)) if text.contains("moved, deleted or replaced")));
    std::fs::copy(folder.path("moved"), &path).expect("copied");
    assert!(store.renew().is_err(), "a copy is not the file that is in use");
    std::fs::rename(folder.path("moved"), &path).expect("put back");
    store.renew().expect("goes on");
}
