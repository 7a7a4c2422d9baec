//! The log of a turn: nobody who reads it holds it back, and nobody misses a byte unawares.

use std::time::Duration;

use futures::FutureExt;
use orchestrator::chat::{
    Behind, Cursor, Fact, Level, OnLeave, Reader, ToolRecord, TurnEnd, TurnLog,
};
use orchestrator::domain::{Outcome, Spend, ThreadId};
use proptest::prelude::{prop, proptest};

/// Looks after which a reader that takes nothing is let go, here.
const PATIENCE: u32 = 3;

#[test]
fn a_reader_that_is_behind_gets_one_larger_piece() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    log.tell(text("a"));
    assert_eq!(taken(&mut reader), Ok(vec![text("a")]));

    for piece in ["b", "c", "d"] {
        log.tell(text(piece));
    }
    log.tell(Fact::Stoppable);

    assert_eq!(taken(&mut reader), Ok(vec![text("bcd"), Fact::Stoppable]));
    assert_eq!(taken(&mut reader), Ok(Vec::new()));
}

#[test]
fn text_thought_and_text_again_stay_three() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    let all = [text("a"), Fact::Thought("b".to_owned()), text("c")];

    for fact in all.clone() {
        log.tell(fact);
    }

    assert_eq!(taken(&mut reader), Ok(all.to_vec()));
}

#[test]
fn progress_that_nobody_has_read_gives_way_to_newer() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    let progress =
        |words: &str| Fact::ToolProgress { call: "call_1".into(), words: words.to_owned() };

    log.tell(progress("1"));
    taken(&mut reader).unwrap();
    for words in ["2", "3", "4"] {
        log.tell(progress(words));
    }

    assert_eq!(taken(&mut reader), Ok(vec![progress("4")]));
    let mut late = log.join(Cursor::default()).unwrap();
    assert_eq!(taken(&mut late), Ok(vec![progress("1"), progress("4")]));
}

#[test]
fn whoever_joins_reads_from_the_start() {
    let (log, mut first) = TurnLog::begin(OnLeave::Cancel);
    log.tell(Fact::Stoppable);
    log.tell(text("a"));
    taken(&mut first).unwrap();

    let mut second = log.join(Cursor::default()).unwrap();
    log.tell(text("b"));

    assert_eq!(taken(&mut first), Ok(vec![text("b")]));
    assert_eq!(taken(&mut second), Ok(vec![Fact::Stoppable, text("ab")]));
}

#[test]
fn whoever_joins_may_say_from_where() {
    let (log, mut first) = TurnLog::begin(OnLeave::Cancel);
    log.tell(Fact::Stoppable);
    log.tell(text("ab"));
    taken(&mut first).unwrap();
    let here = first.at().unwrap();

    log.tell(text("cd"));
    log.tell(Fact::Stoppable);
    let mut second = log.join(here).unwrap();

    assert_eq!(taken(&mut second), Ok(vec![text("cd"), Fact::Stoppable]));
}

#[test]
fn a_reader_that_takes_nothing_is_let_go_and_hears_so() {
    let (log, mut stalled) = TurnLog::begin(OnLeave::Cancel);
    let mut living = log.join(Cursor::default()).unwrap();
    log.tell(text("a"));

    for _ in 0..=PATIENCE {
        taken(&mut living).unwrap();
        log.tell(text("b"));
        log.look(PATIENCE);
    }

    assert_eq!(taken(&mut stalled), Err(Behind));
    assert_eq!(taken(&mut living), Ok(vec![text("b")]));
    assert!(log.deserted().now_or_never().is_none());
}

#[test]
fn a_reader_with_nothing_to_take_is_never_let_go() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    log.tell(text("a"));
    taken(&mut reader).unwrap();

    for _ in 0..1_000 {
        log.look(PATIENCE);
    }
    log.tell(text("b"));

    assert_eq!(taken(&mut reader), Ok(vec![text("b")]));
}

#[test]
fn what_is_too_much_to_keep_goes_and_only_those_behind_it_miss_it() {
    let (log, mut stalled) = TurnLog::begin(OnLeave::Cancel);
    let mut living = log.join(Cursor::default()).unwrap();
    let notice = |_| Fact::Notice { level: Level::Info, message: "x".repeat(200_000) };

    let mut heard = 0;
    for fact in (0..100).map(notice) {
        log.tell(fact);
        heard += taken(&mut living).unwrap().len();
    }

    assert_eq!(heard, 100);
    assert_eq!(taken(&mut stalled), Err(Behind));
    assert!(log.join(Cursor::default()).is_none(), "the start is gone");
    assert!(log.join(living.at().unwrap()).is_some());
}

#[test]
fn who_has_read_all_there_is_misses_nothing_however_large_the_next_is() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    log.tell(text(&"a".repeat(3_000_000)));
    assert_eq!(taken(&mut reader).unwrap().len(), 1);

    log.tell(Fact::Notice { level: Level::Info, message: "x".repeat(7_000_000) });

    assert_eq!(taken(&mut reader).unwrap().len(), 1);
}

#[test]
fn nobody_is_left_behind_by_the_end_of_a_turn() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    log.tell(text("a"));
    let call = ToolRecord {
        name: "read".to_owned(),
        arguments: "{}".to_owned(),
        is_error: false,
        result: "x".repeat(10_000_000),
    };

    log.tell(ended(vec![call]));

    assert_eq!(taken(&mut reader).unwrap().len(), 2);
}

#[test]
fn nobody_joins_a_turn_that_has_ended_though_a_title_may_follow() {
    let (log, reader) = TurnLog::begin(OnLeave::Cancel);
    log.tell(ended(Vec::new()));

    assert!(log.join(Cursor::default()).is_none());
    drop(reader);
}

#[test]
fn nobody_joins_a_turn_that_everybody_has_left() {
    let (log, first) = TurnLog::begin(OnLeave::Cancel);
    let second = log.join(Cursor::default()).unwrap();

    drop(first);
    assert!(log.deserted().now_or_never().is_none());
    drop(second);

    assert!(log.deserted().now_or_never().is_some());
    assert!(log.join(Cursor::default()).is_none());
}

#[test]
fn a_turn_that_is_to_finish_is_joined_although_everybody_has_left() {
    let (log, first) = TurnLog::begin(OnLeave::Finish);
    log.tell(text("a"));

    drop(first);
    log.tell(text("b"));
    let mut late = log.join(Cursor::default()).unwrap();

    assert!(log.deserted().now_or_never().is_none());
    assert_eq!(taken(&mut late), Ok(vec![text("ab")]));
}

#[test]
fn a_log_that_is_closed_is_read_to_its_end_and_not_joined() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    log.tell(text("a"));
    log.close();

    assert_eq!(taken(&mut reader), Ok(vec![text("a")]));
    assert_eq!(reader.take(&mut Vec::new(), 1).now_or_never(), Some(Ok(0)));
    assert!(log.join(Cursor::default()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_is_woken() {
    let (log, mut reader) = TurnLog::begin(OnLeave::Cancel);
    let tells = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        log.tell(text("a"));
    };
    let mut heard = Vec::new();

    let limit = Duration::from_secs(5);
    let (count, ()) = tokio::join!(tokio::time::timeout(limit, reader.take(&mut heard, 8)), tells);

    assert_eq!((count.unwrap(), heard), (Ok(1), vec![text("a")]));
}

proptest! {
    /// However writing and reading alternate, every reader hears every byte once and in order.
    #[test]
    fn every_reader_hears_the_same(steps in prop::collection::vec((0..3_usize, "[a-z]{0,3}"), 0..60)) {
        let (log, reader) = TurnLog::begin(OnLeave::Cancel);
        let mut readers = vec![(reader, String::new())];
        readers.push((log.join(Cursor::default()).unwrap(), String::new()));
        let mut written = String::new();
        for (who, piece) in steps {
            match readers.get_mut(who) {
                Some((reader, heard)) => heard.push_str(&words(&taken(reader).unwrap())),
                None if piece.is_empty() => {
                    written.push('|');
                    log.tell(Fact::Stoppable);
                }
                None => {
                    written.push_str(&piece);
                    log.tell(text(&piece));
                }
            }
        }
        for (reader, heard) in &mut readers {
            heard.push_str(&words(&taken(reader).unwrap()));
            assert_eq!(*heard, written);
        }
    }
}

/// Takes all there is, one at a time.
fn ended(tool_calls: Vec<ToolRecord>) -> Fact {
    Fact::Ended(Box::new(TurnEnd {
        thread: ThreadId::from("thr_1"),
        outcome: Outcome::Completed,
        told: None,
        text: "a".to_owned(),
        tool_calls,
        spend: Spend::default(),
        thread_spend: None,
        confirmation: None,
        sign_ins: Vec::new(),
    }))
}

fn taken(reader: &mut Reader) -> Result<Vec<Fact>, Behind> {
    let mut all = Vec::new();
    while let Some(count) = reader.take(&mut all, 1).now_or_never() {
        if count? == 0 {
            break;
        }
    }
    Ok(all)
}

fn words(facts: &[Fact]) -> String {
    let word =
        |fact: &Fact| if let Fact::Text(text) = fact { text.clone() } else { "|".to_owned() };
    facts.iter().map(word).collect()
}

fn text(words: &str) -> Fact {
    Fact::Text(words.to_owned())
}
