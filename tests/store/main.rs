//! The store on its file: what it keeps, what it refuses, what survives what.

mod basic;
mod formats;
mod support;
