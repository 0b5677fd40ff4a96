//! What a component has of the outside: the secrets that go with its HTTP requests, what it keeps, and the documents that tools
//! are made of.

use crate::diagnostic::quoted;
use crate::model::{At, Category, Document, OpenApi, SecretIn, SecretUse, State};
use crate::read::{Cx, Key, NameRule, Read, Table, Unknown, keys, one_of};
use crate::tree::{Node, Value};
use crate::values::{Name, Text, Url};
use serde_json::json;
use std::path::PathBuf;
use tollgate_core::address::is_sealed;
use tollgate_core::{Configured, HttpUrl, OriginPattern};

keys! {
    /// Where a secret is put into a component's HTTP requests, and towards whom.
    struct UseKeys {
        /// The hosts that it is sent to, as api.example.com or *.example.com; nobody else ever gets it. Those of `openapi.server` unless given.
        hosts "hosts": Vec<Text>,
        /// Where: bearer, basic, header, query, cookie, client_credentials; with `openapi` also scheme.
        place "in": Place,
        /// The name of the header, parameter or cookie; or of the document's security scheme.
        name "name": Text,
        /// What stands before the value in a header, as `Token `.
        prefix "prefix": Text,
        /// The user of basic; the secret is the password.
        user "user": Text,
        /// Where client_credentials are exchanged for a token; the secret is the client's. Also of a scheme of oauth2 with a client_id.
        token_url "token_url": Url,
        /// The client of client_credentials.
        client_id "client_id": Text,
        /// The scopes of client_credentials.
        scopes "scopes": Vec<Text>,
    }
}

/// The places, and the keys that each needs and may have.
const PLACES: [(&str, &[&str], &[&str]); 7] = [
    ("bearer", &[], &[]),
    ("basic", &["user"], &[]),
    ("header", &["name"], &["prefix"]),
    ("query", &["name"], &[]),
    ("cookie", &["name"], &[]),
    ("client_credentials", &["token_url", "client_id"], &["scopes"]),
    ("scheme", &["name"], &["user", "client_id", "scopes", "token_url"]),
];

struct Place(&'static str);

impl Read for Place {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        one_of(node, key, cx, &PLACES.map(|(name, ..)| name)).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": PLACES.map(|(name, ..)| name)})
    }
}

/// How one secret is used; its name is the key that it stands under.
pub(crate) struct Use(SecretIn, Vec<At<String>>);

impl Read for Use {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(node.value, Value::Text(_)) {
            let help = "say where it goes: `{hosts: [api.example.com], in: bearer}`";
            cx.error_help(node.line, key, "a secret itself is never written here", help);
            return None;
        }
        let keys = UseKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let Some(At { line, value: Place(place) }) = keys.place else {
            if node.get("in").is_none() {
                cx.error_help(node.line, key, "does not say where the secret goes", "add `in`, as `in: bearer`");
            }
            return None;
        };
        let (_, needed, allowed) = PLACES.iter().find(|(name, ..)| *name == place)?;
        for name in needed.iter().filter(|name| node.get(name).is_none()) {
            cx.error_help(line, key, format!("`in: {place}` needs the key {}", quoted(name)), "add it");
        }
        for (name, stray) in cx.entries(node, key)? {
            let common = ["hosts", "in"].contains(&name.as_str());
            if UseKeys::NAMES.contains(&name.as_str())
                && !common
                && ![needed, allowed].iter().any(|k| k.contains(&name.as_str()))
            {
                let message = format!("has no meaning with `in: {place}`");
                cx.error_help(stray.line, &key.child(name), message, "remove it");
            }
        }
        let text = |given: Option<At<Text>>| given.map(|text| text.value.0);
        let texts = |given: Option<At<Vec<Text>>>| -> Vec<String> {
            given.into_iter().flat_map(|texts| texts.value.into_iter().map(|text| text.0)).collect()
        };
        let configured = |url: At<Url>| Configured::by_operator(url.value.0.to_string());
        let hosts = node.get("hosts").map(|hosts| hosts.line).unwrap_or(node.line);
        let hosts = texts(keys.hosts).into_iter().map(|value| At { line: hosts, value }).collect();
        let place = match place {
            "bearer" => SecretIn::Bearer,
            "basic" => SecretIn::Basic { user: text(keys.user)? },
            "header" => SecretIn::Header { name: text(keys.name)?, prefix: text(keys.prefix).unwrap_or_default() },
            "query" => SecretIn::Query(text(keys.name)?),
            "cookie" => SecretIn::Cookie(text(keys.name)?),
            "client_credentials" => SecretIn::ClientCredentials {
                token_url: keys.token_url.map(configured)?,
                client_id: text(keys.client_id)?,
                scopes: texts(keys.scopes),
            },
            _ => SecretIn::Scheme {
                name: text(keys.name)?,
                user: text(keys.user),
                client_id: text(keys.client_id),
                scopes: texts(keys.scopes),
                token_url: keys.token_url.map(configured),
            },
        };
        Some(Self(place, hosts))
    }

    fn schema() -> serde_json::Value {
        let mut schema = UseKeys::schema_of_keys();
        let places = PLACES.map(|(name, needed, allowed)| {
            let mut properties: Vec<&str> = ["hosts", "in"].to_vec();
            properties.extend(needed.iter().chain(allowed));
            let needed: Vec<&str> = ["in"].iter().chain(needed).copied().collect();
            json!({"properties": {"in": {"const": name}}, "required": needed, "propertyNames": {"enum": properties}})
        });
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("oneOf".into(), places.to_vec().into());
        }
        schema
    }
}

/// The secrets of one component.
pub(crate) type Uses = Table<Name, Use>;

/// The secrets that a component's requests carry. `document` says that places may be those of a document.
pub(crate) fn uses(
    table: Option<At<Uses>>,
    document: Option<&OpenApi>,
    key: &Key<'_>,
    cx: &mut Cx<'_>,
) -> Vec<SecretUse> {
    let entries = table.map(|table| table.value.entries).unwrap_or_default();
    let mut uses = Vec::new();
    for (secret, Use(place, mut hosts)) in entries {
        let section = key.child("secrets");
        let key = section.child(&secret.value);
        if document.is_none() && matches!(place, SecretIn::Scheme { .. }) {
            let help = "write `in: bearer`, `header`, `query`, `cookie`, `basic` or `client_credentials`";
            cx.error_help(secret.line, &key, "`in: scheme` is for a server with `openapi`", help);
        }
        // Where the API is may be the document's word; who gets a secret is the operator's alone.
        let server = document.and_then(|api| api.server.as_ref()).filter(|_| hosts.is_empty());
        if let Some(origin) = server.and_then(|server| HttpUrl::parse(server).ok()) {
            let shown = origin.origin();
            if is_sealed(origin.scheme.as_str(), &origin.host.to_string()) {
                hosts.push(At { line: secret.line, value: shown });
            } else {
                let help =
                    format!("add `hosts: ['{shown}']` if that is in your own network, or write `server` with https");
                let message =
                    "does not say that the secret may go over clear http, where everybody on the way can read it";
                cx.error_help(secret.line, &key, message, help);
            }
        }
        if document.is_none() && hosts.is_empty() {
            let help = "add `hosts: [api.example.com]`: nobody else gets it";
            cx.error_help(secret.line, &key, "does not say which hosts may get the secret", help);
        }
        let address = document.and_then(|api| HttpUrl::parse(api.server.as_ref()?).ok());
        let reads = |host: &At<String>| OriginPattern::parse_host(&host.value).ok();
        if let (Some(address), Some(first)) = (address, hosts.first())
            && !hosts.iter().filter_map(reads).any(|origin| origin.matches(&address))
        {
            let shown = address.origin();
            let message = format!("none of these is the API's address, {shown}: its requests go without the secret");
            cx.warn(
                first.line,
                &key.child("hosts"),
                message,
                format!("add '{shown}'; without a scheme https is meant"),
            );
        }
        for host in &hosts {
            // One that cannot be read is the host's to refuse, with all else that is wrong with the secret.
            if let Some(doubt) = OriginPattern::parse_host(host).ok().and_then(|origin| origin.host.doubt()) {
                cx.warn(host.line, &key.child("hosts"), doubt, "name those that may get the secret");
            }
        }
        uses.push(SecretUse { secret, hosts, place });
    }
    uses
}

keys! {
    /// Where components keep what outlives their runs, and how much each may.
    struct StateKeys {
        /// The SQLite file; relative to this one.
        file "file": PathBuf,
        /// The largest value, as 1MiB.
        max_value "max_value": Size,
        /// The most keys of a component.
        max_keys "max_keys": Count,
        /// The most that all keys and values of a component take, as 64MiB.
        max_bytes "max_bytes": Size,
    }
}

/// A size in bytes, and no less than one.
struct Size(u64);

impl Read for Size {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        match tollgate_core::limits::parse_bytes(text) {
            Ok(0) => cx.error_help(node.line, key, "is nothing", "write a size, as 64MiB"),
            Ok(size) => return Some(Self(size)),
            Err(error) => cx.error(node.line, key, error),
        }
        None
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "minLength": 1})
    }
}

/// A number of things, and no less than one.
struct Count(u64);

impl Read for Count {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let count = match &node.value {
            Value::Number(number) => number.parse().ok().filter(|count: &u64| *count > 0),
            _ => None,
        };
        if count.is_none() {
            cx.error_help(node.line, key, "not a number of things", "write a whole number above 0, as 10000");
        }
        count.map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "integer", "minimum": 1})
    }
}

impl Read for State {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = StateKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        Some(Self {
            file: keys.file.map(|file| file.value),
            max_value: keys.max_value.map(|size| size.value.0),
            max_keys: keys.max_keys.map(|count| count.value.0),
            max_bytes: keys.max_bytes.map(|size| size.value.0),
        })
    }

    fn schema() -> serde_json::Value {
        StateKeys::schema_of_keys()
    }
}

keys! {
    /// An API that a document describes: each of its operations is a tool.
    struct OpenApiKeys {
        /// The document: a file, relative to this one, or an https URL. OpenAPI 3.0 or 3.1, in JSON or YAML.
        document "document": DocumentPlace,
        /// The URL of the API, if it is not the one in the document.
        server "server": Url,
        /// Variables of the document's server URL.
        variables "variables": Table<VariableKey, Text>,
        /// Only operations with one of these tags.
        tags "tags": Vec<Text>,
        /// Only operations of these paths, as /repos/*.
        paths "paths": Vec<Text>,
        /// Only operations of these methods, as GET.
        methods "methods": Vec<Text>,
        /// Only operations of these names, as issues_*.
        operations "operations": Vec<Text>,
        /// Only operations that read, or only those that write.
        category "category": Category,
    }
}

struct VariableKey;

impl NameRule for VariableKey {
    const PATTERN: &str = "^[^\\s{}]+$";

    fn check(name: &str) -> Result<(), String> {
        let plain = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '{' || c == '}');
        if plain { Ok(()) } else { Err("is no name of a variable".to_owned()) }
    }
}

struct DocumentPlace(Document);

impl Read for DocumentPlace {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Value::Text(text) = &node.value else { return PathBuf::read(node, key, cx).map(Document::File).map(Self) };
        if text.contains("://") {
            return Url::read(node, key, cx).map(|url| Self(Document::Url(url.0.to_string())));
        }
        PathBuf::read(node, key, cx).map(Document::File).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "minLength": 1})
    }
}

const CATEGORIES: [&str; 2] = ["read", "write"];

impl Read for Category {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let category = one_of(node, key, cx, &CATEGORIES)?;
        Some(if category == "read" { Self::Read } else { Self::Write })
    }

    fn schema() -> serde_json::Value {
        json!({"enum": CATEGORIES})
    }
}

impl Read for OpenApi {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(node.value, Value::Text(_)) {
            let document = DocumentPlace::read(node, key, cx)?;
            return Some(Self { document: At { line: node.line, value: document.0 }, ..Self::default() });
        }
        let keys = OpenApiKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let Some(document) = keys.document else {
            if node.get("document").is_none() {
                cx.error_help(node.line, key, "names no document", "add `document`: a file or a URL");
            }
            return None;
        };
        let texts = |given: Option<At<Vec<Text>>>| -> Vec<String> {
            given.into_iter().flat_map(|texts| texts.value.into_iter().map(|text| text.0)).collect()
        };
        Some(Self {
            document: At { line: document.line, value: document.value.0 },
            server: keys.server.map(|url| Configured::by_operator(url.value.0.to_string())),
            variables: keys
                .variables
                .into_iter()
                .flat_map(|table| table.value.entries.into_iter().map(|(name, text)| (name.value, text.0)))
                .collect(),
            tags: texts(keys.tags),
            paths: texts(keys.paths),
            methods: texts(keys.methods),
            operations: texts(keys.operations),
            category: keys.category.map(|category| category.value),
        })
    }

    fn schema() -> serde_json::Value {
        let mut map = OpenApiKeys::schema_of_keys();
        if let Some(map) = map.as_object_mut() {
            map.insert("required".into(), json!(["document"]));
        }
        json!({"anyOf": [DocumentPlace::schema(), map]})
    }
}
