//! `tidegate generate`: the synthetic organisation alone.

use super::{Exit, Failure, screen};
use std::path::{Path, PathBuf};
use tidegate_core::event::time;
use tidegate_core::generate::{ATTACK_KINDS, AttackKind, File, Plan, Truth, organisation};

const EXAMPLES: &str = "Examples:
  tidegate generate ./organisation
  tidegate generate ./small --accounts 50 --days 2 --seed 7 --attacks port-scan,key-sabotage
  tidegate generate --list-attacks";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Folder to write to; made if it does not exist, refused if it holds something else
    #[arg(value_name = "FOLDER", default_value = "tidegate-organisation")]
    folder: PathBuf,
    #[command(flatten)]
    size: Size,
    /// Print the kinds of attack that can be seeded
    #[arg(long)]
    list_attacks: bool,
    /// Print the truth as JSON on standard output
    #[arg(long)]
    json: bool,
}

/// How large an organisation, for how long, with which attacks.
#[derive(Debug, clap::Args)]
pub(super) struct Size {
    /// Accounts
    #[arg(long, default_value_t = Plan::default().accounts, value_parser = clap::value_parser!(u32).range(24..=100_000))]
    accounts: u32,
    /// Simulated days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
    /// Seed: the same settings and seed give the same bytes on every machine
    #[arg(long, default_value_t = Plan::default().seed)]
    seed: u64,
    /// First day (RFC 3339 date)
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    start: Option<i64>,
    /// Attacks to seed, by name, separated by commas; `all` or `none`
    #[arg(long, default_value = "all", value_name = "NAMES")]
    attacks: String,
    /// How much goes on besides, 1 is usual
    #[arg(long, default_value_t = 1.0)]
    noise: f64,
}

fn parse_date(text: &str) -> Result<i64, String> {
    time::parse_rfc3339_ms(text).ok_or_else(|| format!("`{text}` is no date; write it like 2026-11-02"))
}

impl Size {
    /// The settings as the generator takes them.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let attacks = match self.attacks.as_str() {
            "all" => ATTACK_KINDS.to_vec(),
            "none" => Vec::new(),
            names => names.split(',').map(|n| parse_attack(n.trim())).collect::<Result<_, _>>()?,
        };
        if !(0.0..=1000.0).contains(&self.noise) {
            return Err(Failure::usage(format!("--noise {} is not between 0 and 1000", self.noise)));
        }
        let start_ms = self.start.unwrap_or(Plan::default().start_ms);
        Ok(Plan { accounts: self.accounts, days: self.days, seed: self.seed, start_ms, attacks, noise: self.noise })
    }
}

fn parse_attack(name: &str) -> Result<AttackKind, Failure> {
    AttackKind::parse(name)
        .ok_or_else(|| Failure::usage(format!("`{name}` is no attack; tidegate generate --list-attacks prints their names")))
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.list_attacks {
        for kind in ATTACK_KINDS {
            anstream::println!("{:28} {}: {}", screen::bold(kind.name()), kind.title(), kind.expect());
        }
        return Ok(Exit::Fine);
    }
    let written = write(&arguments.folder, &arguments.size.plan()?)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&written.truth).map_err(|e| Failure::failed(e.to_string()))?);
    } else {
        let (files, bytes) = (screen::thousands(written.files), screen::thousands(written.bytes));
        println!("{files} files, {bytes} bytes, {} attacks: {}", written.truth.attacks.len(), arguments.folder.display());
        println!("the truth is in {}", arguments.folder.join("truth.json").display());
    }
    Ok(Exit::Fine)
}

/// What was written.
pub(super) struct Written {
    /// The truth.
    pub(super) truth: Truth,
    /// Number of files.
    pub(super) files: u64,
    /// Bytes on disk.
    pub(super) bytes: u64,
}

/// The mark by which a folder is known as ours to overwrite.
const MARK: &str = ".tidegate-organisation";

/// Writes an organisation to a folder: `input/` as AWS lays it out, `truth.json` beside it.
pub(super) fn write(folder: &Path, plan: &Plan) -> Result<Written, Failure> {
    let failed = |what: &Path, e: std::io::Error| Failure::failed(format!("cannot write {}: {e}", what.display()));
    let occupied = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !folder.join(MARK).exists() {
        return Err(Failure::usage(format!("{} holds something else; name an empty folder", folder.display())));
    }
    let input = folder.join("input");
    if occupied {
        std::fs::remove_dir_all(&input)
            .or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
            .map_err(|e| failed(&input, e))?;
    }
    std::fs::create_dir_all(&input).map_err(|e| failed(&input, e))?;
    std::fs::write(folder.join(MARK), "written by tidegate generate: this folder may be overwritten by it\n")
        .map_err(|e| failed(folder, e))?;
    let (mut files, mut bytes, mut error) = (0, 0, None);
    let truth = organisation(plan, &mut |file| {
        if error.is_none() {
            match write_file(folder, &file) {
                Ok(n) => (files, bytes) = (files + 1, bytes + n),
                Err(e) => error = Some(failed(&folder.join(&file.path), e)),
            }
        }
    });
    if let Some(error) = error {
        return Err(error);
    }
    Ok(Written { truth, files, bytes })
}

fn write_file(folder: &Path, file: &File) -> std::io::Result<u64> {
    // Logs go to `input/` as AWS lays them out; the truth and the tables stand beside them.
    let beside = file.path == "truth.json" || file.path.starts_with("tables/");
    let path = if beside { folder.join(&file.path) } else { folder.join("input").join(&file.path) };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let bytes = file.stored();
    std::fs::write(path, &bytes)?;
    Ok(bytes.len() as u64)
}
