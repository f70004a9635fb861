//! The outside world: files in, files out, the clock. Nothing else reads the time or a disk.

pub mod clock;
pub mod input;
pub mod memory;
pub mod port;
pub mod reader;
pub mod rules;
pub mod sorter;
pub mod sqlite;
pub mod suppressions;
