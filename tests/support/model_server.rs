//! The bundled offline model on a port of its own, for every test that needs a model.

use std::time::Duration;

use demo::{BrainAnswer, Conversation, EmulateSettings, Said, Settings, serve};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::watchdog::{Held, Watchdog};

/// A running model; it ends when this is dropped.
pub(crate) struct ModelServer {
    /// What `GEMINI_BASE_URL` would be.
    pub(crate) base_url: String,
    origin: String,
    http: Client,
    _stop: DropGuard,
    _held: Held,
}

/// A whole answer, read to its end.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl ModelServer {
    /// Starts a model with these settings.
    pub(crate) async fn start(settings: Settings) -> Self {
        let _already_there = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, settings, stop.clone()));
        Self {
            base_url: format!("{origin}/v1beta/openai"),
            origin,
            http: Client::new(),
            _stop: stop.drop_guard(),
            _held: Held::new(),
        }
    }

    /// Starts a strict emulation whose brain repeats what it heard.
    pub(crate) async fn emulate() -> Self {
        Self::start(Settings::emulate(echo, EmulateSettings::default())).await
    }

    /// Lines up answers.
    pub(crate) async fn script(&self, entries: &[Value]) {
        let body = Value::from(entries.to_vec()).to_string();
        let response = self.send(Method::POST, "/_fake/script", &body, &[]).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }

    /// Everything that was asked, oldest first.
    pub(crate) async fn log(&self) -> Vec<Value> {
        self.log_at("/_fake/log").await
    }

    /// The same, once a port that refused connections takes them again.
    pub(crate) async fn log_once_open(&self) -> Vec<Value> {
        let watchdog = Watchdog::new();
        while self.http.get(&self.origin).send().await.is_err() {
            watchdog.check("the port is open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.log().await
    }

    /// What one test asked: by its `x-test-id` or by a word of the person's.
    pub(crate) async fn log_of(&self, test: &str) -> Vec<Value> {
        self.log_at(&format!("/_fake/log?test={test}")).await
    }

    /// The log of one test once none of its requests is open.
    pub(crate) async fn settled_log_of(&self, test: &str) -> Vec<Value> {
        let mut log = self.log_of(test).await;
        for _ in 0..1_000 {
            if log.iter().all(|request| request.get("ended") != Some(&json!("open"))) {
                break;
            }
            log = self.log_of(test).await;
        }
        log
    }

    /// Asks for a chat completion and reads the answer to its end.
    pub(crate) async fn chat(&self, body: &Value) -> Heard {
        self.chat_with(body, &[]).await
    }

    /// The same with headers of one's own.
    pub(crate) async fn chat_with(&self, body: &Value, headers: &[(&str, &str)]) -> Heard {
        heard(self.open_chat(body, headers).await.unwrap()).await
    }

    /// Asks for a chat completion and leaves the answer to be read.
    pub(crate) async fn open_chat(
        &self,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Response> {
        let url = format!("{}/chat/completions", self.base_url);
        let mut request = self.http.post(url).body(body.to_string());
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", "Bearer test-key");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await
    }

    /// Any other request.
    pub(crate) async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Heard {
        heard(self.send(method, path, "", headers).await).await
    }

    async fn log_at(&self, path: &str) -> Vec<Value> {
        let text = self.send(Method::GET, path, "", &[]).await.text().await.unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        log.get("requests").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Response {
        let url = format!("{}{path}", self.origin);
        let mut request = self.http.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

impl Heard {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The chunks of a stream, without `[DONE]`.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let data = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// Every call of a stream.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let calls = self.chunks();
        let calls = calls
            .iter()
            .filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls")?.as_array().cloned());
        calls.flatten().collect()
    }

    /// All content of a stream.
    pub(crate) fn content(&self) -> String {
        let chunks = self.chunks();
        let content = chunks.iter().filter_map(|c| c.pointer("/choices/0/delta/content")?.as_str());
        content.collect()
    }
}

/// A brain that says what the person said last.
pub(crate) fn echo(conversation: &Conversation) -> BrainAnswer {
    let last = conversation.said.iter().rev().find_map(|said| match said {
        Said::User(text) => Some(text.as_str()),
        Said::Assistant { .. } | Said::Tool { .. } => None,
    });
    let text = format!("You said: {}", last.unwrap_or_default());
    BrainAnswer { thoughts: vec!["Listening.".to_owned()], text, calls: vec![] }
}

/// A streamed request with one message of the person's.
pub(crate) fn asking(model: &str, text: &str) -> Value {
    json!({
        "messages": [{ "content": text, "role": "user" }],
        "model": model,
        "stream": true,
        "stream_options": { "include_usage": true },
    })
}

async fn heard(response: Response) -> Heard {
    let header = |name| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    Heard {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        retry_after: header("retry-after"),
        text: response.text().await.unwrap_or_else(|error| format!("broken: {error}")),
    }
}
