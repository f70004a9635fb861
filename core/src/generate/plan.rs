//! What is asked for: how large an organisation, for how long, with which attacks.

use crate::event::time::{DAY_MS, days_from_civil};

/// The settings of a synthetic organisation. The same settings give the same bytes on every machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Accounts, at least [`ACCOUNTS_MIN`].
    pub accounts: u32,
    /// Days of history, at least 1.
    pub days: u32,
    /// Decides everything that is not said here.
    pub seed: u64,
    /// First moment, epoch milliseconds; should be a midnight, UTC.
    pub start_ms: i64,
    /// The attacks to seed, each once.
    pub attacks: Vec<AttackKind>,
    /// How much goes on besides: 1.0 is usual, 0.0 leaves attacks and near-misses alone.
    pub noise: f64,
}

/// The smallest organisation that has room for every attack.
pub const ACCOUNTS_MIN: u32 = 24;

impl Default for Plan {
    fn default() -> Self {
        let start_ms = days_from_civil(2026, 11, 2) * DAY_MS;
        Plan { accounts: 2000, days: 1, seed: 20_261_102, start_ms, attacks: ATTACK_KINDS.to_vec(), noise: 1.0 }
    }
}

impl Plan {
    /// A count of background events at this noise.
    pub(super) fn scaled(&self, count: u64) -> u64 {
        count * self.noise_permille() / 1000
    }

    /// Noise in thousandths: from here on everything is integers.
    pub(super) fn noise_permille(&self) -> u64 {
        (self.noise.clamp(0.0, 1000.0) * 1000.0).round() as u64
    }
}

macro_rules! attack_kinds {
    ($($variant:ident $name:literal $catalogue:expr, $title:literal, $expect:literal;)*) => {
        /// A kind of seeded attack.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AttackKind {
            $(#[doc = $title] $variant,)*
        }

        /// Every kind, in the order of the detection catalogue.
        pub const ATTACK_KINDS: [AttackKind; [$($name),*].len()] = [$(AttackKind::$variant),*];

        impl AttackKind {
            /// The name by which it is selected.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(AttackKind::$variant => $name,)* }
            }

            /// The entries of the detection catalogue that must fire (`finding`: a finding that is an alert by itself).
            #[must_use]
            pub fn catalogue(self) -> &'static [&'static str] {
                match self { $(AttackKind::$variant => &$catalogue,)* }
            }

            /// What it is, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(AttackKind::$variant => $title,)* }
            }

            /// What an analyst should see.
            #[must_use]
            pub fn expect(self) -> &'static str {
                match self { $(AttackKind::$variant => $expect,)* }
            }
        }
    };
}

attack_kinds! {
    ConsoleBruteForce "console-brute-force" ["D01"], "Console brute force, then success",
        "one alert for the user: 12 failed sign-ins in 8 minutes, then a successful one";
    PasswordSpray "password-spray" ["D02"], "Password spray across accounts",
        "one alert for the address: failed sign-ins in 9 accounts within 30 minutes";
    StolenInstanceCredentials "stolen-instance-credentials" ["D06", "D26"], "Stolen instance credentials, then a secrets sweep",
        "the exfiltration finding, and 28 distinct secrets read by the same role session within 5 minutes";
    BackDoorIdentity "back-door-identity" ["D11"], "Back-door identity",
        "a user made, given a key and AdministratorAccess within 20 minutes";
    NewKeyUsed "new-key-used" ["D13"], "New key used at once by its maker",
        "a key made and used 4 minutes later";
    PermissionGuessing "permission-guessing" ["D17"], "Permission guessing",
        "44 refusals over 14 calls by one user within 8 minutes";
    NetworkOpened "network-opened" ["D18"], "Network opened to the world, then used",
        "port 22 opened to the world, and used from outside in the same account 6 minutes later";
    RoleGuessing "role-guessing" ["D19"], "Role names guessed by policy errors",
        "30 malformed trust policies by one user from one address within 5 minutes";
    CustomerKeyEncryption "customer-key-encryption" ["D20"], "Mass encryption with a customer key",
        "36 objects of one bucket copied over with SSE-C within 5 minutes";
    RansomPreparation "ransom-preparation" ["D21"], "Ransom preparation in S3",
        "versioning suspended, logging off, a 1-day lifecycle, then 14 deletions in the same bucket by one principal";
    SnapshotCopied "snapshot-copied" ["D22"], "Snapshot shared, then copied",
        "a snapshot shared with an outside account and copied there 50 minutes later";
    DatabaseExposed "database-exposed" ["D23"], "Database exposed and exported",
        "a database made public and exported within 30 minutes";
    BackupsDestroyed "backups-destroyed" ["D25"], "Backups destroyed",
        "9 recovery points and snapshots deleted in three accounts by one principal within 40 minutes";
    KeySabotage "key-sabotage" ["D29"], "Key sabotage",
        "3 keys scheduled for deletion and one disabled by one principal within 25 minutes";
    HardToStop "hard-to-stop" ["D34"], "Instances made hard to stop",
        "termination protection set on 5 instances by one principal within 8 minutes";
    UserDataSwapped "user-data-swapped" ["D35"], "User data swapped",
        "an instance stopped, given new user data and started within 14 minutes, across the hour";
    PortScan "port-scan" ["D40"], "Port scan and port sweep",
        "240 ports of one host probed within a minute, then port 22 of 140 hosts within 8 minutes, by one address";
    VolumeOut "volume-out" ["D49"], "Volume out",
        "9 GiB sent to one outside address within 50 minutes";
    ContainerBreakout "container-breakout" ["D50"], "Container breakout",
        "a reverse shell, then the Docker socket, in one container on one host within 18 minutes";
    RuntimeToControlPlane "runtime-to-control-plane" ["D51"], "From a host to the control plane",
        "a reverse shell on an instance, and its credentials listing roles, buckets and secrets 20 minutes later";
    MalwareCampaign "malware-campaign" ["D52b"], "One malware hash in many accounts",
        "the same file hash found in 4 accounts within 9 hours";
    LoggingTampered "logging-tampered" ["D56"], "Logging switched off three times over",
        "logging stopped, the trail and the detector deleted by one principal within 7 minutes";
    FlowLogsDeleted "flow-logs-deleted" ["D56"], "Flow logs deleted, the network kept",
        "flow logs deleted and no VPC torn down afterwards";
    AccountLeaves "account-leaves" ["D57"], "Account leaves the organisation",
        "a member account calls LeaveOrganization";
    DecoyTouched "decoy-touched" ["D58"], "Decoy account touched",
        "four calls from one address in the account that the table of accounts tags decoy";
    ManyTactics "many-tactics" ["D17", "D26", "D56", "D59"], "Many tactics, one principal",
        "permission guessing, a secrets sweep and a stopped trail by one user, joined in one alert of alerts";
    SequenceSpreads "sequence-spreads" ["D05", "D60"], "Attack sequence goes on in other accounts",
        "a critical sequence in one account, and its address making users in 4 others within 40 minutes";
    ProviderBypassed "provider-bypassed" ["D61"], "Console sign-in past the identity provider",
        "a role session in the console that no identity provider let in during the half hour before";
    CommandChannel "command-channel" ["intel"], "Command channel to a known control server",
        "25 flows in 75 minutes to an address that the table of intelligence calls c2";
    AttackSequence "attack-sequence" ["finding"], "Attack sequence reported by GuardDuty",
        "one critical finding that names its signals";
}

impl AttackKind {
    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ATTACK_KINDS.into_iter().find(|kind| kind.name() == name)
    }

    /// Its place in [`ATTACK_KINDS`]: decides its accounts and its hour.
    pub(super) fn ordinal(self) -> usize {
        self as usize
    }
}
