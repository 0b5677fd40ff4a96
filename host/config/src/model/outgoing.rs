//! Adapters, and what goes out of components.

use super::{At, LimitOverrides};
use std::path::PathBuf;
use tollgate_core::{Configured, Grant};

/// A component that exports tools.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// What it is.
    pub code: AdapterCode,
    /// What it may use.
    pub grants: Vec<At<Grant>>,
    /// Its own limits, over the defaults.
    pub limits: LimitOverrides,
    /// The secrets that go with its HTTP requests.
    pub secrets: Vec<SecretUse>,
}

/// What an adapter is.
#[derive(Clone, Debug, PartialEq)]
pub enum AdapterCode {
    /// A component's file.
    Component(At<PathBuf>),
    /// The shipped adapter, with a document.
    OpenApi(Box<OpenApi>),
}

/// An API that a document describes. Each list keeps only what it names; an empty one keeps all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenApi {
    /// The document.
    pub document: At<Document>,
    /// The API's URL in place of the document's own.
    pub server: Option<Configured<String>>,
    /// Variables of the document's server URL.
    pub variables: Vec<(String, String)>,
    /// Tags of operations.
    pub tags: Vec<String>,
    /// Patterns of paths.
    pub paths: Vec<String>,
    /// HTTP methods.
    pub methods: Vec<String>,
    /// Patterns of the tools' names.
    pub operations: Vec<String>,
    /// What reads, or what writes.
    pub category: Option<Category>,
}

/// Where a document is.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// A file.
    File(PathBuf),
    /// An https URL; http towards this machine.
    Url(String),
}

impl Default for Document {
    fn default() -> Self {
        Self::File(PathBuf::new())
    }
}

/// Whether operations read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// GET, HEAD, OPTIONS.
    Read,
    /// All others.
    Write,
}

/// A secret that goes with a component's HTTP requests. The component never sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretUse {
    /// Its name under `secrets`.
    pub secret: At<String>,
    /// The hosts that get it, as `api.example.com` or `*.example.com`. Those of an API's `server`, where nothing else is said; empty if
    /// only the document says where its API is, and then nobody gets it.
    pub hosts: Vec<At<String>>,
    /// Where in a request it stands.
    pub place: SecretIn,
}

/// Where in a request a secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretIn {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`, as the password.
    Basic {
        /// The user.
        user: String,
    },
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// What stands before the value.
        prefix: String,
    },
    /// A parameter of the query.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// A token that it is exchanged for (OAuth 2.0, RFC 6749 section 4.4).
    ClientCredentials {
        /// Where.
        token_url: Configured<String>,
        /// The client.
        client_id: String,
        /// What to ask for.
        scopes: Vec<String>,
    },
    /// As a security scheme of the document says.
    Scheme {
        /// The scheme's name in the document.
        name: String,
        /// The user, for basic.
        user: Option<String>,
        /// The client, for OAuth 2.0.
        client_id: Option<String>,
        /// What to ask for, for OAuth 2.0.
        scopes: Vec<String>,
        /// Where the secret is exchanged for a token, for OAuth 2.0 with a client.
        token_url: Option<Configured<String>>,
    },
}

/// Where components keep what outlives their runs, and how much each may. What is not given has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The SQLite file.
    pub file: Option<PathBuf>,
    /// Bytes of one value.
    pub max_value: Option<u64>,
    /// Keys of one component.
    pub max_keys: Option<u64>,
    /// Bytes of all keys and values of one component.
    pub max_bytes: Option<u64>,
}
