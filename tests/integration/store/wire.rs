//! A wire to a database server that can fall silent or break at a chosen word.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to a connection whose client says the chosen word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The server hears it and answers; the answer is lost and the connection breaks. Once.
    LoseTheAnswer,
    /// Nothing goes through any more, and nobody is told.
    FallSilent,
}

/// A wire; new connections always work.
pub(super) struct Wire {
    at: SocketAddr,
    silence: watch::Sender<()>,
    trap: Trap,
    said: Arc<AtomicUsize>,
}

type Trap = Arc<Mutex<Option<(&'static str, Then)>>>;

impl Wire {
    /// Leads from a free port, or from `at`, to the server of `url`.
    pub(super) async fn to(url: &str, at: Option<SocketAddr>) -> Self {
        let at = at.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let (silence, _) = watch::channel(());
        let (trap, said) = (Trap::default(), Arc::default());
        let server = host(url).to_owned();
        tokio::spawn(accept(
            listener,
            server,
            silence.clone(),
            (Arc::clone(&trap), Arc::clone(&said)),
        ));
        Self { at, silence, trap, said }
    }

    /// The server's URL, by way of this wire.
    pub(super) fn url(&self, url: &str) -> String {
        by_way_of(self.at, url)
    }

    /// All connections of now fall silent.
    pub(super) fn fall_silent(&self) {
        self.silence.send(()).unwrap();
    }

    /// How often clients have said something: a trip each, as they wait for the answer.
    pub(super) fn trips(&self) -> usize {
        self.said.load(Ordering::Relaxed)
    }

    /// Waits for a word.
    pub(super) fn at_the_word(&self, word: &'static str, then: Then) {
        *self.trap.lock().unwrap() = Some((word, then));
    }
}

/// The server's URL, by way of another address.
pub(super) fn by_way_of(at: SocketAddr, url: &str) -> String {
    url.replace(host(url), &at.to_string())
}

/// `user@HOST:PORT/database`.
fn host(url: &str) -> &str {
    url.split('@').nth(1).unwrap().split('/').next().unwrap()
}

type Ears = (Trap, Arc<AtomicUsize>);

async fn accept(listener: TcpListener, server: String, silence: watch::Sender<()>, ears: Ears) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&server).await.unwrap();
        let (mut silence, ears) = (silence.subscribe(), ears.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = silence.changed() => pending().await,
                () = carry(client, server, ears) => {}
            }
        });
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, (trap, said): Ears) {
    let (mut asked, mut told) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Some(heard) = read.ok().filter(|read| *read > 0) else { return };
                said.fetch_add(1, Ordering::Relaxed);
                let then = spring(&trap, &String::from_utf8_lossy(&asked[..heard]));
                if then == Some(Then::FallSilent) {
                    return pending().await;
                }
                server.write_all(&asked[..heard]).await.unwrap();
                if then == Some(Then::LoseTheAnswer) {
                    server.readable().await.unwrap();
                    return;
                }
            }
            read = server.read(&mut told) => {
                let Some(heard) = read.ok().filter(|read| *read > 0) else { return };
                client.write_all(&told[..heard]).await.ok();
            }
        }
    }
}

fn spring(trap: &Trap, said: &str) -> Option<Then> {
    let mut trap = trap.lock().unwrap();
    let (_, then) = (*trap).filter(|(word, _)| said.contains(word))?;
    if then == Then::LoseTheAnswer {
        *trap = None;
    }
    Some(then)
}
