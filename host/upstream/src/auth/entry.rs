//! What is kept of a login, and what a request needs of it.

use super::AuthFault;
use http::HeaderValue;
use rmcp::transport::auth::StoredCredentials;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tollgate_core::Secret;

/// A token that expires sooner than this is renewed first.
const SOON: Duration = Duration::from_secs(30);

/// A login, as it is kept. It has no `Debug`: it is made of secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The secret that came with a dynamic registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    /// Tokens, scopes and client, as rmcp has them.
    pub(crate) credentials: StoredCredentials,
    /// Scopes that the server asked for since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) wanted: Vec<String>,
}

impl Entry {
    /// # Errors
    /// It is not an entry. What it holds is not in the error.
    pub(crate) fn parse(text: &Secret) -> Result<Self, AuthFault> {
        serde_json::from_str(text.expose())
            .map_err(|_| AuthFault::NeedsLogin("the login that is kept cannot be read".to_owned()))
    }

    /// # Errors
    /// Never for what rmcp gave.
    pub(crate) fn to_secret(&self) -> Result<Secret, AuthFault> {
        let text = serde_json::to_string(self);
        text.map(Secret::from).map_err(|_| AuthFault::Unavailable("the login cannot be kept".to_owned()))
    }

    /// What requests need of it.
    ///
    /// # Errors
    /// There is no token in it that a request can carry.
    pub(crate) fn access(&self) -> Result<Access, AuthFault> {
        let unusable = |why: &str| AuthFault::NeedsLogin(format!("the authorization server's token {why}"));
        // The fields' own accessors are of a crate that rmcp keeps to itself.
        let token = self.credentials.token_response.as_ref().and_then(|t| serde_json::to_value(t).ok());
        let token = token.ok_or_else(|| unusable("is missing"))?;
        let text = |name: &str| token.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        if !text("token_type").is_some_and(|t| t.eq_ignore_ascii_case("bearer")) {
            return Err(unusable("is not of the type Bearer, the only one that is supported"));
        }
        let access = text("access_token").ok_or_else(|| unusable("is empty"))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {access}"))
            .map_err(|_| unusable("has characters that a header cannot have"))?;
        header.set_sensitive(true);
        let lifetime = token.get("expires_in").and_then(Value::as_u64);
        let expires = lifetime.zip(self.credentials.token_received_at).and_then(|(lifetime, received)| {
            UNIX_EPOCH.checked_add(Duration::from_secs(received.saturating_add(lifetime)))
        });
        Ok(Access {
            header,
            token: Secret::from(access),
            refresh: text("refresh_token").map(Secret::from),
            expires,
            scopes: self.credentials.granted_scopes.clone(),
            issuer: self.credentials.issuer.clone(),
        })
    }
}

/// A token, as requests carry it.
pub(crate) struct Access {
    pub(crate) header: HeaderValue,
    pub(crate) token: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) expires: Option<SystemTime>,
    pub(crate) scopes: Vec<String>,
    /// Who gave it.
    pub(crate) issuer: Option<String>,
}

impl Access {
    pub(crate) fn expires_soon(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| now + SOON >= expires)
    }

    pub(crate) fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}
