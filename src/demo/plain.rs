//! The model for users. Nothing in a request can switch anything (invariant 10).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::conversation::Brain;
use super::wire::body::{Read, read};
use super::wire::connection::ConnectionHandle;
use super::wire::delivery::Delivery;
use super::wire::ids::Ids;
use super::wire::pace::Pace;
use super::wire::problem::Unreadable;
use super::wire::profile::{FLASH_2_5, find};
use super::wire::reply::{Parallel, ReplyStyle, chunks};
use super::wire::request::ChatRequest;
use super::wire::routes::{CHAT, MODELS, models, not_found};
use super::wire::sse::deliver;
use super::wire::usage::EstimatedUsage;
use super::wire::way::{Unseen, Way};

#[derive(Debug)]
struct Plain {
    brain: Brain,
    ids: Ids,
    pace: Pace,
    stop: CancellationToken,
}

pub(super) fn routes(brain: Brain, gap: Duration, stop: CancellationToken) -> Router {
    // A new seed for each start: ids must not repeat in a stored thread.
    let (seed, _) = Uuid::new_v4().as_u64_pair();
    let pace = Pace { gap, ..Pace::default() };
    let plain = Plain { brain, ids: Ids::new(seed), pace, stop };
    Router::new()
        .route(CHAT, post(chat))
        .route(MODELS, get(models))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .with_state(Arc::new(plain))
}

async fn chat(State(plain): State<Arc<Plain>>, request: Request) -> Response {
    let connection = ConnectionHandle::of(&request);
    let way = Way { connection, stop: plain.stop.clone(), witness: Unseen };
    let read = read(request.into_body()).await;
    let delivery = read.and_then(|read| plain.answer(&read));
    delivery.unwrap_or_else(|unreadable| unreadable.delivery()).send(way).await
}

impl Plain {
    fn answer(&self, read: &Read) -> Result<Delivery, Unreadable> {
        let request = read.request()?;
        let answer = (self.brain)(&request.conversation());
        let thought: usize = answer.thoughts.iter().map(|thought| thought.chars().count()).sum();
        let usage =
            EstimatedUsage { thinking: thought.div_ceil(4), ..EstimatedUsage::of(&read.body) };
        let style = self.style(&request, usage);
        let chunks = chunks(&answer, &style, &self.ids);
        Ok(deliver(&chunks, request.form(), &self.pace, &self.ids))
    }

    fn style(&self, request: &ChatRequest, usage: EstimatedUsage) -> ReplyStyle {
        let asked = request.model.as_str();
        let model = if asked.is_empty() { FLASH_2_5.name } else { asked };
        ReplyStyle {
            model: model.to_owned(),
            generation: find(asked).unwrap_or(&FLASH_2_5).generation,
            id: Some(self.ids.envelope()),
            created: Timestamp::now().as_second(),
            parallel: Parallel::OneDelta,
            chars: None,
            thoughts: request.thoughts(),
            usage: request.bills().then_some(usage),
        }
    }
}
