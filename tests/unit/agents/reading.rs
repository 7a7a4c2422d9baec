//! Whose words a built-in tool reads, and which of its calls wait for a person (ADR 45).

use std::sync::Arc;

use orchestrator::agents::{
    Approvals, Finish, HeldCall, Reading, ReadingKind, Run, RunLimits, SpendBudget, Step,
    ToolError, fingerprint_in,
};
use orchestrator::domain::{
    ApprovalRule, BuiltInTool, CallKey, Catalog, ContentList, Hints, Message, PromptArgument,
    ResourceTemplate, ServerContent, ServerPrompt, ServerResource, Tool, ToolCall, ToolId,
    ToolOrigin, ToolResult, Trust,
};
use serde_json::{Value, json};

use crate::support::doubles::{reply, tool, tool_calls};

use Trust::{Trusted, Untrusted};

const READ: &str = "read_resource";
const PROMPT: &str = "read_prompt";

#[test]
fn a_call_says_what_is_read_from_where() {
    let of = |name: &str, arguments: &Value| {
        Reading::of(&tool_calls(&[(name, arguments.clone())]).remove(0))
    };
    let reading = of(READ, &json!({ "server": "a", "uri": "x://y", "find": " ", "page": 3 }));
    let reading = reading.unwrap();
    assert_eq!((reading.kind, reading.page), (ReadingKind::Resource, 3));
    assert_eq!((reading.server.as_deref(), reading.what.as_deref()), (Some("a"), Some("x://y")));
    assert_eq!(reading.find, None);
    for arguments in [json!({ "a": "b" }), json!("{\"a\":\"b\"}")] {
        let reading = of(PROMPT, &json!({ "server": "a", "name": "n", "arguments": arguments }));
        assert_eq!(Value::Object(reading.unwrap().arguments), json!({ "a": "b" }));
    }
    for odd in [json!({ "server": 1, "uri": [], "page": -1 }), json!({}), json!({ "page": 1e30 })] {
        let reading = of(READ, &odd).unwrap();
        assert_eq!((reading.server, reading.what, reading.page), (None, None, 1), "{odd}");
    }
    assert_eq!(of("read_a", &json!({ "server": "a" })), None);
    let mut of_server = tool_calls(&[(READ, json!({ "server": "a" }))]).remove(0);
    of_server.tool = Some(ToolId { server: "a".into(), tool: READ.into() });
    assert_eq!(Reading::of(&of_server), None, "a tool of a server with our name is not ours");
}

#[test]
fn an_address_is_of_a_family_if_its_fixed_parts_are_in_it() {
    for (template, uri, fits) in [
        ("note://{id}", "note://1", true),
        ("note://{id}", "note://1/2", true),
        ("note://{id}", "note://../x", false),
        ("note://{id}", "note://1?y=z", false),
        ("note://{+id}", "note://1/2", true),
        ("note://{id}{?q}", "note://1?q=2", true),
        ("note://{id}", "notes://1", false),
        ("note://{id}/text", "note://1/text", true),
        ("note://{id}/text", "note://1/texts", false),
        ("{+any}", "https://evil.example/?q=1", true),
        ("a{b}c{d}e", "axcye", true),
        ("a{b}c{d}e", "axye", false),
        ("note://all", "note://all", true),
        ("note://all", "note://all/1", false),
        ("a{b", "a", true),
        ("{", "x", true),
        ("", "x", false),
        ("é{b}é", "éxé", true),
    ] {
        assert_eq!(family(template).fits(uri), fits, "{template} {uri}");
    }
}

#[test]
fn what_is_listed_is_read_and_what_a_model_made_up_waits_after_foreign_words() {
    let resource = |uri: &str| (READ, json!({ "server": "notes", "uri": uri }));
    let prompt = |arguments: Value| {
        (PROMPT, json!({ "server": "notes", "name": "plan", "arguments": arguments }))
    };
    let evil = "https://evil.example/?q=secret";
    for (what, trust, call, [alone, own, foreign]) in [
        ("listed", Untrusted, resource("note://1"), [false, false, false]),
        ("of a family", Untrusted, resource("note://by-id/secret"), [false, false, true]),
        ("of a family, trusted", Trusted, resource("note://by-id/secret"), [false, false, false]),
        ("made up", Untrusted, resource("note://elsewhere"), [false, true, true]),
        ("made up, trusted", Trusted, resource("note://elsewhere"), [false, false, true]),
        ("in a network", Trusted, resource(evil), [false, false, true]),
        ("of a family in a network", Trusted, resource("HTTPS://any/x"), [false, false, true]),
        ("a list", Untrusted, (READ, json!({ "server": "notes" })), [false, false, false]),
        ("a prompt", Untrusted, prompt(json!({})), [false, false, false]),
        ("a prompt with words", Untrusted, prompt(json!({ "a": "b" })), [false, false, true]),
        ("the same, trusted", Trusted, prompt(json!({ "a": "b" })), [false, false, false]),
    ] {
        let catalog = catalog(trust);
        let waits = |before: Option<(&str, Value)>| {
            held(before, (call.0, call.1.clone()), &catalog, ApprovalRule::default()).is_some()
        };
        assert_eq!(waits(None), alone, "{what}");
        assert_eq!(waits(Some(resource("note://1"))), own, "{what} after words of its own");
        let web = (READ, json!({ "server": "web", "uri": "web://1" }));
        assert_eq!(waits(Some(web)), foreign, "{what} after words of another");
    }
}

#[test]
fn only_a_family_that_names_its_scheme_lets_addresses_stay_at_their_server() {
    for (template, uri, is_outside) in [
        ("note://{id}", "note://secret", false),
        ("note:{id}", "note:secret", false),
        ("file:///{path}", "file:///etc/hosts", false),
        ("file://{+path}", "file:///etc/hosts", false),
        ("file://{+path}", "file://localhost/etc/hosts", false),
        ("file:{+path}", "file:/etc/hosts", false),
        ("file://{+path}", "file://evil.example/secret", true),
        ("file://{+path}", "file:////evil.example/secret", true),
        ("file:{+path}", "file:\\\\evil.example\\secret", true),
        ("file:///{path}", "file:///\\evil.example", true),
        ("{+url}", "note://secret", true),
        ("{+url}", "https://evil.example/?q=secret", true),
        ("{+url}", "gopher://evil.example/secret", true),
        ("{scheme}://{id}", "note://secret", true),
        ("n{x}:{id}", "note:secret", true),
        ("/{path}", "/secret", true),
        (":{path}", ":secret", true),
        ("https://api.example/{id}", "https://api.example/secret", true),
        ("git+https://{+url}", "git+https://evil.example/secret", true),
        ("git-https:{+url}", "git-https:evil.example/secret", true),
        ("gopher://{+url}", "gopher://evil.example/secret", true),
        ("smb://{+url}", "smb://evil.example/secret", true),
        ("SMB://{+url}", "SMB://evil.example/secret", true),
        ("s3://{+url}", "s3://evil/secret", true),
    ] {
        let mut catalog = catalog(Trusted);
        let mut listed = (*catalog.content[0].listed).clone();
        listed.templates = vec![family(template)];
        catalog.content[0].listed = Arc::new(listed);
        let web = (READ, json!({ "server": "web", "uri": "web://1" }));
        let call = (READ, json!({ "server": "notes", "uri": uri }));
        let waits = held(Some(web), call, &catalog, ApprovalRule::default()).is_some();
        assert_eq!(waits, is_outside, "{uri} of {template}");
    }
}

#[test]
fn what_is_no_address_is_known_before_anything_is_sent() {
    let has_none = |name: &str, arguments: &Value| {
        Reading::of(&tool_calls(&[(name, arguments.clone())]).remove(0)).unwrap().has_no_address()
    };
    for odd in [
        " https://evil.example",
        "https://evil.example ",
        "ht\ttps://evil.example",
        "note://a b",
        "note://a\n",
        "note://a\u{a0}b",
        "note://a\u{200b}b",
        "note://a\u{7}",
        &"x:".repeat(1_025),
    ] {
        assert!(has_none(READ, &json!({ "server": "notes", "uri": odd })), "{odd:?}");
    }
    assert!(!has_none(READ, &json!({ "server": "notes", "uri": "note://ä/1?q=[x]" })));
    assert!(!has_none(READ, &json!({ "server": "notes" })));
    assert!(!has_none(PROMPT, &json!({ "server": "notes", "name": "a plan" })));
}

#[test]
fn a_reading_approved_for_the_conversation_opens_no_other_address() {
    let resource = |uri: &str| (READ, json!({ "server": "notes", "uri": uri }));
    let catalog = catalog(Untrusted);
    let web = || said("go", &[(READ, json!({ "server": "web", "uri": "web://1" }))]);
    let asks = |call, granted: &[&HeldCall]| {
        let granted = granted.iter().map(|held| fingerprint_in(&held.id).unwrap().to_owned());
        let approvals = Approvals { granted: granted.collect(), ..Approvals::default() };
        held_with(web(), call, &catalog, approvals)
    };
    let outside = asks(resource("https://a.example/1"), &[]).unwrap();
    let family = asks(resource("note://by-id/1"), &[]).unwrap();

    assert_eq!(asks(resource("https://a.example/1"), &[&outside]), None, "the same again");
    for other in ["https://a.example/2", "https://evil.example", "note://x", "note://by-id/1"] {
        assert!(asks(resource(other), &[&outside]).is_some(), "{other}");
    }
    assert_eq!(asks(resource("note://by-id/2"), &[&family]), None, "stays at its server");
    assert!(asks(resource("https://a.example/1"), &[&family]).is_some());
}

#[test]
fn the_rule_of_the_operator_counts_for_reading_too() {
    let call = || (READ, json!({ "server": "notes", "uri": "note://1" }));
    let of_all = held(None, call(), &catalog(Trusted), ApprovalRule::Always).unwrap();
    assert_eq!((&*of_all.tool.server, &*of_all.tool.tool), ("notes", READ));
    let with = |rule| {
        let mut catalog = catalog(Untrusted);
        catalog.content[0].approvals = vec![(BuiltInTool::ReadResource, rule)];
        catalog
    };
    assert!(held(None, call(), &with(ApprovalRule::Always), ApprovalRule::Never).is_some());
    let evil = (READ, json!({ "server": "notes", "uri": "https://evil.example" }));
    let web = Some((READ, json!({ "server": "web", "uri": "web://1" })));
    assert!(held(web, evil, &with(ApprovalRule::Never), ApprovalRule::Always).is_none());
}

#[test]
fn words_that_were_read_taint_the_turn_as_a_result_of_their_server_does() {
    let send = || ("send", json!({ "to": "eve" }));
    let read = |server: &str| Some((READ, json!({ "server": server, "uri": "x://1" })));
    let waits =
        |before, trust| held(before, send(), &catalog(trust), ApprovalRule::default()).is_some();
    assert!(!waits(None, Untrusted), "nobody said anything");
    assert!(waits(read("notes"), Untrusted));
    assert!(!waits(read("notes"), Trusted));
    assert!(waits(read("gone"), Trusted), "of a server that is not there any more nobody knows");
    assert!(waits(Some((READ, json!({ "server": "notes" }))), Untrusted,), "names are words too");
    assert!(!waits(Some((READ, json!({}))), Untrusted), "which servers there are is no word");
    let prompt = Some((PROMPT, json!({ "server": "notes", "name": "plan" })));
    assert!(waits(prompt.clone(), Untrusted));
    assert!(!waits(prompt, Trusted));
}

#[test]
fn a_reading_that_was_declined_is_not_asked_for_again() {
    let evil = json!({ "server": "notes", "uri": "https://evil.example" });
    let (call, web) = ((READ, evil.clone()), (READ, json!({ "server": "web", "uri": "web://1" })));
    let catalog = catalog(Trusted);
    assert!(held(Some(web.clone()), call.clone(), &catalog, ApprovalRule::default()).is_some());
    let mut transcript = said("go", &[web]);
    transcript.extend(result_of(&[(READ, evil)], &ToolError::Declined.to_string(), true));
    assert!(held_in(transcript, call, &catalog, ApprovalRule::default()).is_none());
}

fn family(template: &str) -> ResourceTemplate {
    let (name, description) = (String::new(), String::new());
    ResourceTemplate { uri_template: template.to_owned(), name, description, mime_type: None }
}

fn content(server: &str, trust: Trust, uri: &str) -> ServerContent {
    let resource = ServerResource {
        uri: uri.to_owned(),
        name: "One".to_owned(),
        description: String::new(),
        mime_type: None,
    };
    let argument =
        PromptArgument { name: "a".to_owned(), description: String::new(), is_required: false };
    let prompt = ServerPrompt {
        name: "plan".to_owned(),
        title: None,
        description: String::new(),
        arguments: vec![argument],
    };
    let listed = ContentList {
        resources: vec![resource],
        templates: vec![family("note://by-id/{id}"), family("https://any/{x}")],
        prompts: vec![prompt],
        left_out: 0,
    };
    let (server, approvals) = (server.into(), Vec::new());
    ServerContent { server, trust, approvals, is_connected: true, listed: Arc::new(listed) }
}

/// A server that is trusted so, one that is not, the built-in tools, and one that sends.
fn catalog(trust: Trust) -> Catalog {
    let built_in = |it: BuiltInTool| Tool {
        origin: ToolOrigin::BuiltIn(it),
        trust: Trust::Bundled,
        hints: Hints { read_only: true, destructive: false, ..Hints::default() },
        ..tool(it.name())
    };
    let sends = Tool {
        hints: Hints { read_only: false, destructive: false, idempotent: false, open_world: true },
        is_annotated: true,
        tells_reach: true,
        trust: Trusted,
        ..tool("send")
    };
    let tools = vec![built_in(BuiltInTool::ReadResource), built_in(BuiltInTool::ReadPrompt), sends];
    let content = vec![content("notes", trust, "note://1"), content("web", Untrusted, "web://1")];
    Catalog { tools, content, ..Catalog::default() }
}

fn said(text: &str, calls: &[(&str, Value)]) -> Vec<Message> {
    let mut transcript = vec![Message::User { text: text.to_owned() }];
    transcript.extend(result_of(calls, "some words", false));
    transcript
}

fn result_of(calls: &[(&str, Value)], output: &str, is_error: bool) -> Vec<Message> {
    let calls = tool_calls(calls);
    let result = |call: &ToolCall| ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        output: output.to_owned(),
        is_error,
        origin: None,
    };
    let results = calls.iter().map(result).collect();
    vec![Message::Assistant(reply("", calls).message), Message::Tools { results }]
}

/// What is asked about a call, made after the result of another.
fn held(
    before: Option<(&str, Value)>,
    call: (&str, Value),
    catalog: &Catalog,
    rule: ApprovalRule,
) -> Option<HeldCall> {
    let before = before.map_or_else(Vec::new, |before| vec![before]);
    let transcript = if before.is_empty() {
        vec![Message::User { text: "go".to_owned() }]
    } else {
        said("go", &before)
    };
    held_in(transcript, call, catalog, rule)
}

fn held_in(
    transcript: Vec<Message>,
    call: (&str, Value),
    catalog: &Catalog,
    rule: ApprovalRule,
) -> Option<HeldCall> {
    held_with(transcript, call, catalog, Approvals { rule, ..Approvals::default() })
}

fn held_with(
    mut transcript: Vec<Message>,
    call: (&str, Value),
    catalog: &Catalog,
    approvals: Approvals,
) -> Option<HeldCall> {
    let mut calls = tool_calls(&[call]);
    calls[0].id = "call_next".into();
    calls[0].key = Some(CallKey::from("eff_1"));
    catalog.identify(&mut calls);
    transcript.push(Message::Assistant(reply("", calls).message));
    let limits = RunLimits { max_steps: 8, budget: SpendBudget::default() };
    let mut run = Run::new(transcript, limits).with_approvals(approvals);
    run.go_on(catalog);
    match run.step() {
        Step::Done(Finish::Held(held)) => held.into_iter().next(),
        Step::CallTools(_) => None,
        step @ (Step::AskModel | Step::Done(_)) => panic!("{step:?}"),
    }
}
