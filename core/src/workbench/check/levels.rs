//! Alerts without a level, and timespans that do not fit what is kept or what sources deliver.

use super::{Checker, Subject};
use crate::event::Source;
use crate::event::time::DAY_MS;
use crate::rule::{Body, Place};
use crate::workbench::explain::span;

/// A longer timespan is dear: what it counts must be kept so long, and a replay must read so far back.
const TIMESPAN_MS_LONG: i64 = 7 * DAY_MS;
/// Flow logs tell of a minute at the earliest.
const FLOW_MS: i64 = 60_000;

pub(super) fn check(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    level(checker, subject);
    timespan(checker, subject);
}

fn level(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    let of_findings = subject.sources.iter().any(|s| matches!(s, Source::GuardDuty | Source::SecurityHub));
    if subject.rule.meta.level.is_some() || !subject.rule.alerts || of_findings {
        return;
    }
    let why = "its alerts are of medium severity then, and nobody is paged, whatever it finds";
    checker.warn(&subject.rule.meta.place, "no `level`", why, "add `level:` (informational, low, medium, high or critical)");
}

fn timespan(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    let Body::Correlation(correlation) = &subject.rule.body else { return };
    let node = subject.document.get("correlation").and_then(|c| c.get("timespan"));
    let place: &Place = node.map_or(&subject.rule.meta.place, |n| &n.place);
    let shown = span(correlation.timespan_ms);
    if correlation.timespan_ms > TIMESPAN_MS_LONG {
        let why = "events of every key are kept so long in memory, and a stream that keeps a week cannot rebuild it";
        checker.warn(place, format!("a timespan of {shown}"), why, "use 7d or less, and a key with few values (see `rules explain`)");
    }
    let flows = subject.sources.iter().any(|s| matches!(s, Source::VpcFlow | Source::TransitGatewayFlow));
    let of_events = correlation.rules.iter().all(|child| matches!(checker.set.rule(*child).body, Body::Detection(_)));
    if flows && of_events && correlation.timespan_ms < FLOW_MS {
        let why = "a flow log sums up one to ten minutes under the time of the first packet, so what happened together stands apart";
        checker.warn(place, format!("a timespan of {shown} over flow logs"), why, "use 1m or more");
    }
}
