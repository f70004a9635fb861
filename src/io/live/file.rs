//! One file, once or followed.
//!
//! Owns the look at one path. A file that is followed is read as it grows, a tenth of a second after; one that was rotated away (renamed,
//! or moved out of sight) is read to its end before the next one is let go of, and one that was renamed while nothing read it is looked
//! for by its inode in the same folder. A path that is no regular file (a named pipe) is read as a stream, see [`super::stdin`].
//! Limits: what a file held that was compressed or removed while nothing read it is told as lost.

use super::hand::Hand;
use super::register::{Register, Seen, path_name};
use super::stdin::StdinSource;
use super::token::Stat;
use super::watch::{Look, Pace, Place, Watch, shown};
use crate::io::port::{Flow, Read, ReadPosition, Source};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::Source as Service;

/// A file.
#[derive(Debug)]
pub struct FileSource {
    name: Arc<str>,
    path: PathBuf,
    services: Vec<Service>,
    follow: bool,
    pace: Pace,
}

impl FileSource {
    /// The file at a path. `follow`: it may grow, be rotated, or not be there yet.
    #[must_use]
    pub fn new(name: &str, path: PathBuf, services: Vec<Service>, follow: bool) -> Self {
        let pace = Pace { poll: Duration::from_millis(100), quiet: Duration::from_secs(2), line: None };
        FileSource { name: name.into(), path, services, follow, pace }
    }

    /// With another patience.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        FileSource { pace, ..self }
    }
}

impl Source for FileSource {
    fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    fn services(&self) -> &[Service] {
        &self.services
    }

    fn run(&mut self, resume: &[ReadPosition], take: &(dyn Fn(Read) -> Flow + Sync)) -> Result<(), String> {
        if std::fs::metadata(&self.path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
            let open = std::fs::File::open(&self.path).map_err(|e| cannot(&self.path, &e))?;
            return StdinSource::over(&self.name, &path_name(&self.path), self.services.clone(), Box::new(open)).run(resume, take);
        }
        let register = recall(&self.name, Path::new(""), resume)?;
        let place = OnePath { path: &self.path, name: path_name(&self.path), follow: self.follow };
        Watch::new(&place, self.pace, self.follow, register, Hand::new(self.name.clone(), take)).run()
    }
}

/// The files that a source read before.
pub(super) fn recall(source: &Arc<str>, base: &Path, resume: &[ReadPosition]) -> Result<Register, String> {
    let mut register = Register::default();
    for position in resume.iter().filter(|position| position.source == *source) {
        let sequence = position.sequence.to_string().parse().map_err(|e| format!("the read position of {}: {e}", position.shard))?;
        register.recall(base, &position.shard, sequence, &position.token)?;
    }
    Ok(register)
}

struct OnePath<'a> {
    path: &'a Path,
    name: Arc<str>,
    follow: bool,
}

impl Place for OnePath<'_> {
    fn look(&self, first: bool, had: &dyn Fn(u64) -> bool) -> Result<Look, String> {
        let mut look = Look::default();
        match std::fs::metadata(self.path) {
            Ok(meta) if meta.is_dir() => {
                return Err(format!("cannot read {} as a file: it is a folder; name it as a folder source", shown(self.path)));
            }
            Ok(meta) => look.seen.push(Seen { name: self.name.clone(), path: self.path.to_owned(), stat: Stat::of(&meta) }),
            Err(e) if self.follow && e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) if first && !self.follow => return Err(cannot(self.path, &e)),
            Err(e) => look.troubles.push(cannot(self.path, &e)),
        }
        if first && self.follow {
            self.look_aside(had, &mut look);
        }
        Ok(look)
    }

    fn idle_shard(&self, register: &Register) -> Arc<str> {
        register.shard(&self.name).unwrap_or_else(|| self.name.clone())
    }

    fn is_folder(&self) -> bool {
        false
    }
}

impl OnePath<'_> {
    /// Files beside this one that were read before under its name.
    fn look_aside(&self, had: &dyn Fn(u64) -> bool, look: &mut Look) {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            let (path, stat) = (entry.path(), Stat::of(&meta));
            if meta.is_file() && had(stat.inode) && path.file_name() != self.path.file_name() {
                look.seen.push(Seen { name: path_name(&path), path, stat });
            }
        }
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}; check the path and who may read it", shown(path))
}
