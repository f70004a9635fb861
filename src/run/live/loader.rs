//! The loader: a thread that reads rules, suppressions and tables again when they change or somebody asks, and hands the loop a
//! generation that is whole. What is wrong with new files is told, and everything goes on as it was.
//!
//! Owns the watch on files. Never touches the machine. What only a restart can change (sources, sinks, the state file) is told.

use super::generation::Generation;
use crate::config::Config;
use crate::io::clock::now_ms;
use crate::io::rules::BUILTIN;
use crate::io::watch::Watch;
use crossbeam_channel::{Receiver, bounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Reads the configuration again.
pub type Reread = Box<dyn Fn() -> Result<Config, String> + Send>;

/// Starts the loader. `asked` is how a reload is asked for; `file` is the configuration's own.
#[must_use]
pub fn start(config: Config, file: PathBuf, reread: Reread, asked: Arc<AtomicBool>) -> Receiver<Box<Generation>> {
    let (sender, receiver) = bounded(1);
    std::thread::spawn(move || {
        let mut running = config;
        let mut watch = Watch::new(watched(&running, &file));
        loop {
            std::thread::sleep(LOOK);
            let changed = watch.changed();
            if !asked.swap(false, Ordering::Relaxed) && !changed {
                continue;
            }
            let Some((config, generation)) = load(&running, &reread) else { continue };
            running = config;
            watch = Watch::new(watched(&running, &file));
            if sender.send(Box::new(generation)).is_err() {
                break;
            }
        }
    });
    receiver
}

fn load(running: &Config, reread: &Reread) -> Option<(Config, Generation)> {
    let loaded = reread().and_then(|mut config| {
        if fixed(&config) != fixed(running) {
            tracing::warn!("changed sources, sinks, pipelines or state file take effect at the next start");
        }
        keep_fixed(&mut config, running);
        let generation = Generation::load(&config, Some(now_ms()))?;
        Ok((config, generation))
    });
    match loaded {
        Ok(loaded) => Some(loaded),
        Err(why) => {
            tracing::error!("nothing was reloaded, everything goes on as it was:\n{}", tidegate_core::alert::neutral::terminal(&why));
            None
        }
    }
}

/// What only a restart changes.
fn fixed(config: &Config) -> impl PartialEq + use<> {
    let c = config.clone();
    (c.sources, c.sinks, c.state, c.pipelines)
}

fn keep_fixed(config: &mut Config, running: &Config) {
    config.sources.clone_from(&running.sources);
    config.sinks.clone_from(&running.sinks);
    config.state.clone_from(&running.state);
    config.pipelines = running.pipelines;
}

/// Files whose change is a reason to load.
fn watched(config: &Config, file: &std::path::Path) -> Vec<PathBuf> {
    let rules = config.rules.iter().filter(|r| *r != BUILTIN).map(PathBuf::from);
    let tables = &config.tables;
    let one = [&config.suppressions, &tables.accounts, &tables.networks].into_iter().flatten().cloned();
    let many = tables.intel.iter().chain(&tables.geo).cloned();
    std::iter::once(file.to_owned()).chain(rules).chain(one).chain(many).collect()
}
