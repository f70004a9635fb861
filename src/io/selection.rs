//! What of history is read, told from where it lies: accounts, Regions, sources and days that paths and keys of objects name.
//!
//! Owns the layouts that AWS writes: `[prefix/]AWSLogs/[o-id/]ACCOUNT/SERVICE/REGION/YYYY/MM/DD/...`, the same without `AWSLogs/` where a
//! part of it was copied, and Hive style (`aws-account-id=.../aws-service=.../aws-region=.../year=.../month=.../day=...`). What a path
//! does not say cannot speak against it: unknown layouts are read, and their events judged one by one
//! ([`tidegate_core::pipeline::Selected`]).
//!
//! Never believes a path more than AWS does. The account of a GuardDuty export is the administrator's and that of Security Hub the
//! aggregator's, so it decides nothing there. A day is that of delivery, so one more on either side is read. The account of flow logs is
//! the owner of the network: interfaces that a shared network lends to others lie under the owner's.

use std::ops::RangeInclusive;
use tidegate_core::event::Source;
use tidegate_core::event::time::{DAY_MS, days_from_civil};
use tidegate_core::pipeline::Selected;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Accounts, Regions, sources.
    pub events: Selected,
    /// Days since 1970 whose deliveries may hold what is asked for; `None`: all.
    pub days: Option<RangeInclusive<i64>>,
}

/// Whether a path is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Read,
    /// Its path says that it holds nothing that is asked for.
    NotSelected,
    /// It holds no events: a digest by which trails are verified.
    Digest,
}

/// Paths and keys that are not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Nothing in them is selected. Folders of a bucket that were not listed are not in it.
    pub not_selected: u64,
    /// Digests of trails.
    pub digests: u64,
}

impl LeftOut {
    /// Counts what is not read; true: it is.
    pub fn keep(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Read => return true,
            Verdict::NotSelected => self.not_selected += 1,
            Verdict::Digest => self.digests += 1,
        }
        false
    }

    /// Adds what another place left out.
    pub fn add(&mut self, other: LeftOut) {
        self.not_selected += other.not_selected;
        self.digests += other.digests;
    }
}

/// What is to be looked at beneath a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beneath {
    /// Nothing.
    Nothing,
    /// Perhaps not all of it: its folders are judged one by one.
    Some,
    /// All of it: no folder in it could be left out.
    All,
}

/// Folders whose layout is not known are looked at one by one down to this depth, behind which `AWSLogs/` is hardly to come.
const UNKNOWN_DEPTH_MAX: usize = 6;

impl Selection {
    /// A selection of events, and of the days of these times (epoch milliseconds, the end excluded).
    #[must_use]
    pub fn new(events: Selected, (from_ms, to_ms): (i64, i64)) -> Self {
        let day = |ms: i64| ms.div_euclid(DAY_MS);
        let bounded = from_ms > i64::MIN || to_ms < i64::MAX;
        Selection { events, days: bounded.then(|| day(from_ms).saturating_sub(1)..=day(to_ms.saturating_sub(1)).saturating_add(1)) }
    }

    /// Judges a file or object.
    #[must_use]
    pub fn judge(&self, path: &str) -> Verdict {
        let folder = path.rfind('/').map_or("", |end| &path[..=end]);
        let place = Place::of(folder);
        match (self.may_hold(&place), place.service) {
            (false, _) => Verdict::NotSelected,
            (true, Some("CloudTrail-Digest")) => Verdict::Digest,
            (true, _) => Verdict::Read,
        }
    }

    /// Judges a folder (its path ends in `/`, or is empty).
    #[must_use]
    pub fn beneath(&self, folder: &str) -> Beneath {
        let place = Place::of(folder);
        if !self.may_hold(&place) {
            return Beneath::Nothing;
        }
        let settled = (place.account.is_some() || self.events.accounts.is_empty() || place.service.is_some())
            && (place.service.is_some() || (self.events.sources.is_empty() && self.events.accounts.is_empty()))
            && (place.region.is_some() || self.events.regions.is_empty())
            && (self.days.is_none() || place.days.as_ref().is_some_and(|days| days.start() == days.end()));
        // Without an account yet, folders of accounts are still to come: they are listed side by side.
        let known = place.account.is_some() || place.days.is_some();
        match (settled && known, known) {
            (true, _) => Beneath::All,
            (false, false) if folder.matches('/').count() > UNKNOWN_DEPTH_MAX => Beneath::All,
            _ => Beneath::Some,
        }
    }

    fn may_hold(&self, place: &Place<'_>) -> bool {
        let Selected { accounts, regions, sources } = &self.events;
        let source = match (place.service, sources.is_empty()) {
            (Some(service), false) => sources_of(service).iter().any(|source| sources.contains(source)),
            _ => true,
        };
        // Under an account whose service is not named yet there may be a folder of GuardDuty's.
        let tells = place.service.map_or_else(|| !others_may_lie_there(sources), tells_account);
        let account = !tells || place.account.is_none_or(|account| accounts.is_empty() || accounts.contains(account));
        let region = place.region.is_none_or(|region| regions.is_empty() || regions.contains(region));
        let days = match (&self.days, &place.days) {
            (Some(asked), Some(there)) => there.start() <= asked.end() && asked.start() <= there.end(),
            _ => true,
        };
        source && account && region && days
    }
}

/// The sources whose events lie under a service's folder; none where it is no source of ours.
fn sources_of(service: &str) -> &'static [Source] {
    match service {
        "GuardDuty" => &[Source::GuardDuty],
        "CloudTrail" | "CloudTrail-Insight" | "CloudTrail-Digest" => &[Source::CloudTrail],
        "vpcflowlogs" => &[Source::VpcFlow, Source::TransitGatewayFlow],
        "WAFLogs" => &[Source::Waf],
        "vpcdnsquerylogs" => &[Source::Route53],
        "SecurityHub" => &[Source::SecurityHub, Source::GuardDuty],
        _ => &[],
    }
}

/// Whether the account in a service's path is that of the events.
fn tells_account(service: &str) -> bool {
    !matches!(service, "GuardDuty" | "SecurityHub")
}

fn others_may_lie_there(sources: &std::collections::BTreeSet<Source>) -> bool {
    sources.is_empty() || sources.contains(&Source::GuardDuty) || sources.contains(&Source::SecurityHub)
}

/// What a folder's path says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place<'p> {
    account: Option<&'p str>,
    service: Option<&'p str>,
    region: Option<&'p str>,
    /// Days since 1970 that may lie there: one, a month or a year of them.
    days: Option<RangeInclusive<i64>>,
}

impl<'p> Place<'p> {
    fn of(folder: &'p str) -> Self {
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        let hive = Self::hive(&parts);
        if hive == Place::default() { Self::plain(&parts) } else { hive }
    }

    fn hive(parts: &[&'p str]) -> Self {
        let (mut place, mut date) = (Place::default(), [None; 3]);
        for (name, value) in parts.iter().filter_map(|part| part.split_once('=')) {
            match name {
                "aws-account-id" if is_account(value) => place.account = Some(value),
                "aws-service" => place.service = Some(value),
                "aws-region" if is_region(value) => place.region = Some(value),
                "year" => date[0] = number(value, 4),
                "month" => date[1] = number(value, 2),
                "day" => date[2] = number(value, 2),
                _ => {}
            }
        }
        place.days = days(date);
        place
    }

    fn plain(parts: &[&'p str]) -> Self {
        let Some(at) = account_at(parts) else { return Place::default() };
        let mut place = Place { account: Some(parts[at]), service: parts.get(at + 1).copied(), ..Place::default() };
        let mut rest = parts.iter().skip(at + 2);
        while let Some(part) = rest.next() {
            if place.region.is_none() && is_region(part) {
                place.region = Some(part);
            } else if let Some(year) = number(part, 4).filter(|_| part.len() == 4) {
                let mut next = || rest.next().and_then(|part| number(part, 2));
                let month = next();
                place.days = days([Some(year), month, month.and_then(|_| next())]);
                break;
            }
        }
        place
    }
}

/// Where the account stands: behind `AWSLogs/` and perhaps an organisation, or before a service that is known.
fn account_at(parts: &[&str]) -> Option<usize> {
    let behind = parts.iter().position(|part| *part == "AWSLogs").map(|at| match parts.get(at + 1) {
        Some(organisation) if organisation.starts_with("o-") => at + 2,
        _ => at + 1,
    });
    let account = |at: &usize| parts.get(*at).is_some_and(|part| is_account(part));
    let known = |at: usize| parts.get(at + 1).is_some_and(|service| !sources_of(service).is_empty());
    behind.filter(account).or_else(|| (0..parts.len()).find(|at| account(at) && known(*at)))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// `eu-central-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = &parts[..] else { return false };
    let letters = |part: &&str| part.len() > 1 && part.bytes().all(|b| b.is_ascii_lowercase());
    first.len() == 2 && !middle.is_empty() && middle.iter().all(letters) && last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str, digits_max: usize) -> Option<u32> {
    (text.len() <= digits_max && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// The days of a date of which only the year, or year and month, may be known.
fn days(date: [Option<u32>; 3]) -> Option<RangeInclusive<i64>> {
    let [Some(year), month, day] = date else { return None };
    let year = i64::from(year);
    let (month, day) = (month.filter(|m| (1..=12).contains(m)), day.filter(|d| (1..=31).contains(d)));
    let first = |year: i64, month: u32| days_from_civil(year, month, 1);
    match (month, day) {
        (Some(month), Some(day)) => Some(days_from_civil(year, month, day)..=days_from_civil(year, month, day)),
        (Some(12), None) => Some(first(year, 12)..=first(year + 1, 1) - 1),
        (Some(month), None) => Some(first(year, month)..=first(year, month + 1) - 1),
        (None, _) => Some(first(year, 1)..=first(year + 1, 1) - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::time::parse_any_ms;

    const TRAIL: &str = "logs/AWSLogs/o-abc1234567/111122223333/CloudTrail/eu-central-1/2026/11/02/t.json.gz";
    const EXPORT: &str = "AWSLogs/999900000000/GuardDuty/us-east-1/2026/11/02/f.jsonl.gz";
    const FLOWS: &str = "x/AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/02/09/f.log.gz";
    const HIVE: &str =
        "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-central-1/year=2026/month=11/day=02/hour=09/f.parquet";
    const COPY: &str = "copied/111122223333/CloudTrail/us-gov-west-1/2026/11/03/t.json.gz";
    const DIGEST: &str = "AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/02/d.json.gz";
    const OTHER: &str = "flowlogs/2026-11-02/part-1.gz";
    const ALL: [&str; 7] = [TRAIL, EXPORT, FLOWS, HIVE, COPY, DIGEST, OTHER];

    fn selection(accounts: &[&str], regions: &[&str], sources: &[Source], times: [&str; 2]) -> Selection {
        let names = |of: &[&str]| of.iter().map(|name| Box::from(*name)).collect();
        let selected = Selected { accounts: names(accounts), regions: names(regions), sources: sources.iter().copied().collect() };
        let ms = |text: &str, open| if text.is_empty() { open } else { parse_any_ms(text).expect("a time") };
        Selection::new(selected, (ms(times[0], i64::MIN), ms(times[1], i64::MAX)))
    }

    fn read(selection: &Selection) -> Vec<&'static str> {
        ALL.into_iter().filter(|path| selection.judge(path) == Verdict::Read).collect()
    }

    #[test]
    fn layouts_are_read_with_and_without_prefix_and_organisation() {
        let all = selection(&[], &[], &[], ["", ""]);
        assert_eq!(read(&all), [TRAIL, EXPORT, FLOWS, HIVE, COPY, OTHER]);
        assert_eq!(all.judge(DIGEST), Verdict::Digest);
        // The account of an export is the administrator's: it holds the findings of all.
        let account = selection(&["111122223333"], &[], &[], ["", ""]);
        assert_eq!(read(&account), [TRAIL, EXPORT, FLOWS, HIVE, COPY, OTHER]);
        assert_eq!(read(&selection(&["444455556666"], &[], &[], ["", ""])), [EXPORT, OTHER]);
        assert_eq!(read(&selection(&[], &["us-gov-west-1"], &[], ["", ""])), [COPY, OTHER]);
        assert_eq!(read(&selection(&[], &[], &[Source::VpcFlow], ["", ""])), [FLOWS, HIVE, OTHER]);
        assert_eq!(read(&selection(&[], &[], &[Source::GuardDuty], ["", ""])), [EXPORT, OTHER]);
        assert_eq!(selection(&[], &[], &[Source::GuardDuty], ["", ""]).judge(DIGEST), Verdict::NotSelected);
    }

    #[test]
    fn a_day_more_is_read_on_either_side() {
        let days = |from, to| read(&selection(&[], &[], &[], [from, to]));
        assert_eq!(days("2026-11-04T00:00:00Z", ""), [COPY, OTHER]);
        assert_eq!(days("2026-11-03T23:59:59Z", ""), [TRAIL, EXPORT, FLOWS, HIVE, COPY, OTHER]);
        assert_eq!(days("", "2026-11-01T00:00:01Z"), [TRAIL, EXPORT, FLOWS, HIVE, OTHER]);
        assert_eq!(days("", "2026-11-01T00:00:00Z"), [OTHER], "the end is not asked for");
    }

    #[test]
    fn folders_are_walked_no_further_than_they_can_be_judged() {
        let week = selection(&[], &[], &[], ["2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"]);
        let judged: [(&str, Beneath); 9] = [
            ("", Beneath::Some),
            ("AWSLogs/", Beneath::Some),
            ("AWSLogs/111122223333/CloudTrail/eu-central-1/", Beneath::Some),
            ("AWSLogs/111122223333/CloudTrail/eu-central-1/2025/", Beneath::Nothing),
            ("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/", Beneath::Some),
            ("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/10/", Beneath::Nothing),
            ("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/", Beneath::Some),
            ("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/03/", Beneath::All),
            ("a/b/c/d/e/f/g/", Beneath::All),
        ];
        for (folder, beneath) in judged {
            assert_eq!(week.beneath(folder), beneath, "{folder}");
        }
        let march = selection(&[], &[], &[], ["2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z"]);
        let months =
            (1..=12).filter(|m| march.beneath(&format!("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/{m:02}/")) == Beneath::Some);
        assert_eq!(months.collect::<Vec<_>>(), [3]);
        let all = selection(&[], &[], &[], ["", ""]);
        assert_eq!((all.beneath("AWSLogs/"), all.beneath("AWSLogs/111122223333/")), (Beneath::Some, Beneath::All));
        let account = selection(&["444455556666"], &[], &[], ["", ""]);
        assert_eq!(account.beneath("AWSLogs/111122223333/"), Beneath::Some, "there may be an export");
        assert_eq!(account.beneath("AWSLogs/111122223333/CloudTrail/"), Beneath::Nothing);
        let trails = selection(&["444455556666"], &[], &[Source::CloudTrail], ["", ""]);
        assert_eq!(trails.beneath("AWSLogs/o-abc1234567/111122223333/"), Beneath::Nothing);
        assert_eq!(trails.beneath("AWSLogs/o-abc1234567/444455556666/CloudTrail/"), Beneath::All);
    }

    /// What is left out on the way down would have been left out at the end.
    #[test]
    fn no_folder_is_left_out_that_holds_something_to_read() {
        let selections = [
            selection(&["111122223333"], &[], &[], ["2026-11-02T05:00:00Z", "2026-11-02T06:00:00Z"]),
            selection(&["444455556666"], &["us-east-1"], &[Source::GuardDuty], ["", "2026-11-02T06:00:00Z"]),
            selection(&[], &["eu-central-1"], &[Source::VpcFlow, Source::CloudTrail], ["2026-11-02T05:00:00Z", ""]),
            selection(&[], &[], &[], ["", ""]),
        ];
        for selection in &selections {
            for path in ALL {
                let mut folders = path.match_indices('/').map(|(at, _)| &path[..=at]);
                let nothing = folders.clone().find(|folder| selection.beneath(folder) == Beneath::Nothing);
                assert!(nothing.is_none() || selection.judge(path) == Verdict::NotSelected, "{path}: {nothing:?}");
                let all = folders.any(|folder| selection.beneath(folder) == Beneath::All);
                assert!(!all || selection.judge(path) != Verdict::NotSelected, "{path}");
            }
        }
    }
}
