//! What a correlation refers to: its rules, the fields its aliases mean, the places in its condition.
//!
//! Owns the checks between a correlation and its rules: they exist and load, are different, are no filters; a parent groups by
//! what its child correlations group by, and measures values of detection rules only.

use super::CorrelationKind;
use super::correlation::{Alias, Draft as CorrelationDraft, DraftKind, Word};
use super::document::DraftBody;
use super::link::{Linker, Resolved, State};
use super::presence;
use super::report::quoted;
use std::collections::BTreeMap;

impl Linker<'_> {
    /// Everything a correlation refers to, with its children followed before. Problems are reported.
    pub(super) fn resolve(&mut self, draft: &CorrelationDraft) -> Option<Resolved> {
        let children: Vec<Option<usize>> = draft.rules.iter().map(|w| self.child(draft, w)).collect();
        let children = children.into_iter().collect::<Option<Vec<usize>>>()?;
        self.check_same_rule(draft, &children);
        let mut places: BTreeMap<String, u16> = BTreeMap::new();
        for (place, child) in children.iter().enumerate() {
            let meta = &self.drafts[*child].meta;
            for word in meta.name.iter().chain([&meta.id]) {
                places.insert(word.clone(), u16::try_from(place).unwrap_or(u16::MAX));
            }
        }
        let aliases = self.aliases(draft, &children);
        self.check_group_by(draft, &children, &aliases);
        let kind = match &draft.kind {
            DraftKind::Measure(kind) => kind.clone(),
            DraftKind::Temporal { ordered, condition } => {
                let words: Vec<String> = draft.rules.iter().map(|w| w.text.clone()).collect();
                let presence = presence::resolve(condition, &words, &places, self.report)?;
                if *ordered { CorrelationKind::TemporalOrdered(presence) } else { CorrelationKind::Temporal(presence) }
            }
        };
        Some(Resolved { children, aliases, kind })
    }

    fn child(&mut self, draft: &CorrelationDraft, word: &Word) -> Option<usize> {
        let what = format!("rule {}", quoted(&word.text));
        let Some(at) = self.names.get(&word.text).copied() else {
            self.report.error(&word.place, what, "no rule has this id or name", "correct it, or load the file that holds the rule");
            return None;
        };
        let child = &self.drafts[at];
        let place = child.meta.place.clone();
        match (&child.body, self.states[at]) {
            (Some(DraftBody::Filter(_)), _) => {
                self.report.error(&word.place, what, format!("it is a filter ({place})"), "refer to rules and correlations");
                None
            }
            (Some(DraftBody::Correlation(_)), State::Good) if measures_values(&draft.kind) => {
                let why = format!("it is a correlation ({place}), and a correlation has no values to measure");
                self.report.error(&word.place, what, why, "refer to detection rules, or use `event_count`");
                None
            }
            (_, State::Good) => Some(at),
            _ => {
                let why = format!("it does not load itself ({place})");
                self.report.error(&word.place, what, why, "correct that rule first");
                None
            }
        }
    }

    fn check_same_rule(&mut self, draft: &CorrelationDraft, children: &[usize]) {
        for (n, child) in children.iter().enumerate() {
            if let Some(first) = children[..n].iter().position(|c| c == child) {
                let why = format!("it is the same rule as {}", quoted(&draft.rules[first].text));
                self.report.error(&draft.rules[n].place, format!("rule {}", quoted(&draft.rules[n].text)), why, "name each rule once");
            }
        }
    }

    fn aliases(&mut self, draft: &CorrelationDraft, children: &[usize]) -> BTreeMap<String, BTreeMap<usize, String>> {
        let mut all = BTreeMap::new();
        for alias in &draft.aliases {
            let mut fields = BTreeMap::new();
            for (word, field) in &alias.fields {
                match self.names.get(&word.text).filter(|at| children.contains(at)) {
                    Some(at) => drop(fields.insert(*at, field.clone())),
                    None => {
                        let what = format!("rule {} in alias {}", quoted(&word.text), quoted(&alias.name.text));
                        self.report.error(&word.place, what, "it is not in `rules`", "correct the name, or add it to `rules`");
                    }
                }
            }
            self.check_alias_use(draft, alias, &fields, children);
            all.insert(alias.name.text.clone(), fields);
        }
        all
    }

    fn check_alias_use(&mut self, draft: &CorrelationDraft, alias: &Alias, fields: &BTreeMap<usize, String>, children: &[usize]) {
        let name = quoted(&alias.name.text);
        if !draft.group_by.iter().any(|g| g.text == alias.name.text) {
            self.report.warn(&alias.name.place, format!("alias {name} is not used"), "`group-by` does not name it", "name it there");
        }
        for child in children.iter().filter(|c| !fields.contains_key(c)) {
            let meta = &self.drafts[*child].meta;
            let rule = quoted(meta.name.as_ref().unwrap_or(&meta.id));
            let why = format!("its events are grouped by a field that is itself called {name}");
            self.report.warn(&alias.name.place, format!("alias {name} says nothing for rule {rule}"), why, "add the rule's field");
        }
    }

    /// A parent can only group by what its child correlations group by.
    fn check_group_by(&mut self, draft: &CorrelationDraft, children: &[usize], aliases: &BTreeMap<String, BTreeMap<usize, String>>) {
        for (child, word) in children.iter().zip(&draft.rules) {
            let Some(DraftBody::Correlation(inner)) = &self.drafts[*child].body else { continue };
            for group in &draft.group_by {
                let field = aliases.get(&group.text).and_then(|fields| fields.get(child)).unwrap_or(&group.text);
                if inner.group_by.iter().any(|g| g.text == *field) {
                    continue;
                }
                let what = format!("group-by {} over correlation {}", quoted(field), quoted(&word.text));
                let theirs: Vec<&str> = inner.group_by.iter().map(|g| g.text.as_str()).collect();
                let why = format!("its results are known only by its own group-by ({})", theirs.join(", "));
                self.report.error(&group.place, what, why, "add the field to its group-by, or name one of its fields with an alias");
            }
        }
    }
}

fn measures_values(kind: &DraftKind) -> bool {
    !matches!(kind, DraftKind::Temporal { .. } | DraftKind::Measure(CorrelationKind::EventCount(_)))
}
