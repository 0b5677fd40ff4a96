//! Ctrl-C at every stage: the command says what it cancelled, ends with 130, and leaves nothing behind.

use crate::support::*;
use serde_json::json;
use tollgate_test_guests as guests;

#[test]
fn in_a_call_the_server_is_told_and_the_command_says_what_was_cancelled() {
    let place = Place::new();
    let heard = place.work().join("heard");
    let server = evil_server("never-answers", heard.to_str().unwrap());
    place.write("servers.json", json!({"mcpServers": {"slow": server}}).to_string());
    let input = r#"{"mode":"at_once","calls":[{"server":"slow","tool":"echo","args":{"text":"x"}}]}"#;
    let journal = place.work().join("journal.jsonl");
    for command in [
        vec!["run", guests::POLICY_CALLS, "--json", "--grant", "*:*", "--input", input],
        vec!["call", "slow:echo", r#"{"text":"x"}"#, "--json"],
    ] {
        drop(std::fs::remove_file(&heard));
        drop(std::fs::remove_file(&journal));
        let mut args = vec!["--config", "servers.json"];
        args.extend(&command);
        args.extend(["--journal", journal.to_str().unwrap()]);
        let running = Running::start(place.tollgate(&args));
        eventually("the call is under way", || {
            std::fs::read_to_string(&heard).ok().filter(|text| text.contains("called"))
        });
        running.signal("-INT");
        let ended = running.ended().expect(130);
        assert!(ended.stderr.contains("cancelled slow:echo"), "{command:?}: {}", ended.stderr);
        let document = ended.json();
        let kind = if command[0] == "run" { &document["status"] } else { &document["error"]["kind"] };
        assert_eq!(kind, "cancelled", "{document:#}");
        // The server noted the call's identity when it was called, and again when it was told to cancel.
        let heard = std::fs::read_to_string(&heard).unwrap_or_default();
        let lines: Vec<_> = heard.lines().collect();
        let [called, cancelled] = lines[..] else { panic!("{command:?}: the server was not told: {heard:?}") };
        assert_eq!(called.strip_prefix("called "), Some(cancelled));
        let journal = std::fs::read_to_string(&journal).unwrap();
        assert!(
            journal.contains(r#""outcome":"cancelled""#) && journal.contains(r#""status":"cancelled""#),
            "{journal}"
        );
    }
}

#[test]
fn in_a_loop_without_calls() {
    let place = Place::new();
    let journal = place.work().join("journal.jsonl");
    let args = ["run", guests::EVIL_LOOP, "--json", "--timeout", "10m", "--fuel", "1_000_000_000_000_000"];
    let running = Running::start(place.tollgate(args.into_iter().chain(["--journal", journal.to_str().unwrap()])));
    eventually("it runs", || std::fs::read_to_string(&journal).ok().filter(|text| text.contains("run_started")));
    running.signal("-INT");
    assert_eq!(running.ended().expect(130).json()["status"], "cancelled");
}

#[test]
fn while_a_server_connects_and_nothing_is_left() {
    let place = Place::new();
    let marker = format!("connects-{}", std::process::id());
    place
        .write("servers.json", json!({"mcpServers": {"never": evil_server("never-initializes", &marker)}}).to_string());
    for command in [vec!["tools"], vec!["servers"], vec!["call", "never:x"]] {
        let running = Running::start(place.tollgate(["--config", "servers.json"].into_iter().chain(command.clone())));
        eventually("the server is started", || (!processes_with(&marker).is_empty()).then_some(()));
        running.signal("-INT");
        running.ended().expect(130);
        eventually("the server is gone", || processes_with(&marker).is_empty().then_some(()));
    }
}

#[test]
fn a_termination_is_as_good_as_ctrl_c() {
    let place = Place::new();
    let journal = place.work().join("journal.jsonl");
    let args = ["run", guests::EVIL_LOOP, "--timeout", "10m", "--fuel", "1_000_000_000_000_000", "--journal"];
    let running = Running::start(place.tollgate(args.into_iter().chain([journal.to_str().unwrap()])));
    eventually("it runs", || std::fs::read_to_string(&journal).ok().filter(|text| text.contains("run_started")));
    running.signal("-TERM");
    running.ended().expect(130);
}
