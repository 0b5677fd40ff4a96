//! SIGHUP reads the configuration anew, without dropping calls.

use crate::support::*;
use serde_json::json;
use tollgate_test_guests as guests;

/// A run that makes one slow call, then others; the configuration changes during the slow one.
fn reloaded(before: serde_json::Value, after: &str, then: serde_json::Value) -> (Ended, String) {
    let place = Place::new();
    let config = place.write("servers.json", before.to_string());
    let slow = json!({"server": "slow", "tool": "trigger-long-running-operation", "args": {"duration": 3, "steps": 3}});
    let input = json!({"mode": "sequence", "calls": [slow, then]}).to_string();
    let journal = place.work().join("journal.jsonl");
    let args =
        ["--config", "servers.json", "-v", "run", guests::POLICY_CALLS, "--json", "--grant", "*:*", "--input", &input];
    let running = Running::start(place.tollgate(args.into_iter().chain(["--journal", journal.to_str().unwrap()])));
    eventually("the slow call is under way", || {
        std::fs::read_to_string(&journal).ok().filter(|text| text.contains("call_started"))
    });
    std::fs::write(config, after).unwrap();
    running.signal("-HUP");
    let ended = running.ended();
    let stderr = ended.stderr.clone();
    (ended, stderr)
}

fn everything() -> serde_json::Value {
    let program = root().join("tests/fleet/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    json!({"command": "node", "args": [program, "stdio"]})
}

#[test]
fn a_new_server_is_there_and_the_call_in_flight_goes_on() {
    let before = json!({"mcpServers": {"slow": everything()}});
    let after = json!({"mcpServers": {"slow": everything(), "new": evil_server("good", "")}});
    let then = json!({"server": "new", "tool": "echo", "args": {"text": "hi"}});
    let (ended, stderr) = reloaded(before, &after.to_string(), then);
    let output = ended.expect(0).json()["output"].clone();
    assert!(output[0]["ok"].is_object(), "{output:#}\n{stderr}");
    assert_eq!(output[1]["ok"]["content"][0]["text"], "hi", "{output:#}\n{stderr}");
}

#[test]
fn a_removed_server_finishes_its_call_and_is_unknown_after() {
    let before = json!({"mcpServers": {"slow": everything()}});
    let then = json!({"server": "slow", "tool": "get-sum", "args": {"a": 1, "b": 2}});
    let (ended, stderr) = reloaded(before, r#"{"mcpServers":{}}"#, then);
    let output = ended.expect(0).json()["output"].clone();
    assert!(output[0]["ok"].is_object(), "{output:#}\n{stderr}");
    assert_eq!(output[1]["error"]["kind"], "unknown-tool", "{output:#}\n{stderr}");
}

#[test]
fn a_broken_file_changes_nothing_and_says_why() {
    let before = json!({"mcpServers": {"slow": everything()}});
    let then = json!({"server": "slow", "tool": "get-sum", "args": {"a": 20, "b": 22}});
    let (ended, stderr) = reloaded(before, r#"{"mcpServers": {"#, then);
    let output = ended.expect(0).json()["output"].clone();
    assert!(output[1]["ok"].to_string().contains("42"), "{output:#}");
    assert!(stderr.contains("the configuration stays as it was") && stderr.contains("servers.json"), "{stderr}");
}

/// A host that serves over HTTP by a configuration that was found, and the files that its server leaves when it starts: one
/// of the configuration that was trusted, one of the configuration that came later.
struct Served {
    place: Place,
    host: Running,
    errors: std::sync::mpsc::Receiver<String>,
}

fn marking(place: &Place, marker: &str, env_file: Option<&str>) -> String {
    let mut server = evil_server("grandchild", place.work().join(marker).to_str().unwrap());
    if let Some(file) = env_file {
        server["envFile"] = json!(file);
    }
    json!({"mcpServers": {"s": server}}).to_string()
}

impl Served {
    fn start(place: Place, args: &[&str]) -> Self {
        let port = free_port().to_string();
        let listen = format!("127.0.0.1:{port}");
        let mut host = Running::start(place.tollgate([args, &["-v", "serve", "--http", &listen]].concat()));
        let stderr = std::io::BufReader::new(host.0.stderr.take().unwrap());
        let (sender, errors) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            use std::io::BufRead as _;
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let served = Self { place, host, errors };
        served.wait_for("trusted");
        served
    }

    fn has(&self, marker: &str) -> bool {
        self.place.work().join(marker).exists()
    }

    fn wait_for(&self, marker: &str) {
        eventually(marker, || self.has(marker).then_some(()));
    }

    /// Waits for a line on stderr that says this.
    fn says(&self, what: &str) -> String {
        loop {
            let line = self.errors.recv_timeout(SOON).unwrap_or_else(|_| panic!("nobody says `{what}`"));
            if line.contains(what) {
                return line;
            }
        }
    }
}

#[test]
fn a_reload_starts_nothing_of_a_found_file_that_changed_until_it_is_trusted_again() {
    let place = Place::new();
    let file = place.write("tollgate.json", marking(&place, "trusted", None));
    place.run(["trust"]).expect(0);
    let served = Served::start(place, &[]);
    served.place.write("tollgate.json", marking(&served.place, "changed", None));
    served.host.signal("-HUP");
    let said = served.says("the configuration stays as it was");
    let advice = format!("tollgate trust '{}'", file.canonicalize().unwrap().display());
    assert!(said.contains("has changed since it was trusted") && said.contains(&advice), "{said}");
    assert!(!served.has("changed"), "it was started");
    // The server that was trusted is still there.
    served.place.run(["trust"]).expect(0);
    assert!(!served.has("changed"), "trusting starts nothing");
    served.host.signal("-HUP");
    served.wait_for("changed");
}

#[test]
fn a_reload_holds_the_env_files_of_a_found_file_to_the_same() {
    let place = Place::new();
    place.write("s.env", "A=1\n");
    place.write("tollgate.json", marking(&place, "trusted", Some("s.env")));
    place.run(["trust"]).expect(0);
    let served = Served::start(place, &[]);
    std::fs::remove_file(served.place.work().join("trusted")).unwrap();
    served.place.write("s.env", "LD_PRELOAD=/tmp/evil.so\n");
    served.host.signal("-HUP");
    served.says("has changed since it was trusted");
    assert!(!served.has("trusted"), "it was started with another environment");
    served.place.run(["trust"]).expect(0);
    served.host.signal("-HUP");
    served.wait_for("trusted");
}

#[test]
fn a_reload_of_a_named_file_needs_no_trust() {
    let place = Place::new();
    place.write("tollgate.json", marking(&place, "trusted", None));
    let served = Served::start(place, &["--config", "tollgate.json"]);
    served.place.write("tollgate.json", marking(&served.place, "changed", None));
    served.host.signal("-HUP");
    served.wait_for("changed");
}

/// Starts a host on a terminal, through `wrapper`, changes its configuration, and closes the terminal. Whether the host goes on.
fn goes_on_without_its_terminal(wrapper: &[&str]) -> bool {
    let place = Place::new();
    place.write("tollgate.json", marking(&place, "trusted", None));
    place.run(["trust"]).expect(0);
    let port = free_port().to_string();
    let listen = format!("127.0.0.1:{port}");
    let command = place.tollgate(["serve", "--http", &listen]);
    let mut terminal = std::process::Command::new("python3");
    terminal.arg(root().join("tests/support/closed_terminal.py")).arg("trusted").args(wrapper);
    terminal
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(place.work())
        .stdin(std::process::Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            terminal.env(name, value);
        }
    }
    let changed = marking(&place, "changed", None);
    let mut terminal = Running::start(terminal);
    eventually("it serves", || place.work().join("trusted").exists().then_some(()));
    place.write("tollgate.json", changed);
    place.write("close", "");
    let ended = terminal.0.wait().unwrap();
    let is_there = || std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_ok();
    assert!(ended.success());
    let start = std::time::Instant::now();
    // A host that goes on is given a moment to end all the same.
    let patience = if wrapper.is_empty() { SOON } else { std::time::Duration::from_secs(3) };
    while is_there() && start.elapsed() < patience {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let goes_on = is_there();
    for line in processes_with(&listen) {
        let pid = line.split_whitespace().next().unwrap().to_owned();
        drop(std::process::Command::new("kill").args(["-TERM", &pid]).status());
    }
    assert!(!place.work().join("changed").exists(), "closing the terminal ran what was not trusted");
    goes_on
}

#[test]
fn closing_the_terminal_ends_a_host_that_was_not_detached_from_it_and_reloads_nothing_unchecked() {
    assert!(!goes_on_without_its_terminal(&[]));
    assert!(goes_on_without_its_terminal(&["nohup"]));
    assert!(goes_on_without_its_terminal(&["setsid"]));
}
