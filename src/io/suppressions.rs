//! Suppressions on disk: `suppressions.yaml` in, suppressions with their places and everything wrong with the file out.
//!
//! Owns the form of the file: a list, or a map whose one key `suppressions` is that list; the keys of an entry; times as RFC 3339
//! or dates (a date is its first moment, in UTC). What a suppression means, and which are refused for that, is
//! [`tidegate_core::alert::suppression`]'s. Never drops a bad entry silently: a file with problems gives no suppressions at all
//! ([`Loaded::accept`]), because one left out by mistake would wake people and one read wrongly would hide an attack.
//! Limits: a file is at most 1 MiB; an id has at most [`ID_CHARACTERS_MAX`] plain characters, because it becomes a label of counters.

mod doubts;
mod edit;

pub use doubts::{SOON_MS, Standing, doubts};
pub use edit::{EditError, add, entry_text};

use std::collections::BTreeMap;
use std::path::Path;
use tidegate_core::alert::Suppression;
use tidegate_core::alert::neutral;
use tidegate_core::event::time::parse_rfc3339_ms;
use tidegate_core::rule::yaml::{Kind, Node};
use tidegate_core::rule::{Diagnostic, Place, did_you_mean, parse_documents, problem};

/// Keys of an entry.
const KEYS: [&str; 8] = ["id", "rule", "where", "reason", "owner", "created", "expires", "allow_critical"];
/// Longest id.
pub const ID_CHARACTERS_MAX: usize = 64;
/// Largest file: what the YAML reader takes, and a little, so that it is the one to say so.
const FILE_BYTES_MAX: u64 = (1 << 20) + 1;

/// A suppression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The suppression.
    pub suppression: Suppression,
    /// Where the entry starts.
    pub place: Place,
    /// Where its values stand, by key; the fields of `where` as `where.FIELD`.
    places: BTreeMap<String, Place>,
}

impl Placed {
    /// Where the value of a key stands; the entry, if it has none.
    #[must_use]
    pub fn place_of(&self, key: &str) -> &Place {
        self.places.get(key).unwrap_or(&self.place)
    }
}

/// A file as far as it could be read.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The good entries, in order.
    pub entries: Vec<Placed>,
    /// Everything wrong with the others, in order of place.
    pub problems: Vec<Diagnostic>,
}

impl Loaded {
    /// The suppressions, if nothing is wrong with the file.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn accept(self) -> Result<Vec<Suppression>, Vec<Diagnostic>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(self.entries.into_iter().map(|e| e.suppression).collect())
    }
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read at all: a sentence naming the file, the cause and what to do.
pub fn read(path: &Path) -> Result<Loaded, String> {
    Ok(parse(&path.display().to_string(), &read_text(path)?))
}

fn read_text(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let shown = path.display();
    let failed = |e: std::io::Error| format!("cannot read the suppressions {shown}: {e}; check the path and its permissions");
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(FILE_BYTES_MAX).read_to_end(&mut bytes)).map_err(failed)?;
    String::from_utf8(bytes)
        .map_err(|e| format!("cannot read the suppressions {shown}: not UTF-8 at byte {}; save it as UTF-8", e.utf8_error().valid_up_to()))
}

/// Reads a file's text.
#[must_use]
pub fn parse(name: &str, text: &str) -> Loaded {
    let (documents, problems) = parse_documents(name, text);
    let mut reader = Reader { loaded: Loaded { entries: Vec::new(), problems }, lines: BTreeMap::new() };
    match &documents[..] {
        [] => {}
        [one] => reader.document(one),
        [_, second, ..] => {
            reader.complain(&second.place, "a second YAML document", "suppressions are one list", "put all entries under one list")
        }
    }
    let mut loaded = reader.loaded;
    loaded.problems.sort_by(|a, b| a.place.cmp(&b.place));
    loaded
}

struct Reader {
    loaded: Loaded,
    /// Line of each id.
    lines: BTreeMap<String, u32>,
}

impl Reader {
    fn complain(&mut self, place: &Place, what: impl Into<String>, why: &str, remedy: &str) {
        self.loaded.problems.push(problem(place, what, why, remedy));
    }

    fn document(&mut self, node: &Node) {
        match &node.kind {
            Kind::Null => {}
            Kind::List(items) => items.iter().for_each(|item| self.entry(item)),
            Kind::Map(entries) => {
                for entry in entries {
                    self.top(&entry.key, &entry.place, &entry.value);
                }
            }
            _ => {
                let what = format!("the file is {}", node.describe());
                self.complain(&node.place, what, "suppressions are a list", "write `suppressions:` with entries `- id: ...` below it");
            }
        }
    }

    fn top(&mut self, key: &str, place: &Place, value: &Node) {
        match &value.kind {
            _ if key != "suppressions" => {
                let what = format!("unknown key {}{}", quoted(key), did_you_mean(key, &["suppressions"]));
                self.complain(place, what, "the file has one key, and this one would be ignored", "put the entries under `suppressions:`");
            }
            Kind::Null => {}
            Kind::List(items) => items.iter().for_each(|item| self.entry(item)),
            _ => {
                let what = format!("`suppressions` is {}", value.describe());
                self.complain(&value.place, what, "it is a list", "start every entry with `- id: ...`");
            }
        }
    }

    fn entry(&mut self, node: &Node) {
        if !matches!(node.kind, Kind::Map(_)) {
            let what = format!("an entry is {}", node.describe());
            return self.complain(&node.place, what, "a suppression is a map", "write `- id: ...` with the other keys below it");
        }
        let before = self.loaded.problems.len();
        for entry in node.entries().iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
            let what = format!("unknown key {}{}", quoted(&entry.key), did_you_mean(&entry.key, &KEYS));
            self.complain(&entry.place, what, "it would be ignored", &format!("use one of: {}", KEYS.join(", ")));
        }
        let suppression = self.fields(node);
        let mut places: BTreeMap<String, Place> = node.entries().iter().map(|e| (e.key.clone(), e.value.place.clone())).collect();
        let conditions = node.get("where").map_or(&[][..], Node::entries);
        places.extend(conditions.iter().map(|e| (format!("where.{}", e.key), e.value.place.clone())));
        let placed = Placed { suppression, place: node.place.clone(), places };
        self.judge(&placed, node);
        if self.loaded.problems.len() == before {
            self.loaded.entries.push(placed);
        }
    }

    /// The values of an entry; what is missing or of another kind is complained about and left empty.
    fn fields(&mut self, node: &Node) -> Suppression {
        Suppression {
            id: self.id(node),
            rule: self.text(node, "rule", "it says which rule's alerts are hidden", "write the id of one rule"),
            conditions: self.conditions(node),
            reason: self.text(node, "reason", "whoever misses an alert must find out why", "say why this is no incident"),
            owner: self.text(node, "owner", "somebody must answer for what is hidden", "name a team or person"),
            created_ms: self.time(node, "created", "the 90 days are counted from it"),
            expires_ms: self.time(node, "expires", "a suppression hides alerts only for a while, at most 90 days"),
            allow_critical: self.flag(node, "allow_critical"),
        }
    }

    fn text(&mut self, node: &Node, key: &str, why: &str, remedy: &str) -> String {
        let Some(value) = node.get(key) else {
            self.complain(&node.place, format!("no `{key}`"), why, remedy);
            return String::new();
        };
        if !value.is_word() || value.text.trim().is_empty() {
            let what = if value.is_word() { format!("`{key}` is empty") } else { format!("`{key}` is {}", value.describe()) };
            self.complain(&value.place, what, why, remedy);
            return String::new();
        }
        value.text.trim().to_owned()
    }

    fn id(&mut self, node: &Node) -> String {
        let id = self.text(node, "id", "alerts say by it what hid them", "write a short name of your own");
        let place = node.get("id").map_or(&node.place, |n| &n.place);
        if let Some(fault) = id_fault(&id) {
            self.complain(place, format!("`id` {} {fault}", quoted(&id)), "it becomes a label of counters", ID_REMEDY);
        } else if !id.is_empty() {
            match self.lines.insert(id.clone(), place.line) {
                None => {}
                Some(first) => {
                    let why = format!("it stands at line {first} already, and alerts could not say which of them hid them");
                    self.complain(place, format!("duplicate id {}", quoted(&id)), &why, "give each its own id");
                    self.lines.insert(id.clone(), first);
                }
            }
        }
        id
    }

    fn conditions(&mut self, node: &Node) -> BTreeMap<String, String> {
        const WHY: &str = "it says which alerts of the rule are hidden";
        let Some(map) = node.get("where") else {
            self.complain(&node.place, "no `where`", WHY, "write fields and values below `where:`, such as `src_endpoint.ip: 192.0.2.7`");
            return BTreeMap::new();
        };
        if !matches!(map.kind, Kind::Map(_)) {
            let what = format!("`where` is {}", map.describe());
            self.complain(&map.place, what, WHY, "write fields and values below `where:`, such as `src_endpoint.ip: 192.0.2.7`");
        }
        let mut out = BTreeMap::new();
        for entry in map.entries() {
            let what = format!("`where.{}` is {}", shown(&entry.key), entry.value.describe());
            match &entry.value.kind {
                Kind::List(_) => {
                    let why = "every value of the field must fit the one written here";
                    self.complain(&entry.value.place, what, why, "write a suppression for each value, or one value with `*` in it");
                }
                Kind::Map(_) => {
                    self.complain(
                        &entry.value.place,
                        what,
                        "a field has one value",
                        "write the field with dots, such as `src_endpoint.ip`",
                    );
                }
                Kind::Null => self.complain(&entry.value.place, what, "nothing fits no value", "write the value that the alert shows"),
                _ => drop(out.insert(entry.key.clone(), entry.value.text.clone())),
            }
        }
        out
    }

    fn time(&mut self, node: &Node, key: &str, why: &str) -> i64 {
        const REMEDY: &str = "write it like 2026-11-30 (its first moment, UTC) or 2026-11-30T18:00:00Z";
        let text = self.text(node, key, why, REMEDY);
        parse_rfc3339_ms(&text).unwrap_or_else(|| {
            if !text.is_empty() {
                let place = node.get(key).map_or(&node.place, |n| &n.place);
                self.complain(place, format!("`{key}` is {}", quoted(&text)), "that is no time", REMEDY);
            }
            UNKNOWN_MS
        })
    }

    fn flag(&mut self, node: &Node, key: &str) -> bool {
        match node.get(key).map(|n| (n, &n.kind)) {
            None => false,
            Some((_, Kind::Bool(flag))) => *flag,
            Some((value, _)) => {
                let what = format!("`{key}` is {}", value.describe());
                self.complain(&value.place, what, "it says whether Critical alerts may be hidden", "write `true` or `false`");
                false
            }
        }
    }

    /// What the core says against it, each sentence at its place. Values that are missing or unreadable have been named before.
    fn judge(&mut self, placed: &Placed, node: &Node) {
        let suppression = &placed.suppression;
        let timeless = suppression.created_ms == UNKNOWN_MS || suppression.expires_ms == UNKNOWN_MS;
        for sentence in suppression.validate() {
            let (what, rest) = sentence.split_once(": ").map_or((sentence.as_str(), ""), |(what, rest)| (what, rest));
            let what = neutral::terminal(what).into_owned();
            let field = suppression.conditions.keys().find(|f| sentence.starts_with(&format!("`where.{f}` ")));
            if let Some(field) = field {
                let remedy = "write the value that the alert shows, with `*` for what may differ";
                self.complain(placed.place_of(&format!("where.{field}")), what, &neutral::terminal(rest), remedy);
            } else if sentence.starts_with("`where` ") && node.get("where").is_some_and(|w| w.entries().is_empty() && is_map(w)) {
                self.complain(placed.place_of("where"), what, "it says which alerts of the rule are hidden", rest);
            } else if sentence.starts_with("`rule` names ") {
                self.complain(placed.place_of("rule"), what, "a pattern would silence rules that nobody looked at", rest);
            } else if sentence.starts_with("`expires` ") && !timeless {
                let rest = if rest.is_empty() { "set it later" } else { rest };
                self.complain(placed.place_of("expires"), what, "a suppression hides alerts only for a while", rest);
            }
        }
    }
}

/// A time that could not be read.
const UNKNOWN_MS: i64 = i64::MIN;

const ID_REMEDY: &str = "use at most 64 of letters, digits and `.`, `_`, `-`, `/`, `:`";

/// What is wrong with an id, if anything.
fn id_fault(id: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':');
    match id {
        id if id.chars().count() > ID_CHARACTERS_MAX => Some("is too long"),
        id if !id.chars().all(plain) => Some("holds other characters than plain ones"),
        _ => None,
    }
}

fn is_map(node: &Node) -> bool {
    matches!(node.kind, Kind::Map(_))
}

/// A word of the file as it is shown: harmless on a terminal, at most 60 characters.
fn shown(word: &str) -> String {
    neutral::cut(&neutral::terminal(word), 60)
}

fn quoted(word: &str) -> String {
    format!("`{}`", shown(word))
}

#[cfg(test)]
mod tests;
