//! Who waits for a place: one line for each caller, served in turn, so that a caller with many
//! requests delays only itself.

use std::collections::{HashMap, VecDeque};

use base::domain::Owner;

/// Waiting requests of all callers.
#[derive(Debug)]
pub(super) struct FairLine<T> {
    of: HashMap<Owner, VecDeque<T>>,
    /// Who is next. Each caller with a waiting request is here once.
    next: VecDeque<Owner>,
    length: usize,
}

impl<T> Default for FairLine<T> {
    fn default() -> Self {
        Self { of: HashMap::new(), next: VecDeque::new(), length: 0 }
    }
}

impl<T> FairLine<T> {
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Whether a caller waits who may be served.
    pub(super) fn has_any(&self, may: impl Fn(&Owner) -> bool) -> bool {
        self.next.iter().any(may)
    }

    pub(super) fn join(&mut self, owner: &Owner, waiting: T) {
        let line = self.of.entry(owner.clone()).or_default();
        if line.is_empty() {
            self.next.push_back(owner.clone());
        }
        line.push_back(waiting);
        self.length += 1;
    }

    /// The oldest request of the caller whose turn it is, of those who may be served.
    pub(super) fn pop(&mut self, may: impl Fn(&Owner) -> bool) -> Option<(Owner, T)> {
        let owner = self.next.remove(self.next.iter().position(may)?)?;
        let line = self.of.get_mut(&owner)?;
        let first = line.pop_front()?;
        self.length -= 1;
        if line.is_empty() {
            self.of.remove(&owner);
        } else {
            self.next.push_back(owner.clone());
        }
        Some((owner, first))
    }

    /// Forgets requests whose callers have gone.
    pub(super) fn keep(&mut self, waits: impl Fn(&T) -> bool) {
        self.of.values_mut().for_each(|line| line.retain(&waits));
        self.of.retain(|_, line| !line.is_empty());
        self.next.retain(|owner| self.of.contains_key(owner));
        self.length = self.of.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::FairLine;
    use base::domain::Owner;

    #[test]
    fn callers_are_served_in_turn_and_each_in_order() {
        let mut line = FairLine::default();
        for (owner, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)] {
            line.join(&Owner::named(owner), number);
        }
        assert_eq!(line.len(), 6);
        let served: Vec<_> =
            std::iter::from_fn(|| line.pop(|_| true)).map(|(_, number)| number).collect();
        assert_eq!(served, [1, 4, 5, 2, 6, 3]);
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn who_may_not_be_served_keeps_its_place_in_the_line() {
        let mut line = FairLine::default();
        for (owner, number) in [("a", 1), ("b", 2), ("a", 3)] {
            line.join(&Owner::named(owner), number);
        }
        let b_alone = |owner: &Owner| owner.as_str() == "b";
        assert_eq!(line.pop(b_alone), Some((Owner::named("b"), 2)));
        assert_eq!(line.pop(b_alone), None);
        assert_eq!(line.pop(|_| true), Some((Owner::named("a"), 1)));
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let mut line = FairLine::default();
        for (owner, number) in [("a", 1), ("b", 2), ("a", 3)] {
            line.join(&Owner::named(owner), number);
        }
        line.keep(|number| *number == 3);
        assert_eq!(line.len(), 1);
        assert_eq!(line.pop(|_| true), Some((Owner::named("a"), 3)));
        assert_eq!(line.pop(|_| true), None);
    }
}
