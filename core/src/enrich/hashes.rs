//! SHA-256 digests, exact: one sorted list.

/// Digests, each with one value or several.
#[derive(Debug, Default)]
pub(super) struct Hashes<T> {
    digests: Vec<[u8; 32]>,
    values: Vec<T>,
}

impl<T> Hashes<T> {
    /// Sorts digests with their values. Equal digests keep their values in the order given.
    pub(super) fn new(mut rows: Vec<([u8; 32], T)>) -> Self {
        rows.sort_by_key(|row| row.0);
        let (digests, values) = rows.into_iter().unzip();
        Hashes { digests, values }
    }

    /// The values of a digest.
    pub(super) fn get(&self, digest: &[u8; 32]) -> &[T] {
        let first = self.digests.partition_point(|d| d < digest);
        let count = self.digests[first..].iter().take_while(|d| *d == digest).count();
        &self.values[first..first + count]
    }

    /// Bytes in memory, what the values own elsewhere not counted.
    pub(super) fn bytes(&self) -> usize {
        self.digests.capacity() * 32 + self.values.capacity() * size_of::<T>()
    }
}
