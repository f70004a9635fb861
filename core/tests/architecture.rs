//! The walls of the house: who may import whom, what the core must not contain, how large things may get.
//!
//! Reads the sources as text. A failure names the file and line, and the rule that it breaks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folder of the core -> folders it may import. What is not listed is refused.
const MAY_IMPORT: [(&str, &[&str]); 12] = [
    ("event", &[]),
    ("decode", &["event"]),
    ("normalize", &["event"]),
    ("enrich", &["event"]),
    ("rule", &["event"]),
    ("dedup", &["event"]),
    ("generate", &["event"]),
    ("detect", &["event", "decode", "normalize", "enrich", "rule", "dedup"]),
    ("correlate", &["event", "enrich", "rule", "dedup"]),
    ("alert", &["event", "decode", "normalize", "enrich", "rule", "dedup", "detect", "correlate"]),
    ("pipeline", &["event", "decode", "normalize", "enrich", "rule", "dedup", "detect", "correlate", "alert"]),
    ("workbench", &["event", "decode", "normalize", "enrich", "rule", "dedup", "detect", "correlate", "alert", "pipeline"]),
];

/// The shell's folders, the same way.
const SHELL_MAY_IMPORT: [(&str, &[&str]); 5] = [
    ("config", &[]),
    ("io", &[]),
    ("telemetry", &["io"]),
    ("run", &["config", "io", "telemetry"]),
    ("cli", &["config", "io", "run", "telemetry"]),
];

/// Words that the core must not contain outside its tests, with the reason.
const NOT_IN_CORE: [(&str, &str); 12] = [
    ("async fn", "the core is synchronous"),
    (".await", "the core is synchronous"),
    ("SystemTime", "time is a parameter"),
    ("Instant::now", "time is a parameter"),
    ("std::env", "settings are parameters"),
    ("std::fs", "the shell reads files"),
    ("std::thread", "the shell owns threads"),
    ("println!", "the shell prints"),
    ("Mutex", "a Pipeline has one owner"),
    ("RwLock", "a Pipeline has one owner"),
    ("tracing::", "statistics are returned"),
    ("fastrand::u", "randomness comes from a seed that is a parameter: Rng::with_seed"),
];

/// Crates that the core's manifest must not name.
const NOT_IN_MANIFEST: [&str; 9] = ["tokio", "reqwest", "hyper", "axum", "rusqlite", "aws-", "tracing", "metrics", "rand "];

const BANNED_NAMES: [&str; 4] = ["utils", "common", "helpers", "manager"];

/// A function must not cross this many lines; a file of code must not cross the other.
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

struct Source {
    path: PathBuf,
    folder: String,
    /// Lines without the test module at the end and without comments.
    code: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources(below: &Path) -> Vec<Source> {
    let mut out = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("source folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(source(below, path));
            }
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

fn source(below: &Path, path: PathBuf) -> Source {
    let text = std::fs::read_to_string(&path).expect("source file");
    let relative = path.strip_prefix(below).expect("below").to_owned();
    let folder = relative.components().next().map(|c| c.as_os_str().to_string_lossy().replace(".rs", "")).unwrap_or_default();
    let code = text.lines().take_while(|l| l.trim() != "#[cfg(test)]").map(|l| l.split("//").next().unwrap_or("").to_owned());
    Source { code: code.collect(), folder, path }
}

fn check_imports(sources: &[Source], allowed: &BTreeMap<&str, &[&str]>) -> Vec<String> {
    let mut errors = Vec::new();
    for s in sources {
        let Some(may) = allowed.get(s.folder.as_str()) else { continue };
        for (n, line) in s.code.iter().enumerate() {
            for part in line.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = allowed.contains_key(name.as_str());
                if known && name != s.folder && !may.contains(&name.as_str()) {
                    errors.push(format!("{}:{}: `{}` may not import `{name}`", s.path.display(), n + 1, s.folder));
                }
            }
        }
    }
    errors
}

#[test]
fn imports_follow_the_data() {
    let core = sources(&root().join("src"));
    let shell = sources(&root().join("../src"));
    let mut errors = check_imports(&core, &MAY_IMPORT.into_iter().collect());
    errors.extend(check_imports(&shell, &SHELL_MAY_IMPORT.into_iter().collect()));
    for s in &core {
        if s.folder != "lib" && !MAY_IMPORT.iter().any(|(name, _)| *name == s.folder) {
            errors.push(format!("{}: `{}` is a room without a place in the plan", s.path.display(), s.folder));
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn the_core_has_no_clock_no_io_and_no_locks() {
    let mut errors = Vec::new();
    for s in sources(&root().join("src")) {
        for (n, line) in s.code.iter().enumerate() {
            for (word, reason) in NOT_IN_CORE {
                if line.contains(word) {
                    errors.push(format!("{}:{}: `{word}`: {reason}", s.path.display(), n + 1));
                }
            }
        }
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn only_the_clock_reads_the_time() {
    let readers: Vec<_> = sources(&root().join("../src"))
        .into_iter()
        .filter(|s| s.code.iter().any(|l| l.contains("Instant::now") || l.contains("SystemTime::now")))
        .map(|s| s.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default())
        .collect();
    assert_eq!(readers, ["clock.rs"]);
}

#[test]
fn the_manifest_keeps_the_wall() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("manifest");
    let dependencies = manifest.split("[dependencies]").nth(1).and_then(|t| t.split("[dev-dependencies]").next()).unwrap_or("");
    for name in NOT_IN_MANIFEST {
        let named = dependencies.lines().any(|l| l.trim_start().starts_with(name));
        assert!(!named, "core/Cargo.toml names {name}: the core is pure and synchronous");
    }
}

#[test]
fn names_say_what_a_thing_is() {
    for s in sources(&root().join("src")).into_iter().chain(sources(&root().join("../src"))) {
        let stem = s.path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        assert!(!BANNED_NAMES.contains(&stem.as_str()), "{}: choose the name of the thing", s.path.display());
    }
}

#[test]
fn nothing_grows_beyond_reading() {
    let mut errors = Vec::new();
    for s in sources(&root().join("src")).into_iter().chain(sources(&root().join("../src"))) {
        if s.code.len() > FILE_LINES_MAX {
            errors.push(format!("{}: {} lines of code: split it by responsibility", s.path.display(), s.code.len()));
        }
        errors.extend(long_functions(&s));
    }
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

fn long_functions(s: &Source) -> Vec<String> {
    let indent = |l: &str| l.len() - l.trim_start().len();
    let begins = |l: &str| {
        let t = l.trim_start().trim_start_matches("pub ").trim_start_matches("const ");
        let t = t.split_once(") ").filter(|_| t.starts_with("pub(")).map_or(t, |(_, rest)| rest);
        t.starts_with("fn ") && !l.trim_end().ends_with(';')
    };
    let mut errors = Vec::new();
    for (start, line) in s.code.iter().enumerate().filter(|(_, l)| begins(l)) {
        let closes = |l: &String| indent(l) == indent(line) && l.trim_start().starts_with('}');
        let length = s.code[start + 1..].iter().position(closes).map_or(0, |n| n + 2);
        if length > FUNCTION_LINES_MAX && !line.contains('}') {
            errors.push(format!("{}:{}: {length} lines: split the function", s.path.display(), start + 1));
        }
    }
    errors
}

#[test]
fn unsafe_code_stands_in_files_of_its_own() {
    /// One file per need, each with its proof.
    const UNSAFE: [&str; 1] = ["simd.rs"];
    for s in sources(&root().join("src")).into_iter().chain(sources(&root().join("../src"))) {
        let name = s.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let has = s.code.iter().any(|l| l.contains("unsafe {") || l.contains("unsafe fn"));
        assert!(!has || UNSAFE.contains(&name.as_str()), "{}: unsafe code needs a file of its own", s.path.display());
    }
}

/// A replay can never page, nor write to a live index: nothing in it knows of anything that could. What it found goes into a plain
/// map of documents; the one thing that it may write is a state file of its own.
#[test]
fn a_replay_reaches_no_sink() {
    const NOT_IN_REPLAY: [&str; 12] = [
        "Sink",
        "opensearch",
        "sns",
        "ndjson",
        "pages::",
        "live::delivery",
        "live::wiring",
        "live::start",
        "live::service",
        "live::pages",
        "Lanes",
        "LaneKind",
    ];
    let shell = root().join("../src/run");
    let of_replay = |s: &Source| s.path.starts_with(shell.join("replay")) || s.path == shell.join("replay.rs");
    let replay: Vec<Source> = sources(&shell).into_iter().filter(of_replay).collect();
    assert!(replay.len() >= 3, "the replay stands in src/run/replay.rs and src/run/replay/");
    for s in replay {
        for (number, line) in s.code.iter().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            let named = NOT_IN_REPLAY.iter().find(|word| line.contains(**word));
            assert!(named.is_none(), "{}:{}: {named:?}: a replay must not reach a sink", s.path.display(), number + 1);
        }
    }
}
