//! What a tool is, whatever it is called.

use orchestrator::domain::{ApprovalRule, Effect, Hints, ToolCall, ToolId};
use serde_json::json;

use crate::support::doubles::{catalog, tool_calls};

#[test]
fn calls_kept_before_tools_had_an_identity_are_read_and_found_by_name() {
    let kept = json!({ "id": "call_1", "name": "add", "arguments": "{}" });

    let call: ToolCall = serde_json::from_value(kept.clone()).unwrap();

    assert_eq!(call.tool, None);
    assert_eq!(json!(call), kept);
    assert_eq!(catalog(&["add"]).find_call(&call).unwrap().name, "add");
}

#[test]
fn a_call_keeps_the_identity_of_its_tool() {
    let mut calls = tool_calls(&[("add", json!({})), ("nothing", json!({}))]);

    catalog(&["add"]).identify(&mut calls);

    let id = ToolId { server: "fake".into(), tool: "add".into() };
    assert_eq!(calls[0].tool, Some(id));
    assert_eq!(calls[1].tool, None);
    let kept = json!(calls[0]);
    assert_eq!(kept["tool"], json!({ "server": "fake", "tool": "add" }));
    assert_eq!(serde_json::from_value::<ToolCall>(kept).unwrap(), calls[0]);
}

#[test]
fn what_destroys_is_never_repeated_though_it_says_it_may_be() {
    let hints = |read_only, destructive, idempotent| Hints {
        read_only,
        destructive,
        idempotent,
        open_world: true,
    };
    let table = [
        (hints(true, true, false), Effect::ReadOnly),
        (hints(false, false, true), Effect::Idempotent),
        (hints(false, true, true), Effect::Changes),
        (hints(false, false, false), Effect::Changes),
        (Hints::default(), Effect::Changes),
    ];

    for (hints, effect) in table {
        assert_eq!(hints.effect(), effect, "{hints:?}");
    }
}

#[test]
fn the_stricter_of_two_rules_is_never_looser_than_either_whatever_the_rule_for_all_is() {
    use ApprovalRule::{Always, Destructive, Never};
    let strictness = |rule: ApprovalRule| match rule {
        Never => 0,
        Destructive => 1,
        Always => 2,
    };
    let rules = [None, Some(Never), Some(Destructive), Some(Always)];
    for (one, other) in rules.into_iter().flat_map(|one| rules.map(|other| (one, other))) {
        let stricter = ApprovalRule::stricter(one, other);
        for all in [Never, Destructive, Always] {
            let of = |rule: Option<ApprovalRule>| strictness(rule.unwrap_or(all));
            assert!(of(stricter) >= of(one).max(of(other)), "{one:?}, {other:?}, {all:?}");
        }
        assert_eq!(stricter, ApprovalRule::stricter(other, one));
    }
    // And no stricter than it must be.
    for rule in rules {
        assert_eq!(ApprovalRule::stricter(rule, rule), rule);
        assert_eq!(ApprovalRule::stricter(rule, Some(Never)), rule);
    }
}
