//! What a component may do, in sentences for the person who decides whether to run it.
//!
//! It judges grants as they are written (`KIND=SCOPE`), so it speaks of granted ones and of those that a component merely
//! asks for in the same way. What it cannot read it shows as it is: nothing is left out.

use crate::diagnostic::visible;
use std::fmt;
use tollgate_core::limits::{Unit, format_value};
use tollgate_core::{Grant, Grants, OriginPattern};

/// The most sentences of one list; more are counted.
const LINES_MAX: usize = 50;
/// The most characters of a scope that are shown.
const SCOPE_MAX_CHARS: usize = 200;

/// What is known of a component.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// The interfaces that it imports, as `tollgate:tools/tools@0.1.0`. `None` of a script: its interpreter imports them all.
    pub imports: Option<&'a [String]>,
    /// Its grants, as written.
    pub grants: &'a [String],
    /// The grants that it asks for by its own account, where `grants` are those that it has.
    pub asks: &'a [String],
    /// The secrets that the host adds to its requests.
    pub secrets: &'a [SecretUse],
    /// What its state may hold: keys and bytes, where it is known.
    pub state: Option<(u64, u64)>,
}

/// A secret that the host adds to requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// Its name in the configuration. Never its value.
    pub name: String,
    /// Where it goes: `https://api.example.com`, or with stars.
    pub origin: String,
}

/// What a component may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// A sentence each: `may call: every tool of crm`.
    pub may: Vec<String>,
    /// What does not fit together: an import without a grant, a grant without an import, a grant that is asked for and not
    /// given, a secret that goes nowhere.
    pub notes: Vec<String>,
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, line) in self.may.iter().enumerate() {
            write!(f, "{}{line}", if i == 0 { "" } else { "\n" })?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "\nnote: {note}"))
    }
}

/// A kind of grant, and the interfaces that need it.
struct Kind {
    word: &'static str,
    imports: &'static str,
    verb: &'static str,
    what: &'static str,
    example: &'static str,
}

const KINDS: [Kind; 7] = [
    Kind { word: "tool", imports: "tollgate:tools/", verb: "may call", what: "tools", example: "tool=SERVER:TOOL" },
    Kind {
        word: "resource",
        imports: "tollgate:resources/",
        verb: "may read",
        what: "resources",
        example: "resource=SERVER:URI",
    },
    Kind {
        word: "prompt",
        imports: "tollgate:prompts/",
        verb: "may use",
        what: "prompts",
        example: "prompt=SERVER:NAME",
    },
    Kind { word: "http", imports: "wasi:http/", verb: "may reach", what: "HTTP", example: "http=https://HOST/PATH*" },
    Kind { word: "state", imports: "tollgate:state/", verb: "keeps state", what: "state", example: "state" },
    Kind { word: "model", imports: "tollgate:model/", verb: "may ask", what: "a language model", example: "model" },
    Kind { word: "ask", imports: "tollgate:ask/", verb: "may ask", what: "answers of a person", example: "ask" },
];

/// Tells what a component may do.
pub fn permissions(subject: &Subject<'_>) -> Permissions {
    let grants: Vec<_> = subject.grants.iter().map(|grant| split(grant)).collect();
    let mut said = Permissions::default();
    let mut placed = vec![false; subject.secrets.len()];
    for kind in &KINDS {
        let imports = |import: &String| import.starts_with(kind.imports);
        let imported = subject.imports.map(|all| all.iter().any(imports));
        let scopes: Vec<_> = grants.iter().filter(|(word, _)| *word == kind.word).map(|(_, scope)| *scope).collect();
        let asked: Vec<_> = subject.asks.iter().filter(|asked| split(asked).0 == kind.word).collect();
        match (imported, scopes.is_empty()) {
            (Some(false), false) => {
                said.notes.push(format!("it is granted {}, and does not import what uses it", kind.what));
            }
            (Some(true), true) if asked.is_empty() => said.notes.push(format!(
                "it asks for {} and is granted none: what it asks there is denied; grant `{}`",
                kind.what, kind.example
            )),
            _ => {}
        }
        for asked in asked.into_iter().filter(|asked| !is_given(asked, subject.grants)) {
            said.notes.push(format!("it asks for {}, which is not granted", shown(asked)));
        }
        for scope in scopes {
            let what = match kind.word {
                "tool" => tools(scope),
                "http" => http(scope, subject.secrets, &mut placed),
                "state" => state(scope, subject.state),
                "model" => model(scope),
                "ask" => "the person behind the run, question by question".to_owned(),
                word => named(word, scope),
            };
            said.may.push(format!("{}: {what}", kind.verb));
        }
    }
    let is_strange = |word: &str| KINDS.iter().all(|kind| kind.word != word);
    for (word, scope) in grants.iter().filter(|(word, _)| is_strange(word)) {
        said.may.push(format!("may use: {}", shown(&format!("{word}={scope}"))));
    }
    for asked in subject.asks.iter().filter(|asked| is_strange(split(asked).0)) {
        said.notes.push(format!("it asks for {}, which is no grant", shown(asked)));
    }
    for (secret, _) in subject.secrets.iter().zip(placed).filter(|(_, placed)| !placed) {
        let (name, origin) = (shown(&secret.name), shown(&secret.origin));
        if reaches(subject.grants, &secret.origin) {
            said.may.push(format!("may send: the secret {name} to {origin}"));
        } else {
            said.notes.push(format!("the secret {name} is for {origin}, and no grant lets it send anything there"));
        }
    }
    let beyond = if said.may.is_empty() { "" } else { " beyond this" };
    said.may = bounded(said.may, "grants like these");
    said.notes = bounded(said.notes, "such notes");
    said.may.push(format!("sees no files, environment, real clock or network{beyond}"));
    said
}

/// Whether what a component asks for is among what it was given. What cannot be read is given if it is written the same.
fn is_given(asked: &str, grants: &[String]) -> bool {
    match asked.parse::<Grant>() {
        Ok(asked) => grants.iter().filter_map(|grant| grant.parse::<Grant>().ok()).collect::<Grants>().include(&asked),
        Err(_) => grants.iter().any(|grant| grant == asked),
    }
}

/// Whether a grant lets requests go to where a secret is for.
fn reaches(grants: &[String], origin: &str) -> bool {
    let Ok(origin) = origin.parse::<OriginPattern>() else { return true };
    grants.iter().filter_map(|grant| grant.parse::<Grant>().ok()).any(|grant| grant.meets(&origin))
}

fn bounded(mut lines: Vec<String>, what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.truncate(LINES_MAX);
        lines.push(format!("and {more} more {what}"));
    }
    lines
}

/// Kind and scope, as grants are read: a scope without a kind is of tools.
fn split(grant: &str) -> (&str, &str) {
    match grant.trim() {
        "state" => ("state", "*"),
        "model" => ("model", "*"),
        "ask" => ("ask", "*"),
        "read-only" => ("tool", "*:*!read-only"),
        grant => match grant.split_once('=') {
            Some((kind, scope)) if !kind.contains(':') => {
                (kind, if scope == "read-only" { "*:*!read-only" } else { scope })
            }
            _ => ("tool", grant),
        },
    }
}

fn tools(scope: &str) -> String {
    let (names, read_only) = match scope.strip_suffix("!read-only") {
        Some(names) => (names, "read-only "),
        None => (scope, ""),
    };
    let Some((server, tool)) = names.split_once(':') else { return shown(scope) };
    let of = servers(server);
    match tool {
        "*" => format!("every {read_only}tool of {of}"),
        tool if has_stars(tool) => format!("{read_only}tools of {of} named {}", shown(tool)),
        tool if read_only.is_empty() => format!("{} of {of}", shown(tool)),
        tool => format!("{} of {of}, if it is read-only", shown(tool)),
    }
}

fn named(word: &str, scope: &str) -> String {
    let Some((server, name)) = scope.split_once(':') else { return shown(scope) };
    let of = servers(server);
    match name {
        "*" => format!("every {word} of {of}"),
        name if has_stars(name) => format!("{word}s of {of} named {}", shown(name)),
        name => format!("the {word} {} of {of}", shown(name)),
    }
}

fn servers(pattern: &str) -> String {
    match pattern {
        "*" => "every server".to_owned(),
        pattern if has_stars(pattern) => format!("servers named {}", shown(pattern)),
        name => shown(name),
    }
}

/// `placed` tells of each secret whether a grant has named it.
fn http(scope: &str, secrets: &[SecretUse], placed: &mut [bool]) -> String {
    let (url, words) = scope.rsplit_once('!').unwrap_or((scope, ""));
    let words: Vec<_> = words.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    let methods: Vec<_> = words.iter().copied().filter(|word| *word != "private").collect();
    let mut text = match url.strip_suffix('*') {
        Some(prefix) if prefix.ends_with("://") => format!("every address that begins with {}", shown(prefix)),
        Some(prefix) => format!("everything below {}", shown(prefix)),
        None => shown(url),
    };
    match methods.as_slice() {
        [] => text.push_str(", with any method"),
        ["read-only"] => text.push_str(", to read only (GET, HEAD, OPTIONS)"),
        some => {
            // Methods are plain words; what is not is shown as the strange thing that it is.
            let word = |m: &&str| if m.bytes().all(|b| b.is_ascii_uppercase()) { (*m).to_owned() } else { shown(m) };
            text.push_str(&format!(", with {}", some.iter().map(word).collect::<Vec<_>>().join(", ")));
        }
    }
    if words.contains(&"private") {
        text.push_str(", also where that is a private or loopback address");
    }
    for (secret, placed) in secrets.iter().zip(placed).filter(|(secret, _)| origin(url) == origin(&secret.origin)) {
        text.push_str(&format!(", carrying the secret {}", shown(&secret.name)));
        *placed = true;
    }
    text
}

/// Scheme, host and port, as written.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
    url.get(..end).unwrap_or(url)
}

fn state(scope: &str, room: Option<(u64, u64)>) -> String {
    let keys = match scope.strip_suffix('*') {
        Some("") => "under any key".to_owned(),
        Some(prefix) => format!("under keys that begin with {}", shown(prefix)),
        None => format!("under the key {}", shown(scope)),
    };
    match room {
        Some((count, bytes)) => format!("{keys}, up to {count} keys and {}", format_value(Unit::Bytes, bytes)),
        None => keys,
    }
}

/// A request that names no model gets the configured one, whatever the grant's pattern is.
fn model(scope: &str) -> String {
    match scope {
        "*" => "every language model that the host has".to_owned(),
        scope if has_stars(scope) => format!("language models named {}, and the configured one", shown(scope)),
        name => format!("the language model {}, and the configured one", shown(name)),
    }
}

fn has_stars(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Text from a component or a file, fit for a terminal: between backquotes, which it cannot close, so that it cannot pass
/// for the sentence around it.
fn shown(text: &str) -> String {
    let (text, more) = match text.char_indices().nth(SCOPE_MAX_CHARS) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "…"),
        None => (text, ""),
    };
    format!("`{}{more}`", visible(text).replace('`', "\\u{60}"))
}
