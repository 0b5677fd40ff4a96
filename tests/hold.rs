//! What a guest makes the host hold and write down, seen from outside: the memory of the process, and the size of its journal.

use crate::support::{Ended, Place, evil_server};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tollgate_test_guests as guests;

/// The most memory that a run with the default limits may make the process take, whatever its guest does: 64 MiB of its own, 64 MiB
/// of the host, and as much again for copies and the allocator, beside the program itself.
const RESIDENT_MAX_BYTES: u64 = 400 << 20;

/// Runs the binary to its end. Gives the most memory that it had, as Linux counts it (`VmHWM` in proc(5)).
fn run_and_weigh<'a>(place: &Place, args: impl IntoIterator<Item = &'a str>) -> (Ended, u64) {
    let mut command = place.tollgate(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watching = std::thread::spawn(move || {
        let mut most = 0;
        // A process that has ended and is not waited for has no memory left.
        while let Some(kib) = std::fs::read_to_string(&status).ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
        }) {
            most = most.max(kib << 10);
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    let ended = Ended::of(child.wait_with_output().unwrap());
    (ended, watching.join().unwrap())
}

#[test]
fn a_guest_without_a_grant_cannot_take_the_hosts_memory() {
    let place = Place::new();
    for what in [
        "fields",
        "copies of fields",
        "fields of requests",
        "methods",
        "bodies that are written",
        "trailers",
        "requests under way",
        "pollables",
        "streams",
        "timers",
        "a batch of one text",
    ] {
        let input = json!(what).to_string();
        let args = ["run", guests::EVIL_HOLD, "--json", "--input", &input, "--timeout", "10m"];
        let (ended, most) = run_and_weigh(&place, args);
        let error = &ended.expect(4).json()["error"];
        assert_eq!(error["limit"], json!({"name": "host_memory", "value": 64 << 20}), "{what}: {error}");
        for want in ["`host_memory`", "64MiB", "--host-memory", "limits.host_memory"] {
            assert!(error["message"].as_str().unwrap().contains(want), "{what}: {want} is not in {error}");
        }
        assert!(most > 10 << 20, "{what}: it was not watched");
        assert!(most < RESIDENT_MAX_BYTES, "{what}: the host took {} MiB", most >> 20);
    }
}

#[test]
fn arguments_of_calls_that_are_denied_are_not_kept() {
    let args = ["run", guests::EVIL_HOLD, "--json", "--input", "\"arguments\"", "--timeout", "2s", "--journal", "j"];
    let place = Place::new();
    let (ended, most) = run_and_weigh(&place, args);
    assert_eq!(ended.expect(4).json()["error"]["limit"]["name"], "timeout");
    assert!(most < RESIDENT_MAX_BYTES, "the host took {} MiB", most >> 20);
    let (bytes, _) = journal(&place, "j");
    // An end for each of 1,000 calls that were paid, and 64 of the others.
    assert!(bytes < 1_000_000, "{bytes} bytes of journal");
}

#[test]
fn answers_that_a_guest_never_takes_are_charged_to_its_run() {
    let place = Place::new();
    place.write("servers.json", json!({"servers": {"large": evil_server("large", "8000000")}}).to_string());
    let options =
        ["--json", "--input", "\"answers\"", "--grant", "large:*", "--timeout", "10s", "--fuel", "1000000000000"];
    let args = [&["--config", "servers.json", "run", guests::EVIL_HOLD], &options[..]].concat();
    let (ended, most) = run_and_weigh(&place, args);
    assert_eq!(ended.expect(4).json()["error"]["limit"]["name"], "timeout");
    assert!(most < RESIDENT_MAX_BYTES, "the host took {} MiB", most >> 20);
}

fn journal(place: &Place, name: &str) -> (u64, Vec<Value>) {
    let text = std::fs::read_to_string(place.work().join(name)).unwrap();
    (text.len() as u64, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn log_lines_without_a_text_do_not_fill_the_journal() {
    for (to, log_bytes, most) in [("log", "1B", 2_000), ("progress", "1B", 2_000), ("log", "100KiB", 250_000)] {
        let place = Place::new();
        let input = json!({"to": to, "bytes": 0, "times": 400_000}).to_string();
        let ended = place.run([
            "run",
            guests::EVIL_LOG,
            "--json",
            "--input",
            &input,
            "--log-bytes",
            log_bytes,
            "--journal",
            "j",
        ]);
        assert!(ended.expect(0).json()["dropped_log_bytes"].as_u64().unwrap() > 0, "{to}");
        let (bytes, _) = journal(&place, "j");
        assert!(bytes < most, "{to} with {log_bytes}: {bytes} bytes of journal");
    }
}

#[test]
fn lists_over_the_budget_end_the_run_and_are_few_in_the_journal() {
    for what in ["resources", "templates", "prompts", "tools"] {
        let place = Place::new();
        place.write("servers.json", json!({"servers": {"good": evil_server("good", "")}}).to_string());
        let input = json!({"what": what, "times": 5_000}).to_string();
        let report = place.run([
            "--config",
            "servers.json",
            "run",
            guests::EVIL_LISTS,
            "--json",
            "--input",
            &input,
            "--calls",
            "1",
            "--journal",
            "j",
        ]);
        let error = &report.expect(4).json()["error"];
        assert_eq!(error["limit"], json!({"name": "calls", "value": 1}), "{what}: {error}");
        let (bytes, entries) = journal(&place, "j");
        let started = entries.iter().filter(|entry| entry["event"] == "call_started").count();
        assert_eq!(started, 0, "{what}: a server of which nothing was granted was asked");
        assert!(bytes < 5_000, "{what}: {bytes} bytes of journal");
    }
}
