//! The host's side of `tollgate:state`: each function once as it is, and once waited for. Each request is paid before it is made,
//! and recorded when it ended or was given up.

use super::generated::tollgate::state::state_types as wit;
use crate::held::Weigh;
use crate::inspect::Digest;
use crate::store::RunState;
use std::pin::Pin;
use std::sync::Arc;
use tollgate_core::budget::Paid;
use tollgate_core::{Caller, Held, StateAccess, StateOperation};
use tollgate_state::{Entry, Expected, KEY_MAX_BYTES, Page, State, StateError, Version};
use wasmtime::component::{Accessor, ComponentNamedList, Lift, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

type Answer<T> = std::result::Result<T, wit::StateError>;
/// What a function gave, and what is recorded of it.
type Done<T> = std::result::Result<(T, Told), StateError>;
/// What is asked for, of which key, and the bytes that come with it.
type About<P> = fn(&P) -> (StateOperation, &str, usize);
type Work<P, F> = fn(State, P) -> F;

/// What an answer tells a journal.
struct Told {
    /// Bytes that were read, if it read some.
    bytes: Option<u64>,
    version: Option<Version>,
    /// The key was there, or is now.
    is_there: bool,
}

impl Weigh for wit::Expected {
    fn weigh(&self) -> u64 {
        0
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker.instance("tollgate:state/state-types@0.1.0")?;
    add(
        linker,
        "get",
        |(key,): &(String,)| (StateOperation::Get, key.as_str(), 0),
        |state, (key,): (String,)| async move {
            let entry = state.get(key).await?;
            let told = Told {
                bytes: entry.as_ref().map(|entry| entry.value.len() as u64),
                version: entry.as_ref().map(|entry| entry.version),
                is_there: entry.is_some(),
            };
            Ok((entry.map(|Entry { value, version }| wit::Entry { value, version }), told))
        },
    )?;
    add(
        linker,
        "set",
        |(key, value, _): &(String, String, wit::Expected)| (StateOperation::Set, key.as_str(), value.len()),
        |state, (key, value, expected): (String, String, wit::Expected)| async move {
            let expected = match expected {
                wit::Expected::Any => Expected::Any,
                wit::Expected::Absent => Expected::Absent,
                wit::Expected::Version(version) => Expected::Version(version),
            };
            let version = state.set(key, value, expected).await?;
            Ok((version, Told { bytes: None, version: Some(version), is_there: true }))
        },
    )?;
    add(
        linker,
        "delete",
        |(key, _): &(String, Option<Version>)| (StateOperation::Delete, key.as_str(), 0),
        |state, (key, expected): (String, Option<Version>)| async move {
            let was_there = state.delete(key, expected).await?;
            Ok((was_there, Told { bytes: None, version: None, is_there: was_there }))
        },
    )?;
    add(
        linker,
        "list-keys",
        |(prefix, ..): &(String, Option<String>, Option<u32>)| (StateOperation::List, prefix.as_str(), 0),
        |state, (prefix, after, limit): (String, Option<String>, Option<u32>)| async move {
            let Page { keys, next } = state.list_keys(prefix, after, limit).await?;
            let bytes = keys.iter().map(|info| info.key.len() as u64).sum();
            let told = Told { bytes: Some(bytes), version: None, is_there: true };
            let keys = keys
                .into_iter()
                .map(|info| wit::KeyInfo { key: info.key, version: info.version, size: info.size })
                .collect();
            Ok((wit::Page { keys, next }, told))
        },
    )
}

fn add<P, R, F>(linker: &mut Linker<RunState>, name: &str, about: About<P>, work: Work<P, F>) -> Result<()>
where
    P: ComponentNamedList + Lift + Weigh + Send + Sync + 'static,
    F: Future<Output = Done<R>> + Send + 'static,
    R: Send + Sync + 'static,
    (Answer<R>,): ComponentNamedList + Lower,
{
    let mut concurrent = linker.instance("tollgate:state/state@0.1.0")?;
    concurrent.func_wrap_concurrent(name, move |accessor: &Accessor<RunState>, asked: P| {
        Box::pin(async move {
            let (request, _held) = accessor.with(|mut access| Request::of(access.data_mut(), about, &asked))?;
            Ok((request.answer(work, asked).await,))
        }) as Pin<Box<dyn Future<Output = Result<_>> + Send + '_>>
    })?;
    let mut blocking = linker.instance("tollgate:state/state-blocking@0.1.0")?;
    blocking.func_wrap_async(name, move |store: StoreContextMut<'_, RunState>, asked: P| {
        let begun = Request::of(store.data(), about, &asked);
        Box::new(async move {
            let (request, _held) = begun?;
            Ok((request.answer(work, asked).await,))
        })
    })
}

/// One request. It is recorded when it is dropped, whatever became of it.
struct Request {
    caller: Arc<dyn Caller>,
    state: State,
    paid: Option<Paid>,
    access: Option<StateAccess>,
}

impl Request {
    /// A request that begins, and the charge for what it brings.
    fn of<P: Weigh>(run: &RunState, about: About<P>, asked: &P) -> Result<(Self, Held)> {
        let held = run.memory.hold(asked.weigh()).map_err(wasmtime::Error::new)?;
        let (operation, key, bytes) = about(asked);
        let state = run.state.clone().unwrap_or_default();
        let access = StateAccess {
            owner: state.owner().to_owned(),
            operation,
            // Hashing takes time that no fuel pays: what is longer is refused unread.
            key_sha256: (key.len() <= KEY_MAX_BYTES).then(|| Digest::of(key.as_bytes()).hex()),
            bytes: bytes as u64,
            version: None,
            outcome: StateAccess::CANCELLED,
        };
        Ok((Self { caller: run.caller.clone(), state, paid: None, access: Some(access) }, held))
    }

    async fn answer<P, R, F: Future<Output = Done<R>>>(mut self, work: Work<P, F>, asked: P) -> Answer<R> {
        match self.caller.state_started() {
            Ok(paid) => self.paid = Some(paid),
            Err(reached) => {
                self.ended(StateAccess::LIMIT);
                return Err(wit::StateError::Unavailable(reached.to_string()));
            }
        }
        match work(self.state.clone(), asked).await {
            Ok((answer, Told { bytes, version, is_there })) => {
                if let Some(access) = &mut self.access {
                    access.bytes = bytes.unwrap_or(access.bytes);
                    access.version = version;
                }
                self.ended(if is_there { StateAccess::OK } else { StateAccess::ABSENT });
                Ok(answer)
            }
            Err(error) => {
                self.ended(word(&error));
                Err(refused(error))
            }
        }
    }

    fn ended(&mut self, outcome: &'static str) {
        if let Some(access) = self.access.take() {
            self.caller.state_ended(self.paid.take(), StateAccess { outcome, ..access });
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.ended(StateAccess::CANCELLED);
    }
}

/// The error's case, as the WIT names it.
fn word(error: &StateError) -> &'static str {
    match error {
        StateError::Denied(_) => "denied",
        StateError::InvalidKey(_) => "invalid-key",
        StateError::InvalidValue(_) => "invalid-value",
        StateError::TooLarge(_) => "too-large",
        StateError::OverQuota(_) => "over-quota",
        StateError::Conflict(_) => "conflict",
        StateError::Overloaded => "overloaded",
        StateError::Unavailable(_) => "unavailable",
    }
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
