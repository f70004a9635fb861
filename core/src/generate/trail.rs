//! `CloudTrail` records as the trail of an organisation writes them.

use super::draw::Draw;
use super::principal::{Principal, iso_seconds};
use serde_json::{Map, Value, json};

/// The agent of the command line, the default of a call.
pub(super) const CLI: &str = "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.13.7";
/// A browser in the console.
pub(super) const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

/// One call, being described.
pub(super) struct Call<'a> {
    pub(super) who: &'a Principal,
    pub(super) at_ms: i64,
    pub(super) region: &'static str,
    pub(super) ip: &'a str,
    /// The account whose trail holds the record, if not the caller's.
    pub(super) recipient: Option<&'a str>,
    service: &'a str,
    name: &'a str,
    agent: &'a str,
    params: Value,
    response: Value,
    error: Option<(&'a str, String)>,
    read_only: bool,
    event_type: &'a str,
    data: bool,
    more: Map<String, Value>,
}

impl<'a> Call<'a> {
    /// A call of `service`:`name`. IAM and Organizations log in the first Region, wherever the caller is.
    pub(super) fn new(who: &'a Principal, region: &'static str, service: &'a str, name: &'a str) -> Self {
        let global = matches!(service, "iam" | "organizations");
        let read_only =
            ["Get", "List", "Describe", "Head", "BatchGet", "Lookup", "AssumeRole", "Decrypt"].iter().any(|p| name.starts_with(p));
        Call {
            who,
            at_ms: 0,
            region: if global { super::world::REGIONS[0] } else { region },
            ip: "AWS Internal",
            recipient: None,
            service,
            name,
            agent: CLI,
            params: Value::Null,
            response: Value::Null,
            error: None,
            read_only,
            event_type: "AwsApiCall",
            data: false,
            more: Map::new(),
        }
    }

    pub(super) fn at(mut self, at_ms: i64) -> Self {
        self.at_ms = at_ms;
        self
    }

    pub(super) fn from(mut self, ip: &'a str) -> Self {
        self.ip = ip;
        self
    }

    pub(super) fn agent(mut self, agent: &'a str) -> Self {
        self.agent = agent;
        self
    }

    pub(super) fn asks(mut self, params: Value) -> Self {
        self.params = params;
        self
    }

    pub(super) fn gets(mut self, response: Value) -> Self {
        self.response = response;
        self
    }

    pub(super) fn fails(mut self, code: &'a str, message: impl Into<String>) -> Self {
        self.error = Some((code, message.into()));
        self
    }

    pub(super) fn recorded_in(mut self, account: &'a str) -> Self {
        self.recipient = Some(account);
        self
    }

    pub(super) fn of_type(mut self, event_type: &'a str) -> Self {
        self.event_type = event_type;
        self
    }

    /// A further top-level field: `additionalEventData`, `serviceEventDetails`, `resources`, `sharedEventID`.
    pub(super) fn with(mut self, field: &str, value: Value) -> Self {
        self.more.insert(field.to_owned(), value);
        self
    }

    /// A data event (S3 objects).
    pub(super) fn data_event(mut self) -> Self {
        self.data = true;
        self
    }

    /// The account whose trail holds the record.
    pub(super) fn account(&self) -> &str {
        self.recipient.unwrap_or(&self.who.account)
    }

    /// The record, and its `eventID`.
    pub(super) fn record(self, draw: &mut Draw) -> (String, Value) {
        let id = draw.uuid();
        let mut record = Map::with_capacity(28);
        let mut put = |field: &str, value: Value| record.insert(field.to_owned(), value);
        let recipient = json!(self.account());
        put("eventVersion", json!("1.11"));
        put("userIdentity", self.who.identity());
        put("eventTime", json!(iso_seconds(self.at_ms)));
        put("eventSource", json!(format!("{}.amazonaws.com", self.service)));
        put("eventName", json!(self.name));
        put("awsRegion", json!(self.region));
        put("sourceIPAddress", json!(self.ip));
        put("userAgent", json!(self.agent));
        if let Some((code, message)) = self.error {
            put("errorCode", json!(code));
            put("errorMessage", json!(message));
        }
        put("requestParameters", self.params);
        put("responseElements", self.response);
        put("requestID", json!(draw.uuid()));
        put("eventID", json!(id));
        put("readOnly", json!(self.read_only));
        put("eventType", json!(self.event_type));
        put("managementEvent", json!(!self.data));
        put("recipientAccountId", recipient);
        for (field, value) in self.more {
            put(&field, value);
        }
        put("eventCategory", json!(if self.data { "Data" } else { "Management" }));
        if self.event_type == "AwsApiCall" && self.ip.starts_with(|c: char| c.is_ascii_digit()) {
            let host = format!("{}.{}.amazonaws.com", self.service, self.region);
            let cipher = "TLS_AES_128_GCM_SHA256";
            put("tlsDetails", json!({ "tlsVersion": "TLSv1.3", "cipherSuite": cipher, "clientProvidedHostHeader": host }));
        }
        (id, Value::Object(record))
    }
}
