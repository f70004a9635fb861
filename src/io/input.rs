//! What a user named on the command line, as a list of things to read: files, folders (recursively, by name), `-`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// The name shown in messages and positions.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Input::File(path) => path.to_string_lossy().into(),
            Input::Stdin => "-".into(),
        }
    }

    /// Where it is, whatever way it was named.
    fn place(&self) -> PathBuf {
        match self {
            Input::File(path) => std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
            Input::Stdin => PathBuf::from("-"),
        }
    }

    /// Size on disk, for progress; 0 where it is not known.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Input::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
            Input::Stdin => 0,
        }
    }
}

/// Expands what was named. Hidden files are left out; what is named twice is read once; the order is by path, so that it does
/// not depend on the disk.
///
/// # Errors
/// A sentence naming the path that cannot be read and why.
pub fn expand(named: &[String]) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    for name in named {
        if name == "-" {
            inputs.push(Input::Stdin);
        } else if name.starts_with("s3://") {
            return Err(format!(
                "cannot read {name}: this version reads files, folders and `-`; copy the objects to a folder first (aws s3 sync)"
            ));
        } else {
            expand_path(Path::new(name), &mut inputs)?;
        }
    }
    let mut seen = BTreeSet::new();
    inputs.retain(|input| seen.insert(input.place()));
    Ok(inputs)
}

fn expand_path(path: &Path, inputs: &mut Vec<Input>) -> Result<(), String> {
    let meta = std::fs::metadata(path).map_err(|e| format!("cannot read {}: {e}; check the path", path.display()))?;
    if !meta.is_dir() {
        inputs.push(Input::File(path.to_owned()));
        return Ok(());
    }
    let hidden = |e: &walkdir::DirEntry| e.depth() > 0 && e.file_name().to_string_lossy().starts_with('.');
    for entry in walkdir::WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(|e| !hidden(e)) {
        let entry = entry.map_err(|e| format!("cannot read folder {}: {e}", path.display()))?;
        if entry.file_type().is_file() {
            inputs.push(Input::File(entry.into_path()));
        }
    }
    Ok(())
}
