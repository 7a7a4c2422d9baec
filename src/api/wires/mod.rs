//! The forms in which a turn can be asked for, and how it is answered.

pub(super) mod answer;
pub(super) mod chatkit;
pub(super) mod schemas;
pub(super) mod short_form;
pub(super) mod unoffered;
