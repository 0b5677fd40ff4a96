//! Scripts, run by the interpreters.

mod evil;
mod seeds;
mod table;

use crate::support::{Place, shared_cache};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tollgate::{
    AdapterSpec, ComponentSource, Grants, Host, HostBuilder, Outcome, RunReport, RunRequest, Script, ScriptLanguage,
};
use tollgate_test_guests as guests;

/// Where `cargo xtask plugins` puts the interpreters.
fn interpreters() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().parent().unwrap();
    let folder = target.join("share/tollgate/interpreters");
    for name in ["javascript.cwasm", "python.cwasm"] {
        assert!(folder.join(name).exists(), "{} has no {name}: run `cargo xtask plugins`", folder.display());
    }
    folder
}

/// A host with the adapter for tests of scripts under two names, and the demo's customers.
fn builder() -> HostBuilder {
    let adapter = |file: &str| AdapterSpec::new(ComponentSource::File(file.into()));
    Host::builder()
        .cache_dir(shared_cache().join("tollgate/components"))
        .interpreters(interpreters())
        .adapter("lab", adapter(guests::ADAPTER_LAB))
        .adapter("my-server", adapter(guests::ADAPTER_LAB))
        .adapter("crm", adapter(crate::examples::plugin("adapter_crm").to_str().unwrap()))
}

async fn host() -> Host {
    let host = builder().build().await.unwrap();
    host.settled().await;
    host
}

fn script(language: ScriptLanguage, code: &str) -> RunRequest {
    let file = format!("script.{}", language.extension());
    let grants = Grants::parse(["lab:*", "my-server:*", "crm:*"]).unwrap();
    RunRequest::script(Script { language, code: code.to_owned(), file }).input("null").grants(grants)
}

fn output(report: &RunReport) -> Value {
    assert!(report.error.is_none(), "{}", report.error.as_ref().unwrap());
    report.output_as().unwrap()
}

#[tokio::test]
async fn typescript_runs_without_its_types_and_errors_are_shown_in_it() {
    let host = host().await;
    let code =
        "interface Sum { value: number }\nconst add = (a: number, b: number): Sum => ({ value: a + b });\nadd(40, 2)";
    assert_eq!(output(&host.run(script(ScriptLanguage::TypeScript, code)).await.unwrap()), json!({"value": 42}));

    let code = "type Name = string;\nconst name = null as unknown as Name;\nname.trim()";
    let report = host.run(script(ScriptLanguage::TypeScript, code)).await.unwrap();
    let text = report.error.as_ref().unwrap().to_string();
    assert!(text.contains("TypeError") && text.contains("script.ts:3:"), "{text}");
    assert!(text.contains("> 3 | name.trim()"), "{text}");

    let report = host.run(script(ScriptLanguage::TypeScript, "let x: = 3;")).await.unwrap();
    let text = report.error.as_ref().unwrap().to_string();
    assert!(text.contains("SyntaxError") && text.contains("script.ts:1:"), "{text}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_session_keeps_what_is_json_between_scripts_of_one_principal() {
    use tollgate::Principal;
    let host = host().await;
    let ada = |request: RunRequest| request.principal(Principal::new("ada")).session("work");
    let js = |code: &str| script(ScriptLanguage::JavaScript, code);
    let first = host.run(ada(js("session.count = 1; session.names = ['a']"))).await.unwrap();
    assert!(first.error.is_none(), "{}", first.error.unwrap());
    let python = "session['count'] += 1\nsession['names'].append('b')\nsession['count']";
    let second = host.run(ada(script(ScriptLanguage::Python, python))).await.unwrap();
    assert_eq!(output(&second), 2);
    let kept: Value = serde_json::from_str(second.session.as_deref().unwrap()).unwrap();
    assert_eq!(kept, json!({"count": 2, "names": ["a", "b"]}));
    // A script that fails leaves it as it was.
    host.run(ada(js("session.count = 99; throw new Error('no')"))).await.unwrap();
    assert_eq!(output(&host.run(ada(js("session.count"))).await.unwrap()), 2);
    // Somebody else's session of the same name is another, and so is none.
    let bob = js("Object.keys(session).length").principal(Principal::new("bob")).session("work");
    assert_eq!(output(&host.run(bob).await.unwrap()), 0);
    assert!(host.run(ada(js("1")).session("no\nid")).await.is_err());
    host.shutdown().await;
}

#[tokio::test]
async fn calls_at_once_are_at_once_in_each_language() {
    let host = host().await;
    let js = "await Promise.all(Array.from({length: 10}, () => lab.wait({ms: 300}))); 'done'";
    let python = "import asyncio\nawait asyncio.gather(*[lab.wait(ms=300) for _ in range(10)])\n'done'";
    for (language, code) in [(ScriptLanguage::JavaScript, js), (ScriptLanguage::Python, python)] {
        let report = host.run(script(language, code)).await.unwrap();
        assert_eq!(output(&report), "done");
        // In sequence they would have begun one after the other's end.
        let first_end = report.calls.iter().map(|call| call.started + call.elapsed).min().unwrap();
        let last_start = report.calls.iter().map(|call| call.started).max().unwrap();
        assert!(last_start < first_end, "{language}: {:?}", report.calls);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_script_sees_only_what_it_is_granted() {
    let host = host().await;
    let grants = Grants::parse(["lab:echo"]).unwrap();
    for (language, code) in [
        (ScriptLanguage::JavaScript, "JSON.stringify([Object.keys(tools), Object.keys(lab)])"),
        (ScriptLanguage::Python, "import json\njson.dumps([list(tools), dir(lab)])"),
    ] {
        let file = "script".to_owned();
        let request = RunRequest::script(Script { language, code: code.to_owned(), file }).grants(grants.clone());
        let seen = output(&host.run(request).await.unwrap());
        let seen: Value = serde_json::from_str(seen.as_str().unwrap()).unwrap();
        assert_eq!(seen[0], json!(["lab"]), "{language}");
        assert!(seen[1].as_array().unwrap().contains(&json!("echo")), "{language}: {seen}");
        assert!(!seen[1].as_array().unwrap().contains(&json!("fail")), "{language}: {seen}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_script_calls_while_its_value_is_read_is_not_sent() {
    let host = host().await;
    let calls = async |code| {
        let report = host.run(script(ScriptLanguage::JavaScript, code)).await.unwrap();
        (output(&report), report.calls.len())
    };
    assert_eq!(calls("({ toJSON() { lab.echo({value: 1}); return 1 } })").await, (json!(1), 0));
    // Before that it is, though nobody waits for it.
    assert_eq!(calls("lab.echo({value: 1}); 2").await, (json!(2), 1));
    let getter = "class E extends Error { get message() { lab.echo({value: 1}); return 'got' } }; throw new E()";
    let report = host.run(script(ScriptLanguage::JavaScript, getter)).await.unwrap();
    assert!(report.error.unwrap().to_string().contains("got") && report.calls.is_empty());
    host.shutdown().await;
}

/// A server with these tools, each of which answers with its name.
fn namesakes(names: &'static [&'static str]) -> impl AsyncRead + AsyncWrite + Send + 'static {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let asked: Value = serde_json::from_str(&line).unwrap();
            let answer = match asked["method"].as_str().unwrap() {
                "initialize" => json!({"result": {
                    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "twins", "version": "1"},
                }}),
                "tools/list" => {
                    let tool = |name| json!({"name": name, "inputSchema": {"type": "object"}});
                    json!({"result": {"tools": names.iter().map(tool).collect::<Vec<_>>()}})
                }
                "tools/call" => {
                    json!({"result": {"content": [{"type": "text", "text": asked["params"]["name"]}]}})
                }
                method => json!({"error": {"code": -32601, "message": method}}),
            };
            let mut answer = answer.as_object().unwrap().clone();
            if let Some(id) = asked.get("id") {
                answer.extend([("jsonrpc".to_owned(), "2.0".into()), ("id".to_owned(), id.clone())]);
                let line = format!("{}\n", Value::from(answer));
                write.write_all(line.as_bytes()).await.unwrap();
            }
        }
    });
    ours
}

#[tokio::test]
async fn a_name_of_two_tools_is_the_servers_own_where_a_script_says_so() {
    let host = builder().in_process_server("twins", namesakes(&["a-b", "a_b"])).build().await.unwrap();
    host.settled().await;
    let js = "const names = Object.keys(twins).sort();
        [names, await Promise.all(names.map(n => twins[n]())), await tools.twins['a-b'](), await tools.twins['a_b']()]";
    let python = "names = sorted(dir(twins))
[names, [await getattr(twins, n)() for n in names], await tools['twins']['a-b'](), await tools['twins']['a_b']()]";
    for (language, code) in [(ScriptLanguage::JavaScript, js), (ScriptLanguage::Python, python)] {
        for (grants, there) in [("twins:*", true), ("twins:a-b", false)] {
            let request = script(language, code).grants(Grants::parse([grants]).unwrap());
            let report = host.run(request).await.unwrap();
            if there {
                let seen = output(&report);
                let [names, called] = [&seen[0], &seen[1]].map(|list| list.as_array().unwrap().clone());
                assert_eq!((names.len(), called.len()), (2, 2), "{language}: {seen}");
                assert!(called.contains(&json!("a-b")) && called.contains(&json!("a_b")), "{language}: {seen}");
                assert_eq!((&seen[2], &seen[3]), (&json!("a-b"), &json!("a_b")), "{language}: {seen}");
            } else {
                // The identifier of one is the name of the other: nobody is called in the place of what is not granted.
                let error = report.error.unwrap().to_string();
                assert!(error.contains("twins:a_b"), "{language}: {error}");
                assert!(
                    report.calls.iter().all(|call| call.tool == "a-b" || call.outcome != Outcome::Ok),
                    "{language}"
                );
            }
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_tools_name_is_only_a_name_whatever_it_means_to_a_language() {
    let server = namesakes(&["e__x", "odd__y", "__deepcopy__"]);
    let host = builder().in_process_server("odd", server).build().await.unwrap();
    host.settled().await;
    let js = "[await odd__e__x(), await odd__odd__y()]";
    let python = "import copy
from odd import e__x
other = copy.deepcopy({'server': odd})['server']
[await e__x(), await other.odd__y(), await tools['odd']['__deepcopy__']()]";
    for (language, code, told) in [
        (ScriptLanguage::JavaScript, js, json!(["e__x", "odd__y"])),
        (ScriptLanguage::Python, python, json!(["e__x", "odd__y", "__deepcopy__"])),
    ] {
        let report = host.run(script(language, code).grants(Grants::parse(["odd:*"]).unwrap())).await.unwrap();
        assert_eq!((output(&report), report.calls.len()), (told.clone(), told.as_array().unwrap().len()), "{language}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn what_a_script_writes_is_told_while_it_runs() {
    #[derive(Debug, Default)]
    struct Listener(parking_lot::Mutex<Vec<String>>);
    impl tollgate::Client for Listener {
        fn agent(&self) -> &str {
            "test"
        }
        fn capabilities(&self) -> &str {
            "{}"
        }
        fn ask(&self, _: tollgate::Ask) -> tollgate::BoxFuture<'_, Result<String, tollgate::RpcError>> {
            Box::pin(std::future::pending())
        }
        fn tell(&self, notice: tollgate::Notice) {
            if let tollgate::Notice::Output { text, .. } = notice {
                self.0.lock().push(text);
            }
        }
    }
    let host = host().await;
    for (language, code) in [
        (ScriptLanguage::JavaScript, "console.log('one'); await sleep(50); console.log('two')"),
        (ScriptLanguage::Python, "print('one')\nsleep(0.05)\nprint('two')"),
    ] {
        let listener = Arc::new(Listener::default());
        let report = host.run(script(language, code).client(listener.clone())).await.unwrap();
        assert_eq!(report.stdout, "one\ntwo\n", "{language}");
        assert_eq!(*listener.0.lock(), ["one\n", "two\n"], "{language}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_script_that_waits_for_a_server_can_be_cancelled_and_runs_out_of_time() {
    use crate::support::evil_server;
    use tollgate::{LimitKind, ServerSpec, Status, Transport};
    let evil = evil_server("never-initializes", "");
    let transport = Transport::stdio(evil["command"].as_str().unwrap(), ["never-initializes"]);
    let host = builder().server(ServerSpec::new("deaf", transport)).build().await.unwrap();
    let grants = Grants::parse(["deaf:*"]).unwrap();
    let request = || script(ScriptLanguage::TypeScript, "await deaf.echo({})").grants(grants.clone());
    let stop = tokio::time::sleep(std::time::Duration::from_millis(100));
    assert_eq!(host.run_until(request(), stop).await.unwrap().status, Status::Cancelled);
    let late = host.run(request().limit(LimitKind::Timeout, 200)).await.unwrap();
    assert_eq!(late.status, Status::Limit, "{:?}", late.error);
    // A script without grants for it does not wait for it.
    let free = script(ScriptLanguage::JavaScript, "'deaf'").grants(Grants::default());
    assert_eq!(output(&host.run(free).await.unwrap()), "deaf");
    host.shutdown().await;
}

#[test]
fn exec_prints_as_the_script_prints_and_says_where_it_failed() {
    let place = Place::new();
    let config = json!({"servers": {"lab": {"component": guests::ADAPTER_LAB}}});
    place.write("tollgate.json", config.to_string());
    place.write("sum.py", "print('adding')\nlab.add(a=40, b=2) + input['more']\n");
    let base = ["--config", "tollgate.json", "exec", "--grant", "lab:*"];
    let run = |args: &[&str]| {
        let mut command = place.tollgate(base.iter().chain(args));
        // The interpreters lie beside the binary.
        command.output().map(crate::support::Ended::of).unwrap()
    };
    let ended = run(&["sum.py", "--input", r#"{"more": 8}"#]).expect(0);
    assert_eq!(ended.stdout, "adding\n50\n", "{}", ended.stderr);
    let failed = run(&["sum.py"]).expect(1);
    assert!(failed.stderr.contains("sum.py:2:") && failed.stderr.contains("> 2 | lab.add"), "{}", failed.stderr);
    let report = run(&["sum.py", "--json", "--input", r#"{"more": 8}"#]).expect(0).json();
    assert_eq!((&report["output"], &report["stdout"]), (&json!(50), &json!("adding\n")), "{report:#}");
    assert_eq!(report["calls"][0]["tool"], "add", "{report:#}");
    // `run` takes scripts too, and a first line says the language where nothing else does.
    let ran =
        place.run(["--config", "tollgate.json", "run", "sum.py", "--grant", "lab:*", "--input", r#"{"more": 0}"#]);
    assert_eq!(ran.expect(0).stdout, "adding\n42\n");
    place.write("greet", "#!/usr/bin/env -S tollgate exec --lang ts\nconst who: string = 'you';\nwho");
    assert_eq!(run(&["greet"]).expect(0).stdout, "\"you\"\n");
    place.write("unclear", "1");
    let unclear = run(&["unclear"]).expect(2);
    assert!(unclear.stderr.contains("--lang") || unclear.stderr.contains("name it"), "{}", unclear.stderr);
    run(&["missing.py"]).expect(2);
}
