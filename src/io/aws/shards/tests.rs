use super::super::shard::STALLED_MAX;
use super::*;

/// Plays the service by hand: actions come out in order, answers are given in words.
struct Play {
    shards: Shards,
    now_ms: u64,
}

impl Play {
    fn new(start: Start, resume: &[ReadPosition]) -> Self {
        Play { shards: Shards::new("s".into(), start, resume, 1), now_ms: 0 }
    }

    /// Everything that is to be done now, in words.
    fn due(&mut self) -> Vec<String> {
        let shards = &mut self.shards;
        let words = |action: Action| match action {
            Action::List => "list".to_owned(),
            Action::Open { shard, from } => format!("open {shard} {from:?}"),
            Action::Fetch { shard, iterator, .. } => format!("fetch {shard} {iterator}"),
            Action::Hand { shard, reads } => format!("hand {shard}: {}", reads.iter().map(said).collect::<Vec<_>>().join(", ")),
        };
        std::iter::from_fn(|| shards.next(self.now_ms).map(words)).collect()
    }

    fn list(&mut self, shards: &[(&str, &[&str])]) {
        let shards = shards.iter().map(|(name, parents)| ((*name).into(), parents.iter().map(|p| (*p).into()).collect()));
        let listing = Listing { shards: shards.collect(), service_ms: 1_000_000_000, retention_ms: Some(86_400_000) };
        self.answer(Event::Listed(Ok(listing)));
    }

    fn fetched(&mut self, shard: &str, numbers: &[&str], next: Option<&str>, behind_ms: i64) {
        let got = |n: &&str| Got { sequence: (*n).to_owned(), arrival_ms: Some(1_000_000_500), bytes: Vec::new() };
        let records = numbers.iter().map(got).collect();
        let answer = Answer { records, next: next.map(str::to_owned), behind_ms, service_ms: 1_000_001_000 };
        self.answer(Event::Fetched(shard.into(), Ok(answer)));
    }

    fn opened(&mut self, shard: &str, iterator: &str) {
        self.answer(Event::Opened(shard.into(), Ok(iterator.to_owned())));
    }

    fn taken(&mut self, shard: &str) {
        self.answer(Event::Taken(shard.into()));
    }

    fn answer(&mut self, event: Event) {
        self.shards.answer(event, self.now_ms);
    }
}

fn said(read: &Read) -> String {
    let numbers: String = read.records.iter().map(|r| format!(" {}", r.position.sequence)).collect();
    let position = read.position.as_ref().map_or_else(String::new, |p| format!(" [{}]", p.token));
    let lost = if read.lost.is_some() { " LOST" } else { "" };
    format!("{}{numbers} {:?}{position}{lost}", read.shard, read.progress)
}

#[test]
fn children_are_announced_before_their_parent_ends_and_read_after_it() {
    let mut play = Play::new(Start::TrimHorizon, &[]);
    assert_eq!(play.due(), ["list"]);
    play.list(&[("a", &[])]);
    assert_eq!(play.due(), ["hand .: . Ended [start trim_horizon 1000000000], a Records"]);
    play.taken(".");
    assert_eq!(play.due(), ["open a Horizon"]);
    play.opened("a", "i1");
    assert_eq!(play.due(), ["fetch a i1"]);
    play.fetched("a", &["07", "12"], None, 0);
    assert_eq!(play.due(), ["hand a: a 7 12 Records [after 12 1000000500]"]);
    play.taken("a");
    assert_eq!(play.due(), ["list"], "its end asks for its children");
    play.list(&[("a", &[]), ("b", &["a"]), ("c", &["a"])]);
    assert_eq!(play.due(), ["hand a: b Records, c Records, a Ended [end 1000000500]"]);
    play.taken("a");
    assert_eq!(play.due(), ["open b Horizon", "open c Horizon"]);
}

#[test]
fn a_merged_shard_waits_for_both_parents() {
    let position = |shard: &str, number: u64, token: &str| token::position(&"s".into(), &shard.into(), number.into(), token.to_owned());
    let resume = [position("a", 5, "end 999999000"), position("b", 7, "after 07 999999000"), position(".", 0, "start 999000000 999000000")];
    let mut play = Play::new(Start::Latest, &resume);
    assert_eq!(play.due(), ["list"]);
    play.list(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]);
    assert_eq!(play.due(), ["hand .: . Ended, b Records"], "a ended in an earlier run, c waits for b");
    play.taken(".");
    assert_eq!(play.due(), ["open b After(\"07\")"]);
    play.opened("b", "i");
    play.due();
    play.fetched("b", &[], None, 0);
    assert_eq!(play.due(), ["hand b: c Records, b Ended [end 999999000]"]);
    play.taken("b");
    assert_eq!(play.due(), ["open c Horizon"], "its parents were read");
}

#[test]
fn latest_is_kept_and_holds_for_shards_that_were_not_read_yet() {
    let mut play = Play::new(Start::Latest, &[]);
    play.due();
    play.list(&[("a", &[]), ("b", &["a"])]);
    assert_eq!(play.due(), ["hand .: . Ended [start 1000000000 1000000000], a Records"]);
    play.taken(".");
    assert_eq!(play.due(), ["open a At(1000000000)"]);
    play.opened("a", "i");
    play.due();
    play.fetched("a", &[], None, 0);
    assert_eq!(play.due(), ["hand a: b Records, a Ended [end 0]"]);
    play.taken("a");
    assert_eq!(play.due(), ["open b At(1000000000)"], "nothing of its parent was wanted, so it may be older than the start");
}

#[test]
fn what_arrived_before_the_start_is_left_out_whatever_the_service_gives() {
    let mut play = Play::new(Start::At(1_000_000_600), &[]);
    play.due();
    play.list(&[("a", &[])]);
    play.due();
    play.taken(".");
    assert_eq!(play.due(), ["open a At(1000000600)"]);
    play.opened("a", "i");
    play.due();
    play.fetched("a", &["7"], Some("i"), 0);
    assert_eq!(play.due(), [""; 0], "it arrived at 1000000500");
}

#[test]
fn idle_is_an_empty_answer_at_the_tip() {
    let mut play = Play::new(Start::TrimHorizon, &[]);
    play.due();
    play.list(&[("a", &[])]);
    play.due();
    play.taken(".");
    play.due();
    play.opened("a", "i1");
    play.due();
    play.fetched("a", &[], Some("i2"), 5_000);
    assert_eq!(play.due(), [""; 0], "not at the tip: nothing is said, and it is not read at once");
    play.now_ms += 1_100;
    assert_eq!(play.due(), ["fetch a i2"]);
    play.fetched("a", &[], Some("i3"), 0);
    assert_eq!(play.due(), ["hand a: a Idle(1000001000) [after - 1000001000]"]);
    play.now_ms += 1_100;
    assert_eq!(play.due(), [""; 0], "not taken: not read");
    play.taken("a");
    assert_eq!(play.due(), ["fetch a i3"]);
    play.answer(Event::Fetched("a".into(), Err(Refusal::Expired)));
    assert_eq!(play.due(), ["open a Horizon"]);
}

#[test]
fn what_is_gone_is_told_and_reading_goes_on() {
    let position = |shard: &str, number: u64, token: &str| token::position(&"s".into(), &shard.into(), number.into(), token.to_owned());
    let resume = [position("a", 5, "after 5 999999000"), position("b", 7, "after 7 999999000"), position("c", 7, "after 7 900000000")];
    let mut play = Play::new(Start::TrimHorizon, &resume);
    play.due();
    play.list(&[("b", &["a"]), ("c", &[])]);
    assert_eq!(play.due(), ["hand .: . Ended [start trim_horizon 1000000000], a Records, c Records LOST"]);
    play.taken(".");
    assert_eq!(play.due(), ["open a After(\"5\")", "open c After(\"7\")"]);
    play.answer(Event::Opened("a".into(), Err(Refusal::Missing("no such shard".to_owned()))));
    assert_eq!(play.due(), ["hand a: b Records, a Ended [end 999999000] LOST"]);
    play.taken("a");
    assert_eq!(play.due(), ["open b After(\"7\")"]);
    play.answer(Event::Opened("b".into(), Err(Refusal::Invalid("too old".to_owned()))));
    assert_eq!(play.due(), ["hand b: b Records LOST"]);
    play.taken("b");
    assert_eq!(play.due(), ["open b Horizon"]);
    play.opened("b", "i");
    play.due();
    play.fetched("b", &["3"], Some("i"), 0);
    assert_eq!(play.due(), ["hand b: b 3 Records [after 3 1000000500]"], "a stream that was made anew counts anew");
}

#[test]
fn a_position_that_comes_no_nearer_to_the_tip_is_given_up() {
    let position = token::position(&"s".into(), &"a".into(), 5u64.into(), "after 5 999999000".to_owned());
    let mut play = Play::new(Start::TrimHorizon, &[position]);
    play.due();
    play.list(&[("a", &[])]);
    play.due();
    play.taken(".");
    play.due();
    play.opened("a", "i");
    let told = (0..STALLED_MAX + 2).find_map(|_| {
        play.now_ms += 1_100;
        let said = play.due();
        play.fetched("a", &[], Some("i"), 86_400_000);
        said.into_iter().find(|said| said.starts_with("hand"))
    });
    assert_eq!(told.as_deref(), Some("hand a: a Records LOST"));
}

#[test]
fn nothing_is_concluded_from_an_empty_listing_and_a_wrong_stream_is_fatal_at_the_start_only() {
    let position = token::position(&"s".into(), &"a".into(), 5u64.into(), "after 5 999999000".to_owned());
    let mut play = Play::new(Start::TrimHorizon, &[position]);
    play.due();
    play.list(&[]);
    assert_eq!(play.due(), [""; 0]);
    play.now_ms += 1_000;
    assert_eq!(play.due(), ["list"]);
    play.list(&[("a", &[])]);
    play.now_ms += LIST_MS;
    play.due();
    play.answer(Event::Listed(Err(Refusal::Denied("no".to_owned()))));
    assert_eq!(play.shards.fatal(), None);
    let mut play = Play::new(Start::TrimHorizon, &[]);
    play.due();
    play.answer(Event::Listed(Err(Refusal::Missing("no stream".to_owned()))));
    assert_eq!(play.shards.fatal(), Some("no stream"));
}
