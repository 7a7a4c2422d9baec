//! Checks the messages of a request as Gemini does.

use crate::emulation::gemini_refusal::GeminiRefusal;
use crate::emulation::knobs::{Flag, Knobs};
use crate::wire::profile::{Generation, Profile};
use crate::wire::request::{ChatMessage, ChatRequest};

const IMAGES: &[&str] = &["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

/// Refuses messages that Gemini could not continue.
pub(super) fn check(
    request: &ChatRequest,
    profile: &Profile,
    knobs: &Knobs,
) -> Result<(), GeminiRefusal> {
    let messages = &request.messages;
    if messages.iter().all(ChatMessage::is_system) {
        return Err(GeminiRefusal::of("e400_contents_empty"));
    }
    let ends_with_model = messages.last().is_some_and(|message| message.role == "assistant");
    if ends_with_model && profile.generation == Generation::Three {
        return Err(GeminiRefusal::of("e400_model_turn_last"));
    }
    let mut open = Batch::default();
    for (index, message) in messages.iter().enumerate() {
        parts(message)?;
        open.follow(index, message)?;
        if message.role == "tool" && message.name.is_none() && knobs.has(Flag::RequireToolName) {
            return Err(GeminiRefusal::saying("Request contains an invalid argument."));
        }
    }
    open.close()
}

/// The calls of the last reply, and which of them have results.
#[derive(Default)]
struct Batch {
    ids: Vec<String>,
    answered: Vec<String>,
}

impl Batch {
    fn follow(&mut self, index: usize, message: &ChatMessage) -> Result<(), GeminiRefusal> {
        if message.role != "tool" {
            self.close()?;
            *self = Self::of(message);
            return Ok(());
        }
        let id = message.tool_call_id.clone().unwrap_or_default();
        if !self.ids.contains(&id) {
            return Err(GeminiRefusal::of("e400_tool_name_empty").with("index", &index.to_string()));
        }
        self.answered.push(id);
        Ok(())
    }

    fn of(message: &ChatMessage) -> Self {
        let ids = message.calls().iter().map(|call| call.id.clone()).collect();
        Self { ids, answered: vec![] }
    }

    fn close(&self) -> Result<(), GeminiRefusal> {
        let same = self.ids.len() == self.answered.len();
        if same { Ok(()) } else { Err(GeminiRefusal::of("e400_response_count")) }
    }
}

fn parts(message: &ChatMessage) -> Result<(), GeminiRefusal> {
    let blank_text = message.content.is_some() && message.text().is_empty();
    let silent = message.content.is_none() && message.calls().is_empty();
    let refused = match message.role.as_str() {
        "assistant" | "user" => blank_text || silent,
        _ => false,
    };
    if refused {
        return Err(GeminiRefusal::of("e400_parts_empty"));
    }
    message.images().try_for_each(image)
}

/// An image comes with its bytes, and is of a kind that the model takes.
fn image(url: &str) -> Result<(), GeminiRefusal> {
    let parts = url.strip_prefix("data:").and_then(|it| it.split_once(";base64,"));
    let Some((kind, base64)) = parts else {
        return Err(GeminiRefusal::saying("Invalid image URL: only data URLs are supported."));
    };
    if !IMAGES.contains(&kind) {
        return Err(GeminiRefusal::saying(&format!("Unsupported MIME type: {kind}")));
    }
    let letters = base64.trim_end_matches('=');
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if base64.is_empty() || !base64.len().is_multiple_of(4) || !letters.bytes().all(is_letter) {
        return Err(GeminiRefusal::saying("Base64 decoding failed."));
    }
    Ok(())
}
