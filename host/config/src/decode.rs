//! The keys of the file, and what they mean together.

use crate::auth::ForeignAuth;
use crate::callers::{Callers, warn_of_callers};
use crate::diagnostic::{Diagnostic, quoted};
use crate::dotenv::EnvFile;
use crate::model::{
    Adapter, AdapterCode, At, Auth, Breaker, Cache, Config, LimitOverrides, Model, OpenApi, Orchestration, Policy,
    Process, Remote, RemoteProtocol, Retry, Routing, SecretPlace, SecretSource, Serve, Server, State, Switch,
    Transport, Variable,
};
use crate::outgoing::{Uses, uses};
use crate::ranged::Whole;
use crate::read::{Cx, Key, Read, Table, Unknown, exactly_one, keys, suggest};
use crate::routing::{Labels, LazyWord, RateLimit};
use crate::serve::warn_of_strangers;
use crate::template::Template;
use crate::tree::{Node, Value};
use crate::values::{Argument, Command, HeaderName, Ignored, Name, Priority, Seconds, Text, Tools, Url, VariableName};
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tollgate_core::address::is_sealed;
use tollgate_core::name::{SERVER_NAME_MAX_BYTES, check_server_name};
use tollgate_core::{Configured, Grant};

keys! {
    /// The configuration of Tollgate.
    struct FileKeys {
        /// The schema of this file, for editors.
        schema "$schema": Text,
        /// Servers, as other MCP clients write them; keys that only those know are warned of.
        mcp_servers "mcpServers": Servers<true>,
        /// Servers.
        servers "servers": Servers<false>,
        /// Workflows over the tools of the servers.
        policies "policies": Table<Name, Policy>,
        /// The limits of every run that sets none of its own.
        limits "limits": LimitOverrides,
        /// The file that records every run; relative to this file.
        journal "journal": PathBuf,
        /// The folder of compiled components; relative to this file.
        cache "cache": PathBuf,
        /// Where `${secret:NAME}` comes from.
        secrets "secrets": Table<Name, SecretPlace>,
        /// Where components keep what outlives their runs, and how much.
        state "state": State,
        /// How the host is served; a flag of `tollgate serve` goes before its key.
        serve "serve": Serve,
        /// Rights of each caller over HTTP, by the name of its token; without it `serve.grants`, `serve.expose` and `serve.approve` hold for all.
        callers "callers": Callers,
        /// What holds for every server that does not say otherwise: retries, breakers, caches.
        orchestration "orchestration": Orchestration,
        /// The language model that the host asks for components.
        model "model": Model,
    }
}

keys! {
    /// A server: a process, an address or an adapter.
    struct ServerKeys {
        /// The program to start: a name in PATH, or a path relative to this file.
        command "command": Command,
        /// Its arguments.
        args "args": Vec<Argument>,
        /// Its environment beyond a minimal one; `${env:NAME}` and `${secret:NAME}` are filled in.
        env "env": Table<VariableName, Template>,
        /// Its working folder; relative to this file.
        cwd "cwd": PathBuf,
        /// A dotenv file with more of its environment; relative to this file.
        env_file "envFile": PathBuf,
        /// The address of a remote server.
        url "url": Url,
        /// Headers of every request to it; `${env:NAME}` and `${secret:NAME}` are filled in.
        headers "headers": Table<HeaderName, Template>,
        /// How the host is authorised: oauth, none, or a map of what oauth needs; oauth unless a header authorises.
        auth "auth": Auth,
        /// Another client's form of `auth`.
        oauth "oauth": ForeignAuth,
        /// Lets headers and tokens go to another machine over clear http, where everybody on the way can read them.
        allow_http "allow_http": bool,
        /// The proxy of requests to it, as http://proxy.example.com:3128; without it there is none, whatever the environment says.
        proxy "proxy": Url,
        /// How to speak to it; derived from the other keys if it is not given.
        kind "type": Kind,
        /// The file of an adapter: a component that exports tools; relative to this file.
        component "component": PathBuf,
        /// What the adapter may use, as `crm:*` or `read-only`.
        grants "grants": Vec<At<Grant>>,
        /// The adapter's own limits.
        limits "limits": LimitOverrides,
        /// An API as a server: the file or URL of its OpenAPI document, or a map with `document`.
        openapi "openapi": OpenApi,
        /// The secrets that go with an adapter's HTTP requests, by name.
        secrets "secrets": Uses,
        /// Keeps it from being started.
        disabled "disabled": bool,
        /// The host is not ready, and lets no agent initialize, while this server is not there.
        required "required": bool,
        /// The time for one call: a number of seconds, or a duration as 30s.
        timeout "timeout": Seconds,
        /// The time for connecting, as 10s.
        connect_timeout "connect_timeout": Duration,
        /// Which server of a domain is asked first: the lowest number.
        priority "priority": Priority,
        /// Topics that it answers for: a call may name `domain:TOPIC` in its place.
        domains "domains": Labels,
        /// Routing labels of what it can do.
        capabilities "capabilities": Labels,
        /// Calls at once; more wait. 1024 unless it is given.
        max_in_flight "max_in_flight": Whole<1, 10_000>,
        /// Calls that may wait; more are overloaded. 1024 unless it is given.
        queue "queue": Whole<0, 100_000>,
        /// How many calls it gets in a time, as 20/s, or a map; more wait.
        rate_limit "rate_limit": RateLimit,
        /// When a call is tried again: false, true, or a map of what differs from `orchestration`.
        retry "retry": Switch<Retry>,
        /// When it is left alone because it keeps failing: false, true, or a map of what differs from `orchestration`.
        breaker "breaker": Switch<Breaker>,
        /// How long answers of reads are kept: false, true, a time as 5m, or a map by kind.
        cache "cache": Cache,
        /// Started at its first use, and stopped when it was not used for a while: true, or a map, as {idle: 5m}.
        lazy "lazy": LazyWord,
        /// Which of its tools exist, and what differs for some; a list is what is allowed.
        tools "tools": Tools,
        /// Another client's key; ignored, because grants decide.
        auto_approve "autoApprove": Ignored,
    }
}

/// The keys that make a server one of four, and those that belong to one of them only.
const TRANSPORTS: [(&str, &[&str]); 4] = [
    ("command", &["args", "env", "cwd", "envFile", "lazy"]),
    ("url", &["headers", "auth", "oauth", "allow_http", "proxy", "lazy"]),
    ("component", &["grants", "limits", "secrets"]),
    ("openapi", &["limits", "secrets"]),
];

/// What `type` may be: its spelling, the key that it goes with, the protocol if it is remote.
const KINDS: [(&str, &str, Option<RemoteProtocol>); 6] = [
    ("stdio", "command", None),
    ("local", "command", None),
    ("http", "url", Some(RemoteProtocol::StreamableHttp)),
    ("streamable-http", "url", Some(RemoteProtocol::StreamableHttp)),
    ("streamableHttp", "url", Some(RemoteProtocol::StreamableHttp)),
    ("sse", "url", Some(RemoteProtocol::Sse)),
];

/// A key of a server that is nearly one of [`TRANSPORTS`], and which.
fn misspelt(node: &Node) -> Option<(&str, &'static str)> {
    let Value::Map(entries) = &node.value else { return None };
    let near = |name: &str| suggest(name, &TRANSPORTS.map(|(main, _)| main));
    let unknown = entries.iter().map(|(name, _)| name.as_str()).filter(|name| !ServerKeys::NAMES.contains(name));
    unknown.filter_map(|name| Some((name, near(name)?))).next()
}

struct Kind(&'static str, Option<RemoteProtocol>);

impl Read for Kind {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if let Some((_, main, protocol)) = KINDS.iter().find(|(spelling, ..)| *spelling == text) {
            return Some(Self(main, *protocol));
        }
        let known = KINDS.map(|(spelling, ..)| spelling);
        let help = match suggest(text, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is: {}", known.join(", ")),
        };
        cx.error_help(node.line, key, format!("{} is not a type of server", quoted(text)), help);
        None
    }

    fn schema() -> serde_json::Value {
        json!({"enum": KINDS.map(|(spelling, ..)| spelling)})
    }
}

impl Read for Server {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let unknown = if cx.foreign { Unknown::Warn } else { Unknown::Refuse };
        let mut keys = ServerKeys::read_keys(node, key, cx, unknown)?;
        // Presence is asked of the tree: a `command` that is wrong is there all the same.
        let given: Vec<_> = TRANSPORTS.iter().filter(|(main, _)| node.get(main).is_some()).collect();
        let main = match given.as_slice() {
            [(main, _)] => *main,
            [] => {
                match misspelt(node) {
                    // It was told as an unknown key, with this help.
                    Some(_) if unknown == Unknown::Refuse => {}
                    Some((written, main)) => {
                        let help = format!("did you mean `{main}` where it says {}?", quoted(written));
                        cx.error_help(node.line, key, "does not say how to reach the server", help);
                    }
                    None => {
                        let help = "a process has a `command`, a remote server a `url`, an adapter a `component`, an API an `openapi`";
                        cx.error_help(node.line, key, "does not say how to reach the server", help);
                    }
                }
                return None;
            }
            several => {
                let names: Vec<_> = several.iter().map(|(main, _)| quoted(main)).collect();
                cx.error_help(
                    node.line,
                    key,
                    format!("has {}", names.join(" and ")),
                    "a server has exactly one of them",
                );
                return None;
            }
        };
        let own = TRANSPORTS.iter().find(|(owner, _)| *owner == main).map_or(&[][..], |(_, own)| own);
        for name in ServerKeys::NAMES.iter().filter(|name| !own.contains(name)) {
            let owners: Vec<_> = TRANSPORTS
                .iter()
                .filter(|(_, own)| own.contains(name))
                .map(|(owner, _)| format!("`{owner}`"))
                .collect();
            if let Some(stray) = node.get(name).filter(|_| !owners.is_empty()) {
                let message = format!("belongs to a server with {}, and this one has `{main}`", owners.join(" or "));
                let key = key.child(name);
                if cx.foreign {
                    cx.warn(stray.line, &key, message, "it is ignored");
                } else {
                    cx.error_help(stray.line, &key, message, "remove it");
                }
            }
        }
        if let Some(kind) = keys.kind.as_ref().filter(|kind| kind.0 != main) {
            let message = format!("this type of server has a `{}`, and this one has a `{main}`", kind.0);
            cx.error_help(kind.line, &key.child("type"), message, "leave `type` out: it follows from the other keys");
        }
        let Tools(tools, settings) = keys.tools.take().map(|tools| tools.value).unwrap_or_default();
        Some(Self {
            name: At { line: node.line, value: key.name().to_owned() },
            key: key.to_string(),
            disabled: keys.disabled.as_ref().is_some_and(|d| d.value),
            required: keys.required.as_ref().is_some_and(|required| required.value),
            timeout: keys.timeout.as_ref().map(|t| t.0),
            connect_timeout: keys.connect_timeout.as_ref().map(|t| t.value),
            priority: keys.priority.as_ref().map(|p| p.0),
            domains: keys.domains.take().map(|labels| labels.value.0).unwrap_or_default(),
            capabilities: keys.capabilities.take().map(|labels| labels.value.0).unwrap_or_default(),
            routing: Routing {
                max_in_flight: keys.max_in_flight.take().map(|most| most.value.0),
                queue: keys.queue.take().map(|most| most.value.0),
                rate: keys.rate_limit.take().map(|rate| rate.value.0),
                retry: keys.retry.take().map(|retry| retry.value),
                breaker: keys.breaker.take().map(|breaker| breaker.value),
                cache: keys.cache.take().map(|cache| cache.value).unwrap_or_default(),
                lazy: keys.lazy.take().filter(|_| own.contains(&"lazy")).and_then(|lazy| lazy.value.0),
                tools: settings,
            },
            tools,
            transport: transport(keys, main, key, cx)?,
        })
    }

    fn schema() -> serde_json::Value {
        let mut schema = ServerKeys::schema_of_keys();
        exactly_one(&mut schema, &TRANSPORTS.map(|(main, _)| main));
        let of_main = |main: &str| {
            let spellings: Vec<_> =
                KINDS.iter().filter(|(_, m, _)| *m == main).map(|(spelling, ..)| *spelling).collect();
            (main.to_owned(), json!({"properties": {"type": {"enum": spellings}}}))
        };
        let kinds: serde_json::Map<_, _> = TRANSPORTS.iter().map(|(main, _)| of_main(main)).collect();
        let mut dependent = kinds;
        for name in ServerKeys::NAMES {
            let owners: Vec<_> =
                TRANSPORTS.iter().filter(|(_, own)| own.contains(name)).map(|(main, _)| main).collect();
            if !owners.is_empty() {
                let owners: Vec<_> = owners.into_iter().map(|main| json!({"required": [main]})).collect();
                dependent.insert((*name).to_owned(), json!({"anyOf": owners}));
            }
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("dependentSchemas".into(), dependent.into());
        }
        schema
    }
}

fn transport(keys: ServerKeys, main: &str, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Transport> {
    Some(match main {
        "command" => Transport::Process(Process {
            command: keys.command?.value.0,
            args: keys.args.map(|args| args.value.into_iter().map(|a| a.0).collect()).unwrap_or_default(),
            env: variables(keys.env),
            env_file: keys
                .env_file
                .map(|path| At { line: path.line, value: EnvFile { path: path.value, variables: Vec::new() } }),
            cwd: keys.cwd.map(|cwd| cwd.value),
        }),
        "url" => {
            let headers = variables(keys.headers);
            let given = keys.auth.or(keys.oauth.map(|a| At { line: a.line, value: a.value.0 }));
            let named = given.as_ref().filter(|auth| matches!(auth.value, Auth::OAuth(_))).map(|auth| auth.line);
            let remote = Remote {
                url: keys.url?.value.0,
                protocol: keys.kind.and_then(|kind| kind.1).unwrap_or(RemoteProtocol::Auto),
                auth: auth(given, &headers, key, cx),
                headers,
                allow_http: keys.allow_http.is_some_and(|allowed| allowed.value),
                proxy: keys.proxy.map(|proxy| Configured::by_operator(proxy.value.0.to_string())),
            };
            warn_of_clear_http(&remote, named, key, cx);
            Transport::Remote(remote)
        }
        _ => {
            let api = keys.openapi.map(|api| Box::new(api.value));
            // One that cannot be read is there all the same.
            let unread = OpenApi::default();
            let document = (main == "openapi").then(|| api.as_deref().unwrap_or(&unread));
            let secrets = uses(keys.secrets, document, key, cx);
            Transport::Adapter(Adapter {
                secrets,
                code: match main {
                    "openapi" => AdapterCode::OpenApi(api?),
                    _ => AdapterCode::Component(keys.component?),
                },
                grants: keys.grants.map(|g| g.value).unwrap_or_default(),
                limits: keys.limits.map(|l| l.value).unwrap_or_default(),
            })
        }
    })
}

/// Says that a server will not be connected: what authorises would go to another machine for everybody to read. `named` is the line of
/// an OAuth that somebody wrote.
fn warn_of_clear_http(remote: &Remote, named: Option<u32>, key: &Key<'_>, cx: &mut Cx<'_>) {
    let host = remote.url.host().unwrap_or_default();
    if remote.allow_http || is_sealed(remote.url.scheme_str().unwrap_or_default(), host) {
        return;
    }
    let (line, key, what) = match (remote.headers.first(), named) {
        (Some(header), _) => (header.value.line, key.child("headers"), "its headers are"),
        (None, Some(line)) => (line, key.child("auth"), "its tokens are"),
        (None, None) => return,
    };
    let message =
        format!("{what} not sent over clear http to another machine, where everybody on the way can read them");
    cx.warn(line, &key, message, "use https, or add `allow_http: true` to the server");
}

/// Headers that authorise go before an OAuth that nobody wrote, and not beside one that somebody wrote.
fn auth(given: Option<At<Auth>>, headers: &[Variable], key: &Key<'_>, cx: &mut Cx<'_>) -> Auth {
    let by_header = headers.iter().any(|header| header.name.eq_ignore_ascii_case("authorization"));
    match given {
        Some(At { line, value: Auth::OAuth(_) }) if by_header => {
            let message = "the server has an `Authorization` header too";
            if cx.foreign {
                cx.warn(line, &key.child("auth"), message, "the header is sent, and this is ignored");
            } else {
                cx.error_help(line, &key.child("auth"), message, "keep one of them");
            }
            Auth::None
        }
        Some(given) => given.value,
        None if by_header => Auth::None,
        None => Auth::OAuth(Box::default()),
    }
}

fn variables<R>(table: Option<At<Table<R, Template>>>) -> Vec<Variable> {
    let entries = table.map(|table| table.value.entries).unwrap_or_default();
    entries
        .into_iter()
        .map(|(name, value)| Variable { value: At { line: name.line, value }, name: name.value })
        .collect()
}

/// A map of servers; `FOREIGN` if it is in the form of other clients.
struct Servers<const FOREIGN: bool>(Vec<Server>);

impl<const FOREIGN: bool> Read for Servers<FOREIGN> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let mut servers = Vec::new();
        cx.foreign = FOREIGN;
        for (name, child) in cx.entries(node, key).unwrap_or_default() {
            let key = key.child(name);
            let server = Server::read(child, &key, cx);
            match check_server_name(name) {
                Ok(()) => servers.extend(server),
                Err(error) if !FOREIGN => cx.error(child.line, &key, error.to_string()),
                Err(error) => match fit_name(name) {
                    Some(fit) => {
                        let help = "grants and calls use that name";
                        cx.warn(child.line, &key, format!("named `{fit}` here"), help);
                        servers.extend(server.map(|s| Server { name: At { line: child.line, value: fit }, ..s }));
                    }
                    None => cx.error(child.line, &key, error.to_string()),
                },
            }
        }
        cx.foreign = false;
        Some(Self(servers))
    }

    fn schema() -> serde_json::Value {
        if FOREIGN {
            return json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/foreignServer"}});
        }
        json!({
            "type": "object",
            "propertyNames": {"pattern": <Name as crate::read::NameRule>::PATTERN},
            "additionalProperties": {"$ref": "#/$defs/server"},
        })
    }
}

/// Other clients allow any name; this makes one that we allow of it.
pub(crate) fn fit_name(name: &str) -> Option<String> {
    let dashed: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' }).collect();
    let fit: String = dashed.trim_start_matches(['-', '_', '.']).chars().take(SERVER_NAME_MAX_BYTES).collect();
    check_server_name(&fit).ok().map(|()| fit)
}

/// Reads a whole file. What comes back is only of use if `cx` has no errors.
pub(crate) fn config(root: &Node, foreign_file: bool, cx: &mut Cx<'_>) -> Option<Config> {
    let unknown = if foreign_file { Unknown::Warn } else { Unknown::Refuse };
    let keys = FileKeys::read_keys(root, &Key::Root, cx, unknown)?;
    let mut servers = Vec::new();
    servers.extend(keys.mcp_servers.map(|s| s.value.0).unwrap_or_default());
    servers.extend(keys.servers.map(|s| s.value.0).unwrap_or_default());
    refuse_twins(&servers, cx);
    let secrets = keys.secrets.map(|s| s.value.entries).unwrap_or_default();
    let policies: Vec<Policy> =
        keys.policies.map_or_else(Vec::new, |p| p.value.entries.into_iter().map(|(_, p)| p).collect());
    let serve = keys.serve.map(|s| s.value).unwrap_or_default();
    warn_of_strangers(&serve, &servers, &policies, cx);
    let config = Config {
        servers,
        policies,
        serve,
        callers: keys.callers.map(|callers| callers.value.0),
        limits: keys.limits.map(|l| l.value).unwrap_or_default(),
        journal: keys.journal.map(|j| j.value),
        state: keys.state.map(|s| s.value).unwrap_or_default(),
        orchestration: keys.orchestration.map(|o| o.value).unwrap_or_default(),
        model: keys.model.map(|m| m.value),
        cache: keys.cache.map(|c| c.value),
        secrets: secrets.into_iter().map(|(name, from)| SecretSource { name, from }).collect(),
        ..Config::default()
    };
    warn_of_callers(&config, cx);
    Some(config)
}

/// A name may be in `mcpServers` and `servers`, or be made of two names there, only once.
fn refuse_twins(servers: &[Server], cx: &mut Cx<'_>) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for server in servers {
        if let Some(first) = seen.insert(&server.name, server.name.line) {
            let message = format!("there are two servers named {}; line {first} has the other", quoted(&server.name));
            cx.errors.push(Diagnostic::at(cx.file, server.name.line, &server.key, message).help("rename one"));
        }
    }
}

/// The schema of the whole file. An `mcpServers` file may have other clients' keys beside it.
pub(crate) fn file_schema() -> serde_json::Value {
    let mut schema = FileKeys::schema_of_keys();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("additionalProperties");
        schema.insert(
            "anyOf".into(),
            json!([{"required": ["mcpServers"]}, {"propertyNames": {"enum": FileKeys::NAMES}}]),
        );
    }
    schema
}

/// The schema of a server as other clients write it: keys that we do not know are allowed.
pub(crate) fn foreign_server_schema() -> serde_json::Value {
    let mut schema = Server::schema();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("additionalProperties".into(), true.into());
        // Keys of another kind of server are ignored there, with a warning.
        if let Some(dependent) = schema.get_mut("dependentSchemas").and_then(|d| d.as_object_mut()) {
            dependent.retain(|key, _| TRANSPORTS.iter().any(|(main, _)| main == key));
        }
    }
    // What they write as `auth` is of many forms.
    if let Some(auth) = schema.pointer_mut("/properties/auth/anyOf") {
        *auth = json!([{}]);
    }
    schema
}
