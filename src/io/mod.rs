//! The outside world: files in, files out, the clock. Nothing else reads the time or a disk.

pub mod archive;
#[cfg(feature = "aws")]
pub mod aws;
pub mod clock;
pub mod input;
pub mod line_file;
pub mod live;
pub mod memory;
pub mod ndjson;
pub mod opensearch;
pub mod ownership;
pub mod pages;
pub mod parquet;
pub mod port;
pub mod quarantined;
pub mod reader;
pub mod replace;
pub mod rules;
pub mod selection;
pub mod signal;
pub mod sorter;
pub mod sqlite;
pub mod suppressions;
pub mod tables;
pub mod tally;
pub mod watch;
