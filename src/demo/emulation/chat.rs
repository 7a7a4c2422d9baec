//! Answers a chat request of a test: checks it as Gemini does, chooses a scenario, logs it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{header, request::Parts};
use axum::response::Response;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::checks;
use super::choice::{Chosen, choose};
use super::emulated_server::EmulatedServer;
use super::gemini_refusal::GeminiRefusal;
use super::knobs::{Flag, Knobs};
use super::log::{Log, Watch};
use super::prefixes::Prefixes;
use super::scenarios::{Quotas, Sequences};
use super::script::Script;
use super::settings::EmulateSettings;
use super::written::refused;
use crate::conversation::Brain;
use crate::wire::body::{Read, read};
use crate::wire::connection::ConnectionHandle;
use crate::wire::delivery::Delivery;
use crate::wire::ids::Ids;
use crate::wire::problem::Unreadable;
use crate::wire::profile::{FLASH_2_5, Profile};
use crate::wire::reply::ReplyStyle;
use crate::wire::request::ChatRequest;
use crate::wire::usage::EstimatedUsage;
use crate::wire::way::Way;

#[derive(Debug)]
pub(crate) struct Emulation {
    pub(super) brain: Brain,
    pub(super) settings: EmulateSettings,
    pub(super) ids: Ids,
    stop: CancellationToken,
    pub(super) script: Script,
    pub(super) log: Arc<Log>,
    pub(super) sequences: Sequences,
    pub(super) quotas: Quotas,
    prefixes: Prefixes,
}

pub(super) struct Scene {
    pub(super) request: ChatRequest,
    pub(super) knobs: Knobs,
    pub(super) style: ReplyStyle,
    pub(super) chosen: Chosen,
    /// A hash of the API key: quotas are counted for each key, and the key is not stored.
    pub(super) key: u64,
}

pub(super) async fn chat(State(emulation): State<Arc<Emulation>>, request: Request) -> Response {
    let connection = ConnectionHandle::of(&request);
    let (parts, body) = request.into_parts();
    let watch = emulation.log.open(&parts.headers);
    let knobs = emulation.knobs(&parts);
    let dialect = knobs.as_ref().map_or(EmulatedServer::Google, |knobs| knobs.dialect);
    let delivery = match read(body).await {
        Ok(read) => knobs.and_then(|knobs| emulation.answer(&parts, &read, knobs, &watch)),
        Err(unreadable) => Err(unreadable.into()),
    };
    let delivery = delivery.unwrap_or_else(|refusal| {
        watch.chose(refusal.scenario);
        dialect.error(refused(&refusal))
    });
    let way = Way { connection, stop: emulation.stop.clone(), witness: watch };
    delivery.send(way).await
}

impl Emulation {
    pub(crate) fn new(brain: Brain, settings: EmulateSettings, stop: CancellationToken) -> Self {
        Self {
            brain,
            ids: Ids::new(settings.seed),
            settings,
            stop,
            script: Script::default(),
            log: Arc::new(Log::new()),
            sequences: Sequences::default(),
            quotas: Quotas::default(),
            prefixes: Prefixes::default(),
        }
    }

    fn answer(
        &self,
        parts: &Parts,
        read: &Read,
        knobs: Knobs,
        watch: &Watch,
    ) -> Result<Delivery, GeminiRefusal> {
        let request = read.request();
        let words = request.as_ref().map(ChatRequest::last_user_text).unwrap_or_default();
        watch.asked(read.body.clone(), read.size, words);
        checks::authorization(&parts.headers)?;
        let scene = self.scene(parts, read, request, knobs)?;
        watch.chose(&scene.chosen.label);
        Ok(scene.knobs.dialect.error(self.play(&scene)))
    }

    /// The profile of the model that answers. Only Google's API is strict; other servers accept
    /// everything.
    fn checked(
        &self,
        read: &Read,
        request: &Result<ChatRequest, Unreadable>,
        knobs: &Knobs,
    ) -> Result<&'static Profile, GeminiRefusal> {
        if knobs.dialect.is_foreign() {
            return Ok(&FLASH_2_5);
        }
        checks::fields(&read.body)?;
        let request = request.as_ref().map_err(Unreadable::clone)?;
        let profile = checks::model(&request.model, knobs)?;
        checks::request(request, profile, knobs, &self.ids)?;
        Ok(profile)
    }

    fn scene(
        &self,
        parts: &Parts,
        read: &Read,
        request: Result<ChatRequest, Unreadable>,
        knobs: Knobs,
    ) -> Result<Scene, GeminiRefusal> {
        let profile = self.checked(read, &request, &knobs)?;
        let request = request?;
        let chosen = choose(&self.script, parts, &request)?;
        let knobs = knobs
            .turned(&chosen.knobs)
            .map_err(|error| GeminiRefusal::saying(&error.to_string()))?;
        let style = self.style(&request, profile, &knobs, read);
        let mut key = DefaultHasher::new();
        parts.headers.get(header::AUTHORIZATION).hash(&mut key);
        let key = key.finish();
        Ok(Scene { request, knobs, style, chosen, key })
    }

    fn knobs(&self, parts: &Parts) -> Result<Knobs, GeminiRefusal> {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let query = parts.uri.query();
        let texts = [query, header("x-fake-timing"), header("x-fake-options")];
        let defaults = self.settings.knobs.clone();
        let turned = texts.into_iter().flatten().try_fold(defaults, Knobs::turned);
        turned.map_err(|error| GeminiRefusal::saying(&error.to_string()))
    }

    fn style(
        &self,
        request: &ChatRequest,
        profile: &Profile,
        knobs: &Knobs,
        read: &Read,
    ) -> ReplyStyle {
        let most_thought = profile.most_thought(request.reasoning_effort.as_deref());
        let usage = EstimatedUsage {
            thinking: usize::try_from(self.ids.roll(most_thought + 1)).unwrap_or(0),
            cached: self.prefixes.cached(&read.body),
            ..EstimatedUsage::of(&read.body)
        };
        let foreign = knobs.dialect.is_foreign() && !request.model.starts_with("fake:");
        let without_id = knobs.has(Flag::NoId) || self.ids.roll(10) == 0;
        ReplyStyle {
            model: if foreign { request.model.clone() } else { profile.name.to_owned() },
            generation: profile.generation,
            id: (!without_id).then(|| self.ids.envelope()),
            created: Timestamp::now().as_second(),
            parallel: knobs.parallel,
            chars: knobs.chars,
            thoughts: request.thoughts(),
            usage: request.bills().then_some(usage),
        }
    }
}
