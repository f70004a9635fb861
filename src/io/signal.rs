//! Signals as messages: SIGTERM and SIGINT ask for a clean stop, SIGHUP for a reload. A second stop ends the process at once.
//!
//! Owns SIGXFSZ, too: a write over the size limit of files is to fail like one on a full disk, not to end the process.

use crossbeam_channel::{Receiver, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map_err(|e| format!("cannot listen for SIGXFSZ: {e}"))?;
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
