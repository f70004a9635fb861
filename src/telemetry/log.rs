//! The log of the program, on standard error.
//!
//! Owns the form of log lines: one line each, as text or JSON, times in UTC. Text in them may come from events: whatever it holds, a line
//! of text stays one line without control, bidirectional or invisible characters. Never decides what is worth telling.
//! Limits: `TIDEGATE_LOG` (levels by target, such as `info,tidegate::io=debug`) goes before the configured level.

use crate::io::clock::now_ms;
use std::io::IsTerminal;
use tidegate_core::alert::neutral::terminal;
use tidegate_core::event::time::format_rfc3339;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{MakeWriter, time::FormatTime};

/// The variable that goes before the configured level.
pub const LEVEL_VARIABLE: &str = "TIDEGATE_LOG";

/// Form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Starts the log of this process. Lines at `level` and above are told, unless `TIDEGATE_LOG` says otherwise.
///
/// # Errors
/// If the level is none, or a log was started before: in words.
pub fn start(level: &str, format: Format) -> Result<(), String> {
    let chosen = std::env::var(LEVEL_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let place = if chosen.is_some() { LEVEL_VARIABLE } else { "the configured log level" };
    let filter = filter(place, chosen.as_deref().unwrap_or(level))?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let dispatch = dispatch(filter, format, colour, std::io::stderr);
    tracing::dispatcher::set_global_default(dispatch).map_err(|e| format!("cannot start the log: {e}"))
}

fn filter(place: &str, text: &str) -> Result<EnvFilter, String> {
    let known = "use error, warn, info, debug or trace, or levels by target such as `info,tidegate::io=debug`";
    EnvFilter::try_new(text).map_err(|e| format!("cannot use `{}` from {place}: {e}; {known}", terminal(text)))
}

fn dispatch<W>(filter: EnvFilter, format: Format, colour: bool, writer: W) -> tracing::Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_timer(Utc).with_ansi(colour);
    match format {
        Format::Json => tracing::Dispatch::new(builder.json().finish()),
        Format::Text => tracing::Dispatch::new(builder.fmt_fields(debug_fn(field)).finish()),
    }
}

/// One field of a line of text.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn std::fmt::Debug) -> std::fmt::Result {
    let text = format!("{value:?}");
    // With a blank before all but the message, which comes first.
    match field.name() {
        "message" => write!(writer, "{}", terminal(&text)),
        name => write!(writer, " {name}={}", terminal(&text)),
    }
}

struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str(&format_rfc3339(now_ms()))
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Format, dispatch, filter};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What the log of this thread says meanwhile.
    pub(crate) fn recorded(level: &str, format: Format, act: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let log = dispatch(filter("a test", level).unwrap(), format, false, move || writer.clone());
        tracing::dispatcher::with_default(&log, act);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::recorded;
    use super::*;

    #[test]
    fn a_line_of_text_stays_one_line_whatever_it_tells() {
        let hostile = "a\n2099-01-01T00:00:00Z ERROR forged\u{9b}31m\u{202e}";
        let text = recorded("info", Format::Text, || {
            tracing::info!(file = %hostile, count = 3, "read {hostile}");
            tracing::debug!("not told");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains(['\u{9b}', '\u{202e}']));
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && tidegate_core::event::time::parse_rfc3339_ms(time).is_some_and(|t| (now_ms() - t).abs() < 60_000));
        let told = "a\\n2099-01-01T00:00:00Z ERROR forged\\u{9b}31m\\u{202e}";
        assert_eq!(rest.trim_start(), format!("INFO tidegate::telemetry::log::tests: read {told} file={told} count=3\n"));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = recorded("warn", Format::Json, || {
            tracing::info!("not told");
            tracing::warn!(file = "a\nb", "read");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["level"], &line["fields"]["message"], &line["fields"]["file"]), (&"WARN".into(), &"read".into(), &"a\nb".into()));
    }

    #[test]
    fn a_level_that_is_none_is_refused_with_what_would_be_one() {
        let refused = filter("TIDEGATE_LOG", "tidegate=loud").unwrap_err();
        assert!(refused.contains("TIDEGATE_LOG") && refused.contains("use error, warn"), "{refused}");
        assert!(filter("", "info,tidegate::io=debug").is_ok());
    }
}
