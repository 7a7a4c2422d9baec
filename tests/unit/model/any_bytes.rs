//! Whatever bytes come, in whatever pieces: one end, the same for every split, and never a panic.
//!
//! The twin of the fuzz target in `tests/fuzz`; it reads through the same entrance.

use std::sync::LazyLock;

use axum::body::Body;
use bytes::Bytes;
use demo::{self, EmulateSettings, router, scenario_names};
use http::Request;
use http_body_util::BodyExt;
use orchestrator::model::play;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::support::endless::LEFT_OUT;
use crate::support::model_server::{asking, echo};
use crate::support::played::hold_alike;

/// What a server may write, so that nonsense gets far.
const FRAGMENTS: &[&[u8]] = &[
    b"data: ",
    b"data:",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"data: [DONE]\n\n",
    b"[DONE]",
    b": a comment\n",
    b"event: x\n",
    b"id: 1\n",
    b"retry: 5\n",
    b"\xEF\xBB\xBF",
    b"\xEF",
    b"\xFF",
    b"\xC3",
    b"\xA9",
    b"\0",
    b"{",
    b"}",
    b"\"",
    b"\\u00e9",
    b"[{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}]",
    b"data: {\"error\":{\"code\":429,\"message\":\"Please retry in 5s.\"}}\n\n",
    b"data: {\"choices\":[{\"delta\":{\"content\":\"words \"},\"index\":0}]}\n\n",
    b"data: {\"choices\":[{\"delta\":{\"content\":\"<thought>hm</thought>\"},\"index\":0}]}\n\n",
    b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\",\"index\":0}]}\n\n",
    b"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"index\":0}]}\n\n",
    b"data: {\"choices\":[],\ndata: \"usage\":{\"total_tokens\":3}}\n\n",
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
static ANSWERS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| RUNTIME.block_on(answers()));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_end_the_same_in_any_pieces(
        kind in kinds(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in cuts(),
    ) {
        check(kind, &bytes, &cuts);
    }

    #[test]
    fn any_fragments_end_the_same_in_any_pieces(
        kind in kinds(),
        fragments in prop::collection::vec(select(FRAGMENTS), 0..12),
        cuts in cuts(),
    ) {
        check(kind, &fragments.concat(), &cuts);
    }

    #[test]
    fn any_damaged_answer_ends_the_same_in_any_pieces(
        answer in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), 0..40_usize, select(FRAGMENTS)), 0..4),
        cuts in cuts(),
    ) {
        let (kind, mut bytes) = answer.get(&ANSWERS).clone();
        for (at, length, fragment) in damage {
            let from = at.index(bytes.len() + 1);
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, fragment.iter().copied());
        }
        check(&kind, &bytes, &cuts);
    }
}

#[test]
fn answers_of_many_kinds_are_damaged() {
    let kinds = ["text/event-stream", "application/json", "text/html"];

    assert!(ANSWERS.len() > 50, "{}", ANSWERS.len());
    for kind in kinds {
        assert!(ANSWERS.iter().any(|(found, _)| found.starts_with(kind)), "{kind}");
    }
}

fn check(kind: &str, bytes: &[u8], cuts: &[Index]) {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let begins = [0].into_iter().chain(ends.iter().copied());
    let pieces = begins.zip(&ends).map(|(from, to)| Bytes::copy_from_slice(&bytes[from..*to]));

    let at_once = RUNTIME.block_on(play(kind, vec![Bytes::copy_from_slice(bytes)]));
    let in_pieces = RUNTIME.block_on(play(kind, pieces.collect()));

    let what = format!("{} cut at {ends:?}", bytes.escape_ascii());
    hold_alike(&at_once, &in_pieces, bytes.len(), &what);
}

fn kinds() -> impl Strategy<Value = &'static str> {
    select(
        &["text/event-stream", "text/event-stream; charset=utf-8", "application/json", "text/html"]
            [..],
    )
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..12)
}

/// What the bundled server says to a stream request, for every scenario that is soon over.
async fn answers() -> Vec<(String, Vec<u8>)> {
    let server = router(demo::Settings::emulate(echo, EmulateSettings::default()));
    let mut answers = Vec::new();
    for name in scenario_names().into_iter().filter(|name| !LEFT_OUT.contains(name)) {
        let body = asking(&format!("fake:{name}"), "hi").to_string();
        let request = Request::post("/v1beta/openai/chat/completions");
        let request = request.header("authorization", "Bearer k").body(Body::from(body)).unwrap();
        let response = server.clone().oneshot(request).await.unwrap();
        if response.status() == 200 {
            let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
            let body = response.into_body().collect().await;
            answers.extend(body.ok().map(|body| (kind, body.to_bytes().to_vec())));
        }
    }
    answers
}
