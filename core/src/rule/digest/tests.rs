use crate::rule::{Rule, RuleFile, load};
use std::fmt::Write as _;

const BASE: &str = "title: T\nid: r\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    a: [x, y]\n    b: 1\n  f:\n    c: 2\n  condition: s and not f\n";

fn rules(text: &str) -> Vec<Rule> {
    let loaded = load(&[RuleFile { name: "t.yml".into(), text: text.into() }]);
    assert!(!loaded.set.rules.is_empty(), "{:?}", loaded.diagnostics);
    loaded.set.rules
}

fn digest(text: &str) -> [u8; 32] {
    rules(text)[0].digest
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

#[test]
fn descriptions_and_order_are_not_meaning() {
    let same = [
        BASE.replace("title: T", "title: Another\nlevel: high\ntags: [attack.t1]\ndescription: d\nstatus: experimental"),
        BASE.replace("[x, y]", "[y, X, x]"),
        BASE.replace("s and not f", "not f and s"),
        BASE.replace("s and not f", "(s) and (not (f))"),
        BASE.replace("s and not f", "s and not not not f"),
        BASE.replace("    a: [x, y]\n    b: 1\n", "    b: 1\n    a: [x, y]\n"),
        BASE.replace("  f:\n", "  filter:\n").replace("not f", "not filter"),
        BASE.replace("id: r", "id: other"),
    ];
    for text in same {
        assert_eq!(hex(&digest(&text)), hex(&digest(BASE)), "{text}");
    }
}

#[test]
fn what_changes_matches_is_meaning() {
    let different = [
        BASE.replace("[x, y]", "[x, z]"),
        BASE.replace("b: 1", "b: '1'"),
        BASE.replace("b: 1", "b|gte: 1"),
        BASE.replace("a: [", "a|cased: ["),
        BASE.replace("a: [", "a|contains: ["),
        BASE.replace("not f", "f"),
        BASE.replace("cloudtrail", "guardduty"),
    ];
    let mut seen = vec![digest(BASE)];
    for text in different {
        assert!(!seen.contains(&digest(&text)), "{text}");
        seen.push(digest(&text));
    }
}

const PARENT: &str =
    "---\ntitle: P\nid: p\ncorrelation:\n  type: event_count\n  rules: [r]\n  group-by: [u, v]\n  timespan: 10m\n  condition: {gte: 2}\n";

#[test]
fn a_correlation_changes_with_what_it_refers_to() {
    let parent = |text: &str| rules(text)[0].digest;
    let base = parent(&format!("{BASE}{PARENT}"));
    let same = [
        PARENT.replace("title: P", "title: Q\nlevel: high"),
        PARENT.replace("timespan: 10m", "timespan: 600s\n  generate: true"),
        PARENT.replace("  type", "  aliases: {unused: {r: w}}\n  type"),
        PARENT.replace("{gte: 2}", "{gte: 2.0}"),
    ];
    for text in same {
        assert_eq!(parent(&format!("{BASE}{text}")), base, "{text}");
    }
    let different = [
        format!("{}{PARENT}", BASE.replace("[x, y]", "[x]")),
        format!("{BASE}{}", PARENT.replace("10m", "11m")),
        format!("{BASE}{}", PARENT.replace("gte: 2", "gte: 3")),
        format!("{BASE}{}", PARENT.replace("[u, v]", "[v, u]")),
        format!("{BASE}{}", PARENT.replace("  type", "  aliases: {u: {r: w}}\n  type")),
    ];
    for text in different {
        assert_ne!(parent(&text), base, "{text}");
    }
}

#[test]
fn the_digest_of_a_set_covers_descriptions_but_not_places() {
    let set = |name: &str, text: &str| load(&[RuleFile { name: name.into(), text: text.into() }]).set.digest;
    assert_eq!(set("a.yml", BASE), set("b/c.yml", &format!("\n\n{BASE}")));
    assert_ne!(set("a.yml", BASE), set("a.yml", &BASE.replace("title: T", "title: U")));
}

/// State and alert ids are found by these values: a change here makes all state start afresh.
#[test]
fn golden_digests() {
    let rules = rules(&format!("{BASE}{PARENT}"));
    let found: Vec<(String, String)> = rules.iter().map(|r| (r.meta.id.clone(), hex(&r.digest))).collect();
    let golden = [("p", GOLDEN_P), ("r", GOLDEN_R)].map(|(id, digest)| (id.to_owned(), digest.to_owned()));
    assert_eq!(found, golden);
}

const GOLDEN_P: &str = "1cd21c0c4a90ce351a61414209756969d54948e8c2e723ea7dfc03b14947872e";
const GOLDEN_R: &str = "1d1283aef0f218b5d6fcabd10af35bd31e1d80da0ac4c456a7dde840ab9692c0";
