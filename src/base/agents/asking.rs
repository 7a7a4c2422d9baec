//! The built-in tool that asks the user, which ends the turn until the answer comes (ADR 13).

use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ExtendedCatalog, ToolError, ToolRequest, Tools};
use crate::domain::{
    BuiltInTool, Catalog, Choice, Hints, Question, QuestionKind, Tool, ToolCall, ToolOrigin,
    ToolOutput, Trust, clean, shorten, unlinked,
};

/// Its name.
pub const ASK_USER: &str = BuiltInTool::AskUser.name();

const OURS: ToolOrigin = ToolOrigin::BuiltIn(BuiltInTool::AskUser);

const MAX_QUESTIONS: usize = 5;
const MAX_OPTIONS: usize = 20;
const MAX_WORDS: usize = 500;

const DESCRIPTION: &str = "Ask the person when you cannot go on without an answer: when a request \
fits several things, or something needed is missing. Give options where the answer is one of a \
few. Ask everything at once; the turn ends with this call.";

const ASKED: &str =
    "The questions are on the person's screen; the answer is the person's next message.";

/// Other tools, and this one in addition.
pub struct WithQuestions {
    others: Arc<dyn Tools>,
    offered: Arc<ExtendedCatalog>,
}

#[derive(Deserialize)]
struct AskUserArguments {
    questions: Vec<AskedQuestion>,
}

#[derive(Deserialize)]
struct AskedQuestion {
    question: String,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    multiple: bool,
    #[serde(default)]
    description: Option<String>,
}

impl WithQuestions {
    pub fn new(others: Arc<dyn Tools>) -> Self {
        Self { others, offered: Arc::default() }
    }
}

impl Tools for WithQuestions {
    fn for_turn(&self) -> Option<Arc<dyn Tools>> {
        let (others, offered) = (self.others.for_turn()?, Arc::clone(&self.offered));
        Some(Arc::new(Self { others, offered }))
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        self.others.settled()
    }

    fn catalog(&self) -> Arc<Catalog> {
        self.offered.of(self.others.catalog(), tool)
    }

    fn give_up(&self, ticket: &str) {
        self.others.give_up(ticket);
    }

    fn call<'a>(
        &'a self,
        request: ToolRequest<'a>,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        if self.catalog().find_call(request.call).is_some_and(asks_user) {
            // Answered at once: no call may stay without its result, and no turn waits in memory
            // (ADR 13).
            let told = ToolOutput::plain(ASKED.to_owned(), OURS);
            return ready(Ok(told)).boxed();
        }
        self.others.call(request)
    }
}

/// By its owner, because a server chooses its names (ADR 13).
pub(super) fn asks_user(tool: &Tool) -> bool {
    tool.origin == OURS
}

/// The questions of a call, or what is wrong with them.
pub(super) fn questions(call: &ToolCall) -> Result<Vec<Question>, ToolError> {
    let asked = call
        .object()
        .and_then(|arguments| AskUserArguments::deserialize(Value::Object(arguments)).ok());
    let asked = asked.map(|asked| asked.questions).unwrap_or_default();
    let is_asked = asked.iter().all(|one| !one.question.trim().is_empty());
    if asked.is_empty() || asked.len() > MAX_QUESTIONS || !is_asked {
        return Err(ToolError::Questions);
    }
    Ok(asked.into_iter().zip(1_usize..).map(|(one, number)| one.made_safe(number)).collect())
}

impl AskedQuestion {
    fn made_safe(self, number: usize) -> Question {
        let options = self.options.iter().map(|option| words(option));
        let mut options: Vec<_> = options.filter(|option| !option.trim().is_empty()).collect();
        options.dedup();
        options.truncate(MAX_OPTIONS);
        let kind = if options.is_empty() {
            QuestionKind::Freeform { description: self.description.as_deref().map(words) }
        } else {
            let options = options.into_iter().map(|value| Choice { value }).collect();
            QuestionKind::MultipleChoice { options, multiple: self.multiple }
        };
        Question { id: format!("q{number}"), question: words(&self.question), answer: None, kind }
    }
}

fn words(text: &str) -> String {
    unlinked(&shorten(&clean(text), MAX_WORDS))
}

fn tool() -> Tool {
    Tool {
        name: ASK_USER.to_owned(),
        title: None,
        description: DESCRIPTION.to_owned(),
        schema: Arc::clone(&SCHEMA),
        origin: OURS,
        // It changes nothing, so it needs no journal and runs beside other reading calls.
        hints: Hints { read_only: true, destructive: false, idempotent: true, open_world: false },
        is_annotated: true,
        tells_reach: true,
        trust: Trust::Bundled,
        approval: None,
        honours_keys: false,
    }
}

static SCHEMA: LazyLock<Arc<Value>> = LazyLock::new(|| {
    let question = json!({
        "type": "object",
        "properties": {
            "question": { "type": "string", "description": "The question, one short sentence." },
            "options": {
                "type": "array", "items": { "type": "string" },
                "description": "What can be chosen; leave out to let the person write.",
            },
            "multiple": { "type": "boolean", "description": "Whether several can be chosen." },
            "description": { "type": "string", "description": "What helps to answer." },
        },
        "required": ["question"],
    });
    let questions = json!({ "type": "array", "items": question, "minItems": 1, "maxItems": 5 });
    Arc::new(json!({
        "type": "object", "properties": { "questions": questions }, "required": ["questions"],
    }))
});
