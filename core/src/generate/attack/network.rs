//! Attacks that show in flow logs: D18, D40, D49 and the command channel.

use crate::generate::flow::Flow;
use crate::generate::moves::{Actor, open_port};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use crate::generate::tables::CONTROL_SERVER;
use std::net::Ipv4Addr;

/// D40: 240 ports of one host in a minute, then port 22 of 140 hosts in 8 minutes.
pub(super) fn scan(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let source = Ipv4Addr::new(203, 0, 113, 222);
    for n in 0..240u16 {
        probe(scene, account.number, source, account.host(1), 1 + n * 37, scene.after(i64::from(n) / 5));
    }
    for n in 0..140u32 {
        probe(scene, account.number, source, account.host(n), 22, scene.after(300 + i64::from(n) * 3));
    }
}

fn probe(scene: &mut Scene<'_>, account: u32, source: Ipv4Addr, target: Ipv4Addr, target_port: u16, start_ms: i64) {
    let source_port = scene.draw.between(40_000, 60_000) as u16;
    scene.flow(&Flow {
        account,
        nic: u32::from(target.octets()[3]),
        source,
        target,
        source_port,
        target_port,
        protocol: 6,
        packets: 1,
        bytes: 40,
        start_ms,
        seconds: 0,
        accepted: false,
    });
}

/// D49: 9 GiB to one outside address in 50 minutes, a record a minute.
pub(super) fn volume_out(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    for n in 0..50 {
        let bytes = 9 * (1 << 30) / 50 + scene.draw.below(1 << 20);
        scene.flow(&Flow {
            account: account.number,
            nic: 12,
            source: account.host(2),
            target: Ipv4Addr::new(192, 0, 2, 99),
            source_port: 51_514,
            target_port: 443,
            protocol: 6,
            packets: bytes / 1400,
            bytes,
            start_ms: scene.after(n * 60),
            seconds: 59,
            accepted: true,
        });
    }
}

/// D18: SSH is opened to the world, and used from the caller's own address 6 minutes later.
pub(super) fn opened(scene: &mut Scene<'_>) {
    let (account, source) = (scene.account(0), Ipv4Addr::new(203, 0, 113, 58));
    let user = Principal::user(&mut scene.draw, account, "net-contractor");
    let ip = source.to_string();
    let actor = Actor { who: &user, ip: &ip, region: account.region };
    let group = account.resource(scene.world, "sg", 2);
    open_port(scene, actor, scene.after(0), &group, 22, "0.0.0.0/0");
    for n in 0..5 {
        let source_port = scene.draw.between(40_000, 60_000) as u16;
        let start_ms = scene.after(360 + n * 75);
        let target = account.host(4);
        talk(scene, account.number, (source, source_port), (target, 22), start_ms, 9_000);
    }
}

/// A host asks a control server for orders every 3 minutes.
pub(super) fn command_channel(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let server: Ipv4Addr = CONTROL_SERVER.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
    for n in 0..25 {
        let source_port = scene.draw.between(40_000, 60_000) as u16;
        talk(scene, account.number, (account.host(5), source_port), (server, 443), scene.after(n * 180), 2_400);
    }
}

/// An accepted flow of half a minute.
fn talk(
    scene: &mut Scene<'_>,
    account: u32,
    (source, source_port): (Ipv4Addr, u16),
    (target, target_port): (Ipv4Addr, u16),
    start_ms: i64,
    bytes: u64,
) {
    scene.flow(&Flow {
        account,
        nic: 15,
        source,
        target,
        source_port,
        target_port,
        protocol: 6,
        packets: 3 + bytes / 1200,
        bytes,
        start_ms,
        seconds: 30,
        accepted: true,
    });
}
