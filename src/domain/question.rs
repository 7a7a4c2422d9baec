//! Questions to the person, and what the person answers.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Ties the answer to it.
    pub id: String,
    /// The words.
    pub question: String,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// How it can be answered.
    #[serde(flatten)]
    pub kind: QuestionKind,
}

/// How a question can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum QuestionKind {
    /// By a choice, or words of one's own.
    MultipleChoice {
        /// What can be chosen.
        options: Vec<Choice>,
        /// Whether more than one.
        #[serde(default)]
        multiple: bool,
    },
    /// In words.
    Freeform {
        /// What helps to answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The words.
    pub value: String,
}

/// An answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was chosen or written.
    #[serde(default)]
    pub values: Vec<String>,
    /// Whether the person left it open.
    #[serde(default)]
    pub skipped: bool,
}

/// How it stands with a set of questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// The person has not answered yet.
    Pending,
    /// The person answered.
    #[default]
    Answered,
    /// The person went on without.
    Skipped,
}

/// What a person answers to a set of questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Whether any of them.
    #[serde(default)]
    pub status: AnswerStatus,
    /// By the question's id; others are not ours.
    #[serde(default)]
    pub answers: HashMap<String, Answer>,
}

impl Question {
    /// Takes in the answer; nothing said is as good as skipped.
    pub fn settle(&mut self, answers: &Answers) {
        let given = answers.answers.get(&self.id);
        let given =
            given.filter(|answer| answers.status == AnswerStatus::Answered && !answer.skipped);
        let mut values = given.map(|answer| answer.values.clone()).unwrap_or_default();
        values.retain(|value| !value.trim().is_empty());
        if let QuestionKind::MultipleChoice { multiple: false, .. } = self.kind {
            values.truncate(1);
        }
        self.answer = Some(Answer { skipped: values.is_empty(), values });
    }

    /// The option that these words name, if they name one.
    pub fn option_named(&self, words: &str) -> Option<&str> {
        let QuestionKind::MultipleChoice { options, .. } = &self.kind else { return None };
        let words = words.trim().to_lowercase();
        let named = options.iter().find(|option| option.value.trim().to_lowercase() == words);
        named.map(|option| option.value.as_str())
    }
}
