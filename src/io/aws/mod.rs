//! Amazon Web Services. Nothing outside this folder names their SDK, and without the feature `aws` none of it is there.
//!
//! Owns the Kinesis source: [`shards`] decides what is read when (pure, without clock or network), [`service`] puts single calls to
//! Kinesis and reads the answers, [`kinesis`] moves calls out, answers in and records on. Never decodes a record: KPL aggregates and
//! gzip are undone where every record is. Owns pages through SNS ([`sns`]). Embedded runs never load AWS configuration: it is loaded when a Kinesis source starts, or with the first page.

pub mod client;
pub mod kinesis;
mod pace;
mod protocol;
pub mod service;
mod shard;
pub mod shards;
pub mod sns;
mod token;

pub use kinesis::KinesisSource;
pub use protocol::Start;
pub use service::Stream;
