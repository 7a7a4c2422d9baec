//! `GET /prompts`: the prompts of tool servers that people can start (ADR 45).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::http::authentication::Asking;
use super::state::Api;
use base::domain::{ServerContent, ServerPrompt};

/// Of all servers together: a person looks through no more.
const MAX_LISTED: usize = 1_000;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<ListedPrompt<'a>>,
}

#[derive(Serialize)]
struct ListedPrompt<'a> {
    server: &'a str,
    #[serde(flatten)]
    prompt: &'a ServerPrompt,
    /// Whether its server can be asked now.
    available: bool,
}

/// All prompts, in the order of the servers.
pub(super) async fn list(State(api): State<Api>, _: Asking) -> Response {
    let content = api.chat.content();
    let of_server = |it: &'_ ServerContent| it.listed.prompts.len();
    let mut data = Vec::with_capacity(content.iter().map(of_server).sum::<usize>().min(MAX_LISTED));
    for of_server in &content {
        let (server, available) = (&*of_server.server, of_server.is_connected);
        let prompts = of_server.listed.prompts.iter();
        data.extend(prompts.map(|prompt| ListedPrompt { server, prompt, available }));
    }
    data.truncate(MAX_LISTED);
    Json(List { object: "list", data }).into_response()
}
