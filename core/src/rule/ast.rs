//! What a loaded rule set is: the form all later stages compile from.

use crate::event::LogSource;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place in a rule file. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// The rule does not load.
    Error,
    /// The rule loads; its author should look.
    Warning,
}

/// Something wrong with a rule: printed as `FILE:LINE:COLUMN: what: why: what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub gravity: Gravity,
    /// Where.
    pub place: Place,
    /// What: a short lower-case phrase naming the offending word.
    pub what: String,
    /// Why it is refused or doubtful.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// Sigma's level. Absent for rules that take the severity of the finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// OCSF severity 1.
    Informational,
    /// OCSF severity 2.
    Low,
    /// OCSF severity 3.
    Medium,
    /// OCSF severity 4.
    High,
    /// OCSF severity 5.
    Critical,
}

/// Sigma's status. `unsupported` never loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// In production.
    Stable,
    /// Mostly stable.
    Test,
    /// Runs in shadow: counted, stored, never paged.
    Experimental,
    /// Loads with a warning.
    Deprecated,
}

/// The descriptive part of a rule.
#[derive(Debug, Clone)]
pub struct Meta {
    /// Where the document starts.
    pub place: Place,
    /// `id`, else `name`, else a hash of the file name and title: never empty, unique in the set.
    pub id: String,
    /// `name`: by which correlations and aliases refer to it.
    pub name: Option<String>,
    /// `title`.
    pub title: String,
    /// `status` (absent: `test`).
    pub status: Status,
    /// `level`.
    pub level: Option<Level>,
    /// `description`.
    pub description: String,
    /// `author`.
    pub author: String,
    /// `references`.
    pub references: Vec<String>,
    /// `modified`, else `date`.
    pub version: String,
    /// `tags`.
    pub tags: Vec<String>,
    /// `falsepositives`.
    pub falsepositives: Vec<String>,
    /// `fields`.
    pub fields: Vec<String>,
    /// `owner` (custom attribute).
    pub owner: Option<String>,
    /// `runbook` (custom attribute).
    pub runbook: Option<String>,
    /// Every other top-level key, as text.
    pub custom: BTreeMap<String, String>,
}

/// One loaded rule or correlation.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Description.
    pub meta: Meta,
    /// What it looks for.
    pub body: Body,
    /// SHA-256 over everything that decides what it means, including what it refers to: state survives a reload while this is unchanged.
    pub digest: [u8; 32],
    /// Whether its own match is an alert: true unless a correlation refers to it without `generate: true`.
    pub alerts: bool,
}

/// The two kinds of rule.
#[derive(Debug, Clone)]
pub enum Body {
    /// A Sigma detection rule.
    Detection(DetectionRule),
    /// A Sigma correlation rule.
    Correlation(Correlation),
}

/// A detection rule: gate and condition.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionRule {
    /// Only events of these sources are seen.
    pub logsource: LogSource,
    /// The condition with its selections put in and filters applied.
    pub condition: Expr,
}

/// A condition over one event. `not` is true where its operand is false; absent fields make a match false.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All true (empty: true).
    And(Vec<Expr>),
    /// One true (empty: false).
    Or(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// A field against a test. With several values at the field (arrays), one that passes is enough.
    Field {
        /// Field name as the rule's author wrote it.
        field: String,
        /// The test.
        test: Test,
    },
    /// Some leaf text of the event passes (keyword search).
    Keyword(Test),
}

/// A test on one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The whole text fits the pattern (`contains`, `startswith`, `endswith` have become wildcards).
    Text {
        /// Pattern.
        pattern: Pattern,
        /// Whether case counts.
        cased: bool,
    },
    /// The value is this number, or spells it.
    Number(f64),
    /// The value is this boolean or its word.
    Bool(bool),
    /// A regular expression is found in the text (flags are inside: `(?i)`).
    Regex(String),
    /// The value is an address inside the network.
    Cidr(ipnet::IpNet),
    /// The number compares so with the given one.
    Compare(Compare, f64),
    /// The field is absent or null.
    Null,
    /// The field is present (null counts as present), or, with false, absent.
    Exists(bool),
    /// The text equals (or contains, ...) the text of another field of the same event.
    FieldRef {
        /// The other field.
        field: String,
        /// How the two are compared.
        mode: RefMode,
        /// Whether case counts.
        cased: bool,
    },
    /// A part of a time compares so with the number.
    TimePart(TimePart, Compare, f64),
}

/// How `fieldref` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefMode {
    /// Equal.
    Equals,
    /// The field contains the other field's text.
    Contains,
    /// It starts with it.
    StartsWith,
    /// It ends with it.
    EndsWith,
}

/// Part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimePart {
    /// 0-59.
    Minute,
    /// 0-23.
    Hour,
    /// 1-31.
    Day,
    /// ISO week, 1-53.
    Week,
    /// 1-12.
    Month,
    /// The year.
    Year,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compare {
    /// `lt`
    Lt,
    /// `lte`
    Lte,
    /// `gt`
    Gt,
    /// `gte`
    Gte,
    /// `eq`
    Eq,
    /// `neq`
    Neq,
}

/// A text pattern: literal parts between wildcards. `[Literal("abc")]` is plain equality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub Vec<Part>);

/// A part of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Literal(String),
    /// `?`: exactly one character.
    One,
    /// `*`: any characters, none included.
    Any,
}

/// A correlation rule, linked.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// What it measures.
    pub kind: CorrelationKind,
    /// Indices (in [`RuleSet::rules`]) of the rules it refers to, in the order written.
    pub rules: Vec<u32>,
    /// `group-by`, in order. Empty: one global key.
    pub group_by: Vec<String>,
    /// `aliases`: alias name -> (index of the rule -> field in its events).
    pub aliases: BTreeMap<String, BTreeMap<u32, String>>,
    /// `timespan` in milliseconds.
    pub timespan_ms: i64,
    /// `generate: true`: the referred rules alert by themselves too.
    pub generate: bool,
}

/// The type of a correlation and its condition.
#[derive(Debug, Clone, PartialEq)]
pub enum CorrelationKind {
    /// `event_count`.
    EventCount(Thresholds),
    /// `value_count` of distinct values of the fields (linked by AND: the tuple).
    ValueCount(Vec<String>, Thresholds),
    /// `value_sum` of a field.
    ValueSum(String, Thresholds),
    /// `value_avg` of a field.
    ValueAvg(String, Thresholds),
    /// `value_percentile` of a field: the rank in percent (`value_median` is 50).
    ValuePercentile(String, f64, Thresholds),
    /// `temporal`.
    Temporal(Presence),
    /// `temporal_ordered`.
    TemporalOrdered(Presence),
}

/// All comparisons must hold (`gt: 100, lte: 200`).
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds(pub Vec<(Compare, f64)>);

/// A boolean condition over the correlation's rules: the number is the place in [`Correlation::rules`].
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// The rule has an event.
    Rule(u16),
    /// All (a condition left out is `And` of all rules).
    And(Vec<Presence>),
    /// One.
    Or(Vec<Presence>),
    /// No event (see DESIGN: `not` removes events).
    Not(Box<Presence>),
}

/// Everything that was loaded.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// Rules and correlations, sorted by id: an index is a rule's number everywhere (log, state, alerts) for this set.
    pub rules: Vec<Rule>,
    /// SHA-256 over the digests and descriptions of all rules: two sets with this in common give the same alerts.
    pub digest: [u8; 32],
}

impl RuleSet {
    /// The rule with this number.
    ///
    /// # Panics
    /// If the number is of another rule set: a broken invariant.
    #[must_use]
    pub fn rule(&self, index: u32) -> &Rule {
        &self.rules[index as usize]
    }
}

/// What loading gives: whatever loaded, and everything there is to say about the rest. One bad rule never hides another.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The rules without errors.
    pub set: RuleSet,
    /// Errors and warnings, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// A rule file's text under the name the user gave it.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Name shown in messages.
    pub name: String,
    /// Content.
    pub text: String,
}
