//! The end in steps: nothing that a proxy sends is lost (ADR 33).

use std::io::ErrorKind;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use orchestrator::cores::Cores;
use orchestrator::serving::{Accept, Ending, Tcp, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::{REQUEST, SLOW_REQUEST, Street, rest, until};

/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn near_the_end_each_answer_says_that_it_is_the_last_of_its_connection() {
    let ending = Ending::default();
    let street = Street::that_ends(8, ending.clone());
    let mut idle = street.send(REQUEST).await;
    until(&mut idle, "hello").await;

    ending.last_answers.cancel();
    sleep(Duration::from_secs(5)).await;
    idle.write_all(REQUEST).await.unwrap();
    let newcomer = street.send(REQUEST).await;

    for last in [rest(idle).await, rest(newcomer).await] {
        assert!(last.contains("connection: close\r\n") && last.ends_with("hello"), "{last}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_began_before_is_the_last_of_its_connection_once_the_door_is_shut() {
    let ending = Ending::default();
    let street = Street::that_ends(8, ending.clone());
    let mut busy = street.send(SLOW_REQUEST).await;
    until(&mut busy, "\r\n\r\n").await;

    let mut other = street.send(SLOW_REQUEST).await;
    until(&mut other, "\r\n\r\n").await;

    ending.last_answers.cancel();
    sleep(Duration::from_secs(4)).await;
    street.go_on.notify_one();
    until(&mut busy, "0\r\n\r\n").await;
    busy.write_all(REQUEST).await.unwrap();
    assert!(rest(busy).await.contains("connection: close\r\n"), "until then it is not");
    ending.shut.cancel();
    sleep(Duration::from_secs(1)).await;
    street.go_on.notify_one();

    assert_eq!(rest(other).await, "3\r\nend\r\n0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn whoever_was_let_in_before_the_door_shut_is_served() {
    let ending = Ending::default();
    let street = Street::that_ends(8, ending.clone());
    let mut silent = street.send(b"").await;
    sleep(Duration::from_millis(1)).await;

    ending.last_answers.cancel();
    ending.shut.cancel();
    sleep(Duration::from_secs(1)).await;
    silent.write_all(REQUEST).await.unwrap();

    assert!(rest(silent).await.ends_with("hello"));
    ending.stop.cancel();
    timeout(PATIENCE, street.server).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn half_a_head_does_not_hold_up_the_end() {
    let street = Street::with_room_for(8);
    let half = street.send(super::HALF_A_HEAD).await;
    sleep(Duration::from_millis(1)).await;
    let asked = tokio::time::Instant::now();

    street.stop.cancel();
    street.server.await.unwrap();

    assert_eq!((asked.elapsed().as_secs(), rest(half).await), (0, String::new()));
}

#[tokio::test]
async fn whoever_waits_in_the_systems_queue_when_the_door_shuts_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, ending) = (listener.local_addr().unwrap(), Ending::default());
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        waiting.push(client);
    }
    ending.last_answers.cancel();
    ending.shut.cancel();

    let router = Router::new().route("/", get(async || "hello"));
    let cores = Cores::only_here();
    let server = tokio::spawn(serve(Tcp::new(listener), router, 64, cores, ending.clone()));

    for mut client in waiting {
        let mut heard = String::new();
        timeout(PATIENCE, client.read_to_string(&mut heard)).await.unwrap().unwrap();
        assert!(heard.ends_with("hello"), "{heard}");
    }
    ending.stop.cancel();
    timeout(PATIENCE, server).await.unwrap().unwrap();
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn whoever_comes_while_the_door_shuts_is_not_let_into_the_queue_and_finds_it_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let door = Tcp::new(listener);
    door.turn_away();

    let mut coming = tokio::spawn(TcpStream::connect(at));
    let is_in = timeout(Duration::from_millis(100), &mut coming).await.is_ok();
    drop(door);

    assert!(!is_in, "it would be reset, with what it sends");
    let refused = timeout(PATIENCE, coming).await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
