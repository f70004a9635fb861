//! Where one day's events gather before they become files in AWS's layouts.
//!
//! Owns which file a record lands in, its order there and the second copies. Limits: one day at a time is held in memory.

use super::draw::Draw;
use super::file::File;
use super::flow::{self, FlowItem};
use super::principal::iso_seconds;
use super::world::{REGIONS, World};
use crate::event::time::DAY_MS;
use serde_json::Value;

/// Records in one `CloudTrail` file at most.
const TRAIL_FILE_RECORDS: usize = 400;
/// Finding revisions in one exported file at most.
const FINDING_FILE_RECORDS: usize = 250;

/// The events of one day.
#[derive(Default)]
pub(super) struct Stage {
    trail: Vec<TrailItem>,
    findings: Vec<FindingItem>,
    pub(super) flows: Vec<FlowItem>,
}

struct TrailItem {
    account: String,
    region: &'static str,
    at_ms: i64,
    second: bool,
    json: Vec<u8>,
}

struct FindingItem {
    region: &'static str,
    json: Vec<u8>,
}

impl Stage {
    /// One `CloudTrail` record; `twice` delivers it a second time, in another file.
    pub(super) fn trail(&mut self, account: &str, region: &'static str, at_ms: i64, record: &Value, twice: bool) {
        let json = bytes(record);
        if twice {
            self.trail.push(TrailItem { account: account.to_owned(), region, at_ms, second: true, json: json.clone() });
        }
        self.trail.push(TrailItem { account: account.to_owned(), region, at_ms, second: false, json });
    }

    /// One revision of a finding; `twice` exports it a second time.
    pub(super) fn finding(&mut self, region: &'static str, finding: &Value, twice: bool) {
        let json = bytes(finding);
        if twice {
            self.findings.push(FindingItem { region, json: json.clone() });
        }
        self.findings.push(FindingItem { region, json });
    }

    /// Turns what has gathered into files.
    pub(super) fn flush(self, world: &World, day: u32, emit: &mut dyn FnMut(File)) {
        let mut draw = Draw::new(world.seed, &format!("files/{day}"));
        let date = Date::of(world, day);
        trail_files(self.trail, world, &date, &mut draw, emit);
        finding_files(self.findings, world, &date, &mut draw, emit);
        flow::files(self.flows, world, day, &mut draw, emit);
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut json = Vec::with_capacity(2048);
    // A `Value` has no keys that are no strings, and memory does not fail.
    let _ = serde_json::to_writer(&mut json, value);
    json
}

struct Date {
    slashes: String,
}

impl Date {
    fn of(world: &World, day: u32) -> Self {
        let text = iso_seconds(world.start_ms + i64::from(day) * DAY_MS);
        Date { slashes: text[..10].replace('-', "/") }
    }
}

fn trail_files(mut items: Vec<TrailItem>, world: &World, date: &Date, draw: &mut Draw, emit: &mut dyn FnMut(File)) {
    items.sort_by(|a, b| (&a.account, a.region, a.second, a.at_ms).cmp(&(&b.account, b.region, b.second, b.at_ms)));
    let same_folder = |a: &TrailItem, b: &TrailItem| a.account == b.account && a.region == b.region && a.second == b.second;
    for folder in items.chunk_by_mut(same_folder) {
        for chunk in folder.chunks_mut(TRAIL_FILE_RECORDS) {
            draw.shuffle(chunk);
            emit(File::gzipped(trail_path(chunk, world, date, draw), trail_content(chunk)));
        }
    }
}

fn trail_path(chunk: &[TrailItem], world: &World, date: &Date, draw: &mut Draw) -> String {
    let (account, region, last_ms) = (&chunk[0].account, chunk[0].region, chunk.iter().map(|item| item.at_ms).max().unwrap_or(0));
    let time: String = iso_seconds(last_ms + 5 * 60_000).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let name = format!("{account}_CloudTrail_{region}_{}Z_{}.json.gz", &time[..13], draw.token(16));
    format!("AWSLogs/{}/{account}/CloudTrail/{region}/{}/{name}", world.organisation, date.slashes)
}

fn trail_content(chunk: &[TrailItem]) -> Vec<u8> {
    let mut content = Vec::with_capacity(chunk.iter().map(|item| item.json.len() + 1).sum::<usize>() + 16);
    content.extend_from_slice(br#"{"Records":["#);
    for (at, item) in chunk.iter().enumerate() {
        if at > 0 {
            content.push(b',');
        }
        content.extend_from_slice(&item.json);
    }
    content.extend_from_slice(b"]}");
    content
}

/// The export of the delegated administrator: one folder a Region, revisions of all members mixed and out of order.
fn finding_files(mut items: Vec<FindingItem>, world: &World, date: &Date, draw: &mut Draw, emit: &mut dyn FnMut(File)) {
    draw.shuffle(&mut items);
    for region in REGIONS {
        let here: Vec<&FindingItem> = items.iter().filter(|item| item.region == region).collect();
        for chunk in here.chunks(FINDING_FILE_RECORDS) {
            let mut content = Vec::with_capacity(chunk.iter().map(|item| item.json.len() + 1).sum());
            for item in chunk {
                content.extend_from_slice(&item.json);
                content.push(b'\n');
            }
            let administrator = &world.administrator().id;
            let path = format!("AWSLogs/{administrator}/GuardDuty/{region}/{}/{}.jsonl.gz", date.slashes, draw.uuid());
            emit(File::gzipped(path, content));
        }
    }
}
