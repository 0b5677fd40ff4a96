//! What an adapter answers: results, failures, and what is neither.

use crate::runtime::support::{SOON, Tools, call, error};
use serde_json::{Value, json};
use std::time::Instant;
use tollgate_core::{LimitKind, Limits, Outcome};
use tollgate_runtime::{RunError, ToolError};

#[tokio::test]
async fn an_answer_arrives_as_the_adapter_gave_it() {
    for (tool, is_error, text) in [("ok", false, r#"{"n":1}"#), ("is_error", true, "no such invoice")] {
        let end = call("adapter_fails", tool, &json!({"n": 1}), &Tools::new(), Limits::default()).await;
        let result = end.result.unwrap().unwrap();
        assert_eq!(result.is_error, is_error, "{tool}");
        let json: Value = serde_json::from_str(&result.json).unwrap();
        assert_eq!(json["content"][0]["text"], text, "{tool}");
    }
}

#[tokio::test]
async fn each_way_to_fail_is_told_apart() {
    let fail = async |tool| call("adapter_fails", tool, &json!({}), &Tools::new(), Limits::default()).await.result;
    assert_eq!(fail("none").await.unwrap(), Err(ToolError::UnknownTool("none".into())));
    assert_eq!(fail("invalid_arguments").await.unwrap(), Err(ToolError::InvalidArguments("`id` is missing".into())));
    assert_eq!(fail("failed").await.unwrap(), Err(ToolError::Failed("the printer is on fire".into())));
    let Err(ToolError::CallFailed(cause)) = fail("call_failed").await.unwrap() else { panic!("no cause") };
    assert_eq!((cause.attempts, cause.error.outcome()), (2, Outcome::Unavailable));
    let trap = fail("panics").await.unwrap_err();
    assert!(matches!(&trap, RunError::Trap { message, .. } if message.contains("a tool panics")), "{trap:?}");
}

#[tokio::test]
async fn what_is_no_tool_result_is_refused() {
    for tool in [
        "not_json",
        "not_an_object",
        "null",
        "content_is_text",
        "content_of_texts",
        "is_error_is_text",
        "structured_content_is_text",
        "too_deep",
    ] {
        let error = error(call("adapter_bad_result", tool, &json!({}), &Tools::new(), Limits::default()).await);
        assert!(matches!(error, RunError::InvalidOutput(_)), "{tool}: {error:?}");
    }
    let giant = json!({"bytes": 20_000});
    let limits = Limits { output_bytes: 10_000, ..Limits::default() };
    let error = error(call("adapter_bad_result", "giant", &giant, &Tools::new(), limits).await);
    assert!(matches!(&error, RunError::Limit(l) if l.kind == LimitKind::OutputBytes), "{error:?}");
}

#[tokio::test]
async fn a_tool_that_never_answers_is_ended_by_its_limits() {
    for kind in [LimitKind::Fuel, LimitKind::Timeout] {
        let mut limits = Limits::default();
        limits.set(kind, 100);
        let started = Instant::now();
        let error = error(call("adapter_spin", "forever", &json!({}), &Tools::new(), limits).await);
        assert!(matches!(&error, RunError::Limit(reached) if reached.kind == kind), "{error:?}");
        assert!(started.elapsed() < SOON);
    }
}
