//! The outside world: files in, files out, the clock. Nothing else reads the time or a disk.

pub mod clock;
pub mod input;
pub mod port;
pub mod reader;
pub mod rules;
pub mod sorter;
pub mod tables;
