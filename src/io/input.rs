//! What a user named on the command line, as a list of things to read: files, folders (recursively, by name), `-`, and what a
//! scheme in front names (`s3://bucket/prefix`), each made by the module that knows it.

use super::quarantined;
use super::reader::ReadError;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate_core::event::Record;

/// One thing to read.
#[derive(Debug, Clone)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Something that is no file: an object, a stream, the answers of an API.
    Far(Far),
}

/// Something to read that is no file.
#[derive(Clone)]
pub struct Far {
    /// Shown in messages, and the shard of its records.
    pub name: Arc<str>,
    /// Its size, for progress; 0 where it is not known.
    pub bytes: u64,
    /// Opens it, on the thread that reads it.
    pub open: Arc<dyn Fn() -> io::Result<Opened> + Send + Sync>,
}

impl std::fmt::Debug for Far {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Far").field("name", &self.name).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What an opened [`Far`] gives.
pub enum Opened {
    /// Bytes like those of a file: gzip is undone, lines and values are cut.
    Bytes(Box<dyn Read + Send>),
    /// Records that have their own positions, and mostly arrival stamps.
    Records(Records),
}

/// Records one after the other; nothing comes behind an error.
pub type Records = Box<dyn Iterator<Item = Result<Record, ReadError>> + Send>;

impl Input {
    /// The name shown in messages and positions.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Input::File(path) => path.to_string_lossy().into(),
            Input::Stdin => "-".into(),
            Input::Far(far) => far.name.clone(),
        }
    }

    /// Where it is, whatever way it was named.
    fn place(&self) -> PathBuf {
        match self {
            Input::File(path) => std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
            Input::Stdin => PathBuf::from("-"),
            Input::Far(far) => PathBuf::from(&*far.name),
        }
    }

    /// Size on disk, for progress; 0 where it is not known.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Input::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
            Input::Stdin => 0,
            Input::Far(far) => far.bytes,
        }
    }
}

/// What stands in front of names that are no paths.
const SCHEMES: [&str; 3] = ["s3://", "kinesis:", "guardduty:"];

/// Makes inputs of a name that is no path; `None`: it does not know the scheme.
pub type Resolve<'r> = dyn FnMut(&str) -> Result<Option<Vec<Input>>, String> + 'r;

/// Expands what was named. Hidden files are left out; what is named twice is read once; the order is by path, so that it does
/// not depend on the disk.
///
/// # Errors
/// A sentence naming the path that cannot be read and why.
pub fn expand(named: &[String], resolve: &mut Resolve<'_>) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    for name in named {
        if name == "-" {
            inputs.push(Input::Stdin);
        } else if let Some(path) = name.strip_prefix(quarantined::SCHEME) {
            inputs.push(quarantined::quarantined(Path::new(path))?);
        } else if let Some(scheme) = SCHEMES.iter().find(|scheme| name.starts_with(**scheme)) {
            let unknown = || format!("cannot read {name}: this build does not read {scheme}; copy its objects to a folder first");
            inputs.extend(resolve(name)?.ok_or_else(unknown)?);
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
