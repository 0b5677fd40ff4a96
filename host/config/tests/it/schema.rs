//! The schema and the parser say the same.

use crate::{accepted::GOOD, errors::WRONG, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&tollgate_config::schema()).expect("the schema is one"));

/// The file as an editor that validates it sees it.
fn as_json(name: &str, text: &str) -> Value {
    match name.rsplit('.').next() {
        Some("toml") => serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap(),
        Some("json") => jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default()).unwrap(),
        _ if text.trim().is_empty() || text.trim() == "# nothing yet" => json!({}),
        _ => serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")),
    }
}

#[test]
fn the_schema_is_valid_and_describes_every_key() {
    let schema = tollgate_config::schema();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    fn described(schema: &Value, path: &str) {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let description = value["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.') && description.len() >= 8, "{path}.{key}: {description:?}");
            described(value, key);
        }
    }
    described(&schema, "");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        described(definition, name);
    }
}

#[test]
fn the_schema_accepts_every_good_file() {
    for (name, text) in GOOD {
        let file = as_json(name, text);
        let errors: Vec<_> = SCHEMA.iter_errors(&file).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}\n{file:#}");
    }
}

#[test]
fn the_schema_refuses_wrong_files_but_for_these() {
    let mut accepted = String::new();
    for (name, text) in WRONG.iter().copied().flatten() {
        if SCHEMA.is_valid(&as_json(name, text)) {
            accepted += &format!("{}\n\n", text.trim_end());
        }
    }
    insta::with_settings!({omit_expression => true}, { insta::assert_snapshot!("schema_cannot_tell", accepted) });
}

/// A value that some key takes, or nearly.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec![
            json!("x"),
            json!(""),
            json!(" "),
            json!("https://x.com/mcp"),
            json!("HTTP://x"),
            json!("http://a@b"),
            json!("30s"),
            json!("1m 30s"),
            json!("0s"),
            json!("64MiB"),
            json!("1_000"),
            json!("0"),
            json!("stdio"),
            json!("sse"),
            json!("crm:*"),
            json!("read-only"),
            json!("p.js"),
            json!("p.wasm"),
            json!("${env:X}"),
            json!("${x}"),
            json!("$${"),
            json!(0),
            json!(1),
            json!(-1),
            json!(1.5),
            json!(7200),
            json!(1e30),
            json!(true),
            json!(false),
            json!(null),
            json!([]),
            json!(["x"]),
            json!([1]),
            json!([[]]),
            json!({}),
            json!({"A": "b"}),
            json!({"A B": "b"}),
            json!({"env": "X"}),
            json!({"file": "f"}),
            json!({"env": "X", "file": "f"}),
            json!({"allow": ["x"]}),
            json!("20/s"),
            json!("5 / h"),
            json!({"calls": 5, "per": "1m"}),
            json!({"max_retries": 3, "on": ["timeout"]}),
            json!({"max_retries": 3.5}),
            json!(["timeout", "tool_error"]),
            json!({"failures": 3}),
            json!({"tools": "5m", "lists": false}),
            json!({"ttl": true, "max_entries": 5}),
            json!({"idle": "5m"}),
            json!({"settings": {"get_*": {"effect": "read", "cache": "5m"}}}),
            json!("openai"),
            json!("agent"),
            json!("endpoint"),
            json!("tollgate:planner"),
            json!("tollgate:x"),
            json!(["*:delete_*", " a:b"]),
            json!(["*:*"]),
            json!("python"),
            json!("meta"),
            json!("127.0.0.1:80"),
            json!("x.com"),
            json!("chrome-extension://x"),
            json!(["crm:*", "x"]),
            json!(["https://x.com/"]),
            json!({"crm:a": "x"}),
            json!([{"name": "x", "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]),
        ]),
        (0u32..5000).prop_map(|n| json!(n)),
        "[0-9.]{1,4} ?(B|kB|Mi|GiB|s|ms|min|h|x)?".prop_map(Value::from),
        "[a-z*:!=-]{1,8}".prop_map(Value::from),
    ]
}

/// A map of the keys of one of the schema's maps, and of none.
fn map_of(definition: &'static str, entries: std::ops::Range<usize>) -> impl Strategy<Value = Value> {
    let schema = tollgate_config::schema();
    let keys = schema.pointer(definition).and_then(|d| d["properties"].as_object()).unwrap();
    let mut keys: Vec<String> = keys.keys().cloned().collect();
    keys.push("zzz".into());
    let entry = (prop::sample::select(keys), value());
    prop::collection::vec(entry, entries).prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

fn file() -> impl Strategy<Value = Value> {
    let policy = "/properties/policies/additionalProperties";
    prop_oneof![
        map_of("", 0..3),
        map_of("/$defs/limits", 0..4).prop_map(|limits| json!({"limits": limits})),
        map_of(policy, 1..3).prop_map(|policy| json!({"policies": {"p": policy}})),
        map_of("/$defs/server", 1..4).prop_map(|server| json!({"servers": {"a": server}})),
        map_of("/$defs/server", 1..4).prop_map(|server| json!({"mcpServers": {"a b": server}, "zzz": 1})),
        map_of("/properties/serve", 0..3).prop_map(|serve| json!({"serve": serve})),
        map_of("/properties/serve/properties/names", 0..3).prop_map(|names| json!({"serve": {"names": names}})),
        map_of("/properties/serve/properties/http", 1..4).prop_map(|http| json!({"serve": {"http": http}})),
        map_of("/properties/orchestration", 0..4).prop_map(|all| json!({"orchestration": all})),
        map_of("/properties/orchestration/properties/retry/anyOf/1", 0..4)
            .prop_map(|retry| json!({"orchestration": {"retry": retry}})),
        map_of("/properties/orchestration/properties/cache/anyOf/1", 0..4)
            .prop_map(|cache| json!({"orchestration": {"cache": cache}})),
        (map_of("/properties/model", 0..5), prop::sample::select(vec!["openai", "anthropic", "agent"])).prop_map(
            |(mut model, provider)| {
                model["provider"] = json!(provider);
                json!({"model": model})
            }
        ),
        (map_of("/$defs/server", 0..3), value()).prop_map(|(mut server, url)| {
            server["url"] = url;
            json!({"servers": {"a": server}})
        }),
        (value(), value())
            .prop_map(|(a, b)| json!({"secrets": {"s": a}, "servers": {"s": {"command": "x", "env": b}}})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn the_schema_accepts_whatever_the_parser_accepts(file in file()) {
        if let Ok(config) = read("a.json", &file.to_string()) {
            let errors: Vec<_> = SCHEMA.iter_errors(&file).map(|e| format!("{}: {e}", e.instance_path())).collect();
            prop_assert!(errors.is_empty(), "{errors:?}\n{file:#}\n{config:?}");
        }
    }
}
