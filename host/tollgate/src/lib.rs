//! Tollgate as a library: a WebAssembly host for MCP, inside your program.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tollgate::{Host, RunRequest, Grants};
//!
//! let host = Host::builder().config_file("tollgate.yaml")?.build().await?;
//! let report = host
//!     .run(RunRequest::file("policy.wasm").input(r#"{"who":"Ada"}"#).grants(Grants::parse(["crm:*"])?))
//!     .await?;
//! println!("{}: {:?}", report.status, report.output);
//! host.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # Layout
//!
//! - [`Host`] and [`HostBuilder`]: the servers, the gate and the runtime, tied together.
//! - [`RunRequest`], [`RunReport`]: one run, asked for and answered.
//! - [`AdapterSpec`]: a component that stands in for a server.
//! - [`Secrets`]: what the host adds to a component's HTTP requests. `outside`: HTTP and state of a run. `openapi`: APIs as
//!   servers.
//! - [`Access`], [`View`]: a host behind rules of who may do what, for front ends; what one caller has of it.
//! - [`HostStatus`], [`Metrics`]: how a host is, and what it counted.
//! - `configured`: a configuration file, turned into what the host takes. [`Checked`], [`Given`]: a component that is looked
//!   at and not run, and what it was given.
//!
//! The types of the parts are here under their own names: [`Limits`], [`Grants`], [`CallFailure`],
//! [`ServerSpec`], [`Journal`] and so on. A `Host` is cheap to clone; its clones are the same host.

mod access;
mod adapter;
mod builder;
mod calls;
mod checks;
mod configured;
mod expose;
mod host;
mod interpreters;
mod metrics;
mod models;
mod names;
mod openapi;
mod outside;
mod report;
mod request;
mod runs;
mod servers;
mod status;
mod view;

pub use access::{Access, CallerRule, Changes, Heard, Origin, Readiness, Rights, Rules, Seat};
pub use adapter::AdapterSpec;
pub use builder::HostBuilder;
pub use checks::{Checked, Given};
pub use configured::{locked, secret_store};
pub use expose::{Expose, Surface};
pub use host::{Host, HostError, PolicyInfo};
pub use interpreters::{InterpreterError, InterpreterInfo};
pub use metrics::Metrics;
pub use outside::Secrets;
pub use report::{RunFailure, RunReport, failure_json};
pub use request::{Behalf, ComponentSource, PolicyCode, PolicySpec, RunRequest, Script};
pub use status::{CacheReport, HostStatus, ServerReport};
pub use view::{Context, View};

pub use tollgate_config as config;
pub use tollgate_core::grant::glob;
pub use tollgate_core::json::{self, check as check_json};
pub use tollgate_core::meta::is_hosts as is_hosts_meta;
pub use tollgate_core::routing::DOMAIN_PREFIX;
pub use tollgate_core::text;
pub use tollgate_core::{
    Approvals, Ask, AskError, AskKind, BoxFuture, Call, CallError, CallFailure, Change, Claimed, Client, Clock,
    Completion, Configured, EffectClass, Entropy, Grant, GrantError, Grants, Identity, LimitKind, LimitReached, Limits,
    ListKind, Listed, LogLevel, ManualClock, Model, ModelError, ModelRequest, NameError, Notice, Outcome, Principal,
    Query, QueryKind, Question, Reply, RpcError, RunId, Secret, SeededEntropy, ServerInfo, Status, SystemClock,
    SystemEntropy, Tenant, Tool, ToolName, ToolResult, TraceContext, Violation, limits, model,
};
pub use tollgate_journal::{CallRecord, Entry, Event, FileJournal, Journal, JournalError, MemoryJournal, Tee};
pub use tollgate_outbound as outbound;
pub use tollgate_route as route;
pub use tollgate_runtime::{Descriptor, Digest, InspectError, Inspection, PolicyError, PrepareError, RunError, World};
pub use tollgate_script::{
    Interpreter, Language as ScriptLanguage, Library, LibraryError, NewScript, SavedScript, ScriptError, SessionError,
    UnknownLanguage, detect as detect_language,
};
pub use tollgate_secrets as secrets;
pub use tollgate_state as state;
pub use tollgate_upstream::{
    AddError, AuthSpec, Duplex, FileTokenStore, HttpKind, LoginDone, LoginError, LoginPrompt, LoginUi, Logins,
    LogoutDone, MemoryTokenStore, OAuthSpec, PinError, Quarantined, ServerSpec, ServerState, ServerStatus, StoreError,
    TokenStore, Transport, web,
};
