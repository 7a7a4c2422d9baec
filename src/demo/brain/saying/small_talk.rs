//! What the brain says without a tool: small talk, help, and that it did not understand.

use jiff::Zoned;

use super::super::acting::outcome::short;
use super::super::memory::Memory;
use super::super::reading::intent::{NewTodo, SmallTalk, Unclear};
use super::human::{self, numbered};
use super::say::new_todo;
use crate::conversation::{ASK_USER, BrainAnswer, ToolSpec};

const NAMED_TOOLS: usize = 12;

const CAN: &str = "I can keep your todos: “add milk and eggs for tomorrow”, “what is on my list?”, \
    “the milk is done”, “move eggs to friday”, “rename milk to oat milk”, “delete number 2”.";

/// The answer to an empty conversation.
pub(in crate::brain) fn greeting() -> BrainAnswer {
    BrainAnswer { text: format!("Hello! {CAN}"), ..BrainAnswer::default() }
}

pub(in crate::brain) fn chat(chat: SmallTalk, now: &Zoned, memory: &Memory) -> String {
    match chat {
        SmallTalk::Greet => format!("Hello! I am the offline model. {CAN}"),
        SmallTalk::Thanks => "You are welcome.".to_owned(),
        SmallTalk::Bye => "Goodbye! Your todos stay where they are.".to_owned(),
        SmallTalk::Help => help(),
        SmallTalk::Who => {
            "I am the bundled offline model: a set of rules for todos in English, no real language \
            model. Set GEMINI_API_KEY and restart, and Gemini answers instead."
                .to_owned()
        }
        SmallTalk::Date => format!("Today is {}.", now.strftime("%A, %-d %B %Y")),
        SmallTalk::Time => {
            format!("It is {} on {}.", human::clock(now.time()), now.strftime("%A, %-d %B %Y"))
        }
        SmallTalk::Yes => "There is nothing waiting for a yes. Tell me what to do.".to_owned(),
        SmallTalk::No if memory.pending.is_some() => "All right, I changed nothing.".to_owned(),
        SmallTalk::No => "All right.".to_owned(),
        SmallTalk::Skip => "All right, I left it as it is.".to_owned(),
    }
}

/// Why nothing was done, and what the user can say instead.
pub(in crate::brain) fn unclear(unclear: &Unclear) -> String {
    match unclear {
        Unclear::Unknown => format!(
            "I am the offline model, a small set of rules, and I did not understand that. {CAN} \
             With GEMINI_API_KEY set, a real model answers."
        ),
        Unclear::Negated => "All right, I did nothing.".to_owned(),
        Unclear::HowTo => format!("I am the offline model and only follow plain commands, so I did nothing. {CAN}"),
        Unclear::NothingToAdd => "What should I add? Say it like “add milk and eggs for tomorrow”.".to_owned(),
        Unclear::NoTarget(verb) => format!(
            "Which todo should I {verb}, and how? Name it by its title or its number, or say “all todos”."
        ),
        Unclear::Except => "“All except …” is more than I can do safely, so I did nothing. Name the todos one by one.".to_owned(),
        Unclear::NoDate => "Which day or time? I understand days like “tomorrow”, “friday”, “3 december”, “2026-12-01”, \
            times like “at 5pm”, and “by 2 days”. I changed nothing."
            .to_owned(),
        Unclear::Repeating => "I cannot make repeating todos, so I added nothing. Name one day, such as “on monday”.".to_owned(),
        Unclear::TooMany => "That is too much at once: a message may have 300 words and 30 todos, with titles of \
            at most 200 characters. I did nothing."
            .to_owned(),
        Unclear::TwoThings(title) => format!(
            "Should “{}” be a todo, or should I do that? I did nothing yet. Send it as a message of its own, \
             or put the titles into quotes.",
            short(title)
        ),
    }
}

/// Asks whether words were meant as todos.
pub(in crate::brain) fn offer(todos: &[NewTodo], now: &Zoned) -> String {
    let lines: Vec<String> = todos.iter().map(|todo| new_todo(todo, now)).collect();
    match lines.as_slice() {
        [only] => format!("Shall I put “{only}” on your list? Say “yes” or “no”."),
        several => {
            format!("Shall I put these on your list? Say “yes” or “no”.\n{}", numbered(several))
        }
    }
}

/// No tool can keep todos.
pub(in crate::brain) fn no_todo_tools(tools: &[ToolSpec]) -> String {
    const REAL: &str = "Set GEMINI_API_KEY and restart: then Gemini answers and can use any tool.";
    let mut others = tools.iter().filter(|tool| tool.name != ASK_USER).peekable();
    if others.peek().is_none() {
        return format!(
            "I am the offline model, and I have no tools right now: the tool server may be unreachable, \
             so I can neither read nor change your todos. {REAL}"
        );
    }
    let names: Vec<String> =
        others.by_ref().take(NAMED_TOOLS).map(|tool| short(&tool.name)).collect();
    let more = if others.peek().is_some() { ", …" } else { "" };
    format!(
        "I am the offline model and only know how to keep todos. The tools I see are none I can do that with: {}{more}. {REAL}",
        names.join(", ")
    )
}

pub(in crate::brain) fn no_tool(what: &str) -> String {
    format!(
        "I am the offline model, and among the tools on offer I see none that {what}, so I did nothing. \
         With GEMINI_API_KEY set, a real model can work with other tools."
    )
}

fn help() -> String {
    let lines = [
        "**Add**: “add milk, eggs and bread for tomorrow”, “remind me to call mum on friday at 5pm”, “add report, urgent #work”",
        "**List**: “what is on my list?”, “what is overdue?”, “show done todos”, “anything about milk?”, “todos tagged work”",
        "**Complete and reopen**: “the milk is done”, “I bought eggs”, “tick off 2”, “reopen milk”",
        "**Change**: “rename milk to oat milk”, “move eggs to friday”, “postpone bread by 2 days”, “make milk urgent”, “tag milk as home”",
        "**Delete**: “delete milk”, “delete number 2”, “delete all done todos”",
        "**Undo**: “undo that”, as often as you like",
    ];
    let list: Vec<String> = lines.iter().map(|line| format!("- {line}")).collect();
    format!(
        "I am the offline model, a small set of rules that keeps your todos. You can say:\n{}\n\nSet GEMINI_API_KEY for a real model.",
        list.join("\n")
    )
}
