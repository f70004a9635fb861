//! A generation: what decides beside the events, loaded and checked as a whole. A reload makes a new one and swaps it in, or, if
//! anything is wrong with it, changes nothing.
//!
//! Owns the step from files to rules, detector and control. Never touches state: what a new generation means for windows under
//! way is the Pipeline's to say when the control that names it comes out of the log.

use crate::config::Config;
use crate::io::port::RuleFiles;
use crate::io::rules::read_rules;
use crate::io::tables::{self, TableFiles};
use crate::run::live::reading::Intakes;
use std::path::Path;
use std::sync::Arc;
use tidegate_core::alert::suppression::Suppression;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, Warning, WarningKind, sources_of};
use tidegate_core::event::GenericSource;
use tidegate_core::pipeline::{Control, Intake, Rules};
use tidegate_core::rule::{Diagnostic, Gravity, RuleFile, load, shadow};

/// Which files a generation could not be loaded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The configuration itself.
    Configuration,
    /// Rules.
    Rules,
    /// Tables.
    Tables,
    /// Suppressions.
    Suppressions,
}

impl Part {
    /// What is wrong with it, in words.
    pub(super) fn wrong(self) -> impl Fn(String) -> Wrong {
        move |why| Wrong { part: self, why }
    }

    /// Its word, as in labels.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Part::Configuration => "configuration",
            Part::Rules => "rules",
            Part::Tables => "tables",
            Part::Suppressions => "suppressions",
        }
    }
}

/// Why a generation could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which files.
    pub part: Part,
    /// Everything that is wrong with them, a line each.
    pub why: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

/// Name of the note in the state file that says what the events of sources of `format: json` are: whoever applies the log without
/// the configuration needs it.
pub const LOGSOURCES: &str = "logsources";

/// Everything that readers and Pipelines need to know of rules, suppressions and tables.
#[derive(Debug)]
pub struct Generation {
    /// The control that puts it in force.
    pub control: Control,
    /// For the Pipelines.
    pub rules: Arc<Rules>,
    /// For the readers.
    pub intakes: Arc<Intakes>,
    /// For the store.
    pub files: RuleFiles,
    /// What is doubtful about it, in words.
    pub warnings: Vec<String>,
    /// Rules that run in shadow.
    pub shadow: usize,
}

impl Generation {
    /// Loads what a configuration names. `started_ms` is where new correlations begin.
    ///
    /// # Errors
    /// Everything that is wrong with one kind of file, a line each.
    pub fn load(config: &Config, started_ms: Option<i64>) -> Result<Self, Wrong> {
        let mut files = read_rules(&config.rules).map_err(Part::Rules.wrong())?;
        files.extend(shadow::list(&config.shadow));
        let loaded = load(&files);
        let (errors, doubts): (Vec<&Diagnostic>, Vec<&Diagnostic>) = loaded.diagnostics.iter().partition(|d| d.gravity == Gravity::Error);
        if !errors.is_empty() {
            return Err(Part::Rules.wrong()(lines(&errors)));
        }
        let mut warnings: Vec<String> = doubts.iter().map(|d| line(d)).collect();
        let set = Arc::new(loaded.set);
        let generic = config.generic();
        let hints = Hints { generic: generic.clone(), lateness: config.stated_lateness(), ..Hints::default() };
        let tables = &config.tables;
        let named = TableFiles {
            accounts: tables.accounts.clone(),
            networks: tables.networks.clone(),
            intel: tables.intel.clone(),
            geo: tables.geo.clone(),
        };
        let (tables, _) = tables::load(&named, false).map_err(Part::Tables.wrong())?;
        let (detector, about) = Detector::with_tables(set.clone(), &hints, tables.clone());
        warnings.extend(compiled(&about).map_err(Part::Rules.wrong())?);
        let digest = set.digest;
        let shadow = set.shadows();
        let rules = Arc::new(rules(set, &generic));
        let mut settings = config.machine(env!("CARGO_PKG_VERSION"));
        settings.correlate.started_ms = started_ms;
        let suppressions = suppressions(config.suppressions.as_deref()).map_err(Part::Suppressions.wrong())?;
        let control = Control { rules: digest, tables: tables.versions(), suppressions, settings };
        let intakes =
            Arc::new(Intakes { rules: digest, by_source: intakes(config, &Arc::new(detector)).map_err(Part::Configuration.wrong())? });
        let files = RuleFiles { digest, files: files.into_iter().map(|f| (f.name, f.text)).collect() };
        Ok(Generation { control, rules, intakes, files, warnings, shadow })
    }

    /// Whether it changes anything about a control in force. When rules begin is no change by itself.
    #[must_use]
    pub fn changes(&self, control: &Control) -> bool {
        let mut ours = self.control.clone();
        ours.settings.correlate.started_ms = control.settings.correlate.started_ms;
        ours != *control
    }
}

/// The rules of a set whose files the store kept.
///
/// # Errors
/// If they do not mean to this program what they meant to the one that kept them.
pub fn kept_rules(files: &RuleFiles, generic: &[GenericSource]) -> Result<Rules, String> {
    let texts: Vec<RuleFile> = files.files.iter().map(|(name, text)| RuleFile { name: name.clone(), text: text.clone() }).collect();
    let set = Arc::new(load(&texts).set);
    if set.digest == files.digest {
        return Ok(rules(set, generic));
    }
    Err("the rules kept in the state file mean something else to this version of the program: start the version that wrote it once \
         more and stop it by SIGTERM, or name another state file"
        .into())
}

fn rules(set: Arc<tidegate_core::rule::RuleSet>, generic: &[GenericSource]) -> Rules {
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(&set, rule, generic)).collect();
    Rules { set, sources }
}

/// One Intake per source, all with one detector.
fn intakes(config: &Config, detector: &Arc<Detector>) -> Result<Vec<Intake>, String> {
    config
        .sources
        .iter()
        .map(|source| Intake::new(detector.clone(), config.hints(source)).map_err(|e| format!("source {}: {e}", source.name)))
        .collect()
}

/// Warnings about compiled rules; a rule that had to be left out is an error.
fn compiled(about: &[Warning]) -> Result<Vec<String>, String> {
    let say = |w: &Warning| format!("{}: {}", w.place, w.text);
    let left_out: Vec<String> = about.iter().filter(|w| w.kind == WarningKind::LeftOut).map(say).collect();
    if left_out.is_empty() { Ok(about.iter().map(say).collect()) } else { Err(left_out.join("\n")) }
}

fn suppressions(path: Option<&Path>) -> Result<Vec<Suppression>, String> {
    let Some(path) = path else { return Ok(Vec::new()) };
    crate::io::suppressions::read(path)?.accept().map_err(|problems| lines(&problems.iter().collect::<Vec<_>>()))
}

/// A diagnostic on one line.
#[must_use]
pub fn line(d: &Diagnostic) -> String {
    format!("{}: {}: {}; {}", d.place, d.what, d.why, d.remedy)
}

fn lines(diagnostics: &[&Diagnostic]) -> String {
    diagnostics.iter().map(|d| line(d)).collect::<Vec<_>>().join("\n")
}
