//! How a service of AWS is reached: Region, endpoint, credentials, time-outs. One way for all that are not a stream.
//!
//! Owns nothing: it makes the SDK's shared configuration, from which each service's client is made. Retries are off: whoever calls
//! knows when it is worth while. Never calls a service; credentials are asked for with the first call.

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use std::time::Duration;

/// Longest time to connect; less where the whole call has less.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Where and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Region; `None`: that of the environment.
    pub region: Option<String>,
    /// A stand-in on this machine instead of AWS. It gets no credentials of anybody.
    pub endpoint_url: Option<String>,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
}

/// The SDK's configuration for calls that take at most `timeout`.
///
/// # Errors
/// If no Region is known: in words.
pub async fn load(access: &Access, timeout: Duration) -> Result<SdkConfig, String> {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_MAX.min(timeout / 2)).operation_timeout(timeout).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(RetryConfig::disabled());
    if let Some(region) = &access.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let base = loader.load().await;
    if base.region().is_none() {
        return Err("no Region is known; configure one, or set AWS_REGION".to_owned());
    }
    // The role is asked for at AWS, also where the service itself is a stand-in.
    let role = match &access.role_arn {
        Some(role) => {
            let provider = AssumeRoleProvider::builder(role).session_name("tidegate").configure(&base);
            let provider = match &access.external_id {
                Some(id) => provider.external_id(id),
                None => provider,
            };
            Some(SharedCredentialsProvider::new(provider.build().await))
        }
        None => None,
    };
    let stand_in =
        access.endpoint_url.is_some().then(|| SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "stand-in")));
    let mut settings = base.into_builder();
    if let Some(credentials) = role.or(stand_in) {
        settings.set_credentials_provider(Some(credentials));
    }
    if let Some(url) = &access.endpoint_url {
        settings.set_endpoint_url(Some(url.clone()));
    }
    Ok(settings.build())
}
