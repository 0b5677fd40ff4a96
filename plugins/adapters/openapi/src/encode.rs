//! Bodies of requests: JSON, forms, texts and files.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::body::is_media;
use crate::operation::{Body, Field, Kind, Style};
use crate::style::{self, Encoding};

/// The body that arguments make, with its media type; `None` where nothing is to be sent.
///
/// # Errors
/// What is wrong with the arguments.
pub fn body(body: &Body, args: &Map<String, Value>) -> Result<Option<(String, Vec<u8>)>, String> {
    let value = match &body.arg {
        Some(arg) => match args.get(arg) {
            Some(value) => value.clone(),
            None if body.required => return Err(format!("the argument `{arg}` is missing")),
            None => return Ok(None),
        },
        None if args.is_empty() && !body.required => return Ok(None),
        None => {
            let name = |arg: &String| body.renamed.get(arg).unwrap_or(arg).clone();
            Value::Object(args.iter().map(|(arg, value)| (name(arg), value.clone())).collect())
        }
    };
    let media = body.media.clone();
    let encoded = match body.kind {
        Kind::Json => (media, value.to_string().into_bytes()),
        Kind::Form => (media, form(body, object(&value)?)?.into_bytes()),
        Kind::Multipart => multipart(body, object(&value)?)?,
        Kind::Text => (media, style::scalar(&value).into_bytes()),
        Kind::File => {
            let file = File::read("body", &value)?;
            (file.media.unwrap_or(media), file.bytes)
        }
    };
    Ok(Some(encoded))
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| "the argument `body` is no JSON object, as a form wants it".to_owned())
}

fn form(body: &Body, members: &Map<String, Value>) -> Result<String, String> {
    let mut all = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let usual = Field::default();
        let field = body.fields.get(name).unwrap_or(&usual);
        let encoding = if field.reserved { Encoding::Reserved } else { Encoding::Strict };
        match (field.style, value) {
            (None, Value::Object(_)) => all.push((Encoding::Strict.apply(name), encoding.apply(&value.to_string()))),
            (style, value) => {
                let style = style.unwrap_or(Style::Form);
                let explode = field.explode.unwrap_or(style == Style::Form);
                all.extend(style::pairs(name, value, style, explode, encoding)?);
            }
        }
    }
    Ok(all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

/// One part of a multipart body.
struct Part {
    name: String,
    filename: Option<String>,
    media: Option<String>,
    bytes: Vec<u8>,
}

fn multipart(body: &Body, members: &Map<String, Value>) -> Result<(String, Vec<u8>), String> {
    let mut parts = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let field = body.fields.get(name).cloned().unwrap_or_default();
        let values = match value {
            Value::Array(items) => items.iter().collect(),
            value => vec![value],
        };
        for value in values {
            parts.push(part(name, value, &field)?);
        }
    }
    let boundary = boundary(&parts);
    let mut bytes = Vec::new();
    for part in &parts {
        let filename =
            part.filename.as_ref().map(|name| format!("; filename=\"{}\"", quoted(name))).unwrap_or_default();
        let media = part.media.as_ref().map(|media| format!("Content-Type: {media}\r\n")).unwrap_or_default();
        let name = quoted(&part.name);
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n{media}\r\n");
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&part.bytes);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), bytes))
}

fn part(name: &str, value: &Value, field: &Field) -> Result<Part, String> {
    let media = field.media.clone();
    if field.file {
        let file = File::read(name, value)?;
        let media = file.media.or(media).or_else(|| Some("application/octet-stream".to_owned()));
        let filename = Some(file.name.unwrap_or_else(|| "file".to_owned()));
        return Ok(Part { name: name.to_owned(), filename, media, bytes: file.bytes });
    }
    let (media, text) = match value {
        Value::Object(_) | Value::Array(_) => {
            (media.or_else(|| Some("application/json".to_owned())), value.to_string())
        }
        value => (media, style::scalar(value)),
    };
    Ok(Part { name: name.to_owned(), filename: None, media, bytes: text.into_bytes() })
}

/// A name between quotes, as HTML has it (section "multipart form data"): a quote or a line break is encoded.
fn quoted(name: &str) -> String {
    let mut quoted = String::new();
    for c in name.chars() {
        match c {
            '"' => quoted.push_str("%22"),
            '\r' => quoted.push_str("%0D"),
            '\n' => quoted.push_str("%0A"),
            c if c.is_control() => quoted.push('_'),
            c => quoted.push(c),
        }
    }
    quoted
}

/// A boundary that none of the parts has in it.
fn boundary(parts: &[Part]) -> String {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        (&part.name, &part.bytes).hash(&mut hasher);
    }
    let mut seed = hasher.finish();
    loop {
        let boundary = format!("tollgate-{seed:016x}");
        let found = |part: &Part| memfind(&part.bytes, boundary.as_bytes());
        if !parts.iter().any(found) {
            return boundary;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    }
}

fn memfind(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A file argument.
struct File {
    name: Option<String>,
    media: Option<String>,
    bytes: Vec<u8>,
}

impl File {
    /// Reads the argument; a plain text is its own content.
    fn read(arg: &str, value: &Value) -> Result<Self, String> {
        if let Value::String(text) = value {
            return Ok(Self { name: None, media: None, bytes: text.clone().into_bytes() });
        }
        let text = |member: &str| value.get(member).and_then(Value::as_str);
        let bytes = match (text("text"), text("base64")) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(base64)) => {
                let compact: String = base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                STANDARD
                    .decode(compact)
                    .map_err(|error| format!("`base64` of the argument `{arg}` is wrong: {error}"))?
            }
            _ => return Err(format!("the argument `{arg}` is a file: it has either `text` or `base64`")),
        };
        let media = text("media_type").map(str::to_owned);
        if let Some(media) = &media
            && !is_media(media)
        {
            return Err(format!("`media_type` of the argument `{arg}` is no media type"));
        }
        Ok(Self { name: text("filename").map(str::to_owned), media, bytes })
    }
}
