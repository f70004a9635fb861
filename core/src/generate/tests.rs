//! The synthetic organisation, looked at from outside: as files.

use super::*;
use crate::event::id::hash128;
use crate::event::time::parse_rfc3339_ms;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn small() -> Plan {
    Plan { accounts: 400, noise: 0.2, ..Plan::default() }
}

fn files(plan: &Plan) -> (Vec<File>, Truth) {
    let mut files = Vec::new();
    let truth = organisation(plan, &mut |file| files.push(file));
    (files, truth)
}

fn fingerprint(files: &[File]) -> u128 {
    let mut all = Vec::new();
    for file in files {
        all.extend_from_slice(file.path.as_bytes());
        all.extend_from_slice(&hash128(&file.content).to_le_bytes());
    }
    hash128(&all)
}

/// Everything in the files, parsed.
#[derive(Default)]
struct Contents {
    records: Vec<Value>,
    findings: Vec<Value>,
    /// Messages of data batches.
    lines: Vec<String>,
}

fn contents(files: &[File]) -> Contents {
    let mut contents = Contents::default();
    for file in files {
        let text = std::str::from_utf8(&file.content).expect("UTF-8");
        if file.path.contains("/CloudTrail/") {
            let document: Value = serde_json::from_str(text).expect("a trail file");
            contents.records.extend(document["Records"].as_array().expect("records").iter().cloned());
        } else if file.path.contains("/GuardDuty/") {
            contents.findings.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a finding")));
        } else if file.path.starts_with("flowlogs/") {
            let batch: Value = serde_json::from_str(text).expect("a batch");
            if batch["messageType"] == "DATA_MESSAGE" {
                contents.lines.extend(batch["logEvents"].as_array().expect("events").iter().map(|e| text_of(&e["message"])));
            }
        }
    }
    contents
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let plan = small();
    let (first, truth) = files(&plan);
    let (second, again) = files(&plan);
    assert_eq!(fingerprint(&first), fingerprint(&second));
    assert_eq!(truth, again);
    let (other, _) = files(&Plan { seed: plan.seed + 1, ..plan });
    assert_ne!(fingerprint(&first), fingerprint(&other));
}

/// Another machine must get these bytes too: change the value only with a change of the generator.
#[test]
fn the_bytes_are_fixed() {
    let (all, _) = files(&Plan { accounts: 40, noise: 0.1, ..Plan::default() });
    assert_eq!(fingerprint(&all), GOLDEN);
}

const GOLDEN: u128 = 13_404_566_602_575_601_045_648_342_471_930_263_668;

#[test]
fn records_have_what_aws_always_writes() {
    let (all, _) = files(&small());
    let contents = contents(&all);
    for record in &contents.records {
        for field in ["eventVersion", "eventSource", "eventName", "awsRegion", "eventID", "eventType", "eventCategory"] {
            assert!(record[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {record}");
        }
        assert!(record["userIdentity"].is_object() && record["readOnly"].is_boolean() && record["managementEvent"].is_boolean());
        assert_eq!(record["recipientAccountId"].as_str().map(str::len), Some(12), "{record}");
        assert!(record["eventTime"].as_str().and_then(parse_rfc3339_ms).is_some());
    }
    for finding in &contents.findings {
        assert_eq!(finding["id"].as_str().map(str::len), Some(32));
        assert!(
            finding["arn"].as_str().is_some_and(|arn| arn.contains(":detector/") && arn.ends_with(finding["id"].as_str().unwrap_or("?")))
        );
        assert!(finding["severity"].is_number() && finding["service"]["count"].is_u64() && finding["service"]["archived"].is_boolean());
        assert!(finding["resource"]["resourceType"].is_string(), "{finding}");
    }
    for line in &contents.lines {
        assert_eq!(line.split(' ').count(), 14, "{line}");
    }
}

#[test]
fn times_stay_inside_the_plan() {
    let plan = Plan { days: 2, ..small() };
    let end_ms = plan.start_ms + 2 * crate::event::time::DAY_MS;
    let (all, truth) = files(&plan);
    for record in contents(&all).records {
        let at_ms = parse_rfc3339_ms(record["eventTime"].as_str().unwrap_or("")).unwrap_or(0);
        assert!(at_ms >= plan.start_ms && at_ms < end_ms, "{record}");
    }
    for attack in &truth.attacks {
        assert!(attack.first_ms >= plan.start_ms && attack.last_ms < end_ms && attack.first_ms <= attack.last_ms, "{attack:?}");
    }
}

#[test]
fn volumes_follow_the_plan() {
    let count = |plan: &Plan| {
        let c = contents(&files(plan).0);
        (c.records.len(), c.findings.len(), c.lines.len())
    };
    let base = count(&small());
    let twice = count(&Plan { accounts: 800, ..small() });
    let days = count(&Plan { days: 2, ..small() });
    let loud = count(&Plan { noise: 0.4, ..small() });
    for larger in [twice, days, loud] {
        assert!(larger.0 > base.0 * 13 / 10 && larger.1 > base.1 * 13 / 10 && larger.2 > base.2 * 13 / 10, "{base:?} {larger:?}");
    }
}

#[test]
fn the_truth_names_events_that_exist() {
    let (all, truth) = files(&small());
    let contents = contents(&all);
    let mut known: BTreeSet<String> = contents.records.iter().map(|r| text_of(&r["eventID"])).collect();
    known.extend(contents.findings.iter().map(|f| text_of(&f["arn"])));
    known.extend(contents.lines.iter().map(|line| line.split(' ').skip(3).take(5).collect::<Vec<_>>().join(" ")));
    assert_eq!(truth.attacks.len(), ATTACK_KINDS.len());
    for attack in &truth.attacks {
        assert!(!attack.events.is_empty() && !attack.accounts.is_empty() && !attack.catalogue.is_empty(), "{attack:?}");
        for event in &attack.events {
            assert!(known.contains(event), "{event} of {}", attack.id);
        }
    }
}

#[test]
fn each_attack_can_be_had_alone_and_is_the_same_then() {
    let quiet = Plan { noise: 0.0, accounts: 400, ..Plan::default() };
    let (_, all) = files(&quiet);
    for kind in ATTACK_KINDS {
        assert_eq!(AttackKind::parse(kind.name()), Some(kind));
        let (_, alone) = files(&Plan { attacks: vec![kind], ..quiet.clone() });
        assert_eq!(alone.attacks, [all.attacks[kind as usize].clone()]);
    }
    assert_eq!(AttackKind::parse("no-such-attack"), None);
}

#[test]
fn every_kind_of_attack_has_a_near_miss() {
    for kind in ATTACK_KINDS {
        for entry in kind.catalogue() {
            assert!(near_misses().iter().any(|near_miss| near_miss.catalogue == *entry), "{entry}");
        }
    }
}

#[test]
fn loud_findings_are_few_and_revisions_come_out_of_order() {
    let (all, _) = files(&Plan { accounts: 600, attacks: Vec::new(), ..Plan::default() });
    let findings = contents(&all).findings;
    let mut loud = BTreeSet::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let (mut out_of_order, mut copies) = (0, 0);
    for finding in &findings {
        let (arn, service) = (text_of(&finding["arn"]), &finding["service"]);
        let quiet = service["archived"] == true || service["additionalInfo"]["sample"] == true;
        if finding["severity"].as_f64() >= Some(7.0) && !quiet {
            loud.insert(arn.clone());
        }
        let count = service["count"].as_u64().unwrap_or(0);
        match last.insert(arn, count) {
            Some(before) if before > count => out_of_order += 1,
            Some(before) if before == count => copies += 1,
            _ => {}
        }
    }
    assert_eq!(loud.len(), 3);
    assert!(out_of_order > 100 && copies > 20, "{out_of_order} {copies}");
}

#[test]
fn the_tables_speak_of_the_same_world() {
    let (all, truth) = files(&small());
    let table = |name: &str| {
        let file = all.iter().find(|file| file.path == format!("tables/{name}.csv")).expect("a table");
        let text = std::str::from_utf8(&file.content).expect("UTF-8");
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let accounts = table("accounts");
    let decoys: Vec<_> = accounts.iter().filter(|row| row[6] == "decoy=true").map(|row| &row[0]).collect();
    let touched = truth.attacks.iter().find(|attack| attack.kind == "decoy-touched").expect("seeded");
    assert_eq!(decoys, touched.accounts.iter().collect::<Vec<_>>());
    let known: BTreeSet<&String> = accounts.iter().map(|row| &row[0]).collect();
    assert!(truth.attacks.iter().flat_map(|attack| &attack.accounts).all(|account| known.contains(account)));
    let text: String = all.iter().filter(|f| f.gzip).map(|file| std::str::from_utf8(&file.content).expect("UTF-8")).collect();
    let used = table("intel").iter().filter(|row| row[1] != "cidr" && row[1] != "domain").all(|row| text.contains(&row[0]));
    assert!(used, "an indicator that nothing in the input shows");
    assert!(table("networks").iter().any(|row| row[2] == "partner"));
}

/// Only AWS itself and our scanner call in the decoy account, but for the attack.
#[test]
fn nobody_works_in_the_decoy_account() {
    let (all, _) = files(&Plan { attacks: Vec::new(), ..small() });
    let decoy = all.iter().find(|file| file.path == "tables/accounts.csv").expect("a table");
    let text = std::str::from_utf8(&decoy.content).expect("UTF-8");
    let id = text.lines().find(|line| line.ends_with("decoy=true")).map(|line| line[..12].to_owned()).expect("a decoy");
    let calls: Vec<Value> = contents(&all).records.into_iter().filter(|record| record["recipientAccountId"] == id.as_str()).collect();
    assert!(!calls.is_empty());
    for call in calls {
        let ip = text_of(&call["sourceIPAddress"]);
        assert!(ip == "198.51.100.9" || ip.ends_with(".amazonaws.com"), "{call}");
    }
}

#[test]
fn some_records_are_delivered_twice() {
    let (all, _) = files(&small());
    let mut files_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for file in all.iter().filter(|file| file.path.contains("/CloudTrail/")) {
        for record in contents(std::slice::from_ref(file)).records {
            files_of.entry(text_of(&record["eventID"])).or_default().insert(&file.path);
        }
    }
    assert!(files_of.values().filter(|paths| paths.len() == 2).count() > 50);
}

#[test]
fn compression_holds_no_time_and_paths_are_aws_s() {
    let (all, _) = files(&Plan { accounts: 40, noise: 0.1, ..Plan::default() });
    let mut paths = BTreeSet::new();
    for file in &all {
        assert!(paths.insert(&file.path), "{} twice", file.path);
        assert_eq!(file.gzip, file.path.ends_with(".gz"));
        if file.gzip {
            let stored = file.stored();
            assert_eq!(&stored[..2], [0x1f, 0x8b]);
            assert_eq!(&stored[4..8], [0; 4]);
        }
    }
}

/// Counts without parsing: this is the one test on the whole default organisation.
#[test]
fn the_default_size_is_as_promised() {
    let (mut count, mut records, mut findings, mut lines) = (0, 0, 0, 0);
    organisation(&Plan::default(), &mut |file| {
        let text = std::str::from_utf8(&file.content).expect("UTF-8");
        count += 1;
        match file.path.as_str() {
            path if path.contains("/CloudTrail/") => records += text.matches(r#"{"eventVersion":"#).count(),
            path if path.contains("/GuardDuty/") => findings += text.lines().count(),
            path if path.starts_with("flowlogs/") => lines += text.matches(r#""message":"2 "#).count(),
            _ => {}
        }
    });
    assert!(count <= 1500, "{count} files");
    assert!((50_000..75_000).contains(&records), "{records} records");
    assert!((5_000..8_000).contains(&findings), "{findings} findings");
    assert!((270_000..330_000).contains(&lines), "{lines} lines");
}
