//! Taking the row at a start, and keeping it: a thread of its own renews it, so that neither a slow table holds up the live loop nor
//! a busy loop lets the row go.

use super::claim::{Claim, Claimant};
use super::tenure::Tenure;
use crate::io::clock::Stopwatch;
use crate::io::port::{Holder, LeaseError, LeaseRow, LeaseTable, Renewal, StoreError};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::thread::JoinHandle;
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;
use tidegate_core::event::time::format_rfc3339;

/// The row is renewed this often per term.
const RENEWALS: u32 = 3;
/// Longest sleep between two looks at a row that is watched.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// The row, and for whom it is claimed.
#[derive(Debug, Clone)]
pub struct Ownership {
    /// Its name in the table.
    pub name: String,
    /// The table, for people: `DynamoDB table leases`.
    pub place: String,
    /// Who claims it.
    pub holder: Holder,
}

/// Why the row was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody else has it and lives.
    Held(String),
    /// The table.
    Table(LeaseError),
    /// What was asked meanwhile.
    Store(StoreError),
}

/// Takes the row; watches its holder for a term at most. `meanwhile` is called at least once a second: it keeps what else must be
/// kept, and says whether to stop. `waiting` hears what is waited for, whenever that changes. `None`: stopped.
///
/// # Errors
/// [`Refusal`].
pub fn claim(
    table: &mut dyn LeaseTable,
    ownership: &Ownership,
    meanwhile: &mut dyn FnMut() -> Result<bool, StoreError>,
    waiting: &mut dyn FnMut(&str),
) -> Result<Option<Tenure>, Refusal> {
    let since = Stopwatch::start();
    let term = Duration::from_millis(ownership.holder.term_ms);
    let mut claimant = Claimant::new(&ownership.name, ownership.holder.clone());
    let (mut told, mut unreached) = (String::new(), None::<Stopwatch>);
    loop {
        let (wait, why) = match claimant.attempt(table, &|| since.elapsed()) {
            Ok(Claim::Taken { epoch, began }) => return Ok(Some(Tenure::new(epoch, term, since, began))),
            Ok(Claim::Refused(holder)) => return Err(Refusal::Held(held(ownership, &holder))),
            Ok(Claim::Wait(holder, wait)) => {
                unreached = None;
                (wait, format!("{} has {}: watching whether it lives", called(&holder), row(ownership)))
            }
            Err(LeaseError::Unavailable(why)) if unreached.get_or_insert_with(Stopwatch::start).elapsed() < term => (LOOK_MAX, why),
            Err(error) => return Err(Refusal::Table(error)),
        };
        if why != told {
            waiting(&why);
            told = why;
        }
        if meanwhile().map_err(Refusal::Store)? {
            return Ok(None);
        }
        std::thread::sleep(wait.min(term / (2 * RENEWALS)).clamp(Duration::from_millis(5), LOOK_MAX));
    }
}

fn row(ownership: &Ownership) -> String {
    format!("row `{}` of {}", ownership.name, ownership.place)
}

fn called(holder: &Holder) -> String {
    terminal(&holder.place).into_owned()
}

fn held(ownership: &Ownership, holder: &Holder) -> String {
    let (since, row, name) = (format_rfc3339(holder.since_ms), row(ownership), &ownership.name);
    format!(
        "{} reads these sources since {since} and renews {row}: with two readers every event would count twice. End that one first (its \
         row is then free), or use its state file to be its standby. If it reads other streams, give one of the two another \
         `ownership.name` than `{name}`",
        called(holder)
    )
}

/// Who keeps the row.
#[derive(Debug)]
pub struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Renews the row from here on.
    #[must_use]
    pub fn start(table: Box<dyn LeaseTable>, ownership: Ownership, tenure: Tenure) -> Self {
        let (stop, stopped) = bounded(1);
        let thread = std::thread::spawn(move || Keep { table, ownership, tenure, told: None, silent: false }.run(&stopped));
        Keeper { stop, thread }
    }

    /// Gives the row back, so that nobody has to wait for its end. What was sent must have been answered.
    pub fn release(self) {
        // It has ended by itself when the row was lost.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

struct Keep {
    table: Box<dyn LeaseTable>,
    ownership: Ownership,
    tenure: Tenure,
    /// What does not work, as it was told.
    told: Option<String>,
    /// It was told that nothing is sent.
    silent: bool,
}

impl Keep {
    fn run(mut self, stopped: &Receiver<()>) {
        let every = self.tenure.term() / RENEWALS;
        let mut wait = every;
        loop {
            match stopped.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return self.release(),
            }
            let began = self.tenure.now();
            match self.table.renew(&self.ownership.name, &self.ownership.holder.id, self.tenure.epoch()) {
                Ok(Renewal::Held) => {
                    self.tenure.renewed(began);
                    self.works_again();
                    wait = every.saturating_sub(self.tenure.now().saturating_sub(began));
                }
                Ok(Renewal::Lost(there)) => return self.lost(there.as_ref()),
                Err(error) => {
                    self.fails(&error);
                    wait = every / 4;
                }
            }
        }
    }

    fn lost(&self, there: Option<&LeaseRow>) {
        let who = match there.and_then(|row| row.holder.as_ref()) {
            Some(holder) => format!("{} has taken {}", called(holder), row(&self.ownership)),
            None => format!("{} was given back or deleted by somebody else", row(&self.ownership)),
        };
        self.tenure.lose(format!("{who} (this process had epoch {}): this process must stop", self.tenure.epoch()));
    }

    fn fails(&mut self, error: &LeaseError) {
        let why = error.to_string();
        if self.told.as_ref() != Some(&why) {
            tracing::warn!("{} is not renewed: {}", row(&self.ownership), terminal(&why));
            self.told = Some(why);
        }
        if !self.silent && self.tenure.remaining().is_zero() {
            let reason = "somebody else may take it, so nothing is sent until it is renewed; sources are read on";
            tracing::error!("{} could not be renewed in time: {reason}", row(&self.ownership));
            self.silent = true;
        }
    }

    fn works_again(&mut self) {
        if self.told.take().is_some() {
            tracing::info!("{} is renewed again", row(&self.ownership));
        }
        self.silent = false;
    }

    fn release(&mut self) {
        if let Err(why) = self.table.release(&self.ownership.name, &self.ownership.holder.id, self.tenure.epoch()) {
            let (row, term) = (row(&self.ownership), self.tenure.term().as_secs());
            tracing::warn!("{row} was not given back, and is free in {term} seconds: {}", terminal(&why.to_string()));
        }
    }
}
