//! Where a request may go.

use crate::support::*;
use std::sync::atomic::Ordering;
use tollgate_outbound::Failure;

#[tokio::test]
async fn what_is_not_granted_is_denied_with_the_grant_that_it_needs() {
    let outbound = outbound();
    let client = client_with(&outbound, &["https://api.x.com/v1/*!GET"], Vec::new(), short());
    let denied = client.send(get("https://api.x.com/v2/users?key=hunter2")).await.err().unwrap();
    assert_eq!(
        denied.to_string(),
        "GET https://api.x.com/v2/users is not granted; it needs --grant 'http=https://api.x.com/v2/users!GET'"
    );
    assert_eq!(denied.wasi_code(), "HTTP-request-denied");
    let post = http::Request::post("https://api.x.com/v1/users").body(http_body_util::Full::default()).unwrap();
    assert!(matches!(client.send::<http_body_util::Full<bytes::Bytes>>(post).await, Err(Failure::Denied { .. })));
}

#[tokio::test]
async fn a_redirect_is_handed_to_the_component_and_its_next_request_is_judged() {
    let secret_place = answers(OK).await;
    let to =
        format!("HTTP/1.1 302 Found\r\nLocation: http://b.test:{}/\r\nContent-Length: 0\r\n\r\n", secret_place.port);
    let server = answers(to).await;
    let (mine, theirs) = (format!("http://a.test:{}/*!private", server.port), "http://b.test:*/*");
    let outbound = outbound();
    let client = client_with(&outbound, &[&mine, theirs], Vec::new(), short());
    let response = client.send(get(format!("http://a.test:{}/", server.port))).await.unwrap();
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let refused = client.send(get(&location)).await.err().unwrap();
    assert!(matches!(refused, Failure::Address { .. }), "{refused}");
    assert!(refused.to_string().contains("!GET,private'"), "{refused}");
    for location in ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1/", "http://[::1]/"] {
        assert!(matches!(client.send(get(location)).await, Err(Failure::Denied { .. })), "{location}");
    }
    assert_eq!(secret_place.seen.connections(), 0);
}

#[tokio::test]
async fn every_address_is_judged_by_the_grant() {
    let server = answers(OK).await;
    let granted = format!("http://a.test:{}/*", server.port);
    let url = format!("http://a.test:{}/", server.port);
    for addresses in [vec!["127.0.0.1"], vec!["10.0.0.1", "::1"], vec!["::ffff:127.0.0.1"], vec!["0.0.0.0"]] {
        let outbound = outbound_with(Names::new(move |_, _| addresses.clone()), Vec::new());
        let refused = client_with(&outbound, &[&granted], Vec::new(), short()).send(get(&url)).await.err().unwrap();
        assert_eq!(refused.wasi_code(), "destination-IP-prohibited", "{refused}");
    }
    // With `!private` the metadata addresses are left out, and the other one is taken.
    let outbound = outbound_with(Names::new(|_, _| vec!["169.254.169.254", "fe80::1", "127.0.0.1"]), Vec::new());
    let granted = format!("{granted}!private");
    let client = client_with(&outbound, &[&granted], Vec::new(), short());
    assert_eq!(text(client.send(get(&url)).await.unwrap()).await.unwrap(), "ok");
    assert_eq!(server.seen.connections(), 1);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_to_what_was_judged() {
    let server = answers_and_closes(OK).await;
    // The second answer is another one, as of a server that rebinds its name.
    let names = Names::new(|_, asked| vec![if asked == 0 { "127.0.0.1" } else { "169.254.169.254" }]);
    let outbound = outbound_with(names.clone(), Vec::new());
    let client = client(&outbound);
    let url = format!("http://a.test:{}/", server.port);
    assert_eq!(text(client.send(get(&url)).await.unwrap()).await.unwrap(), "ok");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let refused = client.send(get(&url)).await.err().unwrap();
    assert!(matches!(refused, Failure::Address { .. }), "{refused}");
    assert_eq!((names.asked.load(Ordering::SeqCst), server.seen.connections()), (2, 1));
}

#[tokio::test]
async fn a_connection_that_waits_is_judged_again_by_the_next_requests_grant() {
    let server = answers(OK).await;
    let outbound = outbound();
    let near = format!("http://a.test:{}/near/*!private", server.port);
    let far = format!("http://a.test:{}/far/*", server.port);
    let client = client_with(&outbound, &[&near, &far], Vec::new(), short());
    let at = |path: &str| get(format!("http://a.test:{}{path}", server.port));
    assert_eq!(text(client.send(at("/near/x")).await.unwrap()).await.unwrap(), "ok");
    assert!(matches!(client.send(at("/far/x")).await, Err(Failure::Address { .. })));
    assert_eq!(server.seen.requests().len(), 1);
}

#[tokio::test]
async fn failures_to_connect_are_told_apart() {
    let outbound =
        outbound_with(Names::new(|name, _| vec![if name == "a.test" { "127.0.0.1" } else { "nxdomain" }]), Vec::new());
    let client = client_with(&outbound, &["http://*:*/*!private"], Vec::new(), short());
    // A port that was just ours, and is nobody's now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let code = async |url: String| client.send(get(url)).await.err().unwrap().wasi_code();
    assert_eq!(code(format!("http://a.test:{port}/")).await, "connection-refused");
    assert_eq!(code("http://b.test/".to_owned()).await, "DNS-error");
    for url in
        ["http://2130706433/", "http://a.test./", "http://me@a.test/", "http://a.test/../x", "http://a.test/%2e%2e/"]
    {
        assert_eq!(code(url.to_owned()).await, "HTTP-request-URI-invalid", "{url}");
    }
    assert!(matches!(client.send(get("/only/a/path")).await, Err(Failure::Url(_))));
    let trace = http::Request::builder().method("TRACE").uri("http://a.test/").body(String::new()).unwrap();
    assert!(matches!(client.send(trace).await, Err(Failure::Method(_))));
}
