//! Keeps what is too long of a tool's answer, and gives the model the first page.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::{Lease, LongResult, Store};
use base::agents::{PAGE_BYTES, PageNote, ToolError, ToolRequest, Tools, pages_of};
use base::domain::{Catalog, ResultId, ThreadId, ToolCall, ToolOutput};

/// In bytes: what is longer is cut, whoever the tools are. With room for what the adapter says of what
/// it left out.
const MAX_RESULT: usize = 2 * 1024 * 1024 + 1024;

/// The tools of one turn. The journal is above them, so it has a page and its note, not megabytes.
pub(crate) struct PagedTools {
    tools: Arc<dyn Tools>,
    store: Arc<dyn Store>,
    thread: ThreadId,
    lease: Lease,
}

impl PagedTools {
    pub(crate) fn new(
        tools: Arc<dyn Tools>,
        store: Arc<dyn Store>,
        thread: ThreadId,
        lease: Lease,
    ) -> Self {
        Self { tools, store, thread, lease }
    }

    async fn paged(&self, mut output: ToolOutput, call: &ToolCall) -> ToolOutput {
        output.text.truncate(output.text.floor_char_boundary(MAX_RESULT));
        let pages: Vec<_> = pages_of(&output.text).into_iter().map(str::to_owned).collect();
        let origin = output.origin.id().cloned();
        let long = LongResult { id: ResultId::of(&self.thread, call), origin, pages };
        let (pages, bytes) = (long.pages.len(), output.text.len());
        let kept = self.store.keep(&self.lease, &long).await;
        output.text = long.pages.into_iter().next().unwrap_or_default();
        match kept {
            Ok(()) => {
                tracing::info!(pages, bytes, "A long result is kept");
                output.text += &PageNote { id: long.id, page: 1, pages }.to_string();
            }
            Err(error) => {
                // The tool did what it did, so its answer is no failure.
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, pages, bytes, "A long result could not be kept");
                output.text.push_str("\n[cut here: the other pages are lost]");
            }
        }
        output
    }
}

impl Tools for PagedTools {
    fn settled(&self) -> BoxFuture<'_, ()> {
        self.tools.settled()
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.tools.catalog()
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
            let output = self.tools.call(request).await?;
            if output.text.len() <= PAGE_BYTES {
                return Ok(output);
            }
            Ok(self.paged(output, call).await)
        }
        .boxed()
    }
}
