//! Faults of the way are real ones.

use std::io::ErrorKind;

use demo::{EmulateSettings, Settings, serve};
use futures::StreamExt;
use reqwest::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::model_server::{ModelServer, asking, echo};
use crate::support::watchdog::Watchdog;

const WHOLE: &str = "One, two, three, four, five, six, seven, eight, nine, ten.";

#[tokio::test]
async fn a_cut_is_an_error_after_so_many_events() {
    let server = ModelServer::emulate().await;

    let response = server.open_chat(&asking("fake:cut_after(3)", "cut-me"), &[]).await.unwrap();
    let (text, broken) = read_all(response).await;

    assert_eq!(text.matches("data: ").count(), 3, "{text}");
    assert!(broken);
    assert_eq!(server.settled_log_of("cut-me").await[0]["ended"], "server_cut");
}

#[tokio::test]
async fn a_cut_reaches_the_socket_as_a_reset() {
    let server = ModelServer::emulate().await;
    let address = server.base_url.split('/').nth(2).unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let body = asking("fake:cut_after(1)", "x").to_string();
    let head =
        "POST /v1beta/openai/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());

    socket.write_all(request.as_bytes()).await.unwrap();
    let end = socket.read_to_end(&mut vec![]).await;

    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_early_end_is_no_error() {
    let server = ModelServer::emulate().await;

    let response = server.open_chat(&asking("fake:eof_after(3)", "end"), &[]).await.unwrap();
    let (text, broken) = read_all(response).await;

    assert_eq!((text.matches("data: ").count(), broken), (3, false));
}

#[tokio::test]
async fn a_stall_lasts_until_the_client_leaves() {
    let server = ModelServer::emulate().await;

    let mut response =
        server.open_chat(&asking("fake:stall_after(2)", "stall"), &[]).await.unwrap();
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
    }
    let meanwhile = server.log_of("stall").await;
    drop(response);
    let afterwards = server.settled_log_of("stall").await;

    assert_eq!(meanwhile[0]["ended"], "open");
    assert_eq!(
        (&afterwards[0]["ended"], &afterwards[0]["events"]),
        (&"client_closed".into(), &2.into())
    );
}

#[tokio::test]
async fn a_head_that_never_comes_ends_with_the_client() {
    let server = ModelServer::emulate().await;
    let body = asking("fake:hang_headers", "hang");

    let hanging = server.open_chat(&body, &[]);
    let watchdog = Watchdog::new();
    let seen = async {
        while server.log_of("hang").await.is_empty() {
            watchdog.check("the request is there");
        }
    };
    tokio::select! {
        _ = hanging => panic!("a head came"),
        () = seen => {}
    }

    let log = server.settled_log_of("hang").await;
    assert_eq!(
        (&log[0]["ended"], &log[0]["status"]),
        (&"client_closed".into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn a_connection_may_close_before_its_head() {
    let server = ModelServer::emulate().await;

    let result = server.open_chat(&asking("fake:close_before_headers", "close"), &[]).await;

    assert!(result.is_err());
    assert_eq!(server.settled_log_of("close").await[0]["ended"], "server_cut");
}

#[tokio::test]
async fn odd_bytes_carry_the_same_text() {
    let server = ModelServer::emulate().await;

    for name in ["slow_ttft(5)", "no_last_blank", "crlf", "bom", "trickle"] {
        let headers = [("x-fake-options", "chunk=0")];
        if name == "trickle" {
            let response = server.open_chat(&asking("fake:trickle", "slow"), &headers).await;
            let first = response.unwrap().chunk().await.unwrap().unwrap();
            assert_eq!(&first[..], b"d");
            continue;
        }
        let heard = server.chat_with(&asking(&format!("fake:{name}"), "odd"), &headers).await;
        let text = heard.text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let odd = match name {
            "no_last_blank" => heard.text.ends_with("[DONE]\n") && !heard.text.ends_with("\n\n"),
            "crlf" => heard.text.contains("\r\n\r\n"),
            "bom" => heard.text.starts_with('\u{feff}'),
            _ => heard.text.ends_with("[DONE]\n\n"),
        };

        assert!(odd, "{name}");
        assert_eq!(
            crate::support::model_server::Heard { text, ..heard }.content(),
            WHOLE,
            "{name}"
        );
    }
}

#[tokio::test]
async fn comments_come_between_events_and_change_nothing() {
    let server = ModelServer::emulate().await;

    let heard = server.chat(&asking("fake:comments", "hello")).await;

    assert_eq!(heard.text.matches(": ping\n\n").count(), 11);
    assert_eq!(heard.content(), WHOLE);
}

#[tokio::test]
async fn a_refused_connection_is_welcome_again_after_a_while() {
    let server = ModelServer::emulate().await;
    let address = server.base_url.split('/').nth(2).unwrap();

    let refused = server.open_chat(&asking("fake:refuse(600)", "refuse"), &[]).await;
    let connected = TcpStream::connect(address).await;
    let mut again = TcpStream::connect(address).await;
    while again.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        again = TcpStream::connect(address).await;
    }

    assert!(refused.is_err());
    assert_eq!(connected.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(server.settled_log_of("refuse").await[0]["ended"], "server_cut");
}

#[tokio::test]
async fn a_flood_has_the_length_that_was_asked_for() {
    let server = ModelServer::emulate().await;
    let cases = [
        ("flood", 62 * 64 + 2, 62 << 20),
        ("flood(1)", 64 + 2, 1 << 20),
        ("many_chunks(100001)", 100_001 + 2, 100_001),
        ("many_chunks", 1_000_000 + 2, 1_000_000),
    ];

    for (name, events, characters) in cases {
        let response = server.open_chat(&asking(&format!("fake:{name}"), name), &[]).await;
        let bytes = measured(response.unwrap()).await;
        let log = server.settled_log_of(name).await;

        assert!(bytes > characters, "{name}: {bytes}");
        assert_eq!(log.last().unwrap()["bytes"], bytes, "{name}");
        assert_eq!(log.last().unwrap()["events"], events, "{name}");
        assert_eq!(log.last().unwrap()["ended"], "complete", "{name}");
    }
}

#[tokio::test]
async fn a_flood_stops_when_its_reader_leaves() {
    let server = ModelServer::emulate().await;

    let mut response = server.open_chat(&asking("fake:flood(1024)", "flood"), &[]).await.unwrap();
    response.chunk().await.unwrap().unwrap();
    drop(response);

    assert_eq!(server.settled_log_of("flood").await[0]["ended"], "client_closed");
}

#[tokio::test]
async fn the_server_ends_at_once_even_with_open_streams() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let settings = Settings::emulate(echo, EmulateSettings::default());
    let serving = tokio::spawn(serve(listener, settings, stop.clone()));
    let _already_there = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new()
        .post(format!("http://{address}/v1beta/openai/chat/completions"))
        .header("authorization", "Bearer k")
        .body(asking("fake:stall_after(1)", "x").to_string());
    let response = request.send().await.unwrap();

    stop.cancel();
    let (_, broken) = read_all(response).await;

    assert!(broken);
    serving.await.unwrap().unwrap();
}

async fn read_all(response: Response) -> (String, bool) {
    let mut text = String::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(bytes) => text += std::str::from_utf8(&bytes).unwrap(),
            Err(_) => return (text, true),
        }
    }
    (text, false)
}

/// How many bytes came, without keeping them.
async fn measured(response: Response) -> usize {
    let pieces = response.bytes_stream().map(|piece| piece.unwrap().len());
    pieces.fold(0, async |sum, length| sum + length).await
}
