//! Servers that name what they should not, and secrets that must not show.

use super::world::*;
use crate::support::*;
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::Secret;
use tollgate_upstream::{LoginError, MemoryTokenStore, OAuthSpec};

/// A login that must fail before anything is shown; the error.
async fn refused(odd: Odd) -> String {
    let servers = servers(odd).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), Arc::new(MemoryTokenStore::default()));
    let browser = Browser::default();
    let begun = std::time::Instant::now();
    let error = fleet.login("s", &browser).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "it was refused, not tried");
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
