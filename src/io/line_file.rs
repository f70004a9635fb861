//! A file of JSON lines that others read: appended to, never rewritten.
//!
//! Owns that a line is there whole or not at all, and durable when [`LineFile::append`] returns: a line that a crash tore is cut when
//! the file is opened, and a write that fails is taken back. Notices when the file was rotated away (another or no file under its
//! path) and opens it anew. Never interprets a line. Limits: one process writes to a file; its last 256 MiB at most are read back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Most bytes of a file that are read back for its last lines.
const RECALL_BYTES_MAX: u64 = 256 * 1024 * 1024;
const BLOCK_BYTES: u64 = 1024 * 1024;

/// A file of lines.
#[derive(Debug)]
pub struct LineFile {
    path: PathBuf,
    file: Option<File>,
}

impl LineFile {
    /// Opens the file, made if it is not there, and mends its end.
    ///
    /// # Errors
    /// If it cannot be opened, or is no file of JSON lines: in words.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let mut lines = LineFile { path, file: None };
        let ready = lines.ready().map(|_| ());
        ready.map_err(|e| lines.cannot(&e)).map(|()| lines)
    }

    /// The last lines, at most `most`, the last one first.
    ///
    /// # Errors
    /// If they cannot be read: in words.
    pub fn last(&mut self, most: usize, take: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        self.read_back(most, take).map_err(|e| self.cannot(&e))
    }

    /// Appends lines (each without its end). All are durable when it returns; if it fails none is there.
    ///
    /// # Errors
    /// If they cannot be written: in words.
    pub fn append<'l>(&mut self, lines: impl IntoIterator<Item = &'l str>) -> Result<(), String> {
        let mut bytes = Vec::new();
        for line in lines {
            // Between the words of JSON a line's end is blank space; inside a text it cannot stand.
            bytes.extend(line.bytes().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { b }));
            bytes.push(b'\n');
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.write(&bytes).map_err(|e| self.cannot(&e))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = self.ready()?;
        let before = file.metadata()?.len();
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        if written.is_err() {
            // If even this fails, the end is mended before the next write.
            let _ = file.set_len(before).and_then(|()| file.sync_data());
            self.file = None;
        }
        written
    }

    /// The file under the path, open.
    fn ready(&mut self) -> io::Result<&mut File> {
        let here = self.file.take().filter(|file| same(file, &self.path));
        let file = match here {
            Some(file) => file,
            None => self.open_anew()?,
        };
        Ok(self.file.insert(file))
    }

    fn open_anew(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        // What alerts tell is for those who may read alerts.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let mut file = options.open(&self.path)?;
        mend(&mut file)?;
        // A new file's name is durable when its folder is. Where a folder cannot be opened for that, the file's own durability is all.
        #[cfg(unix)]
        if let Some(folder) = self.path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }) {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(file)
    }

    fn read_back(&mut self, most: usize, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let file = self.ready()?;
        let mut at = file.metadata()?.len();
        let least = at.saturating_sub(RECALL_BYTES_MAX);
        let (mut rest, mut left) = (Vec::new(), most);
        while at > least && left > 0 {
            let from = at.saturating_sub(BLOCK_BYTES).max(least);
            let mut block = read_range(file, from, at)?;
            block.append(&mut rest);
            // The first line may begin further up.
            let first = if from == 0 { 0 } else { block.iter().position(|b| *b == b'\n').map_or(block.len(), |at| at + 1) };
            for line in block[first..].rsplit(|b| *b == b'\n').filter(|line| !line.is_empty()).take(left) {
                take(line);
                left -= 1;
            }
            block.truncate(first);
            (rest, at) = (block, from);
        }
        Ok(())
    }

    fn cannot(&self, error: &io::Error) -> String {
        let path = self.path.to_string_lossy();
        format!("cannot write {}: {error}", tidegate_core::alert::neutral::terminal(&path))
    }
}

/// Whether the path still leads to the open file.
fn same(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    let identity = |meta: &std::fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        (meta.dev(), meta.ino())
    };
    #[cfg(not(unix))]
    let identity = |meta: &std::fs::Metadata| meta.created().ok();
    matches!((file.metadata(), std::fs::metadata(path)), (Ok(ours), Ok(there)) if identity(&ours) == identity(&there))
}

/// Cuts a last line that was torn by a crash. One that is whole but for its end gets it: somebody's editor left it out.
fn mend(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let (mut torn, mut from) = (Vec::new(), length);
    while from > 0 {
        let at = from;
        from = at.saturating_sub(BLOCK_BYTES);
        let mut block = read_range(file, from, at)?;
        let end = block.iter().rposition(|b| *b == b'\n');
        let line = block.split_off(end.map_or(0, |end| end + 1));
        torn.splice(..0, line);
        if end.is_some() {
            break;
        }
    }
    if torn.is_empty() {
        return Ok(());
    }
    if torn[0] != b'{' {
        let why = "its last line is no JSON object: it is no file of alerts; name another file, or move this one away";
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&torn).is_ok() {
        file.write_all(b"\n")?;
    } else {
        file.set_len(length - torn.len() as u64)?;
    }
    file.sync_data()
}

fn read_range(file: &mut File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tidegate-lines-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn last(lines: &mut LineFile, most: usize) -> Vec<String> {
        let mut out = Vec::new();
        lines.last(most, &mut |line| out.push(String::from_utf8_lossy(line).into_owned())).unwrap();
        out
    }

    #[test]
    fn a_torn_line_is_cut_and_a_whole_one_is_ended() {
        let path = path("torn");
        let big = format!("{{\"a\":\"{}\"}}", "x".repeat(3 * BLOCK_BYTES as usize));
        for (before, after) in [
            (String::new(), String::new()),
            ("{\"a\":1}\n".into(), "{\"a\":1}\n".into()),
            ("{\"a\":1}\n{\"a\":".into(), "{\"a\":1}\n".into()),
            ("{\"a\":1}\n{\"a\":2}".into(), "{\"a\":1}\n{\"a\":2}\n".into()),
            ("{\"a".into(), String::new()),
            (format!("{{}}\n{}", &big[..big.len() - 1]), "{}\n".into()),
            (format!("{{}}\n{big}"), format!("{{}}\n{big}\n")),
        ] {
            std::fs::write(&path, &before).unwrap();
            LineFile::open(path.clone()).unwrap();
            assert!(std::fs::read_to_string(&path).unwrap() == after, "{}", &before[..before.len().min(40)]);
        }
        std::fs::write(&path, "a letter\nto somebody").unwrap();
        assert!(LineFile::open(path.clone()).unwrap_err().contains("name another file"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter\nto somebody", "left alone");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn lines_are_appended_whole_and_read_back() {
        let path = path("append");
        let mut lines = LineFile::open(path.clone()).unwrap();
        lines.append([]).unwrap();
        lines.append(["{\"a\":1}", "{\n\"a\":\r\n2}"]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{ \"a\":  2}\n");
        let mut rng = fastrand::Rng::with_seed(1);
        let many: Vec<String> = (0..400).map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(rng.usize(..40_000)))).collect();
        lines.append(many.iter().map(String::as_str)).unwrap();
        let mut expected: Vec<String> = many.into_iter().rev().collect();
        expected.extend(["{ \"a\":  2}".to_owned(), "{\"a\":1}".to_owned()]);
        for most in [0, 1, 7, 399, 402, 1000] {
            assert!(last(&mut lines, most) == expected[..most.min(402)], "{most}");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_was_rotated_away_is_opened_anew() {
        let (path, old) = (path("rotate"), path("rotate.1"));
        let mut lines = LineFile::open(path.clone()).unwrap();
        lines.append(["{\"a\":1}"]).unwrap();
        std::fs::rename(&path, &old).unwrap();
        lines.append(["{\"a\":2}"]).unwrap();
        std::fs::remove_file(&path).unwrap();
        lines.append(["{\"a\":3}"]).unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "{\"a\":1}\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":3}\n");
        // Copied and truncated: what comes stands at the new end.
        File::options().write(true).truncate(true).open(&path).unwrap();
        lines.append(["{\"a\":4}"]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":4}\n");
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(old).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_in_words() {
        let mut lines = LineFile { path: "/dev/full".into(), file: Some(File::options().append(true).open("/dev/full").unwrap()) };
        let refused = lines.append(["{}"]).unwrap_err();
        assert!(refused.contains("/dev/full") && refused.contains("No space"), "{refused}");
    }
}
