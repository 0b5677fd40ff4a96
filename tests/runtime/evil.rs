//! A guest that misbehaves ends, soon, with an error that says why; and leaves nothing behind.

use crate::runtime::support::{SOON, Tools, call, error, guest, new_runtime, output, program, run, runtime, setup};
use serde_json::{Value, json};
use std::time::Instant;
use tollgate_core::limits::format_value;
use tollgate_core::{CallError, LimitKind, Limits, Outcome};
use tollgate_runtime::{PolicyError, PrepareError, RunError, RunSetup, RuntimeConfig};

fn limits(kind: LimitKind, value: u64) -> Limits {
    let mut limits = Limits::default();
    limits.set(kind, value);
    limits
}

#[tokio::test]
async fn each_limit_ends_the_run_and_the_error_says_how_to_raise_it() {
    use LimitKind::{Fuel, Instances, Memory, OutputBytes, TableElements, Timeout};
    const MIB: u64 = 1 << 20;
    let never = json!({"calls": [{"server": "slow", "tool": "never"}], "mode": "at_once"});
    let table = [
        ("evil_loop", json!(null), Fuel, 50_000_000),
        ("evil_loop", json!(null), Timeout, 100),
        ("evil_loop_calls", json!("tool"), Fuel, 50_000_000),
        ("evil_loop_calls", json!("tool"), Timeout, 100),
        ("evil_loop_calls", json!("log"), Timeout, 100),
        ("evil_loop_calls", json!("sleep"), Timeout, 100),
        ("evil_start", json!(null), Fuel, 50_000_000),
        ("evil_start", json!(null), Timeout, 100),
        ("evil_memory", json!("small"), Memory, 8 * MIB),
        ("evil_memory", json!("large"), Memory, 64 * MIB),
        ("evil_table", json!(null), TableElements, 10_500),
        ("evil_instances", json!(null), Instances, 40),
        ("policy_echo", json!(null), Instances, 1),
        ("evil_output", json!(MIB + 1), OutputBytes, MIB),
        ("evil_output", json!(30 * MIB), OutputBytes, MIB),
        ("adapter_relay", json!(null), Instances, 1),
        ("policy_calls", never.clone(), Timeout, 100),
        ("policy_calls_blocking", never, Timeout, 100),
        ("policy_sleep", json!([u64::MAX]), Timeout, 100),
        ("policy_sleep_blocking", json!([u64::MAX]), Timeout, 100),
    ];
    for (name, input, kind, value) in table {
        let case = format!("{name} {input} {kind:?}");
        let (tools, mut limits) = (Tools::new(), limits(kind, value));
        // Room for a giant output: only the limit in question is to be reached.
        if kind == OutputBytes {
            limits.memory_bytes = 256 * MIB;
            limits.output_bytes = MIB;
        }
        let program = program(name).await;
        let started = Instant::now();
        let result = if name.starts_with("adapter") {
            call(name, "relay", &input, &tools, limits).await.result.map(drop)
        } else {
            let setup = setup(&tools, limits);
            let end = runtime().run_policy(&program, &input.to_string(), setup, std::future::pending()).await;
            if kind == Fuel {
                assert_eq!(end.fuel_used, value, "{case}");
            }
            end.result.map(drop)
        };
        assert!(started.elapsed() < SOON, "{case}: it took {:?}", started.elapsed());
        let Err(error) = result else { panic!("{case}: it gave a result") };
        let RunError::Limit(reached) = &error else { panic!("{case}: {error:?}") };
        assert_eq!((reached.kind, reached.value), (kind, value), "{case}");
        let text = error.to_string();
        for part in [kind.name(), kind.flag(), &format!("`limits.{}`", kind.name()), &format_value(kind.unit(), value)]
        {
            assert!(text.contains(part), "{case}: `{part}` is not in: {text}");
        }
        assert_eq!(tools.in_flight(), 0, "{case}: a call outlived its run");
    }
}

#[tokio::test]
async fn what_is_within_its_limits_is_not_disturbed() {
    let table = [
        // Both quotation marks count.
        ("evil_output", json!(1_000), limits(LimitKind::OutputBytes, 1_000), json!("x".repeat(998))),
        ("evil_instances", json!(null), limits(LimitKind::Instances, 41), json!(null)),
        // The pool has no room for more than 1,000,000 elements in a table: the guest is refused, and may go on.
        ("evil_table", json!(null), limits(LimitKind::TableElements, 2_000_000), json!(null)),
        ("policy_echo", json!({"a": [1, "ü"]}), Limits::default(), json!({"a": [1, "ü"]})),
    ];
    for (name, input, limits, want) in table {
        assert_eq!(output(run(name, &input, &Tools::new(), limits).await), want, "{name}");
    }
}

#[tokio::test]
async fn a_component_with_more_instances_than_the_pool_can_hold_is_refused_before_it_runs() {
    let text = format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(65));
    let bytes = wat::parse_str(text).unwrap();
    let Err(error) = runtime().prepare(bytes).await else { panic!("it was prepared") };
    assert!(matches!(error, PrepareError::Inspect(_) | PrepareError::Unusable(_)), "{error:?}");
}

#[tokio::test]
async fn recursion_without_end_is_a_trap() {
    for input in ["calls", "frames"] {
        let end = run("evil_recursion", &json!(input), &Tools::new(), Limits::default()).await;
        let error = error(end);
        let RunError::Trap { message, frames } = &error else { panic!("{input}: {error:?}") };
        assert!(!frames.is_empty() && frames.len() <= 16, "{input}: {frames:?}");
        if input == "calls" {
            assert!(message.contains("recurses too deep"), "{message}");
            assert!(frames[0].contains("calls_only"), "{frames:?}");
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_trap_that_says_what_the_guest_said_and_where() {
    let end = run("evil_panic", &json!(7), &Tools::new(), Limits::default()).await;
    assert!(end.stderr.contains("this guest gives up over 7"), "{}", end.stderr);
    let error = error(end);
    let RunError::Trap { message, frames } = &error else { panic!("{error:?}") };
    assert!(message.contains("this guest gives up over 7"), "{message}");
    assert!(frames.iter().any(|frame| frame.contains("give_up")), "{frames:?}");
}

#[tokio::test]
async fn leaving_by_the_back_door_is_no_success() {
    // WASI 0.2 knows only success and failure, so every status but 0 arrives as 1.
    for (status, want) in [(0, "status 0"), (1, "status 1"), (7, "status 1")] {
        let error = error(run("evil_exit", &json!(status), &Tools::new(), Limits::default()).await);
        assert!(matches!(&error, RunError::Trap { message, .. } if message.contains(want)), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn a_trap_gives_up_the_calls_in_flight() {
    let tools = Tools::new();
    let input = json!({"server": "slow", "tool": "never"});
    let error = error(run("evil_trap_in_flight", &input, &tools, Limits::default()).await);
    assert!(matches!(error, RunError::Trap { .. }), "{error:?}");
    assert_eq!((tools.given_up(), tools.in_flight()), (3, 0));
}

#[tokio::test]
async fn a_call_that_the_guest_drops_is_given_up() {
    let tools = Tools::new();
    let input = json!({"server": "slow", "tool": "never"});
    output(run("evil_abandon", &input, &tools, Limits::default()).await);
    assert_eq!((tools.given_up(), tools.in_flight()), (1, 0));
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once_and_gives_up_its_calls() {
    let calls = json!([{"server": "slow", "tool": "never"}, {"server": "slow", "tool": "never"}]);
    for name in ["policy_calls", "policy_calls_blocking"] {
        let tools = Tools::new();
        let input = json!({"calls": calls, "mode": "at_once"});
        let program = program(name).await;
        let cancelled = tools.until_in_flight(2);
        let end = runtime().run_policy(&program, &input.to_string(), setup(&tools, Limits::default()), cancelled).await;
        assert!(matches!(end.result, Err(RunError::Cancelled)), "{name}: {:?}", end.result);
        assert_eq!((tools.given_up(), tools.in_flight()), (2, 0), "{name}");
    }
}

#[tokio::test]
async fn a_loop_without_calls_is_cancelled_too() {
    let tools = Tools::new();
    let program = program("evil_loop").await;
    let started = Instant::now();
    let cancelled = tokio::time::sleep(std::time::Duration::from_millis(20));
    let end = runtime().run_policy(&program, "null", setup(&tools, Limits::default()), cancelled).await;
    assert!(matches!(end.result, Err(RunError::Cancelled)), "{:?}", end.result);
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn a_run_whose_future_is_dropped_gives_up_its_calls() {
    let tools = Tools::new();
    let input = json!({"calls": [{"server": "slow", "tool": "never"}], "mode": "sequence"}).to_string();
    let program = program("policy_calls").await;
    let runtime = runtime();
    tokio::select! {
        end = runtime.run_policy(&program, &input, setup(&tools, Limits::default()), std::future::pending()) => {
            panic!("the run ended: {end:?}")
        }
        () = tools.until_in_flight(1) => {}
    }
    assert_eq!((tools.given_up(), tools.in_flight()), (1, 0));
}

#[tokio::test]
async fn a_flood_of_calls_is_refused_call_by_call_and_the_guest_goes_on() {
    let limits = limits(LimitKind::Calls, 10);
    let tools = Tools::limited(limits.clone());
    let output = output(run("evil_flood", &json!(25), &tools, limits.clone()).await);
    assert_eq!(output["succeeded"], 10);
    assert_eq!(output["first_error"]["kind"], "budget-exhausted");
    assert_eq!(
        output["first_error"]["detail"],
        json!({"name": "calls", "value": 10, "message": limits.reached(LimitKind::Calls).to_string()})
    );
    assert_eq!(output["last_error"]["kind"], "budget-exhausted");
    assert_eq!(tools.calls().len(), 25);
}

#[tokio::test]
async fn more_calls_at_once_than_allowed_are_refused_and_the_others_end_well() {
    let limits = limits(LimitKind::CallsAtOnce, 4);
    let tools = Tools::limited(limits.clone());
    let input = json!({"calls": 10, "server": "slow", "tool": "gate"});
    let open = async {
        tools.until_in_flight(4).await;
        tools.open_gate();
    };
    let (end, ()) = tokio::join!(run("evil_at_once", &input, &tools, limits), open);
    assert_eq!(output(end), json!({"ok": 4, "budget-exhausted": 6}));
    assert_eq!(tools.most_in_flight(), 4);
}

#[tokio::test]
async fn a_batch_of_more_calls_than_allowed_at_once_makes_some_of_them_later() {
    let limits = limits(LimitKind::CallsAtOnce, 4);
    let tools = Tools::limited(limits.clone());
    let input = json!({"calls": vec![json!({"server": "slow", "tool": "gate"}); 10], "mode": "at_once"});
    let open = async {
        tools.until_in_flight(4).await;
        tools.open_gate();
    };
    let (end, ()) = tokio::join!(run("policy_calls_blocking", &input, &tools, limits), open);
    let output = output(end);
    assert!(output.as_array().unwrap().iter().all(|answer| answer.get("ok").is_some()), "{output}");
    assert_eq!((output.as_array().unwrap().len(), tools.most_in_flight()), (10, 4));
}

#[tokio::test]
async fn a_large_argument_passes_whole() {
    let tools = Tools::new();
    let limits = Limits { memory_bytes: 256 << 20, ..Limits::default() };
    let output = output(run("evil_argument", &json!(4 << 20), &tools, limits).await);
    assert_eq!(output["ok"]["content"][0]["text"], (4 << 20).to_string());
}

#[tokio::test]
async fn what_is_said_over_the_limit_is_dropped_and_counted_and_the_run_goes_on() {
    for to in ["log", "progress", "stdout", "stderr"] {
        // An entry costs 128 bytes beside its text.
        let entries = if to.starts_with("std") { 0 } else { 10 * 128 };
        let (tools, limits) = (Tools::new(), limits(LimitKind::LogBytes, 1_050 + entries));
        let end = run("evil_log", &json!({"to": to, "bytes": 100, "times": 20}), &tools, limits).await;
        let streams = (end.stdout.len(), end.stderr.len());
        let dropped = end.dropped_log_bytes;
        assert_eq!(output(end), Value::Null, "{to}");
        let messages = (tools.log_lines().len(), tools.progress_messages().len());
        // A message is kept whole or not at all; a stream is cut where the allowance ends.
        let want = match to {
            "log" => ((0, 0), (10, 0), 2_280),
            "progress" => ((0, 0), (0, 10), 2_280),
            "stdout" => ((1_050, 0), (0, 0), 950),
            _ => ((0, 1_050), (0, 0), 950),
        };
        assert_eq!((streams, messages, dropped), want, "{to}");
    }
}

#[tokio::test]
async fn empty_lines_are_not_free() {
    for to in ["log", "progress"] {
        let (tools, limits) = (Tools::new(), limits(LimitKind::LogBytes, 1_000));
        let end = run("evil_log", &json!({"to": to, "bytes": 0, "times": 100_000}), &tools, limits).await;
        assert_eq!(end.dropped_log_bytes, (100_000 - 7) * 128, "{to}");
        assert_eq!(tools.log_lines().len() + tools.progress_messages().len(), 7, "{to}");
    }
}

#[tokio::test]
async fn an_output_that_nobody_should_have_to_read_is_refused() {
    for input in [
        "empty",
        "prose",
        "two documents",
        "cut off",
        "not a number",
        "byte order mark",
        "control character",
        "half a surrogate pair",
        "half a surrogate pair in a key",
        "nested too deep",
        "nested a million deep",
    ] {
        let error = error(run("evil_json", &json!(input), &Tools::new(), Limits::default()).await);
        assert!(matches!(error, RunError::InvalidOutput(_)), "{input}: {error:?}");
        assert!(error.to_string().contains("not JSON"), "{input}: {error}");
    }
}

#[tokio::test]
async fn an_error_is_bounded_like_an_output() {
    for what in [
        "giant message",
        "giant code",
        "giant data",
        "giant cause",
        "giant cause, a tool's result",
        "giant cause, many names",
        "giant cause, many violations",
        "giant cause, a refusal",
        "giant cause, a server",
    ] {
        let limits = limits(LimitKind::OutputBytes, 10_000);
        let input = json!({"what": what, "bytes": 20_000});
        let error = error(run("evil_error", &input, &Tools::new(), limits).await);
        assert!(matches!(&error, RunError::Limit(l) if l.kind == LimitKind::OutputBytes), "{what}: {error:?}");
    }
    for what in ["data that is not JSON", "cause whose result is not JSON"] {
        let error = error(run("evil_error", &json!({"what": what}), &Tools::new(), Limits::default()).await);
        assert!(matches!(error, RunError::InvalidOutput(_)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_forged_cause_decides_the_runs_status_and_no_more() {
    for (what, want) in [
        ("denied", Outcome::Denied),
        ("cancelled", Outcome::Cancelled),
        ("limit", Outcome::BudgetExhausted),
        ("limit that does not exist", Outcome::InvalidResponse),
    ] {
        let tools = Tools::new();
        let end = run("evil_error", &json!({"what": what}), &tools, Limits::default()).await;
        let Ok(Err(PolicyError { caused_by: Some(cause), .. })) = end.result else { panic!("{what}: {end:?}") };
        assert_eq!(cause.error.outcome(), want, "{what}");
        // The host's own words, whatever the guest wrote.
        assert!(!cause.error.to_string().contains("forged"), "{what}: {}", cause.error);
        if let CallError::BudgetExhausted(reached) = cause.error {
            assert_eq!((reached.kind, reached.value), (LimitKind::Fuel, 7));
        }
        assert!(tools.calls().is_empty());
    }
}

#[tokio::test]
async fn exports_of_other_types_are_named_when_the_component_runs() {
    let end = run("evil_types", &json!(1), &Tools::new(), Limits::default()).await;
    let error = error(end);
    assert!(matches!(error, RunError::Unusable(_)), "{error:?}");
    let described = runtime().describe(&*program("evil_types").await).await.map(drop);
    assert!(matches!(described, Err(RunError::Unusable(_))), "{described:?}");
}

#[tokio::test]
async fn one_run_more_than_the_pool_has_room_for_is_overloaded_and_later_welcome() {
    let runtime = new_runtime(RuntimeConfig { max_runs: 2, ..RuntimeConfig::default() });
    let program = runtime.prepare(guest("policy_calls")).await.unwrap();
    let tools = Tools::new();
    let input = json!({"calls": [{"server": "slow", "tool": "gate"}], "mode": "sequence"}).to_string();
    let run = || runtime.run_policy(&program, &input, setup(&tools, Limits::default()), std::future::pending());
    let third = async {
        tools.until_in_flight(2).await;
        let refused = run().await;
        assert!(matches!(refused.result, Err(RunError::Overloaded)), "{refused:?}");
        tools.open_gate();
    };
    let (first, second, ()) = tokio::join!(run(), run(), third);
    assert!(first.result.is_ok() && second.result.is_ok());
    assert!(run().await.result.is_ok());
}

#[tokio::test]
async fn a_run_leaves_nothing_to_the_next_one() {
    let limits = limits(LimitKind::LogBytes, 250);
    for _ in 0..3 {
        let input = json!({"to": "stdout", "bytes": 100, "times": 2});
        let end = run("evil_log", &input, &Tools::new(), limits.clone()).await;
        assert_eq!((end.stdout.len(), end.dropped_log_bytes), (200, 0));
        let trap = run("evil_panic", &json!(1), &Tools::new(), limits.clone()).await;
        assert!(matches!(trap.result, Err(RunError::Trap { .. })));
    }
}

#[tokio::test]
async fn fuel_of_a_run_that_only_computes_is_the_same_every_time() {
    let program = program("policy_loops").await;
    for input in ["integers", "memory", "calls"] {
        let input = json!({"loop": input, "count": 100_000}).to_string();
        let mut used = Vec::new();
        for seed in 0..3 {
            let setup = RunSetup::new(Tools::new(), Limits::default(), seed);
            let end = runtime().run_policy(&program, &input, setup, std::future::pending()).await;
            assert!(matches!(end.result, Ok(Ok(_))), "{input}: {end:?}");
            used.push(end.fuel_used);
        }
        assert!(used[0] > 100_000 && used.iter().all(|fuel| *fuel == used[0]), "{input}: {used:?}");
    }
}
