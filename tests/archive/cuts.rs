//! However an archive was cut into batches, segments and sessions, and in whatever order and by how many threads it is read: the
//! same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidegate::io::archive::{Archive, Header, Plan, pack};
use tidegate::io::input::expand;
use tidegate::run::replay::{Archived, Recorded, Settings, Watcher, replay};
use tidegate_core::decode::Hints;
use tidegate_core::event::{Position, Record};
use tidegate_core::rule::{RuleFile, load};

const RULES: &str = "title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
---
title: Asked
id: asked
name: asked
logsource: {product: shop, service: login}
detection: {s: {result: asked}, condition: s}
---
title: Three refusals
id: three
name: three
correlation: {type: event_count, rules: [refused], group-by: [who], timespan: 10m, condition: {gte: 3}}
---
title: Asked and refused
id: both
correlation: {type: temporal_ordered, rules: [asked, refused], group-by: [who], timespan: 5m}
---
title: Refusals of two
id: spread
correlation: {type: event_count, rules: [three], generate: true, timespan: 30m, condition: {gte: 2}}
---
title: Asked twice
id: twice
correlation: {type: event_count, rules: [asked], group-by: [who], timespan: 10m, condition: {eq: 2}}
";

const START_MS: i64 = 1_795_456_384_000;

struct Quiet;

impl Watcher for Quiet {
    fn read(&self, _bytes: u64) {}
    fn stopped(&self) -> bool {
        false
    }
}

/// Records of two sources with some shards each, in order per shard; a record is a run of lines.
fn records(rng: &mut fastrand::Rng) -> Vec<Record> {
    let mut next: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let mut now = START_MS;
    let mut out = Vec::new();
    for _ in 0..rng.usize(50..150) {
        now += rng.i64(0..60_000);
        let (source, shard, lines) = (rng.usize(0..2), rng.usize(0..3), rng.u64(1..5));
        let sequence = next.entry((source, shard)).or_insert(1);
        let mut text = String::new();
        for _ in 0..lines {
            let oldest = if rng.u8(0..20) == 0 { 7_200_000 } else { 300_000 };
            let time = now - rng.i64(0..oldest);
            let (who, result) = (rng.u8(0..4), ["refused", "asked", "granted"][rng.usize(0..3)]);
            text += &format!("{{\"time\":{time},\"who\":\"u{who}\",\"result\":\"{result}\"}}\n");
        }
        let position = Position {
            source: ["left", "right"][source].into(),
            shard: format!("shard-{shard}").into(),
            sequence: (*sequence).into(),
            sub_sequence: 0,
        };
        *sequence += lines;
        // Stamps of a shard are not monotone.
        let arrival_ms = Some(now - rng.i64(0..2_000));
        out.push(Record { position, arrival_ms, bytes: text.into_bytes(), lines: true });
    }
    out
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn archive(folder: &Path, session_ms: i64, segment_bytes: u64) -> Archive {
    let stated = serde_json::json!({"format": "json", "flow_format": null, "flow_formats": [], "lateness_ms": {"generic": 3_600_000},
        "json": {"product": "shop", "service": "login", "category": null, "time_field": "time", "arrival_field": null}});
    let header = |source: &str| Header { source: source.into(), stated: stated.clone(), session_ms, started_ms: None, number: 0 };
    let headers = vec![header("left"), header("right")];
    Archive::new(Plan { folder: folder.to_owned(), segment_bytes, segment_every: Duration::from_secs(3_600), headers })
}

/// Puts records in batches: neighbours of one shard may go together, several shards into one round.
fn put(archive: &mut Archive, records: &[Record], rng: &mut fastrand::Rng) {
    let mut left = records;
    while !left.is_empty() {
        let (round, rest) = left.split_at(rng.usize(1..=left.len().min(12)));
        let mut shards: BTreeMap<(Arc<str>, Arc<str>), Vec<Record>> = BTreeMap::new();
        for record in round {
            shards.entry((record.position.source.clone(), record.position.shard.clone())).or_default().push(record.clone());
        }
        let mut packed =
            shards.values().flat_map(|records| records.chunks(rng.usize(1..4))).filter_map(|some| pack(some, None, 0)).collect();
        archive.put(&mut packed).expect("room");
        left = rest;
    }
}

fn run(folder: &Path, rng: &mut fastrand::Rng, pipelines: u16) -> (Vec<String>, String) {
    let loaded = load(&[RuleFile { name: "rules.yml".into(), text: RULES.into() }]);
    assert!(loaded.diagnostics.iter().all(|d| d.gravity != tidegate_core::rule::Gravity::Error), "{:?}", loaded.diagnostics);
    let mut inputs = expand(&[folder.to_string_lossy().into_owned()], &mut |_| Ok(None)).expect("there");
    rng.shuffle(&mut inputs);
    let mut hints = Hints::default();
    let archived = Archived::survey(&mut inputs, &mut hints).expect("headers");
    let built = tidegate::run::build(&Arc::new(loaded.set), hints, Arc::default(), pipelines, false);
    let (intake, mut machine) = built.expect("compiles");
    machine.begin_with(|control| archived.begin(&mut control.settings.correlate));
    let scratch = folder.join(format!("scratch-{}", rng.u32(..)));
    let in_memory = rng.usize(20..2_000);
    let settings =
        Settings { inputs, threads: rng.usize(1..5), stamped: false, scratch, in_memory, archived, range_ms: (i64::MIN, i64::MAX) };
    let outcome = replay(&intake, &mut Recorded { pipelines: machine, journal: None }, &settings, &Quiet).expect("replays");
    assert!(outcome.unread.is_empty() && outcome.book_errors().is_empty(), "{:?} {:?}", outcome.unread, outcome.book_errors());
    (outcome.store.alerts().iter().map(ToString::to_string).collect(), format!("{:?}", outcome.books.input))
}

#[test]
fn the_same_records_give_the_same_bytes_however_they_were_cut_and_read() {
    let mut alerts = 0;
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let records = records(&mut rng);
        let mut first = None;
        for variant in 0..4 {
            let folder = Folder(std::env::temp_dir().join(format!("tidegate-cuts-{}-{seed}-{variant}", std::process::id())));
            let _ = std::fs::remove_dir_all(&folder.0);
            let half = rng.usize(0..=records.len());
            if variant == 0 {
                put(&mut archive(&folder.0, 1, 1 << 20), &records, &mut rng);
            } else {
                // A process that died: what it archived last was not in the log, and is archived again, cut otherwise.
                let mut died = archive(&folder.0, 1, rng.u64(200..5_000));
                put(&mut died, &records[..half], &mut rng);
                let logged = rng.usize(0..=half);
                put(&mut archive(&folder.0, 2, rng.u64(200..5_000)), &torn(&records[logged..], &mut rng), &mut rng);
            }
            let got = run(&folder.0, &mut rng, 1);
            alerts += got.0.len();
            match &first {
                None => first = Some(got),
                Some(first) => assert_eq!(&got, first, "seed {seed}, variant {variant}"),
            }
        }
    }
    assert!(alerts > 200, "{alerts}");
}

/// The same lines, runs cut into smaller ones.
fn torn(records: &[Record], rng: &mut fastrand::Rng) -> Vec<Record> {
    let mut out = Vec::new();
    for record in records {
        let text = String::from_utf8(record.bytes.clone()).expect("text");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let at = rng.usize(0..lines.len());
        let part = |from: usize, to: usize| Record {
            position: Position { sequence: record.position.sequence.plus(from as u64), ..record.position.clone() },
            bytes: lines[from..to].concat().into_bytes(),
            ..record.clone()
        };
        out.extend((at > 0).then(|| part(0, at)));
        out.push(part(at, lines.len()));
    }
    out
}
