//! The named scenarios: written ones, sequences, quotas, transport faults.

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

/// The names of all scenarios, without arguments.
pub fn scenario_names() -> BTreeSet<&'static str> {
    catalogue::names().chain(name::OTHER_NAMES.iter().copied()).collect()
}
