//! A stream as the service would keep it.

use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate::io::aws::shards::{Answer, From, Got, Listing, Refusal};

pub(crate) const RETENTION_MS: i64 = 24 * 3_600_000;
const ITERATOR_MS: i64 = 300_000;

pub(crate) struct Kept {
    pub(crate) name: Arc<str>,
    pub(crate) parents: Vec<Arc<str>>,
    /// (number, arrival), the first `trimmed` of them gone.
    pub(crate) records: Vec<(u64, i64)>,
    pub(crate) trimmed: usize,
    pub(crate) closed_ms: Option<i64>,
    /// Too old to be listed.
    pub(crate) gone: bool,
}

pub(crate) struct Stream {
    pub(crate) shards: Vec<Kept>,
    iterators: BTreeMap<String, (usize, usize, i64)>,
    /// Open subscriptions: shard and what comes next.
    subscriptions: BTreeMap<Arc<str>, (usize, usize)>,
    next: u64,
    /// Always says that it is at the tip, as one stand-in does.
    says_zero: bool,
    /// A position that is gone is read on in silence.
    silent: bool,
    /// Subscriptions do not say that a shard ends, as with another one: then they say that a shard is idle which has children.
    pub(crate) endless: bool,
    /// Subscriptions begin with the oldest record, wherever they should, as with one stand-in.
    from_oldest: bool,
}

pub(crate) fn text(number: u64) -> String {
    format!("{number:030}")
}

impl Stream {
    pub(crate) fn new(shards: usize, says_zero: bool, silent: bool) -> Self {
        let (iterators, subscriptions) = (BTreeMap::new(), BTreeMap::new());
        let from_oldest = silent && says_zero;
        let endless = !silent && says_zero;
        let mut stream = Stream { shards: Vec::new(), iterators, subscriptions, next: 1, says_zero, silent, endless, from_oldest };
        (0..shards).for_each(|_| stream.make(Vec::new()));
        stream
    }

    fn make(&mut self, parents: Vec<Arc<str>>) {
        let name = format!("shardId-{:012}", self.shards.len()).into();
        self.shards.push(Kept { name, parents, records: Vec::new(), trimmed: 0, closed_ms: None, gone: false });
    }

    pub(crate) fn open_shards(&self) -> Vec<usize> {
        (0..self.shards.len()).filter(|n| self.shards[*n].closed_ms.is_none()).collect()
    }

    pub(crate) fn put(&mut self, shard: usize, now_ms: i64) {
        self.next += 1 + self.next % 3;
        self.shards[shard].records.push((self.next, now_ms));
    }

    pub(crate) fn split(&mut self, shard: usize, now_ms: i64) {
        self.shards[shard].closed_ms = Some(now_ms);
        let parent = self.shards[shard].name.clone();
        self.make(vec![parent.clone()]);
        self.make(vec![parent]);
    }

    pub(crate) fn merge(&mut self, a: usize, b: usize, now_ms: i64) {
        let parents = vec![self.shards[a].name.clone(), self.shards[b].name.clone()];
        self.shards[a].closed_ms = Some(now_ms);
        self.shards[b].closed_ms = Some(now_ms);
        self.make(parents);
    }

    /// What is older than the retention goes.
    pub(crate) fn trim(&mut self, now_ms: i64) {
        for shard in &mut self.shards {
            shard.trimmed = shard.records.iter().take_while(|(_, at)| now_ms - at > RETENTION_MS).count();
            shard.gone = shard.closed_ms.is_some_and(|at| now_ms - at > RETENTION_MS);
        }
    }

    fn find(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.shards.iter().position(|s| *s.name == *name && !s.gone);
        found.ok_or_else(|| Refusal::Missing(format!("no {name}")))
    }

    pub(crate) fn list(&self, now_ms: i64) -> Listing {
        let shards = self.shards.iter().filter(|s| !s.gone).map(|s| (s.name.clone(), s.parents.clone())).collect();
        Listing { shards, service_ms: now_ms, retention_ms: Some(RETENTION_MS) }
    }

    pub(crate) fn open(&mut self, name: &str, from: &From, now_ms: i64) -> Result<String, Refusal> {
        let (n, at) = self.place(name, from)?;
        Ok(self.iterator(n, at, now_ms))
    }

    pub(crate) fn subscribe(&mut self, name: &Arc<str>, from: &From) -> Result<String, Refusal> {
        let (n, at) = self.place(name, from)?;
        let at = if self.from_oldest { self.shards[n].trimmed } else { at };
        self.subscriptions.insert(name.clone(), (n, at));
        Ok("subscribed".to_owned())
    }

    pub(crate) fn subscribed(&self, name: &str) -> bool {
        self.subscriptions.contains_key(name)
    }

    /// Ends a subscription; gives whether one was open.
    pub(crate) fn unsubscribe(&mut self, name: &str) -> bool {
        self.subscriptions.remove(name).is_some()
    }

    pub(crate) fn unsubscribe_all(&mut self) {
        self.subscriptions.clear();
    }

    /// What a subscription brings: an event that waited says that nothing is left, and that may be long ago; the end of a closed
    /// shard may be told too early.
    pub(crate) fn pushed(&mut self, name: &str, most: usize, waited: bool, end: bool, now_ms: i64) -> Answer {
        let (n, at) = self.subscriptions[name];
        let shard = &self.shards[n];
        let at = at.max(shard.trimmed);
        let to = if waited { at } else { (at + most).min(shard.records.len()) };
        let records: Vec<Got> = shard.records[at..to].iter().map(got).collect();
        let last = to.checked_sub(1).map_or(0, |last| shard.records[last].0);
        let all = to == shard.records.len();
        let number = text(if all { self.next } else { last });
        let over = !self.endless && shard.closed_ms.is_some() && (all || end);
        let behind_ms = shard.records.get(to).map_or(0, |(_, at)| (now_ms - at).max(1));
        let behind_ms = if waited || (self.says_zero && most > 0) { 0 } else { behind_ms };
        self.subscriptions.insert(name.into(), (n, to));
        Answer { records, next: (!over).then_some(number), behind_ms, service_ms: now_ms, fresh: !waited }
    }

    fn place(&self, name: &str, from: &From) -> Result<(usize, usize), Refusal> {
        let n = self.find(name)?;
        let shard = &self.shards[n];
        let at = match from {
            From::Horizon => shard.trimmed,
            From::At(ms) => shard.records.iter().position(|(_, at)| at >= ms).unwrap_or(shard.records.len()).max(shard.trimmed),
            From::After(number) => {
                let at = shard.records.iter().position(|(n, _)| text(*n) == *number).expect("a number as it was given") + 1;
                if at < shard.trimmed && !self.silent {
                    return Err(Refusal::Invalid("too old".to_owned()));
                }
                at.max(shard.trimmed)
            }
            From::Number(number) => {
                let found = shard.records.iter().position(|(n, _)| text(*n) >= *number);
                found.unwrap_or(shard.records.len()).max(shard.trimmed)
            }
        };
        Ok((n, at))
    }

    fn iterator(&mut self, shard: usize, at: usize, now_ms: i64) -> String {
        let name = format!("iterator-{}", self.iterators.len());
        self.iterators.insert(name.clone(), (shard, at, now_ms));
        name
    }

    /// `most` may be less than what is there, and nothing.
    pub(crate) fn fetch(&mut self, name: &str, iterator: &str, most: usize, now_ms: i64) -> Result<Answer, Refusal> {
        self.find(name)?;
        let (n, at, since) = self.iterators[iterator];
        assert_eq!(*self.shards[n].name, *name, "an iterator of another shard");
        if now_ms - since > ITERATOR_MS {
            return Err(Refusal::Expired);
        }
        let shard = &self.shards[n];
        let at = at.max(shard.trimmed);
        let end = (at + most).min(shard.records.len());
        let records: Vec<Got> = shard.records[at..end].iter().map(got).collect();
        let behind_ms = shard.records.get(end).map_or(0, |(_, at)| (now_ms - at).max(1));
        let over = shard.closed_ms.is_some() && end == shard.records.len();
        let behind_ms = if self.says_zero && most > 0 { 0 } else { behind_ms };
        let next = (!over).then(|| self.iterator(n, end, now_ms));
        Ok(Answer { records, next, behind_ms, service_ms: now_ms, fresh: true })
    }
}

fn got((number, at): &(u64, i64)) -> Got {
    Got { sequence: text(*number), arrival_ms: Some(*at), bytes: number.to_string().into_bytes() }
}
