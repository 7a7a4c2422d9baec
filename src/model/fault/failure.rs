//! Why one attempt failed, and what that says about the provider.

use std::time::Duration;

use super::remedy::Remedy;
use crate::agents::ModelError;
use crate::resilience::{Fault, GuardRefusal, Repeat, Verdict};

/// How long a provider is left alone whose quota is spent: it is renewed one day, or by a payment
/// that nobody tells us of, and each look costs a turn nothing but a moment.
const SPENT_PAUSE: Duration = Duration::from_mins(5);

/// A failed attempt, as the turn and as the guard see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What the turn is told.
    pub error: ModelError,
    /// What the breaker is told.
    pub verdict: Verdict,
    /// Whether another attempt may help.
    pub repeat: Repeat,
    /// What the operator is told.
    pub remedy: Option<Remedy>,
}

impl Failure {
    /// The provider is ill.
    pub(in crate::model) const fn ill(error: ModelError) -> Self {
        Self { error, verdict: Verdict::Ill, repeat: Repeat::Never, remedy: None }
    }

    /// The provider answered; this answer or our request is at fault.
    pub(in crate::model) const fn answered(error: ModelError) -> Self {
        Self { error, verdict: Verdict::Answered, repeat: Repeat::Never, remedy: None }
    }

    /// Nothing was sent, or nobody waited for the answer.
    pub(in crate::model) const fn unsent(error: ModelError) -> Self {
        Self { error, verdict: Verdict::Nothing, repeat: Repeat::Never, remedy: None }
    }

    /// The provider says nothing. Asked once more, it may answer over another connection: one that
    /// died unnoticed is as silent. Twice would cost the person as long again, and a prompt that
    /// is thought over for so long three bills.
    pub(in crate::model) const fn silent(what: &'static str) -> Self {
        let error = ModelError::TimedOut(what);
        Self { error, verdict: Verdict::Ill, repeat: Repeat::Once, remedy: None }
    }

    /// The turn is over before the provider could answer.
    pub(in crate::model) const fn out_of_time() -> Self {
        Self::unsent(ModelError::TimedOut("the time for the whole turn is over"))
    }

    /// Only the operator can help.
    pub(in crate::model) fn misconfigured(remedy: Remedy) -> Self {
        // Who answers at a wrong address is not the provider.
        let is_alive = !matches!(remedy, Remedy::Address(_));
        let verdict = if is_alive { Verdict::Answered } else { Verdict::Nothing };
        Self { verdict, remedy: Some(remedy), ..Self::answered(ModelError::Misconfigured) }
    }

    /// What was paid for is used up: asking again soon is no use to anybody.
    pub(in crate::model) fn spent(what: &'static str, remedy: Remedy) -> Self {
        let verdict = Verdict::Busy(Some(SPENT_PAUSE));
        Self { verdict, remedy: Some(remedy), ..Self::answered(ModelError::Spent(what)) }
    }

    /// Another attempt may help.
    pub(in crate::model) fn again(self) -> Self {
        Self { repeat: Repeat::AfterBackoff, ..self }
    }

    /// Another attempt may help once the time that the provider named is over.
    pub(in crate::model) fn again_after(self, named: Option<Duration>) -> Self {
        Self { repeat: named.map_or(Repeat::AfterBackoff, Repeat::After), ..self }
    }

    /// No other attempt is allowed: the person has already read a part.
    pub(in crate::model) fn finally(self) -> Self {
        Self { repeat: Repeat::Never, ..self }
    }

    /// Nothing could be sent, or the connection broke before an answer.
    pub(in crate::model) fn unreachable(reason: &str) -> Self {
        Self::ill(unavailable(reason, None)).again()
    }

    /// The reply broke off before its end.
    pub(in crate::model) fn cut() -> Self {
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

/// The provider cannot be used now.
pub(in crate::model) fn unavailable(reason: &str, retry_in: Option<Duration>) -> ModelError {
    ModelError::Unavailable { reason: reason.to_owned(), retry_in }
}
