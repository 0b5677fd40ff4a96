//! Client credentials.

use crate::support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_core::{Configured, Tenant};
use tollgate_outbound::{Binding, Client, ClientCredentials, Failure, OAuthClient, Outbound, Place, Provider};

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Gives `token-1`, `token-2`, … each for so many seconds; a little late, so that many wait for it.
async fn tokens(life_s: u64) -> Server {
    let count = Arc::new(AtomicUsize::new(0));
    serve_on("127.0.0.1", move |mut stream, seen| {
        let count = count.clone();
        async move {
            while let Some(head) = head(&mut stream, &seen).await {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let mut form = vec![0; length.parse().unwrap()];
                stream.read_exact(&mut form).await.unwrap();
                seen.requests.lock().unwrap().push(String::from_utf8(form).unwrap());
                tokio::time::sleep(Duration::from_millis(50)).await;
                let n = count.fetch_add(1, Ordering::SeqCst) + 1;
                let body =
                    format!(r#"{{"access_token":"token-{n}-hunter2","token_type":"Bearer","expires_in":{life_s}}}"#);
                stream.write_all(response("200 OK", &body).as_bytes()).await.unwrap();
            }
        }
    })
    .await
}

/// Refuses every token but this one; echoes it.
async fn api(wanted: &'static str) -> Server {
    serve_on("127.0.0.1", move |mut stream, seen| async move {
        while let Some(head) = head(&mut stream, &seen).await {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).await.unwrap();
            let body = String::from_utf8(body).unwrap();
            let is_right = head.contains(&format!("authorization: Bearer {wanted}\r\n"));
            let status = if is_right { "200 OK" } else { "401 Unauthorized" };
            stream.write_all(response(status, &format!("{wanted} {body}")).as_bytes()).await.unwrap();
        }
    })
    .await
}

fn spec(tokens: &Server) -> OAuthClient {
    OAuthClient {
        token_url: Configured::by_operator(format!("http://localhost:{}/token", tokens.port)),
        private: false,
        client_id: "my id".to_owned(),
        scopes: vec!["read".to_owned(), "write:all".to_owned()],
        parameters: vec![("audience".to_owned(), "https://api/".to_owned())],
        in_form: false,
    }
}

fn provider(outbound: &Outbound, spec: OAuthClient) -> Arc<ClientCredentials> {
    let secret = Arc::new(Fixed("client:hunter2"));
    Arc::new(ClientCredentials::new(outbound, Tenant::default(), spec, secret).unwrap())
}

/// With no grant for the token endpoint: it is not the component's.
fn asking(outbound: &Outbound, api: &Server, provider: Arc<ClientCredentials>) -> (Client, String) {
    let host = format!("http://a.test:{}", api.port);
    let binding = Binding::new("oauth", provider, vec![host.parse().unwrap()], Place::Bearer).unwrap();
    let client = client_with(outbound, &[&format!("{host}/*!private")], vec![binding], short());
    (client, format!("{host}/"))
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_who_wait_and_kept() {
    let (tokens, api, outbound) = (tokens(3600).await, api("token-1-hunter2").await, outbound());
    let (client, url) = asking(&outbound, &api, provider(&outbound, spec(&tokens)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (client, url) = (client.clone(), url.clone());
        tasks.spawn(async move { text(client.send(get(url)).await.unwrap()).await.unwrap() });
    }
    for answer in tasks.join_all().await {
        assert_eq!(answer, "[secret oauth] ", "the token is no business of the component");
    }
    let asked = tokens.seen.requests();
    assert_eq!(asked.len(), 2, "one head, one form: {asked:?}");
    assert!(asked[0].contains("authorization: Basic bXklMjBpZDpjbGllbnQlM0FodW50ZXIy\r\n"), "{}", asked[0]);
    assert_eq!(asked[1], "grant_type=client_credentials&scope=read%20write%3Aall&audience=https%3A%2F%2Fapi%2F");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once_and_the_request_sent_again() {
    let (tokens, api, outbound) = (tokens(3600).await, api("token-2-hunter2").await, outbound());
    let (client, url) = asking(&outbound, &api, provider(&outbound, spec(&tokens)));
    let post =
        || http::Request::post(&url).body(http_body_util::Full::new(bytes::Bytes::from_static(b"body"))).unwrap();
    let response = client.send(post()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await.unwrap(), "[secret oauth] body");
    assert_eq!((tokens.seen.requests().len(), api.seen.requests().len()), (4, 2));
    // One that never fits: one more try, and the answer as it is.
    let (tokens, api) = (self::tokens(3600).await, self::api("never").await);
    let (client, url) = asking(&outbound, &api, provider(&outbound, spec(&tokens)));
    assert_eq!(client.send(get(url)).await.unwrap().status(), 401);
    assert_eq!((tokens.seen.requests().len(), api.seen.requests().len()), (4, 2));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let (tokens, outbound) = (tokens(1).await, outbound());
    let provider = provider(&outbound, spec(&tokens));
    let value = async || provider.value(None).await.unwrap().expose().to_owned();
    assert_eq!((value().await, value().await), ("token-1-hunter2".to_owned(), "token-1-hunter2".to_owned()));
    tokio::time::sleep(Duration::from_millis(950)).await;
    assert_eq!(value().await, "token-2-hunter2");
}

#[tokio::test]
async fn a_token_endpoint_that_fails_tells_no_secret_and_is_not_pestered() {
    let echo = r#"{"error":"bad client:hunter2","error_description":"client:hunter2"}"#;
    for answer in [
        response("401 Unauthorized", echo),
        response("200 OK", "{}"),
        response("200 OK", r#"{"access_token":""}"#),
        response("200 OK", r#"{"access_token":"hunter2","token_type":"mac"}"#),
        response("200 OK", "hunter2"),
        "HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}", "x".repeat(100_000)),
    ] {
        let (tokens, api, outbound) = (answers(answer).await, api("x").await, outbound());
        let (client, url) = asking(&outbound, &api, provider(&outbound, spec(&tokens)));
        for _ in 0..3 {
            let failure = client.send(get(&url)).await.err().unwrap();
            assert!(matches!(&failure, Failure::Secret { name, .. } if name == "oauth"), "{failure}");
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
        // The form stands behind the head on the connection, and is read as the beginning of another one.
        assert_eq!((tokens.seen.connections(), api.seen.connections()), (1, 0));
    }
}

#[tokio::test]
async fn the_endpoint_is_https_or_loopback_and_its_address_is_judged() {
    let outbound = outbound();
    let tokens = tokens(1).await;
    let make = |url: String| {
        let spec = OAuthClient { token_url: Configured::by_operator(url), ..spec(&tokens) };
        ClientCredentials::new(&outbound, Tenant::default(), spec, Arc::new(Fixed("hunter2")))
    };
    for url in ["http://sso.test/token", "ftp://x/", "token", "https://me@x.com/", "http://localhost.test/"] {
        assert!(make(url.to_owned()).is_err(), "{url}");
    }
    // A name that has a private address needs `private`.
    let provider = make(format!("https://sso.test:{}/token", tokens.port)).unwrap();
    let why = provider.value(None).await.err().unwrap();
    assert!(why.contains("loopback address"), "{why}");
    assert_eq!(tokens.seen.connections(), 0);
}
