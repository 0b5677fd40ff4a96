//! What a configuration says, checked and typed, with the lines where it says so.

use crate::diagnostic::{Diagnostic, visible};
use crate::dotenv::EnvFile;
use crate::template::Template;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;
use tollgate_core::grant::approve::Pattern;
use tollgate_core::grant::glob;
use tollgate_core::{Configured, Grant, LimitKind, Limits, ToolName};
pub use tollgate_secrets::Place as SecretPlace;

mod callers;
mod orchestration;
mod outgoing;

pub use callers::Caller;
pub use orchestration::{
    Breaker, Cache, Keep, Lazy, Model, Orchestration, Prefer, Provider, Retry, Routing, Switch, TokenKey, ToolSettings,
};
pub use outgoing::{Adapter, AdapterCode, Category, Document, OpenApi, SecretIn, SecretUse, State};

/// A value and the line where it was written.
///
/// Two are equal when their values are: moving a server down by a line does not make it another one, so a reload leaves
/// it running.
#[derive(Clone, Debug, Default)]
pub struct At<T> {
    /// The line, from 1.
    pub line: u32,
    /// The value.
    pub value: T,
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A whole configuration. Paths in it are absolute if the file's own was, and `~/` is expanded.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The file, as it was named.
    pub file: PathBuf,
    /// SHA-256 of the file, chained with that of every `envFile` that [`load`](crate::load) read: what `tollgate trust`
    /// trusts.
    pub digest: Digest,
    /// The servers, in the order of the file.
    pub servers: Vec<Server>,
    /// The policies, in the order of the file.
    pub policies: Vec<Policy>,
    /// The defaults of every run.
    pub limits: LimitOverrides,
    /// The journal's file.
    pub journal: Option<PathBuf>,
    /// The folder of compiled components.
    pub cache: Option<PathBuf>,
    /// Where `${secret:NAME}` comes from.
    pub secrets: Vec<SecretSource>,
    /// What components keep.
    pub state: State,
    /// How the host is served.
    pub serve: Serve,
    /// Rights of callers over HTTP. `None`: what `serve` says holds for all; an empty list: nobody has anything.
    pub callers: Option<Vec<Caller>>,
    /// What holds for every server that does not say otherwise.
    pub orchestration: Orchestration,
    /// The language model that components may ask, beside that of the connected agent.
    pub model: Option<Model>,
    /// What is odd but not wrong.
    pub warnings: Vec<Diagnostic>,
}

/// A SHA-256 digest; shown in hexadecimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its name, by which calls and grants know it.
    pub name: At<String>,
    /// Its key in the file (`mcpServers.crm`), for errors.
    pub key: String,
    /// How it is reached.
    pub transport: Transport,
    /// Not started.
    pub disabled: bool,
    /// Required: the host is not ready while this server is not there.
    pub required: bool,
    /// The time for one call, if it is not the host's default.
    pub timeout: Option<Duration>,
    /// The time for connecting, if it is not the host's default.
    pub connect_timeout: Option<Duration>,
    /// Which server of a domain is asked first: the lowest number, from 1 to 999.
    pub priority: Option<u16>,
    /// Topics that it answers for.
    pub domains: Vec<String>,
    /// Routing labels of what it can do.
    pub capabilities: Vec<String>,
    /// Which of its tools exist for us.
    pub tools: ToolFilter,
    /// What it says of the calls that it gets; [`route`](crate::route()) fills in the rest.
    pub routing: Routing,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// A child process that speaks MCP on its standard streams.
    Process(Process),
    /// An address that speaks MCP over HTTP.
    Remote(Remote),
    /// A component that exports tools.
    Adapter(Adapter),
}

/// A child process.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// The program: a name to look up in PATH, or a path (it has a `/`).
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment beyond the minimal one. Goes before that of `env_file`.
    pub env: Vec<Variable>,
    /// A dotenv file with more of it.
    pub env_file: Option<At<EnvFile>>,
    /// Its working folder. `None` is the host's own.
    pub cwd: Option<PathBuf>,
}

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// An `http` or `https` URL with a host and no user or password.
    pub url: http::Uri,
    /// Which protocol it speaks.
    pub protocol: RemoteProtocol,
    /// Headers of every request.
    pub headers: Vec<Variable>,
    /// How the host is authorised beyond its headers.
    pub auth: Auth,
    /// Headers and tokens may go to another machine over clear http.
    pub allow_http: bool,
    /// The proxy of requests to it: an `http` or `https` URL.
    pub proxy: Option<Configured<String>>,
}

/// How the host is authorised by a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Auth {
    /// By the headers, or not at all.
    #[default]
    None,
    /// By OAuth. A server with neither `auth` nor an `Authorization` header has this with every default: it costs
    /// nothing until the server asks for it and a person logs in.
    OAuth(Box<OAuth>),
}

/// What OAuth needs to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OAuth {
    /// The client, as the authorization server knows it.
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<At<Template>>,
    /// The client's private key in PEM, in place of a secret.
    pub client_key: Option<At<Template>>,
    /// What is signed with the key.
    pub key_algorithm: KeyAlgorithm,
    /// The `https` URL of the client's metadata document.
    pub client_metadata_url: Option<String>,
    /// The scopes to ask for. Empty: those that the server names.
    pub scopes: Vec<String>,
    /// Who logs in.
    pub grant: OAuthGrant,
    /// The port that the browser comes back to.
    pub redirect_port: Option<u16>,
    /// The whole URL that it comes back to, in place of the port.
    pub redirect_url: Option<String>,
    /// The only authorization server to trust. There is one wherever there is a secret or a key, except in other clients' form.
    pub issuer: Option<String>,
}

/// Who logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OAuthGrant {
    /// A person, with a browser.
    #[default]
    Code,
    /// The host by itself.
    ClientCredentials,
}

/// What is signed with a client's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    #[default]
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// RSA with SHA-256.
    Rs256,
    /// RSA with SHA-384.
    Rs384,
    /// RSA with SHA-512.
    Rs512,
}

/// The protocol of a remote server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteProtocol {
    /// Streamable HTTP, and HTTP with SSE if the server does not know that.
    Auto,
    /// Streamable HTTP.
    StreamableHttp,
    /// HTTP with SSE, of protocol version 2024-11-05.
    Sse,
}

/// An environment variable or a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, perhaps with parts to fill in.
    pub value: At<Template>,
}

/// Which tools of a server exist for us, and whether they may change. Patterns have `*` (any text) and `?` (one character).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFilter {
    /// Only these; all if it is empty.
    pub allow: Vec<String>,
    /// Not these, even if they are allowed.
    pub deny: Vec<String>,
    /// A tool that is new, or changed, since it was approved is kept from being used.
    pub pin: bool,
}

impl ToolFilter {
    /// Whether a tool exists for us.
    pub fn admits(&self, tool: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, tool));
        (self.allow.is_empty() || any(&self.allow)) && !any(&self.deny)
    }
}

/// One policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: At<String>,
    /// What runs.
    pub code: Code,
    /// What it may use.
    pub grants: Vec<At<Grant>>,
    /// The tools whose calls a person must approve one by one.
    pub approve: Vec<At<Pattern>>,
    /// Its own limits, over the defaults.
    pub limits: LimitOverrides,
    /// What it is for, if the component's own description does not do.
    pub description: Option<String>,
    /// The secrets that go with its HTTP requests.
    pub secrets: Vec<SecretUse>,
}

/// What a policy runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Code {
    /// A component that exports `run`.
    Component(At<PathBuf>),
    /// A policy that comes with the program, by its name there; [`unknown_shipped`](crate::unknown_shipped) says whether it does.
    Shipped(At<String>),
    /// Source text for an interpreter.
    Script(At<PathBuf>, Language),
}

/// The language of a script: what `language` says, else what the file's extension tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `.js`, `.mjs`
    JavaScript,
    /// `.ts`, `.mts`
    TypeScript,
    /// `.py`
    Python,
}

/// Limits that were set, each in the unit of its kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitOverrides(pub Vec<(LimitKind, At<u64>)>);

impl LimitOverrides {
    /// Sets those that are given.
    pub fn apply(&self, limits: &mut Limits) {
        for (kind, value) in &self.0 {
            limits.set(*kind, value.value);
        }
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretSource {
    /// Its name, as in `${secret:NAME}`.
    pub name: At<String>,
    /// The place.
    pub from: SecretPlace,
}

/// How the host is served. A flag of `tollgate serve` goes before what is said here; what neither says is the default
/// of the flag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Serve {
    /// What agents see.
    pub expose: Option<Expose>,
    /// How tools are named.
    pub names: Names,
    /// How it is served over HTTP.
    pub http: ServeHttp,
    /// What agents may use. `None` is everything, an empty list nothing.
    pub grants: Option<Vec<At<Grant>>>,
    /// The tools whose calls a person must approve one by one, beside those of a policy's own list.
    pub approve: Vec<At<Pattern>>,
}

/// What agents see.
#[derive(Clone, Debug, PartialEq)]
pub enum Expose {
    /// A few tools that find and call all others.
    Meta,
    /// Those, and tools that tell how the host is.
    MetaFull,
    /// The policies, as tools.
    Policies,
    /// The policies and every server's tools.
    All,
    /// Policies by name and tools as `server:tool`; both may have `*` and `?`. There is at least one.
    Only(Vec<At<String>>),
}

/// How tools are named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// What is done about tools that want one name.
    pub strategy: Option<NameStrategy>,
    /// What stands between server and tool: 1 to 8 letters, digits, `_` or `-`.
    pub separator: Option<String>,
    /// Names by hand, each there once: 1 to 64 letters, digits, `_` or `-`.
    pub rename: Vec<(ToolName, At<String>)>,
}

/// What is done about tools that want one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameStrategy {
    /// Every tool is `server__tool`.
    Prefix,
    /// Their own names; the server with the lowest priority keeps one that several want.
    Priority,
    /// Their own names, the server in the description.
    Label,
    /// Their own names; a collision waits for a person's word.
    Ask,
    /// Their own names, and resources under their own URIs.
    None,
}

/// How the host is served over HTTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServeHttp {
    /// The address to listen on. Without it, HTTP is served if a flag says so.
    pub listen: Option<SocketAddr>,
    /// The tokens that let agents in, each there once.
    pub tokens: Vec<Token>,
    /// Names under which the host is reached, beside loopback's, perhaps with a port.
    pub hosts: Vec<String>,
    /// Origins of web pages that may call, as `https://app.example.com`.
    pub origins: Vec<String>,
    /// The most sessions at once.
    pub max_sessions: Option<u64>,
    /// The longest body of a request, in bytes.
    pub max_body_bytes: Option<u64>,
    /// A session that is not used ends after this time.
    pub session_timeout: Option<Duration>,
    /// How long a client may take for a request, for reading the answer, and between requests.
    pub idle_timeout: Option<Duration>,
    /// How long requests may go on when the host is stopped.
    pub grace: Option<Duration>,
}

/// A token that lets an agent in.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Who comes with it.
    pub name: String,
    /// The token's SHA-256.
    pub sha256: At<Digest>,
}

impl Config {
    /// The servers that are not disabled.
    pub fn enabled(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| !server.disabled)
    }

    /// How much of everything there is.
    pub fn summary(&self) -> Summary {
        Summary {
            servers: self.servers.len(),
            disabled: self.servers.len() - self.enabled().count(),
            policies: self.policies.len(),
            warnings: self.warnings.len(),
        }
    }

    /// What this configuration would start, a line each, for someone who decides whether to trust it. Neither
    /// environments nor headers are shown, and no query of a URL: secrets live there.
    pub fn would_start(&self) -> Vec<String> {
        self.enabled().map(|server| visible(&format!("{}: {}", *server.name, server.transport))).collect()
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Process(process) => {
                write!(f, "{}", process.command.display())?;
                process.args.iter().try_for_each(|arg| match arg.contains([' ', '"', '\'']) || arg.is_empty() {
                    true => write!(f, " {arg:?}"),
                    false => write!(f, " {arg}"),
                })
            }
            Transport::Remote(Remote { url, .. }) => {
                let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.authority().map_or("", |a| a.as_str()));
                write!(f, "{scheme}://{host}{}", url.path())
            }
            Transport::Adapter(adapter) => match &adapter.code {
                AdapterCode::Component(file) => write!(f, "component {}", file.display()),
                AdapterCode::OpenApi(api) => match &api.document.value {
                    Document::File(file) => write!(f, "openapi {}", file.display()),
                    Document::Url(url) => write!(f, "openapi {url}"),
                },
            },
        }
    }
}

/// How much of everything there is. Written `3 servers (1 disabled), 2 policies, 0 warnings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Servers, the disabled ones too.
    pub servers: usize,
    /// Disabled servers.
    pub disabled: usize,
    /// Policies.
    pub policies: usize,
    /// Warnings.
    pub warnings: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn count(n: usize, one: &str, many: &str) -> String {
            format!("{n} {}", if n == 1 { one } else { many })
        }
        write!(f, "{}", count(self.servers, "server", "servers"))?;
        if self.disabled > 0 {
            write!(f, " ({} disabled)", self.disabled)?;
        }
        let (policies, warnings) =
            (count(self.policies, "policy", "policies"), count(self.warnings, "warning", "warnings"));
        write!(f, ", {policies}, {warnings}")
    }
}
