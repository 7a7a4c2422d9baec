//! A person, a brain and a small todo server with a fixed list.

use demo::{BrainAnswer, Call, Conversation, PlannedCall, Said, ToolSpec, answer};
use jiff::Zoned;
use serde_json::{Value, json};

/// More rounds than any turn may take.
const MOST_ROUNDS: usize = 8;

/// A conversation that is under way.
pub(super) struct Talk {
    conversation: Conversation,
    todos: Vec<Value>,
    calls: usize,
    refusing: Option<&'static str>,
    declining: Option<&'static str>,
    page: usize,
}

/// What one message led to.
pub(super) struct Heard {
    pub(super) rounds: Vec<Vec<PlannedCall>>,
    pub(super) last: BrainAnswer,
}

impl Talk {
    /// With the bundled server's tools and the fixed list.
    pub(super) fn new() -> Self {
        Self::with(tools(), todos())
    }

    pub(super) fn with(tools: Vec<ToolSpec>, todos: Vec<Value>) -> Self {
        let now: Zoned = "2026-11-21T05:12:00+01:00[Europe/Berlin]".parse().unwrap();
        let conversation = Conversation { now, said: Vec::new(), tools };
        Self { conversation, todos, calls: 0, refusing: None, declining: None, page: 100 }
    }

    /// From now on questions can be put into a form, too.
    pub(super) fn offer_forms(&mut self) {
        self.conversation.tools.push(form_tool());
    }

    /// Every call of this tool is refused from now on.
    pub(super) fn refuse(&mut self, tool: &'static str) {
        self.refusing = Some(tool);
    }

    /// The person declines every call of this tool from now on.
    pub(super) fn decline(&mut self, tool: &'static str) {
        self.declining = Some(tool);
    }

    /// The list tool gives no more than this at once.
    pub(super) fn page_by(&mut self, page: usize) {
        self.page = page;
    }

    /// Says something and lets the brain work until it only speaks.
    pub(super) fn say(&mut self, text: &str) -> Heard {
        self.conversation.said.push(Said::User(text.to_owned()));
        let mut rounds = Vec::new();
        let mut last = self.step();
        while !last.calls.is_empty() {
            assert!(rounds.len() < MOST_ROUNDS, "{text} never comes to an end");
            let asks = last.calls.iter().any(|call| call.name == "ask_user");
            rounds.push(std::mem::take(&mut last.calls));
            if asks {
                break; // the answer is the next message
            }
            last = self.step();
        }
        Heard { rounds, last }
    }

    /// What the transcript leads to as it stands, without a new message.
    pub(super) fn go_on(&self) -> BrainAnswer {
        answer(&self.conversation)
    }

    /// One answer of the brain, with its calls carried out.
    fn step(&mut self) -> BrainAnswer {
        let answer = answer(&self.conversation);
        let calls: Vec<Call> = answer.calls.iter().map(|call| self.numbered(call)).collect();
        let text = answer.text.clone();
        self.conversation.said.push(Said::Assistant { text, calls: calls.clone() });
        for call in calls {
            let output = self.answer_of(&call);
            self.conversation.said.push(Said::Tool { call_id: call.id, output });
        }
        answer
    }

    fn numbered(&mut self, call: &PlannedCall) -> Call {
        self.calls += 1;
        Call {
            id: format!("call_{}", self.calls),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        }
    }

    fn answer_of(&mut self, call: &Call) -> String {
        if self.refusing == Some(call.name.as_str()) {
            return "There is no todo with this id. Call list_todos to see the ids.".to_owned();
        }
        if self.declining == Some(call.name.as_str()) {
            return "the person did not approve this call, so it was not made".to_owned();
        }
        if call.name == "ask_user" {
            return "The questions are on the person's screen; the answer is the person's next message."
                .to_owned();
        }
        let argument = |name: &str| call.arguments.get(name).and_then(Value::as_str);
        let known = self.todos.iter().find(|todo| todo.get("id") == call.arguments.get("id"));
        if call.name == "undo_change" {
            return json!({"what": "completed", "change": 7, "todos": [self.todos[0]]}).to_string();
        }
        if call.name.ends_with("list_todos") {
            let wanted = argument("status").filter(|status| *status != "all");
            let fits = |todo: &&Value| {
                wanted.is_none_or(|status| todo.get("status").is_some_and(|own| own == status))
            };
            let found: Vec<&Value> = self.todos.iter().filter(fits).collect();
            let offset = call.arguments.get("offset").and_then(Value::as_u64).unwrap_or(0);
            let start = usize::try_from(offset).unwrap();
            let some: Vec<&&Value> = found.iter().skip(start).take(self.page).collect();
            let end = start + some.len();
            let mut page = json!({"todos": some, "total": found.len()});
            if end < found.len() {
                page.as_object_mut().unwrap().insert("next_offset".to_owned(), json!(end));
            }
            return page.to_string();
        }
        if let Some(todo) = known {
            return todo.to_string();
        }
        let id = format!("n{}", self.todos.len() + 1);
        let todo = json!({"id": id, "title": argument("title"), "status": "open", "tags": []});
        self.todos.push(todo.clone());
        todo.to_string()
    }
}

/// The calls of a message, as the table writes them.
pub(super) fn written(heard: &Heard) -> String {
    let call = |call: &PlannedCall| format!("{} {}", call.name, json!(call.arguments));
    let round = |calls: &Vec<PlannedCall>| calls.iter().map(call).collect::<Vec<_>>().join("; ");
    let all = heard.rounds.iter().map(round).collect::<Vec<_>>().join(" > ");
    if all.is_empty() { "-".to_owned() } else { all }
}

pub(super) fn todos() -> Vec<Value> {
    let todo = |id: &str, title: &str, status: &str, more: Value| {
        let mut todo =
            json!({"id": id, "title": title, "status": status, "priority": "normal", "tags": []});
        todo.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        todo
    };
    vec![
        todo("t1", "Milk", "open", json!({"due": "2026-11-22", "tags": ["shopping"]})),
        todo("t2", "Oat milk", "open", json!({})),
        todo("t3", "Call mum", "open", json!({"due": "2026-11-21T17:00", "priority": "high"})),
        todo("t4", "Pay rent", "open", json!({"due": "2026-11-20", "tags": ["home"]})),
        todo("t5", "Buy eggs", "open", json!({"due": "2026-11-27"})),
        todo("t6", "Mac and cheese", "open", json!({})),
        todo("t7", "Delete all todos", "open", json!({})),
        todo("t8", "Write report", "done", json!({})),
        todo("t9", "Wash car", "done", json!({"tags": ["home"]})),
    ]
}

/// The tools of the bundled todo server.
pub(super) fn tools() -> Vec<ToolSpec> {
    let id = json!({"type": "string"});
    let fields = json!({
        "title": {"type": "string"}, "notes": {"type": ["string", "null"]},
        "priority": {"anyOf": [{"$ref": "#/$defs/Priority"}, {"type": "null"}]},
        "due": {"type": ["string", "null"]}, "tags": {"type": "array", "items": {"type": "string"}}
    });
    let mut update = fields.clone();
    let more = [("id", id.clone()), ("status", json!({"enum": ["open", "done"]}))];
    let more = more.map(|(name, schema)| (name.to_owned(), schema));
    update.as_object_mut().unwrap().extend(more);
    let list = json!({
        "status": {"enum": ["open", "done", "all"]}, "tag": {"type": "string"}, "text": {"type": "string"},
        "due_from": {"type": "string"}, "due_to": {"type": "string"}, "sort": {"type": "string"},
        "order": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "offset": {"type": "integer"}
    });
    let only_id = json!({"id": id});
    vec![
        tool("create_todo", fields, json!(["title"])),
        tool("list_todos", list, json!([])),
        tool("get_todo", only_id.clone(), json!(["id"])),
        tool("update_todo", update, json!(["id"])),
        tool("complete_todo", only_id.clone(), json!(["id"])),
        tool("delete_todo", only_id.clone(), json!(["id"])),
        tool("restore_todo", only_id.clone(), json!(["id"])),
        tool("undo_change", json!({"change": {"type": "integer"}}), json!([])),
        tool("list_changes", json!({"limit": {"type": "integer"}}), json!([])),
    ]
}

/// The tool that the server offers beside those of the todo server.
pub(super) fn form_tool() -> ToolSpec {
    let question = json!({"type": "object", "required": ["question"], "properties": {
        "question": {"type": "string"}, "options": {"type": "array", "items": {"type": "string"}},
        "multiple": {"type": "boolean"}, "description": {"type": "string"}
    }});
    let questions = json!({"type": "array", "minItems": 1, "maxItems": 5, "items": question});
    tool("ask_user", json!({"questions": questions}), json!(["questions"]))
}

pub(super) fn tool(name: &str, properties: Value, required: Value) -> ToolSpec {
    let priority = json!({"type": "string", "enum": ["low", "normal", "high"]});
    let parameters = json!({
        "type": "object", "properties": properties, "required": required, "$defs": {"Priority": priority}
    });
    ToolSpec { name: name.to_owned(), description: String::new(), parameters }
}
