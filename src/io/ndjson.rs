//! Alerts as NDJSON: one line per version of a document, for whoever follows the file.
//!
//! Owns the lane `ndjson`. A delivery is durable before it is called taken. What is sent again after a crash is not written again: the
//! (id, version) of the last [`REMEMBERED`] lines are read back at the start. Never rewrites a line: the last version of an alert is
//! the one with the greatest `tidegate.revision`. Limits: a version older than the last [`REMEMBERED`] lines may be written twice.

use super::line_file::LineFile;
use super::port::{Delivery, Outcome, Sink};
use serde::Deserialize;
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// How many of the last lines are remembered.
pub const REMEMBERED: usize = 10_000;

/// Says whether this process still owns the lane: asked before every write.
pub type MaySend = Box<dyn Fn() -> bool + Send>;

/// What is answered where it does not.
pub(super) const NOT_OURS: &str = "this process does not own the state any more, or does not know it: nothing is sent until it does";

type Version = (Arc<str>, u64);

/// Writes alerts to a file.
pub struct NdjsonSink {
    file: LineFile,
    may_send: MaySend,
    written: BTreeSet<Version>,
    order: VecDeque<Version>,
}

impl std::fmt::Debug for NdjsonSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NdjsonSink").field("file", &self.file).field("written", &self.written.len()).finish_non_exhaustive()
    }
}

/// What of a document tells its id and version.
#[derive(Deserialize)]
struct Identity {
    finding_info: Uid,
    tidegate: Revision,
}

#[derive(Deserialize)]
struct Uid {
    uid: String,
}

#[derive(Deserialize)]
struct Revision {
    revision: u64,
}

impl NdjsonSink {
    /// Opens the file and looks what its last lines are.
    ///
    /// # Errors
    /// If it cannot be opened or read: in words.
    pub fn open(path: PathBuf, may_send: MaySend) -> Result<Self, String> {
        let (mut file, mut last) = (LineFile::open(path)?, Vec::new());
        file.last(REMEMBERED, &mut |line| {
            last.extend(serde_json::from_slice::<Identity>(line).ok().map(|id| (id.finding_info.uid.into(), id.tidegate.revision)));
        })?;
        let mut sink = NdjsonSink { file, may_send, written: BTreeSet::new(), order: VecDeque::new() };
        last.into_iter().rev().for_each(|version| sink.remember(version));
        Ok(sink)
    }

    fn remember(&mut self, version: Version) {
        if self.written.insert(version.clone()) {
            self.order.push_back(version);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.written.remove(&oldest);
        }
    }
}

impl Sink for NdjsonSink {
    fn lane(&self) -> Arc<str> {
        "ndjson".into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let mut fresh = BTreeSet::new();
        let lines: Vec<&Delivery> = deliveries
            .iter()
            .filter(|d| !self.written.contains(&(d.alert.clone(), d.version)) && fresh.insert((d.alert.clone(), d.version)))
            .collect();
        let written = if lines.is_empty() {
            Ok(())
        } else if (self.may_send)() {
            self.file.append(lines.iter().map(|d| &*d.document))
        } else {
            Err(NOT_OURS.to_owned())
        };
        if written.is_ok() {
            lines.into_iter().for_each(|d| self.remember((d.alert.clone(), d.version)));
        }
        let outcome = |d: &Delivery| match &written {
            Err(why) if fresh.contains(&(d.alert.clone(), d.version)) => Outcome::Again(why.clone()),
            _ => Outcome::Taken,
        };
        deliveries.iter().map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn delivery(alert: &str, version: u64) -> Delivery {
        let document = format!("{{\"finding_info\":{{\"uid\":\"{alert}\"}},\"tidegate\":{{\"revision\":{version}}},\"message\":\"m\"}}");
        Delivery { alert: alert.into(), version, route: "".into(), document: document.into(), repeated: false }
    }

    fn open(path: &std::path::Path) -> NdjsonSink {
        NdjsonSink::open(path.to_owned(), Box::new(|| true)).unwrap()
    }

    fn lines(path: &std::path::Path) -> Vec<(String, u64)> {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let id = |line: &str| serde_json::from_str::<Identity>(line).map(|id| (id.finding_info.uid, id.tidegate.revision)).unwrap();
        text.lines().map(id).collect()
    }

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tidegate-ndjson-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn what_is_sent_again_after_a_crash_at_any_byte_stands_there_once() {
        let path = path("crash");
        let all: Vec<Delivery> = (0..6).map(|n| delivery(["a", "b"][n % 2], n as u64 / 2 + 1)).collect();
        open(&path).deliver(&all);
        let whole = std::fs::read(&path).unwrap();
        let expected = lines(&path);
        assert_eq!(expected.len(), 6);
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut sink = open(&path);
            assert_eq!(sink.deliver(&all), vec![Outcome::Taken; 6]);
            assert_eq!(sink.deliver(&all[2..4]), vec![Outcome::Taken; 2]);
            assert_eq!(lines(&path), expected, "torn behind {length} bytes");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn nothing_is_written_without_ownership_or_a_file() {
        let path = path("owner");
        let ours = Arc::new(AtomicBool::new(false));
        let asked = ours.clone();
        let mut sink = NdjsonSink::open(path.clone(), Box::new(move || asked.load(Ordering::Relaxed))).unwrap();
        let one = [delivery("a", 1)];
        assert!(matches!(&sink.deliver(&one)[..], [Outcome::Again(why)] if why == NOT_OURS));
        assert!(lines(&path).is_empty());
        ours.store(true, Ordering::Relaxed);
        assert_eq!(sink.deliver(&one), [Outcome::Taken]);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let outcomes = sink.deliver(&[one[0].clone(), delivery("a", 2)]);
        assert!(matches!(&outcomes[..], [Outcome::Taken, Outcome::Again(why)] if why.contains("cannot write")), "{outcomes:?}");
        std::fs::remove_dir(&path).unwrap();
        assert_eq!(sink.deliver(&[delivery("a", 2)]), [Outcome::Taken]);
        assert_eq!(lines(&path), [("a".to_owned(), 2)], "rotated away: opened anew, and nothing is written twice");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_last_lines() {
        let path = path("bound");
        let all: Vec<Delivery> = (0..REMEMBERED as u64 + 50).map(|n| delivery("a", n)).collect();
        let mut sink = open(&path);
        sink.deliver(&all);
        assert_eq!((sink.order.len(), sink.written.len()), (REMEMBERED, REMEMBERED));
        let mut again = open(&path);
        assert_eq!(again.written, sink.written);
        again.deliver(&all[50..]);
        assert_eq!(lines(&path).len(), all.len());
        again.deliver(&all[..1]);
        assert_eq!(lines(&path).len(), all.len() + 1, "the limit that is told");
        std::fs::remove_file(path).unwrap();
    }
}
