//! Why input was refused: a bounded code for counters, and a sentence for the person who looks into the quarantine.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The reason, as a bounded label (`reason` in metrics and in the quarantine).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Longer than 10 MiB.
    RecordTooLarge,
    /// Gzip is damaged or cut short.
    GzipCorrupt,
    /// Gzip gives more than 64 MiB or 100 times its size.
    GzipTooLarge,
    /// Text that is no UTF-8.
    NotUtf8,
    /// JSON is malformed.
    JsonSyntax,
    /// JSON ends early.
    JsonTruncated,
    /// JSON nests deeper than 64.
    JsonTooDeep,
    /// Envelopes nest deeper than 8.
    EnvelopeTooDeep,
    /// An envelope holds what its kind does not allow (base64 that is none, a message that is no text, ...).
    EnvelopeMalformed,
    /// Well-formed, but no shape we know and no stated logsource.
    UnknownShape,
    /// A flow-log line of a format nobody stated.
    FlowFormatUnknown,
    /// A flow-log line with more or fewer columns than its format.
    FlowColumnCount,
    /// A flow-log column that does not hold what its name says.
    FlowColumnValue,
    /// A required field is missing (an id, an account, a type).
    FieldMissing,
    /// A field holds what it must not.
    FieldInvalid,
    /// A compression we do not read (zlib, zstd).
    CompressionUnsupported,
}

/// A refusal: what, where in the bytes, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeError {
    /// Bounded reason.
    pub code: ErrorCode,
    /// Byte offset within the unit that was being read.
    pub offset: usize,
    /// One lower-case sentence: what was found and what was expected. Never holds input text unescaped.
    pub detail: Cow<'static, str>,
}

impl DecodeError {
    /// A refusal at a byte offset.
    pub fn new(code: ErrorCode, offset: usize, detail: impl Into<Cow<'static, str>>) -> Self {
        DecodeError { code, offset, detail: detail.into() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.detail)
    }
}

impl std::error::Error for DecodeError {}
