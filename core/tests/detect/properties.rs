//! Random rules on random events: the indexed matcher says what the naive one says.

use super::naive;
use super::support::{Rules, detect, logsource};
use fastrand::Rng;
use serde_json::{Map, Value as Json, json};
use tidegate_core::event::Form;
use tidegate_core::rule::{Compare, Expr, Part, Pattern, RefMode, Test, TimePart};

const DETECTORS: usize = 150;
const RULES: usize = 20;
const EVENTS: usize = 10;

const FIELDS: [&str; 12] = ["a", "b", "n", "c", "c.d", "c.e.f", "list", "list.x", "obj", "obj.k", "when", "missing"];
const WORDS: [&str; 26] = [
    "a",
    "b",
    "ab",
    "A",
    "Ab",
    "abc",
    "bca",
    "aXbXc",
    "é",
    "É",
    "ß",
    "ẞ",
    "\u{212A}",
    "k",
    "İ",
    "",
    "443",
    "-1.5",
    "true",
    "FALSE",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "2026-11-23T17:53:04Z",
    "a\"b\\c",
    "日本",
];
const REGEXES: [&str; 15] =
    ["a", "^a", "b$", "(?i)AB", "a.b", "[0-9]+", "^$", "é", r"^\d{3}$", "(?i)k", "(?i)É", "(ab|[bc]a)", "(a|b)+c", "x?b", "(?i)xb|ß"];
const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "2001:db8::/32"];
const NUMBERS: [f64; 7] = [0.0, 1.0, 2.0, -1.5, 443.0, 17.0, 2026.0];

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

fn compare(rng: &mut Rng) -> Compare {
    pick(rng, &[Compare::Lt, Compare::Lte, Compare::Gt, Compare::Gte, Compare::Eq, Compare::Neq])
}

fn pattern(rng: &mut Rng) -> Pattern {
    let part = |rng: &mut Rng| match rng.u8(..5) {
        0 | 1 => Part::Any,
        2 => Part::One,
        _ => Part::Literal(pick(rng, &WORDS).to_owned()),
    };
    if rng.u8(..3) == 0 {
        return Pattern(vec![Part::Literal(pick(rng, &WORDS).to_owned())]);
    }
    Pattern((0..rng.usize(..5)).map(|_| part(rng)).collect())
}

fn test(rng: &mut Rng) -> Test {
    match rng.u8(..16) {
        0..=5 => Test::Text { pattern: pattern(rng), cased: rng.u8(..4) == 0 },
        6 => Test::Number(pick(rng, &NUMBERS)),
        7 => Test::Bool(rng.bool()),
        8 => Test::Regex(pick(rng, &REGEXES).to_owned()),
        9 => Test::Cidr(pick(rng, &NETWORKS).parse().expect("a network")),
        10 => Test::Compare(compare(rng), pick(rng, &NUMBERS)),
        11 => Test::Null,
        12 => Test::Exists(rng.bool()),
        13 | 14 => {
            let mode = pick(rng, &[RefMode::Equals, RefMode::Contains, RefMode::StartsWith, RefMode::EndsWith]);
            Test::FieldRef { field: pick(rng, &FIELDS).to_owned(), mode, cased: rng.bool() }
        }
        _ => {
            let part = pick(rng, &[TimePart::Minute, TimePart::Hour, TimePart::Day, TimePart::Week, TimePart::Month, TimePart::Year]);
            Test::TimePart(part, compare(rng), pick(rng, &NUMBERS))
        }
    }
}

pub(super) fn expr(rng: &mut Rng, depth: u32) -> Expr {
    let parts = |rng: &mut Rng| (0..rng.usize(..4)).map(|_| expr(rng, depth - 1)).collect();
    match rng.u8(..if depth == 0 { 6 } else { 12 }) {
        0..=4 => Expr::Field { field: pick(rng, &FIELDS).to_owned(), test: test(rng) },
        5 => Expr::Keyword(test(rng)),
        6 | 7 | 11 => Expr::And(parts(rng)),
        8 | 9 => Expr::Or(parts(rng)),
        _ => Expr::Not(Box::new(expr(rng, depth - 1))),
    }
}

fn scalar(rng: &mut Rng) -> Json {
    match rng.u8(..10) {
        0 => Json::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(-3..3)),
        3 => json!(pick(rng, &[443_i64, 1_795_456_384, 1_795_456_384_123])),
        4 => json!(pick(rng, &[-1.5, 2.0, 0.25, 1e30])),
        _ => json!(pick(rng, &WORDS)),
    }
}

fn value(rng: &mut Rng, depth: u32) -> Json {
    match rng.u8(..if depth == 0 { 5 } else { 8 }) {
        0..=4 => scalar(rng),
        5 | 6 => Json::Array((0..rng.usize(..4)).map(|_| value(rng, depth - 1)).collect()),
        _ => object(rng, &["d", "e", "f", "k", "x"], depth - 1),
    }
}

fn object(rng: &mut Rng, keys: &[&str], depth: u32) -> Json {
    let mut map = Map::new();
    for key in keys {
        if rng.bool() {
            map.insert((*key).to_owned(), value(rng, depth));
        }
    }
    Json::Object(map)
}

pub(super) fn event(rng: &mut Rng) -> Json {
    let mut event = object(rng, &["a", "b", "n", "c", "c.d", "c.e.f", "list", "obj", "when"], 3);
    for (key, keys) in [("c", ["d", "e"]), ("obj", ["k", "x"])] {
        if rng.bool() {
            event[key] = object(rng, &keys, 2);
        }
    }
    event
}

#[test]
#[expect(clippy::disallowed_macros, reason = "says how much was compared: a test that compares nothing must be seen")]
fn the_indexed_matcher_equals_the_naive_one() {
    let mut rng = Rng::with_seed(20_261_123);
    let (mut cases, mut matched) = (0, 0);
    for _ in 0..DETECTORS {
        let exprs: Vec<Expr> = (0..RULES).map(|_| expr(&mut rng, 3)).collect();
        let mut rules = Rules::default();
        for expr in &exprs {
            rules.detection(logsource("p", None), expr.clone(), None);
        }
        let (detector, _) = rules.build();
        for _ in 0..EVENTS {
            let event = event(&mut rng);
            let (_, found) = detect(&detector, Form::Generic(0), &event.to_string());
            let found: Vec<u32> = found.iter().map(|d| d.rule).collect();
            let expected: Vec<u32> = (0u32..).zip(&exprs).filter(|(_, e)| naive::matches(e, &event)).map(|(n, _)| n).collect();
            let wrong = (0u32..).zip(&exprs).find(|(n, _)| found.contains(n) != expected.contains(n));
            assert_eq!(found, expected, "event {event}\nrule {wrong:?}");
            cases += exprs.len();
            matched += found.len();
        }
    }
    assert!(matched * 10 > cases && matched * 10 < cases * 9, "{matched} of {cases} matched: the generator is lopsided");
    println!("{cases} rules on events compared, {matched} matched");
}
