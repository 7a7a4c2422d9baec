//! From facts to bytes.

mod thoughts;

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use orchestrator::chat::{Fact, OnLeave, RunStart, Start, TurnEnd, TurnLog};
use orchestrator::domain::{Outcome, Spend};
use orchestrator::streaming::{ChatKit, frames};
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn a_failed_turn_ends_with_exactly_one_error_frame() {
    let end = ended(Outcome::TimedOut, Some("Too late."));
    let text = bytes_of([&message()[..], &[text("a\nb ✅"), end]].concat()).await;

    let expected = concat!(
        r#"data: {"type":"thread.item.added","item":{"id":"msg_1","thread_id":"thr_1","#,
        r#""created_at":"1970-01-01T00:00:00Z","type":"assistant_message","content":[]}}"#,
        "\n\n",
        r#"data: {"type":"thread.item.updated","item_id":"msg_1","update":"#,
        r#"{"type":"assistant_message.content_part.added","content_index":0,"#,
        r#""content":{"type":"output_text","annotations":[],"text":""}}}"#,
        "\n\n",
        r#"data: {"type":"thread.item.updated","item_id":"msg_1","update":"#,
        r#"{"type":"assistant_message.content_part.text_delta","content_index":0,"delta":"a\nb ✅"}}"#,
        "\n\n",
        r#"data: {"type":"error","code":"custom","message":"Too late.","allow_retry":true}"#,
        "\n\n",
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn a_completed_turn_ends_without_a_word() {
    assert_eq!(bytes_of(vec![ended(Outcome::Completed, None)]).await, "");
}

#[tokio::test]
async fn a_turn_that_vanishes_is_told_as_a_failure() {
    let text = bytes_of(Vec::new()).await;

    assert!(text.starts_with(r#"data: {"type":"error","code":"custom""#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_sends_a_comment_without_a_blank_line_again_and_again() {
    let (log, events) = TurnLog::begin(OnLeave::Cancel);
    let mut stream = Box::pin(frames(events, ChatKit::default()));
    let begun = Instant::now();

    for seconds in [10, 20, 30] {
        let comment = stream.next().await.unwrap().unwrap();

        assert_eq!(&comment[..], b": keep-alive\n");
        assert_eq!(begun.elapsed(), Duration::from_secs(seconds));
    }
    drop(log);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_quiet_from_its_last_words_on() {
    let (log, events) = TurnLog::begin(OnLeave::Cancel);
    let mut stream = Box::pin(frames(events, ChatKit::default()));
    let begun = Instant::now();
    let speaks = async {
        sleep(Duration::from_secs(7)).await;
        for fact in message().into_iter().chain([text("a")]) {
            log.tell(fact);
        }
    };

    let (said, ()) = tokio::join!(stream.next(), speaks);
    let comment = stream.next().await.unwrap().unwrap();

    assert!(said.unwrap().unwrap().starts_with(b"data: "));
    assert_eq!(&comment[..], b": keep-alive\n");
    assert_eq!(begun.elapsed(), Duration::from_secs(17));
}

async fn bytes_of(facts: Vec<Fact>) -> String {
    let (log, reader) = TurnLog::begin(OnLeave::Cancel);
    for fact in facts {
        log.tell(fact);
    }
    log.close();
    let pieces: Vec<_> =
        frames(reader, ChatKit::default()).map(|piece| piece.unwrap()).collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

/// A message that has begun.
fn message() -> [Fact; 2] {
    let (thread, turn) = ("thr_1".into(), "msg_0".into());
    let start = Start { item: "msg_1".into(), at: Timestamp::UNIX_EPOCH };
    let run = RunStart { thread, turn, servers: Vec::new() };
    [Fact::RunStarted(Box::new(run)), Fact::MessageStarted(Box::new(start))]
}

fn text(words: &str) -> Fact {
    Fact::Text(words.to_owned())
}

fn ended(outcome: Outcome, told: Option<&str>) -> Fact {
    Fact::Ended(Box::new(TurnEnd {
        thread: "thr_1".into(),
        outcome,
        told: told.map(str::to_owned),
        text: String::new(),
        tool_calls: Vec::new(),
        spend: Spend::default(),
        thread_spend: None,
        confirmation: None,
        sign_ins: Vec::new(),
    }))
}
