//! What components have of the outside beside calls: HTTP, secrets, state; APIs and plain components as servers.

use crate::support::api::Api;
use crate::support::{Place, shared_cache};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::outbound::{Binding, Place as Where, Provider};
use tollgate::secrets::{MemoryStore, SecretStore as _};
use tollgate::state::{LazySqliteStore, Quota, SqliteOptions};
use tollgate::{
    AdapterSpec, ComponentSource, Grants, Host, HostBuilder, LimitKind, Limits, MemoryJournal, Secret, Secrets,
};
use tollgate_test_guests as guests;

fn builder() -> HostBuilder {
    Host::builder().cache_dir(shared_cache().join("tollgate/components"))
}

fn adapter(grants: &[&str]) -> AdapterSpec {
    let grants = Grants::parse(grants).unwrap();
    AdapterSpec { grants, ..AdapterSpec::new(ComponentSource::File(guests::ADAPTER_OUTSIDE.into())) }
}

async fn call(host: &Host, tool: &str, args: Value) -> Value {
    let result = host.call(&tool.parse().unwrap(), args.to_string()).await;
    let result = result.unwrap_or_else(|failure| panic!("{tool}: {failure}"));
    let result: Value = serde_json::from_str(&result.json).unwrap();
    result["structuredContent"].clone()
}

async fn fetch(host: &Host, url: String) -> Value {
    call(host, "a:fetch", json!({"url": url})).await
}

#[tokio::test]
async fn a_component_sends_what_it_was_granted_and_nothing_else() {
    let api = Api::start().await;
    let grant = format!("http={}/v1/*!GET", api.url);
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().adapter("a", adapter(&[&grant])).adapter("none", adapter(&[])).journal(journal.clone());
    let host = host.build().await.unwrap();

    let answer = fetch(&host, format!("{}/v1/echo?q=hunter2", api.url)).await;
    assert_eq!(answer["status"], json!(200), "{answer}");
    let seen: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(seen["target"], json!("/v1/echo?q=hunter2"));

    for (tool, args, why) in [
        ("a:fetch", json!({"url": format!("{}/v2/echo", api.url)}), "--grant 'http="),
        ("a:fetch", json!({"url": format!("{}/v1/../v2", api.url)}), "refused"),
        ("a:fetch", json!({"url": format!("{}/v1/x", api.url), "method": "POST", "body": "x"}), "!POST"),
        ("none:fetch", json!({"url": format!("{}/v1/echo", api.url)}), "--grant 'http="),
        ("a:fetch", json!({"url": "http://169.254.169.254/latest/meta-data"}), "--grant"),
    ] {
        let answer = call(&host, tool, args.clone()).await;
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{args}: {answer}"));
        assert!(error.contains(why), "{args}: {error}");
    }
    // Each redirect is a request of its own.
    let away = format!("{}/v1/../x", api.url);
    let answer = call(&host, "a:fetch", json!({"url": away, "redirects": 3})).await;
    assert!(answer["error"].is_string(), "{answer}");
    assert_eq!(api.asked(), 1, "nothing else was sent");

    let entries = serde_json::to_string(&journal.entries()).unwrap();
    assert!(entries.contains(r#""event":"http_started","request":0,"method":"GET""#), "{entries}");
    assert!(entries.contains(r#""event":"http_ended""#) && !entries.contains("hunter2"), "{entries}");
    host.shutdown().await;
}

#[tokio::test]
async fn redirects_are_judged_as_requests_are() {
    let (api, other) = (Api::start().await, Api::start().await);
    let grant = format!("http={}/*", api.url);
    let host = builder().adapter("a", adapter(&[&grant])).build().await.unwrap();
    let follow = |to: String| json!({"url": format!("{}/redirect/{to}", api.url), "redirects": 5});
    let answer = call(&host, "a:fetch", follow("/echo".to_owned())).await;
    assert_eq!(answer["status"], json!(200), "{answer}");
    let answer = call(&host, "a:fetch", follow(format!("{}/echo", other.url))).await;
    assert!(answer["error"].as_str().unwrap().contains("--grant"), "{answer}");
    assert_eq!(other.asked(), 0);
    host.shutdown().await;
}

#[tokio::test]
async fn requests_are_limited_and_end_with_their_run() {
    let api = Api::start().await;
    let grant = format!("http={}/*", api.url);
    let mut limits = Limits::default();
    limits.set(LimitKind::HttpRequests, 3);
    let spec = AdapterSpec { limits: Some(limits.clone()), ..adapter(&[&grant]) };
    limits.set(LimitKind::Timeout, 300);
    let brief = AdapterSpec { limits: Some(limits), ..adapter(&[&grant]) };
    let host = builder().adapter("a", spec).adapter("brief", brief).build().await.unwrap();
    let answer = call(&host, "a:fetch_many", json!({"url": format!("{}/echo", api.url), "times": 5})).await;
    let well = answer["result"].as_array().unwrap().iter().filter(|status| **status == json!(200)).count();
    assert_eq!((well, api.asked()), (3, 3), "{answer}");
    let silent = json!({"url": format!("{}/silent", api.url)});
    let failure = host.call(&"brief:fetch".parse().unwrap(), silent.to_string()).await.unwrap_err();
    assert!(failure.to_string().contains("timeout"), "{failure}");
    host.shutdown().await;
}

const PLANTED: &str = "tg-planted-4f9c1e7d20";

async fn planted() -> Arc<dyn Provider> {
    let store = MemoryStore::default();
    store.set("key", Secret::from(PLANTED)).await.unwrap();
    Arc::new(tollgate::outbound::Stored::new(Arc::new(store), "key"))
}

#[tokio::test]
async fn a_secret_goes_to_its_host_and_nobody_sees_it() {
    let (api, other) = (Api::start().await, Api::start().await);
    let binding = Binding::new("key", planted().await, vec![api.url.parse().unwrap()], Where::Bearer).unwrap();
    let grants = [format!("http={}/*", api.url), format!("http={}/*", other.url)];
    let grants: Vec<_> = grants.iter().map(String::as_str).collect();
    let spec = AdapterSpec { secrets: Secrets::new([binding]), ..adapter(&grants) };
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().adapter("a", spec).journal(journal.clone()).build().await.unwrap();

    let answer = fetch(&host, format!("{}/echo", api.url)).await;
    let seen: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    // The API had it, and told it twice; the component has what stands for it.
    assert_eq!(seen["headers"]["authorization"], json!("Bearer [secret key]"), "{answer}");
    assert_eq!(answer["headers"]["x-told"], json!("Bearer [secret key]"));

    // What the component writes itself is replaced, and what goes elsewhere goes without.
    let own = json!({"url": format!("{}/echo", api.url), "headers": {"authorization": "Bearer mine"}});
    let answer = call(&host, "a:fetch", own).await;
    assert!(answer["body"].as_str().unwrap().contains("[secret key]"), "{answer}");
    let answer = fetch(&host, format!("{}/echo", other.url)).await;
    assert_eq!(answer["headers"]["x-told"], json!("none"), "{answer}");
    let redirected = json!({"url": format!("{}/redirect/{}/echo", api.url, other.url), "redirects": 2});
    let answer = call(&host, "a:fetch", redirected).await;
    assert_eq!(answer["headers"]["x-told"], json!("none"), "{answer}");

    let all = format!("{}{answer}", serde_json::to_string(&journal.entries()).unwrap());
    assert!(!all.contains(PLANTED), "{all}");
    host.shutdown().await;
}

#[tokio::test]
async fn state_outlives_runs_and_hosts_and_belongs_to_one_component() {
    let place = Place::new();
    let start = |name: &'static str| {
        let store = LazySqliteStore::new(place.work().join("state.db"), SqliteOptions::default());
        builder()
            .state(Arc::new(store), Quota::default())
            .adapter(name, adapter(&["state"]))
            .adapter("narrow", adapter(&["state=cursor/*"]))
            .adapter("none", adapter(&[]))
    };
    let host = start("a").build().await.unwrap();
    assert!(!place.work().join("state.db").exists(), "nothing is made before it is used");
    let first = call(&host, "a:keep", json!({"key": "k", "value": {"n": 1}})).await;
    call(&host, "narrow:keep", json!({"key": "cursor/x", "value": 2})).await;
    for (tool, key) in [("narrow:kept", "k"), ("none:kept", "k")] {
        let failure = host.call(&tool.parse().unwrap(), json!({"key": key}).to_string()).await.unwrap_err();
        assert!(failure.to_string().contains("grant"), "{failure}");
    }
    host.shutdown().await;

    let host = start("a").build().await.unwrap();
    let again = call(&host, "a:kept", json!({"key": "k"})).await;
    assert_eq!(again, json!({"value": {"n": 1}, "version": first["version"]}));
    assert_eq!(call(&host, "a:keys", json!({})).await, json!({"keys": ["k"]}), "others' keys are not there");
    host.shutdown().await;

    let host = start("b").build().await.unwrap();
    assert_eq!(call(&host, "b:kept", json!({"key": "k"})).await["value"], Value::Null);
    host.shutdown().await;
}

const PETS: &str = r#"
openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: SERVER}]
security: [{token: []}]
components:
  securitySchemes: {token: {type: http, scheme: bearer}}
paths:
  /pets/{id}:
    get:
      operationId: get_pet
      summary: One pet
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
      responses: {"200": {description: it, content: {application/json: {schema: {type: object}}}}}
  /gone:
    delete: {operationId: delete_gone, responses: {"404": {description: gone}}}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_is_a_server_by_its_document() {
    let api = Api::start().await;
    let place = Place::new();
    place.write("pets.yaml", PETS.replace("SERVER", "http://127.0.0.1:1"));
    let key = place.write("key", PLANTED);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = place.write(
        "tollgate.yaml",
        format!(
            "servers:\n  pets:\n    openapi: {{document: pets.yaml, server: '{0}'}}\n    secrets: {{key: {{in: scheme, name: token, hosts: ['{0}']}}}}\n  \
             self:\n    openapi: pets.yaml\nsecrets: {{key: {{file: key}}}}\n",
            api.url
        ),
    );
    let config = config.to_str().unwrap();
    let tools = place.run(["--config", config, "tools", "--json"]);
    let names: Vec<_> = tools.json().as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
    assert_eq!(names, [json!("get_pet"), json!("delete_gone")], "{}", tools.stderr);
    // A document cannot grant itself this machine.
    assert!(tools.stderr.contains("not a public address"), "{}", tools.stderr);

    let args = r#"{"id": "a/b", "tags": ["x", "y"]}"#;
    let ended = place.run(["--config", config, "call", "pets:get_pet", args, "--json"]);
    let seen = &ended.json()["structuredContent"];
    assert_eq!(seen["target"], json!("/pets/a%2Fb?tags=x&tags=y"), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(seen["headers"]["authorization"], json!("Bearer [secret key]"));
    let ended = place.run(["--config", config, "call", "pets:delete_gone", "{}", "--json"]);
    let result = ended.json();
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(result.to_string().contains("it is gone") && result.to_string().contains("404"), "{result}");

    // Nothing of it anywhere: not in what is printed, nor in the journal, nor in what is kept.
    let journal = place.work().join("journal.jsonl");
    let traced = place.run(["--config", config, "-vv", "servers", "--json"]);
    assert!(!format!("{}{}{}", traced.stdout, traced.stderr, ended.stderr).contains(PLANTED));
    assert!(!journal.exists());
    let checked = place.run(["--config", config, "secrets", "check", "--json"]);
    assert_eq!(checked.json()[0]["error"], Value::Null, "{}", checked.stdout);
    let listed = place.run(["--config", config, "secrets", "list"]);
    assert!(listed.stdout.contains("key") && listed.stdout.contains("used by pets"), "{}", listed.stdout);
    assert!(!format!("{}{}", checked.stdout, listed.stdout).contains(PLANTED));
}

#[test]
fn a_lock_file_refuses_what_changed() {
    let place = Place::new();
    place.write("pets.yaml", PETS.replace("SERVER", "https://pets.example"));
    let config = place.write("tollgate.yaml", "servers: {pets: {openapi: pets.yaml}}\n");
    let config = config.to_str().unwrap();
    let tools = || place.run(["--config", config, "tools", "--json"]);
    assert_eq!(tools().json().as_array().unwrap().len(), 2);
    assert_eq!(place.run(["--config", config, "lock", "--update"]).code, 0);
    assert_eq!(tools().json().as_array().unwrap().len(), 2);
    place.write("pets.yaml", PETS.replace("SERVER", "https://evil.example"));
    let refused = tools();
    assert!(refused.stderr.contains("pets.yaml has changed"), "{}", refused.stderr);
    assert!(refused.stderr.contains("tollgate lock --update"), "{}", refused.stderr);
    let shown = place.run(["--config", config, "lock"]);
    assert_eq!(shown.code, 1, "{}{}", shown.stdout, shown.stderr);
    assert_eq!(place.run(["--config", config, "lock", "--update"]).code, 0);
    assert_eq!(tools().json().as_array().unwrap().len(), 2);
}

const PLAIN: &str = r#"
(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
    (func (export "loop") (result i32) (loop $again br $again) unreachable))
  (core instance $i (instantiate $m))
  (func (export "add-all") (param "first" u32) (param "second-one" u32) (result u32)
    (canon lift (core func $i "add")))
  (func (export "spin") (result u32) (canon lift (core func $i "loop"))))
"#;

#[tokio::test]
async fn functions_of_any_component_are_tools() {
    let bytes = wat::parse_str(PLAIN).unwrap().into();
    let mut limits = Limits::default();
    limits.set(LimitKind::Fuel, 1_000_000);
    let spec = AdapterSpec { limits: Some(limits), ..AdapterSpec::new(ComponentSource::Bytes(bytes)) };
    let host = builder().adapter("math", spec).build().await.unwrap();
    let tools = host.tools().await;
    assert_eq!(tools.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["add_all", "spin"]);
    assert_eq!(call(&host, "math:add_all", json!({"first": 2, "second_one": 40})).await, json!({"result": 42}));
    let wrong = host.call(&"math:add_all".parse().unwrap(), r#"{"first": -1, "second_one": 1}"#).await.unwrap_err();
    assert!(wrong.to_string().contains("first"), "{wrong}");
    let spins = host.call(&"math:spin".parse().unwrap(), "{}").await.unwrap_err();
    assert!(spins.to_string().contains("fuel"), "{spins}");
    host.shutdown().await;
}

#[test]
fn types_that_nest_without_end_are_refused_before_they_are_read() {
    // Instance types within each other, three bytes a level: the parser recurses on them.
    let depth = 100_000;
    let mut types = Vec::new();
    for _ in 0..depth {
        types.extend([0x42, 0x01, 0x01]);
    }
    types.extend(std::iter::repeat_n(0x00, depth));
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    let mut section = vec![0x01];
    section.extend(types);
    bytes.push(0x07);
    let mut length = section.len();
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        bytes.push(if length == 0 { byte } else { byte | 0x80 });
        if length == 0 {
            break;
        }
    }
    bytes.extend(section);
    let place = Place::new();
    let file = place.work().join("deep.wasm");
    std::fs::write(&file, bytes).unwrap();
    let ended = place.run(["check", file.to_str().unwrap()]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("this component declares too much to be read: its types may nest"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_secret_is_kept_without_ever_being_shown() {
    use std::io::Write as _;
    let place = Place::new();
    let mut child = place
        .tollgate(["secrets", "set", "key"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{PLANTED}").unwrap();
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let file = place.dir.path().join("home/.config/tollgate/secrets/key");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim_end(), PLANTED);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let listed = place.run(["secrets", "list"]);
    assert!(listed.stdout.contains("key") && !listed.stdout.contains(PLANTED), "{}", listed.stdout);
}
