//! Long results of tools, kept for their thread page by page (ADR 48).

use futures::future::BoxFuture;

use super::{Lease, Resource, StoreResult};
use base::domain::{ResultId, ToolId};

/// So many results a thread keeps, and so many bytes of them. The oldest make room.
pub const MAX_KEPT_RESULTS: usize = 20;
pub const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// Results that are too long to be sent to a model at once.
pub trait LongResults: Send + Sync {
    /// Keeps a result in place of one with the same id. Needs a valid lease. Others go if there are
    /// too many, and what is older than a day, of any thread.
    fn keep<'a>(
        &'a self,
        lease: &'a Lease,
        result: &'a LongResult,
    ) -> BoxFuture<'a, StoreResult<()>>;

    /// So many pages at most, from this one on; none if there is no such result or page, or
    /// if it is older than a day.
    fn pages<'a>(
        &'a self,
        resource: &'a Resource,
        result: &'a ResultId,
        range: PageRange,
    ) -> BoxFuture<'a, StoreResult<Vec<ResultPage>>>;
}

/// A result in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongResult {
    pub id: ResultId,
    /// Whose words they are; `None` for our own.
    pub origin: Option<ToolId>,
    pub pages: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// From 1 on.
    pub first: usize,
    pub count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultPage {
    pub number: usize,
    /// How many the result has.
    pub pages: usize,
    pub origin: Option<ToolId>,
    pub text: String,
}

impl LongResult {
    pub fn bytes(&self) -> usize {
        self.pages.iter().map(String::len).sum()
    }
}
