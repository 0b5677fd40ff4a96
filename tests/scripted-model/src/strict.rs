//! Whether a schema is one that a provider binds a model with.

use serde_json::Value;

const OPENAI: [&str; 19] = [
    "type",
    "enum",
    "const",
    "anyOf",
    "$ref",
    "$defs",
    "description",
    "title",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];
const OPENAI_LISTS: [&str; 2] = ["minItems", "maxItems"];
const ANTHROPIC: [&str; 14] = [
    "type",
    "enum",
    "const",
    "anyOf",
    "allOf",
    "$ref",
    "$defs",
    "description",
    "title",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "format",
];
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];
const MAX_LEVELS: usize = 10;

/// # Errors
/// What OpenAI says of a schema with `strict: true`.
pub(crate) fn openai(schema: &Value) -> Result<(), String> {
    if schema.get("type") != Some(&Value::from("object")) || schema.get("anyOf").is_some() {
        return Err("schema must be a JSON Schema of 'type: \"object\"'".to_owned());
    }
    walk(schema, schema, true, 0, 0)
}

/// # Errors
/// What Anthropic says of a schema in `output_config`.
pub(crate) fn anthropic(schema: &Value) -> Result<(), String> {
    walk(schema, schema, false, 0, 0)
}

fn walk(root: &Value, schema: &Value, is_openai: bool, level: usize, depth: usize) -> Result<(), String> {
    let Some(members) = schema.as_object() else { return Err(format!("{schema} is not an object")) };
    if depth > 100 {
        return Err("too deep".to_owned());
    }
    let known = |keyword: &str| match is_openai {
        true => OPENAI.contains(&keyword) || OPENAI_LISTS.contains(&keyword),
        false => ANTHROPIC.contains(&keyword) || keyword == "minItems",
    };
    if let Some(keyword) = members.keys().find(|keyword| !known(keyword)) {
        return Err(format!("'{keyword}' is not permitted"));
    }
    if let Some(reference) = members.get("$ref") {
        if members.len() > 1 && depth > 0 {
            return Err("$ref cannot have other keywords beside it".to_owned());
        }
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).unwrap_or("?");
        return root.pointer(pointer).map(drop).ok_or_else(|| format!("reference {reference} not found"));
    }
    if !members.contains_key("type") && !members.contains_key("anyOf") && !members.contains_key("enum") {
        return Err("schema must have a 'type' key".to_owned());
    }
    if members.get("format").is_some_and(|format| !FORMATS.iter().any(|known| format == known)) {
        return Err("unknown format".to_owned());
    }
    let is_type = |name: &str| match members.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    };
    if is_type("array") && !members.contains_key("items") {
        return Err("array schema missing items".to_owned());
    }
    if is_type("object") {
        if members.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err("'additionalProperties' is required to be supplied and to be false".to_owned());
        }
        if level >= MAX_LEVELS && is_openai {
            return Err(format!("levels of nesting exceed limit of {MAX_LEVELS}"));
        }
        let names = members.get("properties").and_then(Value::as_object).into_iter().flat_map(|p| p.keys());
        let required = members.get("required").and_then(Value::as_array).ok_or("'required' is required")?;
        let mut names = names.filter(|_| is_openai);
        if let Some(name) = names.find(|name| !required.iter().any(|one| one == *name)) {
            return Err(format!("'required' is required to be an array including every key. Missing '{name}'"));
        }
    }
    let properties = members.get("properties").and_then(Value::as_object).into_iter().flat_map(|p| p.values());
    for property in properties {
        walk(root, property, is_openai, level + 1, depth + 1)?;
    }
    let definitions = members.get("$defs").and_then(Value::as_object).into_iter().flat_map(|p| p.values());
    for definition in definitions {
        walk(root, definition, is_openai, 0, depth + 1)?;
    }
    for branch in ["anyOf", "allOf"].iter().filter_map(|key| members.get(*key)?.as_array()).flatten() {
        walk(root, branch, is_openai, level, depth + 1)?;
    }
    match members.get("items") {
        Some(items) => walk(root, items, is_openai, level, depth + 1),
        None => Ok(()),
    }
}
