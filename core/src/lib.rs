//! The core of Tidegate: records in, effects out. Pure and synchronous.

pub mod alert;
pub mod correlate;
pub mod decode;
pub mod dedup;
pub mod detect;
pub mod enrich;
pub mod event;
pub mod generate;
pub mod normalize;
pub mod pipeline;
pub mod rule;
pub mod workbench;
