//! The validator of the OCSF schema that the design shares between projects. It lies outside the repository: without it only our
//! own `check` speaks, and the test says so.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file of the shared folder: `$TIDEGATE_SHARED`, else `shared` beside the workspace.
pub(crate) fn shared_file(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("TIDEGATE_SHARED").map_or_else(beside, PathBuf::from);
    Some(folder.join(name)).filter(|path| path.exists())
}

#[expect(clippy::disallowed_macros, reason = "a skipped validator must be seen")]
pub(crate) fn validate(documents: &[Value]) {
    let Some(script) = shared_file("reference/ocsf_check.py") else {
        eprintln!("skipped: no shared/reference/ocsf_check.py; set TIDEGATE_SHARED");
        return;
    };
    let lines: String = documents.iter().map(|d| format!("{d}\n")).collect();
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 starts");
    child.stdin.take().expect("piped").write_all(lines.as_bytes()).expect("python3 reads");
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
