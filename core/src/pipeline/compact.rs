//! How an entry is written: what its detections share stands once.
//!
//! An event that feeds three correlations is three detections with one account, one position, one text; thousands of events have
//! a handful of sources, shards and accounts. So names stand in a table, what belongs to the event is written with its first
//! detection, and times as differences to the event before. Equal entries give equal bytes: sharing is found by value.

use super::books::InputCounts;
use super::control::Control;
use super::entry::Entry;
use crate::event::record::Sequence;
use crate::event::{ContentId, Derived, Detection, DetectionFlags, Facts, FindingRevision, GroupKey, Position, Quantity, Source};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Compact<'a, Text, Held> {
    control: Option<Cow<'a, Control>>,
    rules: [u8; 32],
    /// Names of accounts, sources and shards, in the order of their first use.
    names: Vec<Text>,
    events: Vec<Happening<Held>>,
    detections: Vec<Match<'a>>,
    derived: Cow<'a, [Derived]>,
    watermarks: Cow<'a, [(Source, i64)]>,
    published: Cow<'a, [i64]>,
    counts: Cow<'a, InputCounts>,
    arrival_ms: i64,
}

/// What all detections of one event have in common. `account` and `place` are numbers of names.
#[derive(Serialize, Deserialize)]
struct Happening<Held> {
    source: Source,
    /// Behind the event before.
    time_ms: i64,
    /// Behind its own time.
    arrival_ms: i64,
    id: [u8; 16],
    flags: DetectionFlags,
    account: u32,
    revision: Option<FindingRevision>,
    place: (u32, u32),
    sequence: Sequence,
    sub_sequence: u32,
    facts: Held,
}

/// What is a detection's own.
#[derive(Serialize, Deserialize)]
struct Match<'a> {
    /// Whether it is the first of the next event.
    next: bool,
    target: u32,
    rule: u32,
    step: u16,
    key: Cow<'a, GroupKey>,
    quantity: Quantity,
    severity: u8,
}

/// The form that is written.
pub(super) type Lent<'a> = Compact<'a, &'a str, &'a Facts>;
/// The form that is read.
pub(super) type Owned = Compact<'static, Arc<str>, Arc<Facts>>;

/// Numbers names by first use.
#[derive(Default)]
struct Names<'a> {
    list: Vec<&'a str>,
    numbers: BTreeMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a str) -> u32 {
        let list = &mut self.list;
        *self.numbers.entry(name).or_insert_with(|| {
            list.push(name);
            list.len() as u32 - 1
        })
    }
}

impl<'a> From<&'a Entry> for Lent<'a> {
    fn from(entry: &'a Entry) -> Self {
        let (mut names, mut events) = (Names::default(), Vec::new());
        let mut detections = Vec::with_capacity(entry.detections.len());
        let mut before: Option<&Detection> = None;
        for d in &entry.detections {
            let next = !before.is_some_and(|before| one_event(before, d));
            if next {
                events.push(happening(d, before.map_or(0, |before| before.time_ms), &mut names));
            }
            before = Some(d);
            let Detection { target, rule, step, quantity, severity, .. } = *d;
            detections.push(Match { next, target, rule, step, key: Cow::Borrowed(&d.key), quantity, severity });
        }
        Compact {
            control: entry.control.as_deref().map(Cow::Borrowed),
            rules: entry.rules,
            names: names.list,
            events,
            detections,
            derived: Cow::Borrowed(&entry.derived),
            watermarks: Cow::Borrowed(&entry.watermarks),
            published: Cow::Borrowed(&entry.published),
            counts: Cow::Borrowed(&entry.counts),
            arrival_ms: entry.arrival_ms,
        }
    }
}

/// Whether two detections are of one event: nothing of it differs.
fn one_event(a: &Detection, b: &Detection) -> bool {
    (a.id, a.time_ms, a.arrival_ms, a.source, a.flags) == (b.id, b.time_ms, b.arrival_ms, b.source, b.flags)
        && (a.revision, &a.account, &a.position) == (b.revision, &b.account, &b.position)
        && (Arc::ptr_eq(&a.facts, &b.facts) || a.facts == b.facts)
}

fn happening<'a>(d: &'a Detection, before_ms: i64, names: &mut Names<'a>) -> Happening<&'a Facts> {
    Happening {
        source: d.source,
        time_ms: d.time_ms.wrapping_sub(before_ms),
        arrival_ms: d.arrival_ms.wrapping_sub(d.time_ms),
        id: d.id.0.to_le_bytes(),
        flags: d.flags,
        account: names.number(&d.account),
        revision: d.revision,
        place: (names.number(&d.position.source), names.number(&d.position.shard)),
        sequence: d.position.sequence,
        sub_sequence: d.position.sub_sequence,
        facts: &d.facts,
    }
}

impl Owned {
    /// The entry. `None`: it names what it does not hold.
    pub(super) fn entry(self) -> Option<Entry> {
        let (mut events, mut time_ms) = (self.events.into_iter(), 0i64);
        let mut base: Option<Detection> = None;
        let mut detections = Vec::with_capacity(self.detections.len());
        for own in self.detections {
            if own.next {
                let event = events.next()?;
                time_ms = time_ms.wrapping_add(event.time_ms);
                base = Some(detection(event, time_ms, &self.names)?);
            }
            let Match { target, rule, step, quantity, severity, key, .. } = own;
            detections.push(Detection { target, rule, step, quantity, severity, key: key.into_owned(), ..base.clone()? });
        }
        Some(Entry {
            control: self.control.map(|control| Box::new(control.into_owned())),
            rules: self.rules,
            detections,
            derived: self.derived.into_owned(),
            watermarks: self.watermarks.into_owned(),
            published: self.published.into_owned(),
            counts: self.counts.into_owned(),
            arrival_ms: self.arrival_ms,
        })
    }
}

fn detection(event: Happening<Arc<Facts>>, time_ms: i64, names: &[Arc<str>]) -> Option<Detection> {
    let name = |number: u32| names.get(number as usize).cloned();
    let (source, shard) = (name(event.place.0)?, name(event.place.1)?);
    Some(Detection {
        target: 0,
        rule: 0,
        step: 0,
        source: event.source,
        key: GroupKey::default(),
        time_ms,
        arrival_ms: time_ms.wrapping_add(event.arrival_ms),
        id: ContentId(u128::from_le_bytes(event.id)),
        flags: event.flags,
        account: name(event.account)?,
        quantity: Quantity::None,
        revision: event.revision,
        position: Position { source, shard, sequence: event.sequence, sub_sequence: event.sub_sequence },
        severity: 0,
        facts: event.facts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fact;

    /// Events in any order, told of by one to three detections each that agree in all but one thing now and then.
    fn made(random: &mut fastrand::Rng) -> Entry {
        let mut detections = Vec::new();
        for _ in 0..random.usize(0..12) {
            let text = |n: u32| -> Arc<str> { format!("name-{n}").into() };
            let mut facts: Facts = (0..random.usize(0..4)).map(|n| (Fact::Account, format!("{n}").repeat(n))).collect();
            facts.set_body("body");
            let position = Position {
                source: text(random.u32(0..3)),
                shard: text(random.u32(0..3)),
                sequence: random.u64(0..3).into(),
                sub_sequence: random.u32(0..2),
            };
            let base = Detection {
                target: random.u32(..),
                rule: random.u32(0..9),
                step: 0,
                source: if random.bool() { Source::GuardDuty } else { Source::Generic(random.u16(..)) },
                key: GroupKey::new(["k"]),
                time_ms: random.i64(..),
                arrival_ms: random.i64(..),
                id: ContentId(random.u128(..)),
                flags: DetectionFlags { late: random.bool(), ..DetectionFlags::default() },
                account: text(random.u32(0..5)),
                quantity: Quantity::Micros(i128::from(random.i64(..))),
                revision: None,
                position,
                severity: random.u8(1..6),
                facts: Arc::new(facts),
            };
            for _ in 0..random.usize(1..4) {
                let mut one = Detection { target: random.u32(..), ..base.clone() };
                match random.u8(0..12) {
                    0 => one.time_ms ^= 1,
                    1 => one.flags.witness = true,
                    2 => one.facts = Arc::default(),
                    3 => one.position.sub_sequence += 1,
                    4 => one.account = text(9),
                    _ => {}
                }
                detections.push(one);
            }
        }
        Entry { detections, watermarks: vec![(Source::Waf, random.i64(..))], arrival_ms: random.i64(..), ..Entry::default() }
    }

    #[test]
    fn every_entry_comes_back_as_it_was() {
        let mut random = fastrand::Rng::with_seed(640);
        for _ in 0..5_000 {
            let entry = made(&mut random);
            let bytes = entry.encode();
            let again = Entry::decode(&bytes).expect("its own bytes");
            assert_eq!(again, entry);
            assert_eq!(again.encode(), bytes, "sharing is found by value, not by where it stands in memory");
        }
    }

    #[test]
    fn what_three_detections_share_stands_once() {
        let mut entry = Entry { detections: made(&mut fastrand::Rng::with_seed(3)).detections, ..Entry::default() };
        entry.detections.truncate(1);
        let one = entry.encode().len();
        entry.detections = vec![entry.detections[0].clone(); 3];
        assert!(entry.encode().len() < one + 2 * 24, "{one} and {}", entry.encode().len());
    }

    #[test]
    fn an_entry_that_names_what_it_does_not_hold_is_refused() {
        let entry = made(&mut fastrand::Rng::with_seed(3));
        let lent = |change: fn(&mut Lent<'_>)| {
            let mut lent = Lent::from(&entry);
            change(&mut lent);
            let bytes = postcard::to_extend(&lent, Vec::new()).expect("a Vec takes everything");
            postcard::from_bytes::<Owned>(&bytes).expect("the form is right").entry()
        };
        assert_eq!(lent(|_| {}), Some(entry.clone()));
        assert_eq!(lent(|lent| lent.names.truncate(1)), None);
        assert_eq!(lent(|lent| lent.events.truncate(1)), None);
        assert_eq!(lent(|lent| lent.detections[0].next = false), None);
    }
}
