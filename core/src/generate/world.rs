//! The organisation: its accounts, Regions, networks and hosts. All of it follows from the seed and a number.
//!
//! Never random by itself: asking twice gives the same answer, so attacks, near-misses and noise agree about the world.

use super::draw::Draw;
use super::plan::{ACCOUNTS_MIN, Plan};
use std::net::Ipv4Addr;

/// Regions in use. The first also logs global services.
pub(super) const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "ap-northeast-1", "us-west-2"];

/// Offices and the scanner of the vulnerability team: corporate addresses outside 10/8.
pub(super) const OFFICES: [&str; 4] = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"];
/// The posture and vulnerability scanner.
pub(super) const SCANNER: &str = "198.51.100.9";
/// An office used by near-misses only, so that noise cannot push them over a threshold.
pub(super) const QUIET_OFFICE: &str = "198.51.100.14";

/// Accounts with a special duty, at the front of the list.
const DUTIES: [(&str, &str, &str); 7] = [
    ("management", "Root", "platform"),
    ("security-tooling", "Root/Security", "security-operations"),
    ("log-archive", "Root/Security", "security-operations"),
    ("network-hub", "Root/Infrastructure", "network"),
    ("shared-services", "Root/Infrastructure", "platform"),
    ("backup-vault", "Root/Infrastructure", "platform"),
    ("payments-archive", "Root/Workloads/Production", "security-operations"),
];

/// The one among them that exists only to be found.
const DECOY: usize = 6;

/// One account.
pub(super) struct Account {
    /// Its place in the list.
    pub(super) number: u32,
    /// Twelve digits, leading zeros kept.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) ou: &'static str,
    pub(super) environment: &'static str,
    pub(super) owner: &'static str,
    pub(super) data_class: &'static str,
    /// Whether it exists only to be found: nobody works there.
    pub(super) decoy: bool,
    /// Where its work happens.
    pub(super) region: &'static str,
}

/// The organisation.
pub(super) struct World {
    pub(super) accounts: Vec<Account>,
    /// `o-` and ten characters.
    pub(super) organisation: String,
    pub(super) seed: u64,
    pub(super) start_ms: i64,
    pub(super) days: u32,
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut draw = Draw::new(plan.seed, "world");
        let organisation = format!("o-{}", draw.hex(10));
        let offset = draw.below(1_000_000_000_000);
        let accounts = (0..plan.accounts.max(ACCOUNTS_MIN)).map(|number| account(number, offset)).collect();
        World { accounts, organisation, seed: plan.seed, start_ms: plan.start_ms, days: plan.days.max(1) }
    }

    /// The delegated administrator of GuardDuty.
    pub(super) fn administrator(&self) -> &Account {
        &self.accounts[1]
    }

    /// The account that exists only to be found.
    pub(super) fn decoy(&self) -> &Account {
        &self.accounts[DECOY]
    }

    /// The `j`-th account of the `n`-th attack, counted from the front of the work-load accounts.
    pub(super) fn target(&self, n: usize, j: usize) -> &Account {
        &self.accounts[DUTIES.len() + self.place(n, j)]
    }

    /// The same for near-misses, counted from the back.
    pub(super) fn bystander(&self, n: usize, j: usize) -> &Account {
        &self.accounts[self.accounts.len() - 1 - self.place(n, j)]
    }

    fn place(&self, n: usize, j: usize) -> usize {
        (n * 13 + j) % (self.accounts.len() - DUTIES.len())
    }
}

fn account(number: u32, offset: u64) -> Account {
    // The factor shares no divisor with 10^12, so no two accounts get one id.
    let id = (u64::from(number) * 387_420_489_077 + offset) % 1_000_000_000_000;
    let region = REGIONS[[0, 0, 1, 0, 2, 0, 3, 1][number as usize % 8]];
    if let Some((name, ou, owner)) = DUTIES.get(number as usize) {
        let id = format!("{id:012}");
        let region = REGIONS[0];
        let (name, decoy) = ((*name).to_owned(), number as usize == DECOY);
        return Account { number, id, name, ou, environment: "prod", owner, data_class: "internal", decoy, region };
    }
    const TEAMS: [&str; 9] = ["payments", "claims", "clinic", "portal", "analytics", "logistics", "identity", "mobile", "research"];
    const OUS: [(&str, &str); 5] = [
        ("Root/Workloads/Production", "prod"),
        ("Root/Workloads/Production", "prod"),
        ("Root/Workloads/Staging", "staging"),
        ("Root/Workloads/Development", "dev"),
        ("Root/Sandbox", "sandbox"),
    ];
    let team = TEAMS[number as usize % TEAMS.len()];
    let (ou, environment) = OUS[number as usize % OUS.len()];
    let data_class = match (team, environment) {
        ("payments", "prod") => "chd",
        ("claims" | "clinic", "prod") => "phi",
        (_, "sandbox") => "none",
        _ => "internal",
    };
    let name = format!("{team}-{environment}-{number:04}");
    Account { number, id: format!("{id:012}"), name, ou, environment, owner: team, data_class, decoy: false, region }
}

impl Account {
    /// Whether it is in production and holds health or card data.
    pub(super) fn is_classified(&self) -> bool {
        self.environment == "prod" && matches!(self.data_class, "phi" | "chd")
    }

    /// How much hangs on it, 1 most.
    pub(super) fn tier(&self) -> u8 {
        match (self.environment, self.is_classified()) {
            ("prod", true) => 1,
            ("prod", false) => 2,
            _ => 3,
        }
    }

    /// Where its servers leave to the Internet: one NAT address an account.
    pub(super) fn nat(&self) -> String {
        Ipv4Addr::from(0xc612_0000 | (self.number & 0xffff)).to_string()
    }

    /// The address of its `n`-th host.
    pub(super) fn host(&self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from(0x0a00_0000 | (self.number & 0xffff) << 8 | (10 + n % 240))
    }

    /// A resource of this account that is the same whoever asks.
    pub(super) fn resource(&self, world: &World, prefix: &str, n: u32) -> String {
        Draw::new(world.seed, &format!("{prefix}/{}/{n}", self.number)).resource(prefix)
    }

    /// Its GuardDuty detector.
    pub(super) fn detector(&self, world: &World) -> String {
        Draw::new(world.seed, &format!("detector/{}", self.number)).hex(32)
    }

    /// A bucket.
    pub(super) fn bucket(&self, n: u32) -> String {
        const USES: [&str; 6] = ["data", "uploads", "exports", "artifacts", "reports", "media"];
        format!("{}-{}", self.name, USES[n as usize % USES.len()])
    }
}
