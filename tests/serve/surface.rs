//! What agents see, and what their calls do.

use super::{LEGACY, place, serve};
use crate::support::mcp::{Lines, text};
use crate::support::{eventually, evil_server};
use serde_json::{Value, json};
use tollgate_test_guests as guests;

#[test]
fn the_default_surface_is_four_tools_that_find_and_call_all_others() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    assert_eq!(agent.tools(), ["search_tools", "get_api_documentation", "call_tool", "run_policy", "execute_code"]);

    let found = agent.call("search_tools", json!({"query": "echo a text"}));
    assert!(text(&found).contains("echo:echo"), "{found:#}");
    let docs = agent.call("get_api_documentation", json!({"server": "echo", "tool": "echo"}));
    assert!(text(&docs).contains("echo(args"), "{docs:#}");
    let python = agent.call("get_api_documentation", json!({"tool": "echo:echo", "language": "python"}));
    assert!(text(&python).contains("async def echo"), "{python:#}");
    let called = agent.call("call_tool", json!({"server": "echo", "tool": "echo", "arguments": {"text": "hi"}}));
    assert!(text(&called).contains("hi"), "{called:#}");
    let run = agent.call("run_policy", json!({"policy": "echoes", "input": {"a": 1}}));
    assert_ne!(run["isError"], true, "{run:#}");

    // What a model gets wrong is told to it in a result that it can read.
    for (tool, args, want) in [
        ("call_tool", json!({"server": "echo", "tool": "ecko"}), "did you mean"),
        ("call_tool", json!({"server": "echo", "tool": "echo", "arguments": {"text": 7}}), "/text"),
        ("call_tool", json!({"tool": "echo"}), "which server"),
        ("run_policy", json!({"policy": "nothing"}), "echoes"),
        ("search_tools", json!({}), "query"),
        ("search_tools", json!({"query": "x", "server": "nobody"}), "no server"),
    ] {
        let result = agent.call(tool, args.clone());
        assert!(text(&result).contains(want), "{tool} {args}: {result:#}");
    }
    assert_eq!(agent.close(), 0);
}

#[test]
fn an_agent_calls_a_domain_and_sees_which_servers_are_missing() {
    let place = crate::support::Place::new();
    let good = evil_server("good", "");
    let config = json!({"servers": {
        "notes": {"command": good["command"], "args": good["args"], "domains": ["notes"]},
        "gone": evil_server("dies-at-start", ""),
    }});
    place.write("tollgate.json", config.to_string());
    let mut agent = serve(&place, &[], json!({}));
    let called = agent.call("call_tool", json!({"tool": "domain:notes:echo", "arguments": {"text": "hi"}}));
    assert!(text(&called).contains("hi"), "{called:#}");
    // An agent finds out by itself.
    let overview = agent.call("get_api_documentation", json!({}));
    assert!(text(&overview).contains("notes (2; domains: notes)\n`domain:NAME:TOOL`"), "{overview:#}");
    let unknown = agent.call("call_tool", json!({"tool": "domain:note:echo"}));
    assert!(text(&unknown).contains("no server has this domain; there is domain:notes:*"), "{unknown:#}");
    let found = agent.call("search_tools", json!({"query": "echo a text"}));
    assert!(text(&found).contains("Not available, so not included: gone."), "{found:#}");
    assert_eq!(agent.close(), 0);
}

#[test]
fn the_default_surface_is_small() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    let answer = agent.request("tools/list", json!({}));
    let tools = answer["result"]["tools"].to_string();
    let tokens = tiktoken_rs::o200k_base().unwrap().encode_ordinary(&tools).len();
    assert!(tools.contains("execute_code"), "the interpreters are not built: run `cargo xtask plugins`");
    println!("the default surface costs {tokens} tokens");
    assert!(tokens < 900, "{tokens} tokens: {tools}");
}

#[test]
fn all_tools_pass_through_under_prefixed_names_with_everything_that_describes_them() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let answer = agent.request("tools/list", json!({}));
    let tools = answer["result"]["tools"].as_array().unwrap();
    let find = |name: &str| tools.iter().find(|t| t["name"] == name).unwrap_or_else(|| panic!("{name}: {answer:#}"));
    find("echo__echo");
    find("calls");
    let schema = &find("fixture__json_schema_2020_12_tool")["inputSchema"];
    assert!(schema["$schema"].is_string() && schema["$defs"].is_object(), "{schema:#}");

    let image = agent.call("fixture__test_image_content", json!({}));
    assert_eq!(image["content"][0]["type"], "image", "{image:#}");
    let mixed = agent.call("fixture__test_multiple_content_types", json!({}));
    assert!(mixed["content"].as_array().unwrap().len() > 2, "{mixed:#}");
    let failed = agent.call("fixture__test_error_handling", json!({}));
    assert_eq!(failed["isError"], true, "{failed:#}");
    let unknown = agent.request("tools/call", json!({"name": "no_such_tool"}));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown:#}");
}

#[test]
fn policies_are_tools_with_schemas_and_structured_output() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "policies"], json!({}));
    assert_eq!(agent.tools(), ["calls", "echoes"]);
    let input = json!({"mode": "sequence", "calls": [{"server": "echo", "tool": "echo", "args": {"text": "hi"}}]});
    let result = agent.call("calls", input);
    assert!(result["structuredContent"].to_string().contains("hi"), "{result:#}");
    assert!(result["_meta"]["io.tollgate/run"].is_string(), "{result:#}");
    let failed = agent.call("calls", json!({"mode": "nonsense"}));
    assert_eq!(failed["isError"], true, "{failed:#}");
}

#[test]
fn a_list_exposes_what_it_names() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "echo:*,calls", "--rename", "echo:echo=say"], json!({}));
    let tools = agent.tools();
    assert!(tools.contains(&"say".to_owned()) && tools.contains(&"calls".to_owned()), "{tools:?}");
    assert!(!tools.iter().any(|name| name.starts_with("fixture") || name == "echoes"), "{tools:?}");
    assert!(text(&agent.call("say", json!({"text": "hi"}))).contains("hi"));
}

#[test]
fn agents_may_be_granted_less_than_everything() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all", "--grant", "echo:*"], json!({}));
    assert!(text(&agent.call("echo__echo", json!({"text": "hi"}))).contains("hi"));
    assert!(agent.tools().iter().all(|name| !name.starts_with("fixture__")), "what is not granted is not listed");
    let denied = agent.request("tools/call", json!({"name": "fixture__test_simple_text", "arguments": {}}));
    assert!(denied["error"]["message"].as_str().unwrap().contains("there is no tool"), "{denied:#}");
}

#[test]
fn a_bare_uri_is_the_servers_that_gave_it_and_never_a_guess() {
    let place = place();
    let fixture = json!({"command": tollgate_fixture_server::program().unwrap(), "args": ["--stdio"]});
    let config = json!({"mcpServers": {"one": fixture, "two": fixture, "echo": evil_server("good", "")}});
    place.write("tollgate.json", config.to_string());
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    for uri in ["test://static-text", "test://template/7/data"] {
        let refused = agent.request("resources/read", json!({"uri": uri}));
        let why = refused["error"]["message"].as_str().unwrap_or_else(|| panic!("{refused:#}"));
        assert!(why.contains(&format!("`tollgate://one/{uri}` or `tollgate://two/{uri}`")), "{why}");
    }
    // No server lists this one; a server gives it.
    let unknown = agent.request("resources/read", json!({"uri": "test://embedded-resource"}));
    assert!(unknown["error"]["message"].to_string().contains("no server lists"), "{unknown:#}");
    agent.call("two__test_embedded_resource", json!({}));
    let asked = agent.request("resources/read", json!({"uri": "test://embedded-resource"}));
    assert!(!asked["error"]["message"].to_string().contains("no server lists"), "{asked:#}");
    agent.call("one__test_embedded_resource", json!({}));
    let refused = agent.request("resources/read", json!({"uri": "test://embedded-resource"}));
    assert!(refused["error"]["message"].to_string().contains("several servers"), "{refused:#}");
}

#[test]
fn resources_and_prompts_pass_through_under_names_that_read_back() {
    let place = place();
    let mut agent = serve(&place, &[], json!({}));
    let list = agent.request("resources/list", json!({}));
    let uri = list["result"]["resources"][0]["uri"].as_str().unwrap_or_else(|| panic!("{list:#}")).to_owned();
    assert!(uri.starts_with("tollgate://fixture/"), "{uri}");
    let read = agent.request("resources/read", json!({"uri": uri}));
    assert!(read["result"]["contents"].is_array(), "{read:#}");
    // Under its own URI, as it stands in a tool's result.
    let own = uri.strip_prefix("tollgate://fixture/").unwrap();
    let read = agent.request("resources/read", json!({"uri": own}));
    assert!(read["result"]["contents"].is_array(), "{read:#}");
    let none = agent.request("resources/read", json!({"uri": "nowhere://at/all"}));
    assert!(none["error"]["message"].is_string(), "{none:#}");

    let prompts = agent.request("prompts/list", json!({}));
    let names: Vec<_> = prompts["result"]["prompts"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
    assert!(names.contains(&json!("fixture__test_simple_prompt")), "{names:?}");
    let prompt = agent.request("prompts/get", json!({"name": "fixture__test_simple_prompt"}));
    assert!(prompt["result"]["messages"].is_array(), "{prompt:#}");
    let completion = agent.request(
        "completion/complete",
        json!({"ref": {"type": "ref/prompt", "name": "fixture__test_prompt_with_arguments"},
            "argument": {"name": "arg1", "value": "t"}}),
    );
    assert!(completion["result"]["completion"]["values"].is_array(), "{completion:#}");
}

#[test]
fn lists_of_tools_have_structure_too() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "meta-full"], json!({}));
    let listed = agent.call("list_available_tools", json!({"server": "echo", "language": "python"}));
    let told = &listed["structuredContent"];
    assert_eq!((&told["total_servers"], &told["total_tools"]), (&json!(1), &json!(2)), "{listed:#}");
    let tools = told["servers"]["echo"]["tools"].as_array().unwrap();
    assert_eq!(tools[0]["name"], "echo");
    assert!(tools[0]["signature"].as_str().unwrap().starts_with("echo.echo(text"), "{listed:#}");
    assert_eq!(text(&listed), "echo:echo\necho:read");
    let refreshed = agent.call("refresh_tools", json!({}));
    let told = &refreshed["structuredContent"];
    assert_eq!(told["status"], "ok", "{refreshed:#}");
    assert!(told["tool_count"].as_u64().unwrap() > 10 && told["server_count"] == 3, "{refreshed:#}");
}

#[test]
fn resources_of_a_host_behind_this_one_are_read() {
    let place = place();
    let served = super::http::serve(&place, &[]);
    let url = served.url.as_str();
    place.write("outer.json", json!({"servers": {"inner": {"url": url}}}).to_string());
    let outer = |more: &[&str]| {
        let args = ["--config", "outer.json", "serve"].iter().chain(more);
        Lines::start(place.tollgate(args), LEGACY, json!({}))
    };
    let bridge = Lines::start(place.tollgate(["serve", "--to", url]), LEGACY, json!({}));
    for (mut agent, name) in [
        (bridge, "tollgate://fixture/test://static-text"),
        (outer(&["--names", "none"]), "tollgate://fixture/test://static-text"),
        (outer(&[]), "tollgate://inner/tollgate://fixture/test://static-text"),
    ] {
        let list = agent.request("resources/list", json!({}));
        let uris: Vec<_> = list["result"]["resources"].as_array().unwrap().iter().map(|item| &item["uri"]).collect();
        assert!(uris.contains(&&json!(name)), "{name}: {list:#}");
        // A template makes the second one, which no list has.
        for uri in [name.to_owned(), name.replace("static-text", "template/7/data")] {
            let read = agent.request("resources/read", json!({"uri": uri}));
            assert!(read["result"]["contents"].is_array(), "{uri}: {read:#}");
        }
    }
}

#[test]
fn a_policy_reads_resources_and_gets_prompts_that_it_was_granted() {
    let place = place();
    let input =
        json!({"server": "fixture", "uri": "test://watched-resource", "prompt": "test_simple_prompt"}).to_string();
    let run = |grants: &[&str]| {
        let mut args = vec!["--config", "tollgate.json", "run", guests::POLICY_QUERIES, "--json", "--input", &input];
        for grant in grants {
            args.extend(["--grant", grant]);
        }
        place.run(args).json()
    };
    let report = run(&["resource=fixture:test://watched*", "prompt=fixture:test_simple_*"]);
    let output = &report["output"];
    assert!(output["read"]["ok"]["contents"].is_array(), "{report:#}");
    assert!(output["prompt"]["ok"]["messages"].is_array(), "{report:#}");
    let uris: Vec<&Value> = output["lists"][0].as_array().unwrap().iter().map(|item| &item["uri"]).collect();
    assert_eq!(uris, ["test://watched-resource"], "what is not granted is not listed: {report:#}");
    assert_eq!(output["lists"][0][0]["server"], "fixture");
    assert_eq!(report["calls"][0]["tool"], "resources/read test://watched-resource", "{report:#}");

    let denied = run(&["fixture:*"]);
    assert!(denied["output"]["read"]["error"].as_str().unwrap().starts_with("CallError::Denied"), "{denied:#}");
    assert_eq!(denied["calls"][1]["outcome"], "denied", "{denied:#}");
    assert_eq!(denied["output"]["lists"], json!([[], [], []]), "{denied:#}");
}

#[test]
fn a_change_of_a_subscribed_resource_reaches_the_agent() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let uri = "tollgate://fixture/test://watched-resource";
    let subscribed = agent.request("resources/subscribe", json!({"uri": uri}));
    assert!(subscribed.get("error").is_none(), "{subscribed:#}");
    let long = format!("tollgate://fixture/test://{}", "a".repeat(9_000));
    let refused = agent.request("resources/subscribe", json!({"uri": long}));
    assert!(refused["error"]["message"].to_string().contains("a subscription takes at most 8192"), "{refused:#}");
    agent.call("fixture__test_trigger_resource_change", json!({}));
    let updated = agent.asked("notifications/resources/updated");
    assert_eq!(updated["params"]["uri"], uri);
}

#[test]
fn a_change_of_the_tools_reaches_the_agent() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let before = agent.tools();
    agent.call("fixture__test_trigger_tool_change", json!({}));
    agent.asked("notifications/tools/list_changed");
    // The first notice may be of a server that became ready.
    eventually("the new tool is listed", || (agent.tools().len() > before.len()).then_some(()));
}

#[test]
fn progress_and_logs_arrive_in_order_and_before_the_answer() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let params = json!({"name": "fixture__test_tool_with_progress", "arguments": {}, "_meta": {"progressToken": "p1"}});
    agent.request("tools/call", params);
    let steps: Vec<f64> = agent
        .unasked
        .iter()
        .filter(|m| m["method"] == "notifications/progress" && m["params"]["progressToken"] == "p1")
        .map(|m| m["params"]["progress"].as_f64().unwrap())
        .collect();
    assert_eq!(steps, [0.0, 50.0, 100.0], "{:#?}", agent.unasked);
    agent.unasked.clear();
    agent.call("fixture__test_tool_with_logging", json!({}));
    let logs: Vec<&Value> = agent.unasked.iter().filter(|m| m["method"] == "notifications/message").collect();
    assert_eq!(logs.len(), 3, "{logs:#?}");
    assert!(logs[0]["params"]["logger"].as_str().unwrap().starts_with("fixture"), "{logs:#?}");
}

#[test]
fn a_cancelled_request_ends_at_the_server_too_and_the_next_is_answered() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    let log = place.work().join("stuck.log");
    let noted = |wanted: usize| {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        (text.lines().count() >= wanted).then_some(())
    };
    let direct = json!({"name": "stuck__echo", "arguments": {"text": "x"}});
    let inner = json!({"server": "stuck", "tool": "echo", "args": {"text": "x"}});
    let run = json!({"name": "calls", "arguments": {"mode": "sequence", "calls": [inner]}});
    for (round, params) in [direct, run].into_iter().enumerate() {
        let id = agent.begin("tools/call", params);
        eventually("it is called", || noted(2 * round + 1));
        agent.notify("notifications/cancelled", json!({"requestId": id, "reason": "enough"}));
        eventually("the server hears of the cancellation", || noted(2 * round + 2));
        assert!(text(&agent.call("echo__echo", json!({"text": "still here"}))).contains("still here"));
    }
    assert_eq!(agent.close(), 0);
}

#[test]
fn the_server_ends_with_its_client_and_leaves_nothing() {
    let place = place();
    let mut agent = serve(&place, &["--expose", "all"], json!({}));
    agent.tools();
    let home = place.dir.path().display().to_string();
    assert_eq!(agent.close(), 0);
    eventually("its servers are gone", || crate::support::processes_with(&home).is_empty().then_some(()));
}

#[test]
fn a_client_that_goes_before_it_begins_is_no_error() {
    let place = place();
    let ended = place.run(["--config", "tollgate.json", "serve"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
}
