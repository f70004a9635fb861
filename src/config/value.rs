//! One value against its kind: what it is worth, or what is wrong with it.

use super::between;
use super::check::{Checker, Named};
use super::field::{Field, Kind, Opened, Presence, Wording};
use super::quantity::{self, DURATIONS, SIZES, duration, size};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tidegate_core::rule::yaml::{self, Node};
use tidegate_core::rule::{hint, quoted};

const TEXT_BYTES_MAX: usize = 4_096;

impl Checker<'_> {
    pub(super) fn value(&mut self, at: &str, node: &Node, field: &'static Field) -> Value {
        if node.kind == yaml::Kind::Null && !matches!(field.kind, Kind::Map(_)) {
            let remedy = match field.presence {
                Presence::Default(default) => format!("write a value, or remove the key (then `{default}` holds)"),
                _ => format!("write it like `{}: {}`, or remove the key", field.name, field.kind.example()),
            };
            self.error(&node.place, format!("`{at}` is nothing (null)"), &format!("{} is expected", field.kind.noun()), &remedy);
            return Value::Null;
        }
        self.of_kind(at, node, &field.kind)
    }

    fn of_kind(&mut self, at: &str, node: &Node, kind: &'static Kind) -> Value {
        match (kind, &node.kind) {
            (Kind::Map(shape), _) => self.map(at, node, shape),
            (Kind::List { of, most }, yaml::Kind::List(items)) => self.list(at, node, items, of, *most),
            (Kind::Flag, yaml::Kind::Bool(flag)) => Value::Bool(*flag),
            (Kind::True, yaml::Kind::Bool(true)) => Value::Bool(true),
            (Kind::Count { min, max }, yaml::Kind::Number(n)) if n.fract() == 0.0 && *n >= 0.0 => {
                self.limits(at, node, *n as u64, (*min, *max), &|n| n.to_string())
            }
            (Kind::Duration { min_ms, max_ms }, yaml::Kind::Text | yaml::Kind::Number(_)) => {
                match quantity::parse(&node.text, &DURATIONS) {
                    Ok(ms) => self.limits(at, node, ms, (*min_ms, *max_ms), &duration),
                    Err(why) => self.no_quantity(at, node, kind, "a duration", &why),
                }
            }
            (Kind::Size { min, max }, yaml::Kind::Text | yaml::Kind::Number(_)) => match quantity::parse(&node.text, &SIZES) {
                Ok(bytes) => self.limits(at, node, bytes, (*min, *max), &size),
                Err(why) => self.no_quantity(at, node, kind, "a size", &why),
            },
            (Kind::Word(words), yaml::Kind::Text) => self.word(at, node, words),
            (Kind::Text(wording), yaml::Kind::Text) => self.text(at, node, *wording),
            (Kind::Path(opened), yaml::Kind::Text) => self.path(at, node, *opened),
            _ => {
                self.wrong(at, node, kind);
                Value::Null
            }
        }
    }

    /// A value of another kind.
    pub(super) fn wrong(&mut self, at: &str, node: &Node, kind: &Kind) {
        let quotes = in_quotes(node, kind);
        let what = match kind {
            Kind::Text(_) | Kind::Path(_) => node.describe().to_owned(),
            _ if quotes => format!("{}, a text", quoted(&node.text)),
            _ if node.is_word() => quoted(&node.text),
            _ => node.describe().to_owned(),
        };
        let remedy = match kind {
            Kind::Text(_) | Kind::Path(_) | Kind::Word(_) if node.is_word() => "put it in quotes".to_owned(),
            Kind::List { of: Kind::Path(_), .. } if node.is_word() => {
                format!("write it as a list: [{}]", quoted(&node.text).replace('`', ""))
            }
            Kind::Map(_) if node.is_word() => format!("write it like `{}`", kind.example()),
            Kind::True => "write `true`, or remove the key".to_owned(),
            _ if quotes => "write it without quotes".to_owned(),
            _ => format!("write it like `{}: {}`", last(at), kind.example()),
        };
        self.error(&node.place, format!("`{at}` is {what}"), &format!("{} is expected", kind.noun()), &remedy);
    }

    fn no_quantity(&mut self, at: &str, node: &Node, kind: &Kind, noun: &str, why: &str) -> Value {
        let remedy = format!("write it like `{}: {}`", last(at), kind.example());
        self.error(&node.place, format!("`{at}` is {}, no {}", quoted(&node.text), noun.trim_start_matches("a ")), why, &remedy);
        Value::Null
    }

    fn limits(&mut self, at: &str, node: &Node, n: u64, (min, max): (u64, u64), show: &dyn Fn(u64) -> String) -> Value {
        if !(min..=max).contains(&n) {
            let why = format!("it may be {} to {}", show(min), show(max));
            let remedy = if n < min { format!("write at least {}", show(min)) } else { format!("write at most {}", show(max)) };
            self.error(&node.place, format!("`{at}` is {}", quoted(&node.text)), &why, &remedy);
        }
        Value::from(n)
    }

    fn word(&mut self, at: &str, node: &Node, words: &[&str]) -> Value {
        if !words.contains(&node.text.as_str()) {
            let what = format!("`{at}` is {}{}", quoted(&node.text), hint(&node.text, words));
            self.error(&node.place, what, "there is no such word here", &format!("write one of {}", words.join(", ")));
        }
        Value::String(node.text.clone())
    }

    /// The text, if it can be one at all.
    fn plain(&mut self, at: &str, node: &Node) -> Option<String> {
        let (what, why, remedy) = match node.text.as_str() {
            text if text.trim().is_empty() => ("is empty", "an empty text says nothing", "write a value, or remove the key"),
            text if text.len() > TEXT_BYTES_MAX => ("is too long", "a text has at most 4,096 bytes", "shorten it"),
            text if text.chars().any(char::is_control) => {
                ("holds a control character", "it could not be shown or found again", "remove it")
            }
            _ => return Some(node.text.clone()),
        };
        self.error(&node.place, format!("`{at}` {what}"), why, remedy);
        None
    }

    fn text(&mut self, at: &str, node: &Node, wording: Wording) -> Value {
        let Some(text) = self.plain(at, node) else { return Value::Null };
        if let Err(why) = between::wording(&text, wording) {
            // A URL may hold a password, even where it is wrong.
            let shown =
                if matches!(wording, Wording::Url | Wording::Loopback) { "no URL that can be used".to_owned() } else { quoted(&text) };
            let remedy = format!("write it like `{}: {}`", last(at), Kind::Text(wording).example());
            self.error(&node.place, format!("`{at}` is {shown}"), &why, &remedy);
        }
        Value::String(text)
    }

    fn path(&mut self, at: &str, node: &Node, opened: Opened) -> Value {
        let Some(text) = self.plain(at, node) else { return Value::Null };
        if text == "-" {
            let remedy = if opened == Opened::SourceFile { "write `stdin: true` instead" } else { "write the path of a file" };
            self.error(&node.place, format!("`{at}` is `-`"), "it is no path", remedy);
        }
        if text.starts_with("~/") || text.contains("${") || text.starts_with('$') {
            let why = "it is taken as it is written: no home folder and no variables are put in";
            self.warn(&node.place, format!("`{at}` is {}", quoted(&text)), why, "write the whole path");
        }
        let path = if opened == Opened::Rules && text == "builtin" { PathBuf::from(&text) } else { resolve(self.base, &text) };
        let value = Value::String(path.to_string_lossy().into_owned());
        self.named.push(Named { key: at.to_owned(), path, place: node.place.clone(), opened });
        value
    }

    fn list(&mut self, at: &str, node: &Node, items: &[Node], of: &'static Kind, most: usize) -> Value {
        if items.is_empty() || items.len() > most {
            let what = format!("`{at}` has {} entries", items.len());
            let remedy = if items.is_empty() { format!("write `[{}]`, or remove the key", of.example()) } else { "shorten it".to_owned() };
            self.error(&node.place, what, &format!("it may have 1 to {most}"), &remedy);
        }
        let mut first: BTreeMap<&str, u32> = BTreeMap::new();
        for item in items.iter().take(most).filter(|i| i.is_word()) {
            if let Some(line) = first.insert(&item.text, item.place.line) {
                self.error(
                    &item.place,
                    format!("{} twice in `{at}`", quoted(&item.text)),
                    &format!("it stands at line {line} already"),
                    "remove one",
                );
            }
        }
        Value::Array(items.iter().take(most).map(|item| self.of_kind(at, item, of)).collect())
    }
}

/// A number or boolean that quotes have made a text.
fn in_quotes(node: &Node, kind: &Kind) -> bool {
    let word = match kind {
        Kind::Flag => matches!(node.text.as_str(), "true" | "false"),
        Kind::Count { .. } => node.text.parse::<u64>().is_ok(),
        _ => false,
    };
    word && node.kind == yaml::Kind::Text
}

fn last(at: &str) -> &str {
    at.rsplit('.').next().unwrap_or(at)
}

/// A path of the configuration: relative to its folder, without needless `.`.
pub(super) fn resolve(base: &Path, text: &str) -> PathBuf {
    base.join(text).components().collect()
}
