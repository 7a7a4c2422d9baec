//! What an operator should know of a model that answers: said once in the log, kept for health reports.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::likeness::may_be;

/// More names than these no provider answers by; the rest goes untold.
const MAX_NAMES: usize = 8;
/// The longest name that is believed to be one.
const MAX_NAME: usize = 100;

/// What was seen of one model.
#[derive(Debug)]
pub(in crate::model) struct Warnings {
    /// As asked for.
    model: String,
    seen: Mutex<SeenModels>,
}

#[derive(Debug, Default)]
struct SeenModels {
    is_unlisted: bool,
    /// Other models that answered.
    others: Vec<String>,
}

impl Warnings {
    pub(in crate::model) fn of(model: &str) -> Self {
        Self { model: model.to_owned(), seen: Mutex::default() }
    }

    /// The provider's list does not have it.
    pub(in crate::model) fn unlisted(&self) {
        self.seen().is_unlisted = true;
        tracing::warn!("{}", self.words_of_list());
    }

    /// It took a request, so whatever the list says, it is there.
    pub(in crate::model) fn answered(&self) {
        self.seen().is_unlisted = false;
    }

    /// The reply names the model that wrote it.
    pub(in crate::model) fn answered_by(&self, name: &str) {
        if !is_name(name) {
            return;
        }
        tracing::Span::current().record("gen_ai.response.model", name);
        let mut seen = self.seen();
        let is_known = seen.others.len() >= MAX_NAMES || seen.others.iter().any(|one| one == name);
        if is_known || may_be(&self.model, name) {
            return;
        }
        seen.others.push(name.to_owned());
        drop(seen);
        tracing::warn!(gen_ai.response.model = name, "{}", self.words_of(name));
    }

    /// In sentences.
    pub(in crate::model) fn messages(&self) -> Vec<String> {
        let seen = self.seen();
        let unlisted = seen.is_unlisted.then(|| self.words_of_list());
        unlisted.into_iter().chain(seen.others.iter().map(|name| self.words_of(name))).collect()
    }

    fn words_of_list(&self) -> String {
        format!("{} is not in the provider's list of models.", self.model)
    }

    fn words_of(&self, name: &str) -> String {
        format!("{} was asked for, and {name} answered.", self.model)
    }

    fn seen(&self) -> MutexGuard<'_, SeenModels> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Anything else is text of the provider's, and may be anyone's.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fits)
}
