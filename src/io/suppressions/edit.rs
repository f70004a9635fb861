//! Adding a suppression to its file, as a careful person would: at the end of the list, everything else as it was.
//!
//! The text is never rebuilt: the entry is written behind what is there, read back, and only if the file then says what it said
//! before and the new entry besides is it put in place (a temporary file, synced, renamed; the mode kept; a link followed).
//! Two of these at once wait for each other by a lock on the folder, where the file system has one.

use super::{Loaded, Placed, parse, read_text};
use crate::io::replace::replace;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use tidegate_core::alert::{Suppression, neutral};
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::rule::Diagnostic;

/// Why nothing was added. The file is as it was.
#[derive(Debug)]
pub enum EditError {
    /// The new entry has problems (their places are none of the file's).
    Entry(Vec<Diagnostic>),
    /// The file has problems of its own.
    File(Vec<Diagnostic>),
    /// The id is taken, at this line.
    Duplicate(u32),
    /// The entry cannot be put behind the others without touching them. This text is to be added by hand.
    ByHand(String),
    /// The file cannot be read or written.
    Failed(String),
}

/// Adds a suppression to a file, which is created if it is not there.
///
/// # Errors
/// [`EditError`]; the file is as it was.
pub fn add(path: &Path, suppression: &Suppression) -> Result<(), EditError> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&target);
    let guard = File::open(&folder).ok();
    // Where a folder cannot be locked, the last of two that write at once wins.
    let _locked = guard.as_ref().map(File::lock);
    let exists = target.try_exists().map_err(|e| EditError::Failed(format!("cannot look at {}: {e}", path.display())))?;
    let old = if exists { read_text(&target).map_err(EditError::Failed)? } else { String::new() };
    let new = with_entry(&path.display().to_string(), &old, suppression)?;
    let mode = std::fs::metadata(&target).ok().map(|m| m.permissions());
    replace(&target, &folder, new.as_bytes(), mode)
        .map_err(|e| EditError::Failed(format!("cannot write {}: {e}; check the folder's permissions and free space", path.display())))
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The file's text with the entry behind the others.
fn with_entry(name: &str, old: &str, suppression: &Suppression) -> Result<String, EditError> {
    let alone = parse("entry", &entry_text(suppression, 0, "\n"));
    if !alone.problems.is_empty() {
        return Err(EditError::Entry(alone.problems));
    }
    let before = parse(name, old);
    if !before.problems.is_empty() {
        return Err(EditError::File(before.problems));
    }
    if let Some(taken) = before.entries.iter().find(|e| e.suppression.id == suppression.id) {
        return Err(EditError::Duplicate(taken.place.line));
    }
    let good = |new: &String| says(&parse(name, new), &before, suppression);
    candidates(old, &before, suppression).into_iter().find(good).ok_or_else(|| EditError::ByHand(entry_text(suppression, 2, "\n")))
}

/// Whether a file says what it said before, and the new entry last.
fn says(after: &Loaded, before: &Loaded, suppression: &Suppression) -> bool {
    let suppressions = |entries: &[Placed]| entries.iter().map(|e| e.suppression.clone()).collect::<Vec<_>>();
    let mut want = suppressions(&before.entries);
    want.push(suppression.clone());
    after.problems.is_empty() && suppressions(&after.entries) == want
}

/// The ways to write it, best first: behind the last entry in its column; below `suppressions:`; with that word above it.
fn candidates(old: &str, before: &Loaded, suppression: &Suppression) -> Vec<String> {
    let break_ = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let ended = if old.is_empty() || old.ends_with('\n') { old.to_owned() } else { format!("{old}{break_}") };
    let entry = |column: usize| entry_text(suppression, column, break_);
    match before.entries.last() {
        Some(last) => dash_column(old, last).map(|column| format!("{ended}{}", entry(column))).into_iter().collect(),
        None if old.lines().any(|line| line.starts_with("suppressions:")) => {
            let emptied = ended.replacen("suppressions: []", "suppressions:", 1);
            vec![format!("{ended}{}", entry(2)), format!("{emptied}{}", entry(2))]
        }
        None => vec![format!("{ended}suppressions:{break_}{}", entry(2))],
    }
}

/// The column (from 0) of an entry's dash.
fn dash_column(text: &str, entry: &Placed) -> Option<usize> {
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(text).lines().collect();
    let at = (entry.place.line as usize).checked_sub(1)?;
    // The dash stands before the entry on its line, or alone on one above it.
    let same = lines.get(at)?.chars().take(entry.place.column as usize - 1).collect::<String>();
    let above = || lines[..at].iter().rev().find(|l| l.trim() == "-").copied().map(str::to_owned);
    let line = if same.trim() == "-" { same } else { above()? };
    line.find('-')
}

/// An entry as it stands in the file, its dash in a column (from 0).
#[must_use]
pub fn entry_text(suppression: &Suppression, column: usize, break_: &str) -> String {
    let s = suppression;
    let mut lines = vec![format!("- id: {}", scalar(&s.id)), format!("  rule: {}", scalar(&s.rule)), "  where:".to_owned()];
    lines.extend(s.conditions.iter().map(|(field, value)| format!("    {}: {}", scalar(field), scalar(value))));
    lines.push(format!("  reason: {}", scalar(&s.reason)));
    lines.push(format!("  owner: {}", scalar(&s.owner)));
    lines.push(format!("  created: {}", moment(s.created_ms)));
    lines.push(format!("  expires: {}", moment(s.expires_ms)));
    if s.allow_critical {
        lines.push("  allow_critical: true".to_owned());
    }
    lines.iter().map(|line| format!("{:column$}{line}{break_}", "")).collect()
}

fn moment(ms: i64) -> String {
    format_rfc3339(ms).replace(".000Z", "Z")
}

/// A text as a YAML scalar that every reader takes for a text: bare where nothing can be mistaken, else in double quotes with all
/// that is unusual escaped.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if starts && text.chars().all(bare) && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            ' '..='~' => write!(out, "{c}"),
            c if c.is_alphanumeric() && neutral::terminal(c.encode_utf8(&mut [0; 4])) == *c.encode_utf8(&mut [0; 4]) => write!(out, "{c}"),
            c if u32::from(c) <= 0xff => write!(out, "\\x{:02x}", u32::from(c)),
            c if u32::from(c) <= 0xffff => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "\\U{:08x}", u32::from(c)),
        };
    }
    out.push('"');
    out
}
