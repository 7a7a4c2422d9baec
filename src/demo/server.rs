//! The routes, and the server that carries them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::checks;
use super::control;
use super::delivery::{Delivery, HTML, JSON, Way};
use super::emulation::{self, Emulation};
use super::ids::Ids;
use super::knobs::Knobs;
use super::line::{CuttableListener, Line};
use super::log::Log;
use super::plain::{self, Plain};
use super::profile::PROFILES;
use super::scenarios::Sequences;
use super::script::Script;
use super::settings::{EmulateSettings, Mode, Settings};
use super::usage::Prefixes;
use super::written::refused;

const CHAT: &str = "/v1beta/openai/chat/completions";
const MODELS: &str = "/v1beta/openai/models";

/// How long open connections may take to notice the end.
const FAREWELL: Duration = Duration::from_millis(250);

/// The model as routes, for a server of one's own; without a real connection to cut, a reset
/// is a broken body.
pub fn router(settings: Settings) -> Router {
    routes(settings, CancellationToken::new())
}

/// Serves the model until `stop`; open streams are then broken off at once.
///
/// # Cancel safety
/// Dropping the future stops accepting; open connections end with their clients.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let service = routes(settings, stop.clone()).into_make_service_with_connect_info::<Line>();
    let server = axum::serve(CuttableListener(listener), service)
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        result = server => result,
        () = too_late => Ok(()),
    }
}

fn routes(settings: Settings, stop: CancellationToken) -> Router {
    match settings.mode.clone() {
        Mode::Plain => plain_routes(&settings, stop),
        Mode::Emulate(emulate) => emulation_routes(&settings, emulate, stop),
    }
}

fn plain_routes(settings: &Settings, stop: CancellationToken) -> Router {
    let (seed, _) = Uuid::new_v4().as_u64_pair();
    let plain = Plain {
        brain: settings.brain,
        ids: Ids::new(seed),
        knobs: Knobs { gap: settings.chunk_gap, ..Knobs::default() },
        stop,
    };
    Router::new()
        .route(CHAT, post(plain::chat))
        .route(MODELS, get(models))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .with_state(Arc::new(plain))
}

fn emulation_routes(
    settings: &Settings,
    emulate: EmulateSettings,
    stop: CancellationToken,
) -> Router {
    let gap = if emulate.knobs.gap.is_zero() { settings.chunk_gap } else { emulate.knobs.gap };
    let emulation = Emulation {
        brain: settings.brain,
        ids: Ids::new(emulate.seed),
        settings: EmulateSettings { knobs: Knobs { gap, ..emulate.knobs }, ..emulate },
        stop,
        script: Script::default(),
        log: Arc::new(Log::new()),
        sequences: Sequences::default(),
        prefixes: Prefixes::default(),
    };
    Router::new()
        .route(CHAT, post(emulation::chat))
        .route(MODELS, get(guarded_models))
        .route("/_fake/log", get(control::log))
        .route("/_fake/script", post(control::script))
        .route("/_fake/reset", post(control::reset))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .with_state(Arc::new(emulation))
}

async fn models() -> Response {
    let names = PROFILES.iter().map(|profile| profile.name);
    let data: Vec<Value> = names.map(model).collect();
    let body = json!({ "data": data, "object": "list" });
    send(Delivery::whole(StatusCode::OK, JSON, body.to_string())).await
}

async fn guarded_models(State(_): State<Arc<Emulation>>, headers: HeaderMap) -> Response {
    match checks::authorization(&headers) {
        Ok(()) => models().await,
        Err(refusal) => send(refused(&refusal)).await,
    }
}

fn model(name: &str) -> Value {
    json!({ "id": format!("models/{name}"), "object": "model", "owned_by": "google" })
}

/// Google's answer to a path it does not know, `…/openai//chat/completions` among them.
async fn not_found() -> Response {
    send(Delivery::whole(StatusCode::NOT_FOUND, HTML, String::new())).await
}

async fn send(delivery: Delivery) -> Response {
    delivery.send(Way { line: None, stop: CancellationToken::new(), watch: None }).await
}
