//! The tools as MCP sees them. Rules of fields are in `rules`, statements in `store`.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, Implementation, ListPromptsRequestMethod,
    ListPromptsResult, ListResourceTemplatesRequestMethod, ListResourceTemplatesResult,
    ListResourcesRequestMethod, ListResourcesResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt, tool, tool_handler, tool_router};

use super::arguments::{CreateTodo, ListChanges, ListTodos, TodoId, UndoChange, UpdateTodo};
use super::key::{self, GivenAuthor};
use super::open::{Settings, StartError, open};
use super::owner::{Channel, GivenOwner};
use super::refusal::Refusal;
use super::rules;
use super::store::{Store, now};
use super::value::{
    ChangeList, ChangeView, Deleted, Saved, Todo, TodoList, TodoStatus, TodoView, Undone,
};

const INSTRUCTIONS: &str = "Keeps one person's todos. Find a todo with list_todos before you \
change, complete or delete it, and use its id. Due times are days (2026-11-22) or the person's \
local times (2026-11-22T17:00). Every change can be undone with undo_change.";

/// How rmcp's message about arguments of the wrong type begins.
const MISFIT: &str = "failed to deserialize parameters:";

/// Clones share one database.
#[derive(Clone, Debug)]
pub struct TodoServer {
    store: Store,
    channel: Channel,
    tool_router: ToolRouter<Self>,
}

impl TodoServer {
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        let (store, channel) = (open(settings).await?, Channel::Pipe);
        Ok(Self { store, channel, tool_router: Self::tool_router() })
    }

    pub(super) fn over(self, channel: Channel) -> Self {
        Self { channel, ..self }
    }

    pub(super) const fn channel(&self) -> Channel {
        self.channel
    }

    pub(super) async fn is_well(&self) -> bool {
        self.store.is_well().await
    }
}

/// Serves on standard input and output until the input ends. Boxed, so that it is compiled here and
/// not again in each package that calls it (ADR 28).
pub fn serve_stdio(settings: Settings) -> BoxFuture<'static, Result<(), StartError>> {
    stdio(settings).boxed()
}

async fn stdio(settings: Settings) -> Result<(), StartError> {
    let server = TodoServer::open(&settings).await?;
    let session = |error| StartError::Session(error);
    let running = match server.serve(rmcp::transport::stdio()).await {
        Ok(running) => running,
        // The input ended before a session began: not a fault.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(session(Box::new(error))),
    };
    running.waiting().await.map(drop).map_err(|error| session(Box::new(error)))
}

#[tool_router]
impl TodoServer {
    #[tool(
        description = "Add one todo. Call it once for each thing to do.",
        annotations(
            title = "Add a todo",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        ),
        meta = key::mark()
    )]
    async fn create_todo(
        &self,
        author: GivenAuthor,
        arguments: Parameters<CreateTodo>,
    ) -> Result<Json<Saved>, String> {
        let (author, todo) = (author.0?, arguments.0.into_todo(now())?);
        Ok(Json(self.store.create(&author, todo).await?))
    }

    #[tool(
        description = "List todos, filtered, sorted and in pages; without arguments the first 50 \
                       of all. total counts all that match; next_offset is there if more follow.",
        annotations(title = "List todos", read_only_hint = true, open_world_hint = false)
    )]
    async fn list_todos(
        &self,
        owner: GivenOwner,
        arguments: Parameters<ListTodos>,
    ) -> Result<Json<TodoList>, String> {
        let (owner, filter) = (owner.0?, arguments.0.into_filter()?);
        let (todos, total) = self.store.list(&owner, &filter).await?;
        let seen = filter.offset.saturating_add(i64::try_from(todos.len()).unwrap_or(i64::MAX));
        let next_offset = (!todos.is_empty() && seen < total).then_some(seen);
        let todos = todos.into_iter().map(TodoView::from).collect();
        Ok(Json(TodoList { todos, total, next_offset }))
    }

    #[tool(
        description = "Get one todo by its id.",
        annotations(title = "Get a todo", read_only_hint = true, open_world_hint = false)
    )]
    async fn get_todo(
        &self,
        owner: GivenOwner,
        arguments: Parameters<TodoId>,
    ) -> Result<Json<TodoView>, String> {
        let (owner, id) = (owner.0?, rules::id(&arguments.0.id)?);
        Ok(Json(self.store.get(&owner, id).await?.into()))
    }

    #[tool(
        description = "Change fields of a todo; what is left out stays as it is. It can be undone \
                       for 30 days.",
        annotations(
            title = "Change a todo",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        meta = key::mark()
    )]
    async fn update_todo(
        &self,
        author: GivenAuthor,
        arguments: Parameters<UpdateTodo>,
    ) -> Result<Json<Saved>, String> {
        let (author, id) = (author.0?, arguments.0.id.clone());
        let change = arguments.0.check()?;
        Ok(Json(self.store.change(&author, rules::id(&id)?, change).await?))
    }

    #[tool(
        description = "Mark a todo as done. Doing so again changes nothing.",
        annotations(
            title = "Complete a todo",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        ),
        meta = key::mark()
    )]
    async fn complete_todo(
        &self,
        author: GivenAuthor,
        arguments: Parameters<TodoId>,
    ) -> Result<Json<Saved>, String> {
        let (author, id) = (author.0?, rules::id(&arguments.0.id)?);
        let complete = |todo: &mut Todo, now| todo.set_status(TodoStatus::Done, now);
        Ok(Json(self.store.change(&author, id, complete).await?))
    }

    #[tool(
        description = "Delete a todo: it goes to the trash, for 30 days. To mark it as done, use \
                       complete_todo.",
        annotations(
            title = "Delete a todo",
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = false,
            open_world_hint = false
        ),
        meta = key::mark()
    )]
    async fn delete_todo(
        &self,
        author: GivenAuthor,
        arguments: Parameters<TodoId>,
    ) -> Result<Json<Deleted>, String> {
        let (author, id) = (author.0?, rules::id(&arguments.0.id)?);
        let deleted = self.store.delete(&author, id).await?.todo;
        Ok(Json(Deleted { deleted }))
    }

    #[tool(
        description = "Take a deleted todo out of the trash. list_todos with the status deleted \
                       has its id.",
        annotations(
            title = "Restore a todo",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        ),
        meta = key::mark()
    )]
    async fn restore_todo(
        &self,
        author: GivenAuthor,
        arguments: Parameters<TodoId>,
    ) -> Result<Json<Saved>, String> {
        let (author, id) = (author.0?, rules::id(&arguments.0.id)?);
        Ok(Json(self.store.restore(&author, id).await?))
    }

    #[tool(
        description = "Undo the last change that was made, or the one that is named. Call it again \
                       to undo the change before. Undoing the number of an undoing does it again.",
        annotations(
            title = "Undo a change",
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        ),
        meta = key::mark()
    )]
    async fn undo_change(
        &self,
        author: GivenAuthor,
        arguments: Parameters<UndoChange>,
    ) -> Result<Json<Undone>, String> {
        Ok(Json(self.store.undo(&author.0?, arguments.0.change).await?))
    }

    #[tool(
        description = "List what was changed in the last 30 days, the newest first.",
        annotations(title = "List changes", read_only_hint = true, open_world_hint = false)
    )]
    async fn list_changes(
        &self,
        owner: GivenOwner,
        arguments: Parameters<ListChanges>,
    ) -> Result<Json<ChangeList>, String> {
        let (owner, page) = (owner.0?, arguments.0.into_page()?);
        let (changes, more_follow) = self.store.changes(&owner, &page).await?;
        let next_offset = more_follow.then(|| page.offset.saturating_add(page.limit));
        let changes = changes.into_iter().map(ChangeView::from).collect();
        Ok(Json(ChangeList { changes, next_offset }))
    }
}

#[tool_handler]
impl ServerHandler for TodoServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("orchestrator-todo", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    // rmcp answers these with empty lists, as if they were supported. We declare only tools.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    /// rmcp never answers a call whose handler panics, so the client would wait forever (ADR 1).
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = self.tool_router.call(ToolCallContext::new(self, request, context));
        let answer = AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("A tool panicked");
            Ok(refused(&Refusal::Failed))
        })?;
        Ok(misfit(&answer).map_or(answer, |refusal| refused(&refusal)))
    }
}

/// Replaces rmcp's message about wrong arguments by ours.
fn misfit(answer: &CallToolResponse) -> Option<Refusal> {
    let CallToolResponse::Complete(result) = answer else { return None };
    let text = &result.content.first()?.as_text()?.text;
    let account = text.strip_prefix(MISFIT).filter(|_| result.is_error == Some(true))?;
    Some(Refusal::arguments(account))
}

fn refused(refusal: &Refusal) -> CallToolResponse {
    CallToolResult::error(vec![ContentBlock::text(refusal.to_string())]).into()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use rmcp::ServiceExt;
    use rmcp::handler::server::common::schema_for_empty_input;
    use rmcp::handler::server::tool::ToolRoute;
    use rmcp::model::{CallToolRequestParams, Tool};

    use super::{Settings, TodoServer};

    #[tokio::test]
    async fn a_panic_in_a_tool_is_answered() {
        let settings =
            Settings { database_url: "memory".to_owned(), allowed_hosts: Vec::new(), tokens: None };
        let mut server = TodoServer::open(&settings).await.unwrap();
        let tool = Tool::new("boom", "", schema_for_empty_input());
        let boom = ToolRoute::new_dyn(tool, |_| async { panic!("secret") }.boxed());
        server.tool_router.add_route(boom);
        let (here, there) = tokio::io::duplex(4096);
        drop(tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await }));
        let client = ().serve(here).await.unwrap();

        let answer = client.call_tool(CallToolRequestParams::new("boom")).await.unwrap();

        let told =
            "The todo server failed, so whether this was done is unknown. Check with list_todos.";
        assert_eq!(answer.is_error, Some(true));
        assert_eq!(answer.content[0].as_text().unwrap().text, told);
        let next = client.call_tool(CallToolRequestParams::new("list_todos")).await.unwrap();
        assert_eq!(next.is_error, Some(false));
    }
}
