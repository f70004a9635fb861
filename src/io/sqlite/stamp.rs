//! Which state file this is, for others: the owner tells it where other machines can see who reads their sources.
//!
//! A copy of the file must not pass for it: whoever follows an owner of the *same* file may do so at once, because the file's own
//! epoch stands between the two. So the stamp is an id that is kept in the file, and the place of the file: device, inode, machine.
//! Where the file moves, it is another one to the others, and the row of its former owner is waited for.

use super::open::identity;
use super::owner::{holder, host};
use super::store::SqliteStore;
use crate::io::clock::now_ms;
use crate::io::port::{Holder, StoreError};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Name of the note with the id.
const NOTE: &str = "state_id";

impl SqliteStore {
    /// This process as the holder of a lease on a table that other machines see.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn as_holder(&mut self, term: Duration) -> Result<Holder, StoreError> {
        let id = match self.info(NOTE)? {
            Some(id) => id,
            None => {
                let id = random();
                self.set_info(NOTE, &id)?;
                id
            }
        };
        let host = host().unwrap_or_default();
        let (device, inode) = identity(self.path()).unwrap_or_default();
        Ok(Holder {
            id: format!("tidegate/{host}/{}/{}", std::process::id(), random()),
            place: holder(),
            state: format!("{id}/{device:x}:{inode:x}/{host}"),
            since_ms: now_ms(),
            term_ms: u64::try_from(term.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// 16 hex digits that nobody else has: the standard library seeds its hashers from the system's randomness.
fn random() -> String {
    format!("{:016x}", RandomState::new().hash_one((std::process::id(), now_ms())))
}

#[cfg(test)]
mod tests {
    use super::super::OpenOptions;
    use super::*;

    #[test]
    fn a_file_keeps_its_stamp_and_a_copy_has_another() {
        let folder = std::env::temp_dir().join(format!("tidegate-stamp-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let (path, copy) = (folder.join("state"), folder.join("copy"));
        let holder = |path: &std::path::Path| {
            let mut store = SqliteStore::open(path, &OpenOptions::default()).expect("opens");
            store.as_holder(Duration::from_secs(30)).expect("stamped")
        };
        let (first, again) = (holder(&path), holder(&path));
        std::fs::copy(&path, &copy).expect("copied");
        let other = holder(&copy);
        assert_eq!(first.state, again.state);
        assert_ne!(first.id, again.id, "another start is another holder");
        assert_ne!(first.state, other.state);
        assert_eq!(first.state.split('/').next(), other.state.split('/').next(), "the copy holds the same id");
        assert!(first.place.starts_with("pid ") && first.term_ms == 30_000);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
