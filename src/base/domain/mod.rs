//! The values that all modules share. No IO, and no knowledge of any other module.

mod authenticator;
mod caller;
mod caller_limits;
mod content;
mod cost;
mod digest;
mod fair_shares;
mod files;
mod health;
mod ids;
mod image;
mod inquiry;
mod item;
mod message;
mod model_spend;
mod outcome;
mod output;
mod pins;
mod question;
mod reload;
mod sealed_tokens;
mod secret;
mod sign_ins;
mod source;
mod spend;
mod text;
mod thread;
mod token;
mod tool;
mod workflow;

pub use authenticator::{Authenticator, NotRecognised, Recognition};
pub use caller::{Caller, Owner, Scope};
pub use caller_limits::CallerLimits;
pub use content::{
    ContentList, PromptArgument, ResourceTemplate, ServerContent, ServerPrompt, ServerResource,
    is_address,
};
pub use cost::{Cost, InvalidCost};
pub use digest::digest;
pub use fair_shares::fair_shares;
pub use files::is_out_of_files;
pub use health::{BreakerReport, BreakerState, CallCounts, Dependency, Detail, HealthProbe};
pub use ids::{CallId, CallKey, ItemId, ResultId, ThreadId};
pub use image::{ImageKind, ToolImage};
pub use inquiry::{
    Continuation, FieldKind, FieldOption, FormField, FormReply, Inquiry, Resumption, ServerForm,
    TextFormat,
};
pub use item::{CallStatus, Item, ItemContent, OutputText, Picture, UserContent};
pub use message::{Assistant, Message, Reply, ToolCall, ToolResult};
pub use model_spend::{ModelSpend, SpendByModel};
pub use outcome::Outcome;
pub use output::{ToolLink, ToolOutput};
pub use pins::{KnownPin, MAX_PINS, Pins, PinsError, ToolDefinition, ToolPin};
pub use question::{
    APPROVE, Answer, AnswerStatus, Answers, Choice, DECLINE, Question, QuestionKind, only_alike,
};
pub use reload::{FileFault, Reload, ReloadError, Reloaded};
pub use sealed_tokens::{RENEWAL, SealedResult, SealedTokens, TokenPlace, TokensUnavailable};
pub use secret::Secret;
pub use sign_ins::{SignInFault, SignInOffer, SignInPage, SignIns, SignedIn};
pub use source::{Annotation, Source, SourceKind};
pub use spend::{Estimate, Spend, Usage};
pub use text::{
    AllowedDomains, Cleaner, InvalidText, LinkFilter, UserText, clean, reveal, shorten, unlinked,
};
pub use thread::{Order, Page, PageRequest, Thread, ThreadStatus};
pub use token::CallerToken;
pub use tool::{
    ApprovalRule, BuiltInTool, Catalog, Effect, Hints, ServerInstructions, Tool, ToolId,
    ToolOrigin, Trust,
};
pub use workflow::{Summary, Task, TaskContent, TaskStatus, Workflow, WorkflowKind};
