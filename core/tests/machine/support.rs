//! Rules as text, events as text, and a run that checks on every step what must always hold.

use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use tidegate_core::alert::check;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, sources_of};
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::event::{Detection, Form, GenericSource, LogSource, Position, Record, Source};
use tidegate_core::pipeline::{
    Action, Batch, Books, Control, Effect, EffectNumber, Embedded, Gathered, Intake, Pipeline, Rules, Settings, ShardMemory,
};
use tidegate_core::rule::{Gravity, RuleFile, RuleSet, load};

/// Where all these histories begin.
pub(crate) const BASE: i64 = 1_795_456_384_000;
pub(crate) const SLACK: i64 = 10_000;
const NOT_YET: i64 = i64::MIN / 4;

/// A rule set with an Intake for AWS's forms and one for the shop's own JSON.
pub(crate) struct World {
    pub(crate) set: Arc<RuleSet>,
    aws: Intake,
    shop: Intake,
    pub(crate) sources: Vec<Vec<Source>>,
}

/// An event as text, and when it arrived if the history says so.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) text: String,
    pub(crate) arrival_ms: Option<i64>,
    pub(crate) shop: bool,
}

impl World {
    pub(crate) fn new(rules: &str) -> World {
        let loaded = load(&[RuleFile { name: "rules.yml".into(), text: rules.to_owned() }]);
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}\n{rules}");
        let set = Arc::new(loaded.set);
        let logsource = LogSource { category: None, product: Some("shop".into()), service: Some("till".into()) };
        let stated = GenericSource { logsource, time_field: "ts".into(), arrival_field: None };
        let hints = |form| Hints { form, generic: vec![stated.clone()], ..Hints::default() };
        let intake = |form| Intake::new(Detector::new(set.clone(), &hints(form)).0, hints(form)).expect("no flow format");
        let sources = (0..set.rules.len() as u32).map(|r| sources_of(&set, r, &hints(None).generic)).collect();
        World { aws: intake(None), shop: intake(Some(Form::Generic(0))), set, sources }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { product_version: "0.0.0".into(), ..Settings::default() }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::new(Rules { set: self.set.clone(), sources: self.sources.clone() })
    }

    /// A Pipeline that knows these rules and has applied nothing.
    pub(crate) fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::new(0, 1);
        pipeline.learn(&self.rules());
        pipeline
    }

    pub(crate) fn embedded(&self, pipelines: u16) -> Embedded {
        Embedded::new(&self.set, self.sources.clone(), self.settings(), pipelines)
    }

    /// Everything the Intake finds, event by event.
    pub(crate) fn gather(&self, events: &[Event]) -> Gathered {
        self.gather_from(0, events)
    }

    /// The same of events from the middle of a feed.
    pub(crate) fn gather_from(&self, first: usize, events: &[Event]) -> Gathered {
        let (mut aws, mut shop): (ShardMemory, ShardMemory) = (self.aws.shard(), self.shop.shard());
        let mut out = Gathered::default();
        for (number, event) in (first..).zip(events) {
            let position = Position { source: "test".into(), shard: "0".into(), sequence: (number as u64).into(), sub_sequence: 0 };
            let record = Record { position, arrival_ms: event.arrival_ms, bytes: event.text.clone().into_bytes(), lines: false };
            let (intake, memory) = if event.shop { (&self.shop, &mut shop) } else { (&self.aws, &mut aws) };
            intake.process(memory, &[record], &mut out);
        }
        out
    }
}

/// What a run left, checked on the way.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) documents: BTreeMap<String, (u64, Value)>,
    /// (alert, effect number) in order.
    pub(crate) pages: Vec<String>,
    /// What they were written from.
    pub(crate) page_documents: Vec<Value>,
    /// (alert, version, document) in order.
    pub(crate) emitted: Vec<(String, u64, Value)>,
    pub(crate) books: Books,
    last: Option<EffectNumber>,
    numbered: bool,
}

impl Run {
    pub(crate) fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if self.numbered {
                assert!(self.last < Some(effect.number), "effects are numbered in order: {:?} {:?}", self.last, effect.number);
                self.last = Some(effect.number);
            }
            match effect.action {
                Action::Index { alert, version, document, .. } => self.index(alert.to_string(), version, &document),
                Action::Page { alert, document, .. } => {
                    let alert = alert.to_string();
                    assert!(!self.pages.contains(&alert), "a second page about {alert}");
                    let newest = &self.documents[&alert].1;
                    assert_eq!(newest["tidegate"]["paging"]["decision"], "page");
                    self.pages.push(alert);
                    self.page_documents.push(serde_json::from_str(&document).expect("JSON"));
                }
                Action::Derive(_) => panic!("Embedded keeps derived detections to itself"),
            }
        }
    }

    fn index(&mut self, alert: String, version: u64, document: &str) {
        let document: Value = serde_json::from_str(document).expect("JSON");
        assert_eq!(check(&document), Vec::<String>::new(), "{document}");
        assert_eq!(document["finding_info"]["uid"], *alert);
        let held = self.documents.entry(alert.clone()).or_default();
        assert_eq!(held.0 + 1, version, "versions count up by one");
        let before = &held.1["tidegate"]["episode"];
        assert!(before["state"] != "closed" || before["truncated"] == true, "closed is final, unless by eviction: {}", held.1);
        *held = (version, document.clone());
        self.emitted.push((alert, version, document));
    }

    pub(crate) fn settle(&mut self, embedded: &Embedded) {
        self.books = embedded.books();
        let suppressed = self.documents.values().filter(|d| d.1["tidegate"]["suppressed_by"].is_string()).count() as u64;
        assert_eq!(self.books.alerts.suppressed, suppressed);
        let errors = self.books.errors(self.documents.len() as u64 - suppressed, 0, 0);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(self.books.alerts.pages, self.pages.len() as u64);
    }

    /// The alerts of a rule, by first moment.
    pub(crate) fn of(&self, rule: &str) -> Vec<&Value> {
        let mut all: Vec<&Value> = self.documents.values().map(|d| &d.1).filter(|d| d["finding_info"]["analytic"]["uid"] == rule).collect();
        all.sort_by_key(|d| (d["tidegate"]["episode"]["start"].as_i64(), d["finding_info"]["uid"].as_str().map(str::to_owned)));
        all
    }

    pub(crate) fn paged(&self, alert: &Value) -> bool {
        self.pages.iter().any(|id| alert["finding_info"]["uid"] == **id)
    }
}

/// How a history is driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) pipelines: u16,
    pub(crate) batch: usize,
    /// In so many of a hundred rounds every Pipeline is restarted.
    pub(crate) restarts: u32,
    pub(crate) seed: u64,
}

pub(crate) const PLAIN: Plan = Plan { pipelines: 1, batch: 1, restarts: 0, seed: 0 };

/// History without arrival stamps: in order of event time.
pub(crate) fn sorted(world: &World, events: &[Event], plan: Plan) -> Run {
    let mut gathered = world.gather(events);
    let order = |d: &Detection| (d.time_ms, d.id, d.target, d.rule, d.step, d.key.clone(), d.position.clone());
    gathered.detections.sort_by_cached_key(order);
    let (mut embedded, mut rng) = (world.embedded(plan.pipelines), Rng::with_seed(plan.seed));
    embedded.count(&gathered.counts);
    let mut run = Run { numbered: plan.pipelines == 1, ..Run::default() };
    for piece in gathered.detections.chunks(plan.batch) {
        let last = piece.last().map_or(NOT_YET, |d| d.time_ms);
        run.take(embedded.append(Batch { detections: piece.to_vec(), watermark_ms: last - SLACK, arrival_ms: last, ..Batch::default() }));
        run.settle(&embedded);
        if rng.u32(0..100) < plan.restarts {
            embedded.restart().expect("its own snapshot");
        }
    }
    run.take(embedded.finish());
    run.settle(&embedded);
    run
}

/// A feed with arrival stamps: event by event, the order given is the order of the log.
pub(crate) fn fed(world: &World, events: &[Event]) -> Run {
    Feed::new(world, world.embedded(1)).through(events)
}

/// A feed under way.
pub(crate) struct Feed<'w> {
    world: &'w World,
    pub(crate) embedded: Embedded,
    pub(crate) run: Run,
    arrival_ms: i64,
    number: u64,
    memories: (ShardMemory, ShardMemory),
}

impl<'w> Feed<'w> {
    pub(crate) fn new(world: &'w World, embedded: Embedded) -> Self {
        let memories = (world.aws.shard(), world.shop.shard());
        Feed { world, embedded, run: Run { numbered: true, ..Run::default() }, arrival_ms: NOT_YET, number: 0, memories }
    }

    /// Goes over to other rules, with the next event.
    pub(crate) fn go_over(&mut self, world: &'w World, change: impl FnOnce(&mut Control)) {
        let mut control = Control { rules: world.set.digest, ..self.embedded.control().clone() };
        change(&mut control);
        self.world = world;
        self.memories = (world.aws.shard(), world.shop.shard());
        self.embedded.reload(&world.rules(), control);
    }

    pub(crate) fn push(&mut self, event: &Event) {
        let position = Position { source: "test".into(), shard: "0".into(), sequence: self.number.into(), sub_sequence: 0 };
        self.number += 1;
        let record = Record { position, arrival_ms: event.arrival_ms, bytes: event.text.clone().into_bytes(), lines: false };
        let mut gathered = Gathered::default();
        let (intake, memory) = if event.shop { (&self.world.shop, &mut self.memories.1) } else { (&self.world.aws, &mut self.memories.0) };
        intake.process(memory, &[record], &mut gathered);
        self.arrival_ms = self.arrival_ms.max(gathered.arrival_ms.unwrap_or(NOT_YET));
        self.embedded.count(&gathered.counts);
        self.append(gathered.detections);
    }

    /// Nothing new, but this much later by the service's clock: the timer of an idle shard.
    pub(crate) fn idle_until(&mut self, arrival_ms: i64) {
        self.arrival_ms = self.arrival_ms.max(arrival_ms);
        self.append(Vec::new());
    }

    fn append(&mut self, detections: Vec<Detection>) {
        let batch = Batch { detections, watermark_ms: self.arrival_ms - SLACK, arrival_ms: self.arrival_ms, ..Batch::default() };
        self.run.take(self.embedded.append(batch));
        self.run.settle(&self.embedded);
    }

    pub(crate) fn finish(mut self) -> Run {
        self.run.take(self.embedded.finish());
        self.run.settle(&self.embedded);
        self.run
    }

    fn through(mut self, events: &[Event]) -> Run {
        events.iter().for_each(|e| self.push(e));
        self.finish()
    }
}

/// An event of the shop at `at` ms after the beginning.
pub(crate) fn shop(at: i64, who: &str, what: &str, account: &str, n: i64) -> Event {
    let text = json!({"ts": BASE + at, "who": who, "what": what, "n": n, "cloud": {"account": {"uid": account}}}).to_string();
    Event { text, arrival_ms: None, shop: true }
}

/// The same, arriving `late` ms after it happened.
pub(crate) fn arriving(mut event: Event, arrival: i64) -> Event {
    event.arrival_ms = Some(BASE + arrival);
    event
}

pub(crate) fn trail(at: i64, name: &str, account: &str, id: u32) -> Event {
    let text = json!({
        "eventVersion": "1.11", "eventID": format!("e{id}"), "eventName": name, "eventSource": "iam.amazonaws.com",
        "eventTime": format_rfc3339(BASE + at), "awsRegion": "eu-central-1", "recipientAccountId": account, "sourceIPAddress": "192.0.2.9",
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{account}:user/u"), "accountId": account, "userName": "u"},
    });
    Event { text: text.to_string(), arrival_ms: None, shop: false }
}

/// One revision of a finding.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) finding: &'static str,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) count: u32,
    pub(crate) severity: f64,
    pub(crate) ip: &'static str,
    pub(crate) api: &'static str,
    pub(crate) archived: bool,
    pub(crate) sample: bool,
}

impl Default for Revision {
    fn default() -> Self {
        let ip = "198.51.100.1";
        Revision { finding: "f1", created: 0, updated: 0, count: 1, severity: 5.0, ip, api: "ListBuckets", archived: false, sample: false }
    }
}

pub(crate) const ACCOUNT: &str = "111122223333";

impl Revision {
    pub(crate) fn json(&self) -> Value {
        let arn = format!("arn:aws:guardduty:eu-central-1:{ACCOUNT}:detector/d1/finding/{}", self.finding);
        let action = json!({"actionType": "AWS_API_CALL", "awsApiCallAction": {"api": self.api, "serviceName": "s3.amazonaws.com",
            "callerType": "Remote IP", "remoteIpDetails": {"ipAddressV4": self.ip}}});
        let mut info = json!({"value": "", "type": "default"});
        if self.sample {
            info["sample"] = json!(true);
        }
        json!({
            "schemaVersion": "2.0", "accountId": ACCOUNT, "region": "eu-central-1", "partition": "aws", "id": self.finding, "arn": arn,
            "type": "Discovery:S3/MaliciousIPCaller", "severity": self.severity, "title": "A title", "description": "What happened.",
            "createdAt": format_rfc3339(BASE + self.created), "updatedAt": format_rfc3339(BASE + self.updated),
            "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"accessKeyId": "AKIA1", "principalId": "p", "userType": "IAMUser", "userName": "u"}},
            "service": {"serviceName": "guardduty", "detectorId": "d1", "count": self.count, "archived": self.archived, "resourceRole": "TARGET",
                "eventFirstSeen": format_rfc3339(BASE + self.created - 60_000), "eventLastSeen": format_rfc3339(BASE + self.updated - 30_000),
                "action": action, "additionalInfo": info},
        })
    }

    pub(crate) fn event(&self) -> Event {
        Event { text: self.json().to_string(), arrival_ms: None, shop: false }
    }
}

/// Plain rules that everything here builds on: (name, level).
pub(crate) const BASE_RULES: &str = "
title: Finding
id: aws/guardduty/finding
name: finding
logsource: {product: aws, service: guardduty}
detection: {s: {type: '*'}, condition: s}
---
title: Trail
id: trail
name: trail
level: low
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateUser}, condition: s}
";

/// A rule of the shop.
pub(crate) fn shop_rule(what: &str, level: &str) -> String {
    let (gate, look) = ("{product: shop, service: till}", format!("{{s: {{what: {what}}}, condition: s}}"));
    format!("---\ntitle: Shop {what}\nid: {what}\nname: {what}\nlevel: {level}\nlogsource: {gate}\ndetection: {look}\n")
}

/// A correlation as text.
pub(crate) struct Correlation<'a> {
    pub(crate) id: &'a str,
    pub(crate) head: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) rules: &'a str,
    pub(crate) by: &'a str,
    pub(crate) seconds: u32,
    /// With its key; empty: none.
    pub(crate) condition: &'a str,
    pub(crate) generate: bool,
}

impl Correlation<'_> {
    pub(crate) fn text(&self) -> String {
        let Correlation { id, head, kind, rules, by, seconds, condition, generate } = self;
        let by = if by.is_empty() { String::new() } else { format!("    group-by: [{by}]\n") };
        format!(
            "---\ntitle: Correlation {id}\nid: {id}\nname: {id}\n{head}correlation:\n    type: {kind}\n    rules: [{rules}]\n{by}    timespan: {seconds}s\n    generate: {generate}\n{condition}"
        )
    }
}

/// Random rules: every type of correlation, parents over children, judged ones, shadows.
pub(crate) fn random_rules(rng: &mut Rng) -> String {
    let mut out = BASE_RULES.to_owned();
    ["refused", "granted", "deleted"].iter().for_each(|what| out.push_str(&shop_rule(what, "medium")));
    let mut made = Vec::new();
    for n in 0..rng.usize(2..6) {
        let (id, limit) = (format!("c{n}"), rng.u32(1..4));
        let gte = format!("    condition: {{gte: {limit}}}\n");
        let field = |what: &str| format!("    condition: {{field: n, {what}}}\n");
        let (kind, rules, condition) = match rng.u8(0..9) {
            0 => ("event_count", "refused", gte),
            1 => ("value_count", "refused, granted", field(&format!("gte: {limit}"))),
            2 => ("temporal", "refused, granted", String::new()),
            3 => ("temporal_ordered", "refused, deleted", String::new()),
            4 => ("temporal", "refused, granted", "    condition: refused and not granted\n".into()),
            5 => ("event_count", "granted", format!("    condition: {{lt: {}}}\n", limit + 1)),
            6 => ("value_sum", "refused, deleted", field(&format!("gte: {}", 4 * limit))),
            7 => ("value_avg", "granted", field("gt: 4")),
            _ => ("event_count", "refused, deleted", gte),
        };
        let head = *rng.choice(&["level: high\n", "level: low\nstatus: experimental\n", "level: critical\n", ""][..]).expect("some");
        let generate = rng.bool();
        out += &Correlation { id: &id, head, kind, rules, by: "who", seconds: rng.u32(2..90), condition: &condition, generate }.text();
        made.push(id);
    }
    let children = made.iter().filter(|_| rng.bool()).cloned().collect::<Vec<_>>();
    if !children.is_empty() {
        let (rules, n) = (children.join(", "), rng.u32(1..3));
        let gte = format!("    condition: {{gte: {n}}}\n");
        let (kind, by, condition) = if rng.bool() { ("temporal", "who", "") } else { ("event_count", "", gte.as_str()) };
        out += &Correlation {
            id: "p",
            head: "level: high\n",
            kind,
            rules: &rules,
            by,
            seconds: rng.u32(2..90),
            condition,
            generate: rng.bool(),
        }
        .text();
    }
    let by = "cloud.account.uid";
    let head = "level: high\n";
    out += &Correlation { id: "cross", head, kind: "temporal", rules: "finding, trail", by, seconds: 60, condition: "", generate: true }
        .text();
    out
}

/// Random events: shop, trail with copies, findings with revisions and copies, garbage.
pub(crate) fn random_events(rng: &mut Rng, n: usize) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    for id in 0..n {
        let at = rng.i64(0..240) * 1000;
        let event = match rng.u8(0..20) {
            0..12 => {
                let what = *rng.choice(&["refused", "granted", "deleted"]).expect("some");
                let (who, account) = (format!("u{}", rng.u8(0..3)), format!("{}", 100_000_000_000 + rng.u64(0..2)));
                shop(at, &who, what, &account, rng.i64(0..9))
            }
            12..14 => trail(at, "CreateUser", ACCOUNT, id as u32),
            14..17 => random_revision(rng).event(),
            17 => Event { text: "{\"ts\": oops}".into(), arrival_ms: None, shop: true },
            18 => Event { text: json!({"ts": BASE + at, "what": "refused"}).to_string(), arrival_ms: None, shop: true },
            _ => match out.is_empty() {
                true => continue,
                false => out[rng.usize(0..out.len())].clone(),
            },
        };
        out.push(event);
    }
    out
}

fn random_revision(rng: &mut Rng) -> Revision {
    let (finding, count) = (*rng.choice(&["f1", "f2"]).expect("two"), rng.u32(1..5));
    let ip = *rng.choice(&["198.51.100.1", "198.51.100.2", "203.0.113.5"]).expect("some");
    let (updated, severity) = (i64::from(count) * 30_000, f64::from(rng.u8(2..10)));
    Revision { finding, updated, count, severity, ip, archived: rng.u8(0..8) == 0, sample: rng.u8(0..9) == 0, ..Revision::default() }
}

/// What must not depend on how a history is driven: per alert its id, episode and counts.
pub(crate) fn identities(run: &Run) -> BTreeSet<String> {
    let living = run.documents.values().map(|d| &d.1).filter(|d| d["tidegate"]["episode"]["state"] != "merged");
    living
        .map(|d| {
            let mut line = String::new();
            let (finding, episode) = (&d["finding_info"], &d["tidegate"]["episode"]);
            let shown =
                [&finding["analytic"]["uid"], &d["tidegate"]["group_key_text"], &episode["uid"], &episode["start"], &episode["end"]];
            shown.iter().for_each(|v| write!(line, "{v} ").expect("a String"));
            write!(line, "{} {} {}", d["count"], episode["state"], finding["uid"]).expect("a String");
            line
        })
        .collect()
}
