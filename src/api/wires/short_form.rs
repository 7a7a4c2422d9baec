//! `POST /chat`: the ChatKit protocol, and a short form for people and scripts.

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::Value;

use super::super::error::ApiError;
use super::super::http::authentication::Asking;
use super::super::http::request_id::RequestId;
use super::super::intake::context::context;
use super::super::intake::validation::{from_confirmation, from_short_form};
use super::super::state::Api;
use super::answer::{stream, whole};
use super::chatkit::{self, checked};
use super::schemas::{ConfirmationForm, ShortForm};
use chat::{Abilities, RequestContext};

/// Answers either form.
pub(crate) async fn answer(
    State(api): State<Api>,
    Extension(request_id): Extension<RequestId>,
    asking: Result<Asking, ApiError>,
    request: Request,
) -> Result<Response, ApiError> {
    let asking = checked(asking)?;
    let (parts, body) = request.into_parts();
    let headers = parts.headers.clone();
    let body = api.bodies.read_json(Request::from_parts(parts, body)).await?;
    if body.get("type").is_some() {
        return chatkit::perform(&api, request_id, asking, &headers, body).await;
    }
    let Asking(caller) = asking?;
    let context = context(request_id, caller, &headers, &body, Abilities { forms: false })?;
    short(&api, context, body, wants_json(&headers)).await
}

async fn short(
    api: &Api,
    context: RequestContext,
    body: Value,
    format: AnswerFormat,
) -> Result<Response, ApiError> {
    let request = match ConfirmationForm::parse(&body)? {
        Some(form) => from_confirmation(form, context)?,
        None => from_short_form(ShortForm::parse(&body)?, &api.limits, context)?,
    };
    // Refused before anything is stored. A copy may be answered from the store, without the model.
    if let Some(retry_in) = api.chat.model_refuses_for()
        && !api.chat.has_seen(&request.context).await
    {
        return Err(ApiError::ModelDown { retry_in });
    }
    let turn = api.chat.begin(request).await?;
    Ok(match format {
        AnswerFormat::Stream => stream(turn),
        AnswerFormat::Json => whole(turn).await,
    })
}

#[derive(Clone, Copy, Debug)]
enum AnswerFormat {
    Stream,
    Json,
}

fn wants_json(headers: &HeaderMap) -> AnswerFormat {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let accept = accept.unwrap_or_default().to_ascii_lowercase();
    let json = accept.find("application/json");
    // Whichever is named first; a client that names neither gets a stream.
    match (json, accept.find("text/event-stream")) {
        (Some(json), stream) if stream.is_none_or(|stream| json < stream) => AnswerFormat::Json,
        (Some(_) | None, _) => AnswerFormat::Stream,
    }
}
