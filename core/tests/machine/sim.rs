//! The machine in a world that fails: writes that fail or whose outcome is unknown, processes that die between any two steps, torn
//! snapshots, sinks that are down, refuse, or lose their answer; reloads in between. On a log in memory.
//!
//! What must hold at every step: the books of every lane. What must hold at the end: the entries are those that an uninterrupted
//! machine proposes for the same batches, to the byte; sinks hold the final documents of that machine; every page came, and more
//! than once only if its acceptance was not noted, and then marked.

use super::support::{ACCOUNT, BASE, Event, Revision, World, arriving, random_rules, shop, shop_rule, trail};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate_core::alert::Suppression;
use tidegate_core::event::watermark::ENDED;
use tidegate_core::event::{Detection, Source};
use tidegate_core::pipeline::{
    Action, Batch, Control, Due, Effect, EffectNumber, Entry, LaneKind, Machine, Mode, Remains, Settings, Verdict,
};

/// Runs, unless `TIDEGATE_MACHINE_SEEDS` says otherwise.
const SEEDS: u64 = 60;
const EVENTS: usize = 160;
const LANES: [(&str, LaneKind); 3] = [("one", LaneKind::Index), ("two", LaneKind::Index), ("wake", LaneKind::Page)];

fn lanes() -> Vec<(Arc<str>, LaneKind)> {
    LANES.iter().map(|(name, kind)| ((*name).into(), *kind)).collect()
}

/// Three rule sets: one, the same with other numbers, and one whose meaning is partly another.
fn worlds(seed: u64) -> Vec<World> {
    let rules = random_rules(&mut Rng::with_seed(seed));
    let moved = rules.clone() + &shop_rule("aaa", "low");
    let changed = rules.replacen("timespan: ", "timespan: 1", 1);
    [rules, moved, changed].iter().map(|r| World::new(r)).collect()
}

/// A feed with arrivals: shop, trail, findings with revisions, copies.
fn feed(rng: &mut Rng) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    for n in 0..EVENTS {
        let arrival = n as i64 * 1_500;
        let at = arrival - rng.i64(0..15_000);
        let event = match rng.u8(0..20) {
            0..13 => {
                let what = *rng.choice(&["refused", "granted", "deleted"]).expect("some");
                shop(at, &format!("u{}", rng.u8(0..4)), what, &format!("{}", 100_000_000_000 + rng.u64(0..2)), rng.i64(0..9))
            }
            13..15 => trail(at, "CreateUser", ACCOUNT, n as u32),
            15..18 => {
                let (finding, count) = (*rng.choice(&["f1", "f2", "f3", "f4"]).expect("some"), n as u32 + 1);
                Revision { finding, updated: at, count, severity: f64::from(rng.u8(2..10)), ..Revision::default() }.event()
            }
            _ if !out.is_empty() => out[rng.usize(0..out.len())].clone(),
            _ => continue,
        };
        out.push(arriving(event, arrival));
    }
    out
}

/// What survives the process.
#[derive(Default)]
struct Store {
    log: Vec<Vec<Vec<u8>>>,
    batches: Vec<Batch>,
    read: usize,
    snapshots: Vec<Vec<Vec<u8>>>,
    cursors: Vec<BTreeMap<String, Vec<u8>>>,
}

/// What sinks hold.
#[derive(Default)]
struct Sinks {
    documents: BTreeMap<(&'static str, String), (u64, String)>,
    refused: BTreeSet<(&'static str, String)>,
    /// Per page: how often it came, and how often marked.
    pages: BTreeMap<(u16, EffectNumber), (u32, u32)>,
    /// How often its acceptance was not noted.
    unnoted: BTreeMap<(u16, EffectNumber), u32>,
}

impl Sinks {
    /// A sink takes what it is sent.
    fn take(&mut self, pipeline: u16, lane: usize, due: &Due) {
        let (name, kind) = LANES[lane];
        if kind == LaneKind::Page {
            let page = self.pages.entry((pipeline, due.number)).or_default();
            page.0 += 1;
            page.1 += u32::from(due.repeated);
            return;
        }
        let key = (name, due.alert.to_string());
        let held = self.documents.entry(key.clone()).or_default();
        if due.version > held.0 {
            *held = (due.version, due.document.to_string());
            self.refused.remove(&key);
        }
    }
}

struct Sim {
    rng: Rng,
    worlds: Vec<World>,
    events: Vec<Event>,
    pipelines: u16,
    store: Store,
    sinks: Sinks,
    machine: Option<Machine>,
    /// Entries whose append failed: they are appended before anything else.
    proposal: Option<(Batch, Vec<Entry>, usize)>,
    answers: Vec<(u16, usize, Due, Verdict)>,
    down: [bool; 3],
    steps: u64,
    seen: BTreeMap<&'static str, u64>,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (worlds, events, pipelines) = (worlds(seed), feed(&mut rng), rng.u16(1..5));
        let each = usize::from(pipelines);
        let store = Store { snapshots: vec![Vec::new(); each], cursors: vec![BTreeMap::new(); each], ..Store::default() };
        let (sinks, seen) = (Sinks::default(), BTreeMap::new());
        Sim {
            rng,
            worlds,
            events,
            pipelines,
            store,
            sinks,
            machine: None,
            proposal: None,
            answers: Vec::new(),
            down: [false; 3],
            steps: 0,
            seen,
        }
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    fn percent(&mut self, n: u32) -> bool {
        self.rng.u32(0..100) < n
    }

    fn known(&self) -> Vec<Arc<tidegate_core::pipeline::Rules>> {
        self.worlds.iter().map(World::rules).collect()
    }

    fn crash(&mut self, when: &'static str) {
        self.saw(when);
        self.forget_answers();
        (self.machine, self.proposal) = (None, None);
    }

    /// A process starts: newest verified snapshots, then the log.
    fn start(&mut self) {
        let mut kept: Vec<Option<Vec<u8>>> = Vec::new();
        for of in 0..usize::from(self.pipelines) {
            let back = usize::from(self.percent(15));
            kept.push(self.store.snapshots[of].iter().rev().nth(back).cloned());
        }
        let cursors: Vec<Vec<(String, Vec<u8>)>> = self.store.cursors.iter().map(|c| c.clone().into_iter().collect()).collect();
        let remains: Vec<Remains<'_>> = kept.iter().zip(&cursors).map(|(s, cursors)| Remains { snapshot: s.as_deref(), cursors }).collect();
        let head = self.store.log.len() as u64;
        let mut machine = Machine::restore(&self.known(), Mode::AtOnce, &lanes(), &remains, head).expect("its own bytes");
        for position in machine.next_position().max(1)..=head {
            let of = |bytes: &Vec<u8>| Some(Entry::decode(bytes).expect("its own bytes"));
            let entries: Vec<Option<Entry>> = self.store.log[position as usize - 1].iter().map(of).collect();
            machine.reapply(position, &entries).expect("the log is whole");
        }
        machine.resume();
        for (of, cursors) in (0..).zip(&mut self.store.cursors) {
            for (name, _) in LANES {
                cursors.insert(name.into(), machine.outbox(of).cursor(name).expect("a lane"));
            }
        }
        self.machine = Some(machine);
        self.saw("start");
    }

    fn control(&mut self, world: usize) -> Control {
        let suppression = Suppression {
            id: "s".into(),
            rule: "c0".into(),
            conditions: [("who".to_owned(), "u0".to_owned())].into(),
            reason: "r".into(),
            owner: "o".into(),
            created_ms: BASE - 1_000_000,
            expires_ms: BASE + self.rng.i64(0..240_000),
            allow_critical: true,
        };
        let correlate = tidegate_core::correlate::Settings { lateness_ms: Some(20_000), ..Default::default() };
        let settings = Settings { correlate, product_version: "0".into(), pages_per_hour: 4, ..Settings::default() };
        let suppressions = if self.rng.bool() { vec![suppression] } else { Vec::new() };
        Control { rules: self.worlds[world].set.digest, suppressions, settings, ..Control::default() }
    }

    /// The next batch: some events, the progress of time, or only a round that is due.
    fn batch(&mut self) -> (Batch, usize) {
        let machine = self.machine.as_ref().expect("a process");
        let now = machine.rules().map(|r| r.set.digest);
        let read = self.store.read;
        let world = match now {
            Some(digest) if !self.rng.u8(0..12).eq(&0) => self.worlds.iter().position(|w| w.set.digest == digest).expect("one of them"),
            _ => self.rng.usize(0..self.worlds.len()),
        };
        let changes = now.is_none_or(|digest| digest != self.worlds[world].set.digest) || self.rng.u8(0..30) == 0;
        let control = if changes { Some(self.control(world)) } else { None };
        let until = (read + self.rng.usize(0..6)).min(self.events.len());
        let gathered = self.worlds[world].gather_from(read, &self.events[read..until]);
        let arrival_ms = BASE + until as i64 * 1_500;
        let ended = read == self.events.len();
        let watermark = if ended { ENDED } else { arrival_ms - 10_000 };
        let feeds: BTreeSet<Source> = self.worlds[0].sources.iter().flatten().copied().collect();
        let watermarks = feeds.into_iter().map(|s| (s, watermark)).collect();
        let (detections, counts): (Vec<Detection>, _) = (gathered.detections, gathered.counts);
        (Batch { detections, watermarks, arrival_ms, counts, control, ..Batch::default() }, until)
    }

    fn round(&mut self) {
        let (batch, entries, until) = match self.proposal.take() {
            Some(proposal) => proposal,
            None => {
                let (batch, until) = self.batch();
                let entries = self.machine.as_ref().expect("a process").propose(batch.clone());
                (batch, entries, until)
            }
        };
        self.machine.as_ref().expect("a process").admit(&entries).expect("matched with the rules in force");
        match self.rng.u8(0..100) {
            0..8 => {
                self.saw("append failed");
                self.proposal = Some((batch, entries, until));
                return;
            }
            8..11 => return self.crash("crash before append"),
            _ => {}
        }
        if batch.control.is_some() {
            self.saw("control");
        }
        self.store.log.push(entries.iter().map(Entry::encode).collect());
        self.store.batches.push(batch);
        self.store.read = until;
        match self.rng.u8(0..100) {
            // The owner cannot know whether it is written: it stops, and the log tells.
            0..3 => return self.crash("append with unknown result"),
            3..7 => return self.crash("crash between append and apply"),
            _ => {}
        }
        let machine = self.machine.as_mut().expect("a process");
        machine.apply(self.store.log.len() as u64, &entries);
        if machine.reloaded().is_some_and(|r| r.from != [0; 32]) {
            self.saw("reload");
        }
    }

    fn deliver(&mut self) {
        let (pipeline, lane, most) = (self.rng.u16(0..self.pipelines), self.rng.usize(0..3), self.rng.usize(1..8));
        let machine = self.machine.as_mut().expect("a process");
        let due = machine.outbox_mut(pipeline).due(LANES[lane].0, most);
        if due.is_empty() {
            return;
        }
        if self.percent(3) {
            return self.crash("crash before send");
        }
        for one in due {
            let verdict = self.send(pipeline, lane, &one);
            self.answers.push((pipeline, lane, one, verdict));
        }
        if self.percent(4) {
            self.crash("crash between accept and acknowledge");
        }
    }

    fn send(&mut self, pipeline: u16, lane: usize, due: &Due) -> Verdict {
        if self.down[lane] {
            self.saw("lane down");
            return Verdict::Again;
        }
        match self.rng.u8(0..100) {
            0..4 => {
                self.saw("answer lost");
                if self.rng.bool() {
                    self.sinks.take(pipeline, lane, due);
                    *self.sinks.unnoted.entry((pipeline, due.number)).or_default() += 1;
                }
                Verdict::Unknown
            }
            4..6 => {
                self.saw("refused");
                self.sinks.refused.insert((LANES[lane].0, due.alert.to_string()));
                if LANES[lane].1 == LaneKind::Page {
                    self.sinks.pages.entry((pipeline, due.number)).or_insert((1, 0));
                }
                Verdict::Refused
            }
            _ => {
                self.sinks.take(pipeline, lane, due);
                Verdict::Taken
            }
        }
    }

    /// The process dies: what was accepted and not acknowledged is not noted.
    fn forget_answers(&mut self) {
        for (pipeline, _, due, verdict) in std::mem::take(&mut self.answers) {
            if matches!(verdict, Verdict::Taken | Verdict::Refused) {
                *self.sinks.unnoted.entry((pipeline, due.number)).or_default() += 1;
            }
        }
    }

    fn acknowledge(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let at = self.rng.usize(0..self.answers.len());
        let (pipeline, lane, due, verdict) = self.answers.swap_remove(at);
        let outbox = self.machine.as_mut().expect("a process").outbox_mut(pipeline);
        assert!(outbox.acknowledge(LANES[lane].0, due.number, verdict));
        if self.rng.u8(0..50) == 0 {
            self.answers.push((pipeline, lane, due, verdict));
            return self.crash("crash before the cursor is stored");
        }
        let cursor = outbox.cursor(LANES[lane].0).expect("a lane");
        self.store.cursors[usize::from(pipeline)].insert(LANES[lane].0.into(), cursor);
    }

    fn snapshot(&mut self) {
        let of = self.rng.u16(0..self.pipelines);
        let bytes = self.machine.as_ref().expect("a process").snapshot(of);
        if self.percent(15) {
            // Torn: it has no seal, so it is none.
            return self.crash("crash inside a snapshot");
        }
        self.store.snapshots[usize::from(of)].push(bytes);
        self.saw("snapshot");
    }

    fn books_hold(&self) {
        let Some(machine) = &self.machine else { return };
        for (name, kind) in LANES {
            let counts: Vec<_> = (0..self.pipelines).map(|p| machine.outbox(p).counts(name)).collect();
            let sum = |of: fn(&tidegate_core::pipeline::LaneCounts) -> u64| counts.iter().map(of).sum::<u64>();
            if kind == LaneKind::Index {
                let errors = machine.books().errors(sum(|c| c.delivered), sum(|c| c.quarantined), sum(|c| c.unheard));
                assert_eq!(errors, Vec::<String>::new(), "{name}: {counts:?}");
            }
        }
    }

    fn done(&self) -> bool {
        let Some(machine) = &self.machine else { return false };
        let ended = self.store.batches.last().is_some_and(|b| b.watermarks.iter().all(|w| w.1 == ENDED) && !b.watermarks.is_empty());
        let idle = |p: u16| LANES.iter().all(|(name, _)| machine.outbox(p).counts(name).waiting == 0);
        ended && !machine.pending() && self.proposal.is_none() && (0..self.pipelines).all(idle)
    }

    fn run(&mut self) {
        for step in 0.. {
            assert!(step < 200_000, "it comes to an end");
            if self.machine.is_none() {
                self.start();
            } else {
                match self.rng.u8(0..100) {
                    0..35 if self.round_is_due() => self.round(),
                    0..60 => self.deliver(),
                    60..94 => self.acknowledge(),
                    94..97 => self.snapshot(),
                    97 => self.crash("crash"),
                    _ => {
                        let lane = self.rng.usize(0..3);
                        self.down[lane] = !self.down[lane] && step < 2_000;
                    }
                }
            }
            self.books_hold();
            self.steps = step;
            if self.done() {
                break;
            }
        }
    }

    /// Whether there is anything to append: events, the end, or what the machine itself has.
    fn round_is_due(&self) -> bool {
        let machine = self.machine.as_ref().expect("a process");
        let last = self.store.batches.last();
        let told = last.is_some_and(|b| b.watermarks.iter().all(|w| w.1 == ENDED));
        self.store.read < self.events.len() || !told || machine.pending() || self.proposal.is_some()
    }

    /// Compares with a machine that nothing ever happened to.
    fn judge(mut self, seed: u64) -> BTreeMap<&'static str, u64> {
        let mut machine = Machine::new(self.pipelines, Mode::AtOnce, &[]);
        self.known().iter().for_each(|rules| machine.learn(rules));
        let (mut finals, mut pages) = (BTreeMap::<String, (u64, String)>::new(), BTreeMap::new());
        for (at, batch) in (0..).zip(&self.store.batches) {
            let entries = machine.propose(batch.clone());
            let bytes: Vec<Vec<u8>> = entries.iter().map(Entry::encode).collect();
            assert!(bytes == self.store.log[at], "seed {seed}: the entries at position {} differ", at + 1);
            for (pipeline, Effect { number, action }) in machine.apply(at as u64 + 1, &entries) {
                match action {
                    Action::Index { alert, version, document, .. } => {
                        let held = finals.insert(alert.to_string(), (version, document.to_string()));
                        assert!(held.is_none_or(|h| h.0 < version), "seed {seed}");
                    }
                    Action::Page { alert, .. } => assert!(pages.insert((pipeline, number), alert).is_none()),
                    Action::Derive(_) => panic!("derived detections stay inside"),
                }
            }
        }
        let carried: u64 = self.store.log.iter().flatten().map(|b| Entry::decode(b).expect("bytes").derived.len() as u64).sum();
        *self.seen.entry("derived").or_default() += carried;
        for (name, _) in LANES.iter().filter(|(_, kind)| *kind == LaneKind::Index) {
            for (alert, wanted) in &finals {
                let key = (*name, alert.clone());
                let held = self.sinks.documents.get(&key);
                assert!(held == Some(wanted) || self.sinks.refused.contains(&key), "seed {seed}: {name} holds {held:?} of {alert}");
            }
            assert!(self.sinks.documents.keys().filter(|k| k.0 == *name).all(|k| finals.contains_key(&k.1)));
        }
        let woken: BTreeSet<_> = pages.values().collect();
        assert_eq!(woken.len(), pages.len(), "seed {seed}: one page in an alert's life");
        for page in pages.keys() {
            let (came, marked) = *self.sinks.pages.get(page).unwrap_or_else(|| panic!("seed {seed}: page {page:?} is lost"));
            let unnoted = self.sinks.unnoted.get(page).copied().unwrap_or(0);
            assert!(came <= 1 + unnoted, "seed {seed}: page {page:?} came {came} times, {unnoted} were not noted");
            assert!(marked + 1 >= came, "seed {seed}: page {page:?} came {came} times, {marked} marked");
            *self.seen.entry("pages repeated").or_default() += u64::from(came - 1);
        }
        assert!(self.sinks.pages.keys().all(|p| pages.contains_key(p)));
        let suppressed = machine.books().alerts.suppression_hits.values().sum::<u64>();
        for (what, n) in [
            ("alerts", finals.len() as u64),
            ("pages", pages.len() as u64),
            ("entries", self.store.log.len() as u64),
            ("suppressed", suppressed),
        ] {
            *self.seen.entry(what).or_default() += n;
        }
        *self.seen.entry("steps").or_default() += self.steps;
        self.seen
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may be told how long to run")]
fn seeds() -> u64 {
    std::env::var("TIDEGATE_MACHINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS)
}

#[test]
#[expect(clippy::disallowed_macros, reason = "a test prints what occurred")]
fn nothing_is_lost_or_doubled_whatever_fails() {
    let mut seen = BTreeMap::<&str, u64>::new();
    let seeds = seeds();
    for seed in 0..seeds {
        let mut sim = Sim::new(seed);
        sim.run();
        sim.judge(seed).into_iter().for_each(|(what, n)| *seen.entry(what).or_default() += n);
    }
    println!("{seeds} seeds: {seen:#?}");
    for what in [
        "append failed",
        "append with unknown result",
        "crash before append",
        "crash between append and apply",
        "crash before send",
        "crash between accept and acknowledge",
        "crash before the cursor is stored",
        "crash inside a snapshot",
        "reload",
        "lane down",
        "answer lost",
        "refused",
        "derived",
        "suppressed",
        "pages repeated",
    ] {
        assert!(seen.get(what).is_some_and(|n| *n * 6 >= seeds), "{what} must occur: {seen:?}");
    }
}
