//! The named scenarios: what is written down, and what is done to it.

mod catalogue;

mod fills;

mod name;

mod quota;

mod sequence;

pub(super) use catalogue::{BodyKind, WrittenScenario, find};
pub(super) use fills::Fills;
pub(super) use name::{DeliveryFault, FlakyFailure, Scenario};
pub(super) use quota::{Quota, Quotas};
pub(super) use sequence::{Key, Sequences};

use std::collections::BTreeSet;

/// The names of every scenario; those that take numbers are without them.
pub fn scenario_names() -> BTreeSet<&'static str> {
    catalogue::names().chain(name::OTHER_NAMES.iter().copied()).collect()
}
