//! What a component may use. Nothing is granted by default.
//!
//! A grant is written `KIND=SCOPE`. `tool=SCOPE` grants calls: the scope is `server:tool` with `*` (any
//! text) and `?` (one character) in either part, and may end in `!read-only`, which narrows it to tools
//! that declare themselves read-only. A bare scope means `tool`; the bare word `read-only` means
//! `tool=*:*!read-only`. `resource=server:URI` and `prompt=server:NAME` grant the servers' resources and
//! prompts, with the same stars; a URI must be meant in every way in which a server could read it (`resource`). `model` or `model=NAME` grants questions to language models, `ask` questions to the person
//! behind the run. `http=URL` grants requests over HTTP: [`http`] has its form. `state`, or `state=PREFIX*`,
//! grants keys of the component's own: [`state`].

pub mod approve;
mod bounds;
mod cover;
pub mod http;
mod resource;
pub mod state;
#[cfg(test)]
mod tests;

use crate::name::check_server_name;
use crate::tool::EffectClass;
use crate::url::HttpUrl;
use http::{HttpGrant, Reach};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

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
    /// Requests over HTTP.
    Http,
    /// What a component keeps from run to run.
    State,
    /// Questions to a language model.
    Model,
    /// Questions to the person behind the run.
    Ask,
}

impl HostInterface {
    const ALL: [Self; 7] = [Self::Tool, Self::Resource, Self::Prompt, Self::Http, Self::State, Self::Model, Self::Ask];

    /// The word before the `=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
            Self::Http => "http",
            Self::State => "state",
            Self::Model => "model",
            Self::Ask => "ask",
        }
    }
}

/// Permission for one component to use a host interface, with its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant(Scope);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Named(Named),
    Http(HttpGrant),
    State(state::Scope),
    /// The names of models, with stars.
    Model(String),
    Ask,
}

/// Something of a server, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Named {
    kind: HostInterface,
    server: String,
    name: String,
    read_only: bool,
}

impl Named {
    /// Everything of a kind.
    fn all(kind: HostInterface) -> Self {
        Self { kind, server: "*".into(), name: "*".into(), read_only: false }
    }
}

/// Why a text is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The kind is not known.
    #[error(
        "`{kind}` is not a kind of grant; there is: tool (as `tool=crm:*`), resource, prompt, http, state, model, ask"
    )]
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
    /// The scope is not one of `http`.
    #[error("`{scope}` is not a scope of http: {why}; write it as https://api.example.com/v1/*!GET,POST")]
    Http {
        /// What was written.
        scope: String,
        /// What is wrong with it.
        why: String,
    },
    /// The scope is not one of `model` or `ask`.
    #[error("`{scope}` is not a scope of {kind}; write {help}")]
    Word {
        /// The kind.
        kind: &'static str,
        /// What was written.
        scope: String,
        /// What to write.
        help: &'static str,
    },
    /// The scope is not one of `state`.
    #[error(transparent)]
    State(#[from] state::ScopeError),
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
            _ if text == HostInterface::State.as_str() => return Ok(Self(Scope::State(state::Scope::all()))),
            _ if text == HostInterface::Model.as_str() => return Ok(Self(Scope::Model("*".to_owned()))),
            _ if text == HostInterface::Ask.as_str() => return Ok(Self(Scope::Ask)),
            _ => (HostInterface::Tool, text),
        };
        if kind == HostInterface::State {
            return Ok(Self(Scope::State(scope.parse()?)));
        }
        let word = |help| GrantError::Word { kind: kind.as_str(), scope: scope.chars().take(80).collect(), help };
        if kind == HostInterface::Model {
            let is_name = !scope.is_empty() && scope.len() <= 200 && !scope.chars().any(char::is_control);
            let error = || word("`model` for every model, or `model=NAME` with * and ? where you like");
            return is_name.then(|| Self(Scope::Model(scope.to_owned()))).ok_or_else(error);
        }
        if kind == HostInterface::Ask {
            return Err(word("`ask`: it has no scope"));
        }
        if kind == HostInterface::Http {
            let error = |why| GrantError::Http { scope: scope.to_owned(), why };
            return scope.parse().map(|grant| Self(Scope::Http(grant))).map_err(error);
        }
        let is_tool = kind == HostInterface::Tool;
        // All tools of all servers: `*:*`.
        if is_tool && scope == "*" {
            return Ok(Self(Scope::Named(Named::all(kind))));
        }
        if is_tool && scope == READ_ONLY {
            return Ok(Self(Scope::Named(Named { read_only: true, ..Named::all(kind) })));
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
        Ok(Self(Scope::Named(Named { kind, server: server.to_owned(), name: name.to_owned(), read_only })))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Scope::Named(Named { kind, server, name, read_only }) => {
                let narrow = if *read_only { "!read-only" } else { "" };
                write!(f, "{}={server}:{name}{narrow}", kind.as_str())
            }
            Scope::Http(grant) => write!(f, "{}={grant}", HostInterface::Http.as_str()),
            Scope::State(scope) if scope.is_all() => f.write_str(HostInterface::State.as_str()),
            Scope::State(scope) => write!(f, "{}={scope}", HostInterface::State.as_str()),
            Scope::Model(names) if names == "*" => f.write_str(HostInterface::Model.as_str()),
            Scope::Model(names) => write!(f, "{}={names}", HostInterface::Model.as_str()),
            Scope::Ask => f.write_str(HostInterface::Ask.as_str()),
        }
    }
}

impl Grant {
    /// The host interface it is for.
    pub fn kind(&self) -> HostInterface {
        match &self.0 {
            Scope::Named(named) => named.kind,
            Scope::Http(_) => HostInterface::Http,
            Scope::State(_) => HostInterface::State,
            Scope::Model(_) => HostInterface::Model,
            Scope::Ask => HostInterface::Ask,
        }
    }

    /// What its author should know, though it is a grant: that it is for hosts of anybody's.
    pub fn doubt(&self) -> Option<String> {
        self.http().and_then(HttpGrant::doubt)
    }

    /// The narrow grant that would allow a request; with `private`, also where the host's address is not public.
    pub fn for_request(method: &str, url: &HttpUrl, private: bool) -> Self {
        Self(Scope::Http(http::suggested(method, url, private)))
    }

    fn named(&self) -> Option<&Named> {
        match &self.0 {
            Scope::Named(named) => Some(named),
            _ => None,
        }
    }

    fn http(&self) -> Option<&HttpGrant> {
        match &self.0 {
            Scope::Http(grant) => Some(grant),
            _ => None,
        }
    }
}

impl Named {
    fn names(&self, kind: HostInterface, server: &str, name: &str) -> bool {
        self.kind == kind && glob(&self.server, server) && self.means(name, |_| true)
    }

    fn means(&self, name: &str, one: impl Fn(char) -> bool + Copy) -> bool {
        match self.kind {
            HostInterface::Resource => resource::means(&self.name, name, one),
            _ => matched(&self.name, name, one),
        }
    }
}

/// What the gate finds when it holds a call against the grants; the narrower is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
pub struct Grants(Vec<Held>);

/// A grant, and the grants that it is held to: it allows what each of them allows too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    grant: Grant,
    within: Vec<Arc<Grants>>,
}

impl From<Grant> for Held {
    fn from(grant: Grant) -> Self {
        Self { grant, within: Vec::new() }
    }
}

impl Grants {
    /// Everything that servers have (tools, resources, prompts): for a direct call by the person who owns the host.
    ///
    /// No `http`: a direct call makes no requests of its own, an adapter behind it has its own grants, and scripts of
    /// agents, which run with these where nothing else is said, must not reach the network by default.
    pub fn all() -> Self {
        let all = [HostInterface::Tool, HostInterface::Resource, HostInterface::Prompt];
        all.map(|kind| Grant(Scope::Named(Named::all(kind)))).into_iter().collect()
    }

    /// Reads a list of grants.
    ///
    /// # Errors
    /// The first that is none, and why.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, GrantError> {
        texts.into_iter().map(|t| t.as_ref().parse::<Grant>()).collect()
    }

    /// Adds those of `other`.
    pub fn extend(&mut self, other: Self) {
        for held in other.0 {
            if !self.0.contains(&held) {
                self.0.push(held);
            }
        }
    }

    /// Each grant, as it was written.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter().map(|held| &held.grant)
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a call may be made, as far as names tell.
    pub fn verdict(&self, server: &str, tool: &str) -> Verdict {
        let mut verdict = Verdict::No;
        for (named, held) in self.named().filter(|(named, _)| named.names(HostInterface::Tool, server, tool)) {
            let own = if named.read_only { Verdict::IfReadOnly } else { Verdict::Yes };
            verdict = verdict.min(held.within.iter().fold(own, |own, within| own.max(within.verdict(server, tool))));
            if verdict == Verdict::Yes {
                break;
            }
        }
        verdict
    }

    /// Whether any tool of a server may be called.
    pub fn reaches(&self, server: &str) -> bool {
        let reaches = |grants: &Self| grants.reaches(server);
        self.named().any(|(g, held)| g.kind == HostInterface::Tool && glob(&g.server, server) && held.all(reaches))
    }

    /// Whether anything of a server may be used: it may be known of.
    pub fn knows(&self, server: &str) -> bool {
        self.named().any(|(g, held)| glob(&g.server, server) && held.all(|grants| grants.knows(server)))
    }

    /// Whether any resource of a server may be read, or any prompt of it had: whichever `kind` is.
    pub fn covers_any(&self, kind: HostInterface, server: &str) -> bool {
        let any = |grants: &Self| grants.covers_any(kind, server);
        self.named().any(|(g, held)| g.kind == kind && !g.read_only && glob(&g.server, server) && held.all(any))
    }

    /// Whether a resource or prompt of this name may be used.
    pub fn covers(&self, kind: HostInterface, server: &str, name: &str) -> bool {
        let covers = |grants: &Self| grants.covers(kind, server, name);
        self.named().any(|(g, held)| !g.read_only && g.names(kind, server, name) && held.all(covers))
    }

    /// Whether a grant names this very resource or prompt, without stars.
    pub fn spells(&self, kind: HostInterface, server: &str, name: &str) -> bool {
        let spells = |grants: &Self| grants.spells(kind, server, name);
        self.named().any(|(g, held)| g.kind == kind && glob(&g.server, server) && g.name == name && held.all(spells))
    }

    /// Another way to read a resource's URI, which keeps it from being granted: written as it is, it would be.
    pub fn stray_reading(&self, server: &str, uri: &str) -> Option<String> {
        let mut grants = self.named().filter(|(g, _)| g.kind == HostInterface::Resource && glob(&g.server, server));
        grants.find_map(|(g, _)| resource::stray_reading(&g.name, uri))
    }

    /// Whether a request may be made, and which addresses its host may then have; `None` is no. The method is as it is
    /// sent, in capitals.
    pub fn http(&self, method: &str, url: &HttpUrl) -> Option<Reach> {
        let reaches = self.0.iter().filter_map(|held| {
            let own = http::reach(held.grant.http().into_iter(), method, url)?;
            held.within.iter().try_fold(own, |reach, within| Some(reach.and(within.http(method, url)?)))
        });
        reaches.reduce(Reach::or)
    }

    /// The keys of its own that a component may use.
    pub fn state(&self) -> Vec<state::Scope> {
        let scopes = self.0.iter().filter_map(|held| match &held.grant.0 {
            Scope::State(scope) => Some((scope, held)),
            _ => None,
        });
        let held_to = |(scope, held): (&state::Scope, &Held)| {
            held.within.iter().fold(vec![scope.clone()], |scopes, within| {
                let bounds = within.state();
                scopes.iter().flat_map(|own| bounds.iter().filter_map(|bound| own.narrowed(bound))).collect()
            })
        };
        scopes.flat_map(held_to).collect()
    }

    /// Whether a model may be asked: the one of this name, or the configured one where no name is given.
    pub fn model(&self, name: Option<&str>) -> bool {
        self.0.iter().any(|held| match &held.grant.0 {
            Scope::Model(names) => name.is_none_or(|name| glob(names, name)) && held.all(|grants| grants.model(name)),
            _ => false,
        })
    }

    /// Whether the person behind the run may be asked.
    pub fn ask(&self) -> bool {
        self.0.iter().any(|held| held.grant.0 == Scope::Ask && held.all(Self::ask))
    }

    fn named(&self) -> impl Iterator<Item = (&Named, &Held)> {
        self.0.iter().filter_map(|held| Some((held.grant.named()?, held)))
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
        Self(grants.into_iter().map(Held::from).collect())
    }
}

/// Matches `*` and `?`. Runs in the product of the lengths at worst, whatever the pattern.
pub fn glob(pattern: &str, text: &str) -> bool {
    matched(pattern, text, |_| true)
}

/// As [`glob`]; `one` tells which characters a `?` stands for.
fn matched(pattern: &str, text: &str, one: impl Fn(char) -> bool) -> bool {
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
            (Some(want), Some(have)) if want == have || (want == '?' && one(have)) => {
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
