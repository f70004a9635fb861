//! The probes that a peer fails (facts/reliability.md, section 5), as far as they concern correlations, and what else is promised
//! of them in words: late events, what ended only because the input did, budgets, reloads, timers.

mod hand;

use hand::{Arrival, FIRST, PARENT, detection, rule_set, with};
use std::sync::Arc;
use tidegate_core::correlate::{AlertChange, ChangeKind, Correlator, Counted, Episode, Output, Settings};
use tidegate_core::event::watermark::{ENDED, NOT_YET};
use tidegate_core::event::{Detection, FindingRevision, GroupKey, Quantity, Source, Watermarks};
use tidegate_core::rule::{Compare, CorrelationKind, Presence, RuleSet, Thresholds};

const MINUTE: i64 = 60_000;

fn at_least(n: u32) -> CorrelationKind {
    CorrelationKind::EventCount(Thresholds(vec![(Compare::Gte, f64::from(n))]))
}

/// A correlator with one correlation, fed by hand.
struct Bench {
    set: RuleSet,
    engine: Correlator,
    w: Watermarks,
    next_id: u128,
}

impl Bench {
    fn new(kind: CorrelationKind, timespan: i64, settings: Settings) -> Self {
        let set = rule_set(vec![(with(kind, &[0, 1], &["account"], timespan), true)]);
        Bench::over(set, settings)
    }

    fn over(set: RuleSet, settings: Settings) -> Self {
        let engine = Correlator::new(&set, &sources(&set), settings);
        let w = Watermarks { derived: vec![NOT_YET], ..Watermarks::default() };
        Bench { set, engine, w, next_id: 0 }
    }

    fn detection(&mut self, key: &str, time: i64, step: u16) -> Detection {
        self.next_id += 1;
        let arrival = Arrival {
            time,
            arrival: time,
            id: self.next_id,
            rules: vec![u32::from(step)],
            key: (0, 0),
            value: 0,
            number: 0,
            revision: None,
            late: false,
            position_id: false,
            skew: false,
        };
        detection(&arrival, FIRST, u32::from(step), step, GroupKey::new([key]), &CorrelationKind::EventCount(Thresholds(vec![])))
    }

    fn event(&mut self, key: &str, time: i64, step: u16) -> Vec<Output> {
        let d = self.detection(key, time, step);
        self.apply(&d).1
    }

    fn apply(&mut self, d: &Detection) -> (Counted, Vec<Output>) {
        let mut out = Vec::new();
        (self.engine.apply(d, &self.w, &mut out), out)
    }

    fn watermark(&mut self, to: i64) -> Vec<Output> {
        self.w.raise(Source::CloudTrail, to);
        let mut out = Vec::new();
        self.engine.advance(&self.w, &mut out);
        out
    }

    fn episode(&self, key: &str, fired: i64) -> Episode {
        self.engine.episode(FIRST, &GroupKey::new([key]), fired, &self.w).expect("an open episode")
    }
}

fn sources(set: &RuleSet) -> Vec<Vec<Source>> {
    vec![vec![Source::CloudTrail]; set.rules.len()]
}

fn alerts(out: &[Output], kind: ChangeKind) -> Vec<&AlertChange> {
    out.iter().filter_map(|o: &Output| if let Output::Alert(a) = o { Some(a) } else { None }).filter(|a| a.kind == kind).collect()
}

fn opened(out: &[Output]) -> usize {
    alerts(out, ChangeKind::Opened).len()
}

#[test]
fn an_old_event_out_of_order_does_not_complete_a_window_it_is_not_in() {
    let mut bench = Bench::new(at_least(3), MINUTE, Settings::default());
    let out: Vec<Output> = [1_000_000, 1_010_000, 100_000].into_iter().flat_map(|t| bench.event("a", t, 0)).collect();
    assert_eq!(opened(&out), 0);
    assert_eq!(opened(&bench.watermark(ENDED)), 0);
}

#[test]
fn a_record_dated_28_years_ahead_wipes_no_window() {
    let mut bench = Bench::new(at_least(3), MINUTE, Settings::default());
    let ahead = 28 * 365 * 86_400_000;
    let out: Vec<Output> = [1_000_000, 1_010_000, ahead, 1_020_000].into_iter().flat_map(|t| bench.event("a", t, 0)).collect();
    assert_eq!(opened(&out), 1);
}

fn at_cap(mut bench: Bench, push: impl Fn(&mut Bench) -> Vec<Output>) -> (usize, Vec<Output>) {
    for n in 0..40 {
        let key = format!("quiet{n}");
        for t in [1_000_000, 1_010_000] {
            let mut d = bench.detection(&key, t, 0);
            d.account = Arc::from(key.as_str());
            bench.apply(&d);
        }
    }
    let pressed = push(&mut bench);
    let mut fired = 0;
    for n in 0..40 {
        let key = format!("quiet{n}");
        let mut d = bench.detection(&key, 1_020_000, 0);
        d.account = Arc::from(key.as_str());
        fired += opened(&bench.apply(&d).1);
    }
    (fired, pressed)
}

fn loud(bench: &mut Bench, key: &str, time: i64) -> Vec<Output> {
    let mut d = bench.detection(key, time, 0);
    d.account = "loud".into();
    bench.apply(&d).1
}

fn quiet_bytes() -> u64 {
    let mut bench = Bench::new(at_least(3), MINUTE, Settings::default());
    for t in [1_000_000, 1_010_000, 1_020_000] {
        bench.event("quiet00", t, 0);
    }
    bench.engine.state_bytes()
}

#[test]
fn one_new_key_from_the_future_at_the_cap_costs_no_other_account_its_window() {
    let settings =
        Settings { budget_bytes_per_rule: quiet_bytes() * 50, budget_bytes_per_account: quiet_bytes() * 2, ..Settings::default() };
    let bench = Bench::new(at_least(3), MINUTE, settings);
    let (fired, _) = at_cap(bench, |b| (0..60).flat_map(|n| loud(b, &format!("future{n}"), 90_000_000 + n)).collect());
    assert_eq!(fired, 40);
}

#[test]
fn a_flood_of_keys_evicts_from_its_own_account_only() {
    let settings =
        Settings { budget_bytes_per_rule: quiet_bytes() * 80, budget_bytes_per_account: quiet_bytes() * 20, ..Settings::default() };
    let bench = Bench::new(at_least(3), MINUTE, settings);
    let (fired, pressed) = at_cap(bench, |b| (0..200).flat_map(|n| loud(b, &format!("flood{n}"), 1_005_000)).collect());
    assert_eq!(fired, 40);
    let blamed: Vec<(&str, u64)> = pressed
        .iter()
        .filter_map(|o| if let Output::Pressure { account, evicted, .. } = o { Some((&**account, *evicted)) } else { None })
        .collect();
    assert!(!blamed.is_empty() && blamed.iter().all(|b| b.0 == "loud"), "{blamed:?}");
}

#[test]
fn over_the_budget_of_the_rule_the_biggest_account_pays_and_open_alerts_go_last() {
    let settings = Settings { budget_bytes_per_rule: quiet_bytes() * 8, ..Settings::default() };
    let mut bench = Bench::new(at_least(3), MINUTE, settings);
    (0..3).for_each(|n| drop(loud(&mut bench, "alerting", 1_000_000 + n)));
    bench.event("quiet", 1_000_000, 0);
    bench.event("quiet", 1_000_001, 0);
    let out: Vec<Output> = (0..40).flat_map(|n| loud(&mut bench, &format!("flood{n}"), 1_005_000)).collect();
    assert_eq!(alerts(&out, ChangeKind::Closed).len(), 0, "the open alert is still there");
    assert_eq!(bench.episode("alerting", 1_000_002).count, 3);
    assert_eq!(opened(&bench.event("quiet", 1_000_002, 0)), 1);
}

#[test]
fn a_without_b_is_silent_when_b_follows_in_the_window() {
    let a_not_b = Presence::And(vec![Presence::Rule(0), Presence::Not(Box::new(Presence::Rule(1)))]);
    for kind in [CorrelationKind::Temporal(a_not_b.clone()), CorrelationKind::TemporalOrdered(a_not_b)] {
        let mut bench = Bench::new(kind.clone(), MINUTE, Settings::default());
        let mut out = bench.event("a", 1_000_000, 0);
        out.extend(bench.event("a", 1_005_000, 1));
        out.extend(bench.watermark(ENDED));
        assert_eq!(opened(&out), 0);
        let mut bench = Bench::new(kind, MINUTE, Settings::default());
        let mut out = bench.event("a", 1_000_000, 0);
        out.extend(bench.event("a", 1_000_000 + MINUTE, 1));
        assert_eq!(opened(&out), 0, "judged only when complete");
        out.extend(bench.watermark(ENDED));
        assert_eq!(opened(&out), 1);
    }
}

#[test]
fn an_alert_closes_without_traffic_and_leaves_nothing_behind() {
    let mut bench = Bench::new(at_least(2), MINUTE, Settings::default());
    bench.event("a", 1_000_000, 0);
    assert_eq!(opened(&bench.event("a", 1_010_000, 0)), 1);
    let lateness = Source::CloudTrail.lateness_ms();
    let end = 1_000_000 + MINUTE;
    assert!(alerts(&bench.watermark(end + MINUTE + lateness), ChangeKind::Closed).is_empty());
    let out = bench.watermark(end + MINUTE + lateness + 1);
    let closed = alerts(&out, ChangeKind::Closed);
    let episode = closed[0].episode.as_ref().expect("shown");
    assert_eq!((episode.start_ms, episode.end_ms, episode.count, episode.truncated), (1_010_000, end, 2, false));
    assert_eq!((episode.first_seen_ms, episode.last_seen_ms, episode.events.len()), (1_000_000, 1_010_000, 2));
    bench.watermark(end + 3 * MINUTE + lateness);
    assert_eq!((bench.engine.live_keys(), bench.engine.state_bytes()), (0, 0));
}

#[test]
fn what_ends_only_with_the_input_is_truncated() {
    let mut bench = Bench::new(at_least(2), MINUTE, Settings::default());
    bench.event("a", 1_000_000, 0);
    bench.event("a", 1_010_000, 0);
    bench.watermark(1_010_000);
    let out = bench.watermark(ENDED);
    assert!(alerts(&out, ChangeKind::Closed)[0].episode.as_ref().expect("shown").truncated);
}

#[test]
fn a_late_event_is_noted_and_moves_no_window() {
    let mut bench = Bench::new(at_least(2), MINUTE, Settings::default());
    bench.event("a", 1_000_000, 0);
    let mut late = bench.detection("a", 1_005_000, 0);
    late.flags.late = true;
    assert_eq!(bench.apply(&late).0, Counted::Late);
    assert_eq!(opened(&bench.event("a", 1_010_000, 0)), 1);
    let episode = bench.episode("a", 1_010_000);
    assert_eq!((episode.count, episode.late_events, episode.last_seen_ms), (2, 1, 1_010_000));
}

#[test]
fn copies_samples_and_stragglers_have_their_own_line_in_the_books() {
    let mut bench = Bench::new(at_least(2), MINUTE, Settings::default());
    let d = bench.detection("a", 1_000_000, 0);
    assert_eq!(bench.apply(&d).0, Counted::Counted);
    assert_eq!(bench.apply(&d).0, Counted::Duplicate);
    let mut sample = bench.detection("a", 1_000_000, 0);
    sample.flags.sample = true;
    assert_eq!(bench.apply(&sample).0, Counted::Ignored);
    bench.watermark(1_000_000 + Source::CloudTrail.lateness_ms() + 1);
    let behind = bench.detection("a", 1_000_000, 0);
    assert_eq!(bench.apply(&behind).0, Counted::Behind);
}

#[test]
fn of_two_alerts_that_join_the_first_in_the_log_lives_on() {
    let mut bench = Bench::new(at_least(2), MINUTE, Settings::default());
    let mut out = Vec::new();
    for t in [2_100_000, 2_100_001, 1_900_000, 1_900_001, 2_010_000, 2_010_001] {
        out.extend(bench.event("a", t, 0));
    }
    let merged = alerts(&out, ChangeKind::Merged);
    assert_eq!(merged.len(), 1);
    assert_eq!((merged[0].fired_ms, merged[0].merged_into), (1_900_001, Some(2_100_001)));
    let episode = bench.episode("a", 2_100_001);
    assert_eq!((episode.start_ms, episode.count), (1_900_001, 6));
}

#[test]
fn a_hot_key_keeps_its_count_exact_in_bounded_memory() {
    let mut bench = Bench::new(at_least(5), MINUTE, Settings::default());
    let mut largest = 0;
    for n in 0..40_000 {
        let mut d = bench.detection("hot", 1_000_000 + n * 10, 0);
        d.flags.position_id = true;
        bench.apply(&d);
        largest = largest.max(bench.engine.state_bytes());
        if n % 500 == 0 {
            bench.watermark(1_000_000 + n * 10);
        }
    }
    let episode = bench.episode("hot", 1_000_040);
    assert_eq!((episode.count, episode.approximate, episode.events.len()), (40_000, false, 50));
    assert_eq!((episode.start_ms, episode.first_seen_ms, episode.last_seen_ms), (1_000_040, 1_000_000, 1_399_990));
    assert!(largest < 4_000_000, "{largest} bytes");
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_closes_what_is_gone() {
    let child = with(at_least(2), &[0], &["account"], MINUTE);
    let parent = with(at_least(1), &[FIRST], &[], MINUTE);
    let mut bench = Bench::over(rule_set(vec![(child.clone(), true)]), Settings::default());
    bench.event("a", 1_000_000, 0);
    bench.event("a", 1_010_000, 0);
    // The child is unchanged, a parent is new: it hears what is kept.
    let with_parent = rule_set(vec![(child, true), (parent, true)]);
    let mut out = Vec::new();
    bench.engine.reload(&with_parent, &sources(&with_parent), Settings::default(), &bench.w, &mut out);
    let sent: Vec<(u32, i64, i64)> =
        out.iter().filter_map(|o| if let Output::Stretch(d) = o { Some((d.target, d.start_ms, d.end_ms)) } else { None }).collect();
    assert_eq!(sent, [(PARENT, 1_010_000, 1_060_000)]);
    assert_eq!(bench.episode("a", 1_010_000).count, 2);
    // Its meaning changes: the alert is closed, the state begins afresh.
    let mut changed = bench.set.clone();
    changed.rules[FIRST as usize].digest = [7; 32];
    let mut out = Vec::new();
    bench.engine.reload(&changed, &sources(&changed), Settings::default(), &bench.w, &mut out);
    assert!(alerts(&out, ChangeKind::Closed)[0].episode.as_ref().expect("shown").truncated);
    assert_eq!(bench.engine.live_keys(), 0);
    bench.event("a", 1_012_000, 0);
    assert_eq!(opened(&bench.event("a", 1_013_000, 0)), 1, "the new rule works");
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut bench = Bench::new(at_least(2), MINUTE, Settings::default());
    bench.event("a", 1_000_000, 0);
    let bytes = bench.engine.snapshot();
    let restore = |bytes: &[u8]| Correlator::restore(&bench.set, &sources(&bench.set), Settings::default(), bytes).map(|c| c.live_keys());
    assert_eq!(restore(&bytes), Ok(1));
    assert!(restore(&bytes[1..]).is_err() && restore(&bytes[..bytes.len() - 3]).is_err());
}

#[test]
fn a_parent_finds_its_key_by_name_or_alias_in_the_childs() {
    let child = with(at_least(1), &[0], &["region", "user"], MINUTE);
    let mut parent = with(at_least(1), &[FIRST], &["who"], MINUTE);
    parent.aliases.entry("who".into()).or_default().insert(FIRST, "user".into());
    let mut bench = Bench::over(rule_set(vec![(child.clone(), false), (parent, true)]), Settings::default());
    let mut d = bench.detection("", 1_000_000, 0);
    d.key = GroupKey::new(["eu-west-1", "alice"]);
    let (_, out) = bench.apply(&d);
    let [Output::Stretch(stretch)] = &out[..] else { panic!("one stretch and no alert: {out:?}") };
    assert_eq!((stretch.target, stretch.key.values(), stretch.child_key.values()), (PARENT, vec!["alice"], vec!["eu-west-1", "alice"]));
    assert_eq!((stretch.start_ms, stretch.end_ms, stretch.severity), (1_000_000, 1_060_000, 4));
    let mut out = Vec::new();
    assert_eq!(bench.engine.apply_derived(stretch, &bench.w, &mut out), Counted::Counted);
    assert_eq!(opened(&out), 1);
    assert_eq!(bench.engine.apply_derived(stretch, &bench.w, &mut out), Counted::Duplicate);
    // A name that the child does not group by: nothing can be derived.
    let stranger = with(at_least(1), &[FIRST], &["account"], MINUTE);
    let mut bench = Bench::over(rule_set(vec![(child, false), (stranger, true)]), Settings::default());
    assert_eq!(bench.apply(&d).1.len(), 0);
}

#[test]
fn chains_beyond_the_cap_of_a_pane_are_found_and_marked() {
    let both = Presence::And(vec![Presence::Rule(0), Presence::Rule(1)]);
    let mut bench = Bench::new(CorrelationKind::TemporalOrdered(both), MINUTE, Settings::default());
    for n in 0..5_000 {
        assert_eq!(opened(&bench.event("a", 1_000_000 + n, 0)), 0);
    }
    assert_eq!(opened(&bench.event("a", 1_004_999, 1)), 1);
    let episode = bench.episode("a", 1_004_999);
    assert_eq!((episode.start_ms, episode.end_ms, episode.count, episode.approximate), (1_004_999, 1_064_999, 5_001, true));
    assert!(bench.engine.state_bytes() < 1_000_000);
}

#[test]
fn distinct_values_beyond_what_is_kept_are_estimated_for_the_sentence() {
    let kind = CorrelationKind::ValueCount(vec!["port".into()], Thresholds(vec![(Compare::Gte, 5.0)]));
    let mut bench = Bench::new(kind, 4 * MINUTE, Settings::default());
    for n in 0..20_000 {
        let mut d = bench.detection("scanner", 960_000 + n, 0);
        d.quantity = Quantity::Distinct(n as u128);
        d.flags.position_id = true;
        bench.apply(&d);
    }
    let episode = bench.episode("scanner", 960_004);
    assert_eq!((episode.count, episode.approximate), (20_000, false));
    assert!((18_000.0..22_000.0).contains(&episode.measured), "{}", episode.measured);
}

#[test]
fn revisions_of_one_finding_are_one_finding() {
    let set = rule_set(vec![(with(at_least(2), &[0], &["account"], MINUTE), true)]);
    let mut bench = Bench::over(set.clone(), Settings::default());
    bench.engine = Correlator::new(&set, &vec![vec![Source::GuardDuty]; set.rules.len()], Settings::default());
    let mut fired = 0;
    for (n, finding) in [1u128, 1, 1, 2, 2].into_iter().enumerate() {
        let mut d = bench.detection("a", 1_000_000 + n as i64, 0);
        d.revision = Some(FindingRevision { finding, updated_ms: d.time_ms, created_ms: 0, count: 1, severity: 500 });
        fired += opened(&bench.apply(&d).1);
        assert_eq!(fired, usize::from(finding == 2));
    }
    assert_eq!(bench.episode("a", 1_000_003).count, 2);
}
