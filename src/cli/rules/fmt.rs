//! `tidegate rules fmt`: one form for rule files.

use crate::cli::{Exit, Failure, screen};
use crate::io::rules::{BUILTIN, read_rules};
use std::path::Path;
use tidegate_core::rule::RuleFile;
use tidegate_core::workbench::format::format;

const EXAMPLES: &str = "Examples:
  tidegate rules fmt my-rules/
  tidegate rules fmt --check my-rules/     # exit code 1 if a file is not in its form; nothing is written";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Rule files or folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Write nothing; name the files that are not in their form
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.paths.iter().any(|path| path == BUILTIN) {
        return Err(Failure::usage("the shipped pack is inside the program; write it to a folder first: `tidegate rules export FOLDER`"));
    }
    let files = read_rules(&arguments.paths).map_err(Failure::failed)?;
    let mut changed = 0;
    for file in &files {
        let formatted = format(&file.text);
        for (line, why) in &formatted.left {
            anstream::eprintln!("{}", screen::yellow(&format!("{}:{line}: left as it is: {why}", file.name)));
        }
        if formatted.text == file.text {
            continue;
        }
        changed += 1;
        if arguments.check {
            screen::print([format!("{}: not in its form; `tidegate rules fmt {}` writes it", file.name, file.name)])?;
        } else {
            replace(file, &formatted.text)?;
            screen::print([format!("{}: written", file.name)])?;
        }
    }
    let end = if arguments.check { "to be written" } else { "written" };
    screen::print([format!("{} files, {changed} {end}", files.len())])?;
    Ok(if arguments.check && changed > 0 { Exit::Found } else { Exit::Fine })
}

/// Writes beside the file, then puts it in its place: a crash leaves the old file or the new one.
fn replace(file: &RuleFile, text: &str) -> Result<(), Failure> {
    let path = Path::new(&file.name);
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|e| {
        // What could not be put in place must not stay beside it; if it cannot be removed, there is nothing more to do.
        let _ = std::fs::remove_file(&beside);
        Failure::failed(format!("cannot write {}: {e}", file.name))
    })
}
