//! `POST /chatkit`: the ChatKit protocol, request by request.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::{Map, Value};

use super::super::error::ApiError;
use super::super::http::authentication::Asking;
use super::super::http::request_id::RequestId;
use super::super::intake::context::context;
use super::super::intake::validation::{from_chatkit, title};
use super::super::state::Api;
use super::answer::{refusal, stream};
use super::schemas::{ChatKitRequest, Metadata, TurnParams};
use base::domain::{Order, Page, PageRequest, ThreadId};
use chat::{Abilities, Conversations, RequestContext};
use streaming::ThreadView;

/// The items that come with a thread, the oldest first.
const FIRST_ITEMS: PageRequest = PageRequest { limit: 20, order: Order::Asc, after: None };

/// More items than any turn has.
const MAX_RATED: usize = 100;

pub(crate) async fn answer(
    State(api): State<Api>,
    Extension(request_id): Extension<RequestId>,
    asking: Result<Asking, ApiError>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let asking = checked(asking)?;
    perform(&api, request_id, asking, &headers, api.bodies.read_json(request).await?).await
}

/// Refuses those who are not allowed, before their bodies are read. That nobody can be recognised
/// right now is told later: the form of the answer depends on the body (ADR 7).
pub(crate) fn checked(
    asking: Result<Asking, ApiError>,
) -> Result<Result<Asking, ApiError>, ApiError> {
    match asking {
        Err(error) if error.as_event().is_none() => Err(error),
        recognised => Ok(recognised),
    }
}

/// The same, for a body that was read.
pub(crate) async fn perform(
    api: &Api,
    request_id: RequestId,
    asking: Result<Asking, ApiError>,
    headers: &HeaderMap,
    body: Value,
) -> Result<Response, ApiError> {
    let parsed = ChatKitRequest::parse(&body);
    let caller = match asking {
        Ok(Asking(caller)) => caller,
        Err(error) => return unrecognised(error, parsed),
    };
    let threads = api.chat.of(&caller);
    match parsed {
        Ok(ChatKitRequest::Turn(params, metadata)) => {
            // Caught here: after a 500 the component would repeat the POST (ADR 7).
            let abilities = Abilities { forms: true };
            let context = context(request_id, caller.clone(), headers, &body, abilities);
            let begun = AssertUnwindSafe(begin(api, context, params, metadata)).catch_unwind();
            begun.await.unwrap_or(Err(ApiError::Internal)).or_else(refusal)
        }
        Ok(ChatKitRequest::GetThread(id)) => get_thread(api, threads, &id).await,
        Ok(ChatKitRequest::ListThreads(page)) => list_threads(api, threads, &page).await,
        Ok(ChatKitRequest::ListItems(id, page)) => list_items(api, threads, &id, &page).await,
        Ok(ChatKitRequest::Update(id, new)) => update(threads, &id, &title(&new)?).await,
        Ok(ChatKitRequest::Delete(id)) => delete(threads, &id).await,
        Ok(ChatKitRequest::Feedback(id, items, rating)) => {
            known(threads, &id).await?;
            let items = items.get(..MAX_RATED.min(items.len())).unwrap_or_default();
            threads.rate(&id, items, rating).await?;
            Ok(nothing())
        }
        Err(error @ ApiError::NotOffered { streams: true, .. }) => refusal(error),
        Err(error) => Err(error),
    }
}

/// Nobody can be recognised right now: a stream says so as an event (ADR 7).
fn unrecognised(
    error: ApiError,
    parsed: Result<ChatKitRequest, ApiError>,
) -> Result<Response, ApiError> {
    match parsed {
        Ok(ChatKitRequest::Turn(..)) | Err(ApiError::NotOffered { streams: true, .. }) => {
            refusal(error)
        }
        Ok(_) => Err(error),
        // The same for whoever sends it.
        Err(misshapen) => Err(misshapen),
    }
}

async fn begin(
    api: &Api,
    context: Result<RequestContext, ApiError>,
    params: TurnParams,
    metadata: Metadata,
) -> Result<Response, ApiError> {
    let request = from_chatkit(params, &metadata, &api.limits, context?)?;
    Ok(stream(api.chat.begin(request).await?))
}

async fn update(
    threads: Conversations<'_>,
    id: &ThreadId,
    title: &str,
) -> Result<Response, ApiError> {
    let thread = threads.rename(id, title).await?.ok_or(ApiError::UnknownThread)?;
    Ok(Json(ThreadView::new(&thread, Page::empty())).into_response())
}

async fn delete(threads: Conversations<'_>, id: &ThreadId) -> Result<Response, ApiError> {
    if threads.delete(id).await? { Ok(nothing()) } else { Err(ApiError::UnknownThread) }
}

/// The answer to a request that returns nothing.
fn nothing() -> Response {
    Json(Map::new()).into_response()
}

async fn list_items(
    api: &Api,
    threads: Conversations<'_>,
    id: &ThreadId,
    page: &PageRequest,
) -> Result<Response, ApiError> {
    // Held to the end: the page is in memory until it is serialised (ADR 6).
    let _place = api.lists.place().await?;
    known(threads, id).await?;
    Ok(Json(threads.items(id, page).await?).into_response())
}

async fn get_thread(
    api: &Api,
    threads: Conversations<'_>,
    id: &ThreadId,
) -> Result<Response, ApiError> {
    let _place = api.lists.place().await?;
    let thread = threads.find(id).await?.ok_or(ApiError::UnknownThread)?;
    let items = threads.items(id, &FIRST_ITEMS).await?;
    Ok(Json(ThreadView::new(&thread, items)).into_response())
}

async fn list_threads(
    api: &Api,
    threads: Conversations<'_>,
    page: &PageRequest,
) -> Result<Response, ApiError> {
    let _place = api.lists.place().await?;
    let Page { data, has_more, after } = threads.list(page).await?;
    let data = data.iter().map(|thread| ThreadView::new(thread, Page::empty())).collect();
    Ok(Json(Page { data, has_more, after }).into_response())
}

async fn known(threads: Conversations<'_>, id: &ThreadId) -> Result<(), ApiError> {
    threads.find(id).await?.map(drop).ok_or(ApiError::UnknownThread)
}
