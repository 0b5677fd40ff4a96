//! An HTTP response as the result of a tool: MCP's `CallToolResult`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::body::is_json;
use crate::operation::Output;
use crate::text;

/// The most bytes that are read of a response.
pub const MAX_RESPONSE: usize = 8 << 20;
/// The longest message of an error, in characters.
const MAX_MESSAGE: usize = 2_000;
/// The most bytes of an error's body that are passed on.
const MAX_ERROR: usize = 64 << 10;
/// How deep JSON of an API may nest. The host refuses what is deeper than 128, and a result adds to it.
const MAX_DEPTH: usize = 100;

/// Headers that a caller can use: for the next page, a later request, the pace.
const TOLD: [&str; 12] = [
    "link",
    "location",
    "etag",
    "last-modified",
    "retry-after",
    "content-range",
    "x-total-count",
    "x-next-page",
    "ratelimit",
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// A response, as far as it was read.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body's first bytes, at most [`MAX_RESPONSE`].
    pub body: Vec<u8>,
    /// Whether the body has more.
    pub truncated: bool,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn media(&self) -> String {
        let media = self.header("content-type").unwrap_or_default();
        media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Option<Value> {
        if self.truncated || !(is_json(&self.media()) || self.media().is_empty()) {
            return None;
        }
        serde_json::from_slice(&self.body).ok().filter(|value| depth_within(value, MAX_DEPTH))
    }
}

/// What the tool answers.
pub fn result(output: Output, response: &Response) -> Value {
    let mut result = if (200..300).contains(&response.status) { success(output, response) } else { failure(response) };
    let told: Map<String, Value> = TOLD
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text::shortened(response.header(name)?, 4_000).into())))
        .collect();
    let mut meta = json!({"status": response.status});
    if let (Some(meta), false) = (meta.as_object_mut(), told.is_empty()) {
        meta.insert("headers".into(), told.into());
    }
    if let Some(members) = result.as_object_mut() {
        members.insert("_meta".into(), json!({"tollgate/http": meta}));
    }
    result
}

fn success(output: Output, response: &Response) -> Value {
    if let Some(value) = response.json() {
        let text = value.to_string();
        let structured = match (output, value) {
            (Output::Free | Output::Object, value @ Value::Object(_)) => value,
            (_, value) => json!({"result": value}),
        };
        return json!({"content": [{"type": "text", "text": text}], "structuredContent": structured});
    }
    let content = if response.body.is_empty() {
        vec![block(&format!("Done (HTTP {}).", response.status))]
    } else {
        blocks(response)
    };
    let mut result = json!({"content": content});
    // A tool with an output schema always has structured content; all members of that schema may be missing.
    if let (true, Some(members)) = (output != Output::Free, result.as_object_mut()) {
        members.insert("structuredContent".into(), json!({}));
    }
    result
}

fn block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// A body that is no JSON.
fn blocks(response: &Response) -> Vec<Value> {
    let media = response.media();
    let data = || STANDARD.encode(&response.body);
    let cut = format!("The answer is cut off after {MAX_RESPONSE} bytes.");
    let kind = media.split('/').next().unwrap_or_default();
    let is_text = kind == "text"
        || is_json(&media)
        || media.ends_with("xml")
        || media.ends_with("yaml")
        || matches!(media.as_str(), "" | "application/javascript" | "application/x-ndjson");
    if is_text && !response.body.contains(&0) {
        let mut blocks = vec![block(&response.text())];
        if response.truncated {
            blocks.push(block(&cut));
        }
        return blocks;
    }
    // Half a picture is of no use.
    if response.truncated {
        return vec![block(&format!("The answer, of the type `{media}`, is larger than {MAX_RESPONSE} bytes."))];
    }
    match kind {
        "image" => vec![json!({"type": "image", "data": data(), "mimeType": media})],
        "audio" => vec![json!({"type": "audio", "data": data(), "mimeType": media})],
        _ => {
            let media = if media.is_empty() { "application/octet-stream" } else { media.as_str() };
            let resource = json!({"uri": "tollgate:response", "mimeType": media, "blob": data()});
            vec![
                block(&format!("{} bytes of the type `{media}`.", response.body.len())),
                json!({"type": "resource", "resource": resource}),
            ]
        }
    }
}

fn failure(response: &Response) -> Value {
    let parsed = response.json();
    let message = parsed.as_ref().and_then(message).or_else(|| {
        let text = response.text();
        let plain =
            parsed.is_none() && !text.trim().is_empty() && !text.contains('\0') && !response.media().contains("html");
        plain.then(|| text.trim().to_owned())
    });
    let message = text::shortened(&message.unwrap_or_else(|| reason(response.status).to_owned()), MAX_MESSAGE);
    let small = response.body.len() <= MAX_ERROR;
    let body = match parsed {
        Some(value) if small => value,
        _ if response.body.is_empty() => Value::Null,
        _ => text::shortened(&response.text(), MAX_MESSAGE).into(),
    };
    let retry_after = response.header("retry-after").and_then(|value| value.trim().parse::<u64>().ok());
    let mut said = format!("HTTP {}: {message}", response.status);
    if let Some(location) = response.header("location").filter(|_| (300..400).contains(&response.status)) {
        said = format!("{said} The answer is a redirect to {}.", text::shortened(location, 1_000));
    }
    if let Some(seconds) = retry_after {
        said = format!("{said} (try again after {seconds} s)");
    }
    json!({
        "content": [block(&said)],
        "structuredContent": {
            "status": response.status,
            "retry_after_s": retry_after,
            "message": message,
            "body": body
        },
        "isError": true
    })
}

/// The sentence that an error's body has for people: RFC 9457's members, and what else is common.
fn message(body: &Value) -> Option<String> {
    let said = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Object(_) => ["message", "detail", "description", "title"]
            .iter()
            .find_map(|member| value.get(member)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)),
        _ => None,
    };
    if let Value::String(_) = body {
        return said(body);
    }
    let of = |member: &str| body.get(member).and_then(said);
    let main = of("message")
        .or_else(|| of("detail"))
        .or_else(|| of("error_description"))
        .or_else(|| of("error"))
        .or_else(|| of("title"))
        .or_else(|| of("err"));
    let all = || body.get("errors").filter(|errors| !is_empty(errors)).or_else(|| body.get("detail"));
    // Jira has its sentences in `errorMessages`, and what is wrong with a field in `errors`.
    let listed: Vec<String> = body
        .get("errorMessages")
        .and_then(Value::as_array)
        .map(|texts| texts.iter().filter_map(said).take(10).collect())
        .unwrap_or_default();
    let main = main.or_else(|| (!listed.is_empty()).then(|| listed.join("; ")));
    let each: Vec<String> = match all() {
        Some(Value::Array(errors)) => {
            errors.iter().filter_map(|error| said(error).or_else(|| of_msg(error))).take(10).collect()
        }
        Some(Value::Object(fields)) => fields
            .iter()
            .take(10)
            .map(|(field, error)| format!("{field}: {}", said(error).unwrap_or_else(|| error.to_string())))
            .collect(),
        _ => Vec::new(),
    };
    match (main, each.is_empty()) {
        (Some(main), true) => Some(main),
        (Some(main), false) => Some(format!("{main} ({})", each.join("; "))),
        (None, false) => Some(each.join("; ")),
        (None, true) => None,
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// One entry of a list of errors as some frameworks have it: `{"loc": […], "msg": "…"}`.
fn of_msg(error: &Value) -> Option<String> {
    let message = error.get("msg")?.as_str()?;
    let place = error.get("loc").and_then(Value::as_array).map(|loc| {
        loc.iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(".")
    });
    Some(place.map_or_else(|| message.to_owned(), |place| format!("{place}: {message}")))
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("no reason was given")
}

fn depth_within(root: &Value, limit: usize) -> bool {
    crate::document::depth_within(root, limit)
}
