//! The tokens of one server while it runs: on each request, renewed when they end, stepped up when they do not
//! suffice.
//!
//! One piece of work at a time: whoever comes second finds what the first one got. The work goes on when the call
//! that began it is dropped, because a refresh token that was used and not kept is a lost login.

use super::AuthFault;
use super::authority::{Authority, unique};
use super::entry::{Access, Entry};
use super::guard::GuardedHttp;
use super::spec::{OAuthGrant, OAuthSpec};
use super::store::{Logins, StoreError, TokenKey, TokenOwner};
use crate::http::{HttpClient, HttpError, send};
use crate::spec::ServerSpec;
use crate::text::clean;
use arc_swap::ArcSwapOption;
use http::StatusCode;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use parking_lot::Mutex;
use reqwest::{Request, Response, Url};
use rmcp::transport::auth::WWWAuthenticateParams;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tollgate_core::{Clock, Configured, Secret};

/// How often one request is sent again with another token.
const MAX_AGAIN: usize = 3;
/// For how long a failure is passed on to those who come after, instead of trying for each of them.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);
/// A token that is refused this soon after it was got is not renewed again: the server would refuse the next too.
const JUST_GOT: Duration = Duration::from_secs(5);
const MAX_CHALLENGE_CHARS: usize = 4_000;
const MAX_WANTED: usize = 64;

/// The authorisation at one server.
pub(crate) struct ServerAuth {
    pub(crate) server: String,
    pub(crate) spec: OAuthSpec,
    pub(crate) url: Configured<Url>,
    proxy: Option<Configured<String>>,
    /// Why no token may go to the server.
    in_the_clear: Option<String>,
    /// Made when it is needed: most servers never ask.
    http: OnceLock<Result<Arc<GuardedHttp>, String>>,
    pub(crate) logins: Logins,
    pub(crate) clock: Arc<dyn Clock>,
    access: ArcSwapOption<Access>,
    work: tokio::sync::Mutex<Work>,
    asked: Mutex<Asked>,
    lost: AtomicBool,
}

/// How the last piece of work ended, on the clock's monotonic scale.
#[derive(Default)]
struct Work {
    failed: Option<(Duration, AuthFault)>,
    got: Option<Duration>,
}

/// What the server asked for.
#[derive(Default)]
struct Asked {
    challenge: Option<String>,
    /// Scopes that were asked for without a person.
    scopes: Vec<String>,
}

/// What to do about a refusal.
#[derive(Clone, Debug)]
enum Need {
    Another,
    Scopes(Vec<String>),
}

impl ServerAuth {
    /// # Errors
    /// The URL cannot be read.
    pub(crate) fn new(
        server: &ServerSpec,
        url: &str,
        spec: OAuthSpec,
        logins: Logins,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let mut url = crate::http::parse_url(url)?;
        // What goes to the authorization server as the resource holds no secrets of the URL.
        url.set_query(None);
        url.set_fragment(None);
        if url.set_username("").is_err() || url.set_password(None).is_err() {
            return Err("the URL has no host".to_owned());
        }
        let in_the_clear = crate::web::in_the_clear(&url, "its token").filter(|_| !server.allow_http);
        Ok(Self {
            server: server.name.clone(),
            spec,
            http: OnceLock::new(),
            url: Configured::by_operator(url),
            proxy: server.proxy.clone(),
            in_the_clear,
            logins,
            clock,
            access: ArcSwapOption::empty(),
            work: tokio::sync::Mutex::default(),
            asked: Mutex::default(),
            lost: AtomicBool::new(false),
        })
    }

    /// Every value that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let access = self.access.load();
        let tokens = access.iter().flat_map(|a| [Some(a.token.clone()), a.refresh.clone()]).flatten();
        tokens.chain(self.spec.client_secret.clone()).collect()
    }

    /// Whether a login that stood has ended. Asking resets it.
    pub(crate) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn challenge(&self) -> Option<String> {
        self.asked.lock().challenge.clone()
    }

    pub(crate) fn owner(&self) -> TokenOwner {
        TokenOwner {
            resource: self.url.to_string(),
            principal: self.logins.principal.clone(),
            tenant: self.logins.tenant.clone(),
        }
    }

    pub(crate) fn key(&self, issuer: &str) -> TokenKey {
        TokenKey { issuer: issuer.to_owned(), owner: self.owner() }
    }

    /// Whether there may be a token at all: it goes to the server with each request.
    ///
    /// # Errors
    /// It would go over clear http to another machine, and nobody allowed that.
    pub(crate) fn check_clear(&self) -> Result<(), AuthFault> {
        match &self.in_the_clear {
            Some(why) => {
                let help = "use https, or add `allow_http: true` to the server";
                Err(AuthFault::Unavailable(format!("{why}; {help}")))
            }
            None => Ok(()),
        }
    }

    /// Finds the authorization server that the server names.
    ///
    /// # Errors
    /// As of [`Authority::discover`]; or there is something to prove the client by, and nobody said to whom.
    pub(crate) async fn discover(&self) -> Result<Authority, AuthFault> {
        let proof = match (&self.spec.client_secret, &self.spec.client_key) {
            (Some(_), _) => Some("client_secret"),
            (None, Some(_)) => Some("client_key"),
            (None, None) => None,
        };
        if let Some(proof) = proof.filter(|_| self.spec.issuer.is_none()) {
            return Err(AuthFault::Unavailable(format!(
                "its `auth` has a `{proof}` and no `issuer`, so whatever authorization server it names would get what the \
                 client proves itself with; add `issuer: https://…`, the URL of the authorization server that knows the client"
            )));
        }
        let http = self.http.get_or_init(|| {
            let issuer = self.spec.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
            let issuer = issuer.map(Configured::by_operator);
            GuardedHttp::new(&self.url, issuer.as_ref(), self.proxy.as_ref()).map(Arc::new)
        });
        let http = http.as_ref().map_err(|why| AuthFault::Unavailable(why.clone()))?;
        Authority::discover(&self.url, http, self.challenge().as_deref(), &self.spec).await
    }

    /// Looks for a login that is kept, before a connection is made: another process may have logged in or out.
    ///
    /// # Errors
    /// There is one, and it cannot be used now.
    pub(crate) async fn prepare(self: &Arc<Self>) -> Result<(), AuthFault> {
        if self.spec.grant == OAuthGrant::ClientCredentials {
            return Ok(());
        }
        if self.logins.store.issuers(&self.owner()).await.map_err(unusable)?.is_empty() {
            self.access.store(None);
            return Ok(());
        }
        if self.access.load().is_some() {
            return Ok(());
        }
        match self.get(None, Need::Another).await {
            // Whether it is needed is for the server to say.
            Ok(_) | Err(AuthFault::NeedsLogin(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Sends a request with the token, and again with another one where the server asks for it. A refusal means
    /// that nothing was done.
    ///
    /// # Errors
    /// As of any request; and that a login is needed.
    pub(crate) async fn send(self: &Arc<Self>, client: &HttpClient, request: Request) -> Result<Response, HttpError> {
        let mut access = self.current().await?;
        for _ in 0..MAX_AGAIN {
            let outgoing = request.try_clone();
            let mut outgoing =
                outgoing.ok_or_else(|| HttpError::NotSent("the request cannot be sent again".to_owned()))?;
            match &access {
                Some(_) if self.in_the_clear.is_some() => {
                    let why = self.check_clear().err().map(|fault| fault.to_string());
                    return Err(HttpError::NotSent(why.unwrap_or_default()));
                }
                Some(access) => drop(outgoing.headers_mut().insert(AUTHORIZATION, access.header.clone())),
                None => {}
            }
            let response = send(client, outgoing).await?;
            if !matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                return Ok(response);
            }
            let challenge = challenge_of(&response);
            let params = WWWAuthenticateParams::parse(&challenge, &self.url);
            let need = match response.status() {
                StatusCode::UNAUTHORIZED => Need::Another,
                StatusCode::FORBIDDEN if params.is_insufficient_scope() => {
                    let scopes = params.scope.unwrap_or_default();
                    Need::Scopes(scopes.split_whitespace().take(MAX_WANTED).map(str::to_owned).collect())
                }
                _ => return Ok(response),
            };
            let status = response.status();
            drop(response);
            self.asked.lock().challenge = Some(challenge.clone()).filter(|c| !c.is_empty());
            match self.get(access.clone(), need).await {
                Ok(next) => access = Some(next),
                Err(fault) => return Err(self.refused(status, &challenge, fault)),
            }
        }
        let fault = AuthFault::NeedsLogin("it refuses each token that it is sent".to_owned());
        Err(self.refused(StatusCode::UNAUTHORIZED, "", fault))
    }

    /// The token for the next request.
    async fn current(self: &Arc<Self>) -> Result<Option<Arc<Access>>, HttpError> {
        let Some(access) = self.access.load_full() else { return Ok(None) };
        let now = self.clock.now();
        if !access.expires_soon(now) {
            return Ok(Some(access));
        }
        match self.get(Some(access.clone()), Need::Another).await {
            Ok(next) => Ok(Some(next)),
            // It is not over yet, or the server judges it otherwise than its lifetime does.
            Err(_) if !access.has_expired(now) => Ok(Some(access)),
            Err(AuthFault::NeedsLogin(_)) => Ok(None),
            Err(AuthFault::Unavailable(why)) => Err(HttpError::NotSent(why)),
        }
    }

    fn refused(&self, status: StatusCode, challenge: &str, fault: AuthFault) -> HttpError {
        let status = status.as_u16();
        match fault {
            AuthFault::NeedsLogin(why) => {
                let challenge = clean(challenge, 300);
                let said = if challenge.is_empty() { String::new() } else { format!(" ({challenge})") };
                let next = match self.spec.grant {
                    OAuthGrant::Code => format!("run `tollgate login {}`", self.server),
                    OAuthGrant::ClientCredentials => "check its `auth` in the configuration".to_owned(),
                };
                HttpError::Login(format!("HTTP {status}, {why}; {next}{said}"))
            }
            // What was refused was not done.
            AuthFault::Unavailable(why) => HttpError::NotSent(format!("HTTP {status}, {why}")),
        }
    }

    /// Gets another token than `sent`, in a task of its own.
    async fn get(self: &Arc<Self>, sent: Option<Arc<Access>>, need: Need) -> Result<Arc<Access>, AuthFault> {
        let me = self.clone();
        let work = tokio::spawn(async move { me.get_one(sent.as_ref(), need).await });
        work.await.unwrap_or_else(|error| Err(AuthFault::Unavailable(error.to_string())))
    }

    async fn get_one(&self, sent: Option<&Arc<Access>>, need: Need) -> Result<Arc<Access>, AuthFault> {
        self.check_clear()?;
        let mut work = self.work.lock().await;
        let is_same = |a: &Arc<Access>| sent.is_some_and(|sent| sent.token == a.token);
        if let Some(access) = self.access.load_full().filter(|access| !is_same(access)) {
            return Ok(access);
        }
        let now = self.clock.monotonic();
        if let Some((at, fault)) = work.failed.as_ref().filter(|(at, _)| now.saturating_sub(*at) < FAILURE_HOLDS)
            && matches!(need, Need::Another)
        {
            tracing::debug!(target: crate::LOG, server = %self.server, ?at, "authorisation failed just now");
            return Err(fault.clone());
        }
        let refused_at_once = sent.is_some() && work.got.is_some_and(|got| now.saturating_sub(got) < JUST_GOT);
        let is_renewal = matches!(need, Need::Another);
        // What was kept is not new; what an authorization server just gave is.
        let mut is_new = true;
        let result = match (need, self.spec.grant) {
            (Need::Another, _) if refused_at_once => {
                Err(AuthFault::NeedsLogin("it refuses the token that was just got".to_owned()))
            }
            (Need::Another, OAuthGrant::Code) => self.renew(sent).await.map(|(access, renewed)| {
                is_new = renewed;
                access
            }),
            (Need::Another, OAuthGrant::ClientCredentials) => self.ask_for(Vec::new()).await,
            (Need::Scopes(scopes), OAuthGrant::Code) => self.want(sent, scopes).await,
            (Need::Scopes(scopes), OAuthGrant::ClientCredentials) => self.ask_for(scopes).await,
        };
        match &result {
            Ok(access) => {
                *work = Work { failed: None, got: is_new.then(|| self.clock.monotonic()) };
                self.access.store(Some(access.clone()));
                tracing::debug!(target: crate::LOG, server = %self.server, scopes = ?access.scopes, "a token was got");
            }
            Err(fault) if is_renewal => work.failed = Some((self.clock.monotonic(), fault.clone())),
            Err(_) => {}
        }
        result
    }

    /// Takes up the login that is kept, and renews it if it is the one that was refused or is about to end. Tells
    /// whether it did.
    async fn renew(&self, sent: Option<&Arc<Access>>) -> Result<(Arc<Access>, bool), AuthFault> {
        let ended = |why: &str| {
            self.access.store(None);
            self.lost.store(sent.is_some(), Ordering::Relaxed);
            AuthFault::NeedsLogin(why.to_owned())
        };
        let store = &self.logins.store;
        if store.issuers(&self.owner()).await.map_err(unusable)?.is_empty() {
            return Err(ended("nobody has logged in"));
        }
        let mut authority = self.discover().await?;
        let key = self.key(&authority.issuer);
        let _lock = store.lock(&key).await.map_err(unusable)?;
        let Some(kept) = store.load(&key).await.map_err(unusable)? else {
            return Err(ended("the login is of another authorization server than the one that it names now"));
        };
        let entry = Entry::parse(&kept)?;
        let access = entry.access()?;
        let now = self.clock.now();
        let is_other = sent.is_none_or(|sent| sent.token != access.token);
        let can_renew = access.refresh.is_some();
        if is_other && !(if can_renew { access.expires_soon(now) } else { access.has_expired(now) }) {
            return Ok((Arc::new(access), false));
        }
        if !can_renew {
            return Err(ended("the login has ended"));
        }
        let renewed = match authority.refresh(&self.spec, &entry).await {
            Ok(renewed) => renewed,
            Err((fault, is_dead)) => {
                if is_dead {
                    store.remove(&key).await.map_err(unusable)?;
                }
                return Err(match fault {
                    AuthFault::NeedsLogin(why) => ended(&why),
                    fault => fault,
                });
            }
        };
        store.save(&key, renewed.to_secret()?).await.map_err(unusable)?;
        Ok((Arc::new(renewed.access()?), true))
    }

    /// Gets a token without a person, with `more` scopes.
    async fn ask_for(&self, more: Vec<String>) -> Result<Arc<Access>, AuthFault> {
        // What the operator named is all that the host gets by itself; that it needs more is the server's claim.
        let named = &self.spec.scopes;
        if !named.is_empty() && more.iter().any(|scope| !named.contains(scope)) {
            let more = clean(&more.join(" "), 200);
            return Err(AuthFault::NeedsLogin(format!("it wants the scopes `{more}`, which its `scopes` do not name")));
        }
        let authority = self.discover().await?;
        let mut scopes = self.asked.lock().scopes.clone();
        if scopes.is_empty() {
            scopes = authority.scopes(&self.spec, None).await;
            scopes.retain(|scope| scope != "offline_access");
        }
        if !more.is_empty() && more.iter().all(|scope| scopes.contains(scope)) {
            let more = clean(&more.join(" "), 200);
            return Err(AuthFault::NeedsLogin(format!("the client does not get the scopes `{more}` that it needs")));
        }
        scopes.extend(more);
        let mut scopes = unique(scopes);
        scopes.truncate(MAX_WANTED);
        let entry = authority.client_credentials(&self.spec, scopes.clone()).await?;
        self.asked.lock().scopes = scopes;
        Ok(Arc::new(entry.access()?))
    }

    /// Notes which scopes the next login has to ask for: a person has to consent to them. Unless somebody did, in
    /// another process.
    async fn want(&self, sent: Option<&Arc<Access>>, scopes: Vec<String>) -> Result<Arc<Access>, AuthFault> {
        let shown = clean(&scopes.join(" "), 200);
        let needs = AuthFault::NeedsLogin(match shown.as_str() {
            "" => "it needs a login with more scopes, and does not say which".to_owned(),
            shown => format!("it needs a login with the scopes `{shown}`"),
        });
        let store = &self.logins.store;
        let Some(issuer) = sent.and_then(|sent| sent.issuer.as_deref()) else { return Err(needs) };
        let key = self.key(issuer);
        let _lock = store.lock(&key).await.map_err(unusable)?;
        if let Some(kept) = store.load(&key).await.map_err(unusable)? {
            let mut entry = Entry::parse(&kept)?;
            let access = entry.access()?;
            if sent.is_none_or(|sent| sent.token != access.token) {
                return Ok(Arc::new(access));
            }
            let before = entry.wanted.len();
            entry.wanted.extend(scopes);
            entry.wanted = unique(entry.wanted);
            entry.wanted.truncate(MAX_WANTED);
            if entry.wanted.len() > before {
                store.save(&key, entry.to_secret()?).await.map_err(unusable)?;
            }
        }
        Err(needs)
    }

    /// Keeps a login that a person just made, and uses it.
    ///
    /// # Errors
    /// It cannot be kept, or holds no token that can be used.
    pub(crate) async fn take_up(&self, issuer: &str, entry: &Entry) -> Result<Arc<Access>, AuthFault> {
        let access = Arc::new(entry.access()?);
        let mut work = self.work.lock().await;
        let key = self.key(issuer);
        let _lock = self.logins.store.lock(&key).await.map_err(unusable)?;
        self.logins.store.save(&key, entry.to_secret()?).await.map_err(unusable)?;
        *work = Work::default();
        self.access.store(Some(access.clone()));
        let (server, issuer) = (&self.server, clean(issuer, 200));
        tracing::info!(target: crate::LOG, %server, %issuer, scopes = ?access.scopes, "somebody logged in");
        Ok(access)
    }

    /// Forgets the token, not what is kept.
    pub(crate) async fn forget(&self) {
        *self.work.lock().await = Work::default();
        self.access.store(None);
    }
}

fn unusable(error: StoreError) -> AuthFault {
    AuthFault::Unavailable(error.to_string())
}

/// All challenges of a response, as one.
fn challenge_of(response: &Response) -> String {
    let values = response.headers().get_all(WWW_AUTHENTICATE);
    let values: Vec<_> = values.iter().filter_map(|value| value.to_str().ok()).collect();
    clean(&values.join(", "), MAX_CHALLENGE_CHARS)
}
