//! Who calls: the shapes of `userIdentity`.

use super::draw::Draw;
use super::world::Account;
use crate::event::time::format_rfc3339;
use serde_json::{Value, json};

/// Somebody, or something, that calls AWS.
pub(super) struct Principal {
    /// The account it belongs to.
    pub(super) account: String,
    shape: Shape,
    /// `AKIA...` for users, `ASIA...` for sessions.
    pub(super) key: String,
    unique: String,
    began_ms: i64,
}

enum Shape {
    User { name: String },
    Role { name: String, session: String, multi_factor: bool },
    Service { host: &'static str },
}

impl Principal {
    /// An IAM user with a long-term key.
    pub(super) fn user(draw: &mut Draw, account: &Account, name: &str) -> Self {
        let shape = Shape::User { name: name.to_owned() };
        let (key, unique) = (format!("AKIATEST{}", draw.token(12)), format!("AIDATEST{}", draw.token(13)));
        Principal { account: account.id.clone(), shape, key, unique, began_ms: 0 }
    }

    /// A session of a role.
    pub(super) fn role(draw: &mut Draw, account: &Account, name: &str, session: &str, began_ms: i64) -> Self {
        let shape = Shape::Role { name: name.to_owned(), session: session.to_owned(), multi_factor: false };
        let (key, unique) = (format!("ASIATEST{}", draw.token(12)), format!("AROATEST{}", draw.token(13)));
        Principal { account: account.id.clone(), shape, key, unique, began_ms }
    }

    /// A person's session through IAM Identity Center, with a second factor.
    pub(super) fn person(draw: &mut Draw, account: &Account, set: &str, mail: &str, began_ms: i64) -> Self {
        let name = format!("AWSReservedSSO_{set}_{}", draw.hex(16));
        let mut person = Self::role(draw, account, &name, mail, began_ms);
        if let Shape::Role { multi_factor, .. } = &mut person.shape {
            *multi_factor = true;
        }
        person
    }

    /// An AWS service that acts by itself.
    pub(super) fn service(host: &'static str) -> Self {
        Principal { account: String::new(), shape: Shape::Service { host }, key: String::new(), unique: String::new(), began_ms: 0 }
    }

    /// The same principal with another key.
    pub(super) fn with_key(&self, key: &str) -> Self {
        let shape = match &self.shape {
            Shape::User { name } => Shape::User { name: name.clone() },
            Shape::Role { name, session, multi_factor } => {
                Shape::Role { name: name.clone(), session: session.clone(), multi_factor: *multi_factor }
            }
            Shape::Service { host } => Shape::Service { host },
        };
        Principal { account: self.account.clone(), shape, key: key.to_owned(), unique: self.unique.clone(), began_ms: self.began_ms }
    }

    /// What AWS writes as `userIdentity.arn`; a service has none.
    pub(super) fn arn(&self) -> Option<String> {
        match &self.shape {
            Shape::User { name } => Some(format!("arn:aws:iam::{}:user/{name}", self.account)),
            Shape::Role { name, session, .. } => Some(format!("arn:aws:sts::{}:assumed-role/{name}/{session}", self.account)),
            Shape::Service { .. } => None,
        }
    }

    /// The name of the user or role.
    pub(super) fn name(&self) -> &str {
        match &self.shape {
            Shape::User { name } | Shape::Role { name, .. } => name,
            Shape::Service { host } => host,
        }
    }

    /// `principalId`; sessions carry their name after a colon.
    pub(super) fn principal_id(&self) -> String {
        match &self.shape {
            Shape::Role { session, .. } => format!("{}:{session}", self.unique),
            _ => self.unique.clone(),
        }
    }

    /// `userIdentity`.
    pub(super) fn identity(&self) -> Value {
        match &self.shape {
            Shape::User { name } => json!({
                "type": "IAMUser", "principalId": self.unique, "arn": self.arn(), "accountId": self.account,
                "accessKeyId": self.key, "userName": name,
            }),
            Shape::Role { name, multi_factor, .. } => json!({
                "type": "AssumedRole", "principalId": self.principal_id(), "arn": self.arn(), "accountId": self.account,
                "accessKeyId": self.key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": self.unique, "arn": format!("arn:aws:iam::{}:role/{name}", self.account),
                        "accountId": self.account, "userName": name,
                    },
                    "attributes": { "creationDate": iso_seconds(self.began_ms), "mfaAuthenticated": multi_factor.to_string() },
                },
            }),
            Shape::Service { host } => json!({ "type": "AWSService", "invokedBy": host }),
        }
    }

    /// `resource.accessKeyDetails` of a finding.
    pub(super) fn access_key_details(&self) -> Value {
        let kind = if matches!(self.shape, Shape::User { .. }) { "IAMUser" } else { "AssumedRole" };
        json!({ "accessKeyId": self.key, "principalId": self.principal_id(), "userType": kind, "userName": self.name() })
    }
}

/// Whole seconds, as `CloudTrail` writes time.
pub(super) fn iso_seconds(ms: i64) -> String {
    let mut text = format_rfc3339(ms);
    text.truncate(19);
    text.push('Z');
    text
}
