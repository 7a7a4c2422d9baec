//! Turns the chosen scenario of a request into an answer.

use axum::http::StatusCode;

use super::agent;
use super::chat::{Emulation, Scene};
use super::scenarios::{Fills, FlakyFailure, Quota, Scenario, find};
use super::script::Play;
use super::settings::Agent;
use super::transport::disturbed;
use super::written::written;
use crate::conversation::BrainAnswer;
use crate::wire::delivery::{Delivery, JSON};
use crate::wire::pace::{first, paced};
use crate::wire::reply::chunks;
use crate::wire::sse::{Form, deliver, events_of};

/// The scenario whose text transport faults disturb.
const LONG_TEXT: &str = "text_ten_chunks";

impl Emulation {
    pub(super) fn play(&self, scene: &Scene) -> Delivery {
        let key = || scene.chosen.key.clone();
        match &scene.chosen.play {
            Play::Answer(answer) => self.reply(scene, answer),
            Play::Fault(fault) => self.fault(scene, fault),
            Play::Scenario(Scenario::Agent) => self.usual(scene),
            Play::Scenario(Scenario::Written(name)) => self.written(scene, name, self.fills(scene)),
            Play::Scenario(Scenario::Flaky(fault, times)) => {
                let fails = self.sequences.is_within(key(), *times);
                if fails { self.fault(scene, fault) } else { self.usual(scene) }
            }
            Play::Scenario(Scenario::Breaker(window)) => {
                let fault = FlakyFailure { name: "e503_overloaded", delay: None };
                let fails = self.sequences.is_young(key(), *window);
                if fails { self.fault(scene, &fault) } else { self.usual(scene) }
            }
            Play::Scenario(Scenario::Quota(quota)) => self.rationed(scene, *quota),
            Play::Scenario(Scenario::Transport(transport)) => {
                let template = find(LONG_TEXT).map(|entry| entry.template.as_str());
                let text = self.fills(scene).fill(template.unwrap_or_default());
                disturbed(transport, events_of(&text), &scene.knobs.pace, &self.ids)
            }
        }
    }

    fn rationed(&self, scene: &Scene, quota: Quota) -> Delivery {
        let (name, _) = &scene.chosen.key;
        match self.quotas.spend((name.clone(), scene.key), quota) {
            Ok(()) => self.usual(scene),
            Err(wait) => {
                let seconds = format!("{:.3}", wait.as_secs_f64() + 0.000_5);
                let fills = self.fills(scene).with("retry_in", &seconds);
                let fills = fills.with("retry_delay", &format!("{seconds}s"));
                let fills = fills.with("quota", &quota.a_minute.to_string());
                self.written(scene, "e429_per_minute", fills)
            }
        }
    }

    fn usual(&self, scene: &Scene) -> Delivery {
        let conversation = scene.request.conversation();
        let answer = match self.settings.agent {
            Agent::Brain if !agent::is_directed(&scene.request.last_user_text()) => {
                (self.brain)(&conversation)
            }
            Agent::Brain | Agent::Deterministic => agent::answer(&conversation),
        };
        self.reply(scene, &answer)
    }

    fn reply(&self, scene: &Scene, answer: &BrainAnswer) -> Delivery {
        let (dialect, form, pace) = (scene.knobs.dialect, scene.request.form(), &scene.knobs.pace);
        if !dialect.is_foreign() {
            return deliver(&chunks(answer, &scene.style, &self.ids), form, pace, &self.ids);
        }
        match form {
            Form::Events => {
                let events = dialect.events(answer, &scene.style, &self.ids);
                Delivery::stream(paced(events, pace, &self.ids))
            }
            Form::Whole => {
                let body = dialect.completion(answer, &scene.style, &self.ids).to_string();
                Delivery::whole(StatusCode::OK, JSON, body).after(first(pace, &self.ids))
            }
        }
    }

    fn fault(&self, scene: &Scene, fault: &FlakyFailure) -> Delivery {
        let delay = fault.delay.as_deref().unwrap_or("1s");
        self.written(scene, fault.name, self.fills(scene).with("delay", delay))
    }

    fn written(&self, scene: &Scene, name: &str, fills: Fills) -> Delivery {
        written(name, &fills, scene.request.form(), &scene.knobs.pace, &self.ids)
    }

    fn fills(&self, scene: &Scene) -> Fills {
        let (first, second) = scene.chosen.calls(&scene.request);
        Fills::samples().with_voice(&scene.style, &self.ids).with_calls(&first, &second)
    }
}
