//! How long to wait: what the headers say, and which of them is believed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orchestrator::model::ProviderRefusal;
use orchestrator::resilience::{Repeat, Verdict};
use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

type Headers<'a> = &'a [(&'a str, &'a str)];

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn an_order_is_believed_before_the_words_and_those_before_what_limits_suggest() {
    // What is waited for if the body names nine seconds, and if it names nothing.
    let table: &[(Headers<'_>, f64, Option<f64>)] = &[
        (&[("retry-after", "2")], 2.0, Some(2.0)),
        (&[("retry-after", "1.5")], 1.5, Some(1.5)),
        (&[("retry-after", "Thu, 01 Jan 2099 00:00:00 GMT")], 3_600.0, Some(3_600.0)),
        (&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")], 9.0, None),
        (&[("retry-after", "never")], 9.0, None),
        (&[("retry-after", "-3")], 9.0, None),
        (&[("retry-after", "nan")], 9.0, None),
        (&[("retry-after", "inf")], 9.0, None),
        (&[("retry-after-ms", "1250"), ("retry-after", "2")], 1.25, Some(1.25)),
        (&[("retry-after-ms", "soon"), ("retry-after", "2")], 2.0, Some(2.0)),
        (&[("retry-after", "2"), ("x-ratelimit-reset", "7")], 2.0, Some(2.0)),
        (&[("x-ratelimit-reset", "7")], 9.0, Some(7.0)),
        (&[("x-ratelimit-reset", "999999")], 9.0, Some(3_600.0)),
        (&[("x-ratelimit-reset-requests", "1s")], 9.0, Some(1.0)),
        (&[("x-ratelimit-reset-tokens", "6m0s")], 9.0, Some(360.0)),
        (&[("x-ratelimit-reset-tokens", "250ms")], 9.0, Some(0.25)),
        (&[("x-ratelimit-reset-tokens", "tomorrow")], 9.0, None),
        (&[], 9.0, None),
    ];

    for (headers, told, untold) in table {
        assert_eq!(pause(429, headers), Some(Duration::from_secs_f64(*told)), "{headers:?}");
        assert_eq!(wordless(429, headers), untold.map(Duration::from_secs_f64), "{headers:?}");
    }
}

#[test]
fn of_several_limits_the_one_that_is_used_up_is_waited_for() {
    let resets = [("x-ratelimit-reset-requests", "2s"), ("x-ratelimit-reset-tokens", "8s")];
    let left = |requests, tokens| {
        let left = [
            ("x-ratelimit-remaining-requests", requests),
            ("x-ratelimit-remaining-tokens", tokens),
        ];
        wordless(429, &[resets, left].concat())
    };

    assert_eq!(left("0", "900"), Some(Duration::from_secs(2)));
    assert_eq!(left("10", "0"), Some(Duration::from_secs(8)));
    assert_eq!(left("0", "0"), Some(Duration::from_secs(8)));
    assert_eq!(left("1", "1"), Some(Duration::from_secs(8)));
    assert_eq!(wordless(429, &resets), Some(Duration::from_secs(8)));
}

#[test]
fn a_limit_may_be_told_as_a_time() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let later = now + Duration::from_secs(30);

    for time in [later.as_secs().to_string(), later.as_millis().to_string()] {
        let pause = wordless(429, &[("x-ratelimit-reset", &time)]).unwrap();
        assert!((25..=31).contains(&pause.as_secs()), "{time}: {pause:?}");
    }
    let past = (now.as_secs() - 30).to_string();
    assert_eq!(wordless(429, &[("x-ratelimit-reset", &past)]), None);
}

#[test]
fn limits_matter_only_where_one_was_hit() {
    assert_eq!(wordless(503, &[("x-ratelimit-reset", "7")]), None);
    assert_eq!(pause(503, &[("retry-after", "7")]), Some(Duration::from_secs(7)));
}

proptest! {
    #[test]
    fn nonsense_never_panics_and_no_pause_is_longer_than_an_hour(
        name in prop::sample::select(vec![
            "retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens",
            "x-ratelimit-remaining", "x-ratelimit-remaining-tokens",
        ]),
        value in prop_oneof!["[0-9a-z:.+-]{0,30}", "[0-9]{1,400}(ms|s|m|h)?", "[ -~]{0,40}"],
        other in "[0-9]{0,25}[a-z]{0,2}",
        status in 400..600_u16,
    ) {
        let headers = [(name, &*value), ("x-ratelimit-reset-requests", &*other)];
        for pause in [pause(status, &headers), wordless(status, &headers)] {
            prop_assert!(pause.is_none_or(|pause| pause <= HOUR));
        }
    }
}

/// The pause before a repeat; the body names nine seconds.
fn pause(status: u16, headers: &[(&str, &str)]) -> Option<Duration> {
    judged(status, headers, "Please retry in 9s.")
}

/// The same if the body names nothing.
fn wordless(status: u16, headers: &[(&str, &str)]) -> Option<Duration> {
    judged(status, headers, "Slow down.")
}

fn judged(status: u16, headers: &[(&str, &str)], message: &str) -> Option<Duration> {
    let pairs = headers.iter().map(|(name, value)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
    });
    let headers: HeaderMap = pairs.collect();
    let body = json!({"error": {"code": status, "message": message}}).to_string();
    let failure = ProviderRefusal::read(status, &headers, body.as_bytes()).failure();
    match (failure.repeat, failure.verdict) {
        (Repeat::After(pause), Verdict::Busy(held)) => {
            assert_eq!(held, Some(pause));
            Some(pause)
        }
        (Repeat::After(pause), _) => Some(pause),
        _ => None,
    }
}
