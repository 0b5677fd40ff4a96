//! The traits that join the parts of the host.
//!
//! **Architecture invariant:** nothing reaches an [`Upstream`] except through the gate. The runtime knows
//! only [`Caller`]; only the gate holds an `Upstream`.

use crate::BoxFuture;
use crate::access::StateAccess;
use crate::budget::{Paid, PaidCall};
use crate::call::{Answer, Call, CallError, CallFailure, ToolResult};
use crate::limits::LimitReached;
use crate::memory::HostMemory;
use crate::model::{Completion, Meter, ModelError, ModelRequest};
use crate::query::{ListKind, Listed, Query, QueryKind};
use crate::question::{AskError, Question, Reply};
use crate::routing::{DOMAIN_PREFIX, ServerInfo};
use crate::run::RunContext;
use crate::tool::Tool;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// The level as MCP says it (RFC 5424).
    pub fn as_mcp(self) -> &'static str {
        match self {
            Self::Trace | Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Error => "error",
        }
    }
}

/// The way out of one run: what the runtime hands a guest's requests to. The gate implements it; one value
/// belongs to one run and carries its identity.
pub trait Caller: Send + Sync + 'static {
    /// Makes one call: checked, paid, recorded, dispatched. The second value is the fuel that an adapter behind
    /// the call used, for the runtime to charge.
    ///
    /// Dropping the future cancels the call, at the server too.
    fn call(&self, call: Call, means: Means) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)>;

    /// Asks a server for something beside its tools: checked, paid, recorded, dispatched as a call is. The
    /// answer is the result's JSON text; fuel is as with [`Caller::call`].
    ///
    /// Dropping the future cancels the request, at the server too.
    ///
    /// A caller that says nothing else has no servers to ask.
    fn query(&self, query: Query, _means: Means) -> BoxFuture<'_, (Result<String, CallFailure>, u64)> {
        let error = CallError::Denied("nothing but tools may be asked for here".to_owned());
        let Query { server, kind, name, .. } = query;
        let tool = format!("{kind} {name}");
        let failure = CallFailure { server, tool, attempts: 0, elapsed: Duration::ZERO, error };
        Box::pin(std::future::ready((Err(failure), 0)))
    }

    /// The servers of which this run was granted something, the best first: by health, priority, name. Waits for none.
    fn servers(&self) -> Vec<ServerInfo> {
        Vec::new()
    }

    /// The tools that this run was granted. Costs a call. Waits for servers that are connecting.
    fn tools(&self) -> BoxFuture<'_, Result<Vec<Arc<Tool>>, CallError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The resources of all servers at once, or of the best server of a domain: a JSON object by server. Paid and recorded as
    /// a call is. Whether the first error of a server ends it is the host's setting where `fail_fast` does not say.
    fn gather(&self, domain: Option<String>, _fail_fast: Option<bool>) -> BoxFuture<'_, Result<String, CallFailure>> {
        let query = Query {
            server: domain.map_or_else(|| "*".to_owned(), |domain| format!("{DOMAIN_PREFIX}{domain}")),
            kind: QueryKind::ReadResource,
            name: "*".to_owned(),
            params: String::new(),
        };
        Box::pin(async move { self.query(query, Means::default()).await.0 })
    }

    /// Asks the language model that the host has for this run: checked, paid, recorded as a call is. Dropping the future
    /// cancels the request.
    fn complete(&self, _request: ModelRequest) -> BoxFuture<'_, Result<Completion, ModelError>> {
        Box::pin(std::future::ready(Err(ModelError::Denied("no model may be asked here".to_owned()))))
    }

    /// Asks the person behind the run. Dropping the future takes the question back.
    fn ask(&self, _question: Question) -> BoxFuture<'_, Result<Reply, AskError>> {
        Box::pin(std::future::ready(Err(AskError::Denied("nobody may be asked here".to_owned()))))
    }

    /// The items of all servers' lists that this run was granted. Paid and recorded as a call is, before a server is asked; a server
    /// of which the run was granted no such item is not asked.
    fn list(&self, _kind: ListKind) -> BoxFuture<'_, Result<Vec<Listed>, CallError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The run is about to send an HTTP request to a URL, which has no query here. Gives the request's number in the run.
    ///
    /// # Errors
    /// Why nothing may be sent: the request cannot be recorded.
    fn http_started(&self, _method: &str, _url: &str) -> BoxFuture<'_, Result<u64, String>> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// The answer of a request began with this status, or there is none, and why.
    fn http_ended(&self, _request: u64, _result: Result<u16, String>) {}

    /// The run is about to ask its state for something.
    ///
    /// # Errors
    /// It may not ask for more.
    fn state_started(&self) -> Result<Paid, LimitReached> {
        Ok(Paid::by_host())
    }

    /// What came of a request to the run's state: each that began ends, if only because nobody waits for it. One that was refused
    /// has not been paid.
    fn state_ended(&self, _paid: Option<Paid>, _access: StateAccess) {}

    /// How long the run has waited for people so far. Its wall time does not count that.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    /// A line of the run's log.
    fn log(&self, paid: Paid, level: LogLevel, message: String);

    /// How far the run is.
    fn progress(&self, paid: Paid, done: f64, total: Option<f64>, message: Option<String>);

    /// What the run wrote to stdout or stderr, whole lines at once. A caller that says nothing else does not listen:
    /// all of it stands in the run's end.
    fn output(&self, _error: bool, _text: &str) {}
}

/// What an upstream learns of the caller. There is none without a call that was paid, so that nothing is sent for free.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallContext {
    /// The run that calls.
    pub run: Arc<RunContext>,
    /// The means that the run has left for it.
    pub means: Means,
}

/// The means that a run has left for one call or query.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// The most fuel that an adapter behind it may burn.
    pub fuel: u64,
    /// Where the answer is charged from when it comes until the run takes it. `None` for who takes every answer at once, as the
    /// host itself does; a guest may start many calls and do something else.
    pub memory: Option<HostMemory>,
}

impl CallContext {
    /// The context of a call of `run` that was paid.
    pub fn new(run: Arc<RunContext>, _paid: &PaidCall, means: Means) -> Self {
        Self { run, means }
    }
}

/// The tools that a call may go to, the best first. There is at least one; more where the call names a domain.
#[derive(Clone, Debug)]
pub struct Candidates {
    first: Arc<Tool>,
    rest: Vec<Arc<Tool>>,
}

impl Candidates {
    /// One tool and no other.
    pub fn one(tool: Arc<Tool>) -> Self {
        Self { first: tool, rest: Vec::new() }
    }

    /// These, the best first; `None` of none.
    pub fn of(tools: impl IntoIterator<Item = Arc<Tool>>) -> Option<Self> {
        let mut tools = tools.into_iter();
        Some(Self { first: tools.next()?, rest: tools.collect() })
    }

    /// The best.
    pub fn first(&self) -> &Arc<Tool> {
        &self.first
    }

    /// Each, the best first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Tool>> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Those that `keep` wants; `None` if it wants none.
    pub fn retain(mut self, keep: impl Fn(&Tool) -> bool) -> Option<Self> {
        self.rest.retain(|tool| keep(tool));
        if keep(&self.first) {
            return Some(self);
        }
        Self::of(self.rest)
    }
}

/// Something that answers tool calls: the servers behind routing, retries and caches.
pub trait Upstream: Send + Sync + 'static {
    /// Finds the tools that a call may go to: `server` is a server's name, or `domain:NAME`. Waits for a server that is
    /// still connecting, up to its connect timeout. Of a domain, only servers that `may` be used are asked and named.
    ///
    /// # Errors
    /// [`CallError::UnknownTool`] with near names, [`CallError::Denied`] where there are servers of a domain and none may be
    /// used, or why the server's catalog is not known.
    fn resolve<'a>(
        &'a self,
        server: &'a str,
        tool: &'a str,
        may: &'a MayUse<'a>,
    ) -> BoxFuture<'a, Result<Candidates, CallError>>;

    /// Makes one call of tools that [`Upstream::resolve`] found. Dropping the future cancels the request by the protocol's
    /// own message.
    fn call<'a>(&'a self, tools: &'a Candidates, call: Call, context: CallContext) -> BoxFuture<'a, Answer>;

    /// Sends one request that is no call of a tool. The result's text is in [`ToolResult::json`]. Dropping
    /// the future cancels the request.
    fn query<'a>(&'a self, query: Query, context: CallContext) -> BoxFuture<'a, Answer>;

    /// The items of one server's list. Waits for it if it is still connecting.
    ///
    /// # Errors
    /// Why there is no list.
    fn list_of<'a>(
        &'a self,
        server: &'a str,
        kind: ListKind,
        context: CallContext,
    ) -> BoxFuture<'a, Result<Vec<Listed>, CallError>>;

    /// Every tool of every server that may be used, in the order of names. Waits for servers that are still connecting.
    fn tools(&self) -> BoxFuture<'_, Vec<Arc<Tool>>>;

    /// The servers, the best first: by health, priority, name.
    fn servers(&self) -> Vec<ServerInfo>;
}

/// Whether a caller may use a server, by its name, for what it wants.
pub type MayUse<'a> = dyn Fn(&str) -> bool + Send + Sync + 'a;

/// A language model that the host can ask.
pub trait Model: Send + Sync + 'static {
    /// Asks it, on a run's behalf. `meter` is told what that costs as soon as it is known. Dropping the future cancels the
    /// request.
    fn complete<'a>(
        &'a self,
        request: ModelRequest,
        run: &'a RunContext,
        meter: &'a Meter,
    ) -> BoxFuture<'a, Result<Completion, ModelError>>;
}
