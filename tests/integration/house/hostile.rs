//! Whatever a raw socket sends: a clear refusal or a closed connection, and the server goes on.

use std::time::Duration;

use orchestrator::cores::Cores;
use orchestrator::serving::{Tcp, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::app::TestApp;

/// Far less than any limit of the server: what is refused is refused at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a hostile client must get.
#[derive(Clone, Copy, Debug)]
enum Gets {
    /// One answer with this status and, of this server's own refusals, this code.
    Refused(u16, &'static str),
    /// No answer that says it was fine; the connection ends.
    Closed,
}
use Gets::{Closed, Refused};

struct Sent {
    what: &'static str,
    bytes: Vec<u8>,
    gets: Gets,
}

/// A raw request to `/chat`: lines of its head besides the usual, and its body.
fn chat(what: &'static str, lines: &str, body: impl AsRef<[u8]>, gets: Gets) -> Sent {
    let head =
        format!("POST /chat HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{lines}\r\n\r\n");
    Sent { what, bytes: [head.as_bytes(), body.as_ref()].concat(), gets }
}

/// The same with the usual headers of JSON of this length.
fn json(what: &'static str, body: impl AsRef<[u8]>, gets: Gets) -> Sent {
    let length = body.as_ref().len();
    let lines = format!("content-type: application/json\r\ncontent-length: {length}");
    chat(what, &lines, body, gets)
}

fn raw(what: &'static str, bytes: impl AsRef<[u8]>, gets: Gets) -> Sent {
    Sent { what, bytes: bytes.as_ref().to_vec(), gets }
}

const JSON: &str = "content-type: application/json";

const MESSAGE_IN_CHUNKS: &str = "10\r\n{\"message\":\"hi\"}\r\n0\r\n\r\n";

fn heads() -> Vec<Sent> {
    let get = "GET /models HTTP/1.1\r\nhost: localhost\r\n";
    vec![
        raw(
            "64 KiB of headers",
            format!("{get}x: {}\r\n\r\n", "x".repeat(65_536)),
            Refused(431, ""),
        ),
        raw("1,000 headers", format!("{get}{}\r\n", "x: y\r\n".repeat(1_000)), Refused(431, "")),
        raw("an address of 70 kB", format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), Closed),
        raw(
            "two hosts",
            "GET /models HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
            Refused(421, "unknown_host"),
        ),
        raw("NUL in a header", format!("{get}x: \0\r\n\r\n"), Refused(400, "")),
        raw("a blank in a name", format!("{get}x y: z\r\n\r\n"), Refused(400, "")),
        raw("a header in two lines", format!("{get}x: y\r\n z: w\r\n\r\n"), Refused(400, "")),
        raw("no protocol", "hello\r\n\r\n", Refused(400, "")),
        raw("HTTP/3.0", "GET / HTTP/3.0\r\n\r\n", Closed),
        raw("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Closed),
        raw("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20), Closed),
        raw("noise", (0..=u8::MAX).rev().collect::<Vec<_>>().repeat(16), Closed),
        raw("a method of its own", "x y z HTTP/1.1\r\n\r\n", Closed),
    ]
}

fn lengths() -> Vec<Sent> {
    let length = |length: &str| format!("{JSON}\r\ncontent-length: {length}");
    let chunked = format!("{JSON}\r\ntransfer-encoding: chunked");
    let too_large = || Refused(413, "too_large");
    vec![
        chat("10 MB announced", &length("10000000"), "", too_large()),
        chat("more than there is", &length("18446744073709551616"), "", Closed),
        chat("one byte over the limit", &length("1048577"), "", too_large()),
        json("10 MB", vec![b' '; 10_000_000], too_large()),
        chat("10 MB in chunks", &chunked, chunks(10_000_000), too_large()),
        chat("a length below zero", &length("-1"), "{}", Closed),
        chat("a length with a sign", &length("+2"), "{}", Closed),
        chat("a length in words", &length("two"), "{}", Closed),
        chat("two lengths", &format!("{}\r\ncontent-length: 3", length("2")), "{} ", Closed),
        chat(
            "another transfer coding",
            &format!("{JSON}\r\ntransfer-encoding: gzip, chunked"),
            MESSAGE_IN_CHUNKS,
            Refused(415, "wrong_encoding"),
        ),
        chat("chunks, and then not", &format!("{chunked}, identity"), "{}", Closed),
        chat("chunks in disguise", &format!("{JSON}\r\ntransfer-encoding: xchunked"), "{}", Closed),
        chat(
            "chunks with a blank",
            &format!("{JSON}\r\ntransfer-encoding : chunked"),
            "{}",
            Closed,
        ),
        chat(
            "a chunk without a length",
            &chunked,
            "zz\r\n{}\r\n0\r\n\r\n",
            Refused(400, "unreadable"),
        ),
        chat("a chunk of 2^64", &chunked, "ffffffffffffffffff\r\n{}", Refused(400, "unreadable")),
        chat("a chunk without an end", &chunked, "2\r\n{}xx0\r\n\r\n", Refused(400, "unreadable")),
        chat("a body that is too long", &length("2"), "{}{}", Refused(422, "wrong_form")),
    ]
}

fn bodies() -> Vec<Sent> {
    let wrong = || Refused(422, "wrong_form");
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let object = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    vec![
        json("64 levels", nested(64), wrong()),
        json("65 levels", nested(65), wrong()),
        json("65 objects", object(65), wrong()),
        json("100,000 levels", nested(100_000), wrong()),
        json("a number too large", r#"{"message":1e400}"#, Refused(400, "not_json")),
        json("10,000 digits", format!("[{}]", "9".repeat(10_000)), Refused(400, "not_json")),
        json("a member twice", r#"{"message":"a","message":"b"}"#, wrong()),
        json(
            "a member twice, written in two ways",
            r#"{"message":"a","mess\u0061ge":"b"}"#,
            wrong(),
        ),
        json("no UTF-8", b"{\"message\":\"\xff\xfe\"}", Refused(400, "not_utf8")),
        json("half a surrogate", r#"{"message":"\ud800"}"#, Refused(400, "not_json")),
        json("a byte order mark", b"\xef\xbb\xbf{\"message\":\"a\"}", Refused(400, "not_json")),
        json("NaN", r#"{"message":NaN}"#, Refused(400, "not_json")),
        json("nothing", "", Refused(400, "not_json")),
    ]
}

fn announcements() -> Vec<Sent> {
    let of = |kind: &str| format!("content-type: {kind}\r\ncontent-length: 2");
    let with = |line: &str| format!("{}\r\n{line}", of("application/json"));
    vec![
        chat("an expectation", &with("expect: 42"), "{}", Refused(417, "unknown_expectation")),
        chat("compressed", &with("content-encoding: gzip"), "{}", Refused(415, "wrong_encoding")),
        chat(
            "UTF-16",
            &of("application/json; charset=utf-16"),
            "{}",
            Refused(415, "wrong_charset"),
        ),
        chat(
            "in quotes",
            &of("application/json; Charset=\"latin1\""),
            "{}",
            Refused(415, "wrong_charset"),
        ),
        chat(
            "a form",
            &of("application/x-www-form-urlencoded"),
            "{}",
            Refused(415, "not_json_type"),
        ),
        chat("no type", "content-length: 2", "{}", Refused(415, "not_json_type")),
        chat(
            "two types",
            &with("content-type: application/json; charset=utf-16"),
            "{}",
            Refused(415, "not_json_type"),
        ),
        chat(
            "two encodings",
            &with("content-encoding: identity\r\ncontent-encoding: gzip"),
            "{}",
            Refused(415, "wrong_encoding"),
        ),
    ]
}

fn chunks(bytes: usize) -> Vec<u8> {
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 65_536], b"\r\n"].concat();
    [chunk.repeat(bytes / 65_536).as_slice(), b"0\r\n\r\n"].concat()
}

#[tokio::test]
async fn whatever_comes_is_refused_or_closed_at_once_and_the_server_goes_on() {
    let house = House::open().await;

    for sent in [heads(), lengths(), bodies(), announcements()].into_iter().flatten() {
        let heard = house.send(&sent.bytes).await;

        let status = heard.split(' ').nth(1).and_then(|it| it.parse::<u16>().ok());
        match sent.gets {
            Refused(expected, code) => {
                assert_eq!(status, Some(expected), "{}: {heard}", sent.what);
                assert!(
                    heard.contains(&format!("\"code\":\"{code}\"")) || code.is_empty(),
                    "{}: {heard}",
                    sent.what
                );
            }
            Closed => assert!(
                status.is_none_or(|it| (400..500).contains(&it) || it == 505),
                "{}: {heard}",
                sent.what
            ),
        }
        assert_eq!(heard.matches("HTTP/1.1 2").count(), 0, "{}: {heard}", sent.what);
    }
    house.close().await;
}

#[tokio::test]
async fn what_follows_a_request_is_read_as_the_next_one_or_not_at_all() {
    let house = House::open().await;
    let get = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";

    let junk = house.send(format!("{get}\0\0junk\r\n\r\n{get}").as_bytes()).await;
    let both = [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
    ];
    let both = both.map(|lengths| {
        let head = format!("POST /chat HTTP/1.1\r\nhost: localhost\r\n{JSON}\r\n{lengths}\r\n\r\n");
        format!("{head}{MESSAGE_IN_CHUNKS}{get}")
    });

    let statuses = |heard: &str| heard.matches("HTTP/1.1 ").count();
    assert!(junk.starts_with("HTTP/1.1 200") && junk.contains("HTTP/1.1 400"), "{junk}");
    assert_eq!(statuses(&junk), 2, "nothing is answered behind junk: {junk}");
    for sent in both {
        let heard = house.send(sent.as_bytes()).await;
        assert_eq!(statuses(&heard), 1, "the connection ends behind an ambiguous length: {heard}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_body_that_ends_before_its_length_is_no_request() {
    let house = House::open().await;
    let head = "POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    let whole = r#"{"message":"hi"}"#;
    let request = format!("{head}\r\ncontent-length: 17\r\n\r\n{whole}");

    let answer = house.send_and_end(request.as_bytes()).await;

    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    house.close().await;
}

#[tokio::test]
async fn the_refusal_of_a_member_that_comes_twice_or_too_deep_says_where() {
    let house = House::open().await;

    for (body, code, pointer) in [
        (r#"{"a":{"b":[{},{"c":1,"c":2}]}}"#, "duplicate_member", "/a/b/1/c"),
        (r#"{"a":{"not plain":{"c":1,"c":2}}}"#, "duplicate_member", "/a"),
        (&(r#"{"params":"#.to_owned() + &"[".repeat(64)), "too_deep", "/params/0/0"),
    ] {
        let heard = house.send(&json("", body, Closed).bytes).await;

        assert!(heard.contains(&format!("\"code\":\"{code}\"")), "{heard}");
        assert!(heard.contains(&format!("\"pointer\":\"{pointer}")), "{heard}");
        assert!(!heard.contains("not plain"), "{heard}");
    }
    house.close().await;
}

/// A house with a real door.
struct House {
    at: std::net::SocketAddr,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<()>,
    _app: TestApp,
}

impl House {
    async fn open() -> Self {
        let app = TestApp::scripted([]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (router, cores) = (app.router.clone(), Cores::only_here());
        let server = tokio::spawn(serve(Tcp::new(listener), router, 8, cores, stop.clone()));
        Self { at, stop, server, _app: app }
    }

    /// Sends all of it, and hears what comes back until the connection ends.
    async fn send(&self, bytes: &[u8]) -> String {
        let (reads, mut writes) = TcpStream::connect(self.at).await.unwrap().into_split();
        // It may be cut off in the middle.
        let writing = async { drop(writes.write_all(bytes).await) };
        tokio::join!(writing, heard(reads, bytes)).1
    }

    /// The same, and then no more is sent.
    async fn send_and_end(&self, bytes: &[u8]) -> String {
        let (reads, mut writes) = TcpStream::connect(self.at).await.unwrap().into_split();
        writes.write_all(bytes).await.unwrap();
        writes.shutdown().await.unwrap();
        heard(reads, bytes).await
    }

    /// It serves as before, and ends as it should.
    async fn close(self) {
        let live = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        assert!(self.send(live.as_bytes()).await.starts_with("HTTP/1.1 200"));
        self.stop.cancel();
        timeout(PATIENCE, self.server).await.unwrap().unwrap();
    }
}

async fn heard(mut reads: OwnedReadHalf, of: &[u8]) -> String {
    let mut heard = Vec::new();
    // A reset is an end as well.
    let ended = timeout(PATIENCE, reads.read_to_end(&mut heard)).await;
    let (of, heard) = (&of[..of.len().min(200)], String::from_utf8_lossy(&heard));
    assert!(ended.is_ok(), "it hangs: {} {heard}", String::from_utf8_lossy(of));
    heard.into_owned()
}
