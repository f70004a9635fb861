//! Bytes in, units out: envelopes are unwrapped, each unit is recognised by its content, and its slots are filled in one pass.
//!
//! Owns every format of `docs/formats.md`. Never builds a JSON tree for data it will not use, never matches, never drops
//! unseen: what cannot be read becomes a [`DecodeError`] that is counted and quarantined. Limits are in [`limits`].

pub mod base64;
pub mod envelope;
pub mod error;
pub mod gzip;
pub mod json;
pub mod kpl;
pub mod limits;
pub mod unit;
pub mod vpcflow;

pub use error::{DecodeError, ErrorCode};
pub use unit::{Context, Emit, Filtered, Hints, Unit};
