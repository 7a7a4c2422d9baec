//! Reads names of scenarios: `name` and `name(1,2)`.

use std::time::Duration;

use super::catalogue;
use super::quota::Quota;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::emulation) enum Scenario {
    /// The usual answer.
    Agent,
    /// Bytes from the catalogue.
    Written(String),
    /// A fault this many times, then the usual answer.
    Flaky(FlakyFailure, u64),
    /// Overloaded for this time from the first request on, then the usual answer.
    Breaker(Duration),
    /// The usual answer within a quota of the key.
    Quota(Quota),
    /// A text answer with a fault of the transport.
    Transport(DeliveryFault),
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::emulation) struct FlakyFailure {
    pub(in crate::emulation) name: &'static str,
    /// The retry delay that the refusal names.
    pub(in crate::emulation) delay: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::emulation) enum DeliveryFault {
    /// No byte ever comes.
    HangHeaders,
    /// The head comes immediately, the first event late.
    SlowFirst(Duration),
    /// This many events, then silence.
    StallAfter(usize),
    /// This many events, then a reset.
    CutAfter(usize),
    /// This many events, then a clean end without `[DONE]`.
    EofAfter(usize),
    /// A reset before the first byte.
    CloseBeforeHeaders,
    /// The last event ends with one line feed only.
    NoLastBlank,
    /// Lines end with CR LF.
    CarriageReturns,
    /// A byte order mark comes first.
    ByteOrderMark,
    /// One byte at a time.
    Trickle,
    /// A comment before each event, as proxies send them to keep a connection open.
    Comments,
    /// A reset, and the port is closed for this time.
    Refuse(Duration),
    /// This many MiB of text, as fast as they are read.
    Flood(usize),
    /// This many chunks of one character, as fast as they are read.
    ManyChunks(usize),
}

/// The names that are not in the catalogue.
pub(super) const OTHER_NAMES: &[&str] = &[
    "agent",
    "flaky_503",
    "flaky_429",
    "flaky_empty",
    "flaky_malformed",
    "breaker",
    "quota",
    "hang_headers",
    "slow_ttft",
    "stall_after",
    "cut_after",
    "eof_after",
    "close_before_headers",
    "no_last_blank",
    "crlf",
    "bom",
    "trickle",
    "comments",
    "refuse",
    "flood",
    "many_chunks",
];

const MOST_FAULTS: u64 = 100;

const LONGEST_MS: u64 = 600_000;

const MOST_MEBIBYTES: usize = 1_024;

const MOST_CHUNKS: usize = 10_000_000;

impl Scenario {
    pub(in crate::emulation) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')?),
            None => (text, ""),
        };
        if catalogue::find(name).is_some() {
            return Some(Self::Written(name.to_owned()));
        }
        let mut arguments = arguments.split(',').map(str::trim).filter(|word| !word.is_empty());
        let first = arguments.next();
        let number = first.map(str::parse::<u64>).transpose().ok()?;
        let second = arguments.next();
        sequence(name, number, second).or_else(|| transport(name, number))
    }
}

fn sequence(name: &str, number: Option<u64>, second: Option<&str>) -> Option<Scenario> {
    let fault = match name {
        "agent" => return Some(Scenario::Agent),
        "quota" => return quota(number, second),
        "breaker" => return Some(Scenario::Breaker(milliseconds(number))),
        "flaky_503" => "e503_overloaded",
        "flaky_429" if second.is_some() => "e429_delay",
        "flaky_429" => "e429_shared_capacity",
        "flaky_empty" => "empty_stop",
        "flaky_malformed" => "malformed_function_call",
        _ => return None,
    };
    let delay = second.map(|seconds| format!("{}s", seconds.trim_end_matches('s')));
    let times = number.unwrap_or(1).min(MOST_FAULTS);
    Some(Scenario::Flaky(FlakyFailure { name: fault, delay }, times))
}

/// `quota(per minute, at once)`. Without the second, a minute's requests may come at once.
fn quota(a_minute: Option<u64>, at_once: Option<&str>) -> Option<Scenario> {
    let positive = |number: u32| Some(number).filter(|number| *number > 0);
    let a_minute = positive(u32::try_from(a_minute.unwrap_or(10)).ok()?)?;
    let at_once =
        at_once.map_or(Some(a_minute), |number| number.parse().ok().and_then(positive))?;
    Some(Scenario::Quota(Quota { a_minute, at_once }))
}

fn transport(name: &str, number: Option<u64>) -> Option<Scenario> {
    let events = || count(number, 2, MOST_CHUNKS);
    Some(Scenario::Transport(match name {
        "hang_headers" => DeliveryFault::HangHeaders,
        "slow_ttft" => DeliveryFault::SlowFirst(milliseconds(number)),
        "stall_after" => DeliveryFault::StallAfter(events()),
        "cut_after" => DeliveryFault::CutAfter(events()),
        "eof_after" => DeliveryFault::EofAfter(events()),
        "close_before_headers" => DeliveryFault::CloseBeforeHeaders,
        "no_last_blank" => DeliveryFault::NoLastBlank,
        "crlf" => DeliveryFault::CarriageReturns,
        "bom" => DeliveryFault::ByteOrderMark,
        "trickle" => DeliveryFault::Trickle,
        "comments" => DeliveryFault::Comments,
        "refuse" => DeliveryFault::Refuse(milliseconds(number)),
        "flood" => DeliveryFault::Flood(count(number, 62, MOST_MEBIBYTES)),
        "many_chunks" => DeliveryFault::ManyChunks(count(number, 1_000_000, MOST_CHUNKS)),
        _ => return None,
    }))
}

fn milliseconds(number: Option<u64>) -> Duration {
    Duration::from_millis(number.unwrap_or(1_000).min(LONGEST_MS))
}

fn count(number: Option<u64>, usual: usize, most: usize) -> usize {
    number.map_or(usual, |number| usize::try_from(number).unwrap_or(most).min(most))
}
