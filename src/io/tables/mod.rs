//! Tables on disk: accounts, networks, intelligence as CSV, JSON or YAML, geography as `.mmdb`; gzip is undone.
//!
//! Owns how a file becomes rows with their lines. Never judges a row: that is [`Builder`]'s. By default any bad row refuses all
//! tables, so that nobody believes in a context that is not there; `partial` takes the good rows and tells of the bad ones.
//! Limits: a file has at most [`FILE_BYTES_MAX`] bytes after gunzip; YAML has those of rule files (1 MiB, 200,000 values).

mod csv;
mod json;
mod yaml;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate_core::enrich::{Builder, TableKind, Tables};

/// Largest table file.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The files of all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFiles {
    /// Accounts.
    pub accounts: Option<PathBuf>,
    /// Networks.
    pub networks: Option<PathBuf>,
    /// Threat intelligence.
    pub intel: Vec<PathBuf>,
    /// Geographic databases.
    pub geo: Vec<PathBuf>,
}

/// Loads all tables. Beside them, what was left out of them: nothing, unless `partial`.
///
/// # Errors
/// What cannot be read, or which rows are bad, in words: one line each.
pub fn load(files: &TableFiles, partial: bool) -> Result<(Arc<Tables>, Vec<String>), String> {
    let mut builder = Builder::new();
    let rows = [(TableKind::Accounts, files.accounts.as_slice()), (TableKind::Networks, files.networks.as_slice())];
    for (kind, path) in
        rows.into_iter().chain([(TableKind::Intel, &files.intel[..])]).flat_map(|(kind, p)| p.iter().map(move |p| (kind, p)))
    {
        read_rows(&mut builder, kind, path)?;
    }
    for path in &files.geo {
        let (file, name) = (path.to_string_lossy().into_owned(), FileName::of(path));
        builder.geo(&file, &name.stem, read(path)?);
    }
    let problems = told(&builder);
    if problems.is_empty() || partial {
        return Ok((Arc::new(builder.finish()), problems));
    }
    let remedy = "no table was loaded; correct the rows, or load the good ones by --partial";
    Err(format!("{}\n{remedy}", problems.join("\n")))
}

/// The problems in words, and how many more there are.
fn told(builder: &Builder) -> Vec<String> {
    let (problems, count) = builder.problems();
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let more = count - problems.len() as u64;
    if more > 0 {
        lines.push(format!("... and {more} more bad rows"));
    }
    lines
}

fn read_rows(builder: &mut Builder, kind: TableKind, path: &Path) -> Result<(), String> {
    let name = FileName::of(path);
    let read_into: fn(&mut Builder, TableKind, &str, &str) = match name.ending.as_str() {
        "csv" => csv::rows,
        "json" | "ndjson" | "jsonl" => json::rows,
        "yaml" | "yml" => yaml::rows,
        other => {
            return Err(format!("cannot read {}: a table ends in .csv, .json, .ndjson or .yaml, not `.{other}`", path.display()));
        }
    };
    let content = read(path)?;
    let text = std::str::from_utf8(&content)
        .map_err(|e| format!("cannot read {}: not UTF-8 at byte {}; save it as UTF-8", path.display(), e.valid_up_to()))?;
    let file = path.to_string_lossy();
    builder.table(kind, &file, &name.stem, &content);
    read_into(builder, kind, &file, text.strip_prefix('\u{feff}').unwrap_or(text));
    Ok(())
}

/// A file's bytes, gunzipped if they are gzip.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("cannot read {}: {e}; check the path", path.display());
    let mut file = std::io::BufReader::new(std::fs::File::open(path).map_err(failed)?);
    let is_gzip = std::io::BufRead::fill_buf(&mut file).map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX + 1;
    let size = if is_gzip {
        flate2::bufread::MultiGzDecoder::new(file).take(limit).read_to_end(&mut bytes)
    } else {
        file.take(limit).read_to_end(&mut bytes)
    };
    if size.map_err(failed)? as u64 > FILE_BYTES_MAX {
        return Err(format!("cannot read {}: a table has at most {FILE_BYTES_MAX} bytes; split it", path.display()));
    }
    Ok(bytes)
}

/// A file's name without folder, and its ending without `.gz`, in lower case.
struct FileName {
    stem: String,
    ending: String,
}

impl FileName {
    fn of(path: &Path) -> Self {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let bare = name.strip_suffix(".gz").unwrap_or(&name);
        let (stem, ending) = bare.rsplit_once('.').unwrap_or((bare, ""));
        FileName { stem: stem.to_owned(), ending: ending.to_ascii_lowercase() }
    }
}

/// Hands a row over whose texts are owned.
fn give(builder: &mut Builder, line: u64, cells: &[(String, String)]) {
    let cells: Vec<(&str, &str)> = cells.iter().map(|(column, text)| (column.as_str(), text.as_str())).collect();
    builder.row(line, &cells);
}

#[cfg(test)]
mod tests;
