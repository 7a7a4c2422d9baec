//! Changes the file of API keys: one writer at a time, and never half a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::key_file::{InvalidKeys, KeyEntry, KeyFile};

#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    #[error("The file of keys cannot be read or written")]
    Io(#[from] io::Error),
    #[error("The file of keys has faults")]
    Invalid(#[from] InvalidKeys),
    #[error("The new key has faults")]
    NewKey(#[source] InvalidKeys),
    #[error("There is already a key with this name. Choose another, or revoke that one first.")]
    NameTaken,
    #[error("No key has this name or id.")]
    Unknown,
}

/// Adds a key. The file is created if there is none.
pub fn add(path: &Path, entry: KeyEntry) -> Result<(), KeyStoreError> {
    change(path, |file| {
        if file.keys.iter().any(|known| known.name == entry.name) {
            return Err(KeyStoreError::NameTaken);
        }
        file.keys.push(entry);
        file.known().map(drop).map_err(KeyStoreError::NewKey)
    })
}

/// Removes a key by its name or id, and returns its entry.
pub fn remove(path: &Path, which: &str) -> Result<KeyEntry, KeyStoreError> {
    let mut removed = None;
    change(path, |file| {
        // An id is ours and stands for one key; a name may look like the id of another.
        let by_id = file.keys.iter().position(|key| key.id == which);
        let by_name = || file.keys.iter().position(|key| key.name == which);
        let place = by_id.or_else(by_name).ok_or(KeyStoreError::Unknown)?;
        removed = Some(file.keys.remove(place));
        Ok(())
    })?;
    removed.ok_or(KeyStoreError::Unknown)
}

fn change(
    path: &Path,
    change: impl FnOnce(&mut KeyFile) -> Result<(), KeyStoreError>,
) -> Result<(), KeyStoreError> {
    // The file itself, not the link to it, is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // The folder is locked and not the file, which is about to be replaced.
    let lock = File::open(folder)?;
    lock.lock()?;
    let mut file = match fs::read_to_string(path) {
        Ok(text) => KeyFile::read(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => KeyFile::default(),
        Err(error) => return Err(error.into()),
    };
    change(&mut file)?;
    let mut text = serde_json::to_vec_pretty(&file).map_err(io::Error::from)?;
    text.push(b'\n');
    Ok(replace(path, &text)?)
}

/// A reader sees the old file or the new one.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // Hashes are no keys, but they are nobody else's business.
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text)?;
    // A server that runs as another user must still be able to read it.
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.sync_all()?;
    fs::rename(new, path)
}
