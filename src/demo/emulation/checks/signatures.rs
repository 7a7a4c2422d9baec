//! Thought signatures must come back as they were issued.

use crate::emulation::gemini_refusal::GeminiRefusal;
use crate::wire::ids::Ids;
use crate::wire::request::{ChatRequest, WireCall};

/// Stands in for the signature of a history from elsewhere.
const STAND_IN: &str = "skip_thought_signature_validator";

/// Refuses steps of the current turn whose first call is not signed as it was.
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
