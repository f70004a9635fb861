//! From stretches to alerts: open, grow, join, close; and stretches on their way to parents.

use super::change::{AlertChange, ChangeKind, Episode, Output};
use super::episode::{Alerted, Gathered};
use super::interval::Interval;
use super::key::KeyState;
use super::spec::Spec;
use super::store::Entry;
use crate::event::{Derived, GroupKey};
use std::sync::Arc;

/// What a step knows beside the key's state.
pub(super) struct Step<'a> {
    pub(super) spec: &'a Spec,
    pub(super) key: &'a GroupKey,
    /// Who pays for the key.
    pub(super) account: &'a Arc<str>,
    /// W - L.
    pub(super) limit: i64,
    /// W - L of the last watermark of real input, once input has ended.
    pub(super) stopped: Option<i64>,
    /// Alerts opened so far.
    pub(super) opened: &'a mut u64,
    pub(super) out: &'a mut Vec<Output>,
}

impl Step<'_> {
    /// Takes stretches that are new or grew.
    pub(super) fn absorb(&mut self, state: &mut KeyState, changed: &[Interval]) {
        for stretch in changed {
            if self.spec.alerts {
                self.extend(state, *stretch);
            }
            self.send(state, *stretch);
        }
    }

    /// An event that moved no stretch may still belong to an episode.
    pub(super) fn update_at(&mut self, state: &KeyState, moment: Interval) {
        for place in state.episodes_at(self.spec, moment) {
            self.say(&state.episodes()[place], ChangeKind::Updated, None, None);
        }
    }

    /// Tells every parent of a stretch.
    pub(super) fn send(&mut self, state: &KeyState, stretch: Interval) {
        let spec = self.spec;
        if spec.parents.is_empty() {
            return;
        }
        let reach = spec.reach(stretch.0, stretch.1);
        let shown = state.store.entries[state.store.places(reach.0, reach.1)].iter().find_map(Entry::shown);
        let earliest = shown.and_then(|e| e.unpack(self.account));
        for parent in &spec.parents {
            let Some(key) = parent.key_of(self.key) else { continue };
            self.out.push(Output::Stretch(Derived {
                target: parent.index,
                child: spec.index,
                step: parent.step,
                child_key: self.key.clone(),
                key,
                start_ms: stretch.0,
                end_ms: stretch.1,
                account: Arc::clone(self.account),
                origin: (0, 0),
                alert: None,
                severity: if spec.severity > 0 { spec.severity } else { earliest.as_ref().map_or(0, |e| e.severity) },
                facts: earliest.as_ref().map(|e| Arc::clone(&e.facts)),
            }));
        }
    }

    fn extend(&mut self, state: &mut KeyState, (start, end): Interval) {
        let t = self.spec.timespan;
        let episodes = &mut state.grow_mut().episodes;
        let first = episodes.partition_point(|e| start - e.end > t);
        let last = episodes.partition_point(|e| e.start - end <= t).max(first);
        let mut joined: Vec<Alerted> = episodes.splice(first..last, []).collect();
        joined.sort_by_key(|e| e.order);
        let mut rest = joined.into_iter();
        let Some(mut lives) = rest.next() else { return self.open(state, (start, end)) };
        let others: Vec<Alerted> = rest.collect();
        for other in &others {
            let shown = self.show(state, other, false);
            self.say(other, ChangeKind::Merged, Some(lives.fired), Some(shown));
        }
        (lives.start, lives.end) = (lives.start.min(start), lives.end.max(end));
        state.grow_mut().folded_bytes -= lives.folded.bytes() + others.iter().map(|o| o.folded.bytes()).sum::<u64>();
        // Parts are merged in order of time, whoever lives.
        let mut parts: Vec<(i64, Gathered)> = vec![(lives.start, std::mem::take(&mut lives.folded))];
        for other in others {
            (lives.start, lives.end) = (lives.start.min(other.start), lives.end.max(other.end));
            parts.push((other.start, other.folded));
        }
        parts.sort_by_key(|p| p.0);
        parts.into_iter().for_each(|(_, part)| lives.folded.merge(part));
        state.grow_mut().folded_bytes += lives.folded.bytes();
        self.say(&lives, ChangeKind::Updated, None, None);
        self.keep(state, lives);
    }

    fn open(&mut self, state: &mut KeyState, (start, end): Interval) {
        *self.opened += 1;
        // It fired only because the data stopped if the real watermark would not have judged it yet.
        let truncated = self.spec.waits && self.stopped.is_some_and(|real| start.saturating_add(self.spec.look) >= real);
        let episode = Alerted { start, end, fired: start, order: *self.opened, folded: Gathered::default(), truncated };
        self.say(&episode, ChangeKind::Opened, None, None);
        self.keep(state, episode);
    }

    fn keep(&mut self, state: &mut KeyState, episode: Alerted) {
        let episodes = &mut state.grow_mut().episodes;
        let place = episodes.partition_point(|e| e.start < episode.start);
        if episodes.len() == episodes.capacity() {
            // Most keys never have a second one.
            episodes.reserve_exact(1 + episodes.len() / 4);
        }
        episodes.insert(place, episode);
    }

    /// Closes what nothing can change any more.
    pub(super) fn close(&mut self, state: &mut KeyState) {
        let due = state.episodes().partition_point(|e| e.end.saturating_add(self.spec.close) < self.limit);
        if due == 0 {
            return;
        }
        for episode in state.grow_mut().episodes.drain(..due).collect::<Vec<_>>() {
            state.grow_mut().folded_bytes -= episode.folded.bytes();
            let truncated = self.stopped.is_some_and(|real| episode.end.saturating_add(self.spec.close) >= real);
            let shown = self.show(state, &episode, truncated);
            self.say(&episode, ChangeKind::Closed, None, Some(shown));
        }
    }

    /// Closes everything: the state is given up.
    pub(super) fn abandon(&mut self, state: &mut KeyState) {
        let Some(grown) = &mut state.grown else { return };
        for episode in std::mem::take(&mut grown.episodes) {
            let shown = self.show(state, &episode, true);
            self.say(&episode, ChangeKind::Closed, None, Some(shown));
        }
    }

    /// The episode with its events.
    pub(super) fn show(&self, state: &KeyState, episode: &Alerted, truncated: bool) -> Box<Episode> {
        let evaluated = if self.spec.waits { state.judged } else { self.limit };
        Box::new(episode.show(state.gather(self.spec, episode), evaluated, truncated, self.account))
    }

    fn say(&mut self, e: &Alerted, kind: ChangeKind, merged_into: Option<i64>, episode: Option<Box<Episode>>) {
        self.out.push(Output::Alert(AlertChange {
            correlation: self.spec.index,
            key: self.key.clone(),
            fired_ms: e.fired,
            merged_into,
            kind,
            start_ms: e.start,
            end_ms: e.end,
            episode,
        }));
    }
}
