//! Shadow: rules that run, are counted and stored, and page nobody.
//!
//! Owns who is in shadow: a rule with `status: experimental`, a rule that the configuration lists, and a correlation that refers to
//! one of these, directly or through other correlations: an alert has proved itself no more than what it stands on. Never decides
//! about alerts. The list of the configuration travels as a file of the set ([`list`]): it is kept where the rules are kept, the
//! digest of the set covers what it does, and a log that is applied again finds it.

use super::condition::fits;
use super::report::{Report, quoted};
use super::{Body, Place, RuleFile, RuleSet, Status, digest};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name of the list among the files of a set. No rule file is called so: those end in `.yml` or `.yaml`.
pub const LIST: &str = "shadow of the configuration";

/// The list as a file of the set: a pattern per line, `*` stands for any characters; `None` where nothing is listed.
#[must_use]
pub fn list(patterns: &[String]) -> Option<RuleFile> {
    let text = patterns.join("\n");
    (!patterns.is_empty()).then(|| RuleFile { name: LIST.to_owned(), text })
}

impl RuleSet {
    /// Whether a rule pages nobody.
    #[must_use]
    pub fn in_shadow(&self, rule: u32) -> bool {
        self.cast_by(rule).is_some()
    }

    /// The rule whose status puts this one in shadow: itself, or one that it refers to.
    #[must_use]
    pub fn cast_by(&self, rule: u32) -> Option<u32> {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![rule]);
        while let Some(at) = waiting.pop() {
            if self.rule(at).meta.status == Status::Experimental {
                return Some(at);
            }
            if let Body::Correlation(correlation) = &self.rule(at).body
                && seen.insert(at)
            {
                waiting.extend(correlation.rules.iter().rev());
            }
        }
        None
    }

    /// How many rules and correlations are in shadow.
    #[must_use]
    pub fn shadows(&self) -> usize {
        (0..self.rules.len() as u32).filter(|rule| self.in_shadow(*rule)).count()
    }
}

/// Puts the rules in shadow that the list names, by id or name.
pub(super) fn cast(set: &mut RuleSet, files: &[RuleFile], report: &mut Report) {
    let Some(file) = files.iter().find(|file| file.name == LIST) else { return };
    let name: Arc<str> = LIST.into();
    for (pattern, line) in file.text.lines().zip(1..) {
        let named = |word: &str| fits(pattern, word);
        let mut some = false;
        for rule in set.rules.iter_mut().filter(|r| named(&r.meta.id) || r.meta.name.as_deref().is_some_and(named)) {
            rule.meta.status = Status::Experimental;
            some = true;
        }
        if !some {
            let place = Place { file: name.clone(), line, column: 1 };
            let why = "no rule has such an id or name, so nothing is put in shadow by it";
            report.warn(&place, format!("{} names no rule", quoted(pattern)), why, "correct it, or remove it from `shadow`");
        }
    }
    set.digest = digest::set(&set.rules);
}

/// Warnings about correlations that are in shadow only because of what they refer to.
pub(super) fn inherited(set: &RuleSet, report: &mut Report) {
    for (rule, index) in set.rules.iter().zip(0u32..) {
        let Some(by) = set.cast_by(index).filter(|by| *by != index).map(|by| &set.rule(by).meta) else { continue };
        let what = format!("correlation {} runs in shadow", quoted(&rule.meta.title));
        let why = format!("it refers to {}, which does: what rests on it pages nobody", quoted(&by.title));
        report.warn(&rule.meta.place, what, why, "promote that rule too when it has proved itself (`tidegate rules promote`)");
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::{Loaded, RuleFile, load, shadow};

    const RULES: &str = "title: Base\nid: team-base\nname: base\nlogsource: {product: shop}\ndetection: {s: {a: 1}, condition: s}\n---
title: Child\nid: child\ncorrelation: {type: event_count, rules: [base], group-by: [who], timespan: 10m, condition: {gte: 2}}\n---
title: Parent\nid: parent\ncorrelation: {type: event_count, rules: [child], group-by: [who], timespan: 10m, condition: {gte: 2}}\n---
title: Other\nid: other\nlogsource: {product: shop}\ndetection: {s: {a: 2}, condition: s}\n";

    fn with(patterns: &[&str]) -> Loaded {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let mut files = vec![RuleFile { name: "rules.yml".into(), text: RULES.into() }];
        files.extend(shadow::list(&patterns));
        load(&files)
    }

    fn shadows(loaded: &Loaded) -> Vec<&str> {
        let set = &loaded.set;
        (0..set.rules.len() as u32).filter(|r| set.in_shadow(*r)).map(|r| set.rule(r).meta.id.as_str()).collect()
    }

    #[test]
    fn the_list_names_rules_by_id_name_or_pattern_and_what_rests_on_them_is_in_shadow_too() {
        assert!(shadows(&with(&[])).is_empty());
        assert_eq!(shadows(&with(&["other"])), ["other"]);
        assert_eq!(shadows(&with(&["team-*"])), ["child", "parent", "team-base"]);
        assert_eq!(shadows(&with(&["base"])), ["child", "parent", "team-base"]);
        assert_eq!(shadows(&with(&["parent"])), ["parent"]);
        assert_eq!(with(&["*"]).set.shadows(), 4);
    }

    #[test]
    fn the_digest_of_the_set_tells_what_is_listed_and_that_of_a_rule_does_not() {
        let (none, some, same) = (with(&[]), with(&["other"]), with(&["oth*", "other"]));
        assert_ne!(none.set.digest, some.set.digest);
        assert_eq!(some.set.digest, same.set.digest, "what is in shadow, not how that is written");
        let digests = |loaded: &Loaded| loaded.set.rules.iter().map(|r| r.digest).collect::<Vec<_>>();
        assert_eq!(digests(&none), digests(&some), "the state of a rule outlives its promotion");
    }

    #[test]
    fn a_pattern_that_names_nothing_and_a_correlation_that_inherits_are_told() {
        let said: Vec<String> = with(&["base", "nobody"]).diagnostics.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|d| d.starts_with("shadow of the configuration:2:1: warning: `nobody` names no rule")), "{said:?}");
        assert_eq!(said.iter().filter(|d| d.contains("runs in shadow: it refers to")).count(), 2, "{said:?}");
        assert!(with(&[]).diagnostics.iter().all(|d| !d.to_string().contains("shadow")));
    }
}
