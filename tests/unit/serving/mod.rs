//! Connections: how many, how long, and how they end.

mod ending;
mod heads;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures::{FutureExt, StreamExt, stream};
use orchestrator::cores::Cores;
use orchestrator::serving::{Accept, Ending, Routers, Tcp, serve};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";
const SLOW_REQUEST: &[u8] = b"GET /slow HTTP/1.1\r\nhost: here\r\n\r\n";
const HALF_A_HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: he";

/// More than the way to a client holds.
const LONG: usize = 64 * 1024;

/// Nothing here takes longer, or it hangs.
const LIMIT: Duration = Duration::from_hours(1);

/// A server in memory, and the way in.
struct Street {
    door: mpsc::UnboundedSender<Coming>,
    /// Ends it at once.
    stop: CancellationToken,
    server: JoinHandle<()>,
    /// Lets an answer at `/slow` be written to its end.
    go_on: Arc<Notify>,
}

/// Who comes, and when nobody can be let in.
enum Coming {
    Somebody(DuplexStream),
    /// One look finds no free file.
    NoFile,
    /// There is none until the connection with this other end is closed.
    NoFileUntilGone(DuplexStream),
}

struct Door {
    coming: mpsc::UnboundedReceiver<Coming>,
    needed: Option<DuplexStream>,
}

impl Accept for Door {
    type Arrival = DuplexStream;
    type Io = BufReader<DuplexStream>;

    async fn accept(&mut self) -> io::Result<DuplexStream> {
        let no_file = || Err(io::Error::from_raw_os_error(nix::libc::EMFILE));
        loop {
            if let Some(needed) = &mut self.needed {
                if !matches!(needed.read(&mut [0]).now_or_never(), Some(Ok(0))) {
                    return no_file();
                }
                self.needed = None;
            }
            match self.coming.recv().await.unwrap() {
                Coming::Somebody(stream) => return Ok(stream),
                Coming::NoFile => return no_file(),
                Coming::NoFileUntilGone(stream) => self.needed = Some(stream),
            }
        }
    }

    fn connect(arrival: DuplexStream) -> io::Result<Self::Io> {
        Ok(BufReader::new(arrival))
    }

    async fn has_arrived(stream: &mut Self::Io) {
        drop(stream.fill_buf().await);
    }
}

impl Street {
    fn with_room_for(requests: usize) -> Self {
        Self::that_ends(requests, CancellationToken::new().into())
    }

    fn that_ends(requests: usize, ending: Ending) -> Self {
        let (door, coming) = mpsc::unbounded_channel();
        let (stop, go_on) = (ending.stop.clone(), Arc::new(Notify::new()));
        let told = Arc::clone(&go_on);
        let slow = move || {
            let told = Arc::clone(&told);
            let end = async move { told.notified().await }.map(|()| Ok::<_, Infallible>("end"));
            async { Body::from_stream(stream::once(end)) }
        };
        let full = Router::new().route("/slow", get(slow.clone())).fallback(async || "full");
        let long = async || {
            let pieces = (0..LONG / 1024).map(|_| Ok::<_, Infallible>("x".repeat(1024)));
            Body::from_stream(stream::iter(pieces))
        };
        let usual = Router::new().route("/", get(async || "hello")).route("/slow", get(slow));
        let usual = usual.route("/long", get(long));
        let usual = usual.route("/echo", post(async |body: Bytes| body));
        let routers = Routers { usual, full };
        let (door_in, cores) = (Door { coming, needed: None }, Cores::only_here());
        let server = tokio::spawn(serve(door_in, routers, requests, cores, ending));
        Self { door, stop, server, go_on }
    }

    /// The next who comes finds no free file.
    fn lack_a_file(&self) {
        self.door.send(Coming::NoFile).unwrap();
    }

    /// Whoever comes next finds no free file before this connection is closed.
    fn lack_a_file_until_gone(&self, client: DuplexStream) {
        self.door.send(Coming::NoFileUntilGone(client)).unwrap();
    }

    async fn send(&self, bytes: &[u8]) -> DuplexStream {
        let (mut here, there) = duplex(4096);
        self.door.send(Coming::Somebody(there)).unwrap();
        here.write_all(bytes).await.unwrap();
        here
    }
}

async fn until(stream: &mut DuplexStream, end: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        heard.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(heard).unwrap()
}

async fn rest(mut stream: DuplexStream) -> String {
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    heard
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let street = Street::with_room_for(8);
    let started = Instant::now();
    let silent = street.send(b"").await;

    assert_eq!(rest(silent).await, "");

    assert_eq!(started.elapsed().as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_for_longer_than_a_minute_and_then_closed() {
    let street = Street::with_room_for(8);
    let mut client = street.send(REQUEST).await;
    until(&mut client, "hello").await;
    tokio::time::sleep(Duration::from_secs(65)).await;
    client.write_all(REQUEST).await.unwrap();
    until(&mut client, "hello").await;
    let answered = Instant::now();

    assert_eq!(rest(client).await, "");

    assert_eq!(answered.elapsed().as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_take_as_long_as_it_likes() {
    let street = Street::with_room_for(8);
    let mut client = street.send(SLOW_REQUEST).await;
    until(&mut client, "\r\n\r\n").await;
    tokio::time::sleep(Duration::from_hours(1)).await;

    street.go_on.notify_one();

    assert_eq!(until(&mut client, "0\r\n\r\n").await, "3\r\nend\r\n0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_its_answer_unread_for_half_a_minute_is_closed_and_makes_room() {
    let street = Street::with_room_for(1);
    let mut client = street.send(b"GET /long HTTP/1.1\r\nhost: here\r\n\r\n").await;
    until(&mut client, "\r\n\r\n").await;

    for (waits, hears) in [(29, "full"), (2, "hello")] {
        tokio::time::sleep(Duration::from_secs(waits)).await;
        let mut next = street.send(REQUEST).await;
        timeout(LIMIT, until(&mut next, hears)).await.unwrap();
    }

    assert!(!rest(client).await.ends_with("0\r\n\r\n"), "it was cut, and can be seen to be");
}

#[tokio::test(start_paused = true)]
async fn little_is_written_ahead_for_a_client_that_stops_reading() {
    let (taken, count) = (Arc::new(AtomicUsize::new(0)), 10_000);
    let counted = Arc::clone(&taken);
    let endless = move || {
        let taken = Arc::clone(&counted);
        let piece = move |_| {
            taken.fetch_add(1024, Ordering::Relaxed);
            Ok::<_, Infallible>("x".repeat(1024))
        };
        async move { Body::from_stream(stream::iter(0..count).map(piece)) }
    };
    let (door, coming) = mpsc::unbounded_channel();
    let (at, stop) = (Door { coming, needed: None }, CancellationToken::new());
    let router = Router::new().route("/", get(endless));
    drop(tokio::spawn(serve(at, router, 8, Cores::only_here(), stop)));
    let (mut here, there) = duplex(4096);
    door.send(Coming::Somebody(there)).unwrap();

    here.write_all(REQUEST).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;

    let taken = taken.load(Ordering::Relaxed);
    assert!((8 * 1024..128 * 1024).contains(&taken), "{taken} bytes were taken");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_served_to_the_end() {
    let street = Street::with_room_for(1);
    let mut client = street.send(b"GET /long HTTP/1.1\r\nhost: here\r\n\r\n").await;

    let (mut heard, mut piece) = (Vec::new(), vec![0; 4096]);
    while !heard.ends_with(b"0\r\n\r\n") {
        tokio::time::sleep(Duration::from_secs(25)).await;
        let count = timeout(LIMIT, client.read(&mut piece)).await.unwrap().unwrap();
        heard.extend_from_slice(&piece[..count]);
    }

    assert!(heard.len() > LONG);
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_no_room_hears_it_at_once_until_somebody_leaves() {
    let street = Street::with_room_for(1);
    let mut first = street.send(SLOW_REQUEST).await;
    until(&mut first, "\r\n\r\n").await;
    let started = Instant::now();
    let mut second = street.send(REQUEST).await;

    until(&mut second, "full").await;
    assert_eq!(started.elapsed().as_secs(), 0);
    street.go_on.notify_one();
    until(&mut first, "0\r\n\r\n").await;

    second.write_all(REQUEST).await.unwrap();
    until(&mut second, "hello").await;
    first.write_all(REQUEST).await.unwrap();
    until(&mut first, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn the_longest_idle_make_way_for_newcomers_and_the_busy_stay() {
    let street = Street::with_room_for(8);
    let mut busy = street.send(SLOW_REQUEST).await;
    until(&mut busy, "\r\n\r\n").await;
    let (silent, half) = (street.send(b"").await, street.send(HALF_A_HEAD).await);
    let mut idle = street.send(REQUEST).await;
    until(&mut idle, "hello").await;
    let started = Instant::now();

    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(street.send(b"").await);
    }
    let mut last = street.send(REQUEST).await;
    until(&mut last, "hello").await;

    assert_eq!((rest(silent).await, rest(half).await), (String::new(), String::new()));
    assert_eq!(rest(idle).await, "");
    assert_eq!(rest(crowd.swap_remove(0)).await, "");
    assert!(started.elapsed().as_secs() <= 2, "{:?}", started.elapsed());
    street.go_on.notify_one();
    assert_eq!(until(&mut busy, "0\r\n\r\n").await, "3\r\nend\r\n0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_asked_to_leave_at_its_first_byte_keeps_nobody_waiting() {
    for moment in 0..8 {
        let street = Street::with_room_for(0);
        let mut silent = Vec::new();
        for _ in 0..32 {
            silent.push(street.send(b"").await);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;

        let mut newcomer = street.send(REQUEST).await;
        for _ in 0..moment {
            tokio::task::yield_now().await;
        }
        // Whether it is still open or was closed at that moment.
        drop(silent[0].write_all(HALF_A_HEAD).await);

        let answered = timeout(Duration::from_secs(1), until(&mut newcomer, "full")).await;
        assert!(answered.is_ok(), "moment {moment}");
    }
}

#[tokio::test(start_paused = true)]
async fn for_a_file_that_is_needed_one_makes_way_and_nobody_who_has_just_come() {
    let street = Street::with_room_for(8);
    let (mut first, mut second) = (street.send(REQUEST).await, street.send(REQUEST).await);
    until(&mut first, "hello").await;
    until(&mut second, "hello").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut newcomer = street.send(b"").await;

    street.lack_a_file();
    let mut other = street.send(REQUEST).await;
    until(&mut other, "hello").await;
    assert_eq!(rest(first).await, "");
    second.write_all(REQUEST).await.unwrap();
    until(&mut second, "hello").await;

    street.lack_a_file();
    let mut last = street.send(REQUEST).await;
    until(&mut last, "full").await;
    newcomer.write_all(REQUEST).await.unwrap();
    until(&mut newcomer, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn one_makes_way_for_one_file_although_others_have_left_before() {
    let street = Street::with_room_for(8);
    let left = street.send(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await;
    assert!(rest(left).await.ends_with("hello"));
    let (mut first, mut second) = (street.send(REQUEST).await, street.send(REQUEST).await);
    until(&mut first, "hello").await;
    until(&mut second, "hello").await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    street.lack_a_file_until_gone(first);
    let mut newcomer = street.send(REQUEST).await;

    until(&mut newcomer, "hello").await;
    second.write_all(REQUEST).await.unwrap();
    until(&mut second, "hello").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_all_are_busy_is_let_in_when_one_of_them_is_done() {
    let street = Street::with_room_for(0);
    let mut busy = Vec::new();
    for _ in 0..32 {
        let mut one = street.send(SLOW_REQUEST).await;
        until(&mut one, "\r\n\r\n").await;
        busy.push(one);
    }
    let mut late = street.send(REQUEST).await;
    let too_early = timeout(Duration::from_mins(1), late.read_u8()).await;
    assert!(too_early.is_err(), "there was no place");

    street.go_on.notify_one();

    until(&mut late, "full").await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_idle_connections_close_and_answers_are_written_to_their_end() {
    let street = Street::with_room_for(8);
    let mut idle = street.send(REQUEST).await;
    until(&mut idle, "hello").await;
    let mut busy = street.send(SLOW_REQUEST).await;
    until(&mut busy, "\r\n\r\n").await;

    street.stop.cancel();

    assert_eq!(rest(idle).await, "");
    assert!(!street.server.is_finished());
    street.go_on.notify_one();
    assert_eq!(rest(busy).await, "3\r\nend\r\n0\r\n\r\n");
    street.server.await.unwrap();
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_peer_that_is_gone_without_a_word_is_noticed_after_half_a_minute() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut tuned = Tcp::new(listener);

    let (client, accepted) = tokio::join!(TcpStream::connect(at), tuned.accept());

    let (_client, accepted) = (client.unwrap(), accepted.unwrap());
    let limit = socket2::SockRef::from(&accepted).tcp_user_timeout().unwrap();
    assert_eq!(limit, Some(Duration::from_secs(30)));
    assert!(accepted.nodelay().unwrap());
}

#[tokio::test(start_paused = true)]
async fn whoever_still_sends_what_was_refused_can_send_it_and_hears_why() {
    const LENGTH: usize = 1024 * 1024;
    let street = Street::with_room_for(8);
    let head = format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {LENGTH}\r\n\r\n");
    let mut client = street.send(head.as_bytes()).await;
    until(&mut client, "\r\n\r\n").await;

    client.write_all(&vec![b'x'; LENGTH]).await.expect("it is taken, though nobody reads it");

    assert_eq!(rest(client).await, "");
}

#[tokio::test(start_paused = true)]
async fn whoever_never_ends_to_send_what_was_refused_is_not_listened_to_for_long() {
    let street = Street::with_room_for(8);
    let head = b"POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut slow = street.send(head).await;
    until(&mut slow, "\r\n\r\n").await;
    let answered = Instant::now();
    while slow.write_all(b"0").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(answered.elapsed().as_secs(), 15);

    let mut silent = street.send(head).await;
    until(&mut silent, "\r\n\r\n").await;
    for _ in 0..3 {
        silent.write_all(b"0").await.expect("it is listened to");
        tokio::time::sleep(Duration::from_millis(1_900)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    silent.write_all(b"0").await.expect_err("two seconds of silence are enough");

    let mut flood = street.send(head).await;
    let (piece, mut taken) = ([b'0'; 1024], 0);
    while flood.write_all(&piece).await.is_ok() {
        taken += piece.len();
    }

    assert!((8..9).contains(&(taken / 1024 / 1024)), "{taken} bytes were taken");
}

#[tokio::test(start_paused = true)]
async fn a_client_on_a_slow_line_hears_its_refusal() {
    const LENGTH: usize = 1_500_000;
    const BYTES_PER_SECOND: usize = 187_500; // 1.5 Mbit/s
    let street = Street::with_room_for(8);
    let head = format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {LENGTH}\r\n\r\n");
    let mut client = street.send(head.as_bytes()).await;
    until(&mut client, "\r\n\r\n").await;

    for _ in 0..LENGTH / BYTES_PER_SECOND {
        client.write_all(&vec![b'x'; BYTES_PER_SECOND]).await.expect("it is taken");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    assert_eq!(rest(client).await, "");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_still_listened_to_holds_no_slot_and_not_the_end() {
    let street = Street::with_room_for(1);
    let head = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2000000\r\n\r\n";
    let mut sending = street.send(head).await;
    until(&mut sending, "\r\n\r\n").await;
    sending.write_all(b"xxx").await.unwrap();
    let started = Instant::now();

    let mut other = street.send(REQUEST).await;
    until(&mut other, "hello").await;
    street.stop.cancel();
    street.server.await.unwrap();

    assert_eq!(started.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_sent_everything_is_not_listened_to() {
    let street = Street::with_room_for(8);
    let close = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
    let mut client = street.send(close).await;
    let started = Instant::now();

    until(&mut client, "hello").await;
    while client.write_all(b"0").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    assert_eq!(started.elapsed().as_secs(), 0);
}

const REFUSED: &[u8] = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1\r\n\r\nx";

#[tokio::test(start_paused = true)]
async fn connections_that_were_refused_something_make_way_like_all_others() {
    let street = Street::with_room_for(8);
    let mut refused = Vec::new();
    for _ in 0..40 {
        let mut client = street.send(REFUSED).await;
        until(&mut client, "\r\n\r\n").await;
        refused.push(client);
    }
    let started = Instant::now();

    for _ in 0..10 {
        let mut client = street.send(REQUEST).await;
        until(&mut client, "hello").await;
        refused.push(client);
    }

    assert_eq!(started.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nobody_who_was_refused_something_is_listened_to() {
    let street = Street::with_room_for(8);
    let mut client = street.send(REFUSED).await;
    until(&mut client, "\r\n\r\n").await;
    let started = Instant::now();

    street.stop.cancel();
    street.server.await.unwrap();

    assert_eq!(started.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_the_last_file_is_not_listened_to_once_it_was_refused() {
    let street = Street::with_room_for(8);
    street.lack_a_file();
    let head = b"POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = street.send(head).await;
    until(&mut client, "full").await;
    let answered = Instant::now();

    while client.write_all(b"0").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    assert_eq!(answered.elapsed().as_secs(), 0);
}

/// Half of the body is on its way when the answer is.
#[tokio::test]
async fn over_tcp_a_refusal_is_heard_by_a_client_that_sends_everything_first() {
    const LENGTH: usize = 6 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let usual = Router::new().route("/", get(async || "hello"));
    let served = serve(Tcp::new(listener), usual, 8, Cores::only_here(), stop.clone());
    let served = tokio::spawn(served);
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {LENGTH}\r\n\r\n");

    let mut answer = String::new();
    let exchange = async {
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; LENGTH]).await.expect("the body is taken");
        client.read_to_string(&mut answer).await.expect("the answer comes");
    };
    timeout(Duration::from_secs(20), exchange).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    stop.cancel();
    timeout(Duration::from_secs(20), served).await.unwrap().unwrap();
}
