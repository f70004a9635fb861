//! What a configuration would run, in a few lines.

use super::opened::Rules;
use crate::cli::screen;
use crate::config::{Archive, Config, OpenSearch, Ownership, Reads, SecondChannel, SourceSettings, duration, size};
use std::path::{Path, PathBuf};

/// The lines.
pub(super) fn text(config: &Config, rules: &Rules) -> String {
    let mut lines = vec![("state", state(config)), ("rules", self::rules(config, rules)), ("tables", tables(config))];
    lines.extend(config.suppressions.iter().map(|path| ("suppressions", path.display().to_string())));
    lines.extend(config.sources.iter().map(|s| ("source", source(s))));
    let owned = |o: &Ownership| format!("row {} of DynamoDB table {}, a lease of {}", o.name, o.table, duration(o.lease_ms));
    lines.extend(config.ownership.iter().map(|o| ("owner by", owned(o))));
    let archive =
        |a: &Archive| format!("{}, in files of {} or {}", a.folder.display(), size(a.segment_bytes), duration(a.segment_every_ms));
    lines.extend(config.archive.iter().map(|a| ("archive in", archive(a))));
    lines.push(("alerts to", alerts(config)));
    lines.push(("pages to", pages(config)));
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

fn pages(config: &Config) -> String {
    let sns = config.sinks.sns.iter().flat_map(|sns| {
        let topics = [("critical", sns.routes.critical()), ("high", sns.routes.other())];
        let topics = topics.into_iter().filter_map(|(severity, topic)| Some(format!("SNS {} ({severity})", topic?)));
        let after = |second: &SecondChannel| format!("a second channel after {}", duration(second.after_ms));
        topics.chain(sns.second.as_ref().map(after)).collect::<Vec<_>>()
    });
    let all: Vec<String> = sns.chain(config.sinks.log.pages.then(|| "the program's log".to_owned())).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(", ") }
}

fn budgets(config: &Config) -> String {
    let b = &config.budgets;
    format!("{} of state per correlation, {} of it per account", size(b.bytes_per_rule), size(b.bytes_per_account))
}
