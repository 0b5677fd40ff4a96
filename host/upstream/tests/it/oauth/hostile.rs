//! Servers that name what they should not, and secrets that must not show.

use super::world::*;
use crate::support::*;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tollgate_core::Secret;
use tollgate_upstream::{
    AuthSpec, ClientKey, Fleet, HttpKind, KeyAlgorithm, LoginError, MemoryTokenStore, OAuthGrant, OAuthSpec,
    ServerSpec, Transport,
};

/// A login that must fail before anything is shown; the error.
async fn refused(odd: Odd) -> String {
    let servers = servers(odd).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), Arc::new(MemoryTokenStore::default()));
    let browser = Browser::default();
    let begun = std::time::Instant::now();
    let error = fleet.login("s", &browser).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(20), "it was refused, not tried");
    assert!(matches!(error, LoginError::Authority { .. }), "{error}");
    assert!(browser.shown.lock().is_empty(), "nothing was opened");
    assert!(servers.world.lock().asked.is_empty());
    fleet.shutdown().await;
    error.to_string()
}

#[tokio::test]
async fn an_authorization_server_at_an_address_that_is_not_public_is_refused() {
    for authority in [
        "https://169.254.169.254",
        "http://169.254.169.254/latest",
        "https://10.0.0.1:8443",
        "https://[fd00:ec2::254]",
        "https://[::ffff:169.254.169.254]",
        "http://auth.example.com",
        "https://user:hunter2@127.0.0.1:1",
    ] {
        let error = refused(Odd { authority: Some(authority.into()), ..Odd::default() }).await;
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_of_the_metadata_is_not_followed_elsewhere() {
    for elsewhere in ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "file:///etc/passwd"] {
        refused(Odd { redirect: Some(elsewhere.into()), ..Odd::default() }).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_must_not_be_reached_or_opened_is_refused() {
    for (endpoint, url) in [
        ("token_endpoint", "http://169.254.169.254/token"),
        ("token_endpoint", "https://192.168.0.1/token"),
        ("token_endpoint", "http://auth.example.com/token"),
        ("registration_endpoint", "https://10.1.2.3/register"),
        ("authorization_endpoint", "http://auth.example.com/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "file:///bin/sh"),
        ("authorization_endpoint", "https://me@auth.example.com/"),
    ] {
        let error = refused(Odd { metadata: Some(json!({endpoint: url})), ..Odd::default() }).await;
        assert!(error.contains("refused") || error.contains("has no host"), "{endpoint} {url}: {error}");
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_without_pkce_or_without_end_is_refused() {
    let error = refused(Odd { metadata: Some(json!({"issuer": "https://evil.example"})), ..Odd::default() }).await;
    assert!(error.contains("issuer mismatch"), "{error}");
    let plain = json!({"code_challenge_methods_supported": ["plain"], "client_id_metadata_document_supported": true});
    let servers = servers(Odd { metadata: Some(plain), ..Odd::default() }).await;
    let auth = OAuthSpec { client_id: Some("configured".into()), ..OAuthSpec::default() };
    let fleet = fleet(&servers.url, auth, Arc::new(MemoryTokenStore::default()));
    let error = fleet.login("s", &Browser::default()).await.unwrap_err().to_string();
    assert!(error.contains("PKCE"), "{error}");
    fleet.shutdown().await;
    let endless = "x".repeat(400 << 10);
    let error = refused(Odd { metadata: Some(json!({"more": endless})), ..Odd::default() }).await;
    assert!(error.contains("its answer is over"), "{error}");
}

/// Clients that prove themselves, in each way.
fn with_proof(issuer: Option<&str>) -> [OAuthSpec; 3] {
    let spec =
        OAuthSpec { client_id: Some("configured".into()), issuer: issuer.map(str::to_owned), ..OAuthSpec::default() };
    let secret = OAuthSpec { client_secret: Some(Secret::from("secret-hunter2-client")), ..spec.clone() };
    let key = ClientKey { pem: Secret::from("key-hunter2"), algorithm: KeyAlgorithm::Es256 };
    let by_itself = OAuthSpec { grant: OAuthGrant::ClientCredentials, ..secret.clone() };
    [secret, by_itself, OAuthSpec { client_key: Some(key), grant: OAuthGrant::ClientCredentials, ..spec }]
}

/// What became of an attempt to be authorised, as an error.
async fn unauthorised(servers: &Servers, auth: OAuthSpec) -> String {
    let logs_in = auth.grant == OAuthGrant::Code;
    let fleet = fleet(&servers.url, auth, Arc::new(MemoryTokenStore::default()));
    let error = if logs_in {
        let browser = Browser::default();
        let error = fleet.login("s", &browser).await.unwrap_err().to_string();
        assert!(browser.shown.lock().is_empty(), "nothing was opened");
        error
    } else {
        fails(&fleet, "s:echo", json!({})).await.to_string()
    };
    fleet.shutdown().await;
    error
}

#[tokio::test]
async fn a_secret_or_key_goes_to_nobody_while_no_issuer_is_named() {
    let servers = servers(Odd::default()).await;
    for auth in with_proof(None) {
        let error = unauthorised(&servers, auth).await;
        assert!(error.contains("no `issuer`") && error.contains("add `issuer: https://"), "{error}");
    }
    assert!(servers.world.lock().asked.is_empty(), "{:?}", servers.world.lock().asked);
}

#[tokio::test]
async fn a_refusal_that_names_another_authorization_server_gets_that_one_nothing() {
    let (good, evil) = (servers(Odd::default()).await, servers(Odd::default()).await);
    good.world.lock().odd.authority = Some(evil.issuer().to_owned());
    for auth in with_proof(Some(good.issuer())) {
        let error = unauthorised(&good, auth).await;
        assert!(error.contains("the configuration trusts"), "{error}");
    }
    assert!(evil.world.lock().asked.is_empty() && good.world.lock().asked.is_empty());
}

/// Metadata in a place of its own, that says to be of `issuer`, with endpoints that count who comes.
async fn impostor(issuer: &str) -> (crate::http::Served, Arc<AtomicUsize>) {
    let came = Arc::new(AtomicUsize::new(0));
    let (counted, issuer) = (came.clone(), issuer.to_owned());
    let metadata = move |headers: HeaderMap| async move {
        let at = |path: &str| format!("http://{}{path}", headers["host"].to_str().unwrap());
        axum::Json(json!({"issuer": issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
            "registration_endpoint": at("/register"), "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"]}))
    };
    let count = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        StatusCode::BAD_REQUEST
    };
    let router = Router::new()
        .route("/a/.well-known/b", get(metadata))
        .route("/token", post(count.clone()))
        .route("/register", post(count));
    (crate::http::serve(router).await, came)
}

#[tokio::test]
async fn metadata_that_says_to_be_of_the_trusted_issuer_is_that_issuers_only_in_its_own_place() {
    let good = servers(Odd::default()).await;
    let (evil, came) = impostor(good.issuer()).await;
    let store = Arc::new(MemoryTokenStore::default());
    let person = fleet(&good.url, OAuthSpec::default(), store.clone());
    person.login("s", &Browser::default()).await.unwrap();
    echoes(&person, "s:echo").await;
    let before = good.world.lock().asked.len();

    good.world.lock().odd.authority = Some(format!("{}/a/.well-known/b", evil.url));
    for auth in with_proof(Some(good.issuer())) {
        let error = unauthorised(&good, auth).await;
        assert!(error.contains("is not where that has its own"), "{error}");
    }
    // Nor does the refresh token of a login go there, which is kept under the issuer's name.
    good.world.lock().end_access();
    let error = fails(&person, "s:echo", json!({})).await.to_string();
    assert!(error.contains("is not where that has its own"), "{error}");
    assert_eq!(came.load(Ordering::SeqCst), 0);
    assert_eq!(good.world.lock().asked.len(), before);
    person.shutdown().await;
}

#[tokio::test]
async fn nothing_that_authorises_goes_over_clear_http_to_another_machine() {
    // Nobody is there: what is refused is refused before anything is tried.
    let url = "http://10.255.255.1:9/mcp";
    let headers = [("X-Key".to_owned(), Secret::from("hunter2"))].into();
    let by_header = Transport::Http { url: url.into(), headers, kind: HttpKind::Auto };
    let by_user = Transport::http("http://me:hunter2@10.255.255.1:9/mcp");
    for transport in [by_header, by_user] {
        let fleet = Fleet::default();
        let spec = ServerSpec { connect_timeout: Duration::from_millis(300), ..ServerSpec::new("s", transport) };
        fleet.add_server(spec.clone()).unwrap();
        let error = fails(&fleet, "s:echo", json!({})).await.to_string();
        assert!(error.contains("over clear http") && error.contains("add `allow_http: true`"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        fleet.apply([ServerSpec { allow_http: true, ..spec }]).unwrap();
        let error = fails(&fleet, "s:echo", json!({})).await.to_string();
        assert!(!error.contains("clear http"), "it is tried: {error}");
        fleet.shutdown().await;
    }
    let fleet = Fleet::default();
    let spec = ServerSpec { auth: AuthSpec::oauth(), ..ServerSpec::new("s", Transport::http(url)) };
    fleet.add_server(ServerSpec { connect_timeout: Duration::from_millis(300), ..spec }).unwrap();
    let error = fleet.login("s", &Browser::default()).await.unwrap_err().to_string();
    assert!(error.contains("its token would go to `10.255.255.1` over clear http"), "{error}");
    fleet.shutdown().await;
}

#[derive(Clone, Default)]
struct Log(Arc<parking_lot::Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_in_a_log_an_error_a_status_or_a_debug_text() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let servers = servers(Odd { echoes_request: true, ..Odd::default() }).await;
    let auth = OAuthSpec {
        client_id: Some("configured".into()),
        client_secret: Some(Secret::from("secret-hunter2-client")),
        issuer: Some(servers.issuer().to_owned()),
        ..OAuthSpec::default()
    };
    let mut shown = format!("{auth:?}");
    let fleet = fleet(&servers.url, auth, Arc::new(MemoryTokenStore::default()));
    shown += &format!("{:?}", fails(&fleet, "s:echo", json!({})).await);
    shown += &format!("{:?}", fleet.login("s", &Browser::default()).await.unwrap());
    echoes(&fleet, "s:echo").await;
    servers.world.lock().end_access();
    echoes(&fleet, "s:echo").await;
    shown += &format!("{:?}", fails(&fleet, "s:write", json!({})).await);
    {
        let mut world = servers.world.lock();
        world.end_access();
        world.odd.refuses_refresh = true;
    }
    shown += &format!("{:?} {:?}", fails(&fleet, "s:echo", json!({})).await, fleet.statuses());
    servers.world.lock().odd.expired_codes = true;
    let error = fleet.login("s", &Browser::default()).await.unwrap_err();
    shown += &format!("{error} {error:?} {:?}", fleet.logout("s").await);
    fleet.shutdown().await;

    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(logged.contains("tollgate::upstream"), "the log was heard");
    let world = servers.world.lock();
    assert!(world.secrets.len() > 8, "{:?}", world.secrets);
    for secret in &world.secrets {
        assert!(!shown.contains(secret.as_str()), "{secret} in {shown}");
        let line = logged.lines().find(|line| line.contains(secret.as_str()));
        // The browser of this test is a client of its own, and not of the product.
        assert!(line.is_none(), "{secret} was logged: {line:?}");
    }
}
