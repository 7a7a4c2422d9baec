//! What speaks against a URL at the start (ADR 31).

use super::load;

const METADATA: &str = "http://metadata.google.internal/secret-path";

#[test]
fn a_url_that_names_a_metadata_service_is_refused_by_its_variable_and_never_shown() {
    let fallbacks = format!(r#"[{{"name": "b", "base_url": "{METADATA}", "model": "m"}}]"#);
    let told = load(&[
        ("GEMINI_API_KEY", "k"),
        ("GEMINI_BASE_URL", METADATA),
        ("MODEL_FALLBACKS", &fallbacks),
        ("MCP_SERVER_URL", METADATA),
        ("AUTH_JWKS_URL", "https://metadata.goog/secret-path"),
        ("AUTH_ISSUER", "i"),
        ("AUTH_AUDIENCE", "a"),
    ]);

    let told = told.unwrap_err().to_string();
    for start in [
        "GEMINI_BASE_URL names a metadata service",
        "MODEL_FALLBACKS has b, whose base_url names a metadata service",
        "MCP_SERVER_URL names a metadata service",
        "AUTH_JWKS_URL names a metadata service",
    ] {
        assert!(told.contains(start), "{start}: {told}");
    }
    assert!(!told.contains("google") && !told.contains("secret"), "{told}");
}

#[test]
fn a_url_in_the_file_of_servers_that_names_a_metadata_service_costs_its_server_alone() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("mcp.json");
    let list =
        format!(r#"{{"mcpServers": {{"a": {{"url": "{METADATA}"}}, "b": {{"command": "x"}}}}}}"#);
    std::fs::write(&file, list).unwrap();

    let mcp = load(&[("MCP_CONFIG", file.to_str().unwrap())]).unwrap().mcp;

    let told: Vec<_> = mcp.faults.iter().map(ToString::to_string).collect();
    assert!(told[0].starts_with(r#"server a: "url" names a metadata service"#), "{told:?}");
    assert!(!told[0].contains("google") && !told[0].contains("secret"), "{told:?}");
    assert_eq!((mcp.servers.len(), mcp.servers[0].name.as_str()), (1, "b"));
}

#[test]
fn an_address_that_is_written_is_meant() {
    for blocks in ["true", "false"] {
        let config = load(&[
            ("BLOCK_PRIVATE_NETWORKS", blocks),
            ("GEMINI_API_KEY", "k"),
            ("GEMINI_BASE_URL", "http://169.254.169.254/v1"),
            ("MCP_SERVER_URL", "http://10.0.0.1/mcp"),
        ]);
        assert!(config.is_ok(), "{blocks}: {config:?}");
    }
}

#[test]
fn private_networks_are_blocked_by_true_alone() {
    let told = load(&[("BLOCK_PRIVATE_NETWORKS", "yes")]).unwrap_err().to_string();

    assert!(told.contains("BLOCK_PRIVATE_NETWORKS must be true or false"), "{told}");
}

#[test]
fn tokens_are_passed_on_only_where_there_are_any() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("mcp.json");
    let list = r#"{"mcpServers": {"a": {"url": "https://a.example/mcp", "forward_auth": true}}}"#;
    std::fs::write(&file, list).unwrap();
    let file = file.to_str().unwrap();
    let secret = ("AUTH_JWT_SECRET", "thirty-two bytes of a test secret");

    let without = load(&[("MCP_CONFIG", file)]).unwrap().mcp;
    let with = load(&[("MCP_CONFIG", file), secret]).unwrap().mcp;

    let told: Vec<_> = without.faults.iter().map(ToString::to_string).collect();
    assert!(told[0].contains(r#"server a: "forward_auth" does nothing without"#), "{told:?}");
    assert_eq!((without.servers.len(), with.servers.len(), with.faults.len()), (0, 1, 0));
}

#[test]
fn callers_sign_in_only_where_it_can_be_kept() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("mcp.json");
    let list = r#"{"mcpServers": {"a": {"url": "https://a.example/mcp", "sign_in": "caller"}}}"#;
    std::fs::write(&file, list).unwrap();
    let file = file.to_str().unwrap();
    let key = "a".repeat(64);

    let without = load(&[("MCP_CONFIG", file)]).unwrap().mcp;
    let with = load(&[("MCP_CONFIG", file), ("TOKEN_KEY", key.as_str())]).unwrap().mcp;

    let told: Vec<_> = without.faults.iter().map(ToString::to_string).collect();
    assert!(told[0].contains(r#"server a: a "sign_in" of callers needs TOKEN_KEY"#), "{told:?}");
    assert_eq!((without.servers.len(), with.servers.len(), with.faults.len()), (0, 1, 0));
}
