//! Warnings about one model: logged once, kept for `/health`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::likeness::may_be;

/// Names kept at most. A provider that invents a name for each reply must not fill memory and log.
const MAX_NAMES: usize = 8;
const MAX_NAME: usize = 100;

#[derive(Debug)]
pub(crate) struct Warnings {
    /// As requested.
    model: String,
    seen: Mutex<SeenModels>,
}

#[derive(Debug, Default)]
struct SeenModels {
    is_unlisted: bool,
    others: Vec<String>,
}

impl Warnings {
    pub(crate) fn of(model: &str) -> Self {
        Self { model: model.to_owned(), seen: Mutex::default() }
    }

    pub(crate) fn unlisted(&self) {
        self.seen().is_unlisted = true;
        tracing::warn!("{}", self.words_of_list());
    }

    /// It answered, so it exists, whatever the list says (ADR 17).
    pub(crate) fn answered(&self) {
        self.seen().is_unlisted = false;
    }

    /// A reply names the model that wrote it.
    pub(crate) fn answered_by(&self, name: &str) {
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

    pub(crate) fn messages(&self) -> Vec<String> {
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
