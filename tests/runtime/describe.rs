//! What a component says of itself is asked once, quickly, with nothing granted, and not believed blindly.

use crate::runtime::support::{SOON, guest, new_runtime, program, runtime};
use serde_json::{Value, json};
use std::time::Instant;
use tollgate_runtime::{RunError, RuntimeConfig};

#[tokio::test]
async fn a_policy_describes_itself_once() {
    let program = program("policy_warm_calls").await;
    let descriptor = runtime().describe(&program).await.unwrap().clone();
    assert_eq!(descriptor.name, "policy-warm-calls");
    assert_eq!(descriptor.description, "Makes calls of echo:echo.");
    assert_eq!(descriptor.input_schema["properties"]["calls"]["description"], "How many.");
    let again = runtime();
    let (first, second) = tokio::join!(again.describe(&program), again.describe(&program));
    assert!(std::ptr::eq(first.unwrap(), second.unwrap()));
}

#[tokio::test]
async fn a_description_that_never_comes_is_given_up() {
    let program = program("evil_describe_loop").await;
    let started = Instant::now();
    let error = runtime().describe(&program).await.unwrap_err();
    assert!(started.elapsed() < SOON);
    assert!(matches!(error, RunError::InvalidOutput(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("`timeout`") && text.contains("100ms"), "{text}");
    assert!(!text.contains("--timeout"), "the limit is fixed; nobody can raise it: {text}");
}

#[tokio::test]
async fn a_component_that_describes_itself_is_denied_every_call() {
    let program = program("evil_describe_call").await;
    let descriptor = runtime().describe(&program).await.unwrap();
    let came_of_it: Value = serde_json::from_str(&descriptor.description).unwrap();
    assert_eq!(came_of_it["error"]["kind"], "denied");
    assert_eq!(came_of_it["error"]["attempts"], 0);
}

#[tokio::test]
async fn a_description_with_a_broken_schema_is_refused() {
    let error = runtime().describe(&*program("evil_describe_text").await).await.unwrap_err();
    assert!(error.to_string().contains("input schema is not a JSON object"), "{error}");
    let error = runtime().list_tools(&*program("adapter_bad_schema").await).await.unwrap_err();
    assert!(error.to_string().contains("input schema is not a JSON object"), "{error}");
}

#[tokio::test]
async fn a_description_that_takes_a_lot_is_refused() {
    // What `describe` does before it returns the record at 64, whose schema stands at 92 and whose grants stand at 112.
    let a_thousand_grants_of_one_text = "(local $at i32) (local.set $at (i32.const 4096))
        (loop $again
          (i32.store (local.get $at) (i32.const 65536))
          (i32.store offset=4 (local.get $at) (i32.const 60000))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $again (i32.lt_u (local.get $at) (i32.const 12096))))
        (i32.store (i32.const 112) (i32.const 4096)) (i32.store (i32.const 116) (i32.const 1000))";
    let one_grant = "(i32.store (i32.const 4096) (i32.const 65536)) (i32.store (i32.const 4100) (i32.const 66000))
        (i32.store (i32.const 112) (i32.const 4096)) (i32.store (i32.const 116) (i32.const 1))";
    let schema = "(i32.store (i32.const 92) (i32.const 65536)) (i32.store (i32.const 96) (i32.const 1048577))";
    for (describe, want) in [
        (a_thousand_grants_of_one_text, "reached the fixed limit `host_memory` (16MiB)"),
        (one_grant, "grants are over 65536 bytes"),
        (schema, "input schema is over 1048576 bytes"),
    ] {
        let text = include_str!("../guests/wat/evil_table.wat")
            .replace("(memory (export \"memory\") 1)", "(memory (export \"memory\") 32)")
            .replace(
                "(export \"describe\") (result i32) i32",
                &format!("(export \"describe\") (result i32) {describe} i32"),
            );
        let program = runtime().prepare(wat::parse_str(text).unwrap()).await.unwrap();
        let error = runtime().describe(&program).await.unwrap_err();
        assert!(error.to_string().contains(want), "{want}: {error}");
    }
}

#[tokio::test]
async fn an_adapter_lists_its_tools() {
    let program = program("adapter_fails").await;
    let tools = runtime().list_tools(&program).await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["ok", "is_error", "invalid_arguments", "failed", "call_failed", "panics"]);
    assert_eq!(tools[0].input_schema, json!({"type": "object"}));
    assert!(tools[0].title.is_none() && tools[0].output_schema.is_none() && tools[0].annotations.is_none());
}

#[tokio::test]
async fn five_thousand_tools_are_listed_in_time() {
    let tools = runtime().list_tools(&*program("adapter_many").await).await.unwrap();
    assert_eq!(tools.len(), 5_000);
    assert_eq!(tools[4_999].name, "tool_4999");
}

#[tokio::test]
async fn names_that_no_tool_can_have_are_refused() {
    for (name, want) in [("adapter_bad_names", "cannot name a tool"), ("adapter_duplicate", "two tools named `twin`")] {
        let error = runtime().list_tools(&*program(name).await).await.unwrap_err();
        assert!(matches!(error, RunError::InvalidOutput(_)), "{name}: {error:?}");
        assert!(error.to_string().contains(want), "{name}: {error}");
        assert!(error.to_string().len() < 1_000, "{name}: an error of {} bytes", error.to_string().len());
    }
}

#[tokio::test]
async fn equal_bytes_are_made_ready_once_however_many_ask() {
    let runtime = new_runtime(RuntimeConfig { max_runs: 2, ..RuntimeConfig::default() });
    let bytes = guest("evil_table");
    let (first, second) = tokio::join!(runtime.prepare(bytes.clone()), runtime.prepare(bytes.clone()));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert!(std::sync::Arc::ptr_eq(&first, &runtime.prepare(bytes).await.unwrap()));
}
