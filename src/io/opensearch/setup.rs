//! Setting up OpenSearch: templates for the indices of alerts, and how long those are kept.
//!
//! Owns what stands in the templates (`opensearch/*.json`, shipped inside the program) and the difference between that and what is
//! there. Writes only what differs; the same again changes nothing. `PREFIX-custom` belongs to the operator: it is made empty once
//! and never written again. Never touches an index: a changed mapping holds from the next month's index on. The retention policy
//! stands in [`super::policy`].

use super::client::{Client, Unreached};
use super::policy::{self, Retention};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use ureq::http::Method;

const COMMON: &str = include_str!("../../../opensearch/component-common.json");
const FIELDS: &str = include_str!("../../../opensearch/component-fields.json");
const CUSTOM: &str = include_str!("../../../opensearch/component-custom.json");
const ALERTS: &str = include_str!("../../../opensearch/index-alerts.json");
/// The prefix that the shipped files are written with.
const PREFIX: &str = "tidegate";

/// What is to be done to one template or policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its name, for people: `component template tidegate-fields`.
    pub name: String,
    /// What differs, a line each: `path: old -> new`. Empty: nothing.
    pub differences: Vec<String>,
    /// Whether it is made, not changed.
    pub new: bool,
    pub(super) path: String,
    pub(super) body: Value,
}

impl Change {
    /// Whether anything is to be done.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.new || !self.differences.is_empty()
    }
}

/// What is to be done to all of them, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Name and version of the server.
    pub server: String,
    /// Templates, then the retention policy.
    pub changes: Vec<Change>,
    /// What is left alone, and why.
    pub left: Vec<String>,
}

/// Compares what is there with what must be; writes nothing. Indices begin with `prefix`.
///
/// # Errors
/// In words.
pub fn plan(client: &Client, prefix: &str) -> Result<Plan, String> {
    let server = server(client)?;
    let mut changes = Vec::new();
    for part in parts(prefix) {
        changes.push(compare(client, part)?);
    }
    let mut left = Vec::new();
    let wanted = serde_json::from_str(&renamed(policy::POLICY, prefix)).expect("invariant: a test reads the shipped policy");
    match policy::compare(client, prefix, wanted)? {
        Retention::Ours(change) => changes.push(change),
        Retention::Left(why) => left.push(why),
    }
    Ok(Plan { server, changes, left })
}

impl Plan {
    /// Writes what is due.
    ///
    /// # Errors
    /// In words; what came before it is written.
    pub fn apply(&self, client: &Client) -> Result<(), String> {
        for change in self.changes.iter().filter(|c| c.is_due()) {
            let (status, answer) = ask(client, Method::PUT, &change.path, Some(&change.body))?;
            if !matches!(status, 200 | 201) {
                return Err(refused(client, &format!("write the {}", change.name), status, &answer));
            }
        }
        Ok(())
    }
}

struct Part {
    kind: &'static str,
    name: String,
    path: String,
    /// Where in the answer of a GET the template stands.
    list: &'static str,
    inside: &'static str,
    body: Value,
    /// Belongs to the operator once it is there.
    theirs: bool,
}

fn parts(prefix: &str) -> Vec<Part> {
    let base = base(prefix);
    let parse = |shipped: &str| serde_json::from_str::<Value>(shipped).expect("invariant: a test reads the shipped templates");
    // Fields are named after the product, templates after the prefix: only the index template names either.
    let component = |what: &str, shipped: &str, theirs| Part {
        kind: "component template",
        name: format!("{base}-{what}"),
        path: format!("/_component_template/{base}-{what}"),
        list: "component_templates",
        inside: "component_template",
        body: parse(shipped),
        theirs,
    };
    let alerts = Part {
        kind: "index template",
        name: format!("{prefix}-v1"),
        path: format!("/_index_template/{prefix}-v1"),
        list: "index_templates",
        inside: "index_template",
        body: parse(&renamed(ALERTS, prefix)),
        theirs: false,
    };
    vec![component("common", COMMON, false), component("fields", FIELDS, false), component("custom", CUSTOM, true), alerts]
}

/// What templates are called after: `tidegate` for `tidegate-alerts`.
fn base(prefix: &str) -> &str {
    prefix.strip_suffix("-alerts").unwrap_or(prefix)
}

/// A shipped text for another prefix.
fn renamed(shipped: &str, prefix: &str) -> String {
    let marked = shipped.replace("tidegate-alerts", "\u{1}").replace(&format!("\"{PREFIX}-"), "\u{2}");
    marked.replace('\u{1}', prefix).replace('\u{2}', &format!("\"{}-", base(prefix)))
}

fn compare(client: &Client, part: Part) -> Result<Change, String> {
    let Part { kind, name, path, list, inside, body, theirs } = part;
    let name = format!("{kind} {name}");
    let (status, answer) = ask(client, Method::GET, &path, None)?;
    let held = match status {
        200 => Some(&answer[list][0][inside]),
        404 => None,
        _ => return Err(refused(client, &format!("read the {name}"), status, &answer)),
    };
    let differences = match held {
        Some(_) if theirs => Vec::new(),
        Some(held) => differences(held, &body),
        None => Vec::new(),
    };
    Ok(Change { name, differences, new: held.is_none(), path, body })
}

/// What differs, a line each.
pub(super) fn differences(held: &Value, wanted: &Value) -> Vec<String> {
    let (held, wanted) = (flat(held), flat(wanted));
    let mut out = Vec::new();
    for (path, new) in &wanted {
        match held.get(path) {
            Some(old) if old == new => {}
            Some(old) => out.push(format!("{path}: {old} -> {new}")),
            None => out.push(format!("{path}: (none) -> {new}")),
        }
    }
    let gone = held.iter().filter(|(path, _)| !wanted.contains_key(*path));
    out.extend(gone.map(|(path, old)| format!("{path}: {old} -> (none)")));
    out
}

/// Leaves by their dotted paths, in OpenSearch's own spelling: it gives settings back under `index` and every scalar of them as text.
fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(value: &Value, path: String, out: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, inner) in map {
                    walk(inner, if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, out);
                }
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                list.iter().enumerate().for_each(|(at, inner)| walk(inner, format!("{path}.{at}"), out));
            }
            Value::Array(list) => {
                out.insert(path, list.iter().map(word).collect::<Vec<_>>().join(", "));
            }
            Value::Object(_) => drop(out.insert(path, "{}".to_owned())),
            scalar => drop(out.insert(path, word(scalar))),
        }
    }
    let mut out = BTreeMap::new();
    walk(value, String::new(), &mut out);
    let spelled = |path: String| match path.strip_prefix("template.settings.") {
        Some(rest) if !rest.starts_with("index.") => format!("template.settings.index.{rest}"),
        _ => path,
    };
    out.into_iter().map(|(path, value)| (spelled(path), value)).collect()
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Name and version of the server.
///
/// # Errors
/// If it does not answer, or is no OpenSearch: in words.
pub fn server(client: &Client) -> Result<String, String> {
    let (status, answer) = ask(client, Method::GET, "/", None)?;
    if status != 200 {
        return Err(refused(client, "ask who it is", status, &answer));
    }
    let version = &answer["version"];
    match (version["distribution"].as_str(), version["number"].as_str()) {
        (Some("opensearch"), Some(number)) => Ok(format!("OpenSearch {}", cut(number))),
        _ => Err(format!("{} is no OpenSearch: correct `sinks.opensearch.url`", client.url())),
    }
}

pub(super) fn ask(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Value), String> {
    let reply = client.json(method, path, body).map_err(|e| match e {
        Unreached::NotSent(why) | Unreached::NoAnswer(why) | Unreached::NoAccess(why) => why,
    })?;
    Ok((reply.status, serde_json::from_slice(&reply.body).unwrap_or_else(|_| Value::Object(Map::new()))))
}

pub(super) fn refused(client: &Client, doing: &str, status: u16, answer: &Value) -> String {
    let said = super::fault::Said::of_body(answer);
    let remedy = match status {
        401 => "correct `sinks.opensearch.user` and `password`",
        403 => "use a user, or an identity that signs, that may manage templates and policies; `docs/opensearch.md` names the role",
        _ => "look at OpenSearch's own log",
    };
    format!("cannot {doing} at {} (status {status}): {} {}: {remedy}", client.url(), said.kind, said.reason)
}

fn cut(text: &str) -> String {
    tidegate_core::alert::neutral::terminal(&tidegate_core::alert::neutral::cut(text, 64)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_shipped_templates_are_json_and_take_the_prefix() {
        let names = |prefix: &str| parts(prefix).into_iter().map(|p| p.name).collect::<Vec<_>>();
        assert_eq!(names("tidegate-alerts"), ["tidegate-common", "tidegate-fields", "tidegate-custom", "tidegate-alerts-v1"]);
        assert_eq!(names("soc"), ["soc-common", "soc-fields", "soc-custom", "soc-v1"]);
        let alerts = parts("soc").pop().unwrap().body;
        assert_eq!(alerts["index_patterns"], json!(["soc-v1-*"]));
        assert_eq!(alerts["composed_of"], json!(["soc-common", "soc-fields", "soc-custom"]));
        assert!(alerts["template"]["aliases"]["soc"].is_object(), "{alerts}");
    }

    #[test]
    fn spelling_is_no_difference() {
        let held = json!({"template": {"settings": {"index": {"number_of_shards": "1", "mapping": {"total_fields": {"limit": "1000"}}}}}});
        let wanted = json!({"template": {"settings": {"number_of_shards": 1, "index.mapping.total_fields.limit": 1000}}});
        assert!(differences(&held, &wanted).is_empty(), "{:?}", differences(&held, &wanted));
        let other = json!({"template": {"settings": {"number_of_shards": 2}, "mappings": {"dynamic": false}}});
        let want = [
            "template.mappings.dynamic: (none) -> false",
            "template.settings.index.number_of_shards: 1 -> 2",
            "template.settings.index.mapping.total_fields.limit: 1000 -> (none)",
        ];
        assert_eq!(differences(&held, &other), want);
    }
}
