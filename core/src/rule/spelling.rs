//! "Did you mean": near-misses of known words.

/// Edit distance in which swapping two neighbours counts one, as typing mistakes do.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// How far a word may be from a known one to count as a slip of it: short words are near each other by chance.
fn tolerance(known: &str) -> usize {
    match known.len() {
        0..=3 => 0,
        4..=5 => 1,
        _ => 2,
    }
}

/// The known word that `word` is a slip of (letter case counts as a slip), if there is one.
#[must_use]
pub fn near_miss<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.chars().count() > 40 || known.contains(&word) {
        return None;
    }
    let lower = word.to_lowercase();
    let length = lower.chars().count();
    let possible = known.iter().filter(|k| k.chars().count().abs_diff(length) <= tolerance(k));
    let near = possible.map(|k| (distance(&lower, k), *k)).filter(|(d, k)| *d <= tolerance(k));
    near.min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// ` (did you mean ...?)` or nothing.
#[must_use]
pub fn hint(word: &str, known: &[&str]) -> String {
    near_miss(word, known).map_or_else(String::new, |k| format!(" (did you mean `{k}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let known = ["id", "tags", "level", "detection", "falsepositives", "status"];
        let cases = [
            ("tag", Some("tags")),
            ("levels", Some("level")),
            ("dectection", Some("detection")),
            ("falsepositive", Some("falsepositives")),
            ("Status", Some("status")),
            ("ID", Some("id")),
            ("ip", None),
            ("owner", None),
            ("level", None),
        ];
        for (word, expected) in cases {
            assert_eq!(near_miss(word, &known), expected, "{word}");
        }
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(hint("tag", &known), " (did you mean `tags`?)");
    }
}
