//! What a component has of the outside beside its calls: HTTP, with its secrets, and state.

use crate::openapi::Scheme;
use http_body_util::BodyExt as _;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tollgate_config::model::{SecretIn, SecretUse};
use tollgate_core::{Claimed, Configured, Grants, HttpUrl, Limits, OriginPattern, Tenant, address};
use tollgate_outbound::{
    Binding, Client, ClientCredentials, HttpBudget, HttpLimits, OAuthClient, Outbound, Owner, Place, Provider, Stored,
};
use tollgate_runtime::Inspection;
use tollgate_secrets::SecretStore;
use tollgate_state::{Namespace, Quota, State, StateStore};

/// The secrets that the host adds to a component's HTTP requests. The component never sees them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[Binding]>);

impl Secrets {
    /// These.
    pub fn new(bindings: impl IntoIterator<Item = Binding>) -> Self {
        Self(bindings.into_iter().collect())
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Binding::name)
    }

    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// Whose run it is, and what it may use.
pub(crate) struct Rights<'a> {
    /// The component as its keys and connections know it: `policy:NAME`, `server:NAME`, `file:DIGEST`.
    pub(crate) owner: &'a str,
    pub(crate) tenant: &'a Tenant,
    pub(crate) grants: &'a Grants,
    pub(crate) secrets: &'a Secrets,
    pub(crate) limits: &'a Limits,
}

/// The way to it. A host has one.
pub(crate) struct Outside {
    pub(crate) outbound: Outbound,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) quota: Quota,
}

impl Outside {
    /// What one run of a component is given: nothing that it does not import.
    pub(crate) fn given(&self, component: &Inspection, rights: &Rights<'_>) -> (Option<Client>, Option<State>) {
        let imports = |prefix: &str| component.imports.iter().any(|import| import.starts_with(prefix));
        let http = imports("wasi:http/").then(|| {
            let owner = Owner { component: rights.owner.into(), tenant: rights.tenant.clone() };
            let budget = HttpBudget::new(http_limits(rights.limits));
            self.outbound.client(owner, rights.grants.clone(), rights.secrets.0.clone(), budget)
        });
        let state = imports("tollgate:state/").then(|| {
            let space = Namespace::new(rights.tenant.clone(), rights.owner);
            State::new(self.state.clone(), space, rights.grants.state().into_iter().collect(), self.quota)
        });
        (http, state)
    }
}

fn http_limits(limits: &Limits) -> HttpLimits {
    HttpLimits {
        requests: limits.http_requests,
        at_once: limits.http_at_once,
        sent_bytes: limits.http_sent_bytes,
        received_bytes: limits.http_received_bytes,
        ..HttpLimits::default()
    }
}

/// A secret of the configuration, and how a component's requests carry it.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) used: SecretUse,
    /// Where the configuration says it: file, line and key.
    pub(crate) at: String,
    pub(crate) store: Arc<dyn SecretStore>,
}

/// The secrets of a component, bound to the hosts that the configuration names, and to places. `claimed` and `schemes` are what an
/// API's document says of its servers and its security: places are taken from there, hosts and token endpoints never.
///
/// # Errors
/// What cannot be, for the configuration's author.
pub(crate) fn bindings(
    credentials: &[Credential],
    claimed: &[Claimed<String>],
    schemes: &BTreeMap<String, Scheme>,
    outbound: &Outbound,
) -> Result<Secrets, String> {
    let bound = credentials.iter().map(|credential| {
        let (name, at) = (&credential.used.secret.value, &credential.at);
        bind(credential, claimed, schemes, outbound).map_err(|why| format!("{at}: the secret `{name}`: {why}"))
    });
    Ok(Secrets(bound.collect::<Result<_, _>>()?))
}

fn bind(
    Credential { used, store, .. }: &Credential,
    claimed: &[Claimed<String>],
    schemes: &BTreeMap<String, Scheme>,
    outbound: &Outbound,
) -> Result<Binding, String> {
    let mut hosts = Vec::new();
    for host in &used.hosts {
        hosts.push(origin(host)?);
    }
    if hosts.is_empty() {
        return Err(unbound(claimed));
    }
    let secret = || Arc::new(Stored::new(store.clone(), used.secret.value.clone())) as Arc<dyn Provider>;
    let exchanged = |token_url: &Configured<String>, client_id: &str, scopes: &[String]| {
        let client = OAuthClient {
            token_url: token_url.clone(),
            // The operator's own word, and https unless it is this machine.
            private: true,
            client_id: client_id.to_owned(),
            scopes: scopes.to_vec(),
            parameters: Vec::new(),
            in_form: false,
        };
        ClientCredentials::new(outbound, Tenant::default(), client, secret()).map(|p| Arc::new(p) as Arc<dyn Provider>)
    };
    let header = |name: &str, prefix: &str| {
        let name = name.parse().map_err(|_| format!("`{name}` is not the name of a header"))?;
        Ok::<_, String>(Place::Header { name, prefix: prefix.to_owned() })
    };
    let (provider, place) = match &used.place {
        SecretIn::Bearer => (secret(), Place::Bearer),
        SecretIn::Basic { user } => (secret(), Place::Basic { user: user.clone() }),
        SecretIn::Header { name, prefix } => (secret(), header(name, prefix)?),
        SecretIn::Query(name) => (secret(), Place::Query(name.clone())),
        SecretIn::Cookie(name) => (secret(), Place::Cookie(name.clone())),
        SecretIn::ClientCredentials { token_url, client_id, scopes } => {
            (exchanged(token_url, client_id, scopes)?, Place::Bearer)
        }
        SecretIn::Scheme { name, user, client_id, scopes, token_url } => {
            let scheme = schemes.get(name).ok_or_else(|| {
                let known: Vec<_> = schemes.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                format!("the document has no security scheme `{name}`; it has {known}")
            })?;
            match (scheme.kind.as_str(), scheme.place.as_str(), scheme.scheme.to_ascii_lowercase().as_str()) {
                ("apiKey", "header", _) => (secret(), header(&scheme.name, "")?),
                ("apiKey", "query", _) => (secret(), Place::Query(scheme.name.clone())),
                ("apiKey", "cookie", _) => (secret(), Place::Cookie(scheme.name.clone())),
                ("http", _, "basic") => {
                    let user = user.clone().ok_or("the scheme is `basic`: add its `user`")?;
                    (secret(), Place::Basic { user })
                }
                ("http", _, "bearer") => (secret(), Place::Bearer),
                ("oauth2", ..) => match (client_id, token_url) {
                    (Some(client), Some(url)) => (exchanged(url, client, scopes)?, Place::Bearer),
                    (Some(_), None) => return Err(no_token_url(name, scheme.token_url.as_ref())),
                    (None, Some(_)) => return Err("`token_url` is for a client: add its `client_id`".to_owned()),
                    // A token that was got elsewhere.
                    (None, None) => (secret(), Place::Bearer),
                },
                ("openIdConnect", ..) => (secret(), Place::Bearer),
                (kind, ..) => {
                    return Err(format!("the scheme `{name}` is of the type `{kind}`, which cannot be filled"));
                }
            }
        }
    };
    Binding::new(used.secret.value.clone(), provider, hosts, place)
}

/// Why a secret goes nowhere: only the document says where its API is. And what to add, if that is right.
fn unbound(claimed: &[Claimed<String>]) -> String {
    const WHY: &str = "nobody says which hosts may get it, for which a document's word is not enough";
    let mut hosts: Vec<String> = Vec::new();
    for url in claimed.iter().filter_map(|server| HttpUrl::parse(server.unproven()).ok()) {
        let origin = url.origin();
        let host = match origin.strip_prefix("https://") {
            Some(host) => host.to_owned(),
            None if address::is_loopback_host(&url.host.to_string()) => format!("'{origin}'"),
            None => continue,
        };
        if hosts.len() < HOSTS_SHOWN && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.is_empty() {
        return format!("{WHY}; add `hosts: [api.example.com]`, with the API's own");
    }
    format!("{WHY}; if the API is where it says, add `hosts: [{}]`", hosts.join(", "))
}

/// Why a client's secret goes nowhere: only the document says where it is exchanged.
fn no_token_url(scheme: &str, claimed: Option<&Claimed<String>>) -> String {
    let said = claimed.and_then(|url| HttpUrl::parse(url.unproven()).ok());
    let said =
        said.map_or_else(|| "`token_url: https://…`".to_owned(), |url| format!("`token_url: {url}` if that is right"));
    format!(
        "nobody says where the scheme `{scheme}` exchanges it for a token, for which a document's word is not enough; add {said}"
    )
}

fn origin(host: &str) -> Result<OriginPattern, String> {
    OriginPattern::parse_host(host).map_err(|why| format!("the host `{host}`: {why}"))
}

/// How often a document's address may send elsewhere.
const REDIRECTS_MAX: usize = 5;
/// How many hosts an error proposes.
const HOSTS_SHOWN: usize = 4;

/// Fetches what the operator named. A redirect is the word of whoever answered: what it names must be public, unless it stays where
/// the operator's own URL is.
///
/// # Errors
/// Why it cannot be had.
pub(crate) async fn download(
    url: &Configured<String>,
    max_bytes: usize,
    outbound: &Outbound,
) -> Result<Vec<u8>, String> {
    let first = HttpUrl::parse(url).map_err(|error| format!("`{url}`: {error}"))?;
    let parsed = |grant: String| Grants::parse([grant]).map(Arc::new).map_err(|error| error.to_string());
    let own = parsed(format!("http={}/*!GET,private", first.origin()))?;
    let others = parsed("http=https://*/*!GET".to_owned())?;
    let budget = HttpBudget::new(HttpLimits::default());
    let mut at: http::Uri = url.parse().map_err(|_| format!("`{url}` is not a URL"))?;
    // Once somebody else has had a say, nothing is the operator's word any more.
    let mut is_own = true;
    for _ in 0..=REDIRECTS_MAX {
        let grants = if is_own { own.clone() } else { others.clone() };
        let owner = Owner { component: "documents".into(), tenant: Tenant::default() };
        let client = outbound.client(owner, grants, Vec::new(), budget.clone());
        let request = http::Request::get(at.clone()).body(http_body_util::Empty::<bytes::Bytes>::new());
        let answer =
            client.send(request.map_err(|error| error.to_string())?).await.map_err(|error| error.to_string())?;
        if let Some(location) =
            answer.headers().get(http::header::LOCATION).filter(|_| answer.status().is_redirection())
        {
            let location = location.to_str().map_err(|_| format!("{at} redirects to something that is no URL"))?;
            let base =
                format!("{}://{}", at.scheme_str().unwrap_or("https"), at.authority().map_or("", |a| a.as_str()));
            let next = if location.starts_with('/') { format!("{base}{location}") } else { location.to_owned() };
            let claimed = HttpUrl::parse(&next).map_err(|error| format!("{at} redirects to a bad URL: {error}"))?;
            is_own &= claimed.origin() == first.origin();
            at = next.parse().map_err(|_| format!("{at} redirects to something that is no URL"))?;
            continue;
        }
        if !answer.status().is_success() {
            return Err(format!("{at} answers {}", answer.status()));
        }
        let body = http_body_util::Limited::new(answer.into_body(), max_bytes).collect().await;
        return body.map(|body| body.to_bytes().to_vec()).map_err(|error| format!("{at}: {error}"));
    }
    Err(format!("{url} redirects more than {REDIRECTS_MAX} times"))
}
