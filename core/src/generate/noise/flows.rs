//! Flow-log noise: web traffic, databases, health checks, NAT, DNS inside the VPC, rejects of the background Internet, backups.

use super::super::draw::Draw;
use super::super::flow::{Flow, FlowItem};
use super::super::plan::Plan;
use super::super::stage::Stage;
use super::super::world::{Account, World};
use crate::event::time::DAY_MS;
use std::net::Ipv4Addr;

/// One account in so many sends its flow logs.
const ACCOUNTS_STEP: usize = 7;
/// Lines of an interface on a day.
const LINES_A_DAY: u64 = 1_050;

/// One day.
pub(super) fn day(plan: &Plan, world: &World, day: u32, stage: &mut Stage) {
    let midnight_ms = world.start_ms + i64::from(day) * DAY_MS;
    let lines = plan.scaled(LINES_A_DAY);
    for account in world.accounts.iter().step_by(ACCOUNTS_STEP) {
        let mut draw = Draw::new(world.seed, &format!("noise/flows/{day}/{}", account.number));
        for n in 0..lines {
            let start_ms = midnight_ms + draw.between(0, DAY_MS - 61_000);
            if n % 300 == 299 {
                let status = if n % 900 == 899 { "SKIPDATA" } else { "NODATA" };
                stage.flows.push(FlowItem::without_traffic(world, account.number, 0, start_ms, status));
            } else {
                stage.flows.push(FlowItem::new(world, &flow(account, start_ms, &mut draw)));
            }
        }
    }
}

/// What an interface sees: the weights stand in the ranges.
fn flow(account: &Account, start_ms: i64, draw: &mut Draw) -> Flow {
    let (here, high) = (account.host(0), draw.between(32_768, 60_999) as u16);
    let near = account.host(1 + draw.below(8) as u32);
    match draw.below(100) {
        0..30 => traffic(account, (draw.internet(), high), (here, 443), start_ms, draw, 6, 60_000),
        30..50 => traffic(account, (here, 443), (draw.internet(), high), start_ms, draw, 6, 400_000),
        50..62 => traffic(account, (here, high), (near, *draw.pick(&[5432, 3306, 6379, 8080])), start_ms, draw, 6, 90_000),
        62..72 => traffic(account, (near, high), (here, 8080), start_ms, draw, 6, 2_000),
        72..82 => traffic(account, (here, high), (account.host(53), 53), start_ms, draw, 17, 300),
        82..92 => traffic(account, (here, high), (update_host(draw), 443), start_ms, draw, 6, 900_000),
        92..93 => traffic(account, (here, high), (Ipv4Addr::new(198, 19, 255, 5), 443), start_ms, draw, 6, 40_000_000),
        _ => background_scan(account, start_ms, draw),
    }
}

fn update_host(draw: &mut Draw) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, 254, draw.below(40) as u8)
}

fn traffic(
    account: &Account,
    (source, source_port): (Ipv4Addr, u16),
    (target, target_port): (Ipv4Addr, u16),
    start_ms: i64,
    draw: &mut Draw,
    protocol: u8,
    bytes_max: u64,
) -> Flow {
    let bytes = 300 + draw.below(bytes_max);
    let (packets, seconds) = (3 + bytes / 1200, draw.between(1, 59));
    Flow {
        account: account.number,
        nic: 0,
        source,
        target,
        source_port,
        target_port,
        protocol,
        packets,
        bytes,
        start_ms,
        seconds,
        accepted: true,
    }
}

/// One packet from anywhere, refused.
fn background_scan(account: &Account, start_ms: i64, draw: &mut Draw) -> Flow {
    let target_port = *draw.pick(&[22, 23, 80, 445, 3389, 5060, 6379, 8080, 8443, 9200]);
    Flow {
        account: account.number,
        nic: 0,
        source: draw.internet(),
        target: account.host(0),
        source_port: draw.between(1024, 65_000) as u16,
        target_port,
        protocol: 6,
        packets: 1,
        bytes: 40,
        start_ms,
        seconds: 0,
        accepted: false,
    }
}
