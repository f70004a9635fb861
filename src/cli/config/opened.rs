//! Opens what a configuration names: rules are loaded and compiled, files and folders looked at. Reads no event and writes nothing.

use crate::cli::rules::{add, compile};
use crate::config::{Config, Named, Opened, Parsed, Tables};
use crate::io::rules::{BUILTIN, read_rules};
use crate::io::suppressions;
use crate::io::tables::{self, TableFiles};
use std::path::Path;
use tidegate_core::decode::Hints;
use tidegate_core::detect::WarningKind;
use tidegate_core::rule::{Body, Diagnostic, Gravity, RuleFile, load, problem, shadow};

/// What the rules hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Rules {
    /// Rules.
    pub(super) rules: usize,
    /// Correlations.
    pub(super) correlations: usize,
    /// Rules and correlations in shadow.
    pub(super) shadow: usize,
    /// Warnings, which `rules check` prints.
    pub(super) warnings: usize,
}

/// What is wrong with what the paths name, and what the rules hold.
pub(in crate::cli) fn open(parsed: &Parsed) -> (Vec<Diagnostic>, Rules) {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for named in &parsed.named {
        match named.opened {
            Opened::Rules => files.extend(rule_files(named, &mut problems)),
            _ => problems.extend(look(named, parsed.config.as_ref())),
        }
    }
    files.extend(parsed.config.as_ref().and_then(|config| shadow::list(&config.shadow)));
    let rules = rules(&files, parsed.config.as_ref(), &mut problems);
    (problems, rules)
}

fn rule_files(named: &Named, problems: &mut Vec<Diagnostic>) -> Vec<RuleFile> {
    let path = named.path.to_string_lossy().into_owned();
    read_rules(&[path]).unwrap_or_else(|why| {
        let (why, remedy) = why.split_once("; ").unwrap_or((&why, "correct the path"));
        problems.push(complain(named, why, remedy));
        Vec::new()
    })
}

fn rules(files: &[RuleFile], config: Option<&Config>, problems: &mut Vec<Diagnostic>) -> Rules {
    let mut loaded = load(files);
    let hints = Hints { generic: config.map(Config::generic).unwrap_or_default(), ..Hints::default() };
    let about = compile(&loaded, &hints);
    let tables = config.is_some_and(|c| c.tables != Tables::default());
    add(&mut loaded, about.into_iter().filter(|w| !tables || w.kind != WarningKind::NoTable).collect());
    let all = &loaded.set.rules;
    let correlations = all.iter().filter(|r| matches!(r.body, Body::Correlation(_))).count();
    let warnings = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Warning).count();
    let shadow = loaded.set.shadows();
    // What the list of this file names in vain is told here: `rules check` does not see it.
    problems.extend(loaded.diagnostics.into_iter().filter(|d| d.gravity == Gravity::Error || *d.place.file == *shadow::LIST));
    Rules { rules: all.len() - correlations, correlations, shadow, warnings }
}

fn look(named: &Named, config: Option<&Config>) -> Vec<Diagnostic> {
    let path = named.path.as_path();
    let problem = match named.opened {
        Opened::Rules => None,
        Opened::File => match readable(path) {
            Ok(()) => return loaded(named),
            Err(why) => Some(complain(named, &why, "correct the path, or make the file readable")),
        },
        Opened::SourceFile => source_file(named, config),
        Opened::SourceFolder => {
            let why = std::fs::read_dir(path).err();
            let said = |why| format!("cannot read folder {}: {why}", path.display());
            why.map(|why| complain(named, &said(why), "correct the path, or make the folder readable"))
        }
        Opened::WrittenFolder if path.is_dir() => None,
        Opened::WrittenFolder if path.exists() => {
            Some(complain(named, &format!("cannot write into {}: it is no folder", path.display()), "name a folder"))
        }
        Opened::Written | Opened::WrittenFolder => writable(path).err().map(|(why, remedy)| complain(named, &why, remedy)),
    };
    problem.into_iter().collect()
}

/// What is wrong with a table or the suppressions, as the service would say it.
fn loaded(named: &Named) -> Vec<Diagnostic> {
    let (path, mut files) = (named.path.clone(), TableFiles::default());
    match named.key.as_str() {
        "suppressions" => match suppressions::read(&path) {
            Ok(read) => return read.problems,
            Err(why) => return vec![complain(named, &why, "correct the file")],
        },
        "tables.accounts" => files.accounts = Some(path),
        "tables.networks" => files.networks = Some(path),
        key if key.starts_with("tables.intel") => files.intel.push(path),
        key if key.starts_with("tables.geo") => files.geo.push(path),
        _ => {}
    }
    tables::load(&files, false).err().map(|why| complain(named, &why, "correct the file")).into_iter().collect()
}

/// A followed file may come later.
fn source_file(named: &Named, config: Option<&Config>) -> Option<Diagnostic> {
    let why = readable(&named.path).err()?;
    let waits =
        |s: &crate::config::SourceSettings| matches!(&s.reads, crate::config::Reads::File { path, follow: true } if *path == named.path);
    let followed = config.is_some_and(|c| c.sources.iter().any(waits));
    if followed && !named.path.exists() {
        let warning = complain(named, &format!("{} is not there", named.path.display()), "it is read when it comes; check the path");
        return Some(Diagnostic { gravity: Gravity::Warning, ..warning });
    }
    Some(complain(named, &why, "correct the path, or make the file readable"))
}

fn readable(path: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    // A pipe would wait for its other end: it is not opened.
    let meta = std::fs::metadata(path).map_err(failed)?;
    match meta.is_file() {
        true => std::fs::File::open(path).map(|_| ()).map_err(failed),
        false if meta.is_dir() => Err(format!("cannot read {}: it is a folder", path.display())),
        false => Ok(()),
    }
}

/// A file that will be written: its folder must be there. Nothing is made.
fn writable(path: &Path) -> Result<(), (String, &'static str)> {
    if path.is_dir() {
        return Err((format!("cannot write {}: it is a folder", path.display()), "name a file"));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err((format!("cannot write {}: {} is no folder", path.display(), folder.display()), "correct the path")),
        Err(e) => {
            Err((format!("cannot write {}: folder {}: {e}", path.display(), folder.display()), "make the folder, or correct the path"))
        }
    }
}

fn complain(named: &Named, why: &str, remedy: &str) -> Diagnostic {
    let what = if named.path == Path::new(BUILTIN) { BUILTIN.to_owned() } else { format!("`{}` cannot be used", named.key) };
    problem(&named.place, what, why, remedy)
}
