//! Clients that other people wrote, in front of the host: the official SDKs of TypeScript and Python, and the Inspector.

use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tollgate_test_guests as guests;

/// Who asks. The second of the Python clients asks for 2026-07-28 first, the others begin with `initialize`.
#[derive(Clone, Copy, Debug)]
enum Sdk {
    TypeScript,
    Python,
    PythonAuto,
}
use Sdk::{Python, PythonAuto, TypeScript};

/// How it reaches the host.
#[derive(Clone, Copy, Debug)]
enum Over {
    Pipes,
    Http,
}
use Over::{Http, Pipes};

const EACH: [(Sdk, Over); 6] =
    [(TypeScript, Pipes), (TypeScript, Http), (Python, Pipes), (Python, Http), (PythonAuto, Pipes), (PythonAuto, Http)];

const LONG: &str = "trigger-long-running-operation";

/// A place with the whole fleet and two policies in `servers.json`.
fn place() -> Place {
    let place = Place::new();
    let folder = place.work().join("repo");
    repository(&folder);
    let mut config = fleet_config(&folder);
    config["policies"] = json!({
        "calls": {"component": guests::POLICY_CALLS, "grants": ["everything:*"]},
        "echoes": {"component": guests::POLICY_ECHO},
    });
    // It ignores what it does not know; its processes are told from those of other tests by it.
    let args = config["mcpServers"]["everything"]["args"].as_array_mut().unwrap();
    args.push(json!(place.work()));
    place.write("servers.json", config.to_string());
    place
}

fn installed(path: &str) -> PathBuf {
    let path = root().join("tests/clients").join(path);
    assert!(path.exists(), "{} is missing: run `cargo xtask fleet`", path.display());
    path
}

fn serve<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["--config", "servers.json", "serve", "--journal", "journal.jsonl"], args].concat()
}

/// The host, over HTTP.
struct Served {
    host: Running,
    url: String,
}

impl Served {
    fn start(place: &Place, args: &[&str]) -> Self {
        let args = serve(&[&["--http", "127.0.0.1:0"], args].concat());
        let mut host = Running::start(place.tollgate(args));
        let mut url = String::new();
        BufReader::new(host.0.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { host, url: url.trim().to_owned() }
    }

    fn stop(self) {
        self.host.signal("-TERM");
        self.host.ended().expect(0);
    }
}

/// What a client told of each step.
struct Report(Value);

impl Report {
    fn step(&self, number: usize) -> &Value {
        let step = &self.0["steps"][number];
        assert!(step.is_object(), "{:#}", self.0);
        step
    }

    /// The result of a step, as text.
    fn result(&self, number: usize) -> String {
        let step = self.step(number);
        step.get("result").unwrap_or_else(|| panic!("{step:#}")).to_string()
    }

    fn expect(&self, number: usize, parts: &[&str]) {
        let result = self.result(number);
        for part in parts {
            assert!(result.contains(part), "step {number} lacks {part}: {result}");
        }
    }

    /// A step that was cancelled, and ended then.
    fn expect_cancelled(&self, number: usize) {
        let step = self.step(number);
        assert!(step["error"].is_string(), "{step:#}");
        assert!(step["elapsed_ms"].as_u64().unwrap() < 5_000, "{step:#}");
    }

    /// The progress of an operation of four steps.
    fn expect_progress(&self, number: usize) {
        let told = self.step(number)["progress"].as_array().unwrap();
        let done: Vec<f64> = told.iter().map(|p| p["progress"].as_f64().unwrap()).collect();
        // The TypeScript SDK forgets whom to tell of those that come in the same read as the answer.
        assert!(!done.is_empty() && [1.0, 2.0, 3.0, 4.0].starts_with(&done), "{told:#?}");
    }
}

impl Sdk {
    fn command(self) -> Command {
        let (interpreter, program) = match self {
            TypeScript => (PathBuf::from("node"), installed("client.mjs")),
            Python | PythonAuto => (installed(".venv/bin/python"), installed("client.py")),
        };
        installed("node_modules/@modelcontextprotocol/sdk");
        let mut command = Command::new(interpreter);
        command.arg(program);
        command
    }

    fn protocol(self) -> &'static str {
        match self {
            TypeScript | Python => "2025-11-25",
            PythonAuto => "2026-07-28",
        }
    }

    /// Does these steps with a host that is served with `args`, and sees that nothing is left of it.
    fn does(self, over: Over, place: &Place, args: &[&str], steps: &Value) -> Report {
        let mode = if matches!(self, PythonAuto) { "auto" } else { "legacy" };
        let mut plan = json!({"steps": steps, "mode": mode});
        let served = match over {
            Pipes => {
                let mut command = vec![env!("CARGO_BIN_EXE_tollgate")];
                command.extend(serve(args));
                plan["command"] = json!(command);
                plan["cwd"] = json!(place.work());
                None
            }
            Http => {
                let served = Served::start(place, args);
                plan["url"] = json!(served.url);
                Some(served)
            }
        };
        let report = answer(at(place, self.command()), &plan);
        if let Some(served) = served {
            served.stop();
        }
        leaves_nothing(place);
        assert_eq!(report["protocol"], self.protocol(), "{self:?} {over:?}: {report:#}");
        assert_eq!(report["server"]["name"], "tollgate");
        Report(report)
    }
}

/// A command in the surroundings that the binary has in this place.
fn at(place: &Place, mut command: Command) -> Command {
    command
        .current_dir(place.work())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", place.dir.path().join("home"))
        .env("XDG_CACHE_HOME", shared_cache());
    command
}

/// What a client prints on stdout for `plan` on stdin.
fn answer(mut command: Command, plan: &Value) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    write!(child.stdin.take().unwrap(), "{plan}").unwrap();
    Ended::of(child.wait_with_output().unwrap()).expect(0).json()
}

fn leaves_nothing(place: &Place) {
    let folder = place.work().display().to_string();
    eventually("the host and its servers are gone", || processes_with(&folder).is_empty().then_some(()));
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({"do": "call", "tool": tool, "arguments": arguments})
}

fn with(mut step: Value, key: &str, value: Value) -> Value {
    step[key] = value;
    step
}

fn uses_all_that_is_exposed(sdk: Sdk, over: Over) {
    let place = place();
    let notes = place.work().join("repo/notes.txt");
    // One name of each server: they are not all there at first.
    let names = [
        "everything__get-sum",
        "filesystem__read_text_file",
        "memory__read_graph",
        "sequential-thinking__sequentialthinking",
        "git__git_log",
        "time__get_current_time",
        "sqlite__list_tables",
        "echoes",
    ];
    let long = call(&format!("everything__{LONG}"), json!({"duration": 1, "steps": 4}));
    let inner = json!({"server": "everything", "tool": "get-sum", "args": {"a": 1, "b": 2}});
    let uri = "demo://resource/static/document/features.md";
    let steps = json!([
        {"do": "tools", "until": names},
        call("everything__get-sum", json!({"a": 20, "b": 22})),
        call("filesystem__read_text_file", json!({"path": notes})),
        call("echoes", json!({"said": "by a policy"})),
        call("calls", json!({"mode": "at_once", "calls": [inner]})),
        with(long, "progress", json!(true)),
        with(call("everything__trigger-elicitation-request", json!({})), "answer", json!({"name": "Ada"})),
        {"do": "resources", "until": [uri]},
        {"do": "read", "uri": format!("tollgate://everything/{uri}")},
        {"do": "prompts", "until": ["everything__simple-prompt"]},
        {"do": "prompt", "name": "everything__simple-prompt"},
        call("everything__get-sum", json!({"a": "twenty"})),
    ]);
    let report = sdk.does(over, &place, &["--expose", "all"], &steps);
    report.expect(0, &names);
    report.expect(1, &["42"]);
    report.expect(2, &["remember the milk"]);
    report.expect(3, &["by a policy", r#""io.tollgate/status":"ok""#]);
    report.expect(4, &["The sum of 1 and 2 is 3."]);
    report.expect(5, &["completed"]);
    report.expect_progress(5);
    report.expect(6, &["Name: Ada"]);
    let asked = &report.step(6)["asked"];
    assert_eq!(asked.as_array().unwrap().len(), 1, "{asked:#}");
    assert!(asked[0]["message"].as_str().unwrap().starts_with("everything asks: "), "{asked:#}");
    report.expect(7, &[uri]);
    report.expect(8, &["# Everything Server"]);
    report.expect(9, &["everything__simple-prompt"]);
    report.expect(10, &["simple prompt without arguments"]);
    // What a model got wrong comes as a result that it can read.
    report.expect(11, &[r#""isError":true"#]);
}

#[test]
fn the_typescript_sdk_uses_servers_and_policies_over_stdio() {
    uses_all_that_is_exposed(TypeScript, Pipes);
}

#[test]
fn the_typescript_sdk_uses_servers_and_policies_over_http() {
    uses_all_that_is_exposed(TypeScript, Http);
}

#[test]
fn the_python_sdk_uses_servers_and_policies_over_stdio() {
    uses_all_that_is_exposed(Python, Pipes);
}

#[test]
fn the_python_sdk_uses_servers_and_policies_over_http() {
    uses_all_that_is_exposed(Python, Http);
}

#[test]
fn the_python_sdk_uses_servers_and_policies_on_2026_07_28_over_stdio() {
    uses_all_that_is_exposed(PythonAuto, Pipes);
}

#[test]
fn the_python_sdk_uses_servers_and_policies_on_2026_07_28_over_http() {
    uses_all_that_is_exposed(PythonAuto, Http);
}

#[test]
fn each_sdk_finds_and_calls_tools_and_runs_policies_by_four_tools() {
    for (sdk, over) in EACH {
        let place = place();
        let long = json!({"server": "everything", "tool": LONG, "arguments": {"duration": 1, "steps": 4}});
        let sum = json!({"server": "everything", "tool": "get-sum", "arguments": {"a": 20, "b": 22}});
        let steps = json!([
            {"do": "tools"},
            with(call("search_tools", json!({"query": "sum of two numbers"})), "until", json!(["everything:get-sum"])),
            call("get_api_documentation", json!({"tool": "everything:get-sum"})),
            call("call_tool", sum),
            call("call_tool", json!({"server": "everything", "tool": "get-sun"})),
            with(call("call_tool", long), "progress", json!(true)),
            call("run_policy", json!({})),
            call("run_policy", json!({"policy": "echoes", "input": {"said": "by a policy"}})),
        ]);
        let report = sdk.does(over, &place, &[], &steps);
        assert!(report.0["instructions"].as_str().unwrap().contains("search_tools"), "{:#}", report.0);
        let tools = &report.step(0)["result"];
        let names: Vec<_> = tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["search_tools", "get_api_documentation", "call_tool", "run_policy", "execute_code"]);
        report.expect(1, &["everything:get-sum"]);
        report.expect(2, &["get_sum(args"]);
        report.expect(3, &["42"]);
        report.expect(4, &[r#""isError":true"#, "did you mean everything:get-sum"]);
        report.expect(5, &["completed"]);
        report.expect_progress(5);
        report.expect(6, &["echoes", "calls"]);
        report.expect(7, &["by a policy"]);
    }
}

#[test]
fn a_call_that_an_sdk_cancels_ends_at_once_and_the_next_is_answered() {
    for (sdk, over) in EACH {
        let place = place();
        let endless = json!({"duration": 600, "steps": 2});
        let inner = json!({"server": "everything", "tool": LONG, "args": endless});
        let cancelled = |step| with(step, "cancel_after_ms", json!(2_000));
        let sum = json!({"server": "everything", "tool": "get-sum", "arguments": {"a": 20, "b": 22}});
        let steps = json!([
            with(call("search_tools", json!({"query": "long running operation"})), "until", json!([LONG])),
            // So that the next run need not wait for the compiler.
            call("run_policy", json!({"policy": "calls", "input": {"mode": "sequence", "calls": []}})),
            cancelled(call("call_tool", json!({"server": "everything", "tool": LONG, "arguments": endless}))),
            cancelled(call("run_policy", json!({"policy": "calls", "input": {"mode": "sequence", "calls": [inner]}}))),
            call("call_tool", sum),
        ]);
        let report = sdk.does(over, &place, &[], &steps);
        report.expect_cancelled(2);
        report.expect_cancelled(3);
        report.expect(4, &["42"]);
        // Not only the client gave up: the host ended the call, long before the operation would have.
        let ended = ended_calls(&place.work().join("journal.jsonl"), LONG);
        assert_eq!(ended.len(), 2, "{sdk:?} {over:?}: {ended:#?}");
        for call in ended {
            assert_eq!(call["outcome"], "cancelled", "{call:#}");
            assert!(call["elapsed_us"].as_u64().unwrap() < 5_000_000, "{call:#}");
        }
    }
}

#[test]
fn a_server_with_schemas_that_mcp_does_not_allow_hides_no_other_tool() {
    for (sdk, over) in EACH {
        let place = place();
        let odd = json!({"command": "node", "args": [installed("odd-server.mjs"), place.work()]});
        place.write("servers.json", json!({"mcpServers": {"odd": odd}}).to_string());
        let steps = json!([{"do": "tools", "until": ["odd__sound"]}, call("odd__sound", json!({}))]);
        let report = sdk.does(over, &place, &["--expose", "all"], &steps);
        report.expect(0, &["odd__sound"]);
        report.expect(1, &["sound as a bell"]);
    }
}

/// The journal's entries on calls of `tool` that ended.
fn ended_calls(journal: &Path, tool: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(journal).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["event"] == "call_ended" && entry["tool"] == tool).collect()
}

/// The Inspector's command line, with the Node that it needs: its result.
fn inspect(place: &Place, target: &[&str], args: &[&str]) -> Value {
    // It lists once and starts the whole fleet each time: on a loaded machine a server may not be there yet.
    eventually("the inspector finds the tool", || {
        let mut command = Command::new(installed("node_modules/.bin/node"));
        command.arg(installed("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"));
        command.args(["--cli", "--format", "json", "--connect-timeout", "60000"]).args(args).args(target);
        let ended = Ended::of(at(place, command).stdin(Stdio::null()).output().unwrap());
        if ended.stderr.contains("tool_not_found") {
            return None;
        }
        let mut printed = ended.expect(0).json();
        Some(printed["result"].take())
    })
}

#[test]
fn the_inspector_lists_calls_and_runs_over_stdio() {
    let place = place();
    let served = |args: &[&'static str]| {
        let mut target = vec!["--", env!("CARGO_BIN_EXE_tollgate")];
        target.extend(serve(args));
        target
    };
    for era in ["legacy", "modern"] {
        let inspect = |target: &[&str], args: &[&str]| {
            let args = [&["--protocol-era", era], args].concat();
            inspect(&place, target, &args)
        };
        // --strict fails on schemas that not every client can take.
        let tools = inspect(&served(&[]), &["--strict", "--method", "tools/list"]);
        assert_eq!(tools["tools"].as_array().unwrap().len(), 5, "{tools:#}");
        let policies = inspect(&served(&["--expose", "policies"]), &["--strict", "--method", "tools/list"]);
        assert_eq!(policies["tools"].as_array().unwrap().len(), 2, "{policies:#}");

        let sum = r#"{"server": "everything", "tool": "get-sum", "arguments": {"a": 20, "b": 22}}"#;
        let args = ["--method", "tools/call", "--tool-name", "call_tool", "--tool-args-json", sum];
        assert!(inspect(&served(&[]), &args).to_string().contains("42"), "{era}");
        let args = ["--method", "tools/call", "--tool-name", "everything__get-sum", "--tool-arg", "a=20", "b=22"];
        assert!(inspect(&served(&["--expose", "everything:*"]), &args).to_string().contains("42"), "{era}");
        let args = ["--method", "tools/call", "--tool-name", "echoes", "--tool-arg", "said=something"];
        assert!(inspect(&served(&["--expose", "policies"]), &args).to_string().contains("something"), "{era}");
    }
    leaves_nothing(&place);
}

#[test]
fn the_inspector_lists_calls_and_runs_over_http() {
    let place = place();
    let served = Served::start(&place, &["--expose", "all"]);
    let target = ["--transport", "http", "--server-url", &served.url];
    for era in ["legacy", "modern"] {
        let inspect = |args: &[&str]| {
            let args = [&["--protocol-era", era], args].concat();
            inspect(&place, &target, &args)
        };
        eventually("all servers are there", || {
            inspect(&["--method", "tools/list"]).to_string().contains("sqlite__list_tables").then_some(())
        });
        let listed = inspect(&["--method", "tools/list"]).to_string();
        assert!(listed.contains(r#""calls""#) && listed.contains(r#""echoes""#), "{era}: {listed}");
        let sum = ["--method", "tools/call", "--tool-name", "everything__get-sum", "--tool-arg", "a=20", "b=22"];
        assert!(inspect(&sum).to_string().contains("42"), "{era}");
        let run = ["--method", "tools/call", "--tool-name", "echoes", "--tool-arg", "said=something"];
        assert!(inspect(&run).to_string().contains("something"), "{era}");
        let prompt = ["--method", "prompts/get", "--prompt-name", "everything__simple-prompt"];
        assert!(inspect(&prompt).to_string().contains("simple prompt"), "{era}");
    }
    served.stop();
    leaves_nothing(&place);
}
