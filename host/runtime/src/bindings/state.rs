//! The host's side of `tollgate:state`: each function once as it is, and once waited for.

use super::generated::tollgate::state::state_types as wit;
use crate::store::RunState;
use std::pin::Pin;
use tollgate_state::{Entry, Expected, Page, State, StateError, Version};
use wasmtime::component::{Accessor, ComponentNamedList, Lift, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

type Answer<T> = std::result::Result<T, wit::StateError>;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker.instance("tollgate:state/state-types@0.1.0")?;
    add(linker, "get", |state, (key,): (String,)| async move {
        let entry = state.get(key).await.map_err(refused)?;
        Ok(entry.map(|Entry { value, version }| wit::Entry { value, version }))
    })?;
    add(linker, "set", |state, (key, value, expected): (String, String, wit::Expected)| async move {
        let expected = match expected {
            wit::Expected::Any => Expected::Any,
            wit::Expected::Absent => Expected::Absent,
            wit::Expected::Version(version) => Expected::Version(version),
        };
        state.set(key, value, expected).await.map_err(refused)
    })?;
    add(linker, "delete", |state, (key, expected): (String, Option<Version>)| async move {
        state.delete(key, expected).await.map_err(refused)
    })?;
    add(linker, "list-keys", |state, (prefix, after, limit): (String, Option<String>, Option<u32>)| async move {
        let Page { keys, next } = state.list_keys(prefix, after, limit).await.map_err(refused)?;
        let keys = keys.into_iter().map(|info| wit::KeyInfo { key: info.key, version: info.version, size: info.size });
        Ok(wit::Page { keys: keys.collect(), next })
    })
}

fn add<P, R, F>(linker: &mut Linker<RunState>, name: &str, work: fn(State, P) -> F) -> Result<()>
where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
    F: Future<Output = Answer<R>> + Send + 'static,
    R: Send + Sync + 'static,
    (Answer<R>,): ComponentNamedList + Lower,
{
    let mut concurrent = linker.instance("tollgate:state/state@0.1.0")?;
    concurrent.func_wrap_concurrent(name, move |accessor: &Accessor<RunState>, asked: P| {
        Box::pin(async move {
            let state = accessor.with(|mut access| access.data_mut().state.clone());
            Ok((work(state.unwrap_or_default(), asked).await,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;
    let mut blocking = linker.instance("tollgate:state/state-blocking@0.1.0")?;
    blocking.func_wrap_async(name, move |store: StoreContextMut<'_, RunState>, asked: P| {
        let state = store.data().state.clone();
        Box::new(async move { Ok((work(state.unwrap_or_default(), asked).await,)) })
    })
}

fn refused(error: StateError) -> wit::StateError {
    match error {
        StateError::Denied(why) => wit::StateError::Denied(why),
        StateError::InvalidKey(why) => wit::StateError::InvalidKey(why),
        StateError::InvalidValue(why) => wit::StateError::InvalidValue(why),
        StateError::TooLarge(why) => wit::StateError::TooLarge(why),
        StateError::OverQuota(why) => wit::StateError::OverQuota(why),
        StateError::Conflict(version) => wit::StateError::Conflict(version),
        StateError::Overloaded => wit::StateError::Overloaded,
        StateError::Unavailable(why) => wit::StateError::Unavailable(why),
    }
}
