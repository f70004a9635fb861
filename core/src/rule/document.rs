//! One YAML document: a rule, a correlation or a filter, before references are followed.
//!
//! A document that does not load still has names, so that what refers to it can say why it fails.

use super::correlation;
use super::detection;
use super::filter::{self, Filter};
use super::meta;
use super::report::{Report, quoted};
use super::spelling::hint;
use super::yaml::{Kind, Node};
use super::{DetectionRule, Meta};
use crate::event::LogSource;

pub(super) const LOGSOURCE_KEYS: [&str; 4] = ["category", "product", "service", "definition"];

/// A document as far as it could be read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) meta: Meta,
    /// What it is; `None` if it does not load.
    pub(super) body: Option<DraftBody>,
    /// It has an id or name of its own.
    pub(super) has_id: bool,
}

/// The three kinds of document.
#[derive(Debug)]
pub(super) enum DraftBody {
    Detection(DetectionRule),
    Correlation(correlation::Draft),
    Filter(Filter),
}

/// Reads a document.
pub(super) fn read(document: &Node, report: &mut Report) -> Option<Draft> {
    match &document.kind {
        Kind::Null => return None,
        Kind::Map(_) => {}
        _ => {
            report.error(&document.place, format!("the document is {}", document.describe()), "a rule is a map", "write `title: ...`");
            return None;
        }
    }
    let errors = report.errors();
    let meta = meta::read(document, report);
    let body = body(document, &meta, report).filter(|_| report.errors() == errors);
    let has_id = document.get("id").is_some();
    Some(Draft { meta, body, has_id })
}

fn body(document: &Node, meta: &Meta, report: &mut Report) -> Option<DraftBody> {
    let kinds: Vec<&str> = ["detection", "correlation", "filter"].into_iter().filter(|k| document.get(k).is_some()).collect();
    match kinds.as_slice() {
        ["detection"] => {
            let logsource = logsource(document, report);
            let condition = detection::read(document.get("detection")?, report);
            Some(DraftBody::Detection(DetectionRule { logsource: logsource?, condition: condition? }))
        }
        ["correlation"] => {
            if let Some(node) = document.get("logsource") {
                let why = "a correlation reads the matches of its rules, not events";
                report.error(&node.place, "`logsource` in a correlation", why, "remove it");
            }
            correlation::read(document, document.get("correlation")?, report).map(DraftBody::Correlation)
        }
        ["filter"] => {
            let logsource = logsource(document, report);
            filter::read(document.get("filter")?, &meta.title, logsource, report).map(DraftBody::Filter)
        }
        [] => {
            let why = "a document is a rule, a correlation or a filter";
            report.error(&document.place, "no `detection`", why, "add `detection`, `correlation` or `filter`");
            None
        }
        several => {
            let what = format!("`{}` in one document", several.join("` and `"));
            report.error(&document.place, what, "a document is one rule", "split it into documents with `---` between them");
            None
        }
    }
}

fn logsource(document: &Node, report: &mut Report) -> Option<LogSource> {
    let Some(node) = document.get("logsource") else {
        let why = "it says whose events the rule sees";
        report.error(&document.place, "no `logsource`", why, "add `logsource: {product: aws, service: cloudtrail}`");
        return None;
    };
    let errors = report.errors();
    if !matches!(node.kind, Kind::Map(_)) {
        report.error(&node.place, format!("`logsource` is {}", node.describe()), "it has product and service", "make it a map");
    }
    for entry in node.entries().iter().filter(|e| !LOGSOURCE_KEYS.contains(&e.key.as_str())) {
        let what = format!("unknown key {} in `logsource`{}", quoted(&entry.key), hint(&entry.key, &LOGSOURCE_KEYS));
        let why = "it would not narrow what the rule sees";
        report.error(&entry.place, what, why, "use category, product and service; explain in `definition`");
    }
    let mut value = |key: &str| {
        let node = node.get(key)?;
        if !node.is_word() || node.text.trim().is_empty() {
            let what = format!("`{key}` is {}", node.describe());
            report.error(&node.place, what, "a word is expected", "write a word, or remove the key");
        }
        Some(node.text.trim().to_lowercase())
    };
    let logsource = LogSource { category: value("category"), product: value("product"), service: value("service") };
    if logsource == LogSource::default() && report.errors() == errors {
        let why = "without category, product and service it admits every event";
        report.error(&node.place, "an empty `logsource`", why, "add `product` and `service`");
    }
    (report.errors() == errors).then_some(logsource)
}
