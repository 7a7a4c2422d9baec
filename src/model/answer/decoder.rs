//! Reads a stream of chunks into one reply, and judges the reply by its content.
//!
//! All but the simplest chunks are read from loose JSON, because servers disagree on their shape
//! and Gemini's differs from what typed clients expect (ADR 2).

use serde_json::Value;

use super::calls::{Calls, bytes, text};
use super::chunk::Chunk;
use super::code_call_filter::{CodeCallFilter, Rest};
use super::thoughts::Thoughts;
use crate::extra;
use crate::fault::failure::Failure;
use base::agents::{Delta, ModelError};
use base::domain::{Assistant, Reply, Usage};

const MAX_TEXT_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub struct Decoder {
    text: String,
    code_calls: CodeCallFilter,
    extra: Option<Value>,
    thoughts: Thoughts,
    calls: Calls,
    counts: TokenCounts,
    /// Bytes of text and thoughts.
    arrived: u64,
    finish: Option<String>,
    refused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// With `[DONE]`, or a complete answer that was not streamed.
    Done,
    /// Without `[DONE]`.
    Cut,
}

/// The last counters seen. They are cumulative, so they replace each other.
#[derive(Debug, Default)]
struct TokenCounts {
    prompt: Option<u64>,
    completion: u64,
    total: u64,
    cached: u64,
}

impl Decoder {
    /// Reads one chunk, or a complete answer, and adds to `out` what may be shown.
    pub fn push(&mut self, chunk: Chunk<'_>, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if let Some(usage) = chunk.usage() {
            self.counts.read(usage);
        }
        if let Some(refused) = chunk.refused() {
            return Err(refused.failure());
        }
        match chunk {
            Chunk::Words(words) => {
                let (content, finish) = words.take();
                self.finish = finish.or(self.finish.take());
                self.take_content(content, out)
            }
            Chunk::Loose(chunk) => self.read_loose(chunk, out),
        }
    }

    fn read_loose(&mut self, mut chunk: Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let Some(mut choice) = first_choice(&mut chunk) else { return Ok(()) };
        self.finish = text(&mut choice, "finish_reason").or(self.finish.take());
        // `message`: some servers answer completely although a stream was requested.
        for part in ["delta", "message"] {
            if let Some(part) = choice.get_mut(part).map(Value::take) {
                self.read(part, out)?;
            }
        }
        Ok(())
    }

    /// Whether a finish reason came: the reply is complete, and only counters may follow.
    pub(crate) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// The tokens used so far; none without counters.
    pub fn usage(&self) -> Option<Usage> {
        self.counts.usage()
    }

    /// The bytes of text, thoughts and calls so far: for what is not counted (ADR 30).
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived + self.calls.arrived()
    }

    /// The reply, or why there is none. Complete calls and text decide, not the word `stop` (ADR
    /// 2).
    pub fn finish(mut self, ending: StreamEnd, out: &mut Vec<Delta>) -> Result<Reply, Failure> {
        let before = out.len();
        self.thoughts.flush(out);
        self.keep(out, before)?;
        let is_code = self.end_code_calls(out);
        self.judge_finish(ending)?;
        let calls = self.calls.finish()?;
        if calls.is_empty() && is_code {
            return Err(malformed());
        }
        if calls.is_empty() && self.refused {
            return Err(blocked("refusal"));
        }
        if calls.is_empty() && self.text.trim().is_empty() {
            return Err(Failure::answered(ModelError::Empty).again());
        }
        let message = Assistant { text: self.text, calls, extra: self.extra, by: None };
        Ok(Reply { message })
    }

    fn take_content(
        &mut self,
        content: Option<String>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Failure> {
        let before = out.len();
        self.arrived += bytes(content.as_ref());
        if let Some(content) = content {
            self.thoughts.plain(content, out);
        }
        self.keep(out, before)
    }

    fn read(&mut self, mut part: Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let before = out.len();
        // Gateways that send both send the same text in both.
        let mut names = ["reasoning_content", "reasoning"].into_iter();
        let thought = names.find_map(|key| text(&mut part, key));
        let refusal = text(&mut part, "refusal");
        let extra = extra::take(&mut part);
        let content = content(&mut part);
        self.arrived += bytes(thought.as_ref()) + bytes(refusal.as_ref()) + bytes(content.as_ref());
        out.extend(thought.map(Delta::Thought));
        self.refused |= refusal.is_some();
        if is_thought(extra.as_ref()) {
            self.thoughts.flagged(content.unwrap_or_default(), out);
        } else {
            self.extra = extra.or(self.extra.take());
            if let Some(content) = content {
                self.thoughts.plain(content, out);
            }
        }
        self.keep(out, before)?;
        let calls = part.get_mut("tool_calls").map(Value::take);
        array(calls).try_for_each(|call| self.calls.push(call))
    }

    /// Adds new text to the reply, and removes from `out` what may not be shown yet.
    fn keep(&mut self, out: &mut Vec<Delta>, from: usize) -> Result<(), Failure> {
        if self.code_calls.is_held() {
            for delta in out.split_off(from) {
                out.extend(match delta {
                    Delta::Text(text) => self.code_calls.sift(text).map(Delta::Text),
                    Delta::Thought(_) => Some(delta),
                });
            }
        }
        for delta in out.iter().skip(from) {
            match delta {
                Delta::Text(text) => self.text.push_str(text),
                Delta::Thought(_) => {}
            }
        }
        let too_long = self.text.len() > MAX_TEXT_BYTES;
        if too_long { Err(Failure::answered(ModelError::TooLong)) } else { Ok(()) }
    }

    /// Shows text that was held back. True if it is a call written as code, which is not shown.
    fn end_code_calls(&mut self, out: &mut Vec<Delta>) -> bool {
        let Rest::Text(text) = self.code_calls.end() else { return true };
        if !text.is_empty() {
            self.text.push_str(&text);
            out.push(Delta::Text(text));
        }
        false
    }

    /// Only reasons that rule out a reply matter; `stop` and `tool_calls` are not reliable (ADR 2).
    fn judge_finish(&self, ending: StreamEnd) -> Result<(), Failure> {
        let Some(finish) = &self.finish else {
            // Neither a reason nor `[DONE]`: an incomplete text must not pass as a reply.
            return if ending == StreamEnd::Done { Ok(()) } else { Err(Failure::cut()) };
        };
        // Google adds a suffix to a reason, for example `content_filter: SAFETY` (ADR 2).
        let (reason, detail) = finish.split_once(':').unwrap_or((finish, ""));
        match reason.trim() {
            "function_call_filter" => Err(malformed()),
            "content_filter" => Err(blocked(detail.trim())),
            "length" => Err(Failure::answered(ModelError::TooLong)),
            "error" => Err(Failure::ill(failed("the provider ended the stream with an error"))),
            _ => Ok(()),
        }
    }
}

impl TokenCounts {
    fn read(&mut self, usage: &Value) {
        let count = |key: &str| usage.get(key).and_then(Value::as_u64);
        self.prompt = count("prompt_tokens").or(self.prompt);
        self.completion = count("completion_tokens").unwrap_or(self.completion);
        self.total = count("total_tokens").unwrap_or(self.total);
        let cached = usage.pointer("/prompt_tokens_details/cached_tokens").and_then(Value::as_u64);
        self.cached = cached.unwrap_or(self.cached);
    }

    /// Gemini counts thinking only in the total, so it is the total minus prompt and answer (ADR
    /// 16).
    fn usage(&self) -> Option<Usage> {
        let prompt = self.prompt?;
        let said = prompt.saturating_add(self.completion);
        Some(Usage {
            input_tokens: prompt,
            cached_tokens: self.cached,
            output_tokens: self.completion,
            thinking_tokens: self.total.saturating_sub(said),
        })
    }
}

fn first_choice(chunk: &mut Value) -> Option<Value> {
    let choices = chunk.get_mut("choices").map(Value::take);
    array(choices).find(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0)
}

/// The text of a part: a string, or a list of text parts.
fn content(part: &mut Value) -> Option<String> {
    if part.get("content").is_some_and(Value::is_array) {
        let parts = part.get_mut("content").map(Value::take);
        return Some(array(parts).filter_map(|mut part| text(&mut part, "text")).collect());
    }
    text(part, "content")
}

fn is_thought(extra: Option<&Value>) -> bool {
    extra.and_then(|extra| extra.pointer("/google/thought")?.as_bool()).unwrap_or(false)
}

fn array(value: Option<Value>) -> impl Iterator<Item = Value> {
    let items = if let Some(Value::Array(items)) = value { items } else { Vec::new() };
    items.into_iter()
}

/// Keeps the detail only if it is a single word such as `SAFETY`: longer text may quote the user,
/// and this goes to the log.
fn blocked(detail: &str) -> Failure {
    let is_word = detail.len() <= 40 && detail.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    let detail = if is_word && !detail.is_empty() { detail } else { "no reason given" };
    Failure::answered(ModelError::Blocked(detail.to_owned()))
}

fn malformed() -> Failure {
    Failure::answered(ModelError::Malformed).again()
}

fn failed(why: &str) -> ModelError {
    ModelError::Failed(why.to_owned())
}
