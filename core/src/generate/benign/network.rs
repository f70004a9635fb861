//! Near-misses in flow logs: D40 and D49.

use crate::generate::flow::Flow;
use crate::generate::scene::Scene;
use std::net::Ipv4Addr;

pub(super) fn corporate_scanner(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let source = Ipv4Addr::new(198, 51, 100, 9);
    let mut probe = |target: Ipv4Addr, target_port: u16, seconds: i64| {
        let (start_ms, nic) = (scene.after(seconds), u32::from(target.octets()[3]) % 4);
        let source_port = scene.draw.between(40_000, 60_000) as u16;
        let accepted = target_port == 443;
        scene.flow(&Flow {
            account: account.number,
            nic,
            source,
            target,
            source_port,
            target_port,
            protocol: 6,
            packets: 1,
            bytes: 44,
            start_ms,
            seconds: 0,
            accepted,
        });
    };
    for n in 0..40u16 {
        probe(account.host(1), 8000 + n * 11, i64::from(n));
    }
    for n in 0..90u32 {
        probe(account.host(n), 22, 1200 + i64::from(n) * 5);
    }
}

pub(super) fn backup(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    for n in 0..60 {
        let bytes = 4 * (1 << 30) / 60;
        scene.flow(&Flow {
            account: account.number,
            nic: 3,
            source: account.host(6),
            target: Ipv4Addr::new(198, 19, 255, 10),
            source_port: 44_100,
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
