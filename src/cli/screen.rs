//! What a person sees: colour and progress, only on a terminal. `anstream` strips colour where there is none.

use super::Failure;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};

/// Red, bold.
pub(in crate::cli) fn red(text: &str) -> String {
    format!("\x1b[1;31m{text}\x1b[0m")
}

/// Yellow.
pub(in crate::cli) fn yellow(text: &str) -> String {
    format!("\x1b[33m{text}\x1b[0m")
}

/// Green.
pub(in crate::cli) fn green(text: &str) -> String {
    format!("\x1b[32m{text}\x1b[0m")
}

/// Bold.
pub(in crate::cli) fn bold(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}

/// Prints lines. A reader that has seen enough (`| head`, a pager that was left) is no error.
pub(in crate::cli) fn print(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let written = lines.into_iter().try_for_each(|line| writeln!(out, "{}", line.as_ref())).and_then(|()| out.flush());
    match written {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed(format!("cannot write to standard output: {e}"))),
        _ => Ok(()),
    }
}

/// A progress bar in bytes on standard error; hidden where that is no terminal.
pub(in crate::cli) fn byte_progress(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(what.to_owned());
    bar
}

/// A count that grows on standard error; hidden where that is no terminal.
#[cfg(feature = "aws")]
pub(in crate::cli) fn count_progress(what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target());
    bar.set_style(ProgressStyle::with_template("{prefix:>12} {human_pos} {elapsed}").unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(what.to_owned());
    bar
}

/// A progress bar in thousandths on standard error, with a message; hidden where that is no terminal.
pub(in crate::cli) fn time_progress(what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1_000), target());
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {msg} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(what.to_owned());
    bar.set_message("waiting for the first answer");
    bar
}

/// A progress bar in things on standard error; hidden where that is no terminal.
pub(in crate::cli) fn things_progress(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos}/{len} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(what.to_owned());
    bar
}

fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() }
}

/// `12,345,678`.
pub(in crate::cli) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::thousands(n), text);
        }
    }
}
