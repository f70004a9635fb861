//! What a configuration would run, in a few lines.

use super::opened::Rules;
use crate::cli::screen;
use crate::config::{Config, OpenSearch, Ownership, Reads, SourceSettings, duration, size};
use std::path::{Path, PathBuf};

/// The lines.
pub(super) fn text(config: &Config, rules: &Rules) -> String {
    let mut lines = vec![("state", state(config)), ("rules", self::rules(config, rules)), ("tables", tables(config))];
    lines.extend(config.suppressions.iter().map(|path| ("suppressions", path.display().to_string())));
    lines.extend(config.sources.iter().map(|s| ("source", source(s))));
    let owned = |o: &Ownership| format!("row {} of DynamoDB table {}, a lease of {}", o.name, o.table, duration(o.lease_ms));
    lines.extend(config.ownership.iter().map(|o| ("owner by", owned(o))));
    lines.push(("alerts to", alerts(config)));
    lines.push(("pages to", if config.sinks.log.pages { "the program's log" } else { "nobody" }.to_owned()));
    let per_hour = config.paging.pages_per_hour;
    lines.push(("limits", format!("{per_hour} pages per hour, rule and account; {}", budgets(config))));
    lines.extend(config.http.iter().map(|http| ("health at", format!("http://{}/ready, /live, /metrics, /coverage", http.listen))));
    let mut out = String::new();
    for (name, text) in lines {
        out += &format!("{} {text}\n", screen::bold(&format!("{name:<12}")));
    }
    out
}

fn state(config: &Config) -> String {
    let budget = config.state_bytes_max.map_or_else(String::new, |bytes| format!(" of at most {}", size(bytes)));
    let pipelines = if config.pipelines == 1 { "1 pipeline".to_owned() } else { format!("{} pipelines", config.pipelines) };
    let (every, lease) = (duration(config.snapshots.every_ms), duration(config.lease_ms));
    format!("{}{budget}; {pipelines}, a snapshot every {every}, a lease of {lease}", config.state.display())
}

fn rules(config: &Config, rules: &Rules) -> String {
    let warned = match rules.warnings {
        0 => String::new(),
        n => format!("; {n} warnings: see `tidegate rules check {}`", config.rules.join(" ")),
    };
    let Rules { rules, correlations, shadow, .. } = rules;
    format!("{}: {rules} rules and {correlations} correlations ({shadow} in shadow, never paged){warned}", config.rules.join(", "))
}

fn tables(config: &Config) -> String {
    let one = |name: &str, path: &Option<PathBuf>| path.iter().map(|p| format!("{name} {}", p.display())).collect::<Vec<_>>();
    let many = |name: &str, paths: &[PathBuf]| paths.iter().map(|p| format!("{name} {}", p.display())).collect::<Vec<_>>();
    let t = &config.tables;
    let all = [one("accounts", &t.accounts), one("networks", &t.networks), many("intel", &t.intel), many("geo", &t.geo)].concat();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn source(source: &SourceSettings) -> String {
    let place =
        |kind: &str, path: &Path, follow: bool| format!("{kind} {}, {}", path.display(), if follow { "followed" } else { "read once" });
    let reads = match &source.reads {
        Reads::File { path, follow } => place("file", path, *follow),
        Reads::Folder { path, follow } => place("folder", path, *follow),
        Reads::Stdin => "standard input".to_owned(),
        Reads::Kinesis(kinesis) => format!("Kinesis stream {}, from {}", kinesis.stream, String::from(kinesis.start)),
    };
    format!("{}: {reads}, format {}", source.name, source.format.name())
}

fn alerts(config: &Config) -> String {
    let sqlite = config.sinks.sqlite.then(|| "the state file".to_owned());
    let ndjson = config.sinks.ndjson.as_ref().map(|n| n.file.display().to_string());
    let opensearch = config.sinks.opensearch.as_ref().map(|o| format!("OpenSearch {} ({}-v1-*)", open_search(o), o.index_prefix));
    sqlite.into_iter().chain(ndjson).chain(opensearch).collect::<Vec<_>>().join(" and ")
}

fn open_search(settings: &OpenSearch) -> String {
    let domain = settings.domain.iter().map(|domain| format!("domain {domain}"));
    settings.url.iter().cloned().chain(domain).collect()
}

fn budgets(config: &Config) -> String {
    let b = &config.budgets;
    format!("{} of state per correlation, {} of it per account", size(b.bytes_per_rule), size(b.bytes_per_account))
}
