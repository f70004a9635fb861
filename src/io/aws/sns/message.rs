//! What a page is on the wire: message, subject, attributes, and the ids of a FIFO topic.
//!
//! Owns the marks (repeated, second channel, test), the size, and the least form of a page, which is sent when SNS refuses the whole.
//! A standard topic gets a form for each protocol; a FIFO topic, which reaches only SQS, the JSON alone: AWS states attributes only
//! for messages of one form. Pure. Never reads a field that [`tidegate_core::alert::page()`] has not made harmless, but the ids.

use serde_json::{Value, json};
use tidegate_core::alert::page::SMS_CHARACTERS_MAX;
use tidegate_core::alert::{neutral, page, severity};
use tidegate_core::event::id::hash128;
use tidegate_core::event::time::format_rfc3339;

/// What SNS takes: message, subject and attributes together.
pub const BYTES_MAX: usize = 256 << 10;
/// Attributes; a subscription with raw delivery to SQS drops a message that has more.
pub const ATTRIBUTES_MAX: usize = 10;
/// SNS wants less than 100.
const SUBJECT_CHARACTERS_MAX: usize = 99;
/// Ids of a FIFO topic.
const ID_CHARACTERS_MAX: usize = 128;
/// What an attribute's type counts for.
const TYPE: &str = "String";

/// What the receiver is to know about the way of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// It may have come before.
    pub repeated: bool,
    /// It comes by the second channel.
    pub second: bool,
    /// It is a test.
    pub test: bool,
}

impl Marks {
    /// Names and values: of attributes, and of `custom_details`.
    fn named(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = [(self.repeated, "repeated", "true"), (self.second, "channel", "second"), (self.test, "test", "true")];
        all.into_iter().filter(|(holds, ..)| *holds).map(|(_, name, value)| (name, value))
    }

    /// For the first words of a text.
    fn words(self) -> String {
        let all = [(self.test, "TEST "), (self.second, "2nd channel "), (self.repeated, "again ")];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect()
    }

    /// For people, a line each.
    fn sentences(self) -> String {
        let all = [
            (self.test, "This is a test: nothing happened.\n"),
            (self.second, "This page comes by the second channel: the first takes none.\n"),
            (self.repeated, "This page may have come before: it is the same alert.\n"),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, line)| line).collect()
    }
}

/// Ids of a message on a FIFO topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The alert's id: a repetition is dropped.
    pub deduplication: String,
    /// The alert's first account: pages of one account stay in order, and a receiver that is stuck with one account gets the others.
    pub group: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Subject of a mail.
    pub subject: Option<String>,
    /// The message.
    pub body: String,
    /// Whether the message is a JSON object with a form for each protocol.
    pub structured: bool,
    /// Attributes; all are strings, none is empty.
    pub attributes: Vec<(&'static str, String)>,
    /// On a FIFO topic.
    pub order: Option<Order>,
}

impl Message {
    /// What SNS counts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let attributes: usize = self.attributes.iter().map(|(name, value)| name.len() + TYPE.len() + value.len()).sum();
        self.body.len() + self.subject.as_ref().map_or(0, String::len) + attributes
    }
}

/// The page of an alert's document. What does not fit is cut to the least form, and says so.
#[must_use]
pub fn of_page(document: &Value, alert: &str, fifo: bool, marks: Marks) -> Message {
    let page = page(document);
    let json = marked(&page.json, marks);
    let forms = Forms {
        subject: format!("{}{}", marks.words(), page.subject),
        text: page.text.replacen("\n\n", &format!("\n{}\n", marks.sentences()), 1),
        sms: format!("{}{}", marks.words(), page.sms),
        json,
    };
    let attributes = page.attributes.into_iter().chain(marks.named().map(|(name, value)| (name, value.to_owned())));
    let message = put_together(forms, attributes.take(ATTRIBUTES_MAX).collect(), order(document, alert, fifo));
    if message.bytes() > BYTES_MAX { least(document, alert, fifo, marks) } else { message }
}

/// The least a page can say: how severe, which alert. ASCII, and nothing of an event.
#[must_use]
pub fn least(document: &Value, alert: &str, fifo: bool, marks: Marks) -> Message {
    let level = level(document);
    let id = id(alert);
    let heading = format!("{}[{}] alert {id}", marks.words(), severity::name(level).to_uppercase());
    let text = format!("{heading}\n\n{}The page was cut: read it with `tidegate alerts show {id}`.\n", marks.sentences());
    let details = json!({"cut": true, "severity": severity::route(level)});
    let summary = format!("{heading}: the page was cut");
    let payload = json!({"summary": summary, "severity": severity::pager(level), "source": "tidegate", "custom_details": details});
    let event = json!({"event_action": "trigger", "dedup_key": id, "client": "Tidegate", "payload": payload}).to_string();
    let forms = Forms { subject: heading.clone(), text, sms: format!("{heading}: cut"), json: marked(&event, marks) };
    put_together(forms, vec![("severity", severity::route(level).to_owned())], order(document, alert, fifo))
}

/// What is said on the first channel when it takes pages again.
#[must_use]
pub fn of_return(pages: u64, since_ms: i64, now_ms: i64, fifo: bool) -> Message {
    let (from, to) = (format_rfc3339(since_ms), format_rfc3339(now_ms));
    let text =
        format!("{pages} pages went by the second channel from {from} to {to}, because this topic took none. They are not sent again.");
    let details = json!({"pages": pages, "from": from, "to": to, "channel": "second"});
    let payload = json!({"summary": text, "severity": "warning", "source": "tidegate", "timestamp": to, "custom_details": details});
    let key = format!("tidegate-second-channel-{since_ms}");
    let json = json!({"event_action": "trigger", "dedup_key": key, "client": "Tidegate", "payload": payload}).to_string();
    let sms = format!("[INFO] {pages} pages went by the second channel until {to}");
    let forms = Forms { subject: format!("[INFO] {pages} pages went by the second channel"), text, sms, json };
    let order = fifo.then(|| Order { deduplication: key, group: "tidegate".to_owned() });
    put_together(forms, vec![("severity", "informational".to_owned())], order)
}

/// The document of a test page for a route.
#[must_use]
pub fn test_document(route: &str, id: &str, now_ms: i64) -> Value {
    let level = if route == severity::route(5) { 5 } else { 4 };
    json!({
        "@timestamp": format_rfc3339(now_ms),
        "severity_id": level,
        "message": "TEST: `tidegate doctor --test-page` sent this page. Nothing happened, and nothing is to be done.",
        "start_time": now_ms,
        "end_time": now_ms,
        "count": 1,
        "is_alert": false,
        "finding_info": {"uid": id, "title": "Test page", "analytic": {"uid": "tidegate-doctor"}},
        "tidegate": {"kind": "detection"},
    })
}

struct Forms {
    subject: String,
    text: String,
    sms: String,
    json: String,
}

fn put_together(forms: Forms, attributes: Vec<(&'static str, String)>, order: Option<Order>) -> Message {
    let Forms { subject, text, sms, json } = forms;
    if order.is_some() {
        return Message { subject: None, body: json, structured: false, attributes, order };
    }
    let body = json!({
        "default": text, "email": text, "sms": short(&sms),
        "http": json, "https": json, "sqs": json, "lambda": json,
    });
    Message { subject: Some(heading(&subject)), body: body.to_string(), structured: true, attributes, order }
}

/// Printable ASCII, as SNS wants a subject.
fn heading(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(SUBJECT_CHARACTERS_MAX).collect()
}

/// One text message. The sign of an omission would force its whole text into an alphabet of twice the size.
fn short(text: &str) -> String {
    match neutral::cut(text, SMS_CHARACTERS_MAX).strip_suffix('…') {
        Some(start) => start.chars().take(SMS_CHARACTERS_MAX - 3).chain("...".chars()).collect(),
        None => text.to_owned(),
    }
}

/// The page for machines with its marks.
fn marked(json: &str, marks: Marks) -> String {
    let Ok(mut event) = serde_json::from_str::<Value>(json) else { return json.to_owned() };
    for (name, value) in marks.named() {
        event["payload"]["custom_details"][name] = if value == "true" { true.into() } else { value.into() };
    }
    event.to_string()
}

fn order(document: &Value, alert: &str, fifo: bool) -> Option<Order> {
    let account = document["tidegate"]["accounts"][0].as_str().filter(|a| !a.is_empty()).unwrap_or("none");
    fifo.then(|| Order { deduplication: id(alert), group: id(account) })
}

/// As SNS takes ids; another text by its hash.
fn id(text: &str) -> String {
    let good = !text.is_empty() && text.len() <= ID_CHARACTERS_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    if good { text.to_owned() } else { format!("{:032x}", hash128(text.as_bytes())) }
}

fn level(document: &Value) -> u8 {
    document["severity_id"].as_u64().and_then(|n| u8::try_from(n).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
