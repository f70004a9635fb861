//! History in S3: objects under a prefix, as inputs that are opened by the threads that read them.
//!
//! Owns listing (`walk`: only the folders that a selection may need, side by side), objects (`object`: streamed, taken up again where
//! they broke off) and what errors mean (`bucket`). Never writes, never unpacks an object. Limits: the list of what is read is held
//! in memory (about 300 bytes an object); an object that is replaced while it is read is an error; objects in Glacier must be restored
//! first.

mod bucket;
mod network;
mod object;
mod walk;

use super::Access;
use crate::io::input::{Far, Input, Opened};
use crate::io::selection::{LeftOut, Selection};
use bucket::Bucket;
use std::sync::Arc;

/// What was found under a prefix.
#[derive(Debug, Default)]
pub struct Listed {
    /// Objects to read, in order of their keys.
    pub inputs: Vec<Input>,
    /// What is not read.
    pub left_out: LeftOut,
}

/// Lists what a selection may need under `s3://bucket/prefix`: the object of that key, and all objects of the folder. `progress` is told
/// how many were found so far.
///
/// # Errors
/// If the name is none, the bucket cannot be listed or nothing is there: in words.
pub fn list(name: &str, access: Access, selection: &Selection, progress: &(dyn Fn(u64) + Sync)) -> Result<Listed, String> {
    let (bucket, prefix) = parse(name)?;
    let bucket = Arc::new(Bucket::open(bucket, prefix, access)?);
    let found = walk::walk(&bucket, prefix, selection, progress)?;
    let input = |(key, bytes): (String, u64)| {
        let (bucket, key): (Arc<Bucket>, Arc<str>) = (Arc::clone(&bucket), key.into());
        let name = format!("s3://{}/{key}", bucket.name()).into();
        let open = move || Ok(Opened::Bytes(Box::new(object::Body::new(Arc::clone(&bucket), Arc::clone(&key))) as _));
        Input::Far(Far { name, bytes, open: Arc::new(open) })
    };
    Ok(Listed { inputs: found.objects.into_iter().map(input).collect(), left_out: found.left_out })
}

/// Bucket and prefix.
fn parse(name: &str) -> Result<(&str, &str), String> {
    let rest = name.strip_prefix("s3://").unwrap_or(name);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let good = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    if !good {
        return Err(format!("`{name}` names no bucket; write it like s3://trails/AWSLogs/"));
    }
    Ok((bucket, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_bucket_and_perhaps_a_prefix() {
        assert_eq!(parse("s3://trails"), Ok(("trails", "")));
        assert_eq!(parse("s3://trails/"), Ok(("trails", "")));
        assert_eq!(parse("s3://my.trails/a/b c.gz"), Ok(("my.trails", "a/b c.gz")));
        for name in ["s3://", "s3:///x", "s3://Trails/x", "s3://a_b/x"] {
            assert!(parse(name).expect_err(name).contains("names no bucket"));
        }
    }
}
