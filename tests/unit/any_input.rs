//! Whatever comes in from outside, at every door; the judges in `tests/support/judges` say what must
//! hold.
//!
//! Inputs are put together from what each door knows, so that nonsense gets far. `ANY_INPUT_CASES`
//! sets how many there are of each.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;

use crate::support::judges;

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "20.0",
    " ",
    "\n",
    "\u{feff}",
    "\u{202e}",
    "ü",
    "😀",
    "\"geheim\"",
];
const REQUEST: &[&str] = &[
    "{\"type\":\"threads.create\",\"params\":{\"input\":",
    "{\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}],\"attachments\":[],\"inference_options\":{}}",
    "{\"type\":\"threads.list\",\"params\":{\"limit\":",
    "{\"type\":\"items.list\",\"params\":{\"thread_id\":",
    "{\"type\":\"threads.update\",\"params\":{\"thread_id\":\"t\",\"title\":",
    "{\"message\":\"hi\"",
    ",\"thread_id\":",
    ",\"time_zone\":",
    ",\"model\":",
    ",\"metadata\":",
    "}}",
    "}",
];
const SCHEMA: &[&str] = &[
    "{\"type\":\"object\",\"properties\":{\"a\":",
    "\"type\":",
    "\"items\":",
    "\"anyOf\":[",
    "\"allOf\":[",
    "\"$ref\":\"#/properties/a\"",
    "\"$ref\":\"#\"",
    "\"enum\":[",
    "\"const\":",
    "\"required\":[\"a\"]",
    "\"null\"",
    "\"array\"",
    "\"string\"",
    "\"format\":\"date\"",
    "{\"type\":\"string\"}",
    "}}",
    "}",
];
const KEYS: &[&str] = &[
    "{\"keys\":[",
    "{\"id\":\"a\",",
    "{\"id\":\"b\",",
    "\"name\":\"n\",",
    "\"user\":\"ada\",",
    "\"tenant\":\"x/y\",",
    "\"scopes\":[\"chat\"],",
    "\"scopes\":[\"geheim\"],",
    "\"created\":\"2026-01-01T00:00:00Z\",",
    "\"hash\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}",
    "]}",
    ",",
];
const TOKEN: &[&str] = &[
    "{\"alg\":\"HS256\"}",
    "{\"alg\":\"none\"}",
    "{\"alg\":\"RS256\"}",
    "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
    "\n",
    "{\"iss\":\"https://issuer.example\",\"aud\":\"orchestrator\",\"sub\":\"ada\",\"exp\":4102444800",
    "}",
    ",\"exp\":0",
    ",\"exp\":1e400",
    ",\"exp\":-1",
    ",\"exp\":\"4102444800\"",
    ",\"nbf\":4102444800",
    ",\"aud\":[]",
    ",\"aud\":[\"orchestrator\"]",
    ",\"sub\":\"\"",
    ",\"sub\":7",
    ",\"org\":\"x\"",
    ",\"org\":null",
    "eyJ",
    ".",
    "=",
];
const CONFIG: &[&str] = &[
    "\n",
    "0",
    "-1",
    "1",
    "65536",
    "1e9",
    "NaN",
    "inf",
    "true",
    "http://",
    "https://geheim@h",
    "postgres://geheim",
    "sqlite://",
    "memory",
    "localhost",
    "0.0.0.0",
    "::1",
    "*",
    ",",
    " ",
    "geheim",
    "Europe/Berlin",
    "{\"mcpServers\":{",
    "\"a\":{\"command\":\"geheim\"}",
    "\"a\":{\"url\":\"http://geheim\"}",
    "}}",
    "[{\"name\":\"a\"",
    "{\"keys\":[]}",
    "$",
];
const TEXT: &[&str] = &[
    "a",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{fe0e}",
    "\u{e0041}",
    "\u{202e}",
    "\u{2066}",
    "\u{180e}",
    "\u{1820}",
    "\u{627}",
    "क",
    "👩",
    "❤",
    "1",
    "\u{2800}",
    "\u{3164}",
];

static CASES: LazyLock<u32> = LazyLock::new(|| {
    let cases = std::env::var("ANY_INPUT_CASES").ok();
    cases.map_or(300, |cases| cases.parse().unwrap())
});

fn config() -> ProptestConfig {
    ProptestConfig::with_cases(*CASES)
}

/// Up to twenty of these fragments and of those of JSON, and now and then a byte of any kind.
fn input(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        6 => select(words).prop_map(|it| it.as_bytes().to_vec()),
        3 => select(JSON).prop_map(|it| it.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|it| vec![it]),
    ];
    prop::collection::vec(fragment, 0..20).prop_map(|it| it.concat())
}

fn chosen(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), input(words)).prop_map(|(choice, rest)| [&[choice], &*rest].concat())
}

/// Lines that each begin with any byte.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(chosen(CONFIG), 0..6).prop_map(|it| it.join(&b'\n'))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_body_is_answered_as_documented(input in chosen(REQUEST)) {
        judges::request::judge(&input);
    }

    #[test]
    fn any_schema_of_a_tool_becomes_one_that_is_taken(input in input(SCHEMA)) {
        judges::schema::judge(&input);
    }

    #[test]
    fn any_text_is_cleaned_and_nothing_else(input in input(TEXT)) {
        judges::text::judge(&input);
    }

    #[test]
    fn any_environment_is_a_configuration_or_faults_by_name(input in lines()) {
        judges::config::judge(&input);
    }

    #[test]
    fn any_token_is_refused_unless_it_says_what_it_must(input in input(TOKEN)) {
        judges::token::judge(&input);
    }

    #[test]
    fn any_file_of_keys_is_taken_or_refused_as_a_whole(input in input(KEYS)) {
        judges::key_file::judge(&input);
    }
}
