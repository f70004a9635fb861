//! How a command ends.

use std::fmt;
use std::process::ExitCode;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: fine.
    Fine,
    /// 1: the check found something (a failing rule test, a lint error, a difference over its limit, a missed attack).
    Found,
    /// 2: usage or configuration.
    Usage,
    /// 3: a needed service or file failed.
    Failed,
    /// 130, as shells say it: stopped by Ctrl-C; what was read before is reported.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error for the person who must act: what, where, why, what to do, in one message.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub exit: Exit,
    message: String,
}

impl Failure {
    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { exit: Exit::Usage, message: message.into() }
    }

    /// A file or service failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure { exit: Exit::Failed, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
