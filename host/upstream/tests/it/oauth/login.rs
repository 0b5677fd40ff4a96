//! A person logs in.

use super::world::*;
use crate::support::*;
use serde_json::json;
use std::sync::Arc;
use tollgate_core::{CallError, Secret};
use tollgate_upstream::{
    AuthSpec, Fleet, LoginError, LoginPrompt, LoginUi, MemoryTokenStore, OAuthSpec, ServerSpec, ServerState,
    TokenStore, Transport,
};

fn fleet_of(servers: &Servers, auth: OAuthSpec) -> Fleet {
    fleet(&servers.url, auth, memory())
}

fn memory() -> Arc<dyn TokenStore> {
    Arc::new(MemoryTokenStore::default())
}

async fn failed_login(odd: Odd, auth: OAuthSpec) -> (LoginError, Servers) {
    let servers = servers(odd).await;
    let fleet = fleet(&servers.url, auth, memory());
    let error = fleet.login("s", &Browser::default()).await.unwrap_err();
    fleet.shutdown().await;
    (error, servers)
}

#[tokio::test]
async fn a_locked_server_says_what_to_run_and_a_login_opens_it() {
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), memory());
    let error = fails(&fleet, "s:echo", json!({})).await;
    let CallError::AuthRequired(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("HTTP 401") && text.contains("run `tollgate login s`"), "{text}");
    let status = until(&fleet, "s", ServerState::Failed).await;
    assert!(status.needs_auth && status.error.unwrap().contains("run `tollgate login s`"));

    let browser = Browser::default();
    let done = fleet.login("s", &browser).await.unwrap();
    assert_eq!(done.issuer, servers.issuer());
    assert_eq!(done.scopes, ["read", "offline_access"], "what the server names, and what makes it last");
    assert!(done.renewable && done.not_ready.is_none(), "{done:?}");
    echoes(&fleet, "s:echo").await;
    assert_eq!(status_of(&fleet), ServerState::Ready);
    eventually(|| Some(()).filter(|()| browser.page.lock().contains("You can close this page"))).await;
    let asked = servers.world.lock().asked.clone();
    let prompt = browser.shown.lock()[0].clone();
    assert_eq!(asked[0], format!("register {}", prompt.redirect_url));
    assert!(prompt.redirect_url.starts_with("http://127.0.0.1:"), "{prompt:?}");
    fleet.shutdown().await;
}

fn status_of(fleet: &Fleet) -> ServerState {
    status(fleet, "s").state
}

#[tokio::test]
async fn what_the_browser_came_back_with_can_be_pasted() {
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), memory());
    let others = vec!["not a url".to_owned(), "http://127.0.0.1:1/callback?code=x&state=other".to_owned()];
    let browser = Browser { pastes: Some(others), ..Browser::default() };
    fleet.login("s", &browser).await.unwrap();
    echoes(&fleet, "s:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_url_with_another_state_is_no_login() {
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), memory());
    let others = vec!["http://127.0.0.1:1/callback?code=stolen&state=other".to_owned(); 3];
    let browser = Browser { pastes: Some(others), ..Browser::default() };
    let error = fleet.login("s", &browser).await.unwrap_err();
    assert_eq!(error, LoginError::WrongState("s".into()));
    assert_eq!(servers.world.lock().count_of("token"), 0, "nothing was sent to the authorization server");
    fleet.shutdown().await;
}

/// Sends what does not belong to the login first, then what does.
struct Forger(Browser);

impl LoginUi for Forger {
    fn show(&self, prompt: &LoginPrompt) {
        let (url, back) = (prompt.url.clone(), prompt.redirect_url.clone());
        tokio::spawn(async move {
            for forged in ["?code=stolen&state=other", "?code=stolen", "", "/../etc", "?error=access_denied&state=x"] {
                let answer = reqwest::get(format!("{back}{forged}")).await.unwrap();
                assert!(answer.status().is_client_error(), "{forged}: {}", answer.status());
            }
            let page = reqwest::get(redirected(&url).await).await.unwrap();
            assert_eq!(page.headers()["referrer-policy"], "no-referrer");
        });
        self.0.shown.lock().push(prompt.clone());
    }
}

#[tokio::test]
async fn a_forged_callback_does_not_end_the_login() {
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), memory());
    fleet.login("s", &Forger(Browser::default())).await.unwrap();
    echoes(&fleet, "s:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn another_issuer_in_the_answer_ends_the_login_before_the_code_is_sent() {
    let (error, servers) = failed_login(Odd { wrong_iss: true, ..Odd::default() }, OAuthSpec::default()).await;
    assert!(matches!(error, LoginError::WrongIssuer { .. }), "{error}");
    assert!(error.to_string().contains("evil.example"), "{error}");
    assert_eq!(servers.world.lock().count_of("token"), 0);
    let denied = Odd { wrong_iss: true, denies: true, ..Odd::default() };
    let (error, _servers) = failed_login(denied, OAuthSpec::default()).await;
    assert!(matches!(error, LoginError::WrongIssuer { .. }), "{error}");
}

#[tokio::test]
async fn denied_consent_is_said() {
    let (error, _servers) = failed_login(Odd { denies: true, ..Odd::default() }, OAuthSpec::default()).await;
    let LoginError::Denied { why, .. } = &error else { panic!("{error}") };
    assert_eq!(why, "access_denied: not today");
}

#[tokio::test]
async fn an_expired_code_gives_no_token() {
    let odd = Odd { expired_codes: true, echoes_request: true, ..Odd::default() };
    let (error, servers) = failed_login(odd, OAuthSpec::default()).await;
    assert!(matches!(error, LoginError::Exchange { .. }) && error.to_string().contains("invalid_grant"), "{error}");
    let shown = format!("{error} {error:?}");
    let world = servers.world.lock();
    let leaked: Vec<_> = world.secrets.iter().filter(|s| s.contains("code") && shown.contains(*s)).collect();
    assert!(leaked.is_empty(), "{leaked:?} in {shown}");
}

#[tokio::test]
async fn the_clients_identity_is_the_configured_one_then_a_document_then_a_registration() {
    let document = "https://example.com/client.json".to_owned();
    let configured = OAuthSpec {
        client_id: Some("configured".into()),
        client_secret: Some(Secret::from("secret-hunter2-client")),
        client_metadata_url: Some(document.clone()),
        ..OAuthSpec::default()
    };
    let by_document = OAuthSpec { client_metadata_url: Some(document), ..OAuthSpec::default() };
    for (auth, knows_documents, registrations, client) in [
        (configured, true, 0, "client_id=configured&"),
        (by_document.clone(), true, 0, "client_id=https%3A%2F%2Fexample.com%2Fclient.json&"),
        (by_document, false, 1, "client_id=registered-1&"),
    ] {
        let servers = servers(Odd { knows_documents, ..Odd::default() }).await;
        let auth = OAuthSpec { issuer: Some(servers.issuer().to_owned()), ..auth };
        let fleet = fleet(&servers.url, auth, memory());
        let browser = Browser::default();
        fleet.login("s", &browser).await.unwrap();
        echoes(&fleet, "s:echo").await;
        assert_eq!(servers.world.lock().count_of("register"), registrations);
        let url = browser.shown.lock()[0].url.clone();
        assert!(url.contains(client), "{url}");
        fleet.shutdown().await;
    }
    let (error, _servers) = failed_login(Odd { no_registration: true, ..Odd::default() }, OAuthSpec::default()).await;
    assert!(matches!(&error, LoginError::Client { why, .. } if why.contains("`client_id`")), "{error}");
}

#[tokio::test]
async fn http_sse_carries_the_token_on_its_stream_and_on_its_posts() {
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url.replace("/mcp", "/sse"), OAuthSpec::default(), memory());
    let error = fails(&fleet, "s:echo", json!({"text": "hi"})).await;
    assert!(matches!(error, CallError::AuthRequired(_)), "{error:?}");
    fleet.login("s", &Browser::default()).await.unwrap();
    echoes(&fleet, "s:echo").await;
    assert_eq!(status(&fleet, "s").transport, "sse");
    servers.world.lock().end_access();
    echoes(&fleet, "s:echo").await;
    assert_eq!(servers.world.lock().count_of("token refresh_token"), 1, "renewed in the midst of a session");
    fleet.shutdown().await;
}

#[tokio::test]
async fn only_the_trusted_issuer_is_used() {
    let auth = OAuthSpec { issuer: Some("https://auth.example.com".into()), ..OAuthSpec::default() };
    let (error, servers) = failed_login(Odd::default(), auth).await;
    assert!(error.to_string().contains("trusts `https://auth.example.com` only"), "{error}");
    assert!(servers.world.lock().asked.is_empty());
}

#[tokio::test]
async fn dropping_a_login_closes_its_address() {
    struct Nobody(parking_lot::Mutex<Option<tokio::sync::oneshot::Sender<String>>>);
    impl LoginUi for Nobody {
        fn show(&self, prompt: &LoginPrompt) {
            self.0.lock().take().unwrap().send(prompt.redirect_url.clone()).unwrap();
        }
    }
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url, OAuthSpec::default(), memory());
    let (send, shown) = tokio::sync::oneshot::channel();
    let nobody = Nobody(parking_lot::Mutex::new(Some(send)));
    let url = tokio::select! {
        done = fleet.login("s", &nobody) => panic!("{done:?}"),
        url = shown => url.unwrap(),
    };
    let refused = reqwest::get(&url).await.unwrap_err();
    assert!(refused.is_connect(), "{refused}");
    // And a login can begin again.
    fleet.login("s", &Browser::default()).await.unwrap();
    fleet.shutdown().await;
}

#[tokio::test]
async fn the_configured_port_is_used_and_said_when_it_is_taken() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let auth = OAuthSpec { redirect_port: Some(port), ..OAuthSpec::default() };
    let (error, _servers) = failed_login(Odd::default(), auth.clone()).await;
    assert!(matches!(error, LoginError::Listen { .. }) && error.to_string().contains("`redirect_port`"), "{error}");
    drop(taken);
    let servers = servers(Odd::default()).await;
    let fleet = fleet(&servers.url, auth, memory());
    let browser = Browser::default();
    fleet.login("s", &browser).await.unwrap();
    assert_eq!(browser.shown.lock()[0].redirect_url, format!("http://127.0.0.1:{port}/callback"));
    fleet.shutdown().await;
    let url = format!("http://localhost:{port}/oauth/back");
    let auth = OAuthSpec { redirect_url: Some(url.clone()), ..OAuthSpec::default() };
    let fleet = fleet_of(&servers, auth);
    let browser = Browser::default();
    fleet.login("s", &browser).await.unwrap();
    assert_eq!(browser.shown.lock()[0].redirect_url, url);
    fleet.shutdown().await;
    for url in ["http://192.168.0.1:80/x", "https://127.0.0.1:1/x", "http://127.0.0.1/x", "x"] {
        let auth = OAuthSpec { redirect_url: Some(url.into()), ..OAuthSpec::default() };
        let (error, _servers) = failed_login(Odd::default(), auth).await;
        assert!(matches!(error, LoginError::Listen { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn servers_that_cannot_be_logged_in_to_say_so() {
    let fleet = Fleet::default();
    let browser = Browser::default();
    assert!(matches!(fleet.login("x", &browser).await, Err(LoginError::UnknownServer(_))));
    fleet.add_server(ServerSpec::new("plain", Transport::http("http://127.0.0.1:1/"))).unwrap();
    assert!(matches!(fleet.login("plain", &browser).await, Err(LoginError::NotOAuth(_))));
    let stdio = ServerSpec { auth: AuthSpec::oauth(), ..ServerSpec::new("child", Transport::stdio("cat", [""; 0])) };
    fleet.add_server(stdio).unwrap();
    let status = until(&fleet, "child", ServerState::Failed).await;
    assert!(status.error.unwrap().contains("OAuth is for servers over HTTP"));
    let headers = [("authorization".to_owned(), Secret::from("Bearer x"))].into();
    let both = Transport::Http { url: "http://127.0.0.1:1/".into(), headers, kind: Default::default() };
    fleet.add_server(ServerSpec { auth: AuthSpec::oauth(), ..ServerSpec::new("both", both) }).unwrap();
    let status = until(&fleet, "both", ServerState::Failed).await;
    assert!(status.error.unwrap().contains("keep one of them"));
    fleet.shutdown().await;
}
