//! Ownership of a configuration's input among machines: one row of a lease table says which process reads it.
//!
//! Owns the protocol over [`LeaseTable`](super::port::LeaseTable): [`claim`] decides when the row may be taken, [`tenure`] for how
//! long a holder may act on it, [`keep`] renews it in a thread of its own, and [`memory`] is a table for tests. Never decides what is
//! read or sent: a store is bound to the tenure ([`Lease::bind`](super::sqlite::Lease::bind)), and whoever asks the store's lease is
//! told. The state file has its own lease and epoch beside this; between two processes on one file they decide, not the row.
//!
//! Time. No clock is compared with another's. A holder counts from *before* the write that renewed; somebody else counts from *after*
//! the read in which the counter had changed, for the longer of the two terms, and takes the row only if its counter still stands
//! there. So a holder knows that its term has ended before anybody can follow, a fifth of the term before: that much may what is
//! under way still take, and by that much may clocks run at different speeds.
//!
//! Limits. The table unreachable for four fifths of a term means that nothing is sent until it answers: nobody can then know who
//! else has begun. Reading goes on, into the own state file. A message that left in time and is held up by the network for longer than
//! that fifth can arrive behind the take-over: sinks are idempotent by id.

pub mod claim;
pub mod keep;
pub mod memory;
pub mod tenure;

pub use claim::{Claim, Claimant};
pub use keep::{Keeper, Ownership, Refusal, claim};
pub use tenure::Tenure;
