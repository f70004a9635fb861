//! Discovery: which shards there are, which of them may be read, and where one ends and its children begin.

use super::super::protocol::{Listing, Refusal, Start};
use super::super::shard::{Shard, Stage};
use super::super::token::{self, Mark, Origin};
use super::{Action, LIST_MS, Pace, SELF, Shards, said};
use crate::io::port::{Progress, Read};
use std::sync::Arc;
use tidegate_core::event::Sequence;

/// Between two listings while the children of an ended shard are not there yet.
const ORPHAN_MS: u64 = 1_000;
/// After so many listings without a child, a shard ended without one (its stream is being deleted).
pub(super) const ORPHAN_LISTINGS: u32 = 20;
const HOUR_MS: i64 = 3_600_000;

impl Shards {
    pub(super) fn listed(&mut self, result: Result<Listing, Refusal>, now_ms: u64) {
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
        self.begin(&listing);
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

    /// What a listing says of the stream as a whole.
    fn begin(&mut self, listing: &Listing) {
        let start = match self.start {
            Start::TrimHorizon => Origin::Horizon,
            Start::Latest => Origin::At(listing.service_ms),
            Start::At(ms) => Origin::At(ms),
        };
        self.origin.get_or_insert(start);
        self.service_ms = self.service_ms.max(listing.service_ms);
        self.retention_ms = listing.retention_ms.or(self.retention_ms);
        if self.listings == 1 {
            self.look_back(listing);
        }
        if self.began_ms == 0 {
            self.began_ms = listing.service_ms;
        }
    }

    /// Positions that are older than anything the stream still holds. The source as a whole, too: shards may have come and gone.
    fn look_back(&mut self, listing: &Listing) {
        let Some(retention_ms) = listing.retention_ms else {
            let why = "it may not be asked how long it keeps records (kinesis:DescribeStreamSummary)";
            self.warnings.push_back(format!("{why}: losses by their expiry are not found at a start, and nobody is warned before them"));
            return;
        };
        let old = |name: &str, read_ms: i64| {
            let away_ms = listing.service_ms - read_ms;
            let (hours, kept) = (away_ms / HOUR_MS, retention_ms / HOUR_MS);
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
    pub(super) fn admit(&mut self) {
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

    pub(super) fn speak(&mut self, announced: Vec<Arc<str>>) {
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
    pub(super) fn finish(&mut self, now_ms: u64) {
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
}
