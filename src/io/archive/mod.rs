//! The archive of raw records: every record as it came, before anything decodes it, so that history can be replayed with the
//! stamps it had.
//!
//! Owns the form of a segment (`form`), the writing of segments (`folder`) and their reading (`segment`). Never looks into a
//! record, never deletes a segment. A record is written and synced before its read position is in the log, so the log never knows
//! more than the archive; a crash between the two leaves records that are read, and archived, once more by the next process:
//! whoever reads the archive drops what a later session read again.
//!
//! Limits: two services must not share an archive of sources of the same names. What a source itself could not read is not there.

mod folder;
mod form;
mod segment;

pub use folder::{Archive, Plan};
pub use form::{Header, MAGIC, Packed, PreludeMember, pack, prelude};
pub use segment::{Framed, Segment};
