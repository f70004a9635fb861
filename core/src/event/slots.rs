//! Slots: the numbered fields that rules, group keys and alerts need, and the tree of paths by which a decoder fills them.
//!
//! At rule load every wanted field gets a number; decoding walks the bytes once and fills the numbers. Two names that mean
//! the same place share a slot. A slot may have alternatives: the first rank that is present wins.

use super::Value;
use smallvec::SmallVec;

/// Most slots one source may have.
pub const SLOTS_MAX: usize = 4096;

/// The number of a wanted field within one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// Where a path leads: a slot, and the rank of this path among the slot's alternatives (0 wins over 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The slot to fill.
    pub slot: Slot,
    /// Rank of this alternative; a lower rank that is present replaces higher ones.
    pub rank: u8,
}

/// One object level of wanted keys.
#[derive(Debug, Clone, Default)]
pub struct PathNode {
    /// Child keys, sorted by key, each with the index of its node.
    pub children: Vec<(Box<str>, u32)>,
    /// Slots filled by the value that stands here.
    pub targets: SmallVec<[Target; 1]>,
}

/// The wanted paths of one form, as a tree. Arrays are transparent: every element is walked with the same node.
#[derive(Debug, Clone)]
pub struct PathTree {
    nodes: Vec<PathNode>,
}

impl Default for PathTree {
    fn default() -> Self {
        PathTree { nodes: vec![PathNode::default()] }
    }
}

impl PathTree {
    /// The root's index.
    pub const ROOT: u32 = 0;

    /// Adds a path of object keys that leads to `target`. Keys may hold dots or slashes: each is one level.
    pub fn add<K: AsRef<str>>(&mut self, keys: impl IntoIterator<Item = K>, target: Target) {
        let mut at = Self::ROOT as usize;
        for key in keys {
            let key = key.as_ref();
            at = match self.nodes[at].children.binary_search_by(|(k, _)| (**k).cmp(key)) {
                Ok(i) => self.nodes[at].children[i].1 as usize,
                Err(i) => {
                    let fresh = self.nodes.len();
                    self.nodes[at].children.insert(i, (key.into(), fresh as u32));
                    self.nodes.push(PathNode::default());
                    fresh
                }
            };
        }
        if !self.nodes[at].targets.contains(&target) {
            self.nodes[at].targets.push(target);
        }
    }

    /// Adds a dotted name: as nested keys, and, where it has dots, also as one literal key at the root (flattened JSON).
    pub fn add_dotted(&mut self, name: &str, target: Target) {
        self.add(name.split('.'), target);
        if name.contains('.') {
            self.add([name], target);
        }
    }

    /// A node by its index.
    #[must_use]
    pub fn node(&self, index: u32) -> &PathNode {
        &self.nodes[index as usize]
    }

    /// The child of a node for a key, if wanted.
    #[must_use]
    pub fn child(&self, index: u32, key: &str) -> Option<u32> {
        let children = &self.nodes[index as usize].children;
        if children.len() <= 8 {
            return children.iter().find(|(k, _)| **k == *key).map(|(_, i)| *i);
        }
        children.binary_search_by(|(k, _)| (**k).cmp(key)).ok().map(|i| children[i].1)
    }
}

/// The values found for one slot. More than one when an array stood on the path.
pub type Values<'a> = SmallVec<[Value<'a>; 1]>;

/// The slots of one event while it is matched. Reused from event to event; only slots that hold something cost anything.
#[derive(Debug, Default)]
pub struct Slots<'a> {
    /// The values of the slots that hold something, in the order in which they were first filled.
    filled: Vec<Values<'a>>,
    /// Per filled place: its slot and the rank of what stands there.
    places: Vec<(u16, u8)>,
    /// Per slot: its place among the filled ones, [`ABSENT`] if it holds nothing.
    index: Vec<u16>,
}

/// No place: more than [`SLOTS_MAX`].
const ABSENT: u16 = u16::MAX;

impl<'a> Slots<'a> {
    /// Empty slots for a plan of `count` slots.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Slots { filled: Vec::new(), places: Vec::new(), index: vec![ABSENT; count] }
    }

    /// Forgets the last event.
    pub fn clear(&mut self) {
        for (slot, _) in self.places.drain(..) {
            self.index[usize::from(slot)] = ABSENT;
        }
        self.filled.clear();
    }

    /// Empty slots for an event of another record, in the memory of these.
    #[must_use]
    pub fn recycle<'b>(mut self) -> Slots<'b> {
        self.clear();
        // Nothing is left to convert: this moves the allocation to the other lifetime.
        let filled = self.filled.into_iter().map(|_| Values::new()).collect();
        Slots { filled, places: self.places, index: self.index }
    }

    /// Adds a value unless a better alternative already stands there.
    pub fn put(&mut self, target: Target, value: Value<'a>) {
        // A null says nothing about which alternative is meant: it never hides another one.
        let rank = if value == Value::Null { u8::MAX - 1 } else { target.rank };
        let at = self.index[usize::from(target.slot.0)];
        if at == ABSENT {
            self.index[usize::from(target.slot.0)] = self.filled.len() as u16;
            self.places.push((target.slot.0, rank));
            self.filled.push(smallvec::smallvec![value]);
            return;
        }
        let (place, values) = (&mut self.places[usize::from(at)].1, &mut self.filled[usize::from(at)]);
        match rank.cmp(place) {
            std::cmp::Ordering::Greater => return,
            std::cmp::Ordering::Less => {
                values.clear();
                *place = rank;
            }
            std::cmp::Ordering::Equal => {}
        }
        values.push(value);
    }

    /// The values of a slot: empty when the field is absent.
    #[must_use]
    pub fn get(&self, slot: Slot) -> &[Value<'a>] {
        match self.index.get(usize::from(slot.0)) {
            Some(&at) if at != ABSENT => &self.filled[usize::from(at)],
            _ => &[],
        }
    }

    /// The text of the first value that has one.
    #[must_use]
    pub fn text(&self, slot: Slot) -> Option<std::borrow::Cow<'_, str>> {
        self.get(slot).iter().find_map(Value::text)
    }

    /// How many slots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether the plan has no slots.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_alternative_wins_whatever_the_order() {
        for order in [[0, 1], [1, 0]] {
            let mut slots = Slots::new(1);
            for rank in order {
                slots.put(Target { slot: Slot(0), rank }, Value::Int(i64::from(rank)));
            }
            slots.put(Target { slot: Slot(0), rank: 0 }, Value::Null);
            assert_eq!(slots.get(Slot(0)), [Value::Int(0)]);
            slots.clear();
            assert!(slots.get(Slot(0)).is_empty());
        }
    }

    #[test]
    fn recycled_slots_are_empty_and_keep_their_memory() {
        let mut slots = Slots::new(2);
        slots.put(Target { slot: Slot(1), rank: 0 }, Value::Int(1));
        let memory = slots.filled.as_ptr().addr();
        let mut slots: Slots<'_> = slots.recycle();
        assert!(slots.get(Slot(1)).is_empty() && slots.len() == 2);
        slots.put(Target { slot: Slot(0), rank: 3 }, Value::Int(2));
        assert_eq!(slots.get(Slot(0)), [Value::Int(2)]);
        assert_eq!(slots.filled.as_ptr().addr(), memory);
    }

    #[test]
    fn dotted_names_are_found_nested_and_flat() {
        let mut tree = PathTree::default();
        tree.add_dotted("a.b", Target { slot: Slot(3), rank: 0 });
        let a = tree.child(PathTree::ROOT, "a").expect("nested");
        let b = tree.child(a, "b").expect("nested");
        let flat = tree.child(PathTree::ROOT, "a.b").expect("flat");
        assert_eq!(tree.node(b).targets, tree.node(flat).targets);
        assert_eq!(tree.child(PathTree::ROOT, "c"), None);
    }
}
