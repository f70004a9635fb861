//! Who a client says it is, and where OpenSearch is: what may have to be found out before a request is sent.
//!
//! Owns the shapes. Whoever signs and whoever locates is injected: nothing here knows AWS.

use super::secret::Secret;
use std::sync::Arc;

/// Who a client says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Open,
    /// A user with a password.
    Basic {
        /// User.
        user: String,
        /// Password.
        password: Secret,
    },
    /// Whoever holds the credentials that requests are signed with.
    Signed(Signing),
}

/// Signs requests.
pub trait Sign: Send + Sync + std::fmt::Debug {
    /// The headers that a request is to carry beside these. May take a while: credentials may have to be fetched.
    ///
    /// # Errors
    /// If there are no credentials: in words.
    fn sign(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<(String, String)>, String>;
}

/// A handle on who signs.
#[derive(Debug, Clone)]
pub struct Signing(pub Arc<dyn Sign>);

impl PartialEq for Signing {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Signing {}

/// Knows where OpenSearch is.
pub trait Locate: Send + Sync + std::fmt::Debug {
    /// Its base. May take a while.
    ///
    /// # Errors
    /// If it does not know yet: in words.
    fn locate(&self) -> Result<String, String>;
}
