//! Recognises API keys, and reads their file again when it changes.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base::domain::{Authenticator, Caller, NotRecognised, Recognition};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use subtle::ConstantTimeEq;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::key_file::{InvalidKeys, KeyFile};
use super::key_text::{Hash, hash_of, parts};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// In bytes: far more than the longest file of keys.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// The keys of a file.
#[derive(Debug)]
pub struct ApiKeys(RwLock<Arc<KnownKeys>>);

#[derive(Debug)]
struct KnownKeys(HashMap<String, (Hash, Caller)>);

/// What changes when a file is written or replaced.
type Stamp = (u64, i64, i64, u64);

/// What the last looks found.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    /// The fault that was told last.
    fault: Option<String>,
}

/// What a look at the file found.
enum Look {
    Same,
    Read(Stamp, KnownKeys),
    Fault(String),
}

impl ApiKeys {
    pub fn new(file: &KeyFile) -> Result<Arc<Self>, InvalidKeys> {
        Ok(Arc::new(Self(RwLock::new(Arc::new(KnownKeys::of(file)?)))))
    }

    /// Reads the file again whenever it changes, until `stop`. What cannot be read changes nothing:
    /// an editor that is half done must not lock everybody out.
    pub async fn watch(self: Arc<Self>, path: PathBuf, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The file was read a moment ago, but may have changed since.
        let mut seen = Seen::default();
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let (path, stamp) = (path.clone(), seen.stamp);
            let looked = spawn_blocking(move || look(&path, stamp)).await;
            if let Some(known) = looked.ok().and_then(|look| seen.take_in(look)) {
                *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
            }
        }
    }

    fn find(&self, key: &str) -> Option<Recognition> {
        let (id, secret) = parts(key)?;
        let known = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let hash = hash_of(secret);
        // An unknown id takes as long as a wrong secret.
        let nobody = [0; 32];
        let entry = known.0.get(id);
        let is_right = entry.map_or(&nobody, |(right, _)| right).ct_eq(&hash);
        Some(match entry {
            Some((_, caller)) if bool::from(is_right) => Ok(caller.clone()),
            Some(_) | None => Err(NotRecognised::Wrong("unknown API key")),
        })
    }
}

impl Authenticator for ApiKeys {
    fn recognise<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Option<Recognition>> {
        ready(self.find(token)).boxed()
    }
}

impl KnownKeys {
    fn of(file: &KeyFile) -> Result<Self, InvalidKeys> {
        let known = file.known()?.into_iter().map(|key| (key.id, (key.hash, key.caller)));
        Ok(Self(known.collect()))
    }
}

impl Seen {
    /// The keys, if there are others. A file with a fault is read again at the next look: what is put
    /// right may leave no trace on it.
    fn take_in(&mut self, look: Look) -> Option<KnownKeys> {
        match look {
            Look::Same => None,
            Look::Read(stamp, known) => {
                if self.stamp.replace(stamp).is_some() {
                    tracing::info!(keys = known.0.len(), "The file of API keys was read again");
                }
                self.fault = None;
                Some(known)
            }
            Look::Fault(fault) => {
                if self.fault.as_ref() != Some(&fault) {
                    tracing::error!(
                        fault,
                        "API_KEYS_FILE cannot be read; its keys stay as they were"
                    );
                    self.fault = Some(fault);
                }
                None
            }
        }
    }
}

fn look(path: &Path, seen: Option<Stamp>) -> Look {
    let read = || -> Result<Look, String> {
        let found = fs::metadata(path).map_err(|error| error.to_string())?;
        let stamp = (found.ino(), found.mtime(), found.mtime_nsec(), found.len());
        if seen == Some(stamp) {
            return Ok(Look::Same);
        }
        // A pipe would never end.
        if !found.is_file() {
            return Err("it is not a file".to_owned());
        }
        if found.len() > MAX_FILE {
            return Err(format!("it is larger than {MAX_FILE} bytes"));
        }
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let known = KeyFile::read(&text).and_then(|file| KnownKeys::of(&file));
        known.map(|known| Look::Read(stamp, known)).map_err(|faults| faults.to_string())
    };
    read().unwrap_or_else(Look::Fault)
}
