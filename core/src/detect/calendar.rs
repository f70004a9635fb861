//! Parts of times: minute, hour, day, ISO week, month, year, in UTC.

use crate::event::time::{DAY_MS, HOUR_MS, MINUTE_MS, civil_from_days, days_from_civil};
use crate::rule::TimePart;

/// A part of a time in UTC. Small enough for any number type.
pub(super) fn time_part(ms: i64, part: TimePart) -> i32 {
    let days = ms.div_euclid(DAY_MS);
    let in_day = ms.rem_euclid(DAY_MS);
    let (year, month, day) = civil_from_days(days);
    let n = match part {
        TimePart::Minute => in_day / MINUTE_MS % 60,
        TimePart::Hour => in_day / HOUR_MS,
        TimePart::Day => i64::from(day),
        TimePart::Week => iso_week(days),
        TimePart::Month => i64::from(month),
        TimePart::Year => year,
    };
    n as i32
}

/// The ISO week: that of the Thursday in the same Monday-to-Sunday week. Day 0 (1970-01-01) was a Thursday.
fn iso_week(days: i64) -> i64 {
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, _, _) = civil_from_days(thursday);
    let new_year = days_from_civil(year, 1, 1);
    (thursday - new_year) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::time::parse_rfc3339_ms;

    #[test]
    fn parts_of_times() {
        let cases = [
            ("2026-11-23T17:53:04Z", TimePart::Minute, 53),
            ("2026-11-23T17:53:04Z", TimePart::Hour, 17),
            ("2026-11-23T17:53:04Z", TimePart::Day, 23),
            ("2026-11-23T17:53:04Z", TimePart::Month, 11),
            ("2026-11-23T17:53:04Z", TimePart::Year, 2026),
            ("2026-01-01T00:00:00Z", TimePart::Week, 1),
            ("2027-01-01T00:00:00Z", TimePart::Week, 53),
            ("2024-12-30T00:00:00Z", TimePart::Week, 1),
            ("1969-12-31T23:59:59Z", TimePart::Hour, 23),
        ];
        for (text, part, n) in cases {
            assert_eq!(parse_rfc3339_ms(text).map(|ms| time_part(ms, part)), Some(n), "{text} {part:?}");
        }
    }
}
