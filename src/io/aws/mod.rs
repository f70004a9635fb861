//! Amazon Web Services. Nothing outside this folder names their SDK, and without the feature `aws` none of it is there.
//!
//! Owns the Kinesis source: [`shards`] decides what is read when (pure, without clock or network), [`service`] puts single calls to
//! Kinesis and reads the answers ([`fan_out`] those that are pushed), [`kinesis`] moves calls out, answers in and records on. Never decodes a record: KPL aggregates and
//! gzip are undone where every record is. Embedded runs never load AWS configuration: it is loaded when a Kinesis source starts.

mod error;
pub mod fan_out;
pub mod kinesis;
mod lag;
mod pace;
mod protocol;
pub mod service;
mod shard;
pub mod shards;
mod token;

pub use kinesis::KinesisSource;
pub use protocol::{Start, Way};
pub use service::Stream;
