//! Which shard is read when: a state machine without clock and network. What is to be done comes out ([`Shards::next`]), what became
//! of it goes in ([`Shards::answer`]); the same events at the same times give the same actions.
//!
//! Owns discovery (every 30 s, and whenever a shard ends), parents before children, where each shard is read from, what is said of
//! idle, ended and lost shards, and the bound on memory: at most [`READS_MAX`] answers are asked for or wait to be taken. A shard has
//! at most one call or hand-over under way, so that its records stay in order and a slow taker stops the polling.
//!
//! A shard is announced (a hand-over without records) before it is read, and children are announced before the end of their parent is
//! told, in the same hand-over: so the watermark never runs ahead of records in a shard that nobody has heard of.
//!
//! Where a source began is a position of its own, under the shard `.`: `latest` means the time of the first start, also after a
//! restart and for shards that were not read until then. The children of a shard that was read are read from their first record.
//!
//! Lost is: a position older than the stream's retention (told once it is found, reading goes on with the oldest record), and a shard
//! that is gone before it was read to its end. Not seen: a shard whose records expire while it is being read, more slowly than they do.

use super::pace::{Dice, Pace};
pub use super::protocol::{Action, Answer, Event, From, Got, Listing, Refusal, Start};
use super::shard::{Shard, Stage, gone};
use super::token::{self, Kept, Mark, Origin};
use crate::io::port::{Progress, Read, ReadPosition};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tidegate_core::event::Sequence;

/// Answers asked for or waiting to be taken: of at most 10 MiB each.
pub const READS_MAX: usize = 16;
/// The shard under which the source speaks for itself. No shard of Kinesis has this name.
pub const SELF: &str = ".";
/// Between two listings, when nothing calls for one.
const LIST_MS: u64 = 30_000;
/// Between two listings while the children of an ended shard are not there yet.
const ORPHAN_MS: u64 = 1_000;
/// After so many listings without a child, a shard ended without one (its stream is being deleted).
const ORPHAN_LISTINGS: u32 = 20;
/// An idle shard's position says so anew after this time of the service.
const IDLE_MARK_MS: i64 = 10 * 60_000;

/// The shards of a stream.
#[derive(Debug)]
pub struct Shards {
    source: Arc<str>,
    start: Start,
    origin: Option<Origin>,
    /// Time of the service at the first start.
    began_ms: i64,
    /// The origin is not kept yet.
    origin_is_new: bool,
    shards: BTreeMap<Arc<str>, Shard>,
    listed: BTreeSet<Arc<str>>,
    listings: u32,
    listing: bool,
    list_due_ms: u64,
    list_pace: Pace,
    /// A hand-over of [`SELF`] is under way.
    speaking: bool,
    hand: VecDeque<Action>,
    dice: Dice,
    fatal: Option<String>,
    /// To be told of the source as a whole.
    lost: Option<String>,
}

impl Shards {
    /// A stream as far as it was read. `seed`: of the jitter.
    #[must_use]
    pub fn new(source: Arc<str>, start: Start, resume: &[ReadPosition], seed: u64) -> Self {
        let (mut origin, mut began_ms, mut shards) = (None, 0, BTreeMap::new());
        for position in resume.iter().filter(|p| p.source == source) {
            match token::read(position) {
                Kept::Origin(kept, ms) => (origin, began_ms) = (Some(kept), ms),
                Kept::After(mark) => drop(shards.insert(position.shard.clone(), Shard::new(Stage::Waiting, mark))),
                Kept::End(mark) => drop(shards.insert(position.shard.clone(), Shard::new(Stage::Ended, mark))),
            }
        }
        // Positions without an origin: nothing may be left out.
        let origin_is_new = origin.is_none();
        let origin = origin.or((!shards.is_empty()).then_some(Origin::Horizon));
        Shards {
            source,
            start,
            origin,
            began_ms,
            origin_is_new,
            shards,
            listed: BTreeSet::new(),
            listings: 0,
            listing: false,
            list_due_ms: 0,
            list_pace: Pace::new(),
            speaking: false,
            hand: VecDeque::new(),
            dice: Dice::new(seed),
            fatal: None,
            lost: None,
        }
    }

    /// What is to be done next; `None`: nothing before [`Shards::wake_ms`], or an answer.
    pub fn next(&mut self, now_ms: u64) -> Option<Action> {
        if let Some(action) = self.hand.pop_front() {
            return Some(action);
        }
        if !self.listing && now_ms >= self.list_due_ms {
            self.listing = true;
            return Some(Action::List);
        }
        if self.reads() >= READS_MAX {
            return None;
        }
        let due = |s: &Shard| matches!(s.stage, Stage::Unopened | Stage::Ready(_)) && s.due_ms <= now_ms;
        let (name, _) = self.shards.iter().filter(|(_, s)| due(s)).min_by_key(|(_, s)| s.due_ms)?;
        let name = name.clone();
        let from = self.from(&name);
        let shard = self.shards.get_mut(&name)?;
        Some(match std::mem::replace(&mut shard.stage, Stage::Opening) {
            Stage::Ready(iterator) => {
                shard.stage = Stage::Fetching;
                Action::Fetch { shard: name, iterator, limit: shard.pace.limit() }
            }
            _ => {
                shard.since_ms = if let From::At(ms) = &from { *ms } else { 0 };
                Action::Open { shard: name, from }
            }
        })
    }

    /// When something is due that no answer brings.
    #[must_use]
    pub fn wake_ms(&self) -> Option<u64> {
        let list = (!self.listing).then_some(self.list_due_ms);
        let read = |s: &Shard| matches!(s.stage, Stage::Unopened | Stage::Ready(_)).then_some(s.due_ms);
        let reads = (self.reads() < READS_MAX).then(|| self.shards.values().filter_map(read).min()).flatten();
        list.into_iter().chain(reads).min()
    }

    /// Why reading cannot even begin: what is configured is wrong.
    #[must_use]
    pub fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// Says that the source lives, and nothing else; to be called when nothing was handed over for a while.
    pub fn beat(&mut self) {
        if !self.speaking {
            self.speak(Vec::new());
        }
    }

    /// Takes what became of an action.
    pub fn answer(&mut self, event: Event, now_ms: u64) {
        match event {
            Event::Listed(result) => self.listed(result, now_ms),
            Event::Opened(name, result) => self.opened(&name, result, now_ms),
            Event::Fetched(name, Ok(answer)) => self.fetched(&name, answer, now_ms),
            Event::Fetched(name, Err(refusal)) => self.refused(&name, &refusal, now_ms),
            Event::Taken(name) => self.taken(&name, now_ms),
        }
    }

    fn reads(&self) -> usize {
        self.shards.values().filter(|s| s.under_way()).count()
    }

    fn from(&self, name: &Arc<str>) -> From {
        let Some(shard) = self.shards.get(name) else { return From::Horizon };
        let was_read = |parent: &Arc<str>| self.shards.get(parent).is_some_and(|p| p.mark.sequence > Sequence::default());
        match self.origin {
            _ if shard.restarted => From::Horizon,
            _ if !shard.mark.text.is_empty() => From::After(shard.mark.text.clone()),
            Some(Origin::At(ms)) if !shard.parents.iter().any(was_read) => From::At(ms),
            _ => From::Horizon,
        }
    }

    fn listed(&mut self, result: Result<Listing, Refusal>, now_ms: u64) {
        self.listing = false;
        let listing = match result {
            Ok(listing) if listing.shards.is_empty() => {
                // No stream is without shards: nothing may be concluded from such an answer.
                self.list_due_ms = now_ms + self.list_pace.refused(false, &mut self.dice);
                return;
            }
            Ok(listing) => listing,
            Err(refusal) => {
                if let (0, Refusal::Missing(why) | Refusal::Denied(why) | Refusal::Invalid(why)) = (self.listings, &refusal) {
                    self.fatal = Some(why.clone());
                }
                self.list_due_ms = now_ms + self.list_pace.refused(refusal == Refusal::Throttled, &mut self.dice);
                return;
            }
        };
        self.list_pace = Pace::new();
        self.listings = self.listings.saturating_add(1);
        self.list_due_ms = now_ms + LIST_MS;
        let start = match self.start {
            Start::TrimHorizon => Origin::Horizon,
            Start::Latest => Origin::At(listing.service_ms),
            Start::At(ms) => Origin::At(ms),
        };
        self.origin.get_or_insert(start);
        if self.listings == 1 {
            self.look_back(&listing);
        }
        if self.began_ms == 0 {
            self.began_ms = listing.service_ms;
        }
        self.listed = listing.shards.iter().map(|(name, _)| name.clone()).collect();
        for (name, parents) in listing.shards {
            self.shards.entry(name).or_insert_with(|| Shard::new(Stage::Waiting, Mark::default())).parents = parents;
        }
        for shard in self.shards.values_mut() {
            if let Stage::Drained(listings) = &mut shard.stage {
                *listings += 1;
            }
        }
        self.finish(now_ms);
        self.admit();
    }

    /// Positions that are older than anything the stream still holds. The source as a whole, too: shards may have come and gone.
    fn look_back(&mut self, listing: &Listing) {
        let Some(retention_ms) = listing.retention_ms else { return };
        let old = |name: &str, read_ms: i64| {
            let (away_ms, hour_ms) = (listing.service_ms - read_ms, 3_600_000);
            let (hours, kept) = (away_ms / hour_ms, retention_ms / hour_ms);
            (read_ms > 0 && away_ms > retention_ms).then(|| {
                format!(
                    "{name} was last read {hours} hours ago, and records are kept for {kept}: what arrived in between and is older is lost"
                )
            })
        };
        let last_ms = self.shards.values().map(|s| s.mark.read_ms).fold(self.began_ms, i64::max);
        self.lost = old("the stream", last_ms);
        for (name, shard) in self.shards.iter_mut().filter(|(_, s)| s.stage == Stage::Waiting) {
            shard.lost = old(name, shard.mark.read_ms);
        }
    }

    /// Announces what may be read from here on.
    fn admit(&mut self) {
        if self.listings == 0 {
            return; // parents are not known yet
        }
        let free: Vec<Arc<str>> = self.shards.iter().filter(|(_, s)| s.stage == Stage::Waiting).map(|(n, _)| n.clone()).collect();
        let free: Vec<Arc<str>> = free.into_iter().filter(|name| self.may_start(name)).collect();
        if !free.is_empty() && !self.speaking {
            self.speak(free);
        }
    }

    /// Whether all parents that are known were read to their end.
    fn may_start(&self, name: &Arc<str>) -> bool {
        let over = |parent: &Arc<str>| self.shards.get(parent).is_none_or(Shard::over);
        self.shards.get(name).is_some_and(|s| s.stage == Stage::Waiting && s.parents.iter().all(over))
    }

    fn speak(&mut self, announced: Vec<Arc<str>>) {
        let name: Arc<str> = SELF.into();
        let origin = self.origin.filter(|_| self.origin_is_new);
        self.origin_is_new &= origin.is_none();
        let position = origin.map(|o| token::position(&self.source, &name, Sequence::default(), token::start(o, self.began_ms)));
        // It ends at once: it must not hold the watermark back.
        let mut reads = vec![said(&name, position, Progress::Ended, self.lost.take())];
        reads.extend(announced.iter().map(|shard| self.announce(shard, &name)));
        self.speaking = true;
        self.hand.push_back(Action::Hand { shard: name, reads });
    }

    fn announce(&mut self, name: &Arc<str>, by: &Arc<str>) -> Read {
        let shard = self.shards.get_mut(name).expect("invariant: only known shards are announced");
        shard.stage = Stage::Announced(by.clone());
        said(name, None, Progress::Records, shard.lost.take())
    }

    /// Tells the end of shards whose children are known, and announces those of them that waited for nothing else.
    fn finish(&mut self, now_ms: u64) {
        let drained = |s: &Shard| if let Stage::Drained(listings) = s.stage { Some(listings) } else { None };
        let names: Vec<(Arc<str>, u32)> = self.shards.iter().filter_map(|(n, s)| Some((n.clone(), drained(s)?))).collect();
        for (name, listings) in names {
            let of = |s: &Shard| s.parents.contains(&name);
            let children: Vec<Arc<str>> = self.shards.iter().filter(|(_, s)| of(s)).map(|(n, _)| n.clone()).collect();
            if children.is_empty() && listings < ORPHAN_LISTINGS {
                self.list_due_ms = self.list_due_ms.min(now_ms + if listings == 0 { 0 } else { ORPHAN_MS });
                continue;
            }
            let shard = self.shards.get_mut(&name).expect("invariant: the names are theirs");
            shard.stage = Stage::Ending;
            let position = token::position(&self.source, &name, shard.mark.sequence, token::end(&shard.mark));
            let last = said(&name, Some(position), Progress::Ended, shard.lost.take());
            let children: Vec<Arc<str>> = children.into_iter().filter(|child| self.may_start(child)).collect();
            let mut reads: Vec<Read> = children.iter().map(|child| self.announce(child, &name)).collect();
            reads.push(last);
            self.hand.push_back(Action::Hand { shard: name, reads });
        }
    }

    fn opened(&mut self, name: &Arc<str>, result: Result<String, Refusal>, now_ms: u64) {
        let after = matches!(self.from(name), From::After(_)) && self.listed.contains(name);
        match result {
            Ok(iterator) => {
                if let Some(shard) = self.shards.get_mut(name) {
                    (shard.stage, shard.due_ms) = (Stage::Ready(iterator), now_ms);
                    (shard.behind_ms, shard.stalled) = (i64::MAX, 0);
                }
            }
            Err(Refusal::Invalid(why)) if after => {
                self.restart(name, &why);
                if let Some(shard) = self.shards.get_mut(name) {
                    // Of a stream that was made anew the numbers may be anything.
                    shard.mark.sequence = Sequence::default();
                }
            }
            Err(refusal) => self.refused(name, &refusal, now_ms),
        }
    }

    /// What follows the mark is gone: goes on with the oldest record there is, and says so.
    fn restart(&mut self, name: &Arc<str>, why: &str) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        let lost = format!(
            "{name} cannot be read on behind {}: what followed is older than the stream keeps records, or the stream was made anew; \
             reading goes on with the oldest record there is ({why})",
            shard.mark.text
        );
        shard.restarted = true;
        shard.stage = Stage::Announced(name.clone());
        self.hand.push_back(Action::Hand { shard: name.clone(), reads: vec![said(name, None, Progress::Records, Some(lost))] });
    }

    fn refused(&mut self, name: &Arc<str>, refusal: &Refusal, now_ms: u64) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        shard.due_ms =
            now_ms + if *refusal == Refusal::Expired { 0 } else { shard.pace.refused(*refusal == Refusal::Throttled, &mut self.dice) };
        if matches!(refusal, Refusal::Missing(_) | Refusal::Invalid(_)) && !self.listed.contains(name) {
            shard.lost = Some(gone(name, &shard.mark));
            shard.stage = Stage::Drained(ORPHAN_LISTINGS);
            self.finish(now_ms);
            return;
        }
        if matches!(refusal, Refusal::Missing(_)) {
            self.list_due_ms = self.list_due_ms.min(shard.due_ms);
        }
        // An iterator lives for five minutes: a new one costs one call and always fits.
        shard.stage = Stage::Unopened;
    }

    fn fetched(&mut self, name: &Arc<str>, answer: Answer, now_ms: u64) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        let bytes: usize = answer.records.iter().map(|r| r.bytes.len()).sum();
        let (count, more) = (answer.records.len() as u64, answer.behind_ms > 0);
        shard.due_ms = now_ms + shard.pace.answered(count, bytes as u64, more, &mut self.dice);
        let (records, odd) = shard.records(&self.source, name, answer.records, answer.service_ms);
        let idle = count == 0 && !more && answer.next.is_some();
        let old = idle && answer.service_ms - shard.mark.read_ms >= IDLE_MARK_MS;
        if old {
            shard.mark.read_ms = answer.service_ms;
        }
        let moved = !records.is_empty() || old;
        let position = moved.then(|| token::position(&self.source, name, shard.mark.sequence, token::after(&shard.mark)));
        let lost = shard.lost.take().or(odd);
        let progress = if idle { Progress::Idle(answer.service_ms) } else { Progress::Records };
        if !records.is_empty() || idle || lost.is_some() {
            shard.stage = Stage::Handing(answer.next);
            let reads = vec![Read { records, ..said(name, position, progress, lost) }];
            self.hand.push_back(Action::Hand { shard: name.clone(), reads });
            return;
        }
        if answer.next.is_some() && shard.comes_no_nearer(answer.behind_ms) {
            self.restart(name, "it comes no nearer to the end of the shard");
        } else {
            self.go_on(name, answer.next, now_ms);
        }
    }

    fn taken(&mut self, name: &Arc<str>, now_ms: u64) {
        if **name == *SELF {
            self.speaking = false;
        }
        for shard in self.shards.values_mut().filter(|s| s.stage == Stage::Announced(name.clone())) {
            (shard.stage, shard.due_ms) = (Stage::Unopened, now_ms);
        }
        match self.shards.get_mut(name) {
            Some(shard) if shard.stage == Stage::Ending => shard.stage = Stage::Ended,
            Some(Shard { stage: Stage::Handing(next), .. }) => {
                let next = next.take();
                self.go_on(name, next, now_ms);
            }
            _ => {}
        }
        self.admit();
    }

    fn go_on(&mut self, name: &Arc<str>, next: Option<String>, now_ms: u64) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        let over = next.is_none();
        shard.stage = next.map_or(Stage::Drained(0), Stage::Ready);
        if over {
            self.finish(now_ms);
        }
    }
}

fn said(shard: &Arc<str>, position: Option<ReadPosition>, progress: Progress, lost: Option<String>) -> Read {
    Read { shard: shard.clone(), prelude: None, records: Vec::new(), position, progress, lost }
}

#[cfg(test)]
mod tests;
