//! Whether a database file is still the one that was opened.
//!
//! A file that was removed or replaced can be written to as long as it is open, and nobody will
//! ever read what was written.

use std::fs::{Metadata, metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An open file and where it was found.
#[derive(Debug)]
pub(super) struct SameFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SameFile {
    /// Remembers which file lies there now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(&metadata(path)?) })
    }

    /// Whether another lies there now, or none. Asks for the name alone, which waits for nothing.
    pub(super) fn is_gone(&self) -> bool {
        match metadata(&self.path) {
            Ok(found) => identity(&found) != self.identity,
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
