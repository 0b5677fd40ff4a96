//! One run of a component: a fresh store, its limits, its end.

use crate::bindings::wit;
use crate::engine::{FUEL_YIELD_INTERVAL, Program, Runtime};
use crate::held::{Weigh as _, entries, transfer_bytes};
use crate::store::RunState;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::budget::Paid;
use tollgate_core::{
    BoxFuture, Call, CallError, CallFailure, Caller, Clock, LimitKind, LimitReached, Limits, LogLevel, Means, Names,
    ToolResult, json,
};
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, ResourceTableError, TypedFunc,
};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

/// How long `describe` and `list-tools` may take.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_millis(100);
/// The most of a trap's frames that are told.
const FRAMES_MAX: usize = 16;
/// The longest name, title or description that a component may give itself, in bytes.
const DESCRIPTION_MAX_BYTES: usize = 64 << 10;
/// The longest schema, in bytes: read, it takes many times as much.
const SCHEMA_MAX_BYTES: usize = 1 << 20;
/// The most that a component says of itself in all, in bytes.
const DESCRIPTIONS_MAX_BYTES: u64 = 16 << 20;

/// What one run is given.
pub struct RunSetup {
    /// The way out: bound to this run.
    pub caller: Arc<dyn Caller>,
    /// Its ceilings.
    pub limits: Limits,
    /// Seeds its random numbers.
    pub seed: u64,
    /// For an interpreter: the names that its script has for what the run may call.
    pub names: Option<Arc<dyn Names>>,
    /// What it keeps from run to run. Without, every request is denied.
    pub state: Option<tollgate_state::State>,
    /// Its way out over HTTP. Without, every request is denied.
    pub http: Option<tollgate_outbound::Client>,
}

impl RunSetup {
    /// A run that has nothing but its calls.
    pub fn new(caller: Arc<dyn Caller>, limits: Limits, seed: u64) -> Self {
        Self { caller, limits, seed, names: None, state: None, http: None }
    }
}

/// How a run ended, and what it left.
#[derive(Debug)]
pub struct RunEnd<T> {
    /// What it returned, or why not.
    pub result: Result<T, RunError>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// Bytes of stdout, stderr and log that were over the limit `log_bytes` and are lost.
    pub dropped_log_bytes: u64,
    /// Fuel that it used, with that of adapters behind its calls.
    pub fuel_used: u64,
}

/// Why a run gave no result of its own making.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A limit was reached.
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// The guest trapped.
    #[error("the component trapped: {message}")]
    Trap {
        /// What happened, in words.
        message: String,
        /// The guest's functions that were running, innermost first.
        frames: Vec<String>,
    },
    /// The pool is full.
    #[error("the host has no room for another run now; try again in a moment")]
    Overloaded,
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// What it returned is not what its world says.
    #[error("the component returned {0}")]
    InvalidOutput(String),
    /// An export has another type than its world says, or the instance could not be made.
    #[error("the component cannot be run: {0}")]
    Unusable(String),
}

/// A policy's own failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    /// What went wrong, in the policy's words.
    pub message: String,
    /// A stable word for programs.
    pub code: Option<String>,
    /// More, as JSON text that was checked.
    pub data: Option<String>,
    /// The failed call that led here, by the policy's own account.
    pub caused_by: Option<CallFailure>,
}

/// What a policy says of itself. Untrusted text.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// A short identifier.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// JSON Schema of the input.
    pub input_schema: serde_json::Value,
    /// JSON Schema of the output.
    pub output_schema: Option<serde_json::Value>,
    /// Grants that it asks for.
    pub grants: Vec<String>,
}

/// A tool, as its adapter describes it. Untrusted text.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolInfo {
    /// The tool's name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: serde_json::Value,
    /// JSON Schema of the structured result.
    pub output_schema: Option<serde_json::Value>,
    /// MCP's tool annotations.
    pub annotations: Option<serde_json::Value>,
}

/// How a tool, resource or prompt of an adapter failed, by the adapter's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolError {
    /// It has no such tool.
    UnknownTool(String),
    /// It has no such resource.
    NoResource(String),
    /// It has no such prompt.
    NoPrompt(String),
    /// The arguments do not fit.
    InvalidArguments(String),
    /// The tool failed.
    Failed(String),
    /// A call that it made failed.
    CallFailed(CallFailure),
}

/// A call of an instance, under way.
pub(crate) type Invocation<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

impl Runtime {
    /// Runs a policy. `cancelled` ends the run when it completes; a future that never does is
    /// [`std::future::pending`]. Whatever way the run ends, its store is gone when this returns, and with
    /// it every call that was in flight.
    pub async fn run_policy(
        &self,
        program: &Program,
        input: &str,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<Result<String, PolicyError>> {
        let limits = setup.limits.clone();
        let end = self
            .execute::<(String,), (Result<String, wit::PolicyError>,)>(
                program,
                program.main,
                (input.to_owned(),),
                setup,
                cancelled,
            )
            .await;
        end.and_then(|(output,)| match output {
            Ok(json) if json.len() as u64 > limits.output_bytes => Err(limits.reached(LimitKind::OutputBytes).into()),
            Ok(json) => match json::check(&json) {
                Ok(()) => Ok(Ok(json)),
                Err(e) => Err(RunError::InvalidOutput(format!("an output that is not JSON: {e}"))),
            },
            Err(error) => Ok(Err(PolicyError::from(error).bounded(&limits)?)),
        })
    }

    /// What a policy says of itself. Asked once a program; every import is denied meanwhile.
    ///
    /// # Errors
    /// The run's, or [`RunError::InvalidOutput`].
    pub async fn describe<'p>(&self, program: &'p Program) -> Result<&'p Descriptor, RunError> {
        program
            .descriptor
            .get_or_try_init(|| async {
                let end = self
                    .execute::<(), (wit::Descriptor,)>(
                        program,
                        program.about,
                        (),
                        describe_setup(),
                        std::future::pending(),
                    )
                    .await;
                let (said,) = end.result.map_err(describe_error)?;
                Ok(Descriptor {
                    name: bounded_text("name", said.name)?,
                    title: said.title.map(|t| bounded_text("title", t)).transpose()?,
                    description: bounded_text("description", said.description)?,
                    input_schema: schema("input schema", &said.input_schema)?,
                    output_schema: said.output_schema.map(|s| schema("output schema", &s)).transpose()?,
                    grants: bounded_grants(said.grants)?,
                })
            })
            .await
    }

    /// Calls an export of a fresh instance.
    pub(crate) async fn execute<P, R>(
        &self,
        program: &Program,
        export: Option<ComponentExportIndex>,
        params: P,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<R>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        // The world says that it is there.
        let missing = || wasmtime::format_err!("it has no such export");
        self.execute_with(
            program,
            move |instance, store| {
                Box::pin(async move {
                    let func: TypedFunc<P, R> = instance.get_typed_func(&mut *store, export.ok_or_else(missing)?)?;
                    func.call_async(store, params).await
                })
            },
            setup,
            cancelled,
        )
        .await
    }

    /// Does something with a fresh instance.
    pub(crate) async fn execute_with<R>(
        &self,
        program: &Program,
        work: impl FnOnce(Instance, &mut Store<RunState>) -> Invocation<'_, R>,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<R> {
        let limits = setup.limits.clone();
        let caller = setup.caller.clone();
        let state = RunState::new(setup, self.clock.clone());
        let (output, memory) = (state.output.clone(), state.memory.clone());
        let mut store = Store::new(program.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        // What a guest makes the host copy at once, and what makes the engine grow its own tables.
        store.set_hostcall_fuel(transfer_bytes(&memory));
        store.set_max_component_handles(entries(&memory));
        if let Some(tasks) = store.concurrent_resource_table() {
            tasks.set_max_capacity(entries(&memory));
        }
        let prepared = store
            .set_fuel(limits.fuel)
            .and_then(|()| store.fuel_async_yield_interval(Some(FUEL_YIELD_INTERVAL)))
            .map_err(|e| RunError::Unusable(format!("{e:#}")));

        let result = match prepared {
            Err(error) => Err(error),
            Ok(()) => {
                let work = async {
                    let instance = program.pre.instantiate_async(&mut store).await?;
                    work(instance, &mut store).await
                };
                tokio::select! {
                    biased;
                    result = work => result.map_err(|error| classify(error, &limits)),
                    () = cancelled => Err(RunError::Cancelled),
                    () = out_of_time(&*self.clock, limits.timeout(), &*caller) => {
                        Err(limits.reached(LimitKind::Timeout).into())
                    }
                }
            }
        };
        let fuel_used = match &result {
            Err(RunError::Limit(reached)) if reached.kind == LimitKind::Fuel => limits.fuel,
            _ => limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
        };
        // Cancels what is in flight: host tasks live in the store, and end with it.
        drop(store);
        let (stdout, stderr, dropped_log_bytes) = output.collect();
        let result = result.map_err(|error| with_last_words(error, &stderr));
        RunEnd { result, stdout, stderr, dropped_log_bytes, fuel_used }
    }
}

/// Waits until the run has used its wall time. What it waited for people does not count.
async fn out_of_time(clock: &dyn Clock, timeout: Duration, caller: &dyn Caller) {
    let mut counted = caller.waited();
    clock.limit(timeout).await;
    loop {
        let waited = caller.waited();
        let more = waited.saturating_sub(counted);
        if more.is_zero() {
            return;
        }
        counted = waited;
        clock.sleep(more).await;
    }
}

impl<T> RunEnd<T> {
    /// The same end with another result.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Result<U, RunError>) -> RunEnd<U> {
        RunEnd {
            result: self.result.and_then(f),
            stdout: self.stdout,
            stderr: self.stderr,
            dropped_log_bytes: self.dropped_log_bytes,
            fuel_used: self.fuel_used,
        }
    }
}

fn classify(error: wasmtime::Error, limits: &Limits) -> RunError {
    if let Some(reached) = error.downcast_ref::<LimitReached>() {
        return RunError::Limit(*reached);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return RunError::Overloaded;
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return RunError::Limit(limits.reached(LimitKind::HostMemory));
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return RunError::Trap { message: format!("it exited with status {}", exit.0), frames: vec![] };
    }
    let frames: Vec<String> = error
        .downcast_ref::<wasmtime::WasmBacktrace>()
        .map(|trace| trace.frames().iter().filter_map(|f| Some(demangled(f.func_name()?))).take(FRAMES_MAX).collect())
        .unwrap_or_default();
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => RunError::Limit(limits.reached(LimitKind::Fuel)),
        Some(Trap::StackOverflow) => {
            RunError::Trap { message: "its stack is full: it recurses too deep".to_owned(), frames }
        }
        // A language's own stack lies at the beginning of its memory, and may be used up before the engine's is.
        Some(Trap::MemoryOutOfBounds) if recurses(&frames) => {
            RunError::Trap { message: "its stack is full: it recurses too deep".to_owned(), frames }
        }
        Some(Trap::UnreachableCodeReached) => {
            RunError::Trap { message: "it panicked or reached code that cannot be reached".to_owned(), frames }
        }
        Some(trap) => RunError::Trap { message: trap.to_string(), frames },
        None => {
            // These have no type of their own; tests of the limits `instances` and `host_memory` hold the texts still. The second
            // ends a batch whose calls all point at the same giant text, the third a guest that makes handles without end.
            let text = format!("{error:#}");
            if text.contains("instance count too high") {
                RunError::Limit(limits.reached(LimitKind::Instances))
            } else if text.contains("fuel allocated for hostcalls") || text.contains("store handle limit exceeded") {
                RunError::Limit(limits.reached(LimitKind::HostMemory))
            } else {
                RunError::Unusable(text)
            }
        }
    }
}

/// Whether few functions call each other over and over.
fn recurses(frames: &[String]) -> bool {
    let functions: HashSet<&String> = frames.iter().collect();
    frames.len() == FRAMES_MAX && functions.len() <= FRAMES_MAX / 4
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// A Rust panic says its reason on stderr; without it a trap is a riddle.
fn with_last_words(error: RunError, stderr: &str) -> RunError {
    match error {
        RunError::Trap { message, frames } if !stderr.trim().is_empty() => {
            const MAX_CHARS: usize = 500;
            let said = stderr.trim();
            let skip = said.chars().count().saturating_sub(MAX_CHARS);
            let tail: String = said.chars().skip(skip).collect();
            RunError::Trap { message: format!("{message}; it said: {tail}"), frames }
        }
        other => other,
    }
}

pub(crate) fn schema(what: &str, text: &str) -> Result<serde_json::Value, RunError> {
    if text.len() > SCHEMA_MAX_BYTES {
        return Err(RunError::InvalidOutput(format!("a description whose {what} is over {SCHEMA_MAX_BYTES} bytes")));
    }
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|e| RunError::InvalidOutput(format!("a description whose {what} is not JSON: {e}")))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(RunError::InvalidOutput(format!("a description whose {what} is not a JSON object")))
    }
}

pub(crate) fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

pub(crate) fn bounded_text(what: &str, text: String) -> Result<String, RunError> {
    if text.len() > DESCRIPTION_MAX_BYTES {
        return Err(RunError::InvalidOutput(format!(
            "a description whose {what} is over {DESCRIPTION_MAX_BYTES} bytes"
        )));
    }
    Ok(text)
}

/// All that a component asks for is as long as one text may be.
fn bounded_grants(grants: Vec<String>) -> Result<Vec<String>, RunError> {
    if grants.weigh() > DESCRIPTION_MAX_BYTES as u64 {
        return Err(RunError::InvalidOutput(format!(
            "a description whose grants are over {DESCRIPTION_MAX_BYTES} bytes"
        )));
    }
    Ok(grants)
}

pub(crate) fn describe_setup() -> RunSetup {
    let timeout_ms = u64::try_from(DESCRIBE_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
    let limits = Limits { timeout_ms, host_memory_bytes: DESCRIPTIONS_MAX_BYTES, ..Limits::default() };
    RunSetup::new(Arc::new(Nobody), limits, 0)
}

/// The limits of describing are fixed, so the usual advice to raise one does not hold.
pub(crate) fn describe_error(error: RunError) -> RunError {
    match error {
        RunError::Limit(reached) => RunError::InvalidOutput(format!(
            "no description: describing itself reached the fixed limit `{}` ({})",
            reached.kind.name(),
            tollgate_core::limits::format_value(reached.kind.unit(), reached.value),
        )),
        other => other,
    }
}

/// The caller of a component that only describes itself.
struct Nobody;

impl Caller for Nobody {
    fn call(&self, call: Call, _: Means) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)> {
        let error = CallError::Denied("a component that describes itself may call nothing".to_owned());
        let failure = CallFailure { server: call.server, tool: call.tool, attempts: 0, elapsed: Duration::ZERO, error };
        Box::pin(std::future::ready((Err(failure), 0)))
    }

    fn log(&self, _: Paid, _: LogLevel, _: String) {}

    fn progress(&self, _: Paid, _: f64, _: Option<f64>, _: Option<String>) {}
}

impl From<wit::ToolError> for ToolError {
    fn from(error: wit::ToolError) -> Self {
        match error {
            wit::ToolError::UnknownTool(name) => Self::UnknownTool(name),
            wit::ToolError::InvalidArguments(why) => Self::InvalidArguments(why),
            wit::ToolError::Failed(why) => Self::Failed(why),
            wit::ToolError::CallFailed(failure) => Self::CallFailed(failure.into()),
        }
    }
}

impl From<wit::PolicyError> for PolicyError {
    fn from(error: wit::PolicyError) -> Self {
        Self { message: error.message, code: error.code, data: error.data, caused_by: error.caused_by.map(Into::into) }
    }
}

impl PolicyError {
    fn bounded(self, limits: &Limits) -> Result<Self, RunError> {
        let texts = [Some(&self.message), self.code.as_ref(), self.data.as_ref()];
        let bytes: usize = texts.into_iter().flatten().map(String::len).sum();
        let cause = self.caused_by.as_ref().map_or(0, cause_bytes);
        if bytes.saturating_add(cause) as u64 > limits.output_bytes {
            return Err(limits.reached(LimitKind::OutputBytes).into());
        }
        if let Some(data) = &self.data {
            json::check(data).map_err(|e| RunError::InvalidOutput(format!("an error whose data is not JSON: {e}")))?;
        }
        if let Some(CallFailure { error: CallError::Failed(result), .. }) = &self.caused_by {
            json::check(&result.json)
                .map_err(|e| RunError::InvalidOutput(format!("an error whose cause is not JSON: {e}")))?;
        }
        Ok(self)
    }
}

/// The bytes of text in a failure that a guest handed back.
fn cause_bytes(failure: &CallFailure) -> usize {
    use CallError as E;
    let error = match &failure.error {
        E::Denied(text)
        | E::InvalidResponse(text)
        | E::AuthRequired(text)
        | E::Unavailable(text)
        | E::TooLarge(text)
        | E::TimedOut(text)
        | E::OutcomeUnknown(text) => text.len(),
        E::UnknownTool(near) => near.iter().map(String::len).sum(),
        E::InvalidArguments(violations) => violations.iter().map(|v| v.path.len() + v.message.len()).sum(),
        E::Failed(result) => result.json.len(),
        E::Rejected(e) => e.message.len() + e.data.as_ref().map_or(0, String::len),
        E::Overloaded | E::RateLimited(_) | E::BudgetExhausted(_) | E::Cancelled => 0,
    };
    failure.server.len() + failure.tool.len() + error
}
