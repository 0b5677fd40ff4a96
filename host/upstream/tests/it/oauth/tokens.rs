//! Tokens: renewed once, kept in files, stepped up, forgotten.

use super::world::*;
use crate::support::*;
use futures::future::join_all;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tollgate_core::{CallError, Secret};
use tollgate_upstream::{
    FileTokenStore, Fleet, MemoryTokenStore, OAuthGrant, OAuthSpec, ServerState, TokenKey, TokenOwner, TokenStore,
};

fn memory() -> Arc<dyn TokenStore> {
    Arc::new(MemoryTokenStore::default())
}

fn file_store(folder: &Path) -> Arc<dyn TokenStore> {
    Arc::new(FileTokenStore::open(folder.join("logins")).unwrap())
}

async fn logged_in(servers: &Servers, store: Arc<dyn TokenStore>) -> Fleet {
    let fleet = fleet(&servers.url, OAuthSpec::default(), store);
    fleet.login("s", &Browser::default()).await.unwrap();
    echoes(&fleet, "s:echo").await;
    fleet
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_at_once_renew_an_ended_token_once() {
    let servers = servers(Odd::default()).await;
    let fleet = logged_in(&servers, memory()).await;
    for round in 1..=2 {
        if round > 1 {
            // A token that was just renewed is not renewed again for having been refused.
            tokio::time::sleep(std::time::Duration::from_millis(5_100)).await;
        }
        servers.world.lock().end_access();
        join_all((0..20).map(|_| echoes(&fleet, "s:echo"))).await;
        assert_eq!(servers.world.lock().count_of("token refresh_token"), round);
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let servers = servers(Odd { expires_in: Some(20), ..Odd::default() }).await;
    let fleet = logged_in(&servers, memory()).await;
    assert!(servers.world.lock().count_of("token refresh_token") >= 1, "20 s is about to end");
    assert_eq!(status(&fleet, "s").state, ServerState::Ready);
    fleet.shutdown().await;
}

#[tokio::test]
async fn dropping_what_renews_does_not_lose_the_new_token() {
    // A login that is about to end is renewed before the connection is made.
    let servers = servers(Odd { expires_in: Some(20), ..Odd::default() }).await;
    let store = memory();
    logged_in(&servers, store.clone()).await.shutdown().await;
    servers.world.lock().odd.slow_tokens = true;
    let before = servers.world.lock().count_of("token refresh_token");
    let fleet1 = fleet(&servers.url, OAuthSpec::default(), store.clone());
    eventually(|| Some(()).filter(|()| servers.world.lock().count_of("token refresh_token") > before)).await;
    // The old refresh token is used up, and the new one not here yet.
    fleet1.shutdown().await;
    let fleet2 = fleet(&servers.url, OAuthSpec::default(), store);
    echoes(&fleet2, "s:echo").await;
    fleet2.shutdown().await;
}

#[tokio::test]
async fn a_login_is_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let servers = servers(Odd::default()).await;
    logged_in(&servers, file_store(folder.path())).await.shutdown().await;
    servers.world.lock().end_access();
    let fleet = fleet(&servers.url, OAuthSpec::default(), file_store(folder.path()));
    echoes(&fleet, "s:echo").await;
    assert_eq!(servers.world.lock().count_of("token refresh_token"), 1, "the secret of the registration was kept too");
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_folder_renew_once() {
    let folder = tempfile::tempdir().unwrap();
    let servers = servers(Odd::default()).await;
    let mut fleets = vec![logged_in(&servers, file_store(folder.path())).await];
    for _ in 0..4 {
        let fleet = fleet(&servers.url, OAuthSpec::default(), file_store(folder.path()));
        echoes(&fleet, "s:echo").await;
        fleets.push(fleet);
    }
    servers.world.lock().end_access();
    join_all(fleets.iter().map(|fleet| echoes(fleet, "s:echo"))).await;
    assert_eq!(servers.world.lock().count_of("token refresh_token"), 1);
    for fleet in fleets {
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn a_refused_renewal_ends_the_login_and_is_not_tried_again() {
    let servers = servers(Odd::default()).await;
    let fleet = logged_in(&servers, memory()).await;
    {
        let mut world = servers.world.lock();
        world.end_access();
        world.odd.refuses_refresh = true;
    }
    let error = fails(&fleet, "s:echo", json!({})).await;
    let CallError::AuthRequired(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("run `tollgate login s`") && text.contains("invalid_grant"), "{text}");
    let status = until(&fleet, "s", ServerState::Failed).await;
    assert!(status.error.unwrap().contains("run `tollgate login s`"));
    assert_eq!(servers.world.lock().count_of("token refresh_token"), 1);
    servers.world.lock().odd.refuses_refresh = false;
    fleet.login("s", &Browser::default()).await.unwrap();
    echoes(&fleet, "s:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_token_endpoint_that_is_broken_does_not_end_the_login() {
    let servers = servers(Odd::default()).await;
    let fleet = logged_in(&servers, memory()).await;
    {
        let mut world = servers.world.lock();
        world.end_access();
        world.odd.broken_tokens = true;
    }
    let error = fails(&fleet, "s:echo", json!({})).await;
    assert!(error.to_string().contains("could not be renewed"), "{error}");
    assert!(!status(&fleet, "s").needs_auth, "nobody has to log in");
    servers.world.lock().odd.broken_tokens = false;
    until(&fleet, "s", ServerState::Ready).await;
    echoes(&fleet, "s:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_call_that_needs_more_says_so_and_the_next_login_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let servers = servers(Odd::default()).await;
    let fleet1 = logged_in(&servers, file_store(folder.path())).await;
    let error = fails(&fleet1, "s:write", json!({})).await;
    let CallError::AuthRequired(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("scopes `write`") && text.contains("run `tollgate login s`"), "{text}");
    echoes(&fleet1, "s:echo").await;
    assert_eq!(status(&fleet1, "s").state, ServerState::Ready, "what it may do it still may");
    // The login is made by another process, which reads from the store what is wanted.
    let fleet2 = fleet(&servers.url, OAuthSpec::default(), file_store(folder.path()));
    let done = fleet2.login("s", &Browser::default()).await.unwrap();
    assert_eq!(done.scopes, ["read", "offline_access", "write"]);
    assert!(call(&fleet2, "s:write", json!({})).await.result.is_ok());
    assert!(call(&fleet1, "s:write", json!({})).await.result.is_ok(), "the first process takes up the new login");
    fleet1.shutdown().await;
    fleet2.shutdown().await;
}

#[tokio::test]
async fn a_logout_revokes_and_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let servers = servers(Odd::default()).await;
    let fleet = logged_in(&servers, file_store(folder.path())).await;
    let done = fleet.logout("s").await.unwrap();
    assert_eq!((done.forgotten, done.revoked, done.not_revoked), (1, true, None));
    assert!(servers.world.lock().asked.ends_with(&["revoke refresh_token".into(), "revoke access_token".into()]));
    let error = fails(&fleet, "s:echo", json!({})).await;
    assert!(matches!(error, CallError::AuthRequired(_)), "{error:?}");
    let left: Vec<_> = std::fs::read_dir(folder.path().join("logins")).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(left.iter().all(|f| f.extension().unwrap() == "lock"), "{left:?}");
    assert_eq!(fleet.logout("s").await.unwrap().forgotten, 0);
    fleet.shutdown().await;
}

fn by_itself(servers: &Servers) -> OAuthSpec {
    OAuthSpec {
        client_id: Some("configured".into()),
        client_secret: Some(Secret::from("secret-hunter2-client")),
        grant: OAuthGrant::ClientCredentials,
        issuer: Some(servers.issuer().to_owned()),
        ..OAuthSpec::default()
    }
}

#[tokio::test]
async fn the_host_logs_in_by_itself_and_steps_up_by_itself() {
    for methods in [json!(["client_secret_basic"]), json!(["client_secret_post"])] {
        let metadata = Some(json!({"token_endpoint_auth_methods_supported": methods}));
        let servers = servers(Odd { metadata, ..Odd::default() }).await;
        let fleet = fleet(&servers.url, by_itself(&servers), memory());
        echoes(&fleet, "s:echo").await;
        assert!(call(&fleet, "s:write", json!({})).await.result.is_ok());
        let asked = servers.world.lock().asked.clone();
        assert_eq!(asked, ["token client_credentials read", "token client_credentials read write"]);
        fleet.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_does_not_widen_the_scopes_that_the_operator_named() {
    let servers = servers(Odd::default()).await;
    let auth = OAuthSpec { scopes: vec!["read".into()], ..by_itself(&servers) };
    let fleet = fleet(&servers.url, auth, memory());
    echoes(&fleet, "s:echo").await;
    let error = fails(&fleet, "s:write", json!({})).await.to_string();
    assert!(error.contains("wants the scopes `write`, which its `scopes` do not name"), "{error}");
    assert_eq!(servers.world.lock().asked, ["token client_credentials read"]);
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_wrong_client_secret_is_said_and_not_shown() {
    let servers = servers(Odd { echoes_request: true, ..Odd::default() }).await;
    let auth = OAuthSpec { client_secret: Some(Secret::from("wrong-hunter2-secret")), ..by_itself(&servers) };
    let fleet = fleet(&servers.url, auth, memory());
    let error = fails(&fleet, "s:echo", json!({})).await;
    assert!(error.to_string().contains("invalid_client"), "{error}");
    assert!(!format!("{error:?} {:?}", fleet.statuses()).contains("hunter2"), "{error}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn what_one_issuer_gave_is_never_used_with_another() {
    let store = memory();
    let servers1 = servers(Odd::default()).await;
    let fleet1 = logged_in(&servers1, store.clone()).await;
    // The server names another authorization server from now on.
    let servers2 = servers(Odd::default()).await;
    {
        let mut world = servers1.world.lock();
        world.odd.authority = Some(servers2.issuer().to_owned());
        world.end_access();
    }
    let error = fails(&fleet1, "s:echo", json!({})).await;
    assert!(error.to_string().contains("another authorization server"), "{error}");
    fleet1.shutdown().await;
    let fleet2 = fleet(&servers1.url, OAuthSpec::default(), store);
    let error = fails(&fleet2, "s:echo", json!({})).await;
    assert!(matches!(error, CallError::AuthRequired(_)), "{error:?}");
    assert_eq!(servers2.world.lock().count_of("token"), 0, "no token of the first went to the second");
    fleet2.shutdown().await;
}

fn key(issuer: &str, resource: &str, principal: &str, tenant: &str) -> TokenKey {
    let owner = TokenOwner { resource: resource.into(), principal: principal.into(), tenant: tenant.into() };
    TokenKey { issuer: issuer.into(), owner }
}

#[tokio::test]
async fn both_stores_keep_entries_apart_by_each_part_of_their_key() {
    let folder = tempfile::tempdir().unwrap();
    for store in [memory(), file_store(folder.path())] {
        let keys = [
            key("i", "r", "p", "t"),
            key("i2", "r", "p", "t"),
            key("i", "r2", "p", "t"),
            key("i", "r", "p2", "t"),
            key("i", "r", "p", "t2"),
            key("i", "rp", "", "t"),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(store.load(key).await.unwrap().is_none());
            store.save(key, Secret::from(format!("value-{i}"))).await.unwrap();
        }
        for (i, key) in keys.iter().enumerate() {
            assert_eq!(store.load(key).await.unwrap().unwrap().expose(), format!("value-{i}"));
        }
        let mut issuers = store.issuers(&keys[0].owner).await.unwrap();
        issuers.sort();
        assert_eq!(issuers, ["i", "i2"]);
        store.remove(&keys[0]).await.unwrap();
        store.remove(&keys[0]).await.unwrap();
        assert_eq!(store.issuers(&keys[0].owner).await.unwrap(), ["i2"]);
    }
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("logins");
    let store = FileTokenStore::open(&place).unwrap();
    let key = key("https://i", "https://r", "p", "t");
    store.save(&key, Secret::from("hunter2-value")).await.unwrap();
    drop(store.lock(&key).await.unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place), 0o700);
    let files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "nothing temporary stays: {files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");

    let entry = files.iter().find(|file| file.extension().unwrap() == "json").unwrap();
    let chmod = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    chmod(entry, 0o644);
    let error = store.load(&key).await.unwrap_err().to_string();
    assert!(error.contains("not a file of this user alone"), "{error}");
    chmod(entry, 0o600);
    std::fs::write(entry, "{\"value\": hunter2-value").unwrap();
    let error = store.load(&key).await.unwrap_err().to_string();
    assert!(error.contains("is damaged") && !error.contains("hunter2"), "{error}");
    std::fs::remove_file(entry).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", entry).unwrap();
    assert!(store.load(&key).await.is_err(), "a link is not followed");
    chmod(&place, 0o755);
    let error = FileTokenStore::open(&place).unwrap_err().to_string();
    assert!(error.contains("chmod 700"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_a_file_is_held_by_one_and_readers_see_whole_entries() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("logins");
    let key = key("i", "r", "p", "t");
    let add = || async {
        let store = FileTokenStore::open(&place).unwrap();
        for _ in 0..10 {
            let _lock = store.lock(&key).await.unwrap();
            let old = store.load(&key).await.unwrap().map_or(String::new(), |value| value.expose().to_owned());
            store.save(&key, Secret::from(format!("{old}x"))).await.unwrap();
        }
    };
    join_all((0..4).map(|_| add())).await;
    let store = FileTokenStore::open(&place).unwrap();
    assert_eq!(store.load(&key).await.unwrap().unwrap().expose().len(), 40, "no addition was lost");
}
