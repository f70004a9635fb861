//! (written by its own change)
