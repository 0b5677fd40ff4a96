//! The WIT types, and the host's side of the `tollgate:*` interfaces.
//!
//! Types come from the WIT by `bindgen!`; the functions are linked by hand, because they need the store
//! (to charge fuel) and there are few. Each blocking twin is the same function, waited for.

use crate::held::{Weigh, asked_bytes};
use crate::store::RunState;
use futures::{StreamExt as _, TryStreamExt as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core as core;
use tollgate_core::{Caller, Held, HostMemory, Means};
use wasmtime::component::{Accessor, ComponentNamedList, Lift, Linker, Lower};
use wasmtime::{AsContextMut, Result, StoreContextMut};

mod ask;
mod model;
mod servers;
mod state;

mod generated {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package tollgate:host-side@0.1.0;
            world types {
                import tollgate:types/types@0.1.0;
                import tollgate:log/log@0.1.0;
                import tollgate:script/names@0.1.0;
                import tollgate:state/state-types@0.1.0;
                import tollgate:model/model-types@0.1.0;
                import tollgate:ask/ask-types@0.1.0;
                import tollgate:servers/servers-types@0.1.0;
                import tollgate:resources/resources-types@0.1.0;
                import tollgate:prompts/prompts-types@0.1.0;
            }
        ",
    });
}

pub(crate) use generated::tollgate::log::log::Level;
use generated::tollgate::script::names as script;
pub(crate) use generated::tollgate::types::types as wit;

/// What adapters say of their resources and prompts.
pub(crate) mod offers {
    pub(crate) use super::generated::tollgate::prompts::prompts_types::PromptInfo;
    pub(crate) use super::generated::tollgate::resources::resources_types::{ResourceInfo, TemplateInfo};
}

/// Links every `tollgate:*` interface.
pub(crate) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    // A component that uses types imports the instance that declares them; it holds nothing.
    for types in ["types/types", "resources/resources-types", "prompts/prompts-types"] {
        linker.instance(&format!("tollgate:{types}@0.1.0"))?;
    }

    let mut tools = linker.instance("tollgate:tools/tools@0.1.0")?;
    tools.func_wrap_concurrent("call-tool", |accessor: &Accessor<RunState>, call: (String, String, String)| {
        Box::pin(async move {
            let (caller, means, _held) =
                accessor.with(|mut access| start_call(&mut access.as_context_mut(), asked_bytes(&call)))?;
            let (answer, fuel_used) = make_call(&*caller, call, means).await;
            accessor.with(|mut access| charge_fuel(&mut access.as_context_mut(), fuel_used))?;
            Ok((answer,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;

    let mut tools = linker.instance("tollgate:tools/tools-blocking@0.1.0")?;
    tools.func_wrap_async(
        "call-tool",
        |mut store: StoreContextMut<'_, RunState>, call: (String, String, String)| {
            Box::new(async move {
                let (caller, means, _held) = start_call(&mut store, asked_bytes(&call))?;
                let (answer, fuel_used) = make_call(&*caller, call, means).await;
                charge_fuel(&mut store, fuel_used)?;
                Ok((answer,))
            })
        },
    )?;
    tools.func_wrap_async("call-tools", |mut store: StoreContextMut<'_, RunState>, (calls,): (Vec<wit::Call>,)| {
        Box::new(async move {
            let (caller, means, _held) = start_call(&mut store, calls.weigh())?;
            let at_once = usize::try_from(store.data().calls_at_once).unwrap_or(usize::MAX).max(1);
            let (caller, means) = (&*caller, &means);
            let memory = &store.data().memory.clone();
            // All answers wait for the last one.
            let kept = |call: wit::Call| async move {
                let (answer, used) = make_call(caller, (call.server, call.tool, call.args), means.clone()).await;
                let held = memory.hold(answer_bytes(&answer)).map_err(wasmtime::Error::new)?;
                Ok::<_, wasmtime::Error>((answer, used, held))
            };
            let answers: Vec<_> = futures::stream::iter(calls).map(kept).buffered(at_once).try_collect().await?;
            charge_fuel(&mut store, answers.iter().map(|(_, used, _)| used).sum())?;
            Ok((answers.into_iter().map(|(answer, ..)| answer).collect::<Vec<_>>(),))
        })
    })?;

    add_queries(linker)?;
    state::add_to_linker(linker)?;
    servers::add_to_linker(linker)?;
    model::add_to_linker(linker)?;
    ask::add_to_linker(linker)?;

    let mut log = linker.instance("tollgate:log/log@0.1.0")?;
    log.func_wrap("log", |mut store: StoreContextMut<'_, RunState>, (level, message): (Level, String)| {
        let state = store.data_mut();
        if let Some(paid) = state.output.take(&message) {
            state.caller.log(paid, level.into(), message);
        }
        Ok(())
    })?;
    let mut progress = linker.instance("tollgate:log/progress@0.1.0")?;
    progress.func_wrap(
        "progress",
        |mut store: StoreContextMut<'_, RunState>, (done, total, message): (f64, Option<f64>, Option<String>)| {
            let state = store.data_mut();
            if let Some(paid) = state.output.take(message.as_deref().unwrap_or_default()) {
                state.caller.progress(paid, done, total, message);
            }
            Ok(())
        },
    )?;

    let mut timer = linker.instance("tollgate:timer/timer@0.1.0")?;
    timer.func_wrap_concurrent("sleep", |accessor: &Accessor<RunState>, (ms,): (u64,)| {
        Box::pin(async move {
            let nap = accessor.with(|mut access| access.data_mut().clock.sleep(Duration::from_millis(ms)));
            nap.await;
            Ok(())
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;
    let mut timer = linker.instance("tollgate:timer/timer-blocking@0.1.0")?;
    timer.func_wrap_async("sleep", |store: StoreContextMut<'_, RunState>, (ms,): (u64,)| {
        let nap = store.data().clock.sleep(Duration::from_millis(ms));
        Box::new(async move {
            nap.await;
            Ok(())
        })
    })?;

    let mut names = linker.instance("tollgate:script/names@0.1.0")?;
    names.func_wrap("servers", |store: StoreContextMut<'_, RunState>, (): ()| {
        let servers = store.data().names.as_ref().map(|names| names.servers()).unwrap_or_default();
        Ok((servers.into_iter().map(Into::into).collect::<Vec<script::Namespace>>(),))
    })?;
    names.func_wrap("functions", |store: StoreContextMut<'_, RunState>, (server,): (String,)| {
        let functions = store.data().names.as_ref().map(|names| names.functions(&server)).unwrap_or_default();
        Ok((functions.into_iter().map(Into::into).collect::<Vec<script::Function>>(),))
    })?;
    names.func_wrap("find", |store: StoreContextMut<'_, RunState>, (server, name): (String, String)| {
        let found = store.data().names.as_ref().and_then(|names| names.find(&server, &name));
        Ok((found.map(script::Function::from),))
    })?;
    Ok(())
}

impl From<core::Namespace> for script::Namespace {
    fn from(namespace: core::Namespace) -> Self {
        Self { name: namespace.name, server: namespace.server }
    }
}

impl From<core::Function> for script::Function {
    fn from(function: core::Function) -> Self {
        let parameter = |p: core::Parameter| script::Parameter { name: p.name, argument: p.argument };
        Self {
            name: function.name,
            tool: function.tool,
            parameters: function.parameters.into_iter().map(parameter).collect(),
        }
    }
}

type Queried = std::result::Result<String, wit::CallFailure>;

/// Links `resources` and `prompts`: each function once as it is, and once waited for.
fn add_queries(linker: &mut Linker<RunState>) -> Result<()> {
    use core::{ListKind, QueryKind};
    for (instance, kinds) in [
        ("resources", &[("list-resources", ListKind::Resources), ("list-templates", ListKind::ResourceTemplates)][..]),
        ("prompts", &[("list-prompts", ListKind::Prompts)][..]),
    ] {
        for (name, kind) in kinds.iter().copied() {
            let mut concurrent = linker.instance(&format!("tollgate:{instance}/{instance}@0.1.0"))?;
            concurrent.func_wrap_concurrent(name, move |accessor: &Accessor<RunState>, (): ()| {
                Box::pin(async move {
                    let (caller, memory) = accessor.with(|mut access| access.data_mut().way_out());
                    Ok((list(&*caller, &memory, kind).await?,))
                }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
            })?;
            let mut blocking = linker.instance(&format!("tollgate:{instance}/{instance}-blocking@0.1.0"))?;
            blocking.func_wrap_async(name, move |store: StoreContextMut<'_, RunState>, (): ()| {
                let (caller, memory) = store.data().way_out();
                Box::new(async move { Ok((list(&*caller, &memory, kind).await?,)) })
            })?;
        }
    }

    let read = |(server, uri): (String, String)| core::Query {
        server,
        kind: QueryKind::ReadResource,
        params: serde_json::json!({"uri": uri}).to_string(),
        name: uri,
    };
    let mut resources = linker.instance("tollgate:resources/resources@0.1.0")?;
    resources.func_wrap_concurrent("read", move |accessor: &Accessor<RunState>, asked: (String, String)| {
        Box::pin(async move {
            let (caller, means, _held) =
                accessor.with(|mut access| start_call(&mut access.as_context_mut(), asked.weigh()))?;
            let (answer, fuel_used) = query(&*caller, read(asked), means).await;
            accessor.with(|mut access| charge_fuel(&mut access.as_context_mut(), fuel_used))?;
            Ok((answer,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;
    let mut resources = linker.instance("tollgate:resources/resources-blocking@0.1.0")?;
    resources.func_wrap_async("read", move |mut store: StoreContextMut<'_, RunState>, asked: (String, String)| {
        Box::new(async move {
            let (caller, means, _held) = start_call(&mut store, asked.weigh())?;
            let (answer, fuel_used) = query(&*caller, read(asked), means).await;
            charge_fuel(&mut store, fuel_used)?;
            Ok((answer,))
        })
    })?;

    let get = |(server, name, arguments): (String, String, String)| {
        // What is no JSON goes on as text, and is refused with what is wrong.
        let arguments = serde_json::from_str(&arguments).unwrap_or(serde_json::Value::String(arguments));
        let params = serde_json::json!({"name": name, "arguments": arguments}).to_string();
        core::Query { server, kind: QueryKind::GetPrompt, name, params }
    };
    let mut prompts = linker.instance("tollgate:prompts/prompts@0.1.0")?;
    prompts.func_wrap_concurrent("get", move |accessor: &Accessor<RunState>, asked: (String, String, String)| {
        Box::pin(async move {
            let (caller, means, _held) =
                accessor.with(|mut access| start_call(&mut access.as_context_mut(), asked_bytes(&asked)))?;
            let (answer, fuel_used) = query(&*caller, get(asked), means).await;
            accessor.with(|mut access| charge_fuel(&mut access.as_context_mut(), fuel_used))?;
            Ok((answer,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;
    let mut prompts = linker.instance("tollgate:prompts/prompts-blocking@0.1.0")?;
    prompts.func_wrap_async(
        "get",
        move |mut store: StoreContextMut<'_, RunState>, asked: (String, String, String)| {
            Box::new(async move {
                let (caller, means, _held) = start_call(&mut store, asked_bytes(&asked))?;
                let (answer, fuel_used) = query(&*caller, get(asked), means).await;
                charge_fuel(&mut store, fuel_used)?;
                Ok((answer,))
            })
        },
    )?;
    Ok(())
}

async fn query(caller: &dyn Caller, query: core::Query, means: Means) -> (Queried, u64) {
    let (answer, fuel_used) = caller.query(query, means).await;
    (answer.map_err(Into::into), fuel_used)
}

/// # Errors
/// It was refused, for which the interface has no word: the run ends.
async fn list(caller: &dyn Caller, memory: &HostMemory, kind: core::ListKind) -> Result<String> {
    let items = caller.list(kind).await.map_err(ended)?.into_iter().map(|mut listed| {
        listed.item.insert("server".to_owned(), listed.server.into());
        serde_json::Value::Object(listed.item)
    });
    let text = serde_json::Value::Array(items.collect()).to_string();
    drop(memory.hold(text.weigh()).map_err(wasmtime::Error::new)?);
    Ok(text)
}

/// A refusal where the interface has no word for one.
fn ended(error: core::CallError) -> wasmtime::Error {
    match error {
        core::CallError::BudgetExhausted(reached) => wasmtime::Error::new(reached),
        error => wasmtime::Error::msg(error.to_string()),
    }
}

/// Links a function of `tollgate:PACKAGE/PACKAGE` that waits, as it is, and its blocking twin.
fn add<P, R, F>(
    linker: &mut Linker<RunState>,
    package: &str,
    name: &str,
    work: fn(Arc<dyn Caller>, P) -> F,
) -> Result<()>
where
    P: ComponentNamedList + Lift + Weigh + Send + Sync + 'static,
    F: Future<Output = Result<R>> + Send + 'static,
    R: Send + Sync + 'static,
    (R,): ComponentNamedList + Lower,
{
    let mut concurrent = linker.instance(&format!("tollgate:{package}/{package}@0.1.0"))?;
    concurrent.func_wrap_concurrent(name, move |accessor: &Accessor<RunState>, asked: P| {
        Box::pin(async move {
            let (caller, memory) = accessor.with(|mut access| access.data_mut().way_out());
            let _held = memory.hold(asked.weigh()).map_err(wasmtime::Error::new)?;
            Ok((work(caller, asked).await?,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;
    let mut blocking = linker.instance(&format!("tollgate:{package}/{package}-blocking@0.1.0"))?;
    blocking.func_wrap_async(name, move |store: StoreContextMut<'_, RunState>, asked: P| {
        let (caller, memory) = store.data().way_out();
        Box::new(async move {
            let _held = memory.hold(asked.weigh()).map_err(wasmtime::Error::new)?;
            Ok((work(caller, asked).await?,))
        })
    })
}

/// The way out, what the run has left for the call, and the charge for what the call brings with it, as long as it is under way.
fn start_call(store: &mut StoreContextMut<'_, RunState>, bytes: u64) -> Result<(Arc<dyn Caller>, Means, Held)> {
    let (caller, memory) = store.data().way_out();
    let held = memory.hold(bytes).map_err(wasmtime::Error::new)?;
    Ok((caller, Means { fuel: store.get_fuel()?, memory: Some(memory) }, held))
}

/// Takes from the store what an adapter behind a call burnt. A store left with none ends at its next step.
fn charge_fuel(store: &mut StoreContextMut<'_, RunState>, used: u64) -> Result<()> {
    if used > 0 {
        let left = store.get_fuel()?.saturating_sub(used);
        store.set_fuel(left)?;
        store.data_mut().fuel_passed_on = store.data().fuel_passed_on.saturating_add(used);
    }
    Ok(())
}

async fn make_call(
    caller: &dyn Caller,
    (server, tool, args): (String, String, String),
    means: Means,
) -> (std::result::Result<wit::ToolResult, wit::CallFailure>, u64) {
    let (answer, fuel_used) = caller.call(core::Call { server, tool, args, meta: None }, means).await;
    (answer.map(|r| wit::ToolResult { json: r.json }).map_err(Into::into), fuel_used)
}

fn answer_bytes(answer: &std::result::Result<wit::ToolResult, wit::CallFailure>) -> u64 {
    match answer {
        Ok(result) | Err(wit::CallFailure { error: wit::CallError::Failed(result), .. }) => result.json.weigh(),
        Err(_) => 0,
    }
}

impl From<Level> for core::LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<core::CallFailure> for wit::CallFailure {
    fn from(failure: core::CallFailure) -> Self {
        Self {
            server: failure.server,
            tool: failure.tool,
            attempts: failure.attempts,
            elapsed_ms: u64::try_from(failure.elapsed.as_millis()).unwrap_or(u64::MAX),
            error: failure.error.into(),
        }
    }
}

impl From<core::LimitReached> for wit::Limit {
    fn from(limit: core::LimitReached) -> Self {
        Self { name: limit.kind.name().to_owned(), value: limit.value, message: limit.to_string() }
    }
}

impl From<core::CallError> for wit::CallError {
    fn from(error: core::CallError) -> Self {
        use core::CallError as E;
        match error {
            E::Denied(why) => Self::Denied(why),
            E::UnknownTool(near) => Self::UnknownTool(near),
            E::InvalidArguments(violations) => Self::InvalidArguments(
                violations.into_iter().map(|v| wit::Violation { path: v.path, message: v.message }).collect(),
            ),
            E::Failed(result) => Self::Failed(wit::ToolResult { json: result.json }),
            E::Rejected(e) => Self::Rejected(wit::RpcError { code: e.code, message: e.message, data: e.data }),
            E::InvalidResponse(why) => Self::InvalidResponse(why),
            E::AuthRequired(why) => Self::AuthRequired(why),
            E::Unavailable(why) => Self::Unavailable(why),
            E::Overloaded => Self::Overloaded,
            E::TooLarge(why) => Self::TooLarge(why),
            E::TimedOut(why) => Self::TimedOut(why),
            E::RateLimited(after_ms) => Self::RateLimited(after_ms),
            E::BudgetExhausted(limit) => Self::BudgetExhausted(limit.into()),
            E::Cancelled => Self::Cancelled,
            E::OutcomeUnknown(why) => Self::OutcomeUnknown(why),
        }
    }
}

/// A failure that a guest hands back. It is the guest's word: nothing of the host's own records comes from
/// it, only the run's status.
impl From<wit::CallFailure> for core::CallFailure {
    fn from(failure: wit::CallFailure) -> Self {
        Self {
            server: failure.server,
            tool: failure.tool,
            attempts: failure.attempts,
            elapsed: Duration::from_millis(failure.elapsed_ms),
            error: failure.error.into(),
        }
    }
}

impl From<wit::CallError> for core::CallError {
    fn from(error: wit::CallError) -> Self {
        use wit::CallError as W;
        match error {
            W::Denied(why) => Self::Denied(why),
            W::UnknownTool(near) => Self::UnknownTool(near),
            W::InvalidArguments(violations) => Self::InvalidArguments(
                violations.into_iter().map(|v| core::Violation { path: v.path, message: v.message }).collect(),
            ),
            W::Failed(result) => Self::Failed(core::ToolResult { json: result.json, is_error: true }),
            W::Rejected(e) => Self::Rejected(core::RpcError { code: e.code, message: e.message, data: e.data }),
            W::InvalidResponse(why) => Self::InvalidResponse(why),
            W::AuthRequired(why) => Self::AuthRequired(why),
            W::Unavailable(why) => Self::Unavailable(why),
            W::Overloaded => Self::Overloaded,
            W::TooLarge(why) => Self::TooLarge(why),
            W::TimedOut(why) => Self::TimedOut(why),
            W::RateLimited(after_ms) => Self::RateLimited(after_ms),
            W::BudgetExhausted(limit) => match core::LimitKind::ALL.iter().find(|kind| kind.name() == limit.name) {
                Some(&kind) => Self::BudgetExhausted(core::LimitReached { kind, value: limit.value }),
                None => Self::InvalidResponse(format!("no limit is named `{}`", limit.name)),
            },
            W::Cancelled => Self::Cancelled,
            W::OutcomeUnknown(why) => Self::OutcomeUnknown(why),
        }
    }
}
