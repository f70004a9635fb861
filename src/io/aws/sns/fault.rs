//! What an error of SNS means for a page.
//!
//! Owns one question: can the page have been taken? Not if the call never left (no connection, no credentials) or SNS says no. Perhaps,
//! if it left and no answer came back. Faults of the whole topic (gone, not allowed, its key) are an operator's: the page waits,
//! it is never given up for them.

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// Why a page was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not taken. Again later: throttled, out of order, not allowed, gone.
    Again(String),
    /// Perhaps taken: the answer was lost.
    Unknown(String),
    /// Refused for what it is.
    Message(String),
}

impl Fault {
    /// In words.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Fault::Again(why) | Fault::Unknown(why) | Fault::Message(why) => why,
        }
    }
}

/// Parts of messages of SNS about a parameter that is the topic's, not the page's.
const OF_TOPIC: [&str; 7] = ["TopicArn", "Topic Arn", "TargetArn", "topic", "MessageGroupId", "MessageDeduplicationId", "Region"];
/// A call that did not leave ends with this of the HTTP client's words, one that left with others that begin so.
const NOT_CONNECTED: &str = "client error (Connect)";
const HTTP_CLIENT: &str = "client error (";

/// What became of a call; `what` names it and the topic.
#[must_use]
pub fn of_call<E, R>(what: &str, error: &SdkError<E, R>, status: Option<u16>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    let text = format!("cannot {what}: {}", words(error));
    match error {
        SdkError::ServiceError(_) => answered(error.code().unwrap_or_default(), error.message().unwrap_or_default(), status, text),
        SdkError::ConstructionFailure(_) => Fault::Again(format!("{text}; {CREDENTIALS}")),
        SdkError::TimeoutError(_) => Fault::Unknown(format!("{text}; it may have been taken")),
        SdkError::DispatchFailure(failure) => {
            let chain = chain(error);
            if chain.contains(NOT_CONNECTED) {
                Fault::Again(format!("{text}; check the network and the endpoint"))
            } else if failure.is_other() && !chain.contains(HTTP_CLIENT) {
                Fault::Again(format!("{text}; {CREDENTIALS}"))
            } else {
                Fault::Unknown(format!("{text}; it may have been taken"))
            }
        }
        _ => answered("", "", status, text),
    }
}

const CREDENTIALS: &str = "check credentials and role (`aws sts get-caller-identity`)";

/// An answer with an error.
fn answered(code: &str, message: &str, status: Option<u16>, text: String) -> Fault {
    let topic = OF_TOPIC.iter().any(|part| message.contains(part));
    match code {
        "InvalidParameter" | "ParameterValueInvalid" | "ValidationException" if !topic => Fault::Message(text),
        "InvalidParameter" | "ParameterValueInvalid" | "ValidationException" | "NotFound" => {
            Fault::Again(format!("{text}; check the topic's ARN, its Region and whether it is FIFO"))
        }
        "AuthorizationError" | "AccessDenied" | "AccessDeniedException" => {
            Fault::Again(format!("{text}; allow sns:Publish to the role, and in the topic's policy"))
        }
        code if code.starts_with("KMS") && code != "KMSThrottling" => {
            Fault::Again(format!("{text}; allow kms:GenerateDataKey and kms:Decrypt to the role, and enable the topic's key"))
        }
        code if DENIED.contains(&code) => Fault::Again(format!("{text}; {CREDENTIALS}")),
        "" => unnamed(status, text),
        _ => Fault::Again(text),
    }
}

/// An answer that is not SNS's own: of something on the way.
fn unnamed(status: Option<u16>, text: String) -> Fault {
    match status {
        Some(413) => Fault::Message(text),
        // The one that answers had passed it on, or cannot say: 2xx without sense, no answer from behind.
        Some(200..=299 | 502 | 504) | None => Fault::Unknown(format!("{text}; it may have been taken")),
        Some(_) => Fault::Again(text),
    }
}

const DENIED: [&str; 8] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "ExpiredToken",
    "ExpiredTokenException",
];

/// The cause in one line.
fn words<E: ProvideErrorMetadata + Error + 'static, R: std::fmt::Debug>(error: &SdkError<E, R>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => chain(error),
    }
}

/// An error and its causes.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_the_topic_is_never_blamed_on_the_page() {
        let of = |code: &str, message: &str, status: u16| answered(code, message, Some(status), "t".to_owned());
        let again = |fault: Fault| assert!(matches!(fault, Fault::Again(_)), "{fault:?}");
        again(of("NotFound", "Topic does not exist", 404));
        again(of("AuthorizationError", "User is not authorized", 403));
        again(of("KMSAccessDenied", "no", 400));
        again(of("KMSThrottling", "slower", 400));
        again(of("Throttling", "Rate exceeded", 400));
        again(of("Throttled", "Rate exceeded", 429));
        again(of("InternalError", "", 500));
        again(of("ServiceUnavailable", "", 503));
        again(of("ExpiredToken", "", 403));
        again(of("InvalidParameter", "Invalid parameter: TopicArn Reason: no such account", 400));
        again(of("InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics", 400));
        again(of("SomethingNew", "", 400));
        again(of("", "", 500));
        let refused = |fault: Fault| assert!(matches!(fault, Fault::Message(_)), "{fault:?}");
        refused(of("InvalidParameter", "Invalid parameter: Message too long", 400));
        refused(of("InvalidParameter", "Invalid parameter: Subject", 400));
        refused(of("ParameterValueInvalid", "The message attribute 'ou' has an invalid value", 400));
        refused(of("", "", 413));
        let unknown = |fault: Fault| assert!(matches!(fault, Fault::Unknown(_)), "{fault:?}");
        unknown(of("", "", 200));
        unknown(of("", "", 504));
    }
}
