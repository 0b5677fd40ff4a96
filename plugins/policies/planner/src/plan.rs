//! What a plan is, as its author writes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A plan.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is read step by step, so that every fault is found; this is its schema")]
pub struct Plan {
    #[schemars(length(min = 1, max = 200))]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub mode: Mode,
    /// What the plan gives, in the way of a step's arguments. Without it, the result of the last step that was done.
    pub output: Option<Value>,
}

/// What runs when.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One step after the other, as they are written.
    Sequential,
    /// All at once, except what `depends_on` orders.
    Parallel,
    /// A step waits for the steps that it refers to, and for those in `depends_on`.
    #[default]
    Mixed,
}

/// One step: one tool, called once, or once for each item of a list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Letters, digits, `_` and `-`, a letter or `_` first.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// `server:tool`, or `domain:NAME:tool`.
    pub tool: String,
    /// The tool's arguments. `{"$ref": "#/steps/ID/result/0/title"}` and `{"$jmespath": "steps.ID.result[?open].title"}`
    /// stand for values of earlier steps, `"${…}"` in a string likewise.
    #[serde(default = "empty")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub arguments: Value,
    /// Steps that must have ended before.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// A JMESPath expression: the step is skipped where it is false, null or empty.
    #[serde(alias = "when")]
    pub condition: Option<String>,
    /// A JMESPath expression that gives a list, or a list: the step runs once for each `item`.
    pub for_each: Option<Value>,
    /// How many items at once: 8 without this, in mode `sequential` 1.
    #[schemars(range(min = 1, max = 32))]
    pub concurrency: Option<usize>,
    #[serde(default)]
    pub on_error: OnError,
}

/// What a step's failure means for the others.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// No further step is started.
    #[default]
    Stop,
    /// All go on, the steps that need this one too: its result is null.
    Continue,
    /// The steps that need this one are skipped, the others go on. Where a few items of a `for_each` were done, none are.
    Skip,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Something that is wrong in a plan.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer into the plan.
    pub at: String,
    /// The step, where it is in one.
    pub step: Option<String>,
    pub message: String,
}
