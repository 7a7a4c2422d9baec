//! Questions, and what words choose among their options.

use orchestrator::domain::{Choice, Question, QuestionKind};

#[test]
fn an_option_is_named_as_it_is_written_or_by_what_fits_no_other() {
    let choices = |options: &[&str]| {
        let options = options.iter().map(|it| Choice { value: (*it).to_owned() }).collect();
        let kind = QuestionKind::MultipleChoice { options, multiple: false };
        Question { id: "q".to_owned(), question: "Which?".to_owned(), answer: None, kind }
    };
    let units = choices(&["mW", "MW", "Other"]);

    for (words, named) in [
        ("MW", Some("MW")),
        (" mW ", Some("mW")),
        ("mw", None),
        ("other", Some("Other")),
        ("OTHER ", Some("Other")),
        ("kW", None),
    ] {
        assert_eq!(units.option_named(words), named, "{words}");
    }
}
