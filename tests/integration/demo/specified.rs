//! Every scenario, asked for directly: its status, its frames, its ending.

use std::collections::BTreeSet;

use demo::scenario_names;
use futures::StreamExt;

use crate::support::model_server::{ModelServer, asking};

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// A finish, then `[DONE]`.
    Done,
    /// `[DONE]` without a finish.
    OnlyDone,
    /// A finish, but no `[DONE]`.
    OnlyFinish,
    /// Neither; the body ends cleanly.
    Open,
    /// A body in one piece.
    Body,
    /// The connection breaks, before or after the head.
    Broken,
    /// Nothing more comes, and the connection stays open.
    Silence,
}

use Ending::{Body, Broken, Done, OnlyDone, OnlyFinish, Open, Silence};

/// A name, the statuses it may have by turns, its events, and how the last of them ends.
type Row = (&'static str, &'static [u16], usize, Ending);

const GOOD: &[Row] = &[
    ("text_usage_last", &[200], 4, Done),
    ("text_usage_every_chunk", &[200], 4, Done),
    ("text_no_id", &[200], 3, Done),
    ("text_ten_chunks", &[200], 11, Done),
    ("text_then_tool", &[200], 3, Done),
    ("thoughts", &[200], 5, Done),
    ("thoughts_then_tool", &[200], 3, OnlyDone),
    ("tool_single", &[200], 2, Done),
    ("tool_parallel_one_delta", &[200], 2, Done),
    ("tool_parallel_chunks", &[200], 3, Done),
    ("tool_parallel_index0", &[200], 4, Done),
    ("tool_stop_empty_id", &[200], 2, Done),
    ("tool_two_empty_ids", &[200], 3, Done),
    ("tool_gemini3_stop_trailer", &[200], 3, Done),
    ("tool_gemini38_noindex", &[200], 3, Done),
    ("tool_signature_only_delta", &[200], 4, Done),
    ("signature_trailing_text", &[200], 4, Done),
    ("finish_without_done", &[200], 2, OnlyFinish),
    ("completion_text", &[200], 0, Body),
    ("completion_tool", &[200], 0, Body),
];

const NO_ANSWER: &[Row] = &[
    ("empty_stop", &[200], 1, OnlyFinish),
    ("length_no_text", &[200], 2, Done),
    ("malformed_function_call", &[200], 2, Done),
    ("malformed_with_text", &[200], 2, Done),
    ("content_filter_prohibited", &[200], 2, Done),
    ("content_filter_recitation_partial", &[200], 4, Done),
    ("completion_prohibited", &[200], 0, Body),
    ("completion_recitation", &[200], 0, Body),
    ("tool_unknown_name", &[200], 2, Done),
    ("tool_bad_args", &[200], 2, Done),
    ("tool_args_array", &[200], 2, Done),
    ("tool_huge_args", &[200], 2, Done),
    ("repeat_call", &[200, 200, 200], 2, Done),
    ("json_on_stream", &[200], 0, Body),
    ("html_200", &[200], 0, Body),
    ("truncated_no_finish", &[200], 2, Open),
    ("mid_error_data", &[200], 2, Open),
    ("mid_error_array", &[200], 2, Open),
    ("mid_error_raw", &[200], 1, Open),
];

const ERRORS: &[Row] = &[
    ("e400_invalid_argument", &[400], 0, Body),
    ("e400_invalid_auth_header", &[400], 0, Body),
    ("e400_bad_key", &[400], 0, Body),
    ("e400_location", &[400], 0, Body),
    ("e400_unknown_field", &[400], 0, Body),
    ("e400_model_turn_last", &[400], 0, Body),
    ("e400_reasoning_effort", &[400], 0, Body),
    ("e400_thinking_level", &[400], 0, Body),
    ("e400_parts_empty", &[400], 0, Body),
    ("e400_contents_empty", &[400], 0, Body),
    ("e400_tool_name_empty", &[400], 0, Body),
    ("e400_response_count", &[400], 0, Body),
    ("e400_thought_signature", &[400], 0, Body),
    ("e400_signature_invalid", &[400], 0, Body),
    ("e400_too_many_states", &[400], 0, Body),
    ("e403_permission", &[403], 0, Body),
    ("e404_model", &[404], 0, Body),
    ("e404_new_users", &[404], 0, Body),
    ("e429_per_minute", &[429], 0, Body),
    ("e429_per_day", &[429], 0, Body),
    ("e429_shared_capacity", &[429], 0, Body),
    ("e429_retry_after", &[429], 0, Body),
    ("e429_fractional", &[429], 0, Body),
    ("e429_delay", &[429], 0, Body),
    ("e500_internal", &[500], 0, Body),
    ("e502_html", &[502], 0, Body),
    ("e503_overloaded", &[503], 0, Body),
    ("e503_empty", &[503], 0, Body),
    ("e503_unwrapped", &[503], 0, Body),
    ("e504_deadline", &[504], 0, Body),
];

const SEQUENCES: &[Row] = &[
    ("agent", &[200, 200], 2, Done),
    ("flaky_503(2)", &[503, 503, 200, 200], 2, Done),
    ("flaky_429(2,0.25)", &[429, 429, 200], 2, Done),
    ("flaky_empty(1)", &[200], 1, OnlyFinish),
    ("flaky_malformed(1)", &[200, 200], 2, Done),
    ("breaker(60000)", &[503, 503], 0, Body),
    ("breaker(0)", &[200], 2, Done),
    ("quota(1)", &[200, 429], 0, Body),
];

const ON_THE_WAY: &[Row] = &[
    ("hang_headers", &[], 0, Silence),
    ("close_before_headers", &[], 0, Broken),
    ("slow_ttft(20)", &[200], 11, Done),
    ("stall_after(3)", &[200], 3, Silence),
    ("cut_after(3)", &[200], 3, Broken),
    ("eof_after(3)", &[200], 3, Open),
    ("no_last_blank", &[200], 11, Done),
    ("crlf", &[200], 11, Done),
    ("bom", &[200], 11, Done),
    ("comments", &[200], 11, Done),
    ("trickle", &[200], 0, Silence),
    ("flood(2)", &[200], 2 * 64 + 2, Done),
    ("many_chunks(1000)", &[200], 1_000 + 2, Done),
    // The last of all: the port is closed for a moment.
    ("refuse(0)", &[], 0, Broken),
];

const OTHER_SERVERS: &[Row] = &[
    ("openai_tool_pieces", &[200], 6, Done),
    ("newapi_empty_name", &[200], 5, Done),
    ("gateway_glued_args", &[200], 3, Done),
    ("vllm_reasoning", &[200], 6, Done),
    ("llamacpp_timings", &[200], 5, Done),
    ("openrouter_mid_error", &[200], 3, Done),
    ("proxy_empty_finish_reason", &[200], 4, Done),
    ("usage_null_fields", &[200], 2, Done),
];

const ALL: &[&[Row]] = &[GOOD, NO_ANSWER, ERRORS, SEQUENCES, OTHER_SERVERS, ON_THE_WAY];

#[tokio::test]
async fn every_scenario_answers_as_specified() {
    let server = ModelServer::emulate().await;

    for (name, statuses, events, ending) in ALL.iter().copied().flatten() {
        let mut seen = (vec![], 0, Broken);
        for _ in 0..statuses.len().max(1) {
            let (status, events, ending) = ask(&server, name).await;
            seen = (seen.0.into_iter().chain(status).collect(), events, ending);
        }

        assert_eq!(seen, (statuses.to_vec(), *events, *ending), "{name}");
    }
}

#[test]
fn every_scenario_is_specified_and_told_in_the_manual() {
    let bare = |name: &'static str| name.split('(').next().unwrap();
    let specified: BTreeSet<_> =
        ALL.iter().copied().flatten().map(|(name, ..)| bare(name)).collect();
    let manual = include_str!("../../../specs/emulator.md");
    let (_, scenarios) = manual.split_once("## Scenarios").unwrap();
    let (scenarios, _) = scenarios.split_once("\n## ").unwrap();
    let rows = scenarios.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let told: Vec<_> = rows.map(|(name, _)| bare(name)).collect();

    assert_eq!(specified, scenario_names());
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), scenario_names());
    assert_eq!(told.len(), scenario_names().len(), "each is told once");
}

#[tokio::test]
async fn answers_have_the_headers_of_the_front_end() {
    let server = ModelServer::emulate().await;

    for name in ["text_no_id", "completion_text", "e503_overloaded", "e502_html"] {
        let response = server.open_chat(&asking(&format!("fake:{name}"), "hi"), &[]).await.unwrap();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());

        assert_eq!(header("server"), Some("ESF"), "{name}");
        assert_eq!(header("transfer-encoding"), Some("chunked"), "{name}");
        assert!(header("vary").is_some() && header("date").is_some(), "{name}");
        assert_eq!(header("retry-after"), None, "{name}");
    }
}

/// The status, the events and the ending of one answer.
async fn ask(server: &ModelServer, name: &str) -> (Option<u16>, usize, Ending) {
    let body = asking(&format!("fake:{name}"), "hello");
    let patience = std::time::Duration::from_millis(300);
    let open = server.open_chat(&body, &[]);
    let silent = name.starts_with("hang") || name.starts_with("stall") || name == "trickle";
    let Ok(opened) = maybe(silent.then_some(patience), open).await else {
        return (None, 0, Silence);
    };
    let Ok(response) = opened else { return (None, 0, Broken) };
    let status = response.status().as_u16();
    let stream = response.headers()["content-type"] == "text/event-stream";
    let mut pieces = response.bytes_stream();
    let mut text = vec![];
    let how = loop {
        match maybe(silent.then_some(patience), pieces.next()).await {
            Ok(Some(Ok(piece))) if name != "trickle" || text.len() < 2 => text.extend(piece),
            Ok(Some(Ok(_))) | Err(()) => break Silence,
            Ok(Some(Err(_))) => break Broken,
            Ok(None) => break if stream { Open } else { Body },
        }
    };
    let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    let ending = if how == Open { ending(&text) } else { how };
    (Some(status), text.lines().filter(|line| is_event(line)).count(), ending)
}

fn is_event(line: &str) -> bool {
    line.trim_start_matches('\u{feff}').starts_with("data: ")
}

fn ending(text: &str) -> Ending {
    let done = text.trim_end().ends_with("data: [DONE]");
    let finish = text.split("\"finish_reason\":\"").skip(1).any(|rest| !rest.starts_with('"'));
    match (finish, done) {
        (true, true) => Done,
        (false, true) => OnlyDone,
        (true, false) => OnlyFinish,
        (false, false) => Open,
    }
}

/// Waits for so long, or as long as it takes.
async fn maybe<T>(
    patience: Option<std::time::Duration>,
    what: impl Future<Output = T>,
) -> Result<T, ()> {
    match patience {
        Some(patience) => tokio::time::timeout(patience, what).await.map_err(drop),
        None => Ok(what.await),
    }
}
