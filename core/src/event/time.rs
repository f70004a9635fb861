//! Time as the sources write it, read into epoch milliseconds, and back. No time zones but offsets, no clock.

/// One second, minute, hour and day in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// One minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Days since 1970-01-01 of a Gregorian date (Howard Hinnant's algorithm).
#[must_use]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let month_shifted = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month, day of a number of days since 1970-01-01.
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// Reads RFC 3339 and its cousins: `T` or a blank between date and time, any number of fraction digits, `Z`, an offset, or
/// nothing (taken as UTC). `None` for anything else; nothing is guessed.
#[must_use]
pub fn parse_rfc3339_ms(text: &str) -> Option<i64> {
    let b = text.trim().as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = b.get(range)?;
        part.iter().try_fold(0i64, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
    };
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    if b[4] != b'-' || b[7] != b'-' || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month as u32) {
        return None;
    }
    let midnight = days_from_civil(year, month as u32, day as u32) * DAY_MS;
    if b.len() == 10 {
        return Some(midnight);
    }
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let separators = matches!(b[10], b'T' | b't' | b' ') && b[13] == b':' && b[16] == b':';
    if !separators || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ms, rest) = parse_fraction(&b[19..])?;
    Some(midnight + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fraction_ms - parse_offset_ms(rest)?)
}

fn days_in_month(year: i64, month: u32) -> i64 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next.0, next.1, 1) - days_from_civil(year, month, 1)
}

fn parse_fraction(b: &[u8]) -> Option<(i64, &[u8])> {
    if b.first() != Some(&b'.') {
        return Some((0, b));
    }
    let length = b[1..].iter().take_while(|d| d.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let ms = (0..3).fold(0, |n, i| n * 10 + b.get(1 + i).filter(|_| i < length).map_or(0, |d| i64::from(d - b'0')));
    Some((ms, &b[1 + length..]))
}

fn parse_offset_ms(b: &[u8]) -> Option<i64> {
    match b {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let digits: Vec<u8> = rest.iter().copied().filter(|c| *c != b':').collect();
            if digits.len() != 4 || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let n = |i: usize| i64::from(digits[i] - b'0');
            let ms = (n(0) * 10 + n(1)) * HOUR_MS + (n(2) * 10 + n(3)) * MINUTE_MS;
            Some(if *sign == b'+' { ms } else { -ms })
        }
        _ => None,
    }
}

/// Epoch seconds or milliseconds by size: anything of 1e11 and above (the year 5138 in seconds) is milliseconds.
#[must_use]
pub fn epoch_number_ms(n: f64) -> Option<i64> {
    if !n.is_finite() || n.abs() > 9.0e15 {
        return None;
    }
    let ms = if n.abs() >= 1.0e11 { n } else { n * 1000.0 };
    Some(ms.round() as i64)
}

/// Any time a source may hold in a text: RFC 3339, or a number of epoch seconds or milliseconds.
#[must_use]
pub fn parse_any_ms(text: &str) -> Option<i64> {
    parse_rfc3339_ms(text).or_else(|| text.trim().parse().ok().and_then(epoch_number_ms))
}

/// `2026-11-23T17:53:04.000Z`. Years outside 0-9999 keep their sign and digits.
#[must_use]
pub fn format_rfc3339(ms: i64) -> String {
    let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
    let t = ms.rem_euclid(DAY_MS);
    let (hour, minute, second, milli) = (t / HOUR_MS, t / MINUTE_MS % 60, t / SECOND_MS % 60, t % SECOND_MS);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_sources_write() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T17:53:04.000Z", 1_795_456_384_000),
            ("2026-11-23T17:53:04.1239Z", 1_795_456_384_123),
            ("2026-11-23 17:53:04", 1_795_456_384_000),
            ("2026-11-23T18:53:04.5+01:00", 1_795_456_384_500),
            ("2026-11-23T13:53:04-0400", 1_795_456_384_000),
            ("1969-12-31", -86_400_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_rfc3339_ms(text), Some(ms), "{text}");
        }
        for bad in ["", "2026-13-01", "2026-02-30T00:00:00Z", "2017-03-16T19:20:177Z", "17:53", "2026-11-23T17:53:04.Z"] {
            assert_eq!(parse_rfc3339_ms(bad), None, "{bad}");
        }
        assert_eq!(parse_any_ms("1639010703.5"), Some(1_639_010_703_500));
        assert_eq!(parse_any_ms("1.639010703E9"), Some(1_639_010_703_000));
        assert_eq!(parse_any_ms("1512564058000"), Some(1_512_564_058_000));
    }

    #[test]
    fn writing_and_reading_are_inverse() {
        for ms in [0, -1, 1_795_456_384_123, -62_135_596_800_000, 253_402_300_799_999] {
            assert_eq!(parse_rfc3339_ms(&format_rfc3339(ms)), Some(ms));
        }
    }
}
