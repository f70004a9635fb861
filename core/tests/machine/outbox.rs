//! The outbox against a naive model of it: everything that was ever sent and answered, counted from the beginning each time.

use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate_core::pipeline::{Action, Effect, EffectNumber, LaneCounts, LaneKind, Outbox, Verdict};

const ALERTS: u64 = 6;

fn lanes() -> Vec<(Arc<str>, LaneKind)> {
    vec![("os".into(), LaneKind::Index), ("page".into(), LaneKind::Page)]
}

fn index(number: EffectNumber, alert: u64, version: u64, suppressed: bool, before: Option<bool>) -> Effect {
    let (alert, document) = (format!("a{alert}").into(), format!("{alert} {version}").into());
    Effect { number, action: Action::Index { alert, version, suppressed, before, index: "i".into(), document } }
}

fn page(number: EffectNumber, alert: u64, version: u64) -> Effect {
    let (alert, document) = (format!("a{alert}").into(), format!("{alert} {version}").into());
    Effect { number, action: Action::Page { alert, version, route: "high".into(), document } }
}

fn at(position: u64, index: u32) -> EffectNumber {
    EffectNumber { position, index }
}

/// One version of an alert, and how it was answered for good.
#[derive(Clone, Copy)]
struct Version {
    number: EffectNumber,
    suppressed: bool,
    answer: Option<Verdict>,
}

/// The whole history.
#[derive(Default)]
struct Model {
    alerts: BTreeMap<u64, Vec<Version>>,
    pages: BTreeMap<EffectNumber, bool>,
    log: Vec<Effect>,
}

impl Model {
    fn heard(versions: &[Version]) -> bool {
        versions.iter().any(|v| v.answer == Some(Verdict::Taken))
    }

    fn counts(&self) -> LaneCounts {
        let mut counts = LaneCounts::default();
        for versions in self.alerts.values() {
            let Some(last) = versions.last() else { continue };
            let (heard, waits) = (Model::heard(versions), last.answer.is_none());
            counts.waiting += u64::from(waits);
            if !last.suppressed {
                counts.delivered += u64::from(heard);
                counts.unheard += u64::from(!heard && waits);
                counts.quarantined += u64::from(!heard && !waits);
            }
        }
        counts
    }

    fn answer(&mut self, number: EffectNumber, verdict: Verdict) {
        if let Some(done) = self.pages.get_mut(&number) {
            *done = true;
        }
        for versions in self.alerts.values_mut() {
            let newest = versions.len().saturating_sub(1);
            // "Never" about a version that a newer one has replaced decides nothing.
            let found = versions.iter_mut().enumerate().find(|(_, v)| v.number == number);
            if let Some((_, version)) = found.filter(|(i, _)| *i == newest || verdict == Verdict::Taken) {
                version.answer = Some(verdict);
            }
        }
    }

    fn waiting_pages(&self) -> Vec<EffectNumber> {
        self.pages.iter().filter(|(_, done)| !**done).map(|(n, _)| *n).collect()
    }
}

fn more(rng: &mut Rng, model: &mut Model, position: u64) -> Vec<Effect> {
    let mut effects = Vec::new();
    for _ in 0..rng.usize(0..4) {
        let (alert, suppressed) = (rng.u64(0..ALERTS), rng.u8(0..4) == 0);
        let versions = model.alerts.entry(alert).or_default();
        let before = versions.last().map(|v| v.suppressed);
        let number = at(position, effects.len() as u32);
        versions.push(Version { number, suppressed, answer: None });
        let version = versions.len() as u64;
        effects.push(index(number, alert, version, suppressed, before));
        if rng.u8(0..3) == 0 {
            let number = at(position, effects.len() as u32);
            model.pages.insert(number, false);
            effects.push(page(number, alert, version));
        }
    }
    model.log.extend(effects.clone());
    effects
}

/// What is durable.
#[derive(Default)]
struct Stored {
    snapshots: Vec<(u64, Vec<u8>)>,
    cursors: BTreeMap<String, Vec<u8>>,
}

fn compare(outbox: &Outbox, model: &Model, what: &str) {
    let ours = LaneCounts { under_way: 0, ..outbox.counts("os") };
    assert_eq!(ours, model.counts(), "{what}");
    assert_eq!(outbox.counts("page").waiting, model.waiting_pages().len() as u64, "{what}");
}

fn restart(rng: &mut Rng, model: &Model, stored: &Stored, head: u64, sent: &BTreeSet<EffectNumber>) -> Outbox {
    let snapshot = if rng.u8(0..4) == 0 { None } else { stored.snapshots.iter().rev().nth(rng.usize(0..2)) };
    let cursors: Vec<(String, Vec<u8>)> = stored.cursors.clone().into_iter().collect();
    let mut outbox = Outbox::restore(snapshot.map(|s| &s.1[..]), &lanes(), &cursors, head).expect("its own bytes");
    let from = snapshot.map_or(0, |s| s.0);
    outbox.take(model.log.iter().filter(|e| e.number.position > from).cloned());
    outbox.mark_repeated();
    let waiting = model.waiting_pages();
    let shown = outbox.due("page", 10);
    let numbers: Vec<EffectNumber> = shown.iter().map(|d| d.number).collect();
    assert_eq!(numbers, waiting.iter().copied().take(10).collect::<Vec<_>>());
    assert!(shown.iter().all(|d| d.repeated), "they may have been under way");
    assert!(sent.iter().all(|n| numbers.contains(n)), "a page that was sent in any life before is marked: {sent:?} {numbers:?}");
    numbers.iter().for_each(|n| assert!(outbox.acknowledge("page", *n, Verdict::Again)));
    outbox
}

#[test]
#[expect(clippy::disallowed_macros, reason = "a test prints what occurred")]
fn it_agrees_with_the_naive_model_over_restarts_from_any_snapshot() {
    let mut seen = BTreeMap::<&str, u64>::new();
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let (mut outbox, mut model, mut stored) = (Outbox::new(&lanes()), Model::default(), Stored::default());
        let mut under_way: Vec<(&str, EffectNumber)> = Vec::new();
        // Pages that a sink was given, in this life or one before, and that are not done.
        let mut sent = BTreeSet::new();
        let mut head = 0;
        for step in 0..60 {
            match rng.u8(0..20) {
                0..6 => {
                    head += 1;
                    outbox.take(more(&mut rng, &mut model, head));
                }
                6..10 => {
                    let lane = *rng.choice(&["os", "page"]).expect("two");
                    // Whoever sends may hold some back.
                    let kept = rng.u64(2..9);
                    let held = |number: EffectNumber| number.position.is_multiple_of(kept);
                    let due = outbox.due_but(lane, rng.usize(1..5), &held);
                    assert!(due.iter().all(|d| !held(d.number)));
                    assert!(due.windows(2).all(|w| w[0].number < w[1].number));
                    under_way.extend(due.iter().map(|d| (lane, d.number)));
                    sent.extend(due.iter().filter(|_| lane == "page").map(|d| d.number));
                    assert!(outbox.under_way("page") <= 10);
                    let alerts: BTreeSet<_> = under_way.iter().filter(|(l, _)| *l == "os").map(|(_, n)| name(&model, *n)).collect();
                    assert_eq!(alerts.len(), under_way.iter().filter(|(l, _)| *l == "os").count(), "one version of an alert at a time");
                }
                10..17 if !under_way.is_empty() => {
                    let (lane, number) = under_way.swap_remove(rng.usize(0..under_way.len()));
                    let verdict = match rng.u8(0..8) {
                        0 => Verdict::Again,
                        1 => Verdict::Unknown,
                        2 => Verdict::Refused,
                        _ => Verdict::Taken,
                    };
                    *seen.entry(["taken", "again", "unknown", "refused"][verdict as usize]).or_default() += 1;
                    assert!(outbox.acknowledge(lane, number, verdict));
                    if matches!(verdict, Verdict::Taken | Verdict::Refused) {
                        model.answer(number, verdict);
                        sent.remove(&number);
                        stored.cursors.insert(lane.into(), outbox.cursor(lane).expect("a lane"));
                    }
                    assert!(!outbox.acknowledge(lane, number, verdict), "an answer counts once");
                }
                17 => stored.snapshots.push((head, outbox.encode())),
                18 => {
                    *seen.entry("restarts").or_default() += 1;
                    outbox = restart(&mut rng, &model, &stored, head, &sent);
                    under_way.clear();
                }
                _ => {}
            }
            compare(&outbox, &model, &format!("seed {seed}, step {step}"));
        }
    }
    println!("outbox: {seen:?}");
    assert!(["taken", "again", "unknown", "refused", "restarts"].iter().all(|k| seen[k] > 1_000), "{seen:?}");
}

fn name(model: &Model, number: EffectNumber) -> u64 {
    model.alerts.iter().find(|(_, v)| v.iter().any(|v| v.number == number)).map_or(u64::MAX, |(alert, _)| *alert)
}

#[test]
fn a_lost_answer_is_sent_again_marked_and_only_then() {
    let mut outbox = Outbox::new(&lanes());
    outbox.take((1..=12).map(|n| page(at(n, 0), n, 1)));
    let due = outbox.due("page", 100);
    assert_eq!((due.len(), outbox.due("page", 100).len()), (10, 0), "ten at a time");
    assert!(due.iter().all(|d| !d.repeated));
    assert!(outbox.acknowledge("page", due[3].number, Verdict::Unknown) && outbox.acknowledge("page", due[4].number, Verdict::Again));
    let again = outbox.due("page", 100);
    assert_eq!(again.iter().map(|d| (d.number.position, d.repeated)).collect::<Vec<_>>(), [(4, true), (5, false)]);
}

#[test]
fn a_new_lane_begins_at_the_head_and_one_that_is_gone_is_given_up() {
    let mut outbox = Outbox::new(&lanes());
    outbox.take([index(at(1, 0), 1, 1, false, None), page(at(1, 1), 1, 1)]);
    let snapshot = outbox.encode();
    let lanes: Vec<(Arc<str>, LaneKind)> = vec![("os".into(), LaneKind::Index), ("new".into(), LaneKind::Index)];
    let mut after = Outbox::restore(Some(&snapshot), &lanes, &[], 5).expect("its own bytes");
    after.take([index(at(3, 0), 2, 1, false, None)]);
    assert_eq!((after.counts("os").waiting, after.counts("new").waiting), (2, 0));
    assert_eq!(after.counts("new").delivered, 2, "the other lanes' business");
    after.take([index(at(6, 0), 3, 1, false, None)]);
    assert_eq!((after.due("new", 9).len(), after.lanes().count()), (1, 2));
    // Its place is noted at once: a process that dies before any snapshot begins there again.
    let cursor = ("new".to_owned(), after.cursor("new").expect("a lane"));
    let mut again = Outbox::restore(Some(&snapshot), &lanes, &[cursor], 6).expect("its own bytes");
    again.take([index(at(3, 0), 2, 1, false, None), index(at(6, 0), 3, 1, false, None)]);
    assert_eq!(again.counts("new"), LaneCounts { delivered: 2, unheard: 1, waiting: 1, ..LaneCounts::default() });
}

#[test]
fn damaged_bytes_are_refused_in_words() {
    let mut outbox = Outbox::new(&lanes());
    outbox.take([index(at(1, 0), 1, 1, false, None)]);
    let mut snapshot = outbox.encode();
    let place = snapshot.len() / 2;
    snapshot[place] ^= 1;
    assert!(Outbox::restore(Some(&snapshot), &lanes(), &[], 1).is_err_and(|e| e.contains("damaged")));
    assert!(Outbox::restore(None, &lanes(), &[("os".into(), vec![9, 9])], 1).is_err_and(|e| e.contains("cursor")));
}

#[test]
fn documents_under_a_stuck_one_do_not_pile_up_answers() {
    let mut outbox = Outbox::new(&lanes());
    outbox.take((1..=6_000).map(|n| index(at(n, 0), n, 1, false, None)));
    let mut sent = 0;
    loop {
        let due = outbox.due("os", 500);
        let free = due.iter().filter(|d| d.number.position != 1).count();
        sent += free;
        due.iter().for_each(|d| {
            let verdict = if d.number.position == 1 { Verdict::Again } else { Verdict::Taken };
            assert!(outbox.acknowledge("os", d.number, verdict));
        });
        if free == 0 {
            break;
        }
    }
    assert!((4_096..5_000).contains(&sent), "{sent}");
    assert_eq!(outbox.due("os", 500).len(), 1, "only the stuck one goes");
}

/// What cannot be sent elsewhere stands before no critical page.
#[test]
fn critical_pages_have_a_lane_of_their_own_where_the_sink_wants_one() {
    let lanes: Vec<(Arc<str>, LaneKind)> =
        vec![("all".into(), LaneKind::Page), ("first".into(), LaneKind::CriticalPage), ("rest".into(), LaneKind::OtherPage)];
    let mut outbox = Outbox::new(&lanes);
    let routed = |n: u32, route: &str| match page(at(1, n), u64::from(n), 1) {
        Effect { number, action: Action::Page { alert, version, document, .. } } => {
            Effect { number, action: Action::Page { alert, version, route: route.into(), document } }
        }
        other => other,
    };
    outbox.take((0..30).map(|n| routed(n, if n == 29 { "critical" } else { "high" })));
    let due = |outbox: &mut Outbox, lane: &str| outbox.due(lane, 200).into_iter().map(|d| d.number.index).collect::<Vec<_>>();
    assert_eq!(due(&mut outbox, "first"), [29], "it waits for none of the others");
    assert_eq!(due(&mut outbox, "rest"), (0..10).collect::<Vec<_>>());
    assert_eq!(due(&mut outbox, "all"), (0..10).collect::<Vec<_>>());
    assert_eq!(["all", "first", "rest"].map(|lane| outbox.counts(lane).waiting), [30, 1, 29]);
    let again = Outbox::restore(Some(&outbox.encode()), &lanes, &[], 1).expect("restored");
    assert_eq!(["all", "first", "rest"].map(|lane| again.counts(lane).waiting), [30, 1, 29]);
}
