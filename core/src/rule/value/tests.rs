use super::*;
use crate::rule::TimePart;
use crate::rule::report::Report;
use crate::rule::yaml;
use std::sync::Arc;

/// The tests of `key: value`, shown short.
fn shown(item: &str) -> Result<String, String> {
    let mut report = Report::default();
    let docs = yaml::documents(&Arc::from("f"), item, &mut report);
    let entry = &docs[0].entries()[0];
    let chain = Chain::parse(&entry.key).map_err(|f| f.what)?;
    let tests = tests(&chain, &entry.value).map_err(|f| format!("{}: {}", f.what, f.why))?;
    Ok(tests.iter().map(show).collect::<Vec<_>>().join(" | "))
}

fn show(test: &Test) -> String {
    match test {
        Test::Text { pattern, cased } => {
            let part = |p: &Part| match p {
                Part::Literal(t) => t.clone(),
                Part::One => "?".into(),
                Part::Any => "*".into(),
            };
            let text: String = pattern.0.iter().map(part).collect();
            if *cased { format!("cased {text}") } else { text }
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn values_without_modifiers_keep_their_type() {
    for (item, expected) in [
        ("f: abc*", "abc*"),
        ("f: 4625", "Number(4625.0)"),
        ("f: '4625'", "4625"),
        ("f: true", "Bool(true)"),
        ("f: 'true'", "true"),
        ("f: null", "Null"),
        ("f: ''", ""),
    ] {
        assert_eq!(shown(item).unwrap(), expected, "{item}");
    }
}

#[test]
fn places_case_and_existence() {
    for (item, expected) in [
        ("f|contains: x", "*x*"),
        ("f|contains: '*x'", "*x*"),
        ("f|startswith: x", "x*"),
        ("f|endswith: '\\x'", "*\\x"),
        ("f|startswith|cased: Xy", "cased Xy*"),
        ("f|contains: 443", "*443*"),
        ("f|exists: false", "Exists(false)"),
        ("f|exists: true", "Exists(true)"),
    ] {
        assert_eq!(shown(item).unwrap(), expected, "{item}");
    }
    assert!(shown("f|exists: yes").unwrap_err().contains("`exists` with a text"));
    assert!(shown("f|contains: null").unwrap_err().contains("`null` under modifiers"));
    assert!(shown("f: {a: b}").unwrap_err().contains("a map as a value"));
}

#[test]
fn regular_expressions_are_compiled_when_they_are_read() {
    for (item, expected) in [
        ("f|re: 'a.*\\d+$'", "Regex(\"a.*\\\\d+$\")"),
        ("f|re|i|s: ab", "Regex(\"(?is)ab\")"),
        ("f|re|m: ^ab", "Regex(\"(?m)^ab\")"),
        ("f|re|startswith: a|b", "Regex(\"\\\\A(?:a|b)\")"),
        ("f|re|endswith: a", "Regex(\"(?:a)\\\\z\")"),
        ("f|re|contains: a", "Regex(\"a\")"),
    ] {
        assert_eq!(shown(item).unwrap(), expected, "{item}");
    }
    assert!(shown("f|re: 'a(?!b)'").unwrap_err().contains("look-around"));
    assert!(shown("f|re: '(a)\\1'").unwrap_err().contains("backreferences"));
    assert!(shown("f|re: '(a'").unwrap_err().contains("unclosed group"));
    assert!(shown("f|re: '(\\w{1000}){1000}'").unwrap_err().contains("1 MiB"));
}

#[test]
fn encodings_follow_the_order_written() {
    for (item, expected) in [
        ("f|base64: foobar", "Zm9vYmFy"),
        ("f|base64offset|contains: foobar", "*Zm9vYmFy* | *Zvb2Jhc* | *mb29iYX*"),
        ("f|wide|base64: cmd", "YwBtAGQA"),
        ("f|utf16le|base64: cmd", "YwBtAGQA"),
        ("f|utf16be|base64: cmd", "AGMAbQBk"),
        ("f|utf16|base64: cmd", "//5jAG0AZAA="),
        ("f|wide: cmd", "c\0m\0d\0"),
        ("f|wide|contains: cmd", "*c\0m\0d\0*"),
        ("f|contains|wide: cmd", "*c\0m\0d\0*"),
        ("f|utf16: a", "\u{feff}a\0"),
        ("f|windash|contains: ' -x'", "* -x* | * /x* | * \u{2013}x* | * \u{2014}x* | * \u{2015}x*"),
    ] {
        assert_eq!(shown(item).unwrap(), expected, "{item}");
    }
    assert!(shown("f|base64: 'a*'").unwrap_err().contains("wildcard"));
    assert!(shown("f|wide: é").unwrap_err().contains("UTF-8"));
    assert!(shown("f|wide|base64: é").is_ok());
    assert!(shown("f|windash: '-a -b -c -d -e -f'").unwrap_err().contains("spellings"));
    assert!(shown("f|base64offset: a").unwrap_err().contains("too short"));
}

#[test]
fn numbers_times_networks_and_references() {
    for (item, expected) in [
        ("f|lt: 5", "Compare(Lt, 5.0)"),
        ("f|gte: -1.5", "Compare(Gte, -1.5)"),
        ("f|hour: 3", "TimePart(Hour, Eq, 3.0)"),
        ("f|hour|gte: 22", "TimePart(Hour, Gte, 22.0)"),
        ("f|cidr: 10.0.0.0/8", "Cidr(10.0.0.0/8)"),
        ("f|cidr: '2001:db8::/32'", "Cidr(2001:db8::/32)"),
        ("f|cidr: 10.1.2.3", "Cidr(10.1.2.3/32)"),
        ("f|fieldref: other", "FieldRef { field: \"other\", mode: Equals, cased: false }"),
        ("f|fieldref|endswith: other", "FieldRef { field: \"other\", mode: EndsWith, cased: false }"),
        ("f|contains|fieldref: other", "FieldRef { field: \"other\", mode: Contains, cased: false }"),
        ("f|fieldref|cased: other", "FieldRef { field: \"other\", mode: Equals, cased: true }"),
    ] {
        assert_eq!(shown(item).unwrap(), expected, "{item}");
    }
    for part in [TimePart::Minute, TimePart::Day, TimePart::Week, TimePart::Month, TimePart::Year] {
        let word = format!("{part:?}").to_lowercase();
        assert_eq!(shown(&format!("f|{word}: 1")).unwrap(), format!("TimePart({part:?}, Eq, 1.0)"));
    }
    assert!(shown("f|lt: '5'").unwrap_err().contains("need a number"));
    assert!(shown("f|cidr: 10.0.0.1/8").unwrap_err().contains("bits outside"));
    assert!(shown("f|cidr: home").unwrap_err().contains("no IPv4 or IPv6"));
    assert!(shown("f|fieldref: 'a*'").unwrap_err().contains("named exactly"));
}

#[test]
fn placeholders_without_a_value_are_refused() {
    assert!(shown("f|expand: '%Servers%'").unwrap_err().contains("placeholder `%Servers%`"));
    assert!(shown("f|expand: '\\%plain%name%'").unwrap_err().contains("`%name%`"));
    assert_eq!(shown("f|expand: '\\%plain\\%'").unwrap(), "%plain%");
    assert_eq!(shown("f: '%Servers%'").unwrap(), "%Servers%");
}
