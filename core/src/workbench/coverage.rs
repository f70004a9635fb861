//! Coverage: which techniques of ATT&CK and which log sources a set of rules looks at, and which rules can fire where only some
//! sources arrive.
//!
//! Owns both judgements. Never sees an event. Only rules that alert count. What a rule shows of ATT&CK is on the word of its tags; a
//! correlation without any is what the rules it refers to say; a rule of findings without any is what the map says of the finding types
//! that its condition may let through. Limit: of a condition only what it asks of the finding's type is judged.

use crate::alert::attack;
use crate::detect::sources_of;
use crate::rule::{Body, CorrelationKind, DetectionRule, Expr, Part, Pattern, Presence, RuleSet, Test};
use std::collections::{BTreeMap, BTreeSet};

/// The service that stands for every logsource that is not built in.
pub const GENERIC: &str = "generic";
/// Names under which rules ask for a finding's type.
const TYPE_FIELDS: [&str; 4] = ["type", "Type", "finding_info.types", "detail.type"];

/// What looks at one technique under one tactic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Ids of rules that may page.
    pub rules: BTreeSet<String>,
    /// Ids of rules in shadow.
    pub shadow: BTreeSet<String>,
    /// Finding types that show it.
    pub finding_types: BTreeSet<&'static str>,
}

/// What a set of rules looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By (place of the tactic in [`attack::TACTICS`], technique; empty: the tactic alone).
    pub cells: BTreeMap<(usize, String), Cell>,
    /// Ids of rules that alert, by the service whose events they need.
    pub services: BTreeMap<&'static str, BTreeSet<String>>,
    /// Ids of rules that alert and show nothing of ATT&CK.
    pub untagged: BTreeSet<String>,
}

/// Whether a rule can fire where only some sources arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It sees nothing.
    Blind,
    /// A step of it cannot be seen, or that something did not happen cannot be known.
    Partly,
    /// It has what it needs.
    Fires,
}

/// What a rule needs and what of it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub rule: String,
    /// Whether it can fire.
    pub reach: Reach,
    /// Services that it reads and that do not arrive.
    pub missing: Vec<&'static str>,
}

/// What a set looks at.
#[must_use]
pub fn coverage(set: &RuleSet) -> Coverage {
    let mut out = Coverage::default();
    for (rule, index) in set.rules.iter().zip(0u32..).filter(|(rule, _)| rule.alerts) {
        let id = &rule.meta.id;
        for service in services_of(set, index) {
            out.services.entry(service).or_default().insert(id.clone());
        }
        let shown = shown(set, index);
        if shown.is_empty() {
            out.untagged.insert(id.clone());
        }
        for (at, finding_type) in shown {
            let cell = out.cells.entry(at).or_default();
            let of = if set.in_shadow(index) { &mut cell.shadow } else { &mut cell.rules };
            of.insert(id.clone());
            cell.finding_types.extend(finding_type);
        }
    }
    out
}

/// How every rule that alerts stands where these services arrive.
#[must_use]
pub fn standings(set: &RuleSet, seen: &BTreeSet<&str>) -> Vec<Standing> {
    let alerting = set.rules.iter().zip(0u32..).filter(|(rule, _)| rule.alerts);
    let standing = |(rule, index): (&crate::rule::Rule, u32)| {
        let reach = reach(set, index, seen);
        let missing = services_of(set, index).into_iter().filter(|service| reach < Reach::Fires && !seen.contains(service));
        Standing { rule: rule.meta.id.clone(), reach, missing: missing.collect() }
    };
    alerting.map(standing).collect()
}

/// The services that feed a rule.
fn services_of(set: &RuleSet, rule: u32) -> Vec<&'static str> {
    let built_in: Vec<&'static str> = sources_of(set, rule, &[]).into_iter().map(crate::event::Source::service).collect();
    let stated = match &set.rule(rule).body {
        Body::Detection(_) => built_in.is_empty(),
        Body::Correlation(c) => c.rules.iter().any(|child| services_of(set, *child).contains(&GENERIC)),
    };
    built_in.into_iter().chain(stated.then_some(GENERIC)).collect()
}

fn reach(set: &RuleSet, rule: u32, seen: &BTreeSet<&str>) -> Reach {
    match &set.rule(rule).body {
        Body::Detection(_) if services_of(set, rule).iter().any(|service| seen.contains(service)) => Reach::Fires,
        Body::Detection(_) => Reach::Blind,
        Body::Correlation(c) => {
            let child = |place: u16| c.rules.get(usize::from(place)).map_or(Reach::Blind, |child| reach(set, *child, seen));
            match &c.kind {
                CorrelationKind::Temporal(p) | CorrelationKind::TemporalOrdered(p) => present(p, &child),
                _ => c.rules.iter().map(|child| reach(set, *child, seen)).max().unwrap_or(Reach::Blind),
            }
        }
    }
}

fn present(presence: &Presence, child: &impl Fn(u16) -> Reach) -> Reach {
    let positive = |part: &&Presence| !matches!(part, Presence::Not(_));
    match presence {
        Presence::Rule(place) => child(*place),
        // What does not arrive is always absent: it fires, and nobody can know whether rightly.
        Presence::Not(part) => present(part, child).max(Reach::Partly),
        Presence::Or(parts) => parts.iter().map(|part| present(part, child)).max().unwrap_or(Reach::Blind),
        Presence::And(parts) => {
            let lowest = parts.iter().map(|part| present(part, child)).min().unwrap_or(Reach::Blind);
            let some = parts.iter().filter(positive).any(|part| present(part, child) > Reach::Blind);
            if some { lowest.max(Reach::Partly) } else { Reach::Blind }
        }
    }
}

/// A place in the matrix, and the finding type that says so.
type Shown = BTreeSet<((usize, String), Option<&'static str>)>;

fn shown(set: &RuleSet, rule: u32) -> Shown {
    let own = tagged(&set.rule(rule).meta.tags);
    match &set.rule(rule).body {
        _ if !own.is_empty() => own,
        Body::Correlation(c) => c.rules.iter().flat_map(|child| shown(set, *child)).collect(),
        Body::Detection(d) => mapped(d),
    }
}

fn tagged(tags: &[String]) -> Shown {
    let (tactics, techniques) = attack::of_tags(tags);
    placed(&tactics, techniques.iter().map(String::as_str)).into_iter().map(|at| (at, None)).collect()
}

/// What the map says of the finding types that a rule may let through.
fn mapped(rule: &DetectionRule) -> Shown {
    if rule.logsource.service.as_deref() != Some("guardduty") {
        return Shown::new();
    }
    let passing = attack::finding_types().filter(|t| may(&rule.condition, t) != Some(false));
    let of = |finding_type: &'static str| {
        let row = attack::of_finding_type(finding_type);
        let places = row.map(|row| placed(&row.tactics.into_iter().collect(), row.techniques.into_iter().filter(|t| *t != "-")));
        places.unwrap_or_default().into_iter().map(move |at| (at, Some(finding_type)))
    };
    passing.flat_map(of).collect()
}

/// Each technique under those of its tactics that are named, else under its first; each tactic that none stands for, alone.
fn placed<'a>(tactics: &BTreeSet<&'static str>, techniques: impl Iterator<Item = &'a str>) -> BTreeSet<(usize, String)> {
    let place = |id: &str| attack::TACTICS.iter().position(|(tactic, _)| *tactic == id);
    let (mut out, mut stood) = (BTreeSet::new(), BTreeSet::new());
    for id in techniques {
        let known = attack::technique(id).map(|(own, _)| own).unwrap_or_default();
        let named: Vec<&str> = known.iter().filter(|t| tactics.contains(*t)).copied().collect();
        let under = if named.is_empty() { known.first().copied().or(tactics.first().copied()).into_iter().collect() } else { named };
        for tactic in under {
            stood.insert(tactic);
            out.extend(place(tactic).map(|at| (at, id.to_owned())));
        }
    }
    out.extend(tactics.iter().filter(|t| !stood.contains(*t)).filter_map(|t| Some((place(t)?, String::new()))));
    out
}

/// Whether a finding of this type passes; `None`: that hangs on the rest of it.
fn may(condition: &Expr, finding_type: &str) -> Option<bool> {
    match condition {
        Expr::And(parts) => all(parts.iter().map(|part| may(part, finding_type))),
        Expr::Or(parts) => all(parts.iter().map(|part| may(part, finding_type).map(|b| !b))).map(|b| !b),
        Expr::Not(part) => may(part, finding_type).map(|b| !b),
        Expr::Field { field, test } if TYPE_FIELDS.contains(&field.as_str()) => typed(test, finding_type),
        Expr::Field { .. } | Expr::Keyword(_) => None,
    }
}

/// All of them; one that is false decides, whatever is not known.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    if parts.contains(&Some(false)) { Some(false) } else { parts.into_iter().collect::<Option<Vec<bool>>>().map(|_| true) }
}

fn typed(test: &Test, finding_type: &str) -> Option<bool> {
    match test {
        Test::Text { pattern, cased: true } => Some(fits(pattern, finding_type)),
        Test::Text { pattern, cased: false } => Some(fits(&folded(pattern), &finding_type.to_lowercase())),
        Test::Exists(present) => Some(*present),
        Test::Null => Some(false),
        _ => None,
    }
}

fn folded(pattern: &Pattern) -> Pattern {
    let fold = |part: &Part| match part {
        Part::Literal(text) => Part::Literal(text.to_lowercase()),
        other => other.clone(),
    };
    Pattern(pattern.0.iter().map(fold).collect())
}

/// Whether a text fits a pattern. Finding types are short: what is tried again costs nothing.
fn fits(pattern: &Pattern, text: &str) -> bool {
    fn from(parts: &[Part], text: &str) -> bool {
        match parts.split_first() {
            None => text.is_empty(),
            Some((Part::Literal(literal), rest)) => text.strip_prefix(literal.as_str()).is_some_and(|left| from(rest, left)),
            Some((Part::One, rest)) => text.chars().next().is_some_and(|c| from(rest, &text[c.len_utf8()..])),
            Some((Part::Any, rest)) => text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| from(rest, &text[at..])),
        }
    }
    from(&pattern.0, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{RuleFile, load};

    fn set(text: &str) -> RuleSet {
        load(&[RuleFile { name: "rules.yml".into(), text: text.into() }]).set
    }

    fn detection(id: &str, service: &str, condition: &str, tags: &str) -> String {
        format!(
            "title: {id}\nid: {id}\nname: {id}\ntags: [{tags}]\nlogsource: {{product: aws, service: {service}}}\ndetection: {{s: {condition}, condition: s}}\n---\n"
        )
    }

    fn correlation(id: &str, kind: &str, rules: &str, condition: &str) -> String {
        format!(
            "title: {id}\nid: {id}\nname: {id}\ncorrelation: {{type: {kind}, rules: [{rules}], group-by: [x], timespan: 10m, condition: {condition}}}\n---\n"
        )
    }

    fn technique(coverage: &Coverage, tactic: &str, technique: &str) -> Option<Cell> {
        let at = attack::TACTICS.iter().position(|(_, name)| *name == tactic)?;
        coverage.cells.get(&(at, technique.to_owned())).cloned()
    }

    #[test]
    fn tags_decide_and_the_map_speaks_where_there_are_none() {
        let rules = detection("tagged", "cloudtrail", "{eventName: A}", "attack.persistence, attack.t1078.004, attack.impact")
            + &detection("typed", "guardduty", "{'type|startswith': 'CryptoCurrency:EC2/'}", "")
            + &detection("other", "route53", "{query_name: a}", "compliance.x");
        let got = coverage(&set(&rules));
        assert!(technique(&got, "Persistence", "T1078.004").expect("under the tactic named").rules.contains("tagged"));
        assert!(technique(&got, "Initial Access", "T1078.004").is_none());
        assert!(technique(&got, "Impact", "").expect("a tactic alone").rules.contains("tagged"));
        let types: BTreeSet<_> = got.cells.values().flat_map(|c| c.finding_types.iter().copied()).collect();
        assert!(!types.is_empty() && types.iter().all(|t| t.starts_with("CryptoCurrency:EC2/")), "{types:?}");
        assert_eq!(got.untagged.iter().collect::<Vec<_>>(), ["other"]);
        assert_eq!(got.services.keys().copied().collect::<Vec<_>>(), ["cloudtrail", "guardduty", "route53"]);
    }

    #[test]
    fn a_rule_of_all_findings_covers_every_type_of_the_map() {
        let got = coverage(&set(&detection("all", "guardduty", "{'type|exists': true}", "")));
        let types: BTreeSet<_> = got.cells.values().flat_map(|c| c.finding_types.iter().copied()).collect();
        assert_eq!(types.len(), attack::finding_types().count());
    }

    #[test]
    fn muted_rules_do_not_count_and_lend_their_tags() {
        let rules =
            detection("base", "cloudtrail", "{eventName: A}", "attack.t1110") + &correlation("many", "event_count", "base", "{gte: 2}");
        let got = coverage(&set(&rules));
        assert_eq!(technique(&got, "Credential Access", "T1110").expect("lent").rules.iter().collect::<Vec<_>>(), ["many"]);
        assert_eq!(got.services["cloudtrail"].len(), 1);
    }

    #[test]
    fn what_a_rule_in_shadow_shows_stands_apart() {
        let rules = detection("a", "cloudtrail", "{eventName: A}", "attack.t1110").replace("id: a\n", "id: a\nstatus: experimental\n");
        let cell = technique(&coverage(&set(&rules)), "Credential Access", "T1110").expect("a cell");
        assert_eq!((cell.rules.len(), cell.shadow.len()), (0, 1));
    }

    #[test]
    fn correlations_need_all_or_any_of_their_sources() {
        let rules = detection("t", "cloudtrail", "{eventName: A}", "")
            + &detection("f", "vpcflow", "{action: REJECT}", "")
            + &correlation("both", "temporal", "t, f", "t and f")
            + &correlation("either", "temporal", "t, f", "t or f")
            + &correlation("without", "temporal", "t, f", "t and not f")
            + &correlation("count", "event_count", "t, f", "{gte: 2}");
        let set = set(&rules);
        let of = |seen: &[&str]| {
            let seen = seen.iter().copied().collect();
            let all = standings(&set, &seen).into_iter().map(|s| (s.rule, (s.reach, s.missing)));
            all.collect::<BTreeMap<_, _>>()
        };
        let (trail, flow, none) = (of(&["cloudtrail"]), of(&["vpcflow"]), of(&[]));
        assert_eq!(trail["both"], (Reach::Partly, vec!["vpcflow"]));
        assert_eq!((&trail["either"].0, &trail["count"].0), (&Reach::Fires, &Reach::Fires));
        assert_eq!(trail["without"], (Reach::Partly, vec!["vpcflow"]), "nobody can know that it did not happen");
        assert_eq!(flow["without"].0, Reach::Blind, "what must happen cannot be seen");
        assert!(none.values().all(|(reach, missing)| *reach == Reach::Blind && !missing.is_empty()), "{none:?}");
        assert!(of(&["cloudtrail", "vpcflow"]).values().all(|(reach, missing)| *reach == Reach::Fires && missing.is_empty()));
    }

    #[test]
    fn rules_of_stated_sources_need_the_generic_one() {
        let rules = "title: S\nid: s\nlogsource: {product: shop}\ndetection: {s: {a: 1}, condition: s}\n";
        let standing = standings(&set(rules), &["cloudtrail"].into_iter().collect());
        assert_eq!((standing[0].reach, &standing[0].missing[..]), (Reach::Blind, &[GENERIC][..]));
    }
}
