//! MITRE ATT&CK: which tactics and techniques an alert shows, and on whose word.
//!
//! Order of trust: the rule's tags and what the finding itself says; only if neither says anything, the map of finding types.
//! Its rows carry their `basis`: `ctid_v16`, `ctid_v9`, `prowler`, `amrandazz` are public maps, `proposed` is our judgement, and
//! `purpose` means that only the type's prefix (`CredentialAccess:`) was known. The basis goes into the document.
//!
//! Ids are those of ATT&CK v19 (April 2026), which split Defense Evasion into Stealth (TA0005) and Defense Impairment (TA0112)
//! and revoked the T1562 family; older ids are converted by the `revoked-by` relations of the v19 data. The maps are older and
//! were converted the same way. Techniques that had Defense Evasion among several tactics are listed under the others only.
//! Limits: [`ATTACKS_MAX`] objects per alert. The tables are read line by line where needed: alerts are rare, state is not needed.

use super::subject::Subject;
use crate::event::Fact;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The ATT&CK version of every id in a document.
pub const VERSION: &str = "19";
/// Most `attacks[]` objects of one alert.
pub const ATTACKS_MAX: usize = 50;

const MAP: &str = include_str!("attack_map.txt");
const TECHNIQUES: &str = include_str!("attack_techniques.txt");

/// The tactics in the order of the matrix: id, name.
pub const TACTICS: [(&str, &str); 15] = [
    ("TA0043", "Reconnaissance"),
    ("TA0042", "Resource Development"),
    ("TA0001", "Initial Access"),
    ("TA0002", "Execution"),
    ("TA0003", "Persistence"),
    ("TA0004", "Privilege Escalation"),
    ("TA0005", "Stealth"),
    ("TA0112", "Defense Impairment"),
    ("TA0006", "Credential Access"),
    ("TA0007", "Discovery"),
    ("TA0008", "Lateral Movement"),
    ("TA0009", "Collection"),
    ("TA0011", "Command and Control"),
    ("TA0010", "Exfiltration"),
    ("TA0040", "Impact"),
];

/// Ids that v19 revoked, with their successors.
const REVOKED: [(&str, &str); 17] = [
    ("T1070.001", "T1685.005"),
    ("T1070.002", "T1685.006"),
    ("T1562", "T1685"),
    ("T1562.001", "T1685"),
    ("T1562.002", "T1685.001"),
    ("T1562.003", "T1690"),
    ("T1562.004", "T1686"),
    ("T1562.006", "T1685"),
    ("T1562.007", "T1686.001"),
    ("T1562.008", "T1685.002"),
    ("T1562.009", "T1688"),
    ("T1562.010", "T1689"),
    ("T1562.011", "T1685.003"),
    ("T1562.012", "T1685.004"),
    ("T1562.013", "T1686.002"),
    ("T1656", "T1684.001"),
    ("T1672", "T1684.002"),
];

/// What the map says of a finding type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Whose judgement it is.
    pub basis: &'static str,
    /// Tactic ids.
    pub tactics: Vec<&'static str>,
    /// Technique ids.
    pub techniques: Vec<&'static str>,
}

/// The map's row for a `GuardDuty` finding type; for an unknown type what its prefix says.
#[must_use]
pub fn of_finding_type(finding_type: &str) -> Option<Mapped> {
    let row = rows(MAP).find_map(|mut words| (words.next() == Some(finding_type)).then_some(words));
    if let Some(mut words) = row {
        let basis = words.next()?;
        let mut list = || words.next().map(|w| w.split(',').collect()).unwrap_or_default();
        return Some(Mapped { basis, tactics: list(), techniques: list() });
    }
    let purpose: String = finding_type.split(':').next()?.to_owned();
    let tactic = TACTICS.iter().find(|(_, name)| name.replace(' ', "") == purpose).map(|(id, _)| *id);
    let tactic = tactic.or_else(|| (purpose == "DefenseEvasion").then_some("TA0005"))?;
    Some(Mapped { basis: "purpose", tactics: vec![tactic], techniques: Vec::new() })
}

fn rows(table: &'static str) -> impl Iterator<Item = impl Iterator<Item = &'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' '))
}

/// Every finding type of the map.
pub fn finding_types() -> impl Iterator<Item = &'static str> {
    rows(MAP).filter_map(|mut words| words.next())
}

/// Every technique whose name and tactics are known here.
pub fn techniques() -> impl Iterator<Item = &'static str> {
    rows(TECHNIQUES).filter_map(|mut words| words.next())
}

/// What tags say (`attack.t1078.004`, `attack.persistence`): ids of tactics and of techniques.
#[must_use]
pub fn of_tags(tags: &[String]) -> (BTreeSet<&'static str>, BTreeSet<String>) {
    let mut out = Gathered::default();
    tags.iter().filter_map(|tag| tag.strip_prefix("attack.")).for_each(|word| out.add(word, "rule"));
    out.settle();
    (out.tactics, out.techniques.into_keys().collect())
}

/// Tactics (ids) and name of a technique.
#[must_use]
pub fn technique(id: &str) -> Option<(Vec<&'static str>, &'static str)> {
    let line = TECHNIQUES.lines().find(|l| l.strip_prefix(id).is_some_and(|rest| rest.starts_with(' ')))?;
    let (tactics, name) = line[id.len() + 1..].split_once(' ')?;
    Some((tactics.split(',').collect(), name))
}

/// Tactics and techniques gathered for one alert, with the words they stand on.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    tactics: BTreeSet<&'static str>,
    /// Technique id -> name as the finding gave it (used where our table has none).
    techniques: BTreeMap<String, String>,
    /// Named in the document.
    pub(crate) basis: BTreeSet<&'static str>,
    evasion: bool,
}

/// Gathers in the order of trust.
pub(crate) fn gather(subject: &Subject<'_>) -> Gathered {
    let mut out = Gathered::default();
    for tag in &subject.rule().meta.tags {
        if let Some(word) = tag.strip_prefix("attack.") {
            out.add(word, "rule");
        }
    }
    for event in subject.events() {
        event.facts.all(Fact::Tactic).chain(event.facts.all(Fact::Technique)).for_each(|word| out.add(word, "finding"));
    }
    if out.basis.is_empty() {
        let types: BTreeSet<_> = subject.events().iter().flat_map(|e| e.facts.all(Fact::FindingType)).collect();
        for row in types.into_iter().filter_map(of_finding_type) {
            out.basis.insert(row.basis);
            out.tactics.extend(row.tactics);
            out.techniques.extend(row.techniques.into_iter().filter(|t| *t != "-").map(|t| (t.to_owned(), String::new())));
        }
    }
    out.settle();
    out
}

impl Gathered {
    /// Adds a tactic's name or a technique (`t1078.004`, `T1078.004 - Valid Accounts: Cloud Accounts`). Other words say nothing.
    fn add(&mut self, word: &str, basis: &'static str) {
        let plain = word.replace(['-', '_'], " ");
        if let Some((id, _)) = TACTICS.iter().find(|(id, name)| [id, name].iter().any(|t| t.eq_ignore_ascii_case(plain.trim()))) {
            self.tactics.insert(id);
        } else if plain.trim().eq_ignore_ascii_case("defense evasion") {
            self.evasion = true;
        } else if let Some(id) = technique_id(word) {
            let name = word.split_once(" - ").map(|(_, n)| n.rsplit(": ").next().unwrap_or(n)).unwrap_or_default();
            self.techniques.insert(id, super::neutral::cut(name, 120));
        } else {
            return;
        }
        self.basis.insert(basis);
    }

    /// Defense Evasion exists no more: it is what the techniques beside it are, or Stealth.
    fn settle(&mut self) {
        let impairs = self.techniques.keys().any(|t| technique(t).is_some_and(|(tactics, _)| tactics.contains(&"TA0112")));
        if self.evasion {
            self.tactics.insert(if impairs { "TA0112" } else { "TA0005" });
        }
    }

    /// The tactic under which a technique is shown: one that is meant, else the technique's first.
    fn tactic_of(&self, id: &str) -> Option<&'static str> {
        let (tactics, _) = technique(id)?;
        tactics.iter().find(|t| self.tactics.contains(*t)).or_else(|| tactics.first()).copied()
    }

    /// The `attacks[]` objects: one per technique, and one per tactic that no technique stands for.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let shown: BTreeSet<_> = self.techniques.keys().filter_map(|t| self.tactic_of(t)).collect();
        let alone = TACTICS.iter().filter(|(id, _)| self.tactics.contains(id) && !shown.contains(id));
        let alone = alone.map(|(id, _)| json!({"version": VERSION, "tactic": tactic_object(id)}));
        self.techniques.iter().map(|(id, name)| self.object(id, name)).chain(alone).take(ATTACKS_MAX).collect()
    }

    fn object(&self, id: &str, given_name: &str) -> Value {
        let mut out = json!({"version": VERSION});
        if let Some(tactic) = self.tactic_of(id) {
            out["tactic"] = tactic_object(tactic);
        }
        let parent = id.split('.').next().unwrap_or(id);
        out["technique"] = technique_object(parent, if parent == id { given_name } else { "" });
        if parent != id {
            out["sub_technique"] = technique_object(id, given_name);
        }
        out
    }
}

fn tactic_object(id: &str) -> Value {
    let name = TACTICS.iter().find(|(t, _)| *t == id).map_or("", |(_, n)| n);
    json!({"uid": id, "name": name})
}

fn technique_object(id: &str, given_name: &str) -> Value {
    match technique(id).map(|(_, name)| name).or(Some(given_name).filter(|n| !n.is_empty())) {
        Some(name) => json!({"uid": id, "name": name}),
        None => json!({"uid": id}),
    }
}

/// The id at the start of a text, in capitals, a revoked one as its successor.
fn technique_id(text: &str) -> Option<String> {
    let id = text.split([' ', ':']).next()?.to_ascii_uppercase();
    let (parent, sub) = id.split_once('.').unwrap_or((&id, "000"));
    let digits = |t: &str, n| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    if !(parent.strip_prefix('T').is_some_and(|d| digits(d, 4)) && digits(sub, 3)) {
        return None;
    }
    Some(REVOKED.iter().find(|(old, _)| *old == id).map_or(id.clone(), |(_, new)| (*new).to_owned()))
}

/// What an `attack.` tag is, for those who check rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// A tactic, a technique, a group (`g0001`) or software (`s0001`).
    Known,
    /// A technique that was replaced by this one.
    Revoked(&'static str),
    /// Nothing of these.
    Unknown,
}

/// Looks up the word behind `attack.`. Our table holds the techniques of clouds, containers and the hosts in them; an id outside of it
/// is taken for one of ATT&CK's where it could be (`T1001` to `T1799`).
#[must_use]
pub fn tag(word: &str) -> Tag {
    let upper = word.to_ascii_uppercase();
    if let Some((_, now)) = REVOKED.iter().find(|(old, _)| *old == upper) {
        return Tag::Revoked(now);
    }
    let object = upper.strip_prefix(['G', 'S']).is_some_and(|id| id.len() == 4 && id.bytes().all(|b| b.is_ascii_digit()));
    let plain = word.replace(['-', '_'], " ");
    let tactic = TACTICS.iter().any(|(id, name)| id.eq_ignore_ascii_case(word) || name.eq_ignore_ascii_case(&plain));
    // The tactic that v19 split: what it is follows from the techniques beside it.
    let known = object || tactic || plain.eq_ignore_ascii_case("defense evasion") || could_be_technique(&upper);
    if known { Tag::Known } else { Tag::Unknown }
}

fn could_be_technique(id: &str) -> bool {
    let number = technique_id(id).and_then(|id| id.get(1..5).and_then(|digits| digits.parse::<u16>().ok()));
    technique(id).is_some() || number.is_some_and(|number| (1_001..1_800).contains(&number))
}

/// The tactics as tags spell them.
#[must_use]
pub fn tactic_words() -> Vec<String> {
    TACTICS.iter().map(|(_, name)| name.to_lowercase().replace(' ', "-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_map_names_known_things() {
        let mut count = 0;
        for mut words in rows(MAP) {
            let finding_type = words.next().expect("type");
            let row = of_finding_type(finding_type).expect("row");
            assert!(["ctid_v16", "ctid_v9", "prowler", "amrandazz", "proposed"].contains(&row.basis), "{finding_type}");
            assert!(!row.tactics.is_empty() && row.tactics.iter().all(|t| TACTICS.iter().any(|(id, _)| id == t)), "{finding_type}");
            for id in row.techniques.iter().filter(|t| **t != "-") {
                assert!(technique(id).is_some() && REVOKED.iter().all(|(old, _)| old != id), "{finding_type} {id}");
            }
            count += 1;
        }
        assert_eq!(count, 199);
    }

    #[test]
    fn every_technique_has_its_parent_and_known_tactics() {
        for mut words in rows(TECHNIQUES) {
            let id = words.next().expect("id");
            let (tactics, name) = technique(id).expect("row");
            assert!(!name.is_empty() && tactics.iter().all(|t| TACTICS.iter().any(|(k, _)| k == t)), "{id}");
            assert!(technique(id.split('.').next().expect("parent")).is_some(), "{id}");
        }
    }

    #[test]
    fn revoked_ids_and_the_old_tactic_are_converted() {
        let mut gathered = Gathered::default();
        ["t1562.008", "Defense Evasion"].iter().for_each(|w| gathered.add(w, "finding"));
        gathered.settle();
        let want = json!([{"version": "19", "tactic": {"uid": "TA0112", "name": "Defense Impairment"},
            "technique": {"uid": "T1685", "name": "Disable or Modify Tools"},
            "sub_technique": {"uid": "T1685.002", "name": "Disable or Modify Cloud Log"}}]);
        assert_eq!(Value::from(gathered.objects()), want);
    }

    #[test]
    fn a_technique_is_shown_under_the_tactic_that_is_meant() {
        let mut gathered = Gathered::default();
        ["t1078.004", "persistence", "impact", "summary", "t12"].iter().for_each(|w| gathered.add(w, "rule"));
        let objects = gathered.objects();
        assert_eq!((objects.len(), &objects[0]["tactic"]["uid"], &objects[1]["tactic"]["uid"]), (2, &json!("TA0003"), &json!("TA0040")));
    }

    #[test]
    fn unknown_types_keep_what_their_prefix_says() {
        let row = of_finding_type("CredentialAccess:IAMUser/SomethingNew").expect("prefix");
        assert_eq!((row.basis, row.tactics), ("purpose", vec!["TA0006"]));
        assert_eq!(of_finding_type("Brand:New/Type"), None);
    }
}
