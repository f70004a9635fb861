//! The descriptive keys of a rule: title, id, level, tags and all custom attributes.
//!
//! Owns the list of known top-level keys. A near-miss of a known key is an error, because what it says would silently be lost;
//! every other key is a custom attribute, kept as text. Known keys without a place in [`Meta`] (`related`, `license`,
//! `taxonomy`, `scope`) are kept there too.

use super::report::{Report, quoted};
use super::spelling::{hint, near_miss};
use super::yaml::{Entry, Kind, Node};
use super::{Level, Meta, Status};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Top-level keys of the specification.
pub(super) const KNOWN: [&str; 21] = [
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "tags",
    "fields",
    "falsepositives",
    "level",
    "scope",
    "logsource",
    "detection",
    "correlation",
    "filter",
];
/// Known keys that [`Meta`] has no field for.
const KEPT_AS_CUSTOM: [&str; 4] = ["related", "license", "taxonomy", "scope"];
/// Words that are near a known key by chance and are attributes of their own.
const CUSTOM_WORDS: [&str; 5] = ["score", "state", "data", "stats", "scopes"];
pub(super) const STATUSES: [&str; 5] = ["stable", "test", "experimental", "deprecated", "unsupported"];
pub(super) const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
pub(super) const TITLE_CHARS_MAX: usize = 256;
const CUSTOM_CHARS_MAX: usize = 4096;

/// Reads the descriptive part of a document.
pub(super) fn read(document: &Node, report: &mut Report) -> Meta {
    check_keys(document, report);
    let title = title(document, report);
    let name = word(document, "name", report);
    let id = word(document, "id", report).or_else(|| name.clone()).unwrap_or_else(|| fallback_id(document, &title));
    let text = |key: &str, report: &mut Report| prose(document.get(key), key, report);
    let version = text("modified", report);
    let version = if version.is_empty() { text("date", report) } else { version };
    Meta {
        place: document.place.clone(),
        id,
        name,
        title,
        status: status(document, report),
        level: level(document, report),
        description: text("description", report),
        author: text("author", report),
        references: texts(document, "references", report),
        version,
        tags: texts(document, "tags", report),
        falsepositives: texts(document, "falsepositives", report),
        fields: texts(document, "fields", report),
        owner: word(document, "owner", report),
        runbook: word(document, "runbook", report),
        custom: custom(document),
    }
}

fn check_keys(document: &Node, report: &mut Report) {
    for Entry { key, place, .. } in document.entries() {
        if key == "action" {
            let why = "Sigma replaced collections of rules with templates by correlations and filters";
            report.error(place, "unsupported `action`", why, "write each rule out as a document of its own");
        } else if key == "generate" && document.get("correlation").is_none() {
            report.error(place, "`generate` in a rule that is no correlation", "it says whether referred rules alert", "remove it");
        } else if let Some(known) = near_miss(key, &KNOWN).filter(|_| key != "generate" && !CUSTOM_WORDS.contains(&key.as_str())) {
            let what = format!("unknown key {} (did you mean `{known}`?)", quoted(key));
            report.error(place, what, "it would be kept as a custom attribute without effect", format!("write `{known}`, or rename it"));
        }
    }
}

fn title(document: &Node, report: &mut Report) -> String {
    let title = match document.get("title") {
        Some(node) if node.is_word() && !node.text.trim().is_empty() => node.text.trim().to_owned(),
        Some(node) => {
            report.error(&node.place, format!("`title` is {}", node.describe()), "alerts and pages begin with it", "write a short text");
            return String::new();
        }
        None => {
            report.error(&document.place, "no `title`", "alerts and pages begin with it", "add `title: ...`");
            return String::new();
        }
    };
    if let (Some(node), true) = (document.get("title"), title.chars().count() > TITLE_CHARS_MAX) {
        report.warn(&node.place, "a long `title`", "the specification allows 256 characters", "move details to `description`");
    }
    title
}

/// A hash of the file's own name (not its folder) and the title.
fn fallback_id(document: &Node, title: &str) -> String {
    let file = document.place.file.rsplit(['/', '\\']).next().unwrap_or_default();
    let hash = Sha256::digest(format!("tidegate-rule-id-v1\0{file}\0{title}"));
    hash.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A key that holds one word or line, if it is there.
fn word(document: &Node, key: &str, report: &mut Report) -> Option<String> {
    let node = document.get(key)?;
    if node.is_word() && !node.text.trim().is_empty() {
        return Some(node.text.trim().to_owned());
    }
    report.error(&node.place, format!("`{key}` is {}", node.describe()), "a text is expected", "write a text, or remove the key");
    None
}

fn prose(node: Option<&Node>, key: &str, report: &mut Report) -> String {
    match node {
        None => String::new(),
        Some(node) if node.is_word() || node.kind == Kind::Null => node.text.trim().to_owned(),
        Some(Node { kind: Kind::List(items), .. }) if items.iter().all(Node::is_word) => {
            items.iter().map(|n| n.text.trim()).collect::<Vec<_>>().join(", ")
        }
        Some(node) => {
            report.error(&node.place, format!("`{key}` is {}", node.describe()), "a text is expected", "write a text");
            String::new()
        }
    }
}

fn texts(document: &Node, key: &str, report: &mut Report) -> Vec<String> {
    match document.get(key) {
        None => Vec::new(),
        Some(node) if node.is_word() => vec![node.text.trim().to_owned()],
        Some(Node { kind: Kind::Null, .. }) => Vec::new(),
        Some(Node { kind: Kind::List(items), .. }) if items.iter().all(Node::is_word) => {
            items.iter().map(|n| n.text.trim().to_owned()).collect()
        }
        Some(node) => {
            report.error(&node.place, format!("`{key}` is not a list of texts"), "a list of texts is expected", "write a list of texts");
            Vec::new()
        }
    }
}

fn status(document: &Node, report: &mut Report) -> Status {
    let Some(node) = document.get("status") else { return Status::Test };
    match node.text.as_str() {
        "stable" => Status::Stable,
        "test" => Status::Test,
        "experimental" => Status::Experimental,
        "deprecated" => Status::Deprecated,
        "unsupported" => {
            let why = "its author says it cannot be used as it stands";
            report.error(&node.place, "`status: unsupported`", why, "rewrite the rule, then set `status: test`");
            Status::Test
        }
        other => {
            let what = format!("unknown status {}{}", quoted(other), hint(other, &STATUSES));
            report.error(&node.place, what, "it decides whether the rule may page", format!("use one of: {}", STATUSES.join(", ")));
            Status::Test
        }
    }
}

fn level(document: &Node, report: &mut Report) -> Option<Level> {
    let node = document.get("level")?;
    match node.text.as_str() {
        "informational" => Some(Level::Informational),
        "low" => Some(Level::Low),
        "medium" => Some(Level::Medium),
        "high" => Some(Level::High),
        "critical" => Some(Level::Critical),
        other => {
            let what = format!("unknown level {}{}", quoted(other), hint(other, &LEVELS));
            report.error(&node.place, what, "it decides the alert's severity", format!("use one of: {}", LEVELS.join(", ")));
            None
        }
    }
}

fn custom(document: &Node) -> BTreeMap<String, String> {
    let plain = |key: &str| {
        let meaning = KNOWN.contains(&key) && !KEPT_AS_CUSTOM.contains(&key);
        !meaning && !matches!(key, "owner" | "runbook" | "generate")
    };
    document.entries().iter().filter(|e| plain(&e.key)).map(|e| (e.key.clone(), as_text(&e.value))).collect()
}

/// A custom attribute as text: lists joined by commas, maps as `key: value`, at most 4,096 characters.
fn as_text(node: &Node) -> String {
    let mut out = String::new();
    write_text(node, &mut out);
    match out.char_indices().nth(CUSTOM_CHARS_MAX) {
        Some((at, _)) => out[..at].to_owned(),
        None => out,
    }
}

fn write_text(node: &Node, out: &mut String) {
    if out.len() > 4 * CUSTOM_CHARS_MAX {
        return;
    }
    match &node.kind {
        Kind::List(items) => {
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write_text(item, out);
            }
        }
        Kind::Map(entries) => {
            for (i, entry) in entries.iter().enumerate() {
                out.push_str(if i > 0 { "; " } else { "" });
                out.push_str(&entry.key);
                out.push_str(": ");
                write_text(&entry.value, out);
            }
        }
        _ => out.push_str(node.text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::yaml;
    use std::sync::Arc;

    fn meta(text: &str) -> (Meta, Vec<String>) {
        let mut report = Report::default();
        let docs = yaml::documents(&Arc::from("rules/a.yml"), text, &mut report);
        let meta = read(&docs[0], &mut report);
        (meta, report.finish().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn keys_are_kept() {
        let (meta, problems) = meta(
            "title: T\nid: x-1\nname: n\nstatus: stable\nlevel: high\nauthor: [A, B]\ndate: 2024-01-02\nmodified: 2025-01-02\n\
             tags: [attack.t1]\nfalsepositives: none\nowner: team\nrunbook: https://r\nscore: 5\nhipaa: [a, b]\n\
             related: [{id: q, type: similar}]\n",
        );
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((meta.id.as_str(), meta.name.as_deref(), meta.version.as_str()), ("x-1", Some("n"), "2025-01-02"));
        assert_eq!((meta.author.as_str(), meta.level, meta.status), ("A, B", Some(Level::High), Status::Stable));
        assert_eq!((meta.owner.as_deref(), meta.runbook.as_deref()), (Some("team"), Some("https://r")));
        assert_eq!(meta.falsepositives, ["none"]);
        let custom: Vec<(&str, &str)> = meta.custom.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(custom, [("hipaa", "a, b"), ("related", "id: q; type: similar"), ("score", "5")]);
    }

    #[test]
    fn an_id_is_never_missing() {
        assert_eq!(meta("title: T\nname: n\n").0.id, "n");
        let (a, b) = (meta("title: T\n").0.id, meta("title: U\n").0.id);
        assert!(a.len() == 32 && a != b);
    }

    #[test]
    fn near_misses_and_wrong_values_are_said() {
        let (_, problems) = meta("titel: T\ntag: [x]\nstatus: stabel\nlevel: hihg\nid: [1]\naction: global\n");
        for word in ["`titel` (did you mean `title`?)", "no `title`", "`tags`", "`stable`", "`high`", "`id` is a list", "`action`"] {
            assert!(problems.iter().any(|p| p.contains(word)), "{word}: {problems:?}");
        }
    }
}
