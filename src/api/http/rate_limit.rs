//! The headers `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-11 (ADR 30).

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use chat::{Allowance, Policy, Share};

pub(crate) const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// In billionths of a dollar: a header's numbers have at most 15 digits.
const MICRODOLLAR: u64 = 1_000;

/// Tells a caller its limits and what is left of them. Nothing without limits.
pub(crate) fn tell(headers: &mut HeaderMap, allowance: &Allowance) {
    for (name, item) in [(POLICY, policy as fn(&Share) -> String), (LIMIT, left)] {
        let items: Vec<_> = allowance.shares().iter().map(item).collect();
        // Our own names and digits are always a valid value.
        if let (false, Ok(value)) = (items.is_empty(), HeaderValue::from_str(&items.join(", "))) {
            headers.insert(name, value);
        }
    }
}

/// The name of a policy, in headers, problem documents and `/usage`.
pub(crate) const fn name(policy: Policy) -> &'static str {
    match policy {
        Policy::TurnsPerMinute => "turns-per-minute",
        Policy::TurnsAtOnce => "turns-at-once",
        Policy::TokensPerDay => "tokens-per-day",
        Policy::CostPerDay => "cost-per-day",
    }
}

/// The quota, its unit unless it is `requests`, and its window in seconds.
fn policy(share: &Share) -> String {
    let (quota, name) = (amount(share.policy, share.limit), name(share.policy));
    match share.policy {
        Policy::TurnsPerMinute => format!(r#""{name}";q={quota};w=60"#),
        Policy::TurnsAtOnce => format!(r#""{name}";q={quota};qu="concurrent-requests""#),
        Policy::TokensPerDay => format!(r#""{name}";q={quota};qu="tokens";w=86400"#),
        Policy::CostPerDay => format!(r#""{name}";q={quota};qu="microdollars";w=86400"#),
    }
}

/// What is left, and when more may be.
fn left(share: &Share) -> String {
    let (left, name) = (amount(share.policy, share.left()), name(share.policy));
    match share.resets_in {
        Some(time) => {
            let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
            format!(r#""{name}";r={left};t={seconds}"#)
        }
        None => format!(r#""{name}";r={left}"#),
    }
}

/// Rounded down: nobody is promised more than there is.
const fn amount(policy: Policy, amount: u64) -> u64 {
    match policy {
        Policy::CostPerDay => amount / MICRODOLLAR,
        Policy::TurnsPerMinute | Policy::TurnsAtOnce | Policy::TokensPerDay => amount,
    }
}
