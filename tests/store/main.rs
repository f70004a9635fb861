//! The store on its file: what it keeps, what it refuses, what survives what.

mod alerts;
mod basic;
mod faults;
mod formats;
mod model;
mod owner;
mod speed;
mod support;
