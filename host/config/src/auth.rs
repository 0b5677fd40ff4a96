//! How a server is authorised to: the key `auth`, and what other clients write for it.

use crate::diagnostic::quoted;
use crate::model::{At, Auth, KeyAlgorithm, OAuth, OAuthGrant};
use crate::read::{Cx, Key, Read, Unknown, keys, one_of};
use crate::template::Template;
use crate::tree::{Node, Value};
use crate::values::{Text, Url};
use serde_json::json;

keys! {
    /// How the host is authorised by the server.
    struct AuthKeys {
        /// The way: oauth or none.
        kind "type": Way,
        /// The client, as the authorization server knows it; without it the host registers itself.
        client_id "client_id": Text,
        /// The client's secret; `${env:NAME}` and `${secret:NAME}` are filled in.
        client_secret "client_secret": Template,
        /// The client's private key in PEM, in place of a secret; `${env:NAME}` and `${secret:NAME}` are filled in.
        client_key "client_key": Template,
        /// What is signed with the key: ES256 unless it is given.
        key_algorithm "key_algorithm": KeyAlgorithm,
        /// The https URL of the client's metadata document, for authorization servers that know such documents.
        client_metadata_url "client_metadata_url": HttpsUrl,
        /// The scopes to ask for; those that the server names if it is not given.
        scopes "scopes": Vec<Scope>,
        /// Who logs in: a person (code) or the host by itself (client_credentials).
        grant "grant": OAuthGrant,
        /// The port of 127.0.0.1 that the browser comes back to; any that is free if it is not given.
        redirect_port "redirect_port": Port,
        /// The URL that the browser comes back to, if the client was registered with one; http://localhost:8080/callback.
        redirect_url "redirect_url": RedirectUrl,
        /// The only authorization server to trust; the one that the server names if it is not given. Needed with `client_secret` or `client_key`.
        issuer "issuer": Issuer,
    }
}

keys! {
    /// How other clients write it.
    struct ForeignKeys {
        /// The client, as the authorization server knows it.
        client_id "clientId": Text,
        /// The same.
        client_id_too "CLIENT_ID": Text,
        /// The client's secret.
        client_secret "clientSecret": Template,
        /// The same.
        client_secret_too "CLIENT_SECRET": Template,
        /// The scopes to ask for.
        scopes "scopes": Vec<Scope>,
        /// The port that the browser comes back to.
        port "callbackPort": Port,
        /// Turns it off.
        enabled "enabled": bool,
    }
}

enum Way {
    None,
    OAuth,
}

impl Read for Way {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        one_of(node, key, cx, &WAYS).map(|way| if way == "oauth" { Self::OAuth } else { Self::None })
    }

    fn schema() -> serde_json::Value {
        json!({"enum": WAYS})
    }
}

const WAYS: [&str; 2] = ["oauth", "none"];
const GRANTS: [&str; 2] = ["code", "client_credentials"];
const ALGORITHMS: [(&str, KeyAlgorithm); 5] = [
    ("ES256", KeyAlgorithm::Es256),
    ("ES384", KeyAlgorithm::Es384),
    ("RS256", KeyAlgorithm::Rs256),
    ("RS384", KeyAlgorithm::Rs384),
    ("RS512", KeyAlgorithm::Rs512),
];

impl Read for OAuthGrant {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let grant = one_of(node, key, cx, &GRANTS)?;
        Some(if grant == "code" { Self::Code } else { Self::ClientCredentials })
    }

    fn schema() -> serde_json::Value {
        json!({"enum": GRANTS})
    }
}

impl Read for KeyAlgorithm {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let name = one_of(node, key, cx, &ALGORITHMS.map(|(name, _)| name))?;
        ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": ALGORITHMS.map(|(name, _)| name)})
    }
}

/// A scope: one word (RFC 6749, section 3.3).
struct Scope(String);

impl Read for Scope {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if text.bytes().any(|b| !b.is_ascii_graphic() || b == b'"' || b == b'\\') {
            cx.error_help(node.line, key, "not a scope", "a scope is one word; write several as a list");
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^[!#-\[\]-~]+$"})
    }
}

struct Port(u16);

impl Read for Port {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let port = match &node.value {
            Value::Number(number) => number.parse().ok().filter(|port: &u16| *port > 0),
            _ => None,
        };
        if port.is_none() {
            cx.expected(node, key, "a port, from 1 to 65535");
        }
        port.map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "integer", "minimum": 1, "maximum": 65535})
    }
}

/// A URL without parts that are no name of anything: query, fragment.
struct Issuer(String);

impl Read for Issuer {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Url(url) = Url::read(node, key, cx)?;
        if url.query().is_some() {
            cx.error(node.line, key, "an issuer has no query");
            return None;
        }
        cx.text(node, key).map(|text| Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        Url::schema()
    }
}

struct HttpsUrl(String);

impl Read for HttpsUrl {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Url(url) = Url::read(node, key, cx)?;
        if url.scheme_str() != Some("https") || url.path().len() < 2 {
            cx.error(node.line, key, "not the URL of a document: write it as https://example.com/client.json");
            return None;
        }
        Some(Self(url.to_string()))
    }

    fn schema() -> serde_json::Value {
        Url::schema()
    }
}

/// A URL of this machine that a browser is sent to.
struct RedirectUrl(String);

impl Read for RedirectUrl {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Url(url) = Url::read(node, key, cx)?;
        let is_here = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme_str() != Some("http") || !is_here || url.port().is_none() || url.query().is_some() {
            let help = "write it as http://localhost:8080/callback";
            cx.error_help(node.line, key, "not a URL of this machine with a port", help);
            return None;
        }
        cx.text(node, key).map(|text| Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        Url::schema()
    }
}

impl Read for Auth {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let is_ours = node.get("type").is_some();
        if matches!(node.value, Value::Text(_)) {
            if cx.foreign && !matches!(&node.value, Value::Text(text) if WAYS.contains(&text.as_str())) {
                cx.warn(node.line, key, "ignored", "write a token as `headers: {Authorization: Bearer ${env:NAME}}`");
                return None;
            }
            return Way::read(node, key, cx).map(|way| match way {
                Way::OAuth => Self::OAuth(Box::default()),
                Way::None => Self::None,
            });
        }
        if cx.foreign && !is_ours {
            return ForeignAuth::read(node, key, cx).map(|auth| auth.0);
        }
        let keys = AuthKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        if !is_ours {
            cx.error_help(node.line, key, "does not say its `type`", "add `type: oauth`");
        }
        if matches!(keys.kind, Some(At { value: Way::None, .. })) {
            return Some(Self::None);
        }
        let oauth = OAuth {
            client_id: keys.client_id.map(|id| id.value.0),
            client_secret: keys.client_secret,
            client_key: keys.client_key,
            key_algorithm: keys.key_algorithm.map(|a| a.value).unwrap_or_default(),
            client_metadata_url: keys.client_metadata_url.map(|url| url.value.0),
            scopes: scopes(keys.scopes),
            grant: keys.grant.map(|grant| grant.value).unwrap_or_default(),
            redirect_port: keys.redirect_port.map(|port| port.value.0),
            redirect_url: keys.redirect_url.map(|url| url.value.0),
            issuer: keys.issuer.map(|issuer| issuer.value.0),
        };
        check(&oauth, node, key, cx);
        Some(Self::OAuth(Box::new(oauth)))
    }

    fn schema() -> serde_json::Value {
        let mut ours = AuthKeys::schema_of_keys();
        if let Some(ours) = ours.as_object_mut() {
            ours.insert("required".into(), json!(["type"]));
            let needed = ["client_id", "issuer"];
            ours.insert("dependentRequired".into(), json!({"client_secret": needed, "client_key": needed}));
        }
        json!({"anyOf": [{"enum": WAYS}, ours]})
    }
}

/// What belongs together.
fn check(oauth: &OAuth, node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) {
    let by_itself = oauth.grant == OAuthGrant::ClientCredentials;
    let proofs = (oauth.client_secret.is_some(), oauth.client_key.is_some());
    let mut error = |message: &str, help: &str| cx.error_help(node.line, key, message, help);
    if oauth.redirect_port.is_some() && oauth.redirect_url.is_some() {
        error("has both `redirect_port` and `redirect_url`", "keep one of them");
    }
    if proofs == (true, true) {
        error("has both `client_secret` and `client_key`", "keep one of them");
    }
    if (proofs.0 || proofs.1 || by_itself) && oauth.client_id.is_none() {
        error("has no `client_id`", "add the one that the authorization server gave");
    }
    if by_itself && proofs == (false, false) {
        error("has neither `client_secret` nor `client_key`", "`client_credentials` needs one of them");
    }
    if (proofs.0 || proofs.1) && oauth.issuer.is_none() {
        error(&no_issuer(if proofs.0 { "client_secret" } else { "client_key" }), ADD_ISSUER);
    }
    if !by_itself && proofs.1 {
        error("`client_key` is for `grant: client_credentials`", "use a `client_secret`, or none");
    }
}

const ADD_ISSUER: &str = "add `issuer: https://…`, the URL of the authorization server that knows the client";

/// Why what a client proves itself with is not sent.
fn no_issuer(proof: &str) -> String {
    format!("has a `{proof}` and no `issuer`: whatever authorization server the server names would get it")
}

fn scopes(scopes: Option<At<Vec<Scope>>>) -> Vec<String> {
    scopes.map(|scopes| scopes.value.into_iter().map(|scope| scope.0).collect()).unwrap_or_default()
}

/// The key `oauth` of other clients, or their `auth`.
pub(crate) struct ForeignAuth(pub(crate) Auth);

impl Read for ForeignAuth {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if !cx.foreign {
            cx.error_help(node.line, key, "unknown key", "write it as `auth: {type: oauth}`");
            return None;
        }
        if let Value::Bool(on) = node.value {
            return Some(Self(if on { Auth::OAuth(Box::default()) } else { Auth::None }));
        }
        if !matches!(node.value, Value::Map(_)) {
            cx.warn(node.line, key, format!("{} is ignored", quoted(key.name())), "write it as `auth: {type: oauth}`");
            return None;
        }
        let keys = ForeignKeys::read_keys(node, key, cx, Unknown::Warn)?;
        if keys.enabled.is_some_and(|enabled| !enabled.value) {
            return Some(Self(Auth::None));
        }
        let client_id = keys.client_id.or(keys.client_id_too).map(|id| id.value.0);
        // A secret is of no use without the client that it proves.
        let client_secret = keys.client_secret.or(keys.client_secret_too).filter(|_| client_id.is_some());
        if let Some(secret) = &client_secret {
            // The server is there and fails: those clients have no key for it.
            let help = "write it as `auth: {type: oauth, client_id: …, client_secret: …, issuer: https://…}`";
            cx.warn(secret.line, key, no_issuer("client secret"), help);
        }
        let oauth = OAuth {
            client_secret,
            client_id,
            scopes: scopes(keys.scopes),
            // What those clients name to the authorization server.
            redirect_url: keys.port.map(|port| format!("http://localhost:{}/callback", port.value.0)),
            ..OAuth::default()
        };
        Some(Self(Auth::OAuth(Box::new(oauth))))
    }

    fn schema() -> serde_json::Value {
        // Whatever else they write is a warning.
        json!({"anyOf": [ForeignKeys::schema_of_keys(), {}]})
    }
}
