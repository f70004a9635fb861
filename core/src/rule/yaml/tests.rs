use super::*;

fn read(text: &str) -> (Vec<Node>, Vec<String>) {
    let mut report = Report::default();
    let nodes = documents(&Arc::from("f.yml"), text, &mut report);
    (nodes, report.finish().iter().map(ToString::to_string).collect())
}

#[test]
fn every_key_and_value_knows_its_place() {
    let (docs, problems) = read("a: 1\nb:\n    - 'x y'\n    - c: null\n---\nd: true\n");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(docs.len(), 2);
    let b = docs[0].get("b").unwrap();
    let Kind::List(items) = &b.kind else { panic!("{b:?}") };
    assert_eq!((items[0].place.line, items[0].place.column), (3, 7));
    assert_eq!(items[0].place_at(2).column, 10);
    assert_eq!(docs[0].entries()[1].place.line, 2);
    assert_eq!(docs[1].entries()[0].place.line, 6);
    assert_eq!(docs[1].get("d").unwrap().kind, Kind::Bool(true));
}

#[test]
fn scalars_follow_the_core_schema_and_keep_account_ids() {
    let cases = [
        ("443", Kind::Number(443.0)),
        ("-3", Kind::Number(-3.0)),
        ("1.5", Kind::Number(1.5)),
        ("1e3", Kind::Number(1000.0)),
        ("0x10", Kind::Number(16.0)),
        ("0o17", Kind::Number(15.0)),
        ("012345678901", Kind::Text),
        ("99999999999999999999", Kind::Text),
        ("9007199254740993", Kind::Text),
        (".inf", Kind::Text),
        ("nan", Kind::Text),
        ("1.2.3.4", Kind::Text),
        ("'443'", Kind::Text),
        ("'true'", Kind::Text),
        ("!!str 443", Kind::Text),
        ("yes", Kind::Text),
        ("~", Kind::Null),
        ("''", Kind::Text),
    ];
    for (text, kind) in cases {
        let (docs, problems) = read(&format!("k: {text}\n"));
        assert!(problems.is_empty(), "{text}: {problems:?}");
        assert_eq!(docs[0].get("k").unwrap().kind, kind, "{text}");
    }
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let (docs, problems) = read("a: 1\n---\nb: 'open\n---\nc: 3\n");
    assert_eq!(docs.len(), 2, "{docs:?}");
    assert_eq!(docs[1].entries()[0].place.line, 5);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("f.yml:"), "{problems:?}");
}

#[test]
fn limits_and_refusals() {
    let refused = |text: &str, word: &str| {
        let (_, problems) = read(text);
        assert!(problems.iter().any(|p| p.contains(word)), "{word}: {problems:?}");
    };
    refused(&"x".repeat(FILE_BYTES_MAX + 1), "1 MiB");
    refused(&format!("a: {}{}", "[".repeat(70), "]".repeat(70)), "nested too deep");
    refused(&format!("a: &x 1\nb: [{}]", vec!["*x"; 101].join(", ")), "too many YAML aliases");
    refused("a: 1\nb: 2\na: 3\n", "f.yml:3:1: duplicate key `a`: it stands at line 1");
    refused("a: &x [*x]\n", "alias inside its own anchor");
    refused("? [a, b]\n: 1\n", "a key that is a list");
    refused("a: !thing 1\n", "YAML tag");
    refused("a: &x {b: 1}\nc:\n  <<: *x\n", "merge key");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
    }
    refused(&bomb, "too many values");
}

#[test]
fn aliases_are_written_out() {
    let (docs, problems) = read("a: &x [1, 2]\nb: *x\n");
    assert!(problems.is_empty(), "{problems:?}");
    let b = docs[0].get("b").unwrap();
    assert_eq!((b.place.line, b.place.column), (2, 4));
    assert!(matches!(&b.kind, Kind::List(items) if items.len() == 2));
}

#[test]
fn many_keys_take_no_long_time() {
    let text: String = (0..60_000).map(|n| format!("k{n}: 1\n")).collect();
    let (docs, problems) = read(&text);
    assert!(problems.is_empty() && docs[0].entries().len() == 60_000);
}

#[test]
fn a_duplicate_key_spoils_its_document_and_hides_nothing() {
    let text = "a: 1\na: 2\nb: {c: 1, c: 2}\n---\nd: 3\n";
    let (docs, problems) = read(text);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!(docs.len(), 1, "the spoilt document is left out: {docs:?}");
    let mut report = Report::default();
    let docs = super::read(&Arc::from("f.yml"), text, Spoilt::Given, &mut report);
    assert_eq!((docs.len(), report.errors()), (2, 2));
    assert_eq!(docs[0].entries().len(), 3, "both entries are there to be checked");
    assert_eq!(docs[0].get("a").unwrap().kind, Kind::Number(1.0));
}
