//! Who we are to AWS, and where: credentials, Region, role.
//!
//! Owns how a configuration for an SDK client is made. Credentials are found as every AWS tool finds them, and a role is taken on with
//! them; both are renewed before they end. Calls are never repeated by the SDK: whoever calls knows when to try again.

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use std::error::Error;
use std::time::Duration;
use tokio::runtime::Runtime;

const CONNECT: Duration = Duration::from_secs(3);

/// Where a service is and as whom it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Region; `None`: that of the environment.
    pub region: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint_url: Option<String>,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
}

impl Access {
    /// The configuration of a client whose calls take at most this long. Nothing is called yet. `key` is where the configuration
    /// would name the Region.
    ///
    /// # Errors
    /// If no Region is known.
    pub(super) async fn load(&self, call: Duration, key: &str) -> Result<SdkConfig, String> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT.min(call)).operation_timeout(call).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(RetryConfig::disabled());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let base = loader.load().await;
        if base.region().is_none() {
            return Err(format!("no Region is known: set `{key}.region` or AWS_REGION"));
        }
        let mut settings = base.to_builder();
        if let Some(role) = &self.role_arn {
            let mut provider = AssumeRoleProvider::builder(role).session_name("tidegate").configure(&base);
            if let Some(id) = &self.external_id {
                provider = provider.external_id(id);
            }
            settings = settings.credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(provider.build().await));
        }
        if let Some(url) = &self.endpoint_url {
            settings = settings.endpoint_url(url);
        }
        Ok(settings.build())
    }
}

/// A runtime for calls of one thread, which waits for each.
pub(super) fn runtime() -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| format!("cannot start a runtime for calls to AWS: {e}"))
}

/// Codes with which AWS says that it does not know or like us.
pub(super) fn is_denial(code: &str) -> bool {
    const DENIED: [&str; 6] = [
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
        "ExpiredTokenException",
    ];
    code.starts_with("AccessDenied") || DENIED.contains(&code)
}

/// The cause of an error in one line: what the service said, else the innermost causes.
pub(super) fn cause(code: Option<&str>, message: Option<&str>, error: &dyn Error) -> String {
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => aws_sdk_dynamodb::error::DisplayErrorContext(error).to_string(),
    }
}
