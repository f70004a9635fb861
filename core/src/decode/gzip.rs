//! Gzip with limits: several members, each whole or refused.
//!
//! Owns decompression. Never gives a part of a damaged member: its checksum is what says that the bytes are the sender's.
//! Limits: [`GUNZIP_BYTES_MAX`] per layer, [`GUNZIP_RATIO_MAX`] once more than 1 MiB came out.

use super::limits::{GUNZIP_BYTES_MAX, GUNZIP_RATIO_MAX};
use super::{DecodeError, ErrorCode};
use flate2::bufread::GzDecoder;
use std::io::Read;

const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// What came out of a run of gzip members.
#[derive(Debug, PartialEq, Eq)]
pub struct Gunzipped {
    /// The output of the whole members, one behind the other.
    pub output: Vec<u8>,
    /// Why the bytes from an offset on gave nothing.
    pub refused: Option<(DecodeError, usize)>,
}

/// Whether the bytes start like gzip.
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Decompresses consecutive gzip members. `budget` is an upper bound besides the fixed limits.
#[must_use]
pub fn gunzip(bytes: &[u8], budget: usize) -> Gunzipped {
    let most = bytes.len().saturating_mul(GUNZIP_RATIO_MAX).clamp(RATIO_FREE_BYTES, GUNZIP_BYTES_MAX).min(budget);
    let mut output = Vec::with_capacity(most.min(bytes.len().saturating_mul(6)));
    let mut rest = bytes;
    while !rest.iter().all(|b| *b == 0) {
        let whole = output.len();
        match member(rest, &mut output, most) {
            Ok(behind) => rest = behind,
            Err((code, detail)) => {
                output.truncate(whole);
                let offset = bytes.len() - rest.len();
                return Gunzipped { output, refused: Some((DecodeError::new(code, offset, detail), offset)) };
            }
        }
    }
    Gunzipped { output, refused: None }
}

/// Appends one member's output; gives what stands behind it.
fn member<'a>(bytes: &'a [u8], output: &mut Vec<u8>, most: usize) -> Result<&'a [u8], (ErrorCode, &'static str)> {
    if !is_gzip(bytes) {
        return Err((ErrorCode::GzipCorrupt, "bytes that are no gzip behind a gzip member"));
    }
    let room = most - output.len();
    let mut decoder = GzDecoder::new(bytes);
    let before = output.len();
    match decoder.by_ref().take(room as u64 + 1).read_to_end(output) {
        _ if output.len() - before > room => Err((ErrorCode::GzipTooLarge, "gzip gives more than 64 MiB or 100 times its size")),
        Ok(_) => Ok(decoder.into_inner()),
        Err(_) => Err((ErrorCode::GzipCorrupt, "gzip is damaged or cut short")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn code(g: &Gunzipped) -> Option<ErrorCode> {
        g.refused.as_ref().map(|(e, _)| e.code)
    }

    #[test]
    fn members_follow_each_other_and_zeros_are_padding() {
        let both = [gzip(b"one "), gzip(b"two"), vec![0; 9]].concat();
        assert_eq!(gunzip(&both, usize::MAX), Gunzipped { output: b"one two".to_vec(), refused: None });
    }

    #[test]
    fn a_damaged_member_keeps_the_ones_before_it() {
        let first = gzip(b"one ");
        let second = gzip(b"two, long enough to be cut");
        for cut in 1..second.len() {
            let got = gunzip(&[&first[..], &second[..cut]].concat(), usize::MAX);
            assert_eq!((&got.output[..], code(&got)), (&b"one "[..], Some(ErrorCode::GzipCorrupt)), "{cut}");
            assert_eq!(got.refused.unwrap().1, first.len());
        }
        let mut flipped = second.clone();
        let crc = flipped.len() - 8;
        flipped[crc] ^= 1;
        assert_eq!(code(&gunzip(&flipped, usize::MAX)), Some(ErrorCode::GzipCorrupt));
        assert_eq!(code(&gunzip(&[&first[..], b"rest"].concat(), usize::MAX)), Some(ErrorCode::GzipCorrupt));
    }

    #[test]
    fn limits_of_size_and_ratio() {
        let small_bomb = gzip(&vec![b'x'; 900 * 1024]);
        assert_eq!(code(&gunzip(&small_bomb, usize::MAX)), None, "below 1 MiB the ratio is not judged");
        let bomb = gzip(&vec![b'x'; 2 * 1024 * 1024]);
        let got = gunzip(&bomb, usize::MAX);
        assert_eq!((got.output.len(), code(&got)), (0, Some(ErrorCode::GzipTooLarge)));
        assert_eq!(code(&gunzip(&gzip(b"twelve bytes"), 11)), Some(ErrorCode::GzipTooLarge));
    }

    #[test]
    fn more_than_64_mib_is_refused_whatever_the_ratio() {
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(1024 * 1024).collect();
        let many: Vec<u8> = gzip(&noise).repeat(65);
        let got = gunzip(&many, usize::MAX);
        assert_eq!((got.output.len(), code(&got)), (GUNZIP_BYTES_MAX, Some(ErrorCode::GzipTooLarge)));
    }
}
