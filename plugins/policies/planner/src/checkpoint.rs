//! What is kept of a plan, so that a run that was cut short can be gone on with.
//!
//! `plan/ID` has the plan and its input. `plan/ID/STEP`, for a step with `for_each` `plan/ID/STEP/INDEX`, says how far a call
//! is: begun before it is made, done with its result after it. A call that is begun and not done may have had its effect.
//! Each says for which arguments: what an earlier step gives may be something else the next time.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_sdk::state::{self, Expected, StateError};
use tollgate_sdk::{Error, Result, join_all, sleep};

/// How many keys are read at once.
const READ_AT_ONCE: usize = 16;

/// A plan that is kept.
#[derive(Serialize, Deserialize)]
pub struct Header {
    pub plan: Value,
    pub input: Value,
}

/// How far a call is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    Begun { arguments: String },
    Done { arguments: String, result: Value },
}

impl Mark {
    /// The print of the arguments of its call.
    pub fn arguments(&self) -> &str {
        match self {
            Self::Begun { arguments } | Self::Done { arguments, .. } => arguments,
        }
    }
}

/// A short print of arguments: FNV-1a, which is the same everywhere.
pub fn print(arguments: &Value) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", arguments.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The checkpoints of one plan.
#[derive(Default)]
pub struct Checkpoint {
    id: String,
    marks: HashMap<String, Mark>,
}

fn header_key(id: &str) -> String {
    format!("plan/{id}")
}

/// Whether the text can be a plan's id: 1 to 100 letters, digits, `.`, `_` and `-`.
///
/// # Errors
/// What it should be.
pub fn check_id(id: &str) -> Result<()> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=100).contains(&id.len()) && id.chars().all(word) {
        return Ok(());
    }
    Err(Error::new(format!("{id:?} is no id: 1 to 100 letters, digits, `.`, `_` and `-`")).code("invalid-input"))
}

/// What is kept of a plan's beginning.
///
/// # Errors
/// Where the store cannot be read.
pub async fn header(id: &str) -> Result<Option<Header>> {
    Ok(state::get(&header_key(id)).await?.map(|entry| entry.value))
}

/// Forgets a plan. Tells whether there was one.
///
/// # Errors
/// Where the store cannot be changed. What was deleted by then is; the plan's beginning goes last.
pub async fn forget(id: &str) -> Result<bool> {
    loop {
        let page = state::list(&format!("plan/{id}/"), None).await?;
        for many in page.keys.chunks(READ_AT_ONCE) {
            for deleted in join_all(many.iter().map(|info| state::delete(&info.key))).await {
                deleted?;
            }
        }
        if page.next.is_none() {
            return Ok(state::delete(&header_key(id)).await?);
        }
    }
}

impl Checkpoint {
    /// Begins a plan.
    ///
    /// # Errors
    /// Code `plan-exists` where there is one of this id already.
    pub async fn begin(id: &str, plan: &Value, input: &Value) -> Result<Self> {
        let header = Header { plan: plan.clone(), input: input.clone() };
        match state::set_if(&header_key(id), header, Expected::Absent).await {
            Ok(_) => Ok(Self { id: id.to_owned(), ..Self::default() }),
            Err(StateError::Conflict(_)) => Err(Error::new(format!(
                "the plan `{id}` was begun before: go on with `resume`, or delete what is kept of it with `forget`"
            ))
            .code("plan-exists")),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes on with a plan.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn load(id: &str) -> Result<Self> {
        let prefix = format!("plan/{id}/");
        let mut marks = HashMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = state::list(&prefix, after.as_deref()).await?;
            for many in page.keys.chunks(READ_AT_ONCE) {
                let read = join_all(many.iter().map(|info| state::get::<Mark>(&info.key))).await;
                for (info, mark) in many.iter().zip(read) {
                    let unit = info.key.strip_prefix(&prefix).unwrap_or_default();
                    marks.extend(mark?.map(|entry| (unit.to_owned(), entry.value)));
                }
            }
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        Ok(Self { id: id.to_owned(), marks })
    }

    /// How far a call was when the run began.
    pub fn mark(&self, unit: &str) -> Option<&Mark> {
        self.marks.get(unit)
    }

    /// Says that a call is made now. Nobody else may have said so meanwhile.
    ///
    /// # Errors
    /// [`StateError::Conflict`] where another run did.
    pub async fn begun(&self, unit: &str, arguments: String) -> Result<(), StateError> {
        let expected = if self.marks.contains_key(unit) { Expected::Any } else { Expected::Absent };
        let (key, mark) = (self.key(unit), Mark::Begun { arguments });
        patiently(async || state::set_if(&key, &mark, expected).await).await
    }

    /// Keeps what a call gave.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub async fn done(&self, unit: &str, arguments: String, result: Value) -> Result<(), StateError> {
        let (key, mark) = (self.key(unit), Mark::Done { arguments, result });
        patiently(async || state::set(&key, &mark).await).await
    }

    /// Says that a call had no effect: it may be made again.
    ///
    /// # Errors
    /// Where that cannot be kept.
    pub async fn undone(&self, unit: &str) -> Result<(), StateError> {
        let key = self.key(unit);
        patiently(async || state::delete(&key).await).await
    }

    fn key(&self, unit: &str) -> String {
        format!("plan/{}/{unit}", self.id)
    }
}

/// Tries again after a pause where the store is busy.
async fn patiently<T>(mut change: impl AsyncFnMut() -> Result<T, StateError>) -> Result<(), StateError> {
    let mut pause = Duration::from_millis(20);
    for _ in 0..5 {
        match change().await {
            Err(StateError::Overloaded) => sleep(pause).await,
            done => return done.map(drop),
        }
        pause *= 2;
    }
    change().await.map(drop)
}
