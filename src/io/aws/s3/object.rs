//! One object, read as it comes.
//!
//! Owns its place in it: where the stream breaks off, reading goes on from the next byte, of the same version. Holds one chunk.

use super::bucket::{Bucket, Refused, TRIES_MAX};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

/// Longest time without a byte.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Body {
    bucket: Arc<Bucket>,
    key: Arc<str>,
    stream: Option<ByteStream>,
    /// Bytes that were received and not read, from `read` on.
    chunk: Vec<u8>,
    read: usize,
    /// Bytes received.
    received: u64,
    /// Bytes of the whole object, and its version, once known.
    length: Option<u64>,
    version: Option<String>,
    /// Tries since the last byte.
    tries: u32,
}

impl Body {
    /// An object. Nothing is asked yet.
    pub(super) fn new(bucket: Arc<Bucket>, key: Arc<str>) -> Self {
        Body { bucket, key, stream: None, chunk: Vec::new(), read: 0, received: 0, length: None, version: None, tries: 0 }
    }

    /// Fills the chunk; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            if self.length.is_some_and(|length| self.received >= length) {
                return Ok(false);
            }
            let why = match self.next() {
                Ok(chunk) => {
                    (self.received, self.tries) = (self.received + chunk.len() as u64, 0);
                    (self.chunk, self.read) = (chunk, 0);
                    return Ok(true);
                }
                Err(Refused::Again(why)) => why,
                Err(Refused::Final(why) | Refused::Elsewhere(why)) => return Err(io::Error::other(why)),
            };
            self.stream = None;
            self.tries += 1;
            if self.tries >= TRIES_MAX {
                return Err(io::Error::other(why));
            }
            tracing::debug!("try {} of {TRIES_MAX}: {why}", self.tries);
            self.bucket.pause(self.tries);
        }
    }

    /// The next chunk. At the end of what was sent there must be the end of the object.
    fn next(&mut self) -> Result<Vec<u8>, Refused> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let answer = self.bucket.get(&self.key, self.received, self.version.as_deref())?;
                self.note(&answer);
                answer.body
            }
        };
        let broken = |how: &str| Refused::Again(format!("cannot read s3://{}/{} to its end: {how}", self.bucket.name(), self.key));
        match self.bucket.network.wait_at_most(SILENCE_MAX, stream.next()) {
            Some(Some(Ok(bytes))) => {
                self.stream = Some(stream);
                Ok(bytes.to_vec())
            }
            Some(Some(Err(error))) => Err(broken(&error.to_string())),
            Some(None) if self.length == Some(self.received) => Ok(Vec::new()),
            Some(None) => Err(broken("the connection was closed before")),
            None => Err(broken("nothing came for 30 s")),
        }
    }

    /// Notes length and version from the first answer.
    fn note(&mut self, answer: &GetObjectOutput) {
        let rest = answer.content_length().and_then(|n| u64::try_from(n).ok());
        self.length = self.length.or(rest.map(|rest| self.received + rest));
        self.version = self.version.take().or_else(|| answer.e_tag().map(str::to_owned));
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read >= self.chunk.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let n = buffer.len().min(self.chunk.len() - self.read);
        buffer[..n].copy_from_slice(&self.chunk[self.read..self.read + n]);
        self.read += n;
        Ok(n)
    }
}
