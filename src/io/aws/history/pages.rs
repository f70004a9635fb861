//! Which findings are asked for next: a state machine without clock and network.
//!
//! Owns the walk through a detector's findings by `updatedAt`, from a time to a time. Findings are updated while they are read, and
//! nobody says how a token of the service counts: a walk by tokens alone could step over findings that move. So each page is listed
//! anew from the last moment that was read (`cursor`), in order of `updatedAt`, below a bound that is fixed at the start; a token is
//! followed only through findings of one moment, which are listed until two lists are the same. What was updated past the bound
//! meanwhile is read in further walks from there, where the range has no end before it: until one finds nothing, at most [`WALKS_MAX`].
//!
//! Limits: the service keeps the last state of each finding, so what was updated after the range is not in it any more. A token that is
//! refused is given up once per moment, and the page is listed anew. The order is the service's: where a page shows that it is not kept,
//! tokens are followed, and it is told.

use std::collections::{BTreeMap, VecDeque};

/// Walks behind what is updated while it is read; each is about as long as the one before took.
const WALKS_MAX: u32 = 8;

/// What is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// List ids of findings that were updated in [first, second), oldest first.
    List(Option<i64>, Option<i64>, Option<String>),
    /// Get these findings.
    Get(Vec<String>),
    /// Say what time it is: what was updated meanwhile is listed up to then.
    Time,
    /// Nothing more.
    Done,
}

/// The walk.
#[derive(Debug)]
pub(super) struct Pages {
    cursor: Option<i64>,
    bound: Option<i64>,
    /// Where all walks end.
    to: Option<i64>,
    walks: u32,
    /// Listed in this walk.
    found: u64,
    token: Option<String>,
    /// Read at the cursor, or since it was last moved, and when each was updated.
    seen: BTreeMap<String, i64>,
    listed: Vec<String>,
    fresh: Option<VecDeque<String>>,
    next: Option<String>,
    /// The service keeps the order.
    sorted: bool,
    /// What this list of the cursor's moment held so far, and what the one before held.
    pass: Vec<String>,
    pass_before: Vec<String>,
    retried: bool,
    over: bool,
    gone: u64,
}

impl Pages {
    /// Findings that were updated in [from, to); `now_ms`: the time of the start.
    pub(super) fn new(from: Option<i64>, to: Option<i64>, now_ms: i64) -> Self {
        let bound = Some(to.map_or(now_ms, |to| to.min(now_ms)));
        Pages {
            cursor: from,
            bound,
            to,
            walks: 1,
            found: 0,
            token: None,
            seen: BTreeMap::new(),
            listed: Vec::new(),
            fresh: None,
            next: None,
            sorted: true,
            pass: Vec::new(),
            pass_before: Vec::new(),
            retried: false,
            over: from.is_some() && from >= bound,
            gone: 0,
        }
    }

    /// What is to be asked.
    pub(super) fn ask(&self) -> Ask {
        match &self.fresh {
            _ if self.over && self.last_walk() => Ask::Done,
            _ if self.over => Ask::Time,
            Some(fresh) => Ask::Get(fresh.iter().cloned().collect()),
            None => Ask::List(self.cursor, self.bound, self.token.clone()),
        }
    }

    fn last_walk(&self) -> bool {
        self.bound == self.to || self.walks >= WALKS_MAX || (self.walks > 1 && self.found == 0)
    }

    /// Up to here nothing is missing.
    pub(super) fn reached_ms(&self) -> Option<i64> {
        self.cursor
    }

    /// Findings that were listed and were not there a moment later.
    pub(super) fn gone(&self) -> u64 {
        self.gone
    }

    /// The service did not keep the order that was asked for: something may be missing.
    pub(super) fn is_disordered(&self) -> bool {
        !self.sorted
    }

    /// The time that was asked for.
    pub(super) fn time(&mut self, now_ms: i64) {
        let to = self.to.map_or(now_ms, |to| to.min(now_ms));
        let next = Pages::new(self.bound.max(self.cursor), Some(to), now_ms);
        *self = Pages { to: self.to, walks: self.walks + 1, gone: self.gone, sorted: self.sorted, ..next };
    }

    /// A page that was listed.
    pub(super) fn listed(&mut self, ids: Vec<String>, next: Option<String>) {
        (self.listed, self.next) = (ids, next);
        let fresh: VecDeque<String> = self.listed.iter().filter(|id| !self.seen.contains_key(*id)).cloned().collect();
        self.found += fresh.len() as u64;
        let none = fresh.is_empty();
        self.fresh = Some(fresh);
        if none {
            self.got(&BTreeMap::new());
        }
    }

    /// The findings of the page that were not seen before: when each was last updated.
    pub(super) fn got(&mut self, updated: &BTreeMap<String, i64>) {
        let fresh = self.fresh.take().unwrap_or_default();
        self.gone += fresh.iter().filter(|id| !updated.contains_key(*id)).count() as u64;
        // What is gone, or was updated between the two calls, says nothing about the order.
        let within = |ms: &i64| self.bound.is_none_or(|bound| *ms < bound);
        let time = |id: &String| updated.get(id).or_else(|| self.seen.get(id)).copied().filter(within);
        let times: Vec<i64> = self.listed.iter().filter_map(time).collect();
        self.sorted &= times.is_sorted();
        let (last, later) = (times.iter().max().copied(), times.iter().find(|at| Some(**at) > self.cursor).copied());
        let behind = |id: &&String| time(id).is_none_or(|at| Some(at) <= self.cursor);
        let behind: Vec<String> = self.listed.iter().filter(behind).cloned().collect();
        self.pass.extend(behind);
        let known = self.pass.iter().any(|id| time(id).is_some());
        self.seen.extend(fresh.into_iter().map(|id| (updated.get(&id).copied().unwrap_or(i64::MAX), id)).map(|(at, id)| (id, at)));
        let end = self.next.is_none();
        match (self.token.take(), self.sorted && last > self.cursor) {
            // Everything before the last moment of this page was in it.
            (None, true) => (self.over, self.cursor) = (end, last),
            (None, false) => (self.over, self.token) = (end, self.next.take()),
            (Some(_), false) if !end => self.token = self.next.take(),
            (Some(_), _) if !self.sorted => self.over = true,
            // Had something moved out of the first of two lists, it would not be in the second: nothing was stepped over.
            (Some(_), _) if self.pass == self.pass_before && known => self.cursor = self.cursor.map(|at| at + 1),
            // Nothing of it can be had.
            (Some(_), _) if self.pass == self.pass_before => (self.over, self.cursor) = (later.is_none(), later),
            (Some(_), _) => self.pass_before = std::mem::take(&mut self.pass),
        }
        if self.token.is_none() {
            let cursor = self.cursor;
            self.seen.retain(|_, at| Some(*at) >= cursor);
            self.pass.clear();
            self.retried = false;
        }
    }

    /// The service does not know the token any more. False: without it nothing can be done.
    pub(super) fn token_refused(&mut self) -> bool {
        let again = self.token.is_some() && self.sorted && !self.retried;
        (self.token, self.retried) = (None, true);
        self.pass.clear();
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A detector whose tokens count places, which is the worst they can do.
    struct Detector {
        findings: Vec<(String, i64)>,
        page: usize,
        sorts: bool,
    }

    impl Detector {
        fn list(&mut self, from: Option<i64>, to: Option<i64>, token: Option<&str>) -> (Vec<String>, Option<String>) {
            if self.sorts {
                self.findings.sort_by_key(|(id, at)| (*at, id.clone()));
            }
            let within = |at: i64| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
            let all: Vec<&str> = self.findings.iter().filter(|(_, at)| within(*at)).map(|(id, _)| id.as_str()).collect();
            let first = token.map_or(0, |token| token.parse::<usize>().expect("a place"));
            let page = all.iter().skip(first).take(self.page).map(|id| (*id).to_owned()).collect();
            (page, (first + self.page < all.len()).then(|| (first + self.page).to_string()))
        }
    }

    /// Walks through; between any two calls something may happen. Gives what was read: (id, updated).
    fn walk(detector: &mut Detector, mut pages: Pages, mut meanwhile: impl FnMut(&mut Detector, usize) -> i64) -> Vec<(String, i64)> {
        let mut read = Vec::new();
        for step in 0..100_000 {
            let now_ms = meanwhile(detector, step);
            match pages.ask() {
                Ask::List(from, to, token) => {
                    let (ids, next) = detector.list(from, to, token.as_deref());
                    pages.listed(ids, next);
                }
                Ask::Get(ids) => {
                    let got: BTreeMap<String, i64> = detector.findings.iter().filter(|(id, _)| ids.contains(id)).cloned().collect();
                    read.extend(got.clone());
                    pages.got(&got);
                }
                Ask::Time => pages.time(now_ms),
                Ask::Done => return read,
            }
        }
        panic!("it does not end");
    }

    fn detector(rng: &mut fastrand::Rng) -> Detector {
        let (findings, moments, page) = (rng.usize(0..60), rng.i64(1..40), rng.usize(1..8));
        let findings = (0..findings).map(|n| (format!("f{n}"), rng.i64(0..moments) * 10)).collect();
        Detector { findings, page, sorts: true }
    }

    #[test]
    fn each_finding_of_the_range_is_read_once_whatever_the_pages() {
        for seed in 0..2_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut detector = detector(&mut rng);
            let (from, to) = (rng.bool().then(|| rng.i64(0..200)), rng.bool().then(|| rng.i64(200..400)));
            let within = |at: i64| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
            let mut wanted: Vec<_> = detector.findings.iter().filter(|(_, at)| within(*at)).cloned().collect();
            let mut read = walk(&mut detector, Pages::new(from, to, 1_000), |_, _| 1_000);
            wanted.sort();
            read.sort();
            assert_eq!(read, wanted, "seed {seed}");
        }
    }

    #[test]
    fn findings_that_are_updated_meanwhile_are_not_stepped_over() {
        for seed in 0..2_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut detector = detector(&mut rng);
            let start = 1_000;
            let (mut now_ms, mut moved) = (start, BTreeMap::new());
            let read = walk(&mut detector, Pages::new(None, None, start), |detector, step| {
                now_ms += 10;
                if step < 40 && !detector.findings.is_empty() && rng.bool() {
                    let n = rng.usize(..detector.findings.len());
                    // Minutes lie between two updates of a finding, and a further walk takes seconds.
                    if moved.insert(detector.findings[n].0.clone(), ()).is_none() {
                        detector.findings[n].1 = now_ms;
                    }
                }
                now_ms + 1
            });
            let last: BTreeMap<&str, i64> = read.iter().map(|(id, at)| (id.as_str(), *at)).collect();
            for (id, at) in &detector.findings {
                assert!(last.contains_key(id.as_str()), "seed {seed}: {id} of {at} was stepped over");
            }
        }
    }

    #[test]
    fn findings_that_vanish_are_counted_and_cost_no_other() {
        let findings = (0..10).map(|n| (format!("f{n}"), i64::from(n))).collect();
        let mut detector = Detector { findings, page: 4, sorts: true };
        let mut pages = Pages::new(None, Some(100), 1_000);
        let mut read = 0;
        loop {
            match pages.ask() {
                Ask::List(from, to, token) => {
                    let (ids, next) = detector.list(from, to, token.as_deref());
                    pages.listed(ids, next);
                }
                Ask::Get(ids) => {
                    detector.findings.retain(|(id, _)| id != "f2" && id != "f9");
                    let got: BTreeMap<_, _> = detector.findings.iter().filter(|(id, _)| ids.contains(id)).cloned().collect();
                    read += got.len();
                    pages.got(&got);
                }
                other => break assert_eq!(other, Ask::Done),
            }
        }
        assert_eq!((read, pages.gone()), (8, 1), "f9 was not even listed");
    }

    #[test]
    fn findings_that_are_listed_and_never_there_end() {
        let mut pages = Pages::new(None, Some(100), 1_000);
        for _ in 0..100 {
            match pages.ask() {
                Ask::List(_, _, None) => pages.listed(vec!["a".to_owned()], Some("t".to_owned())),
                Ask::List(..) => pages.listed(vec!["b".to_owned()], None),
                Ask::Get(_) => pages.got(&BTreeMap::new()),
                Ask::Time => pages.time(2_000),
                Ask::Done => return assert_eq!(pages.gone(), 2),
            }
        }
        panic!("it does not end");
    }

    #[test]
    fn a_token_that_is_refused_is_given_up_once() {
        let mut pages = Pages::new(None, Some(100), 1_000);
        pages.listed(vec!["a".to_owned()], Some("t".to_owned()));
        pages.got(&BTreeMap::from([("a".to_owned(), 5)]));
        assert_eq!(pages.ask(), Ask::List(Some(5), Some(100), None), "the next page begins at the last moment");
        pages.listed(vec!["a".to_owned(), "b".to_owned()], Some("t".to_owned()));
        assert_eq!(pages.ask(), Ask::Get(vec!["b".to_owned()]));
        pages.got(&BTreeMap::from([("b".to_owned(), 5)]));
        assert_eq!(pages.ask(), Ask::List(Some(5), Some(100), Some("t".to_owned())), "one moment: by token");
        assert!(pages.token_refused());
        assert_eq!(pages.ask(), Ask::List(Some(5), Some(100), None));
        pages.listed(vec!["a".to_owned(), "b".to_owned()], Some("t".to_owned()));
        assert_eq!(pages.ask(), Ask::List(Some(5), Some(100), Some("t".to_owned())));
        assert!(!pages.token_refused(), "it does not help twice");
    }

    #[test]
    fn a_service_that_does_not_sort_is_noticed_and_read_by_its_tokens() {
        let findings = [5, 3, 9, 1, 7, 2].iter().enumerate().map(|(n, at)| (format!("f{n}"), *at)).collect();
        let mut detector = Detector { findings, page: 2, sorts: false };
        let mut pages = Pages::new(None, Some(100), 1_000);
        let mut read = 0;
        loop {
            match pages.ask() {
                Ask::List(from, to, token) => {
                    let (ids, next) = detector.list(from, to, token.as_deref());
                    pages.listed(ids, next);
                }
                Ask::Get(ids) => {
                    read += ids.len();
                    pages.got(&detector.findings.iter().filter(|(id, _)| ids.contains(id)).cloned().collect());
                }
                other => break assert_eq!(other, Ask::Done),
            }
        }
        assert!(pages.is_disordered());
        assert_eq!(read, 6);
    }

    #[test]
    fn an_empty_range_asks_for_nothing() {
        assert_eq!(Pages::new(Some(10), Some(10), 1_000).ask(), Ask::Done);
        assert_eq!(Pages::new(Some(2_000), None, 1_000).ask(), Ask::Time);
    }
}
