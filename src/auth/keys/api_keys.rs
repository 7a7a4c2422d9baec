//! Recognises API keys, and reads their file again when it changes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

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

/// What changes when a file is written.
type Stamp = Option<(SystemTime, u64)>;

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
        let mut seen: Option<Stamp> = None;
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let path = path.clone();
            let Ok((now, read)) = spawn_blocking(move || look(&path, seen)).await else { continue };
            match read {
                None => {}
                Some(Ok(known)) => {
                    if seen.is_some() {
                        tracing::info!(keys = known.0.len(), "The file of API keys was read again");
                    }
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
                }
                Some(Err(fault)) => {
                    tracing::error!(
                        fault,
                        "API_KEYS_FILE was not read again; its keys stay as they were"
                    );
                }
            }
            seen = Some(now);
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

/// The file's stamp and, if that changed, the keys in it.
fn look(path: &Path, seen: Option<Stamp>) -> (Stamp, Option<Result<KnownKeys, String>>) {
    let found = fs::metadata(path);
    let stamp = found.as_ref().ok().and_then(|it| Some((it.modified().ok()?, it.len())));
    if seen == Some(stamp) {
        return (stamp, None);
    }
    let read = || {
        let size = found.map_err(|error| error.to_string())?.len();
        if size > MAX_FILE {
            return Err(format!("it is larger than {MAX_FILE} bytes"));
        }
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let known = KeyFile::read(&text).and_then(|file| KnownKeys::of(&file));
        known.map_err(|faults| faults.to_string())
    };
    (stamp, Some(read()))
}
