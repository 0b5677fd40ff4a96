//! Where in a request a secret stands.

use crate::support::*;
use std::sync::Arc;
use tollgate_outbound::{Binding, Failure, Place};

/// What the server sees of a request with a secret bound in this place.
async fn sent(
    value: &'static str,
    place: Place,
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> Result<String, Failure> {
    let server = answers(OK).await;
    let bindings = vec![bound(value, &[format!("http://a.test:{}", server.port)], place)];
    let outbound = outbound();
    let client = client_with(&outbound, &["http://*:*/*!private"], bindings, short());
    let mut request = get(format!("http://a.test:{}{path}", server.port));
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    text(client.send(request).await?).await?;
    Ok(server.seen.requests().remove(0))
}

fn header(name: &'static str, prefix: &str) -> Place {
    Place::Header { name: http::HeaderName::from_static(name), prefix: prefix.to_owned() }
}

#[tokio::test]
async fn a_secret_takes_the_place_of_what_the_component_wrote_there() {
    let head = sent("s3cret", header("x-api-key", "Token "), "/", &[("x-api-key", "mine"), ("X-Api-Key", "too")]).await;
    let head = head.unwrap();
    assert!(head.contains("x-api-key: Token s3cret\r\n") && head.matches("x-api-key").count() == 1, "{head}");

    let head = sent("s3cret", Place::Bearer, "/", &[("authorization", "Basic mine")]).await.unwrap();
    assert!(head.contains("authorization: Bearer s3cret\r\n") && !head.contains("mine"), "{head}");

    let head = sent("pass:word", Place::Basic { user: "me".into() }, "/", &[]).await.unwrap();
    assert!(head.contains("authorization: Basic bWU6cGFzczp3b3Jk\r\n"), "{head}");

    let cookies = [("cookie", "a=1; sid=mine; b=2"), ("cookie", "sid=again; c=3; sidx=4")];
    let head = sent("s3cret", Place::Cookie("sid".into()), "/", &cookies).await.unwrap();
    assert!(head.contains("cookie: a=1; b=2; c=3; sidx=4; sid=s3cret\r\n"), "{head}");

    let path = "/x?a=1&key=mine&%6Bey=mine&k%65y&keys=2&=&b";
    let head = sent("s/&=+ ü", Place::Query("key".into()), path, &[]).await.unwrap();
    assert!(head.starts_with("GET /x?a=1&keys=2&=&b&key=s%2F%26%3D%2B%20%C3%BC HTTP/1.1\r\n"), "{head}");
    let head = sent("s3cret", Place::Query("key".into()), "/x", &[]).await.unwrap();
    assert!(head.starts_with("GET /x?key=s3cret HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn a_value_that_would_break_out_of_its_place_is_refused() {
    for (value, place) in [
        ("a\r\nX: y", Place::Bearer),
        ("a\nb", header("x-api-key", "")),
        ("a; other=1", Place::Cookie("sid".into())),
        ("a b", Place::Cookie("sid".into())),
        ("a\r\nSet: b", Place::Cookie("sid".into())),
    ] {
        let failure = sent(value, place, "/", &[]).await.unwrap_err();
        assert!(matches!(failure, Failure::Secret { .. }), "{failure}");
        assert!(!failure.to_string().contains(value));
    }
    // In the query and in Basic everything is encoded.
    let head = sent("a\r\nX: y", Place::Query("key".into()), "/", &[]).await.unwrap();
    assert!(head.starts_with("GET /?key=a%0D%0AX%3A%20y HTTP/1.1\r\n"), "{head}");
}

#[test]
fn a_binding_that_cannot_be_is_refused() {
    let new = |host: &str, place| {
        let hosts = if host.is_empty() { Vec::new() } else { vec![host.parse().unwrap()] };
        Binding::new("api", Arc::new(Fixed("x")), hosts, place).is_ok()
    };
    assert!(new("https://*.x.com", Place::Bearer));
    assert!(!new("", Place::Bearer), "no host");
    assert!(!new("https://*", Place::Bearer), "every host");
    for name in ["host", "content-length", "transfer-encoding", "proxy-authorization", "connection"] {
        assert!(!new("https://x.com", header(name, "")), "{name}");
    }
    assert!(!new("https://x.com", header("x", "a\n")));
    assert!(!new("https://x.com", Place::Cookie("a=b".into())));
    assert!(!new("https://x.com", Place::Query(String::new())));
    assert!(!new("https://x.com", Place::Basic { user: "a:b".into() }));
}
