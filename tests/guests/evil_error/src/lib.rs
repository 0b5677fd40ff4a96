//! Fails with an error that is wrong in itself. Input: `{"what", "bytes"}`.

use kit::types::{Limit, RpcError, Violation};
use kit::{CallError, CallFailure, PolicyError, ToolResult, policy_error};

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let text = || "x".repeat(input["bytes"].as_u64().unwrap_or(0) as usize);
    let caused_by = |error| PolicyError { caused_by: Some(failure("crm", error)), ..policy_error("forged") };
    Err(match input["what"].as_str() {
        Some("giant message") => policy_error(text()),
        Some("giant code") => PolicyError { code: Some(text()), ..policy_error("") },
        Some("giant data") => PolicyError { data: Some(format!("\"{}\"", text())), ..policy_error("") },
        Some("giant cause") => caused_by(CallError::Denied(text())),
        Some("giant cause, a tool's result") => caused_by(CallError::Failed(ToolResult { json: text() })),
        Some("giant cause, many names") => caused_by(CallError::UnknownTool(vec![text(), text()])),
        Some("giant cause, many violations") => {
            caused_by(CallError::InvalidArguments(vec![Violation { path: text(), message: text() }]))
        }
        Some("giant cause, a refusal") => {
            caused_by(CallError::Rejected(RpcError { code: 1, message: String::new(), data: Some(text()) }))
        }
        Some("giant cause, a server") => {
            PolicyError { caused_by: Some(failure(&text(), CallError::Overloaded)), ..policy_error("") }
        }
        Some("data that is not JSON") => PolicyError { data: Some("{'a': 1}".into()), ..policy_error("") },
        Some("cause whose result is not JSON") => caused_by(CallError::Failed(ToolResult { json: "oops".into() })),
        Some("denied") => caused_by(CallError::Denied("no, said nobody".into())),
        Some("cancelled") => caused_by(CallError::Cancelled),
        Some("limit") => caused_by(limit("fuel")),
        Some("limit that does not exist") => caused_by(limit("patience")),
        _ => panic!("no such error"),
    })
}

fn limit(name: &str) -> CallError {
    CallError::BudgetExhausted(Limit { name: name.into(), value: 7, message: "a forged message".into() })
}

fn failure(server: &str, error: CallError) -> CallFailure {
    CallFailure { server: server.into(), tool: "get".into(), attempts: 3, elapsed_ms: 12, error }
}
