//! Whose fault a refusal is: the table of answers, item by item and request by request.
//!
//! Owns the table. What it does not know is nobody's document's fault: it is tried again, with an alarm, and nothing is thrown away.

use crate::io::clock::now_ms;
use tidegate_core::event::time::{DAY_MS, civil_from_days};

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The document's: never.
    Document(String),
    /// The moment's: again, with less at once.
    Pressure(String),
    /// The cluster's, the index's or ours: again, slowly, and somebody must look. The rest of the lane would meet the same.
    Cluster(String),
    /// The request's as a whole: of the parts of it some may be good. A single document in it is refused.
    Whole(String),
}

/// An index takes no more documents when its month ended so long ago: retention has closed it.
const CLOSED_DAYS: i64 = 40;
/// Letters of OpenSearch's own words that are kept: they quote documents.
const REASON_LETTERS_MAX: usize = 500;

/// Reasons of OpenSearch.
pub(super) const BLOCKED: &str = "cluster_block_exception";

/// What an error object says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// `type`.
    pub(super) kind: String,
    /// `reason`, with those of its causes.
    pub(super) reason: String,
}

impl Said {
    /// Reads `error`: an object, or a text.
    pub(super) fn read(error: &serde_json::Value) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(words) = error.as_str() {
            return Said { kind: String::new(), reason: cut(words) };
        }
        let (mut reason, mut cause) = (text(&error["reason"]), &error["caused_by"]);
        for _ in 0..4 {
            if let Some(deeper) = cause["reason"].as_str().filter(|r| !reason.contains(r)) {
                reason = format!("{reason}: {deeper}");
            }
            cause = &cause["caused_by"];
        }
        Said { kind: text(&error["type"]), reason: cut(&reason) }
    }

    /// Reads the body of an answer: OpenSearch says `error`, the door that AWS puts before it says `message`.
    pub(super) fn of_body(body: &serde_json::Value) -> Self {
        let door = [&body["message"], &body["Message"]].into_iter().find(|words| body["error"].is_null() && words.is_string());
        Said::read(door.unwrap_or(&body["error"]))
    }

    fn words(&self) -> String {
        format!("{}: {}", self.kind, self.reason)
    }
}

fn cut(text: &str) -> String {
    tidegate_core::alert::neutral::cut(text, REASON_LETTERS_MAX)
}

/// What the status of an item means; `None`: it is taken (a version conflict says that a newer version is there).
pub(super) fn of_item(status: u16, said: &Said, index: &str) -> Option<Fault> {
    let words = || said.words();
    let cluster = |remedy: &str| Some(Fault::Cluster(format!("index {index}: {}: {remedy}", said.words())));
    let kind = said.kind.as_str();
    match status {
        200 | 201 | 409 => None,
        429 | 500.. => Some(Fault::Pressure(pressure(status, kind))),
        _ if matches!(kind, "rejected_execution_exception" | "circuit_breaking_exception" | "unavailable_shards_exception") => {
            Some(Fault::Pressure(pressure(status, kind)))
        }
        403 if kind == BLOCKED && past_its_period(index, now_ms()) => Some(Fault::Document(format!("{}: its month is closed", words()))),
        403 if kind == BLOCKED => cluster("remove the block from the index; deliveries wait until then"),
        403 => cluster("give this user the role that `docs/opensearch.md` names; deliveries wait until then"),
        404 => cluster("let this user create indices (`action.auto_create_index`); deliveries wait until then"),
        400 if kind == "validation_exception" => {
            cluster("raise `cluster.max_shards_per_node` or remove indices; deliveries wait until then")
        }
        400 if kind == "index_closed_exception" => cluster("open the index; deliveries wait until then"),
        400 if kind == "invalid_index_name_exception" => cluster("correct `sinks.opensearch.index_prefix`; deliveries wait until then"),
        400 if said.reason.contains("no write index") => {
            cluster("an alias has the name of the index: remove it; deliveries wait until then")
        }
        400 | 413 => Some(Fault::Document(words())),
        _ => cluster("this answer is not known; deliveries wait until it changes"),
    }
}

/// The same words for the same cause: OpenSearch's own name task numbers.
fn pressure(status: u16, kind: &str) -> String {
    let kind = if kind.is_empty() { String::new() } else { format!(", {kind}") };
    format!("OpenSearch is under pressure (status {status}{kind})")
}

/// What the status of a whole request means; `None`: its items tell.
pub(super) fn of_request(status: u16, body: &[u8]) -> Option<Fault> {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = parsed.as_ref().map(Said::of_body).unwrap_or_default();
    let blocked = said.kind == BLOCKED;
    Some(match status {
        200 | 201 => return None,
        401 => {
            Fault::Cluster("OpenSearch does not know this user or password (401): correct `sinks.opensearch.user` and `password`".into())
        }
        403 if blocked => Fault::Cluster(format!("OpenSearch takes no writes: {}: remove the block", said.words())),
        403 => Fault::Cluster(format!(
            "OpenSearch forbids writing (403): {}: give this user, or whoever signs, the writer's role",
            said.words()
        )),
        413 => Fault::Whole("the request is too large for OpenSearch (413)".into()),
        408 | 429 | 500.. => Fault::Pressure(pressure(status, &said.kind)),
        // Something on the way (a proxy, a load balancer) answers in its own words; then no document is to blame.
        400 if said.kind.is_empty() => Fault::Cluster("a request was refused (400), but not in OpenSearch's words: look at `url`".into()),
        400 => Fault::Whole(said.words()),
        300..400 => Fault::Cluster(format!("OpenSearch points elsewhere ({status}): write its own address as `sinks.opensearch.url`")),
        _ => Fault::Cluster(format!("OpenSearch answered {status}: {}: look at `sinks.opensearch.url`", said.words())),
    })
}

/// Whether an index is of a month that ended long ago.
fn past_its_period(index: &str, now_ms: i64) -> bool {
    let Some((year, month)) = index.rsplit('-').next().and_then(|period| period.split_once('.')) else { return false };
    let (Ok(year), Ok(month)) = (year.parse::<i64>(), month.parse::<i64>()) else { return false };
    let (now_year, now_month, _) = civil_from_days(now_ms.div_euclid(DAY_MS) - CLOSED_DAYS);
    12 * year + month < 12 * now_year + i64::from(now_month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const INDEX: &str = "tidegate-alerts-v1-9999.01";

    fn said(kind: &str, reason: &str) -> Said {
        Said { kind: kind.into(), reason: reason.into() }
    }

    fn name(fault: Option<Fault>) -> &'static str {
        match fault {
            None => "taken",
            Some(Fault::Document(_)) => "document",
            Some(Fault::Pressure(_)) => "pressure",
            Some(Fault::Cluster(_)) => "cluster",
            Some(Fault::Whole(_)) => "whole",
        }
    }

    #[test]
    fn every_row_of_the_table_of_items() {
        let rows = [
            (200, "", "", "taken"),
            (201, "", "", "taken"),
            (409, "version_conflict_engine_exception", "[a]: version conflict", "taken"),
            (429, "rejected_execution_exception", "queue capacity = 1", "pressure"),
            (429, "circuit_breaking_exception", "", "pressure"),
            (429, BLOCKED, "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark", "pressure"),
            (503, "unavailable_shards_exception", "", "pressure"),
            (500, "", "", "pressure"),
            (400, "mapper_parsing_exception", "failed to parse field", "document"),
            (400, "strict_dynamic_mapping_exception", "", "document"),
            (400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded", "document"),
            (400, "illegal_argument_exception", "no write index is defined for alias [x]", "cluster"),
            (400, "validation_exception", "this action would add [2] total shards", "cluster"),
            (400, "index_closed_exception", "closed", "cluster"),
            (400, "invalid_index_name_exception", "", "cluster"),
            (403, BLOCKED, "FORBIDDEN/8/index write (api)", "cluster"),
            (403, "security_exception", "no permissions for", "cluster"),
            (404, "index_not_found_exception", "no such index", "cluster"),
            (418, "teapot", "", "cluster"),
        ];
        for (status, kind, reason, want) in rows {
            assert_eq!(name(of_item(status, &said(kind, reason), INDEX)), want, "{status} {kind}");
        }
        assert_eq!(name(of_item(403, &said(BLOCKED, "FORBIDDEN/8"), "tidegate-alerts-v1-2020.01")), "document");
    }

    #[test]
    fn every_row_of_the_table_of_requests() {
        let error = |kind: &str| json!({"error": {"type": kind, "reason": "r"}, "status": 0}).to_string();
        let rows = [
            (200, String::new(), "taken"),
            (429, error("rejected_execution_exception"), "pressure"),
            (502, "<html>".to_owned(), "pressure"),
            (503, String::new(), "pressure"),
            (504, String::new(), "pressure"),
            (413, String::new(), "whole"),
            (400, error("action_request_validation_exception"), "whole"),
            (400, "<html>Bad Request</html>".to_owned(), "cluster"),
            (401, "Unauthorized".to_owned(), "cluster"),
            (403, error(BLOCKED), "cluster"),
            (403, error("security_exception"), "cluster"),
            (301, String::new(), "cluster"),
            (404, String::new(), "cluster"),
        ];
        for (status, body, want) in rows {
            assert_eq!(name(of_request(status, body.as_bytes())), want, "{status} {body}");
        }
    }

    #[test]
    fn what_the_door_before_a_domain_says_is_told() {
        let said = "User: arn:aws:sts::111122223333:assumed-role/x/t is not authorized to perform: es:ESHttpPost";
        let Some(Fault::Cluster(why)) = of_request(403, json!({"Message": said}).to_string().as_bytes()) else { panic!("no fault") };
        assert!(why.contains(said), "{why}");
    }

    #[test]
    fn a_month_is_closed_forty_days_after_its_end() {
        let at = |text: &str| tidegate_core::event::time::parse_rfc3339_ms(text).expect("a time");
        assert!(!past_its_period("x-v1-2026.01", at("2026-03-11T00:00:00Z")));
        assert!(past_its_period("x-v1-2026.01", at("2026-03-14T00:00:00Z")));
        assert!(past_its_period("x-v1-2025.12", at("2026-03-01T00:00:00Z")));
        assert!(!past_its_period("x-v1-2026.13x", at("2030-01-01T00:00:00Z")));
        assert!(!past_its_period("other", at("2030-01-01T00:00:00Z")));
    }

    #[test]
    fn the_cause_is_told_with_the_reason_and_cut() {
        let error = json!({"type": "mapper_parsing_exception", "reason": "failed", "caused_by": {"type": "x", "reason": "For input"}});
        assert_eq!(Said::read(&error), said("mapper_parsing_exception", "failed: For input"));
        assert!(Said::read(&json!({"type": "t", "reason": "é".repeat(5_000)})).reason.chars().count() <= 500);
        assert_eq!(Said::read(&json!("plain")), said("", "plain"));
    }
}
