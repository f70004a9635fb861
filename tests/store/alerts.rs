//! Alerts and quarantine: written by the owner, found by the command line.

use crate::support::*;
use tidegate::io::port::{Append, Outcome, Sink, Store};
use tidegate::io::sqlite::{AlertFilter, Found, QuarantineFilter, View};

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let folder = Folder::new();
    let path = folder.path("state");
    let store = open(&path);
    let mut sink = store.alerts();
    assert_eq!(&*sink.lane(), "sqlite");
    for (version, accounts) in [(2, &["1", "2"][..]), (1, &["1"]), (3, &["2", "3"]), (3, &["2", "3"]), (2, &["9"])] {
        assert_eq!(sink.deliver(&[delivery("a", version, 3, accounts)]), [Outcome::Taken]);
    }
    assert_eq!(seen(&path), "alert a v3 [\"2\", \"3\"] Title of a\n");
    let mut broken = delivery("b", 1, 3, &[]);
    broken.document = "no document".into();
    let outcomes = sink.deliver(&[broken, delivery("c", 1, 3, &[])]);
    assert!(matches!(&outcomes[..], [Outcome::Refused(why), Outcome::Taken] if why.contains("alert b")), "{outcomes:?}");
    assert!(seen(&path).contains("alert c v1"), "one that is refused does not keep the others back");
}

#[test]
fn alerts_are_found_by_what_they_are() {
    let folder = Folder::new();
    let path = folder.path("state");
    let store = open(&path);
    let all = [delivery("aa1", 1, 3, &["1", "2"]), delivery("aa2", 50, 4, &["2"]), delivery("b", 900, 5, &[])];
    assert!(store.alerts().deliver(&all).iter().all(|o| *o == Outcome::Taken));
    let mut view = View::open(&path).expect("opens beside its owner");
    let mut ids = |filter: AlertFilter| view.alerts(&filter).expect("lists").into_iter().map(|a| a.id).collect::<Vec<_>>();
    let any = AlertFilter::default;
    assert_eq!(ids(any()), ["aa1", "aa2", "b"]);
    assert_eq!(ids(AlertFilter { limit: Some(2), ..any() }), ["aa1", "aa2"]);
    assert_eq!(ids(AlertFilter { account: Some("2".into()), ..any() }), ["aa1", "aa2"]);
    assert_eq!(ids(AlertFilter { account: Some("2".into()), severity_min: Some(4), ..any() }), ["aa2"]);
    assert_eq!(ids(AlertFilter { rule: Some("rule of b".into()), ..any() }), ["b"]);
    assert_eq!(ids(AlertFilter { from_ms: Some(1050), ..any() }), ["aa2", "b"]);
    assert!(ids(AlertFilter { to_ms: Some(1000), ..any() }).is_empty());
    assert_eq!(ids(AlertFilter { text: Some("WHY AA".into()), ..any() }), ["aa1", "aa2"]);
    assert!(ids(AlertFilter { text: Some("%".into()), ..any() }).is_empty(), "a filter's text is no pattern");
    assert!(ids(AlertFilter { rule: Some("' OR 1=1 --".into()), ..any() }).is_empty());

    assert_eq!(view.alert("c").expect("reads"), Found::Nothing);
    assert_eq!(view.alert("aa").expect("reads"), Found::Several(vec!["aa1".into(), "aa2".into()]));
    for id in ["aa2", "b"] {
        assert!(matches!(view.alert(id).expect("reads"), Found::One(line, document) if line.id == id && document.contains("why")), "{id}");
    }
    assert!(store.alerts().deliver(&[delivery("aa", 1, 3, &[])]) == [Outcome::Taken]);
    assert!(matches!(view.alert("aa").expect("reads"), Found::One(line, _) if line.id == "aa"), "the whole id wins");
}

#[test]
fn a_quarantined_item_is_driven_again_once() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = open(&path);
    store.set_pipelines(1).expect("pipelines");
    let items = [refused("a", 7, 0), refused("a", 7, 1), refused("b", 7, 0)];
    store.append(&Append { position: 1, entries: &entries(1, 1), quarantined: &items, ..Append::default() }).expect("appended");
    let mut view = View::open(&path).expect("opens");
    assert_eq!(view.request_redrive(&[1, 2, 99]).expect("asked"), 2);
    assert_eq!(view.request_redrive(&[2]).expect("asked again"), 1);
    let wanted = store.redrive_requests(10).expect("reads");
    assert_eq!(
        wanted.iter().map(|r| (r.id, &r.position, r.attempts)).collect::<Vec<_>>(),
        [(1, &items[0].position, 0), (2, &items[1].position, 0)]
    );
    assert_eq!((&wanted[0].bytes, wanted[0].arrival_ms), (&items[0].bytes, entry(0, 1).arrival_ms));

    // The first one is read this time, the second fails again.
    let again = [refused("a", 7, 1)];
    let batch = Append { position: 2, entries: &entries(1, 2), quarantined: &again, redriven: &[1, 2], ..Append::default() };
    store.append(&batch).expect("appended");
    assert!(store.redrive_requests(10).expect("reads").is_empty());
    let held = view.quarantine(&QuarantineFilter::default()).expect("lists");
    assert_eq!(held.iter().map(|i| (i.id, i.attempts)).collect::<Vec<_>>(), [(2, 1), (3, 0)]);
    let (item, bytes) = view.quarantined(2).expect("reads").expect("there");
    assert_eq!((item.code.as_str(), item.detail.as_str(), item.offset, bytes), ("json_syntax", "expected a value", 3, b"{7".to_vec()));
    assert!(view.quarantined(1).expect("reads").is_none());
    let of = |filter: QuarantineFilter, view: &mut View| view.quarantine(&filter).expect("lists").len();
    assert_eq!(of(QuarantineFilter { code: Some("json_syntax".into()), limit: Some(1), ..Default::default() }, &mut view), 1);
    assert_eq!(of(QuarantineFilter { source: Some("other".into()), ..Default::default() }, &mut view), 0);
    assert_eq!(of(QuarantineFilter { to_ms: Some(0), ..Default::default() }, &mut view), 0);
}

#[test]
fn a_look_works_when_nobody_owns_the_file() {
    let folder = Folder::new();
    let path = folder.path("state");
    let store = open(&path);
    assert_eq!(store.alerts().deliver(&[delivery("a", 1, 3, &["1"])]), [Outcome::Taken]);
    drop(store);
    assert!(seen(&path).contains("alert a v1"));
    assert!(seen(&path).contains("alert a v1"), "and again");
    open(&path);
}
