//! Linking: names become indices, filters go into their rules, digests are computed from the leaves up.
//!
//! A rule is known by its id and its name. Of two documents that claim the same word, the first keeps it and the second does not
//! load. What refers to something missing or broken, or to itself in a circle, does not load either and says why. The result is
//! sorted by id.

use super::correlation::{Draft as CorrelationDraft, Word};
use super::document::{Draft, DraftBody};
use super::filter::{Filter, Targets, covers};
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
pub(super) enum State {
    New,
    /// Being followed: meeting it again closes a circle.
    Open,
    Good,
    Broken,
}

/// A correlation whose references are places in the list of documents.
pub(super) struct Resolved {
    pub(super) children: Vec<usize>,
    pub(super) aliases: BTreeMap<String, BTreeMap<usize, String>>,
    pub(super) kind: CorrelationKind,
}

pub(super) struct Linker<'r> {
    pub(super) drafts: Vec<Draft>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) states: Vec<State>,
    resolved: BTreeMap<usize, Resolved>,
    pub(super) report: &'r mut Report,
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
