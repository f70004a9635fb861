//! The start of a service: the state file is taken (or waited for), the machine brought back, sources and sinks started.
//!
//! Owns the order: nothing is sent and nothing read before the log was applied again and the configuration's control is in it.

use super::delivery::Lanes;
use super::desk::Desk;
use super::generation::Generation;
use super::loader::{self, Reread};
use super::reading::Readers;
use super::report::Reporter;
use super::restart::{self, Plan, Started};
use super::service::{Ending, Service};
use super::wiring;
use crate::config::Config;
use crate::io::clock::now_ms;
use crate::io::port::StoreError;
use crate::io::signal::{Signal, listen};
use crate::io::sqlite::{OpenOptions, SqliteStore, acquire};
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Why a service could not start or had to end.
#[derive(Debug)]
pub enum Trouble {
    /// Something that is named is wrong: rules, tables, suppressions, a sink.
    Configuration(String),
    /// The store.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

/// Runs a configuration until it ends. `None`: asked to stop while it was a standby.
///
/// # Errors
/// [`Trouble`].
pub fn run(config: Config, file: PathBuf, reread: Reread) -> Result<Option<Ending>, Trouble> {
    let signals = listen().map_err(Trouble::Configuration)?;
    let load = || Generation::load(&config, began(&config)).map_err(Trouble::Configuration);
    let mut generation = load()?;
    let Some((store, waited)) = take(&config, &signals)? else { return Ok(None) };
    if waited {
        // A standby may have waited for weeks: it begins with the files as they are.
        generation = load()?;
    }
    let renew_every = Duration::from_millis(config.lease_ms) / 3;
    let sinks = wiring::sinks(&config, &store).map_err(Trouble::Configuration)?;
    let plan = Plan {
        pipelines: config.pipelines,
        lanes: wiring::lanes(&sinks),
        shards: wiring::shards(&config),
        generic: config.generic(),
        snapshot_every: Duration::from_millis(config.snapshots.every_ms),
        renew_every,
    };
    let (twin, beside) = (store.twin()?, store.twin()?);
    let started = restart::start(Box::new(store), Box::new(beside), plan, &generation)?;
    let asked = Arc::new(AtomicBool::new(false));
    let names: Vec<(Arc<str>, bool)> =
        config.sources.iter().zip(wiring::stamped(&config)).map(|(s, stamped)| (s.name.as_str().into(), stamped)).collect();
    let desk = Desk::new(twin, names.clone(), generation.intakes.clone(), asked.clone());
    let reporter = Reporter::new(names.iter().map(|(name, _)| name.to_string()).collect());
    tell(&started, &generation, &config);
    let mut engine = started.engine;
    engine.acknowledge()?;
    if generation.changes(engine.machine().control()) || engine.head() == 0 {
        tracing::trace!(target: "window", "reloading");
        let applied = engine.change(&generation)?;
        tracing::trace!(target: "window", "reloaded");
        reporter.changed(&generation, applied.as_ref());
    }
    let readers = Readers::start(
        wiring::sources(&config).map_err(Trouble::Configuration)?,
        &wiring::stamped(&config),
        generation.intakes.clone(),
        &started.resume,
    );
    let sources = config.sources.len();
    let generations = loader::start(config, file, reread, asked);
    let service = Service { engine, readers, lanes: Lanes::start(sinks), signals, generations, desk, reporter, renew_every };
    Ok(Some(service.run(sources)?))
}

/// Where the rules of a first start begin: with the service, unless the events bring their own arrival.
fn began(config: &Config) -> Option<i64> {
    wiring::stamped(config).iter().any(|stamped| !stamped).then(now_ms)
}

/// Takes the state file; waits while another process owns it, and tells whether it had to.
fn take(config: &Config, signals: &Receiver<Signal>) -> Result<Option<(SqliteStore, bool)>, StoreError> {
    let options =
        OpenOptions { bytes_max: config.state_bytes_max, lease: Duration::from_millis(config.lease_ms), ..OpenOptions::default() };
    let stop = || matches!(signals.try_recv(), Ok(Signal::Stop));
    let mut waited = false;
    let store = acquire(&config.state, &options, &stop, &mut |why| {
        waited = true;
        tracing::info!("standby: {why}");
    })?;
    Ok(store.map(|store| (store, waited)))
}

fn tell(started: &Started, generation: &Generation, config: &Config) {
    let head = started.engine.head();
    let took_ms = u64::try_from(started.took.as_millis()).unwrap_or(u64::MAX);
    let pipelines = started.engine.machine().pipelines().len();
    started.warnings.iter().for_each(|warning| tracing::error!("{warning}"));
    generation.warnings.iter().for_each(|warning| tracing::warn!("{}", tidegate_core::alert::neutral::terminal(warning)));
    if pipelines != usize::from(config.pipelines) {
        tracing::warn!(
            pipelines,
            "the state file was made for another number of pipelines and keeps it; a new state file takes the new one"
        );
    }
    tracing::info!(state = %config.state.display(), position = head, applied_again = started.again, took_ms, pipelines, "started");
}
