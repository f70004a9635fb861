//! Who an event is and when it was: event time, lateness, content id, finding revision.
//!
//! Owns the judgements that are made from one record alone. Never asks a clock: an event without a time takes its arrival.

use super::matcher::{is_true, value_ms};
use crate::decode::{DecodeError, ErrorCode, Unit};
use crate::event::id::hash128;
use crate::event::time::MINUTE_MS;
use crate::event::{ContentId, DetectionFlags, FindingRevision, Position, Slot, Slots, Source, Value};

/// An event time later than arrival by more than this is clamped to arrival.
pub const CLOCK_SKEW_MAX_MS: i64 = 5 * MINUTE_MS;

/// Where and when a record was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The event's place.
    pub position: Position,
    /// The stamp of the service or reader; `None` for history without one.
    pub arrival_ms: Option<i64>,
}

/// The times of an event, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) time_ms: i64,
    pub(super) arrival_ms: i64,
    pub(super) late: bool,
    pub(super) clock_skew: bool,
}

impl Moment {
    /// Judges an event's own time against its arrival. Either stands in for the other when it is missing.
    pub(super) fn judge(own: Option<i64>, arrival: Option<i64>, lateness_ms: i64) -> Option<Self> {
        let arrival_ms = arrival.or(own)?;
        let own_ms = own.unwrap_or(arrival_ms);
        let clock_skew = own_ms > arrival_ms.saturating_add(CLOCK_SKEW_MAX_MS);
        let late = arrival_ms.saturating_sub(own_ms) > lateness_ms;
        Some(Moment { time_ms: if clock_skew { arrival_ms } else { own_ms }, arrival_ms, late, clock_skew })
    }

    /// The refusal of an event that has no time at all.
    pub(super) fn missing() -> DecodeError {
        DecodeError::new(ErrorCode::FieldMissing, 0, "the event has no readable time and the record has no arrival time")
    }
}

/// The first value that is a time.
pub(super) fn time_at(slots: &Slots<'_>, slot: Slot) -> Option<i64> {
    slots.get(slot).iter().find_map(value_ms)
}

/// The slots of a finding's own fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct FindingSlots {
    pub(super) arn: Slot,
    pub(super) updated: Slot,
    pub(super) created: Slot,
    pub(super) count: Slot,
    pub(super) severity: Slot,
    pub(super) archived: Slot,
    pub(super) sample: Slot,
}

/// A finding as its own fields describe it.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) arn: Box<str>,
    pub(super) revision: FindingRevision,
    /// 1-5, if the finding says one.
    pub(super) severity: Option<u8>,
    pub(super) archived: bool,
    pub(super) sample: bool,
}

impl FindingSlots {
    /// Reads a finding; `None` if it has no name. Without `updatedAt` it takes `event_ms`.
    pub(super) fn read(&self, slots: &Slots<'_>, event_ms: i64) -> Option<Finding> {
        let arn: Box<str> = slots.text(self.arn)?.into();
        let number = |slot: Slot| slots.get(slot).iter().find_map(Value::number);
        let updated_ms = time_at(slots, self.updated).unwrap_or(event_ms);
        let severity = number(self.severity).map(|n| (n * 100.0).round() as i32);
        let revision = FindingRevision {
            finding: hash128(arn.as_bytes()),
            updated_ms,
            created_ms: time_at(slots, self.created).unwrap_or(updated_ms),
            count: number(self.count).map_or(1, |n| n as i64),
            severity: severity.unwrap_or_default(),
        };
        let flag = |slot: Slot| slots.get(slot).iter().any(is_true);
        let severity = severity.map(band);
        Some(Finding { arn, revision, severity, archived: flag(self.archived), sample: flag(self.sample) })
    }
}

impl Finding {
    /// `new` for the first publication, `updated` for a later one.
    pub(super) fn publication(&self) -> &'static str {
        if self.revision.count > 1 { "updated" } else { "new" }
    }

    fn content_id(&self, source: Source) -> ContentId {
        ContentId::of(source.service(), &format!("{}\0{}\0{}", self.arn, self.revision.updated_ms, self.revision.count))
    }
}

/// Severity 1-5 of a number in hundredths, by the bands of `GuardDuty`.
fn band(hundredths: i32) -> u8 {
    match hundredths {
        ..100 => 1,
        100..400 => 2,
        400..700 => 3,
        700..900 => 4,
        900.. => 5,
    }
}

/// The event's identity on every route, and whether it is only its place. `own` is what the event calls itself.
pub(super) fn content_id(
    unit: &Unit<'_>,
    source: Source,
    finding: Option<&Finding>,
    own: Option<&str>,
    position: &Position,
) -> (ContentId, bool) {
    let is_flow = matches!(source, Source::VpcFlow | Source::TransitGatewayFlow);
    match (finding, own, unit.context.log_event_id.as_deref()) {
        (Some(finding), _, _) => (finding.content_id(source), false),
        (None, Some(own), log_event) if !is_flow && log_event != Some(own) => (ContentId::of(source.service(), own), false),
        (None, _, Some(id)) if !is_flow => (of_log_event(id, unit.text), false),
        _ => (ContentId::of_position(position), true),
    }
}

/// A log event may hold several events: its id and the event's text name one of them.
fn of_log_event(id: &str, text: &str) -> ContentId {
    ContentId::of("cloudwatch-logs", &format!("{id}\0{:032x}", hash128(text.as_bytes())))
}

/// The flags of an event's detections.
pub(super) fn flags(moment: &Moment, finding: Option<&Finding>, position_id: bool) -> DetectionFlags {
    DetectionFlags {
        late: moment.late,
        clock_skew: moment.clock_skew,
        sample: finding.is_some_and(|f| f.sample),
        archived: finding.is_some_and(|f| f.archived),
        position_id,
        witness: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_judged_against_arrival() {
        let judge = |own, arrival| Moment::judge(own, arrival, Source::CloudTrail.lateness_ms());
        let hour = 60 * MINUTE_MS;
        let moment = |time_ms, arrival_ms, late, clock_skew| Some(Moment { time_ms, arrival_ms, late, clock_skew });
        assert_eq!(judge(None, None), None);
        assert_eq!(judge(Some(7), None), moment(7, 7, false, false));
        assert_eq!(judge(None, Some(7)), moment(7, 7, false, false));
        assert_eq!(judge(Some(0), Some(hour / 2)), moment(0, hour / 2, false, false));
        assert_eq!(judge(Some(0), Some(hour / 2 + 1)), moment(0, hour / 2 + 1, true, false));
        assert_eq!(judge(Some(CLOCK_SKEW_MAX_MS), Some(0)), moment(CLOCK_SKEW_MAX_MS, 0, false, false));
        assert_eq!(judge(Some(CLOCK_SKEW_MAX_MS + 1), Some(0)), moment(0, 0, false, true));
        assert_eq!(Moment::judge(Some(0), Some(hour), Source::VpcFlow.lateness_ms()), moment(0, hour, false, false));
        assert!(judge(Some(i64::MIN), Some(i64::MAX)).is_some_and(|m| m.late));
    }
}
