//! Counts equal calls of a run: the model is told of them, and too many end the run.

use serde_json::{Map, Value};

use crate::domain::{Assistant, ToolCall, ToolResult};

/// After so many equal calls the model is told.
const REPEATS_TOLD: usize = 3;
/// After so many equal calls the run ends.
const REPEATS_FATAL: usize = 5;

const TOLD_OF_REPEATS: &str = "\n[You have made the same call three times now. \
     The answer will not change: use it, or tell the user what is in the way.]";

#[derive(Debug, Default)]
pub(super) struct EarlierCalls(Vec<EarlierCall>);

#[derive(Debug)]
struct EarlierCall {
    name: String,
    arguments: Map<String, Value>,
    times: usize,
}

impl EarlierCalls {
    /// Counts a call; returns whether it was made too often.
    pub(super) fn is_too_many(&mut self, name: &str, arguments: Map<String, Value>) -> bool {
        // Compared as JSON: another order of the members is the same call.
        let known = |call: &&mut EarlierCall| call.name == name && call.arguments == arguments;
        if let Some(earlier) = self.0.iter_mut().find(known) {
            earlier.times += 1;
            return earlier.times >= REPEATS_FATAL;
        }
        self.0.push(EarlierCall { name: name.to_owned(), arguments, times: 1 });
        false
    }

    /// Tells the model, in the result of a call that it made again and again.
    pub(super) fn tell_of_repeats(&self, reply: &Assistant, results: &mut [ToolResult]) {
        for result in results {
            let call = reply.calls.iter().find(|call| call.id == result.id);
            if call.is_some_and(|call| self.times(call) == REPEATS_TOLD) {
                result.output.push_str(TOLD_OF_REPEATS);
            }
        }
    }

    /// The tool that was called too often.
    pub(super) fn repeated(&self) -> Option<String> {
        let repeated = self.0.iter().find(|call| call.times >= REPEATS_FATAL);
        repeated.map(|call| call.name.clone())
    }

    fn times(&self, call: &ToolCall) -> usize {
        let Some(arguments) = call.object() else { return 0 };
        let known =
            |earlier: &&EarlierCall| earlier.name == call.name && earlier.arguments == arguments;
        self.0.iter().find(known).map_or(0, |earlier| earlier.times)
    }
}
