//! Detects that a database file is no longer the one that was opened (ADR 6).
//!
//! A removed or replaced file can be written to as long as it is open, but its content is lost
//! with the process.

use std::fs::{Metadata, metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct SameFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SameFile {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(&metadata(path)?) })
    }

    /// Whether the path leads to another file or to none. Reads only the name's metadata, about a
    /// microsecond, so it is cheap enough for every call.
    pub(super) fn is_gone(&self) -> bool {
        match metadata(&self.path) {
            Ok(found) => identity(&found) != self.identity,
            // Any other error (no permission, no free file) does not prove that the file is gone.
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
