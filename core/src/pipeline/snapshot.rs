//! The whole state at one log position, as bytes. The outbox is beside it: it is not state.

use super::books::Books;
use super::control::Control;
use super::ledger::Ledger;
use super::pressure::Pressure;
use super::reload::org;
use super::rules::Rules;
use super::sealed::{seal, unseal};
use super::single::Singles;
use super::step::{Pipeline, RestoreError};
use crate::alert::storm::Storm;
use crate::correlate::Correlator;
use crate::dedup::Severities;
use crate::event::Watermarks;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Version of the snapshot's own envelope.
const SNAPSHOT_VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Image<'a> {
    number: u16,
    of: u16,
    /// Digest of the rules in force; `None` before the first entry.
    rules: Option<[u8; 32]>,
    control: Cow<'a, Control>,
    #[serde(borrow, with = "serde_bytes")]
    correlator: Cow<'a, [u8]>,
    singles: Cow<'a, Singles>,
    severities: Cow<'a, Severities>,
    pressure: Cow<'a, Pressure>,
    storm: Cow<'a, Storm>,
    ledger: Cow<'a, Ledger>,
    watermarks: Cow<'a, Watermarks>,
    next: u64,
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
            of: self.of,
            rules: self.rules.as_ref().map(|r| r.set.digest),
            control: Cow::Borrowed(&self.control),
            correlator: self.correlator.snapshot().into(),
            singles: Cow::Borrowed(&self.singles),
            severities: Cow::Borrowed(&self.severities),
            pressure: Cow::Borrowed(&self.pressure),
            storm: Cow::Borrowed(&self.storm),
            ledger: Cow::Borrowed(&self.ledger),
            watermarks: Cow::Borrowed(&self.watermarks),
            next: self.next,
            now_ms: self.now_ms,
            derived: self.derived,
            books: Cow::Borrowed(&self.books),
        };
        seal(SNAPSHOT_VERSION, &image)
    }

    /// A Pipeline as it was when the snapshot was taken; `known` are the rule sets it may need.
    ///
    /// # Errors
    /// If the bytes are damaged, of another version, or of rules that are not given.
    pub fn restore(known: &[Arc<Rules>], bytes: &[u8]) -> Result<Self, RestoreError> {
        let image: Image<'_> = unseal(SNAPSHOT_VERSION, bytes).map_err(RestoreError)?;
        let mut out = Pipeline::new(image.number, image.of);
        known.iter().for_each(|rules| out.learn(rules));
        if let Some(digest) = image.rules {
            let other = || RestoreError("it was taken under another rule set than those given".into());
            let rules = out.known.get(&digest).cloned().ok_or_else(other)?;
            let correlate = out.share(&image.control.settings.correlate);
            let correlator = Correlator::restore(&rules.set, &rules.sources, correlate, &image.correlator);
            out.correlator = correlator.map_err(|e| RestoreError(e.to_string()))?;
            out.install(&rules);
        }
        out.control = image.control.into_owned();
        Ok(Pipeline {
            org: org(&out.control),
            singles: image.singles.into_owned(),
            severities: image.severities.into_owned(),
            pressure: image.pressure.into_owned(),
            storm: image.storm.into_owned(),
            ledger: image.ledger.into_owned(),
            watermarks: image.watermarks.into_owned(),
            next: image.next,
            now_ms: image.now_ms,
            derived: image.derived,
            books: image.books.into_owned(),
            ..out
        })
    }
}
