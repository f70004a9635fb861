//! What Lambda functions are given: records of Kinesis, Firehose, SNS, SQS, S3, CloudWatch Logs. Also `CloudTrail` events as text.

use super::known::{Key, Known};
use super::{Unwrapper, string};
use crate::decode::{Context, ErrorCode, Filtered, base64};

const NO_BASE64: &str = "data that is no base64";

impl Unwrapper<'_> {
    /// An element of `Records`.
    pub(super) fn lambda_record(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) {
        if let Some(sns) = known.object(Key::Sns) {
            if !self.notification(&Known::of_value(sns), context, depth) {
                self.bad(ErrorCode::EnvelopeMalformed, "an SNS record without type and message", text.as_bytes());
            }
            return;
        }
        if known.has(Key::s3) && known.starts(Key::eventSource, "aws:s3") {
            return self.filtered(Filtered::Notice);
        }
        self.element(text, known, context, depth);
    }

    /// An element of Firehose's `records`.
    pub(super) fn firehose_record(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) {
        match known.get(Key::data) {
            Some(data) => self.base64(Some(data), text, context, depth),
            None => self.element(text, known, context, depth),
        }
    }

    /// `{"awslogs": {"data": base64 of gzip}}`.
    pub(super) fn aws_logs(&mut self, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        let Some(logs) = known.object(Key::awslogs) else { return false };
        self.base64(Known::of_value(logs).get(Key::data), logs, context, depth);
        true
    }

    /// `CloudTrailEvent`: a trail record as text, in the output of `LookupEvents`.
    pub(super) fn trail_event(&mut self, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        let Some(event) = known.text(Key::CloudTrailEvent) else { return false };
        self.bytes(event.as_bytes(), context, depth);
        true
    }

    /// An SQS message, in `Records` or by itself.
    pub(super) fn queue_message(&mut self, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        let Some(body) = known.text(Key::body).filter(|_| known.has(Key::messageId)) else { return false };
        self.message(&body, context, depth);
        true
    }

    /// A Kinesis record as Lambda gets it, in `Records` or by itself.
    pub(super) fn kinesis_record(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        let Some(kinesis) = known.object(Key::kinesis) else { return false };
        self.base64(Known::of_value(kinesis).get(Key::data), text, context, depth);
        true
    }

    /// A Kinesis record as its API and the AWS CLI give it (`get-records`), in `Records` or by itself.
    pub(super) fn stream_record(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        let placed = known.has(Key::PartitionKey) || known.has(Key::SequenceNumber);
        let Some(data) = known.get(Key::Data).filter(|_| placed) else { return false };
        self.base64(Some(data), text, context, depth);
        true
    }

    fn base64(&mut self, value: Option<&str>, around: &str, context: &Context<'_>, depth: usize) {
        match value.and_then(string).and_then(|text| base64::decode(text.as_bytes())) {
            Some(bytes) => self.bytes(&bytes, context, depth + 1),
            None => self.bad(ErrorCode::EnvelopeMalformed, NO_BASE64, around.as_bytes()),
        }
    }
}
