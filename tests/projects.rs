//! Components in every guest language: those of the templates, and those that were built against an older WIT.

use crate::support::api::Api;
use crate::support::{Place, root, shared_cache};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate::state::{LazySqliteStore, Quota, SqliteOptions};
use tollgate::{AdapterSpec, ComponentSource, Grants, Host, HostBuilder, LimitKind, RunRequest, Status};

fn file(path: &Path) -> AdapterSpec {
    AdapterSpec::new(ComponentSource::File(path.to_owned()))
}

/// The demo's customers.
fn builder() -> HostBuilder {
    let builder = Host::builder().cache_dir(shared_cache().join("tollgate/components"));
    builder.adapter("crm", file(&crate::examples::plugin("adapter_crm")))
}

/// The demo's customers, and an adapter beside them.
async fn host(adapter: Option<&Path>) -> Host {
    adapter.into_iter().fold(builder(), |builder, path| builder.adapter("words", file(path))).build().await.unwrap()
}

/// A run with room for CPython, which alone takes more memory and instances than a policy has unless it says so.
fn request(component: &Path, input: &Value) -> RunRequest {
    let request = RunRequest::file(component).input(input.to_string()).limit(LimitKind::Memory, 256 << 20);
    request.limit(LimitKind::Instances, 64).limit(LimitKind::TableElements, 1_000_000)
}

/// A policy of a template greets, and asks for the customers of a name; without the grant it fails, and says why.
async fn policy_works(component: &Path) {
    let shown = component.display();
    let host = host(None).await;
    let request = || request(component, &json!({"name": "Smith"}));
    let granted = request().grants(Grants::parse(["crm:search_customers"]).unwrap());
    let report = host.run(granted).await.unwrap();
    assert_eq!(report.status, Status::Ok, "{shown}: {:?}", report.error);
    let output: Value = report.output_as().unwrap();
    assert_eq!(output["greeting"], json!("Hello, Smith!"), "{shown}");
    // Their names, or (in C) all that there is of them.
    let customers = output["customers"].to_string();
    assert!(customers.contains("John Smith") && !customers.contains("Maria"), "{shown}: {customers}");
    let report = host.run(request()).await.unwrap();
    assert_eq!(report.status, Status::Denied, "{shown}: {:?}", report.error);
    host.shutdown().await;
}

async fn adapter_works(component: &Path) {
    let shown = component.display();
    let host = host(Some(component)).await;
    let name = "words:count_words".parse().unwrap();
    let result = host.call(&name, r#"{"text":"two words"}"#).await;
    let result = result.unwrap_or_else(|failure| panic!("{shown}: {failure}"));
    let result: Value = serde_json::from_str(&result.json).unwrap();
    assert_eq!(result["structuredContent"], json!({"words": 2, "characters": 9}), "{shown}");
    assert!(host.call(&name, r#"{"text":" "}"#).await.is_err(), "{shown}");
    host.shutdown().await;
}

/// A policy of `tests/projects` uses what there is beside tools; without grants it is refused, not a trap.
async fn interfaces_work(component: &Path) {
    let shown = component.display();
    let (api, away, place) = (Api::start().await, Api::start().await, Place::new());
    let store = LazySqliteStore::new(place.work().join("state.db"), SqliteOptions::default());
    let host = builder().state(Arc::new(store), Quota::default()).build().await.unwrap();
    let input = json!({"url": api.url, "away": format!("{}/secret", away.url)});
    let granted = ["state".to_owned(), format!("http={}/*", api.url), "crm:search_customers".to_owned()];
    for count in 1..=2 {
        let request = request(component, &input).grants(Grants::parse(&granted).unwrap());
        let report = host.run(request).await.unwrap();
        assert_eq!(report.status, Status::Ok, "{shown}: {:?}", report.error);
        let output: Value = report.output_as().unwrap();
        let expected = json!({
            "count": count,
            "keys": ["count"],
            "servers": ["crm ready"],
            "tools": ["crm:search_customers object"],
            "status": 200,
            "headers": ["application/json", "mine", "application/json"],
            "method": "POST /echo?q=1",
            "body": true,
            "gone": "it is gone",
            "kinds": {
                "state": "conflict",
                "deleted": "conflict",
                "model": "denied",
                "ask": "denied",
                "resources": "denied",
                "prompts": "denied",
                "gathered": "unknown-tool",
                "granted": "denied",
                "large": "too-large",
                "method": "invalid",
                "header": "invalid",
            },
            "lists": [0, 0, 0],
        });
        assert_eq!(output, expected, "{shown}");
    }
    assert_eq!((api.asked(), away.asked()), (6, 0), "{shown}");
    let report = host.run(request(component, &input)).await.unwrap();
    assert_eq!(report.status, Status::Error, "{shown}: {:?}", report.error);
    let error = format!("{:?}", report.error);
    assert!(error.contains("\"state\"") && error.contains("grant"), "{shown}: {error}");
    host.shutdown().await;
}

/// Every interface of the WIT, and what is near to one.
#[test]
fn a_build_takes_what_the_host_offers_and_nothing_else() {
    let mut names = vec!["env".to_owned(), String::new()];
    for folder in fs::read_dir(root().join("wit/deps")).unwrap() {
        let files = fs::read_dir(folder.unwrap().path()).unwrap();
        let text: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let word = |line: &str, keyword| {
            line.strip_prefix(keyword).map(|rest| rest.trim_end_matches([';', ' ', '{']).to_owned())
        };
        let package = text.lines().find_map(|line| word(line, "package ")).unwrap();
        let (package, version) = package.split_once('@').unwrap();
        let interfaces = text.lines().filter_map(|line| word(line, "interface "));
        // These a component exports.
        for interface in interfaces.filter(|interface| !interface.contains("-provider")) {
            let name = format!("{package}/{interface}");
            assert!(tollgate_runtime::inspect::is_offered(&format!("{name}@{version}")), "{name}");
            names.extend([version, "0.1.9", "0.2.0", "0.3.0", "1.0.0", ""].map(|version| format!("{name}@{version}")));
            names.extend([name.clone(), format!("{name}s@{version}")]);
        }
    }
    for package in
        ["cli/stdout", "filesystem/types", "random/random", "sockets/tcp", "http/incoming-handler", "nn/tensor"]
    {
        names.extend(["0.2.3", "0.3.0"].map(|version| format!("wasi:{package}@{version}")));
    }
    for name in names {
        let offered = tollgate_runtime::inspect::is_offered(&name);
        assert_eq!(tollgate_scaffold::is_offered(&name), offered, "{name}");
    }
}

/// What was built against `tollgate:*@0.1.0` runs as long as the host offers 0.1.
#[tokio::test]
async fn components_of_the_first_wit_still_run() {
    let folder = root().join("tests/fixtures/wit-0.1.0");
    policy_works(&folder.join("hello-rust-policy.wasm")).await;
    policy_works(&folder.join("hello-c-policy.wasm")).await;
    adapter_works(&folder.join("hello-rust-adapter.wasm")).await;
}

/// `cargo xtask test` builds the projects, which fetches compilers, and then runs this.
#[tokio::test]
#[ignore = "needs the projects that `cargo xtask test` builds"]
async fn components_of_every_language_run() {
    let folder = PathBuf::from(std::env::var_os("TOLLGATE_PROJECTS").expect("set by `cargo xtask test`"));
    for language in ["rust", "js", "ts", "python", "go", "c"] {
        let name = format!("hello-{language}-policy");
        policy_works(&folder.join(&name).join(format!("{name}.wasm"))).await;
    }
    for language in ["rust", "js", "ts", "python"] {
        let name = format!("hello-{language}-adapter");
        adapter_works(&folder.join(&name).join(format!("{name}.wasm"))).await;
    }
    for language in ["ts", "python"] {
        let name = format!("interfaces-{language}");
        interfaces_work(&folder.join(&name).join(format!("{name}.wasm"))).await;
    }
}
