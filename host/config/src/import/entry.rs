//! One server of another program's file.

use super::fill::{self, Inputs, Place, scalar, scalars};
use super::writer::{Draft, Item};
use super::{ImportKind, Importer, entries, retry};
use crate::diagnostic::quoted;
use crate::read::Key;
use crate::read::NameRule as _;
use crate::secret_text::{is_secret, looks_secret, password_in_url};
use crate::tree::{Node, Value};
use crate::values::{HeaderName, VariableName};

/// Programs that fill in variables of their arguments by themselves.
const SHELLS: [&str; 5] = ["sh", "bash", "zsh", "dash", "fish"];

/// The name that an item of a list of servers has inside.
pub(super) fn name_within(node: &Node) -> &str {
    let text = |key| match node.get(key).map(|child| &child.value) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    text("id").or_else(|| text("name")).unwrap_or_default()
}

/// How a server is reached, as other programs name it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Process,
    Http,
    Sse,
    /// The keys tell.
    Open,
}

/// Makes a server of one of theirs.
///
/// # Errors
/// Why it cannot be one.
pub(super) fn server(
    importer: &mut Importer<'_>,
    name: &str,
    given: &str,
    node: &Node,
    key: &Key<'_>,
    inputs: &Inputs<'_>,
) -> Result<Draft, String> {
    let Value::Map(_) = &node.value else { return Err(format!("expected a map of keys, found {}", node.kind())) };
    let mut draft = Draft::default();
    if given != name {
        draft.comments.push(format!("was named {given}"));
        importer.note(node.line, key, format!("is named {} here", quoted(name)), "grants and calls use that name");
    }
    let mut unfit = false;
    let mut way = Way::Open;
    let mut shell = false;
    if let Some(Value::Text(command)) = node.get("command").map(|child| &child.value) {
        shell = command.rsplit('/').next().is_some_and(|program| SHELLS.contains(&program));
    }
    for (field, child) in entries(node) {
        let key = key.child(field);
        let mut at = Entry { importer: &mut *importer, draft: &mut draft, server: name, child, key, inputs };
        match field.as_str() {
            "type" | "transport" | "transportType" => way = at.way()?,
            "command" => at.command()?,
            "args" => unfit |= at.args(shell),
            "env" => at.values("env"),
            "headers" | "http_headers" | "requestInit" => at.values("headers"),
            "envFile" => at.path("envFile"),
            "cwd" => at.path("cwd"),
            "url" | "httpUrl" | "serverUrl" => unfit |= at.url()?,
            "auth" | "oauth" => at.auth(),
            "timeout" if at.importer.kind == ImportKind::Orchestrator => at.time("connect_timeout"),
            "timeout" | "tool_timeout_sec" => at.time("timeout"),
            "connect_timeout" | "connectTimeout" | "startup_timeout_sec" => at.time("connect_timeout"),
            "disabled" => at.switch(true),
            "enabled" => at.switch(false),
            "priority" => at.number("priority"),
            "domains" => at.list("domains"),
            "capabilities" => at.list("capabilities"),
            "tools" | "includeTools" | "enabledTools" | "enabled_tools" => at.tools("allow"),
            "excludeTools" | "disabledTools" | "disabled_tools" => at.tools("deny"),
            "retry_policy" => {
                let policy = retry::policy(at.importer, child, &key);
                if !policy.is_empty() {
                    draft.set("retry", Item::Map(policy));
                }
            }
            "name" | "description" => {
                if let Value::Text(text) = &child.value
                    && text != name
                    && text != given
                    && !text.split_whitespace().any(looks_secret)
                {
                    draft.comments.push(text.clone());
                }
            }
            "autoApprove" | "alwaysAllow" | "trust" => {
                importer.note(child.line, &key, "not carried over", "what may be called is decided by grants");
            }
            _ => importer.note(child.line, &key, "not carried over", "there is no such key of a server"),
        }
    }
    settle(importer, &mut draft, way, node, key)?;
    if unfit {
        draft.remove("disabled");
        draft.comments.push("needs attention before it can be started".to_owned());
        draft.set("disabled", Item::Word("true".into()));
    }
    Ok(draft)
}

/// Makes what was said of the way fit what is there.
fn settle(importer: &mut Importer<'_>, draft: &mut Draft, way: Way, node: &Node, key: &Key<'_>) -> Result<(), String> {
    let (command, url) = (draft.get("command").is_some(), draft.get("url").is_some());
    let other: &[&'static str] = match (command, url, way) {
        (false, false, _) => return Err("it has neither a `command` nor a `url`".to_owned()),
        (false, true, Way::Process) => return Err("it is a process by its transport, and has no `command`".to_owned()),
        (true, false, Way::Http | Way::Sse) => return Err("it is remote by its transport, and has no `url`".to_owned()),
        (true, true, Way::Http | Way::Sse) | (false, true, _) => &["command", "args", "env", "envFile", "cwd"],
        (true, _, _) => &["url", "headers", "auth"],
    };
    let both = command && url;
    for name in other {
        let given = draft.get(name).is_some_and(|item| !matches!(item, Item::Map(entries) if entries.is_empty()));
        if draft.remove(name) && (given || both) {
            let message = format!("{} is not carried over: it belongs to another kind of server", quoted(name));
            importer.note(node.line, key, message, "a server has a `command` or a `url`");
        }
    }
    match way {
        Way::Http if draft.get("url").is_some() => draft.set("type", Item::Word("http".into())),
        Way::Sse if draft.get("url").is_some() => draft.set("type", Item::Word("sse".into())),
        _ => {}
    }
    for name in ["env", "headers", "tools"] {
        if matches!(draft.get(name), Some(Item::Map(entries)) if entries.is_empty()) {
            draft.remove(name);
        }
    }
    // A header that authorises goes before a login.
    let authorised = matches!(draft.get("headers"), Some(Item::Map(headers))
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")));
    if authorised && draft.remove("auth") {
        importer.note(
            node.line,
            key,
            "`auth` is not carried over: an `Authorization` header is there",
            "keep one of them",
        );
    }
    Ok(())
}

/// One key of a server.
struct Entry<'a, 'i, 'k> {
    importer: &'a mut Importer<'i>,
    draft: &'a mut Draft,
    server: &'a str,
    child: &'k Node,
    key: Key<'k>,
    inputs: &'a Inputs<'a>,
}

impl Entry<'_, '_, '_> {
    fn odd(&mut self, help: &str) {
        let message = format!("not carried over: it is {}", self.child.kind());
        self.importer.note(self.child.line, &self.key, message, help);
    }

    fn way(&mut self) -> Result<Way, String> {
        let Value::Text(text) = &self.child.value else {
            self.odd("the other keys tell the type");
            return Ok(Way::Open);
        };
        match text.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "stdio" | "local" => Ok(Way::Process),
            "http" | "streamablehttp" | "remote" => Ok(Way::Http),
            "sse" => Ok(Way::Sse),
            "" | "auto" => Ok(Way::Open),
            _ => Err(format!("{} is a transport that Tollgate does not have", quoted(text))),
        }
    }

    fn command(&mut self) -> Result<(), String> {
        match &self.child.value {
            Value::Text(text) if text.split_whitespace().any(looks_secret) && !self.importer.keep_secrets => {
                Err("a secret stands in its `command`, which stays behind".to_owned())
            }
            Value::Text(text) => {
                let path = fill::path(text).ok_or("`${…}` in `command` is not filled in")?;
                self.draft.set("command", Item::Text(path));
                Ok(())
            }
            // Some write the arguments there too.
            Value::List(items) => {
                let mut words = items.iter().filter_map(scalar);
                let program = words.next().ok_or("its `command` is empty")?;
                self.draft
                    .set("command", Item::Text(fill::path(&program).ok_or("`${…}` in `command` is not filled in")?));
                let rest: Vec<_> = words.map(|word| (self.child.line, word)).collect();
                if !rest.is_empty() {
                    let (args, unfit) = self.importer.arguments(rest, false, &self.key);
                    self.draft.set("args", Item::List(args.into_iter().map(Item::Text).collect()));
                    if unfit {
                        return Err("an argument needs attention; write `command` and `args` apart".to_owned());
                    }
                }
                Ok(())
            }
            _ => Err(format!("its `command` is {}", self.child.kind())),
        }
    }

    fn texts(&mut self) -> Vec<(u32, String)> {
        let Value::List(items) = &self.child.value else {
            self.odd("write a list");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (i, item) in items.iter().enumerate() {
            match scalar(item) {
                Some(text) => texts.push((item.line, text)),
                None => {
                    let message = format!("not carried over: it is {}", item.kind());
                    self.importer.note(item.line, &self.key.index(i), message, "write text");
                }
            }
        }
        texts
    }

    /// Whether the server cannot be started with them as they are.
    fn args(&mut self, shell: bool) -> bool {
        let texts = self.texts();
        if texts.is_empty() {
            return false;
        }
        let (args, unfit) = self.importer.arguments(texts, shell, &self.key);
        self.draft.set("args", Item::List(args.into_iter().map(Item::Text).collect()));
        unfit
    }

    /// Variables or headers.
    fn values(&mut self, section: &'static str) {
        // Some have the headers one level deeper.
        let node = self.child.get("headers").filter(|_| section == "headers").unwrap_or(self.child);
        if !matches!(node.value, Value::Map(_)) {
            return self.odd("write a map");
        }
        // A header may have been made of a URL, and headers may stand under two keys.
        let had: Vec<String> = match self.draft.get(section) {
            Some(Item::Map(entries)) => entries.iter().map(|(name, _)| name.to_ascii_lowercase()).take(100).collect(),
            _ => Vec::new(),
        };
        let mut odd = Vec::new();
        for (name, line, text) in scalars(node, |name, child| odd.push((name, child))) {
            let key = self.key.child(name);
            let (known, secret) = match section {
                "headers" if name.eq_ignore_ascii_case("authorization") => {
                    (HeaderName::check(name), format!("{}-token", self.server))
                }
                "headers" => (HeaderName::check(name), format!("{}-{name}", self.server)),
                _ => (VariableName::check(name), name.to_owned()),
            };
            if had.contains(&name.to_ascii_lowercase()) {
                self.importer.note(line, &key, "not carried over: there is another of that name", "keep one of them");
                continue;
            }
            if let Err(why) = known {
                self.importer.note(line, &key, format!("not carried over: {why}"), "add it by hand");
                continue;
            }
            let place = Place { server: self.server, name, secret, line, key };
            let value = self.importer.value(&text, &place, self.inputs);
            if let Some(entries) = self.draft.map(section) {
                entries.push((name.to_owned(), Item::Text(value)));
            }
        }
        for (name, child) in odd {
            let message = format!("not carried over: it is {}", child.kind());
            self.importer.note(child.line, &self.key.child(name), message, "write text");
        }
    }

    fn path(&mut self, name: &'static str) {
        let Some(text) = scalar(self.child) else { return self.odd("write a path") };
        match fill::path(&text) {
            Some(path) => self.draft.set(name, Item::Text(path)),
            None => self.importer.note(
                self.child.line,
                &self.key,
                "not carried over: `${…}` is not filled in",
                "write the path",
            ),
        }
    }

    /// An address without the secrets that it holds. Whether the server cannot be started as it is.
    fn url(&mut self) -> Result<bool, String> {
        let Value::Text(text) = &self.child.value else { return Err(format!("its URL is {}", self.child.kind())) };
        if text.contains("${") {
            return Err("nothing is filled in in a URL".to_owned());
        }
        let (url, query) = text.split_once('?').map_or((text.as_str(), None), |(url, query)| (url, Some(query)));
        let mut url = url.to_owned();
        if let Some((scheme, rest)) = text.split_once("://") {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            if let Some((user, host)) = rest.get(..end).and_then(|authority| authority.rsplit_once('@')) {
                let path = rest.get(end..).unwrap_or_default().split('?').next().unwrap_or_default();
                url = format!("{scheme}://{host}{path}");
                let name = self.importer.secrets.name(&format!("{}-basic", self.server), self.server, user);
                let help = format!("`tollgate secrets set {name}` wants the Base64 of user, colon and password");
                let message = format!("the user in the URL becomes the secret {}, for a header", quoted(&name));
                self.importer.note(self.child.line, &self.key, message, help);
                let is_there = |headers: &[(String, Item)]| {
                    headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
                };
                if let Some(headers) = self.draft.map("headers").filter(|headers| !is_there(headers)) {
                    headers.push(("Authorization".to_owned(), Item::Text(format!("Basic ${{secret:{name}}}"))));
                }
            }
        }
        let mut unfit = false;
        let (origin, path) = url
            .find("://")
            .and_then(|at| url.get(at + 3..)?.find('/').map(|slash| at + 3 + slash))
            .map_or((url.as_str(), ""), |slash| url.split_at_checked(slash).unwrap_or((&url, "")));
        if path.split('/').any(looks_secret) && !self.importer.keep_secrets {
            unfit = true;
            let message = "a secret in the URL's path stays behind; the server is disabled";
            self.importer.note(self.child.line, &self.key, message, "import again with the secrets kept");
            let path: Vec<_> = path.split('/').map(|part| if looks_secret(part) { "SECRET" } else { part }).collect();
            url = format!("{origin}{}", path.join("/"));
        }
        let mut kept: Vec<&str> = Vec::new();
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            if is_secret(name, value) && !self.importer.keep_secrets {
                unfit = true;
                let message = "a secret in the URL's query stays behind; the server is disabled";
                let help = "put it into `headers` if the server takes it there, or import again with the secrets kept";
                self.importer.note(self.child.line, &self.key, message, help);
            } else {
                kept.push(pair);
            }
        }
        if !kept.is_empty() {
            url = format!("{url}?{}", kept.join("&"));
        }
        if password_in_url(&url) && !self.importer.keep_secrets {
            return Err("a secret stands in its URL, which stays behind".to_owned());
        }
        self.draft.set("url", Item::Text(url));
        Ok(unfit)
    }

    /// `oauth` as Claude Code writes it, `auth` as Cursor does.
    fn auth(&mut self) {
        let off = matches!(self.child.value, Value::Bool(false))
            || matches!(self.child.get("enabled"), Some(Node { value: Value::Bool(false), .. }));
        if off {
            return self.draft.set("auth", Item::Word("none".into()));
        }
        if matches!(&self.child.value, Value::Bool(true))
            || matches!(&self.child.value, Value::Text(text) if text == "oauth")
        {
            return self.draft.set("auth", Item::Word("oauth".into()));
        }
        if !matches!(self.child.value, Value::Map(_)) {
            return self.odd("write `auth` by hand");
        }
        let mut out = vec![("type".to_owned(), Item::Word("oauth".into()))];
        for (field, child) in entries(self.child) {
            let key = self.key.child(field);
            match (field.as_str(), &child.value) {
                ("clientId" | "CLIENT_ID" | "client_id", Value::Text(id)) => {
                    out.push(("client_id".to_owned(), Item::Text(id.clone())));
                }
                ("clientSecret" | "CLIENT_SECRET" | "client_secret", Value::Text(_)) => {
                    let help = "add `client_secret: ${secret:NAME}` and `issuer: https://…`, the authorization server that gave it";
                    self.importer.note(
                        child.line,
                        &key,
                        "not carried over: a secret goes to an issuer that is named",
                        help,
                    );
                }
                ("scopes", Value::List(items)) => {
                    let scopes = items.iter().filter_map(scalar).map(Item::Text).collect();
                    out.push(("scopes".to_owned(), Item::List(scopes)));
                }
                ("callbackPort", Value::Number(port)) => {
                    let url = format!("http://localhost:{port}/callback");
                    out.push(("redirect_url".to_owned(), Item::Text(url)));
                }
                ("enabled" | "type", _) => {}
                _ => self.importer.note(
                    child.line,
                    &key,
                    "not carried over",
                    "the server's own metadata tells, or `auth` by hand",
                ),
            }
        }
        self.draft.set("auth", Item::Map(out));
    }

    fn time(&mut self, name: &'static str) {
        if let Some(time) = self.importer.time(self.child, &self.key) {
            self.draft.set(name, time);
        }
    }

    /// `disabled`, or its opposite.
    fn switch(&mut self, disables: bool) {
        match self.child.value {
            Value::Bool(word) if word == disables => self.draft.set("disabled", Item::Word("true".into())),
            Value::Bool(_) => {}
            _ => self.odd("write `disabled: true` to keep it from being started"),
        }
    }

    fn number(&mut self, name: &'static str) {
        match &self.child.value {
            Value::Number(text) => self.draft.set(name, Item::Word(text.clone())),
            _ => self.odd("write a number"),
        }
    }

    fn list(&mut self, name: &'static str) {
        let texts: Vec<_> = self.texts().into_iter().map(|(_, text)| Item::Text(text)).collect();
        if !texts.is_empty() {
            self.draft.set(name, Item::List(texts));
        }
    }

    /// Which tools there are. A list of all of them says nothing.
    fn tools(&mut self, side: &'static str) {
        let texts = self.texts();
        if texts.is_empty() || (side == "allow" && texts.iter().any(|(_, text)| text == "*")) {
            return;
        }
        if let Some(entries) = self.draft.map("tools") {
            entries.push((side.to_owned(), Item::List(texts.into_iter().map(|(_, text)| Item::Text(text)).collect())));
        }
    }
}
