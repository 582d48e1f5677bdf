//! A text that is never shown. Passwords and tokens are held in it from the moment they are read.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The most bytes of a file. A password is one line, a cloud's token has a few kB; a Kubernetes Secret may have 1 MiB.
const FILE_CAP: u64 = 64 << 10;

/// `Debug` and `Display` show `***`. Only [`Secret::reveal`] returns the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Reads a file, without the line end at its end.
    ///
    /// # Errors
    /// The problem and the remedy, never the content of the file.
    pub fn from_file(file: &Path) -> Result<Self, String> {
        let (at, mut text) = (file.display(), String::new());
        // Opening a pipe would wait for a writer.
        if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(format!("{at} is not a file: choose a file that contains only this value"));
        }
        let read = File::open(file).and_then(|opened| opened.take(FILE_CAP + 1).read_to_string(&mut text));
        match read {
            Err(error) => Err(format!("{at} cannot be read ({error}): provide a text file that this user may read")),
            Ok(_) if text.len() as u64 > FILE_CAP => {
                Err(format!("{at} has more than {} KiB: choose a file that contains only this value", FILE_CAP >> 10))
            }
            Ok(_) => match text.trim_end_matches(['\r', '\n']) {
                "" => Err(format!("{at} is empty: write the value into it")),
                value => Ok(Self::new(value)),
            },
        }
    }

    /// Returns the text, for the code that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_or_its_problem_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        let written = |bytes: &[u8]| {
            std::fs::write(&file, bytes).expect("written");
            Secret::from_file(&file).map(|secret| secret.reveal().to_owned())
        };
        assert_eq!(written(b" two words \r\n"), Ok(" two words ".into()));
        assert_eq!(written("é".as_bytes()), Ok("é".into()));
        let largest = vec![b'x'; 64 << 10];
        assert_eq!(written(&largest).map(|text| text.len()), Ok(64 << 10));
        for (bytes, part) in [
            (&b"\n"[..], "is empty: write the value into it"),
            (&[&largest[..], b"hunter2"].concat(), "has more than 64 KiB: choose a file that contains only this value"),
            (b"hunter2\xff", "cannot be read (stream did not contain valid UTF-8): provide a text file that this user may read"),
        ] {
            let error = written(bytes).expect_err(part);
            assert!(error.starts_with(&*file.to_string_lossy()) && error.contains(part) && !error.contains("hunter2"), "{error}");
        }
        assert!(Secret::from_file(folder.path()).expect_err("a folder").contains("is not a file"));
        assert!(Secret::from_file(&folder.path().join("none")).expect_err("nothing").contains("cannot be read (No such file"));
    }
}
