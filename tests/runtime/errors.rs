//! A guest can match on every way in which a call fails, sees every field, and goes on; and what it hands back
//! arrives as it was.

use crate::runtime::support::{Tools, call, failures, output, run};
use serde_json::json;
use std::time::Duration;
use tollgate_core::{CallFailure, Limits};
use tollgate_runtime::ToolError;

#[tokio::test]
async fn each_call_error_reaches_the_guest_with_all_its_fields_and_the_guest_goes_on() {
    let failures = failures();
    let mut calls: Vec<_> =
        (0..failures.len()).map(|n| json!({"server": "fail", "tool": n.to_string(), "args": {}})).collect();
    calls.push(json!({"server": "echo", "tool": "echo", "args": {"still": "here"}}));
    for guest in ["policy_calls", "policy_calls_blocking"] {
        for mode in ["sequence", "at_once"] {
            let tools = Tools::new();
            let input = json!({"calls": calls, "mode": mode});
            let answers = output(run(guest, &input, &tools, Limits::default()).await);
            for (n, (error, detail)) in failures.iter().enumerate() {
                let want = json!({
                    "server": "fail",
                    "tool": n.to_string(),
                    "attempts": 3,
                    "elapsed_ms": 12,
                    "kind": error.outcome().as_str(),
                    "detail": detail,
                });
                assert_eq!(answers[n]["error"], want, "{guest}, {mode}");
            }
            assert_eq!(answers[failures.len()]["ok"]["content"][0]["text"], r#"{"still":"here"}"#, "{guest}, {mode}");
        }
    }
}

#[tokio::test]
async fn a_failure_that_an_adapter_passes_on_arrives_as_it_was() {
    for guest in ["adapter_relay", "adapter_relay_blocking"] {
        for (n, (error, _)) in failures().into_iter().enumerate() {
            let args = json!({"server": "fail", "tool": n.to_string(), "args": {}});
            let end = call(guest, "relay", &args, &Tools::new(), Limits::default()).await;
            let want = CallFailure {
                server: "fail".into(),
                tool: n.to_string(),
                attempts: 3,
                elapsed: Duration::from_millis(12),
                error,
            };
            let Ok(Err(ToolError::CallFailed(failure))) = end.result else { panic!("{guest}: {end:?}") };
            assert_eq!(failure, want, "{guest}");
        }
    }
}

#[tokio::test]
async fn calls_arrive_as_the_guest_made_them() {
    let args = json!({"text": "ü\u{0}🦀\"\\", "list": [1, null, {"deep": [[]]}]});
    for guest in ["policy_calls", "policy_calls_blocking"] {
        let tools = Tools::new();
        let input = json!({"calls": [{"server": "echo", "tool": "echo", "args": args}], "mode": "sequence"});
        output(run(guest, &input, &tools, Limits::default()).await);
        let [call] = &tools.calls()[..] else { panic!("one call: {:?}", tools.calls()) };
        assert_eq!((call.server.as_str(), call.tool.as_str()), ("echo", "echo"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&call.args).unwrap(), args, "{guest}");
    }
}

#[tokio::test]
async fn calls_at_once_are_in_flight_at_once_and_answered_in_their_order() {
    for guest in ["policy_calls", "policy_calls_blocking"] {
        let tools = Tools::new();
        let mut calls = vec![json!({"server": "slow", "tool": "gate", "args": {}}); 5];
        calls.push(json!({"server": "echo", "tool": "echo", "args": {}}));
        let open = async {
            // The echo comes last and has long been answered when the gate opens.
            tools.until_in_flight(5).await;
            tools.open_gate();
        };
        let input = json!({"calls": calls, "mode": "at_once"});
        let (end, ()) = tokio::join!(run(guest, &input, &tools, Limits::default()), open);
        let answers = output(end);
        let texts: Vec<_> =
            answers.as_array().unwrap().iter().map(|answer| &answer["ok"]["content"][0]["text"]).collect();
        assert_eq!(texts, ["at last", "at last", "at last", "at last", "at last", "{}"], "{guest}");
    }
}
