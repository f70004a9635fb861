//! Owning the sources among machines: the row that the configuration names is taken before anything is read, and kept.
//!
//! Owns the order: the state file first (a standby of the same file waits there, and follows at once), then the row, then the store
//! is bound to it: from there on the store's lease speaks for both, to sinks and to the live loop.

use super::start::Trouble;
use crate::config::{Config, Ownership as Settings};
use crate::io::clock::Stopwatch;
use crate::io::ownership::{Keeper, Ownership, Refusal, claim};
use crate::io::port::{LeaseError, LeaseTable, Store};
use crate::io::signal::Signal;
use crate::io::sqlite::SqliteStore;
use crate::telemetry::standing::Row;
use crate::telemetry::{Board, Stage};
use crossbeam_channel::Receiver;
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;

/// The row, held; nothing where none is configured.
#[derive(Debug, Default)]
pub(super) struct Owned(Option<Keeper>);

impl Owned {
    /// Gives the row back.
    pub(super) fn release(self) {
        if let Some(keeper) = self.0 {
            keeper.release();
        }
    }
}

/// Takes the row. `None`: asked to stop meanwhile.
///
/// # Errors
/// [`Trouble`]: somebody else has it and lives, or the table is of no use.
pub(super) fn own(config: &Config, store: &mut SqliteStore, signals: &Receiver<Signal>, board: &Board) -> Result<Option<Owned>, Trouble> {
    let Some(settings) = &config.ownership else { return Ok(Some(Owned::default())) };
    let term = Duration::from_millis(settings.lease_ms);
    let (mut table, place) = table(settings, call_max(term)).map_err(Trouble::Configuration)?;
    let ownership = Ownership { name: settings.name.clone(), place, holder: store.as_holder(term)? };
    let (mut renewed, every) = (Stopwatch::start(), Duration::from_millis(config.lease_ms) / 3);
    let mut meanwhile = || {
        board.turned();
        if renewed.elapsed() >= every {
            store.renew()?;
            renewed = Stopwatch::start();
        }
        Ok(matches!(signals.try_recv(), Ok(Signal::Stop)))
    };
    let mut waiting = |why: &str| {
        board.stage(Stage::Standby(why.to_owned()));
        board.row(Row::Watching);
        tracing::info!("{}", terminal(why));
    };
    let taken = claim(table.as_mut(), &ownership, &mut meanwhile, &mut waiting);
    let Some(tenure) = taken.map_err(trouble)? else { return Ok(None) };
    tracing::info!(epoch = tenure.epoch(), "holds row `{}` of {}", ownership.name, ownership.place);
    board.row(Row::Taken(tenure.clone()));
    store.lease().bind(tenure.clone());
    Ok(Some(Owned(Some(Keeper::start(table, ownership, tenure)))))
}

/// Longest time of one call: several fit between a renewal and the end of what may be sent.
fn call_max(term: Duration) -> Duration {
    (term / 6).min(Duration::from_secs(5))
}

fn trouble(refusal: Refusal) -> Trouble {
    match refusal {
        Refusal::Held(why) | Refusal::Table(LeaseError::Unavailable(why)) => Trouble::Refused(why),
        Refusal::Table(LeaseError::Unusable(why)) => Trouble::Configuration(why),
        Refusal::Store(error) => Trouble::Store(error),
    }
}

/// The table that the configuration names, and what people call it.
#[cfg(feature = "aws")]
fn table(settings: &Settings, call: Duration) -> Result<(Box<dyn LeaseTable>, String), String> {
    let table = super::aws::lease_table(settings, call)?;
    let place = table.place();
    Ok((Box::new(table), place))
}

#[cfg(not(feature = "aws"))]
fn table(settings: &Settings, _call: Duration) -> Result<(Box<dyn LeaseTable>, String), String> {
    let remedy = "use a build with the feature `aws` (the default)";
    Err(format!("cannot use DynamoDB table {}: this program was built without AWS; {remedy}", settings.table))
}
