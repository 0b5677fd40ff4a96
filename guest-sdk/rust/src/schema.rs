//! JSON Schemas of types, and JSON that has to fit them.

use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The schema of an input: always an object schema, as MCP asks.
pub(crate) fn input<T: JsonSchema>() -> String {
    let mut schema = generate::<T>(Contract::Deserialize);
    schema.ensure_object().entry("type").or_insert_with(|| "object".into());
    schema.as_value().to_string()
}

/// The schema of an output; none where the type allows any JSON.
pub(crate) fn output<T: JsonSchema>() -> Option<String> {
    let schema = generate::<T>(Contract::Serialize);
    let says_something = schema.as_object().is_some_and(|keywords| !keywords.is_empty());
    says_something.then(|| schema.as_value().to_string())
}

/// The schema of what a model or a person answers.
pub(crate) fn answer<T: JsonSchema>() -> Value {
    generate::<T>(Contract::Deserialize).to_value()
}

/// Whether every value of the type is a JSON object.
pub(crate) fn is_object<T: JsonSchema>() -> bool {
    generate::<T>(Contract::Serialize).get("type").is_some_and(|kind| kind == "object")
}

/// Inlined and without the name of the Rust type: easier to read for models, and fewer tokens.
fn generate<T: JsonSchema>(contract: Contract) -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
        settings.contract = contract;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema
}

/// Reads a `T`; the error names the place in the document.
pub(crate) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        // The path of the whole document is a dot.
        if path == "." { error.into_inner().to_string() } else { format!("{path}: {}", error.into_inner()) }
    })
}

/// Reads a `T` from a guest's input. The empty text means `{}`.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let json = if json.is_empty() { "{}" } else { json };
    let value = serde_json::from_str(json).map_err(|error| format!("not JSON: {error}"))?;
    decode(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema and its errors are looked at")]
    struct Query {
        /// What to look for.
        text: String,
        limits: Vec<u8>,
    }

    #[test]
    fn an_input_schema_has_descriptions_and_no_type_name() {
        let schema: Value = serde_json::from_str(&input::<Query>()).unwrap();
        assert_eq!(schema["properties"]["text"], json!({"type": "string", "description": "What to look for."}));
        assert_eq!(schema.get("title"), None);
        assert_eq!(schema.get("$schema"), None);
    }

    #[test]
    fn any_json_is_an_object_as_input_and_unknown_as_output() {
        assert_eq!(input::<Value>(), r#"{"type":"object"}"#);
        assert_eq!(output::<Value>(), None);
    }

    #[test]
    fn errors_name_the_place() {
        let error = parse::<Query>(r#"{"text": "x", "limits": [1, 300]}"#).unwrap_err();
        assert!(error.starts_with("limits[1]: invalid value"), "{error}");
        assert_eq!(parse::<Query>("").unwrap_err(), "missing field `text`");
        assert!(parse::<Query>("{").unwrap_err().starts_with("not JSON: "));
    }
}
