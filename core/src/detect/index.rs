//! The candidate index: which rules an event wakes.
//!
//! Owns the choice of one *necessary* condition per rule (a value, a prefix, a literal, a number, presence) and the tables
//! that find the rules whose condition an event meets. It may wake a rule that does not match; it never leaves one asleep
//! that does. Never decides a match. The choice depends on the rule alone, so it is the same everywhere.
//! A rule without a necessary condition is woken by every event of its sources.

use super::fold::fold;
use super::matcher::{Check, Node, View};
use super::required::required_texts;
use super::text::TextTest;
use crate::event::Slot;
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::{BTreeMap, HashMap};

/// A condition that is looked up, not computed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wake {
    /// A lower-cased text is this.
    Equals(Box<str>),
    /// A value is or spells this number (its bits).
    Number(u64),
    /// A lower-cased text starts so.
    Prefix(Box<str>),
    /// A lower-cased text holds this.
    Substring(Box<str>),
    /// The field is present.
    Present,
}

/// One of these must be met; and how common that is likely to be (lower is rarer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Necessary {
    /// Slot and condition. Empty: nothing can meet the rule.
    pub(super) any_of: Vec<(Slot, Wake)>,
    /// Guess of how common.
    pub(super) rank: u32,
}

impl Necessary {
    /// The condition for people: `eventName = "x" or eventName starts with "y"`, at most four parts of it.
    pub(super) fn in_words<'n>(&self, name: &dyn Fn(Slot) -> &'n str) -> String {
        let shown = self.any_of.iter().take(4).map(|(slot, wake)| wake.in_words(name(*slot)));
        let mut words = shown.collect::<Vec<_>>().join(" or ");
        match self.any_of.len() {
            0 => words.push_str("nothing: it never matches"),
            n if n > 4 => words.push_str(&format!(" or {} more", n - 4)),
            _ => {}
        }
        words
    }
}

impl Wake {
    fn in_words(&self, field: &str) -> String {
        match self {
            Wake::Equals(text) => format!("{field} = {text:?}"),
            Wake::Number(bits) => format!("{field} = {}", f64::from_bits(*bits)),
            Wake::Prefix(text) => format!("{field} starts with {text:?}"),
            Wake::Substring(text) => format!("{field} contains {text:?}"),
            Wake::Present => format!("{field} is present"),
        }
    }
}

/// Slots whose values are the same in a large part of all events.
pub(super) type Common<'c> = &'c dyn Fn(Slot) -> bool;

/// A necessary condition of a compiled rule, if it has one.
pub(super) fn necessary(node: &Node, common: Common<'_>) -> Option<Necessary> {
    match node {
        // The first of the rarest: the order of parts is fixed.
        Node::And(nodes) => nodes.iter().filter_map(|n| necessary(n, common)).min_by_key(|n| n.rank),
        Node::Or(nodes) => any(nodes, common),
        Node::Not(node) => match &**node {
            Node::Not(inner) => necessary(inner, common),
            Node::Check(slot, Check::Null) => Some(one(*slot, Wake::Present, 90)),
            _ => None,
        },
        Node::Check(slot, check) => of_check(*slot, check, common(*slot)),
    }
}

fn any(nodes: &[Node], common: Common<'_>) -> Option<Necessary> {
    let mut all = Necessary { any_of: Vec::new(), rank: 0 };
    for node in nodes {
        let part = necessary(node, common)?;
        all.any_of.extend(part.any_of);
        all.rank = all.rank.max(part.rank);
    }
    all.any_of.sort();
    all.any_of.dedup();
    all.rank += all.any_of.len().checked_ilog2().unwrap_or(0);
    Some(all)
}

fn one(slot: Slot, wake: Wake, rank: u32) -> Necessary {
    Necessary { any_of: vec![(slot, wake)], rank }
}

fn of_check(slot: Slot, check: &Check, common: bool) -> Option<Necessary> {
    let dearer = if common { 25 } else { 0 };
    if let Check::Regex(regex) = check
        && let Some(texts) = required_texts(regex.as_str())
    {
        let rank = texts.iter().map(|t| 40 + too_short(t)).max().unwrap_or(0) + dearer;
        return Some(Necessary { any_of: texts.into_iter().map(|t| (slot, Wake::Substring(t.into()))).collect(), rank });
    }
    let (wake, rank) = match check {
        Check::Text(test, _) => of_text(test),
        Check::Number(n) => (Wake::Number(number_bits(*n)), 15),
        Check::Bool(b) => (Wake::Equals(if *b { "true" } else { "false" }.into()), 70),
        Check::Regex(_) | Check::Cidr(_) | Check::Compare(..) | Check::Ref(..) | Check::Time(..) => (Wake::Present, 85),
        Check::Present => (Wake::Present, 90),
        Check::Null => return None,
    };
    Some(one(slot, wake, rank + dearer))
}

/// The condition on a text. A pattern whose case counts also fits lower-cased, both being lowered.
fn of_text(test: &TextTest) -> (Wake, u32) {
    let Some(literal) = test.literal().map(fold) else { return (Wake::Present, 88) };
    let short = too_short(&literal);
    let literal: Box<str> = literal.into();
    match test {
        TextTest::Equals(_) => (Wake::Equals(literal), 10 + short / 2),
        TextTest::Prefix(_) => (Wake::Prefix(literal), 20 + short),
        _ => (Wake::Substring(literal), 30 + short),
    }
}

/// Short literals are common.
fn too_short(literal: &str) -> u32 {
    match literal.len() {
        0 | 1 => 30,
        2 => 20,
        3 => 8,
        _ => 0,
    }
}

/// The bits by which equal numbers are found: zero has one sign.
fn number_bits(n: f64) -> u64 {
    if n == 0.0 { 0 } else { n.to_bits() }
}

/// Rules (numbers within the form) by necessary condition. The tables are hashed with a seed of the process; they are looked
/// up, never walked, and what is found is sorted.
#[derive(Debug, Default)]
pub(super) struct Index {
    always: Vec<u32>,
    slots: Vec<(Slot, SlotIndex)>,
}

#[derive(Debug, Default)]
struct SlotIndex {
    equals: HashMap<Box<str>, Vec<u32>>,
    numbers: HashMap<u64, Vec<u32>>,
    prefixes: HashMap<Box<str>, Vec<u32>>,
    prefix_lengths: Vec<usize>,
    substrings: Option<(AhoCorasick, Vec<Vec<u32>>)>,
    present: Vec<u32>,
}

/// Rules woken by one event, each once.
#[derive(Debug, Default)]
pub(super) struct Woken {
    rules: Vec<u32>,
    seen: Vec<u64>,
}

impl Woken {
    fn reset(&mut self, rules: usize) {
        self.rules.clear();
        self.seen.clear();
        self.seen.resize(rules.div_ceil(64), 0);
    }

    fn add(&mut self, rules: &[u32]) {
        for rule in rules {
            let (word, bit) = (*rule as usize / 64, 1u64 << (rule % 64));
            if self.seen[word] & bit == 0 {
                self.seen[word] |= bit;
                self.rules.push(*rule);
            }
        }
    }

    /// The woken rules, in order.
    pub(super) fn rules(&self) -> &[u32] {
        &self.rules
    }
}

impl Index {
    /// Builds the tables: one entry per rule of the form, in order.
    pub(super) fn new(conditions: &[Option<Necessary>]) -> Self {
        let mut by_slot: BTreeMap<Slot, BTreeMap<Wake, Vec<u32>>> = BTreeMap::new();
        let mut always = Vec::new();
        for (rule, condition) in (0u32..).zip(conditions) {
            let Some(condition) = condition else {
                always.push(rule);
                continue;
            };
            for (slot, wake) in &condition.any_of {
                by_slot.entry(*slot).or_default().entry(wake.clone()).or_default().push(rule);
            }
        }
        Index { always, slots: by_slot.into_iter().map(|(slot, wakes)| (slot, SlotIndex::new(wakes))).collect() }
    }

    /// Finds the rules an event wakes, of `rules` in the form.
    pub(super) fn wake(&self, view: &mut View<'_, '_>, rules: usize, woken: &mut Woken) {
        woken.reset(rules);
        woken.add(&self.always);
        for (slot, index) in &self.slots {
            index.wake(*slot, view, woken);
        }
        woken.rules.sort_unstable();
    }
}

impl SlotIndex {
    fn new(wakes: BTreeMap<Wake, Vec<u32>>) -> Self {
        let mut index = SlotIndex::default();
        let (mut literals, mut owners) = (Vec::new(), Vec::new());
        for (wake, rules) in wakes {
            match wake {
                Wake::Equals(text) => drop(index.equals.insert(text, rules)),
                Wake::Number(bits) => drop(index.numbers.insert(bits, rules)),
                Wake::Present => index.present = rules,
                Wake::Prefix(text) => {
                    index.prefix_lengths.push(text.len());
                    index.prefixes.insert(text, rules);
                }
                Wake::Substring(text) => {
                    literals.push(text);
                    owners.push(rules);
                }
            }
        }
        index.prefix_lengths.sort_unstable();
        index.prefix_lengths.dedup();
        index.set_substrings(&literals, owners);
        index
    }

    /// An automaton over all literals; should it be too large to build, its rules are woken by presence.
    fn set_substrings(&mut self, literals: &[Box<str>], owners: Vec<Vec<u32>>) {
        if literals.is_empty() {
            return;
        }
        let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(literals.iter().map(|t| t.as_bytes()));
        match built {
            Ok(automaton) => self.substrings = Some((automaton, owners)),
            Err(_) => self.present.extend(owners.into_iter().flatten()),
        }
    }

    fn wake(&self, slot: Slot, view: &mut View<'_, '_>, woken: &mut Woken) {
        if view.is_present(slot) {
            woken.add(&self.present);
        }
        if !self.numbers.is_empty() {
            self.wake_numbers(slot, view, woken);
        }
        if self.equals.is_empty() && self.prefixes.is_empty() && self.substrings.is_none() {
            return;
        }
        view.load(slot);
        for item in view.texts.items(usize::from(slot.0)) {
            self.wake_text(view.texts.text(item, false), woken);
        }
    }

    fn wake_numbers(&self, slot: Slot, view: &mut View<'_, '_>, woken: &mut Woken) {
        view.each_number(slot, &mut |n| {
            if let Some(rules) = self.numbers.get(&number_bits(n)) {
                woken.add(rules);
            }
        });
    }

    fn wake_text(&self, text: &str, woken: &mut Woken) {
        if let Some(rules) = self.equals.get(text) {
            woken.add(rules);
        }
        for length in &self.prefix_lengths {
            match text.get(..*length).and_then(|start| self.prefixes.get(start)) {
                Some(rules) => woken.add(rules),
                None if *length > text.len() => break,
                None => {}
            }
        }
        if let Some((automaton, owners)) = &self.substrings {
            automaton.find_overlapping_iter(text).for_each(|hit| woken.add(&owners[hit.pattern().as_usize()]));
        }
    }
}
