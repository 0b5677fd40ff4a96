//! What a guest makes the host hold, without any grant, is charged to its run, and ends it.

use crate::runtime::support::{Tools, error, output, run, runtime, setup};
use serde_json::json;
use tollgate_core::{LimitKind, Limits};
use tollgate_runtime::RunError;

const MIB: u64 = 1 << 20;

/// Little enough that each attack is over soon, with time for the slowest machine.
fn little() -> Limits {
    Limits { host_memory_bytes: 16 * MIB, timeout_ms: 600_000, ..Limits::default() }
}

fn assert_host_memory(what: &str, limits: &Limits, error: &RunError) {
    let RunError::Limit(reached) = error else { panic!("{what}: {error:?}") };
    assert_eq!(*reached, limits.reached(LimitKind::HostMemory), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_guest_makes_the_host_hold_ends_its_run_at_the_limit() {
    for what in [
        "fields",
        "fields of a list",
        "copies of fields",
        "fields of requests",
        "requests",
        "methods",
        "paths",
        "bodies",
        "bodies that are written",
        "trailers",
        "requests under way",
        "options",
        "responses",
        "pollables",
        "streams",
        "pollables of a stream",
        "networks",
        "timers",
        "arguments",
        "a batch of one text",
    ] {
        let (tools, limits) = (Tools::new(), little());
        let error = error(run("evil_hold", &json!(what), &tools, limits.clone()).await);
        assert_host_memory(what, &limits, &error);
        assert_eq!(tools.in_flight(), 0, "{what}: a call outlived its run");
    }
}

/// A policy without any import that asks the component model for so many of one kind: `canon` makes one.
fn policy_that_makes(types: &str, canon: &str) -> String {
    let text = include_str!("../guests/wat/evil_table.wat");
    let (before, after) = text.split_once("  (core module $module").unwrap();
    let (_, after) = after.split_once("  (core instance $guest").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    let module = r#"
  (core module $module
    (import "host" "make" (func $make (result MADE)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    (func (export "describe") (result i32) unreachable)
    (func (export "run") (param i32 i32) (result i32)
      (loop $again (drop (call $make)) (br $again))
      unreachable))
"#;
    let made = if canon.contains("waitable-set") { "i32" } else { "i64" };
    format!(
        "{before}{types}\n  (core func $make ({canon}))\n{}\n  (core instance $host (export \"make\" (func $make)))\n  \
         (core instance $guest (instantiate $module (with \"host\" (instance $host))))\n{after}",
        module.replace("MADE", made)
    )
}

#[tokio::test]
async fn handles_of_the_component_model_end_the_run_at_the_limit() {
    for (what, types, canon) in [
        ("futures", "(type $made (future u8))", "canon future.new $made"),
        ("streams", "(type $made (stream u8))", "canon stream.new $made"),
        ("sets of waitables", "", "canon waitable-set.new"),
    ] {
        let limits = little();
        let bytes = wat::parse_str(policy_that_makes(types, canon)).unwrap_or_else(|e| panic!("{what}: {e}"));
        let program = runtime().prepare(bytes).await.unwrap_or_else(|e| panic!("{what}: {e}"));
        let end =
            runtime().run_policy(&program, "null", setup(&Tools::new(), limits.clone()), std::future::pending()).await;
        assert_host_memory(what, &limits, &error(end));
    }
}

#[tokio::test]
async fn what_is_given_back_can_be_held_again() {
    // Each of fifty calls brings a tenth of the limit.
    let limits = Limits { host_memory_bytes: MIB, ..Limits::default() };
    let input = json!({"mode": "sequence", "calls": vec![
        json!({"server": "echo", "tool": "size", "args": {"text": "x".repeat(100_000)}}); 50
    ]});
    let answers = output(run("policy_calls", &input, &Tools::new(), limits).await);
    assert!(answers.as_array().unwrap().iter().all(|answer| answer.get("ok").is_some()), "{answers}");
}

/// As a list of numbers, text takes seventy times its length.
#[tokio::test]
async fn arguments_are_charged_as_what_the_host_makes_of_them() {
    let limits = little();
    let call = |values: usize| json!({"mode": "sequence", "calls": [{"server": "echo", "tool": "size", "args": {"text": vec![0; values]}}]});
    output(run("policy_calls", &call(10_000), &Tools::new(), limits.clone()).await);
    let error = error(run("policy_calls", &call(100_000), &Tools::new(), limits.clone()).await);
    assert_host_memory("a list of numbers", &limits, &error);
}

#[tokio::test]
async fn a_run_that_may_make_the_host_hold_hardly_anything_still_runs() {
    let limits = Limits { host_memory_bytes: 1, ..Limits::default() };
    assert_eq!(output(run("policy_echo", &json!({"a": 1}), &Tools::new(), limits).await), json!({"a": 1}));
}
