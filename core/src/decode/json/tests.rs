//! Unit tests by example, and a differential test against `serde_json` on random, mutated and truncated documents.

use super::*;
use crate::decode::ErrorCode;
use crate::event::slots::{Slot, Target};
use crate::event::{PathTree, Slots, Value};
use serde_json::Value as Json;

fn found(text: &str, paths: &[&str]) -> Result<Vec<Vec<Value<'static>>>, DecodeError> {
    let mut tree = PathTree::default();
    for (n, path) in paths.iter().enumerate() {
        tree.add(path.split('.'), Target { slot: Slot(n as u16), rank: 0 });
    }
    let mut slots = Slots::new(paths.len());
    fill(text, &tree, &mut slots)?;
    Ok((0..paths.len()).map(|n| slots.get(Slot(n as u16)).iter().map(|v| v.clone().into_owned()).collect()).collect())
}

fn text(t: &str) -> Value<'static> {
    Value::Text(t.to_owned().into())
}

#[test]
fn scalars_keep_their_kind() {
    let values = found(
        r#"{"a":null,"b":true,"c":-7,"d":1.639010703E9,"e":"é\n\u0041","f":18446744073709551615,"g":1e999,"h":false}"#,
        &["a", "b", "c", "d", "e", "f", "g", "h", "missing"],
    )
    .unwrap();
    let expected = [
        Value::Null,
        Value::Bool(true),
        Value::Int(-7),
        Value::Float(1_639_010_703.0),
        text("é\nA"),
        Value::Float(18_446_744_073_709_551_615.0),
        text("1e999"),
        Value::Bool(false),
    ];
    for (value, expected) in values.iter().zip(&expected) {
        assert_eq!(value, std::slice::from_ref(expected));
    }
    assert!(values[8].is_empty());
}

#[test]
fn arrays_are_transparent_and_objects_stay_text() {
    let doc = r#"{"a":[{"x":1},{"x":[2,3]},[{"x":4}],5],"o":{"k":{"z":"9"}},"n":[[1,2],3]}"#;
    let values = found(doc, &["a.x", "a", "o", "o.k.z", "n"]).unwrap();
    assert_eq!(values[0], [Value::Int(1), Value::Int(2), Value::Int(3), Value::Int(4)]);
    assert_eq!(values[1], [text(r#"{"x":1}"#), text(r#"{"x":[2,3]}"#), text(r#"[{"x":4}]"#), Value::Int(5)]);
    assert_eq!(values[2], [text(r#"{"k":{"z":"9"}}"#)]);
    assert_eq!(values[3], [text("9")]);
    assert_eq!(values[4], [text("[1,2]"), Value::Int(3)]);
}

#[test]
fn every_occurrence_of_a_key_counts_also_an_escaped_one() {
    assert_eq!(found(r#"{"a":1,"\u0061":2,"a":{"b":3}}"#, &["a"]).unwrap()[0], [Value::Int(1), Value::Int(2), text(r#"{"b":3}"#)]);
}

#[test]
fn plain_strings_are_borrowed() {
    let mut tree = PathTree::default();
    tree.add(["a"], Target { slot: Slot(0), rank: 0 });
    let mut slots = Slots::new(1);
    fill(r#"{"a":"plain, and longer than eight"}"#, &tree, &mut slots).unwrap();
    assert!(matches!(slots.get(Slot(0)), [Value::Text(Cow::Borrowed(_))]));
}

#[test]
fn surrogates_pair_or_become_replacement_characters() {
    let cases = [
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "\u{fffd}"),
        (r"\ude00x", "\u{fffd}x"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r#"\/\"\\\b\f\r\t"#, "/\"\\\u{8}\u{c}\r\t"),
    ];
    for (raw, expected) in cases {
        assert_eq!(unescape(raw), expected, "{raw}");
    }
}

#[test]
fn refusals_say_which_and_where() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let cases: [(&str, ErrorCode, usize); 14] = [
        ("", ErrorCode::JsonTruncated, 0),
        (r#"{"a":1"#, ErrorCode::JsonTruncated, 6),
        (r#"{"a":"x"#, ErrorCode::JsonTruncated, 7),
        (r#"{"a":tru"#, ErrorCode::JsonTruncated, 8),
        (r#"{"a":1}x"#, ErrorCode::JsonSyntax, 7),
        (r#"{"a" 1}"#, ErrorCode::JsonSyntax, 5),
        (r#"{a:1}"#, ErrorCode::JsonSyntax, 1),
        (r#"{"a":01}"#, ErrorCode::JsonSyntax, 6),
        (r#"{"a":1.}"#, ErrorCode::JsonSyntax, 7),
        (r#"{"a":[1,]}"#, ErrorCode::JsonSyntax, 8),
        (r#"{"a":1,}"#, ErrorCode::JsonSyntax, 7),
        (r#"{"a":"\x"}"#, ErrorCode::JsonSyntax, 7),
        ("{\"a\":\"\n\"}", ErrorCode::JsonSyntax, 6),
        (&deep(65), ErrorCode::JsonTooDeep, 64),
    ];
    for (doc, code, offset) in cases {
        for paths in [&[] as &[&str], &["a"], &["a.b"]] {
            let error = found(doc, paths).expect_err(doc);
            assert_eq!((error.code, error.offset), (code, offset), "{doc} {paths:?} {error}");
        }
    }
    assert!(found(&deep(64), &["a"]).is_ok());
}

#[test]
fn leaves_and_top_level_visit_in_order() {
    let doc = r#" {"a":[1,{"b":"x\ty"}],"c\u0064":{"e":null}} "#;
    let mut seen = Vec::new();
    leaves(doc, &mut |v| seen.push(v.clone())).unwrap();
    assert_eq!(seen, [Value::Int(1), text("x\ty"), Value::Null]);
    let mut tops = Vec::new();
    top_level(doc, &mut |key, span| tops.push((key.into_owned(), span))).unwrap();
    assert_eq!(tops, [("a".to_owned(), r#"[1,{"b":"x\ty"}]"#), ("cd".to_owned(), r#"{"e":null}"#)]);
    assert_eq!(top_level("[1]", &mut |_, _| ()).unwrap_err().code, ErrorCode::JsonSyntax);
    let mut inner = 0;
    leaves_of_json(&Value::Json(r#"{"a":[1,2]}"#), &mut |_| inner += 1);
    leaves_of_json(&Value::Bool(true), &mut |_| inner += 1);
    assert_eq!(inner, 3);
}

fn pieces(text: &str) -> Vec<String> {
    let tag = |piece: Piece<'_>| match piece {
        Piece::Value(v) => format!("value {v}"),
        Piece::Line(l) => format!("line {l}"),
        Piece::Bad(e, b) => format!("{:?} {b}", e.code),
    };
    split_stream(text).map(tag).collect()
}

#[test]
fn a_broken_document_costs_only_itself() {
    assert_eq!(pieces("{\"a\":1}{\"b\":2}\n\n[[3]] "), ["value {\"a\":1}", "value {\"b\":2}", "value [[3]]"]);
    assert_eq!(pieces("{\"a\":1}\n{\"b\":\n{\"c\":3}\n"), ["value {\"a\":1}", "JsonTruncated {\"b\":", "value {\"c\":3}"]);
    assert_eq!(pieces("{\"a\":\"x\n{\"c\":3}"), ["JsonSyntax {\"a\":\"x", "value {\"c\":3}"]);
    assert_eq!(pieces("{a:1}{\"b\":2}"), ["JsonSyntax {a:1}", "value {\"b\":2}"]);
    assert_eq!(pieces("{\"b\":2}{\"a\":[1"), ["value {\"b\":2}", "JsonTruncated {\"a\":[1"]);
    assert_eq!(pieces("2 1 eni\r\n{\"b\":2}\nplain"), ["line 2 1 eni", "value {\"b\":2}", "line plain"]);
}

fn elements(text: &str) -> Vec<String> {
    let (mut elements, mut members, mut out) = (Elements::new(text), Members::new(), Vec::new());
    while let Some(element) = elements.next_with(&mut members) {
        out.push(match element {
            Element::Value(v) => format!("{} {v}", members.len()),
            Element::Bad(e, b) => format!("{:?}@{} {b}", e.code, e.offset),
        });
    }
    out
}

#[test]
fn a_broken_element_costs_only_itself() {
    assert_eq!(elements(r#"[ {"a":1} , 2 ]"#), [r#"1 {"a":1}"#, "0 2"]);
    assert_eq!(elements(r#"[{"a":1},{"b":},{"c":3,"d":4}]"#), [r#"1 {"a":1}"#, r#"JsonSyntax@5 {"b":}"#, r#"2 {"c":3,"d":4}"#]);
    assert_eq!(elements(r#"[{"a":1},{"b":"#), [r#"1 {"a":1}"#, r#"JsonTruncated@5 {"b":"#]);
    assert_eq!(elements(r#"[{"a":1} {"b":2}]"#), [r#"1 {"a":1}"#, r#"JsonSyntax@0 {"b":2}]"#]);
    assert_eq!(elements("[]"), [""; 0]);
    assert_eq!(elements("[1"), ["0 1", "JsonTruncated@0 "]);
}

#[test]
fn lenient_members_save_what_is_whole() {
    let mut members = Members::new();
    lenient_members(r#"{"a":1,"Records":[{"x":"]"},{"y":"#, &mut members);
    let seen: Vec<_> = members.iter().map(|(k, v)| (&**k, *v)).collect();
    assert_eq!(seen, [("a", "1"), ("Records", r#"[{"x":"]"},{"y":"#)]);
}

// Differential test: random documents, written with random white space and escapes.

const KEYS: [&str; 7] = ["a", "b", "key", "tag/x.y", "ключ", "q\"uote", "long key with blanks"];

fn random_json(rng: &mut fastrand::Rng, depth: usize) -> Json {
    match rng.u8(..if depth == 0 { 7 } else { 10 }) {
        0 => Json::Null,
        1 => Json::Bool(rng.bool()),
        2 => Json::from(rng.i64(..) >> rng.u8(..64)),
        3 => Json::from(rng.u64(..)),
        4 => Json::from(f64::from(rng.i32(..)) / 64.0), // exact: serde_json may be one place off elsewhere
        5 | 6 => Json::from(random_text(rng)),
        7 => Json::Array((0..rng.usize(..4)).map(|_| random_json(rng, depth - 1)).collect()),
        _ => Json::Object((0..rng.usize(..5)).map(|_| (KEYS[rng.usize(..KEYS.len())].to_owned(), random_json(rng, depth - 1))).collect()),
    }
}

fn random_text(rng: &mut fastrand::Rng) -> String {
    let pick = |rng: &mut fastrand::Rng| match rng.u8(..10) {
        0 => char::from(rng.u8(..32)),
        1 => *rng.choice(&['"', '\\', '/', '\u{7f}', '\u{fffd}']).unwrap(),
        2 => rng.char(..),
        _ => rng.alphanumeric(),
    };
    (0..rng.usize(..30)).map(|_| pick(rng)).collect()
}

fn write_json(rng: &mut fastrand::Rng, value: &Json, out: &mut String) {
    let space = |rng: &mut fastrand::Rng, out: &mut String| {
        if rng.u8(..4) == 0 {
            out.push_str(rng.choice(&[" ", "\n", "\t", "\r\n  "]).unwrap());
        }
    };
    space(rng, out);
    match value {
        Json::String(text) => write_text(rng, text, out),
        Json::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                write_json(rng, item, out);
            }
            space(rng, out);
            out.push(']');
        }
        Json::Object(map) => {
            out.push('{');
            for (n, (key, item)) in map.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                space(rng, out);
                write_text(rng, key, out);
                space(rng, out);
                out.push(':');
                write_json(rng, item, out);
            }
            space(rng, out);
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
    space(rng, out);
}

fn write_text(rng: &mut fastrand::Rng, text: &str, out: &mut String) {
    if rng.u8(..3) > 0 {
        out.push_str(&Json::from(text).to_string());
        return;
    }
    out.push('"');
    for unit in text.encode_utf16() {
        out.push_str(&format!("\\u{unit:04x}"));
    }
    out.push('"');
}

/// The same rules as `fill`, written over a tree.
fn expected(value: &Json, path: &[&str], inside: bool, out: &mut Vec<Value<'static>>) {
    match (value, path) {
        (Json::Array(items), _) => {
            for item in items {
                if item.is_array() && path.is_empty() && !inside {
                    out.push(text(&item.to_string()));
                } else {
                    expected(item, path, inside || item.is_array(), out);
                }
            }
        }
        (Json::Object(map), [key, rest @ ..]) => map.get(*key).into_iter().for_each(|v| expected(v, rest, false, out)),
        (_, [_, ..]) => {}
        _ if inside => {}
        (Json::Null, []) => out.push(Value::Null),
        (Json::Bool(b), []) => out.push(Value::Bool(*b)),
        (Json::Number(n), []) => out.push(n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap()), Value::Int)),
        (Json::String(s), []) => out.push(text(s)),
        (object, []) => out.push(text(&object.to_string())),
    }
}

/// Equal, where numbers may differ in the last place and JSON text in its white space.
fn same(ours: &Value<'_>, theirs: &Value<'_>) -> bool {
    match (ours, theirs) {
        (Value::Float(a), Value::Float(b)) => (a - b).abs() <= b.abs() * 1e-15,
        (Value::Int(0), Value::Float(b)) => *b == 0.0,
        (Value::Text(a), Value::Text(b)) if a != b => {
            serde_json::from_str::<Json>(a).is_ok_and(|x| serde_json::from_str::<Json>(b).is_ok_and(|y| x == y))
        }
        (a, b) => a == b,
    }
}

fn random_paths(rng: &mut fastrand::Rng) -> Vec<Vec<&'static str>> {
    (0..12).map(|_| (0..rng.usize(1..5)).map(|_| KEYS[rng.usize(..KEYS.len())]).collect()).collect()
}

fn check_values(doc: &str, parsed: &Json, paths: &[Vec<&str>]) {
    let mut tree = PathTree::default();
    for (n, path) in paths.iter().enumerate() {
        tree.add(path, Target { slot: Slot(n as u16), rank: 0 });
    }
    let mut slots = Slots::new(paths.len());
    fill(doc, &tree, &mut slots).unwrap_or_else(|e| panic!("{e}: {doc}"));
    for (n, path) in paths.iter().enumerate() {
        let mut theirs = Vec::new();
        expected(parsed, path, false, &mut theirs);
        // A null gives way to any value of the slot: that is the slots' rule, not the walker's.
        if theirs.iter().any(|v| *v != Value::Null) {
            theirs.retain(|v| *v != Value::Null);
        }
        let ours: Vec<_> = slots.get(Slot(n as u16)).iter().map(|v| v.clone().into_owned()).collect();
        assert!(ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| same(a, b)), "{path:?}\n{ours:?}\n{theirs:?}\n{doc}");
    }
}

/// Where we accept and `serde_json` does not: documented above.
fn may_differ(error: &serde_json::Error) -> bool {
    let message = error.to_string();
    ["surrogate", "hex escape", "number out of range"].iter().any(|known| message.contains(known))
}

#[test]
fn agrees_with_serde_json_on_random_documents() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let mut doc = String::new();
        let tree = random_json(&mut rng, 5);
        write_json(&mut rng, &tree, &mut doc);
        let parsed: Json = serde_json::from_str(&doc).unwrap();
        check_values(&doc, &parsed, &random_paths(&mut rng));
        let mut count = 0;
        leaves(&doc, &mut |_| count += 1).unwrap();
        for _ in 0..8 {
            check_mutant(&mut rng, &doc);
        }
    }
}

fn check_mutant(rng: &mut fastrand::Rng, doc: &str) {
    let mut bytes = doc.as_bytes().to_vec();
    match rng.u8(..4) {
        0 => bytes.truncate(rng.usize(..bytes.len())),
        1 => bytes.insert(rng.usize(..bytes.len()), rng.u8(..128)),
        2 => drop(bytes.remove(rng.usize(..bytes.len()))),
        _ => {
            let at = rng.usize(..bytes.len());
            bytes[at] = *rng.choice(b"\"\\{}[],:0eE.-+tnu 9\n").unwrap();
        }
    }
    let Ok(mutant) = String::from_utf8(bytes) else { return };
    let ours = found(&mutant, &["a", "b.a", "key"]);
    let skipped = found(&mutant, &[]);
    assert_eq!(ours.as_ref().err(), skipped.as_ref().err(), "{mutant}");
    assert_eq!(leaves(&mutant, &mut |_| ()).err(), skipped.as_ref().err().cloned(), "{mutant}");
    match serde_json::from_str::<Json>(&mutant) {
        Ok(_) => assert!(ours.is_ok(), "{mutant}"),
        Err(error) => assert!(ours.is_err() || may_differ(&error), "{error}: {mutant}"),
    }
}
