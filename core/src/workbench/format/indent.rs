//! Shifting the lines of one top-level key to four spaces per level.

/// Why a key is not shifted.
const MANY_LINES: &str = "a text or bracket in it goes over several lines";

/// A nesting level: where it stood, where it goes, whether it is a list.
#[derive(Debug, Clone, Copy)]
struct Level {
    old: usize,
    new: usize,
    list: bool,
}

/// A text behind `|` or `>`.
struct Verbatim {
    /// Lines indented more than this belong to it.
    parent: usize,
    /// Where its first line stood, once that is known.
    base: Option<usize>,
    new: usize,
}

struct Shifter {
    levels: Vec<Level>,
    verbatim: Option<Verbatim>,
    /// Comments whose level the next line decides.
    waiting: Vec<String>,
    out: Vec<String>,
}

/// The lines of a key, shifted.
pub(super) fn reindent(lines: &[&str]) -> Result<Vec<String>, &'static str> {
    let levels = vec![Level { old: 0, new: 0, list: false }];
    let mut shifter = Shifter { levels, verbatim: None, waiting: Vec::new(), out: Vec::new() };
    for line in lines {
        shifter.line(line)?;
    }
    shifter.flush(None);
    Ok(shifter.out)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

impl Shifter {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let old = indent_of(line);
        if let Some(verbatim) = &mut self.verbatim {
            if line.trim().is_empty() {
                self.out.push(String::new());
                return Ok(());
            }
            if old > verbatim.parent {
                let base = *verbatim.base.get_or_insert(old);
                let Some(more) = old.checked_sub(base) else { return Err("a text in it is indented unevenly") };
                self.out.push(format!("{}{}", " ".repeat(verbatim.new + more), &line[old..]));
                return Ok(());
            }
            self.verbatim = None;
        }
        let content = line[old..].trim_end();
        if content.is_empty() {
            if self.out.last().is_some_and(|last| !last.is_empty()) && self.waiting.is_empty() {
                self.out.push(String::new());
            }
            return Ok(());
        }
        if content.starts_with('#') {
            match self.levels.iter().rev().find(|level| level.old == old && old > 0) {
                Some(level) => self.out.push(format!("{}{content}", " ".repeat(level.new))),
                None => self.waiting.push(content.to_owned()),
            }
            return Ok(());
        }
        self.content(old, content)
    }

    /// Writes the waiting comments at the level of the line that follows, or of the line before.
    fn flush(&mut self, new: Option<usize>) {
        let at = new.or_else(|| self.levels.last().map(|level| level.new)).unwrap_or(0);
        let comments = self.waiting.drain(..).map(|comment| format!("{}{comment}", " ".repeat(at)));
        self.out.extend(comments);
    }

    fn content(&mut self, old: usize, content: &str) -> Result<(), &'static str> {
        let is_item = |text: &str| text == "-" || text.starts_with("- ");
        self.settle(old, is_item(content))?;
        let mut level = *self.levels.last().ok_or(MANY_LINES)?;
        self.flush(Some(level.new));
        let mut text = " ".repeat(level.new);
        let mut rest = content;
        while is_item(rest) {
            let inner = rest[1..].trim_start();
            text.push('-');
            if inner.is_empty() {
                self.out.push(text);
                return Ok(());
            }
            text.push(' ');
            let gap = rest.len() - inner.len();
            level = Level { old: level.old + gap, new: level.new + 2, list: is_item(inner) };
            self.levels.push(level);
            rest = inner;
        }
        let keyed = key_end(rest);
        if keyed.is_none() && rest.len() == content.len() {
            return Err(MANY_LINES);
        }
        let value = keyed.map_or(rest, |at| rest[at..].trim_start());
        check_value(value)?;
        if is_verbatim(value) {
            // Behind a bare dash the text's parent is the dash.
            let parent = if keyed.is_some() { level.old } else { level.old.saturating_sub(2) };
            self.verbatim = Some(Verbatim { parent, base: None, new: level.new + if keyed.is_some() { 4 } else { 2 } });
        }
        text.push_str(&rest[..rest.len() - value.len()]);
        text.push_str(&single_quoted(value));
        self.out.push(text);
        Ok(())
    }

    /// Makes the last level that of a line at this column.
    fn settle(&mut self, old: usize, item: bool) -> Result<(), &'static str> {
        self.levels.retain(|level| level.old <= old);
        let Some(level) = self.levels.last().copied() else { return Err(MANY_LINES) };
        if level.old < old {
            let new = level.new + if level.list { 2 } else { 4 };
            self.levels.push(Level { old, new, list: item });
        } else if item && !level.list {
            self.levels.push(Level { old, new: level.new + 4, list: true });
        } else if !item && level.list {
            self.levels.pop();
            let beside = self.levels.last().is_some_and(|level| level.old == old && !level.list);
            return if beside { Ok(()) } else { Err(MANY_LINES) };
        }
        Ok(())
    }
}

/// Where the value begins behind a key: behind the colon.
fn key_end(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let from = match quote {
        Some(quote) => 2 + text[1..].find(quote)?,
        None => 0,
    };
    let rest = &text[from..];
    let colon = rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len))?;
    // A colon behind a bracket, a quote or a comment ends no key of this line.
    let plain = quote.is_none() && (text.starts_with(['{', '[']) || rest[..colon].contains(" #"));
    (!plain).then_some(from + colon + 1)
}

/// Refuses what goes on in the next line, and what has a name or tag.
fn check_value(value: &str) -> Result<(), &'static str> {
    if value.starts_with(['&', '*', '!']) {
        return Err("it has anchors, aliases or tags");
    }
    let (mut depth, mut quote) = (0usize, None);
    let mut before = ' ';
    let flow = value.starts_with(['{', '[']);
    let quoted = value.starts_with(['"', '\'']);
    if !flow && !quoted {
        return Ok(());
    }
    for c in value.chars() {
        match (quote, c) {
            (Some('"'), '"') if before == '\\' => {}
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',' | ':' | '\'') => quote = Some(c),
            (None, '#') if before == ' ' => break,
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = if before == '\\' && c == '\\' { ' ' } else { c };
    }
    if depth > 0 || quote.is_some() { Err(MANY_LINES) } else { Ok(()) }
}

/// `|`, `>` and their signs. With a number the text says itself how it is indented: not shifted, so refused by not being seen here.
fn is_verbatim(value: &str) -> bool {
    let word = value.split(" #").next().unwrap_or_default().trim_end();
    matches!(word, "|" | ">" | "|-" | ">-" | "|+" | ">+")
}

/// `"text"` as `'text'`, where nothing in it needs the double quotes.
fn single_quoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner.filter(|inner| !inner.is_empty() && !inner.contains(['"', '\\', '\''])) {
        Some(inner) => format!("'{inner}'"),
        None => value.to_owned(),
    }
}
