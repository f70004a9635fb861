//! Signals as messages: SIGTERM and SIGINT ask for a clean stop, SIGHUP for a reload. A second stop ends the process at once.

use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Drain, snapshot, stop.
    Stop,
    /// Read rules, tables and suppressions again.
    Reload,
}

/// Exit code of a process that was asked to stop twice.
const STOPPED: i32 = 130;

/// Listens from here on.
///
/// # Errors
/// If the handlers cannot be set: in words.
pub fn listen() -> Result<Receiver<Signal>, String> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|e| format!("cannot listen for signals: {e}"))?;
    let (sender, receiver) = unbounded();
    std::thread::spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            let asked = if signal == SIGHUP { Signal::Reload } else { Signal::Stop };
            if asked == Signal::Stop && std::mem::replace(&mut stopping, true) {
                std::process::exit(STOPPED);
            }
            if sender.send(asked).is_err() {
                break;
            }
        }
    });
    Ok(receiver)
}
