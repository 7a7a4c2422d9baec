//! A list of tools in which some cannot be read: rmcp would drop the whole list, and its server with
//! it (ADR 39).

use rmcp::model::{ListToolsResult, Tool};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::tools::server_tools::UNREADABLE_TOOL;
use super::outline::Outline;

#[derive(Deserialize)]
struct ListAnswer {
    #[serde(rename = "result")]
    _result: ListToolsResult,
}

/// The message with a stand-in for each tool that cannot be read; `None` if there is none, or if
/// something else is wrong.
pub(super) fn mended(message: &[u8], outline: &Outline) -> Option<String> {
    let is_whole = || serde_json::from_slice::<ListAnswer>(message).is_ok();
    if !outline.lists_tools() || is_whole() {
        return None;
    }
    let mut message: Value = serde_json::from_slice(message).ok()?;
    let tools = message.get_mut("result")?.get_mut("tools")?.as_array_mut()?;
    for tool in tools.iter_mut().filter(|tool| Tool::deserialize(&**tool).is_err()) {
        *tool = stand_in(tool);
    }
    Some(message.to_string())
}

/// A tool that is left out under the same name.
fn stand_in(tool: &Value) -> Value {
    let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
    json!({ "name": name, "inputSchema": {}, "_meta": { UNREADABLE_TOOL: true } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended_list(tools: &str) -> Option<Value> {
        let message = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":{tools}}}}}"#);
        let mended = mended(message.as_bytes(), &Outline::of(message.as_bytes()))?;
        let mended: Value = serde_json::from_str(&mended).unwrap();
        assert!(serde_json::from_value::<ListAnswer>(mended.clone()).is_ok(), "{mended}");
        assert_eq!((&mended["id"], &mended["jsonrpc"]), (&json!(7), &json!("2.0")));
        Some(mended["result"]["tools"].clone())
    }

    #[test]
    fn what_cannot_be_read_is_stood_in_for_and_the_rest_stays() {
        const GOOD: &str = r#"{"name":"good","inputSchema":{"type":"object"}}"#;
        assert_eq!(mended_list(&format!("[{GOOD}]")), None);
        for (bad, name) in [
            (r#"{"name":"bad"}"#, "bad"),
            (r#"{"name":"bad","inputSchema":[]}"#, "bad"),
            (r#"{"name":"bad","inputSchema":{},"annotations":{"readOnlyHint":"yes"}}"#, "bad"),
            (r#"{"name":5,"inputSchema":{}}"#, ""),
            ("null", ""),
            ("[]", ""),
        ] {
            let tools = mended_list(&format!("[{bad},{GOOD},{bad}]")).unwrap();
            assert_eq!(tools[0]["name"], name, "{bad}");
            assert_eq!(tools[0]["_meta"][UNREADABLE_TOOL], true, "{bad}");
            assert_eq!(tools[1].to_string(), GOOD);
            assert_eq!(tools[2], tools[0]);
        }
    }

    #[test]
    fn what_is_no_list_of_tools_is_left_as_it_is() {
        for message in [
            r#"{"id":7,"result":{"tools":5}}"#,
            r#"{"id":7,"result":{"content":[{"tools":[null]}]}}"#,
            r#"{"id":7,"method":"x","params":{"tools":[null]}}"#,
            r#"{"id":7,"result":{"tools":[null]"#,
            "Welcome!",
        ] {
            assert_eq!(mended(message.as_bytes(), &Outline::of(message.as_bytes())), None);
        }
    }
}
