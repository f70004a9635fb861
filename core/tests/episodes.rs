//! Correlations against a naive oracle: random rules, events, arrival orders, copies, late events, batches, restarts, parents.
//!
//! Each case is one seed. The engine sees the events as a log would give them; the oracle sees the whole set at once. Rules, keys,
//! starts, ends and counts must be the same. `TIDEGATE_CASES=1000000 cargo test --release --test episodes` is the long run;
//! `TIDEGATE_SEED=n` runs one case and prints it.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "a test prints its figures and takes its size from outside")]

mod cases;
mod hand;
mod oracle;

use cases::{Case, correlation};
use hand::{Arrival, FIRST, PARENT, detection};
use oracle::{Expected, Fed, Oracle};
use std::collections::{BTreeMap, BTreeSet};
use tidegate_core::correlate::{ChangeKind, Correlator, Counted, Episode, Output, Settings};
use tidegate_core::event::watermark::{ENDED, NOT_YET};
use tidegate_core::event::{Derived, GroupKey, Source, Watermarks};
use tidegate_core::rule::{Correlation, CorrelationKind};

/// What was seen to happen in a case.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    merge: bool,
    late: bool,
    judged: bool,
    duplicate: bool,
    restart: bool,
    approximate: bool,
    parent: bool,
    grandparent: bool,
    overflow: bool,
    alert: bool,
    started: bool,
}

type Found = BTreeMap<(u32, GroupKey), Vec<Episode>>;

/// The key of an arrival for the correlation, its parent, its parent's parent: one value less each.
fn key_for(target: u32, key: (u8, u8)) -> GroupKey {
    let values = [key.0.to_string(), key.1.to_string()];
    GroupKey::new(values.into_iter().take((FIRST + 2 - target) as usize))
}

struct Run<'a> {
    case: &'a Case,
    engine: Correlator,
    w: Watermarks,
    queue: Vec<Derived>,
    outputs: Vec<String>,
    found: Found,
    open: BTreeSet<(u32, GroupKey, i64)>,
    seen: Seen,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case) -> Self {
        let engine = Correlator::new(&case.set, &case.sources, settings(case));
        Run {
            case,
            engine,
            w: Watermarks { derived: vec![NOT_YET; 2], ..Watermarks::default() },
            queue: Vec::new(),
            outputs: Vec::new(),
            found: Found::new(),
            open: BTreeSet::new(),
            seen: Seen::default(),
        }
    }

    fn all(mut self, r: &mut fastrand::Rng, restarts: bool) -> Self {
        let arrivals = &self.case.arrivals;
        let mut at = 0;
        while at < arrivals.len() {
            let end = (at + r.usize(1..9)).min(arrivals.len());
            arrivals[at..end].iter().for_each(|a| self.feed(a));
            self.raise(arrivals[end - 1].arrival - r.i64(0..4));
            self.deliver(r.usize(0..3));
            let restart = r.u8(0..8) == 0;
            if restart && restarts {
                self.restart();
            }
            at = end;
        }
        self.raise(ENDED);
        self.deliver(2);
        self
    }

    fn feed(&mut self, a: &Arrival) {
        for target in FIRST..self.case.set.rules.len() as u32 {
            let c = correlation(&self.case.set, target);
            for (step, rule) in c.rules.iter().enumerate().filter(|(_, rule)| a.rules.contains(rule)) {
                let d = detection(a, target, *rule, step as u16, key_for(target, a.key), &c.kind);
                let mut out = Vec::new();
                let counted = self.engine.apply(&d, &self.w, &mut out);
                self.seen.late |= counted == Counted::Late;
                self.seen.duplicate |= counted == Counted::Duplicate;
                assert_ne!(counted, Counted::Behind, "in time, yet behind: {d:?}");
                self.take(out);
            }
        }
    }

    fn raise(&mut self, to: i64) {
        for source in [Source::CloudTrail, Source::GuardDuty] {
            self.w.raise(source, to);
        }
        let mut out = Vec::new();
        self.engine.advance(&self.w, &mut out);
        self.take(out);
    }

    /// Hands parents what their children sent, then raises the children's watermark; level by level, as far as `levels`.
    fn deliver(&mut self, levels: usize) {
        let mut covered = self.w.sources.values().copied().min().unwrap_or(0);
        for level in 0..levels {
            let (now, later) = std::mem::take(&mut self.queue).into_iter().partition(|d| self.engine.level(d.target) == level + 1);
            self.queue = later;
            self.hand_over(now);
            self.w.derived[level] = covered;
            let mut out = Vec::new();
            self.engine.advance(&self.w, &mut out);
            self.take(out);
            covered = covered.min(self.w.derived[level]);
        }
    }

    /// Every stretch comes twice.
    fn hand_over(&mut self, stretches: Vec<Derived>) {
        for d in stretches {
            for _ in 0..2 {
                let mut out = Vec::new();
                self.engine.apply_derived(&d, &self.w, &mut out);
                self.take(out);
            }
        }
    }

    fn restart(&mut self) {
        let bytes = self.engine.snapshot();
        let engine = Correlator::restore(&self.case.set, &self.case.sources, settings(self.case), &bytes).expect("restores");
        assert_eq!(engine.snapshot(), bytes, "a snapshot of a restored state differs");
        assert_eq!(engine.state_bytes(), self.engine.state_bytes(), "books differ");
        self.engine = engine;
        self.seen.restart = true;
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            self.outputs.push(format!("{output:?}"));
            match output {
                Output::Stretch(d) => self.queue.push(d),
                Output::Pressure { .. } => panic!("no budget is near"),
                Output::Alert(a) => {
                    let id = (a.correlation, a.key.clone(), a.fired_ms);
                    match a.kind {
                        ChangeKind::Opened => {
                            assert!(self.open.insert(id), "opened twice");
                            self.seen.alert = true;
                        }
                        ChangeKind::Updated => {
                            assert!(self.open.contains(&id), "updated unopened");
                            let shown = self.engine.episode(a.correlation, &a.key, a.fired_ms, &self.w);
                            // By now it may be merged or closed.
                            self.seen.approximate |= shown.is_some_and(|e| e.approximate);
                        }
                        ChangeKind::Closed => {
                            assert!(self.open.remove(&id), "closed unopened");
                            let episode = *a.episode.expect("a closed episode is shown");
                            self.found.entry((a.correlation, a.key)).or_default().push(episode);
                        }
                        ChangeKind::Merged => {
                            assert!(self.open.remove(&id), "merged unopened");
                            let into = (a.correlation, a.key, a.merged_into.expect("a target"));
                            assert!(self.open.contains(&into), "merged into nothing");
                            self.seen.merge = true;
                        }
                    }
                }
            }
        }
    }
}

fn settings(case: &Case) -> Settings {
    Settings { started_ms: case.started, lateness_ms: Some(case.lateness), kept_per_pane: case.kept, ..Settings::default() }
}

type Expectations = BTreeMap<(u32, GroupKey), Expected>;

/// What the definition says of every correlation and key, from the children up.
fn expected(case: &Case) -> Expectations {
    let (mut out, last) = (Expectations::new(), case.set.rules.len() as u32);
    let mut fed: BTreeMap<(u32, GroupKey), BTreeSet<Fed>> = BTreeMap::new();
    for target in FIRST..last {
        for a in case.arrivals.iter().filter(|a| !a.late) {
            plain(correlation(&case.set, target), a, fed.entry((target, key_for(target, a.key))).or_default());
        }
    }
    for target in FIRST..last {
        let of_target: Vec<_> = fed.iter().filter(|f| f.0.0 == target).map(|(k, v)| (k.clone(), v.iter().cloned().collect())).collect();
        for (n, (key, all)) in of_target.into_iter().enumerate() {
            let all: Vec<Fed> = all;
            let expected = Oracle { rule: correlation(&case.set, target), fed: &all, started: case.started }.run();
            if target + 1 < last {
                let values: Vec<&str> = key.1.values();
                let above = GroupKey::new(&values[..values.len() - 1]);
                let parent = correlation(&case.set, target + 1);
                fed.entry((target + 1, above)).or_default().extend(children(parent, target, n, &expected.stretches));
            }
            out.insert(key, expected);
        }
    }
    out.retain(|(c, _), _| case.set.rule(*c).alerts);
    out
}

/// The stretches of one child key as its parent sees them.
fn children(parent: &Correlation, child: u32, n: usize, stretches: &[(i64, i64)]) -> Vec<Fed> {
    let step = parent.rules.iter().position(|r| *r == child).expect("the child") as u16;
    let ident = 1_000_000 + n as u128;
    let of = |(start, end): &(i64, i64)| {
        let id = ident * 1_000_000 + (*start + 1000) as u128;
        Fed { start: *start, end: *end, step, id, ident, value: 0, micros: 0, finding: None, child: true }
    };
    stretches.iter().map(of).collect()
}

fn plain(rule: &Correlation, a: &Arrival, into: &mut BTreeSet<Fed>) {
    let by_step = matches!(rule.kind, CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_));
    for (step, _) in rule.rules.iter().enumerate().filter(|(_, r)| a.rules.contains(r)) {
        into.insert(Fed {
            start: a.time,
            end: a.time + 1,
            step: if by_step { step as u16 } else { 0 },
            id: a.id,
            ident: a.revision.map_or(a.id, |r| r.finding),
            value: a.value,
            micros: i128::from(a.number) * 1_000_000,
            finding: a.revision.map(|r| (r.finding, r.created_ms, r.count)),
            child: false,
        });
    }
}

fn compare(run: &Run<'_>, expected: &Expectations) -> Result<(), String> {
    if !run.open.is_empty() {
        return Err(format!("still open at the end of all input: {:?}", run.open));
    }
    if run.engine.live_keys() != 0 || run.engine.state_bytes() != 0 {
        return Err(format!("{} keys and {} bytes are left", run.engine.live_keys(), run.engine.state_bytes()));
    }
    let keys: BTreeSet<_> = run.found.keys().chain(expected.keys()).cloned().collect();
    for key in keys {
        let mut found = run.found.get(&key).cloned().unwrap_or_default();
        found.sort_by_key(|e| e.start_ms);
        let wanted = expected.get(&key).map_or(&[][..], |e| &e.episodes);
        let same = found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| agrees(run.case, key.0, f, *w));
        if !same {
            let brief: Vec<_> =
                found.iter().map(|f| (f.start_ms, f.end_ms, f.count, f.first_seen_ms, f.last_seen_ms, f.approximate)).collect();
            return Err(format!("rule {} key {:?}\n  found    {brief:?}\n  expected {wanted:?}", key.0, key.1.values()));
        }
    }
    Ok(())
}

/// Start and end always; count, first and last seen unless the alert says that they may be off, for which there must be a cause.
fn agrees(case: &Case, rule: u32, f: &Episode, (start, end, count, first, last): (i64, i64, u64, i64, i64)) -> bool {
    let kind = &correlation(&case.set, rule).kind;
    let quantile = matches!(kind, CorrelationKind::ValuePercentile(..));
    let overflows = case.kept < 64 || case.arrivals.len() > cases::BURST_LEAST;
    let excused = f.approximate && (!quantile || overflows);
    let caused = !f.approximate || quantile || overflows;
    let same =
        f.count == count && f.first_seen_ms == first && f.last_seen_ms == last && (overflows || f.events.len() as u64 >= count.min(25));
    (f.start_ms, f.end_ms) == (start, end) && caused && (excused || same)
}

fn one_case(seed: u64) -> Result<Seen, String> {
    let case = cases::random(seed);
    judge_case(&case, seed)
}

fn judge_case(case: &Case, seed: u64) -> Result<Seen, String> {
    let run = Run::new(case).all(&mut fastrand::Rng::with_seed(seed), true);
    let expected = expected(case);
    compare(&run, &expected)?;
    if seed.is_multiple_of(4) && run.seen.restart {
        let straight = Run::new(case).all(&mut fastrand::Rng::with_seed(seed), false);
        if straight.outputs != run.outputs {
            return Err("outputs differ with and without restarts".into());
        }
    }
    let mut seen = run.seen;
    let oracle = |rule: u32| Oracle { rule: correlation(&case.set, rule), fed: &[], started: None };
    seen.judged = seen.alert && oracle(FIRST).judged();
    seen.started = seen.judged && case.started.is_some();
    seen.parent = run.found.keys().any(|k| k.0 == PARENT);
    seen.grandparent = run.found.keys().any(|k| k.0 > PARENT);
    seen.approximate |= run.found.values().flatten().any(|e| e.approximate);
    seen.overflow = case.kept < 64 || case.arrivals.len() > cases::BURST_LEAST;
    Ok(seen)
}

/// Leaves out arrivals as long as the case still fails.
fn smallest(mut case: Case, seed: u64) -> Case {
    let fails = |case: &Case| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge_case(case, seed).is_err())).unwrap_or(true);
    let mut width = case.arrivals.len() / 2;
    while width > 0 {
        let mut at = 0;
        while at < case.arrivals.len() {
            let whole = case.arrivals.clone();
            case.arrivals.drain(at..(at + width).min(whole.len()));
            if !fails(&case) {
                case.arrivals = whole;
                at += width;
            }
        }
        width /= 2;
    }
    case
}

fn print(case: &Case) {
    for index in FIRST..case.set.rules.len() as u32 {
        println!("  rule {index}: {:?} sources {:?}", correlation(&case.set, index), case.sources[index as usize]);
    }
    println!("  lateness {} started {:?}", case.lateness, case.started);
    for a in &case.arrivals {
        println!("  {a:?}");
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn episodes_are_those_of_the_definition() {
    let (from, cases) = match number("TIDEGATE_SEED") {
        Some(seed) => (seed, 1),
        None => (number("TIDEGATE_FROM").unwrap_or(0), number("TIDEGATE_CASES").unwrap_or(20_000)),
    };
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in from..from + cases {
        let result = std::panic::catch_unwind(|| one_case(seed)).unwrap_or_else(|_| Err("panicked".into()));
        match result {
            Ok(seen) => count(&mut tally, seen),
            Err(why) => {
                let small = smallest(cases::random(seed), seed);
                println!("seed {seed}: {why}\nsmallest case that fails (TIDEGATE_SEED={seed}):");
                print(&small);
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge_case(&small, seed).err()));
                panic!("seed {seed}: {result:?}");
            }
        }
    }
    println!("{cases} cases: {tally:?}");
    if cases >= 10_000 {
        for (name, least) in [("alert", 20), ("merge", 200), ("late", 20), ("judged", 20), ("duplicate", 20), ("restart", 5)] {
            assert!(tally.get(name).copied().unwrap_or(0) * least >= cases, "{name} is too rare: {tally:?}");
        }
        for (name, least) in [("approximate", 200), ("parent", 20), ("grandparent", 100), ("overflow", 200), ("started", 100)] {
            assert!(tally.get(name).copied().unwrap_or(0) * least >= cases, "{name} is too rare: {tally:?}");
        }
    }
}

fn count(tally: &mut BTreeMap<&str, u64>, seen: Seen) {
    let all = [
        ("alert", seen.alert),
        ("merge", seen.merge),
        ("late", seen.late),
        ("judged", seen.judged),
        ("duplicate", seen.duplicate),
        ("restart", seen.restart),
        ("approximate", seen.approximate),
        ("parent", seen.parent),
        ("grandparent", seen.grandparent),
        ("overflow", seen.overflow),
        ("started", seen.started),
    ];
    for (name, happened) in all {
        *tally.entry(name).or_insert(0) += u64::from(happened);
    }
}
