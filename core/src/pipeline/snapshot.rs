//! The whole state at one log position, as bytes. The outbox is beside it: it is not state.

use super::books::Books;
use super::control::Settings;
use super::ledger::Ledger;
use super::machine::{Pipeline, RestoreError};
use super::pressure::Pressure;
use super::sealed::{seal, unseal};
use super::single::Singles;
use crate::correlate::Correlator;
use crate::dedup::Severities;
use crate::event::{Source, Watermarks};
use crate::rule::RuleSet;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Version of the snapshot's own envelope.
const SNAPSHOT_VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Image<'a> {
    number: u16,
    rules: [u8; 32],
    correlator: Cow<'a, [u8]>,
    singles: Cow<'a, Singles>,
    severities: Cow<'a, Severities>,
    pressure: Cow<'a, Pressure>,
    ledger: Cow<'a, Ledger>,
    watermarks: Cow<'a, Watermarks>,
    now_ms: i64,
    derived: u64,
    books: Cow<'a, Books>,
}

impl Pipeline {
    /// The state as bytes: equal state gives equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let image = Image {
            number: self.number,
            rules: self.set.digest,
            correlator: self.correlator.snapshot().into(),
            singles: Cow::Borrowed(&self.singles),
            severities: Cow::Borrowed(&self.severities),
            pressure: Cow::Borrowed(&self.pressure),
            ledger: Cow::Borrowed(&self.ledger),
            watermarks: Cow::Borrowed(&self.watermarks),
            now_ms: self.now_ms,
            derived: self.derived,
            books: Cow::Borrowed(&self.books),
        };
        seal(SNAPSHOT_VERSION, &image)
    }

    /// A Pipeline as it was when the snapshot was taken.
    ///
    /// # Errors
    /// If the bytes are damaged, of another version, or of another rule set.
    pub fn restore(set: Arc<RuleSet>, sources: &[Vec<Source>], settings: Settings, bytes: &[u8]) -> Result<Self, RestoreError> {
        let image: Image<'_> = unseal(SNAPSHOT_VERSION, bytes).map_err(RestoreError)?;
        if image.rules != set.digest {
            return Err(RestoreError("it was taken under another rule set".into()));
        }
        let correlator = Correlator::restore(&set, sources, settings.correlate.clone(), &image.correlator);
        Ok(Pipeline {
            correlator: correlator.map_err(|e| RestoreError(e.to_string()))?,
            singles: image.singles.into_owned(),
            severities: image.severities.into_owned(),
            pressure: image.pressure.into_owned(),
            ledger: image.ledger.into_owned(),
            watermarks: image.watermarks.into_owned(),
            now_ms: image.now_ms,
            derived: image.derived,
            books: image.books.into_owned(),
            ..Pipeline::new(image.number, set, sources, settings)
        })
    }
}
