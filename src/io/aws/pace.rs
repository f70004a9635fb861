//! How often a shard is read: fast while there is something, at most once a second while it is quiet, and slower when the service
//! says so. A shard takes 5 reads a second and gives 2 MB a second, shared by all who poll it.
//!
//! Owns intervals, back-off and the size of an answer. Never reads a clock; chance comes from a seed.

/// Between two reads of a shard that has records: four a second, which leaves one to others.
const BUSY_MS: u64 = 250;
/// Between two reads of a quiet shard.
const QUIET_MS: u64 = 1_000;
/// Back-off doubles from the first to the second.
const BACK_OFF_MS: u64 = 500;
const BACK_OFF_MS_MAX: u64 = 16_000;
/// An answer should be about so large: larger ones wait for the service's rate anyway.
const ANSWER_BYTES: u64 = 2 << 20;
/// What the service gives per millisecond.
const BYTES_PER_MS: u64 = 2_000;
const RECORDS_MAX: u64 = 10_000;

/// Seeded chance (SplitMix64), so that readers of one stream do not come at the same moment and a test can repeat what happened.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n.max(1)
    }

    /// About `ms`: up to a tenth more.
    fn about(&mut self, ms: u64) -> u64 {
        ms + self.below(ms / 10 + 1)
    }
}

/// The pace of one shard, or of the listing.
#[derive(Debug)]
pub(super) struct Pace {
    /// Shortest interval that the service bears: it grows when it refuses.
    floor_ms: u64,
    empty: u32,
    refused: u32,
    record_bytes: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace { floor_ms: BUSY_MS, empty: 0, refused: 0, record_bytes: 4 << 10 }
    }

    /// Records to ask for.
    pub(super) fn limit(&self) -> i32 {
        (ANSWER_BYTES / self.record_bytes.max(1)).clamp(1, RECORDS_MAX) as i32
    }

    /// How long to wait after an answer of so many records and bytes; `more`: the service says that there are more.
    pub(super) fn answered(&mut self, records: u64, bytes: u64, more: bool, dice: &mut Dice) -> u64 {
        self.refused = 0;
        // Slowly: each try of a shorter interval may cost another reader a call.
        self.floor_ms = (self.floor_ms - self.floor_ms / 128).max(BUSY_MS);
        if let Some(mean) = bytes.checked_div(records) {
            self.empty = 0;
            self.record_bytes = (self.record_bytes + mean) / 2;
            return dice.about(self.floor_ms.max(bytes / BYTES_PER_MS));
        }
        self.empty = if more { 0 } else { (self.empty + 1).min(8) };
        dice.about(self.floor_ms.max((BUSY_MS << self.empty).min(QUIET_MS)))
    }

    /// How long to wait after a refusal: anything between the half and the whole of a doubling time.
    pub(super) fn refused(&mut self, throttled: bool, dice: &mut Dice) -> u64 {
        if throttled {
            self.floor_ms = (self.floor_ms * 2).min(2 * QUIET_MS);
        }
        let whole = (BACK_OFF_MS << self.refused).min(BACK_OFF_MS_MAX);
        self.refused = (self.refused + 1).min(16);
        whole / 2 + dice.below(whole / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_shard_is_read_once_a_second_and_a_busy_one_within_the_services_rate() {
        let (mut pace, mut dice) = (Pace::new(), Dice::new(7));
        let quiet: Vec<u64> = (0..6).map(|_| pace.answered(0, 0, false, &mut dice)).collect();
        assert!(quiet.is_sorted_by(|a, b| *a <= b + b / 8) && (1_000..=1_100).contains(&quiet[5]), "{quiet:?}");
        assert!((250..=275).contains(&pace.answered(10, 1_000, false, &mut dice)));
        assert!((4_000..=4_400).contains(&pace.answered(8, 8_000_000, true, &mut dice)), "2 MB a second");
        assert!(pace.limit() < 16, "answers get smaller when records are large");
    }

    #[test]
    fn throttles_slow_down_and_are_forgotten_slowly() {
        let (mut pace, mut dice) = (Pace::new(), Dice::new(7));
        let waits: Vec<u64> = (0..10).map(|_| pace.refused(true, &mut dice)).collect();
        assert!((250..=500).contains(&waits[0]) && (8_000..=16_000).contains(&waits[9]), "{waits:?}");
        assert!(pace.answered(1, 1, true, &mut dice) > 1_500, "others read this shard too");
        let last = (0..400).map(|_| pace.answered(1, 1, true, &mut dice)).last().expect("some");
        assert!(last <= 275);
    }

    /// A shard as the service keeps it: 5 reads a second and 2 MB a second for all, and what is written into it.
    struct Bucket {
        reads: f64,
        bytes: f64,
        written: f64,
        last_ms: u64,
    }

    impl Bucket {
        fn pass(&mut self, now_ms: u64, bytes_per_ms: f64) {
            let ms = (now_ms - self.last_ms) as f64;
            self.reads = (self.reads + ms / 200.0).min(5.0);
            self.bytes = (self.bytes + ms * 2_000.0).min(10e6);
            self.written += ms * bytes_per_ms;
            self.last_ms = now_ms;
        }

        fn read(&mut self) -> bool {
            let good = self.reads >= 1.0 && self.bytes > 0.0;
            self.reads -= f64::from(u8::from(good));
            good
        }
    }

    /// Five minutes beside others who read once a second; gives calls, throttled calls, those of the others, and how far behind the
    /// reader is at the end, in milliseconds of what is written.
    fn beside(others: u64, bytes_per_ms: f64) -> (u64, u64, u64, f64) {
        let (mut pace, mut dice) = (Pace::new(), Dice::new(7));
        let mut bucket = Bucket { reads: 5.0, bytes: 10e6, written: 0.0, last_ms: 0 };
        let (mut due_ms, mut read, mut calls, mut refused, mut theirs) = (0, 0.0, 0, 0, 0);
        for now_ms in 0..300_000 {
            bucket.pass(now_ms, bytes_per_ms);
            for other in 0..others {
                if (now_ms + other * 137) % 1_000 == 0 {
                    let good = bucket.read();
                    bucket.bytes -= if good { bytes_per_ms * 1_000.0 } else { 0.0 };
                    theirs += u64::from(!good);
                }
            }
            if now_ms < due_ms {
                continue;
            }
            calls += 1;
            due_ms = now_ms
                + if bucket.read() {
                    let bytes = (bucket.written - read).min(f64::from(pace.limit()) * 4_096.0);
                    (read, bucket.bytes) = (read + bytes, bucket.bytes - bytes);
                    pace.answered((bytes / 4_096.0).ceil() as u64, bytes as u64, bucket.written > read, &mut dice)
                } else {
                    refused += 1;
                    pace.refused(true, &mut dice)
                };
        }
        (calls, refused, theirs, (bucket.written - read) / bytes_per_ms)
    }

    #[test]
    fn a_shard_is_shared_and_nobody_falls_behind() {
        for (others, bytes_per_ms, refused_max) in [(0, 1_000.0, 0.0), (1, 900.0, 0.02), (3, 400.0, 0.1), (4, 300.0, 0.3)] {
            let (calls, refused, theirs, behind_ms) = beside(others, bytes_per_ms);
            let share = refused as f64 / calls as f64;
            println!(
                "{others} others, {bytes_per_ms} kB/s: {calls} calls, {refused} refused, {theirs} of the others, {behind_ms:.0} ms behind"
            );
            assert!(share <= refused_max, "{others} others: {refused} of {calls} calls refused");
            assert!(theirs as f64 <= 0.1 * 300.0 * others as f64, "{others} others: {theirs} of their calls refused");
            assert!(behind_ms < 5_000.0, "{others} others: {behind_ms} ms behind");
        }
    }
}
