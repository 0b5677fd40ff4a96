//! The parameters of an operation, and the arguments that give their values.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::operation::{Parameter, Place, Style};
use crate::schema::Converter;
use crate::servers::Credentials;
use crate::text;

/// The most parameters of one operation.
const MAX_PARAMETERS: usize = 500;

/// Headers that the transport, or another part of the document, decides: no argument sets them.
const OWNED_HEADERS: [&str; 14] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A tool's input schema, as it grows.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Schemas of the arguments.
    pub properties: Map<String, Value>,
    /// Which of them must be given.
    pub required: Vec<String>,
}

impl Inputs {
    /// Adds an argument. Its name is not taken.
    pub fn add(&mut self, arg: &str, schema: Value, required: bool) {
        if required {
            self.required.push(arg.to_owned());
        }
        self.properties.insert(arg.to_owned(), schema);
    }

    /// The schema of all arguments.
    pub fn into_schema(self, definitions: Map<String, Value>) -> Value {
        let mut schema = Map::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), self.properties.into());
        if !self.required.is_empty() {
            schema.insert("required".into(), self.required.into());
        }
        schema.insert("additionalProperties".into(), false.into());
        if !definitions.is_empty() {
            schema.insert("$defs".into(), definitions.into());
        }
        schema.into()
    }
}

/// A parameter as the document has it.
struct Declared<'d> {
    name: &'d str,
    place: Place,
    object: &'d Value,
}

/// Reads the parameters of an operation. Its credentials are none of the caller's, because the host adds them.
///
/// # Errors
/// Why the operation cannot be a tool.
pub fn read<'d>(
    document: &'d Document,
    (path, item, operation): (&str, &'d Value, &'d Value),
    credentials: &Credentials<'_>,
    converter: &mut Converter<'d>,
    inputs: &mut Inputs,
) -> Result<Vec<Parameter>, String> {
    let in_path = placeholders(path)?;
    let mut declared: Vec<Declared<'d>> = Vec::new();
    // The operation's own override those of its path.
    for owner in [operation, item] {
        for object in owner.get("parameters").and_then(Value::as_array).into_iter().flatten().take(MAX_PARAMETERS) {
            let Some(parameter) = declare(document, object)? else { continue };
            if !declared.iter().any(|other| other.place == parameter.place && other.name == parameter.name) {
                declared.push(parameter);
            }
        }
    }
    declared.retain(|parameter| match parameter.place {
        Place::Path => in_path.contains(&parameter.name),
        Place::Header => !OWNED_HEADERS.contains(&parameter.name.to_ascii_lowercase().as_str()),
        _ => true,
    });
    declared.retain(|Declared { name, place, object }| {
        let description = object.get("description").and_then(Value::as_str).unwrap_or_default();
        !credentials.is_parameter(*place, name, description)
    });
    declared.sort_by_key(|parameter| parameter.place);

    let mut parameters = Vec::new();
    for name in &in_path {
        if !declared.iter().any(|parameter| parameter.place == Place::Path && parameter.name == *name) {
            let arg = argument(name, Place::Path, inputs);
            inputs.add(&arg, json!({"type": "string"}), true);
            parameters.push(plain(arg, name));
        }
    }
    for Declared { name, place, object } in declared {
        let arg = argument(name, place, inputs);
        let (schema, mut parameter) = one(object, place, converter)?;
        parameter.name = (arg != name).then(|| name.to_owned());
        parameter.arg.clone_from(&arg);
        inputs.add(&arg, schema, parameter.required);
        parameters.push(parameter);
    }
    Ok(parameters)
}

/// The argument of a parameter: its name, or where that is taken `NAME_PLACE`. Path comes before query, query before
/// headers, and they before cookies.
fn argument(name: &str, place: Place, inputs: &Inputs) -> String {
    let base = text::identifier(name, 56);
    let base = if base.is_empty() { "parameter".to_owned() } else { base };
    let taken = |name: &str| inputs.properties.contains_key(name);
    if !taken(&base) {
        return base;
    }
    let place = match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
        Place::Cookie => "cookie",
    };
    text::unique(&format!("{base}_{place}"), taken)
}

fn plain(arg: String, name: &str) -> Parameter {
    Parameter {
        name: (arg != name).then(|| name.to_owned()),
        arg,
        place: Place::Path,
        style: None,
        explode: None,
        reserved: false,
        required: true,
        media: None,
    }
}

fn declare<'d>(document: &'d Document, object: &'d Value) -> Result<Option<Declared<'d>>, String> {
    let object = document.resolve(object).map_err(|error| format!("a parameter: {error}"))?;
    let Some(name) = object.get("name").and_then(Value::as_str) else {
        return Err("a parameter has no name".into());
    };
    let place = match object.get("in").and_then(Value::as_str) {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        Some("cookie") => Place::Cookie,
        _ => return Err(format!("the parameter `{}` is in no known place", text::shortened(name, 100))),
    };
    let bad_token = |name: &str| name.is_empty() || name.len() > 256 || !name.bytes().all(is_token);
    if matches!(place, Place::Header | Place::Cookie) && bad_token(name) {
        return Err(format!("the parameter `{}` cannot be a header's or a cookie's name", text::shortened(name, 100)));
    }
    Ok(Some(Declared { name, place, object }))
}

/// Characters of a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The schema of the argument, and the parameter but for its names.
fn one<'d>(object: &'d Value, place: Place, converter: &mut Converter<'d>) -> Result<(Value, Parameter), String> {
    let flag = |member: &str| object.get(member).and_then(Value::as_bool);
    let content = object.get("content").and_then(Value::as_object).and_then(|content| content.iter().next());
    let schema = match content {
        Some((_, media)) => media.get("schema"),
        None => object.get("schema"),
    };
    let mut schema = match schema {
        Some(schema) => converter.convert(schema)?,
        None => json!({"type": "string"}),
    };
    annotate(object, &mut schema);
    let style = match (place, object.get("style").and_then(Value::as_str)) {
        (Place::Path, Some("label")) => Some(Style::Label),
        (Place::Path, Some("matrix")) => Some(Style::Matrix),
        (Place::Query, Some("spaceDelimited")) => Some(Style::SpaceDelimited),
        (Place::Query, Some("pipeDelimited")) => Some(Style::PipeDelimited),
        (Place::Query, Some("deepObject")) => Some(Style::DeepObject),
        // Each other place has one style, whatever the document says.
        _ => None,
    };
    let parameter = Parameter {
        arg: String::new(),
        name: None,
        place,
        style,
        explode: flag("explode"),
        reserved: place == Place::Query && flag("allowReserved").unwrap_or(false),
        required: place == Place::Path || flag("required").unwrap_or(false),
        media: content.map(|(media, _)| text::shortened(media, 200)),
    };
    Ok((schema, parameter))
}

/// A parameter's own words take the place of its schema's.
fn annotate(object: &Value, schema: &mut Value) {
    if let Value::Bool(true) = schema {
        *schema = Value::Object(Map::new());
    }
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(description) = object.get("description").and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    {
        schema.insert("description".into(), text::shortened(description.trim(), 2_000).into());
    }
    if object.get("deprecated") == Some(&Value::Bool(true)) {
        schema.insert("deprecated".into(), true.into());
    }
    if let Some(example) =
        object.get("example").filter(|value| matches!(value, Value::String(text) if text.len() < 200))
    {
        schema.entry("examples").or_insert_with(|| json!([example]));
    }
}

/// The names in braces of a path template.
fn placeholders(path: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err("a brace of its path is not closed".into());
        };
        if name.is_empty() {
            return Err("its path has a parameter without a name".into());
        }
        if seen.insert(name) {
            names.push(name);
        }
        rest = after;
    }
    Ok(names)
}
