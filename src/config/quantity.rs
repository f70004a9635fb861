//! Durations and sizes: a whole number and its unit. A number without a unit is refused: nobody should have to know whether it
//! means seconds or milliseconds.

type Units = [(&'static str, u64)];

/// Units of durations, in milliseconds.
pub(super) const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Units of sizes, in bytes.
pub(super) const SIZES: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a quantity.
///
/// # Errors
/// Why it is none, to go into a sentence.
pub(super) fn parse(text: &str, units: &Units) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if number.is_empty() || unit.starts_with(['.', ',']) {
        return Err(format!("it is a whole number with a unit ({})", names()));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(if unit.is_empty() { format!("the unit is missing ({})", names()) } else { format!("the units are {}", names()) });
    };
    let number: Option<u64> = number.parse().ok();
    number.and_then(|n| n.checked_mul(*factor)).ok_or_else(|| "it is too large a number".to_owned())
}

/// A duration as one would write it.
#[must_use]
pub fn duration(ms: u64) -> String {
    show(ms, &DURATIONS)
}

/// A size as one would write it.
#[must_use]
pub fn size(bytes: u64) -> String {
    let binary = show(bytes, &[SIZES[0], SIZES[6], SIZES[7], SIZES[8], SIZES[9]]);
    if binary.ends_with("iB") { binary } else { show(bytes, &[SIZES[0], SIZES[1], SIZES[3], SIZES[4], SIZES[5]]) }
}

/// With the largest unit that leaves a whole number.
fn show(n: u64, units: &Units) -> String {
    let whole = |(_, factor): &&(&str, u64)| n.is_multiple_of(*factor) && n > 0;
    let (name, factor) = units.iter().filter(whole).max_by_key(|(_, factor)| *factor).unwrap_or(&units[0]);
    format!("{}{name}", n / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        for n in [0, 1, 999, 1_000, 60_000, 90_000, 86_400_000, u64::MAX] {
            assert_eq!(parse(&duration(n), &DURATIONS), Ok(n), "{}", duration(n));
            assert_eq!(parse(&size(n), &SIZES), Ok(n), "{}", size(n));
        }
        assert_eq!(
            [duration(90_000), duration(3_600_000), size(1 << 30), size(1_500), size(3_000_000)],
            ["90s", "1h", "1GiB", "1500B", "3MB"]
        );
    }

    #[test]
    fn nothing_is_guessed() {
        let units = "ms, s, m, h, d";
        for (text, why) in [
            ("10", format!("the unit is missing ({units})")),
            ("10 s", format!("the units are {units}")),
            ("10S", format!("the units are {units}")),
            ("1h30m", format!("the units are {units}")),
            ("1.5h", format!("it is a whole number with a unit ({units})")),
            ("-1s", format!("it is a whole number with a unit ({units})")),
            ("", format!("it is a whole number with a unit ({units})")),
            ("99999999999999999999s", "it is too large a number".to_owned()),
            ("18446744073709551615d", "it is too large a number".to_owned()),
        ] {
            assert_eq!(parse(text, &DURATIONS), Err(why), "{text}");
        }
    }
}
