//! Who owns the sources: two claimants never both believe to hold the row, whatever pauses, losses and clocks do to them.

mod keep;
mod simulation;
mod world;
