//! The guides of the documentation do what they say: their files are written, their commands run, in their order.
//!
//! A fenced block `yaml NAME`, `json NAME`, `js NAME`, `python NAME` is a file; a block `sh` is commands, of which none may fail.
//! Packages that `npx` and `uvx` would fetch are those of the test fleet, and what listens takes free ports.

use crate::support::{Ended, Place, free_port, root};
use serde_json::json;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tollgate_scripted_model::{Script, Scripted, Turn, Use};

/// The addresses that guides write.
const ADDRESSES: [&str; 2] = ["127.0.0.1:8080", "127.0.0.1:11434"];

/// A guide as a shell script.
fn script(guide: &str) -> String {
    let mut script = String::from("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let block = block.join("\n");
        match info.split_once(' ') {
            Some((_, file)) => {
                let _ = write!(script, "cat > {file} <<'END-OF-FILE'\n{block}\nEND-OF-FILE\n");
            }
            None if info == "sh" => {
                // What is run is shown, so that a failure tells where it was.
                let _ = write!(script, "echo '--- next' >&2; set -x\n{block}\n{{ set +x; }} 2>/dev/null\n");
            }
            None => {}
        }
    }
    script
}

/// Programs on `PATH` that start what is installed in place of fetching it.
fn shims(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let fleet = root().join("tests/fleet");
    let fleet = fleet.display();
    let program = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program(
        "npx",
        format!("#!/bin/sh\nshift\npackage=$1\nshift\nexec node {fleet}/node_modules/$package/dist/index.js \"$@\"\n"),
    );
    program("uvx", format!("#!/bin/sh\nprogram=$1\nshift\nexec {fleet}/.venv/bin/$program \"$@\"\n"));
    let tollgate = env!("CARGO_BIN_EXE_tollgate");
    program("tollgate", format!("#!/bin/sh\nexec {tollgate} \"$@\"\n"));
}

/// Runs a guide, with `replace`d texts in it.
fn run(name: &str, replace: &[(&str, &str)]) -> Ended {
    run_in(Place::new(), name, replace)
}

fn run_in(place: Place, name: &str, replace: &[(&str, &str)]) -> Ended {
    let guide = std::fs::read_to_string(root().join("docs/guides").join(name)).unwrap();
    let mut text = script(&guide);
    for (from, to) in replace {
        text = text.replace(from, to);
    }
    for address in ADDRESSES {
        text = text.replace(address, &format!("127.0.0.1:{}", free_port()));
    }
    let bin = place.dir.path().join("bin");
    shims(&bin);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", &text])
        .current_dir(place.work())
        .env_clear()
        .env("PATH", path)
        .env("HOME", place.dir.path().join("home"))
        .env("XDG_CACHE_HOME", crate::support::shared_cache())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let ended = Ended::of(output);
    assert_eq!(ended.code, 0, "{name}:\n{}\n{}", ended.stdout, ended.stderr);
    assert!(crate::support::processes_with(&place.dir.path().display().to_string()).is_empty());
    ended
}

#[test]
fn connect_servers() {
    let ended = run("connect.md", &[]);
    assert_eq!(ended.stdout.matches("remember the milk").count(), 2, "{}", ended.stdout);
    assert!(ended.stderr.contains("log_level"), "what was not carried over is said: {}", ended.stderr);
    assert!(ended.stdout.contains("get_pet"), "{}", ended.stdout);
}

#[test]
fn operate_a_host() {
    let ended = run("operate.md", &[]);
    assert!(ended.stdout.contains("tollgate_server_state{server=\"time\",state=\"ready\"} 1"), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 of 2 requests answered from memory"), "{}", ended.stdout);
}

#[test]
fn write_a_policy() {
    let place = Place::new();
    let ended = run_in(place, "policy.md", &[]);
    assert!(ended.stdout.contains("America/New_York"), "{}", ended.stdout);
    assert!(ended.stdout.contains("exit code 3"), "{}\n{}", ended.stdout, ended.stderr);
}

#[test]
fn run_a_plan() {
    let ended = run("plan.md", &[]);
    assert!(ended.stdout.contains("Europe/Berlin: remember the milk"), "{}", ended.stdout);
    for fault in ["read_text_fil", "zone", "no step `d`"] {
        assert!(ended.stdout.contains(fault), "all faults are said at once, {fault} too: {}", ended.stdout);
    }
    assert!(ended.stdout.contains("exit code 1"), "{}", ended.stdout);
    assert!(ended.stdout.contains("\"resumed\": true"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_a_model() {
    let model = Scripted::start(Script::new([
        Turn::uses([
            Use::new("files__read_text_file", json!({"path": "todo.txt"})),
            Use::new("time__get_current_time", json!({"timezone": "Asia/Tokyo"})),
        ]),
        Turn::text("Milk is on your list; it is late in Tokyo."),
        Turn::uses([Use::new("files__write_file", json!({"path": "todo.txt", "content": ""}))]),
        Turn::text("I may not write your list."),
        Turn::uses([Use::new("files__read_text_file", json!({"path": "todo.txt"}))]),
        Turn::text("Milk."),
    ]))
    .await
    .unwrap();
    let url = model.url();
    let ended =
        tokio::task::spawn_blocking(move || run("agent.md", &[("http://127.0.0.1:11434", &url)])).await.unwrap();
    assert!(ended.stdout.contains("it is late in Tokyo"), "{}", ended.stdout);
    assert!(ended.stdout.contains("remember the milk"), "what was not approved did not happen: {}", ended.stdout);
    assert_eq!(model.turns_left(), 0);
    let refused = model.requests()[3].body.to_string();
    assert!(refused.contains("needs a person's approval"), "{refused}");
}
