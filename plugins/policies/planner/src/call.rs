//! One call of a step, with its checkpoint.

use serde_json::{Value, json};
use tollgate_sdk::state::StateError;
use tollgate_sdk::{CallError, CallFailure, ToolResult, call};

use crate::checkpoint::{Checkpoint, Mark, print};

/// A call to make.
pub struct Call {
    /// The step's place.
    pub step: usize,
    /// The item's place in the step.
    pub item: usize,
    /// The name of its checkpoint: `STEP` or `STEP/INDEX`.
    pub unit: String,
    pub tool: String,
    pub arguments: Value,
    /// Whether a second call does no harm.
    pub repeatable: bool,
    /// Whether it is to be made though an earlier run's may have had its effect.
    pub retry: bool,
}

/// What came of it.
pub struct Ended {
    pub step: usize,
    pub item: usize,
    pub outcome: Result<Value, Failure>,
    /// How often the tool was called.
    pub attempts: u32,
    /// Whether an earlier run had done it.
    pub resumed: bool,
    pub warning: Option<String>,
}

/// Why a call gave nothing.
pub struct Failure {
    pub kind: String,
    pub message: String,
    /// Whether every further call of the run fails likewise.
    pub final_: bool,
}

impl Failure {
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), final_: false }
    }
}

/// Makes a call, unless an earlier run has.
pub async fn make(call: Call, keep: Option<&Checkpoint>) -> Ended {
    let mut ended = Ended {
        step: call.step,
        item: call.item,
        outcome: Ok(Value::Null),
        attempts: 0,
        resumed: false,
        warning: None,
    };
    ended.outcome = attempt(call, keep, &mut ended).await;
    ended
}

async fn attempt(made: Call, keep: Option<&Checkpoint>, ended: &mut Ended) -> Result<Value, Failure> {
    let Call { unit, tool, arguments, repeatable, retry, .. } = made;
    let printed = print(&arguments);
    match keep.and_then(|keep| keep.mark(&unit)) {
        Some(mark) if mark.arguments() != printed && !repeatable && !retry => {
            let what =
                "an earlier run made this call with other arguments, because the steps before it gave something else";
            let next = "look what it did; resume with";
            let message = format!("{what}: {next} \"retry\": [\"{unit}\"] to make it with these");
            return Err(Failure::new("arguments-changed", message));
        }
        Some(Mark::Done { arguments, result }) if *arguments == printed => {
            ended.resumed = true;
            return Ok(result.clone());
        }
        Some(Mark::Begun { .. }) if !repeatable && !retry => return Err(unknown(&unit, &tool, "an earlier run")),
        Some(_) | None => {}
    }
    // Before a call that must not be made twice; what cannot be noted is not done.
    if let Some(keep) = keep.filter(|_| !repeatable) {
        match keep.begun(&unit, printed.clone()).await {
            Ok(()) => {}
            Err(StateError::Conflict(_)) => return Err(unknown(&unit, &tool, "another run of this plan")),
            Err(error) => {
                return Err(Failure::new(
                    "state",
                    format!("not called, because its checkpoint cannot be kept: {error}"),
                ));
            }
        }
    }
    let answer = call(&tool, &arguments).await;
    ended.attempts = answer.as_ref().map_or_else(|failure| failure.attempts, |_| 1);
    let Some(keep) = keep else { return answer.map(value).map_err(failed) };
    let kept = match &answer {
        Ok(result) => keep.done(&unit, printed, value(result.clone())).await,
        Err(failure) if !repeatable && !may_have_happened(failure) => keep.undone(&unit).await,
        Err(_) => Ok(()),
    };
    if let Err(error) = kept {
        ended.warning = Some(format!("{unit}: what came of it cannot be kept, so a later run will not know: {error}"));
    }
    answer.map(value).map_err(failed)
}

fn unknown(unit: &str, tool: &str, who: &str) -> Failure {
    Failure::new(
        "outcome-unknown",
        format!(
            "{who} began the call of {tool} and its end is not known: look whether it had its effect. If not, resume with \
             \"retry\": [\"{unit}\"]"
        ),
    )
}

fn may_have_happened(failure: &CallFailure) -> bool {
    let unclear = matches!(
        failure.error,
        CallError::TimedOut(_)
            | CallError::OutcomeUnknown(_)
            | CallError::InvalidResponse(_)
            | CallError::TooLarge(_)
            | CallError::Cancelled
    );
    failure.attempts > 0 && unclear
}

fn failed(failure: CallFailure) -> Failure {
    Failure {
        kind: failure.error.kind().to_owned(),
        message: failure.to_string(),
        final_: matches!(failure.error, CallError::BudgetExhausted(_) | CallError::Cancelled),
    }
}

/// The value of a result: its structured content, or its text, read as JSON where it is. `{"result": …}`, as servers wrap what
/// is no object, is what is in it. Several texts that are all JSON are a list. Other content stays as it is.
fn value(result: ToolResult) -> Value {
    let raw: Value = serde_json::from_str(result.raw()).unwrap_or_default();
    let content = raw.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<_> = content.iter().filter_map(|block| block.get("text").and_then(Value::as_str)).collect();
    let found = match raw.get("structuredContent") {
        Some(structured @ Value::Object(_)) => structured.clone(),
        _ if texts.is_empty() => json!({"content": content}),
        _ => match texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<Vec<Value>, _>>() {
            Ok(mut values) if values.len() == 1 => values.pop().unwrap_or_default(),
            Ok(values) => Value::Array(values),
            Err(_) => texts.join("\n").into(),
        },
    };
    // An object of the tool's own where its text is that object.
    let is_own = texts.first().is_some_and(|text| serde_json::from_str::<Value>(text).is_ok_and(|said| said == found));
    match found {
        Value::Object(mut members) if members.len() == 1 && members.contains_key("result") && !is_own => {
            members.remove("result").unwrap_or_default()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_what_the_tool_meant() {
        let of = |raw: Value| value(ToolResult::from_raw(raw.to_string()));
        let text = |text: &str| json!({"type": "text", "text": text});
        assert_eq!(of(json!({"content": [text("x")], "structuredContent": {"a": 1}})), json!({"a": 1}));
        assert_eq!(of(json!({"content": [], "structuredContent": {"result": [1]}})), json!([1]));
        let own = json!({"content": [text("{\"result\": 1}")], "structuredContent": {"result": 1}});
        assert_eq!(of(own), json!({"result": 1}));
        assert_eq!(of(json!({"content": [text("[1, 2]")]})), json!([1, 2]));
        assert_eq!(of(json!({"content": [text("{\"n\":1}"), text("{\"n\":2}")]})), json!([{"n": 1}, {"n": 2}]));
        assert_eq!(of(json!({"content": [text("all"), text("well")]})), json!("all\nwell"));
        let image = json!({"content": [{"type": "image", "data": ""}]});
        assert_eq!(of(image.clone()), image);
    }
}
