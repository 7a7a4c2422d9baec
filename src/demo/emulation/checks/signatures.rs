//! Checks that thought signatures come back unchanged, as Gemini 3 does.

use crate::emulation::gemini_refusal::GeminiRefusal;
use crate::wire::ids::Ids;
use crate::wire::request::{ChatRequest, WireCall};

/// Google's placeholder for calls of other models.
const STAND_IN: &str = "skip_thought_signature_validator";

/// Checks only the first call of each step of the current turn, as Gemini does.
pub(super) fn check(request: &ChatRequest, ids: &Ids) -> Result<(), GeminiRefusal> {
    for (index, message) in request.current_turn() {
        let Some(call) = message.calls().first() else { continue };
        check_call(call, index, ids)?;
    }
    Ok(())
}

fn check_call(call: &WireCall, index: usize, ids: &Ids) -> Result<(), GeminiRefusal> {
    match call.signature() {
        None => Err(GeminiRefusal::of("e400_thought_signature")
            .with("function", &call.function.name)
            .with("index", &index.to_string())),
        Some(STAND_IN) => Ok(()),
        Some(signature) if signature == ids.signature(&call.id) => Ok(()),
        Some(_) => Err(GeminiRefusal::of("e400_signature_invalid")),
    }
}
