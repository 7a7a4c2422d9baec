//! A provider on a port of its own that answers each request as it is told, byte by byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::watchdog::Held;

/// What is done with the connection after the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request may come.
    KeepOpen,
    /// Nothing more is sent; the client must leave.
    Hang,
    /// The connection ends in the middle.
    Close,
}

/// One answer: pieces that are flushed one by one.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pieces: Vec<Vec<u8>>,
    then: Then,
}

/// A running server; it ends when this is dropped.
pub(crate) struct ScriptedHttp {
    pub(crate) base_url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    _held: Held,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<VecDeque<Answer>>,
    bodies: Mutex<Vec<Value>>,
    connections: Mutex<usize>,
    client_left: Notify,
    asked: Notify,
    let_go: Notify,
}

impl Answer {
    /// Raw bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { pieces: vec![bytes.into()], then }
    }

    /// The same bytes, and then this.
    pub(crate) fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// A whole answer that is no stream.
    pub(crate) fn whole(status: u16, kind: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        Self::raw(format!("{head}{body}"), Then::KeepOpen)
    }

    /// An event stream in these pieces, without its last chunk.
    pub(crate) fn pieces(pieces: &[&[u8]], then: Then) -> Self {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk =
            |piece: &&[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        let full = pieces.iter().filter(|piece| !piece.is_empty());
        Self { pieces: [head.to_vec()].into_iter().chain(full.map(chunk)).collect(), then }
    }

    /// A whole event stream in these pieces.
    pub(crate) fn stream(pieces: &[&[u8]]) -> Self {
        let mut answer = Self::pieces(pieces, Then::KeepOpen);
        answer.pieces.push(b"0\r\n\r\n".to_vec());
        answer
    }

    /// A whole stream of events with `[DONE]` behind.
    pub(crate) fn events(events: &[Value]) -> Self {
        let events = frames(events);
        Self::stream(&[events.as_bytes(), b"data: [DONE]\n\n"])
    }
}

impl ScriptedHttp {
    /// Answers with `answers` in turn, and with the last of them for ever.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { answers: Mutex::new(answers.into()), ..Shared::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { base_url, shared, task, _held: Held::new() }
    }

    /// What was asked so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.shared.bodies.lock().unwrap().clone()
    }

    /// How often a client connected.
    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }

    /// Waits until a client left a hanging answer.
    pub(crate) async fn client_left(&self) {
        self.shared.client_left.notified().await;
    }

    /// Waits until a client lets go of a connection on which it could have asked again.
    pub(crate) async fn let_go(&self) {
        self.shared.let_go.notified().await;
    }

    /// Waits for a request.
    pub(crate) async fn asked(&self) {
        self.shared.asked.notified().await;
    }
}

impl Drop for ScriptedHttp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Events as they are written.
pub(crate) fn frames(events: &[Value]) -> String {
    let frames: Vec<_> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    frames.concat()
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        *shared.connections.lock().unwrap() += 1;
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(body) = request(&mut stream).await {
        shared.bodies.lock().unwrap().push(body);
        shared.asked.notify_one();
        let answer = next(&shared);
        for piece in &answer.pieces {
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        match answer.then {
            Then::KeepOpen => {}
            Then::Close => return,
            Then::Hang => {
                let _end = stream.read(&mut [0]).await;
                shared.client_left.notify_one();
                return;
            }
        }
    }
    shared.let_go.notify_one();
}

fn next(shared: &Shared) -> Answer {
    let mut answers = shared.answers.lock().unwrap();
    if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().unwrap().clone() }
}

/// Reads one request; `None` if the client closed.
async fn request(stream: &mut TcpStream) -> Option<Value> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
        if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(": ") {
            length = value.trim().parse().unwrap();
        }
    }
    if length == 0 {
        return Some(Value::Null);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    serde_json::from_slice(&body).ok()
}
