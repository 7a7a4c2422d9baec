//! `POST /chatkit`: the ChatKit protocol, request by request.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::origin::Origin;
use super::request_id::RequestId;
use super::schemas::{ChatKitRequest, Metadata, TurnParams};
use super::state::Api;
use super::turn::{refusal, stream};
use super::validation::{from_chatkit, title};
use crate::chat::Naming;
use crate::domain::{Order, Page, PageRequest, ThreadId};
use crate::streaming::ThreadView;

/// The items that come with a thread.
const FIRST_ITEMS: PageRequest = PageRequest { limit: 20, order: Order::Asc, after: None };

/// More items than any turn has.
const MAX_RATED: usize = 100;

/// Answers one request of the protocol.
pub(super) async fn answer(
    State(api): State<Api>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    perform(&api, request_id, &headers, api.bodies.read_json(request).await?).await
}

/// The same, once the body is read.
pub(super) async fn perform(
    api: &Api,
    request_id: RequestId,
    headers: &HeaderMap,
    body: Value,
) -> Result<Response, ApiError> {
    let origin = Origin::new(request_id, headers, &body);
    match ChatKitRequest::parse(body) {
        Ok(ChatKitRequest::Turn(params, metadata)) => {
            let begun = AssertUnwindSafe(begin(api, origin, params, metadata)).catch_unwind();
            begun.await.unwrap_or(Err(ApiError::Internal)).or_else(refusal)
        }
        Ok(ChatKitRequest::GetThread(id)) => get_thread(api, &id).await,
        Ok(ChatKitRequest::ListThreads(page)) => list_threads(api, &page).await,
        Ok(ChatKitRequest::ListItems(id, page)) => list_items(api, &id, &page).await,
        Ok(ChatKitRequest::Update(id, new)) => update(api, &id, &title(&new)?).await,
        Ok(ChatKitRequest::Delete(id)) => delete(api, &id).await,
        Ok(ChatKitRequest::Feedback(id, items, rating)) => {
            known(api, &id).await?;
            let items = items.get(..MAX_RATED.min(items.len())).unwrap_or_default();
            api.chat.threads().rate(&id, items, rating).await?;
            tracing::info!(thread_id = %id, items = items.len(), ?rating, "Feedback");
            Ok(nothing())
        }
        Err(error @ ApiError::NotOffered { streams: true, .. }) => refusal(error),
        Err(error) => Err(error),
    }
}

async fn begin(
    api: &Api,
    origin: Result<Origin, ApiError>,
    params: TurnParams,
    metadata: Metadata,
) -> Result<Response, ApiError> {
    let request = from_chatkit(params, &metadata, &api.limits, origin?)?;
    Ok(stream(api.chat.begin(request).await?))
}

async fn update(api: &Api, id: &ThreadId, title: &str) -> Result<Response, ApiError> {
    let thread = api.chat.threads().name(id, title, Naming::Always).await?;
    let thread = thread.ok_or(ApiError::UnknownThread)?;
    Ok(Json(ThreadView::new(&thread, Page::empty())).into_response())
}

async fn delete(api: &Api, id: &ThreadId) -> Result<Response, ApiError> {
    let was_there = api.chat.threads().delete(id).await?;
    if was_there { Ok(nothing()) } else { Err(ApiError::UnknownThread) }
}

/// What is answered where there is nothing to say.
fn nothing() -> Response {
    Json(Map::new()).into_response()
}

async fn list_items(api: &Api, id: &ThreadId, page: &PageRequest) -> Result<Response, ApiError> {
    let _place = api.lists.place().await?;
    known(api, id).await?;
    let mut items = api.chat.threads().items(id, page).await?;
    items.data.retain(|item| !item.is_hidden());
    Ok(Json(items).into_response())
}

async fn get_thread(api: &Api, id: &ThreadId) -> Result<Response, ApiError> {
    let _place = api.lists.place().await?;
    let thread = api.chat.threads().find(id).await?.ok_or(ApiError::UnknownThread)?;
    let items = api.chat.threads().items(id, &FIRST_ITEMS).await?;
    Ok(Json(ThreadView::new(&thread, items)).into_response())
}

async fn list_threads(api: &Api, page: &PageRequest) -> Result<Response, ApiError> {
    let _place = api.lists.place().await?;
    let Page { data, has_more, after } = api.chat.threads().list(page).await?;
    let data = data.iter().map(|thread| ThreadView::new(thread, Page::empty())).collect();
    Ok(Json(Page { data, has_more, after }).into_response())
}

async fn known(api: &Api, id: &ThreadId) -> Result<(), ApiError> {
    api.chat.threads().find(id).await?.map(drop).ok_or(ApiError::UnknownThread)
}
