//! What SQLite says, told to the person who must act: what could not be done, where, why, and what to do.
//!
//! Owns the decision between "later" (nothing is wrong with the file) and "never" (the file cannot be read).

use crate::io::port::StoreError;
use rusqlite::ErrorCode;
use std::path::Path;

/// What goes wrong inside a transaction.
#[derive(Debug)]
pub(super) enum Trouble {
    /// SQLite's own words.
    Sql(rusqlite::Error),
    /// Ours.
    Told(StoreError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Sql(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Told(error)
    }
}

/// The trouble as the port says it.
pub(super) fn tell(path: &Path, doing: &str, trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Told(error) => error,
        Trouble::Sql(error) => tell_sql(path, doing, &error),
    }
}

fn tell_sql(path: &Path, doing: &str, error: &rusqlite::Error) -> StoreError {
    let remedy = error.sqlite_error_code().and_then(passing);
    match remedy {
        Some(remedy) => StoreError::Unavailable(format!("cannot {doing} in {}: {error}: {remedy}", path.display())),
        None => StoreError::Unreadable(format!("cannot {doing} in {}: {error}: {DAMAGED}", path.display())),
    }
}

const DAMAGED: &str = "the file is damaged or is no state file of Tidegate. Nothing was changed. Restore it from a copy, or name another \
file to start anew (its windows, alerts and quarantine would be lost)";

/// What to do about something that can pass; `None`: it cannot.
fn passing(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::DiskFull => {
            "the disk is full, or the file has reached its byte budget: free space or raise the budget; work goes on then"
        }
        ErrorCode::ReadOnly => "the file or its file system is read-only: make it writable; work goes on then",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            "another process holds it (a copy, a backup, a stopped owner): end that; work goes on then"
        }
        ErrorCode::SystemIoFailure => "the disk reports an error: check the kernel's log and the disk; work goes on when it answers",
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            "check that the file and its folder are there and that this user may read and write both"
        }
        ErrorCode::OutOfMemory => "memory is short: free some; work goes on then",
        ErrorCode::FileLockingProtocolFailed | ErrorCode::NoLargeFileSupport => {
            "its file system cannot lock or is too small: use a local disk"
        }
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted => "it was interrupted; it is tried again",
        _ => return None,
    })
}

/// Whether the connection is better opened again before it is used once more: its files may have been moved or remounted.
pub(super) fn wants_new_connection(trouble: &Trouble) -> bool {
    let Trouble::Sql(error) = trouble else { return false };
    let code = error.sqlite_error_code();
    code.is_some_and(|c| !matches!(c, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull))
}

/// An I/O error about a path.
pub(super) fn tell_io(path: &Path, doing: &str, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "cannot {doing} {}: {error}: check that its folder is there, has room and may be written",
        path.display()
    ))
}
