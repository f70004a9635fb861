//! How near the unread records of a shard are to their end: a stream keeps them for its retention, then they are gone.
//!
//! Owns when a reader that falls behind is warned of, and when it must be said that records went unread. What was gone before the
//! reader came is no loss of this kind: who begins with the oldest record begins at the very edge, and is given time to leave it.

/// So near to the retention, records go while they are read.
const EDGE_MS: i64 = 60_000;
/// So long may a reader stand where it began.
const GRACE_MS: i64 = 5 * 60_000;
/// Losses of one shard are told so often.
const TELL_MS: i64 = 3_600_000;

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// More than half of the retention behind.
    Late,
    /// Not any more.
    Better,
    /// Records go before they are read.
    Lost,
}

/// One shard.
#[derive(Debug, Default)]
pub(super) struct Lag {
    late_since_ms: Option<i64>,
    warned: bool,
    edge_since_ms: Option<i64>,
    /// It was away from the edge before.
    away: bool,
    told_ms: Option<i64>,
}

impl Lag {
    /// Takes how far behind an answer is.
    pub(super) fn judge(&mut self, behind_ms: i64, retention_ms: i64, service_ms: i64) -> Verdict {
        if behind_ms >= retention_ms - EDGE_MS {
            let since = *self.edge_since_ms.get_or_insert(service_ms);
            let lost = self.away || service_ms - since >= GRACE_MS;
            if lost && self.told_ms.is_none_or(|told| service_ms - told >= TELL_MS) {
                self.told_ms = Some(service_ms);
                return Verdict::Lost;
            }
        } else {
            (self.edge_since_ms, self.away) = (None, true);
        }
        if behind_ms < retention_ms / 4 {
            self.late_since_ms = None;
            return if std::mem::take(&mut self.warned) { Verdict::Better } else { Verdict::Nothing };
        }
        if behind_ms >= retention_ms / 2 && !self.warned {
            let since = *self.late_since_ms.get_or_insert(service_ms);
            self.warned = service_ms - since >= GRACE_MS;
            return if self.warned { Verdict::Late } else { Verdict::Nothing };
        }
        Verdict::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;
    const MINUTE: i64 = 60_000;

    #[test]
    fn a_reader_that_falls_behind_is_warned_of_before_records_go() {
        let mut lag = Lag::default();
        let said: Vec<(i64, Verdict)> = (0..1_700)
            .map(|minute| (minute, lag.judge(minute * MINUTE, DAY, minute * MINUTE)))
            .filter(|(_, verdict)| *verdict != Verdict::Nothing)
            .collect();
        assert_eq!(
            said,
            [
                (725, Verdict::Late),
                (1_439, Verdict::Lost),
                (1_499, Verdict::Lost),
                (1_559, Verdict::Lost),
                (1_619, Verdict::Lost),
                (1_679, Verdict::Lost)
            ]
        );
        assert_eq!(lag.judge(DAY / 3, DAY, 1_700 * MINUTE), Verdict::Nothing);
        assert_eq!(lag.judge(0, DAY, 1_701 * MINUTE), Verdict::Better);
        assert_eq!(lag.judge(0, DAY, 1_702 * MINUTE), Verdict::Nothing);
    }

    #[test]
    fn who_begins_with_the_oldest_record_has_time_to_get_away() {
        let mut lag = Lag::default();
        for minute in 0..4 {
            assert_eq!(lag.judge(DAY - MINUTE / 2, DAY, minute * MINUTE), Verdict::Nothing);
        }
        assert_eq!(lag.judge(DAY - 10 * MINUTE, DAY, 4 * MINUTE), Verdict::Nothing);
        let mut slow = Lag::default();
        let said: Vec<Verdict> = (0..7).map(|minute| slow.judge(DAY, DAY, minute * MINUTE)).filter(|v| *v != Verdict::Nothing).collect();
        assert_eq!(said, [Verdict::Lost, Verdict::Late], "it does not get away");
    }
}
