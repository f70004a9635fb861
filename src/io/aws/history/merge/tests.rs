use super::*;

const HOUR: i64 = 3_600_000;

/// A shard as the service keeps it.
#[derive(Debug, Clone, Default)]
struct Kept {
    parents: Vec<usize>,
    /// (number, arrival), in order of number; arrivals go back by less than the slack.
    records: Vec<(u64, i64)>,
    closed: bool,
}

fn name(n: usize) -> Arc<str> {
    format!("shardId-{n:012}").into()
}

/// A history with splits and merges; gives the shards and the time at its end.
fn history(rng: &mut fastrand::Rng) -> (Vec<Kept>, i64) {
    let mut shards = vec![Kept::default(); rng.usize(1..4)];
    let (mut number, mut now_ms) = (1, HOUR);
    for _ in 0..rng.usize(0..300) {
        now_ms += rng.i64(0..5_000);
        let open: Vec<usize> = (0..shards.len()).filter(|n| !shards[*n].closed).collect();
        let shard = open[rng.usize(..open.len())];
        match rng.u8(0..40) {
            0 => {
                shards[shard].closed = true;
                shards.extend(vec![Kept { parents: vec![shard], ..Kept::default() }; 2]);
            }
            1 if open.len() > 1 => {
                let other = *open.iter().find(|n| **n != shard).expect("another");
                (shards[shard].closed, shards[other].closed) = (true, true);
                shards.push(Kept { parents: vec![shard, other], ..Kept::default() });
            }
            _ => {
                number += 1;
                shards[shard].records.push((number, now_ms - rng.i64(0..SLACK_MS / 2)));
            }
        }
    }
    (shards, now_ms + 1)
}

/// Reads it all with answers of random sizes, empty ones, expired iterators and refusals in between.
fn read(shards: &[Kept], span: Span, until_ms: i64, rng: &mut fastrand::Rng) -> Vec<(u64, i64)> {
    let listing = shards.iter().enumerate().map(|(n, s)| (name(n), s.parents.iter().map(|p| name(*p)).collect())).collect();
    let mut merge = Merge::new("s".into(), listing, span, until_ms, rng.u64(..));
    let (mut out, mut pending, mut now_ms): (Vec<(u64, i64)>, Vec<Call>, u64) = (Vec::new(), Vec::new(), 0);
    for _ in 0..100_000 {
        while let Some(record) = merge.take() {
            let number = record.position.sequence.to_string().parse().expect("a number");
            out.push((number, record.arrival_ms.expect("stamped")));
        }
        if merge.is_over() {
            return out;
        }
        pending.extend(merge.calls());
        assert!(!pending.is_empty(), "nothing is under way, and nothing is over");
        let call = pending.swap_remove(rng.usize(..pending.len()));
        now_ms = now_ms.max(call.due_ms) + rng.u64(0..50);
        answer(shards, &mut merge, call, now_ms, until_ms, rng);
    }
    panic!("it does not end");
}

fn answer(shards: &[Kept], merge: &mut Merge, call: Call, now_ms: u64, until_ms: i64, rng: &mut fastrand::Rng) {
    let n: usize = call.shard["shardId-".len()..].parse().expect("a number");
    let shard = &shards[n];
    let name = call.shard.clone();
    match (&call.iterator, rng.u8(0..10)) {
        (_, 0) => return merge.later(call, false, now_ms + 10),
        (Some(_), 1) => return merge.later(call, true, now_ms),
        _ => {}
    }
    let Some(iterator) = &call.iterator else {
        let at = match &call.from {
            From::Horizon => 0,
            From::At(ms) => shard.records.iter().position(|(_, at)| at >= ms).unwrap_or(shard.records.len()),
            From::After(number) => shard.records.iter().position(|(n, _)| n.to_string() == *number).expect("a number that was given") + 1,
            From::Number(_) => unreachable!("nobody asks so"),
        };
        return merge.opened(&name, at.to_string(), now_ms);
    };
    let at: usize = iterator.parse().expect("a place");
    let most = if rng.u8(0..4) == 0 { 0 } else { rng.usize(0..6).min(call.limit as usize) };
    let end = (at + most).min(shard.records.len());
    let got = |(number, at): &(u64, i64)| Got { sequence: number.to_string(), arrival_ms: Some(*at), bytes: vec![b'x'; 10] };
    let records = shard.records[at..end].iter().map(got).collect();
    let over = shard.closed && end == shard.records.len();
    let behind_ms = if end < shard.records.len() { 1_000 } else { 0 };
    let next = (!over).then(|| end.to_string());
    merge.answered(&name, Answer { records, next, behind_ms, service_ms: until_ms + HOUR, fresh: true }, now_ms);
}

#[test]
fn each_record_once_in_an_order_that_no_answer_decides() {
    for seed in 0..1_500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (shards, end_ms) = history(&mut rng);
        let from_ms = rng.bool().then(|| rng.i64(0..end_ms));
        let until_ms = if rng.bool() { end_ms } else { rng.i64(HOUR..=end_ms) };
        let span = Span { from_ms, to_ms: None };
        let first = read(&shards, span, until_ms, &mut fastrand::Rng::with_seed(seed + 1));
        let second = read(&shards, span, until_ms, &mut fastrand::Rng::with_seed(seed + 2));
        assert_eq!(first, second, "seed {seed}");
        let all = shards.iter().flat_map(|s| s.records.iter().copied());
        // Where stamps go back, a start by time lies between them: the service says which record is the first.
        let surely = |at: i64| at < until_ms && from_ms.is_none_or(|from| at >= from + SLACK_MS);
        let maybe = |at: i64| at < until_ms && from_ms.is_none_or(|from| at >= from);
        let mut given = first.clone();
        given.sort_unstable();
        assert!(given.windows(2).all(|w| w[0].0 < w[1].0), "seed {seed}: twice");
        assert!(given.iter().all(|(_, at)| maybe(*at)), "seed {seed}: outside");
        let missing: Vec<_> = all.filter(|(_, at)| surely(*at)).filter(|record| given.binary_search(record).is_err()).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?}");
        let back = first.windows(2).map(|w| w[0].1 - w[1].1).max().unwrap_or(0);
        assert!(back < SLACK_MS, "seed {seed}: the order of arrival goes back by {back} ms");
        for shard in &shards {
            let places: Vec<usize> = shard.records.iter().filter_map(|record| first.iter().position(|given| given == record)).collect();
            assert!(places.is_sorted(), "seed {seed}: the order of a shard");
        }
    }
}

#[test]
fn a_shard_is_read_gently() {
    let mut merge = Merge::new("s".into(), vec![(name(0), Vec::new())], Span { from_ms: None, to_ms: None }, HOUR, 1);
    let got = |n: u64| Got { sequence: n.to_string(), arrival_ms: Some(1), bytes: vec![0; 10_000] };
    let answer = |records: Vec<Got>| Answer { records, next: Some("i".to_owned()), behind_ms: 5, service_ms: HOUR, fresh: true };
    merge.calls();
    merge.opened(&name(0), "i".to_owned(), 0);
    merge.calls();
    merge.answered(&name(0), answer((1..=300).map(got).collect()), 5_000);
    while merge.take().is_some() {}
    let calls = merge.calls();
    assert_eq!(calls[0].due_ms, 8_000, "3 MB take three seconds");
    assert!((100..=160).contains(&calls[0].limit), "about 1 MiB of such records: {}", calls[0].limit);
    merge.answered(&name(0), answer(Vec::new()), 8_000);
    assert_eq!(merge.calls()[0].due_ms, 8_500);
}

#[test]
fn what_is_gone_is_left_out() {
    let mut merge =
        Merge::new("s".into(), vec![(name(0), Vec::new()), (name(1), vec![name(0)])], Span { from_ms: None, to_ms: None }, HOUR, 1);
    let calls = merge.calls();
    assert_eq!(calls.len(), 1, "the child waits");
    assert!(!merge.restart(&name(0)), "nothing was read");
    let records = vec![Got { sequence: "7".to_owned(), arrival_ms: Some(1), bytes: Vec::new() }];
    merge.answered(&name(0), Answer { records, next: Some("i".to_owned()), behind_ms: 5, service_ms: HOUR, fresh: true }, 0);
    assert!(merge.take().is_some());
    assert!(merge.restart(&name(0)) && !merge.restart(&name(0)), "once");
    merge.gone(&name(0));
    assert_eq!(merge.calls().iter().map(|c| c.shard.clone()).collect::<Vec<_>>(), [name(1)]);
    merge.gone(&name(1));
    assert!(merge.is_over());
}
