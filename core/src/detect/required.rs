//! The texts a regular expression requires: each match of it holds one of them. So regexes, too, are looked up before they run.
//!
//! Owns nothing but this analysis. It may find less than there is, never something that a match can lack. Texts are in lower
//! case, as the index looks at them. Limits: [`ALTERNATIVES_MAX`] texts per expression.

use super::fold::fold;
use regex_syntax::hir::{Hir, HirKind};

/// Most alternative texts of one expression.
const ALTERNATIVES_MAX: usize = 64;

/// Lower-cased texts of which every matching text, lower-cased, holds at least one. `None` if there is no such set.
pub(super) fn required_texts(regex: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::parse(regex).ok()?;
    of(&hir).filter(|texts| texts.len() <= ALTERNATIVES_MAX && texts.iter().all(|t| !t.is_empty()))
}

fn of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Alternation(parts) => {
            let texts = parts.iter().map(of).collect::<Option<Vec<_>>>()?.concat();
            (texts.len() <= ALTERNATIVES_MAX).then_some(texts)
        }
        HirKind::Concat(parts) => of_sequence(parts),
        _ => text_of(hir).map(|text| vec![text]),
    }
}

/// The best of a sequence's parts, neighbouring literals taken together.
fn of_sequence(parts: &[Hir]) -> Option<Vec<String>> {
    let (mut best, mut run) = (None, String::new());
    for part in parts {
        match text_of(part) {
            Some(text) => run.push_str(&text),
            None => {
                best = better(best, run_end(&mut run));
                best = better(best, of(part));
            }
        }
    }
    better(best, run_end(&mut run))
}

fn run_end(run: &mut String) -> Option<Vec<String>> {
    (!run.is_empty()).then(|| vec![std::mem::take(run)])
}

/// The set whose shortest text is longer; the earlier one if they are equal.
fn better(a: Option<Vec<String>>, b: Option<Vec<String>>) -> Option<Vec<String>> {
    let shortest = |texts: &Option<Vec<String>>| texts.as_ref().and_then(|t| t.iter().map(String::len).min());
    if shortest(&b) > shortest(&a) { b } else { a }
}

/// The one lower-cased text that this part always is: a literal, or a class of letters that differ only in case.
fn text_of(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(fold),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            let mut letters = class.iter().flat_map(|range| range.start()..=range.end()).take(5).map(|c| fold(&c.to_string()));
            let first = letters.next()?;
            letters.all(|letter| letter == first).then_some(first)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_wherever_they_must_be() {
        let cases: [(&str, Option<&[&str]>); 14] = [
            (r".+:assumed-role/aws:.+", Some(&[":assumed-role/aws:"])),
            (r"(?i)^arn:aws:iam::\d{12}:root$", Some(&["arn:aw"])),
            (r"(?i)DELETE", Some(&["delete"])),
            (r"(abc|de?f)x", Some(&["abc", "d"])),
            (r"(foo|bar)+baz", Some(&["foo", "bar"])),
            (r"(foo)?", None),
            (r"a|b*", None),
            (r"[ab]cd", Some(&["cd"])),
            (r"x{2,3}", Some(&["x"])),
            (r"^$", None),
            (r"\d+", None),
            (r"É", Some(&["é"])),
            (r"", None),
            (r"(", None),
        ];
        for (regex, texts) in cases {
            let texts = texts.map(|t| t.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
            assert_eq!(required_texts(regex), texts, "{regex}");
        }
    }
}
