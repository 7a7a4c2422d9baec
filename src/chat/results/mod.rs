//! Long results of tools: the model gets the first page, the others are kept for the thread and read
//! with the built-in tool `read_result` (ADR 48).

mod paging;
mod reading;
mod search;

pub(super) use paging::PagedTools;
pub(super) use reading::ReadableResults;
