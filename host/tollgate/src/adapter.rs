//! A component that stands in for a server.

use crate::request::ComponentSource;
use std::sync::{Arc, OnceLock, Weak};
use tollgate_core::{
    Answer, BoxFuture, Call, CallContext, CallError, CallFailure, EffectClass, Grants, LimitKind, Limits, Status, Tool,
    ToolResult, Violation,
};
use tollgate_gate::{Gate, Opening};
use tollgate_runtime::{Program, RunEnd, RunError, RunSetup, Runtime, ToolError};
use tollgate_upstream::ToolProvider;

/// A component that stands in for a server: what it is, what it may use, its ceilings.
#[derive(Clone, Debug)]
pub struct AdapterSpec {
    /// Its component, of world `adapter` or `adapter-blocking`.
    pub component: ComponentSource,
    /// What it may use. Its caller's grants do not pass to it.
    pub grants: Grants,
    /// The ceilings of each call; the host's defaults where there are none. A call never gets more fuel
    /// than its caller has left, nor nests deeper than its caller may.
    pub limits: Option<Limits>,
}

impl AdapterSpec {
    /// An adapter without grants, under the host's default limits.
    pub fn new(component: ComponentSource) -> Self {
        Self { component, grants: Grants::default(), limits: None }
    }
}

/// An adapter at work: each call is a run of its own, in a fresh instance.
pub(crate) struct Adapter {
    pub(crate) name: Arc<str>,
    pub(crate) spec: AdapterSpec,
    pub(crate) limits: Limits,
    pub(crate) runtime: Arc<Runtime>,
    /// Set once the gate stands. Weak: the gate holds the servers, this among them.
    pub(crate) gate: Arc<OnceLock<Weak<Gate>>>,
    pub(crate) program: tokio::sync::OnceCell<Arc<Program>>,
}

impl Adapter {
    async fn program(&self) -> Result<&Arc<Program>, String> {
        self.program
            .get_or_try_init(|| async {
                let bytes = crate::host::read(&self.spec.component).await.map_err(|e| e.to_string())?;
                let program = self.runtime.prepare(bytes).await.map_err(|e| e.to_string())?;
                match program.inspection().world {
                    world if world.is_policy() => Err(format!(
                        "this component is a {}, not an adapter: run it with `tollgate run`, or name it under `policies`",
                        world.name()
                    )),
                    _ => Ok(program),
                }
            })
            .await
    }

    async fn answer(&self, tool: &Tool, call: Call, context: CallContext) -> Answer {
        let caller = &context.run;
        if caller.depth >= caller.limits.depth {
            return Answer::refused(CallError::BudgetExhausted(caller.limits.reached(LimitKind::Depth)));
        }
        let Some(gate) = self.gate.get().and_then(Weak::upgrade) else {
            return Answer::refused(CallError::Unavailable("the host is shutting down".to_owned()));
        };
        let program = match self.program().await {
            Ok(program) => program.clone(),
            Err(why) => return Answer::refused(CallError::Unavailable(why)),
        };
        let mut limits = self.limits.clone();
        limits.fuel = limits.fuel.min(context.fuel_left);
        limits.depth = limits.depth.min(caller.limits.depth);
        let session = gate.open(
            Opening {
                name: self.name.clone(),
                digest: Some(program.inspection().digest.to_string()),
                principal: caller.principal.clone(),
                tenant: caller.tenant.clone(),
                grants: self.spec.grants.clone(),
                limits: limits.clone(),
                // Its caller's.
                client: None,
            },
            Some(caller),
        );
        let (runtime, tool) = (self.runtime.clone(), tool.name.clone());
        // A task of its own: a store must not be driven from inside another store's host call.
        let task = tokio::spawn(async move {
            let setup = RunSetup { seed: session.context().seed, caller: session.clone(), limits, names: None };
            let end = runtime.call_adapter(&program, &tool, &call.args, setup, std::future::pending()).await;
            let status = match &end.result {
                Ok(Ok(result)) if !result.is_error => Status::Ok,
                Ok(_) => Status::Error,
                Err(error) => crate::report::status_of(error),
            };
            session.finish(status, end.fuel_used);
            end
        });
        match AbortOnDrop(task).await {
            Ok(end) => self.judge(end),
            Err(_) => Answer::refused(CallError::Unavailable(format!("adapter `{}` was ended", self.name))),
        }
    }

    fn judge(&self, end: RunEnd<Result<ToolResult, ToolError>>) -> Answer {
        let fuel_used = end.fuel_used;
        let result = match end.result {
            Ok(Ok(result)) if result.is_error => Err(CallError::Failed(result)),
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(self.tool_error(error)),
            Err(RunError::Limit(reached)) if reached.kind == LimitKind::Timeout => {
                Err(CallError::TimedOut(format!("adapter `{}`: {reached}", self.name)))
            }
            Err(RunError::Limit(reached)) => Err(CallError::BudgetExhausted(reached)),
            Err(RunError::Overloaded) => Err(CallError::Overloaded),
            Err(RunError::Cancelled) => Err(CallError::Cancelled),
            Err(error @ RunError::InvalidOutput(_)) => Err(CallError::InvalidResponse(error.to_string())),
            Err(error @ (RunError::Trap { .. } | RunError::Unusable(_))) => Err(failed(&error.to_string())),
        };
        Answer { result, attempts: 1, fuel_used }
    }

    fn tool_error(&self, error: ToolError) -> CallError {
        match error {
            ToolError::UnknownTool(name) => CallError::InvalidResponse(format!(
                "adapter `{}` lists the tool {name} and does not know it",
                self.name
            )),
            ToolError::InvalidArguments(message) => {
                CallError::InvalidArguments(vec![Violation { path: String::new(), message }])
            }
            ToolError::Failed(message) => failed(&message),
            ToolError::CallFailed(CallFailure { server, tool, error, .. }) => match error {
                // What the caller may do about these is the same as if it had called itself.
                CallError::BudgetExhausted(reached) => CallError::BudgetExhausted(reached),
                CallError::Cancelled => CallError::Cancelled,
                CallError::Overloaded => CallError::Overloaded,
                CallError::Unavailable(why) => CallError::Unavailable(format!("behind it, {server}:{tool}: {why}")),
                CallError::TimedOut(why) => CallError::TimedOut(format!("behind it, {server}:{tool}: {why}")),
                // The others are between the adapter and its server: a denial, say, is the adapter's.
                other => failed(&format!("its call of {server}:{tool} failed: {other}")),
            },
        }
    }
}

/// A tool's failure in MCP's form.
fn failed(message: &str) -> CallError {
    let json = serde_json::json!({"content": [{"type": "text", "text": message}], "isError": true});
    CallError::Failed(ToolResult { json: json.to_string(), is_error: true })
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ToolProvider for Adapter {
    fn tools<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Vec<Tool>, String>> {
        Box::pin(async move {
            let program = self.program().await?;
            let tools = self.runtime.list_tools(program).await.map_err(|e| e.to_string())?;
            let tools = tools.iter().map(|tool| Tool {
                server: server.to_owned(),
                name: tool.name.clone(),
                title: tool.title.clone(),
                description: tool.description.clone(),
                input_schema: tool.input_schema.clone(),
                output_schema: tool.output_schema.clone(),
                effect: EffectClass::from_annotations(tool.annotations.as_ref()),
                annotations: tool.annotations.clone(),
                other: serde_json::Map::new(),
            });
            Ok(tools.collect())
        })
    }

    fn call<'a>(&'a self, tool: &'a Tool, call: Call, context: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(self.answer(tool, call, context))
    }
}
