//! Thoughts that come in small pieces: what they cost on the wire and in memory.

use futures::FutureExt;
use jiff::Timestamp;
use orchestrator::chat::{Fact, OnLeave, Reader, RunStart, Start, TurnLog};
use orchestrator::streaming::{ChatKit, Wire};
use proptest::prelude::{prop, proptest};
use serde_json::Value;

#[test]
fn five_thousand_pieces_cost_the_wire_at_most_three_times_their_length() {
    let pieces = vec!["abc ".to_owned(); 5_000];

    for together in [1, 7, 5_000] {
        let bytes = written(&pieces, together);

        assert!(bytes <= 2 * 20_000, "{bytes} bytes before the whole of 20,000");
    }
}

#[test]
fn five_thousand_pieces_are_kept_once() {
    let (log, mut late) = TurnLog::begin(OnLeave::Finish);
    begin(&log);
    for _ in 0..5_000 {
        log.tell(Fact::Thought("abc ".to_owned()));
    }

    let facts = taken(&mut late);

    let [_, _, Fact::Thought(thought)] = facts.as_slice() else { panic!("{} facts", facts.len()) };
    assert_eq!(thought.len(), 20_000);
}

proptest! {
    /// However a thought is cut, and however often somebody reads.
    #[test]
    fn a_thought_costs_the_same_however_it_is_cut(
        pieces in prop::collection::vec("[a-zé\"\n]{1,40}", 1..80),
        together in 1..9_usize,
    ) {
        let whole = serde_json::to_string(&pieces.concat()).unwrap().len() - 2;

        // The whole of it comes once more when it is kept.
        assert!(written(&pieces, together) <= 2 * whole);
    }
}

/// How many bytes of thought are written until the thought is whole, if so many pieces are read
/// together.
fn written(pieces: &[String], together: usize) -> usize {
    let (log, mut reader) = TurnLog::begin(OnLeave::Finish);
    begin(&log);
    let (mut wire, mut bytes) = (ChatKit::default(), Vec::new());
    for pieces in pieces.chunks(together) {
        for piece in pieces {
            log.tell(Fact::Thought(piece.clone()));
        }
        for fact in taken(&mut reader) {
            wire.write(&fact, &mut bytes);
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    let frames = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let thoughts = frames.filter_map(|frame| {
        let frame: Value = serde_json::from_str(frame).unwrap();
        Some(frame["update"]["task"]["content"].as_str()?.to_owned())
    });
    thoughts.map(|thought| serde_json::to_string(&thought).unwrap().len() - 2).sum()
}

fn begin(log: &TurnLog) {
    let (thread, turn) = ("thr_1".into(), "msg_0".into());
    let start = Start { item: "wf_1".into(), at: Timestamp::UNIX_EPOCH };
    log.tell(Fact::RunStarted(Box::new(RunStart { thread, turn, servers: Vec::new() })));
    log.tell(Fact::ThoughtStarted(Box::new(start)));
}

fn taken(reader: &mut Reader) -> Vec<Fact> {
    let mut all = Vec::new();
    while let Some(Ok(1..)) = reader.take(&mut all, 64).now_or_never() {}
    all
}
