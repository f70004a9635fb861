//! Read positions of a Kinesis source, and the words in which they are kept.
//!
//! `after NUMBER MS [ARRIVAL]`: everything of the shard up to the sequence number (`-`: nothing yet) was handed over, and at that time
//! of the service nothing older was left; the record arrived at ARRIVAL, where that is another time. `end MS`: the shard is closed and was read to its end. `start WHERE MS`, kept under the shard
//! `.`: where reading began (`trim_horizon`, or with this arrival), and when. The sequence number is kept as the service wrote it: some pad it with zeros.

use crate::io::port::ReadPosition;
use std::sync::Arc;
use tidegate_core::event::Sequence;

/// How far a shard was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Of the last record; zero: none yet.
    pub(super) sequence: Sequence,
    /// The same as the service wrote it; empty: none yet.
    pub(super) text: String,
    /// Time of the service up to which nothing is unread.
    pub(super) read_ms: i64,
    /// Arrival of the last record; 0: not known.
    pub(super) arrival_ms: i64,
}

/// Where a source began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// With the oldest record there was.
    Horizon,
    /// With records that arrived at this time, or later.
    At(i64),
}

/// A position as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// With the time of the service at the first start.
    Origin(Origin, i64),
    After(Mark),
    End(Mark),
}

/// Reads a position.
pub(super) fn read(position: &ReadPosition) -> Kept {
    let number = if position.sequence == Sequence::default() { String::new() } else { position.sequence.to_string() };
    let number_of = |ms: &str| ms.parse::<i64>().unwrap_or(0);
    let mark = |text: String, read_ms: i64, arrival_ms: i64| Mark { sequence: position.sequence, text, read_ms, arrival_ms };
    let words: Vec<&str> = position.token.split(' ').collect();
    match words[..] {
        ["end", ms] => Kept::End(mark(number, number_of(ms), 0)),
        ["start", origin, ms] => Kept::Origin(origin.parse().map_or(Origin::Horizon, Origin::At), number_of(ms)),
        ["after", text, ms, ref arrival @ ..] => {
            let (text, read_ms) = (Some(text.to_owned()).filter(|t| Sequence::parse(t) == Some(position.sequence)), number_of(ms));
            Kept::After(mark(text.unwrap_or(number), read_ms, arrival.first().map_or(read_ms, |ms| number_of(ms))))
        }
        _ => Kept::After(mark(number, 0, 0)),
    }
}

/// The token of a mark.
pub(super) fn after(mark: &Mark) -> String {
    match mark.text.as_str() {
        "" => format!("after - {}", mark.read_ms),
        text if mark.arrival_ms == mark.read_ms => format!("after {text} {}", mark.read_ms),
        text => format!("after {text} {} {}", mark.read_ms, mark.arrival_ms),
    }
}

/// The token of a shard that was read to its end.
pub(super) fn end(mark: &Mark) -> String {
    format!("end {}", mark.read_ms)
}

/// The token of an origin.
pub(super) fn start(origin: Origin, began_ms: i64) -> String {
    match origin {
        Origin::Horizon => format!("start trim_horizon {began_ms}"),
        Origin::At(ms) => format!("start {ms} {began_ms}"),
    }
}

/// A position.
pub(super) fn position(source: &Arc<str>, shard: &Arc<str>, sequence: Sequence, token: String) -> ReadPosition {
    ReadPosition { source: source.clone(), shard: shard.clone(), sequence, token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        let (source, shard): (Arc<str>, Arc<str>) = ("s".into(), "shardId-000000000000".into());
        let sequence = Sequence::parse("0012").expect("a number");
        let mark = Mark { sequence, text: "0012".to_owned(), read_ms: 5, arrival_ms: 5 };
        assert_eq!(after(&mark), "after 0012 5");
        assert_eq!(read(&position(&source, &shard, sequence, after(&mark))), Kept::After(mark.clone()), "zeros stay");
        let idle = Mark { read_ms: 8, ..mark };
        assert_eq!(after(&idle), "after 0012 8 5");
        assert_eq!(read(&position(&source, &shard, sequence, after(&idle))), Kept::After(idle));
        let none = Mark { read_ms: 7, arrival_ms: 7, ..Mark::default() };
        assert_eq!(read(&position(&source, &shard, Sequence::default(), after(&none))), Kept::After(none));
        for origin in [Origin::Horizon, Origin::At(17)] {
            assert_eq!(read(&position(&source, &shard, Sequence::default(), start(origin, 3))), Kept::Origin(origin, 3));
        }
        let end = Mark { sequence, text: "12".to_owned(), read_ms: 9, arrival_ms: 0 };
        assert_eq!(read(&position(&source, &shard, sequence, super::end(&end))), Kept::End(end.clone()));
        let odd = Kept::After(Mark { read_ms: 0, ..end });
        assert_eq!(read(&position(&source, &shard, sequence, "what is this".to_owned())), odd, "the sequence speaks for itself");
    }
}
