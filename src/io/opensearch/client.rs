//! One HTTP exchange with OpenSearch.
//!
//! Owns the connection, who we say we are, the limits of time and size. Never retries and never reads meaning into an answer.

use super::access::{Access, Locate};
use crate::io::clock::Stopwatch;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::http::{Method, Request, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 32 << 20;
/// Longest wait for a connection: a host that does not answer must not take all of a request's time.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Where OpenSearch is and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its base, without user or password.
    pub url: String,
    /// Who we are.
    pub access: Access,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest time of one request.
    pub timeout: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreached {
    /// The request did not leave, or not whole.
    NotSent(String),
    /// It may have been taken; the answer was too late, too large or cut.
    NoAnswer(String),
    /// We cannot say who we are.
    NoAccess(String),
}

impl Unreached {
    /// In words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Unreached::NotSent(text) | Unreached::NoAnswer(text) | Unreached::NoAccess(text) => text,
        }
    }
}

/// A client.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    settings: Settings,
    /// Where it goes, or what people call that until it is found.
    base: String,
    locate: Option<Box<dyn Locate>>,
    found: OnceLock<String>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// If the URL or the certificates cannot be used: in words.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let base = settings.url.trim_end_matches('/').to_owned();
        base.parse::<Uri>().map_err(|e| format!("the URL of OpenSearch cannot be used: {e}: correct `sinks.opensearch.url`"))?;
        let safe = base.starts_with("https:");
        Client::with(settings, base, safe, None)
    }

    /// A client of something that is still to be found; `settings.url` is what people call it. Nothing is asked yet.
    ///
    /// # Errors
    /// If the certificates cannot be used: in words.
    pub fn located(settings: Settings, locate: Box<dyn Locate>) -> Result<Self, String> {
        let base = settings.url.clone();
        Client::with(settings, base, true, Some(locate))
    }

    fn with(settings: Settings, base: String, safe: bool, locate: Option<Box<dyn Locate>>) -> Result<Self, String> {
        let roots = match &settings.ca_file {
            Some(path) => certificates(path)?,
            None if safe => system_certificates()?,
            None => RootCerts::new_with_certs(&[]),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_MAX.min(settings.timeout)))
            .build()
            .new_agent();
        Ok(Client { agent, settings, base, locate, found: OnceLock::new() })
    }

    /// The longest time of one request.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Where it goes, for people.
    #[must_use]
    pub fn url(&self) -> &str {
        self.found.get().unwrap_or(&self.base)
    }

    /// Where it goes; found out, if need be.
    fn base(&self) -> Result<&str, Unreached> {
        if let (Some(locate), None) = (&self.locate, self.found.get()) {
            let url = locate.locate().map_err(Unreached::NotSent)?;
            // Whoever was faster found the same.
            let _ = self.found.set(url.trim_end_matches('/').to_owned());
        }
        Ok(self.url())
    }

    /// A request with a JSON body or none.
    ///
    /// # Errors
    /// [`Unreached`].
    pub fn json(&self, method: Method, path: &str, body: Option<&serde_json::Value>) -> Result<Reply, Unreached> {
        let bytes = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        self.exchange(method, path, "application/json", None, bytes, self.settings.timeout)
    }

    /// A `_bulk` request, compressed, within `timeout`.
    ///
    /// # Errors
    /// [`Unreached`].
    pub fn bulk(&self, path: &str, body: &[u8], timeout: Duration) -> Result<Reply, Unreached> {
        let packed = gzip(body).map_err(|e| Unreached::NotSent(format!("cannot compress a request: {e}")))?;
        self.exchange(Method::POST, path, "application/x-ndjson", Some("gzip"), packed, timeout.min(self.settings.timeout))
    }

    fn exchange(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        encoding: Option<&str>,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Reply, Unreached> {
        // To find the place and the credentials may take a while, and what is sent late may not be ours to send any more.
        let clock = Stopwatch::start();
        let url = format!("{}{path}", self.base()?);
        let mut headers: Vec<(&str, &str)> = Vec::new();
        if !body.is_empty() {
            headers.push((header::CONTENT_TYPE.as_str(), kind));
        }
        if let Some(encoding) = encoding {
            headers.push((header::CONTENT_ENCODING.as_str(), encoding));
        }
        let access = self.access(method.as_str(), &url, &headers, &body)?;
        let left = timeout.saturating_sub(clock.elapsed());
        if left.is_zero() {
            return Err(Unreached::NotSent(format!("no time was left to send a request to {url}")));
        }
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in headers.into_iter().chain(access.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|e| Unreached::NotSent(format!("cannot write a request to {url}: {e}")))?;
        let request = self.agent.configure_request(request).timeout_global(Some(left)).build();
        let mut response = self.agent.run(request).map_err(|e| self.unreached(&e))?;
        let status = response.status().as_u16();
        match response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec() {
            Ok(body) => Ok(Reply { status, body }),
            // A server that refuses a body may cut the connection behind its status: the status says enough.
            Err(_) if status == 413 => Ok(Reply { status, body: Vec::new() }),
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                Err(Unreached::NoAnswer(format!("the answer of {} is larger than {} MiB", self.url(), ANSWER_BYTES_MAX >> 20)))
            }
            Err(e) => Err(Unreached::NoAnswer(format!("the answer of {} did not come whole: {e}", self.url()))),
        }
    }

    /// The headers that say who we are.
    fn access(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<(String, String)>, Unreached> {
        match &self.settings.access {
            Access::Open => Ok(Vec::new()),
            Access::Basic { user, password } => {
                let password = password.read().map_err(Unreached::NoAccess)?;
                let value = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
                Ok(vec![(header::AUTHORIZATION.as_str().to_owned(), value)])
            }
            Access::Signed(signing) => signing.0.sign(method, url, headers, body).map_err(Unreached::NoAccess),
        }
    }

    fn unreached(&self, error: &ureq::Error) -> Unreached {
        use ureq::Timeout::{Connect, Resolve, SendBody, SendRequest};
        let url = self.url();
        match error {
            ureq::Error::Timeout(Connect | Resolve) => Unreached::NotSent(format!("{url} does not answer: no connection in time")),
            ureq::Error::Timeout(SendRequest | SendBody) => Unreached::NoAnswer(format!("{url} did not take a request in time")),
            ureq::Error::Timeout(_) => Unreached::NoAnswer(format!("{url} did not answer in time")),
            ureq::Error::HostNotFound => Unreached::NotSent(format!("the host of {url} is not known: check the name and the resolver")),
            ureq::Error::ConnectionFailed => Unreached::NotSent(format!("cannot connect to {url}: check that it runs and may be reached")),
            ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                Unreached::NotSent(format!("{url} refuses the connection: check that it runs and may be reached"))
            }
            ureq::Error::Rustls(e) => {
                Unreached::NotSent(format!("no trust in {url}: {e}: check `sinks.opensearch.ca_file` and the server's certificate"))
            }
            other => Unreached::NoAnswer(format!("the connection to {url} broke: {other}")),
        }
    }
}

/// The certificates that the system trusts. One of them that cannot be read is no reason to trust nobody.
fn system_certificates() -> Result<RootCerts, String> {
    let found = rustls_native_certs::load_native_certs();
    let certificates: Vec<Certificate<'static>> = found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if certificates.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(format!(
            "cannot read the certificates that the system trusts: {why}: install them (ca-certificates), or write `ca_file`"
        ));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// The certificates of a PEM file.
fn certificates(path: &Path) -> Result<RootCerts, String> {
    let refuse = |why: String| format!("cannot use the certificates in {}: {why}: name a file of PEM certificates", path.display());
    let pem = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(e) => return Err(refuse(e.to_string())),
        }
    }
    if found.is_empty() { Err(refuse("it holds none".into())) } else { Ok(RootCerts::new_with_certs(&found)) }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Base64 with padding (RFC 4648), for one header.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), want);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_client_is_made_of_what_the_system_trusts() {
        let settings = Settings { url: "https://search.example.org/".into(), access: Access::Open, ca_file: None, timeout: CONNECT_MAX };
        match Client::new(settings) {
            Ok(client) => assert_eq!(client.url(), "https://search.example.org"),
            Err(why) => assert!(why.contains("ca-certificates"), "{why}"),
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused_by_name() {
        let path = std::env::temp_dir().join(format!("tidegate-ca-{}", std::process::id()));
        std::fs::write(&path, "no certificate").unwrap();
        let refusal = certificates(&path).err().unwrap();
        assert!(refusal.contains("it holds none") && refusal.contains(&path.display().to_string()), "{refusal}");
        std::fs::remove_file(&path).unwrap();
        assert!(certificates(&path).is_err());
    }
}
