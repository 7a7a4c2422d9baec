//! Every variable: the one table behind the loader, `--help`, the README and `.env.example`.

use Preset::{Unset, Value, Words};

#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    /// What applies if it is not set.
    pub preset: Preset,
    pub help: &'static str,
}

/// What applies if a variable is not set.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// Nothing.
    Unset,
    /// As if this had been set.
    Value(&'static str),
    /// In words: it depends on the machine or on other variables.
    Words(&'static str),
}

macro_rules! variables {
    ($($name:ident = $preset:expr, $help:literal;)*) => {
        $(pub(super) static $name: Variable =
            Variable { name: stringify!($name), preset: $preset, help: $help };)*

        /// In the order in which they are shown.
        pub static VARIABLES: &[&Variable] = &[$(&$name),*];
    };
}

variables! {
    HOST = Value("127.0.0.1"), "address to listen on";
    PORT = Value("8000"), "port to listen on";
    ADMIN_ADDR = Unset,
        "address and port of a private listener that serves the whole /health and POST /admin/reload without a key, such as 127.0.0.1:8001 (set in the image)";
    GEMINI_API_KEY = Unset, "key of the model; without it the bundled offline model answers";
    GEMINI_BASE_URL = Value("https://generativelanguage.googleapis.com/v1beta/openai"),
        "OpenAI-compatible base URL of the model";
    GEMINI_MODEL = Value("gemini-2.5-flash"),
        "name of the model; if unset, its successor replaces it once it is gone";
    MODEL_DIALECT = Words("guessed from its name and URL"),
        "dialect that the model's server understands: gemini or openai";
    MODEL_FALLBACKS = Unset,
        "JSON list of fallback models: [{\"name\", \"base_url\", \"model\", \"api_key_env\"?, \"dialect\"?}]";
    THINKING = Value("auto"), "how much the model may think: off, auto, low, medium or high";
    MODEL_PRICES = Unset,
        "JSON file of prices, in dollars per million tokens: {\"<model>\": {\"input\", \"output\", \"cached\"?}}";
    MCP_SERVER_COMMAND = Unset, "program of your own MCP server (stdio) instead of the bundled one";
    MCP_SERVER_ARGS = Unset, "its arguments, separated by spaces, or a JSON list of strings";
    MCP_SERVER_URL = Unset, "URL of your own MCP server (streamable HTTP)";
    MCP_CONFIG = Unset, "JSON file {\"mcpServers\": {...}} for several MCP servers, read again on SIGHUP";
    MCP_PIN = Value("on"),
        "whether a tool that is not as it was first seen is held back until `orchestrator tools approve`: on or off";
    TOKEN_KEY = Unset,
        "key of 64 hexadecimal digits that seals, in the database, sign-ins at tool servers; `openssl rand -hex 32` makes one";
    MCP_TIMEOUT_SECONDS = Value("30"),
        "time limit of one tool call, renewed by its progress up to five times as long";
    APPROVALS = Value("destructive"),
        "tool calls that wait until a person approves them: destructive, always or never";
    REQUEST_TIMEOUT_SECONDS = Value("30"),
        "time limit of one model request up to its first event, renewed by comments that keep a stream alive";
    STALL_TIMEOUT_SECONDS = Value("15"), "longest silence inside a model's stream";
    TURN_TIMEOUT_SECONDS = Value("120"), "time limit of a whole turn";
    MCP_BREAKER_FAILURES = Value("5"), "failed calls in a row that open an MCP server's breaker";
    MCP_BREAKER_SECONDS = Value("30"), "seconds that it then stays open";
    MODEL_BREAKER_FAILURES = Value("3"), "failed calls in a row that open the model's breaker; a call and its retries count as one";
    MODEL_BREAKER_SECONDS = Value("60"), "seconds that it then stays open";
    MAX_INPUT_CHARS = Value("5000"), "longest message, in characters";
    MAX_STREAMS = Value("10000"), "turns that may run at the same time, at most; fewer if the process cannot carry so many";
    MAX_WAITING = Value("4"),
        "messages that may queue while an answer is written in their thread; 0 refuses them";
    MAX_CONTEXT_TOKENS = Value("32000"),
        "how much of a thread is sent to the model, in estimated tokens";
    ALLOWED_IMAGE_DOMAINS = Unset,
        "domains, separated by commas, to which links and images of answers may lead; all others are shown as text";
    TITLES = Value("words"), "title of a thread: words (its first words) or model (the model writes it)";
    MAX_STEPS = Value("8"), "most model calls of one turn";
    MAX_TURN_TOKENS = Unset, "tokens of one turn; at the limit the user is asked whether to continue";
    MAX_TURN_COST_USD = Unset,
        "dollars of one turn, for calls with a known price; at the limit the user is asked too";
    CALLER_TURNS_PER_MINUTE = Unset, "turns that each caller may begin within a minute, unless its key has its own limit";
    CALLER_TURNS_AT_ONCE = Unset, "turns of each caller that may run or wait at the same time";
    CALLER_TOKENS_PER_DAY = Unset, "tokens that each caller may use on a day (UTC)";
    CALLER_COST_USD_PER_DAY = Unset,
        "dollars that each caller may use on a day (UTC), for calls with a known price; at least 0.0001";
    DATABASE_URL = Value("sqlite://data/orchestrator.db"),
        "threads: sqlite://…, postgres://… or memory";
    TODO_DATABASE_URL = Value("sqlite://data/todos.db"),
        "bundled todo server: sqlite://…, postgres://… or memory";
    TODO_ALLOWED_HOSTS = Unset,
        "host names that todo --http accepts in addition to localhost, separated by commas";
    TODO_TOKENS_FILE = Unset,
        "JSON file of the tokens of todo --http: {\"tokens\": [{\"name\", \"hash\", \"user\", \"tenant\"?}, ...]}; needed on an address that others reach";
    TIME_ZONE = Words("the machine's"), "time zone for words like \"tomorrow\", for example Europe/Berlin";
    PUBLIC_URL = Words("derived from HOST and PORT"), "URL at which browsers reach this server";
    ALLOWED_HOSTS = Words("localhost, addresses, and the names in HOST and PUBLIC_URL"),
        "host names under which this server answers, separated by commas; * for any";
    ALLOWED_ORIGINS = Words("any localhost origin on a loopback HOST, else none"),
        "origins of other pages that may call this server, separated by commas";
    API_KEYS_FILE = Unset, "JSON file of API keys, made by `orchestrator keys new`; who has one may come in";
    AUTH_JWT_SECRET = Unset, "secret of at least 32 bytes that signs JSON Web Tokens (HS256)";
    AUTH_JWKS_URL = Unset, "URL of an issuer's keys for JSON Web Tokens; needs AUTH_ISSUER and AUTH_AUDIENCE";
    AUTH_ISSUER = Unset, "issuer (iss) that tokens must name";
    AUTH_AUDIENCE = Unset, "audience (aud) that tokens must be for";
    AUTH_USER_CLAIM = Value("sub"), "claim of a token that names its user";
    AUTH_TENANT_CLAIM = Unset, "claim of a token that names the user's tenant";
    ALLOW_ANONYMOUS = Value("false"),
        "true serves requests without a key or token as well, if-no-keys only while none of the above is set; needed on a public HOST without any of them";
    BLOCK_PRIVATE_NETWORKS = Value("false"),
        "true refuses models, MCP servers and AUTH_JWKS_URL whose names lead into private networks";
    LAME_DUCK_SECONDS = Value("5"),
        "seconds to keep serving after SIGTERM while /health/ready answers 503";
    DRAIN_SECONDS = Value("30"), "seconds that running turns may continue after that";
    LOG_LEVEL = Value("info"), "error, warn, info, debug or trace";
    LOG_FORMAT = Words("json (pretty on a terminal)"), "json or pretty";
}

/// The table as text for `--help`.
pub fn help() -> String {
    let mut text = String::from("Environment:\n");
    for variable in VARIABLES {
        text.push_str(&line(variable));
    }
    text
}

fn line(variable: &Variable) -> String {
    let preset = match variable.preset {
        Unset => "unset",
        Value(text) | Words(text) => text,
    };
    format!("  {:<24} {} [{preset}]\n", variable.name, variable.help)
}
