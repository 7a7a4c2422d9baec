//! A real MCP server on a real socket, whose tools misbehave by name.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::any;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverRequestMethod,
    DiscoverResult, ElicitRequest, GetPromptRequestParams, GetPromptResponse, InputRequiredResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsRequestMethod,
    ListToolsResult, MetaObject, PaginatedRequestParams, ProgressNotificationParam,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, Resource, ResourceContents,
    ServerCapabilities, ServerConfig, ServerRequest, SubscriptionFilter, Tool, ToolAnnotations,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{Peer, ServerHandler};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::content::{self, Content};

/// How long the tools `hog` and `shed` keep the server to themselves.
pub(crate) const HOG: Duration = Duration::from_millis(1_500);

/// Which revisions a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Sessions, up to 2025-11-25; knows no `server/discover`, like most of its age.
    Sessions,
    /// The same, but it knows `server/discover` and answers that it is older.
    Pinned,
    /// 2026-07-28 too.
    Stateless,
}

/// A running server.
pub(crate) struct McpServer {
    pub(crate) address: SocketAddr,
    state: State,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct State {
    era: Era,
    tools: watch::Sender<Vec<&'static str>>,
    /// Definitions in place of those that their names give them.
    redefined: Arc<Mutex<Vec<Tool>>>,
    calls: Arc<Mutex<Vec<String>>>,
    content: watch::Sender<Content>,
    /// Without tools it does not know the request to list them.
    has_tools: bool,
    /// What persons answered in the middle of calls.
    got: Arc<Mutex<String>>,
    listings: Arc<AtomicUsize>,
    peers: Arc<Mutex<Vec<Peer<RoleServer>>>>,
    /// Held by the tool `hog`, and by a survey that hogs; nothing is listed meanwhile, as in a server with one thread.
    thread: Arc<tokio::sync::Mutex<()>>,
    sent_away: Arc<Mutex<Option<SentAway>>>,
    mood: Arc<Mutex<Option<Mood>>>,
    /// What tools say whose names end with `_words`, and the server itself if it says anything.
    words: Arc<Mutex<String>>,
    /// Opened by the test; the tool `gated` waits for it.
    gate: watch::Sender<bool>,
    /// Set by the tool `shed`; listing is refused meanwhile, as by a server that has no room.
    sheds: Arc<AtomicBool>,
}

/// How every request that asks for a tool, or every request, is answered instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Status(u16),
    Html,
    /// To another origin.
    Redirect,
    /// The answer breaks off before its first event.
    BreaksOff,
    Silent,
    /// Notifications without end.
    Floods,
    /// Calls alone: with so many parts of that many letters, in an answer that is no stream.
    Parts(usize, usize),
}

/// Who is not served.
#[derive(Clone)]
struct SentAway {
    credential: String,
    /// Where they are sent; `None` if they are refused.
    to: Option<String>,
}

impl McpServer {
    pub(crate) async fn start(era: Era, tools: &[&'static str]) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), era, tools).await
    }

    pub(crate) async fn start_at(address: SocketAddr, era: Era, tools: &[&'static str]) -> Self {
        Self::start_all(address, era, tools, Content::default()).await
    }

    /// With resources and prompts.
    pub(crate) async fn start_with(era: Era, tools: &[&'static str], content: Content) -> Self {
        Self::start_all(SocketAddr::from(([127, 0, 0, 1], 0)), era, tools, content).await
    }

    async fn start_all(
        address: SocketAddr,
        era: Era,
        tools: &[&'static str],
        content: Content,
    ) -> Self {
        let has_tools = !tools.is_empty();
        let tools = watch::Sender::new(tools.to_vec());
        let state = State {
            era,
            tools,
            redefined: Arc::default(),
            calls: Arc::default(),
            content: watch::Sender::new(content),
            has_tools,
            got: Arc::default(),
            listings: Arc::default(),
            peers: Arc::default(),
            thread: Arc::default(),
            sheds: Arc::default(),
            sent_away: Arc::default(),
            mood: Arc::default(),
            words: Arc::default(),
            gate: watch::Sender::new(false),
        };
        let stop = CancellationToken::new();
        let config =
            StreamableHttpServerConfig::default().with_cancellation_token(stop.child_token());
        let handler = state.clone();
        let service: StreamableHttpService<State, LocalSessionManager> =
            StreamableHttpService::new(move || Ok(handler.clone()), Arc::default(), config);
        let moved = any(async || Redirect::temporary("/mcp"));
        let app = axum::Router::new().nest_service("/mcp", service).route("/moved", moved);
        let away = middleware::from_fn_with_state(state.clone(), send_away);
        let moody = middleware::from_fn_with_state(state.clone(), in_a_mood);
        let app = app.layer(away).layer(moody);
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            axum::serve(listener, app).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { address, state, stop, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The tools called so far, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.calls.lock().unwrap().clone()
    }

    /// What it got in the middle of calls.
    pub(crate) fn got(&self) -> String {
        self.state.got.lock().unwrap().clone()
    }

    /// Cuts all its connections, and listens no more.
    pub(crate) fn cut(&self) {
        self.stop.cancel();
        self.task.abort();
    }

    /// How often its tools were listed.
    pub(crate) fn listings(&self) -> usize {
        self.state.listings.load(Ordering::Relaxed)
    }

    /// How many sessions were opened. Servers of the newer era have none.
    pub(crate) fn sessions(&self) -> usize {
        self.state.peers.lock().unwrap().len()
    }

    /// Lets calls of the tool `gated` end.
    pub(crate) fn open_gate(&self) {
        self.state.gate.send_replace(true);
    }

    pub(crate) async fn set_tools(&self, tools: &[&'static str]) {
        self.state.tools.send_replace(tools.to_vec());
        let peers = self.state.peers.lock().unwrap().clone();
        for peer in peers {
            // Whoever has left need not be told.
            drop(peer.notify_tool_list_changed().await);
        }
    }

    /// Replaces its resources and prompts, and announces both.
    pub(crate) async fn set_content(&self, content: Content) {
        self.state.content.send_replace(content);
        let peers = self.state.peers.lock().unwrap().clone();
        for peer in peers {
            drop(peer.notify_resource_list_changed().await);
            drop(peer.notify_prompt_list_changed().await);
        }
    }

    /// Defines a tool in another way, from the definition that it has, and announces it.
    pub(crate) async fn redefine(&self, name: &'static str, change: impl FnOnce(&mut Tool)) {
        let mut tool = tool(name);
        change(&mut tool);
        {
            let mut redefined = self.state.redefined.lock().unwrap();
            redefined.retain(|other| other.name != name);
            redefined.push(tool);
        }
        let tools = self.state.tools.borrow().clone();
        self.set_tools(&tools).await;
    }

    /// Serves whoever has this credential no longer: sends them there, or refuses them with 401.
    pub(crate) fn send_away(&self, credential: &str, to: Option<&str>) {
        let sent_away = SentAway { credential: credential.to_owned(), to: to.map(str::to_owned) };
        *self.state.sent_away.lock().unwrap() = Some(sent_away);
    }

    /// What it says of itself and in the results of some tools.
    pub(crate) fn set_words(&self, words: &str) {
        words.clone_into(&mut self.state.words.lock().unwrap());
    }

    /// Answers every request like that from now on, or as it should.
    pub(crate) fn set_mood(&self, mood: Option<Mood>) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// Pulls the plug: nobody listens at the address when this returns.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.abort();
        self.task.await.unwrap_or_default();
    }
}

async fn in_a_mood(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let mood = *state.mood.lock().unwrap();
    match mood {
        None => next.run(request).await,
        Some(Mood::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Mood::Html) => Html("<h1>Welcome</h1>").into_response(),
        Some(Mood::Redirect) => Redirect::temporary("http://127.0.0.2:9/mcp").into_response(),
        Some(Mood::BreaksOff) => {
            let end = futures::stream::once(async { Err::<&str, _>(std::io::Error::other("off")) });
            ([("content-type", "text/event-stream")], Body::from_stream(end)).into_response()
        }
        Some(Mood::Silent) => std::future::pending().await,
        Some(Mood::Parts(parts, letters)) => answer_calls(parts, letters, request, next).await,
        Some(Mood::Floods) => {
            let told = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
            let many = Bytes::from(format!("data: {told}\n\n").repeat(1_000));
            let flood = futures::stream::repeat_with(move || Ok::<_, Infallible>(many.clone()));
            ([("content-type", "text/event-stream")], Body::from_stream(flood)).into_response()
        }
    }
}

async fn answer_calls(parts: usize, letters: usize, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    if asked["method"] != "tools/call" {
        return next.run(Request::from_parts(head, body.into())).await;
    }
    let part = json!({ "type": "text", "text": "x".repeat(letters) }).to_string();
    let (id, content) = (&asked["id"], vec![part; parts].join(","));
    let result = format!(r#"{{"resultType":"complete","content":[{content}]}}"#);
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
    ([("content-type", "application/json")], answer).into_response()
}

async fn send_away(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let credential = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    let sent_away = state.sent_away.lock().unwrap().clone();
    match sent_away.filter(|unwanted| credential == Some(&unwanted.credential)) {
        Some(SentAway { to: Some(to), .. }) => Redirect::temporary(&to).into_response(),
        Some(SentAway { to: None, .. }) => StatusCode::UNAUTHORIZED.into_response(),
        None => next.run(request).await,
    }
}

impl ServerHandler for State {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        if !self.has_tools {
            capabilities.tools = None;
        }
        self.content.borrow().told_in(&mut capabilities);
        let words = self.words.lock().unwrap().clone();
        let config = ServerConfig::new(capabilities);
        if words.is_empty() { config } else { config.with_instructions(words) }
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        match self.era {
            Era::Pinned => Cow::Borrowed(&[ProtocolVersion::V_2025_11_25]),
            Era::Sessions | Era::Stateless => Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS),
        }
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        match self.era {
            Era::Sessions => Err(ErrorData::method_not_found::<DiscoverRequestMethod>()),
            Era::Pinned | Era::Stateless => {
                Ok(DiscoverResult::from_server_info(versions, self.get_info()))
            }
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.peers.lock().unwrap().push(context.peer);
    }

    fn accepted_subscription_filter(
        &self,
        wanted: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(wanted.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let (mut tools, mut things) = (self.tools.subscribe(), self.content.subscribe());
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = tools.changed() => {
                    changed.unwrap();
                    context.sink().notify_tool_list_changed().await.unwrap();
                }
                changed = things.changed() => {
                    changed.unwrap();
                    context.sink().notify_resource_list_changed().await.unwrap();
                }
            }
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.listings.fetch_add(1, Ordering::Relaxed);
        if !self.has_tools {
            return Err(ErrorData::method_not_found::<ListToolsRequestMethod>());
        }
        if self.sheds.load(Ordering::Relaxed) {
            return Err(ErrorData::internal_error("too busy", None));
        }
        let _thread = self.thread.lock().await;
        let redefined = self.redefined.lock().unwrap().clone();
        let defined = |name: &&'static str| {
            redefined.iter().find(|it| it.name == *name).cloned().unwrap_or_else(|| tool(name))
        };
        let tools = self.tools.borrow().iter().map(defined).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn list_resources(
        &self,
        asked: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let content = self.content.borrow().clone();
        content.list_resources(asked).await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let content = self.content.borrow().clone();
        content.list_templates().await
    }

    async fn list_prompts(
        &self,
        asked: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let content = self.content.borrow().clone();
        content.list_prompts(asked).await
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.calls.lock().unwrap().push(asked.uri.clone());
        content::read(&asked.uri).await
    }

    async fn get_prompt(
        &self,
        asked: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.calls.lock().unwrap().push(format!("prompt {}", asked.name));
        Ok(content::prompt(asked))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.calls.lock().unwrap().push(request.name.to_string());
        if request.name == "hog" {
            let _thread = self.thread.lock().await;
            tokio::time::sleep(HOG).await;
        }
        if request.name == "shed" {
            self.sheds.store(true, Ordering::Relaxed);
            tokio::time::sleep(HOG).await;
            self.sheds.store(false, Ordering::Relaxed);
        }
        if request.name == "gated" {
            self.gate.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        }
        report(&request.name, &context).await;
        if request.name == "waits" {
            context.ct.cancelled().await;
            self.calls.lock().unwrap().push("cancelled".to_owned());
        }
        if request.name == "ask" {
            return Ok(CallToolResponse::InputRequired(InputRequiredResult::from_request_state(
                "x",
            )));
        }
        let words = self.words.lock().unwrap().clone();
        if let Some(result) = in_words(&request.name, words) {
            return Ok(CallToolResponse::Complete(result));
        }
        if request.name.ends_with("survey") {
            return self.survey(request, &context).await;
        }
        let result = answer(&request.name, request.arguments.unwrap_or_default(), &context).await?;
        Ok(CallToolResponse::Complete(result))
    }
}

/// A test's words, in each of the places that a result has for them.
fn in_words(tool: &str, words: String) -> Option<CallToolResult> {
    let block = match tool {
        "read_words" => ContentBlock::text(words),
        "read_file_words" => ContentBlock::text(json!([{ "name": words, "size": 7 }]).to_string()),
        "read_link_words" => ContentBlock::resource_link(Resource::new(words.clone(), words)),
        "read_refusal_words" => {
            return Some(CallToolResult::error(vec![ContentBlock::text(words)]));
        }
        _ => return None,
    };
    Some(CallToolResult::success(vec![block]))
}

impl State {
    /// Asks the person what the arguments say (`forms`, by their names), and answers with what it got.
    /// In the newer era with a state that it wants back, in as many rounds as `rounds` says; in the
    /// older one in the middle of the call: with a picture and so many letters as `filler` says, and it
    /// lists nothing meanwhile if it `hogs`.
    async fn survey(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let forms = arguments["forms"].as_object().cloned().unwrap_or_default();
        let wanted = |form: &Value| {
            let mut params = json!({ "mode": "form" });
            let given = form.as_object().cloned().unwrap_or_default();
            params.as_object_mut().unwrap().extend(given);
            params
        };
        if self.era != Era::Stateless {
            let forms = forms.iter().map(|(name, form)| (name.clone(), wanted(form))).collect();
            return Ok(self.survey_midway(forms, &arguments, context).await);
        }
        let round =
            request.request_state.as_deref().and_then(|it| it.rsplit(' ').next()?.parse().ok());
        let round: u64 = round.unwrap_or_default();
        if round > 0 && round >= arguments.get("rounds").and_then(Value::as_u64).unwrap_or(1) {
            let (state, responses) = (request.request_state, request.input_responses);
            return Ok(told(&json!({ "state": state, "responses": responses })));
        }
        let requests = forms.iter().map(|(name, form)| {
            let method = form.get("method").and_then(Value::as_str).unwrap_or("elicitation/create");
            (name.clone(), json!({ "method": method, "params": wanted(form) }))
        });
        let requests = serde_json::from_value(Value::Object(requests.collect())).unwrap();
        let filler = arguments.get("filler").and_then(Value::as_u64).unwrap_or_default();
        let state = format!("{}secret {}", "x".repeat(usize::try_from(filler).unwrap()), round + 1);
        Ok(CallToolResponse::InputRequired(InputRequiredResult::new(Some(requests), Some(state))))
    }

    async fn survey_midway(
        &self,
        forms: Vec<(String, Value)>,
        arguments: &Map<String, Value>,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let hogs = arguments.get("hogs").is_some_and(|it| *it == true);
        let _thread = if hogs { Some(self.thread.lock().await) } else { None };
        let mut responses = Map::new();
        for (name, form) in forms {
            let params = serde_json::from_value(form).unwrap();
            let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
            let got = context.peer.send_request(request).await;
            let got = got.map_or_else(|error| json!(error.to_string()), |got| json!(got));
            self.got.lock().unwrap().push_str(&got.to_string());
            responses.insert(name, got);
        }
        let text = ContentBlock::text(json!({ "responses": responses }).to_string());
        let mut blocks = vec![text];
        if let Some(letters) = arguments.get("filler").and_then(Value::as_u64) {
            blocks.push(ContentBlock::text("x".repeat(usize::try_from(letters).unwrap())));
            blocks.push(ContentBlock::image(picture(64), "image/png"));
        }
        CallToolResponse::Complete(CallToolResult::success(blocks))
    }
}

fn told(what: &Value) -> CallToolResponse {
    CallToolResponse::Complete(CallToolResult::success(vec![ContentBlock::text(what.to_string())]))
}

async fn answer(
    name: &str,
    arguments: Map<String, Value>,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let text = |text: String| Ok(CallToolResult::success(vec![ContentBlock::text(text)]));
    match name {
        "hang" => std::future::pending().await,
        "read_broken" | "write_broken" => Err(ErrorData::internal_error("out of paper", None)),
        "slow" => {
            let token = context.meta.get_progress_token().unwrap();
            for (progress, words) in [(1.0, "reading"), (2.0, "writing")] {
                let news = ProgressNotificationParam::new(token.clone(), progress)
                    .with_total(4.0)
                    .with_message(words);
                context.peer.notify_progress(news).await.unwrap();
            }
            text("done".to_owned())
        }
        "key" | "keyless" => text(said(context, "orchestrator/idempotency-key")),
        "owner" => text(said(context, "orchestrator/owner")),
        "refuse" => Ok(CallToolResult::error(vec![ContentBlock::text("no\u{7} such thing")])),
        "invalid" => Err(ErrorData::invalid_params("what is that?", None)),
        "long" => text("é".repeat(50_000)),
        "read_book" => text(book(&arguments)),
        "read_aloud" => text(arguments["text"].as_str().unwrap().to_owned()),
        "read_pictures" | "read_links" => Ok(media(name, &arguments)),
        "picture" => {
            let picture = ContentBlock::image(picture(16_000), "image/png");
            Ok(CallToolResult::success(vec![ContentBlock::text("look:"), picture]))
        }
        "blocks" => Ok(CallToolResult::success(vec![ContentBlock::text("x"); 300_000])),
        "many" => Ok(CallToolResult::success(vec![ContentBlock::text("x"); 3_000])),
        "rich" => Ok(rich()),
        "structured" => {
            let mut result = CallToolResult::success(Vec::new());
            result.structured_content = Some(json!({"answer": 42}));
            Ok(result)
        }
        "auth" => text(header(context, "authorization")),
        "header" => text(header(context, "x-key")),
        _ => text(Value::Object(arguments).to_string()),
    }
}

/// Reports progress, if the tool is one that does, as long as somebody listens.
async fn report(name: &str, context: &RequestContext<RoleServer>) {
    let (times, pause) = match name {
        "steady" => (10, Duration::from_millis(100)),
        "restless" => (u32::MAX, Duration::from_millis(50)),
        _ => return,
    };
    let token = context.meta.get_progress_token().unwrap();
    for step in 1..=times {
        tokio::time::sleep(pause).await;
        let news = ProgressNotificationParam::new(token.clone(), f64::from(step));
        if context.peer.notify_progress(news).await.is_err() {
            return;
        }
    }
}

/// As many lines as are asked for, each with its number.
pub(crate) fn book(arguments: &Map<String, Value>) -> String {
    let lines = arguments["lines"].as_u64().unwrap();
    let lines: Vec<_> = (1..=lines).map(|n| format!("Line {n} of the book.\n")).collect();
    lines.concat()
}

/// So many letters of base64, which begin as a PNG does.
pub(crate) fn picture(letters: usize) -> String {
    format!("iVBORw0KGgo{}", "A".repeat(letters - 11))
}

fn media(name: &str, arguments: &Map<String, Value>) -> CallToolResult {
    if name == "read_links" { links(arguments) } else { pictures(arguments) }
}

/// Links by their names, and a sound.
fn links(arguments: &Map<String, Value>) -> CallToolResult {
    let link = |(name, uri): (&String, &Value)| {
        ContentBlock::resource_link(Resource::new(uri.as_str().unwrap(), name.clone()))
    };
    let mut blocks: Vec<_> = arguments.iter().map(link).collect();
    blocks.push(ContentBlock::audio("A".repeat(4_000), "audio/wav"));
    CallToolResult::success(blocks)
}

/// As many as are asked for, of the kind and the bytes that are asked for, as images and as resources.
fn pictures(arguments: &Map<String, Value>) -> CallToolResult {
    let base64 = arguments["base64"].as_str().unwrap();
    let kind = arguments.get("kind").and_then(Value::as_str).unwrap_or("image/png");
    let count = usize::try_from(arguments["count"].as_u64().unwrap()).unwrap();
    let one = if arguments.contains_key("uri") {
        let uri = arguments["uri"].as_str().unwrap();
        ContentBlock::resource(ResourceContents::blob(base64, uri).with_mime_type(kind))
    } else {
        ContentBlock::image(base64, kind)
    };
    CallToolResult::success(vec![one; count])
}

fn header(context: &RequestContext<RoleServer>, name: &str) -> String {
    let parts = context.extensions.get::<Parts>().unwrap();
    let header = parts.headers.get(name).and_then(|it| it.to_str().ok());
    header.unwrap_or("none").to_owned()
}

/// What was said beside the arguments.
fn said(context: &RequestContext<RoleServer>, name: &str) -> String {
    context.meta.get(name).and_then(Value::as_str).unwrap_or("none").to_owned()
}

/// Text, and all that may come beside it.
fn rich() -> CallToolResult {
    let link = Resource::new("file:///readme", "readme").with_mime_type("text/plain");
    let picture = ContentBlock::image(picture(16_000), "image/png");
    let blocks = vec![ContentBlock::text("look"), ContentBlock::resource_link(link), picture];
    let mut result = CallToolResult::success(blocks);
    result.structured_content = Some(json!({"answer": 42}));
    result
}

fn tool(name: &'static str) -> Tool {
    let kind = ("type".to_owned(), json!("object"));
    let properties = (name == "picky").then(|| ("properties".to_owned(), picky()));
    let schema: Map<_, _> = [kind].into_iter().chain(properties).collect();
    let hints = match name {
        "silent" => None,
        "mild" => Some(ToolAnnotations::new().idempotent(true).destructive(false)),
        _ => Some(ToolAnnotations::new().read_only(name.starts_with("read_"))),
    };
    let mut tool = Tool::new(name, "d".repeat(2_000), schema);
    tool.annotations = hints;
    if name == "key" {
        let mut honours = MetaObject::new();
        honours.insert("orchestrator/idempotency".to_owned(), json!({}));
        tool.meta = Some(honours);
    }
    tool
}

/// Arguments that a model may be unable to write but as text.
fn picky() -> Value {
    json!({
        "map": { "type": "object", "additionalProperties": true },
        "referred": { "$ref": "#/properties/map" },
        "maybe": { "type": ["integer", "null"] },
        "either": { "oneOf": [{ "type": "boolean" }, { "type": "number" }] },
        "perhaps": { "anyOf": [{ "$ref": "#/properties/model" }, { "type": "null" }] },
        "model": { "type": "object", "properties": { "many": { "type": "integer" } } },
        "one_of": { "enum": [1, 2, "3"] },
        "list": { "type": "array", "items": { "type": "object" } },
        "anything": {},
        "text": { "type": "string" },
        "both": { "type": ["object", "string"] },
    })
}
