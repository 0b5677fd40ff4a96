//! Arguments held against a tool's input schema, before anything is sent.
//!
//! Schemas come from outside. Nothing that a `$ref` names is ever fetched, patterns run in linear time, and
//! what could take too long is left unchecked ([`crate::tame`]).

use crate::near::near_words;
use crate::tame::Tameness;
use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};
use std::sync::OnceLock;
use tollgate_core::{CallError, Violation};

/// The most violations that one error tells.
const MAX_VIOLATIONS: usize = 16;
const MAX_MESSAGE_CHARS: usize = 300;
/// Arguments of a schema, beyond which a wrong name is not compared with each.
const MAX_COMPARED: usize = 500;
/// The largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A tool's compiled input schema. Compiled at the first call.
#[derive(Default)]
pub(crate) struct ArgumentCheck(OnceLock<Option<(Tameness, Validator)>>);

impl ArgumentCheck {
    /// Reads `args` and holds them against `schema`. `warn` hears once why there is no check, if so.
    ///
    /// # Errors
    /// [`CallError::InvalidArguments`].
    pub(crate) fn read(
        &self,
        schema: &Value,
        args: &str,
        warn: impl FnOnce(&str),
    ) -> Result<Map<String, Value>, CallError> {
        let parsed = parse(args)?;
        let compiled = self.0.get_or_init(|| compile(schema).inspect_err(|why| warn(why)).ok());
        let Some((tameness, validator)) = compiled else { return Ok(parsed) };
        let parsed = Value::Object(parsed);
        let violations: Vec<_> = if !tameness.allows(schema, &parsed, args.len()) || validator.is_valid(&parsed) {
            Vec::new()
        } else {
            let errors = validator.iter_errors(&parsed).take(MAX_VIOLATIONS);
            let told = errors.map(|error| violation(error.instance_path().as_str(), &error.masked().to_string()));
            told.chain(misspelt(schema, &parsed)).take(MAX_VIOLATIONS).collect()
        };
        match parsed {
            Value::Object(parsed) if violations.is_empty() => Ok(parsed),
            _ => Err(CallError::InvalidArguments(violations)),
        }
    }
}

fn compile(schema: &Value) -> Result<(Tameness, Validator), String> {
    let tameness = Tameness::of(schema).map_err(|why| crate::text::clean(&why, MAX_MESSAGE_CHARS))?;
    let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    let validator = jsonschema::options()
        .offline()
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| crate::text::clean(&error.to_string(), MAX_MESSAGE_CHARS))?;
    Ok((tameness, validator))
}

/// Reads the text of a JSON object; serde_json refuses one that is nested deeper than 127 levels.
fn parse(args: &str) -> Result<Map<String, Value>, CallError> {
    let refused = |message: &str| CallError::InvalidArguments(vec![violation("", message)]);
    if args.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(args) {
        Ok(Value::Object(args)) => Ok(args),
        Ok(other) => Err(refused(&format!("arguments are a JSON object, this is {}", kind(&other)))),
        Err(error) => Err(refused(&format!("not JSON: {error}"))),
    }
}

/// Arguments that have no place in the schema, where they are like one that has: a wrong name is told as the right one that
/// is missing, if that.
fn misspelt<'a>(schema: &'a Value, args: &'a Value) -> impl Iterator<Item = Violation> + 'a {
    let known = schema.get("properties").and_then(Value::as_object).filter(|known| known.len() <= MAX_COMPARED);
    let known = known.filter(|_| schema.as_object().is_some_and(names_all));
    let given = args.as_object().into_iter().flat_map(Map::keys);
    let unknown = given.filter(move |name| known.is_some_and(|known| !known.contains_key(*name)));
    unknown.take(MAX_VIOLATIONS).filter_map(move |name| {
        // Only those that are not given as well.
        let free = known?.keys().map(String::as_str).filter(|known| args.get(known).is_none());
        let near = near_words(name, free);
        let near = near.first()?;
        Some(violation("", &format!("there is no argument {name:?}; did you mean {near:?}?")))
    })
}

/// Whether all arguments that a schema speaks of are its `properties`.
fn names_all(schema: &Map<String, Value>) -> bool {
    let elsewhere = [
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "not",
        "patternProperties",
        "dependentSchemas",
        "dependencies",
    ];
    let others = schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"));
    !elsewhere.iter().any(|keyword| schema.contains_key(*keyword)) && !others.is_some_and(Value::is_object)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn violation(path: &str, message: &str) -> Violation {
    Violation {
        path: path.chars().take(MAX_MESSAGE_CHARS).collect(),
        message: crate::text::clean(message, MAX_MESSAGE_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::{Duration, Instant};

    fn check(schema: &Value, args: &str) -> (Result<Map<String, Value>, CallError>, Option<String>) {
        let mut warning = None;
        let result = ArgumentCheck::default().read(schema, args, |why| warning = Some(why.to_owned()));
        (result, warning)
    }

    #[test]
    fn violations_tell_where_and_what() {
        let schema = json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1},
                "list": {"type": "array", "items": {"$ref": "#/$defs/word"}},
                "mail": {"pattern": "^(a+)+$"},
            },
            "required": ["n"],
            "additionalProperties": false,
            "$defs": {"word": {"type": "string"}},
        });
        for (args, path, want) in [
            ("{}", "", "required"),
            (r#"{"n": 0}"#, "/n", "minimum"),
            (r#"{"n": 1, "list": ["a", 2]}"#, "/list/1", "string"),
            (r#"{"n": 1, "x": 1}"#, "", "'x'"),
            ("null", "", "this is null"),
            ("{\"n\": 1", "", "not JSON"),
        ] {
            let Err(CallError::InvalidArguments(found)) = check(&schema, args).0 else { panic!("{args}") };
            assert!(found[0].path == path && found[0].message.contains(want), "{args}: {found:?}");
        }
        assert!(check(&schema, r#"{"n": 3, "list": ["a"]}"#).0.is_ok());
        assert_eq!(check(&json!({"type": "object"}), " ").0, Ok(Map::new()));
    }

    #[test]
    fn an_argument_with_a_wrong_name_is_told_with_the_right_one() {
        let schema = json!({"properties": {"message": {}, "maxResults": {}}, "required": ["message"]});
        let told = |args: &str| match check(&schema, args).0 {
            Err(CallError::InvalidArguments(found)) => {
                found.into_iter().map(|v| v.message).collect::<Vec<_>>().join("; ")
            }
            other => panic!("{args}: {other:?}"),
        };
        let said = told(r#"{"mesage": "x", "max_results": 1, "colour": 2}"#);
        assert!(said.contains(r#"no argument "mesage"; did you mean "message"?"#), "{said}");
        assert!(said.contains(r#"no argument "max_results"; did you mean "maxResults"?"#), "{said}");
        assert!(!said.contains("colour"), "{said}");
        // Arguments that have a place elsewhere in the schema are not told to be none.
        let schema = json!({"properties": {"title": {}, "label": {}}, "patternProperties": {"^label_": {}}, "required": ["title"]});
        let Err(CallError::InvalidArguments(found)) = check(&schema, r#"{"labels": 1}"#).0 else { panic!() };
        assert_eq!(found.len(), 1, "{found:?}");
        let schema = json!({"properties": {"message": {}, "maxResults": {}}, "required": ["message"]});
        // What the schema lets pass stays as it is.
        assert!(check(&schema, r#"{"message": "x", "mesage": 1}"#).0.is_ok());
    }

    #[test]
    fn violations_are_few_and_short() {
        let schema = json!({"additionalProperties": {"type": "integer"}});
        let args = (0..100).map(|i| format!(r#""{}{i}": "x""#, "k".repeat(1_000))).collect::<Vec<_>>().join(",");
        let Err(CallError::InvalidArguments(found)) = check(&schema, &format!("{{{args}}}")).0 else { panic!() };
        assert_eq!(found.len(), MAX_VIOLATIONS);
        assert!(found.iter().all(|v| v.message.chars().count() <= 301 && v.path.chars().count() <= 300));
    }

    #[test]
    fn an_older_draft_is_honoured() {
        // In draft 4 `exclusiveMinimum` is a boolean; later it is a number.
        let schema = json!({"$schema": "http://json-schema.org/draft-04/schema#",
            "properties": {"n": {"minimum": 1, "exclusiveMinimum": true}}});
        assert!(check(&schema, r#"{"n": 1}"#).0.is_err());
        assert!(check(&schema, r#"{"n": 2}"#).0.is_ok());
    }

    #[test]
    fn a_schema_that_is_none_checks_nothing_and_says_so() {
        for schema in [
            json!({"type": "objekt"}),
            json!({"$ref": "http://127.0.0.1:1/x"}),
            json!({"$ref": "file:///etc/hostname"}),
            json!({"$ref": "#/nowhere"}),
            json!({"$schema": "http://127.0.0.1:1/meta"}),
            json!({"properties": {"a": {"pattern": "("}}}),
            json!({"properties": {"a": {"pattern": "((a{1000}){1000}){1000}"}}}),
        ] {
            let (result, warning) = check(&schema, "{}");
            assert!(result.is_ok() && warning.is_some(), "{schema}: {result:?} {warning:?}");
        }
    }

    #[test]
    fn hostile_schemas_take_little_time_and_stack() {
        let chain = |n: usize, step: fn(Value) -> Value| {
            let mut defs = Map::new();
            for i in 0..n {
                defs.insert(format!("a{i}"), step(json!({"$ref": format!("#/$defs/a{}", i + 1)})));
            }
            defs.insert(format!("a{n}"), json!({"type": "object"}));
            json!({"$ref": "#/$defs/a0", "$defs": defs})
        };
        let once = |next| json!({"allOf": [next]});
        let twice = |next: Value| json!({"allOf": [next.clone(), next]});
        let deep = |n: usize| format!("{}1{}", r#"{"a":"#.repeat(n), "}".repeat(n));
        let branching =
            json!({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"type": "null"}]}}});
        let wide = json!({"properties": {"a": {"items": {"enum": (0..10_000).collect::<Vec<_>>()}}}});
        let looping = json!({"type": "object", "properties": {"a": {"allOf": [{"$ref": "#/$defs/x"}]}},
            "$defs": {"x": chain(60, once)["$defs"]["a0"], "y": {}}});
        for (schema, args) in [
            (json!({"$ref": "#"}), "{}".to_owned()),
            (chain(50_000, once), "{}".to_owned()),
            (chain(100, once), "{}".to_owned()),
            (chain(60, twice), "{}".to_owned()),
            (branching, deep(100)),
            (wide, format!(r#"{{"a": [{}0]}}"#, "0,".repeat(100_000))),
            (looping, deep(100)),
        ] {
            let begun = Instant::now();
            let _ = check(&schema, &args);
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn an_ordinary_recursive_schema_is_checked() {
        let schema = json!({"properties": {"tree": {"$ref": "#/$defs/node"}}, "$defs": {"node": {
            "anyOf": [{"type": "null"}, {"type": "object", "properties": {
                "left": {"$ref": "#/$defs/node"}, "right": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}]}}});
        assert!(check(&schema, r#"{"tree": {"left": {"n": 1}, "right": null}}"#).0.is_ok());
        assert!(check(&schema, r#"{"tree": {"left": {"n": "x"}}}"#).0.is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(args in ".*") {
            let _ = check(&json!({"type": "object"}), &args);
        }
    }
}
