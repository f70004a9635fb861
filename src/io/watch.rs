//! Watches files and folders for changes, by their times and sizes.
//!
//! Owns the comparison; the caller says when to look. Never reads contents. A change is told once it has settled: two looks in a
//! row must see the same, so that a file half written is not read.

use std::path::PathBuf;
use std::time::SystemTime;

/// What a look saw: every file, with its time and size.
type Seen = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// Files under watch.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    known: Seen,
    /// A change that has not settled yet.
    changing: Option<Seen>,
}

impl Watch {
    /// Watches these files and folders (recursively) from here on.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let known = look(&paths);
        Watch { paths, known, changing: None }
    }

    /// Watches these from here on. Of what was watched before, the last look stands: a change since then is told.
    pub fn turn_to(&mut self, paths: Vec<PathBuf>) {
        let watched = |paths: &[PathBuf], file: &PathBuf| paths.iter().any(|path| file.starts_with(path));
        let mut known = look(&paths);
        known.retain(|(file, ..)| !watched(&self.paths, file));
        known.extend(std::mem::take(&mut self.known).into_iter().filter(|(file, ..)| watched(&paths, file)));
        known.sort();
        (self.paths, self.known, self.changing) = (paths, known, None);
    }

    /// Looks again. True once for every change that has settled.
    pub fn changed(&mut self) -> bool {
        let seen = look(&self.paths);
        if seen == self.known {
            self.changing = None;
            return false;
        }
        if self.changing.as_ref() != Some(&seen) {
            self.changing = Some(seen);
            return false;
        }
        self.known = seen;
        self.changing = None;
        true
    }
}

fn look(paths: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    for path in paths {
        for entry in walkdir::WalkDir::new(path).into_iter().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() {
                seen.push((entry.into_path(), meta.modified().ok(), meta.len()));
            }
        }
    }
    seen.sort();
    seen.dedup();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_when_it_has_settled() {
        let folder = std::env::temp_dir().join(format!("tidegate-reload-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let file = folder.join("a.yml");
        std::fs::write(&file, "1").expect("write");
        let mut watch = Watch::new(vec![folder.clone(), folder.join("missing")]);
        assert!(!watch.changed());
        std::fs::write(&file, "22").expect("write");
        assert!(!watch.changed(), "seen once");
        std::fs::write(&file, "333").expect("write");
        assert!(!watch.changed(), "still changing");
        assert!(watch.changed(), "settled");
        assert!(!watch.changed(), "told once");
        std::fs::remove_file(&file).expect("remove");
        assert!(!watch.changed());
        assert!(watch.changed(), "gone is a change");
        std::fs::remove_dir_all(&folder).expect("clean");
    }

    #[test]
    fn a_change_between_two_lists_of_paths_is_not_missed() {
        let folder = std::env::temp_dir().join(format!("tidegate-watch-turn-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("old")).expect("folder");
        let (old, new) = (folder.join("old/a.yml"), folder.join("b.yml"));
        std::fs::write(&old, "1").and_then(|()| std::fs::write(&new, "1")).expect("write");
        let mut watch = Watch::new(vec![folder.join("old")]);
        std::fs::write(&old, "22").expect("write");
        watch.turn_to(vec![folder.join("old"), new.clone()]);
        assert!(!watch.changed(), "seen once");
        assert!(watch.changed(), "what changed before is told");
        assert!(!watch.changed(), "the new path did not change");
        watch.turn_to(vec![new.clone()]);
        std::fs::write(&old, "333").expect("write");
        assert!(!watch.changed() && !watch.changed(), "watched no more");
        std::fs::remove_dir_all(&folder).expect("clean");
    }
}
