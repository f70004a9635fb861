//! One topic, no second channel: what each answer means, and that nothing is lost.

use crate::stub::{Answer, Stub, nobody, topic};
use crate::{SECOND, deliveries, delivery, one, sink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tidegate::io::aws::sns::SnsSink;
use tidegate::io::port::{Delivery, Outcome, Sink};

fn answered(answer: Answer) -> (Stub, Outcome) {
    let stub = Stub::start(move |_| answer.clone());
    let told = one(sink(stub.topic("pages", 2 * SECOND), None).deliver(&[delivery("a1", false)]));
    (stub, told)
}

#[test]
fn pages_are_taken_whole_and_several_at_once() {
    let stub = Stub::start(|_| Answer::TakenLate(Duration::from_millis(300)));
    let clock = tidegate::io::clock::Stopwatch::start();
    let told = sink(stub.topic("pages", 5 * SECOND), None).deliver(&deliveries(10));
    assert!(clock.elapsed() < 2 * SECOND, "ten calls of 300 ms each are under way together");
    assert_eq!(told, vec![Outcome::Taken; 10]);
    let book = stub.book();
    assert_eq!(book.alerts().len(), 10);
    let call = &book.taken[0];
    assert_eq!(call.text("TopicArn"), "arn:aws:sns:us-east-1:123456789012:pages");
    assert_eq!((call.text("MessageStructure"), call.text("Subject")), ("json", "[CRITICAL] Keys used from two places"));
    assert_eq!((call.text("MessageDeduplicationId"), call.text("MessageGroupId")), ("", ""));
    let attributes: Vec<&str> = (1..=4).map(|n| call.text(&format!("MessageAttributes.entry.{n}.Value.StringValue"))).collect();
    assert!(attributes.contains(&"critical") && attributes.contains(&"111122223333") && attributes[3].is_empty(), "{attributes:?}");
}

#[test]
fn what_is_not_taken_comes_again_unmarked() {
    let faults = [
        Answer::Error(400, "Throttling", "Rate exceeded"),
        Answer::Error(500, "InternalError", "try later"),
        Answer::Foreign(503, "no XML"),
        Answer::Error(404, "NotFound", "Topic does not exist"),
        Answer::Error(403, "AuthorizationError", "not authorized to perform: SNS:Publish"),
        Answer::Error(400, "KMSAccessDenied", "the key"),
        Answer::Error(400, "InvalidParameter", "Invalid parameter: TopicArn"),
    ];
    for fault in faults {
        let (stub, told) = answered(fault);
        assert!(matches!(&told, Outcome::Again(why) if why.contains("arn:aws:sns:us-east-1:123456789012:pages")), "{told:?}");
        assert!(stub.book().taken.is_empty());
    }
    let told = one(sink(topic(&nobody(), "arn:aws:sns:us-east-1:123456789012:pages", SECOND), None).deliver(&[delivery("a1", false)]));
    assert!(matches!(&told, Outcome::Again(why) if why.contains("check the network")), "nothing left: {told:?}");
}

#[test]
fn what_may_have_been_taken_says_so() {
    for fault in [Answer::Cut, Answer::TakenAndCut, Answer::TakenLate(4 * SECOND), Answer::Foreign(504, "")] {
        let (_, told) = answered(fault);
        assert!(matches!(&told, Outcome::Unknown(why) if why.contains("it may have been taken")), "{told:?}");
    }
}

#[test]
fn a_lost_answer_gives_one_marked_repetition_and_none_on_a_fifo_topic() {
    for (name, copies) in [("pages", 2), ("pages.fifo", 1)] {
        let calls = AtomicUsize::new(0);
        let stub = Stub::start(move |_| if calls.fetch_add(1, Ordering::Relaxed) == 0 { Answer::TakenAndCut } else { Answer::Taken });
        let mut sink = sink(stub.topic(name, 2 * SECOND), None);
        assert!(matches!(one(sink.deliver(&[delivery("a1", false)])), Outcome::Unknown(_)));
        assert_eq!(one(sink.deliver(&[delivery("a1", true)])), Outcome::Taken);
        let book = stub.book();
        assert_eq!(book.alerts(), [("a1".to_owned(), copies)].into(), "{name}");
        assert_eq!(book.calls.iter().map(|call| call.mark("repeated")).collect::<Vec<_>>(), [false, true]);
        if name.ends_with(".fifo") {
            let ids = |call: &crate::stub::Call| (call.text("MessageDeduplicationId").to_owned(), call.text("MessageGroupId").to_owned());
            assert!(book.calls.iter().all(|call| ids(call) == ("a1".to_owned(), "111122223333".to_owned())), "the mark changes no id");
        }
    }
}

#[test]
fn a_page_that_is_refused_whole_goes_out_in_its_least_form() {
    let calls = AtomicUsize::new(0);
    let too_long = Answer::Error(400, "InvalidParameter", "Invalid parameter: Message too long");
    let stub = Stub::start(move |_| if calls.fetch_add(1, Ordering::Relaxed) == 0 { too_long.clone() } else { Answer::Taken });
    assert_eq!(one(sink(stub.topic("pages", 2 * SECOND), None).deliver(&[delivery("a1", false)])), Outcome::Taken);
    let book = stub.book();
    assert!(book.taken.len() == 1 && book.taken[0].mark("cut") && book.taken[0].alert() == "a1");
    drop(book);
    let (stub, told) = answered(Answer::Error(400, "InvalidParameter", "Invalid parameter: Message Reason: not for you"));
    assert!(matches!(&told, Outcome::Refused(why) if why.contains("in its least form")), "{told:?}");
    assert_eq!(stub.book().calls.len(), 2, "then it is for the quarantine");
}

#[test]
fn one_page_that_is_no_document_holds_up_none() {
    let stub = Stub::start(|_| Answer::Taken);
    let broken = Delivery { document: "{".into(), ..delivery("bad", false) };
    let told = sink(stub.topic("pages", 2 * SECOND), None).deliver(&[broken, delivery("good", false)]);
    assert!(matches!(&told[..], [Outcome::Refused(_), Outcome::Taken]), "{told:?}");
}

#[test]
fn a_topic_that_takes_nothing_is_not_asked_for_all_of_them() {
    let stub = Stub::start(|_| Answer::Error(404, "NotFound", "Topic does not exist"));
    let told = sink(stub.topic("pages", 2 * SECOND), None).deliver(&deliveries(50));
    assert!(told.len() == 50 && told.iter().all(|outcome| matches!(outcome, Outcome::Again(_))));
    assert_eq!(stub.book().calls.len(), 10);
}

#[test]
fn connections_that_were_closed_meanwhile_lose_no_answer() {
    let stub = Stub::start(|_| Answer::TakenAndClosed);
    let mut sink = sink(stub.topic("pages", 2 * SECOND), None);
    for n in 0..20 {
        assert_eq!(one(sink.deliver(&[delivery(&format!("a{n}"), false)])), Outcome::Taken, "page {n}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_is_sent_without_the_lease_and_its_rest_bounds_a_call() {
    let stub = Stub::start(|_| Answer::TakenLate(3 * SECOND));
    let mut fenced = SnsSink::new("sns", stub.topic("pages", 10 * SECOND), None, Box::new(|| Duration::ZERO)).expect("a runtime");
    assert!(matches!(one(fenced.deliver(&[delivery("a1", false)])), Outcome::Again(_)));
    assert!(stub.book().calls.is_empty());
    let rest = Box::new(|| Duration::from_millis(500));
    let mut ending = SnsSink::new("sns", stub.topic("pages", 10 * SECOND), None, rest).expect("a runtime");
    let clock = tidegate::io::clock::Stopwatch::start();
    assert!(matches!(one(ending.deliver(&[delivery("a1", false)])), Outcome::Unknown(_)));
    assert!(clock.elapsed() < 2 * SECOND);
}
