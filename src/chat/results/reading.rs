//! The built-in tool that reads on in a long result. Offered once the model reads a note of one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{PageRange, Resource, ResultPage, Store, ThreadsError};
use super::search::Search;
use base::agents::{ExtendedCatalog, PageNote, ToolError, ToolRequest, Tools};
use base::domain::{
    BuiltInTool, Catalog, Hints, Message, ResultId, Tool, ToolCall, ToolId, ToolOrigin, ToolOutput,
    Trust,
};

const OURS: ToolOrigin = ToolOrigin::BuiltIn(BuiltInTool::ReadResult);

/// In characters.
const MAX_FIND: usize = 200;

/// Pages that a search reads at once.
const SEARCHED_PAGES: usize = 8;

const DESCRIPTION: &str = "Read on in a long tool result of this conversation that was given to you \
in pages: one page, or the places where some words occur in all of its pages. A result that ends with \
a note about its pages has the id.";

/// The tools of one turn, and this one in addition. Above the journal, whose answers have notes too.
pub(crate) struct ReadableResults {
    tools: Arc<dyn Tools>,
    store: Arc<dyn Store>,
    thread: Resource,
    is_offered: AtomicBool,
    offered: ExtendedCatalog,
}

#[derive(Deserialize)]
struct ReadResultArguments {
    id: ResultId,
    #[serde(default)]
    page: Option<usize>,
    #[serde(default)]
    find: Option<String>,
}

impl ReadableResults {
    /// `transcript` is what the model reads already.
    pub(crate) fn new(
        tools: Arc<dyn Tools>,
        store: Arc<dyn Store>,
        thread: Resource,
        transcript: &[Message],
    ) -> Self {
        let results = transcript.iter().filter_map(Message::results).flatten();
        let is_offered = results.into_iter().any(|result| PageNote::find(&result.output).is_some());
        Self {
            tools,
            store,
            thread,
            is_offered: AtomicBool::new(is_offered),
            offered: ExtendedCatalog::default(),
        }
    }

    async fn read(&self, call: &ToolCall) -> Result<ToolOutput, ToolError> {
        let asked =
            call.object().and_then(|it| ReadResultArguments::deserialize(Value::Object(it)).ok());
        let ReadResultArguments { id, page, find } = asked.ok_or(ToolError::ReadArguments)?;
        let find = find.filter(|words| !words.is_empty());
        match (page, find) {
            (page, None) => self.read_page(id, page.unwrap_or(1)).await,
            (_, Some(words)) if words.chars().count() <= MAX_FIND => self.search(id, &words).await,
            (_, Some(_)) => Err(ToolError::ReadArguments),
        }
    }

    async fn read_page(&self, id: ResultId, page: usize) -> Result<ToolOutput, ToolError> {
        let found = self.pages(&id, PageRange { first: page, count: 1 }).await?;
        let Some(found) = found.into_iter().next() else {
            return Err(self.why_there_is_none(&id).await?);
        };
        let ResultPage { number: page, pages, origin, text } = found;
        Ok(told(text + &PageNote { id, page, pages }.to_string(), origin))
    }

    async fn search(&self, id: ResultId, words: &str) -> Result<ToolOutput, ToolError> {
        let (mut search, mut first) = (Search::new(words), 1);
        let (mut all, mut origin) = (0, None);
        while !search.is_full() {
            let found = self.pages(&id, PageRange { first, count: SEARCHED_PAGES }).await?;
            let Some(last) = found.last() else { break };
            (first, all, origin) = (last.number + 1, last.pages, last.origin.clone());
            for page in &found {
                search.look_in(page);
            }
        }
        if all == 0 {
            return Err(ToolError::NoSuchResult);
        }
        Ok(told(search.told(&id, all), origin))
    }

    async fn why_there_is_none(&self, id: &ResultId) -> Result<ToolError, ToolError> {
        let first = self.pages(id, PageRange { first: 1, count: 1 }).await?;
        let why = |page: &ResultPage| ToolError::NoSuchPage(page.pages);
        Ok(first.first().map_or(ToolError::NoSuchResult, why))
    }

    async fn pages(&self, id: &ResultId, range: PageRange) -> Result<Vec<ResultPage>, ToolError> {
        self.store.pages(&self.thread, id, range).await.map_err(|error: ThreadsError| {
            tracing::warn!(error = &error as &dyn std::error::Error, "A long result was not read");
            ToolError::Unavailable
        })
    }
}

impl Tools for ReadableResults {
    fn settled(&self) -> BoxFuture<'_, ()> {
        self.tools.settled()
    }

    fn catalog(&self) -> Arc<Catalog> {
        let others = self.tools.catalog();
        if self.is_offered.load(Ordering::Relaxed) { self.offered.of(others, tool) } else { others }
    }

    fn give_up(&self, ticket: &str) {
        self.tools.give_up(ticket);
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        async move {
            let call = request.call;
            if call.tool.is_none() && call.name == BuiltInTool::ReadResult.name() {
                return self.read(call).await;
            }
            let answer = self.tools.call(request).await;
            if answer.as_ref().is_ok_and(|output| PageNote::find(&output.text).is_some()) {
                self.is_offered.store(true, Ordering::Relaxed);
            }
            answer
        }
        .boxed()
    }
}

/// In the name of who said it: a page taints as the whole result does (ADR 48).
fn told(text: String, origin: Option<ToolId>) -> ToolOutput {
    ToolOutput::plain(text, origin.map_or(OURS, ToolOrigin::Server))
}

fn tool() -> Tool {
    Tool {
        name: BuiltInTool::ReadResult.name().to_owned(),
        title: None,
        description: DESCRIPTION.to_owned(),
        schema: Arc::clone(&SCHEMA),
        origin: OURS,
        hints: Hints { read_only: true, destructive: false, idempotent: true, open_world: false },
        is_annotated: true,
        tells_reach: true,
        trust: Trust::Bundled,
        approval: None,
        honours_keys: false,
    }
}

static SCHEMA: LazyLock<Arc<Value>> = LazyLock::new(|| {
    Arc::new(json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "The id of the result, as its note has it." },
            "page": { "type": "integer", "description": "The number of a page, from 1 on." },
            "find": {
                "type": "string",
                "description": "Words to find in all pages instead of reading one; letters of \
                    either case are the same.",
            },
        },
        "required": ["id"],
    }))
});
