//! A secret by reference: the configuration names where it stands, never what it is.
//!
//! Owns reading it. It is read again for every use, so a rotated file needs no restart. Never shown: errors name the place only.

use std::path::PathBuf;

/// A secret has at most this many bytes.
const SECRET_BYTES_MAX: usize = 4_096;

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In this variable of the environment.
    Variable(String),
    /// In this file; white space at its end does not belong to it.
    File(PathBuf),
}

impl Secret {
    /// The secret.
    ///
    /// # Errors
    /// If it is not there: in words, without any of it.
    pub fn read(&self) -> Result<String, String> {
        let text = match self {
            Secret::Variable(name) => std::env::var(name).map_err(|e| match e {
                std::env::VarError::NotPresent => format!("the environment variable {name} is not set: set it, or name another"),
                std::env::VarError::NotUnicode(_) => format!("the environment variable {name} is not UTF-8: set it again"),
            })?,
            Secret::File(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|e| format!("cannot read the secret in {}: {e}: make the file readable", path.display()))?;
                text.trim_end().to_owned()
            }
        };
        let place = || match self {
            Secret::Variable(name) => format!("the environment variable {name}"),
            Secret::File(path) => path.display().to_string(),
        };
        if text.is_empty() || text.len() > SECRET_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(format!("{} holds no secret: 1 to {SECRET_BYTES_MAX} bytes on one line are expected", place()));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_and_its_end_trimmed() {
        let path = std::env::temp_dir().join(format!("tidegate-secret-{}", std::process::id()));
        let secret = Secret::File(path.clone());
        assert!(secret.read().unwrap_err().contains("cannot read the secret"));
        std::fs::write(&path, "first one\n").unwrap();
        assert_eq!(secret.read().as_deref(), Ok("first one"));
        std::fs::write(&path, "second\r\n").unwrap();
        assert_eq!(secret.read().as_deref(), Ok("second"));
        for bad in ["\n", "two\nlines", &"x".repeat(5_000)] {
            std::fs::write(&path, bad).unwrap();
            let refusal = secret.read().unwrap_err();
            assert!(refusal.contains("holds no secret") && !refusal.contains("lines\n"), "{refusal}");
        }
        std::fs::remove_file(path).unwrap();
        let refusal = Secret::Variable("TIDEGATE_TEST_NO_SUCH_VARIABLE".into()).read().unwrap_err();
        assert!(refusal.contains("TIDEGATE_TEST_NO_SUCH_VARIABLE is not set"));
    }
}
