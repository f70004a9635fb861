//! Where the documents of an alert belong: one index per month.
//!
//! Owns the month: that in which the alert was first seen, as known when it fired. Kept in the state, because a later revision may
//! say otherwise and a document must never stand in two indices. Limits: no month after the arrival, none over
//! [`MONTHS_BACK_MAX`] before it: a forged time creates no index.

use crate::event::time::{DAY_MS, civil_from_days};

/// How far before its arrival an alert may be filed.
const MONTHS_BACK_MAX: i64 = 13;

/// The month of a moment, counted from year 0.
fn month(ms: i64) -> i64 {
    let (year, month, _) = civil_from_days(ms.div_euclid(DAY_MS));
    12 * year + i64::from(month) - 1
}

/// The month that an alert is filed under.
pub(super) fn filed(first_seen_ms: i64, arrival_ms: i64) -> i64 {
    let newest = month(arrival_ms);
    month(first_seen_ms).clamp(newest - MONTHS_BACK_MAX, newest)
}

/// The name of a month's index.
pub(super) fn index(month: i64) -> String {
    format!("tidegate-alerts-v1-{:04}.{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::time::parse_rfc3339_ms;

    #[test]
    fn months_are_clamped_to_the_arrival() {
        let at = |text: &str| parse_rfc3339_ms(text).expect("a time");
        let arrival = at("2026-01-15T00:00:00Z");
        let cases = [
            ("2026-01-01T00:00:00Z", "2026.01"),
            ("2025-12-31T23:59:59Z", "2025.12"),
            ("2024-12-01T00:00:00Z", "2024.12"),
            ("2024-11-30T00:00:00Z", "2024.12"),
            ("1970-01-01T00:00:00Z", "2024.12"),
            ("9999-01-01T00:00:00Z", "2026.01"),
        ];
        for (first, want) in cases {
            assert_eq!(index(filed(at(first), arrival)), format!("tidegate-alerts-v1-{want}"), "{first}");
        }
    }
}
