//! Components in every guest language: those of the templates, and those that were built against an older WIT.

use crate::support::{root, shared_cache};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tollgate::{AdapterSpec, ComponentSource, Grants, Host, LimitKind, RunRequest, Status};

/// The demo's customers, and an adapter beside them.
async fn host(adapter: Option<&Path>) -> Host {
    let file = |path: &Path| AdapterSpec::new(ComponentSource::File(path.to_owned()));
    let builder = Host::builder()
        .cache_dir(shared_cache().join("tollgate/components"))
        .adapter("crm", file(&crate::examples::plugin("adapter_crm")));
    let builder = adapter.into_iter().fold(builder, |builder, path| builder.adapter("words", file(path)));
    builder.build().await.unwrap()
}

/// A policy of a template greets, and asks for the customers of a name; without the grant it fails, and says why.
async fn policy_works(component: &Path) {
    let shown = component.display();
    let host = host(None).await;
    let request = || {
        // CPython alone takes more memory and instances than a policy has unless it says so.
        let request = RunRequest::file(component).input(r#"{"name":"Smith"}"#).limit(LimitKind::Memory, 256 << 20);
        request.limit(LimitKind::Instances, 64).limit(LimitKind::TableElements, 1_000_000)
    };
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
}
