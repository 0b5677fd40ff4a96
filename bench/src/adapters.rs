//! The demo's five servers as adapters of one host, and as five processes of the Python SDK behind one: the time from the host's
//! start to answers, and the memory of all that runs then.

use crate::memory::{private_bytes, resident_bytes};
use crate::serve::Pipes;
use crate::startup::tollgate;
use crate::{line, median};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const ROUNDS: usize = 11;

/// Each server, a tool of it that reads, and its arguments.
fn calls() -> [(&'static str, &'static str, Value); 5] {
    let customer = "5f0c1a2e-0001-4a7b-9c3d-8e2f6b1d0a01";
    [
        ("crm", "get_customer", json!({"id": customer})),
        ("tickets", "list_tickets", json!({"customer_id": customer})),
        ("payments", "get_payment_history", json!({"customer_id": customer})),
        ("analytics", "get_trend", json!({"customer_id": customer, "metric": "active_users"})),
        ("calendar", "list_meetings", json!({"customer_id": customer})),
    ]
}

/// A configuration in which each server is what `server` makes of its name.
fn config(file: &Path, server: impl Fn(&str) -> Value) {
    let calls = calls();
    let servers: Map<_, _> = calls.iter().map(|(name, ..)| ((*name).to_owned(), server(name))).collect();
    std::fs::write(file, json!({"servers": servers}).to_string()).expect("a file");
}

/// What is seen of one start.
struct Seen {
    first_answer: Duration,
    all_answers: Duration,
    private_bytes: u64,
    resident_bytes: u64,
}

/// Starts a host, asks each server as soon as the host takes requests, and looks at the processes.
fn start(config: &Path, cache: &Path) -> Seen {
    let start = Instant::now();
    let mut client = host(config, cache);
    let calls = calls();
    for (id, (server, tool, args)) in calls.iter().enumerate() {
        let params = json!({"name": "call_tool", "arguments": {"server": server, "tool": tool, "arguments": args}});
        client.write(&json!({"jsonrpc": "2.0", "id": id + 1, "method": "tools/call", "params": params}).to_string());
    }
    let answers: Vec<_> = calls
        .iter()
        .map(|_| {
            let answer = client.answer();
            let took = start.elapsed();
            assert!(answer.contains("structuredContent") && !answer.contains(r#""isError":true"#), "{answer}");
            took
        })
        .collect();
    let processes = tree(client.id());
    Seen {
        first_answer: answers[0],
        all_answers: answers[calls.len() - 1],
        private_bytes: processes.iter().copied().map(private_bytes).sum(),
        resident_bytes: processes.iter().copied().map(resident_bytes).sum(),
    }
}

/// A host that keeps compiled components in this folder, once it has answered `initialize`.
fn host(config: &Path, cache: &Path) -> Pipes {
    let mut command = Command::new(tollgate());
    command.args(["serve", "--config"]).arg(config).env("XDG_CACHE_HOME", cache);
    Pipes::start(command)
}

/// A process and all below it (proc(5), `stat`: the parent stands second after the name in parentheses).
fn tree(root: u32) -> Vec<u32> {
    let parent = |process: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    let entries = std::fs::read_dir("/proc").expect("this measurement needs Linux").flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<_> = processes.filter_map(|process| Some((process, parent(process)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(process, _)| *process));
        next += 1;
    }
    found
}

/// Both in turn, and a host without servers.
pub(crate) fn beside_processes() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests");
    let python = tests.join("clients/.venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask fleet`", python.display());
    let component = |name: &str| Path::new(env!("OUT_DIR")).join(format!("adapter_{name}.wasm"));
    let program = |name: &str| tests.join(format!("demo_servers/{name}_server.py"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let (adapters, processes, none, cache) =
        (file("adapters.json"), file("processes.json"), file("none.json"), file("cache"));
    config(&adapters, |name| json!({"component": component(name)}));
    config(&processes, |name| json!({"command": python, "args": [program(name)]}));
    std::fs::write(&none, r#"{"servers": {}}"#).expect("a file");

    // The first starts are apart: components are compiled then, and Python keeps what it has read.
    let compiled = start(&adapters, &cache);
    start(&processes, &cache);
    line("5 adapters: first start, compiles them", compiled.all_answers, None, "");
    let (mut of_adapters, mut of_processes, mut of_none) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..crate::times(ROUNDS) {
        of_adapters.push(start(&adapters, &cache));
        of_processes.push(start(&processes, &cache));
        let client = host(&none, &cache);
        of_none.push((private_bytes(client.id()), resident_bytes(client.id())));
    }

    for (what, time) in [
        ("start to the first answer", (|seen| seen.first_answer) as fn(&Seen) -> Duration),
        ("start to an answer of each", |seen| seen.all_answers),
    ] {
        let of = |side: &[Seen]| median(side.iter().map(time).collect());
        line(&format!("5 processes: {what}"), of(&of_processes), None, "");
        line(&format!("5 adapters: {what}"), of(&of_adapters), Some(of(&of_processes)), "");
    }
    for (what, bytes, of_none) in [
        (
            "private memory",
            (|seen| seen.private_bytes) as fn(&Seen) -> u64,
            median(of_none.iter().map(|n| n.0).collect()),
        ),
        ("resident memory", |seen| seen.resident_bytes, median(of_none.iter().map(|n| n.1).collect())),
    ] {
        let of = |side: &[Seen]| median(side.iter().map(bytes).collect());
        mib(&format!("host without servers: {what}"), of_none, None);
        mib(&format!("host and 5 processes: {what}"), of(&of_processes), None);
        mib(&format!("host with 5 adapters: {what}"), of(&of_adapters), Some(of(&of_processes)));
    }
}

fn mib(name: &str, bytes: u64, baseline: Option<u64>) {
    let text = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let base = baseline.map_or("-".to_owned(), text);
    let ratio = baseline.map_or("-".to_owned(), |baseline| format!("{:.2}", bytes as f64 / baseline as f64));
    println!("{name:<48} {:>12} {base:>12} {ratio:>8}", text(bytes));
}
