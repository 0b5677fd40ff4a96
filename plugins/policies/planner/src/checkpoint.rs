//! What is kept of a plan, so that a run that was cut short can be gone on with.
//!
//! `plan/ID` has the plan and its input. `plan/ID/STEP`, for a step with `for_each` `plan/ID/STEP/INDEX`, says how far a call
//! is: begun before it is made, done with its result after it. A call that is begun and not done may have had its effect.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_sdk::state::{self, Expected, StateError};
use tollgate_sdk::{Error, Result, join_all};

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
    Begun,
    Done(Value),
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
    pub async fn begun(&self, unit: &str) -> Result<(), StateError> {
        let expected = if self.marks.contains_key(unit) { Expected::Any } else { Expected::Absent };
        state::set_if(&self.key(unit), Mark::Begun, expected).await.map(drop)
    }

    /// Keeps what a call gave.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub async fn done(&self, unit: &str, result: &Value) -> Result<(), StateError> {
        state::set(&self.key(unit), Mark::Done(result.clone())).await.map(drop)
    }

    /// Says that a call had no effect: it may be made again.
    ///
    /// # Errors
    /// Where that cannot be kept.
    pub async fn undone(&self, unit: &str) -> Result<(), StateError> {
        state::delete(&self.key(unit)).await.map(drop)
    }

    fn key(&self, unit: &str) -> String {
        format!("plan/{}/{unit}", self.id)
    }
}
