//! How to be authorised by a server, as the configuration says it.

use tollgate_core::Secret;

/// How to be authorised by a server over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthSpec {
    /// Not at all, or by the configured headers.
    #[default]
    None,
    /// By OAuth.
    OAuth(Box<OAuthSpec>),
}

impl AuthSpec {
    /// OAuth with every default: a person logs in, and whatever is needed for that is found out.
    pub fn oauth() -> Self {
        Self::OAuth(Box::default())
    }
}

/// How tokens are got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OAuthGrant {
    /// A person logs in with a browser (authorization code with PKCE).
    #[default]
    Code,
    /// The host logs in by itself (client credentials).
    ClientCredentials,
}

/// The signature of `private_key_jwt` (RFC 7523).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with SHA-256.
    Rs256,
    /// RSA with SHA-384.
    Rs384,
    /// RSA with SHA-512.
    Rs512,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
}

/// A private key that proves who the client is, in place of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientKey {
    /// The key, in PEM.
    pub pem: Secret,
    /// What to sign with it.
    pub algorithm: KeyAlgorithm,
}

/// What OAuth needs to know. Everything has a default.
///
/// The client's identity is, in this order: `client_id`; `client_metadata_url`, where the authorization server
/// knows such documents; a dynamic registration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthSpec {
    /// The client, as the authorization server knows it.
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<Secret>,
    /// The client's key, for [`OAuthGrant::ClientCredentials`].
    pub client_key: Option<ClientKey>,
    /// The `https` URL of the client's metadata document.
    pub client_metadata_url: Option<String>,
    /// The scopes to ask for. Empty: those that the server names.
    pub scopes: Vec<String>,
    /// How tokens are got.
    pub grant: OAuthGrant,
    /// The port of 127.0.0.1 that the browser comes back to. `None`: any that is free.
    pub redirect_port: Option<u16>,
    /// Where the browser comes back to, for a client that was registered with one URL: `http`, on loopback, with a
    /// port. It goes before `redirect_port`.
    pub redirect_url: Option<String>,
    /// The only authorization server to trust; its host may have a private address. `None`: the one that the server
    /// names. Needed with a secret or a key, which goes to nobody whom a server alone names.
    pub issuer: Option<String>,
}
