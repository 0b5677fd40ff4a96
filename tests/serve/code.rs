//! Scripts of agents, over MCP.

use super::{place, serve};
use crate::support::mcp::text;
use serde_json::{Value, json};

#[test]
fn an_agents_script_calls_tools_and_tells_what_it_did() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    for (language, code) in [
        ("javascript", "console.log('asking'); const a = await echo.echo({text: input.word}); a + '!'"),
        ("typescript", "console.log('asking'); const a: string = await echo.echo({text: input.word}); a + '!'"),
        ("python", "print('asking')\na = echo.echo(text=input['word'])\na + '!'"),
    ] {
        let arguments = json!({"language": language, "code": code, "input": {"word": "hello"}});
        let result = agent.call("execute_code", arguments);
        assert_ne!(result["isError"], true, "{result:#}");
        let told = &result["structuredContent"];
        assert_eq!(
            (&told["output"], &told["stdout"], &told["status"]),
            (&json!("hello!"), &json!("asking\n"), &json!("ok"))
        );
        let call = &told["calls"][0];
        assert_eq!((&call["server"], &call["tool"], &call["outcome"]), (&json!("echo"), &json!("echo"), &json!("ok")));
        assert!(told["fuel_used"].as_u64().unwrap() > 0 && told["elapsed_ms"].is_number(), "{told:#}");
        assert!(text(&result).contains("asking") && text(&result).contains("\"hello!\""), "{result:#}");
    }
}

#[test]
fn a_failing_script_is_told_with_its_line_and_the_calls_that_were_made() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    let code = "const a = await echo.echo({text: 'x'});\nawait echo.nothing({});";
    let result = agent.call("execute_code", json!({"language": "javascript", "code": code}));
    assert_eq!(result["isError"], true, "{result:#}");
    let said = text(&result);
    assert!(said.contains("script.js:2:") && said.contains("> 2 | await echo.nothing"), "{said}");
    assert!(said.contains("unknown-tool") || said.contains("no tool"), "{said}");
    assert!(said.contains("calls were made") && said.contains("echo:echo ok"), "{said}");
    let error = &result["structuredContent"]["error"];
    assert_eq!((&error["line"], &error["caused_by"]["kind"]), (&json!(2), &json!("unknown-tool")), "{error:#}");

    for (arguments, part) in [
        (json!({"language": "cobol", "code": "1"}), "cobol"),
        (json!({"language": "python"}), "code"),
        (json!({"language": "python", "code": "1", "timeout": 0}), "at least 1"),
        (json!({"language": "python", "code": "1", "session": "a\u{7}b"}), "session"),
        (json!({"language": "python", "code": "x ="}), "script.py:1:"),
        (json!({"language": "javascript", "code": "x"}), "x is not defined"),
    ] {
        let result = agent.call("execute_code", arguments.clone());
        assert_eq!(result["isError"], true, "{arguments}: {result:#}");
        assert!(text(&result).contains(part), "{arguments}: {result:#}");
    }
}

#[test]
fn a_script_may_do_what_its_agent_may_and_no_more() {
    let place = place();
    let mut agent = serve(&place, &["--grant", "echo:read"], json!({}));
    let code =
        "import json\ntry:\n    echo.echo(text='x')\nexcept ToolError as e:\n    kind = e.kind\n[kind, dir(tools)]";
    let result = agent.call("execute_code", json!({"language": "python", "code": code}));
    assert_eq!(result["structuredContent"]["output"][0], "denied", "{result:#}");
}

#[test]
fn what_a_script_prints_comes_as_progress() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    let code =
        "console.log('one'); await sleep(20); console.error('two'); progress(1, 2, 'half'); console.log('three')";
    let arguments = json!({"language": "javascript", "code": code});
    let params = json!({"name": "execute_code", "arguments": arguments, "_meta": {"progressToken": "p"}});
    let answer = agent.request("tools/call", params);
    assert_ne!(answer["result"]["isError"], true, "{answer:#}");
    let told: Vec<&Value> =
        agent.unasked.iter().filter(|m| m["method"] == "notifications/progress").map(|m| &m["params"]).collect();
    let said: Vec<_> = told.iter().map(|p| p["message"].as_str().unwrap_or_default()).collect();
    assert_eq!(said, ["one", "two", "half", "three"], "{told:#?}");
    let grows = told.windows(2).all(|pair| pair[0]["progress"].as_f64() < pair[1]["progress"].as_f64());
    assert!(grows, "{told:#?}");
}

#[test]
fn cancelling_the_request_ends_the_script_and_its_call() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    let code = "while (true) { try { await stuck.echo({text: 'x'}) } catch {} }";
    let arguments = json!({"language": "javascript", "code": code, "timeout": 3600});
    let id = agent.begin("tools/call", json!({"name": "execute_code", "arguments": arguments}));
    let log = place.work().join("stuck.log");
    let noted =
        |text: &str| std::fs::read_to_string(&log).is_ok_and(|log| log.lines().any(|line| line.starts_with(text)));
    crate::support::eventually("the call is there", || noted("called").then_some(()));
    agent.notify("notifications/cancelled", json!({"requestId": id}));
    crate::support::eventually("the call is taken back", || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.lines().any(|line| !line.starts_with("called")).then_some(())
    });
    // The agent is served as before.
    let result = agent.call("execute_code", json!({"language": "javascript", "code": "1"}));
    assert_eq!(result["structuredContent"]["output"], 1, "{result:#}");
}

#[test]
fn scripts_are_kept_by_name_with_typed_input() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "meta-full"], json!({}));
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let script = json!({"name": "double", "language": "typescript", "code": "const n: number = input.n; n * 2",
        "description": "Doubles a number.", "input_schema": schema});
    let saved = agent.call("save_script", script.clone());
    assert!(text(&saved).contains("sha256:"), "{saved:#}");
    let again = agent.call("save_script", script);
    assert_eq!(again["isError"], true, "{again:#}");
    let listed = agent.call("list_scripts", json!({}));
    assert!(text(&listed).contains("double (typescript): Doubles a number."), "{listed:#}");
    let ran = agent.call("run_script", json!({"name": "double", "input": {"n": 21}}));
    assert_eq!(ran["structuredContent"]["output"], 42, "{ran:#}");
    let wrong = agent.call("run_script", json!({"name": "double", "input": {"n": "x"}}));
    assert_eq!(wrong["isError"], true, "{wrong:#}");
    assert_eq!(agent.call("run_script", json!({"name": "../double"}))["isError"], true);
    // Another process has it too; a file that was changed is refused.
    agent.close();
    let scripts = place.dir.path().join("home/.local/state/tollgate/scripts");
    let first = |folder| std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    // Of the tenant, and in it of the principal.
    let folder = first(first(scripts));
    std::fs::write(folder.join("double.ts"), "steal()").unwrap();
    let mut agent = serve(&place, &["--expose", "meta-full"], json!({}));
    let changed = agent.call("run_script", json!({"name": "double", "input": {"n": 21}}));
    assert_eq!(changed["isError"], true, "{changed:#}");
    assert!(text(&changed).contains("double"), "{changed:#}");
}

#[test]
fn a_session_is_one_agents_own() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    let run = |code: &str| json!({"language": "python", "code": code, "session": "s"});
    let first = agent.call("execute_code", run("session['seen'] = ['a']"));
    assert_eq!(first["structuredContent"]["session"], json!({"seen": ["a"]}), "{first:#}");
    let second = agent.call("execute_code", run("session['seen'] + ['b']"));
    assert_eq!(second["structuredContent"]["output"], json!(["a", "b"]), "{second:#}");
    let other = agent.call("execute_code", json!({"language": "python", "code": "dict(session)"}));
    assert_eq!(other["structuredContent"]["output"], json!({}), "{other:#}");
}
