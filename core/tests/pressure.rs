//! The state budget under attack: one account makes a million group keys, another goes through a slow sequence.
//!
//! The slow sequence fires, only the attacker's keys are evicted (those with an open alert last), one alert tells of it, the books
//! balance, and the memory really held, measured at the allocator as its blocks are laid out, stays within the budget and a tenth.
//! Detections are made by hand with the facts of a flow, every one with texts of its own, as they come out of a stored log.

#![expect(clippy::disallowed_macros, reason = "a test prints its figures")]

use serde_json::Value;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::correlate::{Correlator, Counted, Settings as CorrelateSettings};
use tidegate_core::detect::sources_of;
use tidegate_core::event::{ContentId, Derived, Detection, DetectionFlags, Fact, Facts, GroupKey, Position, Quantity, Source, Watermarks};
use tidegate_core::pipeline::{Action, Batch, Control, Effect, Embedded, Entry, Pipeline, Rules, Settings};
use tidegate_core::rule::{Gravity, RuleFile, RuleSet, load};

/// Counts, per thread, the blocks in use: eight bytes of head, multiples of sixteen, at least 32.
struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

fn count(layout: Layout, sign: i64) {
    let block = (layout.size() + 8).next_multiple_of(16).max(32) as i64;
    LIVE.with(|live| live.set(live.get() + sign * block));
}

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one adds numbers and hands everything on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout, 1);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(layout, -1);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KEYS: u64 = 1_000_000;
/// Keys of the attacker with an open alert, made before the flood.
const ALERTING: u64 = 50;
const BATCH: u64 = 1_000;
const PER_RULE: u64 = 64 << 20;
const PER_ACCOUNT: u64 = 16 << 20;
const BASE: i64 = 1_795_456_384_000;
const HOUR: i64 = 3_600_000;
const LOUD: &str = "111111111111";
const QUIET: &str = "222222222222";

/// Everything that does not grow with keys: rule texts, alerts, the smallest of blocks.
const FIXED: i64 = 1 << 20;

const CORRELATIONS: [(&str, &str, &str, &str); 4] = [
    ("many", "event_count", "refused", "    condition: {gte: 10}\n"),
    ("distinct", "value_count", "refused", "    condition: {field: sourceIPAddress, gte: 5}\n"),
    ("slow", "temporal_ordered", "refused, granted, deleted", ""),
    ("apart", "temporal_ordered", "refused, granted, deleted", ""),
];

struct World {
    set: Arc<RuleSet>,
    sources: Vec<Vec<Source>>,
    next_id: u128,
}

impl World {
    fn new(correlations: &[(&str, &str, &str, &str)]) -> Self {
        let mut text = String::new();
        for name in ["refused", "granted", "deleted"] {
            let look = format!("detection: {{s: {{eventName: {name}}}, condition: s}}");
            let gate = "logsource: {product: aws, service: cloudtrail}";
            text += &format!("title: Event {name}\nid: {name}\nname: {name}\nlevel: low\n{gate}\n{look}\n---\n");
        }
        for (name, kind, rules, condition) in correlations {
            let body = format!("    type: {kind}\n    rules: [{rules}]\n    group-by: [userName]\n    timespan: 24h\n{condition}");
            text += &format!("title: Correlation {name}\nid: {name}\nname: {name}\nlevel: high\ncorrelation:\n{body}---\n");
        }
        let loaded = load(&[RuleFile { name: "rules.yml".into(), text: text.trim_end_matches("---\n").into() }]);
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}\n{text}");
        let sources = (0..loaded.set.rules.len() as u32).map(|r| sources_of(&loaded.set, r, &[])).collect();
        World { set: Arc::new(loaded.set), sources, next_id: 0 }
    }

    fn rule(&self, id: &str) -> u32 {
        (0..).zip(&self.set.rules).find(|(_, r)| r.meta.id == id).map(|(n, _)| n).expect("a rule of the file")
    }

    /// The event `name` of a key, `at` ms after the beginning, for a correlation.
    fn detection(&mut self, target: &str, (step, name): (u16, &str), key: &str, account: &str, at: i64) -> Detection {
        self.next_id += 1;
        let id = self.next_id;
        Detection {
            target: self.rule(target),
            rule: self.rule(name),
            step,
            source: Source::CloudTrail,
            key: GroupKey::new([key]),
            time_ms: BASE + at,
            arrival_ms: BASE + at,
            id: ContentId(tidegate_core::event::id::hash128(&id.to_le_bytes())),
            flags: DetectionFlags::default(),
            account: account.into(),
            quantity: Quantity::Distinct(id),
            revision: None,
            position: Position {
                source: "trail".into(),
                shard: "shardId-000000000042".into(),
                sequence: (id as u64).into(),
                sub_sequence: 0,
            },
            severity: 2,
            facts: Arc::new(facts(account, key)),
        }
    }

    /// What a key of this correlation needs for its alert, `apart` ms from one event to the next.
    fn sequence(&mut self, target: &str, key: &str, account: &str, from: i64, apart: i64) -> Vec<Detection> {
        let one = (0, "refused");
        let steps: Vec<(u16, &str)> = match target {
            "many" => vec![one; 10],
            "distinct" => vec![one; 5],
            _ => vec![one, (1, "granted"), (2, "deleted")],
        };
        (0..).zip(steps).map(|(n, step)| self.detection(target, step, key, account, from + n * apart)).collect()
    }

    fn settings(&self) -> Settings {
        let correlate =
            CorrelateSettings { budget_bytes_per_rule: PER_RULE, budget_bytes_per_account: PER_ACCOUNT, ..CorrelateSettings::default() };
        Settings { correlate, product_version: "0.0.0".into(), ..Settings::default() }
    }
}

fn facts(account: &str, key: &str) -> Facts {
    let items = [
        (Fact::Account, account),
        (Fact::Region, "eu-central-1"),
        (Fact::SourceIp, "198.51.100.77"),
        (Fact::SourcePort, "40123"),
        (Fact::TargetIp, "10.20.30.40"),
        (Fact::TargetPort, "443"),
        (Fact::Bytes, "1204"),
        (Fact::Packets, "12"),
        (Fact::Action, "REJECT"),
    ];
    let mut facts = Facts::from_iter(items);
    facts.set_body(&format!("2 {account} eni-{key:017} 198.51.100.77 10.20.30.40 40123 443 6 12 1204 1795456384 1795456390 REJECT OK"));
    facts
}

/// A feed under way, with the newest version of every alert and the most that was held.
struct Run {
    embedded: Embedded,
    documents: BTreeMap<Arc<str>, Arc<str>>,
    before: i64,
    held: i64,
    logical: u64,
    now: i64,
}

impl Run {
    fn new(world: &World, pipelines: u16) -> Self {
        let before = LIVE.get();
        let embedded = Embedded::new(&world.set, world.sources.clone(), world.settings(), pipelines);
        Run { embedded, documents: BTreeMap::new(), before, held: 0, logical: 0, now: 0 }
    }

    fn append(&mut self, detections: Vec<Detection>) {
        self.now = detections.iter().map(|d| d.arrival_ms).max().unwrap_or(self.now).max(self.now);
        let effects = self.embedded.append(Batch { detections, watermark_ms: self.now - 10_000, arrival_ms: self.now, ..Batch::default() });
        self.take(effects);
        let documents: usize = self.documents.iter().map(|(id, d)| id.len() + d.len()).sum();
        self.held = self.held.max(LIVE.get() - self.before - documents as i64);
        self.logical = self.logical.max(self.embedded.state_size().1);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Action::Index { alert, document, .. } = effect.action {
                self.documents.insert(alert, document);
            }
        }
    }

    /// The alerts of a rule as they stand.
    fn of(&self, rule: &str) -> Vec<Value> {
        let all = self.documents.values().map(|d| serde_json::from_str::<Value>(d).expect("JSON"));
        all.filter(|d| d["finding_info"]["analytic"]["uid"] == rule).collect()
    }

    fn closed(&self, rule: &str) -> usize {
        self.of(rule).iter().filter(|d| d["tidegate"]["episode"]["state"] == "closed").count()
    }

    /// Nothing is left at the end, and the books balance.
    fn finish(&mut self) {
        let effects = self.embedded.finish();
        self.take(effects);
        assert_eq!(self.embedded.state_size(), (0, 0));
        let errors = self.embedded.books().errors(self.documents.len() as u64, 0, 0);
        assert!(errors.is_empty(), "{errors:?}");
    }
}

fn value(alert: &Value) -> &str {
    alert["tidegate"]["group_key"][0]["value"].as_str().expect("a value")
}

/// A million keys of one correlation by `accounts` (the first of them has open alerts too), between the steps of slow sequences of
/// a quiet account on the same and on another rule.
fn flood(target: &str, pipelines: u16, accounts: u64) -> Run {
    let mut world = World::new(&CORRELATIONS);
    let mut run = Run::new(&world, pipelines);
    for n in 0..ALERTING {
        run.append(world.sequence(target, &format!("open{n}"), LOUD, n as i64, 1));
    }
    // Steps hours apart: the flood takes five and a half hours.
    let mut slow: Vec<Detection> = world.sequence(target, "quiet", QUIET, HOUR, HOUR / 3);
    slow.extend(world.sequence("apart", "quiet", QUIET, HOUR, 2 * HOUR));
    slow.sort_by_key(|d| std::cmp::Reverse(d.time_ms));
    for first in (0..KEYS).step_by(BATCH as usize) {
        let mut detections = Vec::with_capacity(BATCH as usize);
        for n in first..first + BATCH {
            let at = 1_000 + n as i64 * 20;
            while let Some(step) = slow.pop_if(|d| d.time_ms <= BASE + at) {
                detections.push(step);
            }
            let account = (111_111_111_111 + n % accounts).to_string();
            detections.push(world.detection(target, (0, "refused"), &format!("flood{n}"), &account, at));
        }
        run.append(detections);
    }
    assert!(slow.is_empty(), "every step came");
    check(&run, target, pipelines, accounts);
    run
}

fn check(run: &Run, target: &str, pipelines: u16, accounts: u64) {
    let budget = i64::from(pipelines) * if accounts == 1 { PER_ACCOUNT } else { PER_RULE } as i64;
    let books = run.embedded.books();
    println!(
        "{target}, {accounts} account(s), P = {pipelines}: budget {budget}, held at most {} ({} %), logical {}; {} keys stay, {} evicted",
        run.held,
        run.held * 100 / budget,
        run.logical,
        run.embedded.state_size().0,
        books.alerts.evicted
    );
    assert!(run.held <= budget / 10 * 11 + FIXED, "{} bytes are held, the budget is {budget}", run.held);
    assert!(run.logical as i64 <= budget + FIXED && run.held <= run.logical as i64 / 10 * 11 + FIXED, "{}", run.logical);
    assert_eq!(run.embedded.state_size().0 as u64 + books.alerts.evicted, KEYS + ALERTING + 2, "only keys of the flood went");
    let fired = |rule: &str| run.of(rule).iter().filter(|a| value(a) == "quiet").count();
    assert_eq!((fired(target), fired("apart")), (1, 1), "the quiet account's slow sequences fire");
    assert_eq!((run.of(target).len() as u64, run.closed(target)), (ALERTING + 1, 0), "keys with an open alert go last");
    let told = run.of("tidegate/state_pressure");
    assert_eq!(told.len() as u64, u64::from(pipelines) * accounts, "one alert per Pipeline, correlation and account");
    assert!(told.iter().all(|t| t["tidegate"]["accounts"][0] != QUIET), "the quiet account pays for nobody");
}

#[test]
fn a_million_keys_of_a_count_stay_within_the_accounts_budget() {
    flood("many", 1, 1).finish();
}

#[test]
fn budgets_are_per_pipeline() {
    flood("many", 3, 1).finish();
}

#[test]
fn a_million_keys_of_a_distinct_count_stay_within_the_accounts_budget() {
    flood("distinct", 1, 1).finish();
}

#[test]
fn a_million_first_steps_stay_within_the_accounts_budget() {
    flood("slow", 1, 1).finish();
}

#[test]
fn a_million_keys_of_many_accounts_stay_within_the_rules_budget() {
    flood("many", 1, 20).finish();
}

/// Same log, same evictions: also when it goes on from a snapshot, and whatever the tables in memory were seeded with.
#[test]
fn evictions_are_a_function_of_the_log() {
    let mut world = World::new(&CORRELATIONS);
    let mut settings = world.settings();
    (settings.correlate.budget_bytes_per_rule, settings.correlate.budget_bytes_per_account) = (1 << 20, 1 << 18);
    let rules = Arc::new(Rules { set: world.set.clone(), sources: world.sources.clone() });
    let fresh = || {
        let mut pipeline = Pipeline::new(0, 1);
        pipeline.learn(&rules);
        pipeline
    };
    let control = Control { rules: world.set.digest, settings, ..Control::default() };
    let (mut straight, mut restarted) = (fresh(), fresh());
    let mut random = fastrand::Rng::with_seed(6);
    for position in 0..200 {
        let mut entry = Entry { rules: world.set.digest, ..Entry::default() };
        entry.control = (position == 0).then(|| Box::new(control.clone()));
        for n in 0..100 {
            let (key, account) = (format!("k{}", random.u32(0..1_500)), format!("{}", 100_000_000_000 + random.u64(0..9)));
            let step = if random.u8(0..3) > 0 { (0, "refused") } else { (random.u16(0..3), "granted") };
            let (target, step) = match random.u8(0..4) {
                0 => ("slow", step),
                1 => ("distinct", (0, "refused")),
                _ => ("many", (0, "refused")),
            };
            entry.detections.push(world.detection(target, step, &key, &account, position * 600_000 + n * 6_000));
        }
        entry.arrival_ms = BASE + position * 600_000;
        entry.watermarks = vec![(Source::CloudTrail, entry.arrival_ms - HOUR)];
        let (one, other) = (straight.apply(position as u64, &entry), restarted.apply(position as u64, &entry));
        assert_eq!(one, other, "effects at {position}");
        assert_eq!(straight.state_size(), restarted.state_size());
        if position % 20 == 7 {
            let bytes = restarted.snapshot();
            restarted = Pipeline::restore(std::slice::from_ref(&rules), &bytes).expect("its own snapshot");
            assert_eq!(straight.snapshot(), restarted.snapshot());
        }
    }
    assert_eq!(straight.snapshot(), restarted.snapshot());
    assert!(straight.books().alerts.evicted > 1_000 && straight.books().alerts.alerts > 100, "{:?}", straight.books());
}

/// Every kind of state: keys with few events and with many, open alerts, panes that overflow, state that has gone again.
const KINDS: [(&str, &str, &str, &str); 11] = [
    ("count", "event_count", "refused", "    condition: {gte: 10}\n"),
    ("count-far", "event_count", "refused", "    condition: {gte: 400}\n"),
    ("distinct", "value_count", "refused", "    condition: {field: sourceIPAddress, gte: 20}\n"),
    ("distinct-far", "value_count", "refused", "    condition: {field: sourceIPAddress, gte: 1000}\n"),
    ("few", "event_count", "refused", "    condition: {lt: 3}\n"),
    ("sum", "value_sum", "refused", "    condition: {field: bytes, gte: 100000}\n"),
    ("percentile", "value_percentile", "refused", "    condition: {field: bytes, percentile: 90, gt: 5}\n"),
    ("both", "temporal", "refused, granted", ""),
    ("absent", "temporal", "refused, granted", "    condition: refused and not granted\n"),
    ("slow", "temporal_ordered", "refused, granted, deleted", ""),
    ("parent", "event_count", "count-far", "    condition: {gte: 5}\n"),
];

/// What is held is at most a tenth more than what is booked, and at least half of it.
#[test]
fn every_kind_of_state_costs_what_is_booked() {
    for (name, kind, ..) in KINDS {
        for (keys, events) in [(2_000, 3), (100, 200), (4, 4_000)] {
            let (worst, best) = kept(name, kind, keys, events);
            println!("{name}, {keys} keys of {events}: held {:.0} to {:.0} % of what is booked", best * 100.0, worst * 100.0);
            assert!(best > 0.5, "{name}: more than twice what is held is booked");
        }
    }
}

/// The largest and the smallest share of what is booked that is held, while events of three days come.
fn kept(name: &str, kind: &str, keys: i64, events: i64) -> (f64, f64) {
    let (mut world, mut random) = (World::new(&KINDS), fastrand::Rng::with_seed(9));
    let settings = CorrelateSettings { budget_bytes_per_rule: u64::MAX, budget_bytes_per_account: u64::MAX, ..Default::default() };
    let before = LIVE.get();
    let mut correlator = Correlator::new(&world.set, &world.sources, settings);
    let (empty, mut watermarks, mut out) = (LIVE.get() - before, Watermarks::default(), Vec::new());
    let (mut worst, mut best) = (0.0f64, f64::MAX);
    for n in 0..keys * events {
        let at = n * 72 * HOUR / (keys * events);
        one(&mut world, (name, kind), (random.i64(0..keys), at), &mut random, |input| match input {
            Input::Event(d) => correlator.apply(&d, &watermarks, &mut out),
            Input::Stretch(d) => correlator.apply_derived(&d, &watermarks, &mut out),
        });
        out.clear();
        if n % (keys * events / 50) == 1 {
            watermarks.raise(Source::CloudTrail, BASE + at - HOUR);
            watermarks.derived = vec![BASE + at - HOUR];
            correlator.advance(&watermarks, &mut out);
            out = Vec::new();
            let held = LIVE.get() - before - empty;
            let logical = correlator.state_bytes() as i64;
            assert!(held <= logical / 10 * 11 + (64 << 10), "{name} {keys} keys: {held} bytes are held, {logical} are booked");
            if logical > 256 << 10 {
                (worst, best) = (worst.max(held as f64 / logical as f64), best.min(held as f64 / logical as f64));
            }
        }
    }
    (worst, best)
}

enum Input {
    Event(Detection),
    Stretch(Derived),
}

/// One input for a correlation, which is gone when this returns.
fn one(
    world: &mut World,
    (name, kind): (&str, &str),
    (n, at): (i64, i64),
    random: &mut fastrand::Rng,
    give: impl FnOnce(Input) -> Counted,
) {
    let (key, account) = (format!("key{n}"), format!("{}", 100_000_000_000 + n % 7));
    let steps: &[(u16, &str)] = match name {
        "both" | "absent" => &[(0, "refused"), (1, "granted")],
        "slow" => &[(0, "refused"), (1, "granted"), (2, "deleted")],
        "parent" => &[(0, "count-far")],
        _ => &[(0, "refused")],
    };
    let step = steps[random.usize(0..steps.len())];
    let mut d = world.detection(name, step, &key, &account, at);
    d.quantity = match kind {
        "value_count" => Quantity::Distinct(random.u128(0..3_000)),
        _ => Quantity::Micros(random.i128(0..10_000_000)),
    };
    d.flags.late = random.u8(0..6) == 0;
    if name != "parent" {
        give(Input::Event(d));
        return;
    }
    give(Input::Stretch(Derived {
        target: d.target,
        child: d.rule,
        step: 0,
        child_key: GroupKey::new([format!("child{}", random.u32(0..20_000))]),
        key: d.key,
        start_ms: d.time_ms,
        end_ms: d.time_ms + HOUR,
        account: d.account,
        origin: (0, 0),
        alert: Some("0123456789abcdef0123456789abcdef".into()),
        severity: 3,
        facts: Some(d.facts),
    }));
}
