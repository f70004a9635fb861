//! One file of the synthetic organisation, before it is written.

use flate2::{Compression, GzBuilder};
use std::io::Write;

/// A file: where it goes and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative, with `/`, in AWS's own layout.
    pub path: String,
    /// The bytes before compression.
    pub content: Vec<u8>,
    /// Whether AWS stores it compressed (then the path ends in `.gz`).
    pub gzip: bool,
}

impl File {
    pub(super) fn plain(path: &str, content: Vec<u8>) -> Self {
        File { path: path.to_owned(), content, gzip: false }
    }

    pub(super) fn gzipped(path: String, content: Vec<u8>) -> Self {
        File { path, content, gzip: true }
    }

    /// The bytes as they are stored: compressed if AWS does. The header holds no time, so equal content gives equal bytes.
    #[must_use]
    pub fn stored(&self) -> Vec<u8> {
        if !self.gzip {
            return self.content.clone();
        }
        let mut encoder = GzBuilder::new().mtime(0).write(Vec::with_capacity(self.content.len() / 8 + 64), Compression::fast());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(&self.content);
        encoder.finish().unwrap_or_default()
    }
}
