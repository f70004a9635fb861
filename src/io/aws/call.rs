//! A call that is waited for, and what its error says.

use std::error::Error;
use tokio::runtime::Runtime;

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
