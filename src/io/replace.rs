//! Replacing a file that others read: they see the old one or the new one, whole.
//!
//! Owns the order: a draft beside it, synced, takes its name; then the folder is synced.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::path::Path;

/// Writes a file whole or not at all.
///
/// # Errors
/// If it cannot be written: the file is as it was.
pub fn replace(target: &Path, folder: &Path, bytes: &[u8], mode: Option<Permissions>) -> std::io::Result<()> {
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_draft(&draft, bytes, mode).and_then(|()| std::fs::rename(&draft, target));
    if written.is_err() {
        // The error that matters is the one before.
        let _ = std::fs::remove_file(&draft);
    }
    written?;
    // The name is durable when the folder is; where a folder cannot be synced, there is nothing more to do.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn write_draft(draft: &Path, bytes: &[u8], mode: Option<Permissions>) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(draft)?;
    if let Some(mode) = mode {
        file.set_permissions(mode)?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}
