//! The oracle: flow-log lines read in the plainest way, sharing nothing with the decoder but the names of the columns.
//! It knows formats as lists of names in order of preference and says what a line is, as text.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Column name -> value in its plain spelling; absent columns are missing.
    Flow(BTreeMap<String, String>),
    NoData,
    SkipData,
    Header,
    Empty,
    /// Number of columns unknown, or the 0-based column at fault in the preferred format.
    BadCount,
    BadColumn(usize),
}

/// The formats known so far, preferred ones first.
#[derive(Debug, Clone)]
pub(crate) struct Naive {
    headers: Vec<Vec<String>>,
    stated: Vec<Vec<String>>,
}

const VPC: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";
const GATEWAY: &str = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id \
tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id \
tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status type packets-lost-no-route \
packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags region flow-direction pkt-src-aws-service \
pkt-dst-aws-service";

impl Naive {
    pub(crate) fn new(configured: &[Vec<String>]) -> Self {
        let defaults = [VPC, GATEWAY].map(|names| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        Naive { headers: Vec::new(), stated: configured.iter().cloned().chain(defaults).collect() }
    }

    pub(crate) fn decode(&mut self, line: &str) -> Line {
        let words: Vec<&str> = line.split(|c: char| c <= ' ').filter(|w| !w.is_empty()).collect();
        if words.is_empty() {
            return Line::Empty;
        }
        if is_header(&words) {
            let names: Vec<String> = words.iter().map(|w| w.replace('_', "-")).collect();
            self.headers.retain(|h| *h != names);
            self.headers.insert(0, names);
            return Line::Header;
        }
        let formats: Vec<&Vec<String>> = self.headers.iter().chain(&self.stated).filter(|f| f.len() == words.len()).collect();
        let Some(preferred) = formats.first() else { return Line::BadCount };
        let fitting: Vec<_> = formats.iter().filter(|f| fault(f, &words).is_none()).collect();
        match fitting.iter().find(|f| plausible(f, &words)).or_else(|| fitting.first()) {
            Some(format) => classify(format, &words),
            None => Line::BadColumn(fault(preferred, &words).expect("no format fits")),
        }
    }
}

fn is_header(words: &[&str]) -> bool {
    let name = |w: &str| {
        w.len() <= 64
            && w.starts_with(|c: char| c.is_ascii_lowercase())
            && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    };
    let known = words.iter().filter(|w| known(&w.replace('_', "-"))).count();
    let mut unique = words.to_vec();
    unique.sort_unstable();
    unique.dedup();
    words.iter().all(|w| name(w)) && known > 0 && known * 2 >= words.len() && unique.len() == words.len()
}

fn known(name: &str) -> bool {
    tidegate_core::event::flow::COLUMNS.iter().any(|c| c.name() == name)
}

fn is_number(name: &str) -> bool {
    name.starts_with("packets-lost-")
        || [
            "version",
            "srcport",
            "dstport",
            "protocol",
            "packets",
            "bytes",
            "start",
            "end",
            "tcp-flags",
            "traffic-path",
            "encryption-status",
        ]
        .contains(&name)
}

fn is_address(name: &str) -> bool {
    ["srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"].contains(&name)
}

fn number(name: &str, word: &str) -> Option<u64> {
    if word.len() > 19 || !word.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let n: i64 = word.parse().ok()?;
    let range = match name {
        "version" => 1..=255,
        "protocol" => 0..=255,
        "srcport" | "dstport" => 0..=65_535,
        "start" | "end" => 0..=253_402_300_799_999,
        _ => 0..=i64::MAX,
    };
    range.contains(&n).then_some(n as u64)
}

fn ms(word: &str) -> Option<u64> {
    let n = number("start", word)?;
    Some(if n < 100_000_000_000 { n * 1000 } else { n })
}

fn fault(format: &[String], words: &[&str]) -> Option<usize> {
    let bad = |(name, word): (&String, &&str)| match name.as_str() {
        "log-status" => !["OK", "NODATA", "SKIPDATA"].contains(word),
        "version" => number("version", word).is_none(),
        _ if *word == "-" => false,
        "action" => !["ACCEPT", "REJECT"].contains(word),
        n if is_number(n) => number(n, word).is_none(),
        n if is_address(n) => word.parse::<IpAddr>().is_err(),
        _ => word.starts_with('"'),
    };
    if let Some(at) = format.iter().zip(words).position(bad) {
        return Some(at);
    }
    let place = |name: &str| format.iter().position(|n| n == name);
    let (start, end) = (place("start")?, place("end")?);
    (ms(words[start])? > ms(words[end])?).then_some(end)
}

fn plausible(format: &[String], words: &[&str]) -> bool {
    let good = |(name, word): (&String, &&str)| match name.as_str() {
        _ if *word == "-" => true,
        "start" | "end" => ms(word).is_some_and(|t| t >= 946_684_800_000),
        "account-id" | "tgw-src-vpc-account-id" | "tgw-dst-vpc-account-id" => {
            *word == "unknown" || word.len() >= 12 && word.chars().all(|c| c.is_ascii_digit())
        }
        "interface-id" | "tgw-src-eni" | "tgw-dst-eni" | "next-hop-interface-id" => word.starts_with("eni-"),
        "vpc-id" | "tgw-src-vpc-id" | "tgw-dst-vpc-id" | "next-hop-vpc-id" => word.starts_with("vpc-"),
        "subnet-id" | "tgw-src-subnet-id" | "tgw-dst-subnet-id" | "next-hop-subnet-id" => word.starts_with("subnet-"),
        "instance-id" => word.starts_with("i-"),
        "type" => ["IPv4", "IPv6", "EFA"].contains(word),
        "flow-direction" => ["ingress", "egress"].contains(word),
        "traffic-path" | "encryption-status" => word.len() <= 2,
        "tcp-flags" => word.len() <= 3,
        _ => true,
    };
    format.iter().zip(words).all(good)
}

fn classify(format: &[String], words: &[&str]) -> Line {
    let status = format.iter().position(|n| n == "log-status").map(|at| words[at]);
    let traffic: Vec<&str> = format
        .iter()
        .zip(words)
        .filter(|(n, _)| is_address(n) || ["srcport", "dstport", "protocol", "packets", "bytes"].contains(&n.as_str()))
        .map(|(_, w)| *w)
        .collect();
    match status {
        Some("NODATA") => return Line::NoData,
        Some("SKIPDATA") => return Line::SkipData,
        None if !traffic.is_empty() && traffic.iter().all(|w| *w == "-") => return Line::NoData,
        _ => {}
    }
    let value = |name: &str, word: &str| match name {
        n if is_number(n) => number(n, word).expect("fits").to_string(),
        n if is_address(n) => word.parse::<IpAddr>().expect("fits").to_string(),
        n if n.contains("-tag") => unescaped(word),
        _ => word.to_owned(),
    };
    let present = format.iter().zip(words).filter(|(name, word)| known(name) && **word != "-");
    Line::Flow(present.map(|(name, word)| (name.clone(), value(name, word))).collect())
}

fn unescaped(word: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let hex = rest.as_bytes().get(at + 1..at + 3).filter(|h| h.iter().all(u8::is_ascii_hexdigit));
        let Some(byte) = hex.and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok()) else { return word.to_owned() };
        bytes.push(byte);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|_| word.to_owned())
}
