//! Segments of an archive among the inputs: what their headers say, and what is read in which order.
//!
//! Owns the rule for records that stand twice. A process that died between archiving a record and logging its position left it to
//! the next one, which read and archived it again, from its read position on: so of a shard, what an earlier session holds at or
//! behind the first record of a later one was read again, and the later one counts, because the log knows that one. Sessions are
//! therefore read newest first. Limits: sessions are told apart by the wall clock of their start; a shard's numbers must only grow.

use crate::config::Stated;
use crate::io::archive::{Framed, Header, Segment};
use crate::io::input::Input;
use crate::io::reader::{ReadError, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_core::correlate::Settings;
use tidegate_core::decode::Hints;
use tidegate_core::event::{GenericSource, Lateness, Record, Sequence};

/// What is known of the segments among the inputs, before anything is read.
#[derive(Debug, Default, Clone)]
pub struct Archived {
    /// By place in the list of inputs.
    segments: BTreeMap<usize, Known>,
    /// Lateness as the newest session of each source states it.
    lateness: Lateness,
    /// Where rules began, by the oldest session.
    started_ms: Option<i64>,
}

#[derive(Debug, Clone)]
struct Known {
    session_ms: i64,
    hints: Hints,
    stamped: bool,
}

/// How the name of a segment ends that is no file: others are not opened to see what they are.
const NAME_END: &str = ".tidegate.gz";

impl Archived {
    /// Looks at the beginning of every input. Segments that stand there twice (a copy of the archive beside it) are taken out. The
    /// hints, which all Intakes share, learn the stated logsources and the lateness of the segments.
    ///
    /// # Errors
    /// If a header cannot be used: in words.
    pub fn survey(inputs: &mut Vec<Input>, hints: &mut Hints) -> Result<Self, String> {
        let mut headers: Vec<Option<(Header, Stated)>> = inputs.iter().map(header).collect::<Result<_, _>>()?;
        let mut seen = BTreeSet::new();
        let fresh = |known: &(Header, Stated)| (known.0.source.clone(), known.0.session_ms, known.0.number);
        let kept: Vec<bool> = headers.iter().map(|known| known.as_ref().is_none_or(|known| seen.insert(fresh(known)))).collect();
        let (mut input, mut header) = (kept.iter(), kept.iter());
        inputs.retain(|_| *input.next().unwrap_or(&true));
        headers.retain(|_| *header.next().unwrap_or(&true));
        Ok(Archived::of(&headers, hints))
    }

    fn of(headers: &[Option<(Header, Stated)>], hints: &mut Hints) -> Self {
        let mut archived = Archived::default();
        let mut by_session: Vec<&(Header, Stated)> = headers.iter().flatten().collect();
        by_session.sort_by_key(|(header, _)| (header.session_ms, header.source.clone(), header.number));
        archived.started_ms = by_session.first().and_then(|(header, _)| header.started_ms);
        // In an order that does not depend on that of the inputs.
        let stated: BTreeMap<String, GenericSource> = by_session
            .iter()
            .filter_map(|(_, stated)| stated.json.as_ref())
            .map(|json| (serde_json::to_string(json).unwrap_or_default(), json.generic()))
            .collect();
        for generic in stated.into_values() {
            if !hints.generic.contains(&generic) {
                hints.generic.push(generic);
            }
        }
        for (_, stated) in &by_session {
            stated.lateness(hints.generic.len(), &mut archived.lateness);
            stated.lateness(hints.generic.len(), &mut hints.lateness);
        }
        for (place, (header, stated)) in headers.iter().enumerate().filter_map(|(place, known)| Some((place, known.as_ref()?))) {
            let known = Known { session_ms: header.session_ms, hints: of_source(stated, hints), stamped: stated.stamped() };
            archived.segments.insert(place, known);
        }
        archived
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// What the machine is to know: where rules began, and the lateness that was stated.
    pub fn begin(&self, correlate: &mut Settings) {
        correlate.started_ms = self.started_ms.or(correlate.started_ms);
        if !self.is_empty() {
            correlate.lateness = self.lateness.clone();
        }
    }

    /// What the operator said about the records of an input, and whether they carry their own arrival; `None`: it is no segment.
    pub(super) fn of_input(&self, place: usize) -> Option<(&Hints, bool)> {
        self.segments.get(&place).map(|known| (&known.hints, known.stamped))
    }

    /// Places of inputs in groups that are read one after the other: what is no segment and the newest session, then older ones.
    pub(super) fn sessions(&self, inputs: usize) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let newest = self.segments.values().map(|known| known.session_ms).max().unwrap_or(0);
        for place in 0..inputs {
            let session = self.segments.get(&place).map_or(newest, |known| known.session_ms);
            groups.entry(session).or_default().push(place);
        }
        groups.into_values().rev().collect()
    }
}

fn header(input: &Input) -> Result<Option<(Header, Stated)>, String> {
    let may_be = match input {
        // What a pipe gives once it would not give again.
        Input::File(path) => std::fs::metadata(path).is_ok_and(|meta| meta.is_file()),
        Input::Stdin => false,
        Input::Far(far) => far.name.ends_with(NAME_END),
    };
    // What cannot be opened is told when it is read.
    let reader = may_be.then(|| Reader::open(input, "file")).transpose().unwrap_or(None);
    let Some(reader) = reader.filter(Reader::is_archived) else { return Ok(None) };
    let Ok(segment) = reader.into_segment() else { return Ok(None) };
    let header = segment.header().clone();
    let failed =
        |e| format!("cannot read {}: its header says what this program does not know: {e}; use the version that wrote it", input.name());
    let stated = serde_json::from_value(header.stated.clone()).map_err(failed)?;
    Ok(Some((header, stated)))
}

fn of_source(stated: &Stated, hints: &Hints) -> Hints {
    let generic = stated.json.as_ref().map(|json| json.generic());
    let number = generic.and_then(|generic| hints.generic.iter().position(|known| *known == generic)).unwrap_or(0);
    Hints {
        form: stated.format.form(u16::try_from(number).unwrap_or(u16::MAX)),
        flow_format: stated.flow_format.clone(),
        flow_formats: stated.flow_formats.clone(),
        generic: hints.generic.clone(),
        lateness: hints.lateness.clone(),
    }
}

type Shard = (Arc<str>, Arc<str>);

/// Which records of a shard a later session holds.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Of sessions that were read: the first record of each shard.
    later: BTreeMap<Shard, Sequence>,
    /// The same of the session that is being read.
    now: Mutex<BTreeMap<Shard, Sequence>>,
}

impl Repeats {
    /// Takes off what a later session read again; `None`: all of it.
    fn fresh(&self, mut record: Record) -> Option<Record> {
        let shard = (record.position.source.clone(), record.position.shard.clone());
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let first = now.entry(shard.clone()).or_insert(record.position.sequence);
        *first = (*first).min(record.position.sequence);
        drop(now);
        let Some(later) = self.later.get(&shard) else { return Some(record) };
        if record.position.sequence >= *later {
            return None;
        }
        if record.lines {
            let first = record.position.sequence;
            let ends = memchr_lines(&record.bytes);
            let known = (0u64..).zip(ends).find(|(line, _)| first.plus(line + 1) >= *later);
            record.bytes.truncate(known.map_or(usize::MAX, |(_, end)| end));
        }
        Some(record)
    }

    /// The session is over; the next one is older.
    pub(super) fn next_session(&mut self) {
        for (shard, first) in std::mem::take(&mut *self.now.lock().unwrap_or_else(PoisonError::into_inner)) {
            let held = self.later.entry(shard).or_insert(first);
            *held = (*held).min(first);
        }
    }
}

/// Ends of lines, behind their line feed.
fn memchr_lines(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1)
}

/// The records of a segment that count, each with what says what the shard's format is before it.
pub(super) fn each(
    segment: &mut Segment,
    stamped: bool,
    repeats: &Repeats,
    take: &mut dyn FnMut(&Arc<str>, Framed) -> bool,
) -> Result<(), ReadError> {
    while let Some(framed) = segment.next_record()? {
        let shard = framed.record.position.shard.clone();
        let prelude = framed.prelude;
        let record = if prelude { Some(framed.record) } else { repeats.fresh(framed.record) };
        let Some(mut record) = record else { continue };
        if stamped {
            record.arrival_ms = None;
        }
        if !take(&shard, Framed { record, prelude }) {
            break;
        }
    }
    Ok(())
}

/// Opens the segment that an input is.
pub(super) fn open(input: &Input) -> io::Result<Segment> {
    Reader::open(input, "file")?.into_segment()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::Position;

    fn record(sequence: u64, text: &str) -> Record {
        let position = Position { source: "s".into(), shard: "a".into(), sequence: sequence.into(), sub_sequence: 0 };
        Record { position, arrival_ms: None, bytes: text.as_bytes().to_vec(), lines: true }
    }

    #[test]
    fn what_a_later_session_read_again_is_taken_off_line_by_line() {
        let mut repeats = Repeats::default();
        let text = |record: Option<Record>| record.map(|r| String::from_utf8(r.bytes).expect("text"));
        assert_eq!(text(repeats.fresh(record(12, "l\nm\n"))).as_deref(), Some("l\nm\n"));
        assert_eq!(text(repeats.fresh(record(14, "n\n"))).as_deref(), Some("n\n"));
        repeats.next_session();
        assert_eq!(text(repeats.fresh(record(10, "j\nk\nl\nm"))).as_deref(), Some("j\nk\n"));
        assert_eq!(text(repeats.fresh(record(13, "m\n"))), None);
        assert_eq!(text(repeats.fresh(record(8, "h\ni\n"))).as_deref(), Some("h\ni\n"));
        repeats.next_session();
        assert_eq!(text(repeats.fresh(record(8, "h\n"))), None, "the session before that began there");
    }
}
