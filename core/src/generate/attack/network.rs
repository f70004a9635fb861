//! Attacks that show in flow logs: D40 and D49.

use crate::generate::flow::Flow;
use crate::generate::scene::Scene;
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
