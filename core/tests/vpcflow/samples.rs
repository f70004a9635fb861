//! Random formats and lines, valid and broken, from a seed.

use fastrand::Rng;
use tidegate_core::event::flow::{COLUMNS, Column, ColumnKind};

const DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

/// None to three stated formats; sometimes permutations of the default.
pub(crate) fn formats(random: &mut Rng) -> Vec<Vec<String>> {
    let mut formats = Vec::new();
    for _ in 0..random.usize(0..=3) {
        let size = random.usize(1..=30);
        let mut names: Vec<String> = match random.u8(0..3) {
            0 => DEFAULT.split(' ').map(str::to_owned).collect(),
            _ => random.choose_multiple(COLUMNS, size).into_iter().map(|c| c.name().to_owned()).collect(),
        };
        if random.bool() {
            random.shuffle(&mut names);
        }
        if random.u8(0..8) == 0 {
            names.push("quantum-path".to_owned());
        }
        if !formats.contains(&names) {
            formats.push(names);
        }
    }
    formats
}

/// A line of one of the formats or of a default, sometimes a header, sometimes broken.
pub(crate) fn line(random: &mut Rng, formats: &[Vec<String>]) -> String {
    let line = block_line(random, formats, false);
    if random.u8(0..8) == 0 { format!("{line}\r\n") } else { line }
}

/// The same, without line break; `calm` lines are mostly well-formed and of one format.
pub(crate) fn block_line(random: &mut Rng, formats: &[Vec<String>], calm: bool) -> String {
    let default: Vec<String> = DEFAULT.split(' ').map(str::to_owned).collect();
    let format = match random.usize(0..if calm { 200 } else { 8 }) {
        0 => &default,
        1 => formats.last().unwrap_or(&default),
        _ => formats.first().unwrap_or(&default),
    };
    let odds = if calm { 500 } else { 30 };
    if random.usize(0..odds) == 0 {
        return if random.bool() { format.join(" ").replace('-', pick(random, ["-", "_"])) } else { String::new() };
    }
    let mut words = record(random, format);
    if random.usize(0..odds / 4) == 0 {
        spoil(random, &mut words);
    }
    let mut text = words.join(" ");
    if random.usize(0..odds / 3) == 0 {
        let blank = pick(random, [" ", "\r", "\t"]);
        match random.u8(0..3) {
            0 => text.push_str(blank),
            1 => text.insert_str(0, blank),
            _ => text = text.replacen(' ', &format!(" {blank}"), 1),
        }
    }
    text
}

/// A line of the default format, mostly a flow.
pub(crate) fn default_line(random: &mut Rng) -> String {
    let names: Vec<String> = DEFAULT.split(' ').map(str::to_owned).collect();
    record(random, &names).join(" ")
}

fn record(random: &mut Rng, names: &[String]) -> Vec<String> {
    let status = if random.u8(0..50) > 0 { "OK" } else { pick(random, ["NODATA", "SKIPDATA"]) };
    names.iter().map(|name| Column::from_name(name).map_or_else(|| "x".to_owned(), |c| value(random, c, status))).collect()
}

fn value(random: &mut Rng, column: Column, status: &str) -> String {
    let absent = status != "OK" || random.u8(0..40) == 0;
    match (column, column.kind()) {
        (Column::LogStatus, _) => status.to_owned(),
        (Column::Version, _) => random.u8(2..12).to_string(),
        (Column::Start, _) => (1_700_000_000 + random.u32(0..1_000)).to_string(),
        (Column::End, _) if random.u8(0..20) == 0 => "1700002000123".to_owned(),
        (Column::End, _) => (1_700_001_000 + random.u32(0..1_000)).to_string(),
        (Column::AccountId, _) => pick(random, ["001234567890", "998765432101", "unknown"]).to_owned(),
        _ if absent => "-".to_owned(),
        (Column::Action, _) => (if random.bool() { "ACCEPT" } else { "REJECT" }).to_owned(),
        (Column::SrcPort | Column::DstPort, _) => random.u16(..).to_string(),
        (Column::Protocol, _) => random.u8(..).to_string(),
        (_, ColumnKind::Number) => (random.u64(..) >> random.u32(1..64)).to_string(),
        (_, ColumnKind::Address) if random.u8(0..10) == 0 => std::net::Ipv6Addr::from(random.u128(..) >> random.u32(0..100)).to_string(),
        (_, ColumnKind::Address) => std::net::Ipv4Addr::from(random.u32(..)).to_string(),
        (Column::InterfaceId, _) => format!("eni-{:x}", random.u64(..)),
        (Column::InstanceTag | Column::AsgTag2, _) => pick(random, ["a%20b", "%E6%9D%B1", "%zz", "plain", "%ff"]).to_owned(),
        (_, ColumnKind::Text) => format!("{}-{:x}", column.name().split('-').next().unwrap_or("x"), random.u32(..)),
    }
}

fn spoil(random: &mut Rng, words: &mut Vec<String>) {
    let at = random.usize(0..words.len());
    match random.u8(0..6) {
        0 => {
            words.remove(at);
        }
        1 => words.insert(at, "7".to_owned()),
        2 => words.swap(at, 0),
        3 => words[at] = pick(random, ["-", "\"-\"", "é", "1.2.3", "999999", "OK", "ACCEPT", "0", "::1"]).to_owned(),
        4 => words[at].push(random.char('!'..='~')),
        _ => words.truncate(at + 1),
    }
}

fn pick<const N: usize>(random: &mut Rng, from: [&'static str; N]) -> &'static str {
    from[random.usize(0..N)]
}
