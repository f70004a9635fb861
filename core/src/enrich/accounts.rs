//! The accounts table: who owns an account, what it is for, what data it holds.

use std::collections::BTreeMap;

/// What the table says of one account. All but the id may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// `account.name`
    pub name: Option<Box<str>>,
    /// `account.ou`: path of organisational units.
    pub ou: Option<Box<str>>,
    /// `account.environment`
    pub environment: Option<Box<str>>,
    /// `account.owner`: a team.
    pub owner: Option<Box<str>>,
    /// `account.data_class`, in the order written.
    pub data_class: Vec<Box<str>>,
    /// `account.tags.KEY`, in the order written.
    pub tags: Vec<(Box<str>, Box<str>)>,
}

/// Accounts by id.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<Box<str>, Account>);

impl Accounts {
    pub(super) fn get(&self, id: &str) -> Option<&Account> {
        self.0.get(id)
    }

    /// Reads a row: (column, text) pairs without empty texts.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn add(&mut self, cells: &[(&str, &str)]) -> Result<(), String> {
        let id = id(cells)?;
        if self.0.contains_key(id) {
            return Err(format!("account {id} stands in the table already: keep one of the rows"));
        }
        let mut account = Account::default();
        for (column, text) in cells {
            match *column {
                "id" => {}
                "name" => account.name = Some((*text).into()),
                "ou" => account.ou = Some((*text).into()),
                "environment" => account.environment = Some((*text).into()),
                "owner" => account.owner = Some((*text).into()),
                "data_class" => account.data_class.extend(parts(text).map(Into::into)),
                "tags" => parts(text).try_for_each(|tag| account.tag(tag))?,
                other => account.tags.push((other.strip_prefix("tags.").unwrap_or(other).into(), (*text).into())),
            }
        }
        self.0.insert(id.into(), account);
        Ok(())
    }
}

impl Account {
    fn tag(&mut self, tag: &str) -> Result<(), String> {
        let (key, value) = tag.split_once('=').ok_or_else(|| format!("tag `{tag}` is not written KEY=VALUE"))?;
        self.tags.push((key.trim().into(), value.trim().into()));
        Ok(())
    }
}

/// Twelve digits, or a name of another cloud. Fewer digits are an id that a spreadsheet took for a number.
fn id<'r>(cells: &[(&str, &'r str)]) -> Result<&'r str, String> {
    let (_, id) = cells.iter().find(|(column, _)| *column == "id").ok_or("no `id`: an account is found by its id")?;
    if id.bytes().all(|b| b.is_ascii_digit()) && id.len() < 12 {
        return Err(format!("account id {id} has {} digits, AWS ids have 12: a spreadsheet drops leading zeros, write them", id.len()));
    }
    Ok(id)
}

/// Texts between semicolons.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_accounts() {
        let mut accounts = Accounts::default();
        let row = [("id", "000011112222"), ("name", "pay"), ("data_class", "CHD; PII"), ("tags", "Tier=1;x = y"), ("CostCenter", "42")];
        assert_eq!(accounts.add(&row), Ok(()));
        let account = accounts.get("000011112222").expect("the account");
        assert_eq!(account.data_class, ["CHD".into(), "PII".into()]);
        let tags: Vec<(&str, &str)> = account.tags.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(tags, [("Tier", "1"), ("x", "y"), ("CostCenter", "42")]);
        assert!(accounts.add(&row).is_err_and(|e| e.contains("already")));
        assert!(accounts.add(&[("id", "11112222")]).is_err_and(|e| e.contains("leading zeros")));
        assert!(accounts.add(&[("name", "x")]).is_err());
        assert!(accounts.add(&[("id", "111122223333"), ("tags", "lonely")]).is_err_and(|e| e.contains("KEY=VALUE")));
        assert_eq!(accounts.get("11112222"), None);
    }
}
