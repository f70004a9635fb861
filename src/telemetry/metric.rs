//! What a metric is, and the text that Prometheus reads.
//!
//! Owns the walk from the catalogue to the exposition, by prometheus-client, and to the table of `docs/metrics.md`. A metric is its
//! row in the catalogue and nothing else: name, kind, labels, text and the function that reads it from the board. One without samples
//! still shows its name, so that every metric of the table is found in every answer.

use super::board::{Board, Reading};
use super::catalog::CATALOG;
use super::coverage::Coverage;
use super::tally::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// What kind of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends with `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations in seconds, in buckets.
    Histogram,
}

/// Where the numbers live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// In the books: they travel in the log and survive restarts.
    Books,
    /// In this process: a restart begins them afresh.
    Process,
    /// Nowhere: what is true at this moment.
    Moment,
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name, without the `_total` of counters.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Where its numbers live.
    pub life: Life,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub text: &'static str,
    /// Its samples.
    pub samples: fn(&View<'_>, &mut Samples),
}

/// What samples are read from.
#[derive(Debug)]
pub struct View<'a> {
    /// The board.
    pub reading: &'a Reading,
    /// Who was heard of.
    pub coverage: &'a Coverage,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A count.
    Count(u64),
    /// A number.
    Number(f64),
    /// A distribution.
    Histogram(Box<Histogram>),
}

/// The samples of one metric.
#[derive(Debug, Default)]
pub struct Samples(Vec<(Vec<String>, Value)>);

impl Samples {
    /// A count, with the values of the labels in order.
    pub fn count(&mut self, labels: &[&str], value: u64) {
        self.put(labels, Value::Count(value));
    }

    /// A number.
    pub fn number(&mut self, labels: &[&str], value: f64) {
        self.put(labels, Value::Number(value));
    }

    /// A distribution.
    pub fn histogram(&mut self, labels: &[&str], value: &Histogram) {
        self.put(labels, Value::Histogram(Box::new(value.clone())));
    }

    fn put(&mut self, labels: &[&str], value: Value) {
        self.0.push((labels.iter().map(|&label| label.to_owned()).collect(), value));
    }
}

impl Metric {
    /// The name as it stands in queries.
    #[must_use]
    pub fn shown(&self) -> String {
        let ending = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{ending}", self.name)
    }

    fn encode(&self, view: &View<'_>, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let mut samples = Samples::default();
        (self.samples)(view, &mut samples);
        let mut metric = encoder.encode_descriptor(self.name, self.text, None, kind)?;
        for (values, value) in &samples.0 {
            debug_assert_eq!(values.len(), self.labels.len(), "invariant: {} has a value for each of its labels", self.name);
            let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
            if labels.is_empty() { self.write(value, &mut metric)? } else { self.write(value, &mut metric.encode_family(&labels)?)? }
        }
        Ok(())
    }

    fn write(&self, value: &Value, metric: &mut MetricEncoder<'_>) -> std::fmt::Result {
        match (self.kind, value) {
            (Kind::Counter, Value::Count(n)) => metric.encode_counter::<NoLabelSet, u64, f64>(n, None),
            (Kind::Counter, Value::Number(n)) => metric.encode_counter::<NoLabelSet, f64, f64>(n, None),
            (Kind::Gauge, Value::Count(n)) => metric.encode_gauge(n),
            (Kind::Gauge, Value::Number(n)) => metric.encode_gauge(n),
            (_, Value::Histogram(histogram)) => {
                let (sum, count, buckets) = histogram.parts();
                metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
            }
            (Kind::Histogram, _) => Err(std::fmt::Error),
        }
    }
}

/// All metrics of a board, for prometheus-client.
#[derive(Debug)]
struct All(Board);

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let reading = self.0.read();
        let view = View { reading: &reading, coverage: self.0.coverage() };
        CATALOG.iter().flat_map(|group| group.metrics).try_for_each(|metric| metric.encode(&view, &mut encoder))
    }
}

/// The answer of `/metrics`, in Prometheus's text format 0.0.4.
///
/// # Errors
/// If it cannot be written; it always can.
pub fn exposition(board: &Board) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(All(board.clone())));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The table of `docs/metrics.md`.
#[must_use]
pub fn table() -> String {
    let mut out = String::new();
    for group in CATALOG {
        out += &format!("\n## {}\n\n{}\n\n| metric | kind | labels | lives | what |\n|---|---|---|---|---|\n", group.title, group.text);
        for metric in group.metrics {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let life = match metric.life {
                Life::Books => "books",
                Life::Process => "process",
                Life::Moment => "moment",
            };
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            out += &format!("| `{}` | {kind} | {} | {life} | {} |\n", metric.shown(), labels.join(", "), metric.text);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Standing;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn all() -> Vec<&'static Metric> {
        CATALOG.iter().flat_map(|group| group.metrics).collect()
    }

    #[test]
    fn names_are_unique_carry_their_unit_and_say_what_they_are() {
        let names: BTreeSet<&str> = all().iter().map(|m| m.name).collect();
        assert_eq!(names.len(), all().len());
        for metric in all() {
            let own = metric.name.starts_with("tidegate_") || metric.name.starts_with("process_");
            let plain = metric.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            assert!(own && plain && !metric.name.ends_with("_total"), "{}", metric.name);
            assert!(!metric.name.contains("_ms") && !metric.name.contains("_percent"), "{}: base units", metric.name);
            assert!(metric.kind != Kind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
            assert!(metric.text.ends_with('.') && !metric.text.contains(['|', '\n']), "{}", metric.name);
            let personal = ["account", "region", "address", "ip", "user", "text"];
            assert!(metric.labels.iter().all(|label| !personal.contains(label)), "{}: what events say is no label", metric.name);
        }
    }

    #[test]
    fn a_label_cannot_leave_its_quotes() {
        let (board, mut standing) = (Board::new(Path::new("state.db")), Standing::default());
        standing.books.alerts.suppression_hits.insert("a\"} 9\nforged 1\\".into(), 7);
        board.pin(standing);
        let text = exposition(&board).expect("text");
        assert!(text.contains("\ntidegate_suppression_hits_total{suppression=\"a\\\"} 9\\nforged 1\\\\\"} 7\n"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    }

    #[test]
    fn the_documentation_is_made_from_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        let text = std::fs::read_to_string(&path).expect("docs/metrics.md");
        let (before, found) = text.split_once("telemetry::metric -->\n").expect("the line that says where it begins");
        if found == table() {
            return;
        }
        if std::env::var_os("TIDEGATE_BLESS").is_some() {
            std::fs::write(&path, format!("{before}telemetry::metric -->\n{}", table())).expect("written");
            return;
        }
        panic!("docs/metrics.md is out of date: TIDEGATE_BLESS=1 cargo test --lib telemetry::metric writes it\n{}", table());
    }

    #[test]
    fn a_process_that_does_not_run_yet_names_every_metric() {
        let text = exposition(&Board::new(Path::new("state.db"))).expect("text");
        for metric in all() {
            assert!(text.contains(&format!("# TYPE {} ", metric.shown())), "{}", metric.name);
        }
        assert!(!text.contains("\ntidegate_records_total "), "a standby has no books");
    }
}
