//! Envelopes: takes events out of what carries them, recognised by content, nested in any order.
//!
//! Owns transport (gzip, KPL aggregates, base64, NDJSON, `}{`, arrays, `{"Records": ...}`, CloudWatch Logs, EventBridge, SNS,
//! SQS, Firehose, API output) and recognises each event's form. Never decodes an event, never drops a byte unseen: everything
//! ends as a unit, as filtered or as bad, and what is broken costs only itself. Limits: an event of 10 MiB, an envelope of
//! 64 MiB (a trail file is one), envelopes nested 8 deep, 256 MiB decompressed per record over all layers.
//!
//! A stated form ([`Hints::form`]) is given to every JSON object that is no envelope, unless its content says another shape of
//! the same source. For a stated logsource (`Form::Generic`) only compression, framing and arrays are undone.

mod bridge;
mod form;
mod known;
mod lambda;
mod lines;
mod list;
mod logs;
mod sns;

use super::json::{Members, Piece, is_json, split_stream, unescape};
use super::limits::{ENVELOPE_DEPTH_MAX, GUNZIP_BYTES_MAX, RECORD_BYTES_MAX, VALUE_BYTES_MAX};
use super::{Context, DecodeError, Emit, ErrorCode, Filtered, Hints, Unit, gzip, kpl};
use crate::event::Form;
use known::{Key, Known};
use std::borrow::Cow;

/// Takes the events out of one record and hands each to `emit`, in order. At least one thing is emitted.
pub fn unwrap(bytes: &[u8], hints: &Hints, emit: &mut dyn for<'x> FnMut(Emit<'x>)) {
    let mut unwrapper = Unwrapper { hints, emit, emitted: 0, refused: 0, budget: 4 * GUNZIP_BYTES_MAX };
    if bytes.len() > VALUE_BYTES_MAX {
        let detail = "the record is longer than 64 MiB";
        return unwrapper.bad(ErrorCode::RecordTooLarge, detail, bytes);
    }
    unwrapper.bytes(bytes, &Context::default(), 0);
}

/// What [`unwrap`] gives for a line, when it is one unit and a glance tells so: most flow-log lines. `None` says nothing.
#[must_use]
pub fn glance<'a>(line: &'a str, hints: &Hints) -> Option<Unit<'a>> {
    lines::flow_line(line, hints)
}

/// The state of unwrapping one record. Methods emit what they find; `depth` counts the envelopes around.
struct Unwrapper<'h> {
    hints: &'h Hints,
    emit: &'h mut dyn for<'x> FnMut(Emit<'x>),
    emitted: usize,
    refused: usize,
    budget: usize,
}

impl Unwrapper<'_> {
    /// Bytes of any kind.
    fn bytes(&mut self, bytes: &[u8], context: &Context<'_>, depth: usize) {
        if depth > ENVELOPE_DEPTH_MAX {
            return self.bad(ErrorCode::EnvelopeTooDeep, "envelopes nest deeper than 8", bytes);
        }
        if gzip::is_gzip(bytes) {
            return self.gzip(bytes, context, depth);
        }
        if let Some(records) = kpl::is_aggregate(bytes).then(|| kpl::user_records(bytes)).flatten() {
            let before = self.emitted;
            records.iter().for_each(|record| self.bytes(record.data, context, depth + 1));
            return self.empty_unless_emitted(before);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text, context, depth),
            Err(_) => self.partly_text(bytes, context, depth),
        }
    }

    fn gzip(&mut self, bytes: &[u8], context: &Context<'_>, depth: usize) {
        let gunzipped = gzip::gunzip(bytes, self.budget);
        self.budget -= gunzipped.output.len();
        let refused = gunzipped.refused;
        if !gunzipped.output.is_empty() || refused.is_none() {
            self.bytes(&gunzipped.output, context, depth + 1);
        }
        if let Some((error, offset)) = refused {
            self.put(Emit::Bad(error, &bytes[offset..]));
        }
    }

    /// Bytes that are not all UTF-8: the lines that are go on, the others are bad. Another compression is named.
    fn partly_text(&mut self, bytes: &[u8], context: &Context<'_>, depth: usize) {
        let zlib = matches!(bytes, [0x78, flags, ..] if (0x7800 | u16::from(*flags)).is_multiple_of(31));
        if zlib || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let detail = "compressed with zlib or zstd; only gzip is read";
            return self.bad(ErrorCode::CompressionUnsupported, detail, bytes);
        }
        let mut rest = bytes;
        while let Err(error) = std::str::from_utf8(rest) {
            let valid = error.valid_up_to();
            let start = memchr::memrchr(b'\n', &rest[..valid]).map_or(0, |newline| newline + 1);
            let end = memchr::memchr(b'\n', &rest[valid..]).map_or(rest.len(), |newline| valid + newline + 1);
            self.valid_text(&rest[..start], context, depth);
            let error = DecodeError::new(ErrorCode::NotUtf8, valid - start, "text that is no UTF-8");
            self.put(Emit::Bad(error, rest[start..end].trim_ascii_end()));
            rest = &rest[end..];
        }
        self.valid_text(rest, context, depth);
    }

    fn valid_text(&mut self, bytes: &[u8], context: &Context<'_>, depth: usize) {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.trim_ascii().is_empty() => self.text(text, context, depth),
            _ => {}
        }
    }

    /// JSON documents and lines.
    fn text(&mut self, text: &str, context: &Context<'_>, depth: usize) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let before = self.emitted;
        let (mut stream, mut members) = (split_stream(text), Members::new());
        let mut lines = lines::Unknown::default();
        while let Some(piece) = stream.next_with(&mut members) {
            match piece {
                Piece::Line(line) => self.line(line, context, &mut lines),
                Piece::Value(value) => {
                    self.unknown_lines(&mut lines);
                    self.value(value, &members, context, depth);
                }
                Piece::Bad(error, bytes) => {
                    self.unknown_lines(&mut lines);
                    self.broken(error, bytes, context, depth);
                }
            }
        }
        self.unknown_lines(&mut lines);
        self.empty_unless_emitted(before);
    }

    /// A well-formed object (with its members) or array.
    fn value(&mut self, text: &str, members: &Members<'_>, context: &Context<'_>, depth: usize) {
        if text.starts_with('{') {
            self.object(text, &Known::of(members), context, depth);
        } else {
            self.array(text, context, depth);
        }
    }

    /// A document that is malformed somewhere: a list inside is still read, element by element.
    fn broken(&mut self, error: DecodeError, text: &str, context: &Context<'_>, depth: usize) {
        let mut members = Members::new();
        super::json::lenient_members(text, &mut members);
        let known = Known::of(&members);
        let before = (self.emitted, self.refused);
        if self.interprets_envelopes() && depth < ENVELOPE_DEPTH_MAX {
            self.list_envelope(&known, context, depth + 1);
        }
        if text.starts_with('[') {
            self.array(text, context, depth);
        }
        if self.refused == before.1 {
            // The list was whole: only what stands behind the fault is bad.
            let from = if self.emitted == before.0 { 0 } else { text.floor_char_boundary(error.offset) };
            self.put(Emit::Bad(error, &text.as_bytes()[from..]));
        }
    }

    /// An object: an envelope, or an event.
    fn object(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) {
        if depth > ENVELOPE_DEPTH_MAX {
            return self.bad(ErrorCode::EnvelopeTooDeep, "envelopes nest deeper than 8", text.as_bytes());
        }
        if self.interprets_envelopes() && self.envelope(text, known, context, depth + 1) {
            return;
        }
        match self.form_of(text, known) {
            Some(_) if text.len() > RECORD_BYTES_MAX => {
                self.bad(ErrorCode::RecordTooLarge, "an event longer than 10 MiB", text.as_bytes());
            }
            Some(form) => self.put(Emit::Unit(Unit { form, text, context })),
            None => self.unknown_object(text, known, context, depth),
        }
    }

    fn interprets_envelopes(&self) -> bool {
        !matches!(self.hints.form, Some(Form::Generic(_)))
    }

    fn states_flow(&self) -> bool {
        matches!(self.hints.form, Some(Form::VpcFlow | Form::TransitGatewayFlow))
    }

    /// Unwraps an envelope, if the object is one.
    fn envelope(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        self.event_bridge(text, known, context, depth)
            || self.list_envelope(known, context, depth)
            || self.aws_logs(known, context, depth)
            || self.notification(known, context, depth)
            || self.trail_event(known, context, depth)
            || self.queue_message(known, context, depth)
            || self.kinesis_record(text, known, context, depth)
            || self.stream_record(text, known, context, depth)
    }

    /// The stated form, or what the content says.
    fn form_of(&self, text: &str, known: &Known<'_>) -> Option<Form> {
        let found = || form::recognise(known);
        match self.hints.form {
            Some(stated @ Form::Generic(_)) => Some(stated),
            Some(Form::VpcFlow | Form::TransitGatewayFlow) | None => found(),
            // A document without members is no event of anything.
            Some(_) if text.trim_start_matches('{').trim_ascii_start().starts_with('}') => None,
            Some(stated) => Some(found().filter(|form| form.source() == stated.source()).unwrap_or(stated)),
        }
    }

    /// No form: a wrapped log line, a notice, or bad.
    fn unknown_object(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) {
        let readable = |message: &str| is_json(message.as_bytes()) || self.states_flow() || lines::form_of(message).is_some();
        let message = known.text(Key::message).filter(|message| self.interprets_envelopes() && readable(message));
        if let Some(message) = message {
            return self.bytes(message.as_bytes(), context, depth + 1);
        }
        if known.text(Key::Event).is_some_and(|event| event == "s3:TestEvent") {
            return self.filtered(Filtered::Notice);
        }
        self.bad(ErrorCode::UnknownShape, "a JSON object of no known shape; state its format or logsource", text.as_bytes());
    }

    fn put(&mut self, emit: Emit<'_>) {
        self.emitted += 1;
        self.refused += usize::from(matches!(emit, Emit::Bad(..)));
        (self.emit)(emit);
    }

    fn filtered(&mut self, why: Filtered) {
        self.put(Emit::Filtered(why));
    }

    fn bad(&mut self, code: ErrorCode, detail: &'static str, bytes: &[u8]) {
        self.put(Emit::Bad(DecodeError::new(code, 0, detail), bytes));
    }

    fn empty_unless_emitted(&mut self, before: usize) {
        if self.emitted == before {
            self.filtered(Filtered::Empty);
        }
    }
}

/// The text of a value that is a JSON string.
fn string(value: &str) -> Option<Cow<'_, str>> {
    let raw = value.strip_prefix('"')?.strip_suffix('"')?;
    Some(if raw.contains('\\') { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) })
}

#[cfg(test)]
mod tests;
