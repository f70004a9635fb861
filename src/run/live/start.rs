//! The start of a service: the state file is taken (or waited for), the machine brought back, sources and sinks started.
//!
//! Owns the order: nothing is sent and nothing read before the log was applied again and the configuration's control is in it. A
//! standby reads its configuration again when its turn comes: it may have waited for days.

use super::delivery::Lanes;
use super::desk::Desk;
use super::generation::{Generation, LOGSOURCES};
use super::loader::{Loader, Reread, watched};
use super::notice::Notice;
use super::owning::own;
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
use crate::io::watch::Watch;
use crate::telemetry::standing::Ownership;
use crate::telemetry::{Board, Stage, server};
use crossbeam_channel::Receiver;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tidegate_core::alert::neutral;

/// Why a service could not start or had to end.
#[derive(Debug)]
pub enum Trouble {
    /// Something that is named is wrong: rules, tables, suppressions, a sink.
    Configuration(String),
    /// The store.
    Store(StoreError),
    /// Somebody else reads the sources, or nobody can tell.
    Refused(String),
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
    let board = Board::new(&config.state);
    if let Some(http) = &config.http {
        server::serve(http.listen, board.clone()).map_err(Trouble::Configuration)?;
    }
    let prepared = Prepared::load(config, &file).map_err(Trouble::Configuration)?;
    let Some((mut store, waited)) = take(&prepared.config, &signals, &board)? else { return Ok(None) };
    let prepared = if waited { prepared.again(&file, &reread) } else { prepared };
    let Some(owned) = own(&prepared.config, &mut store, &signals, &board)? else { return Ok(None) };
    let Prepared { config, generation, watch } = prepared;
    note_logsources(&config, &mut store)?;
    let renew_every = Duration::from_millis(config.lease_ms) / 3;
    let sinks = wiring::sinks(&config, &store).map_err(Trouble::Configuration)?;
    board.count_sinks(sinks.iter().map(|(sink, _)| (sink.lane(), sink.counts())).collect());
    let plan = Plan {
        pipelines: config.pipelines,
        lanes: wiring::lanes(&sinks),
        shards: wiring::shards(&config),
        generic: config.generic(),
        snapshot_every: Duration::from_millis(config.snapshots.every_ms),
        renew_every,
    };
    let (twin, beside, budget) = (store.twin()?, store.twin()?, store.budget());
    budget.set(config.state_bytes_max);
    say_owned(&board, &store);
    let started = restart::start(Box::new(store), Box::new(beside), plan, &generation)?;
    let asked = Arc::new(AtomicBool::new(false));
    let names: Vec<(Arc<str>, bool)> =
        config.sources.iter().zip(wiring::stamped(&config)).map(|(s, stamped)| (s.name.as_str().into(), stamped)).collect();
    let desk = Desk::new(twin, names.clone(), generation.intakes.clone(), asked.clone());
    let names: Vec<Arc<str>> = names.into_iter().map(|(name, _)| name).collect();
    let reporter = Reporter::new(names.clone(), Notice::new(board.clone(), names));
    tell(&started, &generation, &config);
    let mut engine = started.engine;
    engine.acknowledge()?;
    if generation.changes(engine.machine().control()) || engine.head() == 0 {
        tracing::trace!(target: "window", "reloading");
        let applied = engine.change(&generation)?;
        tracing::trace!(target: "window", "reloaded");
        reporter.begun(&generation, applied.as_ref());
    }
    let began_ms = engine.machine().control().settings.correlate.started_ms;
    wiring::archive(&config, now_ms(), began_ms).into_iter().for_each(|archive| engine.archive(archive));
    board.stage(Stage::Running);
    let readers = Readers::watched(
        wiring::sources(&config).map_err(Trouble::Configuration)?,
        &wiring::stamped(&config),
        generation.intakes.clone(),
        &started.resume,
        Some(&board),
        config.archive.is_some(),
    );
    let sources = config.sources.len();
    let generations = Loader { running: config, file, reread, watch, asked, budget, board }.start();
    let service = Service { engine, readers, lanes: Lanes::start(sinks), signals, generations, desk, reporter, renew_every };
    let ending = service.run(sources)?;
    owned.release();
    Ok(Some(ending))
}

/// Notes the stated logsources beside the log. A file that cannot be written is said when the log needs it.
fn note_logsources(config: &Config, store: &mut SqliteStore) -> Result<(), StoreError> {
    let stated: Vec<_> = config.sources.iter().filter_map(|source| source.json.as_ref()).collect();
    let note = serde_json::to_string(&stated).unwrap_or_default();
    if store.info(LOGSOURCES)?.unwrap_or_else(|| "[]".into()) == note {
        return Ok(());
    }
    match store.set_info(LOGSOURCES, &note) {
        Err(StoreError::Unavailable(_)) => Ok(()),
        done => done,
    }
}

/// What a configuration names, loaded.
struct Prepared {
    config: Config,
    generation: Generation,
    /// The files as they were before they were read: a change meanwhile is not missed.
    watch: Watch,
}

impl Prepared {
    fn load(config: Config, file: &Path) -> Result<Self, String> {
        let watch = Watch::new(watched(&config, file));
        let generation = Generation::load(&config, wiring::began(&config)).map_err(|wrong| wrong.why)?;
        Ok(Prepared { config, generation, watch })
    }

    /// The same, read afresh for the state file that was taken. If that cannot be used, what was read before is.
    fn again(self, file: &Path, reread: &Reread) -> Self {
        let fresh = reread().and_then(|config| Prepared::load(Config { state: self.config.state.clone(), ..config }, file));
        fresh.unwrap_or_else(|why| {
            tracing::error!("the configuration as it was when the standby started is used: {}", neutral::terminal(&why));
            self
        })
    }
}

/// Takes the state file; waits while another process owns it. Beside it: whether it waited.
fn take(config: &Config, signals: &Receiver<Signal>, board: &Board) -> Result<Option<(SqliteStore, bool)>, StoreError> {
    let options =
        OpenOptions { bytes_max: config.state_bytes_max, lease: Duration::from_millis(config.lease_ms), ..OpenOptions::default() };
    let stop = || {
        board.turned();
        matches!(signals.try_recv(), Ok(Signal::Stop))
    };
    let mut waited = false;
    let store = acquire(&config.state, &options, &stop, &mut |why| {
        waited = true;
        board.stage(Stage::Standby(why.to_owned()));
        tracing::info!("standby: {why}");
    })?;
    Ok(store.map(|store| (store, waited)))
}

/// Says that this process owns the state and is about to apply its log.
fn say_owned(board: &Board, store: &SqliteStore) {
    let lease = store.lease();
    board.own(Ownership { epoch: lease.epoch(), remaining: Box::new(move || lease.remaining()), budget: store.budget() });
    board.stage(Stage::CatchingUp);
}

fn tell(started: &Started, generation: &Generation, config: &Config) {
    let head = started.engine.head();
    let took_ms = u64::try_from(started.took.as_millis()).unwrap_or(u64::MAX);
    let pipelines = started.engine.machine().pipelines().len();
    started.warnings.iter().for_each(|warning| tracing::error!("{warning}"));
    generation.warnings.iter().for_each(|warning| tracing::warn!("{}", neutral::terminal(warning)));
    if pipelines != usize::from(config.pipelines) {
        tracing::warn!(
            pipelines,
            "the state file was made for another number of pipelines and keeps it; a new state file takes the new one"
        );
    }
    tracing::info!(state = %config.state.display(), position = head, applied_again = started.again, took_ms, pipelines, "started");
}
