//! Bounds of an alert document, in one place.

/// Evidences from each end of the kept events.
pub const EVIDENCES_EACH_END: usize = 5;
/// Records listed.
pub const RECORDS_MAX: usize = 50;
/// Values of each list: principals, addresses, accounts, Regions, owners.
pub const VALUES_MAX: usize = 100;
/// Resources listed.
pub const RESOURCES_MAX: usize = 50;
/// Observables listed.
pub const OBSERVABLES_MAX: usize = 100;
/// Related alerts, findings and signals listed.
pub const RELATED_MAX: usize = 100;
/// Leftovers of a finding.
pub const UNMAPPED_MAX: usize = 200;
/// The earliest moment a document's own times may hold (2001-09-09): what lies before is no AWS event but a forged time.
pub const EARLIEST_MS: i64 = 1_000_000_000_000;
