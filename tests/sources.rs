//! Live sources as the machine meets them: nothing twice, nothing left out, whatever stops and whatever happens to the files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tidegate::io::clock::{Stopwatch, now_ms};
use tidegate::io::input::Input;
use tidegate::io::live::{FOLDER_SHARD, FileSource, FolderSource, Pace, StdinSource};
use tidegate::io::port::{Flow, Progress, Read, ReadPosition, Source};
use tidegate::io::reader::Reader;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidegate-sources-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        fs::write(&path, content).expect("write");
        path
    }

    fn append(&self, name: &str, content: &str) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(self.path(name)).expect("open");
        file.write_all(content.as_bytes()).expect("append");
    }

    /// Makes a file look as if it had been at rest for long; the greater `rank`, the later it was changed.
    fn rest(&self, name: &str, rank: u64) {
        let file = fs::File::options().append(true).open(self.path(name)).expect("open");
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + rank)).expect("time");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("gzip");
    encoder.finish().expect("gzip")
}

/// A line or value: shard, number, bytes.
type Line = (String, u64, String);

fn lines(reads: &[Read]) -> Vec<Line> {
    let mut out = Vec::new();
    for record in reads.iter().flat_map(|read| &read.records) {
        let (shard, first) = (record.position.shard.to_string(), number(&record.position.sequence.to_string()));
        let text = String::from_utf8_lossy(&record.bytes).into_owned();
        if record.lines {
            let numbered = (first..).zip(text.split_inclusive('\n'));
            out.extend(numbered.map(|(n, line)| (shard.clone(), n, line.strip_suffix('\n').unwrap_or(line).to_owned())));
        } else {
            out.push((shard, first, text));
        }
    }
    out
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// The lines of one shard, without their numbers, which are those of an uninterrupted count.
fn of(reads: &[Read], shard: &str) -> Vec<String> {
    let ours: Vec<Line> = lines(reads).into_iter().filter(|line| line.0 == shard).collect();
    let numbers: Vec<u64> = ours.iter().map(|line| line.1).collect();
    assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1), "{shard}: {numbers:?}");
    ours.into_iter().map(|line| line.2).collect()
}

fn lost(reads: &[Read]) -> Vec<String> {
    reads.iter().filter_map(|read| read.lost.clone()).collect()
}

/// Positions as a store keeps them.
#[derive(Default, Clone)]
struct Positions(BTreeMap<String, ReadPosition>);

impl Positions {
    fn note(&mut self, reads: &[Read]) {
        for position in reads.iter().filter_map(|read| read.position.clone()) {
            let held = self.0.get(&*position.shard);
            assert!(held.is_none_or(|held| held.sequence <= position.sequence), "{} goes back", position.shard);
            self.0.insert(position.shard.to_string(), position);
        }
    }

    fn list(&self) -> Vec<ReadPosition> {
        self.0.values().cloned().collect()
    }
}

/// Runs a source until it ends or `until` holds of what was read; fails if neither comes.
fn run_until(source: &mut dyn Source, resume: &[ReadPosition], until: impl Fn(&[Read]) -> bool + Sync) -> Vec<Read> {
    let (reads, clock) = (Mutex::new(Vec::new()), Stopwatch::start());
    let take = |read: Read| {
        let mut reads = reads.lock().expect("one thread");
        reads.push(read);
        let stop = until(&reads);
        assert!(stop || clock.elapsed() < Duration::from_secs(20), "it never came: {:?}", lines(&reads));
        if stop { Flow::Stop } else { Flow::Continue }
    };
    source.run(resume, &take).expect("it can be read");
    reads.into_inner().expect("one thread")
}

fn run(source: &mut dyn Source, resume: &[ReadPosition]) -> Vec<Read> {
    run_until(source, resume, |_| false)
}

fn once(path: &Path) -> FileSource {
    FileSource::new("s", path.to_owned(), Vec::new(), false)
}

const PACE: Pace = Pace { poll: Duration::from_millis(20), quiet: Duration::from_millis(150), line: None };

fn followed(path: &Path) -> FileSource {
    FileSource::new("s", path.to_owned(), Vec::new(), true).with_pace(PACE)
}

fn watched(folder: &Folder) -> FolderSource {
    let pace = Pace { line: Some(Duration::from_millis(600)), ..PACE };
    FolderSource::new("s", folder.0.clone(), Vec::new(), true).with_pace(pace)
}

fn idle(read: &Read) -> bool {
    matches!(read.progress, Progress::Idle(_))
}

/// Text with everything that can go wrong with lines.
fn text(rng: &mut fastrand::Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(0..3) {
        text.push_str(["\n", "\r\n", " \n"][rng.usize(..3)]);
    }
    if rng.bool() {
        text.push_str("version account-id interface-id\n");
    }
    for _ in 0..rng.usize(1..9) {
        match rng.u8(..6) {
            0 => text.push_str(&"\n".repeat(rng.usize(..9000))),
            1 => (0..rng.usize(..6000)).for_each(|n| text.push_str(&format!("日本 {n}\r\n"))),
            2 => text.push_str(&format!("{}\n", "ü".repeat(rng.usize(..400_000)))),
            3 => (0..rng.usize(..9000)).for_each(|n| text.push_str(&format!("{{\"n\":{n}}}\n"))),
            _ => (0..rng.usize(..3000)).for_each(|n| text.push_str(&format!("2 123456789012 eni-{n} ACCEPT OK\n"))),
        }
    }
    if rng.bool() {
        text.push_str("an end without its line's end");
    }
    text
}

fn values(rng: &mut fastrand::Rng) -> String {
    (0..rng.usize(1..9000)).map(|n| format!("{{\n \"n\": {n},\n \"t\": \"}}\"\n}}\n{}", ["", "\n", " \n"][n % 3])).collect()
}

fn as_the_reader_does(path: &Path) -> Vec<Line> {
    let mut reader = Reader::open(&Input::File(path.to_owned()), "s").expect("open");
    let mut read = Read { shard: "".into(), prelude: None, records: Vec::new(), position: None, progress: Progress::Records, lost: None };
    while let Some(record) = reader.next_record().expect("read") {
        read.records.push(record);
    }
    lines(&[read])
}

/// What was read of a file stands before what is read after a restart at any read position: together it is the file, line by line.
fn resumes_everywhere(path: &Path, seed: u64) -> usize {
    let whole = run(&mut once(path), &[]);
    let expected = as_the_reader_does(path);
    assert!(lines(&whole) == expected, "seed {seed}: an uninterrupted read is the reader's");
    let batches = whole.iter().filter(|read| !read.records.is_empty()).count();
    for taken in 0..=batches {
        let mut before = run_until(&mut once(path), &[], |reads| reads.iter().filter(|r| !r.records.is_empty()).count() >= taken.max(1));
        // Nothing of what was handed over became durable, or all of it did.
        before.truncate(taken);
        let mut positions = Positions::default();
        positions.note(&before);
        let after = run(&mut once(path), &positions.list());
        let both = [lines(&before), lines(&after)].concat();
        assert!(both == expected, "seed {seed}: stopped after {taken} of {batches}");
        let prelude = after.iter().find_map(|read| read.prelude.as_ref());
        let header = expected.iter().find(|line| !line.2.trim().is_empty()).filter(|_| whole[0].records[0].lines);
        let fits = header.filter(|line| line.2.len() < 64 * 1024 && taken > 0 && taken < batches);
        let told = prelude
            .map(|p| (number(&p.position.sequence.to_string()), String::from_utf8_lossy(&p.bytes).trim_end_matches('\n').to_owned()));
        assert!(told == fits.map(|line| (line.1, line.2.clone())), "seed {seed}: the first line comes with what stands behind it");
    }
    batches
}

#[test]
fn a_file_is_read_on_line_by_line_wherever_reading_stopped() {
    let (folder, mut batches) = (Folder::new(), 0);
    for seed in 0..25 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let content = if seed % 4 == 3 { values(&mut rng) } else { text(&mut rng) };
        batches += resumes_everywhere(&folder.write("plain.log", &content), seed);
        if seed % 3 == 0 {
            batches += resumes_everywhere(&folder.write("packed.log.gz", gzip(content.as_bytes())), seed);
        }
    }
    assert!(batches > 100, "{batches} places to stop at");
}

#[test]
fn records_are_stamped_when_they_are_read() {
    let folder = Folder::new();
    let path = folder.write("a.log", "one\n".repeat(9000));
    let before = now_ms();
    let reads = run(&mut once(&path), &[]);
    let stamps: Vec<i64> = reads.iter().flat_map(|r| &r.records).map(|r| r.arrival_ms.expect("a stamp")).collect();
    assert!(stamps.len() >= 3 && stamps.is_sorted() && stamps[0] >= before && stamps[0] <= now_ms());
    assert_eq!(reads.last().map(|r| r.progress), Some(Progress::Ended));
    let again = run(&mut once(&path), &{
        let mut positions = Positions::default();
        positions.note(&reads);
        positions.list()
    });
    assert_eq!(again.len(), 1, "nothing but its end is left to tell: {again:?}");
}

#[test]
fn a_growing_file_is_followed_and_a_part_of_a_line_waits() {
    let folder = Folder::new();
    let path = folder.write("a.log", "header\none\ntw");
    let step = AtomicU32::new(0);
    let reads = run_until(&mut followed(&path), &[], |reads| {
        let at = step.load(Ordering::Relaxed);
        let have = of(reads, &path.to_string_lossy());
        if at == 0 && have.len() == 2 && reads.iter().filter(|r| idle(r)).count() > 1 {
            folder.append("a.log", "o\nthr");
            step.store(1, Ordering::Relaxed);
        } else if at == 1 && have.len() == 3 {
            folder.append("a.log", "ee\n{\"closed\":true}");
            step.store(2, Ordering::Relaxed);
        } else if at == 2 && have.len() == 5 {
            folder.append("a.log", "\r\nlast\n");
            step.store(3, Ordering::Relaxed);
        }
        have.len() == 6
    });
    let path = path.to_string_lossy();
    assert_eq!(of(&reads, &path), ["header", "one", "two", "three", "{\"closed\":true}", "last"]);
    assert!(reads.iter().all(|r| *r.shard == *path && r.prelude.is_none() && r.lost.is_none()));
}

#[test]
fn a_rotated_file_is_read_to_its_end_and_the_next_one_from_its_start() {
    let folder = Folder::new();
    let path = folder.write("a.log", "1\n2\n");
    let shard = path.to_string_lossy().into_owned();
    let step = AtomicU32::new(0);
    let reads = run_until(&mut followed(&path), &[], |reads| {
        if step.load(Ordering::Relaxed) == 0 && of(reads, &shard).len() == 2 {
            // The writer still holds the old file for a moment.
            fs::rename(&path, folder.path("a.log.1")).expect("rotated");
            folder.write("a.log", "new 1\n");
            folder.append("a.log.1", "3\nno end");
            step.store(1, Ordering::Relaxed);
        }
        reads.iter().any(|r| r.progress == Progress::Ended && *r.shard == *shard) && reads.last().is_some_and(idle)
    });
    assert_eq!(of(&reads, &shard), ["1", "2", "3", "no end"]);
    assert_eq!(of(&reads, &format!("{shard}#2")), ["new 1"]);
    assert_eq!(*reads.last().expect("reads").shard, *format!("{shard}#2"), "the new file speaks from then on");
    assert_eq!(lost(&reads), [""; 0]);
}

#[test]
fn a_truncated_file_is_a_new_one_even_if_it_grew_again() {
    for fresh in ["new\n", "another text that is longer than what stood there before\n"] {
        let folder = Folder::new();
        let path = folder.write("a.log", "1\n2\n3 and more\n");
        let shard = path.to_string_lossy().into_owned();
        let step = AtomicBool::new(false);
        let reads = run_until(&mut followed(&path), &[], |reads| {
            if of(reads, &shard).len() == 3 && !step.swap(true, Ordering::Relaxed) {
                fs::write(&path, fresh).expect("written over");
            }
            of(reads, &format!("{shard}#2")).len() == 1
        });
        assert!(reads.iter().any(|r| r.progress == Progress::Ended && *r.shard == *shard));
        let mut positions = Positions::default();
        positions.note(&reads);
        let reads = run_until(&mut followed(&path), &positions.list(), |reads| reads.iter().any(idle));
        assert!(lines(&reads).is_empty(), "nothing is read again: {reads:?}");
    }
}

#[test]
fn what_was_rotated_while_nothing_read_it_is_found_or_told_as_lost() {
    for compressed in [false, true] {
        let folder = Folder::new();
        let path = folder.write("a.log", "header\n1\n2\n");
        let shard = path.to_string_lossy().into_owned();
        let reads = run_until(&mut followed(&path), &[], |reads| of(reads, &shard).len() == 3);
        let mut positions = Positions::default();
        positions.note(&reads);
        folder.append("a.log", "3\npart");
        // The part of a line makes it a file that was not read to its end, as the reader knows.
        let reads = run_until(&mut followed(&path), &positions.list(), |reads| of(reads, &shard).len() == 1);
        positions.note(&reads);
        folder.append("a.log", " and the rest\n4\n");
        if compressed {
            let text = fs::read(&path).expect("read");
            folder.write("a.log.1.gz", gzip(&text));
            fs::remove_file(&path).expect("removed");
        } else {
            fs::rename(&path, folder.path("a.log.1")).expect("rotated");
        }
        folder.write("a.log", "new\n");
        let fresh = format!("{shard}#2");
        let reads = run_until(&mut followed(&path), &positions.list(), |reads| {
            !of(reads, &fresh).is_empty() && reads.iter().any(|r| r.progress == Progress::Ended && *r.shard == *shard)
        });
        assert_eq!(of(&reads, &fresh), ["new"]);
        if compressed {
            assert!(lost(&reads).len() == 1 && lost(&reads)[0].contains("behind line 4"), "{:?}", lost(&reads));
        } else {
            assert_eq!(of(&reads, &shard), ["part and the rest", "4"]);
            let prelude = reads.iter().find_map(|r| r.prelude.as_ref()).expect("the first line");
            assert_eq!(prelude.bytes, b"header\n");
        }
        positions.note(&reads);
        let reads = run_until(&mut followed(&path), &positions.list(), |reads| reads.iter().any(idle));
        assert!(lines(&reads).is_empty() && lost(&reads).is_empty(), "told once: {reads:?}");
    }
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for_or_refused() {
    let folder = Folder::new();
    let path = folder.path("later.log");
    let refused = once(&path).run(&[], &|_| Flow::Continue).expect_err("it is not there");
    assert!(refused.contains("later.log") && refused.contains("check the path"), "{refused}");
    let reads = run_until(&mut followed(&path), &[], |reads| {
        if reads.iter().filter(|r| idle(r)).count() == 1 {
            fs::write(&path, "one\n").expect("write");
        }
        !lines(reads).is_empty()
    });
    assert_eq!(lines(&reads)[0].2, "one");
    assert!(once(&folder.0).run(&[], &|_| Flow::Continue).expect_err("a folder").contains("folder source"));
}

#[test]
fn a_folder_is_read_in_order_of_time_and_new_files_are_found() {
    let folder = Folder::new();
    for (name, rank) in [("b/late.log", 3), ("a.log", 2), ("z.log", 1), ("c.log", 2)] {
        folder.write(name, format!("header\n{name}\n"));
        folder.rest(name, rank);
    }
    for name in [".hidden", ".git/config", "x.tmp", "x.part", "b/.y"] {
        folder.write(name, "left out\n");
    }
    let outside = Folder::new();
    outside.write("secret", "outside\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside.0, folder.path("link")).expect("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path("secret"), folder.path("link.log")).expect("link");
    let step = AtomicU32::new(0);
    let mut source = watched(&folder);
    let reads = run_until(&mut source, &[], |reads| {
        let quiet =
            reads.last().is_some_and(idle) && reads.last().is_some_and(|r| matches!(r.progress, Progress::Idle(t) if t + 50 > now_ms()));
        if quiet && lines(reads).len() == 8 && step.swap(1, Ordering::Relaxed) == 0 {
            fs::rename(folder.path("x.tmp"), folder.path("x.log")).expect("arrives");
            folder.write("new/deep/er.json", "{\"a\":\n1}\n");
            folder.append("a.log", "grown\n");
        }
        lines(reads).len() == 11 && quiet
    });
    let got: Vec<(String, u64, String)> = lines(&reads);
    let shards: Vec<&str> = got[..8].iter().step_by(2).map(|l| l.0.as_str()).collect();
    assert_eq!(shards, ["z.log", "a.log", "c.log", "b/late.log"]);
    assert_eq!(of(&reads, "a.log"), ["header", "a.log", "grown"]);
    assert_eq!(of(&reads, "x.log"), ["left out"]);
    assert_eq!(of(&reads, "new/deep/er.json"), ["{\"a\":\n1}\n"]);
    let grown = reads.iter().rfind(|r| *r.shard == *"a.log" && !r.records.is_empty()).expect("it grew");
    assert_eq!(grown.prelude.as_ref().map(|p| &p.bytes[..]), Some(&b"header\n"[..]), "it comes back with its first line");
    assert!(reads.iter().all(|r| !idle(r) || *r.shard == *FOLDER_SHARD), "one shard speaks for the folder");
    for shard in ["a.log", "x.log", "b/late.log"] {
        assert_eq!(reads.iter().rfind(|r| *r.shard == *shard).map(|r| r.progress), Some(Progress::Ended), "{shard} holds nobody back");
    }

    let mut positions = Positions::default();
    positions.note(&reads);
    // Renamed, moved, touched: nothing is read again. What is new is.
    fs::rename(folder.path("a.log"), folder.path("a.log.1")).expect("rotated");
    folder.write("a.log", "the next\n");
    fs::rename(folder.path("b/late.log"), folder.path("late.log")).expect("moved");
    folder.rest("c.log", 99);
    folder.append("a.log.1", "the last of the old\n");
    let mut source = watched(&folder);
    let reads = run_until(&mut source, &positions.list(), |reads| lines(reads).len() >= 2 && reads.last().is_some_and(idle));
    assert_eq!(of(&reads, "a.log"), ["the last of the old"], "a renamed file stays its shard");
    assert_eq!(of(&reads, "a.log#2"), ["the next"]);
    assert_eq!(lines(&reads).len(), 2, "{:?}", lines(&reads));
    assert_eq!(lost(&reads), [""; 0]);
}

#[test]
fn a_gzip_file_is_read_when_it_is_complete_and_once() {
    let folder = Folder::new();
    let mut rng = fastrand::Rng::with_seed(7);
    let text: String = (0..9000).map(|n| format!("{n} {}\n", rng.u64(..))).collect();
    let packed = gzip(text.as_bytes());
    folder.write("a.gz", &packed[..packed.len() / 2]);
    folder.write("done.gz", gzip(b"old\n"));
    folder.write("empty.gz", gzip(b""));
    ["done.gz", "empty.gz"].iter().for_each(|name| folder.rest(name, 1));
    let (path, whole) = (folder.path("a.gz"), packed.clone());
    let writer = std::thread::spawn(move || {
        std::thread::sleep(PACE.quiet / 2);
        fs::write(path, whole).expect("the rest");
    });
    let reads = run_until(&mut watched(&folder), &[], |reads| reads.last().is_some_and(idle) && lines(reads).len() > 1);
    writer.join().expect("written");
    assert_eq!(of(&reads, "a.gz").len(), 9000);
    assert_eq!(lost(&reads), [""; 0], "half of it was never taken for all of it");
    let mut positions = Positions::default();
    positions.note(&reads);
    assert_eq!(positions.0.len(), 3, "the empty one is remembered, too");
    let again = run_until(&mut watched(&folder), &positions.list(), |reads| reads.iter().any(idle));
    assert!(again.iter().all(|r| r.records.is_empty() && r.position.is_none()), "nothing is left to say: {again:?}");
    // A member more, and another file under the same name.
    let more = [packed.clone(), gzip(b"9000 more\n")].concat();
    folder.write("a.gz", more);
    folder.write("done.gz", gzip(b"another\n"));
    ["a.gz", "done.gz"].iter().for_each(|name| folder.rest(name, 5));
    let reads = run_until(&mut watched(&folder), &positions.list(), |reads| lines(reads).len() == 2 && reads.iter().any(idle));
    assert_eq!(of(&reads, "a.gz"), ["9000 more"]);
    assert_eq!(of(&reads, "done.gz#2"), ["another"]);
}

#[test]
fn of_a_broken_file_the_whole_lines_are_kept_and_the_rest_is_told_once() {
    let folder = Folder::new();
    let mut rng = fastrand::Rng::with_seed(3);
    let text: Vec<String> = (0..20_000).map(|n| format!("{n} {}", rng.u64(..))).collect();
    let packed = gzip(text.join("\n").as_bytes());
    folder.write("broken.gz", &packed[..packed.len() / 2]);
    folder.rest("broken.gz", 1);
    folder.write("fine.log", "fine\n");
    folder.rest("fine.log", 2);
    let reads = run_until(&mut watched(&folder), &[], |reads| reads.iter().filter(|r| idle(r)).count() > 2);
    let kept = of(&reads, "broken.gz");
    assert!(kept.len() > 4096 && kept == text[..kept.len()], "{}", kept.len());
    assert_eq!(of(&reads, "fine.log"), ["fine"], "the others are read");
    let told = lost(&reads);
    assert!(told.len() == 1 && told[0].contains("broken.gz") && told[0].contains(&format!("behind line {}", kept.len())), "{told:?}");
    let mut positions = Positions::default();
    positions.note(&reads);
    let again = run_until(&mut watched(&folder), &positions.list(), |reads| reads.iter().filter(|r| idle(r)).count() > 1);
    assert!(lines(&again).is_empty() && lost(&again).is_empty(), "nor is it told after a restart");
    folder.write("broken.gz", &packed);
    folder.rest("broken.gz", 3);
    let healed = run_until(&mut watched(&folder), &positions.list(), |reads| reads.iter().any(idle));
    assert_eq!(of(&healed, "broken.gz"), text[kept.len()..], "once it is whole, the rest comes");
}

#[test]
fn a_folder_that_is_missing_is_an_error_at_the_start_and_waited_for_later() {
    let folder = Folder::new();
    let gone = folder.path("missing");
    let refused = FolderSource::new("s", gone, Vec::new(), true).run(&[], &|_| Flow::Continue).expect_err("missing");
    assert!(refused.contains("missing") && refused.contains("create it"), "{refused}");
    let inner = folder.path("in");
    fs::create_dir(&inner).expect("folder");
    fs::write(inner.join("a"), "1\n").expect("write");
    let step = AtomicU32::new(0);
    let mut source = FolderSource::new("s", inner.clone(), Vec::new(), true).with_pace(PACE);
    let reads = run_until(&mut source, &[], |reads| {
        if step.load(Ordering::Relaxed) == 0 && lines(reads).len() == 1 {
            fs::rename(&inner, folder.path("away")).expect("away");
            step.store(1, Ordering::Relaxed);
        } else if step.load(Ordering::Relaxed) == 1 && !lost(reads).is_empty() {
            folder.append("away/a", "2\n");
            fs::rename(folder.path("away"), &inner).expect("back");
            step.store(2, Ordering::Relaxed);
        }
        lines(reads).len() == 2
    });
    assert_eq!(of(&reads, "a"), ["1", "2"]);
    assert_eq!(lost(&reads).len(), 1);
}

#[test]
fn in_a_folder_a_last_line_without_its_end_comes_when_the_file_rests() {
    let folder = Folder::new();
    folder.write("a.log", "one\ntwo");
    folder.write("b.json", "{\"Records\":[]}");
    folder.write("c.json", "{\n\"a\":1\n}");
    let reads = run_until(&mut watched(&folder), &[], |reads| lines(reads).len() == 4);
    let order: Vec<String> = lines(&reads).into_iter().map(|l| l.0).collect();
    assert_eq!(order.first().map(String::as_str), Some("a.log"));
    assert_eq!(order.last().map(String::as_str), Some("a.log"), "closed JSON waits less: {order:?}");
    let mut positions = Positions::default();
    positions.note(&reads);
    folder.append("a.log", "\nthree\n");
    let reads = run_until(&mut watched(&folder), &positions.list(), |reads| !lines(reads).is_empty());
    assert_eq!(lines(&reads), [("a.log".to_owned(), 3, "three".to_owned())], "the line's end is no line");
}

#[test]
fn a_folder_read_once_ends() {
    let folder = Folder::new();
    folder.write("a", "one\ntwo");
    folder.write("b.gz", gzip(b"three"));
    let mut source = FolderSource::new("s", folder.0.clone(), Vec::new(), false);
    let reads = run(&mut source, &[]);
    assert_eq!((of(&reads, "a"), of(&reads, "b.gz")), (vec!["one".into(), "two".into()], vec!["three".into()]));
    let last = reads.last().expect("reads");
    assert_eq!((&*last.shard, last.progress), (FOLDER_SHARD, Progress::Ended));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_of_many_files_is_not_held_open() {
    let folder = Folder::new();
    (0..600).for_each(|n| drop(folder.write(&format!("{n}.log"), "one\n")));
    let opened = || fs::read_dir("/proc/self/fd").expect("the list of open files").count();
    let most = AtomicU32::new(0);
    let reads = run_until(&mut watched(&folder), &[], |reads| {
        most.fetch_max(opened() as u32, Ordering::Relaxed);
        reads.last().is_some_and(idle) && reads.len() > 1000
    });
    assert_eq!((lines(&reads).len(), lost(&reads).len()), (600, 0));
    // The other tests of this process hold a few.
    assert!(most.load(Ordering::Relaxed) < 300, "{most:?} files are open");
}

#[test]
fn a_stop_is_heard_within_a_second() {
    let folder = Folder::new();
    let path = folder.write("a.log", "one\n");
    let (silent, _writer) = std::io::pipe().expect("pipe");
    let mut sources: Vec<Box<dyn Source>> = vec![
        Box::new(FileSource::new("s", path, Vec::new(), true)),
        Box::new(FolderSource::new("s", folder.0.clone(), Vec::new(), true)),
        Box::new(StdinSource::over("s", "-", Vec::new(), Box::new(silent))),
    ];
    for source in &mut sources {
        let (clock, last) = (Stopwatch::start(), Mutex::new(Duration::ZERO));
        let take = |_: Read| {
            let mut last = last.lock().expect("one thread");
            let gap = clock.elapsed() - std::mem::replace(&mut *last, clock.elapsed());
            assert!(gap < Duration::from_secs(1), "take is called at least once a second: {gap:?}");
            if clock.elapsed() > Duration::from_secs(2) { Flow::Stop } else { Flow::Continue }
        };
        source.run(&[], &take).expect("stopped");
        assert!(clock.elapsed() < Duration::from_secs(3));
    }
}

#[test]
fn a_position_that_cannot_be_read_is_refused() {
    let folder = Folder::new();
    let path = folder.write("a.log", "one\n");
    let shard = path.to_string_lossy().into_owned();
    let position = ReadPosition { source: "s".into(), shard: shard.into(), sequence: 1.into(), token: "{\"version\":9}".into() };
    let refused = followed(&path).run(std::slice::from_ref(&position), &|_| Flow::Continue).expect_err("a newer form");
    assert!(refused.contains("a.log") && refused.contains("version"), "{refused}");
    let other = ReadPosition { source: "another source".into(), ..position };
    assert_eq!(lines(&run_until(&mut followed(&path), &[other], |r| !lines(r).is_empty())).len(), 1);
}

#[test]
fn standard_input_is_read_as_it_comes_and_each_stream_is_a_shard() {
    let (end, mut writer) = std::io::pipe().expect("pipe");
    writer.write_all(b"header\none\ntw").expect("write");
    let writer = Mutex::new(Some(writer));
    let mut source = StdinSource::over("s", "-", Vec::new(), Box::new(end));
    let reads = run_until(&mut source, &[], |reads| {
        if reads.iter().any(idle)
            && let Some(mut writer) = writer.lock().expect("one thread").take()
        {
            writer.write_all(b"o\nthree").expect("write");
        }
        false
    });
    assert_eq!(of(&reads, "-"), ["header", "one", "two", "three"]);
    assert_eq!(reads.last().map(|r| r.progress), Some(Progress::Ended));
    let mut positions = Positions::default();
    positions.note(&reads);
    let packed = std::io::Cursor::new(gzip(b"{\n\"a\":1\n}\n{\n\"a\":2\n}\n"));
    let reads = run(&mut StdinSource::over("s", "-", Vec::new(), Box::new(packed)), &positions.list());
    assert_eq!(of(&reads, "-#2"), ["{\n\"a\":1\n}\n", "{\n\"a\":2\n}\n"]);
    positions.note(&reads);
    let broken = gzip(b"one\ntwo\n");
    let broken = std::io::Cursor::new(broken[..broken.len() - 9].to_vec());
    let reads = run(&mut StdinSource::over("s", "-", Vec::new(), Box::new(broken)), &positions.list());
    assert!(reads.iter().all(|r| r.records.is_empty() || *r.shard == *"-#3"));
    assert_eq!(lost(&reads).len(), 1);
}

/// A folder where files grow, are packed, renamed, replaced, copied over and cut short, and a reader that is killed at any moment.
#[test]
fn whatever_happens_to_a_folder_each_line_comes_once() {
    let mut counted = BTreeMap::<&str, u32>::new();
    for seed in 0..60 {
        let (mut rng, folder) = (fastrand::Rng::with_seed(seed), Folder::new());
        let (mut written, mut kept) = (Vec::new(), Vec::new());
        let (mut positions, mut next) = (Positions::default(), 0u64);
        let mut fresh = |rng: &mut fastrand::Rng, written: &mut Vec<String>| {
            let most = if rng.u8(..) < 40 { 9000 } else { 12 };
            let lines: Vec<String> = (0..rng.usize(1..most)).map(|n| format!("{} {}", next + n as u64, rng.u32(..))).collect();
            next += lines.len() as u64;
            written.extend(lines.clone());
            lines.iter().map(|line| format!("{line}\n")).collect::<String>()
        };
        let (mut everything_read, mut restored, mut moved) = (true, false, std::collections::BTreeSet::new());
        for round in 0..25 {
            let name = |rng: &mut fastrand::Rng| ["a", "b", "c/d", "c/e#2", "f.1"][rng.usize(..5)].to_owned();
            let (one, other) = (name(&mut rng), name(&mut rng));
            let (from, to) = (folder.path(&one), folder.path(&other));
            fs::create_dir_all(folder.path("c")).expect("folder");
            let plain = |path: &Path| fs::read(path).is_ok_and(|bytes| !bytes.starts_with(&[0x1f, 0x8b]));
            let act = match rng.u8(..10) {
                // What was not read cannot be told again once it is gone: these happen to files that were.
                0 if everything_read && from.exists() => {
                    fs::remove_file(&from).expect("removed");
                    "removed"
                }
                1 if everything_read && plain(&from) => {
                    fs::write(&from, fresh(&mut rng, &mut written)).expect("written over");
                    "written over"
                }
                2 if everything_read && from.exists() && to.exists() && from != to => {
                    fs::rename(&from, &to).expect("renamed over");
                    moved.insert(other.clone());
                    "renamed over"
                }
                // A renamed file is known by its inode alone: its copy, or a copy's new name, is another file.
                3 if !restored && from.exists() && !to.exists() => {
                    fs::rename(&from, &to).expect("renamed");
                    moved.insert(other.clone());
                    "renamed"
                }
                4 if plain(&from) && !moved.contains(&one) => {
                    let bytes = fs::read(&from).expect("read");
                    fs::remove_file(&from).expect("removed");
                    fs::write(&from, bytes).expect("restored");
                    restored = true;
                    "restored"
                }
                5 if !from.exists() => {
                    folder.write(&one, gzip(fresh(&mut rng, &mut written).as_bytes()));
                    "packed"
                }
                6 if from.exists() && !plain(&from) => {
                    let mut bytes = fs::read(&from).expect("read");
                    bytes.extend(gzip(fresh(&mut rng, &mut written).as_bytes()));
                    fs::write(&from, bytes).expect("a member more");
                    "a member more"
                }
                _ if !from.exists() || plain(&from) => {
                    let lines = fresh(&mut rng, &mut written);
                    folder.append(&one, &lines);
                    "grown"
                }
                _ => continue,
            };
            *counted.entry(act).or_default() += 1;
            // Some of what was handed over became durable, in order, when the process dies; at the last, all.
            let mut source = FolderSource::new("s", folder.0.clone(), Vec::new(), false);
            let mut reads = run(&mut source, &positions.list());
            assert_eq!(lost(&reads), [""; 0], "seed {seed}");
            everything_read = rng.bool() || round == 24;
            if !everything_read {
                reads.truncate(rng.usize(..=reads.len()));
            }
            restored &= !everything_read;
            positions.note(&reads);
            kept.extend(lines(&reads).into_iter().map(|line| line.2));
        }
        let mut source = FolderSource::new("s", folder.0.clone(), Vec::new(), false);
        kept.extend(lines(&run(&mut source, &positions.list())).into_iter().map(|line| line.2));
        kept.sort();
        written.sort();
        let extra: Vec<&String> = kept.iter().filter(|line| written.binary_search(line).is_err()).collect();
        assert!(kept == written, "seed {seed}: {} of {} lines, strange: {extra:?}", kept.len(), written.len());
    }
    assert!(counted.len() == 8 && counted.values().all(|n| *n >= 10), "{counted:?}");
}
