//! What Gemini refuses in a history.

use crate::emulation::knobs::{Flag, Knobs};
use crate::emulation::refusal::Refusal;
use crate::wire::profile::{Generation, Profile};
use crate::wire::request::{ChatRequest, Message};

/// Refuses a history that Gemini could not continue.
pub(super) fn check(
    request: &ChatRequest,
    profile: &Profile,
    knobs: &Knobs,
) -> Result<(), Refusal> {
    let messages = &request.messages;
    if messages.iter().all(Message::is_system) {
        return Err(Refusal::of("e400_contents_empty"));
    }
    let ends_with_model = messages.last().is_some_and(|message| message.role == "assistant");
    if ends_with_model && profile.generation == Generation::Three {
        return Err(Refusal::of("e400_model_turn_last"));
    }
    let mut open = Batch::default();
    for (index, message) in messages.iter().enumerate() {
        parts(message)?;
        open.follow(index, message)?;
        if message.role == "tool" && message.name.is_none() && knobs.has(Flag::RequireToolName) {
            return Err(Refusal::saying("Request contains an invalid argument."));
        }
    }
    open.close()
}

/// The calls of the last assistant step, and which of them were answered.
#[derive(Default)]
struct Batch {
    ids: Vec<String>,
    answered: Vec<String>,
}

impl Batch {
    fn follow(&mut self, index: usize, message: &Message) -> Result<(), Refusal> {
        if message.role != "tool" {
            self.close()?;
            *self = Self::of(message);
            return Ok(());
        }
        let id = message.tool_call_id.clone().unwrap_or_default();
        if !self.ids.contains(&id) {
            return Err(Refusal::of("e400_tool_name_empty").with("index", &index.to_string()));
        }
        self.answered.push(id);
        Ok(())
    }

    fn of(message: &Message) -> Self {
        let ids = message.calls().iter().map(|call| call.id.clone()).collect();
        Self { ids, answered: vec![] }
    }

    fn close(&self) -> Result<(), Refusal> {
        let same = self.ids.len() == self.answered.len();
        if same { Ok(()) } else { Err(Refusal::of("e400_response_count")) }
    }
}

fn parts(message: &Message) -> Result<(), Refusal> {
    let blank_text = message.content.is_some() && message.text().is_empty();
    let silent = message.content.is_none() && message.calls().is_empty();
    let refused = match message.role.as_str() {
        "assistant" | "user" => blank_text || silent,
        _ => false,
    };
    if refused { Err(Refusal::of("e400_parts_empty")) } else { Ok(()) }
}
