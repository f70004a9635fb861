//! What keys owe each other, and what texts must look like: the rules that a table of single keys cannot say.

use super::aws;
use super::check::{Checker, Named};
use super::field::{Opened, Wording};
use super::kinesis;
use super::quantity::{self, SIZES};
use super::sns;
use super::source::columns;
use super::table::SOURCES_MAX;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tidegate_core::decode::vpcflow::FlowFormat;
use tidegate_core::rule::quoted;
use tidegate_core::rule::yaml::{Kind, Node};

/// Whether a text is what it must be.
///
/// # Errors
/// Why not.
pub(super) fn wording(text: &str, wording: Wording) -> Result<(), String> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let good = match wording {
        Wording::Any => true,
        Wording::Name => text.len() <= 64 && text.split('-').all(plain),
        Wording::OrganizationId => text.strip_prefix("o-").is_some_and(|id| (10..=32).contains(&id.len()) && plain(id)),
        Wording::Url => is_url(text),
        Wording::Listen => text.parse::<SocketAddr>().is_ok(),
        Wording::Variable => is_variable(text),
        Wording::Stream => kinesis::is_stream(text),
        Wording::Consumer => kinesis::is_consumer(text),
        Wording::Region => kinesis::is_region(text),
        Wording::Loopback => kinesis::is_loopback(text),
        Wording::StreamStart => kinesis::is_start(text),
        Wording::Role => kinesis::is_role(text),
        Wording::Table => aws::is_table(text),
        Wording::Domain => aws::is_domain(text),
        Wording::ExternalId => kinesis::is_external_id(text),
        Wording::Topic => sns::is_topic(text),
        Wording::FlowColumns => return FlowFormat::from_names(columns(text)).map(|_| ()).map_err(|e| e.to_string()),
    };
    if good { Ok(()) } else { Err(format!("it must be {}", super::field::Kind::Text(wording).expected())) }
}

fn is_variable(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|r| r.split(['/', '?', '#']).next()).unwrap_or_default();
    !host.is_empty() && !host.contains('@') && !text.chars().any(char::is_whitespace)
}

/// Checks a document.
pub(super) fn check(checker: &mut Checker<'_>, document: &Node) {
    let sources: &[Node] = match document.get("sources").map(|s| &s.kind) {
        Some(Kind::List(items)) => items.get(..SOURCES_MAX).unwrap_or(items),
        _ => &[],
    };
    for source in sources {
        formats(checker, source);
        stream(checker, source);
    }
    streams(checker, sources);
    names(checker, sources);
    overlaps(checker);
    budgets(checker, document);
    sinks(checker, document);
    ownership(checker, document);
    http(checker, document);
}

/// The row on a table that several machines see.
fn ownership(checker: &mut Checker<'_>, document: &Node) {
    let Some(ownership) = document.get("ownership") else { return };
    without_aws(checker, "ownership", ownership);
    role(checker, ownership);
}

fn without_aws(checker: &mut Checker<'_>, key: &str, node: &Node) {
    if cfg!(not(feature = "aws")) {
        let remedy = "use a build with the feature `aws` (the default), or remove it";
        let why = "this program was built with `--no-default-features`";
        checker.error(&node.place, format!("`{key}` in a build without AWS"), why, remedy);
    }
}

fn role(checker: &mut Checker<'_>, node: &Node) {
    if let Some(id) = node.get("external_id").filter(|_| node.get("role_arn").is_none()) {
        checker.error(&id.place, "`external_id` without `role_arn`", "it would be ignored", "add `role_arn`, or remove it");
    }
}

/// What is served is not encrypted, and asks nobody who they are.
fn http(checker: &mut Checker<'_>, document: &Node) {
    let Some(listen) = document.get("http").and_then(|http| http.get("listen")) else { return };
    if listen.text.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback()) {
        let why = "whoever reaches it reads which accounts there are, without a login, and what is read can be read on the way";
        let remedy = "write 127.0.0.1, or let nobody but Prometheus and the orchestrator reach it";
        checker.warn(&listen.place, format!("`http.listen` is {}, not of this machine alone", quoted(&listen.text)), why, remedy);
    }
}

/// Keys that say something only beside others.
fn formats(checker: &mut Checker<'_>, source: &Node) {
    let format = source.get("format").map_or("auto", |f| f.text.as_str());
    match (source.get("json"), format) {
        (None, "json") => {
            let why = "rules find their events by their logsource";
            checker.error(&source.place, "`format: json` without `json`", why, "add `json: {product: P, service: S}`");
        }
        (Some(json), other) if other != "json" => {
            checker.error(
                &json.place,
                format!("`json` with `format: {other}`"),
                "it would be ignored",
                "write `format: json`, or remove it",
            );
        }
        _ => {}
    }
    let flows = ["flow_format", "flow_formats"].into_iter().filter_map(|key| Some((key, source.get(key)?)));
    for (key, flow) in flows.filter(|_| !matches!(format, "auto" | "vpcflow" | "tgwflow")) {
        let what = format!("`{key}` with `format: {format}`");
        checker.error(&flow.place, what, "it would be ignored", "write `format: vpcflow`, or remove it");
    }
    if let Some(follow) = source.get("follow").filter(|_| source.get("stdin").is_some()) {
        checker.error(&follow.place, "`follow` with `stdin`", "standard input is read to its end, and nothing follows", "remove it");
    }
}

/// A stream that this program, or this build of it, cannot read as it is written.
fn stream(checker: &mut Checker<'_>, source: &Node) {
    let Some(stream) = source.get("kinesis") else { return };
    if cfg!(not(feature = "aws")) {
        let remedy = "use a build with the feature `aws` (the default), or another source";
        checker.error(&stream.place, "`kinesis` in a build without AWS", "this program was built with `--no-default-features`", remedy);
    }
    if let Some(follow) = source.get("follow") {
        checker.error(&follow.place, "`follow` with `kinesis`", "a stream has no end, and is always followed", "remove it");
    }
    let pushed = stream.get("consumer").is_some_and(|c| c.text == "fan_out");
    if let Some(name) = stream.get("consumer_name").filter(|_| !pushed) {
        checker.error(&name.place, "`consumer_name` without `consumer: fan_out`", "it would be ignored", "add it, or remove this");
    }
    if let (Some(consumer), Some(named)) = (stream.get("consumer_name").filter(|c| c.text.starts_with("arn:")), stream.get("stream"))
        && named.text.starts_with("arn:")
        && consumer.text.split_once("/consumer/").is_none_or(|(of, _)| of != named.text)
    {
        let what = format!("`consumer_name` is a consumer of another stream than {}", quoted(&named.text));
        checker.error(&consumer.place, what, "it would push the records of that one", "correct one of the two");
    }
    role(checker, stream);
    let named = stream.get("stream").and_then(|s| kinesis::arn_region(&s.text));
    if let (Some(named), Some(region)) = (named, stream.get("region"))
        && region.text != named
    {
        let what = format!("`region` is {}, and the stream's ARN names {}", quoted(&region.text), quoted(named));
        checker.error(&region.place, what, "there is no such stream", "remove `region`");
    }
}

/// No stream is read twice.
fn streams(checker: &mut Checker<'_>, sources: &[Node]) {
    let mut seen = BTreeMap::new();
    for stream in sources.iter().filter_map(|s| s.get("kinesis")) {
        let Some(name) = stream.get("stream") else { continue };
        let text = |key| stream.get(key).map_or("", |node| node.text.as_str());
        if let Some(line) = seen.insert((name.text.as_str(), text("region"), text("endpoint_url"), text("role_arn")), name.place.line) {
            let why = format!("the source at line {line} reads it too, and every event would count twice");
            checker.error(&name.place, format!("stream {} read twice", quoted(&name.text)), &why, "remove one of the sources");
        }
    }
}

/// Names are unique: positions are kept under them. There is one standard input.
fn names(checker: &mut Checker<'_>, sources: &[Node]) {
    let (mut names, mut stdin) = (BTreeMap::new(), None);
    for source in sources {
        if let Some(name) = source.get("name")
            && let Some(line) = names.insert(name.text.as_str(), name.place.line)
        {
            let why = format!("the source at line {line} has it, and read positions are kept by name");
            checker.error(&name.place, format!("a second source {}", quoted(&name.text)), &why, "choose another name");
        }
        if let Some(node) = source.get("stdin")
            && let Some(line) = stdin.replace(node.place.line)
        {
            let why = format!("the source at line {line} reads it to its end");
            checker.error(&node.place, "standard input read twice", &why, "remove one of the sources");
        }
    }
}

/// No event may be read twice, and nothing written may be read as input. Defaults count too.
fn overlaps(checker: &mut Checker<'_>) {
    let named = checker.named.clone();
    let (read, other): (Vec<&Named>, Vec<&Named>) = named.iter().partition(|n| reads(n));
    let written: Vec<&Named> = other.into_iter().filter(|n| matches!(n.opened, Opened::Written | Opened::WrittenFolder)).collect();
    for (number, source) in read.iter().enumerate() {
        if let Some(other) = read[..number].iter().find(|other| meet(source, other)) {
            let why = format!("the source at line {} reads it too, and every event would count twice", other.place.line);
            checker.error(&source.place, format!("`{}` reads what another source reads", source.key), &why, "remove one of them");
        }
        for file in written.iter().filter(|file| meet(file, source)) {
            let why = "what is written there would be read as input";
            checker.error(
                &source.place,
                format!("`{}` reads what `{}` writes", source.key, file.key),
                why,
                "choose another place for one of them",
            );
        }
    }
    for (number, file) in written.iter().enumerate() {
        if let Some(other) = written[..number].iter().find(|other| other.path == file.path) {
            let what = format!("`{}` is the file of `{}`", file.key, other.key);
            checker.error(&file.place, what, "one would destroy the other", "choose another file");
        }
    }
}

fn reads(named: &Named) -> bool {
    matches!(named.opened, Opened::SourceFile | Opened::SourceFolder)
}

/// Whether two paths are the same, or one lies below the other, which is a folder that is read or written.
fn meet(a: &Named, b: &Named) -> bool {
    let below = |inner: &Named, outer: &Named| {
        matches!(outer.opened, Opened::SourceFolder | Opened::WrittenFolder) && inner.path.starts_with(&outer.path)
    };
    a.path == b.path || below(a, b) || below(b, a)
}

fn budgets(checker: &mut Checker<'_>, document: &Node) {
    let budget = |key| document.get("budgets").and_then(|b| b.get(key));
    let bytes = |node: Option<&Node>, default: u64| node.map_or(Some(default), |n| quantity::parse(&n.text, &SIZES).ok());
    let (rule, account) = (budget("state_per_rule"), budget("state_per_account"));
    let defaults = tidegate_core::correlate::Settings::default();
    let rule_bytes = bytes(rule, defaults.budget_bytes_per_rule);
    let account_bytes = bytes(account, defaults.budget_bytes_per_account);
    if let (Some(place), Some(rule_bytes), Some(account_bytes)) = (account.or(rule).map(|n| &n.place), rule_bytes, account_bytes)
        && account_bytes > rule_bytes
    {
        let what = format!("an account's budget of {} in a rule's of {}", quantity::size(account_bytes), quantity::size(rule_bytes));
        let remedy = "lower `state_per_account`, or raise `state_per_rule`";
        checker.error(place, what, "one account could push out the evidence of all others", remedy);
    }
}

fn sinks(checker: &mut Checker<'_>, document: &Node) {
    let Some(sinks) = document.get("sinks") else { return };
    let off = sinks.get("sqlite").filter(|s| s.kind == Kind::Bool(false));
    if let Some(off) = off.filter(|_| sinks.get("ndjson").is_none() && sinks.get("opensearch").is_none()) {
        checker.error(
            &off.place,
            "no sink takes alerts",
            "what was found would be thrown away",
            "write `sqlite: true`, or add `ndjson: {file: FILE}`",
        );
    }
    if let Some(node) = sinks.get("opensearch") {
        opensearch(checker, node);
    }
    if let Some(node) = sinks.get("sns") {
        sns::check(checker, node);
    }
}

fn opensearch(checker: &mut Checker<'_>, node: &Node) {
    if let Some(url) = node.get("url").filter(|u| u.text.starts_with("http://") && !is_loopback(&u.text)) {
        let why = "alerts and the password would cross the network in clear text";
        checker.error(&url.place, "`sinks.opensearch.url` is plain http to another machine", why, "write `https://`");
    }
    if let Some(url) = node.get("url").filter(|u| u.text.contains(['?', '#'])) {
        let why = "it is the base of every request";
        checker.error(&url.place, "`sinks.opensearch.url` has a query or a fragment", why, "remove what begins with `?` or `#`");
    }
    for key in ["domain", "aws"] {
        if let Some(node) = node.get(key) {
            without_aws(checker, &format!("sinks.opensearch.{key}"), node);
        }
    }
    if let Some(aws) = node.get("aws") {
        role(checker, aws);
        if let (Some(user), None) = (node.get("user"), node.get("domain")) {
            let why = "a request is signed, or it names a user: it cannot do both";
            checker.error(&user.place, "`sinks.opensearch.user` beside `aws`", why, "remove one of them");
        }
    }
    match (node.get("user"), node.get("password")) {
        (Some(user), None) => {
            let remedy = "add `password: {env: VARIABLE}` or `password: {file: FILE}`";
            checker.error(&user.place, "`sinks.opensearch.user` without `password`", "nobody would be let in", remedy);
        }
        (None, Some(password)) => {
            checker.error(
                &password.place,
                "`sinks.opensearch.password` without `user`",
                "it would not be used",
                "add `user`, or remove it",
            );
        }
        _ => {}
    }
    if let Some(user) = node.get("user").filter(|u| u.text.contains(':')) {
        checker.error(&user.place, "`sinks.opensearch.user` holds a colon", "basic authentication ends a user's name there", "correct it");
    }
    if let Some(prefix) = node.get("index_prefix").filter(|p| p.text.starts_with('-')) {
        let why = "OpenSearch has no index of such a name";
        checker.error(&prefix.place, "`sinks.opensearch.index_prefix` begins with a hyphen", why, "begin with a letter or digit");
    }
}

fn is_loopback(url: &str) -> bool {
    let authority = url.trim_start_matches("http://").split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
