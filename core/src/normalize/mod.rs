//! Names to places: which source path, column or function a field name of a rule means, per form. Resolved when rules load.
//!
//! Owns the knowledge of what the same thing is called in each shape: one file per source, each a table of names and a rule
//! for the names that stand in no table. Never reads bytes, never copies an event, never decides whether a value matches.
//!
//! A name is looked for in this order: the reserved names (`tidegate.…`), the source's own names where they mean something
//! else than OCSF's (`severity`, `type`, `region`), OCSF names, and last the name as its own dotted path.
//!
//! Limits: a name has at most [`ALTERNATIVES_MAX`] alternatives; numbered ASFF keys are known for the first 10 elements of an
//! array and the first 4 of an array inside it; `additionalInfo` of the API shape is JSON inside a string, so only the members
//! listed in `guardduty_api` can be named there. Roles and users lose their IAM path in `tidegate.principal_root` (names are
//! unique in an account without it), because findings and session ARNs do not carry it and would not join.

mod cloudtrail;
mod eks_audit;
mod eventbridge;
mod fact_table;
mod function;
mod generic;
mod guardduty;
mod guardduty_api;
mod guardduty_asff;
mod guardduty_facts;
mod guardduty_ocsf;
mod route53;
mod securityhub;
mod sequence;
mod term;
mod vpcflow;
mod waf;

pub use fact_table::facts;
pub use function::{Function, derive};
pub use sequence::sequence_facts;

use crate::event::Form;
use crate::event::flow::Column;
use std::fmt;

/// The namespace of reserved names.
const RESERVED: &str = "tidegate.";

/// Most alternatives of one name.
pub const ALTERNATIVES_MAX: usize = 32;

/// One way to find a field in a unit of some form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookup {
    /// Object keys from the root of the unit. Arrays on the way are transparent.
    Path(Vec<Box<str>>),
    /// A flow-log column.
    Column(Column),
    /// A function of the values at other paths, evaluated after the unit's slots are filled. In a flow log a path is one key:
    /// the documented name of a column.
    Derived(Function, Vec<Vec<Box<str>>>),
    /// Something the envelope said.
    Context(ContextField),
}

/// What an envelope may say, as a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextField {
    /// Account.
    Account,
    /// Region.
    Region,
    /// EventBridge `detail-type`.
    DetailType,
    /// CloudWatch Logs event id.
    LogEventId,
    /// CloudWatch Logs or EventBridge time.
    Time,
}

/// Where a field of a rule is in units of `form`, best alternative first. A name in no table is its own dotted path, spelled as
/// the form spells it. Empty where the form can never hold it (a reserved name it does not answer, a flow-log column that does
/// not exist).
#[must_use]
pub fn resolve(form: Form, field: &str) -> Vec<Lookup> {
    let is_reserved = field.starts_with(RESERVED);
    if is_reserved && !tables(form).iter().any(|rows| term::find(rows, field).is_some()) {
        return Vec::new();
    }
    let field = if matches!(form, Form::Generic(_)) { field } else { of_event(field) };
    let mut lookups = match form {
        Form::GuardDuty => guardduty::resolve(field),
        Form::GuardDutyApi => guardduty_api::resolve(field),
        Form::GuardDutyAsff => guardduty_asff::resolve(field),
        Form::GuardDutyOcsf => guardduty_ocsf::resolve(field),
        Form::CloudTrail => cloudtrail::resolve(field),
        Form::VpcFlow => vpcflow::resolve(field),
        Form::TransitGatewayFlow => vpcflow::resolve_transit_gateway(field),
        Form::SecurityHub => securityhub::resolve(field),
        Form::SecurityHubOcsf => securityhub::resolve_ocsf(field),
        Form::Route53 => route53::resolve(field),
        Form::Waf => waf::resolve(field),
        Form::EksAudit => eks_audit::resolve(field),
        Form::EventBridge => eventbridge::resolve(field),
        Form::Generic(_) => generic::resolve(field),
    };
    lookups.truncate(ALTERNATIVES_MAX);
    lookups
}

/// The names that stand in a table of `form`: reserved and OCSF names, and native ones that need more than their own path.
/// For suggestions on misspelt fields and for documentation; any other dotted name of the source works too.
#[must_use]
pub fn names(form: Form) -> Vec<&'static str> {
    let rows = tables(form).iter().flat_map(|rows| rows.iter());
    let mut names: Vec<_> = rows.map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn tables(form: Form) -> &'static [&'static [term::Row]] {
    match form {
        Form::GuardDuty | Form::GuardDutyApi => &[guardduty::NAMES],
        Form::GuardDutyAsff => &[guardduty_asff::NAMES, guardduty::NAMES],
        Form::GuardDutyOcsf => &[guardduty_ocsf::NAMES, guardduty::NAMES],
        Form::CloudTrail => &[cloudtrail::NAMES],
        Form::VpcFlow => &[vpcflow::NAMES],
        Form::TransitGatewayFlow => &[vpcflow::TRANSIT_GATEWAY_NAMES, vpcflow::NAMES],
        Form::SecurityHub => &[securityhub::NAMES],
        Form::SecurityHubOcsf => &[securityhub::OCSF_NAMES],
        Form::Route53 => &[route53::NAMES],
        Form::Waf => &[waf::NAMES],
        Form::EksAudit => &[eks_audit::NAMES],
        Form::EventBridge => &[eventbridge::NAMES],
        Form::Generic(_) => &[],
    }
}

/// Objects of one event. In a finding they stand in `evidences[]`, and rules may say so or not.
const OF_EVENT: [&str; 9] =
    ["actor", "api", "src_endpoint", "dst_endpoint", "connection_info", "query", "process", "http_request", "container"];

/// Whether an OCSF name is a member of one event, not of the finding about it.
fn is_of_event(field: &str) -> bool {
    field.split('.').next().is_some_and(|root| OF_EVENT.contains(&root))
}

fn of_event(field: &str) -> &str {
    field.strip_prefix("evidences.").filter(|rest| is_of_event(rest)).unwrap_or(field)
}

/// Readable, for explanations and golden tests: `a.b["c/d"]`, `column srcaddr`, `Flag(a.b)`, `context Account`.
impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lookup::Path(keys) => f.write_str(&text_of(keys)),
            Lookup::Column(column) => write!(f, "column {}", column.name()),
            Lookup::Derived(function, paths) => {
                write!(f, "{function:?}({})", paths.iter().map(|p| text_of(p)).collect::<Vec<_>>().join(", "))
            }
            Lookup::Context(field) => write!(f, "context {field:?}"),
        }
    }
}

fn text_of(keys: &[Box<str>]) -> String {
    let mut text = String::new();
    for key in keys {
        if key.contains(['.', '/']) {
            text.push_str("[\"");
            text.push_str(key);
            text.push_str("\"]");
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
    }
    text
}
