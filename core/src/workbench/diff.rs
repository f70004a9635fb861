//! The difference of two rule sets: what their alerts, as documents in their final state, tell a person differently.
//!
//! Owns which alerts are the same one, which of their fields count, and the sums. Never runs a rule. Alerts that were joined into
//! others are left out on both sides. Two alerts are the same one if they are of one rule (by id) and one group key, and of
//! correlations their episodes overlap; of several the earliest are paired. What is compared stands in [`FIELDS`]: all that people see
//! and route by, nothing that only names a run or a version of a rule (ids, digests, revisions, times of processing).

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is compared: the name told, and where it stands in the document.
pub const FIELDS: [(&str, &str); 27] = [
    ("severity", "/severity"),
    ("title", "/finding_info/title"),
    ("description", "/finding_info/desc"),
    ("message", "/message"),
    ("status", "/status"),
    ("is_alert", "/is_alert"),
    ("count", "/count"),
    ("first_seen", "/finding_info/first_seen_time"),
    ("last_seen", "/finding_info/last_seen_time"),
    ("start", "/tidegate/episode/start"),
    ("end", "/tidegate/episode/end"),
    ("truncated", "/tidegate/episode/truncated"),
    ("approximate", "/tidegate/approximate"),
    ("shadow", "/tidegate/shadow"),
    ("suppressed_by", "/tidegate/suppressed_by"),
    ("paging", "/tidegate/paging"),
    ("principals", "/tidegate/principals"),
    ("source_ips", "/tidegate/source_ips"),
    ("accounts", "/tidegate/accounts"),
    ("regions", "/tidegate/regions"),
    ("owners", "/tidegate/owners"),
    ("environments", "/tidegate/environments"),
    ("attacks", "/finding_info/attacks"),
    ("runbook", "/remediation"),
    ("false_positives", "/tidegate/false_positives"),
    ("compliance", "/tidegate/compliance"),
    ("records", "/tidegate/records"),
];

/// One side: final documents, and the alerts that would have paged.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The documents.
    pub alerts: &'a [Value],
    /// Ids of alerts with a page.
    pub paged: &'a BTreeSet<String>,
}

/// Alerts and pages, before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Alerts of the old set.
    pub old: u64,
    /// Alerts of the new set.
    pub new: u64,
    /// Alerts that only the new set has.
    pub added: u64,
    /// Alerts that only the old set has.
    pub removed: u64,
    /// Alerts that both have and that tell something else.
    pub changed: u64,
    /// Pages of the old set.
    pub pages_old: u64,
    /// Pages of the new set.
    pub pages_new: u64,
    /// Pages that only the new set sends.
    pub pages_added: u64,
    /// Pages that only the old set sends.
    pub pages_removed: u64,
}

/// Where a rule's alert has its first evidence: the record and, where the document shows it, the event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// Source of the record.
    pub source: String,
    /// Its shard; of a file the path.
    pub shard: String,
    /// Its place there.
    pub sequence: String,
    /// Its place in an aggregate.
    pub sub_sequence: u64,
    /// Time of the event, epoch milliseconds; 0 where the event is not shown.
    pub time_ms: i64,
    /// The event as it came, cut to what documents keep; empty where it is not shown.
    pub event: String,
}

/// An alert in brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Brief {
    /// Id of its rule.
    pub rule: String,
    /// Title.
    pub title: String,
    /// Severity, 1 to 5.
    pub severity: u8,
    /// Group key in words.
    pub key: String,
    /// Accounts.
    pub accounts: Vec<String>,
    /// First seen, epoch milliseconds.
    pub first_seen_ms: i64,
    /// Events.
    pub count: u64,
    /// Why it fired.
    pub message: String,
    /// Whether it would have paged.
    pub pages: bool,
}

/// One alert that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The alert: of the new set, unless it is gone.
    pub alert: Brief,
    /// Which fields differ, with the old and the new value. Empty for alerts that are added or removed.
    pub fields: Vec<Field>,
    /// Of an alert that is added or removed its first record; of a changed one the first that only one side names.
    pub evidence: Option<Evidence>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Name, of [`FIELDS`], or `page`.
    pub name: &'static str,
    /// Before.
    pub old: Value,
    /// After.
    pub new: Value,
}

/// The difference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// All alerts.
    pub total: Counts,
    /// By rule id.
    pub rules: BTreeMap<String, Counts>,
    /// By account; an alert of several counts for each.
    pub accounts: BTreeMap<String, Counts>,
    /// By severity, 1 to 5.
    pub severities: BTreeMap<u8, Counts>,
    /// By the day an alert was first seen (UTC).
    pub days: BTreeMap<String, Counts>,
    /// In order of (rule, first seen, key), as all lists.
    pub added: Vec<Change>,
    /// Alerts that are gone.
    pub removed: Vec<Change>,
    /// Alerts that tell something else.
    pub changed: Vec<Change>,
}

impl Difference {
    /// Compares.
    #[must_use]
    pub fn between(old: &Side<'_>, new: &Side<'_>) -> Self {
        let (mut groups, mut out) = (BTreeMap::<(String, String), [Vec<&Value>; 2]>::new(), Difference::default());
        for (side, alerts) in [old.alerts, new.alerts].into_iter().enumerate() {
            alerts.iter().filter(|a| !is_merged(a)).for_each(|a| groups.entry(name(a)).or_default()[side].push(a));
        }
        for [mut before, mut after] in groups.into_values() {
            before.sort_by_key(|a| span(a));
            after.sort_by_key(|a| span(a));
            for pair in paired(&before, &after) {
                out.take(pair, old, new);
            }
        }
        out.sort();
        out
    }

    /// Adds alerts that are the same on both sides without a look at them.
    pub fn add_shared(&mut self, side: &Side<'_>) {
        for alert in side.alerts.iter().filter(|a| !is_merged(a)) {
            let pages = u64::from(is_paged(alert, side));
            let one = Counts { old: 1, new: 1, pages_old: pages, pages_new: pages, ..Counts::default() };
            self.count(alert, &one);
        }
    }

    fn take(&mut self, pair: (Option<&Value>, Option<&Value>), old: &Side<'_>, new: &Side<'_>) {
        let [was, is] = [pair.0.is_some_and(|a| is_paged(a, old)), pair.1.is_some_and(|a| is_paged(a, new))];
        let [was_n, is_n] = [was, is].map(u64::from);
        let (gone, fresh) = (u64::from(was && !is), u64::from(is && !was));
        let before = Counts { old: 1, pages_old: was_n, pages_removed: gone, ..Counts::default() };
        let after = Counts { new: 1, pages_new: is_n, pages_added: fresh, ..Counts::default() };
        match pair {
            (Some(a), None) => {
                self.count(a, &Counts { removed: 1, ..before });
                self.removed.push(Change { alert: brief(a, was), fields: Vec::new(), evidence: evidences(a).into_iter().next() });
            }
            (None, Some(b)) => {
                self.count(b, &Counts { added: 1, ..after });
                self.added.push(Change { alert: brief(b, is), fields: Vec::new(), evidence: evidences(b).into_iter().next() });
            }
            (Some(a), Some(b)) => {
                let fields = fields((a, was), (b, is));
                self.count(a, &before);
                self.count(b, &Counts { changed: u64::from(!fields.is_empty()), ..after });
                if !fields.is_empty() {
                    self.changed.push(Change { alert: brief(b, is), fields, evidence: first_differing(a, b) });
                }
            }
            (None, None) => {}
        }
    }

    fn count(&mut self, alert: &Value, one: &Counts) {
        self.total.add(one);
        self.rules.entry(rule(alert)).or_default().add(one);
        self.severities.entry(severity(alert)).or_default().add(one);
        self.days.entry(day(alert)).or_default().add(one);
        for account in texts(&alert["tidegate"]["accounts"]) {
            self.accounts.entry(account).or_default().add(one);
        }
    }

    fn sort(&mut self) {
        let order = |c: &Change| (c.alert.rule.clone(), c.alert.first_seen_ms, c.alert.key.clone(), c.evidence.clone());
        for list in [&mut self.added, &mut self.removed, &mut self.changed] {
            list.sort_by_cached_key(order);
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.old += other.old;
        self.new += other.new;
        self.added += other.added;
        self.removed += other.removed;
        self.changed += other.changed;
        self.pages_old += other.pages_old;
        self.pages_new += other.pages_new;
        self.pages_added += other.pages_added;
        self.pages_removed += other.pages_removed;
    }

    /// Whether anything differs here.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.added + self.removed + self.changed + self.pages_added + self.pages_removed > 0
    }
}

/// Pairs alerts of one rule and key, both in order of their start: the earliest two that overlap. Alerts of single events have one
/// moment: those of one key are the same.
fn paired<'a>(before: &[&'a Value], after: &[&'a Value]) -> Vec<(Option<&'a Value>, Option<&'a Value>)> {
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while let (Some(a), Some(b)) = (before.get(i), after.get(j)) {
        let ((start_a, end_a), (start_b, end_b)) = (span(a), span(b));
        let single = a["tidegate"]["kind"] == "detection" && b["tidegate"]["kind"] == "detection";
        if single || (start_a < end_b && start_b < end_a) {
            out.push((Some(*a), Some(*b)));
            (i, j) = (i + 1, j + 1);
        } else if end_a <= start_b {
            out.push((Some(*a), None));
            i += 1;
        } else {
            out.push((None, Some(*b)));
            j += 1;
        }
    }
    out.extend(before[i..].iter().map(|a| (Some(*a), None)));
    out.extend(after[j..].iter().map(|b| (None, Some(*b))));
    out
}

fn fields((a, was): (&Value, bool), (b, is): (&Value, bool)) -> Vec<Field> {
    let at = |alert: &Value, path: &str| alert.pointer(path).cloned().unwrap_or(Value::Null);
    let page = Field { name: "page", old: was.into(), new: is.into() };
    let compared = FIELDS.iter().map(|(name, path)| Field { name, old: at(a, path), new: at(b, path) });
    let related = Field { name: "related", old: related(a), new: related(b) };
    std::iter::once(page).chain(compared).chain([related]).filter(|f| f.old != f.new).collect()
}

/// Older alerts inside: by title and severity, since ids name the digests of rules.
fn related(alert: &Value) -> Value {
    let events = alert["finding_info"]["related_events"].as_array().map_or(&[][..], Vec::as_slice);
    let mut told: Vec<String> = events.iter().map(|e| format!("{} ({})", e["title"].as_str().unwrap_or(""), e["severity_id"])).collect();
    told.sort();
    told.into()
}

/// The records of an alert with the events it shows.
fn evidences(alert: &Value) -> Vec<Evidence> {
    let records = alert["tidegate"]["records"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = alert["evidences"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |(place, record): (usize, &Value)| {
        let event = shown.iter().map(|e| &e["data"]).find(|d| d["record"].as_u64() == Some(place as u64));
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        Evidence {
            source: text(&record["source"]),
            shard: text(&record["shard"]),
            sequence: text(&record["sequence"]),
            sub_sequence: record["sub_sequence"].as_u64().unwrap_or(0),
            time_ms: event.map_or(0, |d| d["time"].as_i64().unwrap_or(0)),
            event: event.map_or_else(String::new, |d| text(&d["event"])),
        }
    };
    records.iter().enumerate().map(of).collect()
}

/// The first record that only one of two alerts names.
fn first_differing(a: &Value, b: &Value) -> Option<Evidence> {
    let (old, new) = (evidences(a), evidences(b));
    let place = |e: &Evidence| (e.source.clone(), e.shard.clone(), e.sequence.clone(), e.sub_sequence);
    let [in_old, in_new] = [&old, &new].map(|all| all.iter().map(place).collect::<BTreeSet<_>>());
    let only = |all: Vec<Evidence>, other: &BTreeSet<_>| all.into_iter().find(|e| !other.contains(&place(e)));
    let found = [only(new, &in_old), only(old, &in_new)];
    found.into_iter().flatten().min_by_key(|e| (e.time_ms == 0, e.time_ms))
}

fn brief(alert: &Value, pages: bool) -> Brief {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    Brief {
        rule: rule(alert),
        title: text(&alert["finding_info"]["title"]),
        severity: severity(alert),
        key: text(&alert["tidegate"]["group_key_text"]),
        accounts: texts(&alert["tidegate"]["accounts"]),
        first_seen_ms: first_seen(alert),
        count: alert["count"].as_u64().unwrap_or(1),
        message: text(&alert["message"]),
        pages,
    }
}

fn is_merged(alert: &Value) -> bool {
    alert["tidegate"]["episode"]["state"] == "merged"
}

fn is_paged(alert: &Value, side: &Side<'_>) -> bool {
    alert["finding_info"]["uid"].as_str().is_some_and(|id| side.paged.contains(id))
}

/// By which alerts are the same one: the rule's id, and the values of the group key.
fn name(alert: &Value) -> (String, String) {
    let pairs = alert["tidegate"]["group_key"].as_array().map_or(&[][..], Vec::as_slice);
    let values: Vec<&Value> = pairs.iter().map(|pair| &pair["value"]).collect();
    (rule(alert), serde_json::to_string(&values).unwrap_or_default())
}

fn rule(alert: &Value) -> String {
    alert["finding_info"]["analytic"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn span(alert: &Value) -> (i64, i64) {
    let episode = &alert["tidegate"]["episode"];
    (episode["start"].as_i64().unwrap_or(0), episode["end"].as_i64().unwrap_or(0))
}

fn severity(alert: &Value) -> u8 {
    alert["severity_id"].as_u64().and_then(|n| u8::try_from(n).ok()).unwrap_or(0)
}

fn first_seen(alert: &Value) -> i64 {
    alert["finding_info"]["first_seen_time"].as_i64().unwrap_or(0)
}

fn day(alert: &Value) -> String {
    let mut day = crate::event::time::format_rfc3339(first_seen(alert));
    day.truncate(10);
    day
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests;
