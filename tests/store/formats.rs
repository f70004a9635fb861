//! Files of every released format open, their content whole. The files are committed under `tests/fixtures/state`; the one of the
//! current format is written with `TIDEGATE_WRITE_FIXTURE=1 cargo test --test store -- the_current_format`.

use crate::support::*;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read;
use std::path::{Path, PathBuf};
use tidegate::io::port::{Append, Outcome, Sink, Store};
use tidegate::io::sqlite::View;

/// The format that this program writes.
const CURRENT: i32 = 2;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/state")
}

/// What is in every one of these files.
fn fill(path: &Path) {
    let mut store = open(path);
    store.set_pipelines(2).expect("pipelines");
    for n in 1..=9u64 {
        let quarantined = if n % 4 == 0 { vec![refused("day.json", n, 0), refused("day.json", n, 1)] } else { vec![] };
        let (positions, files) = ([read_to("day.json", n)], rules(n as u8));
        let rules = matches!(n, 1 | 6).then_some(&files);
        let (position, entries) = (n, entries(2, n));
        let batch = Append { position, entries: &entries, positions: &positions, quarantined: &quarantined, rules, ..Append::default() };
        store.append(&batch).expect("appended");
    }
    for pipeline in 0..2 {
        snapshot(&mut store, pipeline, 3, b"an older state", 5);
        snapshot(&mut store, pipeline, 7, b"a newer state, in four pieces", 8);
        store.acknowledge(pipeline, "sqlite", b"cursor").expect("acknowledged");
    }
    put_pieces(&mut store, 0, 9, b"begun, not sealed", 4);
    let mut sink = store.alerts();
    let taken = sink.deliver(&[delivery("a3f1", 3, 4, &["111122223333", "444455556666"]), delivery("b702", 1, 5, &["111122223333"])]);
    assert_eq!(taken, [Outcome::Taken, Outcome::Taken]);
}

#[test]
fn the_current_format_is_that_of_its_fixture() {
    let folder = Folder::new();
    let path = folder.path("state");
    fill(&path);
    if std::env::var_os("TIDEGATE_WRITE_FIXTURE").is_some() {
        let bytes = std::fs::read(&path).expect("reads");
        let mut packed = Vec::new();
        GzEncoder::new(&bytes[..], Compression::best()).read_to_end(&mut packed).expect("packs");
        std::fs::create_dir_all(fixtures()).expect("folder");
        std::fs::write(fixtures().join(format!("format-{CURRENT}.sqlite.gz")), packed).expect("written");
        for format in 1..=CURRENT {
            let path = unpack(format, &folder);
            std::fs::write(fixtures().join(format!("format-{format}.txt")), content(&mut open(&path)) + &seen(&path)).expect("written");
        }
    }
    let unpacked = unpack(CURRENT, &folder);
    assert_eq!(tables(&unpacked), tables(&path), "the format changed: it needs a new number, a step, and a fixture");
}

#[test]
fn every_format_opens_and_holds_what_it_held() {
    for format in 1..=CURRENT {
        let folder = Folder::new();
        let path = unpack(format, &folder);
        let text = content(&mut open(&path)) + &seen(&path);
        let expected = fixtures().join(format!("format-{format}.txt"));
        assert_eq!(text, std::fs::read_to_string(expected).expect("the expected content is committed"), "format {format}");
        assert_eq!(tables(&path), tables(&unpack_fresh(&folder)), "format {format} became another one than a new file has");
        append(&mut open(&path), 2, 10);
    }
}

/// A new file of the current format.
fn unpack_fresh(folder: &Folder) -> PathBuf {
    let path = folder.path("fresh");
    drop(open(&path));
    path
}

#[test]
fn an_earlier_format_is_backed_up_before_it_is_migrated() {
    let folder = Folder::new();
    let path = unpack(1, &folder);
    let before = std::fs::read(&path).expect("reads");
    let refusal = View::open(&path).expect_err("not migrated by a look");
    assert!(refusal.to_string().contains("format 1"), "{refusal}");
    assert_eq!(std::fs::read(&path).expect("reads"), before, "a look changes nothing");
    let text = content(&mut open(&path));
    let backup = folder.path("format-1.format-1.bak");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&backup).expect("there is a backup").permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(number(&backup, "user_version"), 1);
    assert_eq!(number(&path, "user_version"), CURRENT);
    // Put back, it migrates again, and its backup takes another name.
    let kept = std::fs::read(&backup).expect("reads");
    std::fs::write(&path, &kept).expect("put back");
    assert_eq!(content(&mut open(&path)), text);
    assert_eq!(std::fs::read(&backup).expect("reads"), kept, "a backup is never overwritten");
    assert_eq!(number(&folder.path("format-1.format-1.1.bak"), "user_version"), 1);
}

fn number(path: &Path, name: &str) -> i32 {
    let connection = rusqlite::Connection::open(path).expect("opens");
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checks");
    assert_eq!(verdict, "ok");
    connection.pragma_query_value(None, name, |row| row.get(0)).expect("reads")
}

fn unpack(format: i32, folder: &Folder) -> PathBuf {
    let packed = std::fs::read(fixtures().join(format!("format-{format}.sqlite.gz"))).expect("the fixture is committed");
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("unpacks");
    let path = folder.path(&format!("format-{format}"));
    std::fs::write(&path, bytes).expect("written");
    path
}

/// The tables as they were declared.
fn tables(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).expect("opens");
    let mut statement = connection.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").expect("prepares");
    let rows = statement.query_map([], |row| row.get(0)).expect("reads");
    rows.collect::<Result<_, _>>().expect("rows")
}
