//! From the environment to settings.

mod addresses;
mod authentication;

use std::time::Duration;

use orchestrator::agents::SpendBudget;
use orchestrator::api::Origins;
use orchestrator::config::{Config, ConfigError, Env};
use orchestrator::domain::{AllowedDomains, Cost};
use orchestrator::mcp::Transport;
use orchestrator::model::ProviderFamily;
use orchestrator::observability::LogFormat;

#[test]
fn an_empty_environment_is_a_whole_configuration() {
    let config = load(&[]).unwrap();

    assert_eq!(config.listen.url(), "http://127.0.0.1:8000");
    assert!(config.model.offline);
    assert_eq!(config.model.model, "gemini-2.5-flash");
    assert!(config.mcp.servers.is_empty());
    assert_eq!(config.store.url, "sqlite://data/orchestrator.db");
    assert_eq!(config.todo.database_url, "sqlite://data/todos.db");
    assert_eq!(config.chat.turn_timeout, Duration::from_mins(2));
    assert_eq!(config.chat.limits.max_steps, 8);
    assert_eq!(config.model.guard.breaker.max_failures, 3);
    assert_eq!(config.mcp.guard.breaker.cool_down, Duration::from_secs(30));
    assert_eq!(config.api.origins, Origins::LoopbackAnd(Vec::new()));
    assert_eq!(config.chat.allowed_domains, AllowedDomains::default());
    assert!(config.uses_bundled_todo);
}

#[test]
fn a_variable_that_is_set_but_empty_is_as_good_as_unset() {
    let config = load(&[("GEMINI_API_KEY", " "), ("PORT", ""), ("MCP_SERVER_URL", "")]).unwrap();

    assert!(config.model.offline);
    assert_eq!(config.listen.port, 8000);
    assert!(config.mcp.servers.is_empty());
}

#[test]
fn all_faults_are_told_at_once_by_name_and_never_by_value() {
    let faulty = [
        ("PORT", "geheim"),
        ("MAX_STEPS", "0"),
        ("MAX_TURN_TOKENS", "0"),
        ("MAX_TURN_COST_USD", "geheim"),
        ("CALLER_TURNS_PER_MINUTE", "0"),
        ("CALLER_TURNS_AT_ONCE", "-1"),
        ("CALLER_TOKENS_PER_DAY", "geheim"),
        ("CALLER_COST_USD_PER_DAY", "0"),
        ("MCP_TIMEOUT_SECONDS", "-geheim"),
        ("TIME_ZONE", "Geheim/Ort"),
        ("LOG_LEVEL", "geheim"),
        ("LOG_FORMAT", "geheim"),
        ("DATABASE_URL", "mysql://geheim"),
        ("MCP_SERVER_ARGS", "[geheim"),
        ("MCP_SERVER_COMMAND", "npx"),
    ];

    let told = load(&faulty).unwrap_err().to_string();

    for (name, _) in faulty.iter().filter(|(name, _)| *name != "MCP_SERVER_COMMAND") {
        assert!(told.contains(name), "{name} is missing: {told}");
    }
    assert!(!told.to_lowercase().contains("geheim"), "{told}");
}

#[test]
fn a_limit_of_money_is_an_amount_that_can_be_shown() {
    let of = |amount| load(&[("CALLER_COST_USD_PER_DAY", amount)]);

    for amount in ["0.0001", "0.123456789", "1000000"] {
        assert!(of(amount).unwrap().chat.caller_limits.cost_per_day.is_some(), "{amount}");
    }
    for amount in ["0.000099999", "0.0000005", "0.1234567891", "1000000.1", "1e3"] {
        let told = of(amount).unwrap_err().to_string();
        let expected = "from 0.0001 to 1000000, with at most nine decimals";
        assert!(told.contains(expected) && !told.contains(amount), "{told}");
    }
    let told = load(&[("MAX_TURN_COST_USD", "0.1234567891")]).unwrap_err().to_string();
    assert!(told.contains("with at most nine decimals"), "{told}");
}

#[test]
fn a_turn_may_cost_what_it_likes_unless_a_limit_is_set() {
    let limits = [("MAX_TURN_TOKENS", "20000"), ("MAX_TURN_COST_USD", "0.05")];

    let unlimited = load(&[]).unwrap().chat.limits.budget;
    let limited = load(&limits).unwrap().chat.limits.budget;

    assert_eq!(unlimited, SpendBudget::default());
    assert_eq!(limited.max_tokens, Some(20_000));
    assert_eq!(limited.max_cost, Some(Cost::from_nanos(50_000_000)));
    for amount in ["0", "-1", "$1", "1e-3", "1000001"] {
        let told = load(&[("MAX_TURN_COST_USD", amount)]).unwrap_err().to_string();
        assert!(told.contains("MAX_TURN_COST_USD must be an amount of dollars"), "{told}");
    }
}

#[test]
fn a_servers_arguments_are_words_or_a_json_list() {
    for args in ["-y  server", r#"["-y", "server"]"#] {
        let env = [("MCP_SERVER_COMMAND", "npx"), ("MCP_SERVER_ARGS", args)];
        let server = load(&env).unwrap().mcp.servers.remove(0);

        let Transport::Child { command, args, env, .. } = server.transport else { unreachable!() };
        assert_eq!((command.as_str(), args), ("npx", vec!["-y".to_owned(), "server".to_owned()]));
        assert!(env.is_empty());
    }
}

#[test]
fn two_ways_to_name_servers_exclude_each_other() {
    let env = [("MCP_SERVER_COMMAND", "npx"), ("MCP_SERVER_URL", "http://localhost:1/mcp")];

    let told = load(&env).unwrap_err().to_string();

    assert!(told.contains("MCP_SERVER_URL and MCP_SERVER_COMMAND"), "{told}");
}

#[test]
fn listed_origins_come_besides_those_of_this_machine_while_it_alone_is_listened_to() {
    let list = ("ALLOWED_ORIGINS", "https://a.example, ,http://b.example:3000");
    let named = || vec!["https://a.example".to_owned(), "http://b.example:3000".to_owned()];

    for host in ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"] {
        let origins = load(&[("HOST", host), list]).unwrap().api.origins;
        assert_eq!(origins, Origins::LoopbackAnd(named()), "{host}");
    }
    for host in ["0.0.0.0", "::", "10.0.0.1", "chat.example"] {
        let everybody = ("ALLOW_ANONYMOUS", "true");
        let origins = load(&[("HOST", host), everybody, list]).unwrap().api.origins;
        assert_eq!(origins, Origins::Exactly(named()), "{host}");
        let origins = load(&[("HOST", host), everybody]).unwrap().api.origins;
        assert_eq!(origins, Origins::Exactly(Vec::new()));
    }
}

#[test]
fn an_origin_that_no_browser_would_send_is_told_with_what_to_do() {
    for (origin, told) in [
        ("geheim", "write a scheme and a host"),
        ("*", "write a scheme and a host"),
        ("null", "write a scheme and a host"),
        ("ftp://geheim.example", "write a scheme and a host"),
        ("https://geheim.example?x", "write a scheme and a host"),
        ("https://geheim.example/", "leave out the slash"),
        ("https://geheim.example/chat", "an origin has no path"),
        ("https://Geheim.example", "in small letters"),
        ("https://geheim.example:443", "without the usual port"),
    ] {
        let list = format!("https://a.example,{origin}");
        let refused = load(&[("ALLOWED_ORIGINS", &list)]).unwrap_err().to_string();
        assert!(refused.contains("ALLOWED_ORIGINS has a fault in entry 2: "), "{refused}");
        assert!(refused.contains(told) && !refused.contains("eheim"), "{origin}: {refused}");
    }
}

#[test]
fn every_address_is_checked_at_the_start_and_all_at_once() {
    let fallback = r#"[{"name":"b","base_url":"geheim","model":"m"}]"#;
    let faulty = [
        ("HOST", "http://geheim"),
        ("PUBLIC_URL", "geheim"),
        ("ALLOWED_ORIGINS", "geheim"),
        ("GEMINI_BASE_URL", "geheim"),
        ("MODEL_FALLBACKS", fallback),
        ("MCP_SERVER_URL", "ftp://geheim"),
        ("MCP_SERVER_ARGS", "geheim"),
    ];

    let told = load(&faulty).unwrap_err().to_string();

    for (name, _) in faulty {
        assert!(told.contains(&format!("- {name} ")), "{name} is missing: {told}");
    }
    assert!(!told.contains("geheim"), "{told}");
    for (name, value) in [
        ("HOST", "geheim:80"),
        ("HOST", "geheim/"),
        ("HOST", "[geheim]"),
        ("PUBLIC_URL", "https://u:geheim@a.example"),
        ("GEMINI_BASE_URL", "https://a.example?key=geheim"),
        ("MCP_SERVER_URL", "http//geheim"),
        ("MCP_SERVER_URL", "https://"),
    ] {
        let told = load(&[(name, value)]).map(drop).unwrap_err().to_string();
        assert!(told.contains(name) && !told.contains("geheim"), "{name}={value}: {told}");
    }
}

#[test]
fn where_it_listens_is_told_as_an_address_that_can_be_opened() {
    for (host, url) in [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("[::1]", "http://[::1]:8000"),
    ] {
        let everybody = ("ALLOW_ANONYMOUS", "true");
        assert_eq!(load(&[("HOST", host), everybody]).unwrap().listen.url(), url);
    }
}

#[test]
fn a_list_of_servers_that_is_empty_is_a_choice_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("mcp.json");
    let path = path.to_str().unwrap();

    for list in [r#"{"mcpServers":{}}"#, r#"{"mcpServers":{"a":{"command":"x","disabled":true}}}"#]
    {
        std::fs::write(path, list).unwrap();
        let config = load(&[("MCP_CONFIG", path)]).unwrap();
        assert!(config.mcp.servers.is_empty() && !config.uses_bundled_todo, "{list}");
    }
}

#[test]
fn a_file_of_servers_costs_the_start_only_if_it_is_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("mcp.json");
    // A value that was read from a file ends in a line break, as those of our own variables may.
    let set = [("MCP_CONFIG", path.to_str().unwrap()), ("PROGRAM", "geheim\n")];

    for (text, fault) in [
        (None, "MCP_CONFIG names a file with faults: it cannot be read: "),
        (Some("geheim"), "it is not JSON from line 1, column 1 on"),
        (Some(r#"{"servers": "geheim"}"#), r#"there is no object "mcpServers""#),
        (Some(&*" ".repeat(1_100_000)), "it is larger than 1 MiB"),
    ] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let told = load(&set).unwrap_err().to_string();
        assert!(told.contains(fault) && !told.contains("geheim"), "{told}");
    }
    let list = r#"{"mcpServers": {"a": {"command": "${PROGRAM}"}, "b": {"command": "${NONE}"}}}"#;
    std::fs::write(&path, list).unwrap();
    let config = load(&set).unwrap();
    let Transport::Child { command, .. } = &config.mcp.servers[0].transport else { unreachable!() };
    assert_eq!((command.as_str(), config.mcp.servers.len()), ("geheim", 1));
    assert_eq!(config.mcp.faults[0].pointer, "/mcpServers/b/command");
}

#[test]
fn all_that_other_settings_say_against_a_server_is_told_at_once() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("mcp.json");
    let list = r#"{"mcpServers":
        {"b": {"url": "https://metadata.google.internal/", "forward_auth": true}}}"#;
    std::fs::write(&path, list).unwrap();

    let faults = load(&[("MCP_CONFIG", path.to_str().unwrap())]).unwrap().mcp.faults;

    let places: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(places, ["/mcpServers/b/forward_auth", "/mcpServers/b/url"]);
}

#[test]
fn no_secret_is_shown_by_debug() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("mcp.json");
    let list = r#"{"mcpServers": {"a": {"command": "x", "args": ["--key=${KEY}"]},
        "b": {"url": "http://b.example/${KEY}"}}}"#;
    std::fs::write(&path, list).unwrap();
    let path = ("MCP_CONFIG", path.to_str().unwrap());

    let config = load(&[("GEMINI_API_KEY", "geheim"), ("KEY", "geheim"), path]).unwrap();

    assert_eq!(config.mcp.servers.len(), 2);
    assert!(!format!("{config:?}").contains("geheim"));
}

fn load(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(Env::of(values.iter().copied()), LogFormat::Json)
}

#[test]
fn models_that_stand_in_are_read_in_order_and_the_last_alone_is_asked_again() {
    let list = r#"[{"name":"a","base_url":"http://a/v1","model":"x","api_key_env":"A_KEY"},
        {"name":"b","base_url":"http://b/v1","model":"y"}]"#;
    let env = Env::of([("MODEL_FALLBACKS", list), ("A_KEY", "geheim")]);

    let config = Config::load(env, LogFormat::Json).unwrap();

    let names: Vec<_> = config.fallbacks.iter().map(|one| one.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(config.fallbacks[0].api_key.expose(), "geheim");
    assert_eq!(config.fallbacks[0].key_variable.as_deref(), Some("A_KEY"));
    let retries = [&config.model, &config.fallbacks[0], &config.fallbacks[1]]
        .map(|settings| settings.guard.retries);
    assert_eq!((retries[0], retries[1]), (0, 0));
    assert!(retries[2] > 0);
}

#[test]
fn a_dialect_is_guessed_unless_it_is_named() {
    let list = r#"[{"name":"a","base_url":"http://a/v1","model":"gemini-3.5-flash"},
        {"name":"b","base_url":"http://b/v1","model":"gemini-3.5-flash","dialect":"openai"},
        {"name":"c","base_url":"http://c/v1","model":"fast","dialect":"gemini"},
        {"name":"d","base_url":"http://d/v1","model":"qwen3"}]"#;

    let config = load(&[("MODEL_FALLBACKS", list), ("GEMINI_MODEL", "gpt-5")]).unwrap();

    let families: Vec<_> = config.fallbacks.iter().map(|one| one.family).collect();
    let (gemini, openai) = (ProviderFamily::Gemini, ProviderFamily::OpenAi);
    assert_eq!(families, [gemini, openai, gemini, openai]);
    assert_eq!(config.model.family, gemini, "the address is Google's");

    let told = load(&[("MODEL_DIALECT", "openai"), ("GEMINI_MODEL", "gemini-3.5-flash")]).unwrap();
    assert_eq!(told.model.family, openai);
    let refused = load(&[("MODEL_DIALECT", "geheim")]).unwrap_err().to_string();
    assert!(refused.contains("MODEL_DIALECT must be gemini or openai"), "{refused}");
    assert!(!refused.contains("geheim"), "{refused}");
}

#[test]
fn lists_of_models_with_faults_are_refused_without_their_values() {
    for list in [
        "geheim",
        r#"[{"name":"a"}]"#,
        r#"[{"name":"geheim geheim","base_url":"u","model":"m"}]"#,
        r#"[{"name":"a","base_url":"u","model":"m"},{"name":"a","base_url":"u","model":"m"}]"#,
        r#"[{"name":"a","base_url":"u","model":"m","api_key":"geheim"}]"#,
        r#"[{"name":"a","base_url":"u","model":"m","api_key_env":"NOT_SET"}]"#,
        r#"[{"name":"geheim","base_url":"u","model":"m"}]"#,
        r#"[{"name":"a","base_url":"u","model":"m","dialect":"geheim"}]"#,
    ] {
        let env = Env::of([("MODEL_FALLBACKS", list), ("GEMINI_MODEL", "geheim")]);
        let refused = Config::load(env, LogFormat::Json);

        let told = refused.unwrap_err().to_string();
        assert!(told.contains("MODEL_FALLBACKS") && !told.contains("geheim"), "{told}");
    }
}

#[test]
fn a_file_of_prices_is_read_and_its_faults_are_told_with_all_others() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let right = file("right.json", r#"{"models/mine": {"input": 1, "output": 2}}"#);
    let wrong = file("wrong.json", r#"{"mine": {"input": "geheim", "output": 2}}"#);
    let model = ("GEMINI_MODEL", "mine");
    let key = ("GEMINI_API_KEY", "key");

    let priced = load(&[model, key, ("MODEL_PRICES", &right)]).unwrap();
    let unknown = load(&[model, key]).unwrap();
    let told = load(&[("MODEL_PRICES", &wrong), ("PORT", "x")]).unwrap_err().to_string();
    let missing = load(&[("MODEL_PRICES", "/nowhere.json")]).unwrap_err().to_string();

    assert!(priced.model.price().is_some());
    assert_eq!(unknown.model.price(), None);
    assert!(told.contains("MODEL_PRICES names a file with faults: model mine"), "{told}");
    assert!(told.contains("PORT") && !told.contains("geheim"), "{told}");
    assert!(missing.contains("MODEL_PRICES names a file that cannot be read"), "{missing}");
}
