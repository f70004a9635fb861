//! The top-level keys by which envelopes and forms are told apart.

use crate::decode::json::{Members, members};
use std::borrow::Cow;

macro_rules! keys {
    ($($key:ident)* ; $($variant:ident = $name:literal)*) => {
        /// A key that recognition looks at, spelled as it is.
        #[expect(non_camel_case_types, clippy::enum_variant_names, reason = "the keys of the formats, letter for letter")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Key { $($key,)* $($variant,)* }

        const COUNT: usize = [$(Key::$key,)* $(Key::$variant,)*].len();

        fn key(name: &str) -> Option<Key> {
            Some(match name {
                $(stringify!($key) => Key::$key,)*
                $($name => Key::$variant,)*
                _ => return None,
            })
        }
    };
}

keys! {
    source detail account region time
    Records records Findings findings Events logEvents awslogs
    messageType logGroup owner id timestamp message extractedFields
    Data PartitionKey SequenceNumber
    Type Message Event kinesis eventSource Sns messageId body s3 data CloudTrailEvent
    SchemaVersion accountId arn AccountId Arn Service service resource Resource
    ProductArn ProductName Id AwsAccountId GeneratorId
    class_uid metadata product name
    eventName eventType
    query_name query_type webaclId httpRequest terminatingRuleId action
    kind apiVersion auditID objectRef requestURI responseStatus
    ;
    detail_type = "detail-type"
    type_ = "type"
    aws_account = "@aws.account"
    aws_region = "@aws.region"
}

/// The known members of one object: the value's own text for each. Of a key that appears twice the first counts.
pub(super) struct Known<'a>([&'a str; COUNT]);

impl<'a> Known<'a> {
    pub(super) fn of(members: &Members<'a>) -> Self {
        let mut found = [""; COUNT];
        for (name, value) in members {
            if let Some(key) = key(name) {
                let at = &mut found[key as usize];
                *at = if at.is_empty() { value } else { at };
            }
        }
        Known(found)
    }

    /// The known members of a value that is an object; nothing for any other value.
    pub(super) fn of_value(value: &'a str) -> Self {
        let mut found = Members::new();
        if value.starts_with('{') && members(value, &mut found).is_err() {
            found.clear();
        }
        Known::of(&found)
    }

    pub(super) fn has(&self, key: Key) -> bool {
        !self.0[key as usize].is_empty()
    }

    /// The value, whatever it is.
    pub(super) fn get(&self, key: Key) -> Option<&'a str> {
        Some(self.0[key as usize]).filter(|value| !value.is_empty())
    }

    /// The value, if it is a string.
    pub(super) fn text(&self, key: Key) -> Option<Cow<'a, str>> {
        super::string(self.0[key as usize])
    }

    /// The value, if it is an object.
    pub(super) fn object(&self, key: Key) -> Option<&'a str> {
        Some(self.0[key as usize]).filter(|value| value.starts_with('{'))
    }

    /// The value, if it is an array.
    pub(super) fn array(&self, key: Key) -> Option<&'a str> {
        Some(self.0[key as usize]).filter(|value| value.starts_with('['))
    }

    /// Whether the value is a string that starts with `prefix` (ASCII).
    pub(super) fn starts(&self, key: Key, prefix: &str) -> bool {
        self.0[key as usize].strip_prefix('"').is_some_and(|text| text.starts_with(prefix))
    }
}
