//! From the configuration to parts at AWS.

use crate::config::{Consumer, KinesisStream, OpenSearchAws, Ownership, StreamStart};
use crate::io::aws::{Access, Domain, DynamoLeases, KinesisSource, Signer, Start, Stream};
use crate::io::opensearch::{self, Locate, Signing};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::Source as Service;

/// A source that reads a stream. Nothing is called yet.
#[must_use]
pub fn kinesis(name: &str, settings: &KinesisStream, services: Vec<Service>) -> KinesisSource {
    let start = match settings.start {
        StreamStart::TrimHorizon => Start::TrimHorizon,
        StreamStart::Latest => Start::Latest,
        StreamStart::At(ms) => Start::At(ms),
    };
    KinesisSource::new(name, stream(settings), start, services)
}

/// A stream and how it is reached.
#[must_use]
pub fn stream(settings: &KinesisStream) -> Stream {
    Stream {
        stream: settings.stream.clone(),
        region: settings.region.clone(),
        endpoint_url: settings.endpoint_url.clone(),
        role_arn: settings.role_arn.clone(),
        external_id: settings.external_id.clone(),
        consumer: (settings.consumer == Consumer::FanOut).then(|| settings.consumer_name.clone()),
    }
}

/// The table of the ownership row. Nothing is called yet.
///
/// # Errors
/// If no Region is known.
pub fn lease_table(settings: &Ownership, call: Duration) -> Result<DynamoLeases, String> {
    let access = Access {
        region: settings.region.clone(),
        endpoint_url: settings.endpoint_url.clone(),
        role_arn: settings.role_arn.clone(),
        external_id: settings.external_id.clone(),
    };
    DynamoLeases::new(&settings.table, &access, call).map_err(|why| format!("cannot use DynamoDB table {}: {why}", settings.table))
}

fn access(settings: Option<&OpenSearchAws>) -> Access {
    let OpenSearchAws { region, endpoint_url, role_arn, external_id } = settings.cloned().unwrap_or_default();
    Access { region, endpoint_url, role_arn, external_id }
}

/// Signed requests to OpenSearch.
#[must_use]
pub fn signing(settings: Option<&OpenSearchAws>) -> opensearch::Access {
    opensearch::Access::Signed(Signing(Arc::new(Signer::new("es", access(settings)))))
}

/// Where a domain is, to be found out.
#[must_use]
pub fn domain(name: &str, settings: Option<&OpenSearchAws>) -> Box<dyn Locate> {
    Box::new(Domain::new(name, access(settings)))
}
