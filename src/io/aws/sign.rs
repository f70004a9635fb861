//! Signing a request that is none of an SDK (Signature Version 4).
//!
//! Owns the credentials between two requests: they are asked for again before they end, and every few minutes where they have no end,
//! so that changed ones are noticed. Where that fails, those there are go on being used until they end. Never sends anything but the
//! calls that bring credentials.

use super::call::runtime;
use super::client::{Access, load};
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::opensearch::Sign;
use aws_sdk_opensearch::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_opensearch::error::DisplayErrorContext;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

/// Longest wait for credentials.
const ASK_MAX: Duration = Duration::from_secs(10);
/// Credentials are asked for again this long before they end.
const BEFORE_END: Duration = Duration::from_secs(300);
/// Credentials without an end are asked for again after this.
const AGAIN: Duration = Duration::from_secs(300);

/// Signs requests to one service.
#[derive(Debug)]
pub struct Signer {
    service: &'static str,
    access: Access,
    inner: Mutex<Option<Inner>>,
}

#[derive(Debug)]
struct Inner {
    runtime: Runtime,
    region: String,
    provider: SharedCredentialsProvider,
    held: Option<(Credentials, Stopwatch)>,
}

impl Signer {
    /// A signer for `service` (`es`). Nothing is loaded yet.
    #[must_use]
    pub fn new(service: &'static str, access: Access) -> Self {
        // The stand-in is one of the control plane; credentials come from where they always do.
        Signer { service, access: Access { endpoint_url: None, ..access }, inner: Mutex::new(None) }
    }
}

impl Sign for Signer {
    fn sign(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<(String, String)>, String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.is_none() {
            *inner = Some(Inner::load(&self.access)?);
        }
        let Some(inner) = inner.as_mut() else { return Err("no credentials were loaded".to_owned()) };
        let credentials = inner.credentials()?;
        let time = UNIX_EPOCH + Duration::from_millis(now_ms().unsigned_abs());
        signed(&credentials, (&inner.region, self.service), time, (method, url, headers, body))
    }
}

impl Inner {
    fn load(access: &Access) -> Result<Self, String> {
        let runtime = runtime()?;
        let settings = runtime.block_on(load(access, ASK_MAX));
        let settings = settings.map_err(|why| format!("cannot sign requests: {why}"))?;
        let region = settings.region().map(ToString::to_string).unwrap_or_default();
        let none = || "cannot sign requests: there is no way to find credentials".to_owned();
        let provider = settings.credentials_provider().ok_or_else(none)?;
        Ok(Inner { runtime, region, provider, held: None })
    }

    fn credentials(&mut self) -> Result<Credentials, String> {
        let now = UNIX_EPOCH + Duration::from_millis(now_ms().unsigned_abs());
        if let Some((held, since)) = &self.held
            && fresh(held, since.elapsed(), now)
        {
            return Ok(held.clone());
        }
        let provider = self.provider.clone();
        let asked = async move { tokio::time::timeout(ASK_MAX, provider.provide_credentials()).await };
        let why = match self.runtime.block_on(asked) {
            Ok(Ok(credentials)) => {
                self.held = Some((credentials.clone(), Stopwatch::start()));
                return Ok(credentials);
            }
            Ok(Err(e)) => DisplayErrorContext(&e).to_string(),
            Err(_) => format!("none came within {} seconds", ASK_MAX.as_secs()),
        };
        match &self.held {
            Some((held, _)) if held.expiry().is_none_or(|end| end > now) => Ok(held.clone()),
            _ => Err(format!("cannot get credentials of AWS: {why}; check them with `aws sts get-caller-identity`")),
        }
    }
}

/// Whether credentials need not be asked for again.
fn fresh(held: &Credentials, age: Duration, now: SystemTime) -> bool {
    match held.expiry() {
        Some(end) => now + BEFORE_END < end,
        None => age < AGAIN,
    }
}

/// The headers that a request is to carry beside its own.
fn signed(
    credentials: &Credentials,
    (region, service): (&str, &str),
    time: SystemTime,
    (method, url, headers, body): (&str, &str, &[(&str, &str)], &[u8]),
) -> Result<Vec<(String, String)>, String> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let failed = |e: &dyn std::error::Error| format!("cannot sign a request: {e}");
    let identity = credentials.clone().into();
    let params = SigningParams::builder().identity(&identity).region(region).name(service).time(time).settings(settings).build();
    let params = params.map_err(|e| failed(&e))?.into();
    let request = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body)).map_err(|e| failed(&e))?;
    let (instructions, _) = sign(request, &params).map_err(|e| failed(&e))?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn until(end: Option<u64>) -> Credentials {
        Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, end.map(at), "test")
    }

    #[test]
    fn credentials_are_asked_for_again_in_time() {
        assert!(fresh(&until(Some(1_000)), Duration::from_secs(9_999), at(699)));
        assert!(!fresh(&until(Some(1_000)), Duration::ZERO, at(700)));
        assert!(fresh(&until(None), Duration::from_secs(299), at(5_000)) && !fresh(&until(None), Duration::from_secs(300), at(0)));
    }

    /// The request `GET /` of the suite of test vectors that AWS published for Signature Version 4, with the header of the body's
    /// hash beside; the signature was computed from the documentation in another language.
    #[test]
    fn a_known_request_has_the_known_signature() {
        let headers =
            signed(&until(None), ("us-east-1", "service"), at(1_440_938_160), ("GET", "https://example.amazonaws.com/", &[], b""));
        let headers = headers.expect("signed");
        let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(value("x-amz-date"), Some("20150830T123600Z"));
        assert_eq!(value("x-amz-content-sha256"), Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        let authorization = value("authorization").expect("a signature");
        assert!(authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
        ));
        assert!(authorization.ends_with("726c5c4879a6b4ccbbd3b24edbd6b8826d34f87450fbbf4e85546fc7ba9c1642"), "{authorization}");
    }
}
