//! VPC flow-log lines (version 2, the default 14 columns) and the `CloudWatch` Logs batches they travel in.
//!
//! Never writes custom formats: header-less lines cannot say which columns they have.

use super::draw::Draw;
use super::file::File;
use super::principal::iso_seconds;
use super::world::World;
use crate::event::id::hash128;
use serde::Serialize;
use std::net::Ipv4Addr;

/// Lines in one batch at most.
const BATCH_LINES: usize = 1_100;
/// Shards the batches were drained from.
const SHARDS: u64 = 4;

/// What one line says.
pub(super) struct Flow {
    /// The account of the interface, by number.
    pub(super) account: u32,
    /// Which of its interfaces.
    pub(super) nic: u32,
    pub(super) source: Ipv4Addr,
    pub(super) target: Ipv4Addr,
    pub(super) source_port: u16,
    pub(super) target_port: u16,
    /// IANA number: 6 TCP, 17 UDP, 1 ICMP.
    pub(super) protocol: u8,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) start_ms: i64,
    pub(super) seconds: i64,
    pub(super) accepted: bool,
}

impl Flow {
    /// The five-tuple, as the truth names flows.
    pub(super) fn tuple(&self) -> String {
        format!("{} {} {} {} {}", self.source, self.target, self.source_port, self.target_port, self.protocol)
    }
}

/// A line on its way.
pub(super) struct FlowItem {
    account: u32,
    nic: u32,
    at_ms: i64,
    line: String,
}

impl FlowItem {
    pub(super) fn new(world: &World, flow: &Flow) -> Self {
        let account = &world.accounts[flow.account as usize];
        let (start, action) = (flow.start_ms / 1000, if flow.accepted { "ACCEPT" } else { "REJECT" });
        let line = format!(
            "2 {} {} {} {} {} {} {} {} {} {start} {} {action} OK",
            account.id,
            interface(flow.account, flow.nic),
            flow.source,
            flow.target,
            flow.source_port,
            flow.target_port,
            flow.protocol,
            flow.packets,
            flow.bytes,
            start + flow.seconds,
        );
        FlowItem { account: flow.account, nic: flow.nic, at_ms: start * 1000, line }
    }

    /// A minute without traffic (`NODATA`) or one that was not recorded (`SKIPDATA`).
    pub(super) fn without_traffic(world: &World, account: u32, nic: u32, at_ms: i64, status: &str) -> Self {
        let (id, start) = (&world.accounts[account as usize].id, at_ms / 1000);
        let line = format!("2 {id} {} - - - - - - - {start} {} - {status}", interface(account, nic), start + 59);
        FlowItem { account, nic, at_ms: start * 1000, line }
    }
}

/// The id of an interface: the same for the whole history.
fn interface(account: u32, nic: u32) -> String {
    let hash = hash128(&(u64::from(account) << 32 | u64::from(nic)).to_le_bytes()) as u64;
    format!("eni-0{hash:016x}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    message_type: &'a str,
    owner: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    subscription_filters: [&'a str; 1],
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Serialize)]
struct LogEvent<'a> {
    id: String,
    timestamp: i64,
    message: &'a str,
}

/// Writes the batches of one day: per interface in order of time but for small disorder.
pub(super) fn files(mut items: Vec<FlowItem>, world: &World, day: u32, draw: &mut Draw, emit: &mut dyn FnMut(File)) {
    items.sort_by_key(|item| (item.account, item.nic, item.at_ms));
    let mut next = [1u32; SHARDS as usize];
    emit(File::gzipped(format!("flowlogs/shardId-000000000000/{day:03}-000000.gz"), control_message(world, day)));
    for stream in items.chunk_by_mut(|a, b| a.account == b.account && a.nic == b.nic) {
        let name = format!("{}-all", interface(stream[0].account, stream[0].nic));
        let shard = (hash128(name.as_bytes()) as u64 % SHARDS) as usize;
        for batch in stream.chunks_mut(BATCH_LINES) {
            disorder(batch, draw);
            let owner = &world.accounts[batch[0].account as usize].id;
            let path = format!("flowlogs/shardId-{shard:012}/{day:03}-{:06}.gz", next[shard]);
            next[shard] += 1;
            emit(File::gzipped(path, batch_content(owner, &name, batch, draw)));
        }
    }
}

/// Swaps one neighbour in ten: the service does not promise order.
fn disorder(batch: &mut [FlowItem], draw: &mut Draw) {
    for at in 1..batch.len() {
        if draw.chance(100) {
            batch.swap(at - 1, at);
        }
    }
}

fn batch_content<'a>(owner: &'a str, stream: &'a str, lines: &'a [FlowItem], draw: &mut Draw) -> Vec<u8> {
    let event = |item: &'a FlowItem| LogEvent { id: format!("39{:054}", draw.below(u64::MAX)), timestamp: item.at_ms, message: &item.line };
    let batch = Batch {
        message_type: "DATA_MESSAGE",
        owner,
        log_group: "/vpc/flow-logs",
        log_stream: stream,
        subscription_filters: ["to-security-stream"],
        log_events: lines.iter().map(event).collect(),
    };
    serde_json::to_vec(&batch).unwrap_or_default()
}

fn control_message(world: &World, day: u32) -> Vec<u8> {
    let at_ms = world.start_ms + i64::from(day) * crate::event::time::DAY_MS;
    let text = format!("CWL CONTROL MESSAGE: Checking health of destination Kinesis stream. {}", iso_seconds(at_ms));
    let batch = Batch {
        message_type: "CONTROL_MESSAGE",
        owner: "CloudwatchLogs",
        log_group: "",
        log_stream: "",
        subscription_filters: [""],
        log_events: vec![LogEvent { id: String::new(), timestamp: at_ms, message: &text }],
    };
    serde_json::to_vec(&batch).unwrap_or_default()
}
