//! Files of every released format open, their content whole. The files are committed under `tests/fixtures/state`; the one of the
//! current format is written with `TIDEGATE_WRITE_FIXTURE=1 cargo test --test store -- the_current_format`.

use crate::support::*;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read;
use std::path::{Path, PathBuf};
use tidegate::io::port::{Append, Store};

/// The format that this program writes.
const CURRENT: i32 = 1;

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
    put_alerts(path);
}

/// Two alerts, one of them over two accounts.
fn put_alerts(path: &Path) {
    let connection = rusqlite::Connection::open(path).expect("opens");
    for (id, accounts) in [("a3f1", r#"["111122223333","444455556666"]"#), ("b702", r#"["111122223333"]"#)] {
        let document = format!(r#"{{"message":"why {id} fired","tidegate":{{"accounts":{accounts}}}}}"#);
        let sql = "INSERT INTO alerts VALUES (?1, 3, 1000, 2000, 3000, 4, 'rule-1', 'Title', 'New', ?2)";
        connection.execute(sql, [id, &document]).expect("inserted");
    }
}

#[test]
fn the_current_format_is_that_of_its_fixture() {
    let folder = Folder::new();
    let path = folder.path("state");
    fill(&path);
    let text = content(&mut open(&path));
    let name = fixtures().join(format!("format-{CURRENT}.sqlite.gz"));
    if std::env::var_os("TIDEGATE_WRITE_FIXTURE").is_some() {
        let bytes = std::fs::read(&path).expect("reads");
        let mut packed = Vec::new();
        GzEncoder::new(&bytes[..], Compression::best()).read_to_end(&mut packed).expect("packs");
        std::fs::create_dir_all(fixtures()).expect("folder");
        std::fs::write(name, packed).expect("written");
    }
    let unpacked = unpack(CURRENT, &folder);
    assert_eq!(content(&mut open(&unpacked)), text);
    assert_eq!(tables(&unpacked), tables(&path));
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
