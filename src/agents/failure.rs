//! Why a model or a tool gave no answer.

use std::time::Duration;

use crate::domain::Outcome;

/// Why the model gave no whole reply.
///
/// `Display` is for the log; [`ModelError::told`] is for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Nothing was sent, or the provider is down or asks for patience.
    #[error("model unavailable: {reason}")]
    Unavailable {
        /// Why, without the provider's own words.
        reason: String,
        /// When trying again may help.
        retry_in: Option<Duration>,
    },
    /// The provider refuses our request; only an operator can change that.
    #[error("model refused the request")]
    Misconfigured,
    /// The provider does not, or no longer, offer this model; what to do about it.
    #[error("model is not offered: {0}")]
    Unoffered(String),
    /// What was paid for is used up; the words name it.
    #[error("model has spent {0}")]
    Spent(&'static str),
    /// A deadline passed; the words name it.
    #[error("model timed out: {0}")]
    TimedOut(&'static str),
    /// The provider blocked the prompt or the answer.
    #[error("model blocked: {0}")]
    Blocked(String),
    /// The length limit was hit.
    #[error("model hit its length limit")]
    TooLong,
    /// Nothing came.
    #[error("model reply was empty")]
    Empty,
    /// A call came that nobody can read.
    #[error("model wrote a malformed call")]
    Malformed,
    /// The reply broke off.
    #[error("model reply broke off")]
    Truncated,
    /// Anything else, in our own words.
    #[error("model failed: {0}")]
    Failed(String),
}

/// Why a call got no answer from its tool.
///
/// `Display` goes to the model: short words without internals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The tool answered that it failed; its own words.
    #[error("{0}")]
    Refused(String),
    /// The tool wants to know more first, which it cannot be told yet.
    #[error(
        "the tool asks for more input, which cannot be given here, so it did nothing; if its \
         arguments allow, say it there"
    )]
    Asks,
    /// No tool of that name is on offer.
    #[error("there is no tool named like this; use one of the tools on offer")]
    Unknown,
    /// The arguments are not one JSON object.
    #[error("the arguments are not one JSON object; call again with a JSON object")]
    Arguments,
    /// Nothing was sent.
    #[error("the server of this tool cannot be reached now, so nothing was done; tell the user")]
    Unavailable,
    /// The model made this very call too often.
    #[error("this very call was made too often, so it was not made again")]
    Repeated,
    /// It was begun before, and nobody knows how it ended.
    #[error(
        "this very call was begun before and whether it took effect is unknown, so it was not \
         made again; check first"
    )]
    Begun,
    /// The questions to the person cannot be read.
    #[error("give 1 to 5 questions, each an object with a question and, if you like, options")]
    Questions,
    /// The turn ended before it was made.
    #[error("the turn ended before this call was made, so nothing was done")]
    NotMade,
    /// No answer in time.
    #[error("the tool did not answer in time; whether it took effect is unknown, so check first")]
    TimedOut,
    /// The server answered that it failed inside, or with nothing readable; its own words.
    #[error(
        "the tool's server failed at this call: {0}; whether it took effect is unknown, so check \
         first"
    )]
    Broken(String),
    /// The connection broke while the tool ran.
    #[error("the connection to the tool broke; whether it took effect is unknown, so check first")]
    Lost,
}

/// What is known of the effect of a call that got no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The call was not made, so nothing was done.
    NotMade,
    /// The tool itself said no.
    Refused,
    /// The tool waits for an answer before it does anything.
    Asks,
    /// It may have happened.
    Unknown,
}

/// What every text of an unknown effect says; kept texts are told from others by it.
const UNKNOWN: &str = "whether it took effect is unknown";

impl ToolError {
    /// Whether a text says of a call that its effect is unknown.
    pub fn is_unknown_in(text: &str) -> bool {
        text.contains(UNKNOWN)
    }

    /// What is known of the effect. In doubt it is unknown: a call told as refused may be made again.
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::Unknown
            | Self::Arguments
            | Self::Unavailable
            | Self::Repeated
            | Self::Questions
            | Self::NotMade => Certainty::NotMade,
            Self::Refused(_) => Certainty::Refused,
            Self::Asks => Certainty::Asks,
            Self::Begun | Self::TimedOut | Self::Broken(_) | Self::Lost => Certainty::Unknown,
        }
    }
}

impl ModelError {
    /// How a turn ends that ends with this.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Unavailable { .. } | Self::Spent(_) => Outcome::Unavailable,
            Self::TimedOut(_) => Outcome::TimedOut,
            Self::Blocked(_) => Outcome::Blocked,
            Self::TooLong => Outcome::TooLong,
            Self::Empty => Outcome::Empty,
            Self::Malformed => Outcome::Malformed,
            Self::Truncated => Outcome::Truncated,
            Self::Misconfigured | Self::Unoffered(_) | Self::Failed(_) => Outcome::Failed,
        }
    }

    /// What the person is told.
    pub fn message_for_person(&self) -> String {
        match self {
            Self::Unavailable { retry_in: Some(wait), .. } => {
                let seconds = wait.as_secs().saturating_add(1);
                format!("The model is not available right now. Try again in {seconds} s.")
            }
            Self::Unavailable { retry_in: None, .. } => {
                "The model is not available right now. Try again in a moment.".to_owned()
            }
            Self::Misconfigured => "The model's provider refuses the requests of this server. \
                 Whoever runs it reads what to change in its log or under /health."
                .to_owned(),
            Self::Unoffered(remedy) => format!("The model cannot answer: {remedy}."),
            Self::Spent(what) => format!(
                "The model cannot answer: {what} is used up. Try again later; whoever runs \
                 this server may raise it."
            ),
            Self::TimedOut(what) => format!("The model took too long ({what}). Try again."),
            Self::Blocked(_) => "The model's provider refused to answer this message.".to_owned(),
            Self::TooLong => "The answer was cut: the model reached its length limit.".to_owned(),
            Self::Empty => "The model gave an empty answer. Try again.".to_owned(),
            Self::Malformed => "The model wrote a tool call nobody can read. Try again.".to_owned(),
            Self::Truncated => "The model's answer broke off. Try again.".to_owned(),
            Self::Failed(_) => "The model failed to answer. Try again.".to_owned(),
        }
    }
}
