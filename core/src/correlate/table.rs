//! The keys of one correlation by place: one look-up finds a key, and from then on its number stands for it.
//!
//! The look-up is hashed with a seed of this process, because attackers choose keys; neither the seed nor the places a key gets
//! reach state, effects or bytes: whoever goes over all keys gets them sorted.

use super::key::KeyState;
use super::size::push_sparingly;
use crate::event::GroupKey;
use std::hash::{BuildHasher, RandomState};

/// Logical bytes of a key's places in the tables: here, in the look-up at its emptiest, in the lists of turns and timers.
pub(super) const PLACE_BYTES: u64 = 3 * 10 + 22;

/// Fewest entries of a look-up that is not empty.
const ENTRIES_MIN: usize = 16;

/// Keys by place.
#[derive(Default)]
pub(super) struct Table {
    /// Boxed: a key is taken out and put back by every event.
    places: Vec<Option<Box<KeyState>>>,
    free: Vec<u32>,
    seed: RandomState,
    /// Open addressing with linear probing: part of the hash (the home entry is its low end), place + 1 (0: empty).
    entries: Vec<(u32, u32)>,
    filled: usize,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    pub(super) fn find(&self, key: &GroupKey) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let same = |place: u32| self.get(place).is_some_and(|held| held.key == *key);
        self.probe(self.hash(key)).find_map(|(_, place)| same(place).then_some(place))
    }

    pub(super) fn get(&self, place: u32) -> Option<&KeyState> {
        self.places.get(place as usize)?.as_deref()
    }

    /// A place for a key that has none; [`Table::put`] fills it.
    pub(super) fn enter(&mut self, key: &GroupKey) -> u32 {
        if (self.filled + 1) * 4 > self.entries.len() * 3 {
            self.widen();
        }
        let place = self.free.pop().unwrap_or_else(|| {
            push_sparingly(&mut self.places, None);
            self.places.len() as u32 - 1
        });
        self.file(self.hash(key), place);
        self.filled += 1;
        place
    }

    /// Takes a key out to work on it. Its place stays its own.
    pub(super) fn take(&mut self, place: u32) -> Option<Box<KeyState>> {
        self.places.get_mut(place as usize)?.take()
    }

    pub(super) fn put(&mut self, place: u32, held: Box<KeyState>) {
        self.places[place as usize] = Some(held);
    }

    /// Gives up the place of a key that was taken out.
    pub(super) fn leave(&mut self, key: &GroupKey, place: u32) {
        let found = self.probe(self.hash(key)).find(|(_, other)| *other == place).map(|(at, _)| at);
        if let Some(at) = found {
            self.close_gap(at);
            self.filled -= 1;
            push_sparingly(&mut self.free, place);
        }
    }

    /// Every key, sorted.
    pub(super) fn sorted(&self) -> Vec<&KeyState> {
        let mut all: Vec<&KeyState> = self.places.iter().flatten().map(|held| &**held).collect();
        all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        all
    }

    /// Every key, sorted; the table is given up.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = Box<KeyState>> {
        let mut all: Vec<_> = self.places.into_iter().flatten().collect();
        all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        all.into_iter()
    }

    fn hash(&self, key: &GroupKey) -> u32 {
        self.seed.hash_one(key.bytes()) as u32
    }

    /// The entries from a hash's home on, up to the first empty one, that have this hash: (entry, place).
    fn probe(&self, hash: u32) -> impl Iterator<Item = (usize, u32)> {
        let mask = self.entries.len() - 1;
        let from_home = (0..self.entries.len()).map(move |n| (hash as usize + n) & mask);
        let filled = from_home.map(|at| (at, self.entries[at])).take_while(|(_, entry)| entry.1 != 0);
        filled.filter(move |(_, entry)| entry.0 == hash).map(|(at, entry)| (at, entry.1 - 1))
    }

    fn file(&mut self, hash: u32, place: u32) {
        let mask = self.entries.len() - 1;
        let mut at = hash as usize & mask;
        while self.entries[at].1 != 0 {
            at = (at + 1) & mask;
        }
        self.entries[at] = (hash, place + 1);
    }

    fn widen(&mut self) {
        let wider = vec![(0, 0); (self.entries.len() * 2).max(ENTRIES_MIN)];
        for (hash, place) in std::mem::replace(&mut self.entries, wider) {
            if place != 0 {
                self.file(hash, place - 1);
            }
        }
    }

    /// Empties an entry and moves up those behind it that would not be found any more.
    fn close_gap(&mut self, at: usize) {
        let mask = self.entries.len() - 1;
        let (mut gap, mut next) = (at, (at + 1) & mask);
        while self.entries[next].1 != 0 {
            let home = self.entries[next].0 as usize & mask;
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.entries[gap] = self.entries[next];
                gap = next;
            }
            next = (next + 1) & mask;
        }
        self.entries[gap] = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn keys_are_found_until_they_leave() {
        let (mut table, mut model) = (Table::default(), BTreeMap::<GroupKey, u32>::new());
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..50_000 {
            let key = GroupKey::new([random.u32(0..700).to_string()]);
            assert_eq!(table.find(&key), model.get(&key).copied());
            match model.remove(&key) {
                Some(place) => {
                    assert!(table.take(place).is_some_and(|held| held.key == key));
                    table.leave(&key, place);
                }
                None => {
                    let place = table.enter(&key);
                    table.put(place, Box::new(KeyState::new(key.clone(), 0, 0)));
                    model.insert(key, place);
                }
            }
            assert_eq!(table.len(), model.len());
        }
        assert!(table.sorted().into_iter().map(|held| &held.key).eq(model.keys()));
        assert!(table.places.len() <= 700, "places are used again");
    }
}
