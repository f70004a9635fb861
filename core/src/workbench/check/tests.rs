use super::*;
use crate::rule::load;

fn warnings(rules: &str) -> Vec<String> {
    let files = [RuleFile { name: "r.yml".into(), text: rules.into() }];
    let loaded = load(&files);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    check(&files, &loaded, &Hints::default()).iter().map(ToString::to_string).collect()
}

fn rule(service: &str, detection: &str) -> String {
    format!("title: T\nid: t\nlogsource: {{product: aws, service: {service}}}\nlevel: low\ndetection:\n{detection}")
}

/// Exactly one warning, at this line, with these words.
fn only(rules: &str, line: u32, words: &str) {
    let found = warnings(rules);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("r.yml:{line}:")) && found[0].contains(words), "{found:?}");
}

#[test]
fn a_sound_rule_is_left_alone() {
    let text = "  a: {eventName: [PutObject, GetObject], requestParameters.anything.goes: 1, userIdentity.arn|re: '^arn:aws:iam::\\d+:root$'}\n  \
                b: {account.owner: x}\n  condition: a and not b\n";
    assert_eq!(warnings(&rule("cloudtrail", text)), Vec::<String>::new());
    let flows = "  a: {srcaddr: 10.0.0.1, dst_port: 22, log_status: OK, src_endpoint.ip: 10.0.0.1}\n  condition: a\n";
    only(&rule("vpcflow", flows), 6, "`dst_port`");
}

#[test]
fn fields_are_looked_up() {
    only(&rule("cloudtrail", "  a: {eventname: x}\n  condition: a\n"), 6, "did you mean `eventName`?");
    only(&rule("cloudtrail", "  a:\n    userIdentity.acountId: x\n  condition: a\n"), 7, "did you mean `userIdentity.accountId`?");
    only(&rule("vpcflow", "  a: {dstprot: 22}\n  condition: a\n"), 6, "did you mean `dstport`?");
}

#[test]
fn group_keys_that_events_lack_are_told() {
    let child = rule("vpcflow", "  a: {dstport: 22}\n  condition: a\n");
    let parent = "---\ntitle: P\nid: p\nlevel: low\ncorrelation:\n  type: event_count\n  rules: [t]\n  group-by: [recipientAccountId]\n  timespan: 30s\n  condition: {gte: 2}\n";
    let found = warnings(&format!("{child}{parent}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("r.yml:15:14") && found[0].contains("`recipientAccountId`"), "{found:?}");
    assert!(found[1].contains("a timespan of 30s over flow logs"), "{found:?}");
}

#[test]
fn conditions_are_tried() {
    only(&rule("cloudtrail", "  a: {eventName: x}\n  condition: a and not a\n"), 7, "never holds");
    only(&rule("cloudtrail", "  a: {eventName: x}\n  condition: a or not a\n"), 7, "always holds");
    only(&rule("cloudtrail", "  a: {eventName: x}\n  b: {eventName: y}\n  condition: a or (a and b)\n"), 7, "`b` never decides");
    only(&rule("cloudtrail", "  a: {eventName: x}\n  b: {eventName: x}\n  condition: a and not b\n"), 8, "never holds");
}

#[test]
fn values_and_expressions_that_say_nothing_are_told() {
    only(
        &rule("cloudtrail", "  a:\n    eventName|startswith: [Put, PutObject]\n  condition: a\n"),
        7,
        "`PutObject` of `eventName` decides nothing",
    );
    only(&rule("cloudtrail", "  a:\n    eventName: ['Put*', GetObject, getobject]\n  condition: a\n"), 7, "`getobject`");
    only(&rule("cloudtrail", "  a:\n    userAgent|re: '.*'\n  condition: a\n"), 7, "matches everything");
    assert_eq!(warnings(&rule("cloudtrail", "  a:\n    userAgent|re: '^[^.]*$'\n  condition: a\n")), Vec::<String>::new());
    only(&rule("cloudtrail", "  a:\n    userAgent|re: '.*curl'\n  condition: a\n"), 7, "`.*` at an end");
    only(&rule("cloudtrail", "  a:\n    userAgent|re: '\\w{14}x'\n  condition: a\n"), 7, "is huge");
}

#[test]
fn tags_and_levels_are_looked_up() {
    let tagged = |tag: &str| rule("cloudtrail", "  a: {eventName: x}\n  condition: a\n") + &format!("tags: [{tag}]\n");
    for good in [
        "attack.t1078.004",
        "attack.credential-access",
        "attack.defense-evasion",
        "attack.g0016",
        "attack.t1003",
        "cve.2024-3094",
        "tlp.red",
    ] {
        assert_eq!(warnings(&tagged(good)), Vec::<String>::new(), "{good}");
    }
    only(&tagged("attack.t9999"), 8, "has no tactic, technique");
    only(&tagged("attack.t1562.008"), 8, "replaced it by T1685.002");
    only(&tagged("attack.credential-acess"), 8, "did you mean `credential-access`?");
    only(&tagged("complience.hipaa.x"), 8, "did you mean `compliance`?");
    only(&tagged("tlp.red, tlp.red"), 8, "twice");
    only(
        "title: T\nid: t\nlogsource: {product: aws, service: cloudtrail}\ndetection: {a: {eventName: x}, condition: a}\n",
        1,
        "no `level`",
    );
}
