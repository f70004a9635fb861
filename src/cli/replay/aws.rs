//! How AWS is reached by inputs that are there: Region, role, and a stand-in for tests.
//!
//! Owns the options, checked as the same keys of the configuration are. Without any of them the SDK's own order holds: environment,
//! profile, container, instance. Never calls anything.

use crate::config::{is_external_id, is_loopback, is_region, is_role};
use crate::io::aws::Access;

/// What was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Inputs in AWS")]
pub(crate) struct AwsArguments {
    /// Region that is asked (default: that of the environment)
    #[arg(id = "aws_region", long = "aws-region", value_name = "REGION", value_parser = parse_region)]
    pub(crate) region: Option<String>,
    /// A stand-in for AWS on this machine, for tests
    #[arg(id = "aws_endpoint", long = "aws-endpoint", value_name = "URL", value_parser = parse_endpoint)]
    pub(crate) endpoint: Option<String>,
    /// Role to take on for reading
    #[arg(id = "aws_role", long = "aws-role", value_name = "ARN", value_parser = parse_role)]
    pub(crate) role: Option<String>,
    /// What the role asks for
    #[arg(id = "aws_external_id", long = "aws-external-id", value_name = "ID", requires = "aws_role", value_parser = parse_external_id)]
    pub(crate) external_id: Option<String>,
}

impl AwsArguments {
    /// Where and as whom.
    pub(crate) fn access(&self) -> Access {
        let AwsArguments { region, endpoint, role, external_id } = self.clone();
        Access { region, endpoint_url: endpoint, role_arn: role, external_id }
    }
}

fn parse_region(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no Region; write it like eu-central-1");
    is_region(text).then(|| text.to_owned()).ok_or_else(wrong)
}

fn parse_endpoint(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no URL of this machine; write it like http://127.0.0.1:4566, or leave it out to reach AWS");
    is_loopback(text).then(|| text.to_owned()).ok_or_else(wrong)
}

fn parse_role(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no ARN of a role; write it like arn:aws:iam::123456789012:role/tidegate-read");
    is_role(text).then(|| text.to_owned()).ok_or_else(wrong)
}

fn parse_external_id(text: &str) -> Result<String, String> {
    is_external_id(text).then(|| text.to_owned()).ok_or_else(|| "an external id has 2 to 1,224 letters, digits and _+=,.@:/-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        aws: AwsArguments,
    }

    fn read(words: &[&str]) -> Result<AwsArguments, String> {
        let line = Line::try_parse_from(std::iter::once("tidegate").chain(words.iter().copied()));
        line.map(|line| line.aws).map_err(|error| error.to_string())
    }

    #[test]
    fn an_access_is_what_was_typed_and_nothing_is_sent_to_strangers() {
        assert_eq!(read(&[]).expect("nothing is required").access(), Access::default());
        let role = "arn:aws:iam::123456789012:role/tidegate-read";
        let typed =
            ["--aws-region", "eu-central-1", "--aws-endpoint", "http://127.0.0.1:4566", "--aws-role", role, "--aws-external-id", "ex"];
        let access = read(&typed).expect("good").access();
        assert_eq!((access.region.as_deref(), access.role_arn.as_deref()), (Some("eu-central-1"), Some(role)));
        assert_eq!((access.endpoint_url.as_deref(), access.external_id.as_deref()), (Some("http://127.0.0.1:4566"), Some("ex")));
        for (words, part) in [
            (vec!["--aws-endpoint", "http://example.org"], "no URL of this machine"),
            (vec!["--aws-region", "Frankfurt"], "no Region"),
            (vec!["--aws-role", "tidegate-read"], "no ARN of a role"),
            (vec!["--aws-external-id", "ex"], "--aws-role"),
        ] {
            assert!(read(&words).expect_err("refused").contains(part), "{words:?}");
        }
    }
}
