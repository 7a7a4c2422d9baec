//! The list of servers that people write.

use orchestrator::domain::{Secret, Trust};
use orchestrator::mcp::{ServerSettings, Transport, read_servers};

#[test]
fn children_and_addresses_are_read_in_the_order_written() {
    let servers = read_servers(
        r#"{"mcpServers": {
            "todo": {"command": "orchestrator", "args": ["todo"], "env": {"KEY": "k"}},
            "far": {"type": "http", "url": "https://example.com/mcp", "headers": {"X-Key": "k"},
                "tell_owner": true, "forward_auth": true},
            "off": {"command": "x", "disabled": true}
        }}"#,
    );

    let secret = |name: &str| vec![(name.to_owned(), Secret::new("k"))];
    let todo = Transport::Child {
        command: "orchestrator".into(),
        args: vec!["todo".into()],
        env: secret("KEY"),
    };
    let far = Transport::Http { url: "https://example.com/mcp".into(), headers: secret("X-Key") };
    let servers = servers.unwrap();
    let expected = [("todo", todo, false), ("far", far, true)];
    let expected = expected.map(|(name, transport, tell_owner)| ServerSettings {
        name: name.into(),
        transport,
        trust: Trust::Trusted,
        tell_owner,
        forward_auth: tell_owner,
    });
    assert_eq!(servers, expected);
}

#[test]
fn every_fault_is_told_at_once_and_no_value_ever() {
    let error = read_servers(
        r#"{"mcpServers": {
            "a b": {"command": "hush"},
            "both": {"command": "hush", "url": "http://hush"},
            "none": {},
            "child": {"command": 7, "args": "hush", "env": {"A": 1}},
            "http": {"url": "ftp://hush", "headers": {"bad name": "hush"}},
            "old": {"type": "sse", "url": "http://localhost"},
            "flat": "hush",
            "told": {"command": "x", "tell_owner": "hush"},
            "built-in": {"command": "hush"},
            "a__b": {"command": "hush"}
        }}"#,
    );

    let faults = error.unwrap_err();
    let told: Vec<_> = faults.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "server number 1: its name must be 1 to 32 of A-Z a-z 0-9 _ -",
            r#"server both: it has both "command" and "url"; keep one"#,
            r#"server none: it has neither "command" nor "url"; give one"#,
            r#"server child: "command" must be the name or path of a program"#,
            r#"server child: "args" must be a list of texts"#,
            r#"server child: "env" must be an object of variable names and texts"#,
            r#"server http: "url" must be an http or https address"#,
            r#"server http: "headers" must be an object of header names and texts"#,
            "server old: the old SSE transport is not spoken; use its streamable HTTP endpoint",
            "server flat: its entry is not an object",
            r#"server told: "tell_owner" must be true or false"#,
            "server built-in: its name stands for the tools of this program; give it another",
            "server a__b: two underscores part a server's name from a tool's; give it another name",
        ]
    );
    assert!(!faults.to_string().contains("hush"));
}

#[test]
fn tokens_of_callers_go_only_where_nobody_on_the_way_can_read_them() {
    let error = read_servers(
        r#"{"mcpServers": {
            "token": {"url": "https://localhost", "forward_auth": "hush"},
            "piped": {"command": "x", "forward_auth": true},
            "plain": {"url": "http://hush.example/mcp", "forward_auth": true},
            "here": {"url": "http://localhost:1/mcp", "forward_auth": true}
        }}"#,
    );

    let told: Vec<_> = error.unwrap_err().0.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            r#"server token: "forward_auth" must be true or false"#,
            r#"server piped: "forward_auth" needs an https "url", or one on this machine"#,
            r#"server plain: "forward_auth" needs an https "url", or one on this machine"#,
        ]
    );
}

#[test]
fn a_text_that_is_no_list_of_servers_is_refused_whole() {
    for text in ["", "[]", "{", r#"{"mcpServers": 1}"#, r#"{"servers": {}}"#] {
        let faults = read_servers(text).unwrap_err();

        assert_eq!(faults.0.len(), 1, "{text}");
        assert_eq!(faults.0.first().unwrap().server, None);
    }
    assert_eq!(read_servers(r#"{"mcpServers": {}}"#), Ok(Vec::new()));
}
