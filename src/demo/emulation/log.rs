//! Records requests and the ends of answers, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::wire::way::{DeliveryEnd, Witness};

/// The latest requests, limited in number and bytes.
#[derive(Debug)]
pub(super) struct Log {
    started: Instant,
    ring: Mutex<Ring>,
}

/// Follows one request. Dropped before its end, it records that the client has left.
#[derive(Debug)]
pub(super) struct Watch {
    log: Arc<Log>,
    number: u64,
}

#[derive(Debug, Default)]
struct Ring {
    records: BTreeMap<u64, Record>,
    bytes: usize,
    arrived: u64,
    open: usize,
}

#[derive(Debug)]
struct Record {
    arrival_ns: u64,
    concurrency: usize,
    headers: Value,
    body: Value,
    size: usize,
    test: String,
    words: String,
    scenario: String,
    status: Option<u16>,
    bytes: usize,
    events: usize,
    end: Option<(DeliveryEnd, u64)>,
}

const MAX_RECORDS: usize = 4_096;
const MAX_BYTES: usize = 64 << 20;

/// Headers whose values are not recorded.
const SECRET: &[&str] = &["authorization", "cookie", "proxy-authorization", "x-goog-api-key"];

impl Log {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), ring: Mutex::default() }
    }

    pub(super) fn open(self: &Arc<Self>, headers: &HeaderMap) -> Watch {
        let arrival_ns = self.now();
        let number = self.with(|ring| {
            ring.open += 1;
            ring.arrived += 1;
            let record = Record::new(arrival_ns, ring.open, headers);
            ring.records.insert(ring.arrived, record);
            ring.shrink();
            ring.arrived
        });
        Watch { log: Arc::clone(self), number }
    }

    /// The requests of one test or of all, oldest first.
    pub(super) fn read(&self, test: Option<&str>) -> Value {
        self.with(|ring| {
            let asked = |record: &&Record| test.is_none_or(|test| record.is_of(test));
            let requests: Vec<Value> =
                ring.records.values().filter(asked).map(Record::json).collect();
            json!({ "requests": requests })
        })
    }

    /// Deletes the requests of one test or of all.
    pub(super) fn clear(&self, test: Option<&str>) {
        self.with(|ring| {
            ring.records.retain(|_, record| test.is_some_and(|test| !record.is_of(test)));
            ring.bytes = ring.records.values().map(|record| record.size).sum();
        });
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Ring) -> T) -> T {
        act(&mut self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watch {
    pub(super) fn asked(&self, body: Value, size: usize, words: String) {
        self.log.with(|ring| {
            let Some(record) = ring.records.get_mut(&self.number) else { return };
            record.body = body;
            record.size = size;
            record.words = words;
            ring.bytes += size;
            ring.shrink();
        });
    }

    pub(super) fn chose(&self, scenario: &str) {
        self.with(|record| scenario.clone_into(&mut record.scenario));
    }

    fn with(&self, act: impl FnOnce(&mut Record)) {
        self.log.with(|ring| ring.records.get_mut(&self.number).map(act));
    }
}

impl Witness for Watch {
    fn began(&self, status: StatusCode) {
        self.with(|record| record.status = Some(status.as_u16()));
    }

    fn sent(&self, bytes: usize, events: usize) {
        self.with(|record| {
            record.bytes += bytes;
            record.events += events;
        });
    }

    fn end(&self, end: DeliveryEnd) {
        let now = self.log.now();
        // The first end counts: dropping always reports one more.
        self.with(|record| record.end = record.end.or(Some((end, now))));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(DeliveryEnd::ClientClosed);
        self.log.with(|ring| ring.open = ring.open.saturating_sub(1));
    }
}

impl Ring {
    fn shrink(&mut self) {
        while self.records.len() > MAX_RECORDS || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.records.pop_first() else { return };
            self.bytes -= oldest.size;
        }
    }
}

impl Record {
    fn new(arrival_ns: u64, concurrency: usize, headers: &HeaderMap) -> Self {
        let test = headers.get("x-test-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        Self {
            arrival_ns,
            concurrency,
            headers: headers.iter().map(readable).collect::<Map<_, _>>().into(),
            body: Value::Null,
            size: 0,
            test: test.to_owned(),
            words: String::new(),
            scenario: "refused".to_owned(),
            status: None,
            bytes: 0,
            events: 0,
            end: None,
        }
    }

    fn is_of(&self, test: &str) -> bool {
        self.test == test || self.words.contains(test)
    }

    fn json(&self) -> Value {
        let (ended, ended_ns) = match self.end {
            None => ("open", None),
            Some((DeliveryEnd::Complete, at)) => ("complete", Some(at)),
            Some((DeliveryEnd::ClientClosed, at)) => ("client_closed", Some(at)),
            Some((DeliveryEnd::ServerCut, at)) => ("server_cut", Some(at)),
        };
        json!({
            "arrival_ns": self.arrival_ns,
            "body": self.body,
            "bytes": self.bytes,
            "concurrency": self.concurrency,
            "ended": ended,
            "ended_ns": ended_ns,
            "events": self.events,
            "headers": self.headers,
            "scenario": self.scenario,
            "status": self.status,
        })
    }
}

fn readable((name, value): (&HeaderName, &HeaderValue)) -> (String, Value) {
    let secret = SECRET.contains(&name.as_str());
    let shown = if secret { "***".into() } else { String::from_utf8_lossy(value.as_bytes()) };
    (name.to_string(), shown.into())
}
