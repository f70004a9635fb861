//! The files a source knows: which shard each is, and where a renamed or replaced one belongs.
//!
//! Owns the names of shards. A file's shard is named by the path under which it was first seen; another file under the same path is
//! the next generation, `path#2`. A file that is found under another name (rotation by renaming) stays its shard and is never read
//! twice. Never reads records. Limits: every file ever read is remembered, about 550 bytes each in memory and a row of the
//! positions table each, for it must not be read again: of a folder that only ever grows, move read files away by the month.

use super::cut::Rest;
use super::opened::{Found, Opened};
use super::token::{Stat, Token};
use crate::io::clock::Stopwatch;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that was found.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Its name: where generations are counted.
    pub(super) name: Arc<str>,
    /// Where it is.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) stat: Stat,
}

/// A file that is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) shard: Arc<str>,
    /// The name under which it was last seen.
    name: Arc<str>,
    /// Where it was last.
    pub(super) path: PathBuf,
    /// Number of the last line or value handed over.
    pub(super) sequence: u64,
    /// The place behind it, if anything was handed over.
    pub(super) token: Option<Token>,
    /// What it was when it was last seen.
    pub(super) stat: Stat,
    /// How long it has been so.
    pub(super) since: Stopwatch,
    /// What it was when it was read as far as it went.
    pub(super) read: Option<Stat>,
    /// What it held then behind the last piece.
    pub(super) rest: Rest,
    pub(super) opened: Option<Box<Opened>>,
    /// Whether the next records come with the text's first line.
    pub(super) afresh: bool,
    /// What was said last about why it cannot be read.
    pub(super) told: Option<String>,
    /// When it was first not found where it was.
    pub(super) gone: Option<Stopwatch>,
    /// The last look that found it.
    pub(super) look: u64,
}

impl Known {
    fn new(shard: Arc<str>, Seen { name, path, stat }: Seen) -> Self {
        let since = Stopwatch::start();
        let (sequence, token, read, opened, told, gone) = (0, None, None, None, None, None);
        Known { shard, name, path, sequence, token, stat, since, read, rest: Rest::Nothing, opened, afresh: true, told, gone, look: 0 }
    }

    /// Whether nothing of the file as it was last seen is left to read.
    pub(super) fn done(&self) -> bool {
        self.token.is_some_and(|token| token.done && token.stat == self.stat)
    }

    /// Opens the file where it was last read.
    pub(super) fn open(&self, path: &Path, inode: u64) -> std::io::Result<Found> {
        Opened::open(path, inode, self.token.as_ref().map(|token| (token, self.sequence)))
    }

    fn is_this(&self, seen: &Seen) -> bool {
        let unchanged = self.token.is_some_and(|token| token.stat == seen.stat);
        unchanged || matches!(self.open(&seen.path, seen.stat.inode), Ok(Found::This(_)))
    }
}

/// What a found file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// One that is known, by number.
    Known(usize),
    /// One that was never seen.
    New(usize),
    /// One that replaces another (the second number) under its name.
    Instead(usize, usize),
}

/// All files of a source.
#[derive(Debug, Default)]
pub(super) struct Register {
    pub(super) known: Vec<Known>,
    /// Name -> the file under it.
    names: BTreeMap<Arc<str>, usize>,
    /// Inode -> files that had it.
    inodes: BTreeSet<(u64, usize)>,
    /// Name -> the highest generation, where it is not the first.
    generations: BTreeMap<Arc<str>, u64>,
    look: u64,
}

impl Register {
    /// Enters a shard that was read before.
    ///
    /// # Errors
    /// If its token cannot be used: in words.
    pub(super) fn recall(&mut self, base: &Path, shard: &Arc<str>, sequence: u64, token: &str) -> Result<(), String> {
        let token = Token::parse(token).map_err(|why| {
            let shard = tidegate_core::alert::neutral::terminal(shard);
            format!("cannot use the stored read position of {shard}: {why}; run the version that wrote it, or restore the state file")
        })?;
        let (name, generation) = name_of(shard);
        let number = self.known.len();
        let seen = Seen { name: name.into(), path: base.join(name), stat: token.stat };
        let mut known = Known::new(shard.clone(), seen);
        (known.sequence, known.token) = (sequence, Some(token));
        self.known.push(known);
        self.inodes.insert((token.stat.inode, number));
        let highest = self.generations.get(name).copied().unwrap_or(1);
        if generation >= highest {
            self.names.insert(name.into(), number);
        }
        if generation > highest {
            self.generations.insert(name.into(), generation);
        }
        Ok(())
    }

    /// Begins to look anew: what is not seen from here on is gone.
    pub(super) fn begin_look(&mut self) {
        self.look += 1;
    }

    /// Numbers of the files that this look did not find.
    pub(super) fn unseen(&self) -> Vec<usize> {
        (0..self.known.len()).filter(|n| self.known[*n].look != self.look).collect()
    }

    /// The shard under a name.
    pub(super) fn shard(&self, name: &str) -> Option<Arc<str>> {
        self.names.get(name).map(|n| self.known[*n].shard.clone())
    }

    /// Whether some file that was read had this inode.
    pub(super) fn had(&self, inode: u64) -> bool {
        self.inodes.range((inode, 0)..=(inode, usize::MAX)).next().is_some()
    }

    /// Tells which file a found one is.
    pub(super) fn see(&mut self, seen: Seen) -> Sight {
        let under = self.names.get(&seen.name).copied();
        let same = |known: &Known| {
            let cut = known.token.is_some_and(|token| !token.gzip && seen.stat.size < token.offset);
            known.stat.inode == seen.stat.inode && !cut
        };
        if let Some(n) = under.filter(|n| same(&self.known[*n])) {
            return self.note(n, seen);
        }
        if let Some(n) = self.renamed(&seen).or(under.filter(|n| self.continues(*n, &seen))) {
            return self.note(n, seen);
        }
        match under {
            Some(old) => Sight::Instead(self.enter(seen), old),
            None => Sight::New(self.enter(seen)),
        }
    }

    /// The content that was found where a known file's was expected: another known file, or a new one. Its number.
    pub(super) fn replace(&mut self, old: usize) -> usize {
        let Known { name, path, stat, .. } = &self.known[old];
        let seen = Seen { name: name.clone(), path: path.clone(), stat: *stat };
        // What gzip holds before a place is compared only as it is read.
        match self.renamed(&seen).filter(|n| *n != old && self.known[*n].token.is_some_and(|token| !token.gzip)) {
            Some(n) => {
                self.note(n, seen);
                n
            }
            None => self.enter(seen),
        }
    }

    /// The known file with this inode, under whatever name it was.
    fn renamed(&self, seen: &Seen) -> Option<usize> {
        let mut had = self.inodes.range((seen.stat.inode, 0)..=(seen.stat.inode, usize::MAX)).map(|(_, n)| *n);
        had.find(|n| {
            let known = &self.known[*n];
            // Of one that nothing was read of, nothing can be compared, and nothing be doubled.
            known.stat.inode == seen.stat.inode && if known.token.is_some() { known.is_this(seen) } else { known.look + 1 >= self.look }
        })
    }

    /// Whether a file under the same name but with another inode has the same content (a copy that was put back).
    fn continues(&self, n: usize, seen: &Seen) -> bool {
        let known = &self.known[n];
        known.stat.inode != seen.stat.inode && if known.token.is_some() { known.is_this(seen) } else { known.opened.is_none() }
    }

    fn note(&mut self, n: usize, seen: Seen) -> Sight {
        let known = &mut self.known[n];
        if known.stat != seen.stat {
            known.since = Stopwatch::start();
        }
        if known.stat.inode != seen.stat.inode {
            known.opened = None;
            self.inodes.insert((seen.stat.inode, n));
        }
        (known.stat, known.path, known.gone, known.look) = (seen.stat, seen.path, None, self.look);
        known.name = seen.name.clone();
        self.names.insert(seen.name, n);
        Sight::Known(n)
    }

    fn enter(&mut self, seen: Seen) -> usize {
        let number = self.known.len();
        let generation = if self.names.contains_key(&seen.name) {
            let highest = self.generations.entry(seen.name.clone()).or_insert(1);
            *highest += 1;
            *highest
        } else {
            1
        };
        self.inodes.insert((seen.stat.inode, number));
        self.names.insert(seen.name.clone(), number);
        let mut known = Known::new(shard_of(&seen.name, generation), seen);
        known.look = self.look;
        self.known.push(known);
        number
    }
}

/// The shard of a generation. A name that looks like a later generation itself tells its first one.
pub(super) fn shard_of(name: &str, generation: u64) -> Arc<str> {
    if generation == 1 && numbered(name).is_none() { name.into() } else { format!("{name}#{generation}").into() }
}

/// The name and generation of a shard.
pub(super) fn name_of(shard: &str) -> (&str, u64) {
    numbered(shard).unwrap_or((shard, 1))
}

fn numbered(text: &str) -> Option<(&str, u64)> {
    let (name, number) = text.rsplit_once('#')?;
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    Some((name, number.parse().ok().filter(|_| plain)?))
}

/// A path as a name. What is no text is told byte by byte, so that two files never have one name.
pub(super) fn path_name(path: &Path) -> Arc<str> {
    let mut name = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| name.push_str(&format!("\\x{byte:02x}")));
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_names_lead_to_each_other() {
        for name in ["a/b.log", "a#b", "a#2", "a#2#1", "#1", "a#", "a#02", "a#99999999999999999999999"] {
            for generation in [1, 2, 17] {
                assert_eq!(name_of(&shard_of(name, generation)), (name, generation), "{name}");
            }
        }
        assert_eq!(&*shard_of("a.log", 1), "a.log");
        assert_eq!(&*shard_of("a.log", 2), "a.log#2");
        assert_ne!(shard_of("a.log#2", 1), shard_of("a.log", 2), "two files are two shards");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_has_a_name_of_its_own() {
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &[u8]| path_name(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!(&*path(b"a\xffb"), "a\\xffb");
        assert_ne!(path(b"a\xff"), path(b"a\xfe"));
    }
}
