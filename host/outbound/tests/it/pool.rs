//! Connections that wait.

use crate::support::*;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tollgate_core::Tenant;
use tollgate_outbound::{HttpBudget, Outbound, Owner, PoolLimits, Settings};

async fn ask(outbound: &Outbound, owner: Owner, server: &Server) -> String {
    let client = outbound.client(owner, grants(&["http://*:*/*!private"]), Vec::new(), HttpBudget::new(short()));
    let answer = text(client.send(get(format!("http://a.test:{}/", server.port))).await.unwrap()).await.unwrap();
    // The connection goes back in a task of its own.
    tokio::time::sleep(Duration::from_millis(20)).await;
    answer
}

#[tokio::test]
async fn connections_are_used_again_by_their_owner_and_nobody_else() {
    let server = answers(OK).await;
    let outbound = outbound();
    for _ in 0..3 {
        assert_eq!(ask(&outbound, owner("one"), &server).await, "ok");
    }
    assert_eq!((server.seen.connections(), outbound.idle_connections()), (1, 1));
    ask(&outbound, owner("two"), &server).await;
    assert_eq!(server.seen.connections(), 2, "another component");
    ask(&outbound, Owner { tenant: Tenant::new("other"), ..owner("one") }, &server).await;
    assert_eq!(server.seen.connections(), 3, "another tenant");
    ask(&outbound, owner("one"), &server).await;
    assert_eq!(server.seen.connections(), 3);
}

#[tokio::test]
async fn a_connection_belongs_to_the_name_that_it_was_made_for() {
    let server = answers(OK).await;
    let outbound = outbound();
    let client = client(&outbound);
    for name in ["a.test", "b.test", "127.0.0.1"] {
        text(client.send(get(format!("http://{name}:{}/", server.port))).await.unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen.connections(), 3);
}

#[tokio::test]
async fn one_that_the_server_closed_is_replaced_without_a_word() {
    let server = answers_and_closes(OK).await;
    let outbound = outbound();
    for _ in 0..3 {
        assert_eq!(ask(&outbound, owner("one"), &server).await, "ok");
    }
    assert_eq!(server.seen.connections(), 3);
}

#[tokio::test]
async fn they_wait_for_so_long_and_are_so_many() {
    let server = answers(OK).await;
    let pool = PoolLimits { idle: 3, idle_of_owner: 2, idle_time: Duration::from_millis(200) };
    let outbound = Outbound::new(Settings { resolver: all_here(), pool, ..Settings::default() });
    let client = client(&outbound);
    let url = format!("http://a.test:{}/", server.port);
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(client.send(get(&url)).await.unwrap());
    }
    for answer in answers {
        text(answer).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(outbound.idle_connections(), 2);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(outbound.idle_connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_dropped_closes_its_connection() {
    let server = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        seen.requests.lock().unwrap().push("closed".to_owned());
    })
    .await;
    let outbound = outbound();
    let mut response = client(&outbound).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    for _ in 0..100 {
        if server.seen.requests().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen.requests().len(), 2, "the server sees that it is closed");
    assert_eq!(outbound.idle_connections(), 0);
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    // Each piece is answered before the next one is sent.
    let server = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let (send, body) = http_body_util::channel::Channel::<bytes::Bytes>::new(1);
    let mut send = send;
    let request = http::Request::post(format!("http://a.test:{}/", server.port)).body(body).unwrap();
    let outbound = outbound();
    let mut response = client(&outbound).send(request).await.unwrap();
    for piece in ["one", "two", "three"] {
        send.send_data(piece.into()).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(send);
    assert!(response.body_mut().frame().await.is_none());
}
