//! Two rule sets over one reading of history against two replays: the difference must be the same, whatever was changed in the rules.
//!
//! The oracle is `replay` itself, run once per set, and the comparison of all its documents. Sets are made by random changes of the
//! shipped pack; the input is a synthetic organisation.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate::io::input::{Input, expand};
use tidegate::io::rules::pack;
use tidegate::io::tables::{TableFiles, load as load_tables};
use tidegate::run::replay::compare::Comparison;
use tidegate::run::replay::measure::{Measured, Measuring, measure};
use tidegate::run::replay::{Archived, Recorded, Settings, Watcher, replay};
use tidegate_core::decode::Hints;
use tidegate_core::enrich::Tables;
use tidegate_core::generate::{Plan, organisation};
use tidegate_core::rule::{RuleFile, RuleSet, load};
use tidegate_core::workbench::diff::{Difference, Side};
use tidegate_core::workbench::parts::{NEW, OLD, Parts, SHARED};

struct Quiet;

impl Watcher for Quiet {
    fn read(&self, _: u64) {}
    fn stopped(&self) -> bool {
        false
    }
}

/// A synthetic organisation on disk.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, noise: f64) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-diff-{name}-{}", std::process::id()));
        let plan = Plan { accounts: 40, noise, ..Plan::default() };
        organisation(&plan, &mut |file| {
            let to = path.join(&file.path);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::write(to, file.stored()).expect("a file");
        });
        Place(path)
    }

    fn inputs(&self) -> Vec<Input> {
        let of = |name: &str| self.0.join(name).to_string_lossy().into_owned();
        expand(&[of("AWSLogs"), of("flowlogs")], &mut |_| Ok(None)).expect("files")
    }

    fn settings(&self, threads: usize) -> Settings {
        Settings {
            inputs: self.inputs(),
            threads,
            stamped: false,
            scratch: self.0.join("scratch"),
            in_memory: 100_000,
            archived: Archived::default(),
            range_ms: (i64::MIN, i64::MAX),
        }
    }

    fn tables(&self) -> Arc<Tables> {
        let of = |name: &str| self.0.join("tables").join(name);
        let files = TableFiles {
            accounts: Some(of("accounts.csv")),
            networks: Some(of("networks.csv")),
            intel: vec![of("intel.csv")],
            geo: Vec::new(),
        };
        load_tables(&files, false).expect("tables").0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Documents and paged alerts of a replay of one set.
fn alone(place: &Place, set: &RuleSet) -> (Vec<Value>, BTreeSet<String>) {
    let built = tidegate::run::build(&Arc::new(set.clone()), Hints::default(), place.tables(), 1, true);
    let (intake, pipelines) = built.expect("rules that compile");
    let mut recorded = Recorded { pipelines, journal: None };
    let outcome = replay(&intake, &mut recorded, &place.settings(1), &Quiet).expect("a replay");
    assert_eq!(outcome.book_errors(), Vec::<String>::new());
    (outcome.store.alerts(), outcome.store.paged())
}

fn together(place: &Place, old: &RuleSet, new: &RuleSet) -> Measured {
    let parts = Parts::between(old, new);
    let measuring = Measuring::new(parts, Hints::default(), place.tables(), &[], (1, true)).expect("rules that compile");
    measure(measuring, &place.settings(2), &Quiet).expect("a replay")
}

/// The shipped pack as documents.
fn shipped() -> Vec<(String, Vec<String>)> {
    let rules = pack::FILES.iter().filter(|(name, _)| !tidegate::io::rules::is_test(name));
    rules.map(|(name, text)| ((*name).to_owned(), text.split("\n---\n").map(str::to_owned).collect())).collect()
}

fn set_of(pack: &[(String, Vec<String>)]) -> RuleSet {
    let file = |(name, documents): &(String, Vec<String>)| RuleFile { name: name.clone(), text: documents.join("\n---\n") };
    // A change may break what refers to it: what is left is a set as well.
    load(&pack.iter().map(file).collect::<Vec<_>>()).set
}

/// Puts another text at a random one of the places where a line has this beginning.
fn line(pack: &mut [(String, Vec<String>)], rng: &mut fastrand::Rng, key: &str, change: &dyn Fn(&str, &mut fastrand::Rng) -> String) {
    let places: Vec<(usize, usize, usize)> = (0..pack.len())
        .flat_map(|f| (0..pack[f].1.len()).map(move |d| (f, d)))
        .flat_map(|(f, d)| {
            pack[f].1[d].lines().enumerate().filter(|(_, l)| l.contains(key)).map(move |(n, _)| (f, d, n)).collect::<Vec<_>>()
        })
        .collect();
    let Some(&(file, document, at)) = rng.choice(&places) else { return };
    let text = &mut pack[file].1[document];
    let lines: Vec<String> = text.lines().enumerate().map(|(n, l)| if n == at { change(l, rng) } else { l.to_owned() }).collect();
    *text = lines.join("\n");
}

fn behind(line: &str, key: &str, value: &str) -> String {
    let at = line.find(key).map_or(line.len(), |at| at + key.len());
    let rest = line[at..].find(['}', ',']).map_or("", |end| &line[at + end..]);
    format!("{} {value}{rest}", &line[..at])
}

const ADDED: &str = "title: A secret was read
id: 11111111-2222-4333-8444-555555555555
name: a_secret_was_read
status: test
level: high
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: [GetSecretValue, ConsoleLogin]}, condition: s}
---
title: Many secrets were read
id: 11111111-2222-4333-8444-666666666666
status: test
level: critical
correlation: {type: event_count, rules: [a_secret_was_read], group-by: [recipientAccountId], timespan: 1h, condition: {gte: 3}, generate: true}";

fn mutate(pack: &mut Vec<(String, Vec<String>)>, rng: &mut fastrand::Rng) {
    match rng.u8(0..11) {
        0 => line(pack, rng, "gte:", &|l, r| behind(l, "gte:", &r.u32(1..12).to_string())),
        1 => line(pack, rng, "timespan:", &|l, r| behind(l, "timespan:", r.choice(["30s", "5m", "1h", "6h"]).expect("one"))),
        2 => line(pack, rng, "level:", &|l, r| behind(l, "level:", r.choice(["low", "medium", "high", "critical"]).expect("one"))),
        3 => line(pack, rng, "title:", &|l, _| format!("{l} (changed)")),
        4 => {
            line(pack, rng, "id: ", &|l, r| if l.starts_with("id:") { format!("{}{:04x}", &l[..l.len() - 4], r.u16(..)) } else { l.into() })
        }
        5 => line(pack, rng, "eventSource:", &|l, r| {
            behind(l, "eventSource:", r.choice(["iam.amazonaws.com", "s3.amazonaws.com"]).expect("one"))
        }),
        6 => line(pack, rng, "generate:", &|l, _| behind(l, "generate:", if l.contains("true") { "false" } else { "true" })),
        7 => line(pack, rng, "status:", &|l, _| behind(l, "status:", "experimental")),
        8 => line(pack, rng, "- userIdentity.arn", &|l, _| l.replace("userIdentity.arn", "recipientAccountId")),
        9 => {
            let file = rng.usize(..pack.len());
            let documents = &mut pack[file].1;
            documents.remove(rng.usize(..documents.len()));
        }
        _ => pack.push(("added.yml".into(), vec![ADDED.into()])),
    }
    pack.retain(|(_, documents)| !documents.is_empty());
}

#[test]
fn one_reading_tells_what_two_replays_tell() {
    let place = Place::new("property", 0.3);
    let cases: u64 = std::env::var("TIDEGATE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let base = set_of(&shipped());
    let (old_alerts, old_paged) = alone(&place, &base);
    assert!(old_alerts.len() > 50 && old_paged.len() > 5, "{} alerts, {} pages", old_alerts.len(), old_paged.len());
    let mut seen = [0usize; 4];
    for seed in 0..cases {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pack = shipped();
        (0..rng.u32(4..20)).for_each(|_| mutate(&mut pack, &mut rng));
        let new = set_of(&pack);
        let (alerts, paged) = alone(&place, &new);
        let want = Difference::between(&Side { alerts: &old_alerts, paged: &old_paged }, &Side { alerts: &alerts, paged: &paged });
        let measured = together(&place, &base, &new);
        assert_eq!(measured.book_errors(), Vec::<String>::new(), "seed {seed}");
        let got = Comparison::of(&measured, &|_| true);
        assert_eq!(got.difference, want, "seed {seed}: {:?}", got.rules);
        let both: BTreeSet<String> = measured.paged(SHARED).into_iter().chain(measured.paged(NEW)).collect();
        let none = Difference::between(&Side { alerts: &alerts, paged: &paged }, &Side { alerts: &got.alerts, paged: &both });
        assert!(none.is_empty(), "seed {seed}: the alerts of the new set: {none:?}");
        let lists = [want.added.len(), want.removed.len(), want.changed.len(), usize::from(want.total.pages_added > 0)];
        seen.iter_mut().zip(lists).for_each(|(sum, n)| *sum += n);
        println!("seed {seed}: {} rules differ; {lists:?}", got.rules.len());
    }
    assert!(seen.iter().all(|n| *n > 0), "every kind of difference occurred: {seen:?}");
}

#[test]
fn what_both_sets_have_runs_once() {
    let place = Place::new("once", 0.05);
    let base = set_of(&shipped());
    let changed = shipped().into_iter().map(|(name, documents)| {
        (name, documents.into_iter().map(|d| d.replace("title: Console", "title: The console")).collect::<Vec<_>>())
    });
    let measured = together(&place, &base, &set_of(&changed.collect::<Vec<_>>()));
    let parts = &measured.parts;
    // Only descriptions differ: nothing is matched twice, and almost nothing runs beside the shared part.
    assert_eq!(parts.union.rules.len(), base.rules.len());
    assert!(!parts.parts[NEW].set.rules.is_empty() && parts.parts[NEW].set.rules.len() < base.rules.len() / 3);
    assert_eq!(parts.parts[OLD].owned, parts.parts[NEW].owned);
    let costs = measured.costs(SHARED, &measured.alerts(SHARED));
    assert!(costs.iter().any(|c| c.candidates > 0 && c.matches > 0 && c.matching_ns > 0), "matching is counted and timed");
    assert!(costs.iter().any(|c| c.correlation && c.bytes_peak > 0 && c.keys_peak >= c.keys_end), "state is weighed");
    assert!(costs.iter().all(|c| c.matches <= c.candidates || c.correlation), "a match was a candidate");
    assert!(costs.iter().all(|c| c.candidates <= c.events || c.correlation), "a candidate was an event");
}

const SHOP: &str = "title: Three refusals
id: three
level: high
correlation: {type: event_count, rules: [refused], group-by: [who], timespan: 60s, condition: {gte: 3}}
---
title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
";

/// A folder with two rule files and an event file: five refusals of mara, three of noor.
struct Shop(PathBuf);

impl Shop {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-diff-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        let event =
            |(second, who): (i64, &str)| format!("{{\"ts\":{},\"who\":\"{who}\",\"result\":\"refused\"}}\n", 1_793_613_600 + second);
        let events: String = [(0, "mara"), (1, "mara"), (2, "mara"), (3, "mara"), (4, "mara"), (5, "noor"), (6, "noor"), (7, "noor")]
            .into_iter()
            .map(event)
            .collect();
        std::fs::write(path.join("events.ndjson"), events).expect("write");
        std::fs::write(path.join("old.yml"), SHOP).expect("write");
        std::fs::write(path.join("new.yml"), SHOP.replace("gte: 3", "gte: 4")).expect("write");
        Shop(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// Standard output, standard error, exit code.
    fn run(&self, words: &[&str]) -> (String, String, Option<i32>) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let output = command.args(words).output().expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    }

    fn diff(&self, more: &[&str]) -> (String, String, Option<i32>) {
        let (new, old, events) = (self.path("new.yml"), self.path("old.yml"), self.path("events.ndjson"));
        let json = ["--format", "json", "--product", "shop", "--service", "login", "--time-field", "ts"];
        let words = [&["replay", "-r", &new, "--baseline", &old][..], &json, more, &[&events]].concat();
        self.run(&words)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_command_tells_the_difference_and_keeps_limits() {
    let shop = Shop::new("limits");
    let (out, err, code) = shop.diff(&["--json"]);
    assert_eq!(code, Some(0), "{err}");
    let told: Value = serde_json::from_str(&out).expect("one document");
    let total = &told["difference"]["total"];
    assert_eq!((&total["old"], &total["new"], &total["removed"], &total["changed"]), (&2.into(), &1.into(), &1.into(), &1.into()), "{out}");
    assert_eq!((&told["rules"][0]["id"], &told["rules"][0]["kind"]), (&"three".into(), &"meaning".into()));
    let removed = &told["difference"]["removed"][0];
    assert_eq!((&removed["alert"]["key"], &removed["evidence"]["sequence"]), (&"who=noor".into(), &"6".into()), "{removed}");
    assert!(removed["evidence"]["event"].as_str().is_some_and(|e| e.contains("noor")));
    assert_eq!(told["costs"]["new"].as_array().map(Vec::len), Some(1), "the muted rule is the same in both: {}", told["costs"]);
    let junit = shop.path("diff.xml");
    let (out, err, code) = shop.diff(&["--fail-on", "removed>0,added>0", "--junit", &junit]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("removed>0 holds: there are 1") && !err.contains("added>0"), "{err}");
    assert!(out.contains("2 -> 1: 0 added, 1 removed, 1 changed") && out.contains("who=noor"), "{out}");
    let report = std::fs::read_to_string(junit).expect("a report");
    assert!(report.contains("failures=\"1\"") && report.contains("name=\"removed&gt;0\""), "{report}");
    assert_eq!(shop.diff(&["--fail-on", "removed>1"]).2, Some(0));
    for bad in [&["--fail-on", "removed=1"][..], &["--fail-on", "alerts>1"], &["--state", "x.sqlite"]] {
        assert_eq!(shop.diff(bad).2, Some(2), "{bad:?}");
    }
}

#[test]
fn what_rules_cost_is_told() {
    let shop = Shop::new("cost");
    std::fs::write(
        shop.0.join("trail.yml"),
        "title: Signed in\nid: signed-in\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: ConsoleLogin}, condition: s}\n",
    )
    .expect("write");
    let event = |name: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2026-11-02T10:00:00Z\",\"eventSource\":\"signin.amazonaws.com\",\"eventName\":\"{name}\",\"recipientAccountId\":\"111122223333\",\"userIdentity\":{{\"type\":\"IAMUser\"}}}}\n"
        )
    };
    std::fs::write(shop.0.join("trail.ndjson"), event("ConsoleLogin") + &event("SwitchRole")).expect("write");
    let (out, err, code) = shop.run(&["rules", "cost", &shop.path("trail.yml"), "-i", &shop.path("trail.ndjson"), "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let told: Value = serde_json::from_str(&out).expect("one document");
    let rule = &told["rules"][0];
    let figures = ["events", "candidates", "matches", "alerts"].map(|name| rule[name].as_u64());
    assert_eq!(figures, [Some(2), Some(1), Some(1), Some(1)], "{out}");
    let (out, _, code) = shop.run(&["rules", "cost", &shop.path("trail.yml"), "-i", &shop.path("trail.ndjson")]);
    assert!(code == Some(0) && out.contains("CANDIDATES") && out.contains("signed-in"), "{out}");
    assert_eq!(shop.run(&["rules", "cost", &shop.path("trail.yml")]).2, Some(2), "without input");
}
