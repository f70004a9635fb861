//! Linking: names become indices, filters go into their rules, digests are computed from the leaves up.
//!
//! A rule is known by its id and its name. Of two documents that claim the same word, the first keeps it and the second does not
//! load. What refers to something missing or broken, or to itself in a circle, does not load either and says why. The result is
//! sorted by id.

use super::correlation::{Alias, Draft as CorrelationDraft, DraftKind, Word};
use super::document::{Draft, DraftBody};
use super::filter::{Filter, Targets, covers};
use super::presence;
use super::report::{Report, quoted};
use super::{Body, Correlation, CorrelationKind, Expr, Place, Rule, RuleSet, digest};
use std::collections::{BTreeMap, BTreeSet};

/// Links all documents of a set.
pub(super) fn link(drafts: Vec<Draft>, report: &mut Report) -> RuleSet {
    let mut linker = Linker::new(drafts, report);
    linker.apply_filters();
    for at in 0..linker.drafts.len() {
        linker.visit(at);
    }
    linker.finish()
}

/// How far a document has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// Being followed: meeting it again closes a circle.
    Open,
    Good,
    Broken,
}

/// A correlation whose references are places in the list of documents.
struct Resolved {
    children: Vec<usize>,
    aliases: BTreeMap<String, BTreeMap<usize, String>>,
    kind: CorrelationKind,
}

struct Linker<'r> {
    drafts: Vec<Draft>,
    names: BTreeMap<String, usize>,
    states: Vec<State>,
    resolved: BTreeMap<usize, Resolved>,
    report: &'r mut Report,
}

impl<'r> Linker<'r> {
    fn new(drafts: Vec<Draft>, report: &'r mut Report) -> Self {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        let mut states = Vec::with_capacity(drafts.len());
        for (at, draft) in drafts.iter().enumerate() {
            let words: BTreeSet<&String> = draft.meta.name.iter().chain([&draft.meta.id]).collect();
            let mut state = if draft.body.is_some() { State::New } else { State::Broken };
            for word in words.into_iter().filter(|w| !w.is_empty()) {
                if let Some(first) = names.get(word) {
                    report_duplicate(word, draft, &drafts[*first], report);
                    state = State::Broken;
                } else {
                    names.insert(word.clone(), at);
                }
            }
            states.push(state);
        }
        Linker { drafts, names, states, resolved: BTreeMap::new(), report }
    }

    /// ANDs every filter to its rules.
    fn apply_filters(&mut self) {
        let filters: Vec<Filter> = (0..self.drafts.len())
            .filter(|at| self.states[*at] != State::Broken)
            .filter_map(|at| if let Some(DraftBody::Filter(f)) = &self.drafts[at].body { Some(f.clone()) } else { None })
            .collect();
        for filter in &filters {
            let targets = match &filter.targets {
                Targets::Any => (0..self.drafts.len()).collect(),
                Targets::Named(words) => words.iter().filter_map(|w| self.filter_target(filter, w)).collect::<BTreeSet<usize>>(),
            };
            for at in targets {
                if let Some(DraftBody::Detection(rule)) = &mut self.drafts[at].body
                    && covers(&filter.logsource, &rule.logsource)
                {
                    let own = std::mem::replace(&mut rule.condition, Expr::And(Vec::new()));
                    rule.condition = Expr::And(vec![own, filter.keep.clone()]);
                }
            }
        }
    }

    fn filter_target(&mut self, filter: &Filter, word: &Word) -> Option<usize> {
        let at = self.names.get(&word.text).copied();
        let fault = match at.map(|at| &self.drafts[at].body) {
            None => format!("filter {} names a rule that does not exist", quoted(&filter.title)),
            Some(None) => return None,
            Some(Some(DraftBody::Detection(rule))) if covers(&filter.logsource, &rule.logsource) => return at,
            Some(Some(DraftBody::Detection(_))) => format!("filter {} names a rule of another logsource", quoted(&filter.title)),
            Some(Some(_)) => format!("filter {} names what is no detection rule", quoted(&filter.title)),
        };
        let what = format!("rule {}", quoted(&word.text));
        self.report.error(&word.place, what, format!("{fault}; nothing is excluded"), "correct the reference or the logsource");
        None
    }

    /// Follows a document's references. Correlations nest as deep as the author wrote them, so this keeps its own stack.
    fn visit(&mut self, start: usize) {
        let mut stack = vec![(start, 0)];
        while let Some((at, next)) = stack.pop() {
            match self.states[at] {
                State::Good | State::Broken => continue,
                State::New => self.states[at] = State::Open,
                State::Open => {}
            }
            let reference = self.reference(at, next);
            match reference {
                None => self.complete(at),
                Some(word) => {
                    stack.push((at, next + 1));
                    match self.names.get(&word.text).copied() {
                        Some(child) if self.states[child] == State::New => stack.push((child, 0)),
                        Some(child) if self.states[child] == State::Open => self.circle(at, &word),
                        _ => {}
                    }
                }
            }
        }
    }

    /// The n-th reference of a correlation.
    fn reference(&self, at: usize, n: usize) -> Option<Word> {
        match &self.drafts[at].body {
            Some(DraftBody::Correlation(c)) => c.rules.get(n).cloned(),
            _ => None,
        }
    }

    fn circle(&mut self, at: usize, word: &Word) {
        let what = format!("correlation {} refers to itself", quoted(&self.drafts[at].meta.title));
        let why = format!("through {} it would wait for its own result", quoted(&word.text));
        self.report.error(&word.place, what, why, "remove one of the references of the circle");
        self.states[at] = State::Broken;
    }

    /// All references have been followed: the document is good, or says why not.
    fn complete(&mut self, at: usize) {
        let correlation = match &self.drafts[at].body {
            Some(DraftBody::Correlation(c)) => c.clone(),
            _ => {
                self.states[at] = State::Good;
                return;
            }
        };
        let errors = self.report.errors();
        let resolved = self.resolve(&correlation);
        self.states[at] = State::Broken;
        if let (Some(resolved), true) = (resolved, self.report.errors() == errors) {
            self.states[at] = State::Good;
            self.resolved.insert(at, resolved);
        }
    }

    fn resolve(&mut self, draft: &CorrelationDraft) -> Option<Resolved> {
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

    fn finish(self) -> RuleSet {
        let mut order: Vec<usize> = (0..self.drafts.len())
            .filter(|at| self.states[*at] == State::Good && !matches!(self.drafts[*at].body, Some(DraftBody::Filter(_))))
            .collect();
        order.sort_by(|a, b| self.drafts[*a].meta.id.cmp(&self.drafts[*b].meta.id));
        let index: BTreeMap<usize, u32> = order.iter().zip(0u32..).map(|(at, n)| (*at, n)).collect();
        let muted = self.muted(&order);
        let mut bodies: BTreeMap<usize, (Body, [u8; 32])> = BTreeMap::new();
        for at in self.leaves_first(&order) {
            let body = self.body(at, &index);
            let digest = match &body {
                Body::Detection(rule) => digest::detection(rule),
                Body::Correlation(c) => {
                    let children: Vec<[u8; 32]> = self.resolved[&at].children.iter().map(|c| bodies[c].1).collect();
                    digest::correlation(c, &children)
                }
            };
            bodies.insert(at, (body, digest));
        }
        let mut rules = Vec::with_capacity(order.len());
        for at in order {
            if let Some((body, digest)) = bodies.remove(&at) {
                rules.push(Rule { meta: self.drafts[at].meta.clone(), body, digest, alerts: !muted.contains(&at) });
            }
        }
        let digest = digest::set(&rules);
        RuleSet { rules, digest }
    }

    /// The documents that a correlation without `generate` refers to.
    fn muted(&self, order: &[usize]) -> BTreeSet<usize> {
        let quiet = order.iter().filter(|at| matches!(&self.drafts[**at].body, Some(DraftBody::Correlation(c)) if !c.generate));
        quiet.flat_map(|at| self.resolved[at].children.iter().copied()).collect()
    }

    /// Every document behind those it refers to.
    fn leaves_first(&self, order: &[usize]) -> Vec<usize> {
        let (mut sorted, mut seen) = (Vec::new(), BTreeSet::new());
        for start in order {
            let mut stack = vec![(*start, false)];
            while let Some((at, followed)) = stack.pop() {
                if followed {
                    sorted.push(at);
                } else if seen.insert(at) {
                    stack.push((at, true));
                    stack.extend(self.resolved.get(&at).into_iter().flat_map(|r| r.children.iter().map(|c| (*c, false))));
                }
            }
        }
        sorted
    }

    fn body(&self, at: usize, index: &BTreeMap<usize, u32>) -> Body {
        match (&self.drafts[at].body, self.resolved.get(&at)) {
            (Some(DraftBody::Correlation(draft)), Some(resolved)) => Body::Correlation(correlation(draft, resolved, index)),
            (Some(DraftBody::Detection(rule)), _) => Body::Detection(rule.clone()),
            _ => unreachable!("only rules that loaded are put in order"),
        }
    }
}

fn measures_values(kind: &DraftKind) -> bool {
    !matches!(kind, DraftKind::Temporal { .. } | DraftKind::Measure(CorrelationKind::EventCount(_)))
}

fn correlation(draft: &CorrelationDraft, resolved: &Resolved, index: &BTreeMap<usize, u32>) -> Correlation {
    let numbered = |fields: &BTreeMap<usize, String>| fields.iter().map(|(at, field)| (index[at], field.clone())).collect();
    Correlation {
        kind: resolved.kind.clone(),
        rules: resolved.children.iter().map(|at| index[at]).collect(),
        group_by: draft.group_by.iter().map(|w| w.text.clone()).collect(),
        aliases: resolved.aliases.iter().map(|(name, fields)| (name.clone(), numbered(fields))).collect(),
        timespan_ms: draft.timespan_ms,
        generate: draft.generate,
    }
}

fn report_duplicate(word: &str, second: &Draft, first: &Draft, report: &mut Report) {
    let place: &Place = &second.meta.place;
    let why = format!("rule {} at {} has it already", quoted(&first.meta.title), first.meta.place);
    report.error(place, format!("duplicate id or name {}", quoted(word)), why, "give each rule an id and a name of its own");
}
