//! The nouns of Tollgate: names, calls, failures, grants, limits, budgets, identities, clocks, and the
//! traits that join the parts of the host. No I/O.
//!
//! # Layout
//!
//! - [`name`]: `server:tool`, and what a server or tool may be called.
//! - [`call`]: a call, its result, and every way in which it can fail.
//! - [`meta`]: which members of a request's `_meta` are the caller's.
//! - [`query`]: what a server is asked for beside its tools. [`client`]: the agent's client behind a run.
//! - [`tool`]: a tool as its server describes it, and what an attempt at it may change (effect class).
//! - [`model`]: what is asked of a language model. [`question`]: what is asked of a person. [`routing`]: servers as
//!   routing sees them.
//! - [`grant`]: what a component may use. Nothing is granted by default.
//! - [`url`]: what a component may ask for, in one reading. [`address`]: what kind of address an address is.
//! - [`names`]: the names that a script has for what it may call.
//! - [`limits`]: the ceilings of a run; each with its default, flag, key and error. [`budget`]: what is left.
//! - [`run`]: who runs what (identity), and how a run ended.
//! - [`trace`]: where a run stands in a distributed trace.
//! - [`json`]: checks of JSON text from outside.
//! - [`secret`]: values that are never shown. [`text`]: what others wrote, made fit for people's eyes.
//! - [`clock`]: time and randomness, replaceable. `deadlines`: limits of time that hardly ever come.
//! - [`traits`]: [`Caller`] (the gate implements it, the runtime uses it), [`Upstream`] (routing over MCP connections and
//!   adapters implements it, the gate uses it) and [`Model`] (a model's provider implements it, the gate uses it).

pub mod access;
pub mod address;
pub mod budget;
pub mod call;
pub mod client;
pub mod clock;
mod deadlines;
pub mod grant;
pub mod json;
pub mod limits;
pub mod memory;
pub mod meta;
pub mod model;
pub mod name;
pub mod names;
pub mod provenance;
pub mod query;
pub mod question;
pub mod routing;
pub mod run;
pub mod secret;
pub mod text;
pub mod tool;
pub mod trace;
pub mod traits;
pub mod url;

pub use access::{StateAccess, StateOperation};
pub use address::AddressKind;
pub use budget::Budget;
pub use call::{Answer, Attempt, Call, CallError, CallFailure, Outcome, OutcomeClass, RpcError, ToolResult, Violation};
pub use client::{Ask, AskKind, Client, Notice};
pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy};
pub use grant::approve::Approvals;
pub use grant::http::{HostPattern, OriginPattern, Reach};
pub use grant::{Grant, GrantError, Grants, HostInterface};
pub use limits::{LimitKind, LimitReached, Limits};
pub use memory::{Held, HostMemory};
pub use model::{Completion, ModelError, ModelRequest};
pub use name::{NameError, ToolName};
pub use names::{Function, Names, Namespace, Parameter};
pub use provenance::{Claimed, Configured};
pub use query::{Change, ListKind, Listed, Query, QueryKind};
pub use question::{AskError, Question, Reply};
pub use routing::{Health, ServerInfo};
pub use run::{Identity, Principal, RunContext, RunId, Status, Tenant};
pub use secret::Secret;
pub use tool::{EffectClass, Tool};
pub use trace::TraceContext;
pub use traits::{CallContext, Caller, Candidates, LogLevel, MayUse, Means, Model, Upstream};
pub use url::{Host, HttpUrl, Scheme, UrlError};

/// A boxed future that can move between threads, as the object-safe traits return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
