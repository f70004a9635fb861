//! Parts of Amazon Web Services in the configuration that are no source: the ownership row, and how OpenSearch is reached there.

use serde::{Deserialize, Serialize};

/// The row that says which process reads the sources.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// DynamoDB table.
    pub table: String,
    /// Name of the row.
    pub name: String,
    /// Region.
    pub region: Option<String>,
    /// Endpoint of a stand-in on this machine.
    pub endpoint_url: Option<String>,
    /// How long it is held without renewal.
    #[serde(rename(deserialize = "lease"))]
    pub lease_ms: u64,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
}

/// How an OpenSearch that belongs to AWS is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSearchAws {
    /// Region.
    pub region: Option<String>,
    /// Endpoint of a stand-in for the control plane on this machine.
    pub endpoint_url: Option<String>,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
}

fn plain(text: &str, (least, most): (usize, usize), others: &str) -> bool {
    (least..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Name of a DynamoDB table.
pub(super) fn is_table(text: &str) -> bool {
    plain(text, (3, 255), "_.-")
}

/// Name of an OpenSearch domain.
pub(super) fn is_domain(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_lowercase());
    first && plain(text, (3, 28), "-") && !text.contains(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_domains_are_what_they_must_be() {
        assert!(is_table("tidegate-leases") && is_table("a.b_c-1") && !is_table("ab") && !is_table("a b c"));
        assert!(is_domain("alerts-1") && !is_domain("al") && !is_domain("Alerts") && !is_domain("1alerts"));
        assert!(!is_domain(&"a".repeat(29)) && !is_domain("alerts.example.org"));
    }
}
