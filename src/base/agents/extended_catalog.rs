//! The catalog of other tools with one of ours in addition.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{Catalog, Tool};

/// Made anew only when the others change: it is requested before every call of the model.
#[derive(Debug, Default)]
pub struct ExtendedCatalog(Mutex<Option<(Arc<Catalog>, Arc<Catalog>)>>);

impl ExtendedCatalog {
    /// Nobody else has a tool of our name: it could act in our name (ADR 13).
    pub fn of(&self, others: Arc<Catalog>, ours: impl FnOnce() -> Tool) -> Arc<Catalog> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, all)) = &*known
            && Arc::ptr_eq(before, &others)
        {
            return Arc::clone(all);
        }
        let (mut all, ours) = (Catalog::clone(&others), ours());
        all.tools.retain(|tool| tool.name != ours.name);
        all.tools.push(ours);
        let all = Arc::new(all);
        *known = Some((others, Arc::clone(&all)));
        all
    }
}
