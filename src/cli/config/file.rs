//! Which configuration file is meant, and its text.

use crate::cli::Failure;
use crate::config::{Parsed, parse};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The file that is read when none is named.
const DEFAULT: &str = "tidegate.yaml";
/// Names the file where the command line does not.
const VARIABLE: &str = "TIDEGATE_CONFIG";
/// What is read at most: enough to see that a file is too large.
const READ_BYTES_MAX: u64 = (1 << 20) + 1;

/// The file meant by the command line, else by the environment, else the usual one; and what it holds.
pub(in crate::cli) fn read(named: Option<&str>) -> Result<(String, Parsed), Failure> {
    let name = match named {
        Some(name) => name.to_owned(),
        None => from_environment()?.unwrap_or_else(|| DEFAULT.to_owned()),
    };
    let text = text(&name).map_err(Failure::usage)?;
    let base = std::path::absolute(&name).map_err(|e| Failure::failed(format!("cannot find the folder of {name}: {e}")))?;
    let base = base.parent().map_or_else(PathBuf::new, Path::to_owned);
    if base.to_str().is_none() {
        let folder = base.display();
        return Err(Failure::usage(format!("cannot use the folder {folder}: its name is not UTF-8; move the configuration")));
    }
    let parsed = parse(&name, &text, &base);
    Ok((name, parsed))
}

fn from_environment() -> Result<Option<String>, Failure> {
    match std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(name)) => Ok(Some(name)),
        Some(Err(name)) => Err(Failure::usage(format!("{VARIABLE} is {}: not UTF-8; choose another name", name.display()))),
    }
}

fn text(name: &str) -> Result<String, String> {
    let remedy = format!("name a configuration, or set {VARIABLE}; tidegate.example.yaml is one to start from");
    let failed = |e: std::io::Error| format!("cannot read {name}: {e}; {remedy}");
    let mut bytes = Vec::new();
    std::fs::File::open(name).map_err(failed)?.take(READ_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    String::from_utf8(bytes).map_err(|e| format!("cannot read {name}: not UTF-8 at byte {}; {remedy}", e.utf8_error().valid_up_to()))
}
