//! What the operating system says of this process. Nothing where it does not tell.

use std::path::Path;

/// Bytes of memory that are in use (resident).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Files, sockets and pipes that are open.
#[must_use]
pub fn open_files() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64)
}

/// Bytes of a state file, and of the `-wal` beside it.
#[must_use]
pub fn state_file_bytes(path: &Path) -> Option<u64> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let bytes = std::fs::metadata(path).ok()?.len();
    Some(bytes + std::fs::metadata(wal).map_or(0, |meta| meta.len()))
}
