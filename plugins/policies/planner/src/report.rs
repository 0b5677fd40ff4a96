//! What a plan's run tells.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What came of a plan.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Report {
    /// What the plan gives: its `output`, or the result of its last step that was done.
    pub output: Value,
    /// Whether a step failed or was not done wholly.
    pub partial: bool,
    /// In the order in which they ended.
    pub completed_steps: Vec<Completed>,
    pub errors: Vec<StepError>,
    pub skipped_steps: Vec<Skipped>,
    /// The name under which the plan is kept, for `resume`.
    pub id: Option<String>,
    /// The plan that was run, where it came from a model or from a checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A step that gave a result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Completed {
    pub id: String,
    pub name: String,
    pub tool: String,
    /// `completed`, or `partial` where some items of a `for_each` were not done: their results are null.
    pub status: String,
    pub result: Value,
    /// Milliseconds from the plan's beginning.
    pub started_ms: u64,
    pub elapsed_ms: u64,
    /// How many times one call was sent; with `for_each` the most that one item took. What the host sent again by itself counts where
    /// the call failed.
    pub attempts: u32,
    /// Whether an earlier run had done it.
    pub resumed: bool,
}

/// Why a step, or an item of it, gave no result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepError {
    pub step: String,
    /// The item's place, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The failed call's kind, as `timed-out`; `outcome-unknown` where a call may have had its effect; `arguments-changed`
    /// where an earlier run made it with others; `reference`,
    /// `condition` or `for-each` where there was nothing to call with; `state` where no checkpoint could be kept.
    pub kind: String,
    pub message: String,
}

/// A step that was not run, or not for all its items.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Skipped {
    pub id: String,
    pub reason: String,
}
