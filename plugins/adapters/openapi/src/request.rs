//! An operation and arguments as an HTTP request. A pure function: what it gives can be checked without a server.

use serde_json::{Map, Value};

use crate::encode;
use crate::operation::{Operation, Parameter, Place};
use crate::style::{self, Encoding};

/// The longest URL, in bytes.
const MAX_URL: usize = 64 << 10;
/// The longest value of a header, in bytes.
const MAX_HEADER: usize = 16 << 10;
/// The largest body, in bytes.
const MAX_BODY: usize = 32 << 20;

/// A request without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// The whole URL, encoded.
    pub url: String,
    /// Names and values. Nothing in them can end a header.
    pub headers: Vec<(String, String)>,
    /// The body; `None` is not the same as an empty one.
    pub body: Option<Vec<u8>>,
}

/// Makes the request of a call.
///
/// # Errors
/// What is wrong with the arguments, for the one who gave them.
pub fn request(operation: &Operation, args: &Value) -> Result<Request, String> {
    let args = match args {
        Value::Object(args) => args,
        _ => return Err("the arguments are no JSON object".into()),
    };
    for name in args.keys() {
        let known = operation.parameters.iter().any(|parameter| parameter.arg == *name)
            || operation.body.as_ref().is_some_and(|body| body.arg.as_ref().is_none_or(|arg| arg == name));
        if !known {
            return Err(format!("there is no argument `{}`", crate::text::shortened(name, 100)));
        }
    }
    let mut query = Vec::new();
    let mut headers = vec![("Accept".to_owned(), accept(&operation.accept))];
    let mut cookies = Vec::new();
    let mut path = operation.path.clone();
    for parameter in &operation.parameters {
        let value = match args.get(&parameter.arg) {
            Some(value) if !value.is_null() => value,
            _ if parameter.required => return Err(format!("the argument `{}` is missing", parameter.arg)),
            _ => continue,
        };
        // A parameter with `content` is a text of that type.
        let text;
        let value = match &parameter.media {
            Some(media) if crate::body::is_json(media) || !value.is_string() => {
                text = Value::String(value.to_string());
                &text
            }
            _ => value,
        };
        let name = parameter.wire_name();
        match parameter.place {
            Place::Path => {
                let written = segment(parameter, value)?;
                path = path.replace(&format!("{{{name}}}"), &written);
            }
            Place::Query => {
                let encoding = if parameter.reserved { Encoding::Reserved } else { Encoding::Strict };
                query.extend(style::pairs(name, value, parameter.style(), parameter.explode(), encoding)?);
            }
            Place::Header => {
                let written = style::simple(value, parameter.explode(), Encoding::Verbatim);
                headers.push((name.to_owned(), header(&parameter.arg, written)?));
            }
            Place::Cookie => {
                let pairs = style::pairs(name, value, parameter.style(), parameter.explode(), Encoding::Strict)?;
                cookies.extend(pairs.into_iter().map(|(name, value)| format!("{name}={value}")));
            }
        }
    }
    if !cookies.is_empty() {
        headers.push(("Cookie".to_owned(), header("cookie", cookies.join("; "))?));
    }
    let body = match &operation.body {
        None => None,
        Some(body) => encode::body(body, &rest(operation, args))?,
    };
    let body = body.map(|(media, bytes)| {
        headers.push(("Content-Type".to_owned(), media));
        bytes
    });
    if body.as_ref().is_some_and(|body| body.len() > MAX_BODY) {
        return Err(format!("the body is larger than {MAX_BODY} bytes"));
    }
    let url = url(&operation.server, &path, &query)?;
    Ok(Request { method: operation.method.clone(), url, headers, body })
}

/// The arguments that are no parameters.
fn rest(operation: &Operation, args: &Map<String, Value>) -> Map<String, Value> {
    let is_parameter = |name: &String| operation.parameters.iter().any(|parameter| parameter.arg == *name);
    args.iter().filter(|(name, _)| !is_parameter(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn accept(media: &[String]) -> String {
    match media {
        [] => "application/json, */*;q=0.5".to_owned(),
        media => media.join(", "),
    }
}

/// A parameter's place in the path.
fn segment(parameter: &Parameter, value: &Value) -> Result<String, String> {
    let written = style::path(parameter.wire_name(), value, parameter.style(), parameter.explode());
    // An empty one would name another resource: `/users/` in place of `/users/ID`.
    if written.is_empty() || written == "." && value.as_str().is_none_or(str::is_empty) {
        return Err(format!("the argument `{}` is empty", parameter.arg));
    }
    if style::scalar(value).chars().any(char::is_control) {
        return Err(format!("the argument `{}` has a control character", parameter.arg));
    }
    Ok(written)
}

/// A header's value, of visible ASCII, blanks and tabs.
fn header(arg: &str, value: String) -> Result<String, String> {
    let fine = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if let Some(byte) = value.bytes().find(|byte| !fine(*byte)) {
        return Err(format!("the argument `{arg}` has the byte {byte:#04x}, which a header cannot have"));
    }
    if value.len() > MAX_HEADER {
        return Err(format!("the argument `{arg}` is longer than {MAX_HEADER} bytes"));
    }
    Ok(value.trim().to_owned())
}

fn url(server: &str, path: &str, query: &[(String, String)]) -> Result<String, String> {
    let (path, fixed) = path.split_once('?').unwrap_or((path, ""));
    // `%2e` counts as a dot for many servers and libraries, so it is no way out either.
    let climbs = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split('/').any(climbs) {
        return Err("a path argument is `.` or `..`, which would leave the operation's path".into());
    }
    // What the template has beside its parameters; these are encoded by now.
    let path = percent_encoding::utf8_percent_encode(path, TEMPLATE);
    let mut url = format!("{server}{path}");
    let pairs = query.iter().map(|(name, value)| format!("{name}={value}"));
    let fixed = (!fixed.is_empty()).then(|| percent_encoding::utf8_percent_encode(fixed, TEMPLATE).to_string());
    let query: Vec<String> = fixed.into_iter().chain(pairs).collect();
    if !query.is_empty() {
        url = format!("{url}?{}", query.join("&"));
    }
    if url.len() > MAX_URL {
        return Err(format!("the URL is longer than {MAX_URL} bytes; shorten the arguments"));
    }
    Ok(url)
}

/// Characters that are no part of a URL in any place.
const TEMPLATE: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
