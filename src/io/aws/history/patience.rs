//! How long to wait before a service is called again, and when to give up.
//!
//! Owns the interval between calls, which grows at each throttle and shrinks slowly, and the back-off after refusals (doubling, with
//! jitter). Never reads a clock; chance comes from a seed. Limits: a service that throttles is waited for about ten minutes, one that
//! is not there about two.

use super::super::pace::Dice;
use super::super::protocol::Refusal;

/// Back-off doubles from the first to the second.
const BACK_OFF_MS: u64 = 400;
const BACK_OFF_MS_MAX: u64 = 16_000;
/// Refusals in a row that are borne.
const THROTTLES_MAX: u32 = 40;
const FAULTS_MAX: u32 = 12;
/// Between two calls, once the service throttled.
const INTERVAL_MS: u64 = 50;
const INTERVAL_MS_MAX: u64 = 5_000;

/// The patience with one service, or one part of it.
#[derive(Debug)]
pub(super) struct Patience {
    dice: Dice,
    interval_ms: u64,
    throttles: u32,
    faults: u32,
}

impl Patience {
    pub(super) fn new(seed: u64) -> Self {
        Patience { dice: Dice::new(seed), interval_ms: 0, throttles: 0, faults: 0 }
    }

    /// How long to wait after an answer.
    pub(super) fn answered(&mut self) -> u64 {
        (self.throttles, self.faults) = (0, 0);
        // Below the smallest interval nothing is left of a throttle.
        self.interval_ms -= (self.interval_ms / 32).max(u64::from(self.interval_ms > 0));
        if self.interval_ms < INTERVAL_MS {
            self.interval_ms = 0;
        }
        self.interval_ms + self.dice.below(self.interval_ms / 8 + 1)
    }

    /// How long to wait after a refusal; `None`: it is of no use.
    pub(super) fn refused(&mut self, refusal: &Refusal) -> Option<u64> {
        let in_a_row = match refusal {
            Refusal::Throttled => {
                self.interval_ms = (self.interval_ms * 2).clamp(INTERVAL_MS, INTERVAL_MS_MAX);
                self.throttles += 1;
                (self.throttles <= THROTTLES_MAX).then_some(self.throttles)?
            }
            Refusal::Unavailable(_) | Refusal::InUse(_) | Refusal::Expired => {
                self.faults += 1;
                (self.faults <= FAULTS_MAX).then_some(self.faults)?
            }
            Refusal::Invalid(_) | Refusal::Missing(_) | Refusal::Denied(_) => return None,
        };
        let whole = (BACK_OFF_MS << (in_a_row - 1).min(16)).min(BACK_OFF_MS_MAX);
        Some(whole / 2 + self.dice.below(whole / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_slows_down_and_is_forgotten_slowly() {
        let mut patience = Patience::new(1);
        assert_eq!(patience.answered(), 0);
        for _ in 0..4 {
            assert!(patience.refused(&Refusal::Throttled).is_some());
        }
        assert!((300..=450).contains(&patience.answered()), "50, 100, 200, 400");
        let answers = (0..1_000).take_while(|_| patience.answered() > 0).count();
        assert!((50..150).contains(&answers), "{answers}");
    }

    #[test]
    fn patience_ends() {
        let mut patience = Patience::new(1);
        let waits: Vec<u64> = std::iter::from_fn(|| patience.refused(&Refusal::Throttled)).collect();
        assert_eq!(waits.len(), 40);
        assert!((200..=400).contains(&waits[0]) && waits[39] >= 8_000, "{waits:?}");
        assert!((300_000..700_000).contains(&waits.iter().sum::<u64>()));
        let waits: Vec<u64> = std::iter::from_fn(|| patience.refused(&Refusal::Unavailable(String::new()))).collect();
        assert!((50_000..180_000).contains(&waits.iter().sum::<u64>()), "{waits:?}");
        patience.answered();
        assert!(patience.refused(&Refusal::Throttled).is_some(), "an answer renews it");
        assert_eq!(patience.refused(&Refusal::Denied(String::new())), None);
    }
}
