//! `POST /chatkit`: the ChatKit protocol, request by request.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::Value;

use super::error::ApiError;
use super::request_id::RequestId;
use super::schemas::{ChatKitRequest, Metadata, UserMessageInput};
use super::sieve::read_json;
use super::state::Api;
use super::turn::{refusal, stream};
use super::validation::from_chatkit;
use crate::domain::{Order, Page, PageRequest, ThreadId};
use crate::streaming::ThreadView;

/// The items that come with a thread.
const FIRST_ITEMS: PageRequest = PageRequest { limit: 20, order: Order::Asc, after: None };

/// Answers one request of the protocol.
pub(super) async fn answer(
    State(api): State<Api>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, ApiError> {
    perform(&api, request_id, read_json(request).await?).await
}

/// The same, once the body is read.
pub(super) async fn perform(
    api: &Api,
    request_id: RequestId,
    body: Value,
) -> Result<Response, ApiError> {
    match ChatKitRequest::parse(body)? {
        ChatKitRequest::Message { thread, input, metadata } => {
            let begun = AssertUnwindSafe(begin(api, request_id, thread, *input, metadata));
            let begun = begun.catch_unwind().await.unwrap_or(Err(ApiError::Internal));
            begun.or_else(refusal)
        }
        ChatKitRequest::GetThread(id) => get_thread(api, &id).await,
        ChatKitRequest::ListThreads(page) => list_threads(api, &page).await,
        ChatKitRequest::ListItems(id, page) => {
            known(api, &id).await?;
            Ok(Json(api.chat.threads().items(&id, &page).await?).into_response())
        }
    }
}

async fn begin(
    api: &Api,
    request_id: RequestId,
    thread: Option<ThreadId>,
    input: UserMessageInput,
    metadata: Metadata,
) -> Result<Response, ApiError> {
    let mut message = from_chatkit(thread, input, &metadata, &api.limits())?;
    message.request_id = request_id.into_string();
    Ok(stream(api.chat.begin(message).await?))
}

async fn get_thread(api: &Api, id: &ThreadId) -> Result<Response, ApiError> {
    let thread = api.chat.threads().find(id).await?.ok_or(ApiError::UnknownThread)?;
    let items = api.chat.threads().items(id, &FIRST_ITEMS).await?;
    Ok(Json(ThreadView::new(&thread, items)).into_response())
}

async fn list_threads(api: &Api, page: &PageRequest) -> Result<Response, ApiError> {
    let Page { data, has_more, after } = api.chat.threads().list(page).await?;
    let data = data.iter().map(|thread| ThreadView::new(thread, Page::empty())).collect();
    Ok(Json(Page { data, has_more, after }).into_response())
}

async fn known(api: &Api, id: &ThreadId) -> Result<(), ApiError> {
    api.chat.threads().find(id).await?.map(drop).ok_or(ApiError::UnknownThread)
}
