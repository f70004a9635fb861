//! The keys of a test file: one table for the parser, the documentation and the published schema.

/// What stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A time like `2026-11-02T10:00:00Z`.
    Time,
    /// A duration like `90s`, `5m`, `1h30m`, `-10s`.
    Duration,
    /// A whole number.
    Count,
    /// `true` or `false`.
    Yes,
    /// One of these words, or a list of them.
    Words(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of numbers.
    Counts,
    /// A whole number, or `all`.
    CountOrAll,
    /// Any map.
    Map,
    /// Any value.
    Any,
    /// A map with these keys.
    Of(&'static [Key]),
    /// A list of maps with these keys; one map stands for a list of one.
    ListOf(&'static [Key]),
    /// A map whose keys are free and whose values are templates: maps with `kind` and the fields of the event.
    Templates,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What stands under it.
    pub form: Form,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub about: &'static str,
}

const fn may(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: false, about }
}

const fn must(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: true, about }
}

/// The words of `is`.
pub const CLASSES: [&str; 6] = ["true", "false", "edge", "disorder", "duplicate", "accounts"];

/// The words of `order`.
pub const ORDERS: [&str; 3] = ["written", "reversed", "shuffled"];

/// The words of `kind`: what a template's event is.
pub const KINDS: [&str; 9] = ["cloudtrail", "guardduty", "vpcflow", "dns", "waf", "securityhub", "eks", "eventbridge", "json"];

/// A word of `kind` beside those of [`KINDS`]: nothing but what the template says.
pub const KIND_RAW: &str = "raw";

/// The words of `variants`: what the runner does to a case.
pub const VARIANTS: [&str; 9] = ["restarted", "pipelines", "batched", "shuffled", "delayed", "duplicated", "noise", "shifted", "mixed"];

/// The keys of a file.
pub const FILE: [Key; 6] = [
    may("about", Form::Text, "what these tests are about"),
    may("with", Form::Texts, "rule files needed besides NAME.yml, relative to it"),
    may("base", Form::Time, "time zero of every case"),
    may("tables", Form::Of(&TABLES), "what rules may ask; rows have the columns of the table files"),
    may("events", Form::Templates, "templates of events by name"),
    must("cases", Form::ListOf(&CASE), "the cases"),
];

/// The keys of `tables`.
pub const TABLES: [Key; 3] = [
    may("accounts", Form::Any, "a list of rows, as in accounts.csv"),
    may("networks", Form::Any, "a list of rows, as in networks.csv"),
    may("intel", Form::Any, "a list of rows, as in intel.csv"),
];

/// The keys of a case.
pub const CASE: [Key; 10] = [
    must("name", Form::Text, "by which a failing case is found"),
    may("why", Form::Text, "why the case is there"),
    must("is", Form::Words(&CLASSES), "what the case shows; `true` or `false` must be among it"),
    may("order", Form::Words(&ORDERS), "in which order the events arrive"),
    may("shift", Form::Duration, "moves all times of the case"),
    may("drive", Form::Of(&DRIVE), "how the engine is run"),
    may("variants", Form::Any, "`false`, or a list of the variants that are run"),
    may("events", Form::ListOf(&STEP), "the events"),
    may("alerts", Form::Count, "how many alerts must come"),
    may("expect", Form::ListOf(&EXPECT), "what they must look like, by first seen"),
];

/// The keys of `drive`.
pub const DRIVE: [Key; 3] = [
    may("batch", Form::CountOrAll, "records that are applied together"),
    may("pipelines", Form::Count, "over how many Pipelines the keys are spread"),
    may("restart", Form::Counts, "after which records the engine is restarted from a snapshot"),
];

/// The keys of one of a case's `events`.
pub const STEP: [Key; 10] = [
    must("use", Form::Text, "the template"),
    may("at", Form::Duration, "event time of the first, from the base"),
    may("times", Form::Count, "how many events (1)"),
    may("every", Form::Duration, "distance between two of them"),
    may("arrives", Form::Duration, "how long after its own time each arrives"),
    may("copies", Form::Count, "how often each arrives (1): by other routes, with the same id"),
    may("copies_after", Form::Duration, "how long after the one before each copy arrives"),
    may("n", Form::Count, "the number of the first, for `${n}` (0)"),
    may("account", Form::Text, "the account of the event, wherever it names its own"),
    may("set", Form::Map, "fields to set, by dotted name; a name that ends in `!` removes"),
];

/// The keys of one of a case's `expect`.
pub const EXPECT: [Key; 35] = [
    may("rule", Form::Text, "id of the rule"),
    may("title", Form::Text, "title"),
    may("severity", Form::Text, "severity in words"),
    may("count", Form::Count, "events (or findings, values, stretches) of the episode"),
    may("message", Form::Text, "a part of the sentence why it fired"),
    may("start", Form::Duration, "first moment at which it holds, from the base"),
    may("end", Form::Duration, "one past the last"),
    may("first_seen", Form::Duration, "time of the first event"),
    may("last_seen", Form::Duration, "time of the last"),
    may("page", Form::Yes, "whether it pages"),
    may("key", Form::Map, "fields of the group key; others may be there too"),
    may("truncated", Form::Yes, "it fired only because the data stop"),
    may("state", Form::Text, "state of the episode: open or closed"),
    may("kind", Form::Text, "detection or correlation"),
    may("revision", Form::Count, "version of the document"),
    may("group_key_text", Form::Text, "the group key in words"),
    may("late_events", Form::Count, "events that came too late to count"),
    may("approximate", Form::Yes, "counts may be off"),
    may("clock_skew", Form::Yes, "an event time was clamped to its arrival"),
    may("sample", Form::Yes, "a sample finding"),
    may("archived", Form::Yes, "an archived finding"),
    may("shadow", Form::Yes, "the rule is in shadow"),
    may("suppressed_by", Form::Text, "the suppression"),
    may("principals", Form::Texts, "who acted"),
    may("source_ips", Form::Texts, "from where"),
    may("accounts", Form::Texts, "accounts"),
    may("accounts_total", Form::Count, "how many accounts"),
    may("regions", Form::Texts, "Regions"),
    may("owners", Form::Texts, "owners of the accounts"),
    may("environments", Form::Texts, "environments of the accounts"),
    may("records_total", Form::Count, "records behind the alert"),
    may("rule_digest", Form::Text, "digest of the rule"),
    may("tables", Form::Any, "versions of tables"),
    may("compliance", Form::Texts, "compliance tags"),
    may("false_positives", Form::Texts, "false positives"),
];

/// The names of keys.
#[must_use]
pub fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}
