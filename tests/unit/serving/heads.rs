//! Heads of requests that come slowly, or are too long.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use super::{HALF_A_HEAD, LIMIT, REQUEST, Street, rest, until};

#[tokio::test(start_paused = true)]
async fn a_head_that_has_begun_is_waited_for_ten_seconds() {
    let street = Street::with_room_for(8);
    let begun = Instant::now();

    assert_eq!(rest(street.send(HALF_A_HEAD).await).await, "");

    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_byte_by_byte_has_no_longer_than_one_that_stops() {
    let street = Street::with_room_for(8);
    let (begun, mut slow) = (Instant::now(), street.send(b"G").await);
    let drip = b"ET / HTTP/1.1\r\nx-drop: ".iter().chain(std::iter::repeat(&b'x'));

    for byte in drip {
        sleep(Duration::from_millis(300)).await;
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
    }

    assert_eq!((begun.elapsed().as_secs(), rest(slow).await), (10, String::new()));
}

#[tokio::test(start_paused = true)]
async fn each_head_of_a_connection_has_its_own_ten_seconds() {
    let street = Street::with_room_for(8);
    let mut client = street.send(HALF_A_HEAD).await;
    for _ in 0..3 {
        sleep(Duration::from_secs(9)).await;
        client.write_all(&REQUEST[HALF_A_HEAD.len()..]).await.unwrap();
        until(&mut client, "hello").await;
        // Nothing comes for a minute, and then the next head begins.
        sleep(Duration::from_mins(1)).await;
        client.write_all(HALF_A_HEAD).await.unwrap();
    }
    let begun = Instant::now();

    assert_eq!(rest(client).await, "");

    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_is_no_head_and_is_not_cut_here() {
    let street = Street::with_room_for(8);
    let head = b"POST /echo HTTP/1.1\r\nhost: here\r\ncontent-length: 30\r\n\r\n";
    let mut client = street.send(head).await;

    for _ in 0..30 {
        sleep(Duration::from_secs(1)).await;
        client.write_all(b"x").await.unwrap();
    }

    timeout(LIMIT, until(&mut client, &"x".repeat(30))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_head_of_more_than_16_kib_is_refused_before_it_is_whole() {
    let street = Street::with_room_for(8);
    let mut client = street.send(b"GET / HTTP/1.1\r\nhost: here\r\n").await;
    let (line, mut sent) = (format!("x-many: {}\r\n", "x".repeat(4_000)), 0);
    for _ in 0..4 {
        client.write_all(line.as_bytes()).await.unwrap();
        sent += line.len();
    }
    assert!(timeout(Duration::from_secs(1), client.read_u8()).await.is_err(), "{sent} are fine");

    client.write_all(line.as_bytes()).await.unwrap();

    assert!(until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 431 "));
    assert_eq!(rest(client).await, "");
}
