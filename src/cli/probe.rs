//! `orchestrator probe`: the container's health check.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);

/// Requests `/health/live` by hand over plain HTTP: a probe needs no TLS and should start at once.
pub(super) async fn probe(url: String) -> anyhow::Result<()> {
    let rest = url.strip_prefix("http://").context("The URL must begin with http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = if path.is_empty() { "health/live" } else { path };
    let has_port = authority.contains(':');
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let status = timeout(PATIENCE, ask(&authority, path)).await.context("No answer in time")??;
    ensure!(status.contains(" 200 "), "The server is not well");
    Ok(())
}

async fn ask(authority: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(authority).await.context("The server is not there")?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // Room for the status line; the rest of the answer is not read.
    let mut head = [0_u8; 32];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest).await? {
            0 => break,
            count => filled += count,
        }
    }
    let line = String::from_utf8_lossy(head.get(..filled).unwrap_or_default()).into_owned();
    // A status line may end right after the code.
    Ok(line.lines().next().unwrap_or_default().to_owned() + " ")
}
