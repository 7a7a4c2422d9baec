//! Clients: so many users, each asking so often.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use reqwest::{Client, RequestBuilder};
use tokio::time::{Instant, sleep};

/// How one request is made.
pub(crate) type Make = dyn Fn() -> RequestBuilder + Send + Sync;

/// Asks the model itself.
pub(crate) fn model_requests(base_url: &str) -> Box<Make> {
    let (client, url) = (Client::new(), format!("{base_url}/chat/completions"));
    Box::new(move || post(&client, &url, "{}"))
}

const BEGIN: &str = r#"{"type":"threads.create","params":{"input":{"content":[{"type":"input_text","text":"Say something."}],"attachments":[],"inference_options":{}}}}"#;

/// Asks the server as ChatKit's component does: each request could come again from its frame.
pub(crate) fn turns(url: &str) -> Box<Make> {
    let (client, url) = (Client::new(), format!("{url}/chat"));
    let frames = AtomicU64::new(0);
    Box::new(move || {
        let frame = frames.fetch_add(1, Ordering::Relaxed);
        post(&client, &url, BEGIN).header("chatkit-frame-instance-id", frame)
    })
}

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) users: u32,
    /// How often each of them asks.
    pub(crate) each: u32,
    /// How much later each begins than the one before.
    pub(crate) apart: Duration,
}

/// The times to the first text of every request.
pub(crate) async fn first_texts(crowd: Crowd, make: &Make) -> Vec<Duration> {
    let Crowd { users, each, apart } = crowd;
    let user = async |place: u32| {
        sleep(apart * place).await;
        let mut times = Vec::new();
        for _ in 0..each {
            let begun = Instant::now();
            let (first, _) = read(make()).await;
            times.push(first.expect_after(begun));
        }
        times
    };
    join_all((0..users).map(user)).await.concat()
}

/// How many of so many streams, held at the same time, came whole.
pub(crate) async fn whole_streams(count: usize, make: &Make) -> usize {
    let all = join_all((0..count).map(|_| read(make()))).await;
    all.iter().filter(|(_, is_whole)| *is_whole).count()
}

struct First(Option<Instant>);

impl First {
    fn expect_after(&self, begun: Instant) -> Duration {
        self.0.unwrap().duration_since(begun)
    }
}

/// Reads a stream: when its first text came, and whether the answer came whole.
async fn read(request: RequestBuilder) -> (First, bool) {
    let (mut first, mut is_whole) = (First(None), false);
    let mut answer = request.send().await.unwrap();
    while let Ok(Some(piece)) = answer.chunk().await {
        let piece = String::from_utf8_lossy(&piece);
        is_whole |= piece.contains("thread.item.done") && piece.contains("answer");
        if first.0.is_none() && piece.contains("Some words") {
            first.0 = Some(Instant::now());
        }
    }
    (first, is_whole)
}

fn post(client: &Client, url: &str, body: &'static str) -> RequestBuilder {
    client.post(url).header("content-type", "application/json").body(body)
}
