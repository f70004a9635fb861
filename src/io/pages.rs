//! Pages to the program's log, and to a file if one is named: the receiver of an installation that has no other yet.
//!
//! Owns the lane `log`. A page is one line of the log with the target `page`, at level `error` for critical and high alerts, `warn` for
//! the rest. Text that may come from events is neutralised. Never decides who is paged. Limits: a log takes the same page twice; one that may be
//! a repetition is marked (`repeated`), and its `alert` is the same.

use super::line_file::LineFile;
use super::ndjson::{MaySend, NOT_OURS};
use super::port::{Delivery, Outcome, Sink};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_core::alert::{neutral, page, severity};

/// From this severity on a page is an error in the log: high.
const ERROR_SEVERITY: u8 = 4;

/// Writes pages to the log.
pub struct LogPages {
    file: Option<LineFile>,
    may_send: MaySend,
}

impl std::fmt::Debug for LogPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogPages").field("file", &self.file).finish_non_exhaustive()
    }
}

impl LogPages {
    /// Pages go to the log; to the file they go as JSON lines with the names of PagerDuty's Events API v2.
    ///
    /// # Errors
    /// If the file cannot be opened: in words.
    pub fn open(file: Option<PathBuf>, may_send: MaySend) -> Result<Self, String> {
        Ok(LogPages { file: file.map(LineFile::open).transpose()?, may_send })
    }

    fn page(&mut self, delivery: &Delivery) -> Outcome {
        let Ok(document) = serde_json::from_str::<Value>(&delivery.document) else {
            return Outcome::Refused("the document of the alert is no JSON".to_owned());
        };
        if !(self.may_send)() {
            return Outcome::Again(NOT_OURS.to_owned());
        }
        if let Some(file) = &mut self.file {
            let json = machine(&document, delivery.repeated);
            if let Err(why) = file.append([json.as_str()]) {
                return Outcome::Again(why);
            }
        }
        log(&document, delivery);
        Outcome::Taken
    }
}

impl Sink for LogPages {
    fn lane(&self) -> Arc<str> {
        "log".into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        deliveries.iter().map(|delivery| self.page(delivery)).collect()
    }
}

/// The page for machines; one that the receiver may have already says so.
fn machine(document: &Value, repeated: bool) -> String {
    let json = page(document).json;
    match serde_json::from_str::<Value>(&json) {
        Ok(mut value) if repeated => {
            value["payload"]["custom_details"]["repeated"] = true.into();
            value.to_string()
        }
        _ => json,
    }
}

fn log(document: &Value, delivery: &Delivery) {
    let text = |pointer: &str| neutral::terminal(document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()).into_owned();
    let level = document["severity_id"].as_u64().and_then(|n| u8::try_from(n).ok()).unwrap_or(0);
    let listed = document["tidegate"]["accounts"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let accounts = neutral::terminal(&listed.take(10).collect::<Vec<_>>().join(",")).into_owned();
    let (alert, route, severity) = (neutral::terminal(&delivery.alert), neutral::terminal(&delivery.route), severity::route(level));
    let (title, why, repeated) = (text("/finding_info/title"), text("/message"), delivery.repeated);
    if level >= ERROR_SEVERITY {
        tracing::error!(target: "page", %alert, %route, %severity, %title, %accounts, repeated, "{why}");
    } else {
        tracing::warn!(target: "page", %alert, %route, %severity, %title, %accounts, repeated, "{why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Format, testing::recorded};

    fn delivery(severity: u8, title: &str, repeated: bool) -> Delivery {
        let document = serde_json::json!({
            "severity_id": severity,
            "message": format!("why {title}"),
            "finding_info": {"uid": "a1", "title": title},
            "tidegate": {"kind": "correlation", "accounts": ["111122223333", "444455556666"], "revision": 1},
        });
        let document: Arc<str> = document.to_string().into();
        Delivery { alert: "a1".into(), version: 1, route: "high".into(), document, repeated }
    }

    fn pages(file: Option<PathBuf>) -> LogPages {
        LogPages::open(file, Box::new(|| true)).unwrap()
    }

    #[test]
    fn a_page_is_one_line_of_the_log_whatever_the_event_says() {
        let hostile = "x\u{1b}[2J\r\nERROR page: forged \u{202e}gnp";
        let text = recorded("info", Format::Text, || {
            assert_eq!(pages(None).deliver(&[delivery(5, hostile, false), delivery(3, "calm", true)]), [Outcome::Taken, Outcome::Taken]);
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text}");
        for part in
            ["ERROR page: why x\\u{1b}[2J\\r\\nERROR page: forged", "alert=a1", "route=high", "severity=critical", "title=x\\u{1b}[2J"]
        {
            assert!(lines[0].contains(part), "{part} in {}", lines[0]);
        }
        assert!(lines[0].contains("accounts=111122223333,444455556666 repeated=false"), "{}", lines[0]);
        assert!(lines[1].contains(" WARN page: why calm") && lines[1].ends_with("repeated=true"), "{}", lines[1]);
        let json = recorded("info", Format::Json, || {
            pages(None).deliver(&[delivery(4, hostile, false)]);
        });
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["target"], &json["level"], &json["fields"]["alert"]), (&"page".into(), &"ERROR".into(), &"a1".into()));
        assert!(!json["fields"]["title"].as_str().unwrap().contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn a_file_gets_the_page_for_machines_and_repetitions_are_marked() {
        let path = std::env::temp_dir().join(format!("tidegate-pages-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut sink = pages(Some(path.clone()));
        sink.deliver(&[delivery(5, "t", false), delivery(5, "t", true)]);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line["dedup_key"] == "a1" && line["event_action"] == "trigger"));
        let repeated: Vec<&Value> = lines.iter().map(|line| &line["payload"]["custom_details"]["repeated"]).collect();
        assert_eq!(repeated, [&Value::Null, &Value::Bool(true)]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_may_not_be_sent_waits_and_what_is_no_document_is_refused() {
        let mut fenced = LogPages::open(None, Box::new(|| false)).unwrap();
        let broken = Delivery { document: "{".into(), ..delivery(5, "t", false) };
        let silent = recorded("info", Format::Text, || {
            let outcomes = fenced.deliver(&[delivery(5, "t", false), broken]);
            assert!(matches!(&outcomes[..], [Outcome::Again(_), Outcome::Refused(_)]), "{outcomes:?}");
        });
        assert_eq!(silent, "");
    }
}
