//! Failed calls: as the script sees them, and back, for the host, where one of them ends the script.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bindings::{CallError, CallFailure, Limit, RpcError, ToolResult, Violation};

/// What the prelude makes a `ToolError` of. It also keeps this text, out of the script's reach, and gives it back
/// where the error ends the script.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    server: String,
    tool: String,
    kind: String,
    message: String,
    attempts: u32,
    elapsed_ms: u64,
    details: Value,
}

/// A failure as the JSON text for the prelude.
pub(crate) fn to_json(failure: &CallFailure) -> String {
    let (kind, details) = parts(&failure.error);
    json!(Told {
        server: failure.server.clone(),
        tool: failure.tool.clone(),
        kind: kind.to_owned(),
        message: message(failure, &details),
        attempts: failure.attempts,
        elapsed_ms: failure.elapsed_ms,
        details,
    })
    .to_string()
}

/// The failure that [`to_json`] told of.
pub(crate) fn from_json(text: &str) -> Option<CallFailure> {
    let Told { server, tool, kind, attempts, elapsed_ms, details, .. } = serde_json::from_str(text).ok()?;
    Some(CallFailure { server, tool, attempts, elapsed_ms, error: error(&kind, details)? })
}

/// A case's name in the WIT, and what the script sees of its content.
fn parts(error: &CallError) -> (&'static str, Value) {
    match error {
        CallError::Denied(why) => ("denied", json!(why)),
        CallError::UnknownTool(near) => ("unknown-tool", json!(near)),
        CallError::InvalidArguments(violations) => {
            let told = violations.iter().map(|v| json!({"path": v.path, "message": v.message}));
            ("invalid-arguments", told.collect())
        }
        CallError::Failed(result) => ("failed", serde_json::from_str(&result.json).unwrap_or_default()),
        CallError::Rejected(RpcError { code, message, data }) => {
            let data: Value = data.as_deref().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
            ("rejected", json!({"code": code, "message": message, "data": data}))
        }
        CallError::InvalidResponse(what) => ("invalid-response", json!(what)),
        CallError::AuthRequired(what) => ("auth-required", json!(what)),
        CallError::Unavailable(why) => ("unavailable", json!(why)),
        CallError::Overloaded => ("overloaded", Value::Null),
        CallError::TooLarge(what) => ("too-large", json!(what)),
        CallError::TimedOut(what) => ("timed-out", json!(what)),
        CallError::RateLimited(pause_ms) => ("rate-limited", json!({"retryAfterMs": pause_ms})),
        CallError::BudgetExhausted(Limit { name, value, message }) => {
            ("budget-exhausted", json!({"name": name, "value": value, "message": message}))
        }
        CallError::Cancelled => ("cancelled", Value::Null),
        CallError::OutcomeUnknown(what) => ("outcome-unknown", json!(what)),
    }
}

/// The case of this name. `None` where the content is not what [`parts`] gave.
fn error(kind: &str, details: Value) -> Option<CallError> {
    let text = || details.as_str().map(str::to_owned);
    let member = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(match kind {
        "denied" => CallError::Denied(text()?),
        "unknown-tool" => CallError::UnknownTool(serde_json::from_value(details).ok()?),
        "invalid-arguments" => {
            let violation = |told: &Value| {
                let member = |name: &str| told.get(name)?.as_str().map(str::to_owned);
                Some(Violation { path: member("path")?, message: member("message")? })
            };
            CallError::InvalidArguments(details.as_array()?.iter().map(violation).collect::<Option<_>>()?)
        }
        "failed" => CallError::Failed(ToolResult { json: details.to_string() }),
        "rejected" => CallError::Rejected(RpcError {
            code: details.get("code")?.as_i64()?,
            message: member("message")?,
            data: details.get("data").filter(|data| !data.is_null()).map(Value::to_string),
        }),
        "invalid-response" => CallError::InvalidResponse(text()?),
        "auth-required" => CallError::AuthRequired(text()?),
        "unavailable" => CallError::Unavailable(text()?),
        "overloaded" => CallError::Overloaded,
        "too-large" => CallError::TooLarge(text()?),
        "timed-out" => CallError::TimedOut(text()?),
        "rate-limited" => CallError::RateLimited(details.get("retryAfterMs")?.as_u64()),
        "budget-exhausted" => CallError::BudgetExhausted(Limit {
            name: member("name")?,
            value: details.get("value")?.as_u64()?,
            message: member("message")?,
        }),
        "cancelled" => CallError::Cancelled,
        "outcome-unknown" => CallError::OutcomeUnknown(text()?),
        _ => return None,
    })
}

/// The failure for people: which call, what happened, what to do next.
fn message(failure: &CallFailure, details: &Value) -> String {
    let what = match &failure.error {
        CallError::Denied(why) => format!("denied: {why}"),
        CallError::UnknownTool(near) if near.is_empty() => "no such tool".to_owned(),
        CallError::UnknownTool(near) if near.iter().all(|name| name.ends_with(":*")) => {
            format!("no server has this domain; there is {}", near.join(", "))
        }
        CallError::UnknownTool(near) => format!("no such tool; did you mean {}?", near.join(", ")),
        CallError::InvalidArguments(violations) => {
            let told = violations.iter().map(|violation| match violation.path.as_str() {
                "" => format!("(whole): {}", violation.message),
                path => format!("{path}: {}", violation.message),
            });
            let told: Vec<_> = told.collect();
            format!("the arguments do not fit the tool's input schema: {}", told.join("; "))
        }
        CallError::Failed(_) => match texts(details).as_str() {
            "" => "the tool failed and gave no reason".to_owned(),
            text => format!("the tool failed: {text}"),
        },
        CallError::Rejected(error) => {
            format!("the server refused the call: {} (JSON-RPC {})", error.message, error.code)
        }
        CallError::InvalidResponse(what) => {
            format!("the server's answer is not MCP: {what}; the call may have had an effect")
        }
        CallError::AuthRequired(what) => {
            format!("the server wants authorisation: {what}; the host's operator must give it")
        }
        CallError::Unavailable(why) => {
            format!("the server is not available: {why}; nothing was sent, a later retry is safe")
        }
        CallError::Overloaded => "the host is full now; try again in a moment".to_owned(),
        CallError::TooLarge(what) => format!("too large: {what}"),
        CallError::TimedOut(what) => {
            format!("timed out: {what}; the call may have had an effect, check before repeating it")
        }
        CallError::RateLimited(Some(pause_ms)) => format!("the server asks to wait {pause_ms} ms"),
        CallError::RateLimited(None) => "the server asks to slow down".to_owned(),
        CallError::BudgetExhausted(limit) => limit.message.clone(),
        CallError::Cancelled => "cancelled".to_owned(),
        CallError::OutcomeUnknown(what) => {
            format!("the call may have had its effect, its answer is lost: {what}; check before repeating it")
        }
    };
    let CallFailure { server, tool, attempts, elapsed_ms, .. } = failure;
    match attempts {
        0 | 1 => format!("{server}:{tool}: {what}"),
        attempts => format!("{server}:{tool}: {what} ({attempts} attempts in {elapsed_ms} ms)"),
    }
}

/// All text content of a `CallToolResult`.
fn texts(result: &Value) -> String {
    let content = result.get("content").and_then(Value::as_array);
    let texts = content.into_iter().flatten().filter_map(|block| block.get("text")?.as_str());
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_comes_back_as_it_went() {
        let errors = [
            CallError::Denied("no grant".into()),
            CallError::UnknownTool(vec!["crm:get".into()]),
            CallError::InvalidArguments(vec![Violation { path: "/id".into(), message: "not a UUID".into() }]),
            CallError::Failed(ToolResult { json: r#"{"content":[],"isError":true}"#.into() }),
            CallError::Rejected(RpcError { code: -32000, message: "busy".into(), data: Some("[1]".into()) }),
            CallError::Rejected(RpcError { code: 1, message: "busy".into(), data: None }),
            CallError::InvalidResponse("x".into()),
            CallError::AuthRequired("x".into()),
            CallError::Unavailable("x".into()),
            CallError::Overloaded,
            CallError::TooLarge("x".into()),
            CallError::TimedOut("x".into()),
            CallError::RateLimited(Some(20)),
            CallError::RateLimited(None),
            CallError::BudgetExhausted(Limit { name: "calls".into(), value: 5, message: "raise --calls".into() }),
            CallError::Cancelled,
            CallError::OutcomeUnknown("x".into()),
        ];
        for error in errors {
            let failure = CallFailure { server: "crm".into(), tool: "get".into(), attempts: 2, elapsed_ms: 30, error };
            let told = to_json(&failure);
            assert_eq!(from_json(&told).map(|back| format!("{back:?}")), Some(format!("{failure:?}")), "{told}");
            let message = message(&failure, &parts(&failure.error).1);
            assert!(message.starts_with("crm:get: ") && message.ends_with(" (2 attempts in 30 ms)"), "{message}");
        }
    }
}
