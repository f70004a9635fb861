//! Explanations as lines for people.

use super::events::answer;
use super::{Counting, EventExplained, Explained, Named, OnEvent, Row, Verdict, span};

/// Most keys of a correlation that are listed.
const KEYS_MAX: usize = 10;

impl Explained {
    /// Lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut out = vec![format!("{} ({})", self.title, self.id)];
        let mut say = |name: &str, text: String| {
            if !text.is_empty() {
                out.push(format!("  {name:<10} {text}"));
            }
        };
        say("where", self.place.clone());
        say("kind", format!("{}{}", self.kind, self.level.as_ref().map_or(String::new(), |l| format!(", level {l}"))));
        say("logsource", self.logsource.clone().unwrap_or_default());
        say("meaning", self.meaning.clone());
        say("reads", named(&self.reads));
        say("feeds", named(&self.feeds));
        for source in &self.sources {
            say("needs", format!("{}: {}; late after {}", source.service, source.enable, span(source.lateness_ms)));
        }
        for table in &self.tables {
            let fields: Vec<&str> = self.fields.iter().filter(|f| f.table == Some(*table)).map(|f| f.name.as_str()).collect();
            say("table", format!("{table}, for {}", fields.join(", ")));
        }
        for field in &self.fields {
            let places = match (field.places.first(), field.table) {
                (Some(first), _) => first.clone(),
                (None, Some(_)) => "from the table".to_owned(),
                (None, None) => "nowhere: its sources cannot have this field".to_owned(),
            };
            say("field", format!("{} <- {places}", field.name));
        }
        self.wake_lines(&mut say);
        self.window_lines(&mut say);
        say("alert", verdict(&self.alerts));
        say("page", verdict(&self.pages));
        say("digest", self.digest.clone());
        self.condition_lines(&mut out);
        out
    }

    fn wake_lines(&self, say: &mut impl FnMut(&str, String)) {
        let every = "nothing in particular: every event of its sources is tested";
        let first = self.wakes.first().map(|w| w.condition.clone());
        if let Some(first) = first.clone().filter(|f| self.wakes.iter().all(|w| w.condition == *f)) {
            return say("woken by", first.unwrap_or_else(|| every.to_owned()));
        }
        for wake in &self.wakes {
            say("woken by", format!("{}: {}", wake.form, wake.condition.as_deref().unwrap_or(every)));
        }
    }

    fn window_lines(&self, say: &mut impl FnMut(&str, String)) {
        if let Some(window) = &self.window {
            let when = if window.waits {
                format!("judged once, when everything up to {} after it has been read", span(window.lateness_ms + window.looks_ahead_ms))
            } else {
                "fires as soon as it holds".to_owned()
            };
            let shape = if window.aligned { "windows of the epoch" } else { "windows that end at every moment" };
            say("window", format!("{}, {shape}, {when}", span(window.timespan_ms)));
            let (late, kept, closes) = (span(window.lateness_ms), span(window.kept_ms), span(window.closes_ms));
            say("lateness", format!("{late}; events are kept for {kept}; an alert closes {closes} after its last moment"));
        }
        if let Some(state) = &self.state {
            let (first, further) = (state.first_event_bytes, state.further_event_bytes);
            let most = match (state.kept_events_max, state.key_bytes_max) {
                (Some(events), Some(bytes)) => format!("; at most {events} events are kept one by one, {}", size(bytes)),
                _ => String::new(),
            };
            say("state", format!("per key {first} bytes with one event, {further} for each further one{most}"));
            say(
                "budget",
                format!("{}: {} keys of one event, then the largest account gives up keys", size(state.budget_bytes), state.keys_in_budget),
            );
        }
    }

    fn condition_lines(&self, out: &mut Vec<String>) {
        for condition in &self.condition {
            out.push(format!("  condition  {condition}"));
        }
        for selection in &self.selections {
            out.push(format!("    {}", selection.name));
            out.extend(selection.rows.iter().map(|row| format!("      {}{}", "  ".repeat(row.depth), row.what)));
        }
        for filter in &self.filters {
            out.push("    and by a filter".to_owned());
            out.extend(filter.iter().map(|row| format!("      {}{}", "  ".repeat(row.depth), row.what)));
        }
    }
}

impl EventExplained {
    /// Lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if let Some(refused) = &self.refused {
            return vec![format!("{}: {refused}", self.place)];
        }
        let mut out = vec![format!("{}: {} event of {}", self.place, self.service, self.time)];
        self.rules.iter().for_each(|rule| rule.write(&self.service, &mut out));
        out
    }
}

impl OnEvent {
    fn write(&self, service: &str, out: &mut Vec<String>) {
        if !self.admitted {
            out.push(format!("  {}: not asked: its logsource does not admit {service} events", self.title));
            return;
        }
        out.push(format!("  {}: {}", self.title, if self.matched { "MATCH" } else { "no match" }));
        out.extend(self.decided_by.iter().map(|by| format!("    because {by}")));
        if !self.woken && !self.matched {
            out.push("    (the index did not even wake it: the event lacks its necessary condition)".to_owned());
        }
        out.extend(self.counts.iter().map(|count| format!("    counts for {count}")));
        out.extend(self.notes.iter().map(|note| format!("    note: {note}")));
        out.extend(self.condition.iter().map(|condition| format!("    condition {condition}")));
        for part in self.selections.iter().chain(&self.filters) {
            out.push(format!("    {}: {}", part.name, if part.holds { "yes" } else { "no" }));
            out.extend(part.rows.iter().map(|row| format!("      {}{}", "  ".repeat(row.depth), answered(row))));
        }
    }
}

impl Counting {
    /// Lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let fired = if self.alerts.is_empty() { "did not fire".to_owned() } else { format!("fired {} time(s)", self.alerts.len()) };
        let mut out = vec![format!("{}: {fired}", self.title)];
        out.extend(self.alerts.iter().map(|why| format!("  {why}")));
        if self.keys.is_empty() {
            out.push("  no event counted for it".to_owned());
        }
        for key in self.keys.iter().take(KEYS_MAX) {
            let events = key.events.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
            let name = key.key.iter().map(|v| super::shown(v)).collect::<Vec<_>>().join(", ");
            out.push(format!("  key [{name}]: {events} events from {} to {}", key.first, key.last));
        }
        if self.keys.len() > KEYS_MAX {
            out.push(format!("  and {} more keys", self.keys.len() - KEYS_MAX));
        }
        out
    }
}

fn answered(row: &Row) -> String {
    if row.seen.is_none() && row.what.ends_with(':') {
        return format!("{} {}", row.what, if row.holds == Some(true) { "yes" } else { "no" });
    }
    answer(row)
}

fn named(rules: &[Named]) -> String {
    rules.iter().map(|rule| format!("\"{}\"", rule.title)).collect::<Vec<_>>().join(", ")
}

fn verdict(verdict: &Verdict) -> String {
    let word = match verdict.yes {
        Some(true) => "yes",
        Some(false) => "no",
        None => "depends",
    };
    format!("{word}: {}", verdict.why)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1024 / 1024),
    }
}
