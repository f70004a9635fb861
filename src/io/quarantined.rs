//! `quarantine:STATEFILE`: what a state file keeps in quarantine, as input of a replay.
//!
//! Owns the step from items to records: each with the place it had and the arrival of the batch it came with. Only looks into the
//! file: nothing leaves the quarantine by a replay. Never gives documents that a sink refused (they are no records). Limits: of a
//! large item the quarantine keeps the beginning only, which is refused again.

use super::input::{Far, Input, Opened, Records};
use super::reader::ReadError;
use super::sqlite::{QuarantineFilter, QuarantineItem, REFUSED, View};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate_core::event::Record;

/// How it is named.
pub const SCHEME: &str = "quarantine:";

/// The quarantine of a state file as an input.
///
/// # Errors
/// If there is no such file, or it cannot be looked into: in words.
pub fn quarantined(path: &Path) -> Result<Input, String> {
    let items = items(path)?;
    let bytes = items.iter().map(|item| item.size).sum();
    let (name, path): (Arc<str>, PathBuf) = (format!("{SCHEME}{}", path.display()).into(), path.to_owned());
    let open = move || Ok(Opened::Records(records(&path).map_err(io::Error::other)?));
    Ok(Input::Far(Far { name, bytes, open: Arc::new(open) }))
}

/// Items of sources, oldest first.
fn items(path: &Path) -> Result<Vec<QuarantineItem>, String> {
    let mut view = View::open(path).map_err(|e| e.to_string())?;
    let all = view.quarantine(&QuarantineFilter::default()).map_err(|e| e.to_string())?;
    Ok(all.into_iter().filter(|item| item.code != REFUSED).collect())
}

fn records(path: &Path) -> Result<Records, String> {
    let (items, mut view) = (items(path)?, View::open(path).map_err(|e| e.to_string())?);
    let record = move |item: QuarantineItem| match view.quarantined(item.id) {
        Ok(Some((item, bytes))) => Some(Ok(Record { position: item.position, arrival_ms: Some(item.arrival_ms), bytes, lines: false })),
        // It was driven again meanwhile.
        Ok(None) => None,
        Err(error) => Some(Err(ReadError { position: item.position, error: io::Error::other(error.to_string()) })),
    };
    Ok(Box::new(items.into_iter().filter_map(record)))
}
