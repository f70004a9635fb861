//! Severity: Sigma's levels and a product's numbers as OCSF's 1 to 5, their names, and what a pager calls them.

use crate::rule::Level;

/// OCSF severity of a Sigma level.
#[must_use]
pub fn of_level(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 2,
        Level::Medium => 3,
        Level::High => 4,
        Level::Critical => 5,
    }
}

/// OCSF severity of a GuardDuty severity (1.0 to 10.0; below 1 is informational).
#[must_use]
pub fn of_finding(number: f64) -> u8 {
    match number {
        n if n >= 9.0 => 5,
        n if n >= 7.0 => 4,
        n if n >= 4.0 => 3,
        n if n >= 1.0 => 2,
        _ => 1,
    }
}

/// OCSF's caption of a severity.
#[must_use]
pub fn name(severity: u8) -> &'static str {
    match severity {
        1 => "Informational",
        2 => "Low",
        3 => "Medium",
        4 => "High",
        5 => "Critical",
        _ => "Unknown",
    }
}

/// The lower-case name: the route of a page and the SNS attribute.
#[must_use]
pub fn route(severity: u8) -> &'static str {
    match severity {
        2 => "low",
        3 => "medium",
        4 => "high",
        5 => "critical",
        _ => "informational",
    }
}

/// The word of PagerDuty's Events API v2.
#[must_use]
pub fn pager(severity: u8) -> &'static str {
    match severity {
        5 => "critical",
        4 => "error",
        3 => "warning",
        _ => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_fall_into_the_documented_bands() {
        let bands = [(0.0, 1), (1.0, 2), (3.9, 2), (4.0, 3), (6.9, 3), (7.0, 4), (8.9, 4), (9.0, 5), (10.0, 5), (f64::NAN, 1)];
        for (number, severity) in bands {
            assert_eq!(of_finding(number), severity, "{number}");
        }
        assert_eq!((name(of_level(Level::High)), route(4), pager(4)), ("High", "high", "error"));
    }
}
