//! Live sources of one machine: a file, a folder, standard input. They hand over records as they come and go on where they were.
//!
//! Owns the way from bytes on a disk to records with a position and an arrival, and the way back after a restart: every line or value
//! is handed over once per read position, with the number an editor would show. Never interprets a record and never stores a
//! position: whoever takes the records does, in the same write. Limits: see the modules.

mod cut;
mod file;
mod folder;
mod hand;
mod opened;
mod register;
mod stdin;
mod token;
mod troubles;
mod watch;

pub use file::FileSource;
pub use folder::{FOLDER_SHARD, FolderSource};
pub use stdin::StdinSource;
pub use watch::Pace;
