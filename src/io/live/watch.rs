//! Watching files: look, read what is new, in order, say when nothing is.
//!
//! Owns when a file is read and when what it holds is all. A look finds the files that are there; those that are new or changed are
//! read in order of (time of change, path), each to its end as it is. Never waits for one file while another can be read, and never
//! looks again at once. A gzip file is read when it has not changed for [`Pace::quiet`]; a last line without its end waits for it,
//! in a folder at most [`Pace::line`]; a JSON value that is closed waits [`Pace::quiet`] only.
//! Limits: at most [`OPENED_MAX`] files of a folder are held open.

use super::cut::Rest;
use super::hand::{BEAT, Hand, Stopped};
use super::opened::{Found, Opened, Step};
use super::register::{Register, Seen, Sight};
use super::token::Stat;
use super::troubles::Troubles;
use crate::io::clock::Stopwatch;
use crate::io::port::Progress;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;

/// Most files held open while nothing is read of them: one that is moved away or removed is then still read to its end.
const OPENED_MAX: usize = 64;

/// How patient a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Time between two looks.
    pub poll: Duration,
    /// So long unchanged, a gzip file or a closed JSON value is taken for complete, and one that was moved away for left.
    pub quiet: Duration,
    /// So long unchanged, a last line without its end is taken for a line. `None`: never while the file may grow.
    pub line: Option<Duration>,
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) seen: Vec<Seen>,
    /// What could not be looked at, in words.
    pub(super) troubles: Vec<String>,
}

/// Where files come from.
pub(super) trait Place {
    /// Looks. `first`: nothing was looked at before; `had` tells whether some file that was read had this inode.
    ///
    /// # Errors
    /// If the place as a whole cannot be looked at: in words.
    fn look(&self, first: bool, had: &dyn Fn(u64) -> bool) -> Result<Look, String>;

    /// The shard that speaks for the place while nothing is read.
    fn idle_shard(&self, register: &Register) -> Arc<str>;

    /// Whether a file that was read as far as it goes is told to be at its end: in a folder the folder speaks for it from then on.
    fn is_folder(&self) -> bool;
}

/// Watches a place.
pub(super) struct Watch<'a> {
    place: &'a dyn Place,
    pace: Pace,
    follow: bool,
    register: Register,
    hand: Hand<'a>,
    /// Files that are held open, the one that was read first first.
    held: VecDeque<usize>,
    troubles: Troubles,
    first: bool,
}

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing.
    No,
    /// Nothing yet: it is not complete.
    Wait,
    /// Read it as far as it goes.
    Read,
    /// What it holds is all: the last line without its end, too.
    Finish,
}

/// What became of opening a file.
enum Ready {
    Open(Box<Opened>),
    /// Not now.
    Later,
    /// Another content stands there.
    Another,
}

impl<'a> Watch<'a> {
    pub(super) fn new(place: &'a dyn Place, pace: Pace, follow: bool, register: Register, hand: Hand<'a>) -> Self {
        Watch { place, pace, follow, register, hand, held: VecDeque::new(), troubles: Troubles::default(), first: true }
    }

    /// Watches until there is nothing more ever (without `follow`: after one pass) or until told to stop.
    ///
    /// # Errors
    /// If the place cannot be looked at from the first: in words.
    pub(super) fn run(&mut self) -> Result<(), String> {
        loop {
            let clock = Stopwatch::start();
            let heard = match self.pass() {
                Ok(Err(why)) if self.first => return Err(why),
                Ok(_) if !self.follow => {
                    // Whether it is heard or not: nothing more comes.
                    let _ = self.hand.tell(&self.place.idle_shard(&self.register), None, Progress::Ended, None);
                    return self.troubles.end();
                }
                Ok(Ok(idle)) => self.pause(idle, clock),
                Ok(Err(why)) => self.trouble(why).and_then(|()| self.pause(false, clock)),
                Err(Stopped) => Err(Stopped),
            };
            if heard.is_err() {
                return Ok(());
            }
            self.first = false;
        }
    }

    /// One look and all that is due. True: there was nothing to do, and nothing is waited for.
    fn pass(&mut self) -> Result<Result<bool, String>, Stopped> {
        let register = &self.register;
        let look = match self.place.look(self.first, &|inode| register.had(inode)) {
            Ok(look) => look,
            Err(why) => return Ok(Err(why)),
        };
        self.register.begin_look();
        let mut seen = look.seen;
        seen.sort_by(|a, b| (a.stat.modified_ns, &a.path).cmp(&(b.stat.modified_ns, &b.path)));
        let mut order = Vec::with_capacity(seen.len());
        for one in seen {
            order.push(self.see(one)?);
        }
        self.note_troubles(look.troubles)?;
        self.see_off()?;
        let mut idle = true;
        for n in order {
            let due = self.due(n);
            if matches!(due, Due::Read | Due::Finish) {
                self.read(n, due == Due::Finish)?;
            }
            // What cannot be read holds nobody back.
            idle &= due == Due::No || self.register.known[n].told.is_some();
            self.beat_busy()?;
        }
        self.close_some();
        Ok(Ok(idle))
    }

    fn see(&mut self, seen: Seen) -> Result<usize, Stopped> {
        match self.register.see(seen) {
            Sight::Known(n) | Sight::New(n) => Ok(n),
            Sight::Instead(n, old) => {
                let (fresh, known) = (&self.register.known[n], &self.register.known[old]);
                let (shard, path) = (terminal(&fresh.shard), terminal(&known.shard));
                tracing::info!("{path}: another file stands in its place; it is read from its start as {shard}");
                // One that was truncated is not to be found elsewhere; one that was moved away is read to its end first.
                if known.stat.inode == fresh.stat.inode {
                    self.end(old)?;
                }
                Ok(n)
            }
        }
    }

    /// Files that are not where they were: read to their end if they are open, then let go.
    fn see_off(&mut self) -> Result<(), Stopped> {
        for n in self.register.unseen() {
            let known = &mut self.register.known[n];
            let left = known.gone.get_or_insert_with(Stopwatch::start).elapsed() >= self.pace.quiet;
            if known.opened.is_some() {
                self.read(n, false)?;
                if left || !self.follow {
                    self.read(n, true)?;
                    self.end(n)?;
                }
            } else if self.first && !known.done() {
                self.give_up(n)?;
            }
        }
        Ok(())
    }

    /// A file that was not read to its end before this start is not there any more.
    fn give_up(&mut self, n: usize) -> Result<(), Stopped> {
        let known = &mut self.register.known[n];
        let Some(token) = &mut known.token else { return Ok(()) };
        token.done = true;
        let (shard, sequence) = (known.shard.clone(), known.sequence);
        let place = terminal(&shard);
        let lost = format!(
            "{place}: the file was removed, moved away or compressed while nothing read it; what stood behind line {sequence} was not read: \
             give it in under another name if it is kept somewhere"
        );
        let position = self.hand.position(&shard, sequence, token.text());
        self.hand.tell(&shard, Some(position), Progress::Ended, Some(lost))
    }

    fn due(&self, n: usize) -> Due {
        let known = &self.register.known[n];
        let changed = known.read != Some(known.stat) && !known.done();
        if !self.follow {
            return if changed { Due::Finish } else { Due::No };
        }
        if changed && known.token.is_some_and(|token| token.gzip) && !self.quiet(n, self.pace.quiet) {
            return Due::Wait;
        }
        // One byte does not tell whether it is gzip.
        if changed {
            return if known.stat.size < 2 { Due::No } else { Due::Read };
        }
        match known.rest {
            Rest::Closed if self.quiet(n, self.pace.quiet) => Due::Finish,
            Rest::Closed => Due::Wait,
            Rest::Open if self.pace.line.is_some_and(|line| self.quiet(n, line)) => Due::Finish,
            _ => Due::No,
        }
    }

    /// Whether a file has not changed for so long, by its own stamp or as seen here.
    fn quiet(&self, n: usize, long: Duration) -> bool {
        let known = &self.register.known[n];
        let age = Duration::from_millis(known.stat.age_ms(crate::io::clock::now_ms()).max(0) as u64);
        known.since.elapsed().max(age) >= long
    }

    /// Reads a file as far as it goes. `finish`: what it holds is all.
    fn read(&mut self, n: usize, finish: bool) -> Result<(), Stopped> {
        let stat = self.register.known[n].stat;
        let mut opened = match self.ready(n, finish) {
            Ok(Ready::Open(opened)) => opened,
            Ok(Ready::Later) => return Ok(()),
            Ok(Ready::Another) => return self.read_instead(n, finish),
            Err(why) => return self.lose(n, None, &why),
        };
        let mut told = self.register.known[n].done();
        loop {
            match opened.step(finish) {
                Step::Pieces(pieces) => {
                    self.give(n, &opened, pieces)?;
                    told = opened.token().done;
                }
                Step::Busy => self.beat_busy()?,
                Step::Another => return self.read_instead(n, finish),
                Step::Failed(error) => return self.fail(n, &opened, stat, &error),
                Step::End => break,
            }
        }
        let known = &mut self.register.known[n];
        (known.read, known.rest, known.told) = (Some(stat), opened.rest(), None);
        // A plain file's place says by itself that nothing is left.
        // That it has another inode by now (a copy was put back) is to be known before it is renamed.
        let moved = known.token.is_some_and(|token| token.stat.inode != stat.inode);
        let complete = (opened.gzip() && !told || moved).then(|| opened.token());
        known.token = complete.or(known.token);
        let position = complete.map(|token| self.hand.position(&known.shard, known.sequence, token.text()));
        let over = self.place.is_folder() && (!known.afresh || position.is_some());
        if over || position.is_some() {
            known.afresh |= over;
            let shard = known.shard.clone();
            self.hand.tell(&shard, position, if over { Progress::Ended } else { Progress::Records }, None)?;
        }
        self.keep_open(n, opened);
        Ok(())
    }

    /// The file, open where it was last read.
    fn ready(&mut self, n: usize, finish: bool) -> Result<Ready, std::io::Error> {
        let known = &mut self.register.known[n];
        if let Some(mut opened) = known.opened.take() {
            return Ok(if matches!(opened.again()?, Step::Another) { Ready::Another } else { Ready::Open(opened) });
        }
        known.afresh = true;
        match known.open(&known.path, known.stat.inode)? {
            Found::This(opened) if opened.gzip() && !finish && !self.quiet(n, self.pace.quiet) => Ok(Ready::Later),
            Found::This(opened) => Ok(Ready::Open(opened)),
            Found::Moved => Ok(Ready::Later),
            Found::Another => Ok(Ready::Another),
        }
    }

    /// The content of the file was replaced: what stands there is another shard, read from its start at the next look.
    fn read_instead(&mut self, n: usize, finish: bool) -> Result<(), Stopped> {
        let fresh = self.register.replace(n);
        let (old, known) = (terminal(&self.register.known[n].shard), &self.register.known[fresh]);
        tracing::info!("{old}: another content stands in its place; it is read as {}", terminal(&known.shard));
        self.end(n)?;
        if self.follow { Ok(()) } else { self.read(fresh, finish) }
    }

    fn give(&mut self, n: usize, opened: &Opened, pieces: Vec<super::cut::Piece>) -> Result<(), Stopped> {
        let known = &mut self.register.known[n];
        let header = opened.header().filter(|header| known.afresh && header.last <= known.sequence);
        let token = opened.token();
        (known.token, known.sequence, known.afresh) = (Some(token), opened.sequence(), false);
        self.hand.pieces(&known.shard.clone(), header, pieces, token.text())
    }

    /// Reading failed on the way. A gzip file that is broken is done with, until it changes.
    fn fail(&mut self, n: usize, opened: &Opened, stat: Stat, error: &std::io::Error) -> Result<(), Stopped> {
        let known = &mut self.register.known[n];
        if opened.gzip() {
            (known.read, known.token, known.sequence) = (Some(stat), Some(opened.token()), opened.sequence());
        }
        self.lose(n, opened.gzip().then_some(()), error)
    }

    /// Says once why a file cannot be read, and where that leaves it.
    fn lose(&mut self, n: usize, done: Option<()>, error: &std::io::Error) -> Result<(), Stopped> {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Ok(());
        }
        let known = &mut self.register.known[n];
        (known.opened, known.afresh) = (None, true);
        let (path, after) = (known.path.to_string_lossy(), known.sequence);
        let what = if done.is_some() { "the rest is left out until the file changes" } else { "it is tried again" };
        let lost = format!("cannot read {} behind line {after}: {error}; {what}", terminal(&path));
        if known.told.as_ref() == Some(&lost) {
            return Ok(());
        }
        known.told = Some(lost.clone());
        self.troubles.note(&lost);
        let known = &self.register.known[n];
        let position = done.and(known.token).map(|token| self.hand.position(&known.shard, known.sequence, token.text()));
        let (shard, progress) = (known.shard.clone(), if self.place.is_folder() { Progress::Ended } else { Progress::Records });
        self.hand.tell(&shard, position, progress, Some(lost))
    }

    /// The shard is at its end for ever.
    fn end(&mut self, n: usize) -> Result<(), Stopped> {
        let known = &mut self.register.known[n];
        let said = self.place.is_folder() && known.afresh;
        (known.opened, known.rest, known.afresh) = (None, Rest::Nothing, true);
        let shard = known.shard.clone();
        if said { Ok(()) } else { self.hand.tell(&shard, None, Progress::Ended, None) }
    }

    /// Keeps a file open that may grow, or be moved away before it is read again. Of too many, those that were read first are closed.
    fn keep_open(&mut self, n: usize, opened: Box<Opened>) {
        if opened.gzip() || self.place.is_folder() && !(self.follow && self.restless(n)) {
            return;
        }
        self.register.known[n].opened = Some(opened);
        self.held.retain(|held| *held != n);
        self.held.push_back(n);
        if self.held.len() > OPENED_MAX
            && let Some(first) = self.held.pop_front()
        {
            self.register.known[first].opened = None;
        }
    }

    /// Files of a folder that have come to rest are closed.
    fn close_some(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        held.retain(|n| self.register.known[*n].opened.is_some());
        if self.place.is_folder() {
            held.retain(|n| self.register.known[*n].gone.is_some() || self.restless(*n) || self.close(*n));
        }
        self.held = held;
    }

    fn restless(&self, n: usize) -> bool {
        self.register.known[n].rest != Rest::Nothing || !self.quiet(n, self.pace.line.unwrap_or(Duration::MAX))
    }

    fn close(&mut self, n: usize) -> bool {
        self.register.known[n].opened = None;
        false
    }

    fn note_troubles(&mut self, troubles: Vec<String>) -> Result<(), Stopped> {
        self.troubles.of_look(troubles).into_iter().try_for_each(|trouble| self.say(trouble))
    }

    /// The place as a whole cannot be looked at for now.
    fn trouble(&mut self, why: String) -> Result<(), Stopped> {
        if self.troubles.is_new(&why) { self.say(why) } else { Ok(()) }
    }

    fn say(&mut self, lost: String) -> Result<(), Stopped> {
        let progress = self.hand.busy();
        self.hand.tell(&self.place.idle_shard(&self.register), None, progress, Some(lost))
    }

    fn beat_busy(&mut self) -> Result<(), Stopped> {
        let progress = if self.place.is_folder() { self.hand.busy() } else { Progress::Records };
        self.hand.beat(&self.place.idle_shard(&self.register), progress)
    }

    /// Waits for the next look: as long as the last one took, at least.
    fn pause(&mut self, idle: bool, took: Stopwatch) -> Result<(), Stopped> {
        let (long, waited) = (self.pace.poll.max(took.elapsed()), Stopwatch::start());
        loop {
            let shard = self.place.idle_shard(&self.register);
            if idle {
                let now = self.hand.now_ms();
                self.hand.beat(&shard, Progress::Idle(now))?;
            } else {
                self.beat_busy()?;
            }
            let left = long.saturating_sub(waited.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(BEAT));
        }
    }
}

/// A path as text for messages.
pub(super) fn shown(path: &Path) -> String {
    terminal(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::port::{Flow, Read};
    use std::sync::Mutex;

    /// A place with a file that cannot be opened (until `heals` looks were taken) beside one that can.
    struct Beside {
        folder: std::path::PathBuf,
        looks: Mutex<u32>,
        heals: u32,
    }

    impl Place for Beside {
        fn look(&self, _first: bool, _had: &dyn Fn(u64) -> bool) -> Result<Look, String> {
            let mut looks = self.looks.lock().unwrap();
            *looks += 1;
            let good = self.folder.join("good");
            let stat = Stat::of(&std::fs::metadata(&good).unwrap());
            // Below a file nothing can be opened, whoever asks.
            let path = if *looks > self.heals { self.folder.join("bad") } else { good.join("bad") };
            let bad = Stat::of(&std::fs::metadata(self.folder.join("bad")).unwrap());
            let seen = vec![Seen { name: "bad".into(), path, stat: bad }, Seen { name: "good".into(), path: good, stat }];
            Ok(Look { seen, troubles: Vec::new() })
        }

        fn idle_shard(&self, _register: &Register) -> Arc<str> {
            ".".into()
        }

        fn is_folder(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_cannot_be_opened_is_told_once_tried_at_every_look_and_holds_nobody_back() {
        let folder = std::env::temp_dir().join(format!("tidegate-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("good"), "good\n").unwrap();
        std::fs::write(folder.join("bad"), "healed\n").unwrap();
        let place = Beside { folder: folder.clone(), looks: Mutex::new(0), heals: 20 };
        let (reads, clock) = (Mutex::new(Vec::<Read>::new()), Stopwatch::start());
        let take = |read: Read| {
            let mut reads = reads.lock().unwrap();
            reads.push(read);
            let all = reads.iter().filter(|r| !r.records.is_empty()).count() == 2;
            if all || clock.elapsed() > Duration::from_secs(10) { Flow::Stop } else { Flow::Continue }
        };
        let pace = Pace { poll: Duration::from_millis(50), quiet: Duration::from_millis(50), line: None };
        Watch::new(&place, pace, true, Register::default(), Hand::new("s".into(), &take)).run().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        let (reads, looks) = (reads.into_inner().unwrap(), *place.looks.lock().unwrap());
        let told: Vec<&String> = reads.iter().filter_map(|r| r.lost.as_ref()).collect();
        assert!(told.len() == 1 && told[0].contains("bad") && told[0].contains("tried again"), "{told:?}");
        let shards: Vec<&str> = reads.iter().filter(|r| !r.records.is_empty()).map(|r| &*r.shard).collect();
        assert_eq!(shards, ["good", "bad"], "the other is read meanwhile, and it, once it can be");
        assert!(reads.iter().any(|r| matches!(r.progress, Progress::Idle(_))), "it holds nobody back");
        assert_eq!(looks, 21, "one look each 50 ms, no more");
        assert!(clock.elapsed() >= 19 * pace.poll);
    }
}
