//! A component that stands in for a server.

use crate::checks::Checked;
use crate::openapi::{self, Catalog};
use crate::outside::{Credential, Outside, Rights, Secrets};
use crate::request::ComponentSource;
use bytes::Bytes;
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use tollgate_component_tools::{ComponentTool, Output, Value};
use tollgate_config::lock::{Kind, Lock};
use tollgate_config::model::OpenApi;
use tollgate_core::{
    Answer, Approvals, BoxFuture, Call, CallContext, CallError, CallFailure, EffectClass, Grants, LimitKind, Limits,
    ListKind, Query, QueryKind, RpcError, Status, Tool, ToolResult, Violation,
};
use tollgate_gate::{Gate, Opening};
use tollgate_runtime::{Offers, Program, RunEnd, RunError, RunSetup, Runtime, ToolError, World};
use tollgate_upstream::ToolProvider;

/// A component that stands in for a server: what it is, what it may use, its ceilings.
#[derive(Clone, Debug)]
pub struct AdapterSpec {
    /// Its component: of world `adapter` or `adapter-blocking`, or any that exports functions.
    pub component: ComponentSource,
    /// What it may use. Its caller's grants do not pass to it.
    pub grants: Grants,
    /// The ceilings of each call; the host's defaults where there are none. A call never gets more fuel
    /// than its caller has left, nor nests deeper than its caller may.
    pub limits: Option<Limits>,
    /// What the host adds to its HTTP requests.
    pub secrets: Secrets,
}

impl AdapterSpec {
    /// An adapter without grants, under the host's default limits.
    pub fn new(component: ComponentSource) -> Self {
        Self { component, grants: Grants::default(), limits: None, secrets: Secrets::default() }
    }
}

/// An adapter at work: each call is a run of its own, in a fresh instance.
pub(crate) struct Adapter {
    pub(crate) name: Arc<str>,
    pub(crate) spec: AdapterSpec,
    /// For an API: its document.
    pub(crate) api: Option<Api>,
    pub(crate) limits: Limits,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) outside: Arc<Outside>,
    /// Set once the gate stands. Weak: the gate holds the servers, this among them.
    pub(crate) gate: Arc<OnceLock<Weak<Gate>>>,
    pub(crate) ready: tokio::sync::OnceCell<Ready>,
}

/// What a document adapter is given.
pub(crate) struct Api {
    pub(crate) document: OpenApi,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) lock: Option<Arc<Lock>>,
}

/// A component that was made ready, and where its tools come from.
pub(crate) struct Ready {
    program: Arc<Program>,
    tools: Tools,
    offers: Arc<Offers>,
}

enum Tools {
    /// It lists them itself.
    Own,
    /// From a document.
    Document(Catalog),
    /// Its functions, by the tools' names.
    Functions(BTreeMap<String, ComponentTool>),
}

impl Adapter {
    async fn ready(&self) -> Result<&Ready, String> {
        self.ready
            .get_or_try_init(|| async {
                let bytes = crate::host::read(&self.spec.component).await.map_err(|e| e.to_string())?;
                let program = self.runtime.prepare(bytes.clone()).await.map_err(|e| e.to_string())?;
                let tools = match (program.inspection().world, &self.api) {
                    (World::Adapter | World::AdapterBlocking, None) => Tools::Own,
                    (World::DocumentAdapter, Some(api)) => Tools::Document(self.catalog(&program, api).await?),
                    (World::DocumentAdapter, None) => {
                        return Err("this adapter needs a document: write `openapi: FILE` in place of `component`".to_owned());
                    }
                    (World::Plain, None) => Tools::Functions(functions(&self.name, bytes).await?),
                    (world, None) => {
                        return Err(format!(
                            "this component is a {}, not an adapter: run it with `tollgate run`, or name it under `policies`",
                            world.name()
                        ));
                    }
                    (world, Some(_)) => return Err(format!("this component is a {}, and reads no document", world.name())),
                };
                let offers = match &tools {
                    Tools::Own => self.runtime.list_offers(&program).await.map_err(|e| e.to_string())?,
                    Tools::Document(_) | Tools::Functions(_) => Arc::default(),
                };
                Ok(Ready { program, tools, offers })
            })
            .await
    }

    async fn catalog(&self, program: &Program, api: &Api) -> Result<Catalog, String> {
        let outbound = &self.outside.outbound;
        let document = openapi::fetch(&api.document.document, outbound).await?;
        if let Some(lock) = &api.lock {
            let source = lock.document(&api.document.document).map_err(|error| error.to_string())?;
            lock.check(Kind::Document, &source, document.as_bytes()).map_err(|error| error.to_string())?;
        }
        let options = openapi::options(&api.document);
        let read = self.runtime.read_document(program, &document, &options).await;
        let catalog = read.map_err(|error| format!("reading the document: {error}"))??;
        Catalog::new(&catalog, &self.name, &api.document, &api.credentials, outbound)
    }

    /// What each call of it may use, and carries.
    fn given<'a>(&'a self, tools: &'a Tools) -> (&'a Grants, &'a Secrets) {
        match tools {
            Tools::Document(catalog) => (&catalog.grants, &catalog.secrets),
            Tools::Own | Tools::Functions(_) => (&self.spec.grants, &self.spec.secrets),
        }
    }

    /// What it is, what it may use and carries.
    pub(crate) async fn looked_at(&self) -> Result<(Checked, Grants, Secrets), String> {
        let names = self.tools(&self.name).await?.into_iter().map(|tool| tool.name).collect();
        let Ready { program, tools, .. } = self.ready().await?;
        let (grants, secrets) = self.given(tools);
        let checked = Checked { inspection: program.inspection().clone(), descriptor: None, tools: names };
        Ok((checked, grants.clone(), secrets.clone()))
    }

    async fn answer(&self, asked: Asked<'_>, context: CallContext) -> Answer {
        let caller = &context.run;
        if caller.depth >= caller.limits.depth {
            return Answer::refused(CallError::BudgetExhausted(caller.limits.reached(LimitKind::Depth)));
        }
        let Some(gate) = self.gate.get().and_then(Weak::upgrade) else {
            return Answer::refused(CallError::Unavailable("the host is shutting down".to_owned()));
        };
        let ready = match self.ready().await {
            Ok(ready) => ready,
            Err(why) => return Answer::refused(CallError::Unavailable(why)),
        };
        let program = ready.program.clone();
        let (grants, secrets) = self.given(&ready.tools);
        let failed = match &asked {
            Asked::Tool(..) => failed,
            Asked::Query(_) => internal_error,
        };
        let api = match &ready.tools {
            Tools::Document(catalog) => Some(catalog),
            Tools::Own | Tools::Functions(_) => None,
        };
        let invoked = match invocation(ready, asked) {
            Ok(invoked) => invoked,
            Err(error) => return Answer::refused(error),
        };
        let mut limits = self.limits.clone();
        limits.fuel = limits.fuel.min(context.means.fuel);
        limits.depth = limits.depth.min(caller.limits.depth);
        let session = gate.open(
            Opening {
                name: self.name.clone(),
                digest: Some(program.inspection().digest.to_string()),
                principal: caller.principal.clone(),
                tenant: caller.tenant.clone(),
                grants: grants.clone(),
                limits: limits.clone(),
                // Its caller's.
                approvals: Approvals::default(),
                trace: None,
                client: None,
            },
            Some(caller),
        );
        let rights = Rights {
            owner: &format!("server:{}", self.name),
            tenant: &session.context().tenant,
            grants,
            secrets,
            limits: &limits,
        };
        let (http, state) = self.outside.given(program.inspection(), &rights);
        let runtime = self.runtime.clone();
        // A task of its own: a store must not be driven from inside another store's host call.
        let task = tokio::spawn(async move {
            let seed = session.context().seed;
            let setup = RunSetup { seed, caller: session.clone(), limits, names: None, state, http };
            let end = invoked.run(&runtime, &program, setup).await;
            let status = match &end.result {
                Ok(Ok(result)) if !result.is_error => Status::Ok,
                Ok(_) => Status::Error,
                Err(error) => crate::report::status_of(error),
            };
            session.finish(status, end.fuel_used);
            end
        });
        match AbortOnDrop(task).await {
            Ok(end) => self.judge(end, failed, api),
            Err(_) => Answer::refused(CallError::Unavailable(format!("adapter `{}` was ended", self.name))),
        }
    }

    /// What the end of a run is to its caller. `failed` puts a failure of the component's own into the form that the request
    /// has for it. `api` is what the component stands for, if that is an API.
    fn judge(
        &self,
        end: RunEnd<Result<ToolResult, ToolError>>,
        failed: fn(&str) -> CallError,
        api: Option<&Catalog>,
    ) -> Answer {
        let fuel_used = end.fuel_used;
        let mut http_status = None;
        let result = match end.result {
            Ok(Ok(result)) if result.is_error => Err(match api {
                Some(api) => {
                    http_status = openapi::http_status(&result);
                    api.refusal(&self.name, result)
                }
                None => CallError::Failed(result),
            }),
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(self.tool_error(error, failed)),
            Err(RunError::Limit(reached)) if reached.kind == LimitKind::Timeout => {
                Err(CallError::TimedOut(format!("adapter `{}`: {reached}", self.name)))
            }
            Err(RunError::Limit(reached)) => Err(CallError::BudgetExhausted(reached)),
            Err(RunError::Overloaded) => Err(CallError::Overloaded),
            Err(RunError::Cancelled) => Err(CallError::Cancelled),
            Err(error @ RunError::InvalidOutput(_)) => Err(CallError::InvalidResponse(error.to_string())),
            Err(error @ (RunError::Trap { .. } | RunError::Unusable(_))) => Err(failed(&error.to_string())),
        };
        // What an API refused at its door was not done.
        let attempts = u32::from(!matches!(result, Err(CallError::AuthRequired(_) | CallError::RateLimited(_))));
        Answer { fuel_used, http_status, ..Answer::of(result, attempts) }
    }

    fn tool_error(&self, error: ToolError, failed: fn(&str) -> CallError) -> CallError {
        match error {
            ToolError::UnknownTool(name) => CallError::InvalidResponse(format!(
                "adapter `{}` lists the tool {name} and does not know it",
                self.name
            )),
            ToolError::NoResource(uri) => rejected(NO_RESOURCE, &format!("`{}` has no resource {uri}", self.name)),
            ToolError::NoPrompt(name) => rejected(INVALID_PARAMS, &format!("`{}` has no prompt `{name}`", self.name)),
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

/// What is asked of an adapter.
enum Asked<'a> {
    Tool(&'a Tool, Call),
    Query(Query),
}

/// What a request becomes.
enum Invocation {
    /// A tool's name, or an operation; and the arguments.
    Tool(String, String),
    Function(Box<ComponentTool>, Vec<Value>),
    /// A URI.
    Resource(String),
    /// A name, and the arguments.
    Prompt(String, String),
}

fn invocation(ready: &Ready, asked: Asked<'_>) -> Result<Invocation, CallError> {
    let (tool, args) = match asked {
        Asked::Tool(tool, call) => (tool, call.args),
        Asked::Query(query) => return invocation_of_query(ready, query),
    };
    let unknown = || CallError::UnknownTool(Vec::new());
    Ok(match &ready.tools {
        Tools::Own => Invocation::Tool(tool.name.clone(), args),
        Tools::Document(catalog) => {
            Invocation::Tool(catalog.operation(&tool.name).ok_or_else(unknown)?.to_owned(), args)
        }
        Tools::Functions(functions) => {
            let function = functions.get(&tool.name).ok_or_else(unknown)?;
            let invalid = |violation| CallError::InvalidArguments(vec![violation]);
            let args = serde_json::from_str(if args.is_empty() { "{}" } else { &args })
                .map_err(|error| invalid(Violation { path: String::new(), message: error.to_string() }))?;
            Invocation::Function(Box::new(function.clone()), function.lower(&args).map_err(invalid)?)
        }
    })
}

fn invocation_of_query(ready: &Ready, query: Query) -> Result<Invocation, CallError> {
    let has = |kind| !ready.offers.list(kind).is_empty();
    match query.kind {
        QueryKind::ReadResource if has(ListKind::Resources) || has(ListKind::ResourceTemplates) => {
            Ok(Invocation::Resource(query.name))
        }
        QueryKind::GetPrompt if has(ListKind::Prompts) => {
            #[derive(serde::Deserialize)]
            struct Params<'a> {
                #[serde(borrow)]
                arguments: Option<&'a serde_json::value::RawValue>,
            }
            let params: Params<'_> = serde_json::from_str(&query.params).map_err(|error| {
                CallError::InvalidArguments(vec![Violation { path: String::new(), message: error.to_string() }])
            })?;
            let arguments = params.arguments.map_or("{}", |arguments| arguments.get()).to_owned();
            Ok(Invocation::Prompt(query.name, arguments))
        }
        kind => Err(rejected(NO_METHOD, &format!("`{}` has no {kind}", query.server))),
    }
}

impl Invocation {
    async fn run(self, runtime: &Runtime, program: &Program, setup: RunSetup) -> RunEnd<Result<ToolResult, ToolError>> {
        let never = std::future::pending();
        let result = |text: Result<String, ToolError>| Ok(text.map(|json| ToolResult { json, is_error: false }));
        match self {
            Self::Tool(tool, args) => runtime.call_adapter(program, &tool, &args, setup, never).await,
            Self::Resource(uri) => runtime.read_resource(program, &uri, setup, never).await.and_then(result),
            Self::Prompt(name, args) => runtime.get_prompt(program, &name, &args, setup, never).await.and_then(result),
            Self::Function(function, values) => {
                let end = runtime.call_function(program, &function.export, values, setup, never).await;
                end.and_then(|value| {
                    let output = function.lift(value.as_ref());
                    let output = output.map_err(|error| RunError::InvalidOutput(error.to_string()))?;
                    Ok(Ok(result_of(output)))
                })
            }
        }
    }
}

/// What a function gave, in MCP's form.
fn result_of(output: Output) -> ToolResult {
    let (value, is_error) = match output {
        Output::Ok(value) => (value, false),
        Output::Err(value) => (value, true),
    };
    let text = value.as_ref().map(serde_json::Value::to_string).unwrap_or_default();
    let mut result = serde_json::json!({"content": [{"type": "text", "text": text}], "isError": is_error});
    if let (Some(value), Some(result)) = (value.filter(serde_json::Value::is_object), result.as_object_mut()) {
        result.insert("structuredContent".to_owned(), value);
    }
    ToolResult { json: result.to_string(), is_error }
}

/// The tools of a plain component.
pub(crate) async fn functions(server: &str, bytes: Bytes) -> Result<BTreeMap<String, ComponentTool>, String> {
    let derived = tokio::task::spawn_blocking(move || tollgate_component_tools::derive(&bytes)).await;
    let derived = derived.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    for refused in &derived.refused {
        tracing::warn!(server, "{refused}");
    }
    Ok(derived.tools.into_iter().map(|tool| (tool.name.clone(), tool)).collect())
}

/// MCP's code for a resource that is not there.
const NO_RESOURCE: i64 = -32002;
/// JSON-RPC's codes.
const NO_METHOD: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;

/// The longest message of an adapter that becomes an error of the protocol, in characters.
const MESSAGE_MAX_CHARS: usize = 2_000;

fn rejected(code: i64, message: &str) -> CallError {
    CallError::Rejected(RpcError { code, message: message.chars().take(MESSAGE_MAX_CHARS).collect(), data: None })
}

/// A failure of a resource or a prompt in MCP's form.
fn internal_error(message: &str) -> CallError {
    rejected(INTERNAL_ERROR, message)
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
            let Ready { program, tools, .. } = self.ready().await?;
            Ok(match tools {
                Tools::Document(catalog) => catalog.tools.clone(),
                Tools::Own => {
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
                    tools.collect()
                }
                Tools::Functions(functions) => {
                    let tools = functions.values().map(|tool| Tool {
                        server: server.to_owned(),
                        name: tool.name.clone(),
                        title: None,
                        description: tool.description.clone(),
                        input_schema: tool.input_schema.clone(),
                        output_schema: tool.output_schema.clone(),
                        effect: EffectClass::from_annotations(None),
                        annotations: None,
                        other: serde_json::Map::new(),
                    });
                    tools.collect()
                }
            })
        })
    }

    fn call<'a>(&'a self, tool: &'a Tool, call: Call, context: CallContext) -> BoxFuture<'a, Answer> {
        Box::pin(self.answer(Asked::Tool(tool, call), context))
    }

    fn list(&self, kind: ListKind) -> BoxFuture<'_, Result<Vec<Map<String, serde_json::Value>>, String>> {
        Box::pin(async move { Ok(self.ready().await?.offers.list(kind).to_vec()) })
    }

    fn query(&self, query: Query, context: CallContext) -> BoxFuture<'_, Answer> {
        Box::pin(self.answer(Asked::Query(query), context))
    }
}
