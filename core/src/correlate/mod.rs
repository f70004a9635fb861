//! Correlations: detections in, episodes out, in event time and in any order.
//!
//! Owns windows, panes, judging, joining, the state budget. Never builds a document and knows no sink. See DESIGN section 5.

pub mod change;

pub use change::{AlertChange, ChangeKind, Episode, KeptEvent, Output};
