//! Child processes that break the rules. Each is beside one that does not, and must not disturb it.

use crate::support::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tollgate_core::CallError;
use tollgate_core::Secret;
use tollgate_route::Backend;
use tollgate_upstream::{Fleet, ServerSpec, ServerState, Transport};

fn beside_a_good_one(bad: ServerSpec) -> Fleet {
    let fleet = Fleet::default();
    fleet.add_server(bad).unwrap();
    fleet.add_server(evil("good", "good", "")).unwrap();
    fleet
}

#[tokio::test]
async fn one_that_dies_at_start_tells_its_last_words() {
    let fleet = beside_a_good_one(evil("bad", "dies-at-start", ""));
    let status = until(&fleet, "bad", ServerState::Failed).await;
    assert_eq!(status.error.unwrap(), "exited with status 3; its last words: cannot open the database");
    let error = fails(&fleet, "bad:echo", json!({})).await;
    let CallError::Unavailable(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("`bad`") && text.contains("status 3") && text.contains("next try in"), "{text}");
    echoes(&fleet, "good:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let fleet = beside_a_good_one(ServerSpec::new("bad", Transport::stdio("no-such-program-here", [""; 0])));
    let error = fails(&fleet, "bad:echo", json!({})).await.to_string();
    assert!(error.contains("`no-such-program-here` was not found: install it"), "{error}");
    echoes(&fleet, "good:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn one_that_never_initializes_is_timed_out_alone() {
    let bad = ServerSpec { connect_timeout: Duration::from_millis(300), ..evil("bad", "never-initializes", "") };
    let fleet = beside_a_good_one(bad);
    echoes(&fleet, "good:echo").await;
    let start = Instant::now();
    let error = fails(&fleet, "bad:echo", json!({})).await.to_string();
    assert!(error.contains("was not ready within 300 ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
    fleet.shutdown().await;
}

#[tokio::test]
async fn one_that_prints_logs_to_stdout_is_quoted() {
    let bad = ServerSpec { connect_timeout: Duration::from_secs(3), ..evil("bad", "prints-logs-only", "") };
    let fleet = beside_a_good_one(bad);
    let error = until(&fleet, "bad", ServerState::Failed).await.error.unwrap();
    assert!(error.contains("not MCP messages, first: `Listening on port 3000 :)`"), "{error}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn stray_lines_are_tolerated() {
    let fleet = beside_a_good_one(evil("bad", "chatty", ""));
    echoes(&fleet, "bad:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn much_on_stderr_blocks_nothing() {
    let fleet = beside_a_good_one(evil("bad", "stderr-spam", ""));
    echoes(&fleet, "bad:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_call_waits_for_a_slow_start() {
    let fleet = beside_a_good_one(evil("bad", "slow-start", "400"));
    assert_eq!(status(&fleet, "bad").state, ServerState::Connecting);
    echoes(&fleet, "bad:echo").await;
    assert!(status(&fleet, "bad").connect_ms.unwrap() >= 400);
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_connection_and_the_next_works() {
    let fleet = beside_a_good_one(ServerSpec { max_message_bytes: 1 << 20, ..evil("bad", "huge-line", "") });
    let error = fails(&fleet, "bad:echo", json!({})).await;
    let CallError::OutcomeUnknown(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("sent a message over 1 MiB"), "{text}");
    until(&fleet, "bad", ServerState::Ready).await;
    echoes(&fleet, "good:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_death_in_mid_call_leaves_the_outcome_unknown() {
    let fleet = beside_a_good_one(evil("bad", "dies-mid-call", ""));
    let answer = call(&fleet, "bad:echo", json!({})).await;
    let Err(CallError::OutcomeUnknown(text)) = &answer.result else { panic!("{answer:?}") };
    let why = "exited with status 1; what it wrote is in the host's log";
    assert!(text.contains("`bad`") && text.contains(why), "{text}");
    // It may quote what another caller gave.
    let status = status(&fleet, "bad").error.unwrap_or_default();
    assert!(!text.contains("cheese") && !status.contains("cheese"), "{text} {status}");
    assert!(answer.sent);
    echoes(&fleet, "good:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn who_tries_again_after_a_death_comes_to_the_next_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let fleet = beside_a_good_one(evil("bad", "dies-once", mark.to_str().unwrap()));
    let answer = call(&fleet, "bad:read", json!({"text": "hi"})).await;
    assert!(answer.sent && matches!(answer.result, Err(CallError::Unavailable(_))), "{answer:?}");
    Backend::wait_ready(&fleet, "bad", SOON).await.unwrap();
    let answer = call(&fleet, "bad:read", json!({"text": "hi"})).await;
    assert!(answer.result.is_ok(), "{answer:?}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_server_that_crashes_on_every_call_backs_off_and_comes_back() {
    let fleet = beside_a_good_one(evil("bad", "dies-mid-call", ""));
    for _ in 0..3 {
        until(&fleet, "bad", ServerState::Ready).await;
        let answer = call(&fleet, "bad:read", json!({})).await;
        assert!(matches!(answer.result, Err(CallError::Unavailable(_))), "{answer:?}");
        echoes(&fleet, "good:echo").await;
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_call_that_is_never_answered_times_out_and_is_cancelled_there() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes");
    let bad = evil("bad", "never-answers", notes.to_str().unwrap());
    let fleet = beside_a_good_one(ServerSpec { call_timeout: Duration::from_millis(200), ..bad });
    let error = fails(&fleet, "bad:echo", json!({})).await;
    let CallError::TimedOut(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("`bad` did not answer within 200 ms"), "{text}");
    let heard = eventually(|| Some(lines(&notes)).filter(|l| l.len() == 2)).await;
    assert_eq!(heard[0], format!("called {}", heard[1]), "the very call is cancelled");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes");
    let fleet = beside_a_good_one(evil("bad", "never-answers", notes.to_str().unwrap()));
    {
        let call = call(&fleet, "bad:echo", json!({}));
        tokio::select! {
            _ = call => panic!("nobody answers"),
            _ = eventually(|| Some(()).filter(|()| lines(&notes).len() == 1)) => {}
        }
    }
    let heard = eventually(|| Some(lines(&notes)).filter(|l| l.len() == 2)).await;
    assert_eq!(heard[0], format!("called {}", heard[1]));
    fleet.shutdown().await;
}

#[tokio::test]
async fn tools_that_break_rules_are_left_out_and_the_rest_works() {
    let fleet = beside_a_good_one(evil("bad", "lies", ""));
    fleet.wait_ready(&["bad"]).await;
    let tools = fleet.tools().await;
    let names: Vec<&str> = tools.iter().filter(|t| t.server == "bad").map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["echo", "read", "odd-members", "bad-ref"]);
    let odd = tools.iter().find(|t| t.name == "odd-members").unwrap();
    assert_eq!((odd.title.as_deref(), odd.annotations.as_ref()), (None, None));
    assert_eq!(odd.other["icons"], "x", "unknown members are kept");
    echoes(&fleet, "bad:echo").await;
    // A schema that does not compile checks nothing; nothing is fetched for it.
    assert!(call(&fleet, "bad:bad-ref", json!({"a": 1})).await.result.is_ok());
    fleet.shutdown().await;
}

#[tokio::test]
async fn an_endless_list_of_tools_is_a_failure() {
    let fleet = beside_a_good_one(evil("bad", "endless-list", ""));
    let error = until(&fleet, "bad", ServerState::Failed).await.error.unwrap();
    assert!(error.contains("its list of tools has over 256 pages"), "{error}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_list_that_grows_in_memory_is_a_failure() {
    let fleet = beside_a_good_one(evil("bad", "grows", "1000000"));
    let error = until(&fleet, "bad", ServerState::Failed).await.error.unwrap();
    assert!(error.contains("so many values that they would take 1") && error.contains("64 are taken"), "{error}");
    echoes(&fleet, "good:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_list_that_is_none_is_a_failure() {
    let fleet = beside_a_good_one(evil("bad", "odd-list", ""));
    let error = until(&fleet, "bad", ServerState::Failed).await.error.unwrap();
    assert!(error.contains("answered tools/list with something else"), "{error}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn duplicate_and_foreign_answers_are_ignored() {
    let fleet = beside_a_good_one(evil("bad", "duplicates", ""));
    for _ in 0..3 {
        echoes(&fleet, "bad:echo").await;
    }
    fleet.shutdown().await;
}

#[tokio::test]
async fn results_that_are_none_are_told_apart() {
    let fleet = beside_a_good_one(evil("bad", "odd-results", ""));
    for (text, want) in [
        ("number", "something else"),
        ("empty", "without content"),
        ("content", "something else"),
        ("null", "something else"),
        ("neither", "something else"),
        ("input", "wanted more input"),
        ("task", "not supported yet"),
    ] {
        let error = fails(&fleet, "bad:echo", json!({"text": text})).await;
        let CallError::InvalidResponse(why) = &error else { panic!("{text}: {error:?}") };
        assert!(why.contains(want) && why.contains("`bad`"), "{text}: {why}");
    }
    let error = fails(&fleet, "bad:echo", json!({"text": "error"})).await;
    let CallError::Rejected(rpc) = error else { panic!("{error:?}") };
    assert_eq!((rpc.code, rpc.message.as_str(), rpc.data.as_deref()), (-32602, "no", Some(r#"{"a":1}"#)));
    let error = fails(&fleet, "bad:echo", json!({"text": "failed"})).await;
    assert!(matches!(&error, CallError::Failed(r) if r.is_error && r.json.contains("no luck")), "{error:?}");
    // It is text to us, however deep.
    assert!(call(&fleet, "bad:echo", json!({"text": "deep"})).await.result.is_ok());
    echoes(&fleet, "bad:echo").await;
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_result_crosses_to_the_letter() {
    let fleet = beside_a_good_one(evil("bad", "exact", ""));
    let result = call(&fleet, "bad:echo", json!({})).await.result.unwrap();
    assert_eq!(
        result.json,
        r#"{"zeta": 1,  "content":[{"type":"hologram","x":1.0,"big":123456789012345678901234567890}],"structuredContent":{"b":1e2,"a":null},"_meta":{"k":[]},"resultType":"complete","isError":false}"#
    );
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_changed_list_is_read_again() {
    let fleet = beside_a_good_one(evil("bad", "list-changed", ""));
    assert!(fleet.resolve("bad", "echo").await.is_ok());
    assert!(fleet.resolve("bad", "new").await.is_err());
    echoes(&fleet, "bad:echo").await;
    eventually(|| Some(()).filter(|()| status(&fleet, "bad").tools == 3)).await;
    assert!(fleet.resolve("bad", "new").await.is_ok());
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_list_that_changed_in_silence_is_read_when_somebody_asks_anew() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tools.json");
    let list = |names: &[&str]| {
        let tools: Vec<_> = names.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
        std::fs::write(&file, json!(tools).to_string()).unwrap();
    };
    list(&["one"]);
    let fleet = beside_a_good_one(evil("bad", "tools-of-file", file.to_str().unwrap()));
    until(&fleet, "bad", ServerState::Ready).await;
    list(&["one", "two"]);
    assert_eq!(status(&fleet, "bad").tools, 1);
    fleet.ask_anew(|server| server == "good").await;
    assert_eq!(status(&fleet, "bad").tools, 1, "another was asked");
    let anew = || fleet.ask_anew(|server| server == "bad");
    tokio::join!(anew(), anew(), anew());
    assert_eq!(status(&fleet, "bad").tools, 2);
    fleet.shutdown().await;
    // One that is not there is not waited for.
    fleet.ask_anew(|_| true).await;
}

#[tokio::test]
async fn a_child_gets_a_minimal_environment_plus_its_own() {
    let Transport::Stdio { command, args, .. } = evil("bad", "environment", "").transport else { panic!() };
    let env = [("MINE".to_owned(), Secret::from("yes"))].into();
    let fleet = beside_a_good_one(ServerSpec::new("bad", Transport::Stdio { command, args, env, cwd: None }));
    let result = call(&fleet, "bad:echo", json!({})).await.result.unwrap();
    let json: Value = serde_json::from_str(&result.json).unwrap();
    let got: Vec<&str> = json["structuredContent"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(got.contains(&"MINE=yes"), "{got:?}");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !got.iter().any(|v| v.starts_with("CARGO")), "{got:?}");
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_secret_in_last_words_is_not_repeated() {
    let Transport::Stdio { command, args, .. } = evil("bad", "leaks", "").transport else { panic!() };
    let env = [("TOKEN".to_owned(), Secret::from("hunter2-hunter2"))].into();
    let fleet = beside_a_good_one(ServerSpec::new("bad", Transport::Stdio { command, args, env, cwd: None }));
    let error = fails(&fleet, "bad:echo", json!({})).await.to_string();
    assert!(error.contains("the token is ***") && !error.contains("hunter2"), "{error}");
    fleet.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_child_started_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let fleet = beside_a_good_one(evil("bad", "grandchild", pids.to_str().unwrap()));
    echoes(&fleet, "bad:echo").await;
    let pid = lines(&pids).pop().unwrap();
    assert!(is_alive(&pid));
    fleet.shutdown().await;
    // The signal is sent by now; the kernel needs its moment.
    eventually(|| Some(()).filter(|()| !is_alive(&pid))).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_dropped_fleet_leaves_nobody_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let fleet = beside_a_good_one(evil("bad", "grandchild", pids.to_str().unwrap()));
    echoes(&fleet, "bad:echo").await;
    let pid = lines(&pids).pop().unwrap();
    drop(fleet);
    eventually(|| Some(()).filter(|()| !is_alive(&pid))).await;
}

#[tokio::test]
async fn a_deaf_child_is_stopped_in_bounded_time() {
    let fleet = beside_a_good_one(evil("bad", "deaf", ""));
    echoes(&fleet, "bad:echo").await;
    let start = Instant::now();
    fleet.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(status(&fleet, "bad").state, ServerState::Stopped);
}

#[tokio::test]
async fn arguments_are_checked_before_anything_is_sent() {
    let fleet = beside_a_good_one(evil("bad", "dies-mid-call", ""));
    let deep = format!(r#"{{"text": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (args, path, want) in [
        (r#"{"text": 5}"#, "/text", "string"),
        ("[1]", "", "this is an array"),
        ("{", "", "not JSON"),
        (deep.as_str(), "", "not JSON: recursion limit"),
    ] {
        let answer = call_text(&fleet, "bad:echo", args).await;
        let Err(CallError::InvalidArguments(found)) = &answer.result else { panic!("{answer:?}") };
        assert!(found[0].path == path && found[0].message.contains(want), "{found:?}");
        assert!(!answer.sent);
    }
    assert_eq!(status(&fleet, "bad").state, ServerState::Ready);
    fleet.shutdown().await;
}
