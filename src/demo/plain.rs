//! The model for people: answers, and nothing in a request can switch anything.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::body::{Read, read};
use super::delivery::{Delivery, Way};
use super::ids::Ids;
use super::knobs::{Knobs, Parallel};
use super::line::Line;
use super::profile::{FLASH_2_5, find};
use super::refusal::Refusal;
use super::reply::{Thoughts, Voice, chunks};
use super::settings::Brain;
use super::sse::{Form, deliver};
use super::usage::Bill;
use super::wire::ChatRequest;
use super::written::refused;

/// What the plain model works with.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) brain: Brain,
    pub(super) ids: Ids,
    pub(super) knobs: Knobs,
    pub(super) stop: CancellationToken,
}

/// Answers a request for a chat completion.
pub(super) async fn chat(State(plain): State<Arc<Plain>>, request: Request) -> Response {
    let line: Option<Line> = Line::of(&request);
    let way = Way { line, stop: plain.stop.clone(), watch: None };
    let read = read(request.into_body()).await;
    let delivery = read.and_then(|read| plain.answer(&read));
    delivery.unwrap_or_else(|refusal| refused(&refusal)).send(way).await
}

impl Plain {
    fn answer(&self, read: &Read) -> Result<Delivery, Refusal> {
        let request = read.request()?;
        let answer = (self.brain)(&request.conversation());
        let thought: usize = answer.thoughts.iter().map(|thought| thought.chars().count()).sum();
        let bill = Bill { thinking: thought.div_ceil(4), ..Bill::of(&read.body) };
        let voice = self.voice(&request, bill);
        let chunks = chunks(&answer, &voice, &self.ids);
        Ok(deliver(&chunks, request.form(), &self.knobs, &self.ids))
    }

    fn voice(&self, request: &ChatRequest, bill: Bill) -> Voice {
        let asked = request.model.as_str();
        let model = if asked.is_empty() { FLASH_2_5.name } else { asked };
        Voice {
            model: model.to_owned(),
            generation: find(asked).unwrap_or(&FLASH_2_5).generation,
            id: Some(self.ids.envelope()),
            created: Timestamp::now().as_second(),
            parallel: Parallel::OneDelta,
            thoughts: request.thoughts(),
            bill: request.bills().then_some(bill),
        }
    }
}

impl ChatRequest {
    /// Whether it wants events.
    pub(super) fn form(&self) -> Form {
        if self.streams() { Form::Events } else { Form::Whole }
    }

    /// Whether usage goes with the answer.
    pub(super) fn bills(&self) -> bool {
        !self.streams() || self.wants_usage()
    }

    /// Whether thoughts go with the answer.
    pub(super) fn thoughts(&self) -> Thoughts {
        if self.wants_thoughts() { Thoughts::Shown } else { Thoughts::Hidden }
    }
}
