//! The shipped policies, over the five demo servers: each pattern of the guide does what it says.

use crate::support::Place;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A component of the plugins, where the build of the binary left it.
fn plugin(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().parent().unwrap();
    let path = built.join("guests/wasm32-wasip2/release").join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing", path.display());
    path
}

fn run(policy: &str, input: Value) -> Value {
    let place = Place::new();
    let mut servers = json!({});
    for name in ["crm", "tickets", "payments", "calendar", "analytics"] {
        servers[name] = json!({"component": plugin(&format!("adapter_{name}"))});
    }
    place.write("servers.json", json!({"servers": servers}).to_string());
    let file = plugin(&format!("policy_{policy}"));
    let input = input.to_string();
    // Exactly what it asks for.
    let checked = place.run(["check", "--json", file.to_str().unwrap()]).expect(0).json();
    let mut args = vec!["--config", "servers.json", "run", file.to_str().unwrap(), "--json", "--input", &input];
    for grant in checked["grants"].as_array().unwrap() {
        args.extend(["--grant", grant.as_str().unwrap()]);
    }
    place.run(args).json()
}

#[test]
fn hello() {
    let report = run("hello", json!({"name": "Ada"}));
    assert_eq!(report["output"], "Hello, Ada!", "{report:#}");
    let size = std::fs::metadata(plugin("policy_hello")).unwrap().len();
    assert!(size < 200_000, "a hello policy is {size} bytes");
    let source = std::fs::read_to_string(crate::support::root().join("plugins/policies/hello/src/lib.rs")).unwrap();
    assert!(source.lines().count() < 15);
}

#[test]
fn customer_360_names_what_is_missing() {
    let report = run("customer_360", json!({"email": "john.smith@acme.com"}));
    assert_eq!(report["status"], "ok", "{report:#}");
    assert_eq!(report["output"]["missing"], json!([]), "{report:#}");
    assert!(!report["output"]["open_tickets"].as_array().unwrap().is_empty(), "{report:#}");
}
