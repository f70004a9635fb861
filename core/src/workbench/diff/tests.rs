use super::*;
use serde_json::json;

fn alert(rule: &str, key: &str, (start, end): (i64, i64), more: Value) -> Value {
    let mut out = json!({
        "severity_id": 4, "severity": "High", "count": 3, "message": "why", "status": "New",
        "finding_info": {"uid": format!("{rule}-{key}-{start}"), "title": "T", "first_seen_time": start, "last_seen_time": end,
            "analytic": {"uid": rule}},
        "tidegate": {"kind": "correlation", "accounts": ["1"], "group_key": [{"name": "k", "value": key}], "group_key_text": format!("k={key}"),
            "episode": {"start": start, "end": end, "state": "closed"},
            "records": [{"source": "file", "shard": "a", "sequence": "1", "sub_sequence": 0}]},
        "evidences": [{"data": {"record": 0, "time": start, "event": "{\"a\":1}"}}],
    });
    for (path, value) in more.as_object().expect("an object") {
        *out.pointer_mut(path).expect("a place") = value.clone();
    }
    out
}

fn diff(old: &[Value], new: &[Value], paged: &[&str]) -> Difference {
    let paged = paged.iter().map(|id| (*id).to_owned()).collect();
    Difference::between(&Side { alerts: old, paged: &BTreeSet::new() }, &Side { alerts: new, paged: &paged })
}

#[test]
fn the_same_alerts_make_no_difference_whatever_their_ids_are() {
    let old = [alert("r", "x", (0, 10), json!({}))];
    let new = [alert("r", "x", (0, 10), json!({"/finding_info/uid": "another"}))];
    let d = diff(&old, &new, &[]);
    assert!(d.is_empty());
    assert_eq!(d.total, Counts { old: 1, new: 1, ..Counts::default() });
}

#[test]
fn overlapping_episodes_are_one_alert_and_others_are_not() {
    let old = [alert("r", "x", (0, 10), json!({})), alert("r", "x", (50, 60), json!({})), alert("r", "y", (0, 10), json!({}))];
    let new = [alert("r", "x", (5, 12), json!({})), alert("r", "x", (20, 30), json!({})), alert("r", "x", (52, 53), json!({}))];
    let d = diff(&old, &new, &["r-x-20"]);
    assert_eq!((d.added.len(), d.removed.len(), d.changed.len()), (1, 1, 2));
    assert_eq!((d.added[0].alert.first_seen_ms, d.added[0].alert.pages), (20, true));
    assert_eq!(d.removed[0].alert.key, "k=y");
    let names: Vec<&str> = d.changed[0].fields.iter().map(|f| f.name).collect();
    assert_eq!(names, ["first_seen", "last_seen", "start", "end"]);
    assert_eq!((d.total.pages_new, d.total.pages_added, d.rules["r"].changed, d.days["1970-01-01"].old), (1, 1, 2, 3));
}

#[test]
fn an_alert_that_is_split_is_changed_and_the_rest_is_added() {
    let d =
        diff(&[alert("r", "x", (0, 100), json!({}))], &[alert("r", "x", (0, 20), json!({})), alert("r", "x", (80, 100), json!({}))], &[]);
    assert_eq!((d.added.len(), d.removed.len(), d.changed.len()), (1, 0, 1));
}

#[test]
fn a_severity_moves_an_alert_from_one_row_to_another() {
    let old = [alert("r", "x", (0, 10), json!({}))];
    let new = [alert("r", "x", (0, 10), json!({"/severity_id": 5, "/severity": "Critical"}))];
    let d = diff(&old, &new, &["r-x-0"]);
    assert_eq!((d.severities[&4].old, d.severities[&4].new, d.severities[&5].new, d.severities[&5].changed), (1, 0, 1, 1));
    let names: Vec<&str> = d.changed[0].fields.iter().map(|f| f.name).collect();
    assert_eq!(names, ["page", "severity"]);
}

#[test]
fn the_first_record_that_only_one_side_has_is_the_evidence() {
    let record = |n: u32| json!({"source": "file", "shard": "a", "sequence": n.to_string(), "sub_sequence": 0});
    let shown = |n: u32, at: u32| json!({"data": {"record": n, "time": at, "event": format!("{at}")}});
    let old = [alert("r", "x", (0, 10), json!({"/tidegate/records": [record(1)]}))];
    let more = json!({"/tidegate/records": [record(1), record(3), record(2)], "/evidences": [shown(0, 4), shown(1, 9), shown(2, 8)]});
    let d = diff(&old, &[alert("r", "x", (0, 10), more)], &[]);
    let evidence = d.changed[0].evidence.as_ref().expect("there is one");
    assert_eq!((evidence.sequence.as_str(), evidence.event.as_str()), ("3", "9"), "in the order of the alert");
    let d = diff(&[], &old, &[]);
    assert_eq!(d.added[0].evidence.as_ref().map(|e| (e.time_ms, e.event.as_str())), Some((0, "{\"a\":1}")));
}

#[test]
fn merged_alerts_are_left_out_and_shared_ones_only_counted() {
    let merged = alert("r", "x", (0, 10), json!({"/tidegate/episode/state": "merged"}));
    let mut d = diff(&[], std::slice::from_ref(&merged), &[]);
    assert_eq!(d, Difference::default());
    let shared = [merged, alert("s", "x", (0, 10), json!({}))];
    let paged = BTreeSet::from(["s-x-0".to_owned()]);
    d.add_shared(&Side { alerts: &shared, paged: &paged });
    let side = Side { alerts: &shared, paged: &paged };
    assert_eq!(d, Difference::between(&side, &side));
}
