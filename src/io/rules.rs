//! Rule files on disk and in the binary.

use std::path::Path;
use tidegate_core::rule::RuleFile;

/// The shipped pack.
pub mod pack {
    include!(concat!(env!("OUT_DIR"), "/pack.rs"));
}

/// The name by which the shipped pack is asked for.
pub const BUILTIN: &str = "builtin";

/// Largest rule file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A rule test file: `NAME.test.yaml` beside `NAME.yml`.
#[must_use]
pub fn is_test(path: &str) -> bool {
    path.ends_with(".test.yaml") || path.ends_with(".test.yml")
}

fn is_rule(path: &str) -> bool {
    (path.ends_with(".yml") || path.ends_with(".yaml")) && !is_test(path)
}

/// Reads the rule files named by `paths` (files, folders, `builtin`).
///
/// # Errors
/// A sentence naming what cannot be read and why.
pub fn read_rules(paths: &[String]) -> Result<Vec<RuleFile>, String> {
    read(paths, is_rule)
}

/// Reads the rule test files named by `paths`.
///
/// # Errors
/// A sentence naming what cannot be read and why.
pub fn read_tests(paths: &[String]) -> Result<Vec<RuleFile>, String> {
    read(paths, is_test)
}

fn read(paths: &[String], wanted: fn(&str) -> bool) -> Result<Vec<RuleFile>, String> {
    let mut files = Vec::new();
    for path in paths {
        if path == BUILTIN {
            let shipped = pack::FILES.iter().filter(|(name, _)| wanted(name));
            files.extend(shipped.map(|(name, text)| RuleFile { name: format!("{BUILTIN}/{name}"), text: (*text).into() }));
        } else {
            read_path(path, wanted, &mut files)?;
        }
    }
    if files.is_empty() && paths.iter().any(|p| p != BUILTIN) {
        return Err(format!("no rule files under {}: rule files end in .yml or .yaml", paths.join(", ")));
    }
    Ok(files)
}

fn read_path(path: &str, wanted: fn(&str) -> bool, files: &mut Vec<RuleFile>) -> Result<(), String> {
    let meta = std::fs::metadata(path).map_err(|e| format!("cannot read {path}: {e}; check the path"))?;
    if !meta.is_dir() {
        if !is_test(path) || wanted(path) {
            files.push(read_file(Path::new(path))?);
        }
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(|e| format!("cannot read folder {path}: {e}"))?;
        if entry.file_type().is_file() && wanted(&entry.path().to_string_lossy()) {
            files.push(read_file(entry.path())?);
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<RuleFile, String> {
    let name = path.to_string_lossy().into_owned();
    let size = std::fs::metadata(path).map_err(|e| format!("cannot read {name}: {e}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("cannot read {name}: {size} bytes, a rule file has at most {FILE_BYTES_MAX}"));
    }
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {name}: {e}"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(RuleFile { name, text }),
        Err(e) => Err(format!("cannot read {name}: not UTF-8 at byte {}", e.utf8_error().valid_up_to())),
    }
}
