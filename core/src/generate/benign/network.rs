//! Near-misses in flow logs: D18, D40, D49 and intelligence.

use crate::generate::flow::Flow;
use crate::generate::moves::{Actor, open_port};
use crate::generate::scene::Scene;
use crate::generate::tables::{CONTROL_SERVER, FORMER_SERVER};
use crate::generate::world::Account;
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

fn demonstration(scene: &mut Scene<'_>, source: Ipv4Addr, seconds: i64) {
    let account = scene.account(0);
    let (who, nat) = (scene.session(account, "terraform-apply", "run-6012"), account.nat());
    let actor = Actor { who: &who, ip: &nat, region: account.region };
    let group = account.resource(scene.world, "sg", 3);
    open_port(scene, actor, scene.after(0), &group, 22, "0.0.0.0/0");
    flow(scene, account, (source, 52_811), (account.host(3), 22), scene.after(seconds));
}

fn flow(
    scene: &mut Scene<'_>,
    account: &Account,
    (source, source_port): (Ipv4Addr, u16),
    (target, target_port): (Ipv4Addr, u16),
    start_ms: i64,
) {
    scene.flow(&Flow {
        account: account.number,
        nic: 4,
        source,
        target,
        source_port,
        target_port,
        protocol: 6,
        packets: 9,
        bytes: 6_400,
        start_ms,
        seconds: 20,
        accepted: true,
    });
}

pub(super) fn scanned_door(scene: &mut Scene<'_>) {
    demonstration(scene, Ipv4Addr::new(198, 51, 100, 9), 600);
}

pub(super) fn late_guest(scene: &mut Scene<'_>) {
    demonstration(scene, Ipv4Addr::new(198, 19, 14, 77), 75 * 60);
}

pub(super) fn former_server(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let server = |text: &str| text.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
    for n in 0..12 {
        flow(scene, account, (account.host(2), 50_200), (server(FORMER_SERVER), 443), scene.after(n * 240));
        // Whoever stands on a list may knock at a public web server, and is answered.
        flow(scene, account, (server(CONTROL_SERVER), 47_100), (account.host(1), 443), scene.after(30 + n * 240));
        flow(scene, account, (account.host(1), 443), (server(CONTROL_SERVER), 47_100), scene.after(31 + n * 240));
    }
}
