//! Detections in order of arrival: an external merge sort, so that history of any size fits.
//!
//! Owns the order of history. Without arrival stamps the arrival of an event is its own time. Runs of detections are sorted in
//! memory and spilled to a temporary folder when they exceed the budget; at the end the runs are merged. The order is total
//! (arrival, time, content id, target, rule, step, key, position), so that neither file order nor threads can matter. The folder is
//! made for its owner only, under a name that did not exist, and removed with the sorter: what is in it is as confidential as the
//! input.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use tidegate_core::event::{ContentId, Detection, GroupKey, Position};

/// Most detections held in memory before a run is spilled.
pub const RUN_DETECTIONS: usize = 1_000_000;

type Order = (i64, i64, ContentId, u32, u32, u16, GroupKey, Position);

fn order(d: &Detection) -> Order {
    (d.arrival_ms, d.time_ms, d.id, d.target, d.rule, d.step, d.key.clone(), d.position.clone())
}

/// Collects detections, then gives them back sorted.
#[derive(Debug)]
pub struct Sorter {
    run: Vec<Detection>,
    limit: usize,
    spilled: Vec<PathBuf>,
    folder: PathBuf,
    made: Option<PathBuf>,
}

impl Sorter {
    /// A sorter that spills runs of `limit` detections and more into a new folder named after `folder` (made when it is needed,
    /// removed on drop).
    #[must_use]
    pub fn new(folder: PathBuf, limit: usize) -> Self {
        Sorter { run: Vec::new(), limit: limit.max(1), spilled: Vec::new(), folder, made: None }
    }

    /// Adds detections.
    ///
    /// # Errors
    /// If a run cannot be written.
    pub fn add(&mut self, detections: Vec<Detection>) -> io::Result<()> {
        self.run.extend(detections);
        if self.run.len() >= self.limit { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        let folder = match &self.made {
            Some(made) => made,
            None => self.made.insert(make(&self.folder)?),
        };
        self.run.sort_by_cached_key(order);
        let path = folder.join(format!("run-{}", self.spilled.len()));
        let mut file = BufWriter::new(File::create_new(&path)?);
        for detection in self.run.drain(..) {
            let bytes = postcard::to_allocvec(&detection).map_err(io::Error::other)?;
            file.write_all(&(bytes.len() as u32).to_le_bytes())?;
            file.write_all(&bytes)?;
        }
        file.flush()?;
        self.spilled.push(path);
        Ok(())
    }

    /// All detections in order, handed over in batches of at most `batch`.
    ///
    /// # Errors
    /// If a run cannot be read back, or `take` fails.
    pub fn drain(&mut self, batch: usize, take: &mut dyn FnMut(Vec<Detection>) -> io::Result<()>) -> io::Result<()> {
        self.run.sort_by_cached_key(order);
        let mut runs = vec![Run::Memory(std::mem::take(&mut self.run).into_iter())];
        for path in &self.spilled {
            runs.push(Run::Disk(BufReader::new(File::open(path)?)));
        }
        let mut heap = BinaryHeap::new();
        let mut heads: Vec<Option<Detection>> = Vec::new();
        for (i, run) in runs.iter_mut().enumerate() {
            let head = run.next()?;
            heap.extend(head.as_ref().map(|d| Reverse((order(d), i))));
            heads.push(head);
        }
        let mut out = Vec::with_capacity(batch);
        while let Some(Reverse((_, i))) = heap.pop() {
            let next = runs[i].next()?;
            heap.extend(next.as_ref().map(|d| Reverse((order(d), i))));
            out.extend(std::mem::replace(&mut heads[i], next));
            if out.len() >= batch {
                take(std::mem::replace(&mut out, Vec::with_capacity(batch)))?;
            }
        }
        if out.is_empty() { Ok(()) } else { take(out) }
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // Temporary files only: failing to remove them loses nothing.
            let _ = std::fs::remove_dir_all(made);
        }
    }
}

/// Most names tried for the folder.
const NAMES_MAX: u32 = 100;

/// Makes a folder that did not exist: what somebody else put under a name that can be guessed is never used.
fn make(named: &std::path::Path) -> io::Result<PathBuf> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let mut taken = None;
    for number in 0..NAMES_MAX {
        let mut name = named.as_os_str().to_owned();
        name.push(format!("-{number}"));
        match builder.create(&name) {
            Ok(()) => return Ok(name.into()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(taken.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
}

enum Run {
    Memory(std::vec::IntoIter<Detection>),
    Disk(BufReader<File>),
}

impl Run {
    fn next(&mut self) -> io::Result<Option<Detection>> {
        let file = match self {
            Run::Memory(run) => return Ok(run.next()),
            Run::Disk(file) => file,
        };
        let mut length = [0u8; 4];
        match file.read_exact(&mut length) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let mut bytes = vec![0u8; u32::from_le_bytes(length) as usize];
        file.read_exact(&mut bytes)?;
        postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::{DetectionFlags, Facts, Quantity, Source};

    fn detection(time_ms: i64, id: u128, sequence: u64) -> Detection {
        Detection {
            target: 0,
            rule: 1,
            step: 0,
            source: Source::CloudTrail,
            key: GroupKey::new(["k"]),
            time_ms,
            arrival_ms: time_ms,
            id: ContentId(id),
            flags: DetectionFlags::default(),
            account: "1".into(),
            quantity: Quantity::None,
            revision: None,
            position: Position { source: "s".into(), shard: "0".into(), sequence: sequence.into(), sub_sequence: 0 },
            severity: 3,
            facts: Facts::default().into(),
        }
    }

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tidegate-sorter-{name}-{}", std::process::id()))
    }

    fn sorted(all: &[Detection], limit: usize, pieces: usize, name: &str) -> Vec<Detection> {
        let mut sorter = Sorter::new(folder(name), limit);
        all.chunks(pieces).for_each(|piece| sorter.add(piece.to_vec()).expect("spilled"));
        let made = sorter.made.clone();
        assert_eq!(made.is_some(), all.len() >= limit, "spilled when it must");
        let mut out = Vec::new();
        let mut take = |batch: Vec<Detection>| {
            assert!((1..=7).contains(&batch.len()));
            out.extend(batch);
            Ok(())
        };
        sorter.drain(7, &mut take).expect("merged");
        drop(sorter);
        assert!(made.is_none_or(|folder| !folder.exists()), "temporary files are removed");
        out
    }

    #[test]
    fn runs_on_disk_and_in_memory_come_out_in_one_order_whatever_came_first() {
        let mut rng = fastrand::Rng::with_seed(1);
        // Few times and ids: copies of one event differ by position only.
        let mut all: Vec<Detection> = (0..500).map(|n| detection(rng.i64(-5..5), rng.u128(0..3), n)).collect();
        let in_memory = sorted(&all, usize::MAX, 500, "memory");
        assert!(in_memory.is_sorted_by_key(order));
        for limit in [1, 10, 250, 500] {
            rng.shuffle(&mut all);
            assert_eq!(sorted(&all, limit, 9, "disk"), in_memory, "limit {limit}");
        }
        assert!(sorted(&[], 10, 1, "empty").is_empty());
    }

    #[test]
    fn a_name_that_is_taken_is_left_alone() {
        let taken = folder("taken");
        let first = PathBuf::from(format!("{}-0", taken.display()));
        std::fs::write(&first, "somebody's").expect("write");
        let mut sorter = Sorter::new(taken, 1);
        sorter.add(vec![detection(0, 0, 0)]).expect("spilled elsewhere");
        drop(sorter);
        assert_eq!(std::fs::read_to_string(&first).expect("still there"), "somebody's");
        std::fs::remove_file(first).expect("clean");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let mut sorter = Sorter::new("/nonexistent/folder/x".into(), 1);
        assert!(sorter.add(vec![detection(0, 0, 0)]).is_err());
    }
}
