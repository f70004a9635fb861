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
        for entry in walkdir::WalkDir::new(path).sort_by_file_name().into_iter().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() {
                seen.push((entry.into_path(), meta.modified().ok(), meta.len()));
            }
        }
    }
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
}
