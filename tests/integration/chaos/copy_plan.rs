//! What `copies.rs` draws from a seed, and what the table of `chat::repeat` says of it.

use serde_json::{Value, json};

use super::Random;
use super::killing::{Strike, Victim};

pub(super) const ADDING: &str = "add milk and eggs and bread";
pub(super) const TITLES: [&str; 3] = ["bread", "eggs", "milk"];
pub(super) const TWINS: [&str; 2] = ["oat milk", "soy milk"];

/// What is asked in the turn that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A message that begins a thread.
    Opening,
    /// A message in a thread that is there.
    Message,
    /// Which of the twins such a message means: the answer to a form.
    Choice { message: &'static str, chosen: usize },
}

/// How the request comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Key,
    Frame,
    Retry,
}

/// What the killed turn left in its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// What was asked, without an answer.
    Asked,
    Answer,
}

/// What a request is told in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Answer,
    AnswerOrForm,
    /// That it was not answered to its end, and that the conversation has gone on.
    Overtaken,
    /// That the form does not wait any more.
    Refused,
    /// Any end at all.
    Told,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) strike: Strike,
    pub(super) asked: Asked,
    pub(super) again: Again,
    /// Whether a later message is answered before the copy comes.
    pub(super) goes_on: bool,
    name: String,
}

impl Plan {
    pub(super) fn drawn(seed: u64) -> Self {
        let mut random = Random(seed);
        let strike = Strike::drawn(&mut random);
        let message = random.one_of(&["delete milk", "the milk is done"]);
        let choice = Asked::Choice { message, chosen: random.one_of(&[0, 1]) };
        let asked = random.one_of(&[Asked::Opening, Asked::Message, choice, choice, choice]);
        let again = random.one_of(&[Again::Key, Again::Key, Again::Frame, Again::Retry]);
        // A component repeats what broke off, and nothing breaks off when the child dies.
        let again = if strike.victim == Victim::Child && again == Again::Frame {
            Again::Key
        } else {
            again
        };
        // A retry forgets what came later, and the same words from a frame are then new ones.
        let may_go_on = match again {
            Again::Key => true,
            Again::Frame => asked == choice,
            Again::Retry => false,
        };
        let goes_on = may_go_on && random.below(2) == 0;
        Self { strike, asked, again, goes_on, name: format!("seed-{seed}") }
    }

    /// What the request is known by; the suffix makes another request of it.
    pub(super) fn header(&self, suffix: &str) -> (&'static str, String) {
        let name = match self.again {
            Again::Key | Again::Retry => "idempotency-key",
            Again::Frame => "chatkit-frame-instance-id",
        };
        (name, format!("{}{suffix}", self.name))
    }

    /// The message that a person would retry.
    pub(super) fn message(&self) -> &'static str {
        match self.asked {
            Asked::Opening | Asked::Message => ADDING,
            Asked::Choice { message, .. } => message,
        }
    }

    /// The answer to a form.
    pub(super) fn choice(&self, form: &Value) -> Value {
        let Asked::Choice { chosen, .. } = self.asked else { panic!("{self:?}: {form:#}") };
        let option = &form["inputs"][0]["options"][chosen]["value"];
        assert_eq!(option.as_str().unwrap().to_lowercase(), TWINS[chosen], "{self:?}");
        let input = json!({ "status": "answered", "answers": { "q1": { "values": [option] } } });
        let (thread, form) = (&form["thread_id"], &form["id"]);
        let params = json!({ "thread_id": thread, "item_id": form, "input": input });
        json!({ "type": "threads.add_structured_input", "params": params })
    }

    pub(super) fn left(&self, listed: &[Value]) -> Left {
        let asked = listed.iter().position(|item| match self.asked {
            Asked::Opening | Asked::Message => item["content"][0]["text"] == ADDING,
            Asked::Choice { .. } => item["status"] == "answered",
        });
        let Some(place) = asked else { return Left::Nothing };
        let mut turn = listed[place + 1..].iter().take_while(|item| item["type"] != "user_message");
        let is_answered = turn.any(|item| item["type"] == "assistant_message");
        if is_answered { Left::Answer } else { Left::Asked }
    }

    /// What a copy must be told.
    pub(super) fn end(&self, left: Left, goes_on: bool) -> End {
        match (self.again, left, goes_on) {
            (_, Left::Nothing, true) if self.is_choice() => End::Refused,
            (Again::Frame, Left::Answer, _) | (Again::Frame, Left::Asked, true) => End::Refused,
            (Again::Key, Left::Asked, true) => End::Overtaken,
            _ => End::Answer,
        }
    }

    pub(super) fn is_choice(&self) -> bool {
        matches!(self.asked, Asked::Choice { .. })
    }
}

/// How much of a thread a copy leaves as it is if nothing came later: what is gone on with forgets
/// what was said for it, and a form that waited is answered.
pub(super) fn stays(listed: &[Value], left: Left) -> usize {
    let is_asked =
        |item: &Value| item["type"] == "structured_input" || item["content"][0]["text"] == ADDING;
    match (left, listed.iter().position(is_asked)) {
        (Left::Asked, Some(place)) => place + 1,
        (Left::Nothing, Some(place)) => place,
        (Left::Answer, _) | (_, None) => listed.len(),
    }
}
