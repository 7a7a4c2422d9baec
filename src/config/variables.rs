//! Every variable there is: the one table behind `--help`, the README and `.env.example`.

/// A variable of the environment.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds if it is not set.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// All of them, in reading order.
pub const VARIABLES: &[Variable] = &[
    variable("HOST", "127.0.0.1", "address to listen on"),
    variable("PORT", "8000", "port to listen on"),
    variable(
        "GEMINI_API_KEY",
        "",
        "key of the model; without it the bundled offline model answers",
    ),
    variable("GEMINI_BASE_URL", GEMINI_URL, "OpenAI-compatible base URL of the model"),
    variable(
        "GEMINI_MODEL",
        "gemini-2.5-flash",
        "name of the model; unset, its successor is asked once it is gone",
    ),
    variable(
        "MODEL_DIALECT",
        "guessed from its name and URL",
        "what the model's server understands: gemini or openai",
    ),
    variable(
        "MODEL_FALLBACKS",
        "",
        "JSON list of models that stand in: [{\"name\", \"base_url\", \"model\", \"api_key_env\"?, \"dialect\"?}]",
    ),
    variable("THINKING", "auto", "how much the model may think: off, auto, low, medium or high"),
    variable(
        "MODEL_PRICES",
        "",
        "JSON file of prices, in dollars for a million tokens: {\"<model>\": {\"input\", \"output\", \"cached\"?}}",
    ),
    variable(
        "MCP_SERVER_COMMAND",
        "",
        "program of your own MCP server (stdio) instead of the bundled one",
    ),
    variable("MCP_SERVER_ARGS", "", "its arguments, parted by spaces, or a JSON list of strings"),
    variable("MCP_SERVER_URL", "", "URL of your own MCP server (streamable HTTP)"),
    variable("MCP_CONFIG", "", "JSON file {\"mcpServers\": {...}} for several MCP servers"),
    variable("MCP_TIMEOUT_SECONDS", "30", "time limit of one tool call"),
    variable(
        "REQUEST_TIMEOUT_SECONDS",
        "30",
        "time limit of one model request up to its first event",
    ),
    variable("STALL_TIMEOUT_SECONDS", "15", "longest silence inside a model's stream"),
    variable("TURN_TIMEOUT_SECONDS", "120", "time limit of a whole turn"),
    variable(
        "MCP_BREAKER_FAILURES",
        "5",
        "failed calls in a row that open an MCP server's breaker",
    ),
    variable("MCP_BREAKER_SECONDS", "30", "how long it then stays open"),
    variable("MODEL_BREAKER_FAILURES", "3", "failed calls in a row that open the model's breaker"),
    variable("MODEL_BREAKER_SECONDS", "60", "how long it then stays open"),
    variable("MAX_INPUT_CHARS", "5000", "longest message, in characters"),
    variable("MAX_STREAMS", "10000", "turns that may run at the same time"),
    variable(
        "MAX_WAITING",
        "4",
        "messages that may wait while an answer is written in their thread; 0 refuses them",
    ),
    variable(
        "MAX_CONTEXT_TOKENS",
        "32000",
        "how much of a thread the model is sent, in tokens, estimated",
    ),
    variable("TITLES", "words", "what a thread is called: words (its first) or model (asked)"),
    variable("MAX_STEPS", "8", "model calls of one turn at most"),
    variable(
        "MAX_TURN_TOKENS",
        "",
        "tokens of one turn; then the person is asked whether to go on",
    ),
    variable(
        "MAX_TURN_COST_USD",
        "",
        "dollars of one turn, as far as prices are known; then the person is asked likewise",
    ),
    variable(
        "DATABASE_URL",
        "sqlite://data/orchestrator.db",
        "threads: sqlite://…, postgres://… or memory",
    ),
    variable(
        "TODO_DATABASE_URL",
        "sqlite://data/todos.db",
        "bundled todo server: sqlite://…, postgres://… or memory",
    ),
    variable(
        "TODO_ALLOWED_HOSTS",
        "",
        "host names that todo --http answers to besides localhost, parted by commas",
    ),
    variable("TIME_ZONE", "the machine's", "what \"tomorrow\" means, for example Europe/Berlin"),
    variable("PUBLIC_URL", "derived from HOST and PORT", "where people reach this server"),
    variable(
        "ALLOWED_ORIGINS",
        "any localhost origin on a loopback HOST, else none",
        "pages that may call this server, parted by commas",
    ),
    variable("DRAIN_SECONDS", "30", "how long running turns may go on after SIGTERM"),
    variable("LOG_LEVEL", "info", "error, warn, info, debug or trace"),
    variable("LOG_FORMAT", "json (pretty on a terminal)", "json or pretty"),
];

/// Google's OpenAI-compatible endpoint.
pub(super) const GEMINI_URL: &str = "https://generativelanguage.googleapis.com/v1beta/openai/";

/// The table as text for `--help`.
pub fn help() -> String {
    let mut text = String::from("Environment:\n");
    for Variable { name, default, help } in VARIABLES {
        let default = if default.is_empty() { "unset" } else { default };
        text.push_str(&format_line(name, help, default));
    }
    text
}

fn format_line(name: &str, help: &str, default: &str) -> String {
    format!("  {name:<24} {help} [{default}]\n")
}

const fn variable(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, help }
}
