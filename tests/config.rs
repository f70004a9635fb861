//! The configuration as a user meets it: what is refused and in which words, what holds by default, and that example, schema and
//! documentation name the same keys.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tidegate::config::{Config, Parsed, Reads, Secret, parse, schema};
use tidegate_core::event::{Form, Source, source::BUILT_IN};
use tidegate_core::rule::yaml::{Kind, Node};
use tidegate_core::rule::{Diagnostic, Gravity, parse_documents};

const EXAMPLE: &str = include_str!("../tidegate.example.yaml");
const DOCUMENTATION: &str = include_str!("../docs/configuration.md");
const LEAST: &str = "sources: [{name: pipe, stdin: true}]\n";

fn read(text: &str) -> Parsed {
    parse("tidegate.yaml", text, Path::new("conf"))
}

fn lines(text: &str) -> Vec<String> {
    read(text).diagnostics.iter().map(ToString::to_string).collect()
}

fn good(text: &str) -> Config {
    let parsed = read(text);
    assert!(parsed.diagnostics.is_empty(), "{text}\n{:?}", parsed.diagnostics);
    parsed.config.expect("settings without errors")
}

/// Each snippet stands behind a good list of sources (line 1), unless it has `sources` itself.
#[test]
fn errors_say_what_where_why_and_what_to_do() {
    let mut wrong = Vec::new();
    for (snippet, expected) in REFUSED {
        let text = if snippet.contains("sources:") { (*snippet).to_owned() } else { format!("{LEAST}{snippet}") };
        let parsed = read(&text);
        let found: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
        if found != expected.iter().map(|e| format!("tidegate.yaml:{e}")).collect::<Vec<_>>() {
            wrong.push(format!("{text}\n{}", found.join("\n")));
        }
        let errors = parsed.diagnostics.iter().any(|d| d.gravity == Gravity::Error);
        assert_eq!(parsed.config.is_none(), errors, "{text}");
    }
    assert!(wrong.is_empty(), "found otherwise:\n{}", wrong.join("\n\n"));
}

const REFUSED: &[(&str, &[&str])] = &[
    ("ownership: {}", &["2:12: no `table` in `ownership`: it is required: add `table: tidegate-leases`"]),
    (
        "ownership: {table: t, lease: 2s, external_id: soc}",
        &[
            "2:20: `ownership.table` is `t`: it must be the name of a DynamoDB table: write it like `table: tidegate-leases`",
            "2:30: `ownership.lease` is `2s`: it may be 3s to 5m: write at least 3s",
            "2:47: `external_id` without `role_arn`: it would be ignored: add `role_arn`, or remove it",
        ],
    ),
    ("sinks: {opensearch: {timeout: 30s}}", &["2:21: nothing in `sinks.opensearch`: it must say where to look: write one of url, domain"]),
    (
        "sinks: {opensearch: {domain: alerts, url: 'https://search.example.org'}}",
        &["2:21: `url` and `domain` in one `sinks.opensearch`: only one of them can hold: keep one"],
    ),
    (
        "sinks: {opensearch: {domain: alerts.example.org}}",
        &[
            "2:30: `sinks.opensearch.domain` is `alerts.example.org`: it must be the name of an OpenSearch domain: 3 to 28 lower-case letters, digits and hyphens: write it like `domain: alerts`",
        ],
    ),
    (
        "sinks: {opensearch: {url: 'https://search.example.org', user: u, password: {env: P}, aws: {external_id: soc}}}",
        &[
            "2:63: `sinks.opensearch.user` beside `aws`: a request is signed, or it names a user: it cannot do both: remove one of them",
            "2:105: `external_id` without `role_arn`: it would be ignored: add `role_arn`, or remove it",
        ],
    ),
    ("pipeline: 3", &["2:1: unknown key `pipeline` (did you mean `pipelines`?): it would be ignored: correct it, or remove it"]),
    ("pages_per_hour: 3", &["2:1: unknown key `pages_per_hour`: it would be ignored: write it as `paging.pages_per_hour`, or remove it"]),
    (
        "snapshots: {evry: 1s}",
        &["2:13: unknown key `evry` in `snapshots` (did you mean `every`?): it would be ignored: correct it, or remove it"],
    ),
    ("log: {colour: red}", &["2:7: unknown key `colour` in `log`: it would be ignored: use one of level, format, or remove it"]),
    ("pipelines: 65", &["2:12: `pipelines` is `65`: it may be 1 to 64: write at most 64"]),
    ("pipelines: 0", &["2:12: `pipelines` is `0`: it may be 1 to 64: write at least 1"]),
    ("pipelines: 1.5", &["2:12: `pipelines` is `1.5`: a whole number from 1 to 64 is expected: write it like `pipelines: 1`"]),
    ("pipelines: '4'", &["2:12: `pipelines` is `4`, a text: a whole number from 1 to 64 is expected: write it without quotes"]),
    ("pipelines: [1]", &["2:12: `pipelines` is a list: a whole number from 1 to 64 is expected: write it like `pipelines: 1`"]),
    (
        "pipelines:",
        &[
            "2:10: `pipelines` is nothing (null): a whole number from 1 to 64 is expected: write a value, or remove the key (then `1` holds)",
        ],
    ),
    ("lease: 10", &["2:8: `lease` is `10`, no duration: the unit is missing (ms, s, m, h, d): write it like `lease: 10s`"]),
    ("lease: 10sec", &["2:8: `lease` is `10sec`, no duration: the units are ms, s, m, h, d: write it like `lease: 10s`"]),
    ("lease: 6m", &["2:8: `lease` is `6m`: it may be 1s to 5m: write at most 5m"]),
    ("lease: {s: 1}", &["2:8: `lease` is a map: a duration from 1s to 5m is expected: write it like `lease: 10s`"]),
    (
        "state_bytes_max: 20 GiB",
        &[
            "2:18: `state_bytes_max` is `20 GiB`, no size: the units are B, kB, KB, MB, GB, TB, KiB, MiB, GiB, TiB: write it like `state_bytes_max: 64MiB`",
        ],
    ),
    ("state_bytes_max: 4kB", &["2:18: `state_bytes_max` is `4kB`: it may be 1MiB to 16TiB: write at least 1MiB"]),
    ("state: 2026", &["2:8: `state` is a number: the path of a file is expected: put it in quotes"]),
    ("state: \"a\\0b\"", &["2:8: `state` holds a control character: it could not be shown or found again: remove it"]),
    ("state: ''", &["2:8: `state` is empty: an empty text says nothing: write a value, or remove the key"]),
    (
        "state: ~/x.db",
        &[
            "2:8: warning: `state` is `~/x.db`: it is taken as it is written: no home folder and no variables are put in: write the whole path",
        ],
    ),
    ("rules: builtin", &["2:8: `rules` is `builtin`: a list is expected: write it as a list: [builtin]"]),
    ("rules: []", &["2:8: `rules` has 0 entries: it may have 1 to 1000: write `[builtin]`, or remove the key"]),
    ("rules: [a, b, a]", &["2:15: `a` twice in `rules`: it stands at line 2 already: remove one"]),
    ("tables: [a.csv]", &["2:9: `tables` is a list: a map is expected: write it like `tables: {accounts: ./file}`"]),
    ("organization: {name: X}", &["2:15: no `id` in `organization`: it is required: add `id: o-a1b2c3d4e5`"]),
    (
        "organization: {id: o-XYZ}",
        &[
            "2:20: `organization.id` is `o-XYZ`: it must be `o-` and 10 to 32 lower-case letters and digits: write it like `id: o-a1b2c3d4e5`",
        ],
    ),
    (
        "dashboards_url: https://ada:secret@example.org/",
        &[
            "2:17: `dashboards_url` is no URL that can be used: it must be a URL that begins with https:// or http:// and holds no user or password: write it like `dashboards_url: https://dashboards.example.org`",
        ],
    ),
    (
        "sinks: {sqlite: false}",
        &["2:17: no sink takes alerts: what was found would be thrown away: write `sqlite: true`, or add `ndjson: {file: FILE}`"],
    ),
    (
        "http: {listen: localhost:9187}",
        &["2:16: `http.listen` is `localhost:9187`: it must be an address and a port: write it like `listen: 127.0.0.1:9187`"],
    ),
    ("http: {}", &["2:7: no `listen` in `http`: it is required: add `listen: 127.0.0.1:9187`"]),
    (
        "http: {listen: '0.0.0.0:9187'}",
        &[
            "2:16: warning: `http.listen` is `0.0.0.0:9187`, not of this machine alone: whoever reaches it reads which accounts there are, without a login, and what is read can be read on the way: write 127.0.0.1, or let nobody but Prometheus and the orchestrator reach it",
        ],
    ),
    ("sinks: {log: {pages: yes}}", &["2:22: `sinks.log.pages` is `yes`: true or false is expected: write it like `pages: true`"]),
    ("sinks: {ndjson: }", &["2:15: no `file` in `sinks.ndjson`: it is required: add `file: ./file`"]),
    (
        "sinks: {sns: }",
        &["2:12: no `routes` in `sinks.sns`: it is required: add `routes: {critical: arn:aws:sns:us-east-1:123456789012:pages}`"],
    ),
    (
        "sinks: {sns: {routes: {critical: pages}, external_id: x1}}",
        &[
            "2:23: no topic for high pages in `sinks.sns.routes`: nobody would be paged: add `high: ARN`, or `default: ARN` for all others",
            "2:34: `sinks.sns.routes.critical` is `pages`: it must be the ARN of an SNS topic: write it like `critical: arn:aws:sns:us-east-1:123456789012:pages`",
            "2:55: `sinks.sns.external_id` without `role_arn`: it would be ignored: add `role_arn`, or remove it",
        ],
    ),
    (
        "sinks: {sns: {routes: {default: 'arn:aws:sns:us-east-1:123456789012:a'}, second: {routes: {default: 'arn:aws:sns:us-east-1:123456789012:a', high: 'arn:aws:sns:us-east-1:123456789012:b'}, after: 10ms}}}",
        &[
            "2:101: topic `arn:aws:sns:us-east-1:123456789012:a` in both channels: the second would fail with the first: name another topic, best in another Region",
            "2:147: warning: both channels in `us-east-1`: a fault of the Region would silence both: name a topic in another Region",
            "2:195: `sinks.sns.second.after` is `10ms`: it may be 1s to 1h: write at least 1s",
        ],
    ),
    (
        "sinks: {sns: {routes: {default: 'arn:aws:sns:us-east-1:123456789012:a'}, second: {file: tidegate.db, role_arn: 'arn:aws:iam::123456789012:role/x'}}}",
        &[
            "2:89: `sinks.sns.second.file` is the file of `state`: one would destroy the other: choose another file",
            "2:112: `role_arn` beside `file` in `sinks.sns.second`: it would be ignored: remove it",
        ],
    ),
    (
        "sinks: {sns: {routes: {default: 'arn:aws:sns:us-east-1:123456789012:a'}, second: {}}}",
        &["2:82: nothing in `sinks.sns.second`: it must say where to look: write one of routes, file"],
    ),
    (
        "sinks: {ndjson: {file: tidegate.db}}",
        &["2:24: `sinks.ndjson.file` is the file of `state`: one would destroy the other: choose another file"],
    ),
    (
        "sinks: {opensearch: {url: 'http://search.example.org:9200', user: ada}}",
        &[
            "2:27: `sinks.opensearch.url` is plain http to another machine: alerts and the password would cross the network in clear text: write `https://`",
            "2:67: `sinks.opensearch.user` without `password`: nobody would be let in: add `password: {env: VARIABLE}` or `password: {file: FILE}`",
        ],
    ),
    (
        "sinks: {opensearch: {url: 'https://127.0.0.1', password: {env: A-B, file: f}}}",
        &[
            "2:58: `env` and `file` in one `sinks.opensearch.password`: only one of them can hold: keep one",
            "2:58: `sinks.opensearch.password` without `user`: it would not be used: add `user`, or remove it",
            "2:64: `sinks.opensearch.password.env` is `A-B`: it must be the name of an environment variable: letters, digits and underscores: write it like `env: OPENSEARCH_PASSWORD`",
        ],
    ),
    (
        "sinks: {opensearch: {url: 'http://localhost:9200', user: a, password: {}, index_prefix: -x, bulk_bytes: 1KiB}}",
        &[
            "2:71: nothing in `sinks.opensearch.password`: it must say where to look: write one of env, file",
            "2:89: `sinks.opensearch.index_prefix` begins with a hyphen: OpenSearch has no index of such a name: begin with a letter or digit",
            "2:105: `sinks.opensearch.bulk_bytes` is `1KiB`: it may be 64KiB to 90MiB: write at least 64KiB",
        ],
    ),
    ("sinks: {sqlite: false, opensearch: {url: 'http://[::1]:9200'}}", &[]),
    (
        "budgets: {state_per_account: 2GiB}",
        &[
            "2:30: an account's budget of 2GiB in a rule's of 1GiB: one account could push out the evidence of all others: lower `state_per_account`, or raise `state_per_rule`",
        ],
    ),
    (
        "log: {level: inf, format: xml}",
        &[
            "2:14: `log.level` is `inf` (did you mean `info`?): there is no such word here: write one of error, warn, info, debug, trace",
            "2:27: `log.format` is `xml`: there is no such word here: write one of text, json",
        ],
    ),
    ("", &[]),
    ("sources: []", &["1:10: `sources` has 0 entries: it may have 1 to 256: write `[{name: trail, file: ./file}]`, or remove the key"]),
    ("sources: pipe", &["1:10: `sources` is `pipe`: a list is expected: write it like `sources: [{name: trail, file: ./file}]`"]),
    ("sources: [pipe]", &["1:11: `sources` is `pipe`: a map is expected: write it like `{name: trail, file: ./file}`"]),
    (
        "sources: [{}]",
        &[
            "1:11: no `name` in `sources`: it is required: add `name: trail`",
            "1:11: nothing to read in `sources`: a source reads one thing: write one of file, folder, stdin, kinesis",
        ],
    ),
    (
        "sources: [{name: A b, stdin: true}]",
        &["1:18: `sources.name` is `A b`: it must be 1 to 64 lower-case letters, digits and hyphens: write it like `name: trail`"],
    ),
    (
        "sources: [{name: a, file: x, folder: y}]",
        &["1:11: `file` and `folder` in one of `sources`: a source reads one thing: keep one, and make a source of its own of the other"],
    ),
    ("sources: [{name: a, file: '-'}]", &["1:27: `sources.file` is `-`: it is no path: write `stdin: true` instead"]),
    ("sources: [{name: a, stdin: false}]", &["1:28: `sources.stdin` is `false`: `true` is expected: write `true`, or remove the key"]),
    (
        "sources: [{name: a, stdin: true, follow: true}]",
        &["1:42: `follow` with `stdin`: standard input is read to its end, and nothing follows: remove it"],
    ),
    (
        "sources: [{name: a, stdin: true}, {name: a, stdin: true}]",
        &[
            "1:42: a second source `a`: the source at line 1 has it, and read positions are kept by name: choose another name",
            "1:52: standard input read twice: the source at line 1 reads it to its end: remove one of the sources",
        ],
    ),
    (
        "sources: [{name: a, stdin: true, format: cloudtrial}]",
        &[
            "1:42: `sources.format` is `cloudtrial` (did you mean `cloudtrail`?): there is no such word here: write one of auto, guardduty, vpcflow, tgwflow, cloudtrail, securityhub, route53, waf, eks-audit, eventbridge, json",
        ],
    ),
    (
        "sources: [{name: a, stdin: true, format: json}]",
        &["1:11: `format: json` without `json`: rules find their events by their logsource: add `json: {product: P, service: S}`"],
    ),
    (
        "sources: [{name: a, stdin: true, json: {product: p}}]",
        &["1:40: `json` with `format: auto`: it would be ignored: write `format: json`, or remove it"],
    ),
    (
        "sources: [{name: a, stdin: true, format: json, json: {time_field: t}}]",
        &[
            "1:54: no logsource in `sources.json`: rules find their events by their logsource: write one of product, service, category at least",
        ],
    ),
    (
        "sources: [{name: a, stdin: true, format: waf, flow_format: version}]",
        &["1:60: `flow_format` with `format: waf`: it would be ignored: write `format: vpcflow`, or remove it"],
    ),
    (
        "sources: [{name: a, file: x}, {name: b, file: ./x}]",
        &[
            "1:47: `sources.file` reads what another source reads: the source at line 1 reads it too, and every event would count twice: remove one of them",
        ],
    ),
    (
        "state: s.db\nsources: [{name: a, folder: in}, {name: b, file: in/deep/x}]",
        &[
            "2:50: `sources.file` reads what another source reads: the source at line 2 reads it too, and every event would count twice: remove one of them",
        ],
    ),
    (
        "sources: [{name: a, folder: .}]",
        &[
            "1:29: `sources.folder` reads what `state` writes: what is written there would be read as input: choose another place for one of them",
        ],
    ),
    (
        "sources: [{name: a, file: ./kept/2026/a.log}]\narchive: {folder: kept, segment_every: 90m, s3: x}",
        &[
            "1:27: `sources.file` reads what `archive.folder` writes: what is written there would be read as input: choose another place for one of them",
            "2:40: `archive.segment_every` is `90m`: it may be 1s to 1h: write at most 1h",
            "2:45: unknown key `s3` in `archive`: it would be ignored: use one of folder, segment_bytes, segment_every, or remove it",
        ],
    ),
    (
        "sources: [{name: a, kinesis: {stream: s, consumer_name: 'a b', start: now, endpoint_url: 'http://10.0.0.1', external_id: xy}, follow: true}]",
        &[
            "1:57: `consumer_name` without `consumer: fan_out`: it would be ignored: add it, or remove this",
            "1:57: `sources.kinesis.consumer_name` is `a b`: it must be the name or ARN of a consumer: write it like `consumer_name: tidegate`",
            "1:71: `sources.kinesis.start` is `now`: it must be trim_horizon, latest, or a time (RFC 3339): write it like `start: latest`",
            "1:90: `sources.kinesis.endpoint_url` is no URL that can be used: it must be http:// or https:// and 127.0.0.1, localhost or [::1], with a port: write it like `endpoint_url: http://127.0.0.1:4567`",
            "1:122: `external_id` without `role_arn`: it would be ignored: add `role_arn`, or remove it",
            "1:135: `follow` with `kinesis`: a stream has no end, and is always followed: remove it",
        ],
    ),
    (
        "sources: [{name: a, kinesis: {stream: 'arn:aws:kinesis:us-east-1:123456789012:stream/s', region: us-east-2}}, {name: b, kinesis: {stream: 'a b'}}]",
        &[
            "1:98: `region` is `us-east-2`, and the stream's ARN names `us-east-1`: there is no such stream: remove `region`",
            "1:139: `sources.kinesis.stream` is `a b`: it must be the name or ARN of a stream: write it like `stream: findings`",
        ],
    ),
    (
        "sources: [{name: a, kinesis: {stream: 'arn:aws:kinesis:us-east-1:123456789012:stream/s', consumer: fan_out, consumer_name: 'arn:aws:kinesis:us-east-1:123456789012:stream/t/consumer/c:1'}}]",
        &[
            "1:124: `consumer_name` is a consumer of another stream than `arn:aws:kinesis:us-east-1:123456789012:stream/s`: it would push the records of that one: correct one of the two",
        ],
    ),
    (
        "sources: [{name: a, stdin: true, format: waf, flow_formats: [{log_groups: '*', format: version}]}, {name: b, file: b, flow_formats: [{log_groups: x, format: what}]}]",
        &[
            "1:61: `flow_formats` with `format: waf`: it would be ignored: write `format: vpcflow`, or remove it",
            "1:158: `sources.flow_formats.format` is `what`: the flow format names no known column, e.g. `${version} ${account-id} ${srcaddr}`: write it like `format: '${version} ${account-id} ${srcaddr} ${dstaddr}'`",
        ],
    ),
    (
        "sources: [{name: a, kinesis: {stream: s}}, {name: b, kinesis: {stream: s}}]",
        &["1:72: stream `s` read twice: the source at line 1 reads it too, and every event would count twice: remove one of the sources"],
    ),
    ("state: a.db", &[]),
    ("[sources: 1]", &["1:1: the document is a list: a configuration is a map: write `KEY: VALUE` lines; `sources` is required"]),
    (
        "sources: [{name: a, stdin: true}]\n--- {}\n",
        &["2:5: a second document: a configuration is one YAML document: remove the `---` and what follows"],
    ),
];

#[test]
fn an_empty_file_says_what_is_needed() {
    for text in ["", "\n", "# nothing\n", "~"] {
        assert_eq!(
            lines(text),
            ["tidegate.yaml:1:1: no `sources`: it is required: add `sources: [{name: trail, file: ./file}]`"],
            "{text}"
        );
    }
}

#[test]
fn every_error_is_told_at_once_even_beside_duplicate_keys() {
    let text = "pipelines: x\nlease: 1\nlease: 2s\nwrong: 1\nsources: [{name: A, stdin: true}, {}]\nlog: {level: x}\n";
    let found = read(text).diagnostics;
    let places: Vec<u32> = found.iter().map(|d| d.place.line).collect();
    assert_eq!(places, [1, 2, 3, 4, 5, 5, 5, 6], "{found:?}");
}

#[test]
fn the_defaults_run() {
    let config = good(LEAST);
    assert_eq!(config.state, Path::new("conf/tidegate.db"));
    assert_eq!((config.pipelines, config.lease_ms, config.snapshots.every_ms), (1, 10_000, 60_000));
    assert_eq!((config.rules.as_slice(), config.paging.pages_per_hour), (["builtin".to_owned()].as_slice(), 10));
    assert!(config.sinks.sqlite && config.sinks.log.pages && config.sinks.ndjson.is_none());
    assert_eq!(config.log.level, "info");
    // What the core does without a configuration is what a configuration without the keys says.
    let (ours, theirs) = (config.machine("1"), tidegate_core::correlate::Settings::default());
    assert_eq!(ours.correlate, theirs);
    assert_eq!(ours.pages_per_hour, tidegate_core::alert::storm::PAGES_PER_HOUR);
    for source in BUILT_IN.into_iter().chain([Source::Generic(3)]) {
        assert_eq!(config.lateness.ms(source), source.lateness_ms(), "{source:?}");
    }
}

#[test]
fn what_is_written_arrives() {
    let config = good(&everything());
    assert_eq!(config.state_bytes_max, Some(20 << 30));
    assert_eq!(config.tables.geo, [PathBuf::from("conf/tables/country.mmdb"), PathBuf::from("conf/tables/asn.mmdb")]);
    let source = |name: &str| config.sources.iter().find(|source| source.name == name).expect("it is written");
    assert_eq!(source("exports").reads, Reads::Folder { path: "conf/AWSLogs".into(), follow: true });
    assert_eq!(source("flow-file").reads, Reads::File { path: "conf/flows.log".into(), follow: false });
    assert_eq!(source("flow-file").flow_format.as_ref().map(Vec::len), Some(14));
    let groups = &config.hints(source("central-logs")).flow_formats;
    assert_eq!((groups.len(), groups[0].0.as_str(), groups[0].1.len()), (1, "/vpc/edge/*", 15));
    let opensearch = config.sinks.opensearch.as_ref().expect("it is written");
    assert_eq!((opensearch.timeout_ms, opensearch.bulk_bytes), (30_000, 5 << 20));
    assert_eq!(opensearch.password, Some(Secret::Env("OPENSEARCH_PASSWORD".to_owned())));
    let machine = config.machine("9.9");
    assert_eq!(machine.organisation, Some(("o-a1b2c3d4e5".to_owned(), Some("Example Corporation".to_owned()))));
    assert_eq!((machine.product_version.as_str(), machine.dashboards_url.is_some()), ("9.9", true));
    let lateness = good("sources: [{name: p, stdin: true}]\nlateness: {waf: 90s}").lateness;
    assert_eq!((lateness.ms(Source::Waf), lateness.ms(Source::VpcFlow)), (90_000, 3_600_000));
}

#[test]
fn stated_logsources_are_numbered_over_all_sources() {
    let config = good(
        "sources:
  - {name: a, file: a, format: json, json: {product: Shop, service: login}}
  - {name: b, file: b}
  - {name: c, file: c, format: json, json: {category: proxy, time_field: ts, arrival_field: at}}
",
    );
    let hints: Vec<_> = config.sources.iter().map(|s| config.hints(s)).collect();
    assert_eq!(hints.iter().map(|h| h.form).collect::<Vec<_>>(), [Some(Form::Generic(0)), None, Some(Form::Generic(1))]);
    assert!(hints.iter().all(|h| h.generic == config.generic()));
    assert_eq!(config.generic()[0].logsource.product.as_deref(), Some("shop"), "rules name their logsource in lower case");
    assert_eq!((config.generic()[1].time_field.as_str(), config.generic()[1].arrival_field.as_deref()), ("ts", Some("at")));
}

#[test]
fn hostile_files_are_refused_quickly_and_in_words() {
    let bomb = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))
    });
    let many = (0..60_000).map(|n| format!("k{n}: 1\n")).collect::<String>();
    let sources = format!("sources: [{}]", "{name: a, file: b}, ".repeat(20_000));
    for (text, word) in [
        ("x".repeat((1 << 20) + 1), "a configuration has at most 1 MiB"),
        (format!("sources: {}{}", "[".repeat(500), "]".repeat(500)), "recursion limit"),
        (format!("sources: {}", "{a: ".repeat(100_000)), "nested too deep"),
        (bomb, "too many"),
        (many, "unknown key `k59999`"),
        (sources, "`sources` has 20000 entries"),
        ("state: \"\\u202e\\u0007\"".to_owned(), "holds a control character"),
        ("\u{0}".to_owned(), "tidegate.yaml:1:"),
        (format!("state: {}", "x".repeat(5_000)), "at most 4,096 bytes"),
        ("sources: &a [*a]".to_owned(), "an alias inside its own anchor"),
        ("sources: !run [x]".to_owned(), "YAML tag"),
    ] {
        let parsed = read(&text);
        assert!(parsed.config.is_none());
        assert!(parsed.diagnostics.iter().any(|d| d.to_string().contains(word)), "{word}: {:?}", parsed.diagnostics.first());
        inside(&text, &parsed.diagnostics);
    }
}

/// Every place lies inside the file, its end included.
fn inside(text: &str, diagnostics: &[Diagnostic]) {
    let lines: Vec<usize> = text.split('\n').map(|l| l.chars().count()).collect();
    for d in diagnostics {
        let columns = lines.get(d.place.line as usize - 1).unwrap_or_else(|| panic!("{d}: of {} lines", lines.len()));
        assert!((1..=columns + 1).contains(&(d.place.column as usize)), "{d}: of {columns} columns");
        assert!(!d.to_string().contains(['\n', '\r', '\0']), "{d:?}");
    }
}

#[test]
fn mutations_of_the_example_never_panic_and_every_place_is_in_the_file() {
    let values = [
        "0",
        "1e3",
        "-1",
        "null",
        "true",
        "[]",
        "{}",
        "[1, 1]",
        "''",
        "99999999999999999999",
        "1s",
        "64MiB",
        "*a",
        "&a x",
        "builtin",
        "- x",
    ];
    let marks: Vec<char> = "\0\r\n\t:#-'\"{}[],&*!|>%@`~ é\u{2028}\u{feff}0a".chars().collect();
    let (mut rng, (mut accepted, mut refused)) = (fastrand::Rng::with_seed(7), (0, 0));
    for round in 0..4_000 {
        let mut text: Vec<char> = if round % 2 == 0 { everything() } else { EXAMPLE.to_owned() }.chars().collect();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..text.len());
            match rng.u8(0..4) {
                0 => text[at] = marks[rng.usize(0..marks.len())],
                1 => drop(text.drain(at..(at + rng.usize(1..40)).min(text.len()))),
                2 => drop(text.splice(at..at, [marks[rng.usize(0..marks.len())]])),
                _ => replace_a_value(&mut text, at, values[rng.usize(0..values.len())]),
            }
        }
        let text: String = text.into_iter().collect();
        let parsed = read(&text);
        inside(&text, &parsed.diagnostics);
        let errors = parsed.diagnostics.iter().any(|d| d.gravity == Gravity::Error);
        assert_eq!(parsed.config.is_none(), errors, "{text}");
        *(if errors { &mut refused } else { &mut accepted }) += 1;
    }
    assert!(accepted > 200 && refused > 1_000, "{accepted} accepted, {refused} refused: the mutations say nothing");
}

/// Puts a value behind the first colon at or after `at`.
fn replace_a_value(text: &mut Vec<char>, at: usize, value: &str) {
    let Some(colon) = (at..text.len()).find(|i| text[*i] == ':') else { return };
    let end = (colon..text.len()).find(|i| text[*i] == '\n').unwrap_or(text.len());
    drop(text.splice(colon + 1..end, format!(" {value}").chars()));
}

/// The example with all that is optional in it: prose begins with `# ` and a word, a key with `#`.
fn everything() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Every key of the schema: dotted name, its description and default.
fn keys(schema: &Value, at: &str, required: &Value, out: &mut Vec<(String, String, String)>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let default = match &field["default"] {
            Value::Null if required.as_array().is_some_and(|r| r.contains(&Value::from(name.as_str()))) => "required".to_owned(),
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            value => format!("`{}`", value.to_string().replace('"', "")),
        };
        out.push((path.clone(), default, field["description"].as_str().unwrap_or_default().to_owned()));
        let below = if field["items"].is_object() { &field["items"] } else { field };
        keys(below, &path, &below["required"], out);
    }
}

fn all_keys() -> Vec<(String, String, String)> {
    let (schema, mut out) = (schema(), Vec::new());
    keys(&schema, "", &schema["required"], &mut out);
    out
}

#[test]
fn the_documentation_has_a_row_for_every_key_and_no_other() {
    let rows: Vec<String> = all_keys().iter().map(|(key, default, text)| format!("| `{key}` | {default} | {text} |")).collect();
    let written: Vec<&str> = DOCUMENTATION.lines().filter(|l| l.starts_with("| `")).collect();
    assert_eq!(written, rows, "docs/configuration.md should have these rows:\n{}", rows.join("\n"));
}

#[test]
fn the_example_names_every_key_and_is_good_with_and_without_what_is_optional() {
    assert!(good(EXAMPLE).sources.len() == 2);
    assert!(good(&everything()).sources.len() == 8);
    let (documents, _) = parse_documents("example", &everything());
    let mut named = BTreeSet::new();
    collect(&documents[0], "", &mut named);
    // A secret stands in one place, and there is one second channel; the prose names the other.
    assert!(EXAMPLE.contains("`file: ./opensearch-password`") && EXAMPLE.contains("`file: ./pages.ndjson`"));
    named.insert("sinks.opensearch.password.file".to_owned());
    // OpenSearch is at a URL or is a domain; the prose names the other, and what belongs to it.
    let quoted = |key: &str| EXAMPLE.split('`').find(|text| text.starts_with(key)).expect("in the prose");
    let on_aws = format!("{LEAST}sinks: {{opensearch: {{{}, {}}}}}", quoted("domain: "), quoted("aws: {").replace("\n# ", " "));
    let settings = good(&on_aws).sinks.opensearch.expect("OpenSearch");
    assert_eq!((settings.domain.as_deref(), settings.url), (Some("alerts"), None));
    assert!(settings.aws.is_some_and(|aws| aws.external_id.is_some()));
    for key in ["domain", "aws", "aws.region", "aws.role_arn", "aws.external_id", "aws.endpoint_url"] {
        named.insert(format!("sinks.opensearch.{key}"));
    }
    named.insert("sinks.sns.second.file".to_owned());
    let known: BTreeSet<String> = all_keys().into_iter().map(|(key, ..)| key).collect();
    assert_eq!(named, known);
}

fn collect(node: &Node, at: &str, out: &mut BTreeSet<String>) {
    if let Kind::List(items) = &node.kind {
        items.iter().for_each(|item| collect(item, at, out));
    }
    for entry in node.entries() {
        let path = if at.is_empty() { entry.key.clone() } else { format!("{at}.{}", entry.key) };
        collect(&entry.value, &path, out);
        out.insert(path);
    }
}

#[test]
fn the_defaults_in_the_example_are_the_defaults() {
    let (documents, _) = parse_documents("example", &everything());
    for (key, default, _) in all_keys() {
        let top = !key.starts_with("sources.") && default.starts_with('`') && !default.starts_with("`[");
        let node = key.split('.').try_fold(&documents[0], |node, name| node.get(name));
        if let Some(node) = node.filter(|_| top) {
            assert_eq!(format!("`{}`", node.text), default, "{key}");
        }
    }
}

#[test]
fn every_object_of_the_schema_is_closed_and_described() {
    fn walk(value: &Value, at: &str) {
        if value["properties"].is_object() {
            assert_eq!(value["additionalProperties"], false, "{at}");
        }
        for (name, field) in value["properties"].as_object().into_iter().flatten() {
            assert!(field["description"].as_str().is_some_and(|d| d.ends_with('.')), "{at}.{name}");
            walk(field, &format!("{at}.{name}"));
            walk(&field["items"], &format!("{at}.{name}[]"));
        }
    }
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], serde_json::json!(["sources"]));
    assert_eq!(schema["properties"]["sources"]["items"]["oneOf"][2]["required"][0], "stdin");
    walk(&schema, "");
}

// The command line.

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-config-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        std::fs::write(&path, text).expect("write");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tidegate(arguments: &[&str], folder: &Path, variable: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(folder).env_remove("TIDEGATE_CONFIG");
    command.envs(variable.map(|name| ("TIDEGATE_CONFIG", name))).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_accepts_the_example_and_says_what_would_run() {
    let out = tidegate(&["config", "check", "tidegate.example.yaml"], Path::new(env!("CARGO_MANIFEST_DIR")), None);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{said}{}", text(&out.stderr));
    assert!(said.contains("source       findings: Kinesis stream findings, from trim_horizon, format auto"), "{said}");
    assert!(said.ends_with("tidegate.example.yaml: 0 errors, 0 warnings\n"), "{said}");
    assert!(!said.contains('\x1b'), "colour only on a terminal");
}

#[test]
fn check_opens_what_is_named() {
    let folder = Folder::new("opens");
    folder.write("rules/bad.yml", b"title: T\nlogsource: {product: aws, service: waf}\ndetection: {a: {x: 1}, condition: b}\n");
    folder.write("logs/a.json", b"{}");
    folder.write("accounts.csv", b"id\n");
    let name = folder.write(
        "tidegate.yaml",
        b"state: none/tidegate.db
rules: [rules, missing]
suppressions: logs
tables: {accounts: accounts.csv, intel: [intel.csv]}
sources:
  - {name: a, folder: logs}
  - {name: b, folder: nowhere}
  - {name: c, file: later.log}
  - {name: d, file: never.log, follow: false}
",
    );
    let out = tidegate(&["config", "check", &name], Path::new("/"), None);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let root = folder.0.to_string_lossy();
    let said = text(&out.stdout).replace(&*root, "ROOT");
    let expected = [
        "ROOT/tidegate.yaml:1:8: `state` cannot be used: cannot write ROOT/none/tidegate.db: folder ROOT/none: No such file or directory (os error 2): make the folder, or correct the path",
        "ROOT/tidegate.yaml:2:16: `rules` cannot be used: cannot read ROOT/missing: No such file or directory (os error 2): check the path",
        "ROOT/tidegate.yaml:3:15: `suppressions` cannot be used: cannot read ROOT/logs: it is a folder: correct the path, or make the file readable",
        "ROOT/tidegate.yaml:4:42: `tables.intel` cannot be used: cannot read ROOT/intel.csv: No such file or directory (os error 2): correct the path, or make the file readable",
        "ROOT/tidegate.yaml:7:23: `sources.folder` cannot be used: cannot read folder ROOT/nowhere: No such file or directory (os error 2): correct the path, or make the folder readable",
        "ROOT/tidegate.yaml:8:21: warning: `sources.file` cannot be used: ROOT/later.log is not there: it is read when it comes; check the path",
        "ROOT/tidegate.yaml:9:21: `sources.file` cannot be used: cannot read ROOT/never.log: No such file or directory (os error 2): correct the path, or make the file readable",
    ];
    let found: Vec<&str> = said.lines().collect();
    assert_eq!(found[..7], expected, "{said}");
    assert!(found[7].starts_with("ROOT/rules/bad.yml:3:"), "{said}");
    assert!(said.ends_with("ROOT/tidegate.yaml: 7 errors, 1 warning\n"), "{said}");
}

#[test]
fn what_is_listed_for_shadow_is_counted_and_a_pattern_that_names_nothing_is_told() {
    let folder = Folder::new("shadow");
    let rule = |id: &str| {
        format!(
            "title: {id}\nid: {id}\nstatus: test\nlogsource: {{product: aws, service: waf}}\ndetection: {{s: {{x: 1}}, condition: s}}\n---\n"
        )
    };
    folder.write("rules/r.yml", [rule("team-a"), rule("team-b"), rule("other")].concat().as_bytes());
    folder.write("tidegate.yaml", b"sources: [{name: pipe, stdin: true}]\nrules: [rules]\nshadow: ['team-*', nobody]\n");
    let out = tidegate(&["config", "check"], &folder.0, None);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(said.contains("3 rules and 0 correlations (2 in shadow, never paged)"), "{said}");
    assert!(said.contains("shadow of the configuration:2:1: warning: `nobody` names no rule"), "{said}");
}

#[test]
fn the_file_is_the_one_named_then_the_environments_then_the_usual_one() {
    let folder = Folder::new("finds");
    let other = folder.write("other.yaml", b"sources: 1\n");
    let none = tidegate(&["config", "check"], &folder.0, None);
    assert_eq!(none.status.code(), Some(2));
    assert_eq!(
        text(&none.stderr),
        "error: cannot read tidegate.yaml: No such file or directory (os error 2); name a configuration, or set TIDEGATE_CONFIG; tidegate.example.yaml is one to start from\n"
    );
    folder.write("tidegate.yaml", LEAST.as_bytes());
    assert_eq!(tidegate(&["config", "check"], &folder.0, None).status.code(), Some(0));
    assert_eq!(tidegate(&["config", "check"], &folder.0, Some(&other)).status.code(), Some(1));
    assert_eq!(tidegate(&["config", "check", "tidegate.yaml"], &folder.0, Some(&other)).status.code(), Some(0));
    folder.write("latin.yaml", b"state: \xe9\n");
    let latin = tidegate(&["config", "check", "latin.yaml"], &folder.0, None);
    assert_eq!((latin.status.code(), text(&latin.stderr).contains("not UTF-8 at byte 7")), (Some(2), true));
    assert_eq!(tidegate(&["config", "check", "/dev/zero"], &folder.0, None).status.code(), Some(1), "read to its limit, not to its end");
    assert_eq!(tidegate(&["config", "check", "--no-such"], &folder.0, None).status.code(), Some(2));
}

#[test]
fn json_is_for_machines() {
    let folder = Folder::new("json");
    let name = folder.write("tidegate.yaml", format!("{LEAST}lease: 10\n").as_bytes());
    let out = tidegate(&["config", "check", "--json", &name], &folder.0, None);
    assert_eq!(out.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&out.stdout).expect("one JSON document");
    assert_eq!((&said["errors"], &said["config"]), (&Value::from(1), &Value::Null));
    assert_eq!((&said["diagnostics"][0]["line"], &said["diagnostics"][0]["column"]), (&Value::from(2), &Value::from(8)));
    let name = folder.write("tidegate.yaml", LEAST.as_bytes());
    let out = tidegate(&["config", "check", "--json", &name], &folder.0, None);
    let said: Value = serde_json::from_slice(&out.stdout).expect("one JSON document");
    assert_eq!((out.status.code(), &said["config"]["lease_ms"]), (Some(0), &Value::from(10_000)));
    let schema: Value = serde_json::from_slice(&tidegate(&["config", "schema"], &folder.0, None).stdout).expect("JSON");
    assert_eq!(schema, tidegate::config::schema());
}

#[test]
fn the_formats_are_those_of_replay() {
    let help = text(&tidegate(&["replay", "--help"], Path::new("/"), None).stdout);
    let formats = &schema()["properties"]["sources"]["items"]["properties"]["format"]["enum"];
    let ours: Vec<&str> = formats.as_array().expect("words").iter().filter_map(Value::as_str).collect();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains(&format!("[possible values: {}]", ours.join(", "))), "{help}");
}
