//! Logical bytes: what a thing takes in memory, computed from what is kept and never asked of the allocator, so that it is the same
//! on every machine and after every restart. An upper estimate: blocks as a usual allocator lays them out, lists with a quarter to
//! spare, trees about half full. `tests/pressure.rs` compares it with the allocator for every kind of correlation.

/// A block of this many bytes: a head of eight, multiples of sixteen, at least 32. Nothing for nothing.
pub(super) const fn block(bytes: usize) -> u64 {
    if bytes == 0 {
        return 0;
    }
    let whole = (bytes + 8).next_multiple_of(16);
    (if whole < 32 { 32 } else { whole }) as u64
}

/// A list that grows by [`push_sparingly`] or the like: up to a quarter more than it holds.
pub(super) const fn list(len: usize, item: usize) -> u64 {
    if len == 0 { 0 } else { block((len + len / 4 + 4) * item) }
}

/// A `BTreeMap` or `BTreeSet`: nodes have room for eleven and hold at least five.
pub(super) const fn tree(len: usize, item: usize) -> u64 {
    if len == 0 {
        return 0;
    }
    let leaf = block(11 * item + 16);
    if len <= 11 { leaf } else { (len as u64).div_ceil(6) * (leaf + leaf / 5 + 20) }
}

/// Adds to a list that must not double: a quarter more room at a time.
pub(super) fn push_sparingly<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 4 + 4);
    }
    list.push(item);
}
