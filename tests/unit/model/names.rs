//! Names that every provider takes, and the way back.

use std::collections::HashSet;

use orchestrator::domain::Tool;
use orchestrator::model::Names;
use proptest::prelude::*;

use crate::support::doubles::tool;

#[test]
fn a_fine_name_stays_as_it_is() {
    let tools = tools(&["create_todo", "get-todo", "_x9"]);
    let names = Names::of(&tools);

    for tool in &tools {
        assert_eq!(names.sent(&tool.name), tool.name);
        assert_eq!(names.ours(&tool.name), tool.name);
    }
}

#[test]
fn a_name_the_model_made_up_stays_unknown() {
    assert_eq!(Names::of(&tools(&["a.b"])).ours("does_not_exist"), "does_not_exist");
}

#[test]
fn a_tool_that_is_gone_keeps_the_name_it_was_sent_under() {
    let names = Names::of(&tools(&["server/tool.one"]));

    assert_eq!(Names::default().sent("server/tool.one"), names.sent("server/tool.one"));
}

proptest! {
    #[test]
    fn any_names_are_safe_different_and_reversible(ours in prop::collection::hash_set("\\PC{1,80}|[a-c./-]{1,3}", 1..12)) {
        let ours: Vec<_> = ours.iter().map(|name| &**name).collect();
        let names = Names::of(&tools(&ours));

        let sent: HashSet<_> = ours.iter().map(|name| names.sent(name).into_owned()).collect();

        prop_assert_eq!(sent.len(), ours.len());
        for name in ours {
            let sent = names.sent(name);
            prop_assert!(sent.len() <= 64 && sent.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
            prop_assert!(sent.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'));
            prop_assert_eq!(names.ours(&sent), name);
        }
    }
}

fn tools(names: &[&str]) -> Vec<Tool> {
    names.iter().map(|name| tool(name)).collect()
}
