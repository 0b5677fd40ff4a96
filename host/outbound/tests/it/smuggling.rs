//! What frames a message is not the component's to write.

use crate::support::*;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Full;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_outbound::{Failure, HttpLimits};

#[tokio::test]
async fn headers_of_the_connection_are_refused_and_nothing_is_sent() {
    let server = answers(OK).await;
    let outbound = outbound();
    let client = client(&outbound);
    for (name, value) in [
        ("connection", "x-secret"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "gzip, chunked"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("expect", "100-continue"),
        ("proxy-authorization", "Basic eA=="),
        ("proxy-connection", "keep-alive"),
        ("host", "evil.test"),
        ("host", "a.test"),
        ("content-length", "-1"),
        ("content-length", "+5"),
        ("content-length", "5, 5"),
        ("content-length", "0x5"),
        ("content-length", ""),
        ("content-length", "99999999999999999999999"),
    ] {
        let mut request = get(format!("http://a.test:{}/", server.port));
        request.headers_mut().insert(name, value.parse().unwrap());
        let refused = client.send(request).await.err();
        assert!(matches!(refused, Some(Failure::Header { .. })), "{name}: {value} {refused:?}");
    }
    assert_eq!(server.seen.connections(), 0);
}

#[test]
fn a_line_break_cannot_be_part_of_a_name_value_or_url() {
    // The types refuse them; this holds that they do.
    for bad in ["a\r\nX: y", "a\nb", "a\0b", "a\rb"] {
        assert!(http::HeaderValue::from_bytes(bad.as_bytes()).is_err());
        assert!(http::HeaderName::from_bytes(bad.as_bytes()).is_err());
        assert!(http::Uri::try_from(format!("http://a.test/{bad}")).is_err());
        assert!(http::Method::from_bytes(bad.as_bytes()).is_err());
    }
}

#[tokio::test]
async fn the_host_and_the_length_that_are_right_are_written_by_us() {
    let server = answers(OK).await;
    let outbound = outbound();
    let mut request = get(format!("http://A.test:{}/x?y", server.port));
    request.headers_mut().insert("host", format!("a.TEST:{}", server.port).parse().unwrap());
    request.headers_mut().insert("content-length", "0".parse().unwrap());
    text(client(&outbound).send(request).await.unwrap()).await.unwrap();
    let head = server.seen.requests().remove(0);
    assert!(head.starts_with("GET /x?y HTTP/1.1\r\n"), "{head}");
    assert_eq!(head.matches("host:").count(), 1, "{head}");
    assert!(head.contains(&format!("host: a.test:{}\r\n", server.port)), "{head}");
}

/// A body of unknown length.
struct Pieces(std::vec::IntoIter<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

#[tokio::test]
async fn a_body_is_as_long_as_it_says_or_the_request_ends() {
    // Reads all that comes, so that a second request hidden in the first would be seen.
    let server = serve_on("127.0.0.1", |mut stream, seen| async move {
        let mut all = Vec::new();
        let mut piece = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut piece).await {
            all.extend_from_slice(&piece[..n]);
        }
        seen.requests.lock().unwrap().push(String::from_utf8(all).unwrap());
    })
    .await;
    let url = format!("http://a.test:{}/", server.port);
    let hidden = "0123456789GET /admin HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let outbound = outbound();
    let limits = HttpLimits { first_byte: Duration::from_millis(300), ..short() };
    let client = client_with(&outbound, &["http://*:*/*!private"], Vec::new(), limits);
    for pieces in [vec![hidden], vec!["0123"], vec![]] {
        let request = http::Request::post(&url).header("content-length", "10");
        let failed = client.send(request.body(Pieces(pieces.into_iter())).unwrap()).await.err().unwrap();
        assert!(matches!(failed, Failure::RequestBody(_)), "{failed}");
    }
    // Where a piece ends just there, the request is whole, and what comes after it is not read.
    let body = Pieces(vec!["01234", "56789", "GET /admin"].into_iter());
    let request = http::Request::post(&url).header("content-length", "10").body(body).unwrap();
    assert!(matches!(client.send(request).await, Err(Failure::Late { .. })), "the server waits for no more");
    let request = http::Request::post(&url).header("content-length", "10").body(Full::from(hidden)).unwrap();
    assert!(matches!(client.send(request).await, Err(Failure::RequestBody(_))));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let seen = server.seen.requests();
    assert_eq!(seen.len(), 4, "each on a connection of its own, which is closed");
    assert!(seen.iter().all(|request| !request.contains("/admin")), "{seen:?}");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked_and_what_looks_like_a_chunk_is_data() {
    let server = serve_on("127.0.0.1", |mut stream, seen| async move {
        head(&mut stream, &seen).await;
        let mut all = Vec::new();
        while !all.ends_with(b"0\r\n\r\n") {
            all.push(stream.read_u8().await.unwrap());
        }
        seen.requests.lock().unwrap().push(String::from_utf8(all).unwrap());
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let request = http::Request::post(format!("http://a.test:{}/", server.port));
    let body = Pieces(vec!["0\r\n\r", "\nGET"].into_iter());
    text(client(&outbound()).send(request.body(body).unwrap()).await.unwrap()).await.unwrap();
    let [head, body] = server.seen.requests().try_into().unwrap();
    assert!(head.contains("transfer-encoding: chunked\r\n") && !head.contains("content-length"), "{head}");
    assert_eq!(body, "4\r\n0\r\n\r\r\n4\r\n\nGET\r\n0\r\n\r\n");
}

#[tokio::test]
async fn trailers_are_held_to_the_same_rules() {
    struct Trailing(bool);
    impl Body for Trailing {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let trailers = http::HeaderMap::from_iter([(http::header::CONTENT_LENGTH, "5".parse().unwrap())]);
            Poll::Ready(std::mem::take(&mut self.0).then(|| Ok(Frame::trailers(trailers))))
        }
    }
    let server = answers(OK).await;
    let request = http::Request::post(format!("http://a.test:{}/", server.port)).body(Trailing(true)).unwrap();
    let sent = match client(&outbound()).send(request).await {
        // The answer may be there before the trailers are looked at.
        Ok(response) => text(response).await.err(),
        Err(failure) => Some(failure),
    };
    assert!(matches!(sent, None | Some(Failure::Header { .. })), "{sent:?}");
    assert!(server.seen.requests().iter().all(|head| !head.contains("content-length: 5")));
}
