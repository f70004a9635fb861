//! The only place that reads a clock. Latency and rates are measured with it, arrivals are stamped with it; the core gets times as
//! parameters.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time since some point, for measuring how long something took.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The time of day, epoch milliseconds: the arrival of what has no other stamp, and stamps that people read. It may jump: nothing is decided by it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// CPU nanoseconds that the calling thread has used, to a tick of the scheduler, where the platform tells.
#[must_use]
pub fn thread_cpu_nanoseconds() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// CPU seconds (user and system) this process has used, where the platform tells; 0 elsewhere.
#[must_use]
pub fn process_cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    // The command's name may hold blanks: fields are counted after its closing parenthesis. utime and stime are the 14th and 15th.
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// Nanoseconds since the first time this was asked: for the core, which has no clock of its own and gets this one to measure with.
#[must_use]
pub fn nanoseconds() -> u64 {
    static FIRST: std::sync::OnceLock<Stopwatch> = std::sync::OnceLock::new();
    u64::try_from(FIRST.get_or_init(Stopwatch::start).elapsed().as_nanos()).unwrap_or(u64::MAX)
}
