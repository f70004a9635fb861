//! One owner: who takes the file when, and what the one before can do then.

use crate::support::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;
use tidegate::io::port::{Append, Outcome, Sink, Store, StoreError};
use tidegate::io::sqlite::{OpenOptions, SqliteStore, View, acquire};

#[test]
fn there_is_one_owner_and_the_next_takes_over_when_it_goes() {
    let folder = Folder::new();
    let path = folder.path("state");
    let store = open(&path);
    let refusal = opened(&path).expect_err("owned");
    assert!(matches!(&refusal, StoreError::Unavailable(text) if text.contains("another process owns it")), "{refusal}");
    let epoch = store.lease().epoch();
    drop(store);
    assert_eq!(open(&path).lease().epoch(), epoch + 1);
}

#[test]
fn a_silent_owner_loses_the_file_and_can_do_nothing_more() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut former = open(&path);
    former.set_pipelines(1).expect("pipelines");
    append(&mut former, 1, 1);
    let (mut sink, mut twin) = (former.alerts(), former.twin().expect("twin"));
    assert_eq!(sink.deliver(&[delivery("a", 1, 3, &[])]), [Outcome::Taken]);
    assert!(former.may_send());
    put_pieces(&mut former, 0, 1, b"half a state", 4);

    let mut heard = Vec::new();
    let mut owner = acquire(&path, &options(), &|| false, &mut |why| heard.push(why.to_owned())).expect("fine").expect("taken");
    assert!(heard[0].contains("waiting as its standby") && heard[0].contains("pid "), "{heard:?}");
    append(&mut owner, 1, 2);

    assert!(!former.may_send(), "the lease ended before the takeover");
    let is_fenced =
        |r: Result<(), StoreError>| assert!(matches!(&r, Err(StoreError::Fenced(text)) if text.contains("taken over")), "{r:?}");
    is_fenced(former.append(&Append { position: 3, entries: &entries(1, 3), ..Append::default() }));
    is_fenced(former.put_piece(0, 1, 3, b"more"));
    is_fenced(former.seal_snapshot(0, 1, 3, tidegate_core::event::id::hash128(b"half a state")));
    is_fenced(former.acknowledge(0, "sqlite", b"cursor"));
    is_fenced(former.set_pipelines(1).and_then(|()| former.renew()));
    is_fenced(twin.renew());
    assert!(former.lease().lost());
    assert!(matches!(&sink.deliver(&[delivery("a", 9, 3, &[])])[..], [Outcome::Again(why)] if why.contains("taken over")));
    assert!(seen(&path).contains("alert a v1"));
    assert_eq!(owner.recover().expect("recovers").head, 2);
    assert!(owner.may_send());
}

/// Runs a standby for three leases beside an owner that does something.
fn standby_meanwhile(path: &std::path::Path, mut owner: impl FnMut()) -> Option<SqliteStore> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let standby = scope.spawn(|| acquire(path, &options(), &|| over.load(Ordering::Relaxed), &mut |_| {}).expect("fine"));
        for _ in 0..60 {
            sleep(options().lease / 20);
            owner();
        }
        over.store(true, Ordering::Relaxed);
        standby.join().expect("joins")
    })
}

#[test]
fn an_owner_that_renews_or_appends_keeps_the_file() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    store.set_pipelines(1).expect("pipelines");
    assert!(standby_meanwhile(&path, || store.renew().expect("renewed")).is_none());
    let mut n = 0;
    let appends = || {
        n += 1;
        append(&mut store, 1, n);
    };
    assert!(standby_meanwhile(&path, appends).is_none(), "appends renew the lease on their way");
    assert!(store.may_send());
}

#[test]
fn the_lock_of_a_stopped_owner_does_not_speak_for_its_successor() {
    let folder = Folder::new();
    let path = folder.path("state");
    let stopped = open(&path);
    let mut owner = take_over(&path);
    // The stopped one ends: its lock is free, but the file is not.
    drop(stopped);
    assert!(opened(&path).is_err(), "the successor lives, though it does not hold the lock");
    owner.renew().expect("renewed");
    assert!(standby_meanwhile(&path, || owner.renew().expect("renewed")).is_none());
    // By now it holds the lock: when it goes, the next one need not wait for its lease.
    drop(owner);
    open(&path);
}

#[test]
fn a_lease_ends_by_itself() {
    let folder = Folder::new();
    let mut store = open(&folder.path("state"));
    let lease = store.lease();
    assert!(lease.may_send() && lease.remaining() <= options().lease);
    sleep(options().lease * 9 / 10);
    assert!(!lease.may_send(), "nothing is sent in the last part of the lease");
    store.renew().expect("still ours: nobody else wanted it");
    assert!(lease.may_send());
}

#[test]
fn a_standby_waits_while_the_owner_is_stopped_inside_a_write() {
    let folder = Folder::new();
    let path = folder.path("state");
    let stopped = open(&path);
    let inside = rusqlite::Connection::open(&path).expect("opens");
    inside.execute_batch("BEGIN IMMEDIATE; UPDATE owner SET renewed = renewed").expect("stopped in here");
    let (over, mut heard) = (AtomicBool::new(false), Vec::new());
    let woken = &over;
    let store = thread::scope(|scope| {
        scope.spawn(move || {
            sleep(Duration::from_millis(1200));
            inside.execute_batch("ROLLBACK").expect("woken");
            woken.store(true, Ordering::Relaxed);
        });
        let impatient = OpenOptions { busy: Duration::from_millis(20), ..options() };
        acquire(&path, &impatient, &|| false, &mut |why| heard.push(why.to_owned())).expect("waits, does not fail")
    });
    assert!(over.load(Ordering::Relaxed), "taken only after the write had ended");
    assert!(heard.iter().any(|why| why.contains("inside a write")), "{heard:?}");
    assert!(store.is_some_and(|s| s.lease().epoch() == stopped.lease().epoch() + 1));
}

#[test]
fn the_view_tells_who_owns_it() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    store.set_pipelines(1).expect("pipelines");
    let positions = [read_to("a", 3)];
    store.append(&Append { position: 1, entries: &entries(1, 1), positions: &positions, ..Append::default() }).expect("appended");
    snapshot(&mut store, 0, 1, b"state", 2);
    store.acknowledge(0, "sqlite", b"cursor").expect("acknowledged");
    store.set_info("suppressed:rule-1", "7").expect("noted");
    assert_eq!(store.info("suppressed:rule-1").expect("reads").as_deref(), Some("7"));
    let info = View::open(&path).expect("opens").info().expect("reads");
    assert_eq!((info.pipelines, info.head, info.entries, info.epoch), (1, 1, 1, store.lease().epoch()));
    assert!(info.holder.starts_with(&format!("pid {} on ", std::process::id())), "{}", info.holder);
    assert_eq!(info.snapshots.iter().map(|s| (s.0, s.1, s.2)).collect::<Vec<_>>(), [(0, 1, 5)]);
    assert_eq!((info.positions, info.cursors), (positions.to_vec(), vec![(0, "sqlite".to_owned(), 6)]));
    assert_eq!(info.notes, [("suppressed:rule-1".to_owned(), "7".to_owned())]);
    assert!(info.lease_age_ms < 60_000 && info.lease_ms == 500 && info.bytes > 0);
}
