//! Starters: a rule and its tests to begin with, one pair per kind. They pass `rules check --strict` and `rules test --strict` as they
//! are, so that whatever fails later is the author's own change.
//!
//! The texts stand beside this file, with `@WORDS@` where something is put in. Never writes a file, never draws an id: the seed does.

use crate::event::id::hash128;
use crate::rule::quoted;

/// The kinds of starter, each with what it is for.
pub const KINDS: [(&str, &str); 5] = [
    ("cloudtrail", "one API call is an alert"),
    ("guardduty", "findings of some types are alerts"),
    ("vpcflow", "many flows of one address within a time"),
    ("count", "many API calls of one principal within a time"),
    ("sequence", "one API call, then another by the same principal"),
];

const TEXTS: [(&str, &str); 5] = [
    (include_str!("cloudtrail.yml"), include_str!("cloudtrail.test.yaml")),
    (include_str!("guardduty.yml"), include_str!("guardduty.test.yaml")),
    (include_str!("vpcflow.yml"), include_str!("vpcflow.test.yaml")),
    (include_str!("count.yml"), include_str!("count.test.yaml")),
    (include_str!("sequence.yml"), include_str!("sequence.test.yaml")),
];

/// Longest title.
const TITLE_CHARS_MAX: usize = 120;

/// What the author said.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// A word of [`KINDS`].
    pub kind: String,
    /// Title of the rule.
    pub title: String,
    /// Level, as rules write it.
    pub level: String,
    /// Author.
    pub author: String,
    /// Owner.
    pub owner: String,
    /// `YYYY-MM-DD`.
    pub date: String,
    /// What ids are drawn from; two seeds give two sets of ids.
    pub seed: String,
}

/// A rule and its tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// Name of both files without their endings.
    pub stem: String,
    /// Text of `STEM.yml`.
    pub rule: String,
    /// Text of `STEM.test.yaml`.
    pub test: String,
}

/// Writes a starter.
///
/// # Errors
/// In words: an unknown kind, or a title that gives no file name.
pub fn starter(wanted: &Wanted) -> Result<Starter, String> {
    let known = KINDS.iter().position(|(kind, _)| *kind == wanted.kind);
    let Some((rule, test)) = known.and_then(|at| TEXTS.get(at)) else {
        let names: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        return Err(format!("no kind of rule is called {}; use one of: {}", quoted(&wanted.kind), names.join(", ")));
    };
    let title = wanted.title.trim();
    let stem = stem(title);
    if stem.is_empty() || title.chars().count() > TITLE_CHARS_MAX {
        return Err(format!(
            "{} gives no name of a file: a title has letters or digits, and at most {TITLE_CHARS_MAX} characters",
            quoted(title)
        ));
    }
    let fill = |text: &str| {
        let mut out = text.replace("@NAME@", &stem);
        let words = [("TITLE", title), ("AUTHOR", &wanted.author), ("OWNER", &wanted.owner)];
        for (word, value) in words {
            out = out.replace(&format!("@{word}@"), &scalar(value));
        }
        for (word, value) in [("LEVEL", wanted.level.clone()), ("DATE", wanted.date.clone())] {
            out = out.replace(&format!("@{word}@"), &value);
        }
        (1..4).fold(out, |out, n| out.replace(&format!("@ID{n}@"), &uuid(&format!("{}\0{n}", wanted.seed))))
    };
    Ok(Starter { rule: fill(rule), test: fill(test), stem })
}

/// Letters and digits of the title, the rest as `_`.
fn stem(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(c.to_ascii_lowercase()),
            _ if !out.is_empty() && !out.ends_with('_') => out.push('_'),
            _ => {}
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// A text as YAML, in flow and block: plain where that is safe.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-/()".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str())
        && !text.ends_with(' ');
    match (plain, text.contains(char::is_control)) {
        (true, _) => text.to_owned(),
        (false, false) => format!("'{}'", text.replace('\'', "''")),
        (false, true) => serde_json::Value::String(text.to_owned()).to_string(),
    }
}

/// A UUID of version 8 (custom), from a seed.
fn uuid(seed: &str) -> String {
    let bits = (hash128(seed.as_bytes()) & !(0xf << 76) | (0x8 << 76)) & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Hints;
    use crate::detect::Detector;
    use crate::rule::{RuleFile, load};
    use crate::workbench::{Outcome, check, format, run::missing_classes, run_suite, suite};
    use std::sync::Arc;

    fn wanted(kind: &str, title: &str) -> Wanted {
        let text = |word: &str| word.to_owned();
        Wanted {
            kind: text(kind),
            title: text(title),
            level: text("high"),
            author: text("O'Neill: \"Ann\""),
            owner: text("soc"),
            date: text("2026-11-24"),
            seed: text("seed"),
        }
    }

    #[test]
    fn every_starter_is_clean_and_passes_its_own_tests() {
        for (kind, _) in KINDS {
            let made = starter(&wanted(kind, "Too many: \"calls\" #1 [new]")).expect(kind);
            assert_eq!(made.stem, "too_many_calls_1_new");
            assert_eq!(format::format(&made.rule).text, made.rule, "{kind}");
            let files = [RuleFile { name: "s.yml".into(), text: made.rule.clone() }];
            let mut loaded = load(&files);
            loaded.diagnostics.extend(check::check(&files, &loaded, &Hints::default()));
            assert!(loaded.diagnostics.is_empty(), "{kind}: {:?}", loaded.diagnostics);
            let set = Arc::new(loaded.set);
            assert_eq!(Detector::new(set.clone(), &Hints::default()).1, [], "{kind}");
            let suite = suite::parse("s.test.yaml", &made.test).expect(kind);
            assert_eq!(missing_classes(&suite), Vec::<String>::new(), "{kind}");
            for case in run_suite(&set, &suite, &["s.yml".to_owned()]) {
                assert_eq!(case.outcome, Outcome::Passed, "{kind}: {}", case.name);
            }
            assert!(!made.rule.contains('@') && !made.test.contains('@'), "{kind}");
        }
    }

    #[test]
    fn ids_differ_and_are_uuids() {
        let made = starter(&wanted("sequence", "A")).expect("made");
        let ids: std::collections::BTreeSet<&str> = made.rule.lines().filter_map(|l| l.strip_prefix("id: ")).collect();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'8' && b"89ab".contains(&id.as_bytes()[19])), "{ids:?}");
        assert!(starter(&wanted("sequence", " :: ")).is_err() && starter(&wanted("x", "A")).is_err());
    }
}
