//! Principals: who acted, and the role or user behind a session.

use super::finding::partition_of;
use super::{Values, json, owned, text_at, values};
use crate::event::Value;

/// The principal behind an ARN. `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` is the role; IAM paths are dropped because
/// session ARNs and findings do not carry them, and names are unique in an account without them. Anything else is itself.
pub(super) fn root_of(text: &str) -> String {
    let mut parts = text.splitn(6, ':');
    let arn = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let (Some("arn"), Some(partition), Some(service), Some(_), Some(account), Some(resource)) = arn else { return text.to_owned() };
    let mut segments = resource.split('/');
    match (service, segments.next(), segments.next(), resource.rsplit('/').next()) {
        ("sts", Some("assumed-role"), Some(role), _) => format!("arn:{partition}:iam::{account}:role/{role}"),
        ("iam", Some(kind @ ("role" | "user")), Some(_), Some(name)) => format!("arn:{partition}:iam::{account}:{kind}/{name}"),
        _ => text.to_owned(),
    }
}

/// partition (or an ARN or region), account, user type, user name, principal id.
pub(super) fn of_finding<'a>(inputs: &[&[Value<'a>]], root: bool) -> Values<'a> {
    let at = |i| text_at(inputs, i);
    let caller = Caller {
        partition: at(0).as_deref().map_or("aws", partition_of).to_owned(),
        account: at(1).unwrap_or_default().into_owned(),
        kind: at(2).unwrap_or_default().into_owned(),
        name: at(3).unwrap_or_default().into_owned(),
        principal_id: at(4).unwrap_or_default().into_owned(),
    };
    caller.arn(root).map(owned).into_iter().collect()
}

/// ARN, account, JSON texts of resources as Security Hub writes them.
pub(super) fn of_json<'a>(inputs: &[&[Value<'a>]], root: bool) -> Values<'a> {
    let data = inputs.get(2).copied().unwrap_or_default();
    let member = |name: &str| json::members(&[data], name).first().and_then(Value::text).map(|t| t.into_owned()).unwrap_or_default();
    let caller = Caller {
        partition: text_at(inputs, 0).as_deref().map_or("aws", partition_of).to_owned(),
        account: text_at(inputs, 1).unwrap_or_default().into_owned(),
        kind: member("AwsIamAccessKey.PrincipalType"),
        name: member("AwsIamAccessKey.PrincipalName"),
        principal_id: member("AwsIamAccessKey.PrincipalId"),
    };
    if values(&[data]).next().is_none() {
        return Values::new();
    }
    caller.arn(root).map(owned).into_iter().collect()
}

/// What `CloudTrail` writes for the user of a failed sign-in, lest a password typed there be logged.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

struct Caller {
    partition: String,
    account: String,
    kind: String,
    name: String,
    principal_id: String,
}

impl Caller {
    fn arn(&self, root: bool) -> Option<String> {
        let Caller { partition, account, kind, name, principal_id } = self;
        if kind == "Root" && !account.is_empty() {
            return Some(format!("arn:{partition}:iam::{account}:root"));
        }
        if name == HIDDEN {
            return None;
        }
        if name.is_empty() {
            return Some(principal_id.clone()).filter(|p| !p.is_empty());
        }
        if account.is_empty() {
            return Some(name.clone());
        }
        let session = principal_id.split_once(':').map(|(_, session)| session).filter(|s| !s.is_empty());
        Some(match (kind.as_str(), session) {
            ("AssumedRole" | "Role", Some(session)) if !root => format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"),
            ("AssumedRole" | "Role", _) => format!("arn:{partition}:iam::{account}:role/{name}"),
            ("FederatedUser", _) => format!("arn:{partition}:sts::{account}:federated-user/{name}"),
            ("IAMUser" | "", _) => format!("arn:{partition}:iam::{account}:user/{name}"),
            _ => name.clone(),
        })
    }
}
