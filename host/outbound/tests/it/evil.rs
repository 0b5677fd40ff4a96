//! Servers that do not behave.

use crate::support::*;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tollgate_outbound::{Failure, HttpLimit, HttpLimits, Times, Wait};

async fn failure(server: &Server, limits: HttpLimits) -> Failure {
    let outbound = outbound();
    let client = client_with(&outbound, &["http://*:*/*!private"], Vec::new(), limits);
    match client.send(get(format!("http://a.test:{}/", server.port))).await {
        Ok(response) => text(response).await.unwrap_err(),
        Err(failure) => failure,
    }
}

#[tokio::test]
async fn a_body_that_stops_and_one_that_drips_are_ended() {
    let stops = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let limits = HttpLimits { between_bytes: Duration::from_millis(150), ..short() };
    let after = limits.between_bytes;
    assert_eq!(failure(&stops, limits).await, Failure::Late { wait: Wait::BetweenBytes, after });

    let drips = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let total = Duration::from_millis(400);
    let limits = HttpLimits { between_bytes: Duration::from_secs(5), total, ..short() };
    let started = Instant::now();
    assert_eq!(failure(&drips, limits).await, Failure::Late { wait: Wait::Total, after: total });
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn one_that_never_answers_or_floods_with_1xx_is_ended() {
    let silent = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let flood = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        while stream.write_all(&b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(100)).await.is_ok() {}
    })
    .await;
    for server in [silent, flood] {
        let limits = HttpLimits { first_byte: Duration::from_millis(200), ..short() };
        let after = limits.first_byte;
        assert_eq!(failure(&server, limits).await, Failure::Late { wait: Wait::FirstByte, after });
    }
}

#[tokio::test]
async fn an_endless_body_ends_at_the_runs_limit() {
    let endless = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        while stream.write_all(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).as_bytes()).await.is_ok() {}
    })
    .await;
    let limits = HttpLimits { received_bytes: 1 << 20, ..short() };
    let limit = Failure::Limit { limit: HttpLimit::ReceivedBytes, value: 1 << 20 };
    assert_eq!(failure(&endless, limits).await, limit);
    assert!(limit.to_string().contains("limits.http_received_bytes"), "{limit}");
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    let large = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(40 << 10));
    for answer in [many, large] {
        assert_eq!(failure(&answers(answer).await, short()).await, Failure::AnswerHeaders);
    }
    let endless = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\na: ").await.unwrap();
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    })
    .await;
    assert_eq!(failure(&endless, short()).await, Failure::AnswerHeaders);
}

#[tokio::test]
async fn a_connection_that_ends_midway_is_no_whole_answer() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nhalf",
    ] {
        assert_eq!(failure(&answers_and_closes(answer).await, short()).await, Failure::Incomplete, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_proper_http_is_refused() {
    for answer in [
        "hello\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ] {
        let failure = failure(&answers(answer).await, short()).await;
        assert!(matches!(failure, Failure::Protocol(_) | Failure::Incomplete), "{answer:?}: {failure}");
    }
}

#[tokio::test]
async fn garbage_after_an_answer_is_not_the_next_answer() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    let server = answers(format!("{OK}{poison}")).await;
    let outbound = outbound();
    let client = client(&outbound);
    for _ in 0..5 {
        let response = client.send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
        assert_eq!(text(response).await.unwrap(), "ok");
    }
    assert_eq!(server.seen.connections(), 5, "none is used again");
}

#[tokio::test]
async fn what_speaks_of_the_connection_is_taken_out_of_the_answer() {
    let answer = "HTTP/1.1 200 Some\u{a0}Reason\r\nConnection: keep-alive, x\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
         Content-Length: 99\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let outbound = outbound();
    let server = answers(answer).await;
    let response = client(&outbound).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    let names: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["x"]);
    assert!(response.extensions().is_empty());
    assert_eq!(text(response).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_compressed_answer_is_passed_on_as_it_came() {
    // A bomb is as large as it comes: nothing is decompressed here.
    let server =
        answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x0b\x08\x00").await;
    let outbound = outbound();
    let response = client(&outbound).send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 4);
}

#[tokio::test]
async fn a_run_has_so_many_requests_bytes_and_headers_and_no_more() {
    let server = answers(OK).await;
    let url = format!("http://a.test:{}/", server.port);
    let outbound = outbound();
    let limits = HttpLimits { requests: 4, at_once: 1, sent_bytes: 5, header_count: 3, header_bytes: 100, ..short() };
    let client = client_with(&outbound, &["http://a.test:*/*!private"], Vec::new(), limits);
    let limit = |failure: Option<Failure>| match failure {
        Some(Failure::Limit { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    let first = client.send(get(&url)).await.unwrap();
    assert_eq!(limit(client.send(get(&url)).await.err()), HttpLimit::AtOnce);
    assert_eq!(text(first).await.unwrap(), "ok");
    let post = http::Request::post(&url).body(http_body_util::Full::new(Bytes::from_static(b"123456"))).unwrap();
    assert_eq!(limit(client.send(post).await.err()), HttpLimit::SentBytes);
    assert!(matches!(client.send(get("http://b.test/")).await, Err(Failure::Denied { .. })), "paid, then denied");
    assert_eq!(limit(client.send(get(&url)).await.err()), HttpLimit::Requests);

    let client = client_with(
        &outbound,
        &["http://a.test:*/*!private"],
        Vec::new(),
        HttpLimits { header_count: 3, header_bytes: 100, ..short() },
    );
    let mut many = get(&url);
    many.headers_mut()
        .extend(["a", "b", "c", "d"].map(|name| (name.parse::<http::HeaderName>().unwrap(), "x".parse().unwrap())));
    assert_eq!(limit(client.send(many).await.err()), HttpLimit::HeaderCount);
    let mut large = get(&url);
    large.headers_mut().insert("a", "x".repeat(100).parse().unwrap());
    assert_eq!(limit(client.send(large).await.err()), HttpLimit::HeaderBytes);
}

#[tokio::test]
async fn a_component_may_ask_for_less_time_and_not_for_more() {
    let silent = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let outbound = outbound();
    let (short_time, long) = (Duration::from_millis(100), Duration::from_secs(3600));
    let limits = HttpLimits { first_byte: Duration::from_millis(200), ..short() };
    let client = client_with(&outbound, &["http://*:*/*!private"], Vec::new(), limits);
    for (asked, after) in [(short_time, short_time), (long, Duration::from_millis(200))] {
        let client = client.within(Times { first_byte: Some(asked), ..Times::default() });
        let failure = client.send(get(format!("http://a.test:{}/", silent.port))).await.err().unwrap();
        assert_eq!(failure, Failure::Late { wait: Wait::FirstByte, after });
    }
}
