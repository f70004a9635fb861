//! Doubly linked lists of places in a table: each place has one pair of links per purpose, so that it moves in constant time and
//! costs eight bytes.

use super::size::push_sparingly;

/// No place.
const NONE: u32 = u32::MAX;

/// One list: its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    first: u32,
    last: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Chain { first: NONE, last: NONE }
    }
}

/// The links of all places, for one purpose: a place stands in at most one list.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<(u32, u32)>);

impl Chain {
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }
}

impl Links {
    /// Puts a place that stands in no list at the end of this one.
    pub(super) fn append(&mut self, chain: &mut Chain, at: u32) {
        while self.0.len() <= at as usize {
            push_sparingly(&mut self.0, (NONE, NONE));
        }
        self.0[at as usize] = (chain.last, NONE);
        match self.0.get_mut(chain.last as usize) {
            Some(before) => before.1 = at,
            None => chain.first = at,
        }
        chain.last = at;
    }

    /// Takes a place out of the list it stands in.
    pub(super) fn remove(&mut self, chain: &mut Chain, at: u32) {
        let (before, after) = self.0[at as usize];
        match self.0.get_mut(before as usize) {
            Some(link) => link.1 = after,
            None => chain.first = after,
        }
        match self.0.get_mut(after as usize) {
            Some(link) => link.0 = before,
            None => chain.last = before,
        }
    }

    pub(super) fn all(&self, chain: Chain) -> impl Iterator<Item = u32> {
        let next = |at: &u32| self.0.get(*at as usize).map(|link| link.1).filter(|n| *n != NONE);
        std::iter::successors(chain.first(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_leave_from_anywhere() {
        let (mut links, mut chain) = (Links::default(), Chain::default());
        (0..5).for_each(|at| links.append(&mut chain, at));
        for gone in [2, 0, 4] {
            links.remove(&mut chain, gone);
        }
        links.append(&mut chain, 2);
        assert_eq!(links.all(chain).collect::<Vec<_>>(), [1, 3, 2]);
        [3, 1, 2].into_iter().for_each(|at| links.remove(&mut chain, at));
        assert_eq!(chain, Chain::default());
    }
}
