//! What a component may use. Nothing is granted by default.
//!
//! A grant is written `KIND=SCOPE`. `tool=SCOPE` grants calls: the scope is `server:tool` with `*` (any
//! text) and `?` (one character) in either part, and may end in `!read-only`, which narrows it to tools
//! that declare themselves read-only. A bare scope means `tool`; the bare word `read-only` means
//! `tool=*:*!read-only`. `resource=server:URI` and `prompt=server:NAME` grant the servers' resources and
//! prompts, with the same stars.

use crate::name::check_server_name;
use crate::tool::EffectClass;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A host interface that grants speak of. Unknown ones are refused when they are read, never ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostInterface {
    /// Calls to tools.
    Tool,
    /// Resources: lists, reading, subscriptions.
    Resource,
    /// Prompts: lists, getting.
    Prompt,
}

impl HostInterface {
    const ALL: [Self; 3] = [Self::Tool, Self::Resource, Self::Prompt];

    /// The word before the `=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }
}

/// Permission for one component to use a host interface, with its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    kind: HostInterface,
    server: String,
    name: String,
    read_only: bool,
}

/// Why a text is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The kind is not known.
    #[error("`{kind}` is not a kind of grant; there is: tool (as `tool=crm:*`), resource, prompt")]
    UnknownKind {
        /// What was written before the `=`.
        kind: String,
    },
    /// The scope is not `server:tool`.
    #[error(
        "`{scope}` is not a scope of tools: write `server:tool`, with * and ? where you like, as `crm:*`; or `read-only`"
    )]
    Scope {
        /// What was written.
        scope: String,
    },
}

const READ_ONLY: &str = "read-only";

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let text = text.trim();
        // A resource's URI may hold a `=`, so a kind is what comes before the first colon too.
        let (kind, scope) = match text.split_once('=') {
            Some((kind, scope)) if !kind.contains(':') => {
                let known = HostInterface::ALL.into_iter().find(|k| k.as_str() == kind);
                (known.ok_or_else(|| GrantError::UnknownKind { kind: kind.to_owned() })?, scope)
            }
            _ => (HostInterface::Tool, text),
        };
        let is_tool = kind == HostInterface::Tool;
        if is_tool && scope == READ_ONLY {
            return Ok(Self { kind, server: "*".into(), name: "*".into(), read_only: true });
        }
        let bad = || GrantError::Scope { scope: scope.to_owned() };
        let (names, read_only) = match scope.rsplit_once('!') {
            Some((names, READ_ONLY)) if is_tool => (names, true),
            Some(_) if is_tool => return Err(bad()),
            _ => (scope, false),
        };
        let (server, name) = names.split_once(':').ok_or_else(bad)?;
        let plain = server.replace(['*', '?'], "x");
        if name.is_empty() || name.chars().any(char::is_control) || check_server_name(&plain).is_err() {
            return Err(bad());
        }
        Ok(Self { kind, server: server.to_owned(), name: name.to_owned(), read_only })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let narrow = if self.read_only { "!read-only" } else { "" };
        write!(f, "{}={}:{}{narrow}", self.kind.as_str(), self.server, self.name)
    }
}

impl Grant {
    /// The host interface it is for.
    pub fn kind(&self) -> HostInterface {
        self.kind
    }

    fn names(&self, kind: HostInterface, server: &str, name: &str) -> bool {
        self.kind == kind && glob(&self.server, server) && glob(&self.name, name)
    }
}

/// What the gate finds when it holds a call against the grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Granted.
    Yes,
    /// Granted if the tool turns out to be read-only.
    IfReadOnly,
    /// Not granted.
    No,
}

/// All grants of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// Everything there is: for a direct call by the person who owns the host.
    pub fn all() -> Self {
        let grant = |kind| Grant { kind, server: "*".into(), name: "*".into(), read_only: false };
        Self(HostInterface::ALL.map(grant).into())
    }

    /// Reads a list of grants.
    ///
    /// # Errors
    /// The first that is none, and why.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, GrantError> {
        texts.into_iter().map(|t| t.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Adds those of `other`.
    pub fn extend(&mut self, other: Self) {
        for grant in other.0 {
            if !self.0.contains(&grant) {
                self.0.push(grant);
            }
        }
    }

    /// Each grant.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a call may be made, as far as names tell.
    pub fn verdict(&self, server: &str, tool: &str) -> Verdict {
        let mut verdict = Verdict::No;
        for grant in self.0.iter().filter(|g| g.names(HostInterface::Tool, server, tool)) {
            if !grant.read_only {
                return Verdict::Yes;
            }
            verdict = Verdict::IfReadOnly;
        }
        verdict
    }

    /// Whether any tool of a server may be called.
    pub fn reaches(&self, server: &str) -> bool {
        self.0.iter().any(|g| g.kind == HostInterface::Tool && glob(&g.server, server))
    }

    /// Whether a resource or prompt of this name may be used.
    pub fn covers(&self, kind: HostInterface, server: &str, name: &str) -> bool {
        self.0.iter().any(|g| !g.read_only && g.names(kind, server, name))
    }

    /// Whether a call of a tool with this effect class may be made.
    pub fn allows(&self, server: &str, tool: &str, effect: EffectClass) -> bool {
        match self.verdict(server, tool) {
            Verdict::Yes => true,
            Verdict::IfReadOnly => effect == EffectClass::Read,
            Verdict::No => false,
        }
    }
}

impl FromIterator<Grant> for Grants {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self(grants.into_iter().collect())
    }
}

/// Matches `*` and `?`. Runs in the product of the lengths at worst, whatever the pattern.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (mut p, mut t) = (pattern.chars(), text.chars());
    // Where to go back to: after the last star, and one character further in the text.
    let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let mut ahead = p.clone();
        match (ahead.next(), t.clone().next()) {
            (Some('*'), _) => {
                p = ahead;
                back = Some((p.clone(), t.clone()));
            }
            (None, None) => return true,
            (Some(want), Some(have)) if want == '?' || want == have => {
                p = ahead;
                t.next();
            }
            _ => {
                let Some((after_star, from)) = &mut back else { return false };
                if from.next().is_none() {
                    return false;
                }
                p = after_star.clone();
                t = from.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scopes() {
        let table = [
            ("crm:*", "crm", "get", EffectClass::Unknown, true),
            ("tool=crm:*", "crm", "get", EffectClass::Unknown, true),
            ("crm:get_*", "crm", "set_x", EffectClass::Read, false),
            ("c?m:get", "crm", "get", EffectClass::Unknown, true),
            ("*:*", "any", "thing", EffectClass::NonIdempotent, true),
            ("read-only", "crm", "get", EffectClass::Read, true),
            ("read-only", "crm", "get", EffectClass::Unknown, false),
            ("crm:*!read-only", "crm", "set", EffectClass::Idempotent, false),
            ("crm:*!read-only", "pay", "get", EffectClass::Read, false),
        ];
        for (grant, server, tool, effect, want) in table {
            let grants = Grants::parse([grant]).unwrap();
            assert_eq!(grants.allows(server, tool, effect), want, "{grant} {server}:{tool}");
        }
        assert!(!Grants::default().allows("crm", "get", EffectClass::Read), "nothing by default");
    }

    #[test]
    fn resources_and_prompts_are_granted_apart_from_tools() {
        let grants = Grants::parse(["resource=files:file:///notes/*", "prompt=*:ask_*"]).unwrap();
        assert!(grants.covers(HostInterface::Resource, "files", "file:///notes/a?b=c!read-only"));
        assert!(!grants.covers(HostInterface::Resource, "files", "file:///etc/passwd"));
        assert!(!grants.covers(HostInterface::Resource, "other", "file:///notes/a"));
        assert!(grants.covers(HostInterface::Prompt, "any", "ask_me"));
        assert!(!grants.covers(HostInterface::Prompt, "files", "file:///notes/a"));
        assert!(!grants.allows("files", "file:///notes/a", EffectClass::Read));
        assert!(!Grants::parse(["*:*"]).unwrap().covers(HostInterface::Prompt, "any", "ask_me"));
        let scope = "resource=db:db://x?y=1";
        assert_eq!(scope.parse::<Grant>().unwrap().to_string(), scope);
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        for text in ["", "crm", "http=https://x", "tools=crm:*", "crm:", ":x", "a b:*", "crm:*!readonly", "tool="] {
            assert!(text.parse::<Grant>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn glob_agrees_with_the_plain_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            fn slow(p: &[u8], t: &[u8]) -> bool {
                match p.split_first() {
                    None => t.is_empty(),
                    Some((b'*', rest)) => (0..=t.len()).any(|i| slow(rest, &t[i..])),
                    Some((c, rest)) => !t.is_empty() && (*c == b'?' || *c == t[0]) && slow(rest, &t[1..]),
                }
            }
            prop_assert_eq!(glob(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn a_grant_reads_back(text in "((tool=)?[a-z*?]{1,6}:[a-z_*?]{1,8}(!read-only)?)|((resource|prompt)=[a-z*]{1,6}:[a-z:/!=]{1,8})") {
            let grant: Grant = text.parse().unwrap();
            prop_assert_eq!(grant.to_string().parse::<Grant>().unwrap(), grant);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<Grant>();
        }
    }
}
