//! The second channel: used when the topic takes nothing, left when it does; no page lost, none doubled.

use crate::stub::{Answer, Stub};
use crate::{SECOND, deliveries, delivery, one, sink, to};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::io::aws::sns::Second;
use tidegate::io::line_file::LineFile;
use tidegate::io::port::{Outcome, Sink};

fn gone() -> Answer {
    Answer::Error(404, "NotFound", "Topic does not exist")
}

#[test]
fn pages_go_by_the_second_channel_when_the_topic_takes_none_for_long_enough() {
    let up = Arc::new(AtomicBool::new(false));
    let seen = up.clone();
    let first = Stub::start(move |_| if seen.load(Ordering::Relaxed) { Answer::Taken } else { gone() });
    let second = Stub::start(|_| Answer::Taken);
    let after = Duration::from_millis(600);
    let mut sink = sink(first.topic("pages", SECOND), Some((to(second.topic("other", SECOND)), after)));
    let told = sink.deliver(&[delivery("a1", false)]);
    assert!(matches!(&told[..], [Outcome::Again(_)]), "not at the first failure: {told:?}");
    assert!(second.book().calls.is_empty());
    std::thread::sleep(after);
    // The topic is not asked at every turn.
    assert_eq!(sink.deliver(&deliveries(12)), vec![Outcome::Taken; 12]);
    assert_eq!(sink.deliver(&[delivery("a1", false)]), [Outcome::Taken]);
    assert_eq!(second.book().alerts().len(), 13);
    let counts = sink.counts();
    let counted = || (counts.second.load(Ordering::Relaxed), counts.by_second.load(Ordering::Relaxed));
    assert_eq!(counted(), (true, 13));
    assert!(second.book().taken.iter().all(|call| call.mark("channel") && !call.mark("repeated")));
    assert!(first.book().taken.is_empty());
    // It is asked again after five seconds; with the first page it takes, all go to it, and it is told what went elsewhere.
    up.store(true, Ordering::Relaxed);
    std::thread::sleep(5 * SECOND);
    assert_eq!(sink.deliver(&deliveries(5)), vec![Outcome::Taken; 5]);
    assert_eq!(second.book().taken.len(), 13, "nothing goes there any more");
    assert_eq!(counted(), (false, 13));
    let book = first.book();
    let (notes, pages): (Vec<_>, Vec<_>) = book.taken.iter().partition(|call| call.alert().starts_with("tidegate-second-channel"));
    assert_eq!((notes.len(), pages.len()), (1, 5));
    assert!(notes[0].event()["payload"]["summary"].as_str().expect("text").starts_with("13 pages went by the second channel from "));
    assert!(pages.iter().all(|call| !call.mark("channel")));
}

#[test]
fn a_page_that_both_may_have_is_marked() {
    let first = Stub::start(|_| Answer::TakenAndCut);
    let second = Stub::start(|_| Answer::Taken);
    let mut sink = sink(first.topic("pages", SECOND), Some((to(second.topic("other", SECOND)), Duration::ZERO)));
    assert_eq!(one(sink.deliver(&[delivery("a1", false)])), Outcome::Taken);
    let book = second.book();
    assert!(book.taken.len() == 1 && book.taken[0].mark("repeated") && book.taken[0].mark("channel"));
}

/// Before it is given up for the quarantine, and though the topic takes all others.
#[test]
fn what_the_topic_refuses_for_what_it_is_goes_by_the_second_at_once() {
    let poison = || Answer::Error(400, "InvalidParameter", "Invalid parameter: Message");
    let hour = 3_600 * SECOND;
    for (second, expected) in [(Answer::Taken, true), (poison(), false), (gone(), false)] {
        let first = Stub::start(move |call| if call.alert() == "a1" { poison() } else { Answer::Taken });
        let second = Stub::start(move |_| second.clone());
        let mut sink = sink(first.topic("pages", SECOND), Some((to(second.topic("other", SECOND)), hour)));
        let told = sink.deliver(&[delivery("a1", false), delivery("a2", false)]);
        assert_eq!(told[1], Outcome::Taken);
        assert_eq!((told[0] == Outcome::Taken, matches!(told[0], Outcome::Refused(_))), (expected, !expected), "{told:?}");
        assert_eq!(second.book().alerts().len(), usize::from(expected));
    }
}

#[test]
fn when_neither_takes_it_it_waits() {
    let (first, second) = (Stub::start(|_| gone()), Stub::start(|_| Answer::Error(403, "AuthorizationError", "no")));
    let mut both = sink(first.topic("pages", SECOND), Some((to(second.topic("other", SECOND)), Duration::ZERO)));
    let told = one(both.deliver(&[delivery("a1", false)]));
    assert!(matches!(&told, Outcome::Again(why) if why.contains("NotFound") && why.contains("by the second channel: ")), "{told:?}");
    // The second refuses it for what it is: the topic may take it yet.
    let second = Stub::start(|_| Answer::Error(400, "InvalidParameter", "Invalid parameter: Message"));
    let mut both = sink(first.topic("pages", SECOND), Some((to(second.topic("other", SECOND)), Duration::ZERO)));
    assert!(matches!(one(both.deliver(&[delivery("a1", false)])), Outcome::Again(_)));
    let lost = Stub::start(|_| Answer::TakenAndCut);
    let mut both = sink(first.topic("pages", SECOND), Some((to(lost.topic("other", SECOND)), Duration::ZERO)));
    assert!(matches!(one(both.deliver(&[delivery("a1", false)])), Outcome::Unknown(_)));
}

#[test]
fn the_second_channel_may_be_a_file_for_several_lanes() {
    let path = std::env::temp_dir().join(format!("tidegate-second-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let file = Arc::new(Mutex::new(LineFile::open(path.clone()).expect("a file")));
    let first = Stub::start(|_| gone());
    let lane = || sink(first.topic("pages", SECOND), Some((Second::File(file.clone()), Duration::ZERO)));
    assert_eq!(lane().deliver(&deliveries(3)), vec![Outcome::Taken; 3]);
    assert_eq!(one(lane().deliver(&[delivery("b", true)])), Outcome::Taken);
    let text = std::fs::read_to_string(&path).expect("text");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let keys: Vec<&str> = lines.iter().map(|line| line["dedup_key"].as_str().expect("a key")).collect();
    assert_eq!(keys, ["alert-0000", "alert-0001", "alert-0002", "b"]);
    assert!(lines.iter().all(|line| line["payload"]["custom_details"]["channel"] == "second"));
    assert_eq!(lines[3]["payload"]["custom_details"]["repeated"], true);
    std::fs::remove_file(path).expect("it was there");
}

/// Whatever both channels do, every page arrives; a page that came twice was marked the second time.
#[test]
fn nothing_is_lost_and_repetitions_are_marked_whatever_both_do() {
    const PAGES: usize = 60;
    let dice = Arc::new(AtomicU64::new(7));
    let roll = move |dice: &AtomicU64| {
        let n = dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (n ^ (n >> 27)) % 100
    };
    let script = |dice: Arc<AtomicU64>| {
        move |_: &crate::stub::Call| match roll(&dice) {
            0..30 => gone(),
            30..45 => Answer::Error(400, "Throttling", "slower"),
            45..60 => Answer::TakenAndCut,
            60..70 => Answer::Cut,
            _ => Answer::Taken,
        }
    };
    let (first, second) = (Stub::start(script(dice.clone())), Stub::start(script(dice)));
    let mut both = sink(first.topic("pages", SECOND), Some((to(second.topic("other", SECOND)), Duration::ZERO)));
    let mut waiting: BTreeMap<String, bool> = (0..PAGES).map(|n| (format!("alert-{n:04}"), false)).collect();
    for _ in 0..400 {
        let due: Vec<_> = waiting.iter().take(10).map(|(alert, repeated)| delivery(alert, *repeated)).collect();
        for (delivery, outcome) in due.iter().zip(both.deliver(&due)) {
            match outcome {
                Outcome::Taken => drop(waiting.remove(&*delivery.alert)),
                Outcome::Unknown(_) => drop(waiting.insert(delivery.alert.to_string(), true)),
                Outcome::Again(_) => {}
                Outcome::Refused(why) => panic!("{why}"),
            }
        }
    }
    assert!(waiting.is_empty(), "{waiting:?}");
    let (first, second) = (first.book(), second.book());
    let mut got: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    let pages = first.taken.iter().chain(&second.taken).filter(|call| !call.alert().starts_with("tidegate"));
    pages.for_each(|call| got.entry(call.alert()).or_default().push(call.mark("repeated")));
    assert_eq!(got.len(), PAGES, "every page arrived");
    let doubled: Vec<_> = got.values().filter(|marks| marks.len() > 1).collect();
    assert!(!doubled.is_empty() && !second.taken.is_empty(), "the dice made both happen");
    assert!(got.values().all(|marks| marks.iter().filter(|marked| !**marked).count() <= 1), "{got:?}");
}
