//! Scenarios that are no bytes to begin with.

/// Never over, late, or too much to try often.
pub(crate) const LEFT_OUT: &[&str] = &[
    "breaker",
    "comments",
    "flood",
    "hang_headers",
    "many_chunks",
    "refuse",
    "slow_ttft",
    "stall_after",
    "tool_huge_args",
    "trickle",
];
