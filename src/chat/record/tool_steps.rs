//! What the scribe writes of calls of tools.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::request::now;
use super::super::{Fact, Level, ToolEnd, ToolRecord, ToolStart};
use super::projection::Shape;
use super::scribe::Scribe;
use super::wording::{WAITS, sign_in};
use base::agents::{self, ToolError, ToolProgress};
use base::domain::{
    BuiltInTool, CallId, ItemId, SignInOffer, ToolCall, ToolOrigin, ToolResult, clean, shorten,
    unlinked,
};

/// In characters: the progress of a tool is cut to this length.
const MAX_WORDS: usize = 300;

impl Scribe {
    pub(super) fn on_tool_started(&mut self, mut call: ToolCall, origin: Option<ToolOrigin>) {
        if origin == Some(ToolOrigin::BuiltIn(BuiltInTool::AskUser)) {
            return; // Questions are shown as a form.
        }
        call.name = clean(&call.name);
        self.calls.push(call.clone());
        let shown = self.items.growing().filter(|growing| growing.shape() == Shape::Steps);
        let item = if let Some(shown) = shown {
            shown.item.id.clone()
        } else {
            self.close_workflow();
            self.begun = Instant::now();
            ItemId::new_workflow()
        };
        let server = origin.as_ref().and_then(ToolOrigin::server).map(Arc::clone);
        // What a provider attached to the call goes back to that provider only (ADR 15).
        let call = ToolCall { extra: None, ..call };
        self.tell(Fact::ToolStarted(Box::new(ToolStart { item, at: now(), call, server })));
    }

    pub(super) fn on_progress(&mut self, told: ToolProgress) {
        // Progress that comes after the end of its call is dropped.
        if self.calls.iter().any(|call| call.id == told.call) {
            let words = unlinked(&shorten(&clean(&told.words), MAX_WORDS));
            self.tell(Fact::ToolProgress { call: told.call, words });
        }
    }

    pub(super) fn on_tool_finished(&mut self, told: agents::ToolEnd) {
        let agents::ToolEnd { result, answer } = told;
        // The built-in tool is not among them: its questions are shown as a form.
        let Some(index) = self.calls.iter().position(|call| call.id == result.id) else { return };
        let call = self.calls.swap_remove(index);
        let ToolResult { id, output, is_error, .. } = result;
        let (beside, offer) = match answer {
            Ok(answer) => (self.pictures.take(&answer, &self.scope.allowed_domains), None),
            Err(ToolError::SignIn(offer)) => (None, Some(*offer)),
            Err(_) => (None, None),
        };
        let end = ToolEnd { call: id, output: output.clone(), is_error, beside };
        self.tell(Fact::ToolFinished(Box::new(end)));
        let ToolCall { name, arguments, .. } = call;
        self.done.push(ToolRecord { name, arguments, is_error, result: output });
        if let Some(offer) = offer {
            self.on_sign_in(offer);
        }
    }

    /// Shown and not stored, in our own words: whoever has the link can begin the sign-in (ADR 46).
    fn on_sign_in(&mut self, offer: SignInOffer) {
        if self.sign_ins.iter().all(|known| known.server != offer.server) {
            self.tell(Fact::Notice { level: Level::Info, message: sign_in(&offer) });
            self.sign_ins.push(offer);
        }
    }

    /// The step shows that it waits. Once the person has answered, the call is another step.
    pub(super) fn on_tool_waits(&mut self, id: CallId) {
        self.calls.retain(|call| call.id != id);
        let end = ToolEnd { call: id, output: WAITS.to_owned(), is_error: true, beside: None };
        self.tell(Fact::ToolFinished(Box::new(end)));
    }
}
