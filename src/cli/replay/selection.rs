//! What of history is replayed: accounts, Regions, sources.
//!
//! Owns the options. A path that names what is not asked for is not read, and an event of it is filtered.

use crate::io::selection::Selection;
use tidegate_core::event::Source;
use tidegate_core::event::source::BUILT_IN;
use tidegate_core::pipeline::Selected;

/// What was typed.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArguments {
    /// Read only what is about this account (repeatable)
    #[arg(id = "account", long = "account", value_name = "ID", value_parser = parse_account)]
    accounts: Vec<String>,
    /// Read only what is from this Region (repeatable)
    #[arg(id = "region", long = "region", value_name = "REGION", value_parser = parse_region)]
    regions: Vec<String>,
    /// Read only this source (repeatable): guardduty, cloudtrail, vpcflow, tgwflow, securityhub, route53, waf, eks_audit, eventbridge
    #[arg(id = "source", long = "source", value_name = "SOURCE", value_parser = parse_source)]
    sources: Vec<Source>,
}

impl SelectionArguments {
    /// The selection, for events in this range of time (margins included).
    pub(crate) fn selection(&self, range_ms: (i64, i64)) -> Selection {
        let names = |of: &[String]| of.iter().map(|name| name.as_str().into()).collect();
        let events =
            Selected { accounts: names(&self.accounts), regions: names(&self.regions), sources: self.sources.iter().copied().collect() };
        Selection::new(events, range_ms)
    }
}

fn parse_account(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is no account; write its 12 digits, leading zeros too"))
}

fn parse_region(text: &str) -> Result<String, String> {
    let good = text.len() > 5 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    good.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is no Region; write it like eu-central-1"))
}

fn parse_source(text: &str) -> Result<Source, String> {
    let names = || BUILT_IN.iter().map(|source| source.service()).collect::<Vec<_>>().join(", ");
    let named = |source: &Source| source.service().replace('_', "-") == text.to_ascii_lowercase().replace('_', "-");
    BUILT_IN.into_iter().find(named).ok_or_else(|| format!("`{text}` is no source; there are {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_checked() {
        assert_eq!(parse_source("eks-audit"), Ok(Source::EksAudit));
        assert!(parse_source("guard").expect_err("no source").contains("guardduty, cloudtrail, vpcflow"));
        assert!(parse_account("11112222333").is_err() && parse_account("000022223333").is_ok());
        assert!(parse_region("Frankfurt").is_err() && parse_region("us-gov-west-1").is_ok());
    }
}
