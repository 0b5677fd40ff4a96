//! What an operation answers: media types to ask for, and the schema of the tool's structured content.

use serde_json::{Map, Value, json};

use crate::body::{is_json, is_media};
use crate::document::Document;
use crate::operation::Output;
use crate::schema::{Converter, MAX_OUTPUT, Use, is_object};

/// The most media types in an `Accept` header.
const MAX_ACCEPT: usize = 8;
/// How far the question is followed whether a schema is one of objects.
const DEPTH: usize = 8;

/// What was read.
#[derive(Debug, Default)]
pub struct Responses {
    /// Media types of the successful responses, JSON first.
    pub accept: Vec<String>,
    /// How structured content holds a response.
    pub output: Output,
    /// The output schema.
    pub schema: Option<Value>,
    /// Why there is no output schema, where there should be one.
    pub dropped: Option<String>,
}

/// Reads an operation's successful responses. What cannot be read of them costs the tool its output schema only.
pub fn read(document: &Document, operation: &Value) -> Responses {
    let mut read = Responses::default();
    let mut schemas: Vec<&Value> = Vec::new();
    let Some(responses) = operation.get("responses").and_then(Value::as_object) else { return read };
    let success = |status: &str| status.starts_with('2');
    let any = responses.keys().any(|status| success(status));
    for (status, response) in responses {
        if !(success(status) || (!any && status == "default")) {
            continue;
        }
        let Ok(response) = document.resolve(response) else { continue };
        for (media, details) in response.get("content").and_then(Value::as_object).into_iter().flatten() {
            if is_media(media) && !read.accept.contains(media) {
                read.accept.push(media.clone());
            }
            if let (true, Some(schema)) = (is_json(media), details.get("schema"))
                && !schemas.contains(&schema)
            {
                schemas.push(schema);
            }
        }
    }
    read.accept.sort_by_key(|media| !is_json(media));
    read.accept.truncate(MAX_ACCEPT);
    // A response may also be of a type that has no schema. Then nothing certain can be said.
    if schemas.is_empty() {
        return read;
    }
    match output(document, &schemas) {
        Ok((schema, output)) => {
            let size = schema.to_string().len();
            if size <= MAX_OUTPUT {
                (read.schema, read.output) = (Some(schema), output);
            } else {
                read.dropped = Some(format!("it has {size} bytes, more than {MAX_OUTPUT}"));
            }
        }
        Err(reason) => read.dropped = Some(reason),
    }
    read
}

fn output(document: &Document, schemas: &[&Value]) -> Result<(Value, Output), String> {
    let mut converter = Converter::new(document, Use::Output);
    let object = schemas.iter().all(|schema| is_object(document, schema, DEPTH));
    let mut root = match schemas {
        // The root itself is no reference, because a tool's output schema must say that it is an object.
        [only] if object => converter.convert(document.resolve(only)?)?,
        [only] => converter.convert(only)?,
        several => {
            let several = several.iter().map(|schema| converter.convert(schema)).collect::<Result<Vec<_>, _>>()?;
            json!({"anyOf": several})
        }
    };
    if !object {
        root = json!({"properties": {"result": root}});
    }
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    if let Value::Object(members) = root {
        schema.extend(members.into_iter().filter(|(keyword, _)| keyword != "type"));
    }
    let definitions = converter.definitions()?;
    if !definitions.is_empty() {
        schema.insert("$defs".into(), definitions.into());
    }
    Ok((schema.into(), if object { Output::Object } else { Output::Wrapped }))
}
