//! Resources and prompts that adapters have themselves.

use crate::support::mcp::Lines;
use crate::support::{Place, shared_cache};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::state::{LazySqliteStore, Quota, SqliteOptions};
use tollgate::{
    AdapterSpec, Behalf, CallError, ComponentSource, Grants, Host, HostBuilder, LimitKind, Limits, ListKind, Query,
    QueryKind, RunRequest,
};
use tollgate_test_guests as guests;

fn builder() -> HostBuilder {
    Host::builder().cache_dir(shared_cache().join("tollgate/components"))
}

fn adapter(file: &str, grants: &[&str]) -> AdapterSpec {
    let grants = Grants::parse(grants).unwrap();
    let mut limits = Limits::default();
    limits.set(LimitKind::Fuel, 1_000_000_000);
    AdapterSpec { grants, limits: Some(limits), ..AdapterSpec::new(ComponentSource::File(file.into())) }
}

async fn ask(host: &Host, kind: QueryKind, server: &str, name: &str, params: Value) -> Result<Value, CallError> {
    let query = Query { server: server.to_owned(), kind, name: name.to_owned(), params: params.to_string() };
    let answer = host.query_as(Behalf::default(), query).await;
    answer.map(|text| serde_json::from_str(&text).unwrap()).map_err(|failure| failure.error)
}

async fn read(host: &Host, server: &str, uri: &str) -> Result<Value, CallError> {
    ask(host, QueryKind::ReadResource, server, uri, json!({"uri": uri})).await
}

async fn get(host: &Host, server: &str, name: &str, arguments: Value) -> Result<Value, CallError> {
    ask(host, QueryKind::GetPrompt, server, name, json!({"name": name, "arguments": arguments})).await
}

async fn list(host: &Host, kind: ListKind) -> Vec<Value> {
    let listed = host.list_as(Behalf::default(), kind).await;
    listed.into_iter().map(|listed| Value::Object(listed.item)).collect()
}

fn rejected(answer: Result<Value, CallError>) -> (i64, String) {
    match answer {
        Err(CallError::Rejected(error)) => (error.code, error.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_adapter_lists_and_reads_its_own_resources_and_prompts() {
    let place = Place::new();
    let store = LazySqliteStore::new(place.work().join("state.db"), SqliteOptions::default());
    let notes = adapter(guests::ADAPTER_NOTES, &["state=note/*"]);
    let host = builder().state(Arc::new(store), Quota::default()).adapter("notes", notes).build().await.unwrap();

    let resources = list(&host, ListKind::Resources).await;
    let about = json!({"uri": "notes://about", "name": "about", "title": "About", "description": "What notes are.",
        "mimeType": "text/plain"});
    assert_eq!(resources[0], about);
    let templates = list(&host, ListKind::ResourceTemplates).await;
    assert_eq!(templates[1]["uriTemplate"], "notes://note/{id}", "{templates:?}");
    let prompts = list(&host, ListKind::Prompts).await;
    let arguments = json!([{"name": "id", "description": "The note's id.", "required": true},
        {"name": "language", "description": "In which language.", "required": false}]);
    assert_eq!(prompts[0]["arguments"], arguments, "{prompts:?}");

    let about = read(&host, "notes", "notes://about").await.unwrap();
    let contents = json!([{"uri": "notes://about", "mimeType": "text/plain", "text": "Notes are short texts."}]);
    assert_eq!(about["contents"], contents);
    let point = read(&host, "notes", "notes://point").await.unwrap();
    assert_eq!(point["contents"][0]["blob"], "iVBORw==", "{point}");

    // What a tool keeps, a resource shows: each has the adapter's grants.
    host.call(&"notes:keep".parse().unwrap(), json!({"id": "a b", "text": "# Bread"}).to_string()).await.unwrap();
    let note = read(&host, "notes", "notes://note/a%20b").await.unwrap();
    assert_eq!(note["contents"][0]["text"], "# Bread", "{note}");
    let count = read(&host, "notes", "notes://count/a%20b/c").await.unwrap();
    assert_eq!(count["contents"][0]["text"], r#"{"count":1}"#, "{count}");
    let summary = get(&host, "notes", "summary", json!({"id": "a b", "language": "French"})).await.unwrap();
    assert_eq!(summary["messages"][0]["content"]["text"], "Summarise this in French: # Bread", "{summary}");
    assert_eq!(summary["messages"][1]["role"], "assistant", "{summary}");
    let hello = get(&host, "notes", "hello", json!({})).await.unwrap();
    assert_eq!(hello["messages"][0]["content"]["text"], "Say hello.", "{hello}");
    host.shutdown().await;
}

#[tokio::test]
async fn what_goes_wrong_with_them_is_told() {
    let place = Place::new();
    let store = LazySqliteStore::new(place.work().join("state.db"), SqliteOptions::default());
    let limits = Limits { fuel: 50_000_000, ..Limits::default() };
    let notes = AdapterSpec { limits: Some(limits), ..adapter(guests::ADAPTER_NOTES, &["state=note/*"]) };
    let host = builder()
        .state(Arc::new(store), Quota::default())
        .adapter("notes", notes)
        .adapter("tools", adapter(guests::ADAPTER_FAILS, &[]));
    let host = host.build().await.unwrap();

    let (code, message) = rejected(read(&host, "notes", "notes://nothing").await);
    assert_eq!((code, message.as_str()), (-32002, "`notes` has no resource notes://nothing"));
    let (code, message) = rejected(read(&host, "notes", "notes://note/7").await);
    assert_eq!((code, message.as_str()), (-32603, "there is no note 7"));
    let (code, message) = rejected(get(&host, "notes", "nothing", json!({})).await);
    assert_eq!((code, message.as_str()), (-32602, "`notes` has no prompt `nothing`"));
    for (arguments, why) in
        [(json!({}), "missing field `id`"), (json!({"id": 7}), "id: "), (json!({"id": "1", "x": "2"}), "unknown field")]
    {
        let error = get(&host, "notes", "summary", arguments.clone()).await.unwrap_err();
        assert!(matches!(&error, CallError::InvalidArguments(v) if v[0].message.contains(why)), "{arguments}: {error}");
    }
    // The adapter's own grants and limits hold.
    let (code, message) = rejected(read(&host, "notes", "notes://denied").await);
    assert!(code == -32603 && message.contains("no grant"), "{message}");
    let error = read(&host, "notes", "notes://spin").await.unwrap_err();
    assert!(matches!(&error, CallError::BudgetExhausted(reached) if reached.kind == LimitKind::Fuel), "{error}");

    assert_eq!(rejected(read(&host, "tools", "x://").await).0, -32601, "it has tools alone");
    let subscribe = ask(&host, QueryKind::Subscribe, "notes", "notes://about", json!({"uri": "notes://about"})).await;
    assert_eq!(rejected(subscribe), (-32601, "`notes` has no resources/subscribe".to_owned()));
    host.shutdown().await;
}

#[tokio::test]
async fn what_an_adapter_reads_must_be_what_mcp_has_there() {
    // A host each: a server that fails several times in a row is left alone for a while.
    let bad = async |how: &str| {
        let limits = Limits { output_bytes: 100_000, ..Limits::default() };
        let spec = AdapterSpec { limits: Some(limits), ..adapter(guests::ADAPTER_BAD_OFFERS, &[]) };
        let host = builder().adapter("bad", spec).build().await.unwrap();
        let answer = match how {
            "prompt" => get(&host, "bad", "x", json!({})).await,
            how => read(&host, "bad", &format!("bad://{how}")).await,
        };
        host.shutdown().await;
        answer
    };
    for how in ["text", "list", "nothing", "both", "deep"] {
        let error = bad(how).await.unwrap_err();
        assert!(matches!(error, CallError::InvalidResponse(_)), "{how}: {error}");
    }
    let error = bad("giant").await.unwrap_err();
    assert!(matches!(&error, CallError::BudgetExhausted(reached) if reached.kind == LimitKind::OutputBytes), "{error}");
    let (code, message) = rejected(bad("panic").await);
    assert!(code == -32603 && message.contains("a resource panics"), "{message}");
    for how in ["long", "unknown"] {
        let (_, message) = rejected(bad(how).await);
        assert!(message.len() < 3_000, "{how}: {}", message.len());
    }
    assert_eq!(rejected(bad("prompt").await).0, -32601, "it has resources alone");
}

#[tokio::test]
async fn a_list_that_cannot_be_fails_the_server() {
    let host = builder().adapter("twins", adapter(guests::ADAPTER_TWIN_OFFERS, &[])).build().await.unwrap();
    host.settled().await;
    let servers = host.servers();
    let error = servers[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("two items of the same name for prompts/list: `twin`"), "{servers:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_policy_uses_what_it_was_granted_of_them_and_pays_for_it() {
    let blocking = adapter(guests::ADAPTER_NOTES_BLOCKING, &[]);
    let host = builder().adapter("notes", blocking).build().await.unwrap();
    let input = json!({"server": "notes", "uri": "notes://work/7.md", "prompt": "hello"}).to_string();
    let run = async |grants: &[&str]| {
        let request = RunRequest::file(guests::POLICY_QUERIES).input(&*input);
        host.run(request.grants(Grants::parse(grants).unwrap())).await.unwrap()
    };
    let report = run(&["resource=notes:notes://work/*", "prompt=notes:*"]).await;
    let output: Value = serde_json::from_str(report.output.as_deref().unwrap_or_default()).unwrap();
    assert_eq!(output["read"]["ok"]["contents"][0]["text"], r#"{"folder":"work","id":"7"}"#, "{output}");
    // The prompt wants a name, and the policy gives none.
    assert!(output["prompt"]["error"].as_str().unwrap().contains("missing field `name`"), "{output}");
    assert_eq!(output["lists"][0], json!([]), "what is not granted is not listed: {output}");
    assert_eq!(output["lists"][2][0]["name"], "hello", "{output}");
    let paid = report.fuel_used;

    let denied = run(&["tool=notes:*"]).await;
    let output: Value = serde_json::from_str(denied.output.as_deref().unwrap_or_default()).unwrap();
    assert!(output["read"]["error"].as_str().unwrap().starts_with("CallError::Denied"), "{output}");
    assert!(paid > denied.fuel_used + 10_000, "what the adapter burns is the policy's: {paid}, {}", denied.fuel_used);
    host.shutdown().await;
}

#[tokio::test]
async fn a_grant_of_resources_holds_in_every_reading_of_a_uri() {
    let host = builder().adapter("notes", adapter(guests::ADAPTER_NOTES_BLOCKING, &[])).build().await.unwrap();
    let asked = async |granted: &str, kind: QueryKind, name: &str, params: Value| {
        let query = Query { server: "notes".to_owned(), kind, name: name.to_owned(), params: params.to_string() };
        let behalf = Behalf { grants: Grants::parse([granted]).unwrap(), ..Behalf::default() };
        host.query_as(behalf, query).await.map_err(|failure| failure.error)
    };
    let work = "resource=notes:notes://work/*";
    for uri in [
        "notes://work/../about",
        "notes://work/%2e%2e/about",
        "notes://work/%252e%252e/about",
        "notes://work/..%2Fabout",
        "notes://work/..\\about",
        "notes://work//../about",
        "notes://work/..;x/about",
    ] {
        for kind in [QueryKind::ReadResource, QueryKind::Subscribe, QueryKind::Unsubscribe] {
            let error = asked(work, kind, uri, json!({"uri": uri})).await.unwrap_err();
            let why = error.to_string();
            assert!(
                matches!(error, CallError::Denied(_)) && why.contains("it can be read as `notes:"),
                "{kind} {uri}: {why}"
            );
        }
    }
    let read =
        asked(work, QueryKind::ReadResource, "notes://work/a%20b.md", json!({"uri": "notes://work/a%20b.md"})).await;
    assert!(read.is_ok(), "{read:?}");
    // Whoever has everything may ask in any spelling; the server answers.
    let up = json!({"uri": "notes://work/../about"});
    let error = asked("resource=notes:*", QueryKind::ReadResource, "notes://work/../about", up).await.unwrap_err();
    assert!(!matches!(error, CallError::Denied(_)), "{error}");

    let complete = async |granted: &str, value: &str| {
        let template = "notes://work/{+path}";
        let params =
            json!({"ref": {"type": "ref/resource", "uri": template}, "argument": {"name": "path", "value": value}});
        asked(granted, QueryKind::CompleteResource, template, params).await.unwrap_err()
    };
    assert!(matches!(complete(work, "../about").await, CallError::Denied(_)));
    assert!(!matches!(complete(work, "a").await, CallError::Denied(_)));
    assert!(!matches!(complete("resource=notes:notes://work/{+path}", "../about").await, CallError::Denied(_)));
    host.shutdown().await;
}

#[test]
fn agents_see_them_as_those_of_any_server() {
    let place = Place::new();
    let config = json!({"mcpServers": {"notes": {"component": guests::ADAPTER_NOTES_BLOCKING}}});
    place.write("tollgate.json", config.to_string());
    let serve = place.tollgate(["--config", "tollgate.json", "serve", "--stdio"]);
    let mut agent = Lines::start(serve, "2025-11-25", json!({}));
    let list = agent.request("resources/list", json!({}));
    let uri = "tollgate://notes/notes://about";
    assert_eq!(list["result"]["resources"][0]["uri"], uri, "{list:#}");
    let read = agent.request("resources/read", json!({"uri": uri}));
    assert_eq!(read["result"]["contents"][0]["text"], "Notes are short texts.", "{read:#}");
    let templates = agent.request("resources/templates/list", json!({}));
    assert_eq!(templates["result"]["resourceTemplates"][0]["name"], "note", "{templates:#}");
    let prompt = agent.request("prompts/get", json!({"name": "notes__hello", "arguments": {"name": "Ada"}}));
    assert_eq!(prompt["result"]["messages"][0]["content"]["text"], "Say hello to Ada.", "{prompt:#}");
    let none = agent.request("resources/read", json!({"uri": "tollgate://notes/notes://none"}));
    assert_eq!(none["error"]["code"], -32002, "{none:#}");
    assert_eq!(agent.close(), 0);

    let granted = ["--config", "tollgate.json", "serve", "--stdio", "--grant", "resource=notes:notes://work/*"];
    let mut agent = Lines::start(place.tollgate(granted), "2025-11-25", json!({}));
    for uri in ["tollgate://notes/notes://work/../about", "notes://work/%2e%2e/about", "tollgate://notes/notes://about"]
    {
        let denied = agent.request("resources/read", json!({"uri": uri}));
        assert!(denied["error"]["message"].to_string().contains("no grant"), "{uri}: {denied:#}");
    }
}
