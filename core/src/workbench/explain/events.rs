//! Why rules matched given events or did not: per selection and test, with the values seen, and which part decided.

use super::Explainer;
use super::walk::{Met, walk};
use super::words::{Row, deciding, traced_rows};
use crate::decode::vpcflow::Flow;
use crate::decode::{DecodeError, Unit};
use crate::detect::{Stamp, Trace, Traced, Tracer};
use crate::enrich::Tables;
use crate::event::Record;
use crate::event::time::format_rfc3339;
use crate::rule::anatomy::{Anatomy, Clause};
use crate::rule::{Body, Expr};
use serde::Serialize;
use std::sync::Arc;

/// Most events that are explained one by one.
pub const EVENTS_MAX: usize = 1_000;
/// Most deciding tests that are told.
const DECIDING_MAX: usize = 8;

/// An event under some rules.
#[derive(Debug, Clone, Serialize)]
pub struct EventExplained {
    /// Where it stands.
    pub place: String,
    /// Its service; empty where it is no event.
    pub service: String,
    /// Its time.
    pub time: String,
    /// Why no rule saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What it means for the rules.
    pub rules: Vec<OnEvent>,
}

/// A detection rule on an event.
#[derive(Debug, Clone, Serialize)]
pub struct OnEvent {
    /// Rule id.
    pub id: String,
    /// Rule title.
    pub title: String,
    /// Its logsource admits the event.
    pub admitted: bool,
    /// The event met its necessary condition, so that the rule was tested at all.
    pub woken: bool,
    /// It matched.
    pub matched: bool,
    /// The condition as written.
    pub condition: Vec<String>,
    /// Its selections.
    pub selections: Vec<Answered>,
    /// What filters add.
    pub filters: Vec<Answered>,
    /// The tests that made the answer what it is.
    pub decided_by: Vec<String>,
    /// Where the match counts: correlation and group key, or the rule's own alert.
    pub counts: Vec<String>,
    /// What keeps it from counting, or from paging.
    pub notes: Vec<String>,
}

/// A selection and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    /// Name.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// Its tests.
    pub rows: Vec<Row>,
}

/// Explains events under rules (detection rules; the numbers of correlations are passed over).
#[must_use]
pub fn on_events(explainer: &Explainer, rules: &[u32], records: &[Record], tables: &Arc<Tables>) -> Vec<EventExplained> {
    let mut tracer = Tracer::new(explainer.set.clone(), explainer.hints.clone(), tables.clone());
    let mut out = Vec::new();
    walk(records, &explainer.hints, &mut |met, stamp| {
        if out.len() < EVENTS_MAX {
            out.push(event(explainer, rules, &mut tracer, &met, &stamp));
        }
    });
    out
}

fn event(explainer: &Explainer, rules: &[u32], tracer: &mut Tracer, met: &Met<'_, '_>, stamp: &Stamp) -> EventExplained {
    let place = format!("{} {}", stamp.position.shard, stamp.position.sequence);
    let mut out = EventExplained { place, service: String::new(), time: String::new(), refused: None, rules: Vec::new() };
    let (unit, flow) = match met {
        Met::Event(unit, flow) => (*unit, *flow),
        Met::Other(why) => {
            out.refused = Some(why.clone());
            return out;
        }
    };
    out.service = unit.form.source().service().to_owned();
    for rule in rules.iter().filter(|r| matches!(explainer.set.rule(**r).body, Body::Detection(_))) {
        match on_event(explainer, *rule, tracer, (unit, flow), stamp) {
            Ok((on_event, time_ms)) => {
                out.time = format_rfc3339(time_ms);
                out.rules.push(on_event);
            }
            Err(error) => {
                out.refused = Some(format!("it cannot be read: {error}"));
                break;
            }
        }
    }
    out
}

fn on_event(
    explainer: &Explainer,
    number: u32,
    tracer: &mut Tracer,
    (unit, flow): (&Unit<'_>, Option<&Flow<'_, '_>>),
    stamp: &Stamp,
) -> Result<(OnEvent, i64), DecodeError> {
    let rule = explainer.set.rule(number);
    let anatomy = explainer.anatomy.get(&rule.meta.place);
    let filters = explainer.filters(number);
    let selections = anatomy.map_or(&[][..], |a| &a.selections);
    let whole = if let Body::Detection(detection) = &rule.body { &detection.condition } else { &NOTHING };
    let parts: Vec<&Expr> = selections.iter().map(|s| &s.expr).chain(filters).chain([whole]).collect();
    let trace = tracer.trace(number, &parts, unit, flow, stamp)?;
    let (named, rest) = trace.parts.split_at(selections.len());
    let (filters, whole) = rest.split_at(rest.len().saturating_sub(1));
    let answered = |name: String, part: &Traced| Answered { name, holds: part.holds, rows: traced_rows(part) };
    let out = OnEvent {
        id: rule.meta.id.clone(),
        title: rule.meta.title.clone(),
        admitted: trace.admitted,
        woken: trace.woken,
        matched: trace.matched,
        condition: anatomy.map_or(Vec::new(), |a| a.written.clone()),
        selections: selections.iter().zip(named).map(|(s, part)| answered(s.name.clone(), part)).collect(),
        filters: filters.iter().map(|part| answered("filter".to_owned(), part)).collect(),
        decided_by: decided_by(anatomy, named, filters, whole),
        counts: counts(explainer, &trace),
        notes: notes(explainer, number, &trace),
    };
    Ok((out, trace.seen.time_ms))
}

const NOTHING: Expr = Expr::Or(Vec::new());

/// The tests that decided, each with its selection.
fn decided_by(anatomy: Option<&Anatomy>, named: &[Traced], filters: &[Traced], whole: &[Traced]) -> Vec<String> {
    let mut out = Vec::new();
    match anatomy {
        Some(anatomy) => {
            let own = holds(&anatomy.clause, anatomy, named);
            let decides = |holds: bool| whole.iter().all(|whole| whole.holds == holds);
            if decides(own) {
                name_deciding(&anatomy.clause, anatomy, named, &mut out);
            }
            let excluded = filters.iter().filter(|filter| !filter.holds);
            excluded.for_each(|filter| out.extend(deciding(filter).iter().map(|row| format!("filter: {}", answer(row)))));
        }
        None => whole.iter().for_each(|whole| out.extend(deciding(whole).iter().map(answer))),
    }
    let more = out.len().saturating_sub(DECIDING_MAX);
    out.truncate(DECIDING_MAX);
    if more > 0 {
        out.push(format!("and {more} more"));
    }
    out
}

fn traced_of<'t>(name: &str, anatomy: &Anatomy, named: &'t [Traced]) -> Option<&'t Traced> {
    anatomy.selections.iter().position(|s| s.name == name).and_then(|at| named.get(at))
}

fn holds(clause: &Clause, anatomy: &Anatomy, named: &[Traced]) -> bool {
    match clause {
        Clause::Selection(name) => traced_of(name, anatomy, named).is_some_and(|t| t.holds),
        Clause::All(clauses) => clauses.iter().all(|c| holds(c, anatomy, named)),
        Clause::Any(clauses) => clauses.iter().any(|c| holds(c, anatomy, named)),
        Clause::Not(clause) => !holds(clause, anatomy, named),
    }
}

fn name_deciding(clause: &Clause, anatomy: &Anatomy, named: &[Traced], out: &mut Vec<String>) {
    match clause {
        Clause::Selection(name) => {
            let traced = traced_of(name, anatomy, named);
            out.extend(traced.iter().flat_map(|t| deciding(t)).map(|row| format!("{name}: {}", answer(&row))));
        }
        Clause::All(clauses) | Clause::Any(clauses) => {
            let own = holds(clause, anatomy, named);
            let same = clauses.iter().filter(|c| holds(c, anatomy, named) == own);
            same.for_each(|c| name_deciding(c, anatomy, named, out));
        }
        Clause::Not(clause) => name_deciding(clause, anatomy, named, out),
    }
}

/// A test with its answer and what was seen.
pub(super) fn answer(row: &Row) -> String {
    let seen = match row.seen.as_deref() {
        None => String::new(),
        Some([]) => " (the event has no such field)".to_owned(),
        Some(values) => format!(" (seen: {})", values.iter().map(|v| super::shown(v)).collect::<Vec<_>>().join(", ")),
    };
    format!("{}: {}{seen}", row.what, if row.holds == Some(true) { "yes" } else { "no" })
}

/// Where the match counts.
fn counts(explainer: &Explainer, trace: &Trace) -> Vec<String> {
    let of = |d: &crate::event::Detection| {
        let target = explainer.set.rule(d.target);
        match &target.body {
            Body::Detection(_) => "an alert of its own".to_owned(),
            Body::Correlation(c) => {
                let values = d.key.values();
                let pairs = c.group_by.iter().zip(values).map(|(name, value)| format!("{name} = {}", super::shown(value)));
                let key = pairs.collect::<Vec<_>>().join(", ");
                format!("correlation \"{}\", key {}", target.meta.title, if key.is_empty() { "of everything".to_owned() } else { key })
            }
        }
    };
    trace.detections.iter().map(of).collect()
}

fn notes(explainer: &Explainer, number: u32, trace: &Trace) -> Vec<String> {
    let mut out = Vec::new();
    for target in &trace.without_key {
        let target = explainer.set.rule(*target);
        let Body::Correlation(c) = &target.body else { continue };
        let fields = super::fields_of_correlation(c, number).join(", ");
        out.push(format!("it does not count for correlation \"{}\": the event lacks one of {fields}", target.meta.title));
    }
    let flags = trace.detections.first().map(|d| d.flags).unwrap_or_default();
    let known = [
        (trace.seen.late, "it is late: counted, but it moves no window"),
        (trace.seen.clock_skew, "its time is later than its arrival and was clamped to it"),
        (flags.sample, "an AWS sample finding: it counts nowhere and never pages"),
        (flags.archived, "an archived finding: it counts nowhere and never pages"),
    ];
    out.extend(known.iter().filter(|(is, _)| *is).map(|(_, text)| (*text).to_owned()));
    if trace.admitted && explainer_raised(explainer, number) {
        out.push("whether an earlier revision was less severe is known only where revisions are kept".to_owned());
    }
    out
}

fn explainer_raised(explainer: &Explainer, number: u32) -> bool {
    explainer.detector.must_be_raised(number)
}
