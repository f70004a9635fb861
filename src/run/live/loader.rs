//! The loader: a thread that reads rules, suppressions and tables again when they change or somebody asks, and hands the loop a
//! generation that is whole. What is wrong with new files is told, and everything goes on as it was.
//!
//! Owns the watch on files. Never touches the machine. What only a restart can change (sources, sinks, the state file) is told. The
//! byte budget of the state file is raised here: where it is used up, the loop can take nothing else.

use super::generation::{Generation, Part, Wrong};
use super::wiring;
use crate::config::Config;
use crate::io::rules::BUILTIN;
use crate::io::sqlite::Budget;
use crate::io::watch::Watch;
use crate::telemetry::Board;
use crossbeam_channel::{Receiver, bounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Reads the configuration again.
pub type Reread = Box<dyn Fn() -> Result<Config, String> + Send>;

/// What a loader works with.
pub struct Loader {
    /// The configuration in force.
    pub running: Config,
    /// The configuration's own file.
    pub file: PathBuf,
    /// Reads it again.
    pub reread: Reread,
    /// The files it names, as they were before they were read.
    pub watch: Watch,
    /// How a reload is asked for.
    pub asked: Arc<AtomicBool>,
    /// The byte budget of the state file.
    pub budget: Budget,
    /// What is told of it.
    pub board: Board,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("file", &self.file).field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl Loader {
    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Receiver<Box<Generation>> {
        let (sender, receiver) = bounded(1);
        let waiting = receiver.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                let changed = self.watch.changed();
                if !self.asked.swap(false, Ordering::Relaxed) && !changed {
                    continue;
                }
                let Some(generation) = self.load() else { continue };
                // One that nobody has taken yet is out of date.
                let _ = waiting.try_recv();
                if sender.send(Box::new(generation)).is_err() {
                    break;
                }
            }
        });
        receiver
    }

    fn load(&mut self) -> Option<Generation> {
        match self.attempt() {
            Ok(generation) => {
                self.board.tally(|tally| tally.reloads.refusal = None);
                Some(generation)
            }
            Err(Wrong { part, why }) => {
                self.board.tally(|tally| {
                    tally.reloads.refused += 1;
                    tally.reloads.refusal = Some((part.word(), why.clone()));
                });
                tracing::error!("nothing was reloaded, everything goes on as it was: {}", shown(&why));
                None
            }
        }
    }

    fn attempt(&mut self) -> Result<Generation, Wrong> {
        let mut config = (self.reread)().map_err(Part::Configuration.wrong())?;
        if fixed(&config) != fixed(&self.running) {
            tracing::warn!(
                "changed sources, archive, sinks, ownership, pipelines, state file, lease, snapshots, log or http take effect at the next start"
            );
        }
        keep_fixed(&mut config, &self.running);
        self.budget.set(config.state_bytes_max);
        self.watch.turn_to(watched(&config, &self.file));
        let generation = Generation::load(&config, wiring::began(&config))?;
        self.running = config;
        Ok(generation)
    }
}

/// Several lines, each safe in a log.
fn shown(why: &str) -> String {
    why.lines().map(|line| tidegate_core::alert::neutral::terminal(line).into_owned()).collect::<Vec<_>>().join(" | ")
}

/// What only a restart changes.
fn fixed(config: &Config) -> impl PartialEq + use<> {
    let c = config.clone();
    (c.sources, c.archive, c.sinks, c.ownership, c.state, c.pipelines, c.lease_ms, c.snapshots, c.log, c.http)
}

fn keep_fixed(config: &mut Config, running: &Config) {
    config.sources.clone_from(&running.sources);
    config.archive.clone_from(&running.archive);
    config.sinks.clone_from(&running.sinks);
    config.ownership.clone_from(&running.ownership);
    config.state.clone_from(&running.state);
    config.pipelines = running.pipelines;
    config.lease_ms = running.lease_ms;
    config.snapshots.clone_from(&running.snapshots);
    config.log.clone_from(&running.log);
    config.http.clone_from(&running.http);
}

/// Files whose change is a reason to load.
#[must_use]
pub fn watched(config: &Config, file: &std::path::Path) -> Vec<PathBuf> {
    let rules = config.rules.iter().filter(|r| *r != BUILTIN).map(PathBuf::from);
    let tables = &config.tables;
    let one = [&config.suppressions, &tables.accounts, &tables.networks].into_iter().flatten().cloned();
    let many = tables.intel.iter().chain(&tables.geo).cloned();
    std::iter::once(file.to_owned()).chain(rules).chain(one).chain(many).collect()
}
