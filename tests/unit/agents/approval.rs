//! Which calls wait for a person, and what an approval is bound to (ADR 38).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orchestrator::agents::{
    Approvals, Finish, HeldCall, Run, RunLimits, SpendBudget, Step, Verdict,
};
use orchestrator::domain::{
    ApprovalRule, CallKey, Catalog, Hints, Message, Tool, ToolCall, ToolId, ToolOrigin, Trust,
};
use serde_json::{Value, json};

use crate::support::doubles::{reply, tool, tool_calls};

/// Says, in this order, whether a tool only reads, and whether it destroys.
fn hints(read_only: Option<bool>, destructive: Option<bool>) -> (Hints, bool) {
    let worse = Hints::default();
    let hints = Hints {
        read_only: read_only.unwrap_or(worse.read_only),
        destructive: destructive.unwrap_or(worse.destructive),
        ..worse
    };
    (hints, read_only.is_some() || destructive.is_some())
}

fn asked(tool: Tool, approvals: Approvals, call: &ToolCall) -> Option<HeldCall> {
    let catalog = Catalog { tools: vec![tool], ..Catalog::default() };
    let said = reply("", vec![call.clone()]).message;
    let transcript = vec![Message::User { text: "go".to_owned() }, Message::Assistant(said)];
    let limits = RunLimits { max_steps: 8, budget: SpendBudget::default() };
    let mut run = Run::new(transcript, limits).with_approvals(approvals);
    run.go_on(&catalog);
    match run.step() {
        Step::Done(Finish::Held(held)) => held.into_iter().next(),
        Step::CallTools(batches) => {
            assert_eq!(batches[0][0].refusal, None);
            None
        }
        step @ (Step::AskModel | Step::Done(_)) => panic!("{step:?}"),
    }
}

fn call(arguments: &Value) -> ToolCall {
    let mut call = tool_calls(&[("wipe", arguments.clone())]).remove(0);
    call.key = Some(CallKey::from("eff_1"));
    call.tool = Some(id("fake", "wipe"));
    call
}

fn id(server: &str, tool: &str) -> ToolId {
    ToolId { server: server.into(), tool: tool.into() }
}

fn scope() -> [String; 2] {
    ["thr_1", "ada"].map(str::to_owned)
}

#[test]
fn what_a_tool_says_its_server_and_the_operator_decide_together() {
    use ApprovalRule::{Always, Destructive, Never};
    use Trust::{Bundled, Trusted, Untrusted};
    let (yes, no) = (Some(true), Some(false));
    for (said, trust, own, rule, waits) in [
        // It says that it destroys: whoever says it.
        ((None, yes), Bundled, None, Destructive, true),
        ((None, yes), Trusted, None, Destructive, true),
        ((None, yes), Untrusted, None, Destructive, true),
        // It says that it changes something, so the default holds: it may destroy.
        ((no, None), Trusted, None, Destructive, true),
        // It says that it does no harm.
        ((None, no), Untrusted, None, Destructive, false),
        ((yes, None), Untrusted, None, Destructive, false),
        ((yes, yes), Untrusted, None, Destructive, false),
        // It says nothing.
        ((None, None), Untrusted, None, Destructive, true),
        ((None, None), Trusted, None, Destructive, false),
        // The operator's word for all tools, and for this one.
        ((yes, no), Bundled, None, Always, true),
        ((None, yes), Untrusted, None, Never, false),
        ((None, yes), Untrusted, Some(Never), Always, false),
        ((yes, no), Trusted, Some(Always), Never, true),
        ((None, yes), Trusted, Some(Destructive), Never, true),
    ] {
        let (hints, is_annotated) = hints(said.0, said.1);
        let tool = Tool { hints, is_annotated, trust, approval: own, ..tool("wipe") };
        let approvals = Approvals { rule, scope: scope(), ..Approvals::default() };

        let held = asked(tool, approvals, &call(&json!({})));

        assert_eq!(held.is_some(), waits, "{said:?} {trust:?} {own:?} {rule:?}");
    }
}

#[test]
fn an_approval_holds_for_this_call_in_this_thread_for_this_person_and_this_tool_alone() {
    let first = Approvals { scope: scope(), ..Approvals::default() };
    let held = asked(tool("wipe"), first, &call(&json!({ "id": 1 }))).unwrap();
    let approved = |scope: [String; 2]| {
        let answered = HashMap::from([(held.id.clone(), Verdict::Approved)]);
        Approvals { scope, answered, ..Approvals::default() }
    };
    let same = call(&json!({ "id": 1 }));
    let other = |thread: &str, owner: &str| approved([thread, owner].map(str::to_owned));

    assert_eq!(asked(tool("wipe"), approved(scope()), &same), None);

    let keyed = |key: &str| ToolCall { key: Some(CallKey::from(key)), ..same.clone() };
    let elsewhere = ToolCall { tool: Some(id("other", "wipe")), ..same.clone() };
    let moved = Tool { origin: ToolOrigin::Server(id("other", "wipe")), ..tool("wipe") };
    let schema = Arc::new(json!({ "type": "object", "properties": { "id": {} } }));
    let read_only = Hints { idempotent: true, ..tool("wipe").hints };
    for (what, tool, approvals, call) in [
        ("another argument", tool("wipe"), approved(scope()), call(&json!({ "id": 2 }))),
        ("one more argument", tool("wipe"), approved(scope()), call(&json!({ "id": 1, "x": 0 }))),
        ("another call", tool("wipe"), approved(scope()), keyed("eff_2")),
        ("another thread", tool("wipe"), other("thr_2", "ada"), same.clone()),
        ("another person", tool("wipe"), other("thr_1", "eve"), same.clone()),
        ("a shift between the two", tool("wipe"), other("thr_1a", "da"), same.clone()),
        ("another server", moved, approved(scope()), elsewhere),
        ("another schema", Tool { schema, ..tool("wipe") }, approved(scope()), same.clone()),
        ("other hints", Tool { hints: read_only, ..tool("wipe") }, approved(scope()), same.clone()),
        (
            "another description",
            Tool { description: "harmless".to_owned(), ..tool("wipe") },
            approved(scope()),
            same.clone(),
        ),
        (
            "another title",
            Tool { title: Some("Harmless".to_owned()), ..tool("wipe") },
            approved(scope()),
            same.clone(),
        ),
    ] {
        assert!(asked(tool, approvals, &call).is_some(), "{what}");
    }
}

#[test]
fn a_call_that_was_begun_is_not_asked_for_again() {
    let begun = HashSet::from(["eff_1".to_owned()]);
    let approvals = Approvals { scope: scope(), begun, ..Approvals::default() };

    assert_eq!(asked(tool("wipe"), approvals, &call(&json!({}))), None);
}
