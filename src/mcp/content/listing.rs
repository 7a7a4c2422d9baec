//! Lists a server's resources and prompts and converts them to ours, within limits. All texts are the
//! server's.

use rmcp::model::{
    ErrorCode, PaginatedRequestParams, Prompt, PromptArgument as ToldArgument, Resource,
    ResourceTemplate as ToldTemplate, ServerCapabilities,
};
use rmcp::{Peer, RoleClient, ServiceError};
use tokio::time::{Instant, timeout_at};

use super::super::ContentChoice;
use base::domain::{
    ContentList, PromptArgument, ResourceTemplate, ServerPrompt, ServerResource, clean, is_address,
    shorten,
};

/// Of each list. More than a model or a person looks through.
const MAX_ENTRIES: usize = 1_000;
/// The same, of all texts together.
const MAX_BYTES: usize = 256 * 1024;
// A server may return a cursor forever.
const MAX_PAGES: usize = 100;
/// Of names of prompts and of their arguments. A longer one is left out, as such an address is.
const MAX_NAME_BYTES: usize = 128;
const MAX_ARGUMENTS: usize = 32;
const MAX_LABEL_CHARS: usize = 120;
const MAX_DESCRIPTION_CHARS: usize = 300;

/// One list while it is read.
struct Listing<T> {
    entries: Vec<T>,
    bytes: usize,
    left_out: usize,
}

/// Lists what the server says that it has and the operator lets in. A list that fails, or has not
/// ended by `until`, stays as it was `known`; the second value tells whether one has not ended.
///
/// # Cancel safety
///
/// Dropping the future forgets the pages read so far.
pub(crate) async fn list_content(
    peer: &Peer<RoleClient>,
    (told, choice): (&ServerCapabilities, ContentChoice),
    known: &ContentList,
    until: Instant,
) -> (ContentList, bool) {
    let has_resources = told.resources.is_some() && choice.resources;
    let has_prompts = told.prompts.is_some() && choice.prompts;
    let (resources, templates, prompts) = tokio::join!(
        timeout_at(until, only_if(has_resources, resources(peer))),
        timeout_at(until, only_if(has_resources, templates(peer))),
        timeout_at(until, only_if(has_prompts, prompts(peer))),
    );
    let hangs = resources.is_err() || templates.is_err() || prompts.is_err();
    let (resources, templates, prompts) = (resources.ok(), templates.ok(), prompts.ok());
    let mut left_out = 0;
    let list = ContentList {
        resources: entries(resources, &known.resources, &mut left_out),
        templates: entries(templates, &known.templates, &mut left_out),
        prompts: entries(prompts, &known.prompts, &mut left_out),
        left_out: 0,
    };
    (ContentList { left_out, ..list }, hangs)
}

async fn only_if<T>(
    is_there: bool,
    list: impl Future<Output = Result<Listing<T>, ServiceError>>,
) -> Result<Listing<T>, ServiceError> {
    if is_there { list.await } else { Ok(Listing::default()) }
}

/// Those that were listed, or those that were known before.
fn entries<T: Clone>(
    listed: Option<Result<Listing<T>, ServiceError>>,
    known: &[T],
    left_out: &mut usize,
) -> Vec<T> {
    if let Some(Ok(listing)) = listed {
        *left_out += listing.left_out;
        listing.entries
    } else {
        tracing::debug!("A tool server did not list its resources or prompts");
        known.to_vec()
    }
}

/// A page of entries, each with its size, and the cursor of the next page.
type ListedPage<T> = (Vec<Option<(T, usize)>>, Option<String>);

async fn resources(peer: &Peer<RoleClient>) -> Result<Listing<ServerResource>, ServiceError> {
    let page = |params| async move {
        let page = peer.list_resources(Some(params)).await?;
        Ok((page.resources.iter().map(read_resource).collect(), page.next_cursor))
    };
    paged(page, |one| &one.uri).await
}

async fn templates(peer: &Peer<RoleClient>) -> Result<Listing<ResourceTemplate>, ServiceError> {
    let page = |params| async move {
        let page = peer.list_resource_templates(Some(params)).await?;
        Ok((page.resource_templates.iter().map(read_template).collect(), page.next_cursor))
    };
    match paged(page, |one| &one.uri_template).await {
        // Many servers have none and do not know the request.
        Err(ServiceError::McpError(told)) if told.code == ErrorCode::METHOD_NOT_FOUND => {
            Ok(Listing::default())
        }
        listed => listed,
    }
}

async fn prompts(peer: &Peer<RoleClient>) -> Result<Listing<ServerPrompt>, ServiceError> {
    let page = |params| async move {
        let page = peer.list_prompts(Some(params)).await?;
        Ok((page.prompts.iter().map(read_prompt).collect(), page.next_cursor))
    };
    paged(page, |one| &one.name).await
}

/// Reads page after page, until the last or until there is no more room.
async fn paged<T, F: Future<Output = Result<ListedPage<T>, ServiceError>>>(
    page: impl Fn(PaginatedRequestParams) -> F,
    key: impl Fn(&T) -> &String,
) -> Result<Listing<T>, ServiceError> {
    let (mut listing, mut cursor) = (Listing::default(), None);
    for _ in 0..MAX_PAGES {
        let (entries, next) = page(PaginatedRequestParams::default().with_cursor(cursor)).await?;
        listing.take_all(entries, &key);
        if next.is_none() {
            return Ok(listing);
        }
        if listing.is_full() {
            break;
        }
        cursor = next;
    }
    Ok(listing.unended())
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), bytes: 0, left_out: 0 }
    }
}

impl<T> Listing<T> {
    /// Takes the entries of a page. One with the `key` of an earlier one is left out.
    fn take_all(&mut self, page: Vec<Option<(T, usize)>>, key: impl Fn(&T) -> &String) {
        let mut keys: std::collections::HashSet<String> =
            self.entries.iter().map(|one| key(one).clone()).collect();
        for read in page {
            let fits = |bytes: usize| !self.is_full() && self.bytes + bytes <= MAX_BYTES;
            match read.filter(|(_, bytes)| fits(*bytes)) {
                Some((one, bytes)) if keys.insert(key(&one).clone()) => {
                    self.bytes += bytes;
                    self.entries.push(one);
                }
                _ => self.left_out += 1,
            }
        }
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= MAX_ENTRIES || self.bytes >= MAX_BYTES
    }

    /// There is more, and nobody knows how much.
    fn unended(mut self) -> Self {
        self.left_out += 1;
        self
    }
}

fn read_resource(told: &Resource) -> Option<(ServerResource, usize)> {
    let name = told.title.as_ref().filter(|it| !it.is_empty()).unwrap_or(&told.name);
    let (uri, name) = (address(&told.uri)?, label(name, MAX_LABEL_CHARS));
    let description = description(told.description.as_deref());
    let mime_type = told.mime_type.as_deref().map(|it| label(it, MAX_LABEL_CHARS));
    let bytes = uri.len() + name.len() + description.len();
    Some((ServerResource { uri, name, description, mime_type }, bytes))
}

fn read_template(told: &ToldTemplate) -> Option<(ResourceTemplate, usize)> {
    let name = told.title.as_ref().filter(|it| !it.is_empty()).unwrap_or(&told.name);
    let (uri_template, name) = (address(&told.uri_template)?, label(name, MAX_LABEL_CHARS));
    let description = description(told.description.as_deref());
    let mime_type = told.mime_type.as_deref().map(|it| label(it, MAX_LABEL_CHARS));
    let bytes = uri_template.len() + name.len() + description.len();
    Some((ResourceTemplate { uri_template, name, description, mime_type }, bytes))
}

fn read_prompt(told: &Prompt) -> Option<(ServerPrompt, usize)> {
    let arguments = told.arguments.as_deref().unwrap_or_default();
    if arguments.len() > MAX_ARGUMENTS {
        return None;
    }
    let arguments: Vec<_> = arguments.iter().map(read_argument).collect::<Option<_>>()?;
    let (name, title) = (identifier(&told.name)?, told.title.as_deref());
    let title = title.map(|title| label(title, MAX_LABEL_CHARS)).filter(|it| !it.is_empty());
    let description = description(told.description.as_deref());
    let of_arguments = arguments.iter().map(|it| it.name.len() + it.description.len());
    let bytes = name.len() + description.len() + of_arguments.sum::<usize>();
    Some((ServerPrompt { name, title, description, arguments }, bytes))
}

fn read_argument(told: &ToldArgument) -> Option<PromptArgument> {
    let (name, is_required) = (identifier(&told.name)?, told.required == Some(true));
    Some(PromptArgument {
        name,
        description: description(told.description.as_deref()),
        is_required,
    })
}

/// An address that can be shown and sent back as it is.
fn address(told: &str) -> Option<String> {
    is_address(told).then(|| told.to_owned())
}

/// The same, of a name.
fn identifier(told: &str) -> Option<String> {
    let is_fine = (1..=MAX_NAME_BYTES).contains(&told.len()) && clean(told) == told;
    (is_fine && label(told, MAX_NAME_BYTES) == told).then(|| told.to_owned())
}

fn description(told: Option<&str>) -> String {
    label(told.unwrap_or_default(), MAX_DESCRIPTION_CHARS)
}

/// On one line: a text of a server must not look like an entry of ours.
fn label(told: &str, limit: usize) -> String {
    let line = clean(told).split_whitespace().collect::<Vec<_>>().join(" ");
    shorten(&line, limit)
}
