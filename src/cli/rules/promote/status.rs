//! The one line of a rule file that says its status, changed: nothing else of the text is touched.
//!
//! Owns the proof: what was changed is loaded again, and only the status of that one rule may differ.

use super::shipped;
use crate::cli::Failure;
use tidegate_core::rule::{Gravity, Rule, RuleFile, RuleSet, Status, load};

/// A change of one line.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) file: String,
    /// Its line, from 1.
    pub(super) line: usize,
    pub(super) before: String,
    pub(super) after: String,
    /// The whole file afterwards.
    pub(super) text: String,
}

/// The change of a rule's status.
pub(super) fn change(files: &[RuleFile], rule: &Rule, word: &str, status: Status) -> Result<Change, Failure> {
    let place = &rule.meta.place;
    if shipped(&place.file) {
        let remedy = "write the pack to a folder with `tidegate rules export FOLDER`, load that, and promote it there";
        return Err(Failure::usage(format!("{place}: this rule is part of the program; {remedy}")));
    }
    let by_hand = || Failure::usage(format!("{place}: its `status` does not stand on a line of its own; change it to `{word}` by hand"));
    let file = files.iter().find(|file| *file.name == *place.file).ok_or_else(by_hand)?;
    let change = edit(file, place.line as usize, place.column as usize, word).ok_or_else(by_hand)?;
    if differs_only_in_status(files, &change, rule, status) { Ok(change) } else { Err(by_hand()) }
}

/// Changes the line of a document that begins at a line and column (from 1).
fn edit(file: &RuleFile, line: usize, column: usize, word: &str) -> Option<Change> {
    let mut lines: Vec<&str> = file.text.split_inclusive('\n').collect();
    let indent = " ".repeat(column.checked_sub(1)?);
    let own = lines.iter().enumerate().skip(line.checked_sub(1)?);
    let own = own.take_while(|(at, text)| *at + 1 == line || !(text.starts_with("---") || text.starts_with("...")));
    let key = format!("{indent}status:");
    let at = own.filter(|(_, text)| text.starts_with(&key)).map(|(at, _)| at).next()?;
    let before = lines[at].to_owned();
    let value = before.strip_prefix(&key)?;
    let start = value.find("experimental")?;
    let (lead, rest) = (&value[..start], &value[start + "experimental".len()..]);
    let only = |text: &str| text.chars().all(|c| c.is_whitespace() || c == '\'' || c == '"');
    if !only(lead) || !only(rest.split('#').next().unwrap_or_default()) {
        return None;
    }
    let after = format!("{key}{lead}{word}{rest}");
    lines[at] = &after;
    Some(Change { file: file.name.clone(), line: at + 1, text: lines.concat(), before: before.clone(), after: after.clone() })
}

fn differs_only_in_status(files: &[RuleFile], change: &Change, rule: &Rule, status: Status) -> bool {
    let of = |file: &RuleFile| if file.name == change.file { change.text.clone() } else { file.text.clone() };
    let changed: Vec<RuleFile> = files.iter().map(|file| RuleFile { name: file.name.clone(), text: of(file) }).collect();
    let (before, after) = (load(files), load(&changed));
    let wanted = |set: &RuleSet| {
        let of = |r: &Rule| {
            let own = if r.meta.id == rule.meta.id { status } else { r.meta.status };
            (r.meta.id.clone(), r.digest, own, r.alerts)
        };
        set.rules.iter().map(of).collect::<Vec<_>>()
    };
    let found: Vec<_> = after.set.rules.iter().map(|r| (r.meta.id.clone(), r.digest, r.meta.status, r.alerts)).collect();
    found == wanted(&before.set) && after.diagnostics.iter().all(|d| d.gravity == Gravity::Warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "logsource: {product: shop}\ndetection: {s: {a: 1}, condition: s}\n";

    fn changed(text: &str, id: &str) -> Result<Change, String> {
        let files = [RuleFile { name: "r.yml".into(), text: text.into() }];
        let set = load(&files).set;
        let rule = set.rules.iter().find(|r| r.meta.id == id).expect("it loads");
        change(&files, rule, "test", Status::Test).map_err(|e| e.to_string())
    }

    #[test]
    fn one_word_is_changed_and_everything_else_stays() {
        let text = format!(
            "# A file.\ntitle: A\nid: a\nstatus: experimental\n{BODY}---\n# Another.\ntitle: B\nid: b\ndescription: |\n    status: experimental\nstatus:   'experimental' # since May\n{BODY}"
        );
        let change = changed(&text, "b").expect("it can be changed");
        assert_eq!((change.line, change.after.as_str()), (13, "status:   'test' # since May\n"));
        assert_eq!(change.text, text.replace("'experimental' # since", "'test' # since"));
        assert_eq!(changed(&text, "a").expect("it can be changed").line, 4);
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(changed(&crlf, "b").expect("it can be changed").after, "status:   'test' # since May\r\n");
    }

    #[test]
    fn what_is_written_in_one_line_or_through_an_anchor_is_left_to_a_person() {
        let flow = "{title: A, id: a, status: experimental, logsource: {product: shop}, detection: {s: {a: 1}, condition: s}}\n";
        let anchor = format!("title: A\nid: a\nx: &s experimental\nstatus: *s\n{BODY}");
        for text in [flow, &anchor] {
            let why = changed(text, "a").expect_err("by hand");
            assert!(why.starts_with("r.yml:1:1: ") && why.contains("change it to `test` by hand"), "{why}");
        }
    }
}
