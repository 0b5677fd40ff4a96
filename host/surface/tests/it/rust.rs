//! Typed calls in Rust, held against the compiler.

use crate::signature::{hostile, tracker, with_schemas};
use crate::{catalog, tool};
use proptest::strategy::{Strategy as _, ValueTree as _};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tollgate_core::Tool;
use tollgate_surface::rust_bindings;

/// Tools whose names and schemas make trouble.
fn nasty() -> Vec<Arc<Tool>> {
    let schema = json!({
        "type": "object",
        "properties": {
            "self": {"type": "string"}, "Self": {"type": "null"}, "größe": {"type": "integer"}, "grö_e": {"type": "number"},
            "2": {"enum": ["a", "A", "self", "", "a\"b\\\u{202e}", "-"]}, "more": {"enum": [1, 2]}, "": {"enum": ["x", 1]},
            "r#fn": {"type": "array", "items": {"type": ["string", "null"]}}, "async": {"$ref": "#/$defs/String"},
            "new": {"$ref": "#/$defs/Option"}, "list": {"$ref": "#/$defs/List"},
        },
        "required": ["self", "2", "new"],
        "additionalProperties": {"type": "string"},
        "$defs": {
            "String": {"type": "object", "properties": {"Vec": {"$ref": "#/$defs/String"}}},
            "Option": {"anyOf": [{"type": "null"}, {"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/Option"}}]},
            "List": {"type": "array", "items": {"$ref": "#/$defs/List"}},
        },
    });
    let names = [
        ("std", "std"),
        ("tollgate_sdk", "tollgate_sdk"),
        ("core", "serde"),
        ("fn", "crate"),
        ("a`b\n*/", "\"); evil(\""),
        ("größe", "搜索"),
        ("my-server", "get-it"),
        ("my.server", "get_it"),
        ("my_server", "get.it"),
        ("self", "Self"),
    ];
    let both = |(server, name)| {
        let description = "*/ \"\"\" /// {} \u{202e} evil";
        Arc::new(Tool { output_schema: Some(schema.clone()), ..tool(server, name, description, schema.clone()) })
    };
    names.into_iter().map(both).collect()
}

#[test]
fn a_tool_is_a_function_that_takes_its_types() {
    let input = json!({"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["query"]});
    let output = json!({"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}, "required": ["names"]});
    let (name, text) =
        rust_bindings(&[with_schemas("list-all", input, Some(output)), with_schemas("none", json!({}), None)]);
    assert_eq!(name, "tollgate_tools.rs");
    for part in [
        "pub mod tracker {",
        "pub async fn list_all(args: list_all::Args) -> ::tollgate_sdk::Result<list_all::Output> {",
        "::tollgate_sdk::call_as(\"tracker:list-all\", args).await",
        "pub query: String,",
        "pub limit: Option<i64>,",
        "pub fn new(query: impl Into<String>) -> Self {",
        "pub names: Vec<String>,",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn every_tool_has_a_bounded_text() {
    let wide: serde_json::Map<_, _> = (0..5_000)
        .map(|n| (format!("member{n}"), json!({"type": "object", "properties": {"a": {"enum": ["x", "y"]}}})))
        .collect();
    let (_, text) = rust_bindings(&[with_schemas("wide", json!({"type": "object", "properties": wide}), None)]);
    assert!(text.len() < 70 << 10, "{}", text.len());
}

/// Checks a crate with these bindings, and this code, for the target of components. Needs the Wasm target and the crates
/// that the SDK depends on.
fn check(tools: &[Arc<Tool>], code: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/rust").canonicalize().unwrap();
    let manifest = format!(
        "[package]\nname = \"bound\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\ntollgate-sdk = {{ path = {:?} }}\n",
        sdk.display().to_string()
    );
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(sdk.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let (name, text) = rust_bindings(tools);
    fs::write(folder.path().join("src").join(name), text).unwrap();
    let code = format!(
        "#![deny(warnings)]\nmod tollgate_tools;\nuse ::tollgate_sdk::prelude::*;\nuse tollgate_tools::tracker;\n{code}"
    );
    fs::write(folder.path().join("src/lib.rs"), code).unwrap();
    // One folder for all: what the SDK depends on is compiled once.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bound");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--quiet", "--target", "wasm32-wasip2", "--message-format", "short"]);
    let output = cargo.current_dir(folder.path()).env("CARGO_TARGET_DIR", target).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

const RIGHT: &str = r#"
pub async fn all() -> Result<()> {
    let mut args = tracker::list_issues::Args::new("a/b");
    args.state = Some(tracker::list_issues::ArgsState::Open);
    let found = tracker::list_issues(args).await?;
    let _: i64 = found.issues[0].id;
    Ok(())
}
"#;

/// `cargo test -p tollgate-surface --test it rust -- --ignored`
#[test]
#[ignore = "compiles for wasm32-wasip2"]
fn the_compiler_takes_any_catalog_and_refuses_wrong_arguments() {
    let mut tools = [catalog(), tracker(), nasty()].concat();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for n in 0..60 {
        for tool in hostile().new_tree(&mut runner).unwrap().current() {
            tools.push(Arc::new(Tool { server: format!("{}{n}", tool.server), ..Tool::clone(&tool) }));
        }
    }
    assert_eq!(check(&tools, RIGHT), "");
    for wrong in [
        "tracker::list_issues(tracker::list_issues::Args::new(1))",
        "tracker::list_issues(tracker::list_issues::Args::new())",
        "tracker::list_issues(tracker::list_issues::Args { nothing: 1, ..tracker::list_issues::Args::new(\"a\") })",
        "tracker::no_such_tool()",
        "tollgate_tools::nobody::tool()",
    ] {
        let said =
            check(&tracker(), &format!("pub async fn wrong() {{ let _ = {wrong}.await; }}\npub fn f(_: Value) {{}}"));
        assert!(said.contains("src/lib.rs:5:"), "accepted: {wrong}\n{said}");
    }
}
