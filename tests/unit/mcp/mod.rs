//! The list of servers that people write.

use std::time::Duration;

use orchestrator::domain::{ApprovalRule, Secret, Trust};
use orchestrator::mcp::{
    ContentChoice, OAuthClient, RevisionChoice, SealingKey, ServerFault, ServerList,
    ServerSettings, SignInBy, ToolFilter, Transport, Variables, read_servers,
};

#[test]
fn every_member_of_an_entry_is_read_in_the_order_written() {
    let list = read(
        r#"{"mcpServers": {
            "todo": {"command": "orchestrator", "args": ["todo"], "env": {"KEY": "k"}, "cwd": "/srv"},
            "far": {"type": "http", "url": "https://example.com/mcp", "headers": {"X-Key": "k"},
                "timeout_seconds": 1.5, "max_calls": 3, "tools": {"allow": ["read_*"], "deny": ["read_b"]},
                "resources": false, "prompts": true,
                "protocol": "2026-07-28", "tell_owner": true, "forward_auth": true},
            "off": {"command": "x", "url": "y", "disabled": true}
        }}"#,
    );

    let secret = |name: &str| vec![(name.to_owned(), Secret::new("k"))];
    let todo = Transport::Child {
        command: "orchestrator".into(),
        args: vec!["todo".into()],
        env: secret("KEY"),
        cwd: Some("/srv".into()),
    };
    let far = Transport::Http { url: "https://example.com/mcp".into(), headers: secret("X-Key") };
    let far = ServerSettings {
        call_timeout: Some(Duration::from_millis(1_500)),
        max_calls: 3,
        tools: ToolFilter { allow: Some(vec!["read_*".into()]), deny: vec!["read_b".into()] },
        content: ContentChoice { resources: false, prompts: true },
        revision: RevisionChoice::Stateless,
        tell_owner: true,
        forward_auth: true,
        ..ServerSettings::new("far", far)
    };
    let servers = vec![ServerSettings::new("todo", todo), far];
    assert_eq!(list, ServerList { servers, ..ServerList::default() });
}

#[test]
fn the_client_of_a_server_with_oauth_is_read_and_checked() {
    let read_at = |url: &str, oauth: &str| {
        read(&format!(r#"{{"mcpServers": {{"a": {{"url": "{url}", "oauth": {oauth}}}}}}}"#))
    };
    let read = |oauth: &str| read_at("https://a.example", oauth);
    let list = read(r#"{"client_id": "i", "client_secret": "s", "scopes": ["a:b", "c"]}"#);
    let oauth = OAuthClient {
        client_id: Some("i".into()),
        client_secret: Some(Secret::new("s")),
        scopes: vec!["a:b".into(), "c".into()],
    };
    assert_eq!((list.faults, &list.servers[0].oauth), (Vec::new(), &oauth));
    for faulty in [
        "true",
        r#"{"client_id": 1}"#,
        r#"{"client_id": ""}"#,
        r#"{"client_secret": "s"}"#,
        r#"{"scopes": "a"}"#,
        r#"{"scopes": ["a b"]}"#,
        r#"{}, "forward_auth": true"#,
    ] {
        let faults = read(faulty).faults;
        assert_eq!(faults.len(), 1, "{faulty}: {faults:?}");
        assert_eq!(faults[0].pointer, "/mcpServers/a/oauth", "{faulty}");
    }
    let faults = read_at("http://a.example", "{}").faults;
    assert_eq!((faults.len(), &*faults[0].pointer), (1, "/mcpServers/a/oauth"), "{faults:?}");
    let warned = read(r#"{"secret": "s"}"#).warnings;
    assert_eq!(warned[0].pointer, "/mcpServers/a/oauth/secret");
}

#[test]
fn a_sealing_key_is_64_hexadecimal_digits() {
    assert!(SealingKey::read(&"0aF9".repeat(16)).is_some());
    for other in ["", "0", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64), &"é".repeat(32)] {
        assert!(SealingKey::read(other).is_none(), "{other}");
    }
}

#[test]
fn variables_are_filled_in_wherever_a_text_stands() {
    let list = read(
        r#"{"mcpServers": {
            "child": {"command": "${A}", "args": ["-${A}-${env:B}", "${NONE:-${A}", "${EMPTY:-d}", "$A $"],
                "env": {"X": "${A}"}, "cwd": "/${A}"},
            "http": {"url": "http://${A}/mcp", "headers": {"X": "Bearer ${TOKEN}"},
                "tools": {"allow": ["${A}"]}}
        }}"#,
    );

    assert_eq!(list.faults, []);
    let [child, http] = list.servers.as_slice() else { panic!("{list:?}") };
    let expected = Transport::Child {
        command: "a".into(),
        args: ["-a-b", "${A", "d", "$A $"].map(str::to_owned).into(),
        env: vec![("X".into(), Secret::new("a"))],
        cwd: Some("/a".into()),
    };
    assert_eq!(child.transport, expected);
    let headers = vec![("X".into(), Secret::new("Bearer ${A}"))];
    assert_eq!(http.transport, Transport::Http { url: "http://a/mcp".into(), headers });
    assert_eq!(http.tools.allow, Some(vec!["a".into()]));
}

#[test]
fn a_variable_that_is_not_set_is_told_at_each_place_and_so_is_what_is_none() {
    let list = read(
        r#"{"mcpServers": {
            "unset": {"command": "x", "args": ["${NONE}", "fine", "${EMPTY}"], "env": {"T": "${NONE}"}},
            "none": {"command": "x", "args": ["${hush hush}", "${", "${1A}", "${A"]},
            "url": {"url": "${NONE}"},
            "wide": {"command": "x", "args": ["${LONG}${LONG}"]},
            "off": {"command": "${NONE}", "disabled": true},
            "other": {"command": "x", "description": "${NONE}"}
        }}"#,
    );

    let needs = |place: &str, name: &str| {
        format!(
            r#""{place}" needs the variable {name}, which is not set; set it, or write ${{{name}:-default}}"#
        )
    };
    let none = |place: &str| {
        format!(
            r#""{place}" has a ${{ that begins no variable; write ${{NAME}} or ${{NAME:-default}}, of letters, digits and _"#
        )
    };
    let expected = [
        ("unset", "args/0", needs("args/0", "NONE")),
        ("unset", "args/2", needs("args/2", "EMPTY")),
        ("unset", "env/T", needs("env/T", "NONE")),
        ("none", "args/0", none("args/0")),
        ("none", "args/1", none("args/1")),
        ("none", "args/2", none("args/2")),
        ("none", "args/3", none("args/3")),
        ("url", "url", needs("url", "NONE")),
        (
            "wide",
            "args/0",
            r#""args/0" is too long with its variables; use shorter ones"#.to_owned(),
        ),
    ];
    let expected = expected.map(|(server, member, told)| ServerFault::of(server, member, told));
    assert_eq!(list.faults, expected);
    let names: Vec<_> = list.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["other"]);
}

#[test]
fn what_does_nothing_is_warned_of_with_its_place_and_costs_nothing() {
    let list = read(
        r#"{"mcpServers": {
            "a": {"command": "x", "startup_timeout": "hush", "hush hush": 1, "headers": {"A": "hush"},
                "tools": {"allow": ["b"], "denny": ["hush"]}},
            "b": {"url": "http://localhost", "type": "hush", "args": ["hush"], "env": {}, "cwd": "hush"}
        }}"#,
    );

    assert_eq!((list.servers.len(), list.faults.len()), (2, 0), "{list:?}");
    let told: Vec<_> =
        list.warnings.iter().map(|it| (it.pointer.as_str(), it.to_string())).collect();
    let expected = [
        (
            "/mcpServers/a/startup_timeout",
            r#"server a: "startup_timeout" is not known here and does nothing"#,
        ),
        ("/mcpServers/a", "server a: its member number 3 is not known here and does nothing"),
        ("/mcpServers/a/tools/denny", r#"server a: "denny" is not known here and does nothing"#),
        ("/mcpServers/a/headers", r#"server a: "headers" does nothing beside "command""#),
        ("/mcpServers/b/args", r#"server b: "args" does nothing beside "url""#),
        ("/mcpServers/b/env", r#"server b: "env" does nothing beside "url""#),
        ("/mcpServers/b/cwd", r#"server b: "cwd" does nothing beside "url""#),
        ("/mcpServers/b/type", r#"server b: "type" is none that is known here and does nothing"#),
    ];
    assert_eq!(told, expected.map(|(place, words)| (place, words.to_owned())));
}

#[test]
fn every_fault_is_told_at_once_and_no_value_ever() {
    let list = read(
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

    let told: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
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
    assert!(!told.concat().contains("hush"));
    let pointers: Vec<_> = list.faults.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(
        pointers[..4],
        ["/mcpServers", "/mcpServers/both/url", "/mcpServers/none", "/mcpServers/child/command"]
    );
}

#[test]
fn a_limit_of_a_wrong_form_costs_its_server_alone() {
    let list = read(
        r#"{"mcpServers": {
            "limits": {"command": "x", "timeout_seconds": 0, "tools": {"deny": "hush"}, "cwd": 7},
            "listed": {"command": "x", "timeout_seconds": "hush", "tools": ["hush"], "disabled": "hush"},
            "good": {"command": "x"},
            "zero": {"command": "x", "timeout_seconds": 86401, "max_calls": 0, "protocol": "2024",
                "resources": "hush"}
        }}"#,
    );

    let told: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            r#"server limits: "cwd" must be the path of a folder"#,
            r#"server limits: "timeout_seconds" must be a number above 0, at most 86400"#,
            FILTER,
            r#"server listed: "disabled" must be true or false"#,
            r#"server listed: "timeout_seconds" must be a number above 0, at most 86400"#,
            &FILTER.replace("limits", "listed"),
            r#"server zero: "timeout_seconds" must be a number above 0, at most 86400"#,
            r#"server zero: "max_calls" must be a whole number from 1 to 1000"#,
            r#"server zero: "protocol" must be "auto", "2025-11-25" or "2026-07-28""#,
            r#"server zero: "resources" must be true or false"#,
        ]
    );
    let names: Vec<_> = list.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["good"]);
}

#[test]
fn of_two_servers_with_one_name_neither_is_taken_for_the_other() {
    let list = read(
        r#"{"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}, "a": {"url": "http://a"}}}"#,
    );

    let told: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["server a: its name occurs twice; give one of them another name"]);
    let names: Vec<_> = list.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_member_that_occurs_twice_is_a_fault_of_its_entry_wherever_it_is() {
    let list = read(
        r#"{"mcpServers": {
            "a": {"command": "x", "tools": {"deny": ["a"]}, "tools": {}},
            "b": {"command": "x", "env": {"A": "1", "B": "2", "A": "3"}},
            "c": {"command": "x", "approval": {"a key": "always", "a key": "never"}},
            "d": {"command": "x", "disabled": false, "disabled": true},
            "e": {"command": "x", "args": "1", "args": "2", "disabled": true},
            "f": {"command": "x", "unknown": [{"of": 1, "others": 2, "of": 3}]},
            "good": {"command": "x", "env": {"command": "x"}}
        }}"#,
    );

    let told: Vec<_> = list.faults.iter().map(|it| format!("{} {it}", it.pointer)).collect();
    assert_eq!(
        told,
        [
            r#"/mcpServers/a/tools server a: "tools" occurs more than once; keep one of them"#,
            r#"/mcpServers/b/env/A server b: "env/A" occurs more than once; keep one of them"#,
            "/mcpServers/c/approval server c: one of its members occurs more than once; keep one of them",
            r#"/mcpServers/d/disabled server d: "disabled" occurs more than once; keep one of them"#,
            r#"/mcpServers/f/unknown/0/of server f: "unknown/0/of" occurs more than once; keep one of them"#,
        ]
    );
    let names: Vec<_> = list.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["good"]);
}

#[test]
fn of_two_servers_whose_names_look_alike_the_first_keeps_its_name() {
    for (first, second) in [
        ("todo", "Todo"),
        ("todo", "t0do"),
        ("mail-1", "mail_l"),
        ("left", "Ieft"),
        ("MAIL", "mail"),
    ] {
        let list = read(&format!(
            r#"{{"mcpServers": {{"{first}": {{"command": "x"}}, "a": {{"command": "x"}},
                "{second}": {{"command": "x"}}}}}}"#
        ));

        let told: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
        let expected =
            format!("server {second}: its name looks like that of server {first}; give it another");
        assert_eq!(told, [expected]);
        let names: Vec<_> = list.servers.iter().map(|server| server.name.as_str()).collect();
        assert_eq!(names, [first, "a"]);
    }
}

#[test]
fn names_that_only_resemble_each_other_are_fine() {
    let list = read(
        r#"{"mcpServers": {"mail": {"command": "x"}, "mall": {"command": "x"},
            "mail2": {"command": "x"}, "m-ail": {"command": "x"}}}"#,
    );

    assert_eq!((list.servers.len(), list.faults), (4, Vec::new()));
}

#[test]
fn tokens_of_callers_go_only_where_nobody_on_the_way_can_read_them() {
    let list = read(
        r#"{"mcpServers": {
            "token": {"url": "https://localhost", "forward_auth": "hush"},
            "piped": {"command": "x", "forward_auth": true},
            "plain": {"url": "http://hush.example/mcp", "forward_auth": true},
            "here": {"url": "http://localhost:1/mcp", "forward_auth": true}
        }}"#,
    );

    let told: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
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
fn callers_sign_in_only_where_their_tokens_are_safe_and_theirs() {
    let list = read(
        r#"{"mcpServers": {
            "odd": {"url": "https://localhost", "sign_in": "hush"},
            "piped": {"command": "x", "sign_in": "caller"},
            "plain": {"url": "http://hush.example/mcp", "sign_in": "caller"},
            "own": {"url": "https://a.example", "headers": {"authorization": "hush"}, "sign_in": "caller"},
            "both": {"url": "https://a.example", "forward_auth": true, "sign_in": "caller"},
            "here": {"url": "http://localhost:1/mcp", "sign_in": "caller"},
            "far": {"url": "https://a.example", "sign_in": "operator"}
        }}"#,
    );

    let told: Vec<_> = list.faults.iter().map(ToString::to_string).collect();
    let unsafe_for = |name: &str| {
        format!(
            r#"server {name}: a "sign_in" of callers needs an https "url", or one on this machine, without an Authorization header"#
        )
    };
    let expected = [
        r#"server odd: "sign_in" must be "operator" or "caller""#.to_owned(),
        unsafe_for("piped"),
        unsafe_for("plain"),
        unsafe_for("own"),
        r#"server both: "forward_auth" and a "sign_in" of callers exclude each other; keep one"#
            .to_owned(),
    ];
    assert_eq!(told, expected);
    let by: Vec<_> = list.servers.iter().map(|server| server.sign_in).collect();
    assert_eq!(by, [SignInBy::Caller, SignInBy::Operator]);
}

#[test]
fn a_text_that_is_no_list_of_servers_is_refused_whole() {
    let many = (0..33).map(|index| format!(r#""s{index}": {{"command": "x"}}"#));
    let many = format!(r#"{{"mcpServers": {{{}}}}}"#, many.collect::<Vec<_>>().join(","));
    for text in ["", "[]", "{", r#"{"mcpServers": 1}"#, r#"{"servers": {}}"#, &many, TWICE] {
        let fault = read_servers(text, &Variables::default()).unwrap_err();

        assert_eq!((fault.server, fault.pointer.as_str()), (None, ""), "{text}");
    }
    assert_eq!(read(r#"{"mcpServers": {}}"#), ServerList::default());
}

const TWICE: &str = r#"{"mcpServers": {}, "mcpServers": {}}"#;

const FILTER: &str = r#"server limits: "tools" must be an object with "allow" or "deny" or both, each a list of names of the server's tools, in which * stands for any characters"#;

fn read(json: &str) -> ServerList {
    let long = "x".repeat(70_000);
    let variables = [("A", "a"), ("B", "b"), ("EMPTY", ""), ("TOKEN", "${A}"), ("LONG", &long)];
    let variables = variables.map(|(name, value)| (name.to_owned(), Secret::new(value)));
    read_servers(json, &variables.into_iter().collect()).unwrap()
}

#[test]
fn which_calls_wait_is_said_for_a_server_or_for_its_tools() {
    use ApprovalRule::{Always, Destructive, Never};
    let list = read(
        r#"{"mcpServers": {
            "a": {"command": "x", "approval": "always", "trust": "trusted"},
            "b": {"command": "x", "approval": {"*": "destructive", "get_*": "never", "send": "always"}},
            "c": {"command": "x"},
            "d": {"command": "x", "approval": "hush"},
            "e": {"command": "x", "approval": {"x": true}, "trust": "hush"}
        }}"#,
    );

    let rules = |name: &str| {
        let server = list.servers.iter().find(|it| it.name == name).unwrap();
        let rules: Vec<_> =
            server.approval.0.iter().map(|(tool, rule)| (tool.as_str(), *rule)).collect();
        (rules, server.trust)
    };
    assert_eq!(rules("a"), (vec![("*", Always)], Trust::Trusted));
    let several = vec![("*", Destructive), ("get_*", Never), ("send", Always)];
    assert_eq!(rules("b"), (several, Trust::Untrusted));
    assert_eq!(rules("c"), (Vec::new(), Trust::Untrusted));
    let faults: Vec<_> = list.faults.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(faults, ["/mcpServers/d/approval", "/mcpServers/e/approval", "/mcpServers/e/trust"]);
    assert!(list.faults.iter().all(|it| !it.to_string().contains("hush")), "{:?}", list.faults);
}
