//! One authorization server, as a server names it: found anew for each piece of work, because a server may change
//! it, and nothing of one is ever sent to another.

use super::entry::Entry;
use super::guard::{Finder, GuardedHttp};
use super::spec::{ClientKey, KeyAlgorithm, OAuthSpec};
use super::{AuthFault, quiet};
use reqwest::Url;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationMetadata, ClientCredentialsConfig, CredentialStore,
    InMemoryCredentialStore, JwtSigningAlgorithm, OAuthClientConfig, OAuthHttpClient,
};
use serde_json::Value;
use std::sync::Arc;
use tollgate_core::{Claimed, Configured};

/// What the authorization server calls us when it registers us.
const CLIENT_NAME: &str = "Tollgate";
const OFFLINE: &str = "offline_access";

/// An authorization server that was found, and the client that we are there.
pub(crate) struct Authority {
    manager: AuthorizationManager,
    metadata: AuthorizationMetadata,
    /// Where rmcp puts what it gets; the store of logins is ours.
    credentials: InMemoryCredentialStore,
    http: Arc<GuardedHttp>,
    server: Url,
    /// Its name: the key of everything that it gives.
    pub(crate) issuer: String,
}

impl Authority {
    /// Finds the authorization server of `server`. `challenge` is the `WWW-Authenticate` of its refusal.
    ///
    /// # Errors
    /// There is none, it must not be reached, or it is not the one that the configuration names.
    pub(crate) async fn discover(
        server: &Configured<Url>,
        http: &Arc<GuardedHttp>,
        challenge: Option<&str>,
        spec: &OAuthSpec,
    ) -> Result<Self, AuthFault> {
        let failed = |error: &AuthError| {
            let why = http.error_text(error);
            AuthFault::Unavailable(format!("its authorization server cannot be found: {why}"))
        };
        let finder = Arc::new(Finder::new(http.clone()));
        let client: Arc<dyn OAuthHttpClient> = finder.clone();
        let manager = AuthorizationManager::new_with_oauth_http_client(Url::clone(server), client).await;
        let mut manager = manager.map_err(|error| failed(&error))?;
        let credentials = InMemoryCredentialStore::new();
        manager.set_credential_store(credentials.clone());
        let found = quiet(manager.resolve_metadata_from_challenge(challenge)).await;
        let metadata = found.map_err(|error| failed(&error))?.metadata;
        let issuer = issuer_of(&metadata, finder.found_at(), server)?;
        if let Some(trusted) = &spec.issuer
            && trusted.trim_end_matches('/') != issuer.trim_end_matches('/')
        {
            let issuer = crate::text::clean(&issuer, 200);
            return Err(AuthFault::Unavailable(format!(
                "it names the authorization server `{issuer}`, and the configuration trusts `{trusted}` only"
            )));
        }
        let endpoints = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            metadata.registration_endpoint.as_ref(),
        ];
        for endpoint in endpoints.into_iter().flatten() {
            let url = claimed(endpoint)?;
            http.guard().url(&url).map_err(|refused| AuthFault::Unavailable(refused.to_string()))?;
        }
        manager.set_metadata(metadata.clone());
        Ok(Self { manager, metadata, credentials, http: http.clone(), server: Url::clone(server), issuer })
    }

    /// The scopes of a login. `earlier` is the login before, if it has to be widened.
    pub(crate) async fn scopes(&self, spec: &OAuthSpec, earlier: Option<&Entry>) -> Vec<String> {
        let mut scopes = match earlier.filter(|earlier| !earlier.wanted.is_empty()) {
            Some(earlier) => [&spec.scopes, &earlier.credentials.granted_scopes, &earlier.wanted]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            None if spec.scopes.is_empty() => quiet(self.manager.select_initial_scopes(&[])).await,
            None => spec.scopes.clone(),
        };
        let offline_is_known = self.metadata.scopes_supported.iter().flatten().any(|scope| scope == OFFLINE);
        if !scopes.is_empty() && offline_is_known {
            scopes.push(OFFLINE.to_owned());
        }
        unique(scopes)
    }

    /// Becomes a client of the authorization server: the configured one, the one of a metadata document, or a
    /// new registration. Returns the secret of a registration.
    ///
    /// # Errors
    /// It takes none of them.
    pub(crate) async fn identify(
        &mut self,
        spec: &OAuthSpec,
        redirect_url: &str,
        scopes: &[String],
    ) -> Result<Option<String>, String> {
        let says = |name: &str| self.metadata.additional_fields.get(name).and_then(Value::as_bool) == Some(true);
        let known = match (&spec.client_id, &spec.client_metadata_url) {
            (Some(id), _) => Some(id),
            (None, Some(url)) if says("client_id_metadata_document_supported") => Some(url),
            _ => None,
        };
        if let Some(id) = known {
            let secret = spec.client_secret.as_ref().filter(|_| spec.client_id.is_some());
            let secret = secret.map(|secret| secret.expose().to_owned());
            self.use_client(id, secret, redirect_url).map_err(|error| error.to_string())?;
            return Ok(None);
        }
        if self.metadata.registration_endpoint.is_none() {
            return Err("the authorization server registers no clients by itself; register one there and set \
                        `client_id`"
                .to_owned());
        }
        let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
        let registered = quiet(self.manager.register_client(CLIENT_NAME, redirect_url, &scopes)).await;
        match registered {
            Ok(client) => Ok(client.client_secret),
            Err(error) => Err(self.error_text(&error)),
        }
    }

    fn use_client(&mut self, id: &str, secret: Option<String>, redirect_url: &str) -> Result<(), AuthError> {
        let mut client = OAuthClientConfig::new(id, redirect_url);
        client.client_secret = secret;
        self.manager.configure_client(client)
    }

    /// Where a person has to go, and the state that comes back from there.
    ///
    /// # Errors
    /// The authorization server cannot do what is needed, or names a place that must not be opened.
    pub(crate) async fn authorization_url(&self, scopes: &[String]) -> Result<(Url, String), String> {
        let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
        let url = quiet(self.manager.get_authorization_url(&scopes)).await.map_err(|error| error.to_string())?;
        let url = Url::parse(&url).map_err(|error| error.to_string())?;
        self.http.guard().url(&Claimed::new(url.clone())).map_err(|refused| refused.to_string())?;
        let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned());
        Ok((url, state.ok_or("the URL of the login has no state")?))
    }

    /// Makes tokens of the code that came back.
    ///
    /// # Errors
    /// As rmcp says; [`Self::error_text`] puts it into words.
    pub(crate) async fn exchange(
        &self,
        code: &str,
        state: &str,
        issuer: Option<&str>,
        client_secret: Option<String>,
    ) -> Result<Entry, AuthError> {
        quiet(self.manager.exchange_code_for_token_with_issuer(code, state, issuer)).await?;
        self.received(client_secret).await
    }

    pub(crate) fn error_text(&self, error: &AuthError) -> String {
        self.http.error_text(error)
    }

    /// Renews a login.
    ///
    /// # Errors
    /// It has ended, or there was no answer; and whether its refresh token is of no more use.
    pub(crate) async fn refresh(&mut self, spec: &OAuthSpec, entry: &Entry) -> Result<Entry, (AuthFault, bool)> {
        let client = entry.credentials.client_id.clone();
        if spec.client_id.as_ref().is_some_and(|id| *id != client) {
            return Err((AuthFault::NeedsLogin("the login was made as another client".to_owned()), false));
        }
        let configured = spec.client_secret.as_ref().filter(|_| spec.client_id.is_some());
        let secret = configured.map(|secret| secret.expose().to_owned()).or_else(|| entry.client_secret.clone());
        let redirect_url = self.server.to_string();
        let renewed = async {
            self.use_client(&client, secret, &redirect_url)?;
            self.credentials.save(entry.credentials.clone()).await?;
            quiet(self.manager.refresh_token()).await?;
            self.received(entry.client_secret.clone()).await
        };
        let error = match renewed.await {
            Ok(renewed) => return Ok(Entry { wanted: entry.wanted.clone(), ..renewed }),
            Err(error) => error,
        };
        let why = self.error_text(&error);
        Err(match error {
            AuthError::TokenRefreshRejected(_) => (AuthFault::NeedsLogin(format!("the login has ended: {why}")), true),
            _ if FINAL.iter().any(|code| why.contains(code)) => {
                (AuthFault::NeedsLogin(format!("the login cannot be renewed: {why}")), false)
            }
            _ => (AuthFault::Unavailable(format!("the login could not be renewed: {why}")), false),
        })
    }

    /// Gets a token for the host itself.
    ///
    /// # Errors
    /// The configuration lacks something, or the authorization server refused.
    pub(crate) async fn client_credentials(
        mut self,
        spec: &OAuthSpec,
        scopes: Vec<String>,
    ) -> Result<Entry, AuthFault> {
        let client_id = spec.client_id.clone();
        let client_id = client_id.ok_or_else(|| AuthFault::Unavailable("it needs a `client_id`".to_owned()))?;
        // RFC 8707; what rmcp found out for the other grant it does not tell.
        let resource = Some(self.server.to_string());
        let config = match (&spec.client_key, &spec.client_secret) {
            (Some(ClientKey { pem, algorithm }), _) => ClientCredentialsConfig::PrivateKeyJwt {
                client_id,
                signing_key: pem.expose().as_bytes().to_vec(),
                signing_algorithm: (*algorithm).into(),
                token_endpoint_audience: None,
                scopes,
                resource,
            },
            (None, Some(secret)) => ClientCredentialsConfig::ClientSecret {
                client_id,
                client_secret: secret.expose().to_owned(),
                scopes,
                resource,
            },
            (None, None) => {
                return Err(AuthFault::Unavailable("it needs a `client_secret` or a `client_key`".to_owned()));
            }
        };
        // rmcp's future must stay on one thread.
        let runtime = tokio::runtime::Handle::current();
        let got = tokio::task::spawn_blocking(move || {
            let got = runtime.block_on(async {
                self.manager.validate_client_credentials_metadata(&config)?;
                self.manager.configure_client_credentials(&config)?;
                quiet(self.manager.exchange_client_credentials(&config)).await?;
                self.received(None).await
            });
            got.map_err(|error| AuthFault::Unavailable(format!("no token: {}", self.error_text(&error))))
        });
        got.await.unwrap_or_else(|error| Err(AuthFault::Unavailable(error.to_string())))
    }

    /// What rmcp just got.
    async fn received(&self, client_secret: Option<String>) -> Result<Entry, AuthError> {
        let credentials = self.credentials.load().await?.ok_or(AuthError::AuthorizationRequired)?;
        let credentials = credentials.with_issuer(Some(self.issuer.clone()));
        Ok(Entry { client_secret, credentials, wanted: Vec::new() })
    }

    /// Ends a login at the authorization server (RFC 7009), where that is offered. False where it is not.
    ///
    /// # Errors
    /// It is offered, and did not work.
    pub(crate) async fn revoke(&self, spec: &OAuthSpec, entry: &Entry) -> Result<bool, String> {
        let Some(endpoint) = self.metadata.additional_fields.get("revocation_endpoint").and_then(Value::as_str) else {
            return Ok(false);
        };
        let url = claimed(endpoint).map_err(|fault| fault.to_string())?;
        let access = entry.access().map_err(|error| error.to_string())?;
        let client = entry.credentials.client_id.as_str();
        let configured = spec.client_secret.as_ref().map(|secret| secret.expose());
        let secret = configured.filter(|_| spec.client_id.as_deref() == Some(client));
        let basic = secret.or(entry.client_secret.as_deref()).map(|secret| (client, secret));
        // The token that lives longest first: an authorization server may end the others with it.
        let tokens = [access.refresh.as_ref().map(|t| (t, "refresh_token")), Some((&access.token, "access_token"))];
        for (token, kind) in tokens.into_iter().flatten() {
            let mut pairs = vec![("token", token.expose()), ("token_type_hint", kind)];
            if basic.is_none() {
                pairs.push(("client_id", client));
            }
            let status = self.http.post_form(&url, &pairs, basic).await?;
            if status != 200 {
                return Err(format!("it answered HTTP {status}"));
            }
        }
        Ok(true)
    }
}

fn claimed(endpoint: &str) -> Result<Claimed<Url>, AuthFault> {
    let why = "its authorization server names an endpoint that is not a URL";
    Url::parse(endpoint).map(Claimed::new).map_err(|_| AuthFault::Unavailable(why.to_owned()))
}

/// Who the authorization server is, proved by where its metadata was found: anybody can write another's name into a document,
/// and what is kept for that one, or meant for it, would be sent to the endpoints beside the name.
fn issuer_of(metadata: &AuthorizationMetadata, found_at: Option<Url>, server: &Url) -> Result<String, AuthFault> {
    let Some(issuer) = &metadata.issuer else {
        // The endpoints of servers older than metadata have no issuer; they are the server's own.
        let is_own = claimed(&metadata.token_endpoint)?.unproven().origin() == server.origin();
        let why = "its authorization server does not say its issuer, and has its endpoints elsewhere";
        return match is_own {
            true => Ok(server.origin().ascii_serialization()),
            false => Err(AuthFault::Unavailable(why.to_owned())),
        };
    };
    if found_at.as_ref().is_some_and(|url| is_metadata_of(issuer, url)) {
        return Ok(issuer.clone());
    }
    let at = found_at.map_or_else(String::new, |url| crate::http::shown_url(url.as_str()));
    let (issuer, at) = (crate::text::clean(issuer, 200), crate::text::clean(&at, 200));
    Err(AuthFault::Unavailable(format!(
        "it names an authorization server whose metadata, at {at}, says to be of `{issuer}`, and is not where that has its own"
    )))
}

/// Whether an issuer's metadata has its place at this URL (RFC 8414, section 3.1; OpenID Connect Discovery, section 4).
fn is_metadata_of(issuer: &str, url: &Url) -> bool {
    let Ok(issuer) = Url::parse(issuer) else { return false };
    let path = issuer.path().trim_end_matches('/');
    let places = [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
        "/.well-known/oauth-authorization-server".to_owned(),
    ];
    issuer.origin() == url.origin() && places.iter().any(|place| place == url.path())
}

/// Refusals of a token endpoint that another try does not change (RFC 6749, section 5.2).
const FINAL: [&str; 4] = ["invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"];

/// Without those that come twice, in their order.
pub(crate) fn unique(scopes: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    scopes.into_iter().filter(|scope| seen.insert(scope.clone())).collect()
}

impl From<KeyAlgorithm> for JwtSigningAlgorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Rs256 => Self::RS256,
            KeyAlgorithm::Rs384 => Self::RS384,
            KeyAlgorithm::Rs512 => Self::RS512,
            KeyAlgorithm::Es256 => Self::ES256,
            KeyAlgorithm::Es384 => Self::ES384,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_of_an_issuer_only_at_its_well_known_places() {
        for (issuer, url, is_its) in [
            ("https://a.example", "https://a.example/.well-known/oauth-authorization-server", true),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration", true),
            ("https://a.example/t/1", "https://a.example/.well-known/oauth-authorization-server/t/1", true),
            ("https://a.example/t/1", "https://a.example/t/1/.well-known/openid-configuration", true),
            ("https://a.example", "https://evil.example/.well-known/oauth-authorization-server", false),
            ("https://a.example", "http://a.example/.well-known/oauth-authorization-server", false),
            ("https://a.example", "https://a.example:8443/.well-known/oauth-authorization-server", false),
            ("https://a.example", "https://a.example/users/evil/.well-known/openid-configuration", false),
            ("https://a.example", "https://a.example/.well-known/other", false),
            ("not a url", "https://a.example/.well-known/oauth-authorization-server", false),
        ] {
            assert_eq!(is_metadata_of(issuer, &Url::parse(url).unwrap()), is_its, "{issuer} {url}");
        }
    }
}
