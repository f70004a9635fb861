//! The configuration: the text of one YAML file in, plain settings or a list of everything that is wrong with it out.
//!
//! Owns the one table of keys (`table`): name, kind, default, limits and text of each. Checking, defaults, the typed [`Config`]
//! and the JSON Schema all come from it, so they cannot disagree. Never opens a file, reads the environment or starts anything: what
//! the paths name is opened by those who use them. Values are taken as they are written: no variables, no `~`. No value is a
//! secret, and none may be: a password is the name of a variable or file, a URL with a password in it is refused, and its text is not
//! repeated.
//!
//! Limits: 1 MiB, nesting 64, 100 uses of YAML aliases, 256 sources, lists of 1,000, texts of 4,096 bytes.

mod aws;
mod between;
mod check;
mod field;
mod kinesis;
mod quantity;
mod schema;
mod settings;
mod sns;
mod source;
mod stated;
mod table;
mod value;

pub use aws::{OpenSearchAws, Ownership};
pub use check::{Named, Parsed, parse};
pub use field::Opened;
pub use kinesis::{Consumer, KinesisStream, StreamStart};
#[cfg(feature = "aws")]
pub(crate) use kinesis::{is_external_id, is_loopback, is_region, is_role, is_stream};
pub use quantity::{duration, size};
pub use schema::schema;
pub use settings::{
    Archive, Budgets, Config, File, Http, Lateness, Log, LogFormat, LogPages, OpenSearch, Organization, Paging, Secret, Sinks, Snapshots,
    Tables,
};
pub use sns::{Routes, SecondChannel, Sns, topic_region};
pub use source::{Format, GroupFormat, JsonSource, Reads, SourceSettings, columns};
pub use stated::Stated;
