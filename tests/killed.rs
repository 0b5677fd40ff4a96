//! A host that is killed leaves no process behind, on Linux.
#![cfg(target_os = "linux")]

use crate::support::*;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A number of seconds that no other process of this machine sleeps.
fn own_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    1_000_000_000 + std::process::id() % 100_000 * 1_000 + NEXT.fetch_add(1, Ordering::Relaxed)
}

fn sleeps(number: u32) -> bool {
    !processes_with(&format!("sleep {number}")).is_empty()
}

fn shell(script: &str) -> Value {
    json!({"command": "sh", "args": ["-c", script]})
}

/// A host that serves these servers.
fn serves(servers: &Value) -> (Place, Running) {
    let place = Place::new();
    place.write("servers.json", json!({"mcpServers": servers}).to_string());
    let listen = format!("127.0.0.1:{}", free_port());
    let host = Running::start(place.tollgate(["--config", "servers.json", "serve", "--http", &listen]));
    (place, host)
}

fn all_sleep(numbers: &[u32]) {
    for number in numbers {
        let itself = format!(" sleep {number}");
        let is_there = || processes_with(&itself).iter().any(|line| line.ends_with(&itself) && !line.contains("sh -c"));
        eventually("the server and what it starts are there", || is_there().then_some(()));
    }
}

/// The watchdogs of a host: their numbers.
fn watchdogs(host: &Running) -> Vec<String> {
    let output = Command::new("ps").args(["-o", "pid=,args=", "--ppid", &host.0.id().to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pid = |line: &str| line.split_whitespace().next().map(str::to_owned);
    text.lines().filter(|line| line.contains("tollgate-watchdog")).filter_map(pid).collect()
}

/// Whether a process is not there any more, or only waits to be waited for.
fn ended(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

/// Kills the host, and waits for the end of all these: a watchdog takes two seconds where nothing else is to do.
fn killed(host: &Running, numbers: &[u32]) {
    host.signal("-KILL");
    for number in numbers {
        eventually("the server and what it started end", || (!sleeps(*number)).then_some(()));
    }
}

#[test]
fn servers_and_what_they_started_end_with_a_host_that_is_killed() {
    let numbers: [u32; 5] = std::array::from_fn(|_| own_number());
    let [deaf, its_child, detached, alone, npx] = numbers;
    let node = format!(
        "require('child_process').spawn('sleep', ['{detached}'], {{detached: true, stdio: 'ignore'}}); \
         process.on('SIGTERM', () => {{}}); setInterval(() => {{}}, 1000)"
    );
    let marker = tempfile::NamedTempFile::new().unwrap();
    let (_place, host) = serves(&json!({
        // Neither a closed input nor a signal ends it.
        "deaf": shell(&format!("trap '' HUP TERM; sleep {its_child} & sleep {deaf}; sleep {deaf}")),
        // It has left its group.
        "node": {"command": "node", "args": ["-e", node]},
        // Its parent has gone.
        "alone": shell(&format!("sleep {alone} & exit 0")),
        // A program that starts the server, as npx and uvx do.
        "npx": shell(&format!("sh -c 'trap \"\" TERM; sleep {npx}; :'; :")),
        "well-behaved": evil_server("grandchild", marker.path().to_str().unwrap()),
    }));
    all_sleep(&[deaf, its_child, detached, npx]);
    let grandchild = eventually("the grandchild's number", || {
        std::fs::read_to_string(marker.path()).ok().filter(|text| !text.is_empty())
    });
    killed(&host, &numbers);
    eventually("the grandchild of a server that ends by itself ends too", || ended(grandchild.trim()).then_some(()));
}

#[test]
fn a_watchdog_that_was_killed_is_replaced() {
    let numbers: [u32; 2] = std::array::from_fn(|_| own_number());
    let [old, new] = numbers;
    let server = |number: u32| shell(&format!("trap '' TERM; sleep {number}; :"));
    let (place, host) = serves(&json!({"old": server(old)}));
    all_sleep(&[old]);
    let watchdog = watchdogs(&host);
    assert_eq!(watchdog.len(), 1, "one for all servers");
    assert!(Command::new("kill").args(["-KILL", &watchdog[0]]).status().unwrap().success());
    place.write("servers.json", json!({"mcpServers": {"old": server(old), "new": server(new)}}).to_string());
    host.signal("-HUP");
    all_sleep(&[new, old]);
    killed(&host, &numbers);
}

#[test]
fn a_host_that_ends_by_itself_leaves_neither_servers_nor_the_watchdog() {
    let number = own_number();
    let (_place, host) = serves(&json!({"s": shell(&format!("trap '' TERM; sleep {number}; :"))}));
    all_sleep(&[number]);
    let watchdog = watchdogs(&host).pop().unwrap();
    host.signal("-TERM");
    host.ended().expect(0);
    assert!(!sleeps(number));
    eventually("the watchdog ends", || ended(&watchdog).then_some(()));
}

#[test]
fn a_daemon_of_a_server_ends_too_where_the_server_has_a_pid_namespace() {
    let namespace = ["--user", "--map-current-user", "--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|status| status.success()) {
        println!("skipped: this machine allows no PID namespace");
        return;
    }
    let numbers: [u32; 2] = std::array::from_fn(|_| own_number());
    let [server, daemon] = numbers;
    let script = format!("(setsid sh -c 'sleep {daemon} & exit 0' &); trap '' TERM; sleep {server}; :");
    let args = [&namespace[..], &["sh", "-c", script.as_str()]].concat();
    let (_place, host) = serves(&json!({"s": {"command": "unshare", "args": args}}));
    all_sleep(&numbers);
    killed(&host, &numbers);
}
