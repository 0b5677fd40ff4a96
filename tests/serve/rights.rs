//! Who may do what over HTTP: one view for each caller, on every way in.

use crate::support::caller::{Caller, Serving, heard, serve, token, tokens};
use crate::support::mcp::Lines;
use crate::support::{Place, SOON, eventually, evil_server};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tollgate_test_guests as guests;

/// Who calls: `everything` and `finder` have everything, directly and by the tools that find; `echo` was granted one server,
/// `list` and `policies` see that and no more, `nobody` has a token and no entry.
const CALLERS: [&str; 6] = ["everything", "finder", "echo", "list", "policies", "nobody"];
/// Long enough for an answer, short enough to wait for where a stream stays open.
const A_WHILE: Duration = Duration::from_millis(1_500);

fn everything() -> Value {
    json!(["*:*", "resource=*:*", "prompt=*:*"])
}

/// A server `echo` that everybody may know, one `fixture` that some may not, and two policies likewise.
fn config(place: &Place) -> Value {
    let fixture = tollgate_fixture_server::program().unwrap();
    json!({
        "servers": {
            "echo": evil_server("good", ""),
            "fixture": {"command": fixture, "args": ["--stdio"], "domains": ["demo"]},
        },
        "policies": {"echoes": {"component": guests::POLICY_ECHO}, "hidden-flow": {"component": guests::POLICY_ECHO}},
        "journal": place.work().join("journal.jsonl"),
        "serve": {"expose": "all", "http": {"tokens": tokens(&CALLERS)}},
        "callers": [
            {"principal": "everything", "grants": everything(), "expose": "all"},
            {"principal": "finder", "grants": everything(), "expose": "meta-full"},
            {"principal": "echo", "grants": ["echo:*"], "expose": "meta-full"},
            {"principal": "list", "grants": everything(), "expose": ["echo:*", "echoes"]},
            {"principal": "policies", "grants": everything(), "expose": "policies"},
        ],
    })
}

/// Something that a handler can be asked for, what its answer has in it where it is given, and who gets it.
struct Row {
    ask: fn(&mut Caller<'_>) -> String,
    /// Nothing of the request has this in it, so no refusal has it either.
    gives: &'static str,
    to: &'static [&'static str],
}

fn tool(caller: &mut Caller<'_>, name: &str, arguments: Value) -> String {
    caller.call(name, arguments).to_string()
}

fn api(caller: &Caller<'_>, method: &str, path: &str, body: Value) -> String {
    caller.serving.api(&caller.who, method, path, &body).1
}

const TEXT: &str = "test_simple_text";
const SAID: &str = "This is a simple text response";

/// The row of a handler. One that is not here fails the test.
fn row(handler: &str) -> Row {
    fn row(ask: fn(&mut Caller<'_>) -> String, gives: &'static str, to: &'static [&'static str]) -> Row {
        Row { ask, gives, to }
    }
    match handler {
        "initialize, server/discover" => row(
            |c| c.stateless("server/discover", "", json!({}), SOON),
            r#""resources":{"#,
            &["everything", "finder", "echo"],
        ),
        "tools/call: headers held against the schema" => row(
            |c| {
                let name = "fixture__test_header_argument";
                c.stateless("tools/call", name, json!({"name": name, "arguments": {"region": "eu"}}), SOON)
            },
            "Mcp-Param-Region",
            &["everything"],
        ),
        "tools/list" => row(|c| c.request("tools/list", json!({})).to_string(), "fixture__", &["everything"]),
        "tools/call" => row(|c| tool(c, "fixture__test_simple_text", json!({})), SAID, &["everything"]),
        "resources/list" => {
            row(|c| c.request("resources/list", json!({})).to_string(), "test://static-text", &["everything", "finder"])
        }
        "resources/templates/list" => row(
            |c| c.request("resources/templates/list", json!({})).to_string(),
            "uriTemplate",
            &["everything", "finder"],
        ),
        "resources/read" => row(
            |c| c.request("resources/read", json!({"uri": "tollgate://fixture/test://static-text"})).to_string(),
            "content of the static text",
            &["everything", "finder"],
        ),
        "prompts/list" => row(
            |c| c.request("prompts/list", json!({})).to_string(),
            "fixture__test_simple_prompt",
            &["everything", "finder"],
        ),
        "prompts/get" => row(
            |c| c.request("prompts/get", json!({"name": "fixture__test_simple_prompt"})).to_string(),
            "This is a simple prompt for testing",
            &["everything", "finder"],
        ),
        "completion/complete" => row(
            |c| {
                let of = json!({"type": "ref/prompt", "name": "fixture__test_prompt_with_arguments"});
                let params = json!({"ref": of, "argument": {"name": "arg1", "value": "t"}});
                c.request("completion/complete", params).to_string()
            },
            r#""values""#,
            &["everything", "finder"],
        ),
        "resources/subscribe" => row(
            |c| {
                let uri = "tollgate://fixture/test://watched-resource";
                c.request("resources/subscribe", json!({"uri": uri})).to_string()
            },
            r#""result""#,
            &["everything", "finder"],
        ),
        // Whoever has subscribed to nothing has nothing to end.
        "resources/unsubscribe" => {
            row(|c| c.request("resources/unsubscribe", json!({"uri": "test://x"})).to_string(), "fixture", &[])
        }
        "subscriptions/listen" => row(
            |c| {
                let uris = json!(["tollgate://fixture/test://watched-resource"]);
                let params = json!({"notifications": {"resourceSubscriptions": uris}});
                let told = c.stateless("subscriptions/listen", "", params, A_WHILE);
                if told.contains("denied") || told.contains("no grant") { String::new() } else { told }
            },
            "tollgate://fixture/test://watched-resource",
            &["everything", "finder"],
        ),
        "notifications of changes" => row(
            |c| {
                let stream = c.listen();
                let mut other = c.serving.caller("everything");
                // It is changed, and changed back for the next.
                for _ in 0..2 {
                    other.call("fixture__test_trigger_tool_change", json!({}));
                    std::thread::sleep(Duration::from_millis(300));
                }
                heard(stream, A_WHILE)
            },
            "tools/list_changed",
            &["everything"],
        ),
        "tool search_tools" => row(
            |c| tool(c, "search_tools", json!({"query": "answers with a text", "detail": "names", "limit": 50})),
            "fixture:test_simple_text",
            &["finder"],
        ),
        "tool get_api_documentation" => {
            row(|c| tool(c, "get_api_documentation", json!({"server": "fixture"})), TEXT, &["finder"])
        }
        "tool call_tool" => {
            row(|c| tool(c, "call_tool", json!({"tool": "fixture:test_simple_text"})), SAID, &["finder"])
        }
        "tool run_policy" => row(|c| tool(c, "run_policy", json!({})), "hidden", &["finder", "echo"]),
        "tool execute_code" => row(
            |c| tool(c, "execute_code", json!({"language": "python", "code": "dir(tools)"})),
            "fixture",
            &["finder"],
        ),
        "tool save_script" => row(
            |c| {
                let code = json!({"name": "own", "language": "python", "code": "'what is saved'", "overwrite": true,
                    "description": format!("A script, saved by {}.", c.who)});
                tool(c, "save_script", code)
            },
            "sha256:",
            &["finder", "echo"],
        ),
        "tool list_scripts" => row(|c| tool(c, "list_scripts", json!({})), "saved by finder", &["finder"]),
        "tool run_script" => {
            row(|c| tool(c, "run_script", json!({"name": "own"})), "what is saved", &["finder", "echo"])
        }
        "tool list_available_tools" => {
            row(|c| tool(c, "list_available_tools", json!({})), "fixture:test_simple_text", &["finder"])
        }
        "tool refresh_tools" => row(|c| tool(c, "refresh_tools", json!({})), "fixture", &["finder"]),
        "tool list_policies" => row(|c| tool(c, "list_policies", json!({})), "hidden", &["finder", "echo"]),
        "tool server_status" => row(|c| tool(c, "server_status", json!({})), "fixture", &["finder"]),
        "get /mcp/status" => row(|c| api(c, "GET", "/mcp/status", Value::Null), "fixture", &["everything", "finder"]),
        "get /mcp/servers" => row(|c| api(c, "GET", "/mcp/servers", Value::Null), "fixture", &["everything", "finder"]),
        "get /mcp/tools" => row(|c| api(c, "GET", "/mcp/tools", Value::Null), TEXT, &["everything", "finder"]),
        "get /mcp/resources" => {
            row(|c| api(c, "GET", "/mcp/resources", Value::Null), "test://static-text", &["everything", "finder"])
        }
        "get /mcp/resources/{domain}" => {
            row(|c| api(c, "GET", "/mcp/resources/demo", Value::Null), "test://static-text", &["everything", "finder"])
        }
        "post /mcp/call" => row(
            |c| api(c, "POST", "/mcp/call", json!({"server": "fixture", "tool": "test_simple_text"})),
            SAID,
            &["everything", "finder"],
        ),
        "post /mcp/run" => row(
            |c| api(c, "POST", "/mcp/run", json!({"policy": "hidden-flow", "input": {}})),
            r#""status":"ok""#,
            &["everything", "finder", "echo", "policies"],
        ),
        "get /mcp/cache" => row(|c| api(c, "GET", "/mcp/cache", Value::Null), "fixture", &[]),
        "delete /mcp/cache" => row(|c| api(c, "DELETE", "/mcp/cache", Value::Null), "fixture", &[]),
        "get /mcp/openapi.json" => row(|c| api(c, "GET", "/mcp/openapi.json", Value::Null), "fixture", &[]),
        "get /metrics" => {
            row(|c| api(c, "GET", "/metrics", Value::Null), r#"server="fixture""#, &["everything", "finder"])
        }
        other => panic!("`{other}` can be asked for, and has no row here: write what it gives, and to whom"),
    }
}

#[test]
fn every_handler_gives_each_caller_what_exists_for_him_and_nothing_else() {
    let place = Place::new();
    let serving = serve(&place, &config(&place), &[]);
    let mut wrong = Vec::new();
    for handler in tollgate_server::handlers() {
        let Row { ask, gives, to } = row(&handler);
        for who in CALLERS {
            let answer = ask(&mut serving.caller(who));
            let (is_given, expected) = (answer.contains(gives), to.contains(&who));
            if is_given != expected {
                wrong.push(format!(
                    "{handler} for {who}: {} `{gives}`: {answer:.600}",
                    if is_given { "gives" } else { "does not give" }
                ));
            }
            if who == "nobody"
                && (answer.contains("hidden-flow:") || answer.contains("echo__") || answer.contains("\"echo\""))
            {
                wrong.push(format!("{handler}: something exists for nobody: {answer:.600}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whoever_is_served_over_stdio_has_what_serve_says_though_there_are_callers() {
    let place = Place::new();
    place.write("callers.json", config(&place).to_string());
    let command = place.tollgate(["--config", "callers.json", "serve", "--stdio"]);
    let mut agent = Lines::start(command, "2025-11-25", json!({}));
    assert!(agent.tools().contains(&"fixture__test_simple_text".to_owned()));
}

/// The tools that a caller sees.
fn seen(serving: &Serving, who: &str) -> BTreeSet<String> {
    let answer = serving.caller(who).request("tools/list", json!({}));
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn entries_add_up_and_serve_bounds_them() {
    let place = Place::new();
    let mut config = config(&place);
    config["serve"]["grants"] = json!(["echo:*", "fixture:test_simple_text", "resource=fixture:test://static-text"]);
    config["serve"]["expose"] = json!(["echo:*", "fixture:test_*", "echoes"]);
    config["serve"]["http"]["tokens"] = tokens(&["two", "wide", "unsaid"]);
    config["callers"] = json!([
        {"principal": "two", "grants": ["echo:echo"], "expose": ["echo:*"]},
        {"principal": "two", "grants": ["fixture:*"], "expose": ["fixture:*", "hidden-flow"]},
        {"principal": "wide", "grants": everything(), "expose": "all"},
        {"principal": "unsaid", "grants": ["echo:echo"]},
    ]);
    let serving = serve(&place, &config, &[]);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    // Neither more than the grants of `serve` nor more than its list, which has no `hidden-flow`.
    assert_eq!(seen(&serving, "two"), names(&["echo__echo", "fixture__test_simple_text"]));
    let wide = seen(&serving, "wide");
    assert!(wide.contains("echoes") && !wide.contains("hidden-flow"), "{wide:?}");
    assert_eq!(wide.iter().filter(|name| name.starts_with("fixture")).count(), 1, "{wide:?}");
    assert_eq!(seen(&serving, "unsaid"), names(&["echo__echo", "echoes"]), "it sees what `serve` says");
    // A list has no resources, though they are granted.
    let read = json!({"uri": "tollgate://fixture/test://static-text"});
    assert!(serving.caller("wide").request("resources/read", read)["error"].is_object());
}

#[test]
fn of_several_limits_the_most_generous_counts_and_never_above_the_files() {
    let place = Place::new();
    let mut config = config(&place);
    // No machine burns so much fuel in the time.
    config["limits"] = json!({"timeout": "2s", "fuel": 1_000_000_000_000_u64});
    config["serve"]["http"]["tokens"] = tokens(&["short", "long"]);
    config["callers"] = json!([
        {"principal": "short", "grants": everything(), "expose": "meta", "limits": {"timeout": "100ms"}},
        {"principal": "short", "grants": [], "limits": {"timeout": "300ms"}},
        {"principal": "long", "grants": everything(), "expose": "meta", "limits": {"timeout": "1h"}},
    ]);
    let serving = serve(&place, &config, &[]);
    for (who, limit) in [("short", "300ms"), ("long", "2s")] {
        // What the caller asks for raises neither.
        let code = json!({"language": "javascript", "code": "while (true) {}", "timeout": 3600});
        let ran = serving.caller(who).call("execute_code", code);
        let error = &ran["result"]["structuredContent"]["error"]["message"];
        assert!(
            error.as_str().is_some_and(|error| error.contains("timeout") && error.contains(limit)),
            "{who}: {ran:#}"
        );
    }
}

#[test]
fn every_approval_that_matches_is_asked_for() {
    let place = Place::new();
    let mut config = config(&place);
    config["serve"]["approve"] = json!(["fixture:test_simple_*"]);
    config["callers"][0]["approve"] = json!(["echo:*"]);
    let serving = serve(&place, &config, &[]);
    // Its client cannot ask anybody, so what needs an approval is refused.
    let mut caller = serving.caller("everything");
    for name in ["fixture__test_simple_text", "echo__echo"] {
        let answer = caller.call(name, json!({"text": "x"})).to_string();
        assert!(answer.contains("approval"), "{name}: {answer}");
    }
    let free = caller.call("fixture__test_image_content", json!({}));
    assert_ne!(free["result"]["isError"], true, "{free:#}");
}

#[test]
fn a_reload_takes_rights_and_tokens_away_from_open_sessions_and_streams() {
    let place = Place::new();
    let mut config = config(&place);
    let serving = serve(&place, &config, &[]);
    let (mut kept, gone) = (serving.caller("everything"), serving.caller("finder"));
    let subscribe = json!({"uri": "tollgate://fixture/test://watched-resource"});
    assert!(kept.request("resources/subscribe", subscribe)["result"].is_object());
    let (stream, cut) = (kept.listen(), gone.listen());
    assert!(kept.call("fixture__test_simple_text", json!({})).to_string().contains(SAID));

    config["callers"][0]["grants"] = json!(["echo:*", "fixture:test_trigger_resource_change"]);
    let left: Vec<_> = CALLERS.into_iter().filter(|name| *name != "finder").collect();
    config["serve"]["http"]["tokens"] = tokens(&left);
    place.write("callers.json", config.to_string());
    serving.running.signal("-HUP");
    eventually("the token is one no more", || {
        let (status, _) = serving.exchange("GET", "/mcp/status", "finder", &[], "");
        (status == 401).then_some(())
    });
    // The same session, with what it has now.
    let answer = kept.call("fixture__test_simple_text", json!({}));
    assert!(answer["error"].is_object(), "{answer:#}");
    assert!(!kept.request("resources/list", json!({})).to_string().contains("static-text"));
    // It hears that its tools changed, and nothing of the resource any more.
    kept.call("fixture__test_trigger_resource_change", json!({}));
    let told = heard(stream, A_WHILE);
    assert!(told.contains("tools/list_changed") && !told.contains("resources/updated"), "{told}");
    // Who came with the token is cut off.
    let began = Instant::now();
    let end = heard(cut, SOON);
    assert!(began.elapsed() < SOON / 2, "its stream has ended");
    assert!(end.contains("200 OK") && !end.contains("list_changed"), "{end}");
    assert_eq!(gone.post(&json!({"jsonrpc": "2.0", "id": 9, "method": "tools/list"}), &[]).0, 401);
}

/// A request whose body was still coming when its token went: the call was made all the same, and answered with 401.
#[test]
fn a_body_held_back_until_its_token_is_gone_calls_nothing() {
    let place = Place::new();
    let mut config = config(&place);
    let serving = serve(&place, &config, &[]);
    let body = json!({"server": "echo", "tool": "echo", "arguments": {}}).to_string();
    let (most, last) = body.split_at(body.len() - 1);
    let begin = |_| {
        let mut stream = TcpStream::connect(&serving.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "POST /mcp/call HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{most}",
            serving.address,
            token("finder"),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let held: Vec<TcpStream> = (0..20).map(begin).collect();
    let left: Vec<_> = CALLERS.into_iter().filter(|name| *name != "finder").collect();
    config["serve"]["http"]["tokens"] = tokens(&left);
    place.write("callers.json", config.to_string());
    serving.running.signal("-HUP");
    eventually("the token is one no more", || {
        let (status, _) = serving.exchange("GET", "/mcp/status", "finder", &[], "");
        (status == 401).then_some(())
    });
    for mut stream in held {
        // It may be cut off before it has said all.
        drop(stream.write_all(last.as_bytes()));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let (status, _) =
        serving.exchange("POST", "/mcp/call", "everything", &[("Content-Type", "application/json")], &body);
    assert_eq!(status, 200);
    // The same call of another is there, so one of this caller would be.
    let journal = std::fs::read_to_string(place.work().join("journal.jsonl")).unwrap_or_default();
    assert!(journal.contains("\"everything\"") && !journal.contains("\"finder\""), "{journal}");
}

#[test]
fn what_is_done_over_http_is_journaled_under_the_name_of_whoever_did_it() {
    let place = Place::new();
    let serving = serve(&place, &config(&place), &[]);
    let uri = "tollgate://fixture/test://watched-resource";
    let mut caller = serving.caller("finder");
    assert!(caller.request("resources/subscribe", json!({"uri": uri}))["result"].is_object());
    let params = json!({"notifications": {"resourceSubscriptions": [uri]}});
    caller.stateless("subscriptions/listen", "", params, A_WHILE);
    eventually("both subscriptions are journaled", || {
        let journal = std::fs::read_to_string(place.work().join("journal.jsonl")).unwrap_or_default();
        let entries: Vec<Value> = journal.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let principals: BTreeSet<_> = entries.iter().filter_map(|entry| entry["principal"].as_str()).collect();
        assert!(!principals.contains("agent"), "{principals:?}");
        (journal.matches("resources/subscribe").count() >= 2 && principals.contains("finder")).then_some(())
    });
}
