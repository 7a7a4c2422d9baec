//! What all handlers share.

use std::sync::Arc;

use super::http::authentication::Authentication;
use super::http::cors::Origins;
use super::http::hosts::Hosts;
use super::http::traffic::Traffic;
use super::intake::bodies::Bodies;
use super::intake::rules::InputLimits;
use super::lifecycle::Lifecycle;
use super::lists::Lists;
use base::domain::{HealthProbe, SignIns};
use chat::Chat;

/// The operator's settings for the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In characters: the longest message.
    pub max_input_chars: usize,
    /// The origins whose pages may call this server.
    pub origins: Origins,
    pub hosts: Hosts,
}

/// What all handlers share; cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub(super) chat: Arc<Chat>,
    pub(super) probes: Arc<[Arc<dyn HealthProbe>]>,
    pub(super) lifecycle: Lifecycle,
    pub(super) authentication: Arc<Authentication>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) settings: Arc<Settings>,
    pub(super) limits: Arc<InputLimits>,
    pub(super) lists: Arc<Lists>,
    pub(super) bodies: Arc<Bodies>,
    /// None if nobody signs in at tool servers.
    pub(super) sign_ins: Option<Arc<dyn SignIns>>,
}

impl Api {
    pub fn new(
        chat: Arc<Chat>,
        probes: Vec<Arc<dyn HealthProbe>>,
        lifecycle: Lifecycle,
        authentication: Authentication,
        settings: Settings,
    ) -> Self {
        let models = chat.models().to_vec();
        let limits = Arc::new(InputLimits { max_chars: settings.max_input_chars, models });
        let (traffic, settings) = (Arc::new(Traffic::new()), Arc::new(settings));
        let (lists, bodies) = (Arc::new(Lists::new()), Arc::default());
        let (probes, authentication) = (probes.into(), Arc::new(authentication));
        Self {
            chat,
            probes,
            lifecycle,
            authentication,
            traffic,
            settings,
            limits,
            lists,
            bodies,
            sign_ins: None,
        }
    }

    /// The same, with the pages on which callers sign in at tool servers (ADR 46).
    #[must_use]
    pub fn with_sign_ins(self, sign_ins: Arc<dyn SignIns>) -> Self {
        Self { sign_ins: Some(sign_ins), ..self }
    }
}
