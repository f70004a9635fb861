//! The service killed while it pages: nothing lost, no repetition without its mark, none at all on a FIFO topic.

use crate::folder::Folder;
use crate::stub::{Answer, Stub};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

const PAGES: usize = 120;
const KILLS: usize = 8;

#[test]
fn a_kill_loses_no_page_and_repeats_none_without_a_mark() {
    for name in ["pages", "pages.fifo"] {
        let mut dice = fastrand::Rng::with_seed(11);
        let answers = Mutex::new(dice.fork());
        // Answers that come late are lost by most kills, and some are lost anyway.
        let stub = Stub::start(move |_| match answers.lock().expect("lock").u8(..10) {
            0 => Answer::TakenAndCut,
            1 => Answer::Error(400, "Throttling", "slower"),
            _ => Answer::TakenLate(Duration::from_millis(60)),
        });
        let folder = Folder::new(name);
        folder.events("events.ndjson", 0, &["denied"; PAGES]);
        let sns =
            format!("{{routes: {{default: 'arn:aws:sns:us-east-1:123456789012:{name}'}}, endpoint_url: '{}', timeout: 2s}}", stub.url);
        folder.configure(&format!("sinks: {{sns: {sns}}}"));
        let mut kills = 0;
        loop {
            let mut service = folder.start();
            let before = stub.book().calls.len();
            crate::until(|| stub.book().calls.len() > before || service.ended());
            std::thread::sleep(Duration::from_millis(dice.u64(..120)));
            if kills >= KILLS {
                crate::until(|| service.ended());
            }
            if service.ended() {
                break;
            }
            kills += 1;
        }
        let book = stub.book();
        let mut copies: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        book.taken.iter().for_each(|call| copies.entry(call.alert()).or_default().push(call.mark("repeated")));
        assert_eq!(copies.len(), PAGES, "{name}: nothing is lost");
        let unmarked = |marks: &[bool]| marks.iter().filter(|marked| !**marked).count();
        assert!(copies.values().all(|marks| unmarked(marks) <= 1), "{name}: {copies:?}");
        let repeated = copies.values().filter(|marks| marks.len() > 1).count();
        assert!(kills >= 3 && (repeated > 0) != name.ends_with(".fifo"), "{name}: {kills} kills, {repeated} pages came again");
        println!("{name}: {kills} kills, {} calls, {repeated} of {PAGES} pages came again, marked", book.calls.len());
    }
}
