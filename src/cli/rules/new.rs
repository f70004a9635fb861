//! `tidegate rules new`: a rule and its tests to begin with. Asks on a terminal for what was not said; never overwrites.

use crate::cli::{Exit, Failure, screen};
use crate::io::clock;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::workbench::starter::{KINDS, Starter, Wanted, starter};

const EXAMPLES: &str = "Examples:
  tidegate rules new                                                    asks
  tidegate rules new --kind count --title 'Many refused calls' --level medium -o my-rules/";

const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// What the rule begins as
    #[arg(long, value_parser = KINDS.map(|(kind, _)| kind))]
    kind: Option<String>,
    /// Its title; the files are named after it
    #[arg(long)]
    title: Option<String>,
    /// Its level; high and critical page
    #[arg(long, value_parser = LEVELS)]
    level: Option<String>,
    /// Its author
    #[arg(long, default_value = "security team")]
    author: String,
    /// The team that answers for it
    #[arg(long, default_value = "soc")]
    owner: String,
    /// Folder to write to; made if it does not exist
    #[arg(short, long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let kinds: Vec<String> = KINDS.iter().map(|(kind, what)| format!("{kind} ({what})")).collect();
    let kind = said(arguments.kind.as_ref(), "--kind", &format!("kind: {}", kinds.join(", ")), "cloudtrail")?;
    let title = said(arguments.title.as_ref(), "--title", "title", "")?;
    let level = match &arguments.level {
        Some(level) => level.clone(),
        None if asks() => said(None, "--level", &format!("level: {}", LEVELS.join(", ")), "medium")?,
        None => "medium".to_owned(),
    };
    if !LEVELS.contains(&level.as_str()) {
        return Err(Failure::usage(format!("`{level}` is no level; use one of: {}", LEVELS.join(", "))));
    }
    let now = clock::now_ms();
    let date = format_rfc3339(now).chars().take(10).collect();
    let seed = format!("{now}\0{}\0{title}", std::process::id());
    let wanted = Wanted { kind, title, level, author: arguments.author.clone(), owner: arguments.owner.clone(), date, seed };
    let made = starter(&wanted).map_err(Failure::usage)?;
    let rule = write(&arguments.output, &made)?;
    screen::print([
        format!("{rule} and its tests were written. Next:"),
        format!("  edit both, then: tidegate rules test {rule}"),
        format!("  what it would have found: tidegate replay -r {rule} ./AWSLogs"),
    ])?;
    Ok(Exit::Fine)
}

fn asks() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// What was typed, or the answer to a question on the terminal.
fn said(typed: Option<&String>, option: &str, question: &str, default: &str) -> Result<String, Failure> {
    if let Some(typed) = typed {
        return Ok(typed.clone());
    }
    if !asks() {
        return Err(Failure::usage(format!("{option} is missing, and there is no terminal to ask on; give it")));
    }
    let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    print!("{question}{hint}: ");
    let failed = |e: std::io::Error| Failure::failed(format!("cannot ask on the terminal: {e}"));
    std::io::stdout().flush().map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(if line.trim().is_empty() { default.to_owned() } else { line.trim().to_owned() })
}

/// Writes both files, or none: that one exists is found before the other is begun.
fn write(folder: &Path, made: &Starter) -> Result<String, Failure> {
    let failed = |path: &Path, e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let rule = folder.join(format!("{}.yml", made.stem));
    let test = folder.join(format!("{}.test.yaml", made.stem));
    if let Some(there) = [&rule, &test].into_iter().find(|path| path.exists()) {
        return Err(Failure::usage(format!("{} exists and is not overwritten; choose another --title or folder", there.display())));
    }
    for (path, text) in [(&rule, &made.rule), (&test, &made.test)] {
        let mut file = std::fs::File::create_new(path).map_err(|e| failed(path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| failed(path, e))?;
    }
    Ok(rule.to_string_lossy().into_owned())
}
