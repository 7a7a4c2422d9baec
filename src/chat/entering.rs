//! Taking a thread for a turn: in order, and only if it may be written in.

use tokio::select;
use tokio::time::timeout;

use super::hold::Hold;
use super::job::Job;
use super::line::Place;
use super::shared::Shared;
use super::{BeginError, Claim, ThreadEvent};
use crate::domain::{Thread, ThreadStatus};

/// What is shown while a message waits.
const WAITING: &str = "Waiting for the answer before this one";

impl Shared {
    /// Waits until the thread is ours; a place in the line keeps the order in this process.
    pub(super) async fn enter(&self, job: &mut Job) -> Result<(Place, Thread, Hold), BeginError> {
        let id = job.thread.clone();
        let joined = self.lines.join(&id, self.settings.max_waiting);
        let mut line = joined.ok_or(BeginError::Crowded)?;
        if line.is_first() {
            match self.store.claim(&id).await? {
                Claim::Held(thread, lease) => {
                    let hold = Hold::new(self.store.clone(), &thread, lease);
                    return self.checked(line, thread, hold).await;
                }
                Claim::Unknown => return Err(BeginError::UnknownThread),
                Claim::Taken if self.settings.max_waiting == 0 => return Err(BeginError::Crowded),
                Claim::Taken => {}
            }
        }
        // A thread that is not there is told by a status, even to those who would wait.
        self.store.find(&id).await?.ok_or(BeginError::UnknownThread)?;
        job.accept();
        if !job.is_copy {
            job.audience.tell(ThreadEvent::Progress(WAITING.to_owned())).await;
        }
        let waited = async {
            line.reached().await;
            Hold::wait(&self.store, &id).await
        };
        let held = select! {
            held = timeout(self.settings.turn_timeout * 2, waited) => held,
            () = job.audience.deserted() => return Err(BeginError::Crowded),
            () = self.drained.cancelled() => return Err(BeginError::Draining),
        };
        let (thread, taken) =
            held.map_err(|_| BeginError::Crowded)??.ok_or(BeginError::UnknownThread)?;
        self.checked(line, thread, taken).await
    }

    async fn checked(
        &self,
        line: Place,
        thread: Thread,
        hold: Hold,
    ) -> Result<(Place, Thread, Hold), BeginError> {
        match thread.status {
            ThreadStatus::Active => Ok((line, thread, hold)),
            ThreadStatus::Locked { reason } | ThreadStatus::Closed { reason } => {
                hold.release().await;
                Err(BeginError::Locked { reason })
            }
        }
    }
}
