//! What the organisation knows of itself and of others: the tables beside its input.
//!
//! Owns their columns and rows. They are true of the same world the attacks play in; some entries of intelligence are there to stay
//! silent: an expired one, a wide one, one of a category that no rule asks for.

use super::draw::Draw;
use super::principal::iso_seconds;
use super::world::World;
use crate::event::time::DAY_MS;
use std::fmt::Write as _;

/// The control server of the command channel.
pub(super) const CONTROL_SERVER: &str = "203.0.113.199";
/// What a feed called hostile until a month before the first day.
pub(super) const FORMER_SERVER: &str = "198.19.251.7";
/// A provider that manages accounts from addresses of its own.
pub(super) const PARTNER: &str = "198.51.100.70";

/// `id,name,ou,environment,owner,data_class,tags`, one account a line.
pub(super) fn accounts_csv(world: &World) -> Vec<u8> {
    let mut text = String::from("id,name,ou,environment,owner,data_class,tags\n");
    for a in &world.accounts {
        let tags = if a.decoy { "decoy=true".to_owned() } else { format!("tier={};cost_center=cc-{:03}", a.tier(), a.number % 120) };
        let _ = writeln!(text, "{},{},{},{},{},{},{tags}", a.id, a.name, a.ou, a.environment, a.owner, a.data_class);
    }
    text.into_bytes()
}

/// `cidr,name,kind`: the networks that belong to the organisation, and those of who works for it.
pub(super) fn networks_csv() -> Vec<u8> {
    let rows = [
        "cidr,name,kind",
        "10.0.0.0/8,organisation VPCs,corporate",
        "198.51.100.0/28,offices and VPN egress,corporate",
        "198.51.100.9/32,vulnerability and posture scanner,scanner",
        "198.51.100.53/32,filtering resolver,resolver",
        "198.51.100.64/28,managed service provider,partner",
        "198.18.0.0/16,NAT gateways of the accounts,corporate",
    ];
    (rows.join("\n") + "\n").into_bytes()
}

/// `indicator,type,source,category,expires`: addresses, a domain and the hash of seeded attacks, and entries that fit none.
pub(super) fn intel_csv(world: &World) -> Vec<u8> {
    let day = |days: i64| iso_seconds(world.start_ms + days * DAY_MS)[..10].to_owned();
    let (later, past) = (day(90), day(-30));
    let hash = campaign_hash(world);
    let rows = [
        "indicator,type,source,category,expires".to_owned(),
        format!("{CONTROL_SERVER},ip,demo-feed,c2,{later}"),
        format!("203.0.113.45,ip,demo-feed,c2,{later}"),
        format!("203.0.113.41,ip,demo-feed,credential-theft,{later}"),
        format!("203.0.113.66,ip,demo-feed,password-spray,{later}"),
        format!("203.0.113.236,ip,partner-feed,attacker,{later}"),
        format!("192.0.2.99,ip,partner-feed,exfiltration,{later}"),
        format!("203.0.113.192/26,cidr,partner-feed,hosting,{later}"),
        format!("update-cdn.example,domain,demo-feed,c2,{later}"),
        format!("{hash},sha256,demo-feed,malware,{later}"),
        format!("{FORMER_SERVER},ip,demo-feed,c2,{past}"),
    ];
    (rows.join("\n") + "\n").into_bytes()
}

/// The hash of the malware that one attack leaves in several accounts.
pub(super) fn campaign_hash(world: &World) -> String {
    Draw::new(world.seed, "malware-campaign/hash").hex(64)
}
