//! Embedding: the host as a library.

use crate::support::{Place, evil_server, shared_cache};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate::{
    AdapterSpec, CallError, ComponentSource, Event, Grants, Host, HostBuilder, HostError, LimitKind, ManualClock,
    MemoryJournal, PolicySpec, RunRequest, SeededEntropy, ServerSpec, ServerState, Status, Transport,
};
use tollgate_test_guests as guests;

fn builder() -> HostBuilder {
    Host::builder().cache_dir(shared_cache().join("tollgate/components"))
}

fn evil(name: &str, mode: &str) -> ServerSpec {
    let server = evil_server(mode, "");
    ServerSpec::new(name, Transport::stdio(server["command"].as_str().unwrap(), [mode, ""]))
}

fn calls(server: &str, tool: &str, args: Value) -> String {
    json!({"mode": "sequence", "calls": [{"server": server, "tool": tool, "args": args}]}).to_string()
}

fn everything() -> Grants {
    Grants::parse(["*:*"]).unwrap()
}

#[test]
fn the_example_program_runs() {
    // Compiled with the tests; it ends well only if its calls and its run do.
    let example = std::path::Path::new(env!("CARGO_BIN_EXE_tollgate")).with_file_name("examples").join("embed");
    assert!(example.exists(), "{} is missing: run the tests of the whole workspace", example.display());
    let output = std::process::Command::new(example).arg(guests::POLICY_ONE_CALL).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("ended: ok"), "{stdout}");
}

#[tokio::test]
async fn servers_come_and_go_while_the_host_runs() {
    let host = builder().build().await.unwrap();
    let name = "late:echo".parse().unwrap();
    let before = host.call(&name, r#"{"text":"hi"}"#).await.unwrap_err();
    assert!(matches!(before.error, CallError::UnknownTool(_)), "{before}");
    host.add_server(evil("late", "good")).unwrap();
    assert!(host.call(&name, r#"{"text":"hi"}"#).await.unwrap().json.contains("hi"));
    assert!(matches!(host.add_server(evil("late", "good")), Err(HostError::Server(_))), "its name is taken");
    assert!(host.remove_server("late"));
    assert!(!host.remove_server("late"));
    let after = host.call(&name, r#"{"text":"hi"}"#).await.unwrap_err();
    assert!(matches!(after.error, CallError::UnknownTool(_)), "{after}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_read_only_grant_lets_read_only_tools_pass_and_no_others() {
    let host = builder().server(evil("good", "good")).build().await.unwrap();
    let grants = Grants::parse(["read-only"]).unwrap();
    for (tool, want) in [("read", "ok"), ("echo", "error")] {
        let input = calls("good", tool, json!({"text": "hi"}));
        let request = RunRequest::file(guests::POLICY_CALLS).input(input).grants(grants.clone());
        let output: Value = host.run(request).await.unwrap().output_as().unwrap();
        assert!(output[0].get(want).is_some(), "{tool}: {output}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn the_journal_has_an_entry_before_and_after_each_effect() {
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().server(evil("good", "good")).journal(journal.clone()).build().await.unwrap();
    let input = calls("good", "echo", json!({"text": "hi"}));
    let report = host.run(RunRequest::file(guests::POLICY_CALLS).input(input).grants(everything())).await.unwrap();
    let entries = journal.entries();
    let events: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.event {
            Event::RunStarted { .. } => "run started",
            Event::CallStarted { .. } => "call started",
            Event::CallEnded(_) => "call ended",
            Event::RunEnded { .. } => "run ended",
            _ => "other",
        })
        .collect();
    assert_eq!(events, ["run started", "call started", "call ended", "run ended"]);
    assert!(entries.iter().enumerate().all(|(i, entry)| entry.run == report.run && entry.seq == i as u64));
    host.shutdown().await;
}

#[tokio::test]
async fn equal_seeds_and_a_clock_that_stands_still_give_equal_runs() {
    let probe = || async {
        let host = builder()
            .clock(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))))
            .entropy(Arc::new(SeededEntropy::new(7)))
            .build()
            .await
            .unwrap();
        let report = host.run(RunRequest::file(guests::POLICY_WORLD_PROBE)).await.unwrap();
        (report.run, report.output)
    };
    let (first, second) = (probe().await, probe().await);
    assert!(first.1.is_some());
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_run_ends_when_its_caller_says_so() {
    let host = builder().server(evil("slow", "never-answers")).build().await.unwrap();
    let input = calls("slow", "echo", json!({"text": "hi"}));
    let request = RunRequest::file(guests::POLICY_CALLS).input(input).grants(everything());
    let soon = tokio::time::sleep(Duration::from_millis(300));
    let report = host.run_until(request, soon).await.unwrap();
    assert_eq!(report.status, Status::Cancelled);
    assert_eq!(report.calls.len(), 1, "the call that was in flight is in the record");
    assert_eq!(report.calls[0].outcome.as_str(), "cancelled");
    host.shutdown().await;
}

#[tokio::test]
async fn a_full_pool_is_a_clean_error_that_passes() {
    let host = builder().server(evil("slow", "never-answers")).max_runs(2).build().await.unwrap();
    let request = |server: &str| {
        let input = calls(server, "echo", json!({"text": "hi"}));
        RunRequest::file(guests::POLICY_CALLS).input(input).grants(everything()).limit(LimitKind::Timeout, 3_000)
    };
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let (host, request) = (host.clone(), request("slow"));
            tokio::spawn(async move { host.run(request).await.unwrap() })
        })
        .collect();
    // Both hold a place once they have made their call.
    let full = loop {
        let report = host.run(RunRequest::file(guests::POLICY_NO_CALL)).await.unwrap();
        if report.status != Status::Ok {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(full.status, Status::Unavailable);
    assert!(full.error.unwrap().to_string().contains("try again"));
    for run in waiting {
        assert_eq!(run.await.unwrap().status, Status::Limit);
    }
    let after = host.run(RunRequest::file(guests::POLICY_NO_CALL)).await.unwrap();
    assert_eq!(after.status, Status::Ok);
    host.shutdown().await;
}

#[tokio::test]
async fn an_adapter_that_is_none_fails_by_name_and_disturbs_no_other() {
    let spec = |file: &str| AdapterSpec::new(ComponentSource::File(file.into()));
    let host = builder()
        .adapter("relay", spec(guests::ADAPTER_RELAY))
        .adapter("policy", spec(guests::POLICY_ECHO))
        .adapter("missing", spec("/nonexistent.wasm"))
        .build()
        .await
        .unwrap();
    host.settled().await;
    let status = |name: &str| host.servers().into_iter().find(|s| s.name == name).unwrap();
    assert_eq!(status("relay").state, ServerState::Ready);
    for (name, want) in [("policy", "not an adapter"), ("missing", "/nonexistent.wasm")] {
        let status = status(name);
        assert_eq!(status.state, ServerState::Failed, "{status:?}");
        assert!(status.error.as_ref().unwrap().contains(want), "{status:?}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn named_policies_run_with_their_own_grants() {
    let policy = |grants: &[&str]| PolicySpec {
        grants: Grants::parse(grants).unwrap(),
        ..PolicySpec::new(ComponentSource::File(guests::POLICY_CALLS.into()))
    };
    let host = builder()
        .server(evil("good", "good"))
        .policy("may", policy(&["good:echo"]))
        .policy("may-not", policy(&[]))
        .build()
        .await
        .unwrap();
    for (name, want) in [("may", "ok"), ("may-not", "error")] {
        let request = RunRequest::named(name).input(calls("good", "echo", json!({"text": "hi"})));
        let output: Value = host.run(request).await.unwrap().output_as().unwrap();
        assert!(output[0].get(want).is_some(), "{name}: {output}");
    }
    let error = host.run(RunRequest::named("mya")).await.unwrap_err();
    assert!(error.to_string().contains("there are may, may-not"), "{error}");
    host.shutdown().await;
}

#[test]
fn two_processes_that_compile_the_same_component_at_once_both_run_it() {
    let place = Place::new();
    let cache = place.work().join("cache");
    let start = || {
        let mut command = place.tollgate(["run", guests::POLICY_ECHO, "--json", "--input", "1"]);
        command.env("XDG_CACHE_HOME", &cache);
        crate::support::Running::start(command)
    };
    for running in [start(), start(), start()] {
        assert_eq!(running.ended().expect(0).json()["output"], 1);
    }
    let kept: Vec<_> = walk(&cache).into_iter().filter(|p| p.is_file()).collect();
    assert_eq!(kept.len(), 1, "one whole file, nothing half-written: {kept:?}");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        found.push(entry.path());
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found
}

#[tokio::test]
async fn a_configuration_may_use_the_policies_that_its_program_ships() {
    use tollgate::config::{Format, parse_bytes};
    let start = |used: &str| {
        let text = format!("policies:\n  weekly:\n    component: tollgate:{used}\n");
        let config = parse_bytes(Format::Yaml, text.as_bytes()).unwrap();
        builder().shipped_policy("report", ComponentSource::File(guests::POLICY_ECHO.into())).config(config).build()
    };
    let host = start("report").await.unwrap();
    let report = host.run(RunRequest::named("weekly").input(r#"{"a":1}"#)).await.unwrap();
    assert_eq!((report.status, report.output.as_deref()), (Status::Ok, Some(r#"{"a":1}"#)));
    host.shutdown().await;
    for (used, help) in [
        ("reprot", "did you mean `tollgate:report`? there is: tollgate:report"),
        ("planner", "there is: tollgate:report"),
    ] {
        let error = start(used).await.err().unwrap().to_string();
        let want =
            format!("config:3: policies.weekly.component: no policy `tollgate:{used}` comes with the program; {help}");
        assert_eq!(error, want);
    }
}
