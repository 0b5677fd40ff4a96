//! Schemas in providers' dialects, and the way back.

use crate::support::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_core::Model;
use tollgate_core::model::Meter;
use tollgate_model::{Dialect, ModelSettings, Provider, adapt_schema};
use tollgate_scripted_model::{Script, Scripted, Turn};

fn object(schema: &Value) -> &Map<String, Value> {
    schema.as_object().unwrap()
}

fn refused(schema: Value, dialect: Dialect) -> String {
    adapt_schema(object(&schema), dialect).err().unwrap_or_else(|| panic!("{schema}"))
}

#[test]
fn what_is_optional_may_be_null_and_what_is_not_known_is_told() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "title": "Args",
        "properties": {
            "id": {"type": "string", "minLength": 3, "description": "Which."},
            "kind": {"enum": ["a", "b"], "default": "a"},
            "size": {"type": "integer", "minimum": 1, "format": "int64"},
            "who": {"$ref": "#/definitions/who", "description": "Whom."},
            "when": {"oneOf": [{"type": "string", "format": "date"}, {"const": 7}]},
            "tags": {"type": "array", "items": {"type": ["string", "null"]}, "uniqueItems": true, "maxItems": 4},
        },
        "required": ["id", "who"],
        "definitions": {"who": {"properties": {"name": {"type": "string", "x-odd": 1}}, "additionalProperties": false}},
    });
    let adapted = adapt_schema(object(&schema), Dialect::OpenAi).unwrap();
    let wanted = json!({
        "type": "object",
        "required": ["id", "kind", "size", "who", "when", "tags"],
        "properties": {
            "id": {"type": "string", "description": "Which. (minLength: 3)"},
            "kind": {"type": ["string", "null"], "enum": ["a", "b", null], "description": "(default: \"a\")"},
            "size": {"type": ["integer", "null"], "minimum": 1, "description": "(format: \"int64\")"},
            "who": {"anyOf": [{"$ref": "#/$defs/who"}], "description": "Whom."},
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "integer", "enum": [7]}, {"type": "null"}]},
            "tags": {"type": ["array", "null"], "maxItems": 4, "items": {"type": ["string", "null"]}, "description": "(uniqueItems: true)"},
        },
        "additionalProperties": false,
        "$defs": {
            "who": {
                "type": "object", "required": ["name"], "properties": {"name": {"type": ["string", "null"]}},
                "additionalProperties": false,
            },
        },
    });
    assert_eq!(adapted.schema, wanted);
    assert!(adapted.is_strict());

    let adapted = adapt_schema(object(&schema), Dialect::Anthropic).unwrap();
    assert_eq!(adapted.schema["required"], json!(["id", "who"]));
    assert_eq!(adapted.schema["properties"]["size"]["description"], "(minimum: 1, format: \"int64\")");
    assert_eq!(adapted.unadapt("{\"id\":null}"), "{\"id\":null}");
}

#[test]
fn what_cannot_bind_says_why() {
    let within = |schema: Value| json!({"type": "object", "properties": {"x": schema}});
    for (schema, why) in [
        (json!({}), "no type"),
        (json!({"type": "string"}), "root is not of an object"),
        (json!({"type": "object"}), "object of anything"),
        (json!({"anyOf": [{"type": "object", "additionalProperties": false}]}), "root is not of an object"),
        (json!({"$ref": "#/$defs/gone"}), "leads nowhere"),
        (json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}), "leads nowhere"),
        (json!({"type": "object", "properties": {}, "required": ["x"]}), "does not describe"),
        (json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}), "any name"),
        (json!({"type": "object", "properties": {}, "patternProperties": {}}), "`patternProperties`"),
        (within(json!(true)), "everything or nothing"),
        (within(json!({"description": "anything"})), "no type"),
        (within(json!({"type": "object", "properties": {}})), "object of anything"),
        (within(json!({"type": "array"})), "list of anything"),
        (within(json!({"type": "any"})), "`type` that is none"),
        (within(json!({"type": 3})), "`type` that is none"),
        (within(json!({"allOf": [{"type": "string"}, {"minLength": 3}]})), "`allOf` of several"),
        (within(json!({"type": "string", "anyOf": [{"minLength": 3}]})), "beside keywords that bind"),
        (within(json!({"anyOf": []})), "no members"),
        (within(json!({"enum": [[1]]})), "lists or objects"),
        (within(json!({"type": "string", "enum": [1]})), "without a value of its type"),
        (within(json!({"$ref": "https://example.com/x"})), "no definition of its own"),
        (within(json!({"not": {"type": "string"}})), "`not`"),
        (within(json!({"enum": (0..1_001).collect::<Vec<_>>()})), "more properties, values or text"),
        (within(json!({"enum": ["x".repeat(120_001)]})), "more properties, values or text"),
    ] {
        let said = refused(schema.clone(), Dialect::OpenAi);
        assert!(said.contains(why), "{schema}: {said}");
    }
    let deep = |levels: usize| (0..levels).fold(json!({"type": "string"}), |inner, _| within(inner));
    assert!(adapt_schema(object(&deep(10)), Dialect::OpenAi).is_ok());
    assert!(refused(deep(11), Dialect::OpenAi).contains("deeper than 10"));
    let lists = (0..200).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    assert!(refused(within(lists), Dialect::OpenAi).contains("deeper than 100"));
}

#[test]
fn recursion_is_kept_for_one_and_refused_for_the_other() {
    let tree = json!({
        "type": "object", "properties": {"root": {"$ref": "#/$defs/node"}}, "required": ["root"],
        "$defs": {"node": {
            "type": "object",
            "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
            "required": ["v"],
        }},
    });
    let adapted = adapt_schema(object(&tree), Dialect::OpenAi).unwrap();
    let wrote = "{\"root\":{\"v\":1,\"next\":{\"v\":2,\"next\":null}}}";
    assert_eq!(adapted.unadapt(wrote), "{\"root\":{\"v\":1,\"next\":{\"v\":2}}}");
    assert!(refused(tree.clone(), Dialect::Anthropic).contains("recursive"));
    let of_itself = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
    assert_eq!(
        adapt_schema(object(&of_itself), Dialect::OpenAi).unwrap().unadapt("{\"next\":{\"next\":null}}"),
        "{\"next\":{}}"
    );
    assert!(refused(of_itself, Dialect::Anthropic).contains("recursive"));
    let mut by_name = tree;
    by_name["$ref"] = "#/$defs/node".into();
    object(&by_name);
    for key in ["type", "properties", "required"] {
        by_name.as_object_mut().unwrap().remove(key);
    }
    assert!(refused(by_name, Dialect::Anthropic).contains("recursive"));
}

#[test]
fn text_that_needs_no_way_back_stays_as_it_is() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let adapted = adapt_schema(object(&schema), Dialect::OpenAi).unwrap();
    for text in ["{\"a\": 1 }", "oops", "", "{\"a\":", "[null]", "{\"b\": null}", "null"] {
        assert_eq!(adapted.unadapt(text), text);
    }
    assert_eq!(adapted.unadapt("{\"a\": null }"), "{}");
}

#[test]
fn hostile_schemas_take_no_time() {
    // Each level has two branches that lead to the next twice.
    let branch = |next: usize| json!({"$ref": format!("#/$defs/l{next}")});
    let mut definitions: Map<String, Value> = (0..60)
        .map(|level| {
            let next = level + 1;
            let both = json!({"type": "array", "items": {"anyOf": [branch(next), branch(next)]}});
            (format!("l{level}"), json!({"anyOf": [both.clone(), both]}))
        })
        .collect();
    definitions.insert("l60".into(), json!({"type": "string"}));
    let schema = json!({"type": "object", "properties": {"x": branch(0)}, "$defs": definitions});
    let adapted = adapt_schema(object(&schema), Dialect::OpenAi).unwrap();
    let wrote = format!("{{\"x\":{}7{}}}", "[".repeat(60), "]".repeat(60));
    let started = std::time::Instant::now();
    assert_eq!(adapted.unadapt(&wrote), wrote);
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[tokio::test]
async fn a_union_of_very_many_is_described_all_the_same() {
    let branch = |n: usize| json!({"properties": {"x": {"const": n}}, "required": ["x"]});
    let union: Vec<Value> = (0..20_000).map(branch).collect();
    let scripted = Scripted::start(Script::new([Turn::text("x")])).await.unwrap();
    let settings = ModelSettings { endpoint: Some(endpoint(Provider::OpenAi, &scripted)), ..ModelSettings::default() };
    let mut request = question();
    request.tools = vec![tool("many", json!({"oneOf": union}))];
    models(settings).await.unwrap().complete(request, &run(None), &Meter::default()).await.unwrap();
    let sent = &scripted.requests()[0].body["tools"][0]["function"]["parameters"];
    assert_eq!((&sent["required"], sent["properties"]["x"]["anyOf"].as_array().unwrap().len()), (&json!(["x"]), 32));
    let definitions: Map<String, Value> = (0..501)
        .map(|n| (format!("d{n}"), json!({"type": "array", "items": {"$ref": format!("#/$defs/d{}", n + 1)}})))
        .collect();
    let chain = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": definitions});
    assert!(refused(chain, Dialect::Anthropic).contains("more than 500 definitions"));
}

#[tokio::test]
async fn what_does_not_bind_describes_without_unions_at_the_root() {
    let of_two = |key: &str| {
        let mut schema = json!({"properties": {"all": {"type": "boolean"}}, "required": ["all"]});
        schema[key] = json!([
            {"properties": {"id": {"type": "string"}, "n": {"type": "integer"}}, "required": ["id", "n"]},
            {"properties": {"name": {"type": "string"}, "n": {"type": "string"}}, "required": ["name", "n"]},
        ]);
        schema
    };
    let tools = vec![
        tool("any", of_two("anyOf")),
        tool("one", of_two("oneOf")),
        tool("all", of_two("allOf")),
        tool("map", json!({"type": "object", "additionalProperties": {"type": "number"}})),
        tool("none", json!({"$schema": "x"})),
        tool(
            "ref",
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"properties": {"q": {}}}], "type": "object"}}}),
        ),
        tool(
            "if",
            json!({"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}, "not": {"required": ["c"]}}),
        ),
        tool("within", json!({"allOf": [{"anyOf": [{"type": "object"}], "enum": [1], "properties": {"p": {}}}]})),
        tool("odd", json!({"type": "string", "enum": ["x"], "properties": 3})),
    ];
    for provider in BOTH {
        let scripted = Scripted::start(Script::new([Turn::text("x")])).await.unwrap();
        let settings = ModelSettings { endpoint: Some(endpoint(provider, &scripted)), ..ModelSettings::default() };
        let mut request = question();
        request.tools = tools.clone();
        models(settings).await.unwrap().complete(request, &run(None), &Meter::default()).await.unwrap();
        let body = scripted.requests()[0].body.clone();
        let sent = |number: usize| match provider {
            Provider::OpenAi => body["tools"][number]["function"]["parameters"].clone(),
            Provider::Anthropic => body["tools"][number]["input_schema"].clone(),
        };
        for number in [0, 1] {
            assert_eq!(sent(number)["required"], json!(["all", "n"]));
            assert_eq!(sent(number)["properties"]["n"], json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}));
            assert!(sent(number)["description"].as_str().unwrap().contains("Of: ["));
        }
        assert_eq!(sent(2)["required"], json!(["all", "id", "n", "name"]));
        assert_eq!(sent(3)["additionalProperties"], json!({"type": "number"}));
        assert_eq!(sent(4), json!({"type": "object", "properties": {}}));
        assert_eq!(sent(5)["properties"], json!({"q": {}}));
    }
}

/// Schemas that can bind, of keywords that OpenAI knows; `depth` levels below.
fn bindable(depth: u32) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "integer", "minimum": 0, "maximum": 3})),
        Just(json!({"type": "number"})),
        Just(json!({"enum": ["a", "b", null]})),
        Just(json!({"enum": [1, "b"]})),
        Just(json!({"const": "c"})),
        Just(json!({"$ref": "#/$defs/leaf"})),
        Just(json!({"$ref": "#/$defs/tree"})),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            records(inner.clone()),
            (inner.clone(), prop::option::of(0u8..2), prop::option::of(2u8..4)).prop_map(|(items, min, max)| {
                let mut list = json!({"type": "array", "items": items});
                if let Some(min) = min {
                    list["minItems"] = min.into();
                }
                if let Some(max) = max {
                    list["maxItems"] = max.into();
                }
                list
            }),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|branches| json!({"anyOf": branches})),
            inner.prop_map(|only| json!({"allOf": [only], "description": "x"})),
        ]
    })
    .boxed()
}

fn records(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((inner, any::<bool>()), 1..4).prop_map(|fields| {
        let names = ["a", "b", "c"];
        let properties: Map<String, Value> =
            names.iter().zip(&fields).map(|(name, (schema, _))| ((*name).to_owned(), schema.clone())).collect();
        let required: Vec<&str> = names.iter().zip(&fields).filter(|(_, (_, is))| *is).map(|(name, _)| *name).collect();
        json!({"type": "object", "properties": properties, "required": required})
    })
}

/// A value of an adapted schema, chosen by `draw`.
fn instance(root: &Value, schema: &Value, draw: &mut impl FnMut(usize) -> usize, depth: usize) -> Option<Value> {
    if depth > 24 {
        return None;
    }
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
        return instance(root, root.pointer(&pointer[1..])?, draw, depth + 1);
    }
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        // Towards the end the last one, which is null where that may be.
        let at = if depth > 10 { branches.len() - 1 } else { draw(branches.len()) };
        return instance(root, &branches[at], draw, depth + 1);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values[draw(values.len())].clone());
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) if depth > 10 => kinds.last()?.as_str()?,
        Value::Array(kinds) => kinds[draw(kinds.len())].as_str()?,
        kind => kind.as_str()?,
    };
    Some(match kind {
        "null" => Value::Null,
        "boolean" => (draw(2) == 0).into(),
        "string" => ["", "a", "c"][draw(3)].into(),
        "integer" => draw(4).into(),
        "number" => json!(draw(9) as f64 / 2.0),
        "array" => {
            let bound = |key: &str, or: usize| schema.get(key).map_or(or, |n| n.as_u64().unwrap() as usize);
            let (min, max) = (bound("minItems", 0), bound("maxItems", 2));
            let count = if depth > 10 { min } else { min + draw(max - min + 1) };
            let values = (0..count).map(|_| instance(root, &schema["items"], draw, depth + 1));
            Value::Array(values.collect::<Option<_>>()?)
        }
        _ => {
            let members = schema["properties"]
                .as_object()?
                .iter()
                .map(|(name, schema)| Some((name.clone(), instance(root, schema, draw, depth + 1)?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_valid_when_adapted_is_valid_for_the_original_after_the_way_back(
        root in records(bindable(4)),
        tree in records(bindable(2)),
        draws in prop::collection::vec(any::<prop::sample::Index>(), 64),
    ) {
        let mut schema = root;
        schema["$defs"] = json!({"leaf": {"type": ["integer", "null"]}, "tree": tree});
        // Too deep is no matter of this test.
        let Ok(adapted) = adapt_schema(object(&schema), Dialect::OpenAi) else { return Ok(()) };
        let mut next = draws.iter().cycle();
        let mut draw = |count: usize| next.next().unwrap().index(count);
        let Some(value) = instance(&adapted.schema, &adapted.schema, &mut draw, 0) else { return Ok(()) };
        let is_valid = |schema: &Value, value: &Value| jsonschema::validator_for(schema).unwrap().is_valid(value);
        prop_assert!(is_valid(&adapted.schema, &value), "the test's own value: {value} of {}", adapted.schema);
        let back: Value = serde_json::from_str(&adapted.unadapt(&value.to_string())).unwrap();
        prop_assert!(is_valid(&schema, &back), "{back}, of {value}, for {schema}");
    }

    #[test]
    fn any_document_is_adapted_or_refused_and_never_more(
        schema in documents(), text in "[\\[\\]{}\":,a0 nul]{0,20}",
    ) {
        let Value::Object(schema) = schema else { return Ok(()) };
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            if let Ok(adapted) = adapt_schema(&schema, dialect) {
                prop_assert!(jsonschema::validator_for(&adapted.schema).is_ok(), "{}", adapted.schema);
                adapted.unadapt(&text);
            }
        }
    }
}

/// JSON that uses the words of JSON Schema in all the wrong places.
fn documents() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "properties",
        "required",
        "items",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "a",
        "enum",
        "const",
        "additionalProperties",
        "minimum",
        "pattern",
        "format",
        "not",
        "description",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..3).prop_map(Value::from),
        prop::sample::select(vec!["object", "string", "array", "#/$defs/a", "#", "null", "(", "date"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Map<_, _>>()
                .into()),
        ]
    })
}
