//! Small pure functions over found values: what no path alone can say.
//!
//! Owns the list [`Function`] and its evaluation [`derive()`]. Never fails: what it cannot make sense of gives no value. Null and
//! empty texts count as absent. Limits: JSON inside a string is parsed only up to [`JSON_BYTES_MAX`].

mod endpoint;
mod finding;
mod identity;
mod json;
mod resource;
mod severity;

use crate::event::Value;
use crate::event::slots::Values;
use std::borrow::Cow;

/// Most bytes of a JSON string inside an event that a function parses.
pub(crate) const JSON_BYTES_MAX: usize = 256 * 1024;

/// A small function over found values; see [`derive()`]. Inputs are named in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// The first input that has a value, with all its values.
    First,
    /// The first value of the first input that has one.
    FirstValue,
    /// All values of all inputs.
    All,
    /// The first value that is or spells a number, as a number.
    Number,
    /// The first value as a Boolean: `true`, `"true"`.
    Flag,
    /// `blocked` for a flag that is true, `allowed` for one that is false.
    Blocked,
    /// This text, whatever the event.
    Constant(&'static str),
    /// `label=value` for every value.
    Labelled(&'static str),
    /// text, values: the values, if the text is this one.
    When(&'static str),
    /// Values that contain this text.
    Containing(&'static str),
    /// All inputs' first values, joined by `/`; nothing where one is missing.
    Joined,
    /// The member at a dotted name of JSON texts. Arrays on the way are transparent.
    JsonMember(&'static str),
    /// names, values: the values whose name is this one, in any case (HTTP headers).
    Header(&'static str),

    /// AWS's sample marker: a flag, or the member `sample` of a JSON text. Always a Boolean.
    SampleFlag,
    /// Archived: a flag, `ARCHIVED`, or the OCSF status 5. Always a Boolean.
    ArchivedFlag,
    /// Security Hub's spelling of a finding type, back in GuardDuty's.
    FindingType,
    /// partition, region, account, detector, id: the finding's ARN.
    FindingArn,
    /// `new` for a count of 1, `updated` above.
    Revision,
    /// The partition of an ARN.
    ArnPartition,
    /// The region of an ARN.
    ArnRegion,
    /// The account of an ARN.
    ArnAccount,
    /// What follows the last `/` or `:` of an ARN.
    ArnName,
    /// The detector of a finding's ARN.
    ArnDetector,

    /// OCSF `severity_id` of GuardDuty's number (Low below 4, Medium below 7, High below 9, Critical).
    SeverityId,
    /// OCSF `severity_id` of `INFORMATIONAL` to `CRITICAL`, in any case.
    SeverityIdOfLabel,
    /// A number in GuardDuty's scale that stands for a label: 0, 2, 5, 8, 9.
    SeverityOfLabel,
    /// The same for an OCSF `severity_id`.
    SeverityOfId,

    /// direction, then the remote inputs, then as many local ones: the end that opened the connection.
    SourceEnd,
    /// The same inputs: the end that was connected to.
    TargetEnd,
    /// OCSF direction id: 1 inbound or ingress, 2 outbound or egress, 0 otherwise.
    DirectionId,
    /// direction, values: the values, if the direction is inbound or ingress.
    IfInbound,
    /// direction, values: the values, if the direction is outbound or egress.
    IfOutbound,
    /// Values that are IP addresses.
    Address,
    /// Values that are no IP addresses.
    NotAddress,
    /// A host name without the dot at its end, in lower case.
    Hostname,
    /// Name of an IANA protocol number.
    ProtocolName,
    /// OCSF boundary id of a flow's traffic path.
    BoundaryId,
    /// OCSF action id: 1 allowed, 2 denied.
    ActionId,
    /// OCSF disposition id of a flow's or web ACL's action.
    DispositionId,
    /// OCSF network activity: 6 traffic, 5 refuse.
    FlowActivityId,
    /// error code, error message, outcome: `Failure` or `Success`.
    Status,
    /// The same as OCSF status id: 2 or 1.
    StatusId,

    /// ARNs, best first: the principal behind a session. A role session becomes its role; IAM paths are dropped.
    PrincipalRoot,
    /// partition (or an ARN or region in it), account, user type, user name, principal id: the caller's ARN as `CloudTrail` writes it.
    Caller,
    /// The same inputs: the role or user behind it.
    CallerRoot,
    /// ARN, account, JSON text of a resource: the same from the access key inside.
    JsonPrincipal,
    /// ARN, account, JSON text of a resource: the role or user behind it.
    JsonPrincipalRoot,

    /// SHA-256 values in hexadecimal, without the hash of nothing.
    Sha256,
    /// types, ids: resources as `type=uid` with CloudFormation's types.
    Resources,
    /// ARNs: the same, the type taken from the ARN.
    ResourcesOfArns,
    /// Security Hub resource types in GuardDuty's words (`AwsEc2Instance` is `Instance`).
    ResourceType,
    /// The key in `AWS::IAM::AccessKey:ASIA...`.
    AccessKeyOfId,
    /// The instance id in an instance's ARN, or the id itself.
    InstanceOfArn,
    /// The bucket in an S3 ARN.
    BucketOfArn,
}

impl Function {
    /// Whether each input has its own meaning, so that inputs must be neither left out nor spread.
    #[must_use]
    pub fn is_positional(self) -> bool {
        use Function as F;
        matches!(
            self,
            F::Header(_)
                | F::When(_)
                | F::Joined
                | F::FindingArn
                | F::SourceEnd
                | F::TargetEnd
                | F::IfInbound
                | F::IfOutbound
                | F::Status
                | F::StatusId
                | F::Caller
                | F::CallerRoot
                | F::JsonPrincipal
                | F::JsonPrincipalRoot
                | F::Resources
        )
    }
}

/// Evaluates a function over the values of its inputs.
#[must_use]
pub fn derive<'a>(function: Function, inputs: &[&[Value<'a>]]) -> Values<'a> {
    use Function as F;
    match function {
        F::First => inputs.iter().find(|v| v.iter().any(is_something)).map(|v| something(v)).unwrap_or_default(),
        F::FirstValue => values(inputs).next().cloned().into_iter().collect(),
        F::All => values(inputs).cloned().collect(),
        F::Number => values(inputs).find_map(number_of).into_iter().collect(),
        F::Flag => values(inputs).next().map(|v| Value::Bool(is_true(v))).into_iter().collect(),
        F::Blocked => {
            values(inputs).next().map(|v| Value::Text(if is_true(v) { "blocked" } else { "allowed" }.into())).into_iter().collect()
        }
        F::Constant(text) => one(Value::Text(Cow::Borrowed(text))),
        F::Labelled(label) => texts(inputs).map(|t| owned(format!("{label}={t}"))).collect(),
        F::When(text) => when(inputs, text),
        F::Containing(part) => values(inputs).filter(|v| v.text().is_some_and(|t| t.contains(part))).cloned().collect(),
        F::Joined => joined(inputs),
        F::JsonMember(name) => json::members(inputs, name),
        F::Header(name) => endpoint::header(inputs, name),
        F::SampleFlag => one(Value::Bool(finding::is_sample(inputs))),
        F::ArchivedFlag => one(Value::Bool(values(inputs).any(finding::is_archived))),
        F::FindingType => map_texts(inputs, finding::type_of),
        F::FindingArn => finding::arn(inputs),
        F::Revision => values(inputs).find_map(Value::number).map(finding::revision).into_iter().collect(),
        F::ArnPartition => first_text(inputs, |t| finding::arn_part(t, 1)),
        F::ArnRegion => first_text(inputs, |t| finding::arn_part(t, 3)),
        F::ArnAccount => first_text(inputs, |t| finding::arn_part(t, 4)),
        F::ArnName => map_texts(inputs, |t| t.rsplit(['/', ':']).next().map(str::to_owned)),
        F::ArnDetector => first_text(inputs, finding::detector_of),
        F::SeverityId | F::SeverityIdOfLabel | F::SeverityOfLabel | F::SeverityOfId => severity::derive(function, inputs),
        F::SourceEnd | F::TargetEnd => endpoint::end(inputs, function == F::SourceEnd),
        F::DirectionId => one(Value::Int(values(inputs).next().map_or(0, endpoint::direction_id))),
        F::IfInbound => endpoint::if_direction(inputs, 1),
        F::IfOutbound => endpoint::if_direction(inputs, 2),
        F::Address => values(inputs).filter(|v| v.ip().is_some()).cloned().collect(),
        F::NotAddress => values(inputs).filter(|v| v.ip().is_none()).cloned().collect(),
        F::Hostname => map_texts(inputs, |t| Some(t.trim_end_matches('.').to_ascii_lowercase()).filter(|t| !t.is_empty())),
        F::ProtocolName => values(inputs).find_map(endpoint::protocol_name).into_iter().collect(),
        F::BoundaryId => values(inputs).find_map(endpoint::boundary_id).into_iter().collect(),
        F::ActionId | F::DispositionId | F::FlowActivityId => endpoint::outcome(function, inputs),
        F::Status => one(Value::Text(Cow::Borrowed(if endpoint::is_failure(inputs) { "Failure" } else { "Success" }))),
        F::StatusId => one(Value::Int(if endpoint::is_failure(inputs) { 2 } else { 1 })),
        F::PrincipalRoot => first_text(inputs, |t| Some(identity::root_of(t))),
        F::Caller => identity::of_finding(inputs, false),
        F::CallerRoot => identity::of_finding(inputs, true),
        F::JsonPrincipal => identity::of_json(inputs, false),
        F::JsonPrincipalRoot => identity::of_json(inputs, true),
        F::Sha256 => map_texts(inputs, resource::sha256),
        F::Resources => resource::paired(inputs),
        F::ResourcesOfArns => map_texts(inputs, resource::of_arn),
        F::ResourceType => map_texts(inputs, |t| Some(resource::guardduty_type(t).to_owned())),
        F::AccessKeyOfId => map_texts(inputs, resource::access_key_of),
        F::InstanceOfArn => map_texts(inputs, resource::instance_of),
        F::BucketOfArn => map_texts(inputs, resource::bucket_of),
    }
}

fn is_something(value: &Value<'_>) -> bool {
    !matches!(value, Value::Null) && !matches!(value, Value::Text(t) if t.is_empty())
}

fn something<'a>(values: &[Value<'a>]) -> Values<'a> {
    values.iter().filter(|v| is_something(v)).cloned().collect()
}

/// Every value that says something, input by input.
fn values<'v, 'a>(inputs: &'v [&[Value<'a>]]) -> impl Iterator<Item = &'v Value<'a>> {
    inputs.iter().flat_map(|v| v.iter()).filter(|v| is_something(v))
}

fn texts<'v>(inputs: &'v [&[Value<'_>]]) -> impl Iterator<Item = Cow<'v, str>> {
    values(inputs).filter_map(Value::text)
}

/// The first text of one input.
fn text_at<'v>(inputs: &'v [&[Value<'_>]], index: usize) -> Option<Cow<'v, str>> {
    inputs.get(index)?.iter().filter(|v| is_something(v)).find_map(Value::text)
}

fn one(value: Value<'_>) -> Values<'_> {
    std::iter::once(value).collect()
}

fn owned<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

fn map_texts<'a>(inputs: &[&[Value<'a>]], f: impl Fn(&str) -> Option<String>) -> Values<'a> {
    texts(inputs).filter_map(|t| f(&t)).map(owned).collect()
}

fn first_text<'a>(inputs: &[&[Value<'a>]], f: impl Fn(&str) -> Option<String>) -> Values<'a> {
    texts(inputs).find_map(|t| f(&t)).map(owned).into_iter().collect()
}

fn when<'a>(inputs: &[&[Value<'a>]], wanted: &str) -> Values<'a> {
    let holds = text_at(inputs, 0).is_some_and(|t| t == wanted);
    inputs.get(1).filter(|_| holds).map(|v| something(v)).unwrap_or_default()
}

fn joined<'a>(inputs: &[&[Value<'a>]]) -> Values<'a> {
    let parts: Option<Vec<_>> = (0..inputs.len()).map(|i| text_at(inputs, i)).collect();
    parts.map(|p| owned(p.join("/"))).into_iter().collect()
}

/// A number keeps its kind; a text becomes the kind it spells.
fn number_of<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    match value {
        Value::Int(_) | Value::Float(_) => Some(value.clone()),
        Value::Text(t) => t.trim().parse().map(Value::Int).ok().or_else(|| value.number().map(Value::Float)),
        _ => None,
    }
}

fn is_true(value: &Value<'_>) -> bool {
    matches!(value, Value::Bool(true)) || matches!(value, Value::Text(t) if t.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests;
