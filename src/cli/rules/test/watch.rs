//! `rules test --watch`: tests again what changed, until Ctrl-C.

use super::{Arguments, Memory, report, run_all, test_files};
use crate::cli::{Exit, Failure, screen};
use crate::io::rules::BUILTIN;
use crate::io::watch::Watch;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs until Ctrl-C; how the last run ended is how the command ends.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.paths.iter().all(|path| path == BUILTIN) {
        return Err(Failure::usage("the shipped pack never changes: name a folder of rules, or leave out --watch"));
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|e| Failure::failed(format!("cannot listen for Ctrl-C: {e}")))?;
    let mut memory = Memory::default();
    let mut watch = Watch::new(watched(arguments, &memory));
    let mut exit = once(arguments, &mut memory);
    watch.turn_to(watched(arguments, &memory));
    while !stopped.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        if watch.changed() {
            exit = once(arguments, &mut memory);
            watch.turn_to(watched(arguments, &memory));
        }
    }
    Ok(exit)
}

/// One run. What cannot be read is told: it is what the author is about to mend.
fn once(arguments: &Arguments, memory: &mut Memory) -> Exit {
    if std::io::stdout().is_terminal() {
        anstream::print!("\x1b[2J\x1b[H");
    }
    let before = memory.runs;
    let shown = run_all(arguments, memory).and_then(|results| {
        report::all(arguments, &results)?;
        Ok(results.exit(arguments.strict))
    });
    let exit = shown.unwrap_or_else(|failure| {
        anstream::eprintln!("{}", screen::red(&failure.to_string()));
        Exit::Found
    });
    eprintln!("{} test files run; waiting for changes (Ctrl-C ends)", memory.runs - before);
    exit
}

/// What was named, and every file that tests read besides.
fn watched(arguments: &Arguments, memory: &Memory) -> Vec<PathBuf> {
    let named = arguments.paths.iter().filter(|path| *path != BUILTIN).map(PathBuf::from);
    let tests = test_files(&arguments.paths).unwrap_or_default().into_iter().map(|file| file.name);
    let read = memory.files().chain(tests).filter(|name| !name.starts_with(BUILTIN)).map(PathBuf::from);
    let mut all: Vec<PathBuf> = named.chain(read).collect();
    all.sort();
    all.dedup();
    all
}
