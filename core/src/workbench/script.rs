//! A case written out: one event after the other, in order of arrival. What the engine runs, what variants change, and what is
//! written back as a case of its own.

use super::outline::Outline;
use super::render::{Recipe, record};
use super::suite::{Case, Drive, Order, Suite, duration};
use super::template::Template;
use crate::event::flow::Column;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A case written out.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// In order of arrival; at one time in this order.
    pub(super) events: Vec<Event>,
    /// Moves all times.
    pub(super) shift_ms: i64,
    /// How the engine is run.
    pub(super) drive: Drive,
}

/// One arrival of one event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Name of the template.
    pub(super) template: Arc<str>,
    /// What the case sets.
    pub(super) set: Arc<Map<String, Value>>,
    /// The account it is moved to.
    pub(super) account: Option<Arc<str>>,
    /// Which step, which repetition.
    pub(super) origin: (usize, u32),
    /// Event time, from the base.
    pub(super) at_ms: i64,
    /// Arrival, from the base.
    pub(super) arrival_ms: i64,
    /// Where the record stands: the id of an event that has none of its own.
    pub(super) place: u64,
    /// For `json`: which stated logsource.
    pub(super) generic: Option<u16>,
    /// The record, at the shift of its script.
    pub(super) text: Arc<str>,
    /// The account it is about.
    pub(super) about: Option<Arc<str>>,
}

impl Event {
    /// Writes the record for another shift, account or set.
    pub(super) fn render(&mut self, suite: &Suite, columns: &[Column], shift_ms: i64) {
        let unknown = Template { kind: super::keys::KIND_RAW, fields: Map::new(), generic: None };
        let template = suite.templates.get(&*self.template).unwrap_or(&unknown);
        let recipe = Recipe {
            template: (&self.template, template),
            set: &self.set,
            account: self.account.as_deref(),
            origin: self.origin,
            time_ms: suite.base_ms + shift_ms + self.at_ms,
        };
        let (text, about) = record(&recipe, columns);
        (self.text, self.about, self.generic) = (text.into(), about.map(Into::into), template.generic);
    }
}

impl Script {
    /// A case as its author wrote it.
    pub(super) fn of(suite: &Suite, case: &Case, columns: &[Column]) -> Self {
        let mut events = Vec::new();
        for (number, step) in case.steps.iter().enumerate() {
            let (template, set): (Arc<str>, Arc<_>) = (step.template.as_str().into(), Arc::new(step.set.clone()));
            for n in 0..step.times {
                let at_ms = step.at_ms + i64::from(n) * step.every_ms;
                let mut event = Event {
                    template: Arc::clone(&template),
                    set: Arc::clone(&set),
                    account: step.account.as_deref().map(Into::into),
                    origin: (number, n + step.first),
                    at_ms,
                    arrival_ms: at_ms + step.arrives_ms,
                    place: 0,
                    generic: None,
                    text: "".into(),
                    about: None,
                };
                event.render(suite, columns, case.shift_ms);
                for copy in 0..step.copies {
                    let place = events.len() as u64;
                    let arrival_ms = event.arrival_ms + i64::from(copy) * step.copies_after_ms;
                    events.push(Event { place, arrival_ms, ..event.clone() });
                }
            }
        }
        arrange(&mut events, case.order);
        Script { events, shift_ms: case.shift_ms, drive: case.drive.clone() }
    }

    /// Puts the events into the order in which they arrive.
    pub(super) fn settle(&mut self) {
        self.events.sort_by_key(|e| e.arrival_ms);
    }

    /// Moves all times.
    pub(super) fn shift(&mut self, suite: &Suite, columns: &[Column], ms: i64) {
        self.shift_ms += ms;
        let shift_ms = self.shift_ms;
        self.events.iter_mut().for_each(|event| event.render(suite, columns, shift_ms));
    }

    /// The script as a case that its author can paste.
    pub(super) fn yaml(&self, name: &str, expected: &[Outline]) -> String {
        let fires = !expected.is_empty();
        let mut lines = vec![format!("  - name: {}", Value::from(name)), format!("    is: {fires}"), "    variants: false".to_owned()];
        if self.shift_ms != 0 {
            lines.push(format!("    shift: {}", duration(self.shift_ms)));
        }
        lines.extend(drive_line(&self.drive));
        lines.push("    events:".to_owned());
        lines.extend(self.steps().into_iter().map(|step| format!("      - {}", flow_style(&step))));
        lines.push(format!("    alerts: {}", expected.len()));
        let mut expected: Vec<&Outline> = expected.iter().collect();
        expected.sort_by_key(|outline| outline.counted.map(|(_, first, _)| first));
        if fires {
            lines.push("    expect:".to_owned());
            lines.extend(expected.iter().map(|outline| format!("      - {}", flow_style(&outline.expect()))));
        }
        lines.join("\n") + "\n"
    }

    /// One step per event; copies that follow each other are one.
    fn steps(&self) -> Vec<Value> {
        let mut steps: Vec<(&Event, Value)> = Vec::new();
        for event in &self.events {
            let same = |other: &Event| other.origin == event.origin && other.account == event.account && other.text == event.text;
            let known = steps.iter_mut().find(|(first, step)| same(first) && !step["copies"].is_number());
            match known {
                Some((first, step)) => {
                    step["copies"] = 2.into();
                    if event.arrival_ms > first.arrival_ms {
                        step["copies_after"] = duration(event.arrival_ms - first.arrival_ms).into();
                    }
                }
                None => steps.push((event, step(event))),
            }
        }
        steps.into_iter().map(|(_, step)| step).collect()
    }
}

fn step(event: &Event) -> Value {
    let mut step = json!({"use": &*event.template});
    let arrives_ms = event.arrival_ms - event.at_ms;
    let times = [("at", event.at_ms), ("arrives", arrives_ms)];
    times.into_iter().filter(|(_, ms)| *ms != 0).for_each(|(key, ms)| step[key] = duration(ms).into());
    if event.origin.1 != 0 {
        step["n"] = event.origin.1.into();
    }
    if let Some(account) = &event.account {
        step["account"] = (**account).into();
    }
    if !event.set.is_empty() {
        step["set"] = Value::Object((*event.set).clone());
    }
    step
}

fn drive_line(drive: &Drive) -> Option<String> {
    let mut said = Map::new();
    match drive.batch {
        1 => {}
        usize::MAX => _ = said.insert("batch".into(), "all".into()),
        n => _ = said.insert("batch".into(), n.into()),
    }
    if drive.pipelines > 1 {
        said.insert("pipelines".into(), drive.pipelines.into());
    }
    if !drive.restarts.is_empty() {
        said.insert("restart".into(), drive.restarts.iter().copied().collect());
    }
    (!said.is_empty()).then(|| format!("    drive: {}", flow_style(&Value::Object(said))))
}

/// A map in YAML's flow style: JSON with plain words where they are safe.
fn flow_style(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let items: Vec<String> =
                map.iter().map(|(key, v)| format!("{}: {}", if key == "n" { key.clone() } else { word(key) }, flow_style(v))).collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(flow_style).collect::<Vec<_>>().join(", ")),
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// A text, quoted unless every YAML reader takes it for the same text.
fn word(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    // A duration begins with a digit and ends with a unit: no number.
    let time = super::suite::parse_duration_ms(text).is_some() && text != "0";
    if plain || time { text.to_owned() } else { Value::from(text).to_string() }
}

fn arrange(events: &mut [Event], order: Order) {
    if order == Order::Written {
        events.sort_by_key(|m| m.arrival_ms);
        return;
    }
    let together = events.iter().map(|m| m.arrival_ms).max().unwrap_or(0);
    events.iter_mut().for_each(|m| m.arrival_ms = together);
    match order {
        Order::Reversed => events.reverse(),
        _ => fastrand::Rng::with_seed(events.len() as u64).shuffle(events),
    }
}
