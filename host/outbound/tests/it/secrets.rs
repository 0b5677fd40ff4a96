//! Who gets a secret, and who sees it again.

use crate::support::*;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tollgate_outbound::{Client, Failure, Place};

const SECRET: &str = "hunter2+/hunter2";

fn to(server: &Server) -> Vec<String> {
    vec![format!("http://a.test:{}", server.port)]
}

fn asking(server: &Server) -> Client {
    let bindings = vec![bound(SECRET, &to(server), Place::Bearer)];
    client_with(&outbound(), &["http://*:*/*!private"], bindings, short())
}

#[tokio::test]
async fn a_secret_goes_to_its_own_hosts_and_nowhere_else() {
    let other = answers(OK).await;
    let server = answers(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://b.test:{}/\r\nContent-Length: 0\r\n\r\n",
        other.port
    ))
    .await;
    let client = asking(&server);
    let response = client.send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for url in [
        location,
        format!("http://a.test:{}/", other.port),
        format!("http://a.test.b.test:{}/", server.port),
        format!("http://xa.test:{}/", server.port),
        format!("http://127.0.0.1:{}/", server.port),
        format!("http://b.test:{}/?a.test", server.port),
    ] {
        client.send(get(url)).await.unwrap();
    }
    let seen: Vec<String> = server.seen.requests().into_iter().chain(other.seen.requests()).collect();
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.iter().filter(|head| head.contains(SECRET)).count(), 1, "{seen:?}");
    assert!(seen[0].contains(SECRET) && seen[0].contains("accept-encoding: identity"));
}

#[tokio::test]
async fn a_secret_for_https_is_not_sent_in_the_clear() {
    let server = answers(OK).await;
    let hosts = [format!("https://a.test:{}", server.port), "https://*.a.test".to_owned()];
    let outbound = outbound();
    let client = client_with(&outbound, &["http://*:*/*!private"], vec![bound(SECRET, &hosts, Place::Bearer)], short());
    client.send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    assert!(!server.seen.requests()[0].contains("authorization"));
}

/// Answers with the request's head, in pieces of `piece` bytes each in a chunk and a packet of its own.
async fn echo(piece: usize) -> Server {
    serve_on("127.0.0.1", move |mut stream, seen| async move {
        stream.set_nodelay(true).unwrap();
        while let Some(head) = head(&mut stream, &seen).await {
            let value = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("none").to_owned();
            let json = serde_json::json!({ "headers": head, "again": value }).to_string();
            let start = format!(
                "HTTP/1.1 200 {value}\r\nX-Echo: {value}\r\nX-Echo: second {value}\r\nETag: \"x\"\r\n\
                 Transfer-Encoding: chunked\r\n\r\n"
            );
            stream.write_all(start.as_bytes()).await.unwrap();
            for piece in json.as_bytes().chunks(piece) {
                let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
                chunk.extend_from_slice(piece);
                chunk.extend_from_slice(b"\r\n");
                stream.write_all(&chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_secret_that_is_echoed_is_taken_out_also_across_chunks() {
    for piece in [1, 3, 7, 10_000] {
        let server = echo(piece).await;
        let response = asking(&server).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
        let head = format!("{:?} {:?}", response.headers(), response.extensions());
        assert!(!head.contains("hunter2"), "{head}");
        assert_eq!(response.headers()["x-echo"], "Bearer [secret api]");
        assert_eq!(response.headers().get_all("x-echo").iter().count(), 2);
        let body = text(response).await.unwrap();
        assert!(!body.contains("hunter2") && body.matches("[secret api]").count() == 2, "{piece}: {body}");
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
        assert!(server.seen.requests()[0].contains(SECRET), "the server did get it");
    }
}

#[tokio::test]
async fn the_length_of_a_redacted_answer_is_not_announced() {
    let echoed = format!("x{SECRET}y");
    let server = answers(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{echoed}", echoed.len())).await;
    let response = asking(&server).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), None);
    assert_eq!(text(response).await.unwrap(), "x[secret api]y");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_gives_no_part_of_a_secret() {
    let half = &SECRET[..10];
    let server = answers_and_closes(format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbegin {half}")).await;
    let mut response = asking(&server).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    let mut got = Vec::new();
    let failure = loop {
        match response.body_mut().frame().await.unwrap() {
            Ok(frame) => got.extend_from_slice(&frame.into_data().unwrap()),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure, Failure::Incomplete);
    assert_eq!(got, b"begin ");
    assert!(response.body_mut().frame().await.is_none());
}

#[tokio::test]
async fn a_compressed_answer_to_a_request_with_a_secret_is_refused() {
    for coding in ["gzip", "br", "deflate", "identity, gzip", "zstd"] {
        let server =
            answers(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 2\r\n\r\nok")).await;
        let mut request = get(format!("http://a.test:{}/", server.port));
        request.headers_mut().insert("accept-encoding", "gzip, br".parse().unwrap());
        let failure = asking(&server).send(request).await.err().unwrap();
        assert_eq!(failure, Failure::Encoded(coding.to_owned()));
        assert!(server.seen.requests()[0].contains("accept-encoding: identity\r\n"));
    }
    let server = answers("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok").await;
    asking(&server).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
}

#[tokio::test]
async fn events_are_passed_on_as_they_come() {
    let server = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        stream.write_all(b"d\r\ndata: one\n\n\n\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let mut response = asking(&server).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    let frame = tokio::time::timeout(Duration::from_secs(5), response.body_mut().frame()).await.unwrap();
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "data: one\n\n\n\n");
}

#[tokio::test]
async fn a_guests_body_is_not_filled_or_searched() {
    let server = answers(OK).await;
    let body = "${secret:api} hunter2";
    let request = http::Request::post(format!("http://a.test:{}/", server.port))
        .body(http_body_util::Full::new(Bytes::from_static(body.as_bytes())));
    text(asking(&server).send(request.unwrap()).await.unwrap()).await.unwrap();
    assert!(server.seen.requests()[0].contains(&format!("content-length: {}", body.len())));
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_stops_the_request() {
    use std::sync::Arc;
    let server = answers(OK).await;
    let store = Arc::new(tollgate_secrets::MemoryStore::default());
    let provider = Arc::new(tollgate_outbound::Stored::new(store, "gone"));
    let hosts = to(&server).iter().map(|host| host.parse().unwrap()).collect();
    let binding = tollgate_outbound::Binding::new("gone", provider, hosts, Place::Bearer).unwrap();
    let client = client_with(&outbound(), &["http://*:*/*!private"], vec![binding], short());
    let failure = client.send(get(format!("http://a.test:{}/", server.port))).await.err().unwrap();
    assert!(failure.to_string().contains("tollgate secrets set gone"), "{failure}");
    assert_eq!(server.seen.connections(), 0);
}
