//! One bucket: single calls, and what their errors mean.
//!
//! Owns the client, in the Region where the bucket is (S3 tells when another was asked), and how often a call is tried again. Every
//! error that is handed on says what a person can do.

use super::super::Access;
use super::super::call::{cause, is_denial};
use super::super::client::load;
use super::super::error::passes;
use super::network::Network;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use std::error::Error;
use std::time::Duration;

type HttpResponse = aws_sdk_s3::config::http::HttpResponse;

/// Longest time until an answer begins.
const CALL: Duration = Duration::from_secs(30);
/// A call, or a place in an object, is tried so often.
pub(super) const TRIES_MAX: u32 = 6;
/// The first pause between tries; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a call was not answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It may be answered later.
    Again(String),
    /// It will not be.
    Final(String),
    /// The bucket is in another Region.
    Elsewhere(String),
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Folders one level below.
    pub(super) folders: Vec<String>,
    /// Keys and sizes.
    pub(super) objects: Vec<(String, u64)>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

/// A bucket that answers.
#[derive(Debug)]
pub(super) struct Bucket {
    name: String,
    client: Client,
    pub(super) network: Network,
}

impl Bucket {
    /// A bucket that can be listed under a prefix. It is asked for a first key, so that what is wrong comes out at once.
    pub(super) fn open(name: &str, prefix: &str, mut access: Access) -> Result<Self, String> {
        let mut network = Network::start()?;
        loop {
            let bucket = Bucket { name: name.to_owned(), client: connect(&network, &access, name)?, network };
            match bucket.patiently(|| bucket.page(prefix, None, None, 1)) {
                Ok(_) => return Ok(bucket),
                Err(Refused::Elsewhere(region)) if access.region.as_deref() != Some(&region) => {
                    (access.region, network) = (Some(region), bucket.network);
                }
                Err(Refused::Again(why) | Refused::Final(why) | Refused::Elsewhere(why)) => return Err(why),
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One page of keys.
    pub(super) fn page(&self, prefix: &str, delimiter: Option<&str>, from: Option<String>, keys_max: i32) -> Result<Page, Refused> {
        let call = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).max_keys(keys_max);
        let call = call.set_delimiter(delimiter.map(str::to_owned)).set_continuation_token(from);
        let what = || format!("cannot list s3://{}/{prefix}", self.name);
        let answer = self.network.wait(call.send()).map_err(|e| refused(&what(), &self.name, &e))?;
        let folders = answer.common_prefixes().iter().filter_map(|p| p.prefix().map(str::to_owned)).collect();
        let object = |o: &aws_sdk_s3::types::Object| Some((o.key()?.to_owned(), u64::try_from(o.size().unwrap_or(0)).unwrap_or(0)));
        let objects = answer.contents().iter().filter_map(object).collect();
        Ok(Page { folders, objects, next: answer.next_continuation_token })
    }

    /// An object from a byte on; `version` is what it must still be.
    pub(super) fn get(&self, key: &str, from: u64, version: Option<&str>) -> Result<GetObjectOutput, Refused> {
        let call = self.client.get_object().bucket(&self.name).key(key).set_if_match(version.map(str::to_owned));
        let call = call.set_range((from > 0).then(|| format!("bytes={from}-")));
        let what = || format!("cannot read s3://{}/{key}", self.name);
        self.network.wait(call.send()).map_err(|e| refused(&what(), &self.name, &e))
    }

    /// Tries again, with pauses, what may pass.
    pub(super) fn patiently<T>(&self, call: impl Fn() -> Result<T, Refused>) -> Result<T, Refused> {
        let mut tries = 1;
        loop {
            match call() {
                Err(Refused::Again(why)) if tries < TRIES_MAX => {
                    tracing::debug!("try {tries} of {TRIES_MAX}: {why}");
                    self.pause(tries);
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Waits before the next try.
    pub(super) fn pause(&self, tries: u32) {
        self.network.pause(PAUSE * 2u32.saturating_pow(tries.saturating_sub(1)));
    }
}

fn connect(network: &Network, access: &Access, name: &str) -> Result<Client, String> {
    let settings = network.wait(load(access, CALL)).map_err(|why| format!("cannot read s3://{name}: {why}"))?;
    // Whoever reads waits for each chunk with a limit of its own, and may be busy with decoding between two.
    let config = Builder::from(&settings).stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    // A stand-in has no host names of buckets.
    Ok(Client::from_conf(config.force_path_style(access.endpoint_url.is_some()).build()))
}

fn refused<E>(what: &str, bucket: &str, error: &SdkError<E, HttpResponse>) -> Refused
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let response = error.raw_response();
    if let Some(region) = response.and_then(|r| r.headers().get("x-amz-bucket-region")).filter(|_| is_elsewhere(response, error.code())) {
        return Refused::Elsewhere(region.to_owned());
    }
    let why = cause(error.code(), error.message(), error.as_service_error().map_or(error as &dyn Error, |e| e));
    let status = response.map_or(0, |r| r.status().as_u16());
    match error {
        SdkError::ServiceError(_) => classify(what, bucket, error.code().unwrap_or_default(), status, &why),
        SdkError::ConstructionFailure(_) => {
            Refused::Final(format!("{what}: {why}; check credentials and Region (`aws sts get-caller-identity`)"))
        }
        SdkError::DispatchFailure(failure) if failure.is_other() && !passes(&why) => {
            Refused::Final(format!("{what}: {why}; check credentials (`aws sts get-caller-identity`) and certificates"))
        }
        _ => Refused::Again(format!("{what}: {}; check network and endpoint", DisplayErrorContext(error))),
    }
}

fn is_elsewhere(response: Option<&HttpResponse>, code: Option<&str>) -> bool {
    let code = matches!(code, Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException"));
    code || response.is_some_and(|r| matches!(r.status().as_u16(), 301 | 307))
}

/// What an answer of the service means.
fn classify(what: &str, bucket: &str, code: &str, status: u16, why: &str) -> Refused {
    let remedy = match (code, status) {
        ("NoSuchBucket", _) => format!("there is no bucket `{bucket}`: check its name and the account"),
        ("NoSuchKey", _) => "it was removed after it was listed".to_owned(),
        ("PreconditionFailed", _) | (_, 412) => "it was replaced while it was read: read it again".to_owned(),
        ("InvalidObjectState", _) => "it lies in Glacier: restore it first (`aws s3api restore-object`)".to_owned(),
        (code, _) if code.starts_with("KMS") => "check the key and its policy (kms:Decrypt)".to_owned(),
        (code, 401 | 403) | (code, _) if is_denial(code) || matches!(status, 401 | 403) => {
            "check the credentials and the policy (s3:ListBucket on the bucket, s3:GetObject on its objects, kms:Decrypt on its key)"
                .to_owned()
        }
        (_, 500..) | (_, 429) | (_, 408) | ("SlowDown" | "RequestTimeout" | "Throttling" | "ThrottlingException", _) => {
            return Refused::Again(format!("{what}: {why}; try again later"));
        }
        _ => "check bucket, prefix and Region".to_owned(),
    };
    Refused::Final(format!("{what}: {why}; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_the_rest_says_what_to_do() {
        let told = |code, status| classify("cannot read s3://b/k", "b", code, status, code);
        for (code, status) in [("SlowDown", 503), ("InternalError", 500), ("RequestTimeout", 400), ("", 429)] {
            assert!(matches!(told(code, status), Refused::Again(_)), "{code} {status}");
        }
        for (code, status, remedy) in [
            ("NoSuchBucket", 404, "there is no bucket `b`"),
            ("AccessDenied", 403, "s3:GetObject"),
            ("", 403, "s3:ListBucket"),
            ("ExpiredToken", 400, "check bucket"),
            ("ExpiredTokenException", 400, "check the credentials"),
            ("InvalidObjectState", 403, "restore it first"),
            ("KMS.DisabledException", 400, "kms:Decrypt"),
            ("PreconditionFailed", 412, "replaced while it was read"),
            ("NoSuchKey", 404, "removed"),
        ] {
            assert!(matches!(told(code, status), Refused::Final(why) if why.contains(remedy)), "{code} {status}");
        }
    }
}
