//! The walk over a bucket: folders that a selection may need are listed one by one, side by side; below a folder of which all is needed
//! its keys come in one run.
//!
//! Owns what is still to list. What it finds is a set of keys, in order, whoever listed them.

use super::bucket::{Bucket, Refused};
use crate::io::selection::{Beneath, LeftOut, Selection};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Listings under way at the same time.
const THREADS: usize = 16;
/// Keys per answer: what S3 gives at most.
const KEYS_MAX: i32 = 1_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Keys to read, and sizes.
    pub(super) objects: BTreeMap<String, u64>,
    pub(super) left_out: LeftOut,
}

/// A listing to be made.
struct Task {
    prefix: String,
    /// Only what stands directly in it.
    shallow: bool,
}

struct State {
    found: Found,
    todo: Vec<Task>,
    busy: usize,
    failed: Option<String>,
    /// Folders that were passed by.
    passed_by: u64,
}

struct Walk<'w> {
    bucket: &'w Bucket,
    root: &'w str,
    selection: &'w Selection,
    progress: &'w (dyn Fn(u64) + Sync),
    state: Mutex<State>,
    changed: Condvar,
}

/// Walks over what is under a prefix.
pub(super) fn walk(bucket: &Bucket, root: &str, selection: &Selection, progress: &(dyn Fn(u64) + Sync)) -> Result<Found, String> {
    let first = Task { prefix: root.to_owned(), shallow: true };
    let state = State { found: Found::default(), todo: vec![first], busy: 0, failed: None, passed_by: 0 };
    let walk = Walk { bucket, root, selection, progress, state: Mutex::new(state), changed: Condvar::new() };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(|| walk.work()))));
    let State { found, failed, passed_by, .. } = walk.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(why) = failed {
        return Err(why);
    }
    if found.objects.is_empty() && found.left_out == LeftOut::default() && passed_by == 0 {
        return Err(format!("cannot read s3://{}/{root}: nothing is there; check the prefix (`aws s3 ls`)", bucket.name()));
    }
    Ok(found)
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists until nothing is left to do for anybody.
    fn work(&self) {
        while let Some(task) = self.take() {
            let result = self.list(&task);
            let mut state = self.lock();
            state.busy -= 1;
            if let Err(why) = result {
                state.failed.get_or_insert(why);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if let Some(task) = state.todo.pop() {
                state.busy += 1;
                return Some(task);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn list(&self, task: &Task) -> Result<(), String> {
        let (mut next, delimiter) = (None, task.shallow.then_some("/"));
        loop {
            let page = self.bucket.patiently(|| self.bucket.page(&task.prefix, delimiter, next.clone(), KEYS_MAX));
            let page = page.map_err(|(Refused::Again(why) | Refused::Final(why) | Refused::Elsewhere(why))| why)?;
            let mut state = self.lock();
            if state.failed.is_some() {
                return Ok(());
            }
            page.objects.into_iter().for_each(|(key, bytes)| self.note(&mut state, key, bytes));
            page.folders.into_iter().for_each(|folder| self.enter(&mut state, folder));
            (self.progress)(state.found.objects.len() as u64);
            drop(state);
            self.changed.notify_all();
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    fn note(&self, state: &mut State, key: String, bytes: u64) {
        // An empty key with a stroke at its end is how consoles show a folder.
        if key.ends_with('/') || !self.is_named(&key) {
            return;
        }
        if state.found.left_out.keep(self.selection.judge(&key)) {
            state.found.objects.insert(key, bytes);
        }
    }

    fn enter(&self, state: &mut State, folder: String) {
        if !self.is_named(&folder) {
            return;
        }
        match self.selection.beneath(&folder) {
            Beneath::Nothing => state.passed_by += 1,
            Beneath::Some => state.todo.push(Task { prefix: folder, shallow: true }),
            Beneath::All => state.todo.push(Task { prefix: folder, shallow: false }),
        }
    }

    /// `s3://bucket/trails` is the object `trails` and the folder `trails/`, not `trails-old/`.
    fn is_named(&self, key: &str) -> bool {
        let root = self.root;
        root.is_empty() || root.ends_with('/') || key == root || key.as_bytes().get(root.len()) == Some(&b'/')
    }
}
