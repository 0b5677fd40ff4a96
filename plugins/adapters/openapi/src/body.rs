//! The body of an operation's request: which of its media types is sent, and which arguments make it up.
//!
//! A body that is a plain object becomes an argument a member, beside the parameters: models fill a flat list of
//! arguments with fewer mistakes than a nested one. Any other body is the one argument `body`.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::operation::{Body, Field, Kind, Style};
use crate::parameters::Inputs;
use crate::schema::{Converter, Use, is_hidden};
use crate::servers::Credentials;
use crate::text;

/// The most members that become arguments of their own.
const MAX_FLAT: usize = 200;

/// Keywords that a plain object may have: what says something to a reader and nothing to a validator.
const HARMLESS: [&str; 14] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "title",
    "description",
    "example",
    "examples",
    "xml",
    "externalDocs",
    "deprecated",
    "nullable",
    "readOnly",
    "writeOnly",
];

/// Reads the body, adding its arguments. Its credentials are none of the caller's, because the host adds them.
///
/// # Errors
/// Why the operation cannot be a tool.
pub fn read<'d>(
    document: &'d Document,
    operation: &'d Value,
    credentials: &Credentials<'_>,
    converter: &mut Converter<'d>,
    inputs: &mut Inputs,
) -> Result<Option<Body>, String> {
    let Some(object) = operation.get("requestBody") else { return Ok(None) };
    let object = document.resolve(object).map_err(|error| format!("its body: {error}"))?;
    let Some(content) = object.get("content").and_then(Value::as_object) else { return Ok(None) };
    let ranked = content.iter().filter(|(media, _)| is_media(media)).min_by_key(|(media, _)| rank(media));
    let Some((media, details)) = ranked else { return Ok(None) };
    let kind = kind(media);
    let required = object.get("required").and_then(Value::as_bool).unwrap_or(false);
    let schema = details.get("schema");
    let mut body =
        Body { media: concrete(media), kind, required, arg: None, renamed: BTreeMap::new(), fields: BTreeMap::new() };
    let mut plain = match (kind, schema) {
        (Kind::Json | Kind::Form | Kind::Multipart, Some(schema)) => plain(document, schema, 8),
        _ => None,
    };
    if matches!(kind, Kind::Form | Kind::Multipart) {
        body.fields = fields(document, details, plain.as_ref(), kind);
    }
    if let Some(plain) = plain.as_mut().filter(|_| matches!(kind, Kind::Form | Kind::Multipart)) {
        plain.properties.retain(|(name, schema)| !credentials.is_field(name, described(document, schema)));
        let kept: HashSet<_> = plain.properties.iter().map(|(name, _)| *name).collect();
        plain.required.retain(|name| kept.contains(name));
    }
    // A body that may be left out, with members that may not: only as one argument can that be said.
    let plain = plain.filter(|plain| required || plain.required.is_empty());
    if let Some(names) = plain.as_ref().and_then(|plain| arguments(plain, inputs)) {
        let plain = plain.unwrap_or_default();
        for ((name, schema), arg) in plain.properties.into_iter().zip(names) {
            let schema = if body.fields.get(name).is_some_and(|field| field.file) {
                files(document, schema)
            } else {
                converter.convert(schema)?
            };
            inputs.add(&arg, schema, plain.required.contains(name));
            if arg != name {
                body.renamed.insert(arg, name.to_owned());
            }
        }
        return Ok(Some(body));
    }

    let arg = text::unique("body", |name| inputs.properties.contains_key(name));
    let mut converted = match (kind, schema) {
        (Kind::File, _) => file(),
        (Kind::Text, Some(schema)) if !is_text(document, schema) => json!({"type": "string"}),
        (Kind::Form | Kind::Multipart, None) => json!({"type": "object"}),
        (Kind::Text, None) => json!({"type": "string"}),
        (_, None) => json!({}),
        (_, Some(schema)) => converter.convert(schema)?,
    };
    if matches!(converted, Value::Bool(true)) {
        converted = json!({});
    }
    if let Some(members) = converted.as_object_mut() {
        let said = object.get("description").and_then(Value::as_str).unwrap_or_default();
        let as_what = match kind {
            Kind::Text => format!("The body: a text of the type {}.", text::shortened(media, 100)),
            Kind::File => format!("The body: bytes of the type {}.", text::shortened(media, 100)),
            _ => "The body.".to_owned(),
        };
        let description = format!("{as_what} {}", text::shortened(said.trim(), 2_000));
        members.entry("description").or_insert_with(|| description.trim().into());
    }
    inputs.add(&arg, converted, required);
    body.arg = Some(arg);
    Ok(Some(body))
}

fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is JSON.
pub fn is_json(media: &str) -> bool {
    let essence = essence(media);
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// Whether this can be the value of a `Content-Type` or `Accept` header.
pub fn is_media(media: &str) -> bool {
    media.contains('/') && media.len() <= 200 && media.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn kind(media: &str) -> Kind {
    match essence(media).as_str() {
        "application/x-www-form-urlencoded" => Kind::Form,
        "multipart/form-data" => Kind::Multipart,
        "*/*" | "application/*" => Kind::Json,
        _ if is_json(media) => Kind::Json,
        essence if essence.starts_with("text/") || essence.ends_with("xml") || essence.ends_with("yaml") => Kind::Text,
        "application/graphql" | "application/javascript" | "application/x-ndjson" => Kind::Text,
        _ => Kind::File,
    }
}

/// Which media type is taken of several: the lowest.
fn rank(media: &str) -> u8 {
    match kind(media) {
        Kind::Json if essence(media) == "application/json" => 0,
        // Easier to write than a list of steps, and what it means does not depend on the server.
        Kind::Json if essence(media) == "application/merge-patch+json" => 1,
        Kind::Json if essence(media) == "application/json-patch+json" => 3,
        Kind::Json if !media.contains('*') => 2,
        Kind::Form => 4,
        Kind::Multipart => 5,
        Kind::Json => 6,
        Kind::Text => 7,
        Kind::File => 8,
    }
}

/// The media type to send, where the document has a range.
fn concrete(media: &str) -> String {
    match (media.contains('*'), kind(media)) {
        (false, _) => media.trim().to_owned(),
        (true, Kind::Json) => "application/json".to_owned(),
        (true, Kind::Text) => "text/plain".to_owned(),
        (true, _) => "application/octet-stream".to_owned(),
    }
}

/// An object of which each member can be an argument.
#[derive(Debug, Default)]
struct Plain<'d> {
    properties: Vec<(&'d str, &'d Value)>,
    required: HashSet<&'d str>,
}

/// The plain object that a schema is, or that several make together by `allOf`.
fn plain<'d>(document: &'d Document, schema: &'d Value, depth: usize) -> Option<Plain<'d>> {
    let depth = depth.checked_sub(1)?;
    let schema = document.resolve(schema).ok()?;
    let members = schema.as_object()?;
    let branches = members.get("allOf").and_then(Value::as_array);
    let harmless = |name: &str| HARMLESS.contains(&name) || name.starts_with("x-") || name == "allOf";
    if !members.keys().all(|name| harmless(name)) {
        return None;
    }
    if members.get("type").is_some_and(|name| name != "object")
        || members.get("nullable") == Some(&Value::Bool(true))
        || members.get("additionalProperties").is_some_and(|rest| *rest != Value::Bool(false) || branches.is_some())
    {
        return None;
    }
    let mut plain = Plain::default();
    let mut hidden = HashSet::new();
    for (name, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if is_hidden(document, property, Use::Input) {
            hidden.insert(name.as_str());
        } else {
            plain.properties.push((name, property));
        }
    }
    plain
        .required
        .extend(members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    for branch in branches.into_iter().flatten() {
        let other = self::plain(document, branch, depth)?;
        if other.properties.iter().any(|(name, _)| plain.properties.iter().any(|(known, _)| known == name)) {
            return None;
        }
        // A closed branch would refuse the members of the others.
        if document.resolve(branch).ok()?.get("additionalProperties").is_some() {
            return None;
        }
        plain.properties.extend(other.properties);
        plain.required.extend(other.required);
        if plain.properties.len() > MAX_FLAT {
            return None;
        }
    }
    plain.required.retain(|name| !hidden.contains(name));
    let known = |name: &&str| plain.properties.iter().any(|(property, _)| property == name);
    let whole = plain.required.iter().all(known);
    (whole && !plain.properties.is_empty() && plain.properties.len() <= MAX_FLAT).then_some(plain)
}

/// The arguments of the members, where each can have one.
fn arguments(plain: &Plain<'_>, inputs: &Inputs) -> Option<Vec<String>> {
    let mut taken = HashSet::new();
    let mut names = Vec::new();
    for (name, _) in &plain.properties {
        let arg = text::identifier(name, 64);
        if arg.is_empty() || inputs.properties.contains_key(&arg) || !taken.insert(arg.clone()) {
            return None;
        }
        names.push(arg);
    }
    Some(names)
}

/// How the members of a form are written.
fn fields(document: &Document, details: &Value, plain: Option<&Plain<'_>>, kind: Kind) -> BTreeMap<String, Field> {
    let mut fields: BTreeMap<String, Field> = BTreeMap::new();
    for (name, encoding) in details.get("encoding").and_then(Value::as_object).into_iter().flatten().take(MAX_FLAT) {
        let flag = |member: &str| encoding.get(member).and_then(Value::as_bool);
        let style = match encoding.get("style").and_then(Value::as_str) {
            Some("deepObject") => Some(Style::DeepObject),
            Some("spaceDelimited") => Some(Style::SpaceDelimited),
            Some("pipeDelimited") => Some(Style::PipeDelimited),
            Some(_) => Some(Style::Form),
            None if flag("explode").or(flag("allowReserved")).is_some() => Some(Style::Form),
            None => None,
        };
        let media = encoding.get("contentType").and_then(Value::as_str);
        let media = media.and_then(|list| list.split(',').next()).map(str::trim);
        let field = Field {
            style: if kind == Kind::Form { style } else { None },
            explode: flag("explode"),
            reserved: flag("allowReserved").unwrap_or(false),
            media: media.filter(|media| is_media(media) && !media.contains('*')).map(str::to_owned),
            file: false,
        };
        fields.insert(name.clone(), field);
    }
    if kind == Kind::Multipart {
        for (name, schema) in plain.into_iter().flat_map(|plain| &plain.properties) {
            if is_file(document, schema) || list_items(document, schema).is_some_and(|items| is_file(document, items)) {
                fields.entry((*name).to_owned()).or_default().file = true;
            }
        }
    }
    fields.retain(|_, field| *field != Field::default());
    fields
}

fn list_items<'d>(document: &'d Document, schema: &'d Value) -> Option<&'d Value> {
    let schema = document.resolve(schema).ok()?;
    schema.get("items").filter(|_| schema.get("type").is_none_or(|name| name == "array"))
}

/// Whether a member's values are bytes.
fn is_file(document: &Document, schema: &Value) -> bool {
    let Ok(schema) = document.resolve(schema) else { return false };
    let text = |member: &str| schema.get(member).and_then(Value::as_str);
    matches!(text("format"), Some("binary"))
        || (text("contentMediaType").is_some_and(|media| kind(media) == Kind::File)
            && text("contentEncoding").is_none())
}

fn is_text(document: &Document, schema: &Value) -> bool {
    document.resolve(schema).is_ok_and(|schema| schema.get("type").is_some_and(|name| name == "string"))
}

fn described<'d>(document: &'d Document, schema: &'d Value) -> &'d str {
    let schema = document.resolve(schema).ok();
    schema.and_then(|schema| schema.get("description")?.as_str()).unwrap_or_default()
}

/// The argument of a member that is a file, or a list of files.
fn files(document: &Document, schema: &Value) -> Value {
    let described = Some(described(document, schema)).filter(|text| !text.is_empty());
    let mut argument = match list_items(document, schema) {
        Some(_) => json!({"type": "array", "items": file()}),
        None => file(),
    };
    if let (Some(text), Some(members)) = (described, argument.as_object_mut()) {
        members.insert("description".into(), text::shortened(text, 2_000).into());
    }
    argument
}

/// The schema of a file argument.
fn file() -> Value {
    let mut properties = Map::new();
    properties.insert("text".into(), json!({"type": "string", "description": "The content, if it is a text."}));
    let base64 = json!({"type": "string", "contentEncoding": "base64", "description": "The content, as Base64."});
    properties.insert("base64".into(), base64);
    properties.insert("filename".into(), json!({"type": "string", "maxLength": 255}));
    let media = json!({"type": "string", "maxLength": 200, "description": "As `image/png`."});
    properties.insert("media_type".into(), media);
    json!({
        "type": "object",
        "properties": properties,
        "oneOf": [{"required": ["text"]}, {"required": ["base64"]}],
        "additionalProperties": false
    })
}
