//! A person logs in to a server, and out.

use super::AuthFault;
use super::access::ServerAuth;
use super::authority::Authority;
use super::entry::Entry;
use super::listener::{Callback, Listener};
use super::spec::OAuthGrant;
use crate::fleet::Fleet;
use crate::text::clean;
use rmcp::transport::auth::AuthError;
use std::time::Duration;
use tollgate_core::BoxFuture;

/// How long a person may take.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How many URLs that do not belong to the login may be pasted.
const MAX_PASTED: usize = 3;

/// What a person has to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginPrompt {
    /// The server's name.
    pub server: String,
    /// The page of the authorization server to open. It is `https`, or on loopback as the server is.
    pub url: String,
    /// Where the browser comes back to: an address of this machine.
    pub redirect_url: String,
    /// For how long that is waited for.
    pub timeout: Duration,
}

/// What shows a login to a person.
pub trait LoginUi: Send + Sync {
    /// Shows the page to open, or opens it. It must not block.
    fn show(&self, prompt: &LoginPrompt);

    /// The URL that the browser was sent to in the end, where a person copies it: the browser may be on another
    /// machine. May be dropped and called again. The default is that nobody does.
    fn pasted(&self) -> BoxFuture<'_, String> {
        Box::pin(std::future::pending())
    }

    /// What was pasted is not the URL of this login.
    fn not_it(&self, _why: &str) {}
}

/// A login that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginDone {
    /// The server's name.
    pub server: String,
    /// The authorization server.
    pub issuer: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// Whether it can be renewed without a person.
    pub renewable: bool,
    /// Why the server is not ready all the same, if it is not.
    pub not_ready: Option<String>,
}

/// A logout that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutDone {
    /// How many logins were forgotten; 0 when nobody had logged in.
    pub forgotten: usize,
    /// Whether the authorization server ended them too.
    pub revoked: bool,
    /// Why it did not, if it was asked and refused.
    pub not_revoked: Option<String>,
}

/// Why there is no login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No server has this name.
    #[error("there is no server `{0}`; `tollgate servers` lists them")]
    UnknownServer(String),
    /// The server is not reached by OAuth.
    #[error("`{0}` does not use OAuth; give it `auth: {{type: oauth}}`, or it authorises by its headers")]
    NotOAuth(String),
    /// The host logs in by itself.
    #[error("`{0}` needs no login: the host logs in by itself, with its client credentials")]
    ByItself(String),
    /// No address for the browser to come back to.
    #[error(
        "`{server}`: nothing can be opened for the browser to come back to: {why}; see `redirect_port` and \
         `redirect_url` in its `auth`"
    )]
    Listen {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
    /// The authorization server is not there, cannot do it, or must not be asked.
    #[error("`{server}`: {why}")]
    Authority {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
    /// The authorization server does not take us as a client.
    #[error("`{server}`: no client at its authorization server: {why}")]
    Client {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
    /// The person, or the authorization server, said no.
    #[error("`{server}`: the login was refused: {why}")]
    Denied {
        /// The server.
        server: String,
        /// What was said.
        why: String,
    },
    /// What was pasted does not belong to this login.
    #[error("`{0}`: what was pasted is not the URL of this login; begin again")]
    WrongState(String),
    /// Another authorization server answered than the one that was asked. Nothing was sent to it.
    #[error("`{server}`: another authorization server answered than the one that was asked: {why}")]
    WrongIssuer {
        /// The server.
        server: String,
        /// What was expected and what came.
        why: String,
    },
    /// No tokens for the code.
    #[error("`{server}`: the authorization server gave no token: {why}")]
    Exchange {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
    /// The tokens cannot be kept or used.
    #[error("`{server}`: {why}")]
    Keep {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
    /// Nobody came back in time.
    #[error("`{0}`: nobody came back from the login within 10 minutes; begin again")]
    TimedOut(String),
}

impl Fleet {
    /// Lets a person log in to a server: opens an address of loopback, hands the page to `ui`, waits for the
    /// browser or for what is pasted, gets the tokens, keeps them, and connects the server anew.
    ///
    /// Dropping the future gives up and closes the address.
    ///
    /// # Errors
    /// Why there is no login. What was kept before is still kept.
    pub async fn login(&self, name: &str, ui: &dyn LoginUi) -> Result<LoginDone, LoginError> {
        let server = self.server(name).ok_or_else(|| LoginError::UnknownServer(name.to_owned()))?;
        let auth = server.auth().ok_or_else(|| LoginError::NotOAuth(name.to_owned()))?;
        if auth.spec.grant == OAuthGrant::ClientCredentials {
            return Err(LoginError::ByItself(name.to_owned()));
        }
        // How the server refuses tells where its authorization server is.
        let _ = server.wait_connected().await;
        let mut done = login(auth, ui).await?;
        server.reconnect();
        done.not_ready = server.wait_connected().await.err().map(|error| error.to_string());
        Ok(done)
    }

    /// Forgets every login at a server, after its authorization server ended it where it can.
    ///
    /// # Errors
    /// There is no such server, or what is kept cannot be removed.
    pub async fn logout(&self, name: &str) -> Result<LogoutDone, LoginError> {
        let server = self.server(name).ok_or_else(|| LoginError::UnknownServer(name.to_owned()))?;
        let auth = server.auth().ok_or_else(|| LoginError::NotOAuth(name.to_owned()))?;
        let done = logout(auth).await;
        auth.forget().await;
        server.reconnect();
        done
    }
}

async fn login(auth: &ServerAuth, ui: &dyn LoginUi) -> Result<LoginDone, LoginError> {
    let server = || auth.server.clone();
    let unfit = |fault: AuthFault| LoginError::Authority { server: server(), why: fault.to_string() };
    auth.check_clear().map_err(unfit)?;
    let listener = Listener::open(&auth.spec).await;
    let listener = listener.map_err(|error| LoginError::Listen { server: server(), why: error.to_string() })?;
    let redirect_url = listener.url.clone();
    let mut authority = auth.discover().await.map_err(unfit)?;
    let earlier = kept(auth, &authority.issuer).await?;
    let scopes = authority.scopes(&auth.spec, earlier.as_ref()).await;
    let client_secret = authority
        .identify(&auth.spec, &redirect_url, &scopes)
        .await
        .map_err(|why| LoginError::Client { server: server(), why: scrub(auth, &why) })?;
    let (url, state) = authority
        .authorization_url(&scopes)
        .await
        .map_err(|why| LoginError::Authority { server: server(), why: scrub(auth, &why) })?;
    ui.show(&LoginPrompt { server: server(), url: url.into(), redirect_url, timeout: LOGIN_TIMEOUT });
    let callback = tokio::select! {
        callback = listener.wait(&state) => callback,
        pasted = pasted(ui, &state) => pasted.ok_or_else(|| LoginError::WrongState(server()))?,
        () = auth.clock.sleep(LOGIN_TIMEOUT) => return Err(LoginError::TimedOut(server())),
    };
    drop(listener);
    let issuer = callback.issuer.as_deref();
    let code = callback.answer.as_ref().map_err(|(error, description)| match issuer {
        Some(issuer) if issuer != authority.issuer => wrong_issuer(auth, &authority, issuer),
        _ => {
            let why = if description.is_empty() { error.clone() } else { format!("{error}: {description}") };
            LoginError::Denied { server: server(), why: clean(&why, 300) }
        }
    })?;
    let entry = authority.exchange(code, &state, issuer, client_secret).await.map_err(|error| match error {
        AuthError::AuthorizationServerMismatch { .. } | AuthError::AuthorizationServerMissingIssuer { .. } => {
            LoginError::WrongIssuer { server: server(), why: clean(&error.to_string(), 300) }
        }
        error => LoginError::Exchange { server: server(), why: scrub(auth, &authority.error_text(&error)) },
    })?;
    let keep = |fault: AuthFault| LoginError::Keep { server: server(), why: fault.to_string() };
    let access = auth.take_up(&authority.issuer, &entry).await.map_err(keep)?;
    Ok(LoginDone {
        server: server(),
        issuer: clean(&authority.issuer, 300),
        scopes: access.scopes.iter().map(|scope| clean(scope, 100)).collect(),
        renewable: access.refresh.is_some(),
        not_ready: None,
    })
}

fn wrong_issuer(auth: &ServerAuth, authority: &Authority, found: &str) -> LoginError {
    let why = format!("expected {}, received {found}", authority.issuer);
    LoginError::WrongIssuer { server: auth.server.clone(), why: clean(&why, 300) }
}

/// The login with this authorization server that is kept. One that cannot be read is none.
async fn kept(auth: &ServerAuth, issuer: &str) -> Result<Option<Entry>, LoginError> {
    let kept = auth.logins.store.load(&auth.key(issuer)).await;
    let kept = kept.map_err(|error| LoginError::Keep { server: auth.server.clone(), why: error.to_string() })?;
    Ok(kept.and_then(|text| Entry::parse(&text).ok()))
}

/// What a person pastes. `None` when nothing of it belongs to the login.
async fn pasted(ui: &dyn LoginUi, state: &str) -> Option<Callback> {
    for _ in 0..MAX_PASTED {
        match Callback::parse(&ui.pasted().await, state) {
            Ok(callback) => return Some(callback),
            Err(why) => ui.not_it(why),
        }
    }
    None
}

async fn logout(auth: &ServerAuth) -> Result<LogoutDone, LoginError> {
    let failed = |why: String| LoginError::Keep { server: auth.server.clone(), why };
    let store = &auth.logins.store;
    let issuers = store.issuers(&auth.owner()).await.map_err(|error| failed(error.to_string()))?;
    let mut done = LogoutDone { forgotten: 0, revoked: false, not_revoked: None };
    if issuers.is_empty() {
        return Ok(done);
    }
    let authority = auth.discover().await;
    for issuer in issuers {
        let key = auth.key(&issuer);
        let _lock = store.lock(&key).await.map_err(|error| failed(error.to_string()))?;
        let entry = kept(auth, &issuer).await?;
        store.remove(&key).await.map_err(|error| failed(error.to_string()))?;
        tracing::info!(target: crate::LOG, server = %auth.server, issuer = %clean(&issuer, 200), "somebody logged out");
        done.forgotten += 1;
        let Some(entry) = entry else { continue };
        let revoked = match &authority {
            Ok(authority) if authority.issuer == issuer => authority.revoke(&auth.spec, &entry).await,
            Ok(_) => Err("the server names another authorization server now".to_owned()),
            Err(fault) => Err(fault.to_string()),
        };
        match revoked {
            Ok(revoked) => done.revoked |= revoked,
            Err(why) => done.not_revoked = Some(scrub(auth, &why)),
        }
    }
    Ok(done)
}

/// Without the secrets that are known, and fit to be shown.
fn scrub(auth: &ServerAuth, text: &str) -> String {
    let mut text = text.to_owned();
    for secret in auth.secrets().iter().filter(|secret| secret.expose().len() >= 6) {
        text = text.replace(secret.expose(), "***");
    }
    clean(&text, 500)
}
