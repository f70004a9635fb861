//! Near-misses: what looks like an attack and is none. At least one for each seeded kind; none may become an alert of its entry.
//!
//! They play in other accounts and with other principals and addresses than the attacks, and are there whatever attacks are selected.

mod data;
mod estate;
mod network;
mod people;

use super::scene::Scene;

/// A near-miss: the catalogue entry it must not trigger, and why it is benign.
#[derive(Clone, Copy)]
pub struct NearMiss {
    /// `D01` ..., or `finding`.
    pub catalogue: &'static str,
    /// What happens, and why it stays below.
    pub title: &'static str,
    pub(super) play: fn(&mut Scene<'_>),
}

const fn miss(catalogue: &'static str, title: &'static str, play: fn(&mut Scene<'_>)) -> NearMiss {
    NearMiss { catalogue, title, play }
}

/// Every near-miss.
#[must_use]
pub fn near_misses() -> &'static [NearMiss] {
    &NEAR_MISSES
}

const NEAR_MISSES: [NearMiss; 42] = [
    miss("D01", "9 failures of one user in 8 minutes, then success", people::forgotten_password),
    miss("D01", "12 failures of one user over 3 hours, then success", people::slow_fingers),
    miss("D02", "failures in 4 accounts and of 9 users in an hour, from a shared office", people::shared_office),
    miss("D02", "failures in 10 accounts from one office, spread over a day", people::office_day),
    miss("D06", "the exfiltration finding as AWS's sample", estate::sample_exfiltration),
    miss("D26", "19 distinct secrets read by one start-up in 5 minutes", data::start_up_secrets),
    miss("D26", "one secret read 60 times in 5 minutes", data::one_secret_often),
    miss("D11", "a user made by Terraform with a read-only policy", people::read_only_user),
    miss("D11", "one user made, another made administrator", people::two_users),
    miss("D13", "a key rotated and first used 41 minutes later", people::rotation),
    miss("D17", "24 refusals over 12 calls in 8 minutes, twice, an hour apart", people::few_refusals),
    miss("D17", "60 answers of a posture scanner that are errors but no refusals", estate::posture_scanner),
    miss("D18", "port 22 opened to the world and reached by the scanner alone", network::scanned_door),
    miss("D18", "port 22 opened for a demonstration, first used 75 minutes later", network::late_guest),
    miss("D19", "24 malformed trust policies of a broken pipeline", people::broken_policy),
    miss("D20", "19 copies with SSE-C in one bucket, 19 in another", data::customer_key_tool),
    miss("D20", "200 copies without SSE-C in 5 minutes", data::migration),
    miss("D21", "14 deletions in a bucket whose settings stayed", data::clean_up),
    miss("D22", "a snapshot shared inside the organisation, never copied", data::shared_inside),
    miss("D22", "one snapshot shared, another copied", data::other_snapshot),
    miss("D23", "one database made public in a sandbox, another exported elsewhere", data::two_databases),
    miss("D23", "a database public for 10 minutes, exported 75 minutes after", data::late_export),
    miss("D25", "4 snapshots deleted by the life-cycle role in each of 3 accounts", data::expiry),
    miss("D29", "one key scheduled for deletion by each of two people", data::old_keys),
    miss("D34", "termination protection set on 2 instances, and off on 3", estate::protection),
    miss("D35", "stop, user data, start over 27 minutes", estate::slow_user_data),
    miss("D35", "stop, change of size, start within 10 minutes", estate::resize),
    miss("D40", "40 ports of one host and 90 hosts on port 22, from the corporate scanner", network::corporate_scanner),
    miss("D49", "4 GiB in an hour to the backup service", network::backup),
    miss("D50", "a suspicious command on one host, the Docker socket on another", estate::two_hosts),
    miss("D50", "the Docker socket 3 hours after a new binary on one host", estate::slow_breakout),
    miss("D51", "an instance with a suspicious command goes on with the calls of its application", estate::busy_host),
    miss("D52b", "the hash of an empty file in 4 accounts, and one hash twice in one account", estate::empty_hash),
    miss("D56", "flow logs deleted 6 minutes before their VPC, a trail merely looked at", estate::teardown),
    miss("D57", "accounts made and moved, the organisation described", estate::new_accounts),
    miss("D05", "5 accounts changed from the address of a managed service", people::managed_service),
    miss("D58", "the posture scanner and AWS itself in the decoy account", estate::decoy_scanned),
    miss("D59", "24 refusals, 19 secrets and one key scheduled for deletion by one person", people::busy_newcomer),
    miss("D60", "an archived sequence whose address goes on in one other account", estate::archived_spread),
    miss("D61", "a role let in by the identity provider 25 minutes before its console sign-in", people::let_in),
    miss("intel", "flows to an address whose entry has expired, and answers to one that is listed", network::former_server),
    miss("finding", "an archived attack sequence", estate::archived_sequence),
];
