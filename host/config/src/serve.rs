//! How the host is served: the key `serve`.

use crate::diagnostic::quoted;
use crate::model::{At, Digest, Expose, NameStrategy, Names, Policy, Serve, ServeHttp, Server, Token};
use crate::policy::Approve;
use crate::read::{Cx, Key, NameRule, Read, Table, Unknown, keys, one_of, suggest};
use crate::tree::{Node, Value};
use crate::values::{Name, Text};
use serde_json::json;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tollgate_core::grant::glob;
use tollgate_core::limits::{Unit, format_value, parse_value};
use tollgate_core::name::{
    EXPOSED_NAME_MAX_BYTES, SEPARATOR_MAX_BYTES, SERVER_NAME_MAX_BYTES, TOOL_NAME_MAX_BYTES, is_exposed_name,
    is_separator,
};
use tollgate_core::{Grant, ToolName};

/// The most sessions that may be asked for.
const MAX_SESSIONS: u64 = 1_000_000;
/// The most servers, policies, patterns and renames that are held against each other, so that a hostile file costs little.
const MAX_COMPARED: usize = 200;
/// The longest body that may be asked for, in bytes: it is held in memory.
const MAX_BODY_BYTES: u64 = 1 << 30;

keys! {
    /// How the host is served; a flag of `tollgate serve` goes before its key.
    struct ServeKeys {
        /// What agents see: meta, meta-full, policies, all, or a list of policies and tools, as crm:get_*.
        expose "expose": Expose,
        /// How tools are named.
        names "names": Names,
        /// How it is served over HTTP.
        http "http": ServeHttp,
        /// What agents may use, as `crm:*` or `read-only`; everything if it is not given.
        grants "grants": Vec<At<Grant>>,
        /// The tools whose calls a person must approve one by one, as `*:delete_*`.
        approve "approve": Approve,
    }
}

keys! {
    /// How tools are named.
    struct NamesKeys {
        /// What is done about tools that want one name: prefix unless it is given.
        strategy "strategy": NameStrategy,
        /// What stands between server and tool: two underscores unless it is given.
        separator "separator": Separator,
        /// Names by hand: the tool as `server:tool`, and its new name.
        rename "rename": Table<ToolKey, ExposedName>,
    }
}

keys! {
    /// How it is served over HTTP.
    struct HttpKeys {
        /// The address to listen on, as 127.0.0.1:8080; without it, HTTP is served if a flag says so.
        listen "listen": Address,
        /// The tokens that let agents in; required when other machines can reach the address.
        tokens "tokens": Vec<Token>,
        /// Names under which the host is reached, beside those of loopback.
        hosts "hosts": Vec<HostName>,
        /// Origins of web pages that may call, as https://app.example.com.
        origins "origins": Vec<Origin>,
        /// The most sessions at once: 1000 unless it is given.
        max_sessions "max_sessions": Sessions,
        /// The longest body of a request, as 4MiB, which it is unless it is given.
        max_body "max_body": BodySize,
        /// A session that is not used ends after this time: 30m unless it is given.
        session_timeout "session_timeout": Duration,
        /// How long a client may take for a request, for reading the answer, and between requests: 75s unless it is given.
        idle_timeout "idle_timeout": Duration,
        /// How long requests may go on when the host is stopped: 10s unless it is given.
        grace "grace": Duration,
    }
}

keys! {
    /// A token that lets an agent in.
    struct TokenKeys {
        /// Who comes with it.
        name "name": PrincipalName,
        /// The SHA-256 of the token, in hexadecimal.
        sha256 "sha256": Sha256Hex,
    }
}

impl Read for Serve {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = ServeKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        Some(Self {
            expose: keys.expose.map(|expose| expose.value),
            names: keys.names.map(|names| names.value).unwrap_or_default(),
            http: keys.http.map(|http| http.value).unwrap_or_default(),
            grants: keys.grants.map(|grants| grants.value),
            approve: keys.approve.map(|approve| approve.value.0).unwrap_or_default(),
        })
    }

    fn schema() -> serde_json::Value {
        ServeKeys::schema_of_keys()
    }
}

const EXPOSE: [&str; 4] = ["meta", "meta-full", "policies", "all"];
const EXPOSE_LIST: &str = "or write a list, as [crm:get_*, customer-360]";

impl Read for Expose {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if let Value::List(items) = &node.value {
            if items.is_empty() {
                cx.error_help(node.line, key, "is an empty list", "write what agents see, or `meta`");
            }
            let items = Vec::<At<Exposed>>::read(node, key, cx)?;
            return Some(Self::Only(items.into_iter().map(|At { line, value }| At { line, value: value.0 }).collect()));
        }
        let text = cx.text(node, key)?;
        match text {
            "meta" => Some(Self::Meta),
            "meta-full" => Some(Self::MetaFull),
            "policies" => Some(Self::Policies),
            "all" => Some(Self::All),
            _ => {
                let help = match suggest(text, &EXPOSE) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is: {}; {EXPOSE_LIST}", EXPOSE.join(", ")),
                };
                cx.error_help(node.line, key, format!("{} exposes nothing", quoted(text)), help);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({"anyOf": [{"enum": EXPOSE}, {"type": "array", "items": Exposed::schema(), "minItems": 1}]})
    }
}

/// A policy, or a tool as `server:tool`; patterns have `*` and `?`.
struct Exposed(String);

impl Read for Exposed {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        let (first, tool) = text.split_once(':').map_or((text, None), |(server, tool)| (server, Some(tool)));
        let fits = first.len() <= SERVER_NAME_MAX_BYTES && tool.is_none_or(|tool| tool.len() <= TOOL_NAME_MAX_BYTES);
        let names =
            fits && !first.is_empty() && first.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-*?".contains(&b));
        if !names || tool.is_some_and(|tool| tool.is_empty() || tool.chars().any(char::is_control)) {
            let help = "write a policy's name, or a tool as `server:tool`; `*` and `?` stand for any characters";
            cx.error_help(node.line, key, format!("{} names neither policy nor tool", quoted(text)), help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^[A-Za-z0-9_.*?-]+(:[^\\x00-\\x1f]+)?$"})
    }
}

const STRATEGIES: [(&str, NameStrategy); 5] = [
    ("prefix", NameStrategy::Prefix),
    ("priority", NameStrategy::Priority),
    ("label", NameStrategy::Label),
    ("ask", NameStrategy::Ask),
    ("none", NameStrategy::None),
];

impl Read for NameStrategy {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let name = one_of(node, key, cx, &STRATEGIES.map(|(name, _)| name))?;
        STRATEGIES.iter().find(|(known, _)| *known == name).map(|(_, strategy)| *strategy)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": STRATEGIES.map(|(name, _)| name)})
    }
}

struct Separator(String);

impl Read for Separator {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if !is_separator(text) {
            let help = format!("use 1 to {SEPARATOR_MAX_BYTES} letters, digits, `_` or `-`");
            cx.error_help(node.line, key, format!("{} cannot separate server and tool", quoted(text)), help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": format!("^[A-Za-z0-9_-]{{1,{SEPARATOR_MAX_BYTES}}}$")})
    }
}

/// A tool that gets another name.
struct ToolKey;

impl NameRule for ToolKey {
    const PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}:.";

    fn check(name: &str) -> Result<(), String> {
        name.parse::<ToolName>().map(drop).map_err(|error| error.to_string())
    }
}

/// A name that the providers of language models take.
struct ExposedName(String);

impl Read for ExposedName {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if !is_exposed_name(text) {
            let help = format!("use 1 to {EXPOSED_NAME_MAX_BYTES} letters, digits, `_` or `-`");
            cx.error_help(node.line, key, format!("{} is not a name that agents can use", quoted(text)), help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": format!("^[A-Za-z0-9_-]{{1,{EXPOSED_NAME_MAX_BYTES}}}$")})
    }
}

impl Read for Names {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = NamesKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let mut rename: Vec<(ToolName, At<String>)> = Vec::new();
        let mut taken: HashMap<String, u32> = HashMap::new();
        for (tool, ExposedName(name)) in keys.rename.map(|table| table.value.entries).unwrap_or_default() {
            if let Some(first) = taken.insert(name.clone(), tool.line) {
                let message = format!("another tool is renamed to {} too, at line {first}", quoted(&name));
                cx.error_help(tool.line, &key.child("rename").child(&tool.value), message, "rename one");
            }
            // A key that is no tool has its error already.
            if let Ok(parsed) = tool.value.parse() {
                rename.push((parsed, At { line: tool.line, value: name }));
            }
        }
        let separator = keys.separator.map(|separator| separator.value.0);
        Some(Self { strategy: keys.strategy.map(|strategy| strategy.value), separator, rename })
    }

    fn schema() -> serde_json::Value {
        NamesKeys::schema_of_keys()
    }
}

struct Address(SocketAddr);

impl Read for Address {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Text(text) | Value::Number(text) => text,
            _ => {
                cx.expected(node, key, "an address, as 127.0.0.1:8080");
                return None;
            }
        };
        let address = text.parse().ok().map(Self);
        if address.is_none() {
            let help = "write an IP address and a port, as 127.0.0.1:8080 or [::1]:8080";
            cx.error_help(node.line, key, format!("{} is not an address to listen on", quoted(text)), help);
        }
        address
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^([0-9.]+|\[[0-9A-Fa-f:.%]+\]):[0-9]+$"})
    }
}

/// A name of this host, perhaps with a port.
struct HostName(String);

impl Read for HostName {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if text.contains(['@', '*']) || text.parse::<http::uri::Authority>().is_err() {
            let help = "write it as tollgate.example.com, or with a port";
            cx.error_help(node.line, key, format!("{} is not the name of a host", quoted(text)), help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^[^\s/@*]+$"})
    }
}

/// Where a web page comes from: scheme and host, perhaps with a port.
struct Origin(String);

impl Read for Origin {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        let url = text.parse::<http::Uri>().ok().filter(|url| {
            let bare = matches!(url.path(), "" | "/") && url.query().is_none();
            url.scheme().is_some() && url.host().is_some_and(|host| !host.is_empty()) && bare
        });
        if url.is_none() || text.contains(['@', '#', '*']) {
            let help = "write scheme and host, as https://app.example.com";
            cx.error_help(node.line, key, format!("{} is not an origin", quoted(text)), help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@*]+/?$"})
    }
}

/// A whole number from 1 to `max`.
fn number(unit: Unit, max: u64, node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<u64> {
    let (Value::Text(text) | Value::Number(text)) = &node.value else {
        cx.expected(node, key, if unit == Unit::Bytes { "a size, as 4MiB" } else { "a count, as 1000" });
        return None;
    };
    match parse_value(unit, text) {
        Ok(value) if (1..=max).contains(&value) => Some(value),
        Ok(_) => {
            let (least, most) = (format_value(unit, 1), format_value(unit, max));
            cx.error(node.line, key, format!("{} is not from {least} to {most}", quoted(text)));
            None
        }
        Err(message) => {
            cx.error(node.line, key, message);
            None
        }
    }
}

struct Sessions(u64);

impl Read for Sessions {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        number(Unit::Count, MAX_SESSIONS, node, key, cx).map(Self)
    }

    fn schema() -> serde_json::Value {
        let number = json!({"type": "integer", "minimum": 1, "maximum": MAX_SESSIONS});
        json!({"anyOf": [number, {"type": "string", "pattern": "^[0-9_]*[1-9][0-9_]*$"}]})
    }
}

struct BodySize(u64);

impl Read for BodySize {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        number(Unit::Bytes, MAX_BODY_BYTES, node, key, cx).map(Self)
    }

    fn schema() -> serde_json::Value {
        let number = json!({"type": "integer", "minimum": 1, "maximum": MAX_BODY_BYTES});
        json!({"anyOf": [number, {"type": "string", "pattern": r"^\s*[0-9.]+\s*([kKmMgGtTpPeE]?[iI]?[bB]?)\s*$"}]})
    }
}

/// Who comes with a token.
pub(crate) struct PrincipalName(pub(crate) String);

impl Read for PrincipalName {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Text(text) = Text::read(node, key, cx)?;
        Name::check(&text).map_err(|message| cx.error(node.line, key, message)).ok().map(|()| Self(text))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": Name::PATTERN})
    }
}

/// A SHA-256 in hexadecimal. The token itself may stand here by mistake, so no error repeats it.
struct Sha256Hex(Digest);

impl Read for Sha256Hex {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        let mut digest = Digest::default();
        if hex::decode_to_slice(text, &mut digest.0).is_err() {
            let help = "the hash of a token is what `printf %s TOKEN | sha256sum` prints";
            cx.error_help(node.line, key, "not 64 hexadecimal digits", help);
            return None;
        }
        Some(Self(digest))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"})
    }
}

impl Read for Token {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(node.value, Value::Text(_)) {
            let help = "write its hash: `{name: ada, sha256: …}`, as `printf %s TOKEN | sha256sum` prints it";
            cx.error_help(node.line, key, "a token itself is never written here", help);
            return None;
        }
        let keys = TokenKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        for name in TokenKeys::NAMES.iter().filter(|name| node.get(name).is_none()) {
            cx.error_help(node.line, key, format!("has no `{name}`"), "a token has a `name` and a `sha256`");
        }
        let sha256 = keys.sha256?;
        Some(Self { name: keys.name?.value.0, sha256: At { line: sha256.line, value: sha256.value.0 } })
    }

    fn schema() -> serde_json::Value {
        let mut schema = TokenKeys::schema_of_keys();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("required".into(), json!(TokenKeys::NAMES));
        }
        schema
    }
}

impl Read for ServeHttp {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = HttpKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let tokens = keys.tokens.map(|tokens| tokens.value).unwrap_or_default();
        let mut seen: HashMap<[u8; 32], u32> = HashMap::new();
        for token in &tokens {
            let At { line, value } = token.sha256;
            if let Some(first) = seen.insert(value.0, line) {
                let message = format!("two agents come with one token; line {first} has it too");
                cx.error_help(line, &key.child("tokens"), message, "give each a token of its own");
            }
        }
        if let Some(listen) = keys.listen.as_ref().filter(|listen| !listen.0.ip().is_loopback())
            && node.get("tokens").is_none()
        {
            let message = format!("other machines can reach {}, so tokens are required", listen.0);
            cx.warn(listen.line, &key.child("listen"), message, "add `tokens`, or give `--token-file`");
        }
        Some(Self {
            listen: keys.listen.map(|listen| listen.value.0),
            tokens,
            hosts: keys.hosts.map(|h| h.value.into_iter().map(|host| host.0).collect()).unwrap_or_default(),
            origins: keys.origins.map(|o| o.value.into_iter().map(|origin| origin.0).collect()).unwrap_or_default(),
            max_sessions: keys.max_sessions.map(|most| most.value.0),
            max_body_bytes: keys.max_body.map(|most| most.value.0),
            session_timeout: keys.session_timeout.map(|time| time.value),
            idle_timeout: keys.idle_timeout.map(|time| time.value),
            grace: keys.grace.map(|time| time.value),
        })
    }

    fn schema() -> serde_json::Value {
        HttpKeys::schema_of_keys()
    }
}

/// Warns of names that nothing in the file has. A program that embeds the host may add more, so they are no errors.
pub(crate) fn warn_of_strangers(serve: &Serve, servers: &[Server], policies: &[Policy], cx: &mut Cx<'_>) {
    let of = |key: &str| format!("serve.{key}");
    let servers: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    let policies: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
    let mut stranger = |line: u32, key: String, kind: &str, pattern: &str, known: &[&str]| {
        if known.len() > MAX_COMPARED || known.iter().any(|name| glob(pattern, name)) {
            return;
        }
        let help = match suggest(pattern, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("the file has no {kind}"),
            None => format!("there is: {}", known.join(", ")),
        };
        let message = format!("no {kind} is named {}", quoted(pattern));
        cx.warnings.push(crate::diagnostic::Diagnostic::at(cx.file, line, key, message).help(help));
    };
    if let Some(Expose::Only(items)) = &serve.expose {
        for (i, item) in items.iter().enumerate().take(MAX_COMPARED) {
            let key = of(&format!("expose[{i}]"));
            match item.value.split_once(':') {
                Some((server, _)) => stranger(item.line, key, "server", server, &servers),
                None => stranger(item.line, key, "policy", &item.value, &policies),
            }
        }
    }
    for (tool, name) in serve.names.rename.iter().take(MAX_COMPARED) {
        stranger(name.line, of(&format!("names.rename.\"{tool}\"")), "server", &tool.server, &servers);
    }
}
