//! What a source could not read: each told once while it lasts, and all of it remembered for the end.

use std::collections::BTreeSet;

/// Troubles of one source.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    told: BTreeSet<String>,
    /// The first of all, and how many came behind it.
    all: Option<(String, u64)>,
}

impl Troubles {
    /// Those of a look: what was not there at the look before, to be told.
    pub(super) fn of_look(&mut self, troubles: Vec<String>) -> Vec<String> {
        let fresh: Vec<String> = troubles.iter().filter(|t| !self.told.contains(*t)).cloned().collect();
        fresh.iter().for_each(|trouble| self.note(trouble));
        self.told = troubles.into_iter().collect();
        fresh
    }

    /// One more; whether it is to be told.
    pub(super) fn is_new(&mut self, why: &str) -> bool {
        let new = self.told.insert(why.to_owned());
        if new {
            self.note(why);
        }
        new
    }

    /// Remembers one that is told elsewhere.
    pub(super) fn note(&mut self, why: &str) {
        match &mut self.all {
            Some((_, more)) => *more += 1,
            None => self.all = Some((why.to_owned(), 0)),
        }
    }

    /// How a source that does not follow ends: whoever reads the exit code must hear that something was left out.
    pub(super) fn end(&self) -> Result<(), String> {
        match &self.all {
            None => Ok(()),
            Some((first, 0)) => Err(first.clone()),
            Some((first, more)) => Err(format!("{first} (and {more} more: see the log above)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_while_it_lasts_and_all_are_counted() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.end(), Ok(()));
        assert_eq!(troubles.of_look(vec!["a".into()]), ["a"]);
        assert!(troubles.of_look(vec!["a".into()]).is_empty(), "it lasts");
        assert_eq!(troubles.end(), Err("a".to_owned()));
        assert!(troubles.of_look(Vec::new()).is_empty());
        assert_eq!(troubles.of_look(vec!["a".into()]), ["a"], "it came again");
        assert!(troubles.is_new("b") && !troubles.is_new("b"));
        assert_eq!(troubles.end(), Err("a (and 2 more: see the log above)".to_owned()));
    }
}
