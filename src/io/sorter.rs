//! Detections in order of event time: an external merge sort, so that history of any size fits.
//!
//! Owns the order of history without arrival stamps. Runs of detections are sorted in memory and spilled to a temporary folder
//! when they exceed the budget; at the end the runs are merged. The order is total (time, content id, target, rule, step, key),
//! so that neither file order nor threads can matter.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use tidegate_core::event::{ContentId, Detection, GroupKey};

/// Most detections held in memory before a run is spilled.
pub const RUN_DETECTIONS: usize = 1_000_000;

type Order = (i64, ContentId, u32, u32, u16, GroupKey);

fn order(d: &Detection) -> Order {
    (d.time_ms, d.id, d.target, d.rule, d.step, d.key.clone())
}

/// Collects detections, then gives them back sorted.
#[derive(Debug)]
pub struct Sorter {
    run: Vec<Detection>,
    limit: usize,
    spilled: Vec<PathBuf>,
    folder: PathBuf,
}

impl Sorter {
    /// A sorter that spills runs of more than `limit` detections into `folder` (made when it is needed, removed on drop).
    #[must_use]
    pub fn new(folder: PathBuf, limit: usize) -> Self {
        Sorter { run: Vec::new(), limit: limit.max(1), spilled: Vec::new(), folder }
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
        std::fs::create_dir_all(&self.folder)?;
        self.run.sort_by_cached_key(order);
        let path = self.folder.join(format!("run-{}", self.spilled.len()));
        let mut file = BufWriter::new(File::create(&path)?);
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
        if !self.spilled.is_empty() {
            // Temporary files only: failing to remove them loses nothing.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
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
