//! What an error of the service means, and its cause in words.
//!
//! Owns the classes: what is tried again, what is waited for, what a person must change. Never retries.

use super::protocol::Refusal;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// What an error means, told as `what`.
pub(super) fn refused<E, R>(what: &str, error: &SdkError<E, R>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    let text = |remedy: &str| format!("{what}: {}; {remedy}", why(error));
    match error {
        SdkError::ServiceError(_) => classify(error.code().unwrap_or_default(), &text),
        SdkError::ConstructionFailure(_) => Refusal::Denied(text("check credentials and Region (`aws sts get-caller-identity`)")),
        // Credentials were not had: refused, or whoever gives them is not there for the moment.
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            let text = text("check credentials (`aws sts get-caller-identity`) and certificates");
            if passes(&why(error)) { Refusal::Unavailable(text) } else { Refusal::Denied(text) }
        }
        _ => Refusal::Unavailable(text("it is tried again")),
    }
}

/// Whether the cause is of the kind that passes. The errors of credential providers carry no code: their words must do.
pub(super) fn passes(text: &str) -> bool {
    let text = text.to_lowercase();
    ["timed out", "timeout", "io error", "connect", "throttling", "serviceunavailable", "internalfailure"]
        .iter()
        .any(|word| text.contains(word))
}

/// What an error of the service means.
fn classify(code: &str, text: &dyn Fn(&str) -> String) -> Refusal {
    match code {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "KMSThrottlingException"
        | "ThrottlingException"
        | "Throttling" => Refusal::Throttled,
        "ExpiredIteratorException" => Refusal::Expired,
        "ResourceInUseException" => {
            Refusal::InUse(text("another reader subscribed a moment ago, or it is being changed; it is tried again"))
        }
        "InvalidArgumentException" | "ValidationException" | "SerializationException" => {
            Refusal::Invalid(text("check name, Region and start of the source"))
        }
        "ResourceNotFoundException" => Refusal::Missing(text("check its name, account and Region")),
        code if code.starts_with("AccessDenied") || code.starts_with("KMS") || DENIED.contains(&code) => {
            Refusal::Denied(text("check the credentials, the policy (`docs/kinesis.md` names the actions) and the key"))
        }
        _ => Refusal::Unavailable(text("it is tried again")),
    }
}

const DENIED: [&str; 6] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
];

/// The cause in one line: the service's own words, or those of every cause behind the error.
fn why<E: ProvideErrorMetadata + Error + 'static, R: std::fmt::Debug>(error: &SdkError<E, R>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => {
            let mut texts = vec![error.to_string()];
            let mut cause = error.source();
            while let Some(error) = cause {
                texts.push(error.to_string());
                cause = error.source();
            }
            texts.dedup();
            texts.join(": ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_are_refused_are_not_those_that_are_not_there_yet() {
        assert!(passes("an error occurred while loading credentials: dispatch failure: io error: error trying to connect"));
        assert!(passes("an error occurred while loading credentials: service error: Throttling: rate exceeded"));
        assert!(!passes(
            "an error occurred while loading credentials: service error: AccessDenied: not authorized to perform: sts:AssumeRole"
        ));
        assert!(!passes("the credential provider was not enabled: no providers in chain provided credentials"));
    }

    #[test]
    fn errors_are_told_apart() {
        let text = |remedy: &str| remedy.to_owned();
        assert_eq!(classify("ProvisionedThroughputExceededException", &text), Refusal::Throttled);
        assert_eq!(classify("ExpiredIteratorException", &text), Refusal::Expired);
        assert!(matches!(classify("InvalidArgumentException", &text), Refusal::Invalid(_)));
        assert!(matches!(classify("ResourceNotFoundException", &text), Refusal::Missing(_)));
        assert!(matches!(classify("KMSDisabledException", &text), Refusal::Denied(_)));
        assert!(matches!(classify("KMSThrottlingException", &text), Refusal::Throttled));
        assert!(matches!(classify("ExpiredTokenException", &text), Refusal::Denied(_)));
        assert!(matches!(classify("InternalFailure", &text), Refusal::Unavailable(_)));
    }
}
