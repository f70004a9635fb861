//! The Intake: the stateless half. Records in; detections, counts and quarantine out.
//!
//! Owns the walk from a record to its units and from a unit to its detections. Never remembers anything between records but
//! what a shard's own text said about its format ([`ShardMemory`]); never decides about windows. One `&self` serves all cores.

use super::books::InputCounts;
use super::flows::{FlowDecoders, FlowFormats};
use super::selected::Selected;
use crate::decode::{DecodeError, Emit, ErrorCode, Hints, Unit, envelope, unit::Filtered, vpcflow};
use crate::detect::{Detector, Scratch, Seen, Stamp, Tally};
use crate::event::{Detection, Form, Position, Record, Source};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Most bytes of a refused unit that the quarantine keeps.
pub const QUARANTINE_BYTES_MAX: usize = 256 * 1024;

/// Something that could not be read: kept with its place and reason, to be looked at and driven again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it stood.
    pub position: Position,
    /// Why.
    pub error: DecodeError,
    /// The refused bytes, at most [`QUARANTINE_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// Whether the bytes were cut.
    pub truncated: bool,
}

/// Coverage of one (account, Region, service): the signal that a source is alive, and whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Events and coverage-only records (NODATA).
    pub records: u64,
    /// Records that say flows were lost upstream (SKIPDATA).
    pub losses: u64,
    /// Latest event time; `i64::MIN` where only records without a flow were heard.
    pub last_ms: i64,
}

impl Default for Coverage {
    fn default() -> Self {
        Coverage { records: 0, losses: 0, last_ms: i64::MIN }
    }
}

impl Coverage {
    /// Adds what another batch heard. Sums and the latest time come out the same in every order.
    pub fn add(&mut self, other: &Coverage) {
        self.records += other.records;
        self.losses += other.losses;
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

/// What one batch gave.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Detections, in record order.
    pub detections: Vec<Detection>,
    /// Refused units.
    pub quarantined: Vec<Quarantined>,
    /// Counts.
    pub counts: InputCounts,
    /// Largest arrival time seen, if any record or event carried one.
    pub arrival_ms: Option<i64>,
    /// Who was heard of.
    pub coverage: BTreeMap<Who, Coverage>,
    /// What rules cost, where the Intake counts that.
    pub tally: Option<Box<Tally>>,
}

/// Whom an event speaks of: account, Region, service. The account is empty where the event names none.
pub type Who = (Arc<str>, Option<Arc<str>>, Source);

/// What a shard's text said about itself (a flow log's header line). Owned by whoever reads the shard, in order.
#[derive(Debug)]
pub struct ShardMemory {
    flows: FlowDecoders,
    scratch: Scratch,
    heard: Heard,
}

/// Who was heard of in the batch at hand; it goes into [`Gathered::coverage`] as a whole. Neighbours mostly speak of the same
/// account and Region, by the same shared names: only where that changes something is looked up.
#[derive(Debug, Default)]
struct Heard {
    latest: Option<(Who, Coverage)>,
    before: HashMap<Who, Coverage>,
}

impl Heard {
    fn new() -> Self {
        Heard::default()
    }

    fn hear(&mut self, who: Who, of: &Coverage) {
        match &mut self.latest {
            Some((latest, sum)) if same(latest, &who) => sum.add(of),
            latest => {
                if let Some((who, sum)) = latest.replace((who, *of)) {
                    self.before.entry(who).or_default().add(&sum);
                }
            }
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = (Who, Coverage)> {
        self.before.drain().chain(self.latest.take())
    }
}

/// Whether two are the same without looking at the names. Equal names of two allocations meet when they are looked up.
fn same(a: &Who, b: &Who) -> bool {
    let region = match (&a.1, &b.1) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    a.2 == b.2 && region && Arc::ptr_eq(&a.0, &b.0)
}

impl ShardMemory {
    /// What the shard's text said so far, apart from this one: to read the same records once more under other rules.
    #[must_use]
    pub fn fork(&self) -> Self {
        ShardMemory { flows: self.flows.clone(), scratch: Scratch::new(), heard: Heard::new() }
    }
}

/// Decodes and matches. Several may share a detector: one per configured source, each with its own hints.
#[derive(Debug, Clone)]
pub struct Intake {
    detector: Arc<Detector>,
    hints: Hints,
    flow_formats: FlowFormats,
    selected: Selected,
    /// Set: counts what rules cost.
    clock: Option<fn() -> u64>,
}

impl Intake {
    /// An Intake for a rule set (inside the detector) and what the operator said about the input.
    ///
    /// # Errors
    /// If the stated flow-log format is none: in words.
    pub fn new(detector: impl Into<Arc<Detector>>, hints: Hints) -> Result<Self, String> {
        let flow_formats = FlowFormats::new(&hints)?;
        Ok(Intake { detector: detector.into(), hints, flow_formats, selected: Selected::default(), clock: None })
    }

    /// Counts only events that are selected; others are filtered.
    #[must_use]
    pub fn select(self, selected: Selected) -> Self {
        Intake { selected, ..self }
    }

    /// Another one over the same detector, with what the operator said about other input. The stated logsources must be those that
    /// the detector was made with.
    ///
    /// # Errors
    /// If the stated flow-log format is none: in words.
    pub fn with_hints(&self, hints: Hints) -> Result<Self, String> {
        Ok(Intake { selected: self.selected.clone(), clock: self.clock, ..Intake::new(Arc::clone(&self.detector), hints)? })
    }

    /// The same, counting what each rule costs ([`Gathered::tally`]); `clock` gives nanoseconds since any moment.
    #[must_use]
    pub fn counting(self, clock: fn() -> u64) -> Self {
        Intake { clock: Some(clock), ..self }
    }

    /// What it matches with.
    #[must_use]
    pub fn detector(&self) -> &Arc<Detector> {
        &self.detector
    }

    /// The memory for a shard that starts to be read.
    #[must_use]
    pub fn shard(&self) -> ShardMemory {
        let scratch = self.clock.map_or_else(Scratch::new, Scratch::counting);
        ShardMemory { flows: self.flow_formats.decoders(), scratch, heard: Heard::new() }
    }

    /// Reads a batch of one shard, in order.
    pub fn process(&self, memory: &mut ShardMemory, batch: &[Record], out: &mut Gathered) {
        for record in batch {
            out.counts.bytes += record.bytes.len() as u64;
            out.arrival_ms = out.arrival_ms.max(record.arrival_ms);
            if record.lines { self.lines(memory, record, out) } else { self.record(memory, record, out) }
        }
        cover(&mut memory.heard, out);
        if let Some(tally) = memory.scratch.take_tally() {
            out.tally.get_or_insert_default().add(&tally);
        }
    }

    fn lines(&self, memory: &mut ShardMemory, record: &Record, out: &mut Gathered) {
        // One check for all lines; if it fails, each line is judged by itself.
        let text = std::str::from_utf8(&record.bytes).ok();
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', &record.bytes).chain(std::iter::once(record.bytes.len()));
        for (line, end) in (0u64..).zip(ends) {
            let place = Place { record, line };
            if start < end {
                match text.and_then(|text| envelope::glance(&text[start..end], &self.hints)) {
                    Some(unit) => {
                        out.counts.records += 1;
                        self.unit(memory, &unit, place.stamp(0), out);
                    }
                    None => self.line(memory, &place, &record.bytes[start..end], out),
                }
            }
            start = end + 1;
        }
    }

    fn line(&self, memory: &mut ShardMemory, place: &Place<'_>, line: &[u8], out: &mut Gathered) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            self.unwrap(memory, place, line, out);
        }
    }

    fn record(&self, memory: &mut ShardMemory, record: &Record, out: &mut Gathered) {
        self.unwrap(memory, &Place { record, line: 0 }, &record.bytes, out);
    }

    fn unwrap(&self, memory: &mut ShardMemory, place: &Place<'_>, bytes: &[u8], out: &mut Gathered) {
        let mut ordinal = 0u32;
        envelope::unwrap(bytes, &self.hints, &mut |emit| {
            let stamp = place.stamp(ordinal);
            ordinal += 1;
            out.counts.records += 1;
            match emit {
                Emit::Unit(unit) => self.unit(memory, &unit, stamp, out),
                Emit::Filtered(reason) => *out.counts.filtered.entry(reason).or_default() += 1,
                Emit::Bad(error, bytes) => refuse(out, stamp.position, error, bytes),
            }
        });
    }

    fn unit(&self, memory: &mut ShardMemory, unit: &Unit<'_>, stamp: Stamp, out: &mut Gathered) {
        match unit.form {
            Form::VpcFlow | Form::TransitGatewayFlow => self.flow(memory, unit, stamp, out),
            _ => self.detect(&mut memory.scratch, &mut memory.heard, unit, None, &stamp, out),
        }
    }

    fn flow(&self, memory: &mut ShardMemory, unit: &Unit<'_>, stamp: Stamp, out: &mut Gathered) {
        let ShardMemory { flows, scratch, heard } = memory;
        let decoder = flows.of(&self.flow_formats, unit.context.log_group.as_deref());
        let filtered = match decoder.decode(unit.text) {
            Ok(vpcflow::FlowLine::Flow(flow)) => {
                let form = if flow.is_transit_gateway() { Form::TransitGatewayFlow } else { Form::VpcFlow };
                return self.detect(scratch, heard, &Unit { form, ..unit.clone() }, Some(&flow), &stamp, out);
            }
            Ok(vpcflow::FlowLine::Header) => Filtered::Header,
            Ok(vpcflow::FlowLine::NoData { account, .. }) => {
                self.hear(heard, account, unit.form.source(), Coverage { records: 1, ..Coverage::default() });
                Filtered::NoData
            }
            Ok(vpcflow::FlowLine::SkipData { account, .. }) => {
                self.hear(heard, account, unit.form.source(), Coverage { records: 1, losses: 1, ..Coverage::default() });
                Filtered::SkipData
            }
            Ok(vpcflow::FlowLine::Empty) => Filtered::Empty,
            Err(error) => return refuse(out, stamp.position, error, unit.text.as_bytes()),
        };
        *out.counts.filtered.entry(filtered).or_default() += 1;
    }

    fn detect(
        &self,
        scratch: &mut Scratch,
        heard: &mut Heard,
        unit: &Unit<'_>,
        flow: Option<&vpcflow::Flow<'_, '_>>,
        stamp: &Stamp,
        out: &mut Gathered,
    ) {
        let before = out.detections.len();
        let seen = self.detector.detect(unit, flow, scratch, stamp, &mut out.detections);
        if let Ok(seen) = &seen
            && !self.selected.admits(seen.source, seen.account.as_deref(), seen.region.as_deref())
        {
            out.detections.truncate(before);
            *out.counts.filtered.entry(Filtered::NotSelected).or_default() += 1;
            return;
        }
        for target in scratch.without_key() {
            *out.counts.without_key.entry(*target).or_default() += 1;
        }
        match seen {
            Ok(seen) => note(out, heard, seen),
            Err(error) => refuse(out, stamp.position.clone(), error, unit.text.as_bytes()),
        }
    }

    /// Notes a record that is no event but says something about its account's interface.
    fn hear(&self, heard: &mut Heard, account: Option<&str>, source: Source, of: Coverage) {
        if self.selected.admits(source, account, None) {
            heard.hear((account.unwrap_or("").into(), None, source), &of);
        }
    }
}

/// A line of a run, or a record.
struct Place<'r> {
    record: &'r Record,
    line: u64,
}

impl Place<'_> {
    /// The stamp of the n-th event there.
    fn stamp(&self, sub_sequence: u32) -> Stamp {
        let Position { source, shard, sequence, sub_sequence: first } = &self.record.position;
        // A record that is a part of another (one item of an aggregate, driven again) keeps its place there.
        let sub_sequence = first.saturating_add(sub_sequence);
        let position = Position { source: source.clone(), shard: shard.clone(), sequence: sequence.plus(self.line), sub_sequence };
        Stamp { position, arrival_ms: self.record.arrival_ms }
    }
}

fn note(out: &mut Gathered, heard: &mut Heard, seen: Seen) {
    *out.counts.events.entry(seen.source).or_default() += 1;
    out.counts.late_events += u64::from(seen.late);
    out.counts.clock_skew += u64::from(seen.clock_skew);
    out.arrival_ms = out.arrival_ms.max(Some(seen.arrival_ms));
    if let Some(account) = seen.account {
        heard.hear((account, seen.region, seen.source), &Coverage { records: 1, losses: 0, last_ms: seen.time_ms });
    }
}

/// Enters who was heard of.
fn cover(heard: &mut Heard, out: &mut Gathered) {
    heard.drain().for_each(|(who, of)| out.coverage.entry(who).or_default().add(&of));
}

fn refuse(out: &mut Gathered, position: Position, error: DecodeError, bytes: &[u8]) {
    *out.counts.quarantined.entry(error.code).or_default() += 1;
    let kept = &bytes[..bytes.len().min(QUARANTINE_BYTES_MAX)];
    out.quarantined.push(Quarantined { position, error, bytes: kept.to_vec(), truncated: kept.len() < bytes.len() });
}

/// The bounded label of a reason, as counters and the quarantine print it.
#[must_use]
pub fn reason(code: ErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
