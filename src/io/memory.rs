//! A store in memory: what `replay` without a state file keeps, and what tests compare the file with.
//!
//! Owns the meaning of [`Store`], naively: plain maps, no bytes on any disk. Faults can be ordered. Handles share one store, so
//! that a restart or a second owner can be played: [`MemoryStore::take_over`].

use super::port::{Append, ReadPosition, Recovered, Refusal, RuleFiles, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_core::event::id::hash128;
use tidegate_core::pipeline::Quarantined;

/// Snapshots kept per Pipeline.
const KEPT: usize = 2;

/// A handle of one owner.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
    epoch: u64,
}

#[derive(Debug, Default)]
struct Shared {
    epoch: u64,
    pipelines: u16,
    head: u64,
    log: BTreeMap<(u16, u64), Vec<u8>>,
    snapshots: BTreeMap<(u16, u64), Vec<u8>>,
    pieces: BTreeMap<(u16, u64), BTreeMap<u32, Vec<u8>>>,
    cursors: BTreeMap<(u16, String), Vec<u8>>,
    positions: BTreeMap<(Arc<str>, Arc<str>), ReadPosition>,
    rule_sets: BTreeMap<[u8; 32], RuleFiles>,
    rule_history: BTreeMap<u64, [u8; 32]>,
    quarantine: BTreeMap<i64, (Quarantined, u32)>,
    requests: BTreeSet<i64>,
    refused: Vec<Refusal>,
    last_id: i64,
    faults: VecDeque<StoreError>,
    renewals: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore { shared: Arc::new(Mutex::new(Shared { epoch: 1, ..Shared::default() })), epoch: 1 }
    }

    /// A new owner of the same store: from here on this handle is refused. Also what a restart does.
    #[must_use]
    pub fn take_over(&self) -> Self {
        let mut shared = self.shared();
        shared.epoch += 1;
        // What the former owner had not sealed is worth nothing to the next.
        shared.pieces.clear();
        MemoryStore { shared: self.shared.clone(), epoch: shared.epoch }
    }

    /// Another handle of the same owner, to order faults or to look on while a driver holds this one.
    #[must_use]
    pub fn twin(&self) -> Self {
        MemoryStore { shared: self.shared.clone(), epoch: self.epoch }
    }

    /// The next `count` appends fail like this; nothing of them is there.
    pub fn fail_appends(&self, count: usize, error: &StoreError) {
        self.shared().faults.extend(std::iter::repeat_n(error.clone(), count));
    }

    /// How often the lease was renewed.
    #[must_use]
    pub fn renewals(&self) -> u64 {
        self.shared().renewals
    }

    /// What is in quarantine: id, item, how often it was driven again.
    #[must_use]
    pub fn quarantine(&self) -> Vec<(i64, Quarantined, u32)> {
        self.shared().quarantine.iter().map(|(id, (item, attempts))| (*id, item.clone(), *attempts)).collect()
    }

    /// Asks for quarantined items to be driven again.
    pub fn request_redrive(&self, ids: &[i64]) {
        let mut shared = self.shared();
        let known: Vec<i64> = ids.iter().copied().filter(|id| shared.quarantine.contains_key(id)).collect();
        shared.requests.extend(known);
    }

    /// The items that somebody asked to be driven again: id, item, how often it was before.
    #[must_use]
    pub fn redrive_requests(&self) -> Vec<(i64, Quarantined, u32)> {
        let shared = self.shared();
        let asked = shared.requests.iter().filter_map(|id| Some((*id, shared.quarantine.get(id)?.clone())));
        asked.map(|(id, (item, attempts))| (id, item, attempts)).collect()
    }

    /// What sinks refused for good.
    #[must_use]
    pub fn refused(&self) -> Vec<Refusal> {
        self.shared().refused.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned(&self) -> Result<MutexGuard<'_, Shared>, StoreError> {
        let shared = self.shared();
        if shared.epoch == self.epoch {
            return Ok(shared);
        }
        Err(StoreError::Fenced(format!("another owner has taken over (epoch {}; this one had {})", shared.epoch, self.epoch)))
    }
}

impl Shared {
    fn put_position(&mut self, p: &ReadPosition) {
        let held = self.positions.entry((p.source.clone(), p.shard.clone())).or_insert_with(|| p.clone());
        if p.sequence >= held.sequence {
            held.clone_from(p);
        }
    }

    fn put_quarantine(&mut self, append: &Append<'_>) {
        for id in append.redriven {
            self.requests.remove(id);
        }
        let mut leaving: Vec<i64> = append.redriven.iter().copied().filter(|id| self.quarantine.contains_key(id)).collect();
        for item in append.quarantined {
            let place = |id: &i64| self.quarantine[id].0.position.clone();
            let record = |id: &i64| {
                let p = place(id);
                (p.source, p.shard, p.sequence) == (item.position.source.clone(), item.position.shard.clone(), item.position.sequence)
            };
            let exact = leaving.iter().position(|id| place(id) == item.position);
            match exact.or_else(|| leaving.iter().position(record)) {
                Some(at) => {
                    let held = self.quarantine.get_mut(&leaving.swap_remove(at)).expect("it was looked up right before");
                    held.0.error = item.error.clone();
                    held.1 += 1;
                }
                None => {
                    self.last_id += 1;
                    self.quarantine.insert(self.last_id, (item.clone(), 0));
                }
            }
        }
        leaving.iter().for_each(|id| drop(self.quarantine.remove(id)));
    }

    fn kept(&self, pipeline: u16) -> Vec<u64> {
        let all = self.snapshots.range((pipeline, 0)..=(pipeline, u64::MAX)).rev();
        all.map(|((_, position), _)| *position).collect()
    }

    fn cut(&mut self, pipeline: u16) {
        self.pieces.retain(|(p, _), _| *p != pipeline);
        let kept = self.kept(pipeline);
        for position in kept.iter().skip(KEPT) {
            self.snapshots.remove(&(pipeline, *position));
        }
        if let Some(behind) = kept.get(KEPT - 1) {
            self.log.retain(|(p, position), _| *p != pipeline || position > behind);
        }
        let start = |p| {
            let first = self.log.range((p, 0)..=(p, u64::MAX)).next().map(|((_, position), _)| *position);
            if first == Some(1) { 0 } else { self.kept(p).last().copied().unwrap_or(0) }
        };
        let floor = (0..self.pipelines).map(start).min().unwrap_or(0);
        let ruling = self.rule_history.range(..=floor).next_back().map_or(0, |(position, _)| *position);
        self.rule_history.retain(|position, _| *position >= ruling);
        let named: BTreeSet<[u8; 32]> = self.rule_history.values().copied().collect();
        self.rule_sets.retain(|digest, _| named.contains(digest));
    }
}

impl Store for MemoryStore {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        let shared = self.owned()?;
        let cursors = |pipeline| {
            let of = shared.cursors.iter().filter(|((p, _), _)| *p == pipeline);
            of.map(|((_, lane), cursor)| (lane.clone(), cursor.clone())).collect()
        };
        Ok(Recovered {
            pipelines: shared.pipelines,
            head: shared.head,
            snapshots: (0..shared.pipelines).map(|p| shared.kept(p)).collect(),
            cursors: (0..shared.pipelines).map(cursors).collect(),
            positions: shared.positions.values().cloned().collect(),
            warnings: Vec::new(),
        })
    }

    fn set_pipelines(&mut self, pipelines: u16) -> Result<(), StoreError> {
        let mut shared = self.owned()?;
        if shared.head > 0 && shared.pipelines != pipelines {
            return Err(StoreError::Unreadable(format!("the log was written for {} Pipelines, not for {pipelines}", shared.pipelines)));
        }
        shared.pipelines = pipelines;
        Ok(())
    }

    fn append(&mut self, append: &Append<'_>) -> Result<(), StoreError> {
        let mut shared = self.owned()?;
        if let Some(fault) = shared.faults.pop_front() {
            return Err(fault);
        }
        if shared.pipelines == 0 || append.position != shared.head + 1 || append.entries.len() != usize::from(shared.pipelines) {
            let (head, pipelines) = (shared.head, shared.pipelines);
            let came = format!("position {} with {} entries was to follow", append.position, append.entries.len());
            return Err(StoreError::Unreadable(format!("the log of {pipelines} Pipelines ends at position {head}, and {came}")));
        }
        shared.head = append.position;
        for (pipeline, entry) in (0u16..).zip(append.entries) {
            shared.log.insert((pipeline, append.position), entry.encode());
        }
        append.positions.iter().for_each(|p| shared.put_position(p));
        shared.put_quarantine(append);
        if let Some(rules) = append.rules {
            shared.rule_sets.insert(rules.digest, rules.clone());
            shared.rule_history.insert(append.position, rules.digest);
        }
        Ok(())
    }

    fn entry(&mut self, pipeline: u16, position: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.shared().log.get(&(pipeline, position)).cloned())
    }

    fn rules(&mut self, digest: &[u8; 32]) -> Result<Option<RuleFiles>, StoreError> {
        Ok(self.shared().rule_sets.get(digest).cloned())
    }

    fn snapshot(&mut self, pipeline: u16, position: u64) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError::Unreadable(format!("there is no snapshot of Pipeline {pipeline} at position {position}"));
        self.shared().snapshots.get(&(pipeline, position)).cloned().ok_or_else(missing)
    }

    fn put_piece(&mut self, pipeline: u16, position: u64, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let mut shared = self.owned()?;
        let pieces = shared.pieces.entry((pipeline, position)).or_default();
        if number == 0 {
            pieces.clear();
        }
        pieces.insert(number, bytes.to_vec());
        Ok(())
    }

    fn seal_snapshot(&mut self, pipeline: u16, position: u64, pieces: u32, checksum: u128) -> Result<(), StoreError> {
        let mut shared = self.owned()?;
        let held = shared.pieces.get(&(pipeline, position));
        let numbered = held.is_some_and(|held| held.keys().copied().eq(0..pieces));
        let whole: Vec<u8> = held.into_iter().flat_map(|held| held.values().flatten().copied()).collect();
        if !numbered || hash128(&whole) != checksum {
            return Err(StoreError::Unavailable(format!("the pieces of Pipeline {pipeline} at position {position} do not fit")));
        }
        shared.snapshots.insert((pipeline, position), whole);
        shared.cut(pipeline);
        Ok(())
    }

    fn acknowledge(&mut self, pipeline: u16, lane: &str, cursor: &[u8]) -> Result<(), StoreError> {
        self.owned()?.cursors.insert((pipeline, lane.to_owned()), cursor.to_vec());
        Ok(())
    }

    fn refuse(&mut self, refusals: &[Refusal]) -> Result<(), StoreError> {
        let mut shared = self.owned()?;
        let name = |r: &Refusal| (r.lane.clone(), r.delivery.route.clone(), r.delivery.alert.clone());
        for refusal in refusals {
            shared.refused.retain(|held| name(held) != name(refusal));
            shared.refused.push(refusal.clone());
        }
        Ok(())
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        self.owned()?.renewals += 1;
        Ok(())
    }
}
