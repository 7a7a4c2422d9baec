//! Health is told whatever comes in at the door.

use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use rlimit::Resource;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::process::{Running, program};
use crate::support::scripted_http::{Answer, ScriptedHttp, Then};
use crate::support::watchdog::Watchdog;

/// Far longer than an answer takes, far shorter than any limit of the server.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_in_a_house_that_is_full_of_streams_and_of_silent_strangers() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let server = Running::spawn(&mut with_open_files(300, &data, &model));
    server.ready().await;
    // Half of the files that are not for other things.
    let room = (300 - 128) / 2;

    let mut streams = Vec::new();
    for _ in 0..room {
        let mut stream = connect(&server).await;
        stream.write_all(&chat()).await.unwrap();
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        streams.push(stream);
    }
    assert_eq!(status(&server, "GET /health/live").await, "200");
    let mut late = connect(&server).await;
    late.write_all(&chat()).await.unwrap();
    assert!(head(&mut late).await.starts_with("HTTP/1.1 429"));

    let mut strangers = Vec::new();
    for _ in 0..300 {
        strangers.push(connect(&server).await);
    }

    for path in ["GET /health/live", "GET /health/ready", "GET /health"] {
        assert_eq!(status(&server, path).await, "200", "{path}");
    }
    let probe = program(data.path()).args(["probe", &server.url]).output().unwrap();
    assert!(probe.status.success(), "{probe:?}");
    drop(streams.pop());
    until_taken(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_while_the_open_files_are_used_up() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let mut command = with_open_files(1_024, &data, &model);
    let server = Running::spawn(&mut command);
    server.ready().await;
    let streams = without_a_free_file(&server).await;
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(connect(&server).await);
    }
    for _ in 0..3 {
        assert_eq!(status(&server, "GET /health/live").await, "200");
    }

    let pid = i32::try_from(server.pid()).unwrap();
    rlimit::prlimit(pid, Resource::NOFILE, Some((1_024, 1_024)), None).unwrap();
    drop((streams, strangers));
    until_taken(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_took_the_last_free_file_is_not_sent_away_for_nobody() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let server = Running::spawn(&mut with_open_files(1_024, &data, &model));
    server.ready().await;
    let limit = open_files(&server).into_iter().max().unwrap() + 4;
    let pid = i32::try_from(server.pid()).unwrap();
    rlimit::prlimit(pid, Resource::NOFILE, Some((limit, 1_024)), None).unwrap();

    let (watchdog, mut strangers) = (Watchdog::new(), Vec::new());
    while open_files(&server).len() < usize::try_from(limit).unwrap() {
        watchdog.check("all files are taken");
        let mut stranger = connect(&server).await;
        assert_eq!(ask(&mut stranger, "GET /health/live").await, "200");
        strangers.push(stranger);
    }

    for stranger in &mut strangers {
        assert_eq!(ask(stranger, "GET /models").await, "200");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_come_together_are_all_told_of_health_while_no_file_is_free() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let server = Running::spawn(&mut with_open_files(1_024, &data, &model));
    let _streams = without_a_free_file(&server).await;

    for _ in 0..5 {
        let together = (0..4).map(|_| status(&server, "GET /health/live"));
        assert_eq!(join_all(together).await, ["200"; 4]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lack_of_files_is_no_illness_of_the_model() {
    let data = TempDir::new().unwrap();
    let model = ScriptedHttp::start(vec![Answer::pieces(&[b": hi\n\n"], Then::Hang)]).await;
    let server = Running::spawn(&mut with_open_files(1_024, &data, &model));
    server.ready().await;
    let mut strangers = Vec::new();
    for _ in 0..4 {
        let mut stranger = connect(&server).await;
        assert_eq!(ask(&mut stranger, "GET /models").await, "200");
        strangers.push(stranger);
    }
    let _streams = without_a_free_file(&server).await;

    for stranger in &mut strangers {
        stranger.write_all(&chat()).await.unwrap();
        assert!(head(stranger).await.starts_with("HTTP/1.1 200"));
        let mut told = Vec::new();
        while !told.ends_with(b"0\r\n\r\n") {
            told.push(timeout(PATIENCE * 4, stranger.read_u8()).await.unwrap().unwrap());
        }
        assert!(String::from_utf8(told).unwrap().contains(r#""type":"error""#));
    }

    let pid = i32::try_from(server.pid()).unwrap();
    rlimit::prlimit(pid, Resource::NOFILE, Some((1_024, 1_024)), None).unwrap();
    let health: Value =
        reqwest::get(format!("{}/health", server.url)).await.unwrap().json().await.unwrap();
    assert_eq!(health["breakers"]["model"]["state"], "closed", "{health}");
}

/// Takes every file that the server may open, by streams.
async fn without_a_free_file(server: &Running) -> Vec<TcpStream> {
    server.ready().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(server).await;
        stream.write_all(&chat()).await.unwrap();
        head(&mut stream).await;
        streams.push(stream);
    }
    let (watchdog, pid) = (Watchdog::new(), i32::try_from(server.pid()).unwrap());
    let limit = open_files(server).into_iter().max().unwrap() + 1;
    rlimit::prlimit(pid, Resource::NOFILE, Some((limit, 1_024)), None).unwrap();
    // What has been closed since leaves holes.
    while open_files(server).len() < usize::try_from(limit).unwrap() {
        watchdog.check("all files are taken");
        let mut stream = connect(server).await;
        stream.write_all(&chat()).await.unwrap();
        drop(timeout(Duration::from_millis(50), head(&mut stream)).await);
        streams.push(stream);
    }
    streams
}

pub(super) fn with_open_files(most: u32, data: &TempDir, model: &ScriptedHttp) -> Command {
    let (ours, mut shell) = (program(data.path()), Command::new("sh"));
    shell.args(["-c", &format!("ulimit -n {most}; exec \"$0\"")]).arg(ours.get_program());
    shell.current_dir(data.path()).env_clear();
    shell.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("GEMINI_API_KEY", "key").env("GEMINI_BASE_URL", &model.base_url);
    shell
}

pub(super) fn chat() -> Vec<u8> {
    let body = json!({ "message": "hi" }).to_string();
    let head = "POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub(super) async fn connect(server: &Running) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    timeout(PATIENCE, TcpStream::connect(address)).await.unwrap().unwrap()
}

/// Reads the head of an answer.
pub(super) async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Asks on a connection of its own.
async fn status(server: &Running, what: &str) -> String {
    ask(&mut connect(server).await, what).await
}

/// Asks for something without a text, and hears how that went.
async fn ask(stream: &mut TcpStream, what: &str) -> String {
    stream
        .write_all(format!("{what} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let head = head(stream).await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut text = vec![0; length.parse().unwrap()];
    timeout(PATIENCE, stream.read_exact(&mut text)).await.unwrap().unwrap();
    head.split(' ').nth(1).unwrap().to_owned()
}

/// Waits until a request is not refused.
async fn until_taken(server: &Running) {
    let watchdog = Watchdog::new();
    while status(server, "GET /models").await != "200" {
        watchdog.check("a place becomes free");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The numbers of its open files.
fn open_files(server: &Running) -> Vec<u64> {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().flatten();
    files.map(|file| file.file_name().to_str().unwrap().parse().unwrap()).collect()
}
