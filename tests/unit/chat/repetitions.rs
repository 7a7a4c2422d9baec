//! Every combination of what can be known of an earlier copy of a request, against a table.

use std::time::Duration;

use orchestrator::chat::{
    Ended, Ending, Held, Receipt, Received, RepeatDecision, RepeatKey, RepeatMoment, RepeatWindow,
    RepeatedRequest, decide,
};
use orchestrator::domain::{Outcome, Spend};

const TABLE: &str = include_str!("repetitions.txt");

const COLUMNS: [&[&str]; 8] = [
    &["day", "frame"],
    &["arrival", "waited"],
    &["same", "other"],
    &["none", "whole", "chosen", "cut", "cut-late", "failed"],
    &["nothing", "something"],
    &["held", "let-go", "silent", "silent-late"],
    &["some", "none"],
    &["new", "old"],
];

#[test]
fn every_combination_is_in_the_table_and_decided_as_it_says() {
    let rows: Vec<_> = TABLE.lines().filter(|line| !line.starts_with('#')).map(row).collect();
    let mut used = vec![false; rows.len()];

    for facts in combinations() {
        let place = rows.iter().position(|(pattern, _)| fits(pattern, &facts));
        let place = place.unwrap_or_else(|| panic!("no row for {facts:?}"));
        used[place] = true;
        assert_eq!(decided(&facts), rows[place].1, "{facts:?}");
    }

    assert!(used.iter().all(|used| *used), "a row that nothing reaches: {used:?}");
}

#[test]
fn nothing_that_came_since_is_ever_undone_and_nothing_whole_is_done_again() {
    for facts in combinations() {
        let goes_on = decided(&facts) == "go-on";
        let is_whole = ["whole", "chosen"].contains(&facts[3]);

        assert!(!(goes_on && (facts[4] == "something" || is_whole)), "{facts:?}");
    }
}

fn row(line: &str) -> (Vec<&str>, &str) {
    let (facts, decision) = line.split_once('|').unwrap();
    let facts: Vec<_> = facts.split_whitespace().collect();
    assert_eq!(facts.len(), COLUMNS.len(), "{line}");
    for (fact, known) in facts.iter().zip(COLUMNS) {
        assert!(*fact == "*" || known.contains(fact), "{line}");
    }
    (facts, decision.trim())
}

fn fits(pattern: &[&str], facts: &[&str]) -> bool {
    pattern.iter().zip(facts).all(|(wanted, fact)| *wanted == "*" || wanted == fact)
}

fn combinations() -> Vec<Vec<&'static str>> {
    COLUMNS.iter().fold(vec![Vec::new()], |all, column| {
        let longer = |facts: &Vec<&'static str>| {
            column.iter().map(|fact| facts.iter().copied().chain([*fact]).collect()).collect()
        };
        all.iter().flat_map(|facts| -> Vec<_> { longer(facts) }).collect()
    })
}

fn decided(facts: &[&str]) -> &'static str {
    let [key, asked, body, end, since, thread, effects, begun] = facts else { unreachable!() };
    let window = if *key == "day" { RepeatWindow::Day } else { RepeatWindow::Turn };
    let repeat = RepeatKey { key: "key".into(), body: (*body).to_owned(), window };
    let earlier = Received {
        receipt: Receipt {
            key: "key".into(),
            body: "same".into(),
            attempt: "first".into(),
            thread: "thr_1".into(),
            item: "msg_1".into(),
            is_new: *begun == "new",
        },
        end: ended(end),
        is_newest: *since == "nothing",
        held: match *thread {
            "held" => Held::Now,
            "let-go" => Held::LetGo,
            "silent" => Held::FellSilent(Duration::from_mins(1)),
            _ => Held::FellSilent(Duration::from_secs(61)),
        },
        has_effects: *effects == "some",
    };
    let moment = if *asked == "arrival" { RepeatMoment::Arrival } else { RepeatMoment::Waited };
    match decide(RepeatedRequest { repeat: &repeat, earlier: &earlier, moment }) {
        RepeatDecision::Begin => "begin",
        RepeatDecision::GoOn => "go-on",
        RepeatDecision::Replay => "replay",
        RepeatDecision::Refuse => "refuse",
    }
}

fn ended(end: &str) -> Option<Ended> {
    let (outcome, is_final, ago) = match end {
        "none" => return None,
        "whole" => (Outcome::Completed, true, 1),
        "chosen" => (Outcome::Cancelled, true, 1),
        "cut" => (Outcome::Cancelled, false, 10),
        "cut-late" => (Outcome::Cancelled, false, 11),
        _ => (Outcome::Unavailable, false, 1),
    };
    let ending = Ending { outcome, is_final, told: None, spend: Spend::default() };
    Some(Ended { ago: Duration::from_secs(ago), ending })
}
