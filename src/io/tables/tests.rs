use super::*;
use std::io::Write;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-tables-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("write");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const CSV: &str = "\u{feff}ID,name,ou,environment,owner,data_class,tags,Cost Center\r\n\
    # a remark\r\n\
    000011112222,\"Pay, \"\"EU\"\"\",Root/Work,prod,team-pay,CHD;PII,\"Tier=1;Zone=a\",42\r\n\
    111122223333,,,,,,,\r\n";
const JSON: &str = r#"[
  {"id": "000011112222", "name": "Pay, \"EU\"", "ou": "Root/Work", "environment": "prod", "owner": "team-pay",
   "data_class": ["CHD", "PII"], "tags": {"Tier": 1, "Zone": "a"}, "Cost Center": 42},
  {"id": 111122223333, "name": null}
]"#;
const LINES: &str = "{\"id\":\"000011112222\",\"name\":\"Pay, \\\"EU\\\"\",\"ou\":\"Root/Work\",\"environment\":\"prod\",\"owner\":\"team-pay\",\"data_class\":\"CHD;PII\",\"tags\":\"Tier=1;Zone=a\",\"Cost Center\":\"42\"}\n\n{\"id\":\"111122223333\"}\n";
const YAML: &str = "- id: 000011112222\n  name: Pay, \"EU\"\n  ou: Root/Work\n  environment: prod\n  owner: team-pay\n  data_class: [CHD, PII]\n  tags: {Tier: 1, Zone: a}\n  Cost Center: 42\n- {id: 111122223333}\n";

#[test]
fn all_formats_say_the_same() {
    let folder = Folder::new("formats");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(CSV.as_bytes()).expect("gzip");
    let gz = gz.finish().expect("gzip");
    let files = [
        ("a.csv", CSV.as_bytes()),
        ("a.csv.gz", &gz),
        ("a.json", JSON.as_bytes()),
        ("a.ndjson", LINES.as_bytes()),
        ("a.yaml", YAML.as_bytes()),
    ];
    let mut known = None;
    for (name, content) in files {
        let accounts = Some(folder.write(name, content));
        let (tables, left_out) = load(&TableFiles { accounts, ..TableFiles::default() }, false).expect(name);
        assert!(left_out.is_empty(), "{left_out:?}");
        assert!(tables.account("111122223333").is_some(), "{name}");
        let account = tables.account("000011112222").unwrap_or_else(|| panic!("{name}: zeros are kept")).clone();
        let tags: Vec<_> = account.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(tags, ["Tier=1", "Zone=a", "Cost Center=42"], "{name}");
        assert_eq!(account.name.as_deref(), Some("Pay, \"EU\""), "{name}");
        assert_eq!(known.get_or_insert_with(|| account.clone()), &account, "{name}");
    }
}

#[test]
fn bad_rows_refuse_the_table_with_their_lines_unless_told_otherwise() {
    let folder = Folder::new("bad");
    let csv = "indicator,category\n203.0.113.7,c2\n203.0.113.9,c2,more\nd41d8cd98f00b204e9800998ecf8427e,malware\n";
    let json = "[\n {\"indicator\": \"evil.example\"},\n {\"indicator\": \"com\"},\n {\"indicator\": ,}\n]";
    let intel =
        vec![folder.write("feed.csv", csv), folder.write("feed.json", json), folder.write("one.yml", "- indicator: a.example\n- x\n")];
    let files = TableFiles { intel, ..TableFiles::default() };
    let error = load(&files, false).expect_err("bad rows");
    let places: Vec<&str> = error.lines().map(|line| line.rsplit('/').next().unwrap_or_default()).collect();
    for (line, start) in
        places.iter().zip(["feed.csv:3: 3 cells", "feed.csv:4: `d41d", "feed.json:3: `com`", "feed.json:4: no JSON", "one.yml:2: no `ind"])
    {
        assert!(line.starts_with(start), "{line} should start with {start}");
    }
    let (tables, left_out) = load(&files, true).expect("the good rows");
    assert_eq!(left_out.len(), 5);
    let names: Vec<String> = tables.versions().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["intel:feed", "intel:feed-2", "intel:one"]);
    for value in ["203.0.113.7", "x.evil.example", "a.example"] {
        assert!(!tables.intel(&value.into(), 0).is_empty(), "{value}");
    }
}

#[test]
fn what_is_no_table_is_said() {
    let folder = Folder::new("none");
    let refused = |name: &str, content: &[u8]| {
        let networks = Some(folder.write(name, content));
        load(&TableFiles { networks, ..TableFiles::default() }, false).expect_err(name)
    };
    assert!(refused("n.txt", b"").contains(".csv, .json"));
    assert!(refused("n.csv", b"net,name\n10.0.0.0/8,x\n").contains("no column `cidr`"));
    assert!(refused("n.csv", b"").contains("no column `cidr`"));
    assert!(refused("n.csv", b"cidr\n\xff\n").contains("not UTF-8"));
    assert!(refused("n.json", b"[{\"cidr\": \"10.0.0.0/8\"}").contains("cut off"));
    assert!(refused("n.yaml", b"cidr: 10.0.0.0/8\n").contains("a list of rows"));
    assert!(refused("n.yaml", b"- [\n").contains("n.yaml:"));
    let many: String = (0..50).map(|n| format!("10.0.0.{n}/8\n")).collect();
    assert!(refused("n.csv", format!("cidr\n{many}").as_bytes()).contains("... and 29 more bad rows"));
    let geo = vec![folder.write("g.mmdb", "nothing")];
    assert!(load(&TableFiles { geo, ..TableFiles::default() }, false).expect_err("no database").contains("MaxMind"));
    let geo = vec![folder.0.join("absent.mmdb")];
    assert!(load(&TableFiles { geo, ..TableFiles::default() }, true).expect_err("no file").contains("absent.mmdb"));
}

#[test]
fn the_tables_of_the_synthetic_organisation_load() {
    let folder = Folder::new("generated");
    let plan = tidegate_core::generate::Plan { accounts: 8, days: 1, ..tidegate_core::generate::Plan::default() };
    let mut files = TableFiles::default();
    tidegate_core::generate::organisation(&plan, &mut |file| match file.path.as_str() {
        "tables/accounts.csv" => files.accounts = Some(folder.write("accounts.csv", &file.content)),
        "tables/networks.csv" => files.networks = Some(folder.write("networks.csv", &file.content)),
        "tables/intel.csv" => files.intel.push(folder.write("intel.csv", &file.content)),
        _ => {}
    });
    assert!(files.accounts.is_some() && files.networks.is_some() && files.intel.len() == 1);
    let (tables, _) = load(&files, false).expect("all tables");
    let network = tables.network("198.51.100.9".parse().expect("address")).expect("the scanner");
    assert_eq!(network.kind.as_deref(), Some("scanner"));
}
