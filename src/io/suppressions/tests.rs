use super::*;
use tidegate_core::event::time::DAY_MS;
use tidegate_core::rule::{RuleFile, load};

const GOOD: &str = "# Reviewed every Monday.
suppressions:
  - id: scanner-2026-11      # the weekly scan
    rule: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10
    where:
      src_endpoint.ip: 198.51.100.*
      cloud.account.uid: 012345678901
    reason: \"our own scanner: ticket SEC-77\"
    owner: platform-security
    created: 2026-11-02
    expires: 2026-12-01T18:00:00+02:00
    allow_critical: true
";

fn lines(text: &str) -> Vec<String> {
    parse("s.yaml", text).problems.iter().map(ToString::to_string).collect()
}

fn ms(text: &str) -> i64 {
    parse_rfc3339_ms(text).expect("a time")
}

#[test]
fn a_good_file_is_read_with_its_places() {
    let loaded = parse("s.yaml", GOOD);
    assert_eq!(loaded.problems, Vec::new());
    let s = &loaded.entries[0].suppression;
    assert_eq!((s.id.as_str(), s.owner.as_str(), s.allow_critical), ("scanner-2026-11", "platform-security", true));
    assert_eq!(s.conditions["cloud.account.uid"], "012345678901", "digits are kept");
    assert_eq!((s.created_ms, s.expires_ms), (ms("2026-11-02T00:00:00Z"), ms("2026-12-01T16:00:00Z")));
    assert_eq!(loaded.entries[0].place_of("where.src_endpoint.ip").line, 6);
    assert_eq!(loaded.accept().expect("good").len(), 1);
    for empty in ["", "# nothing yet\n", "suppressions:\n", "suppressions: []\n", "[]"] {
        assert_eq!(parse("s.yaml", empty).accept(), Ok(Vec::new()), "{empty:?}");
    }
    let list = GOOD.replacen("suppressions:\n", "", 1);
    assert_eq!(parse("s.yaml", &list).entries.len(), 1, "a bare list is as good");
}

/// An entry in which one line is replaced.
fn with(line: &str, by: &str) -> String {
    let entry = "- id: a\n  rule: r\n  where: {src_endpoint.ip: 192.0.2.7}\n  reason: why\n  owner: soc\n  created: 2026-11-01\n  expires: 2026-11-30\n";
    assert!(entry.contains(line), "{line}");
    entry.replace(line, by)
}

/// What is replaced in a good entry, by what, and what is said then.
const MISTAKES: [(&str, &str, &str); 17] = [
    ("  owner: soc\n", "", "s.yaml:1:3: no `owner`: somebody must answer for what is hidden: name a team or person"),
    ("owner: soc", "owner: ''", "s.yaml:5:10: `owner` is empty: somebody must answer for what is hidden: name a team or person"),
    ("owner: soc", "owner: [a]", "s.yaml:5:10: `owner` is a list: somebody must answer for what is hidden: name a team or person"),
    (
        "rule: r",
        "rule: 'r*'",
        "s.yaml:2:9: `rule` names one rule: a pattern would silence rules that nobody looked at: write a suppression for each",
    ),
    (
        "id: a",
        "id: a b",
        "s.yaml:1:7: `id` `a b` holds other characters than plain ones: it becomes a label of counters: use at most 64 of letters, digits and `.`, `_`, `-`, `/`, `:`",
    ),
    (
        "{src_endpoint.ip: 192.0.2.7}",
        "{}",
        "s.yaml:3:10: `where` needs at least one field: it says which alerts of the rule are hidden: to silence a whole rule set its `status` or remove it",
    ),
    (
        "192.0.2.7}",
        "'* *'}",
        "s.yaml:3:28: `where.src_endpoint.ip` needs a value that says something: `* *` fits everything or nothing: write the value that the alert shows, with `*` for what may differ",
    ),
    (
        "192.0.2.7}",
        "[a, b]}",
        "s.yaml:3:28: `where.src_endpoint.ip` is a list: every value of the field must fit the one written here: write a suppression for each value, or one value with `*` in it",
    ),
    (
        "{src_endpoint.ip: 192.0.2.7}",
        "{src_endpoint: {ip: x}}",
        "s.yaml:3:25: `where.src_endpoint` is a map: a field has one value: write the field with dots, such as `src_endpoint.ip`",
    ),
    (
        "{src_endpoint.ip: 192.0.2.7}",
        "scanner",
        "s.yaml:3:10: `where` is a text: it says which alerts of the rule are hidden: write fields and values below `where:`, such as `src_endpoint.ip: 192.0.2.7`",
    ),
    (
        "expires: 2026-11-30",
        "expires: next week",
        "s.yaml:7:12: `expires` is `next week`: that is no time: write it like 2026-11-30 (its first moment, UTC) or 2026-11-30T18:00:00Z",
    ),
    (
        "  expires: 2026-11-30\n",
        "",
        "s.yaml:1:3: no `expires`: a suppression hides alerts only for a while, at most 90 days: write it like 2026-11-30 (its first moment, UTC) or 2026-11-30T18:00:00Z",
    ),
    (
        "expires: 2026-11-30",
        "expires: 2026-11-01",
        "s.yaml:7:12: `expires` must be after `created`: a suppression hides alerts only for a while: set it later",
    ),
    (
        "expires: 2026-11-30",
        "expires: 2027-02-01",
        "s.yaml:7:12: `expires` is more than 90 days after `created`: a suppression hides alerts only for a while: permanent tuning is a Sigma filter",
    ),
    (
        "owner: soc",
        "owner: soc\n  expiers: x",
        "s.yaml:6:3: unknown key `expiers` (did you mean `expires`?): it would be ignored: use one of: id, rule, where, reason, owner, created, expires, allow_critical",
    ),
    (
        "owner: soc",
        "owner: soc\n  allow_critical: yes",
        "s.yaml:6:19: `allow_critical` is a text: it says whether Critical alerts may be hidden: write `true` or `false`",
    ),
    (
        "- id: a",
        "- just text\n- id: a",
        "s.yaml:1:3: an entry is a text: a suppression is a map: write `- id: ...` with the other keys below it",
    ),
];

#[test]
fn every_mistake_has_its_exact_words() {
    for (line, by, want) in MISTAKES {
        assert_eq!(lines(&with(line, by)), [want]);
    }
}

#[test]
fn the_form_of_the_file_is_said_too() {
    let cases = [
        (
            "suppresions: []",
            "s.yaml:1:1: unknown key `suppresions` (did you mean `suppressions`?): the file has one key, and this one would be ignored: put the entries under `suppressions:`",
        ),
        ("just text", "s.yaml:1:1: the file is a text: suppressions are a list: write `suppressions:` with entries `- id: ...` below it"),
        ("suppressions: 3", "s.yaml:1:15: `suppressions` is a number: it is a list: start every entry with `- id: ...`"),
        ("[]\n---\n[]\n", "s.yaml:3:1: a second YAML document: suppressions are one list: put all entries under one list"),
    ];
    for (text, want) in cases {
        assert_eq!(lines(text), [want]);
    }
}

#[test]
fn all_mistakes_come_at_once_and_spoil_the_file() {
    let text = format!("{}{}- id: c\n", with("owner: soc", "ownr: soc"), with("rule: r", "rule: '*'"));
    let loaded = parse("s.yaml", &text);
    let said: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 10, "{said:#?}");
    let places: Vec<u32> = loaded.problems.iter().map(|p| p.place.line).collect();
    assert!(places.is_sorted() && places.contains(&1) && places.contains(&9) && places.contains(&15), "{said:#?}");
    assert!(said.iter().any(|s| s.starts_with("s.yaml:8:7: duplicate id `a`: it stands at line 1 already")), "{said:#?}");
    assert!(loaded.accept().is_err(), "a file with problems gives no suppressions");
}

#[test]
fn hostile_text_is_harmless_and_bounded() {
    let name = "\\u001b[2J\\u202egnp".to_owned() + &"x".repeat(5_000);
    for (line, by) in
        [("owner: soc", format!("owner: soc\n  \"{name}\": 1")), ("{src_endpoint.ip: 192.0.2.7}", format!("{{\"{name}\": '*'}}"))]
    {
        let said = lines(&with(line, &by)).join("\n");
        assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said:?}");
    }
    for text in ["\u{0}", "- [", "a: &a [*a]", "- - - - x", &"[".repeat(5_000), &"x".repeat(2 << 20)] {
        assert!(parse("s.yaml", text).accept().is_err(), "{:?}", text.chars().take(20).collect::<String>());
    }
}

#[test]
fn the_core_says_nothing_that_gets_no_place() {
    // Every sentence of the core's for a file that reads well becomes a problem: none falls through.
    for (line, by) in [
        ("rule: r", "rule: '*'"),
        ("192.0.2.7", "'*'"),
        ("{src_endpoint.ip: 192.0.2.7}", "{}"),
        ("2026-11-30", "2029-01-01"),
        ("2026-11-30", "2026-01-01"),
    ] {
        let text = with(line, by);
        let problems = parse("s.yaml", &text).problems;
        assert_eq!(problems.len(), 1, "{text}");
        assert!(problems[0].place.line > 1 && !problems[0].why.is_empty() && !problems[0].remedy.is_empty(), "{:?}", problems[0]);
    }
}

const RULES: &str = "title: Many accounts
id: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10
level: critical
correlation:
    type: value_count
    rules: [call]
    group-by: [sourceIPAddress]
    timespan: 1h
    condition: {gte: 3, field: recipientAccountId}
---
title: Call
id: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e11
name: call
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: X}
    condition: selection
";

fn doubted(text: &str, now: &str) -> Vec<String> {
    let set = load(&[RuleFile { name: "r.yml".into(), text: RULES.into() }]).set;
    assert_eq!(set.rules.len(), 2);
    let loaded = parse("s.yaml", text);
    assert_eq!(loaded.problems, Vec::new());
    doubts(&loaded.entries, ms(now), Some(&set)).iter().map(ToString::to_string).collect()
}

#[test]
fn expiry_has_edges() {
    let text = with("rule: r", "rule: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e11");
    let expires = ms("2026-11-30T00:00:00Z");
    let at = |now_ms| doubts(&parse("s.yaml", &text).entries, now_ms, None).iter().map(|d| d.what.clone()).collect::<Vec<_>>();
    assert_eq!(at(expires - SOON_MS - 1), Vec::<String>::new());
    assert_eq!(at(expires - SOON_MS), ["suppression `a` expires in 7 days"]);
    assert_eq!(at(expires - 1), ["suppression `a` expires in 1 minute"]);
    assert_eq!(at(expires), ["suppression `a` expired 0 minutes ago"]);
    assert_eq!(at(expires + 2 * DAY_MS + 5), ["suppression `a` expired 2 days ago"]);
    let s = parse("s.yaml", &text).entries[0].suppression.clone();
    let standing = |now_ms| Standing::of(&s, now_ms).word();
    assert_eq!([s.created_ms - 1, s.created_ms, expires - 1, expires].map(standing), ["future", "active", "active", "expired"]);
}

#[test]
fn rules_are_compared() {
    let now = "2026-11-02";
    let doubtful = with("rule: r", "rule: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e12");
    assert_eq!(
        doubted(&doubtful, now),
        [
            "s.yaml:2:9: warning: no rule `5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e12` (did you mean `5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10`?): it hides nothing: correct the id, or remove the suppression if the rule is gone"
        ]
    );
    let titled = doubted(&with("rule: r", "rule: many accounts"), now);
    assert!(titled[0].ends_with("write the rule's id `5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10`"), "{titled:?}");
    let critical = doubted(&with("rule: r", "rule: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10"), now);
    assert_eq!(critical.len(), 1, "{critical:?}");
    assert!(critical[0].contains("is Critical: a suppression without `allow_critical` hides no Critical alert"));
    let allowed = with("rule: r", "rule: 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10\n  allow_critical: true");
    assert_eq!(doubted(&allowed, now), Vec::<String>::new());
    assert_eq!(doubted(&allowed.replace("src_endpoint.ip", "sourceIPAddress"), now), Vec::<String>::new(), "the group-by");
    assert_eq!(doubted(&allowed.replace("src_endpoint.ip", "finding_info.types"), now), Vec::<String>::new(), "a path");
    for (field, hint) in [("src_endpoint.ipp", "(did you mean `src_endpoint.ip`?)"), ("tidegate.acounts", ""), ("srcip", "")] {
        let said = doubted(&allowed.replace("src_endpoint.ip", field), now);
        assert!(said.len() == 1 && said[0].contains(&format!("field `where.{field}`")) && said[0].contains(hint), "{said:?}");
    }
    assert_eq!(doubted(&with("rule: r", "rule: tidegate/state_pressure"), now), Vec::<String>::new(), "a rule in no file");
}

struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-suppressions-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn new_entry() -> Suppression {
    let mut s = parse("s.yaml", &with("id: a", "id: new")).accept().expect("good").remove(0);
    s.conditions.insert("tidegate.group_key_text".into(), "x: \"y\" # \u{1b}[31m\u{202e}日本 \u{3164} ü *".into());
    s.reason = "- yes: 'no'".into();
    s
}

#[test]
fn adding_leaves_everything_else_as_it_was() {
    let list = GOOD.replacen("suppressions:\n", "", 1);
    let files = [
        String::new(),
        "# only a comment".into(),
        "suppressions:".into(),
        "# head\nsuppressions: []\n# tail\n".into(),
        GOOD.into(),
        GOOD.trim_end().into(),
        GOOD.replace('\n', "\r\n"),
        format!("{list}  # a last word\n\n"),
        format!("\u{feff}{GOOD}"),
        GOOD.replace("  - id", "  -\n    id"),
    ];
    let folder = Scratch::new("keep");
    for old in files {
        let path = folder.0.join("s.yaml");
        std::fs::write(&path, &old).expect("write");
        add(&path, &new_entry()).unwrap_or_else(|e| panic!("{old:?}: {e:?}"));
        let new = std::fs::read_to_string(&path).expect("read");
        let kept = old.replace("suppressions: []", "suppressions:");
        assert!(new.starts_with(kept.trim_end()), "{new}");
        assert_eq!(new.contains("\r\n"), old.contains("\r\n"));
        let mut want = parse("s.yaml", &old).accept().expect("good");
        want.push(new_entry());
        assert_eq!(parse("s.yaml", &new).accept(), Ok(want), "{new}");
        assert!(!new.contains('\u{1b}') && !new.contains('\u{202e}') && new.contains("日本"), "{new}");
    }
    assert_eq!(std::fs::read_dir(&folder.0).expect("folder").count(), 1, "no draft is left");
}

#[test]
fn nothing_is_added_to_what_is_wrong() {
    let folder = Scratch::new("refuse");
    let path = folder.0.join("s.yaml");
    let keep = |old: &str, s: &Suppression| {
        std::fs::write(&path, old).expect("write");
        let error = add(&path, s).expect_err("refused");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), old);
        error
    };
    let twice = Suppression { id: "scanner-2026-11".into(), ..new_entry() };
    assert!(matches!(keep(GOOD, &twice), EditError::Duplicate(3)));
    let long = Suppression { expires_ms: new_entry().created_ms + 91 * DAY_MS, ..new_entry() };
    assert!(matches!(keep(GOOD, &long), EditError::Entry(p) if p.len() == 1));
    assert!(matches!(keep("suppresions: []\n", &new_entry()), EditError::File(p) if p.len() == 1));
    let flow = "[{id: a, rule: r, where: {x: y}, reason: w, owner: o, created: 2026-11-01, expires: 2026-11-02}]\n";
    assert!(matches!(keep(flow, &new_entry()), EditError::ByHand(text) if text.contains("- id: new")));
    assert!(matches!(keep("suppressions:\n...\n", &new_entry()), EditError::ByHand(_)));
    assert!(matches!(add(&folder.0.join("no/such/s.yaml"), &new_entry()), Err(EditError::Failed(_))));
}

#[cfg(unix)]
#[test]
fn mode_and_links_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Scratch::new("mode");
    let (path, link) = (folder.0.join("real.yaml"), folder.0.join("link.yaml"));
    std::fs::write(&path, GOOD).expect("write");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
    std::os::unix::fs::symlink(&path, &link).expect("link");
    add(&link, &new_entry()).expect("added");
    assert!(std::fs::symlink_metadata(&link).expect("link").is_symlink());
    assert_eq!(std::fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o640);
    assert_eq!(parse("s.yaml", &std::fs::read_to_string(&path).expect("read")).entries.len(), 2);
}

#[test]
fn two_writers_lose_nothing() {
    let folder = Scratch::new("race");
    let path = folder.0.join("s.yaml");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for n in 0..5 {
                    add(path, &Suppression { id: format!("w{writer}-{n}"), ..new_entry() }).expect("added");
                }
            });
        }
    });
    assert_eq!(read(&path).expect("read").accept().expect("good").len(), 20);
}

#[test]
fn broken_files_never_panic_and_places_lie_inside() {
    let mut rng = fastrand::Rng::with_seed(7);
    let pieces: Vec<char> = " \n\t-:#'\"{}[]*&!|>%@`,?\u{0}\u{1b}\u{202e}ü\u{1f600}".chars().collect();
    let (mut refused, mut good) = (0, 0);
    for _ in 0..4_000 {
        let mut text: Vec<char> = GOOD.chars().collect();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..text.len().max(1));
            match rng.u8(0..3) {
                0 if text.len() > 1 => drop(text.remove(at)),
                0 => {}
                1 => text.insert(at, pieces[rng.usize(0..pieces.len())]),
                _ => text.truncate(at.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        let loaded = parse("s.yaml", &text);
        let lines = u32::try_from(text.lines().count()).expect("few") + 1;
        for said in loaded.problems.iter().chain(&doubts(&loaded.entries, 0, None)) {
            assert!((1..=lines).contains(&said.place.line), "{said}\n{text}");
            assert!(!said.to_string().contains(['\u{1b}', '\u{202e}', '\n']), "{said:?}");
        }
        match loaded.accept() {
            Ok(all) => {
                good += 1;
                assert!(all.iter().all(|s| s.validate().is_empty()), "what is accepted is valid\n{text}");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 500 && good > 500, "{refused} refused, {good} good");
}
