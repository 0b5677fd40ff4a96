//! Documents that mean harm, and arguments of all shapes.

use adapter_openapi::{Operation, read, request};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn documents_that_explode_are_refused_in_time() {
    let bomb = |levels: usize| {
        let mut text = String::from("openapi: 3.1.0\na0: &a0 [x, x]\n");
        for level in 1..levels {
            text +=
                &format!("a{level}: &a{level} [{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]\n", format!("*a{}", level - 1));
        }
        text
    };
    assert!(read(&bomb(30), "").is_err());
    assert!(read(&("[".repeat(100_000)), "").is_err());
    assert!(read(&(r#"{"a":"#.repeat(100_000)), "").is_err());
    assert!(read(&" ".repeat((32 << 20) + 1), "").unwrap_err().contains("at most"));
}

#[test]
fn schemas_that_fan_out_cost_their_operation_only() {
    // Each schema refers to all others: few bytes, many nodes.
    let names: Vec<String> = (0..300).map(|n| format!("S{n}")).collect();
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|n| (n.clone(), json!({"$ref": format!("#/components/schemas/{n}")}))).collect();
    let schemas: serde_json::Map<String, Value> =
        names.iter().map(|n| (n.clone(), json!({"type": "object", "properties": properties}))).collect();
    let body = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}});
    let document = json!({
        "openapi": "3.0.0", "servers": [{"url": "https://x.test"}], "components": {"schemas": schemas},
        "paths": {"/a": {"post": {"requestBody": body, "responses": {"200": body}}, "get": {"responses": {"200": body}}}}
    });
    let catalog = read(&document.to_string(), "").unwrap();
    assert_eq!((catalog.tools.len(), catalog.skipped.len()), (1, 1));
    assert!(catalog.tools[0].tool.get("outputSchema").is_none());
}

#[test]
fn odd_corners_of_a_document_do_not_panic() {
    for paths in [
        json!(null),
        json!([]),
        json!({"/a": null}),
        json!({"/a": {"get": []}}),
        json!({"/a": {"get": {"parameters": 3}}}),
        json!({"/a": {"get": {"parameters": [null, 3]}}}),
        json!({"/a": {"post": {"requestBody": {"content": {"x": 1}}}}}),
        json!({"/{}{a}{a}": {"get": {}}}),
        json!({"/a": {"$ref": "#/paths/~1a"}}),
        json!({"": {"get": {}}}),
        json!({"/a": {"get": {"responses": {"2": {"content": {"application/json": {"schema": {"type": 3, "enum": {}, "required": [1]}}}}}}}}),
    ] {
        let document = json!({"openapi": "3.1.0", "servers": [{"url": "https://x.test"}], "paths": paths});
        drop(read(&document.to_string(), ""));
    }
}

#[test]
fn the_corpus_of_the_fuzzer_replays() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/openapi");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        adapter_openapi::fuzz(&std::fs::read(&file).unwrap());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_argument_leaves_its_place(path in any_json(), query in any_json(), header in any_json(), cookie in any_json()) {
        let operation: Operation = serde_json::from_value(json!({
            "method": "GET", "server": "https://x.test/v1", "path": "/a/{p}/b",
            "parameters": [
                {"arg": "p", "in": "path", "required": true}, {"arg": "q", "in": "query", "style": "deepObject", "reserved": true},
                {"arg": "h", "in": "header"}, {"arg": "c", "in": "cookie"}
            ]
        })).unwrap();
        if let Ok(sent) = request(&operation, &json!({"p": path, "q": query, "h": header, "c": cookie})) {
            prop_assert!(sent.url.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'#'), "{}", sent.url);
            let path = sent.url.strip_prefix("https://x.test/v1/a/").unwrap().split('?').next().unwrap();
            let (own, rest) = path.split_once('/').unwrap();
            prop_assert!(rest == "b" && !own.is_empty() && own != "." && own != "..");
            for (_, value) in sent.headers {
                prop_assert!(value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        adapter_openapi::fuzz(&data);
    }
}
