//! A server that sends everybody elsewhere, and a stranger to whom nobody should come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) struct Redirector {
    /// Without a path.
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
    task: JoinHandle<()>,
}

impl Redirector {
    pub(crate) async fn start(status: u16, to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
        let notes = Arc::clone(&seen);
        let away = async move |headers: HeaderMap| {
            notes.lock().unwrap().push(headers);
            (StatusCode::from_u16(status).unwrap(), [("location", to.clone())])
        };
        let routes = Router::new().fallback(away);
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, seen, task }
    }

    /// The headers of each request.
    pub(crate) fn seen(&self) -> Vec<HeaderMap> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Redirector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct Stranger {
    /// Without a path.
    pub(crate) url: String,
    visits: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Stranger {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let visits = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, visits, task }
    }

    /// How often somebody connected.
    pub(crate) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}
