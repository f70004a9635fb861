//! Tags that nobody knows: ATT&CK against our table, the others by their form.

use super::{Checker, Subject};
use crate::alert::attack::{self, Tag};
use crate::rule::yaml::{Kind, Node};
use crate::rule::{hint, quoted};

/// Namespaces of the Sigma specification, and `compliance`, which is ours.
const NAMESPACES: [&str; 8] = ["attack", "car", "cve", "d3fend", "detection", "stp", "tlp", "compliance"];
const DETECTION: [&str; 3] = ["dfir", "emerging-threats", "threat-hunting"];
const TLP: [&str; 6] = ["red", "amber", "amber-strict", "green", "clear", "white"];
/// Frameworks of compliance tags.
const FRAMEWORKS: [&str; 5] = ["gdpr", "hipaa", "jp_3sho2gl", "nist_800_53_r5", "pci_dss_v4"];

pub(super) fn check(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    let Some(Kind::List(tags)) = subject.document.get("tags").map(|n| &n.kind) else { return };
    for (n, node) in tags.iter().enumerate() {
        if tags[..n].iter().any(|other| other.text == node.text) {
            checker.warn(&node.place, format!("tag {} twice", quoted(&node.text)), "once says it", "remove one of them");
        } else if let Some((why, remedy)) = doubt(node) {
            checker.warn(&node.place, format!("tag {}", quoted(&node.text)), why, remedy);
        }
    }
}

fn doubt(node: &Node) -> Option<(String, String)> {
    let (namespace, word) = node.text.split_once('.').unwrap_or((&node.text, ""));
    match namespace {
        "attack" => attack_doubt(word),
        "cve" => (!is_cve(word)).then(|| ("it is no CVE number".to_owned(), "write it like `cve.2024-3094`".to_owned())),
        "detection" => one_of(word, &DETECTION),
        "tlp" => one_of(word, &TLP),
        "compliance" => one_of(word.split('.').next().unwrap_or_default(), &FRAMEWORKS),
        _ if NAMESPACES.contains(&namespace) => None,
        _ => {
            let why = format!("no namespace of tags is called {}{}", quoted(namespace), hint(namespace, &NAMESPACES));
            Some((why, format!("use one of: {}; other words belong into an attribute of their own", NAMESPACES.join(", "))))
        }
    }
}

fn one_of(word: &str, known: &[&str]) -> Option<(String, String)> {
    let why = format!("{} is not known here{}", quoted(word), hint(word, known));
    (!known.contains(&word)).then(|| (why, format!("use one of: {}", known.join(", "))))
}

fn attack_doubt(word: &str) -> Option<(String, String)> {
    match attack::tag(word) {
        Tag::Known => None,
        Tag::Revoked(now) => {
            let why = format!("ATT&CK {} replaced it by {now}", attack::VERSION);
            Some((why, format!("write `attack.{}`; alerts show the new id already", now.to_lowercase())))
        }
        Tag::Unknown => {
            let tactics = attack::tactic_words();
            let near = hint(word, &tactics.iter().map(String::as_str).collect::<Vec<_>>());
            let why = format!(
                "ATT&CK {} has no tactic, technique, group or software of this name{near}, so alerts do not show it",
                attack::VERSION
            );
            Some((why, "correct it: `attack.t1078.004`, `attack.credential-access`".to_owned()))
        }
    }
}

fn is_cve(word: &str) -> bool {
    let (year, number) = word.split_once(['-', '.']).unwrap_or((word, ""));
    let digits = |text: &str, least: usize| text.len() >= least && text.bytes().all(|b| b.is_ascii_digit());
    year.len() == 4 && digits(year, 4) && digits(number, 4)
}
