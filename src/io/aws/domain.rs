//! Where a domain of Amazon OpenSearch Service is.
//!
//! Owns one question to the control plane. It is asked when the first request is to be sent, and again until it is answered: a
//! control plane that is down holds up documents, and no start.

use super::call::{cause, is_denial, runtime};
use super::client::{Access, load};
use crate::io::opensearch::Locate;
use aws_sdk_opensearch::Client;
use aws_sdk_opensearch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_opensearch::operation::describe_domain::{DescribeDomainError, DescribeDomainOutput};
use std::error::Error;
use std::time::Duration;

const CALL: Duration = Duration::from_secs(10);

/// A domain.
#[derive(Debug)]
pub struct Domain {
    name: String,
    access: Access,
}

impl Domain {
    /// A domain by its name. Nothing is called yet.
    #[must_use]
    pub fn new(name: &str, access: Access) -> Self {
        Domain { name: name.to_owned(), access }
    }

    fn failed(&self, error: &SdkError<DescribeDomainError>) -> String {
        let cause = cause(error.code(), error.message(), error.as_service_error().map_or(error as &dyn Error, |e| e));
        let remedy = match error.code() {
            Some("ResourceNotFoundException") => "correct `sinks.opensearch.domain` or its Region",
            Some(code) if is_denial(code) => "check the credentials and the policy (es:DescribeDomain)",
            _ => "it is tried again",
        };
        format!("cannot look up OpenSearch domain `{}`: {cause}; {remedy}", self.name)
    }
}

impl Locate for Domain {
    fn locate(&self) -> Result<String, String> {
        let runtime = runtime()?;
        let settings = runtime.block_on(load(&self.access, CALL));
        let settings = settings.map_err(|why| format!("cannot look up OpenSearch domain `{}`: {why}", self.name))?;
        let answer = runtime.block_on(Client::new(&settings).describe_domain().domain_name(&self.name).send());
        endpoint(&self.name, &answer.map_err(|e| self.failed(&e))?)
    }
}

/// The endpoint in an answer: the public one, else that inside the VPC.
fn endpoint(name: &str, answer: &DescribeDomainOutput) -> Result<String, String> {
    let status = answer.domain_status.as_ref();
    let inside = |key: &str| status.and_then(|s| s.endpoints.as_ref()?.get(key).cloned());
    let found = status.and_then(|s| s.endpoint.clone()).or_else(|| inside("vpc"));
    if let Some(host) = found.filter(|host| !host.is_empty()) {
        return Ok(format!("https://{host}"));
    }
    let why = match status {
        Some(status) if status.deleted == Some(true) => "it is being deleted; name another",
        _ => "it has no endpoint yet; it is asked for again",
    };
    Err(format!("cannot use OpenSearch domain `{name}`: {why}"))
}
