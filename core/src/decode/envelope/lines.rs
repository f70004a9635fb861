//! Lines that are no JSON: flow logs, or bad.

use super::Unwrapper;
use crate::decode::limits::ENVELOPE_DEPTH_MAX;
use crate::decode::{Context, Emit, ErrorCode, Filtered, Hints, Unit};
use crate::event::Form;
use crate::event::flow::Column;
use std::net::IpAddr;

/// Fewest and most columns of a line that is taken for a flow log without being told.
const COLUMNS: std::ops::RangeInclusive<usize> = 5..=80;

/// Longer lines take the careful way, which knows the limit of a record.
const FLOW_LINE_MAX: usize = 64 * 1024;

/// Lines in a row that nobody knows: one bad thing, not one per line.
#[derive(Default)]
pub(super) struct Unknown<'a> {
    lines: Vec<&'a str>,
}

impl Unwrapper<'_> {
    /// One line. White space alone has been skipped before.
    pub(super) fn line<'a>(&mut self, line: &'a str, context: &Context<'_>, unknown: &mut Unknown<'a>) {
        let form = match self.hints.form {
            Some(stated @ (Form::VpcFlow | Form::TransitGatewayFlow)) => Some(stated),
            Some(_) => None,
            None => form_of(line),
        };
        match form {
            Some(form) => {
                self.unknown_lines(unknown);
                self.put(Emit::Unit(Unit { form, text: line, context }));
            }
            None => unknown.lines.push(line),
        }
    }

    /// Emits the unknown lines gathered so far.
    pub(super) fn unknown_lines(&mut self, unknown: &mut Unknown<'_>) {
        if unknown.lines.is_empty() {
            return;
        }
        let text = unknown.lines.join("\n");
        unknown.lines.clear();
        self.bad(ErrorCode::UnknownShape, "text that is neither JSON nor a flow-log line", text.as_bytes());
    }

    /// The message of a log event: JSON in any envelope, or a line.
    pub(super) fn message(&mut self, message: &str, context: &Context<'_>, depth: usize) {
        if message.trim_ascii().is_empty() {
            return self.filtered(Filtered::Empty);
        }
        match flow_line(message, self.hints) {
            // What `bytes` would come to.
            Some(unit) if depth <= ENVELOPE_DEPTH_MAX => self.put(Emit::Unit(Unit { context, ..unit })),
            _ => self.bytes(message.as_bytes(), context, depth),
        }
    }
}

/// The one unit that [`super::unwrap`] gives for a text, when a glance tells that it is a flow-log line of version 2 and
/// nothing else; `None` says nothing.
pub(super) fn flow_line<'a>(text: &'a str, hints: &Hints) -> Option<Unit<'a>> {
    const NOTHING: &Context<'static> = &Context {
        log_event_id: None,
        log_event_ms: None,
        log_group: None,
        account: None,
        region: None,
        detail_type: None,
        envelope_ms: None,
    };
    let form = match hints.form {
        None => Form::VpcFlow,
        Some(stated @ (Form::VpcFlow | Form::TransitGatewayFlow)) => stated,
        Some(_) => return None,
    };
    let line = text.trim_ascii_end();
    let whole = is_default_version_2(line) && line.len() <= FLOW_LINE_MAX && memchr::memchr(b'\n', line.as_bytes()).is_none();
    whole.then_some(Unit { form, text: line, context: NOTHING })
}

/// The flow-log form of a line, if it surely is one: a header, or columns as flow logs have them.
pub(super) fn form_of(line: &str) -> Option<Form> {
    let line = line.trim_ascii_end();
    if is_default_version_2(line) {
        return Some(Form::VpcFlow);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b" -.:/_%+,".contains(&b);
    if !line.bytes().all(plain) || !COLUMNS.contains(&line.split(' ').count()) {
        return None;
    }
    let header = line.split(' ').all(|column| Column::from_name(column).is_some());
    let evidence = line.split(' ').filter(|column| speaks_for_flow(column)).count();
    let gateway = line.split(' ').any(|column| column.starts_with("tgw-") || column.starts_with("TransitGateway"));
    (header || evidence >= 2).then_some(if gateway { Form::TransitGatewayFlow } else { Form::VpcFlow })
}

/// `2 123456789012 eni-...`: what most lines are, told without looking at all of it.
fn is_default_version_2(line: &str) -> bool {
    let b = line.as_bytes();
    b.len() > 19 && b[..2] == *b"2 " && b[2..14].iter().all(u8::is_ascii_digit) && b[14..19] == *b" eni-"
}

fn speaks_for_flow(column: &str) -> bool {
    const WORDS: [&str; 5] = ["ACCEPT", "REJECT", "NODATA", "SKIPDATA", "TransitGateway"];
    const PREFIXES: [&str; 5] = ["eni-", "vpc-", "subnet-", "i-", "tgw-"];
    WORDS.contains(&column)
        || PREFIXES.iter().any(|prefix| column.starts_with(prefix))
        || (column.contains(['.', ':']) && column.parse::<IpAddr>().is_ok())
}
