//! The resources and prompts of [`super::mcp_server`].

use rmcp::ErrorData;
use rmcp::model::{
    ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
    Prompt, PromptArgument, PromptMessage, PromptsCapability, ReadResourceResponse,
    ReadResourceResult, Resource, ResourceContents, ResourceTemplate, ResourcesCapability, Role,
    ServerCapabilities,
};
use serde_json::Value;

/// What a server has, and how it tells of it.
#[derive(Clone, Default)]
pub(crate) struct Content {
    pub(crate) resources: Vec<Resource>,
    pub(crate) templates: Vec<ResourceTemplate>,
    pub(crate) prompts: Vec<Prompt>,
    /// How many resources or prompts are listed at once; 0 means all.
    pub(crate) page: usize,
    pub(crate) way: Way,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Way {
    #[default]
    Usual,
    /// Never answers a list.
    Hangs,
    /// Answers each list with an error.
    Refuses,
    /// Returns a cursor for ever.
    Circles,
}

impl Content {
    /// Some of everything.
    pub(crate) fn some() -> Self {
        let resource =
            |uri: &str, name: &str| Resource::new(uri, name).with_mime_type("text/plain");
        let topic = PromptArgument::new("topic").with_required(true);
        let arguments = vec![topic, PromptArgument::new("length")];
        Self {
            resources: vec![
                resource("note://first", "First").with_description("The first\nnote"),
                resource("note://picture", "Picture"),
            ],
            templates: vec![ResourceTemplate::new("note://by-id/{id}", "Any note")],
            prompts: vec![
                Prompt::new("summarise", Some("Sums it up"), Some(arguments)).with_title("Sum up"),
                Prompt::new("plain", None::<String>, None),
            ],
            ..Self::default()
        }
    }

    pub(crate) fn of_resources(resources: Vec<Resource>) -> Self {
        Self { resources, ..Self::default() }
    }

    pub(crate) fn of_prompts(prompts: Vec<Prompt>) -> Self {
        Self { prompts, ..Self::default() }
    }

    /// Tells of what is there.
    pub(crate) fn told_in(&self, capabilities: &mut ServerCapabilities) {
        if !self.resources.is_empty() || !self.templates.is_empty() {
            let mut told = ResourcesCapability::default();
            told.list_changed = Some(true);
            capabilities.resources = Some(told);
        }
        if !self.prompts.is_empty() {
            let mut told = PromptsCapability::default();
            told.list_changed = Some(true);
            capabilities.prompts = Some(told);
        }
    }

    pub(crate) async fn list_resources(
        &self,
        asked: Option<PaginatedRequestParams>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.answers().await?;
        let (page, next) = self.page_of(&self.resources, asked);
        let mut listed = ListResourcesResult::with_all_items(page);
        listed.next_cursor = next;
        Ok(listed)
    }

    pub(crate) async fn list_templates(&self) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.answers().await?;
        Ok(ListResourceTemplatesResult::with_all_items(self.templates.clone()))
    }

    pub(crate) async fn list_prompts(
        &self,
        asked: Option<PaginatedRequestParams>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.answers().await?;
        let (page, next) = self.page_of(&self.prompts, asked);
        let mut listed = ListPromptsResult::with_all_items(page);
        listed.next_cursor = next;
        Ok(listed)
    }

    async fn answers(&self) -> Result<(), ErrorData> {
        match self.way {
            Way::Hangs => std::future::pending().await,
            Way::Refuses => Err(ErrorData::internal_error("no list", None)),
            Way::Usual | Way::Circles => Ok(()),
        }
    }

    fn page_of<T: Clone>(
        &self,
        all: &[T],
        asked: Option<PaginatedRequestParams>,
    ) -> (Vec<T>, Option<String>) {
        let from = asked.and_then(|it| it.cursor).and_then(|it| it.parse().ok()).unwrap_or(0);
        if self.page == 0 {
            return (all.to_vec(), None);
        }
        let page = all.iter().skip(from).take(self.page).cloned().collect();
        let next = from + self.page;
        let goes_on = next < all.len() || self.way == Way::Circles;
        (page, goes_on.then(|| next.to_string()))
    }
}

/// Reads what the address says.
pub(crate) async fn read(uri: &str) -> Result<ReadResourceResponse, ErrorData> {
    let contents = match uri {
        "note://picture" => ResourceContents::blob("A".repeat(16_000), uri),
        "note://long" => ResourceContents::text("é".repeat(50_000), uri),
        "note://hang" => std::future::pending().await,
        "note://asks" => {
            let asks = InputRequiredResult::from_request_state("x");
            return Ok(ReadResourceResponse::InputRequired(asks));
        }
        "note://gone" => return Err(ErrorData::resource_not_found("no\u{7} such note", None)),
        _ => ResourceContents::text(format!("read \u{202e}{uri}"), uri),
    };
    Ok(ReadResourceResponse::Complete(ReadResourceResult::new(vec![contents])))
}

/// Two messages, with the arguments in the first, and one that is no text.
pub(crate) fn prompt(asked: GetPromptRequestParams) -> GetPromptResponse {
    if asked.name == "asks" {
        let asks = InputRequiredResult::from_request_state("x");
        return GetPromptResponse::InputRequired(asks);
    }
    let arguments = Value::Object(asked.arguments.unwrap_or_default());
    let text = |role, text: String| PromptMessage::new_text(role, text);
    let picture = ContentBlock::image("A".repeat(16_000), "image/png");
    GetPromptResponse::Complete(GetPromptResult::new(vec![
        text(Role::User, format!("Please {} \u{202e}{arguments}", asked.name)),
        text(Role::Assistant, "Gladly. Which one?".to_owned()),
        PromptMessage::new(Role::User, picture),
    ]))
}
