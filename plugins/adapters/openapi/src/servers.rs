//! Where an API is, and how it wants its callers authorised.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::operation::Place;
use crate::options::Options;
use crate::text;

/// The most security schemes, and the most ways of one operation.
const MAX_SCHEMES: usize = 100;

/// The base URL of an operation: the options', or the first server of the operation, its path or the document.
///
/// # Errors
/// Why there is none, and how to give one.
pub fn base_url(owners: [&Value; 3], options: &Options) -> Result<String, String> {
    if let Some(server) = &options.server {
        return checked(server);
    }
    let first = |owner: &'_ Value| owner.get("servers").and_then(|servers| servers.get(0)).cloned();
    let Some(server) = owners.into_iter().find_map(first) else {
        return Err("the document names no server; give one by `server`".into());
    };
    let template = server.get("url").and_then(Value::as_str).unwrap_or_default();
    let url = filled(template, server.get("variables"), options)?;
    let url = if url.starts_with("//") { format!("https:{url}") } else { url };
    if !url.contains("://") {
        let shown = text::shortened(&url, 200);
        return Err(format!(
            "the document's server `{shown}` is relative to where the document lies; give the whole URL by `server`"
        ));
    }
    checked(&url)
}

/// A URL template with its variables filled in.
fn filled(template: &str, variables: Option<&Value>, options: &Options) -> Result<String, String> {
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        url.push_str(before);
        let variable = variables.and_then(|variables| variables.get(name));
        let allowed = variable.and_then(|variable| variable.get("enum")).and_then(Value::as_array);
        let value = match (options.variables.get(name), variable.and_then(|variable| variable.get("default"))) {
            (Some(given), _) => {
                if allowed.is_some_and(|allowed| !allowed.is_empty() && !allowed.iter().any(|value| value == given)) {
                    let allowed: Vec<_> = allowed.into_iter().flatten().filter_map(Value::as_str).take(24).collect();
                    return Err(format!("the server's variable `{name}` is one of {}", allowed.join(", ")));
                }
                given.clone()
            }
            (None, Some(Value::String(default))) => default.clone(),
            (None, Some(default @ Value::Number(_))) => default.to_string(),
            _ => {
                let shown = text::shortened(name, 100);
                return Err(format!("the server's variable `{shown}` has no default; give it by `variables`"));
            }
        };
        url.push_str(&value);
        rest = after;
    }
    Ok(url + rest)
}

/// A base URL that requests can be made of, without a slash at its end.
fn checked(url: &str) -> Result<String, String> {
    let shown = text::shortened(url, 200);
    let bad = |why: &str| Err(format!("the server `{shown}` {why}; give another by `server`"));
    let Ok(parsed) = url.parse::<http::Uri>() else { return bad("is no URL") };
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return bad("is no http or https URL");
    }
    if parsed.host().is_none_or(str::is_empty) {
        return bad("has no host");
    }
    if parsed.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return bad("has a user name in it");
    }
    if url.contains(['?', '#', '{', '}', '\\']) || parsed.path().split('/').any(|segment| matches!(segment, "." | ".."))
    {
        return bad("has more than a scheme, a host and a path");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The document's security schemes, as the catalog has them, and a warning for each that cannot be read.
pub fn schemes(document: &Document, warnings: &mut Vec<String>) -> Map<String, Value> {
    let mut schemes = Map::new();
    let declared = document.root().pointer("/components/securitySchemes").and_then(Value::as_object);
    for (name, scheme) in declared.into_iter().flatten().take(MAX_SCHEMES) {
        match document.resolve(scheme) {
            Ok(scheme) => {
                schemes.insert(name.clone(), one_scheme(scheme));
            }
            Err(error) => warnings.push(format!("the security scheme `{}`: {error}", text::shortened(name, 100))),
        }
    }
    schemes
}

fn one_scheme(scheme: &Value) -> Value {
    let mut kept = Map::new();
    for member in ["type", "in", "name", "scheme", "openIdConnectUrl"] {
        if let Some(value) = scheme.get(member).and_then(Value::as_str) {
            kept.insert(member.into(), text::shortened(value, 1_000).into());
        }
    }
    if let Some(flows) = scheme.get("flows").and_then(Value::as_object) {
        // Of the flows, client credentials are the one that needs no person.
        let flow = flows.get("clientCredentials").or_else(|| flows.values().next());
        if let Some(url) = flows.get("clientCredentials").and_then(|flow| flow.get("tokenUrl")).and_then(Value::as_str)
        {
            kept.insert("tokenUrl".into(), text::shortened(url, 1_000).into());
        }
        let scopes = flow.and_then(|flow| flow.get("scopes")).and_then(Value::as_object);
        let scopes: Vec<_> = scopes.into_iter().flat_map(Map::keys).take(MAX_SCHEMES).collect();
        kept.insert("scopes".into(), json!(scopes));
        kept.insert("flows".into(), json!(flows.keys().take(8).collect::<Vec<_>>()));
    }
    kept.into()
}

/// The ways to authorise an operation: its own, else the document's.
pub fn security(document: &Document, operation: &Value) -> Vec<BTreeMap<String, Vec<String>>> {
    let ways = operation.get("security").or_else(|| document.root().get("security")).and_then(Value::as_array);
    let scopes = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).take(MAX_SCHEMES).map(str::to_owned).collect()
    };
    let way = |way: &Value| -> Option<BTreeMap<String, Vec<String>>> {
        Some(way.as_object()?.iter().take(MAX_SCHEMES).map(|(name, list)| (name.clone(), scopes(list))).collect())
    };
    ways.into_iter().flatten().take(MAX_SCHEMES).filter_map(way).collect()
}

/// What authorises calls of an operation, and so is no argument: the host adds it.
pub struct Credentials<'c> {
    schemes: &'c Map<String, Value>,
    security: &'c [BTreeMap<String, Vec<String>>],
}

impl<'c> Credentials<'c> {
    /// Those of the operation's ways to authorise.
    pub fn new(schemes: &'c Map<String, Value>, security: &'c [BTreeMap<String, Vec<String>>]) -> Self {
        Self { schemes, security }
    }

    /// Whether a parameter is one: an `apiKey` scheme is it, or it is a bearer token by its own account.
    pub fn is_parameter(&self, place: Place, name: &str, description: &str) -> bool {
        is_key(self.schemes, self.security, place, name)
            || (matches!(place, Place::Query | Place::Header) && self.is_field(name, description))
    }

    /// Whether a parameter, or a member of a form, is a bearer token by its own account (RFC 6750 has these places for one,
    /// beside the header): the operation has a scheme whose token it can be, its name says so, and the first sentence of its
    /// description says nothing else. "OAuth access token." is one; "The access token to revoke." is an argument.
    pub fn is_field(&self, name: &str, description: &str) -> bool {
        const NAMES: [&str; 3] = ["token", "access_token", "oauth_token"];
        let is_bearer = |scheme: &Value| {
            let is = |member: &str, word: &str| {
                scheme.get(member).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(word))
            };
            is("type", "oauth2") || is("type", "openIdConnect") || (is("type", "http") && is("scheme", "bearer"))
        };
        let mut used = self.security.iter().flat_map(BTreeMap::keys).filter_map(|name| self.schemes.get(name));
        NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) && used.any(is_bearer) && says_token(description)
    }
}

/// Whether the first sentence says "access token", in one of its names, and nothing more than for whom.
fn says_token(description: &str) -> bool {
    const KINDS: [&str; 8] =
        ["oauth", "oauth2", "access", "authentication", "authorization", "authorisation", "auth", "bearer"];
    const OTHERS: [&str; 10] = ["a", "an", "the", "your", "2.0", "token", "for", "of", "current", "user"];
    let line = description.trim().lines().next().unwrap_or_default();
    let sentence = line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.').to_ascii_lowercase();
    let (mut token, mut kind) = (false, false);
    for word in sentence.split_whitespace() {
        token |= word == "token";
        kind |= KINDS.contains(&word);
        if !KINDS.contains(&word) && !OTHERS.contains(&word) {
            return false;
        }
    }
    token && kind
}

/// Whether a parameter is one that the host fills in, because an `apiKey` scheme of the operation is it.
fn is_key(schemes: &Map<String, Value>, security: &[BTreeMap<String, Vec<String>>], place: Place, name: &str) -> bool {
    let place = match place {
        Place::Path => return false,
        Place::Query => "query",
        Place::Header => "header",
        Place::Cookie => "cookie",
    };
    let is = |scheme: &Value| {
        scheme.get("type").is_some_and(|kind| kind == "apiKey")
            && scheme.get("in").is_some_and(|at| at == place)
            && scheme.get("name").and_then(Value::as_str).is_some_and(|key| match place {
                "header" => key.eq_ignore_ascii_case(name),
                _ => key == name,
            })
    };
    security.iter().flat_map(BTreeMap::keys).any(|used| schemes.get(used).is_some_and(is))
}
