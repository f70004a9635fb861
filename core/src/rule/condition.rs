//! Conditions: the words of a detection's `condition` (and of a boolean correlation condition) as a tree.
//!
//! Precedence, least to most binding: `or`, `and`, `not`, `1 of` / `all of`, parentheses. `them` is every selection whose name
//! does not start with `_`; in patterns only `*` is a wildcard, and a pattern reaches names starting with `_` only if it starts
//! so itself. Nesting is limited to 64. Aggregations behind a pipe are not read here (see `legacy.rs`).

use super::Expr;
use super::report::{Fault, quoted};
use super::spelling::hint;
use std::collections::{BTreeMap, BTreeSet};

const DEPTH_MAX: usize = 64;
const TOKENS_MAX: usize = 10_000;
const SIZE_MAX: usize = 100_000;
/// More undefined names than this are one mistake.
const SLIPS_MAX: usize = 20;

/// A problem at a character of the condition.
pub(super) type Slip = (usize, Fault);

/// A condition as written. Numbers are offsets in characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Name(String, usize),
    Of { all: bool, pattern: String, at: usize },
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
}

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Tree, Slip> {
    let tokens = tokens(text);
    let end = text.chars().count();
    if tokens.len() > TOKENS_MAX {
        return Err((0, Fault::new("a condition of more than 10,000 words", "it cannot be read by people", "split the rule")));
    }
    let mut reader = Reader { tokens: &tokens, at: 0, end, depth: 0 };
    let tree = reader.or()?;
    match reader.peek() {
        None => Ok(tree),
        Some(token) => Err((token.at, unexpected(&token.word))),
    }
}

#[derive(Debug)]
struct Token {
    word: String,
    at: usize,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut inside = false;
    for (at, c) in text.chars().enumerate() {
        if c.is_whitespace() {
            inside = false;
        } else if matches!(c, '(' | ')' | '|') {
            found.push(Token { word: c.to_string(), at });
            inside = false;
        } else if let (true, Some(last)) = (inside, found.last_mut()) {
            last.word.push(c);
        } else {
            found.push(Token { word: c.to_string(), at });
            inside = true;
        }
    }
    found
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    end: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    /// Takes the next word if it is this keyword.
    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Tree, Slip> {
        let mut parts = vec![self.and()?];
        while self.keyword("or") {
            parts.push(self.and()?);
        }
        Ok(joined(parts, Tree::Or))
    }

    fn and(&mut self) -> Result<Tree, Slip> {
        let mut parts = vec![self.not()?];
        while self.keyword("and") {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Tree::And))
    }

    fn not(&mut self) -> Result<Tree, Slip> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err((self.place(), Fault::new("a condition nested too deep", "64 levels are allowed", "split the rule")));
        }
        let tree = if self.keyword("not") { self.not().map(|t| Tree::Not(Box::new(t))) } else { self.primary() };
        self.depth -= 1;
        tree
    }

    fn place(&self) -> usize {
        self.peek().map_or(self.end, |t| t.at)
    }

    fn primary(&mut self) -> Result<Tree, Slip> {
        let Some(token) = self.peek() else {
            return Err((self.end, Fault::new("the condition ends too early", "a selection is missing at its end", "name a selection")));
        };
        self.at += 1;
        match token.word.to_ascii_lowercase().as_str() {
            "(" => {
                let inner = self.or()?;
                if !self.keyword(")") {
                    return Err((token.at, Fault::new("`(` without `)`", "the bracket is never closed", "close it")));
                }
                Ok(inner)
            }
            ")" | "|" | "and" | "or" | "of" => Err((token.at, unexpected(&token.word))),
            _ if self.peek().is_some_and(|t| t.word.eq_ignore_ascii_case("of")) => self.quantified(token),
            _ => Ok(Tree::Name(token.word.clone(), token.at)),
        }
    }

    fn quantified(&mut self, quantifier: &Token) -> Result<Tree, Slip> {
        self.at += 1;
        let all = match quantifier.word.to_ascii_lowercase().as_str() {
            "1" | "any" => false,
            "all" => true,
            other => {
                return Err((
                    quantifier.at,
                    Fault::new(
                        format!("quantifier {}", quoted(&format!("{other} of"))),
                        "Sigma has `1 of` and `all of`",
                        "write the combinations with `and` and `or`",
                    ),
                ));
            }
        };
        match self.peek() {
            Some(t) if !matches!(t.word.as_str(), "(" | ")" | "|") => {
                self.at += 1;
                Ok(Tree::Of { all, pattern: t.word.clone(), at: t.at })
            }
            _ => Err((self.place(), Fault::new("`of` without a pattern", "it must say which selections", "write `of them` or `of name*`"))),
        }
    }
}

fn unexpected(word: &str) -> Fault {
    Fault::new(
        format!("unexpected {} in the condition", quoted(word)),
        "here `and`, `or` or the end is expected, or a selection is missing before it",
        "correct the condition",
    )
}

fn joined(mut parts: Vec<Tree>, join: fn(Vec<Tree>) -> Tree) -> Tree {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

/// The selections of a rule, being put into its conditions.
pub(super) struct Resolver<'s> {
    selections: BTreeMap<&'s str, &'s Expr>,
    /// The names used so far.
    pub(super) used: BTreeSet<String>,
    /// Every problem found.
    pub(super) slips: Vec<Slip>,
    budget: usize,
}

impl<'s> Resolver<'s> {
    pub(super) fn new(selections: BTreeMap<&'s str, &'s Expr>) -> Self {
        Resolver { selections, used: BTreeSet::new(), slips: Vec::new(), budget: SIZE_MAX }
    }

    pub(super) fn resolve(&mut self, tree: &Tree) -> Expr {
        match tree {
            Tree::And(parts) => Expr::And(parts.iter().map(|p| self.resolve(p)).collect()),
            Tree::Or(parts) => Expr::Or(parts.iter().map(|p| self.resolve(p)).collect()),
            Tree::Not(part) => Expr::Not(Box::new(self.resolve(part))),
            Tree::Name(name, at) if self.selections.contains_key(name.as_str()) => self.put_in(name, *at),
            Tree::Name(name, at) => {
                if self.slips.len() < SLIPS_MAX {
                    self.slips.push((*at, undefined(name, &self.selections)));
                }
                Expr::Or(Vec::new())
            }
            Tree::Of { all, pattern, at } => self.put_all_in(*all, pattern, *at),
        }
    }

    fn put_all_in(&mut self, all: bool, pattern: &str, at: usize) -> Expr {
        let names: Vec<&str> = self.selections.keys().copied().filter(|name| reaches(pattern, name)).collect();
        if names.is_empty() {
            self.slips.push((at, no_selection(pattern)));
        }
        let mut parts: Vec<Expr> = names.iter().map(|n| self.put_in(n, at)).collect();
        match (parts.len(), all) {
            (1, _) => parts.remove(0),
            (_, true) => Expr::And(parts),
            (_, false) => Expr::Or(parts),
        }
    }

    fn put_in(&mut self, name: &str, at: usize) -> Expr {
        self.used.insert(name.to_owned());
        let Some(expr) = self.selections.get(name) else { return Expr::Or(Vec::new()) };
        match self.budget.checked_sub(expr.size()) {
            Some(left) => {
                self.budget = left;
                (*expr).clone()
            }
            None => {
                let why = "written out it has more than 100,000 tests";
                self.slips.push((at, Fault::new("a condition that grows too large", why, "name each selection once")));
                Expr::Or(Vec::new())
            }
        }
    }
}

fn undefined(name: &str, selections: &BTreeMap<&str, &Expr>) -> Fault {
    let names: Vec<&str> = selections.keys().copied().collect();
    let remedy = match hint(name, &names) {
        hint if hint.is_empty() && name.contains('*') => "write `1 of` or `all of` before a pattern".to_owned(),
        hint if hint.is_empty() && names.is_empty() => "define it under `detection`".to_owned(),
        hint if hint.is_empty() => format!("define it, or use one of: {}", names.join(", ")),
        hint => format!("correct the name{hint}"),
    };
    Fault::new(format!("undefined selection {}", quoted(name)), "`detection` has no selection of this name", remedy)
}

fn no_selection(pattern: &str) -> Fault {
    let remedy = if pattern.contains('*') || pattern == "them" {
        "define a selection, or correct the pattern".to_owned()
    } else {
        format!("write a wildcard if names beginning so are meant: `{pattern}*`")
    };
    Fault::new(format!("no selection fits {}", quoted(pattern)), "the condition could never be decided", remedy)
}

pub(super) fn reaches(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case("them") {
        return !name.starts_with('_');
    }
    (pattern.starts_with('_') || !name.starts_with('_')) && fits(pattern, name)
}

/// Whether a name fits a pattern in which `*` is any text.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
