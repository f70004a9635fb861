use super::super::shard::STALLED_MAX;
use super::*;

/// Plays the service by hand: actions come out in order, answers are given in words.
struct Play {
    shards: Shards,
    now_ms: u64,
}

impl Play {
    fn new(start: Start, resume: &[ReadPosition]) -> Self {
        Play { shards: Shards::new("s".into(), start, Way::Poll, resume, 1), now_ms: 0 }
    }

    fn pushed_to() -> Self {
        Play { shards: Shards::new("s".into(), Start::TrimHorizon, Way::Subscribe, &[], 1), now_ms: 0 }
    }

    /// Everything that is to be done now, in words.
    fn due(&mut self) -> Vec<String> {
        let shards = &mut self.shards;
        let words = |action: Action| match action {
            Action::List => "list".to_owned(),
            Action::Open { shard, from, way: Way::Poll } => format!("open {shard} {from:?}"),
            Action::Open { shard, from, way: Way::Subscribe } => format!("subscribe {shard} {from:?}"),
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
        let answer = Answer { records, next: next.map(str::to_owned), behind_ms, service_ms: 1_000_001_000, fresh: true };
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

/// As a subscription brings it.
fn event(numbers: &[&str], next: Option<&str>, fresh: bool) -> Answer {
    let got = |n: &&str| Got { sequence: (*n).to_owned(), arrival_ms: Some(1_000_000_500), bytes: Vec::new() };
    let (records, next) = (numbers.iter().map(got).collect(), next.map(str::to_owned));
    Answer { records, next, behind_ms: 0, service_ms: 1_000_001_000, fresh }
}

#[test]
fn a_subscription_goes_on_where_it_said_never_within_five_seconds_and_is_renewed_before_it_ends() {
    let mut play = Play::pushed_to();
    play.due();
    play.list(&[("a", &[])]);
    play.due();
    play.taken(".");
    assert_eq!(play.due(), ["subscribe a Horizon"]);
    play.opened("a", "subscribed");
    assert_eq!(play.due(), ["fetch a subscribed"]);
    play.answer(Event::Fetched("a".into(), Ok(event(&["7"], Some("9"), true))));
    assert_eq!(play.due(), ["hand a: a 7 Records [after 7 1000000500]"]);
    play.taken("a");
    assert_eq!(play.due(), ["fetch a 9"], "at once");
    play.answer(Event::Fetched("a".into(), Ok(event(&[], Some("11"), false))));
    assert_eq!(play.due(), ["fetch a 11"], "it waited: it says nothing of the time since");
    play.answer(Event::Fetched("a".into(), Ok(event(&[], Some("12"), true))));
    assert_eq!(play.due(), ["hand a: a Idle(1000001000)"]);
    play.taken("a");
    play.due();
    play.answer(Event::Fetched("a".into(), Err(Refusal::Expired)));
    play.now_ms = SUBSCRIBE_MS - 1;
    assert_eq!(play.due(), [""; 0]);
    play.now_ms = SUBSCRIBE_MS;
    assert_eq!(play.due(), ["subscribe a Number(\"12\")"]);
    play.answer(Event::Opened("a".into(), Err(Refusal::InUse("somebody".to_owned()))));
    play.now_ms = 2 * SUBSCRIBE_MS;
    assert_eq!(play.due(), ["subscribe a Number(\"12\")"]);
    play.answer(Event::Opened("a".into(), Err(Refusal::Invalid("no such number".to_owned()))));
    play.now_ms = 3 * SUBSCRIBE_MS;
    assert_eq!(play.due(), ["subscribe a After(\"7\")"], "nothing is lost by that");
    play.opened("a", "subscribed");
    assert_eq!(play.due(), ["fetch a subscribed"]);
    play.now_ms += SESSION_MS;
    play.answer(Event::Fetched("a".into(), Ok(event(&["13"], Some("13"), true))));
    play.taken("a");
    assert_eq!(play.due().last().map(String::as_str), Some("subscribe a Number(\"13\")"));
}

#[test]
fn that_a_pushed_shard_ends_is_believed_after_a_poll() {
    let mut play = Play::pushed_to();
    play.due();
    play.list(&[("a", &[]), ("b", &["a"])]);
    play.due();
    play.taken(".");
    play.due();
    play.opened("a", "subscribed");
    play.due();
    play.answer(Event::Fetched("a".into(), Ok(event(&["7"], None, true))));
    assert_eq!(play.due(), ["hand a: a 7 Records [after 7 1000000500]"]);
    play.taken("a");
    assert_eq!(play.due(), ["open a After(\"7\")"]);
    play.opened("a", "i");
    assert_eq!(play.due(), ["fetch a i"]);
    play.fetched("a", &["8"], None, 0);
    assert_eq!(play.due(), ["hand a: a 8 Records [after 8 1000000500]"]);
    play.taken("a");
    assert_eq!(play.due(), ["hand a: b Records, a Ended [end 1000000500]"]);
    play.taken("a");
    assert_eq!(play.due(), ["subscribe b Horizon"]);
}

#[test]
fn an_idle_subscription_to_a_shard_with_children_is_over_even_if_it_does_not_say_so() {
    let mut play = Play::pushed_to();
    play.due();
    play.list(&[("a", &[]), ("b", &["a"])]);
    play.due();
    play.taken(".");
    play.due();
    play.opened("a", "subscribed");
    play.due();
    play.answer(Event::Fetched("a".into(), Ok(event(&["7"], Some("7"), true))));
    play.due();
    play.taken("a");
    play.due();
    play.answer(Event::Fetched("a".into(), Ok(event(&[], Some("7"), true))));
    play.due();
    play.taken("a");
    assert_eq!(play.due(), ["open a After(\"7\")"]);
    play.opened("a", "i");
    play.due();
    play.fetched("a", &[], None, 0);
    assert_eq!(play.due(), ["hand a: b Records, a Ended [end 1000000500]"]);
}

#[test]
fn many_subscriptions_wait_at_once_and_polls_do_not() {
    for (way, most) in [(Way::Poll, READS_MAX), (Way::Subscribe, 40)] {
        let mut play = Play { shards: Shards::new("s".into(), Start::TrimHorizon, way, &[], 1), now_ms: 0 };
        let names: Vec<String> = (0..40).map(|n| format!("shard-{n}")).collect();
        play.due();
        play.list(&names.iter().map(|name| (name.as_str(), &[][..])).collect::<Vec<_>>());
        play.due();
        play.taken(".");
        let mut under_way = 0;
        for _ in 0..10 {
            for said in play.due() {
                match said.split(' ').collect::<Vec<_>>()[..] {
                    ["open" | "subscribe", shard, _] => play.opened(shard, "i"),
                    ["fetch", ..] => under_way += 1,
                    _ => {}
                }
            }
        }
        assert_eq!(under_way, most, "{way:?}");
    }
}

#[test]
fn an_idle_shard_whose_last_record_expired_lost_nothing() {
    let position = token::position(&"s".into(), &"a".into(), 5u64.into(), "after 5 999999000 800000000".to_owned());
    let mut play = Play::new(Start::TrimHorizon, &[position]);
    play.due();
    play.list(&[("a", &[])]);
    assert_eq!(play.due(), ["hand .: . Ended [start trim_horizon 1000000000], a Records"]);
    play.taken(".");
    assert_eq!(play.due(), ["open a Horizon"]);
    play.opened("a", "i");
    play.due();
    play.fetched("a", &["5", "9"], Some("i"), 0);
    assert_eq!(play.due(), ["hand a: a 9 Records [after 9 1000000500]"]);
}

#[test]
fn records_that_expire_before_they_are_read_are_told() {
    let mut play = Play::new(Start::TrimHorizon, &[]);
    play.due();
    play.list(&[("a", &[])]);
    play.due();
    play.taken(".");
    play.due();
    play.opened("a", "i");
    play.due();
    play.fetched("a", &["1"], Some("i"), 40_000_000);
    play.due();
    play.taken("a");
    play.now_ms += 5_000;
    play.due();
    play.fetched("a", &["2"], Some("i"), 86_399_000);
    assert_eq!(play.due(), ["hand a: a 2 Records [after 2 1000000500] LOST"]);
    assert_eq!(play.shards.warning(), None);
}

#[test]
fn a_stream_that_does_not_say_how_long_it_keeps_records_is_warned_of() {
    let mut play = Play::new(Start::TrimHorizon, &[]);
    play.due();
    let listing = Listing { shards: vec![("a".into(), Vec::new())], service_ms: 1_000_000_000, retention_ms: None };
    play.answer(Event::Listed(Ok(listing)));
    assert!(play.shards.warning().expect("a warning").contains("DescribeStreamSummary"));
}

#[test]
fn iterators_that_never_work_are_not_asked_for_without_pause() {
    let mut play = Play::new(Start::TrimHorizon, &[]);
    play.due();
    play.list(&[("a", &[])]);
    play.due();
    play.taken(".");
    let mut opened = 0;
    while play.now_ms < 10_000 {
        for said in play.due() {
            if said.starts_with("open") {
                opened += 1;
                play.opened("a", "i");
            } else {
                play.answer(Event::Fetched("a".into(), Err(Refusal::Expired)));
            }
        }
        play.now_ms += 10;
    }
    assert!((4..12).contains(&opened), "{opened}");
}
