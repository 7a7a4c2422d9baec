//! Sessions of single callers, with a server that gets their tokens (ADR 32) or at which they sign in
//! (ADR 46). Such a server may tie a session to whoever opened it, so none is shared.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::{Peer, RoleClient};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::super::link::child::ShutdownMode;
use super::super::link::connect::{Handshake, open_for};
use super::super::link::session::Session;
use super::caller_credential::CallerCredential;
use super::calling::ProgressListeners;
use super::fault::CallFault;
use super::server::Server;
use base::domain::{Caller, Owner};

/// How many callers may have a session with one server.
const MOST: usize = 256;
/// How long a session without a call is kept.
const IDLE: Duration = Duration::from_mins(5);

#[derive(Default)]
pub(crate) struct CallerSessions(Mutex<Vec<Arc<CallerSession>>>);

/// The session of one credential. Dropping the last reference closes it.
pub(crate) struct CallerSession {
    owner: Owner,
    credential: CallerCredential,
    /// Of this session alone: each counts its calls from the beginning.
    pub(crate) progress_listeners: Arc<ProgressListeners>,
    opened: OnceCell<Session>,
    used: Mutex<Instant>,
}

impl CallerSessions {
    /// The session of this caller with the server, opened if it is not open yet.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it opens leaves the opening to the next call.
    pub(crate) async fn of(
        &self,
        owner: &Owner,
        credential: &CallerCredential,
        server: &Server,
        handshake: Handshake,
    ) -> Result<Arc<CallerSession>, CallFault> {
        let session = self.find(owner, credential).ok_or(CallFault::Crowded)?;
        let opened = session
            .opened
            .get_or_try_init(|| open_for(server, handshake, &session))
            .await
            .map(drop);
        if let Err(error) = opened {
            self.forget(&session);
            return Err((&error).into());
        }
        Ok(session)
    }

    /// What has broken is not used again.
    pub(crate) fn forget(&self, session: &Arc<CallerSession>) {
        self.lock().retain(|known| !Arc::ptr_eq(known, session));
    }

    /// The same for the session of a caller, if there is one.
    pub(crate) fn forget_of(&self, caller: &Caller) {
        let is_its = |known: &mut Arc<CallerSession>| known.is_for(caller);
        // Closed after the lock is released.
        let broken: Vec<_> = self.lock().extract_if(.., is_its).collect();
        drop(broken);
    }

    /// The same for all sessions of an owner.
    pub(crate) fn forget_all_of(&self, owner: &Owner) {
        let theirs: Vec<_> = self.lock().extract_if(.., |known| known.owner == *owner).collect();
        drop(theirs);
    }

    /// Closes those that are idle for too long, or whose token has expired.
    pub(crate) fn tidy(&self) {
        // Closed after the lock is released.
        let old: Vec<_> = self.lock().extract_if(.., |session| session.is_over()).collect();
        drop(old);
    }

    /// Closes all, each after its last call.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        drop(all);
    }

    /// `None` if there is no room.
    fn find(&self, owner: &Owner, credential: &CallerCredential) -> Option<Arc<CallerSession>> {
        self.tidy();
        let mut sessions = self.lock();
        if let Some(known) = sessions.iter().find(|known| known.is_of(owner, credential)) {
            known.touch();
            return Some(Arc::clone(known));
        }
        if sessions.len() >= MOST {
            let idle = sessions.iter().enumerate().filter(|(_, session)| session.is_idle());
            let (oldest, _) = idle.min_by_key(|(_, session)| session.used_at())?;
            drop(sessions.swap_remove(oldest));
        }
        let session = Arc::new(CallerSession {
            owner: owner.clone(),
            credential: credential.clone(),
            progress_listeners: Arc::default(),
            opened: OnceCell::new(),
            used: Mutex::new(Instant::now()),
        });
        sessions.push(Arc::clone(&session));
        Some(session)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<CallerSession>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallerSession {
    pub(crate) fn credential(&self) -> &CallerCredential {
        &self.credential
    }

    pub(crate) fn peer(&self) -> Option<Peer<RoleClient>> {
        Some(self.opened.get()?.peer().clone())
    }

    fn is_of(&self, owner: &Owner, credential: &CallerCredential) -> bool {
        self.owner == *owner && self.credential.is_same(credential)
    }

    fn is_for(&self, caller: &Caller) -> bool {
        let is_sent = match &self.credential {
            CallerCredential::Forwarded(token) => caller.token() == Some(token),
            CallerCredential::SignedIn(_) => true,
        };
        self.owner == caller.owner && is_sent
    }

    fn is_over(self: &Arc<Self>) -> bool {
        let is_old = self.credential.has_expired() || self.used_at().elapsed() > IDLE;
        is_old && self.is_idle()
    }

    /// Whether no call holds it.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn used_at(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallerSession {
    fn drop(&mut self) {
        let Some(session) = self.opened.take() else { return };
        // Closing is async and `drop` is not. Without a runtime the process ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(session.close(ShutdownMode::Polite)));
        }
    }
}

impl fmt::Debug for CallerSessions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CallerSessions({})", self.lock().len())
    }
}
