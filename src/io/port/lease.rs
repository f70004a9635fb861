//! The port to a table of leases that several machines see.

/// A named lease, as its row stands in a table that several machines see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Who holds it; `None`: it was given back.
    pub holder: Option<Holder>,
    /// Raised whenever it is taken: no two holdings have the same.
    pub epoch: u64,
    /// Raised by every write: who sees it stand still for a lease's time knows that nobody lives behind it.
    pub counter: u64,
}

/// Who holds a lease, told to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// This process and this start of it: no other has the same.
    pub id: String,
    /// As people may find it: `pid 7 on host-a`.
    pub place: String,
    /// The state that it writes. Another holder with the same state is its standby: the state's own fence stands between the two.
    pub state: String,
    /// When it was taken (epoch milliseconds, by the holder's clock): for people, nothing is decided by it.
    pub since_ms: i64,
    /// How long it lasts without renewal.
    pub term_ms: u64,
}

/// What became of a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// It is held on.
    Held,
    /// It is not ours: what stands there instead.
    Lost(Option<LeaseRow>),
}

/// Why a lease table could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseError {
    /// It may work again later. The write may have been made all the same: its answer may be what was lost.
    Unavailable(String),
    /// It will not before somebody acts: no such table, no permission, a row that is not ours to write.
    Unusable(String),
}

impl std::fmt::Display for LeaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LeaseError::Unavailable(text) | LeaseError::Unusable(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for LeaseError {}

/// Where leases are kept that several machines see. Every write is conditional and takes effect at one moment, whole or not at all.
/// Knows no time: who may take a lease when is decided by those who hold and want them.
pub trait LeaseTable: Send {
    /// What stands under a name.
    ///
    /// # Errors
    /// [`LeaseError`].
    fn read(&mut self, name: &str) -> Result<Option<LeaseRow>, LeaseError>;

    /// Takes a lease, with the next epoch, unless anybody has written to it since it was `seen` (`None`: it was not there). Gives
    /// the row that stands there then; `None`: somebody has.
    ///
    /// # Errors
    /// [`LeaseError`].
    fn take(&mut self, name: &str, seen: Option<&LeaseRow>, holder: &Holder) -> Result<Option<LeaseRow>, LeaseError>;

    /// Raises the counter, if the lease is still held as `id` in `epoch`.
    ///
    /// # Errors
    /// [`LeaseError`].
    fn renew(&mut self, name: &str, id: &str, epoch: u64) -> Result<Renewal, LeaseError>;

    /// Gives it back, if it is still held as `id` in `epoch`.
    ///
    /// # Errors
    /// [`LeaseError`].
    fn release(&mut self, name: &str, id: &str, epoch: u64) -> Result<(), LeaseError>;
}
