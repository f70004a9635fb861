//! The naive oracle of correlations: sees the whole set of events of one group key at once and evaluates the definition of
//! DESIGN section 5 moment by moment. It shares no code with the engine, keeps everything, and is as slow as it looks.

use std::collections::BTreeSet;
use tidegate_core::rule::{Compare, Correlation, CorrelationKind, Presence, Thresholds};

/// One event (or, with `end > start + 1`, one maximal stretch of a child correlation) of one group key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fed {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: u16,
    /// Content id; for a child its key.
    pub(crate) id: u128,
    /// What `event_count` counts: the finding, else the event, else (child, child key).
    pub(crate) ident: u128,
    pub(crate) value: u128,
    pub(crate) micros: i128,
    /// (finding, createdAt, service.count)
    pub(crate) finding: Option<(u128, i64, i64)>,
    pub(crate) child: bool,
}

/// What is expected of one key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) stretches: Vec<(i64, i64)>,
    pub(crate) episodes: Vec<(i64, i64, u64, i64, i64)>,
}

pub(crate) struct Oracle<'a> {
    pub(crate) rule: &'a Correlation,
    pub(crate) fed: &'a [Fed],
    pub(crate) started: Option<i64>,
}

type Conjunct = Vec<(u16, bool)>;

impl Oracle<'_> {
    pub(crate) fn run(&self) -> Expected {
        if self.fed.is_empty() {
            return Expected::default();
        }
        let stretches = self.stretches();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for &(s, e) in &stretches {
            match joined.last_mut() {
                Some(last) if s - last.1 <= self.span() => last.1 = e,
                _ => joined.push((s, e)),
            }
        }
        let episodes = joined.iter().map(|&(s, e)| self.episode(s, e)).collect();
        Expected { stretches, episodes }
    }

    /// The width of a cell, where the kind works on cells; else 1.
    pub(crate) fn cell(&self) -> i64 {
        match self.rule.kind {
            CorrelationKind::ValueSum(..) | CorrelationKind::ValueAvg(..) | CorrelationKind::ValuePercentile(..) => {
                1000.max(self.rule.timespan_ms / 1440)
            }
            _ => 1,
        }
    }

    fn span(&self) -> i64 {
        let (t, cell) = (self.rule.timespan_ms, self.cell());
        (t + cell - 1) / cell * cell
    }

    fn aligned(&self) -> bool {
        match &self.rule.kind {
            CorrelationKind::EventCount(t) | CorrelationKind::ValueCount(_, t) => !only_grows(t),
            _ => false,
        }
    }

    pub(crate) fn judged(&self) -> bool {
        match &self.rule.kind {
            CorrelationKind::EventCount(t) | CorrelationKind::ValueCount(_, t) => !only_grows(t),
            CorrelationKind::ValueSum(f, t) => !only_grows(t) || !tidegate_core::event::dictionary::is_non_negative(f),
            CorrelationKind::ValueAvg(..) | CorrelationKind::ValuePercentile(..) => true,
            CorrelationKind::Temporal(p) | CorrelationKind::TemporalOrdered(p) => !negated(p).is_empty(),
        }
    }

    fn may_begin(&self, first_moment_of_window: i64) -> bool {
        !self.judged() || self.started.is_none_or(|s| first_moment_of_window >= s)
    }

    /// Moments (or whole cells, or whole windows of the epoch) at which the condition holds, in one list of stretches.
    fn stretches(&self) -> Vec<(i64, i64)> {
        let t = self.span();
        let unit = if self.aligned() { t } else { self.cell() };
        let first = self.fed.iter().map(|f| f.start).min().unwrap_or(0).div_euclid(unit) * unit;
        let last = self.fed.iter().map(|f| f.end).max().unwrap_or(0) + t;
        let mut out: Vec<(i64, i64)> = Vec::new();
        for at in (first..=last).step_by(unit as usize) {
            let window = if self.aligned() { (at, at + t) } else { (at - t + unit, at + unit) };
            if !self.may_begin(window.0) || !self.holds(window.0, window.1) {
                continue;
            }
            match out.last_mut() {
                Some(stretch) if stretch.1 == at => stretch.1 += unit,
                _ => out.push((at, at + unit)),
            }
        }
        out
    }

    /// What has a moment in [lo, hi).
    fn inside(&self, lo: i64, hi: i64) -> Vec<&Fed> {
        let at = |x: i64| x.div_euclid(self.cell()) * self.cell();
        self.fed.iter().filter(|f| at(f.start) < hi && (if f.child { f.end - 1 } else { at(f.start) }) >= lo).collect()
    }

    /// Whether the condition is true for what is in [lo, hi).
    fn holds(&self, lo: i64, hi: i64) -> bool {
        match &self.rule.kind {
            CorrelationKind::Temporal(p) => {
                let remaining = self.remaining(lo, hi);
                truth(p, &|step| remaining.iter().any(|f| f.0.step == step))
            }
            CorrelationKind::TemporalOrdered(p) => dnf(p, false).iter().any(|c| self.extend(c, 0, None, &mut Vec::new(), (lo, hi))),
            _ => {
                let inside = self.inside(lo, hi);
                !inside.is_empty() && self.measure_holds(&inside, lo)
            }
        }
    }

    fn measure_holds(&self, inside: &[&Fed], lo: i64) -> bool {
        let distinct = |of: fn(&Fed) -> u128| inside.iter().map(|f| of(f)).collect::<BTreeSet<_>>().len() as f64;
        let sum = inside.iter().map(|f| f.micros).sum::<i128>() as f64 / 1e6;
        match &self.rule.kind {
            CorrelationKind::EventCount(t) => compare(distinct(|f| f.ident), t),
            CorrelationKind::ValueCount(_, t) => compare(distinct(|f| f.value), t),
            CorrelationKind::ValueSum(f, t) if f == "service.count" => compare(bound(inside, lo, self.cell()), t),
            CorrelationKind::ValueSum(_, t) => compare(sum, t),
            CorrelationKind::ValueAvg(_, t) => compare(sum / inside.len() as f64, t),
            CorrelationKind::ValuePercentile(_, rank, t) => {
                let mut sorted: Vec<i128> = inside.iter().map(|f| f.micros).collect();
                sorted.sort_unstable();
                let place = (rank / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
                compare(sorted[place - 1] as f64 / 1e6, t)
            }
            _ => unreachable!("presence kinds have no measure"),
        }
    }

    /// What counts in [lo, hi), with its first and last moment there: in `temporal` only moments without a negated one less than T away.
    fn remaining(&self, lo: i64, hi: i64) -> Vec<(&Fed, i64, i64)> {
        let inside = self.inside(lo, hi).into_iter();
        let (CorrelationKind::Temporal(p) | CorrelationKind::TemporalOrdered(p)) = &self.rule.kind else {
            return inside.map(|f| (f, f.start.max(lo), f.end.min(hi) - 1)).collect();
        };
        let (not, t) = (negated(p), self.span());
        let removes = matches!(self.rule.kind, CorrelationKind::Temporal(_));
        let stays = |x: &i64| !removes || !self.fed.iter().any(|n| not.contains(&n.step) && *x > n.start - t && *x < n.end - 1 + t);
        let positive = inside.filter(|f| !not.contains(&f.step));
        let moments = |f: &Fed| f.start.max(lo)..f.end.min(hi);
        positive.filter_map(|f| Some((f, moments(f).find(stays)?, moments(f).rfind(stays)?))).collect()
    }

    /// Whether a chain of distinct events through the positive steps from `at` on exists, all inside [lo, hi).
    fn extend(&self, c: &Conjunct, at: usize, before: Option<i64>, used: &mut Vec<u128>, (lo, hi): (i64, i64)) -> bool {
        let t = self.span();
        let Some(positive) = (at..c.len()).find(|i| !c[*i].1) else {
            let last = before.unwrap_or(lo);
            return !c[at..].iter().any(|n| self.touches(n.0, last, last + t - 1));
        };
        let gap = &c[at..positive];
        let taken = used.clone();
        for f in self.fed.iter().filter(|f| f.step == c[positive].0 && !taken.contains(&f.id)) {
            for moment in f.start.max(before.unwrap_or(lo)).max(lo)..f.end.min(hi) {
                let from = before.unwrap_or(moment - t + 1);
                if gap.iter().any(|n| self.touches(n.0, from, moment)) {
                    continue;
                }
                used.push(f.id);
                let found = self.extend(c, positive + 1, Some(moment), used, (lo, hi));
                used.pop();
                if found {
                    return true;
                }
            }
        }
        false
    }

    fn touches(&self, step: u16, from: i64, to: i64) -> bool {
        self.fed.iter().any(|f| f.step == step && f.start <= to && f.end > from)
    }

    /// Start, end, count, first and last seen.
    fn episode(&self, start: i64, end: i64) -> (i64, i64, u64, i64, i64) {
        let remaining = self.remaining(if self.aligned() { start } else { start - self.span() + 1 }, end);
        let children = remaining.iter().filter(|f| f.0.child).count();
        let of = |f: &Fed| if matches!(self.rule.kind, CorrelationKind::EventCount(_)) { f.ident } else { f.id };
        let events: BTreeSet<u128> = remaining.iter().filter(|f| !f.0.child).map(|f| of(f.0)).collect();
        let (first, last) = (remaining.iter().map(|f| f.1).min(), remaining.iter().map(|f| f.2).max());
        (start, end, (children + events.len()) as u64, first.unwrap_or(start), last.unwrap_or(end - 1))
    }
}

/// `value_sum` of `service.count`: per finding the largest minus the smallest plus one, or the largest if created inside.
fn bound(inside: &[&Fed], lo: i64, cell: i64) -> f64 {
    let findings: BTreeSet<u128> = inside.iter().filter_map(|f| f.finding.map(|x| x.0)).collect();
    let of = |finding: u128| {
        let all: Vec<(i64, i64)> = inside.iter().filter_map(|f| f.finding).filter(|x| x.0 == finding).map(|x| (x.1, x.2)).collect();
        let (largest, smallest) = (all.iter().map(|x| x.1).max().unwrap_or(0), all.iter().map(|x| x.1).min().unwrap_or(0));
        if all.iter().any(|x| x.0.div_euclid(cell) * cell >= lo) { largest } else { largest - smallest + 1 }
    };
    findings.into_iter().map(of).sum::<i64>() as f64
}

fn only_grows(t: &Thresholds) -> bool {
    t.0.iter().all(|(c, _)| matches!(c, Compare::Gt | Compare::Gte))
}

fn compare(x: f64, t: &Thresholds) -> bool {
    t.0.iter().all(|(c, y)| match c {
        Compare::Lt => x < *y,
        Compare::Lte => x <= *y,
        Compare::Gt => x > *y,
        Compare::Gte => x >= *y,
        Compare::Eq => x == *y,
        Compare::Neq => x != *y,
    })
}

fn truth(p: &Presence, has: &dyn Fn(u16) -> bool) -> bool {
    match p {
        Presence::Rule(step) => has(*step),
        Presence::And(all) => all.iter().all(|q| truth(q, has)),
        Presence::Or(any) => any.iter().any(|q| truth(q, has)),
        Presence::Not(_) => true,
    }
}

fn negated(p: &Presence) -> BTreeSet<u16> {
    fn leaves(p: &Presence, under: bool, out: &mut BTreeSet<u16>) {
        match p {
            Presence::Rule(step) if under => drop(out.insert(*step)),
            Presence::Rule(_) => {}
            Presence::And(all) | Presence::Or(all) => all.iter().for_each(|q| leaves(q, under, out)),
            Presence::Not(q) => leaves(q, true, out),
        }
    }
    let mut out = BTreeSet::new();
    leaves(p, false, &mut out);
    out
}

/// Disjunctive normal form: per conjunct (step, negated) in list order.
fn dnf(p: &Presence, not: bool) -> Vec<Conjunct> {
    let mut out: Vec<Conjunct> = match (p, not) {
        (Presence::Rule(step), _) => vec![vec![(*step, not)]],
        (Presence::Not(q), _) => dnf(q, !not),
        (Presence::Or(any), false) | (Presence::And(any), true) => any.iter().flat_map(|q| dnf(q, not)).collect(),
        (Presence::And(all), false) | (Presence::Or(all), true) => all.iter().fold(vec![vec![]], |left, q| {
            let right = dnf(q, not);
            left.iter().flat_map(|l| right.iter().map(move |r| [l.clone(), r.clone()].concat())).collect()
        }),
    };
    out.iter_mut().for_each(|c| {
        c.sort_unstable();
        c.dedup();
    });
    out
}
