//! The WIT types, and the host's side of the `tollgate:*` interfaces.
//!
//! Types come from the WIT by `bindgen!`; the functions are linked by hand, because they need the store
//! (to charge fuel) and there are few. Each blocking twin is the same function, waited for.

use crate::store::RunState;
use futures::StreamExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tollgate_core as core;
use tollgate_core::Caller;
use wasmtime::component::{Accessor, Linker};
use wasmtime::{AsContextMut, Result, StoreContextMut};

mod generated {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package tollgate:host-side@0.1.0;
            world types {
                import tollgate:types/types@0.1.0;
                import tollgate:log/log@0.1.0;
            }
        ",
    });
}

pub(crate) use generated::tollgate::log::log::Level;
pub(crate) use generated::tollgate::types::types as wit;

/// Links every `tollgate:*` interface.
pub(crate) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    // A component that uses types imports the instance that declares them; it holds nothing.
    linker.instance("tollgate:types/types@0.1.0")?;

    let mut tools = linker.instance("tollgate:tools/tools@0.1.0")?;
    tools.func_wrap_concurrent("call-tool", |accessor: &Accessor<RunState>, call: (String, String, String)| {
        Box::pin(async move {
            let (caller, fuel_left) = accessor.with(|mut access| start_call(&mut access.as_context_mut()))?;
            let (answer, fuel_used) = make_call(&*caller, call, fuel_left).await;
            accessor.with(|mut access| charge_fuel(&mut access.as_context_mut(), fuel_used))?;
            Ok((answer,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;

    let mut tools = linker.instance("tollgate:tools/tools-blocking@0.1.0")?;
    tools.func_wrap_async(
        "call-tool",
        |mut store: StoreContextMut<'_, RunState>, call: (String, String, String)| {
            Box::new(async move {
                let (caller, fuel_left) = start_call(&mut store)?;
                let (answer, fuel_used) = make_call(&*caller, call, fuel_left).await;
                charge_fuel(&mut store, fuel_used)?;
                Ok((answer,))
            })
        },
    )?;
    tools.func_wrap_async("call-tools", |mut store: StoreContextMut<'_, RunState>, (calls,): (Vec<wit::Call>,)| {
        Box::new(async move {
            let (caller, fuel_left) = start_call(&mut store)?;
            let at_once = usize::try_from(store.data().calls_at_once).unwrap_or(usize::MAX).max(1);
            let answers: Vec<_> = futures::stream::iter(calls)
                .map(|call| make_call(&*caller, (call.server, call.tool, call.args), fuel_left))
                .buffered(at_once)
                .collect()
                .await;
            charge_fuel(&mut store, answers.iter().map(|(_, used)| used).sum())?;
            Ok((answers.into_iter().map(|(answer, _)| answer).collect::<Vec<_>>(),))
        })
    })?;

    let mut log = linker.instance("tollgate:log/log@0.1.0")?;
    log.func_wrap("log", |mut store: StoreContextMut<'_, RunState>, (level, message): (Level, String)| {
        let state = store.data_mut();
        if state.output.take(message.len()) {
            state.caller.log(level.into(), message);
        }
        Ok(())
    })?;
    let mut progress = linker.instance("tollgate:log/progress@0.1.0")?;
    progress.func_wrap(
        "progress",
        |mut store: StoreContextMut<'_, RunState>, (done, total, message): (f64, Option<f64>, Option<String>)| {
            let state = store.data_mut();
            if state.output.take(message.as_ref().map_or(1, String::len)) {
                state.caller.progress(done, total, message);
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
    Ok(())
}

fn start_call(store: &mut StoreContextMut<'_, RunState>) -> Result<(Arc<dyn Caller>, u64)> {
    Ok((store.data().caller.clone(), store.get_fuel()?))
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
    fuel_left: u64,
) -> (std::result::Result<wit::ToolResult, wit::CallFailure>, u64) {
    let (answer, fuel_used) = caller.call(core::Call { server, tool, args, meta: None }, fuel_left).await;
    (answer.map(|r| wit::ToolResult { json: r.json }).map_err(Into::into), fuel_used)
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
            E::BudgetExhausted(limit) => Self::BudgetExhausted(wit::Limit {
                name: limit.kind.name().to_owned(),
                value: limit.value,
                message: limit.to_string(),
            }),
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
