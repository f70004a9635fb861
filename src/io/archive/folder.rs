//! Segments in a folder: `YYYY/MM/DD/HH/SOURCE/STAMP-NUMBER.tidegate.gz`, by the arrival of the segment's first record.
//!
//! Owns the open segments (one per source), when a new one begins (by size, by age, with a new hour of arrival) and that what was
//! put is on the disk, names included. Never deletes anything, never writes into a file that it did not make. A record that arrived
//! before the hour of the open segment goes into that one: a partition may hold older records than its name says.
//!
//! A write that fails is undone: the segment is cut back to what was synced before. If even that fails the segment is left as it
//! is and another session begins, so that what may stand twice is known as that.

use super::form::{Header, Packed, beginning, ending};
use crate::io::clock::Stopwatch;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::time::format_rfc3339;

/// Most names tried for a new segment.
const NAMES_MAX: u64 = 10_000;
const HOUR_MS: i64 = 3_600_000;

/// How an archive is written.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder.
    pub folder: PathBuf,
    /// A segment that has this many bytes is ended.
    pub segment_bytes: u64,
    /// So is one that is this old.
    pub segment_every: Duration,
    /// Headers of the sources, their numbers left open.
    pub headers: Vec<Header>,
}

/// An archive that is being written.
#[derive(Debug)]
pub struct Archive {
    plan: Plan,
    open: BTreeMap<Arc<str>, Open>,
    numbers: BTreeMap<Arc<str>, u64>,
    /// Sessions begun because a segment could not be cut back.
    torn: i64,
}

/// A segment that is being written.
#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    hour: i64,
    since: Stopwatch,
    /// Bytes that are synced.
    synced: u64,
    /// Shards whose first line it holds, or that have none.
    shards: BTreeSet<Arc<str>>,
}

impl Archive {
    /// An archive of this process. Nothing is written yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Archive { plan, open: BTreeMap::new(), numbers: BTreeMap::new(), torn: 0 }
    }

    /// Writes and syncs; what was written is taken out, the rest can be put again.
    ///
    /// # Errors
    /// In words: what, where, why, what to do. Nothing of what is left over is there.
    pub fn put(&mut self, packed: &mut Vec<Packed>) -> Result<(), String> {
        while let Some(source) = packed.first().map(|one| one.source.clone()) {
            let (of_source, rest): (Vec<Packed>, Vec<Packed>) = packed.drain(..).partition(|one| one.source == source);
            *packed = of_source;
            let done = self.put_source(&source, packed);
            if done.is_ok() {
                packed.clear();
            }
            packed.extend(rest);
            done?;
        }
        Ok(())
    }

    /// Ends all segments.
    ///
    /// # Errors
    /// In words. Everything that was put is there.
    pub fn close(&mut self) -> Result<(), String> {
        let mut done = Ok(());
        for (_, open) in std::mem::take(&mut self.open) {
            done = done.and(end(open));
        }
        done
    }

    /// All of a source goes into one segment, which may be a new one.
    fn put_source(&mut self, source: &Arc<str>, packed: &[Packed]) -> Result<(), String> {
        let hour = packed.iter().map(|one| one.arrival_ms.div_euclid(HOUR_MS)).max().unwrap_or(0);
        let over =
            |open: &Open| open.synced >= self.plan.segment_bytes || hour > open.hour || open.since.elapsed() >= self.plan.segment_every;
        if self.open.get(source).is_some_and(over)
            && let Some(open) = self.open.remove(source)
        {
            // A segment without its end is as good, and its disk is told by what follows.
            let _ = end(open);
        }
        if !self.open.contains_key(source) {
            let open = self.begin(source, packed[0].arrival_ms, hour)?;
            self.open.insert(source.clone(), open);
        }
        let Some(open) = self.open.get_mut(source) else { return Ok(()) };
        if let Err(error) = write(open, packed) {
            let why = failed("write", &open.path, &error);
            if cut_back(open).is_err() {
                self.open.remove(source);
                self.torn += 1;
            }
            return Err(why);
        }
        Ok(())
    }

    fn begin(&mut self, source: &Arc<str>, arrival_ms: i64, hour: i64) -> Result<Open, String> {
        let known = self.plan.headers.iter().find(|header| header.source == **source);
        let header = known.ok_or_else(|| format!("cannot archive source {source}: it is not configured"))?;
        let folder = make_folders(&self.plan.folder, hour, source)?;
        let number = self.numbers.entry(source.clone()).or_default();
        let stamp: String = format_rfc3339(arrival_ms).chars().filter(char::is_ascii_alphanumeric).collect();
        for _ in 0..NAMES_MAX {
            *number += 1;
            let path = folder.join(format!("{stamp}-{number:06}.tidegate.gz"));
            let header = Header { number: *number, session_ms: header.session_ms + self.torn, ..header.clone() };
            match create(&path, &header) {
                Ok((file, synced)) => {
                    sync_folder(&folder)?;
                    return Ok(Open { file, path, hour, since: Stopwatch::start(), synced, shards: BTreeSet::new() });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("make", &path, &error)),
            }
        }
        Err(format!("cannot archive into {}: {NAMES_MAX} names are taken; name another folder", folder.display()))
    }
}

fn create(path: &Path, header: &Header) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let bytes = beginning(header);
    match file.write_all(&bytes).and_then(|()| file.sync_all()) {
        Ok(()) => Ok((file, bytes.len() as u64)),
        Err(error) => {
            // Half a header is no segment; failing to remove it leaves a file that is told as cut.
            let _ = std::fs::remove_file(path);
            Err(error)
        }
    }
}

fn write(open: &mut Open, packed: &[Packed]) -> io::Result<()> {
    let (mut bytes, mut shards) = (0, Vec::new());
    for one in packed {
        let fresh = !open.shards.contains(&one.shard) && !shards.contains(&one.shard);
        if let Some(prelude) = one.prelude.as_ref().filter(|_| fresh) {
            open.file.write_all(prelude)?;
            bytes += prelude.len() as u64;
        }
        if fresh {
            shards.push(one.shard.clone());
        }
        open.file.write_all(&one.member)?;
        bytes += one.member.len() as u64;
    }
    open.file.sync_data()?;
    open.synced += bytes;
    open.shards.extend(shards);
    Ok(())
}

fn cut_back(open: &mut Open) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    open.file.set_len(open.synced)?;
    open.file.seek(SeekFrom::Start(open.synced))?;
    open.file.sync_all()
}

fn end(mut open: Open) -> Result<(), String> {
    let done = open.file.write_all(&ending()).and_then(|()| open.file.sync_all());
    done.map_err(|error| {
        // Half an end would be told as a cut tail.
        let _ = cut_back(&mut open);
        failed("end", &open.path, &error)
    })
}

/// Makes the folders of an hour, those above first, each on the disk before anything is put into it.
fn make_folders(root: &Path, hour: i64, source: &str) -> Result<PathBuf, String> {
    let text = format_rfc3339(hour.saturating_mul(HOUR_MS));
    let parts = [text.get(0..4), text.get(5..7), text.get(8..10), text.get(11..13), Some(source)];
    let mut folder = root.to_owned();
    make_folder(&folder)?;
    for part in parts.into_iter().flatten() {
        folder.push(part);
        make_folder(&folder)?;
    }
    Ok(folder)
}

fn make_folder(folder: &Path) -> Result<(), String> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => folder.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("make", folder, &error)),
    }
}

fn sync_folder(folder: &Path) -> Result<(), String> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("sync", folder, &error))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room: delete or move old hours of the archive",
        io::ErrorKind::PermissionDenied => "let this user write there",
        _ => "check the disk and the path",
    };
    format!("cannot {what} {} of the archive: {error}; {remedy}. It is tried again, and nothing is lost", path.display())
}

#[cfg(test)]
mod tests {
    use super::super::form::{pack, prelude};
    use super::*;
    use crate::io::input::{Input, expand};
    use crate::io::reader::Reader;
    use tidegate_core::event::{Position, Record};

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tidegate-archive-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Folder(path)
        }

        fn archive(&self, segment_bytes: u64, session_ms: i64) -> Archive {
            let header =
                |source: &str| Header { source: source.into(), stated: serde_json::Value::Null, session_ms, started_ms: None, number: 0 };
            let headers = vec![header("trail"), header("flows")];
            Archive::new(Plan { folder: self.0.clone(), segment_bytes, segment_every: Duration::from_secs(3_600), headers })
        }

        /// Source, shard, sequence, whether it is a prelude; by name of the segment.
        fn read(&self) -> Vec<(String, String, u64, bool)> {
            let mut out = Vec::new();
            for input in expand(&[self.0.to_string_lossy().into_owned()], &mut |_| Ok(None)).expect("there") {
                let Input::File(path) = &input else { panic!("a file") };
                let source = path.parent().and_then(Path::file_name).expect("below a source").to_string_lossy().into_owned();
                let mut segment = Reader::open(&input, "file").expect("opens").into_segment().expect("a segment");
                while let Some(framed) = segment.next_record().expect("reads") {
                    let sequence = framed.record.position.sequence.to_string().parse().expect("small");
                    assert_eq!(*framed.record.position.source, *source);
                    out.push((source.clone(), framed.record.position.shard.to_string(), sequence, framed.prelude));
                }
            }
            out
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn record(source: &str, shard: &str, sequence: u64, arrival_ms: i64) -> Record {
        let position = Position { source: source.into(), shard: shard.into(), sequence: sequence.into(), sub_sequence: 0 };
        Record { position, arrival_ms: Some(arrival_ms), bytes: format!("line {sequence}\n").into_bytes(), lines: true }
    }

    fn packed(source: &str, shard: &str, sequence: u64, arrival_ms: i64) -> Packed {
        pack(&[record(source, shard, sequence, arrival_ms)], None, 0).expect("a record")
    }

    #[test]
    fn segments_stand_by_hour_and_source_and_begin_anew_by_size_and_hour() {
        let folder = Folder::new("rolls");
        let base = 1_795_456_384_000;
        let mut archive = folder.archive(200, 1);
        archive.put(&mut vec![packed("trail", "a", 1, base), packed("flows", "b", 1, base)]).expect("room");
        archive.put(&mut vec![packed("trail", "a", 2, base - HOUR_MS)]).expect("an older one goes into the open segment");
        archive.put(&mut vec![packed("trail", "a", 3, base + HOUR_MS)]).expect("another hour");
        (4..8).for_each(|n| archive.put(&mut vec![packed("trail", "a", n, base + HOUR_MS)]).expect("another segment"));
        archive.close().expect("ends");
        let hours = expand(&[folder.0.to_string_lossy().into_owned()], &mut |_| Ok(None)).expect("there");
        let names: Vec<String> = hours.iter().map(|i| i.name().rsplit('/').next().expect("name").to_owned()).collect();
        assert!(names.len() >= 4 && names[0].ends_with("-000001.tidegate.gz"), "{names:?}");
        let of = |wanted: &str| folder.read().into_iter().filter(|(s, ..)| s == wanted).map(|(_, _, n, _)| n).collect::<Vec<_>>();
        assert_eq!((of("trail"), of("flows")), (vec![1, 2, 3, 4, 5, 6, 7], vec![1]));
    }

    #[test]
    fn a_first_line_stands_once_in_every_segment_and_another_process_makes_files_of_its_own() {
        let folder = Folder::new("prelude");
        let line = prelude(&record("flows", "b", 1, 5));
        let one = |n: u64| Packed { prelude: Some(line.clone()), ..packed("flows", "b", n, 5) };
        let mut archive = folder.archive(1 << 20, 1);
        archive.put(&mut vec![one(2), one(3)]).expect("room");
        archive.put(&mut vec![one(4)]).expect("room");
        let mut other = folder.archive(1 << 20, 2);
        other.put(&mut vec![one(5)]).expect("room");
        let read: Vec<(u64, bool)> = folder.read().into_iter().map(|(_, _, n, prelude)| (n, prelude)).collect();
        assert_eq!(read, [(1, true), (2, false), (3, false), (4, false), (1, true), (5, false)], "also before their end");
    }

    #[test]
    fn what_could_not_be_written_is_left_over_and_nothing_of_it_is_there() {
        let folder = Folder::new("fails");
        let mut archive = folder.archive(1 << 20, 1);
        archive.put(&mut vec![packed("flows", "b", 1, 5)]).expect("room");
        let open = archive.open.get_mut("flows").expect("open");
        let good = std::mem::replace(&mut open.file, File::open("/dev/null").expect("not to be written"));
        let mut batch = vec![packed("trail", "a", 1, 5), packed("flows", "b", 2, 5)];
        let why = archive.put(&mut batch).expect_err("not writable");
        assert!(why.contains("cannot write") && why.contains("nothing is lost"), "{why}");
        assert_eq!(batch.iter().map(|one| &*one.source).collect::<Vec<_>>(), ["flows"], "the other source is there");
        assert!(archive.torn == 1 && !archive.open.contains_key("flows"), "it could not be cut back: another session");
        drop(good);
        archive.put(&mut batch).expect("a segment of its own");
        assert!(batch.is_empty());
        let flows: Vec<u64> = folder.read().into_iter().filter(|(s, ..)| s == "flows").map(|(_, _, n, _)| n).collect();
        assert_eq!(flows, [1, 2]);
    }
}
