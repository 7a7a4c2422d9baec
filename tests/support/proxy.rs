//! A proxy, and behind it a provider over TLS that only the proxy can reach.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::watchdog::Held;

/// A name that no resolver knows.
pub(crate) const MODEL: &str = "model.invalid";

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\n\r\n";
const EVENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"From afar.\"},\
    \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// A running proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
    _held: Held,
}

impl Proxy {
    /// Writes a certificate of the provider's, for those who are to trust it, to this file.
    pub(crate) async fn start(trust: &Path) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([MODEL.to_owned()]).unwrap();
        std::fs::write(trust, cert.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let _already_there = rustls::crypto::ring::default_provider().install_default();
        let tls = ServerConfig::builder().with_no_client_auth();
        let tls = TlsAcceptor::from(Arc::new(
            tls.with_single_cert(vec![cert.der().clone()], key).unwrap(),
        ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&heads)));
        Self { url, heads, task, _held: Held::new() }
    }

    /// The heads that came, to the proxy and to the provider, in small letters.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, heads: Arc<Mutex<Vec<String>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, tls.clone(), Arc::clone(&heads)));
    }
}

async fn serve(mut stream: TcpStream, tls: TlsAcceptor, heads: Arc<Mutex<Vec<String>>>) {
    let Some(first) = head(&mut stream, &heads).await else { return };
    if !first.starts_with("connect ") {
        return answer(&mut stream, &first, &heads).await;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let Ok(mut stream) = tls.accept(stream).await else { return };
    let Some(first) = head(&mut stream, &heads).await else { return };
    answer(&mut stream, &first, &heads).await;
}

/// Answers this request, and whatever follows on its connection.
async fn answer<S>(stream: &mut S, first: &str, heads: &Mutex<Vec<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut next = Some(first.to_owned());
    while let Some(head_of) = next {
        let answer = if head_of.starts_with("get ") {
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            format!("{ANSWER}{:x}\r\n{EVENTS}\r\n0\r\n\r\n", EVENTS.len())
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        next = head(stream, heads).await;
    }
}

/// Reads a request to its end and gives its head; `None` if the client left.
async fn head<S: AsyncRead + Unpin>(stream: &mut S, heads: &Mutex<Vec<String>>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|it| it.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    heads.lock().unwrap().push(head.clone());
    Some(head)
}
