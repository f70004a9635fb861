//! The Kinesis source without Kinesis: a stream that splits, merges, throttles, forgets and loses answers, and a process that dies at
//! any step. `TIDEGATE_CASES` sets the number of cases, `TIDEGATE_SEED` repeats one.

#![cfg(feature = "aws")]

mod life;
mod stream;

use life::{Met, run};

#[test]
fn every_record_once_and_parents_before_children_whatever_happens() {
    if let Some(seed) = number("TIDEGATE_SEED") {
        run(seed, &mut Met::default());
        return;
    }
    let mut met = Met::default();
    for seed in 0..number("TIDEGATE_CASES").unwrap_or(120) {
        run(seed, &mut met);
    }
    met.all();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
