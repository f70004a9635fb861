//! The form of a segment, and the packing of what was read at a time.
//!
//! A segment is gzip, in members; undone, it is [`MAGIC`] and then frames. A frame is a kind (one byte), the length of its body
//! (four bytes, little endian), eight bytes of checksum over the body, the body:
//!
//! | kind | body |
//! |---|---|
//! | `H` | [`Header`] as JSON; the first frame, once |
//! | `R` | a record: [`Head`] in postcard, then its bytes as they came |
//! | `P` | the same of a line that only says what the shard's format is (a flow log's header): read, never counted |
//! | `E` | the end: nothing follows. A segment without it is being written, or its process died |
//!
//! What was read at a time of one shard is one member: it is there whole or it is the cut tail of a segment. Every shard's first
//! line stands in every segment that holds something of the shard, so that each segment can be read by itself.
//! Limits: a body has at most [`BODY_BYTES_MAX`].

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::sync::Arc;
use tidegate_core::event::id::hash128;
use tidegate_core::event::{Position, Record, Sequence};

/// What a segment begins with, gzip undone.
pub const MAGIC: &[u8] = b"TIDEGATE ARCHIVE 1\n";
/// Most bytes of a frame's body: the largest value that a reader gives, and its head.
pub(super) const BODY_BYTES_MAX: usize = 80 << 20;
/// Bytes before a body.
pub(super) const FRAME_HEAD_BYTES: usize = 13;

pub(super) const HEADER: u8 = b'H';
pub(super) const RECORD: u8 = b'R';
pub(super) const PRELUDE: u8 = b'P';
pub(super) const END: u8 = b'E';

/// What is true of a whole segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The configured source.
    pub source: String,
    /// What the operator said about its records, opaque here: what an Intake needs to read them again.
    pub stated: serde_json::Value,
    /// When the process began that wrote it (epoch milliseconds): of two that read the same record, the later one's counts.
    pub session_ms: i64,
    /// Where rules began, for those that wait for something that does not come.
    pub started_ms: Option<i64>,
    /// Number of the segment within its session and source.
    pub number: u64,
}

/// What stands before the bytes of a record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head<'a> {
    pub(super) shard: &'a str,
    pub(super) sequence: Sequence,
    pub(super) sub_sequence: u32,
    pub(super) arrival_ms: Option<i64>,
    pub(super) lines: bool,
}

/// A shard's first line, a member of its own.
pub type PreludeMember = Arc<[u8]>;

/// What was read of a shard at a time, as it goes into a segment.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Source.
    pub source: Arc<str>,
    /// Shard.
    pub shard: Arc<str>,
    /// Arrival of its first record.
    pub arrival_ms: i64,
    /// Records.
    pub records: u64,
    /// Bytes of the records.
    pub bytes: u64,
    /// The shard's first line, for segments that hold nothing of the shard yet.
    pub prelude: Option<PreludeMember>,
    /// The member.
    pub member: Vec<u8>,
}

/// Packs records of one shard, in order; `now_ms` stands for an arrival that none of them has.
#[must_use]
pub fn pack(records: &[Record], prelude: Option<PreludeMember>, now_ms: i64) -> Option<Packed> {
    let first = records.first()?;
    let mut frames = Vec::with_capacity(records.iter().map(|r| r.bytes.len() + 64).sum());
    records.iter().for_each(|record| put_record(&mut frames, RECORD, record));
    Some(Packed {
        source: first.position.source.clone(),
        shard: first.position.shard.clone(),
        arrival_ms: first.arrival_ms.unwrap_or(now_ms),
        records: records.len() as u64,
        bytes: records.iter().map(|r| r.bytes.len() as u64).sum(),
        prelude,
        member: member(&frames),
    })
}

/// A line that says what a shard's format is, as a member.
#[must_use]
pub fn prelude(record: &Record) -> PreludeMember {
    let mut frames = Vec::new();
    put_record(&mut frames, PRELUDE, record);
    member(&frames).into()
}

/// The member that a segment begins with.
pub(super) fn beginning(header: &Header) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let text = serde_json::to_vec(header).expect("a header has text keys");
    put(&mut bytes, HEADER, &text);
    member(&bytes)
}

/// The member that a segment ends with.
pub(super) fn ending() -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, END, &[]);
    member(&bytes)
}

fn put_record(into: &mut Vec<u8>, kind: u8, record: &Record) {
    let Position { shard, sequence, sub_sequence, .. } = &record.position;
    let head = Head { shard, sequence: *sequence, sub_sequence: *sub_sequence, arrival_ms: record.arrival_ms, lines: record.lines };
    let mut body = postcard::to_allocvec(&head).expect("every field has a postcard form");
    body.extend_from_slice(&record.bytes);
    put(into, kind, &body);
}

fn put(into: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("a reader gives no record of 4 GiB");
    into.push(kind);
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&checksum(body));
    into.extend_from_slice(body);
}

pub(super) fn checksum(body: &[u8]) -> [u8; 8] {
    (hash128(body) as u64).to_le_bytes()
}

fn member(frames: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(frames).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}
