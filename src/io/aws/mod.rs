//! Amazon Web Services. Nothing outside this folder names their SDK, and without the feature `aws` none of it is there.
//!
//! Owns the Kinesis source: [`shards`] decides what is read when (pure, without clock or network), [`service`] puts single calls to
//! Kinesis and reads the answers ([`fan_out`] those that are pushed), [`kinesis`] moves calls out, answers in and records on. Never
//! decodes a record: KPL aggregates and gzip are undone where every record is. Owns pages through SNS ([`sns`]) and history in S3 ([`s3`]).
//! Beside these [`lease`] keeps the ownership row in DynamoDB, `sign` signs requests that are no SDK's, and `domain` finds an OpenSearch domain. Embedded
//! runs never load AWS configuration: it is loaded when a Kinesis source starts, with the ownership row, or with the first page or
//! request.

pub mod ask;
mod call;
pub mod client;
mod domain;
mod error;
pub mod fan_out;
pub mod history;
pub mod kinesis;
mod lag;
pub mod lease;
mod pace;
mod protocol;
pub mod s3;
pub mod service;
mod shard;
pub mod shards;
mod sign;
pub mod sns;
mod token;

pub use client::Access;
pub use domain::Domain;
pub use kinesis::KinesisSource;
pub use lease::{DynamoLeases, TableState};
pub use protocol::{Start, Way};
pub use service::Stream;
pub use sign::Signer;
