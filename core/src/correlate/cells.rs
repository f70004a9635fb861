//! Sums, averages and quantiles on cells of time: a number counts from the start of its cell.

use super::interval::Intervals;
use super::size::tree;
use super::sketch::Sketch;
use super::spec::Measure;
use crate::event::FindingRevision;
use crate::rule::{Compare, Thresholds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

/// The numbers of one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    numbers: u64,
    sum: i128,
    sketch: Sketch,
    /// Per finding the smallest and largest `service.count`, and when it was created.
    findings: BTreeMap<u128, (i64, i64, i64)>,
}

/// The numbers of one key by cell start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cells {
    by_start: BTreeMap<i64, Cell>,
    /// Sum over all cells: when it is below a threshold of a sum that only grows, so is every window's.
    total: i128,
}

/// What is asked of the cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) measure: Measure,
    pub(super) thresholds: &'a Thresholds,
    pub(super) cell: i64,
    pub(super) timespan: i64,
    /// The condition only gets truer: numbers are zero or more (a negative one, against the dictionary, counts as zero).
    pub(super) grows: bool,
}

/// The sum over a window, moved along with it.
#[derive(Default)]
struct Window {
    numbers: u64,
    sum: i128,
    sketch: Sketch,
}

impl Cells {
    pub(super) const NONE: Cells = Cells { by_start: BTreeMap::new(), total: 0 };

    /// Adds a number. Gives the start of its cell.
    pub(super) fn add(&mut self, q: &Question<'_>, time: i64, micros: i128, revision: Option<&FindingRevision>) -> i64 {
        let start = time.div_euclid(q.cell) * q.cell;
        let cell = self.by_start.entry(start).or_default();
        cell.numbers += 1;
        let micros = if q.grows { micros.max(0) } else { micros };
        match (q.measure, revision) {
            (Measure::FindingCount, Some(r)) => {
                let created = r.created_ms.div_euclid(q.cell) * q.cell;
                let seen = cell.findings.entry(r.finding).or_insert((r.count, r.count, created));
                *seen = (seen.0.min(r.count), seen.1.max(r.count), seen.2.max(created));
            }
            (Measure::Percentile(_), _) => cell.sketch.add(micros),
            _ => {
                cell.sum = cell.sum.saturating_add(micros);
                self.total = self.total.saturating_add(micros);
            }
        }
        start
    }

    /// The moments in [from, to), multiples of the cell, at which the condition holds.
    pub(super) fn stretches(&self, q: &Question<'_>, from: i64, to: i64) -> Intervals {
        let mut out = Intervals::default();
        if q.grows && q.measure == Measure::Sum && never(q.thresholds, self.total) {
            return out;
        }
        self.sweep(q, from, to, |start, end, value| {
            if value.compare(q.thresholds) {
                out.add((start, end));
            }
        });
        out
    }

    /// The largest value of the measure in [from, to).
    pub(super) fn largest(&self, q: &Question<'_>, from: i64, to: i64) -> Option<f64> {
        let mut out: Option<f64> = None;
        self.sweep(q, from, to, |_, _, value| out = Some(out.map_or(value.number(), |x| x.max(value.number()))));
        out
    }

    /// Calls `each` with every piece of [from, to) on which the window's content is the same and not empty.
    fn sweep(&self, q: &Question<'_>, from: i64, to: i64, mut each: impl FnMut(i64, i64, &Value)) {
        let points = self.points(q, from, to);
        let mut window = Window::default();
        let (mut entered, mut left) = (from.saturating_sub(q.timespan), from.saturating_sub(q.timespan));
        for pair in points.windows(2) {
            let (now, oldest) = (pair[0], pair[0].saturating_sub(q.timespan));
            self.by_start.range((Excluded(entered), Included(now))).for_each(|(_, c)| window.enter(q, c));
            self.by_start.range((Excluded(left), Included(oldest))).for_each(|(_, c)| window.leave(q, c));
            (entered, left) = (now, oldest);
            if window.numbers > 0 {
                each(now, pair[1], &self.value(q, &window, now));
            }
        }
    }

    /// The moments at which something enters or leaves the window, with both ends of the range.
    fn points(&self, q: &Question<'_>, from: i64, to: i64) -> Vec<i64> {
        let reaching = self.by_start.range(from.saturating_sub(2 * q.timespan)..to);
        let mut points: Vec<i64> = vec![from, to];
        for (start, cell) in reaching {
            points.extend([*start, start.saturating_add(q.timespan)]);
            points.extend(cell.findings.values().map(|f| f.2.saturating_add(q.timespan)));
        }
        points.retain(|p| (from..=to).contains(p));
        points.sort_unstable();
        points.dedup();
        points
    }

    fn value(&self, q: &Question<'_>, window: &Window, now: i64) -> Value {
        match q.measure {
            Measure::Sum => Value::Ratio(window.sum, 1),
            Measure::Average => Value::Ratio(window.sum, window.numbers),
            Measure::Percentile(rank) => Value::Ratio(window.sketch.quantile(rank).unwrap_or(0), 1),
            Measure::FindingCount => Value::Ratio(self.finding_count(q, now).saturating_mul(1_000_000), 1),
        }
    }

    /// Per finding the largest count less the smallest plus one, or the largest where the finding was created in the window.
    fn finding_count(&self, q: &Question<'_>, now: i64) -> i128 {
        let oldest = now.saturating_sub(q.timespan).saturating_add(1);
        let mut all: BTreeMap<u128, (i64, i64, i64)> = BTreeMap::new();
        for cell in self.by_start.range(oldest..=now).map(|(_, c)| c) {
            for (finding, f) in &cell.findings {
                let seen = all.entry(*finding).or_insert(*f);
                *seen = (seen.0.min(f.0), seen.1.max(f.1), seen.2.max(f.2));
            }
        }
        let bound = |f: &(i64, i64, i64)| if f.2 >= oldest { f.1 } else { f.1 - f.0 + 1 };
        all.values().map(|f| i128::from(bound(f))).sum()
    }

    /// How many numbers stand in cells that begin in [from, to).
    pub(super) fn numbers(&self, from: i64, to: i64) -> u64 {
        if from >= to { 0 } else { self.by_start.range(from..to).map(|(_, c)| c.numbers).sum() }
    }

    /// The first moment at or after `from` at which something enters or leaves.
    pub(super) fn next_point(&self, q: &Question<'_>, from: i64) -> Option<i64> {
        if q.measure == Measure::FindingCount {
            return (!self.by_start.is_empty()).then_some(from);
        }
        let enters = self.by_start.range(from..).next().map(|(start, _)| *start);
        let leaves = self.by_start.range(from.saturating_sub(q.timespan)..).next().map(|(start, _)| start.saturating_add(q.timespan));
        enters.into_iter().chain(leaves).min()
    }

    pub(super) fn drop_before(&mut self, cut: i64) {
        while let Some(first) = self.by_start.first_entry().filter(|c| *c.key() < cut) {
            self.total = self.total.saturating_sub(first.remove().sum);
        }
    }

    pub(super) fn oldest(&self) -> Option<i64> {
        self.by_start.first_key_value().map(|(start, _)| *start)
    }

    /// Logical bytes of what the cell at `start` holds.
    pub(super) fn bytes_at(&self, start: i64) -> u64 {
        self.by_start.get(&start).map_or(0, Cell::bytes)
    }

    /// The same of all, without the tree they stand in.
    pub(super) fn bytes(&self) -> u64 {
        self.by_start.values().map(Cell::bytes).sum()
    }

    pub(super) fn tree_bytes(&self) -> u64 {
        tree(self.by_start.len(), size_of::<(i64, Cell)>())
    }
}

impl Cell {
    fn bytes(&self) -> u64 {
        self.sketch.bytes() + tree(self.findings.len(), size_of::<(u128, i64, i64, i64)>())
    }
}

impl Window {
    fn enter(&mut self, q: &Question<'_>, c: &Cell) {
        self.numbers += c.numbers;
        self.sum = self.sum.saturating_add(c.sum);
        if matches!(q.measure, Measure::Percentile(_)) {
            self.sketch.merge(&c.sketch);
        }
    }

    fn leave(&mut self, q: &Question<'_>, c: &Cell) {
        self.numbers -= c.numbers;
        self.sum = self.sum.saturating_sub(c.sum);
        if matches!(q.measure, Measure::Percentile(_)) {
            self.sketch.subtract(&c.sketch);
        }
    }
}

/// Millionths over a number.
enum Value {
    Ratio(i128, u64),
}

impl Value {
    /// In whole millionths, without division: thresholds are multiplied instead.
    fn compare(&self, t: &Thresholds) -> bool {
        let Value::Ratio(sum, numbers) = self;
        t.0.iter().all(|(c, y)| compares(*c, *sum, micros(*y).saturating_mul(i128::from(*numbers))))
    }

    #[expect(clippy::cast_precision_loss, reason = "for display")]
    fn number(&self) -> f64 {
        let Value::Ratio(sum, numbers) = self;
        *sum as f64 / 1e6 / (*numbers).max(1) as f64
    }
}

fn never(t: &Thresholds, largest: i128) -> bool {
    t.0.iter().any(|(c, y)| matches!(c, Compare::Gt | Compare::Gte) && !compares(*c, largest, micros(*y)))
}

fn compares(c: Compare, x: i128, y: i128) -> bool {
    match c {
        Compare::Lt => x < y,
        Compare::Lte => x <= y,
        Compare::Gt => x > y,
        Compare::Gte => x >= y,
        Compare::Eq => x == y,
        Compare::Neq => x != y,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates at numbers no sum reaches")]
fn micros(x: f64) -> i128 {
    (x * 1e6).round() as i128
}
