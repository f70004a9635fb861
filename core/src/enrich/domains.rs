//! Domains and the longest one that a name ends in.
//!
//! Owns one text of all names and their sorted order. A name is looked up as a whole, then without its first label, and so on:
//! one binary search per label. No hashing, so no chosen name can make it slow.

/// Domains, each with one value or several.
#[derive(Debug, Default)]
pub(super) struct Domains<T> {
    text: String,
    /// Where each name begins in the text; one more at the end.
    starts: Vec<u32>,
    /// Where the values of each name begin; one more at the end.
    values_at: Vec<u32>,
    values: Vec<T>,
}

impl<T> Domains<T> {
    /// Sorts folded names with their values. Equal names keep their values in the order given.
    pub(super) fn new(names: &str, mut rows: Vec<(std::ops::Range<usize>, T)>) -> Self {
        rows.sort_by(|(a, _), (b, _)| names[a.clone()].cmp(&names[b.clone()]));
        let mut out = Domains { text: String::new(), starts: Vec::new(), values_at: Vec::new(), values: Vec::with_capacity(rows.len()) };
        for (name, value) in rows {
            let name = &names[name];
            if out.starts.last().is_none_or(|start| out.text[*start as usize..] != *name) {
                out.starts.push(out.text.len() as u32);
                out.values_at.push(out.values.len() as u32);
                out.text.push_str(name);
            }
            out.values.push(value);
        }
        out.starts.push(out.text.len() as u32);
        out.values_at.push(out.values.len() as u32);
        out.text.shrink_to_fit();
        out.starts.shrink_to_fit();
        out.values_at.shrink_to_fit();
        out
    }

    /// The values of the longest domain that a folded name is or lies below and that has a value that passes, with that domain.
    pub(super) fn longest(&self, name: &str, passes: impl Fn(&T) -> bool) -> Option<(&str, &[T])> {
        let mut rest = name;
        loop {
            if let Some(at) = self.find(rest) {
                let values = &self.values[self.values_at[at] as usize..self.values_at[at + 1] as usize];
                if values.iter().any(&passes) {
                    return Some((self.name(at), values));
                }
            }
            rest = rest.split_once('.')?.1;
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.starts.len().saturating_sub(1));
        while low < high {
            let middle = low.midpoint(high);
            match self.name(middle).cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn name(&self, at: usize) -> &str {
        &self.text[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// Bytes in memory, what the values own elsewhere not counted.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + 4 * (self.starts.capacity() + self.values_at.capacity()) + self.values.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[String]) -> Domains<usize> {
        let (mut text, mut rows) = (String::new(), Vec::new());
        for (n, name) in names.iter().enumerate() {
            let start = text.len();
            text.push_str(name);
            rows.push((start..text.len(), n));
        }
        Domains::new(&text, rows)
    }

    fn naive<'n>(names: &'n [String], asked: &str, least: usize) -> Option<(&'n str, Vec<usize>)> {
        let fits = |d: &str| asked == d || asked.ends_with(&format!(".{d}"));
        let passing = names.iter().enumerate().filter(|(n, d)| *n >= least && fits(d));
        let (_, longest) = passing.max_by_key(|(_, d)| d.len())?;
        Some((longest, names.iter().enumerate().filter(|(_, d)| *d == longest).map(|(n, _)| n).collect()))
    }

    #[test]
    fn the_longest_suffix_is_that_of_a_scan() {
        let mut random = fastrand::Rng::with_seed(5);
        let name = |random: &mut fastrand::Rng| {
            let labels: Vec<&str> = (0..random.usize(1..5)).map(|_| ["a", "b", "ab", "a-b"][random.usize(0..4)]).collect();
            labels.join(".")
        };
        let mut hits = 0;
        for _ in 0..3_000 {
            let names: Vec<String> = (0..random.usize(0..20)).map(|_| name(&mut random)).collect();
            let table = table(&names);
            for _ in 0..10 {
                let (asked, least) = (name(&mut random), random.usize(0..10));
                let got = table.longest(&asked, |n| *n >= least).map(|(domain, values)| (domain, values.to_vec()));
                hits += u32::from(got.is_some());
                assert_eq!(got, naive(&names, &asked, least), "{asked} in {names:?}");
            }
        }
        assert!(hits > 5_000, "the cases hit: {hits}");
    }

    #[test]
    fn labels_are_whole() {
        let table = table(&["evil.example".to_owned()]);
        for (name, hit) in [("evil.example", true), ("a.evil.example", true), ("notevil.example", false), ("example", false), ("", false)] {
            assert_eq!(table.longest(name, |_| true).is_some(), hit, "{name}");
        }
    }
}
