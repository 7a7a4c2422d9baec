//! Why one attempt failed, and what that says about the provider. Delays and the breaker itself are
//! in `resilience`.

use std::time::Duration;

use outbound::NotAllowed;

use super::remedy::Remedy;
use base::agents::ModelError;
use base::resilience::{Fault, GuardRefusal, Repeat, Verdict};

/// The pause after a used-up quota. A payment may renew it at any time without notice, and a
/// request that is refused costs nothing, so it is tried again this often.
const SPENT_PAUSE: Duration = Duration::from_mins(5);

/// How the reason of a server begins that answered and failed.
pub(crate) const ANSWERED: &str = "it answered";

/// A failed attempt, for the turn and for the guard.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// For the turn.
    pub error: ModelError,
    /// For the breaker.
    pub verdict: Verdict,
    pub repeat: Repeat,
    /// For the operator.
    pub remedy: Option<Remedy>,
}

impl Failure {
    /// Counts against the provider. Not retried unless `again` says so.
    pub(crate) const fn ill(error: ModelError) -> Self {
        Self { error, verdict: Verdict::Ill, repeat: Repeat::Never, remedy: None }
    }

    /// The provider answered, so it is healthy; the answer or our request is at fault (ADR 3).
    pub(crate) const fn answered(error: ModelError) -> Self {
        Self { error, verdict: Verdict::Answered, repeat: Repeat::Never, remedy: None }
    }

    /// Nothing was sent, or our own deadline cut the wait: says nothing about the provider (ADR 3).
    pub(crate) const fn unsent(error: ModelError) -> Self {
        Self { error, verdict: Verdict::Nothing, repeat: Repeat::Never, remedy: None }
    }

    /// No answer in time. Retried once, because a connection that died unnoticed is as silent as a
    /// slow provider. Not more: the cause is most likely the prompt, and each retry costs the user
    /// the same time again and the operator another bill (ADR 3).
    pub(crate) const fn silent(what: &'static str) -> Self {
        let error = ModelError::TimedOut(what);
        Self { error, verdict: Verdict::Ill, repeat: Repeat::Once, remedy: None }
    }

    /// The turn's deadline passed before the provider answered.
    pub(crate) const fn out_of_time() -> Self {
        Self::unsent(ModelError::TimedOut("the time for the whole turn is over"))
    }

    /// Nothing was sent, because its address may not be reached: our rule, not its fault (ADR 31).
    pub(crate) fn not_allowed(why: NotAllowed) -> Self {
        let error = unavailable("its address may not be reached", None);
        Self { remedy: Some(Remedy::NotAllowed(why)), ..Self::unsent(error) }
    }

    /// Only the operator can fix this.
    pub(crate) fn misconfigured(remedy: Remedy) -> Self {
        // What answers at a wrong address is not the provider, so it proves nothing about it.
        let is_alive = !matches!(remedy, Remedy::Address(_));
        let verdict = if is_alive { Verdict::Answered } else { Verdict::Nothing };
        Self { verdict, remedy: Some(remedy), ..Self::answered(ModelError::Misconfigured) }
    }

    /// A quota or credit is used up. `Busy`, because the provider is healthy.
    pub(crate) fn spent(what: &'static str, remedy: Remedy) -> Self {
        let verdict = Verdict::Busy(Some(SPENT_PAUSE));
        Self { verdict, remedy: Some(remedy), ..Self::answered(ModelError::Spent(what)) }
    }

    pub(crate) fn again(self) -> Self {
        Self { repeat: Repeat::AfterBackoff, ..self }
    }

    /// Another attempt may help after the pause that the provider named.
    pub(crate) fn again_after(self, named: Option<Duration>) -> Self {
        Self { repeat: named.map_or(Repeat::AfterBackoff, Repeat::After), ..self }
    }

    /// No other attempt is allowed: text was shown, or corrections are used up.
    pub(crate) fn finally(self) -> Self {
        Self { repeat: Repeat::Never, ..self }
    }

    /// No connection, or it broke before an answer.
    pub(crate) fn unreachable(reason: &str) -> Self {
        Self::ill(unavailable(reason, None)).again()
    }

    pub(crate) fn cut() -> Self {
        Self::ill(ModelError::Truncated).again()
    }
}

impl From<GuardRefusal> for Failure {
    fn from(refusal: GuardRefusal) -> Self {
        match refusal {
            GuardRefusal::Open { retry_in } => {
                Self::unsent(unavailable("its breaker is open", Some(retry_in)))
            }
            GuardRefusal::Cooling { retry_in } => {
                let repeat = Repeat::Unsent(retry_in);
                Self { repeat, ..Self::unsent(unavailable("it asked for a pause", Some(retry_in))) }
            }
            GuardRefusal::TimedOut => Self::silent("no answer began"),
            GuardRefusal::DeadlinePassed => Self::out_of_time(),
        }
    }
}

impl Fault for Failure {
    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn repeat(&self) -> Repeat {
        self.repeat
    }
}

pub(crate) fn unavailable(reason: &str, retry_in: Option<Duration>) -> ModelError {
    ModelError::Unavailable { reason: reason.to_owned(), retry_in }
}
