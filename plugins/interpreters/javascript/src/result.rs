//! What a script sees of a tool's answer.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A tool's answer as a script sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A JSON document.
    Json(String),
    /// A text that is no JSON document.
    Text(String),
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "structuredContent", borrow)]
    structured: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// Reads a `CallToolResult`: the value of its structured content; else its text, as JSON where it is some; else its content.
pub(crate) fn read(result: &str) -> Reading {
    let Ok(Answer { structured, content }) = serde_json::from_str::<Answer<'_>>(result) else {
        return Reading::Json(result.to_owned());
    };
    if let Some(structured) = structured.filter(|json| json.get() != "null") {
        return Reading::Json(value_of(structured.get(), content.map_or("[]", RawValue::get)).to_owned());
    }
    let content = content.map_or("[]", RawValue::get);
    match texts(content).as_deref() {
        Some([]) => Reading::Json("null".to_owned()),
        Some(texts) => read_text(texts.join("\n")),
        None => Reading::Json(content.to_owned()),
    }
}

/// What structured content means: servers write a value that is no object as `{"result": value}`. It is an object of a tool's own
/// where the text is that object.
fn value_of<'a>(structured: &'a str, content: &str) -> &'a str {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        result: &'a RawValue,
    }
    let Ok(Wrapped { result }) = serde_json::from_str::<Wrapped<'a>>(structured) else { return structured };
    let document = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let text = texts(content).map(|texts| texts.join("\n")).filter(|text| !text.is_empty());
    let is_own = text.and_then(|text| document(&text)).is_some_and(|said| Some(said) == document(structured));
    if is_own { structured } else { result.get() }
}

/// The texts of the content, where all of it is text.
fn texts(content: &str) -> Option<Vec<String>> {
    let blocks: Vec<Block> = serde_json::from_str(content).ok()?;
    blocks.into_iter().map(|block| block.text.filter(|_| block.kind == "text")).collect()
}

/// A text that is a JSON document is that document, except for a number that JavaScript would print otherwise: an
/// order number of 20 digits or `1.10` is no number to count with.
fn read_text(text: String) -> Reading {
    let document = text.trim();
    let is_json = serde_json::from_str::<IgnoredAny>(document).is_ok();
    let number = document.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_json && (!number || survives(document)) { Reading::Json(document.to_owned()) } else { Reading::Text(text) }
}

/// Whether a number is written as JavaScript writes it. Those in scientific notation are taken for text.
fn survives(number: &str) -> bool {
    let plain = |value: f64| value == 0.0 || (1e-6..1e21).contains(&value.abs());
    number.parse::<f64>().is_ok_and(|value| plain(value) && format!("{value}") == number && number != "-0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Reading {
        Reading::Json(text.to_owned())
    }

    fn text(text: &str) -> Reading {
        Reading::Text(text.to_owned())
    }

    fn of_text(text: &str) -> Reading {
        read(&serde_json::json!({"content": [{"type": "text", "text": text}]}).to_string())
    }

    #[test]
    fn structured_content_comes_first() {
        assert_eq!(read(r#"{"content":[{"type":"text","text":"x"}],"structuredContent":{"a":1}}"#), json(r#"{"a":1}"#));
        assert_eq!(read(r#"{"content":[],"structuredContent":null}"#), json("null"));
    }

    #[test]
    fn a_value_that_is_no_object_stands_in_a_member_of_its_own() {
        let of = |text: &str, structured: &str| {
            let text = serde_json::Value::from(text);
            read(&format!(r#"{{"content":[{{"type":"text","text":{text}}}],"structuredContent":{structured}}}"#))
        };
        assert_eq!(of("42", r#"{"result":42}"#), json("42"));
        assert_eq!(of("42", r#"{"result": "42"}"#), json(r#""42""#));
        assert_eq!(of("[1]", r#"{"result":[1]}"#), json("[1]"));
        assert_eq!(read(r#"{"content":[],"structuredContent":{"result":null}}"#), json("null"));
        // A tool whose own object has such a member.
        assert_eq!(of(r#"{"result": "SUCCESS"}"#, r#"{"result":"SUCCESS"}"#), json(r#"{"result":"SUCCESS"}"#));
        assert_eq!(of("x", r#"{"result":1,"more":2}"#), json(r#"{"result":1,"more":2}"#));
    }

    #[test]
    fn text_is_read_as_json_where_it_is_some() {
        assert_eq!(of_text(" [1, 2] "), json("[1, 2]"));
        assert_eq!(of_text("no"), text("no"));
        assert_eq!(of_text(""), text(""));
        assert_eq!(of_text("true"), json("true"));
    }

    #[test]
    fn a_number_that_would_print_otherwise_stays_text() {
        for same in ["0", "-12", "1.5", "1234567890"] {
            assert_eq!(of_text(same), json(same));
        }
        for other in
            ["1.10", "12345678901234567890", "-0", "1e5", "1E5", "0.0000001", "007", "123456789012345678901234567890"]
        {
            assert_eq!(of_text(other), text(other));
        }
    }

    #[test]
    fn texts_are_joined_and_other_content_is_given_as_it_is() {
        let two = r#"{"content":[{"type":"text","text":"[1,"},{"type":"text","text":"2]"}]}"#;
        assert_eq!(read(two), json("[1,\n2]"));
        let mixed = r#"{"content":[{"type":"text","text":"1"},{"type":"image","data":""}]}"#;
        assert_eq!(read(mixed), json(r#"[{"type":"text","text":"1"},{"type":"image","data":""}]"#));
        assert_eq!(read(r#"{"content":[]}"#), json("null"));
    }
}
