//! How much each caller has going in this process. What is known here is not asked of the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::domain::Owner;

/// A number for each owner that has any.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountHere(Arc<Mutex<HashMap<Owner, u64>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
#[must_use = "what is dropped does not count"]
pub(super) struct CountedHere {
    all: CountHere,
    owner: Owner,
}

impl CountHere {
    /// Counts one more, unless there are as many as that.
    pub(super) fn add(&self, owner: &Owner, most: u64) -> Option<CountedHere> {
        let mut all = self.lock();
        let count = all.get(owner).copied().unwrap_or_default();
        if count >= most {
            return None;
        }
        all.insert(owner.clone(), count + 1);
        drop(all);
        Some(CountedHere { all: self.clone(), owner: owner.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CountedHere {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        match all.get_mut(&self.owner) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(all.remove(&self.owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_as_many_as_that_and_leaves_nothing_behind() {
        let (counts, anyone) = (CountHere::default(), Owner::anyone());
        let ada = Owner::user("", "ada").unwrap();

        let (one, two) = (counts.add(&ada, 2), counts.add(&ada, 2));
        assert!(one.is_some() && two.is_some() && counts.add(&ada, 2).is_none());
        let other = counts.add(&anyone, 1);
        assert!(other.is_some() && counts.add(&anyone, 1).is_none());

        drop(one);
        let again = counts.add(&ada, 2);
        assert!(again.is_some() && counts.add(&ada, 2).is_none());

        drop((two, again, other));
        assert!(counts.lock().is_empty());
    }
}
