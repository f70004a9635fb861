//! The limits that input must keep. Each has an [`super::ErrorCode`] of its own.

/// Most bytes of one event, and of a Kinesis record.
pub const RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most bytes of what holds events: a line or JSON value of a file. What one gzip layer may give.
pub const VALUE_BYTES_MAX: usize = GUNZIP_BYTES_MAX;
/// Most bytes one gzip layer may give.
pub const GUNZIP_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most output bytes per input byte of gzip, judged once more than 1 MiB came out.
pub const GUNZIP_RATIO_MAX: usize = 100;
/// Deepest nesting of JSON.
pub const JSON_DEPTH_MAX: usize = 64;
/// Deepest nesting of envelopes.
pub const ENVELOPE_DEPTH_MAX: usize = 8;
