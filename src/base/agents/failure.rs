//! Why a model or a tool gave no answer.

use std::time::Duration;

use crate::domain::{Continuation, Inquiry, Outcome, SignInOffer, ToolResult};

/// Why the model gave no complete reply.
///
/// `Display` is for the log, [`ModelError::message_for_person`] for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Nothing was sent, or the provider is down or limits us.
    #[error("model unavailable: {reason}")]
    Unavailable {
        /// Without the provider's own words.
        reason: String,
        /// When a retry may help; `None` if that is unknown.
        retry_in: Option<Duration>,
    },
    /// The provider refuses our requests. Only an operator can change that.
    #[error("model refused the request")]
    Misconfigured,
    /// The provider does not or no longer offer this model; the text says what to do.
    #[error("model is not offered: {0}")]
    Unoffered(String),
    /// A quota is used up; the text names it.
    #[error("model has spent {0}")]
    Spent(&'static str),
    /// A deadline passed; the text names it.
    #[error("model timed out: {0}")]
    TimedOut(&'static str),
    /// The provider blocked the prompt or the answer.
    #[error("model blocked: {0}")]
    Blocked(String),
    /// The answer reached the length limit.
    #[error("model hit its length limit")]
    TooLong,
    /// The reply has neither text nor calls.
    #[error("model reply was empty")]
    Empty,
    /// A call in the reply cannot be read.
    #[error("model wrote a malformed call")]
    Malformed,
    #[error("model reply broke off")]
    Truncated,
    /// Anything else, in our own words.
    #[error("model failed: {0}")]
    Failed(String),
}

/// Why a call got no answer from its tool.
///
/// `Display` goes to the model: short sentences without internals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The tool said that it failed; its own words.
    #[error("{0}")]
    Refused(String),
    /// Its server asks the person first (ADR 44). No result: the call waits.
    #[error("the tool's server asks the person first, and nobody was asked, so it did nothing")]
    Asks(Box<Inquiry>),
    /// The same, and the person wrote something else instead of an answer.
    #[error(
        "the person did not answer what the tool's server asked first but wrote something else, so \
         the call was given up and did nothing; do not make it again unless they ask for it"
    )]
    Unanswered,
    /// The same, of a call that had begun: its server was told that nobody answers.
    #[error(
        "the person did not answer what the tool's server asked in the middle of this call but wrote \
         something else, so it was given up; whether it took effect is unknown, so check first"
    )]
    UnansweredMidway,
    /// The person's answer did not reach the call: it came too late, to another process, or after a
    /// restart.
    #[error(
        "the tool's server asked the person in the middle of this call, and their answer could not \
         be given to it any more; whether it took effect is unknown, so check first"
    )]
    AnswerLost,
    /// One form is shown at a time, and another one is.
    #[error(
        "the tool's server asks the person first, which cannot be asked beside the other questions \
         of this reply, so it did nothing; make the call again after their answers"
    )]
    AsksBeside,
    /// It changes something, and the server of a call before it asks the person first.
    #[error(
        "the server of a call before this one asks the person first, so this one was not made; make \
         it again after the results of the others"
    )]
    BehindAsking,
    /// No tool of this name is offered.
    #[error("there is no tool with this name; use one of the tools on offer")]
    Unknown,
    #[error("the arguments are not one JSON object; call again with a JSON object")]
    Arguments,
    /// Nothing was sent.
    #[error("the server of this tool cannot be reached now, so nothing was done; tell the user")]
    Unavailable,
    /// The model made the same call too often.
    #[error("the same call was made too often, so it was not made again")]
    Repeated,
    /// An earlier try began it, and its outcome is unknown (ADR 12).
    #[error(
        "the same call was begun before and whether it took effect is unknown, so it was not \
         made again; check first"
    )]
    Begun,
    /// The questions to the user cannot be read.
    #[error(
        "give 1 to 5 questions, each an object with a question, and with options if there are any"
    )]
    Questions,
    /// Another call of the reply waits for approval, and one form is shown at a time (ADR 38).
    #[error(
        "other calls of this reply wait for the person's approval, so nothing was asked; ask after \
         their results"
    )]
    AskLater,
    /// It changes something, and a call before it waits for approval: in another order it could mean
    /// something else (ADR 38).
    #[error(
        "a call of this reply before it waits for the person's approval, so this one was not made; \
         make it again after the results of the others"
    )]
    Behind,
    /// More calls wait than a person can be asked about (ADR 38).
    #[error(
        "too many calls of this reply wait for the person's approval, so this one was not made; \
         make it again after the results of the others"
    )]
    TooManyWait,
    /// The person has to sign in at the tool's server first, for which they get a link (ADR 46).
    #[error(
        "this tool acts with the person's own account, for which they have to sign in first, so \
         nothing was done; they were shown a link beside your answer; ask them to open it and to \
         say when they are done, and make the call again then, not before"
    )]
    SignIn(Box<SignInOffer>),
    /// It is not as it was first seen (ADR 40).
    #[error(
        "this tool changed and is held back until the operator has approved it, so nothing was \
         done; tell the person so"
    )]
    HeldBack,
    /// It has more arguments than a person can be asked about (ADR 38).
    #[error(
        "this call would wait for the person's approval and has too many arguments to be shown, so \
         it was not made"
    )]
    TooManyArguments,
    /// The person declined it (ADR 38).
    #[error(
        "the person did not approve this call, so it was not made; do not make it again unless they \
         ask for it"
    )]
    Declined,
    /// The same, with the person's own words.
    #[error("the person did not approve this call, so it was not made; they wrote: {0}")]
    DeclinedSaying(String),
    /// The person wrote something else while they were asked (ADR 38).
    #[error(
        "the person did not approve this call but wrote something else, so it was not made; do not \
         make it again unless they ask for it"
    )]
    Unapproved,
    /// Nothing is kept under this id for this thread (ADR 48).
    #[error(
        "no such result is kept for this conversation; the oldest make room and none is kept longer \
         than a day, so call the tool again if you need it"
    )]
    NoSuchResult,
    #[error("this result has {0} pages; give a page from 1 to {0}")]
    NoSuchPage(usize),
    #[error(
        "give the id of a result, and either the number of a page or up to 200 characters to find"
    )]
    ReadArguments,
    /// The turn ended before it was made.
    #[error("the turn ended before this call was made, so nothing was done")]
    NotMade,
    #[error("the tool did not answer in time; whether it took effect is unknown, so check first")]
    TimedOut,
    /// The server reported an internal error, or its answer is unreadable; its own words. The tool
    /// had begun, so this is no refusal (ADR 1).
    #[error(
        "the tool's server failed at this call: {0}; whether it took effect is unknown, so check \
         first"
    )]
    Broken(String),
    /// The connection broke during the call.
    #[error("the connection to the tool broke; whether it took effect is unknown, so check first")]
    Lost,
}

/// What is known of the effect of a call without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The call was not made, so nothing was done.
    NotMade,
    /// The tool itself refused.
    Refused,
    /// The tool waits for an answer before it does anything.
    Asks,
    /// The effect may have happened.
    Unknown,
}

/// Part of every text about an unknown effect. Stored results are recognised by it.
const UNKNOWN: &str = "whether it took effect is unknown";

/// Part of every text about a call that the person did not approve.
const DECLINED: &str = "the person did not approve this call";

/// Part of every text about a call whose server was not answered.
const UNANSWERED: &str = "the person did not answer what the tool's server asked";

impl ToolError {
    /// Whether a stored result says that its effect is unknown.
    pub fn is_unknown_in(text: &str) -> bool {
        text.contains(UNKNOWN)
    }

    /// Whether a stored result says that the person did not approve its call. A tool that says so
    /// itself only has its equal calls refused (ADR 38).
    pub fn is_declined_in(text: &str) -> bool {
        text.starts_with(DECLINED)
    }

    /// Whether a stored result says that its call waited for the person, who wrote something else.
    pub fn is_given_up_in(text: &str) -> bool {
        Self::is_declined_in(text) || text.starts_with(UNANSWERED)
    }

    /// Whether a stored result is our own word for a call that never reached its server, and nothing
    /// more: a server that begins with our words has words of its own behind them (ADR 38).
    pub fn is_ours(result: &ToolResult) -> bool {
        let ours = [
            Self::Unknown,
            Self::Arguments,
            Self::Unavailable,
            Self::HeldBack,
            Self::Repeated,
            Self::Questions,
            Self::AskLater,
            Self::Behind,
            Self::TooManyWait,
            Self::TooManyArguments,
            Self::Declined,
            Self::Unapproved,
            Self::BehindAsking,
            Self::NotMade,
            Self::SignIn(Box::default()),
        ];
        result.is_error && ours.iter().any(|it| it.to_string() == result.output)
    }

    /// In doubt the effect is unknown: a call that counts as refused may be made again (ADR 12).
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::Unknown
            | Self::Arguments
            | Self::Unavailable
            | Self::Repeated
            | Self::Questions
            | Self::AskLater
            | Self::Behind
            | Self::TooManyWait
            | Self::TooManyArguments
            | Self::SignIn(_)
            | Self::HeldBack
            | Self::Declined
            | Self::DeclinedSaying(_)
            | Self::Unapproved
            | Self::NoSuchResult
            | Self::NoSuchPage(_)
            | Self::ReadArguments
            | Self::BehindAsking
            | Self::NotMade => Certainty::NotMade,
            Self::Refused(_) => Certainty::Refused,
            Self::Asks(inquiry) => match inquiry.continuation {
                Continuation::Retry { .. } => Certainty::Asks,
                // The server works on it.
                Continuation::Parked { .. } => Certainty::Unknown,
            },
            Self::Unanswered | Self::AsksBeside => Certainty::Asks,
            Self::Begun
            | Self::TimedOut
            | Self::Broken(_)
            | Self::Lost
            | Self::UnansweredMidway
            | Self::AnswerLost => Certainty::Unknown,
        }
    }
}

impl ModelError {
    /// The outcome of a turn that ends with this.
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

    pub fn message_for_person(&self) -> String {
        match self {
            Self::Unavailable { retry_in: Some(wait), .. } => {
                // Rounded up: a retry that comes a moment too early is refused again.
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
