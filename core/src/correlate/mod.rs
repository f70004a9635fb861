//! Correlations: detections in, episodes out, in event time and in any order.
//!
//! Owns windows, panes, judging, joining, the state budget. Never builds a document and knows no sink. See DESIGN section 5.
//!
//! One [`Correlator`] holds the state of all group keys of one Pipeline. A key keeps its events sorted by time (`store`), its
//! children's stretches (`children`), the unjoined stretches found (`interval`) and the episodes with an alert (`episode`).
//! What more events can only make truer is evaluated for the moments a new event touches, when it is applied; what more events
//! can undo is evaluated once, moment by moment in order, when the watermark has passed. Both use the same evaluators:
//! `count` (N events in a row), `presence` (sets of identities), `ordered` (chains), `removal` (`not` in `temporal`), `cells`
//! (sums and quantiles), `aligned` (windows of the epoch). Busy keys count identities by a staircase (`tally`).
//!
//! A key is found by one hashed look-up (`table`); timers and the order of eviction are lists through its place (`chain`, `timers`,
//! `budget`). The evidence of an event is one packed block (`packed`). What all this takes is computed in `size`.
//! Limits: thresholds of 10,000; [`Settings`] bounds the bytes.
//!
//! Readings of DESIGN section 5 where it leaves a choice:
//! * A negated rule removes moments: of a child's stretch, those less than T from a negated moment. All rules under a `not` of a
//!   `temporal` condition remove, wherever the `not` stands; in `temporal_ordered` a condition is brought to disjunctive form first.
//! * "T back" and "T ahead" are (f - T, f] and [l, l + T): less than T away, the step's own moment included.
//! * `count` counts content ids (an event that fits two steps is one event), for `event_count` findings, and whole child stretches.
//! * In cells, T is the rounded-up T everywhere: window, joining, closing.

mod aligned;
mod budget;
mod cells;
mod chain;
pub mod change;
mod children;
mod correlator;
mod count;
mod distinct;
mod episode;
mod evaluate;
mod family;
mod gather;
mod interval;
mod key;
mod lifecycle;
mod nature;
mod ordered;
mod packed;
mod presence;
mod removal;
mod size;
mod sketch;
mod snapshot;
mod spec;
mod state;
mod store;
mod table;
mod tally;
mod timers;

pub use change::{AlertChange, ChangeKind, Episode, KeptEvent, Output};
pub use correlator::{Correlator, Counted, Settings};
pub use nature::{Nature, nature};
pub use snapshot::SnapshotError;
