//! A folder and all below it, watched.
//!
//! Owns the look at a folder: regular files, but not hidden ones and none whose name ends in `.tmp` or `.part`; a file that is still
//! being written should have such a name, or be moved in when it is complete. Never follows a link, and no name from an event is ever
//! part of a path. Each file is a shard, named by its path below the folder. How far the folder has been read in arrival time is told
//! by one shard, `.`: while files wait it stands at the last arrival handed over, else at the reader's clock; a file holds nobody back
//! once it was read as far as it goes (`Ended`), and comes back with its first line when it grows.
//! Limits: a copy of a file that was read is another file (rotate by renaming, not by copying); see [`super::register`] for how
//! many files are remembered.

use super::file::recall;
use super::hand::Hand;
use super::register::{Register, Seen, path_name};
use super::token::Stat;
use super::watch::{Look, Pace, Place, Watch, shown};
use crate::io::port::{Flow, Read, ReadPosition, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::Source as Service;

/// The shard that tells how far the folder as a whole has been read. No file has this name.
pub const FOLDER_SHARD: &str = ".";

/// A folder.
#[derive(Debug)]
pub struct FolderSource {
    name: Arc<str>,
    path: PathBuf,
    services: Vec<Service>,
    follow: bool,
    pace: Pace,
}

impl FolderSource {
    /// The folder at a path. `follow`: files may come and grow; else what is there is read once.
    #[must_use]
    pub fn new(name: &str, path: PathBuf, services: Vec<Service>, follow: bool) -> Self {
        let pace = Pace { poll: Duration::from_secs(1), quiet: Duration::from_secs(2), line: Some(Duration::from_secs(60)) };
        FolderSource { name: name.into(), path, services, follow, pace }
    }

    /// With another patience.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        FolderSource { pace, ..self }
    }
}

impl Source for FolderSource {
    fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    fn services(&self) -> &[Service] {
        &self.services
    }

    fn run(&mut self, resume: &[ReadPosition], take: &(dyn Fn(Read) -> Flow + Sync)) -> Result<(), String> {
        let register = recall(&self.name, &self.path, resume)?;
        let place = Below { root: &self.path };
        Watch::new(&place, self.pace, self.follow, register, Hand::new(self.name.clone(), take)).run()
    }
}

struct Below<'a> {
    root: &'a Path,
}

impl Place for Below<'_> {
    fn look(&self, _first: bool, _had: &dyn Fn(u64) -> bool) -> Result<Look, String> {
        let cannot = |why: &str| format!("cannot read folder {}: {why}; create it, or correct the path", shown(self.root));
        match std::fs::metadata(self.root) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(cannot("it is no folder")),
            Err(e) => return Err(cannot(&e.to_string())),
        }
        let mut look = Look::default();
        let walk = walkdir::WalkDir::new(self.root).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|e| e.depth() == 0 || !left_out(&e.file_name().to_string_lossy(), e.file_type().is_dir())) {
            match entry.and_then(|entry| self.seen(&entry)) {
                Ok(seen) => look.seen.extend(seen),
                Err(e) if e.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound) => {}
                Err(e) if e.depth() == 0 => return Err(cannot(&e.to_string())),
                Err(e) => {
                    let path = e.path().map(shown).unwrap_or_default();
                    let why = e.io_error().map_or_else(|| "a loop".to_owned(), ToString::to_string);
                    look.troubles.push(format!("cannot read {path}: {why}; it is left out until it can be read"));
                }
            }
        }
        Ok(look)
    }

    fn idle_shard(&self, _register: &Register) -> Arc<str> {
        FOLDER_SHARD.into()
    }

    fn is_folder(&self) -> bool {
        true
    }
}

impl Below<'_> {
    fn seen(&self, entry: &walkdir::DirEntry) -> Result<Option<Seen>, walkdir::Error> {
        if !entry.file_type().is_file() {
            return Ok(None);
        }
        let stat = Stat::of(&entry.metadata()?);
        let below = entry.path().strip_prefix(self.root).unwrap_or(entry.path());
        Ok(Some(Seen { name: path_name(below), path: entry.path().to_owned(), stat }))
    }
}

fn left_out(name: &str, folder: bool) -> bool {
    name.starts_with('.') || !folder && (name.ends_with(".tmp") || name.ends_with(".part"))
}
