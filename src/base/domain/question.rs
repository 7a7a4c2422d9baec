//! Questions to the user, and their answers, in ChatKit's JSON (ADR 8, ADR 13).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Connects the answer with the question.
    pub id: String,
    pub question: String,
    /// Absent until it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    #[serde(flatten)]
    pub kind: QuestionKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum QuestionKind {
    /// By a choice, or by the user's own text.
    MultipleChoice {
        options: Vec<Choice>,
        /// Whether several can be chosen.
        #[serde(default)]
        multiple: bool,
    },
    /// By text.
    Freeform {
        /// Help for the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was chosen or written.
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub skipped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// Not answered yet.
    Pending,
    /// Answered, at least in part.
    #[default]
    Answered,
    /// The user continued without an answer.
    Skipped,
}

/// The user's answers to a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    #[serde(default)]
    pub status: AnswerStatus,
    /// By the question's id; unknown ids are ignored.
    #[serde(default)]
    pub answers: HashMap<String, Answer>,
    /// To questions without an answer of their own. Set by us alone.
    #[serde(skip)]
    pub otherwise: Option<Answer>,
}

/// The options of an approval, which begin with these two (ADR 38).
pub const APPROVE: &str = "Approve";
pub const DECLINE: &str = "Decline";

impl Answers {
    /// Approves every call that a form asks about.
    pub fn approving() -> Self {
        Self::everywhere(APPROVE)
    }

    /// Approves these calls, by the ids of their approvals. No answer declines the others.
    pub fn approving_only(calls: Vec<String>) -> Self {
        let approve = || Answer { values: vec![APPROVE.to_owned()], skipped: false };
        let answers = calls.into_iter().map(|call| (call, approve())).collect();
        let otherwise = Some(Answer { values: Vec::new(), skipped: true });
        Self { status: AnswerStatus::Answered, answers, otherwise }
    }

    /// Declines every call.
    pub fn declining() -> Self {
        Self::everywhere(DECLINE)
    }

    /// The same answer to every question.
    pub fn everywhere(value: &str) -> Self {
        let answer = Answer { values: vec![value.to_owned()], skipped: false };
        Self { status: AnswerStatus::Answered, otherwise: Some(answer), ..Self::default() }
    }
}

impl Question {
    /// Fills in the answer. No answer counts as skipped.
    pub fn settle(&mut self, answers: &Answers) {
        let given = answers.answers.get(&self.id).or(answers.otherwise.as_ref());
        let given =
            given.filter(|answer| answers.status == AnswerStatus::Answered && !answer.skipped);
        let mut values = given.map(|answer| answer.values.clone()).unwrap_or_default();
        values.retain(|value| !value.trim().is_empty());
        if let QuestionKind::MultipleChoice { multiple: false, .. } = self.kind {
            // Whoever chose both did not approve (ADR 38).
            if let Some(declined) = values.iter().position(|value| value == DECLINE) {
                values.swap(0, declined);
            }
            values.truncate(1);
        }
        self.answer = Some(Answer { skipped: values.is_empty(), values });
    }

    /// The option that this text names, upper and lower case aside if that means one of them only.
    pub fn option_named(&self, words: &str) -> Option<&str> {
        let QuestionKind::MultipleChoice { options, .. } = &self.kind else { return None };
        let words = words.trim();
        let shown = || options.iter().map(|option| option.value.trim());
        let place = shown().position(|it| it == words).or_else(|| only_alike(shown(), words))?;
        options.get(place).map(|option| option.value.as_str())
    }
}

/// The place of the only text that differs from the words in upper and lower case at most.
pub fn only_alike<'a>(texts: impl Iterator<Item = &'a str>, words: &str) -> Option<usize> {
    let words = words.to_lowercase();
    let mut alike = texts.enumerate().filter(|(_, text)| text.to_lowercase() == words);
    let (place, _) = alike.next()?;
    alike.next().is_none().then_some(place)
}
