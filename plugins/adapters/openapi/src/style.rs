//! How values of parameters are written: OpenAPI's styles, which follow RFC 6570.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::operation::Style;

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, but for reserved characters that cannot change what a query means. `&`, `=`, `+`, `#`, `[`, `]` and `%`
/// stay encoded, although RFC 6570 would let them through: a value must not become a second parameter.
const RESERVED: &AsciiSet = &ENCODED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');
/// How deep an object in a query may nest.
const MAX_DEPTH: usize = 16;
/// The most name-value pairs of one parameter.
const MAX_PAIRS: usize = 10_000;

/// How a text is put into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Percent-encoded.
    Strict,
    /// Percent-encoded, but for reserved characters.
    Reserved,
    /// As it is: in headers.
    Verbatim,
}

impl Encoding {
    /// The text, encoded.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Strict => utf8_percent_encode(text, ENCODED).to_string(),
            Self::Reserved => utf8_percent_encode(text, RESERVED).to_string(),
            Self::Verbatim => text.to_owned(),
        }
    }
}

/// A value that is no list and no object, as a text. Lists and objects inside of others are JSON.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// A value in one piece, as `simple` has it: `a,b` and `k,v` or, exploded, `k=v`.
pub fn simple(value: &Value, explode: bool, encoding: Encoding) -> String {
    joined(value, explode, ",", encoding)
}

fn joined(value: &Value, explode: bool, separator: &str, encoding: Encoding) -> String {
    let text = |value: &Value| encoding.apply(&scalar(value));
    match value {
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(separator),
        Value::Object(members) => {
            let between = if explode { "=" } else { separator };
            let pair = |(name, value): (&String, &Value)| format!("{}{between}{}", encoding.apply(name), text(value));
            members.iter().map(pair).collect::<Vec<_>>().join(separator)
        }
        value => text(value),
    }
}

/// A value in a path, with what the style puts before it.
pub fn path(name: &str, value: &Value, style: Style, explode: bool) -> String {
    let strict = Encoding::Strict;
    match style {
        Style::Label => format!(".{}", joined(value, explode, if explode { "." } else { "," }, strict)),
        Style::Matrix => {
            let name = strict.apply(name);
            match value {
                Value::Array(items) if explode => {
                    items.iter().map(|item| format!(";{name}={}", strict.apply(&scalar(item)))).collect()
                }
                Value::Object(_) if explode => format!(";{}", joined(value, true, ";", strict)),
                value => format!(";{name}={}", joined(value, false, ",", strict)),
            }
        }
        _ => simple(value, explode, strict),
    }
}

/// A value in a query or a form, as encoded names and values. An empty list or object gives none.
///
/// # Errors
/// Where the value has too many parts, or nests too deep.
pub fn pairs(
    name: &str,
    value: &Value,
    style: Style,
    explode: bool,
    encoding: Encoding,
) -> Result<Vec<(String, String)>, String> {
    let key = Encoding::Strict.apply(name);
    let mut pairs = Vec::new();
    match (style, value) {
        (Style::DeepObject, Value::Object(_) | Value::Array(_)) => deep(&key, value, encoding, 0, &mut pairs)?,
        (_, Value::Array(items)) if items.is_empty() => {}
        (_, Value::Object(members)) if members.is_empty() => {}
        (_, Value::Array(items)) if explode => {
            pairs.extend(items.iter().map(|item| (key.clone(), encoding.apply(&scalar(item)))));
        }
        (_, Value::Object(members)) if explode => {
            let strict = Encoding::Strict;
            pairs.extend(members.iter().map(|(name, value)| (strict.apply(name), encoding.apply(&scalar(value)))));
        }
        _ => {
            let separator = match style {
                Style::SpaceDelimited => "%20",
                Style::PipeDelimited => "%7C",
                _ => ",",
            };
            pairs.push((key, joined(value, false, separator, encoding)));
        }
    }
    if pairs.len() > MAX_PAIRS {
        return Err(format!("`{name}` has more than {MAX_PAIRS} parts"));
    }
    Ok(pairs)
}

/// `name[a][b]=c`. OpenAPI defines one level; further ones, and lists with their indices, are as most servers read
/// them.
fn deep(
    key: &str,
    value: &Value,
    encoding: Encoding,
    depth: usize,
    pairs: &mut Vec<(String, String)>,
) -> Result<(), String> {
    if depth > MAX_DEPTH || pairs.len() > MAX_PAIRS {
        return Err(format!("`{key}` nests deeper than {MAX_DEPTH}, or has more than {MAX_PAIRS} parts"));
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                deep(&format!("{key}%5B{}%5D", Encoding::Strict.apply(name)), value, encoding, depth + 1, pairs)?;
            }
        }
        Value::Array(items) => {
            // An empty object or list cannot be written, and must leave no gap.
            let is_empty = |value: &Value| match value {
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            };
            for (index, value) in items.iter().filter(|value| !is_empty(value)).enumerate() {
                deep(&format!("{key}%5B{index}%5D"), value, encoding, depth + 1, pairs)?;
            }
        }
        value => pairs.push((key.to_owned(), encoding.apply(&scalar(value)))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The table of OpenAPI 3.0.4, section "Style Examples", with `empty`, a text, a list and an object.
    #[test]
    fn styles_are_written_as_the_specification_shows() {
        let list = json!(["blue", "black", "brown"]);
        let object = json!({"R": 100, "G": 200, "B": 150});
        let text = json!("blue");
        for (style, explode, value, expect) in [
            (Style::Matrix, false, &text, ";color=blue"),
            (Style::Matrix, false, &list, ";color=blue,black,brown"),
            (Style::Matrix, false, &object, ";color=R,100,G,200,B,150"),
            (Style::Matrix, true, &list, ";color=blue;color=black;color=brown"),
            (Style::Matrix, true, &object, ";R=100;G=200;B=150"),
            (Style::Label, false, &text, ".blue"),
            (Style::Label, false, &list, ".blue,black,brown"),
            (Style::Label, false, &object, ".R,100,G,200,B,150"),
            (Style::Label, true, &list, ".blue.black.brown"),
            (Style::Label, true, &object, ".R=100.G=200.B=150"),
            (Style::Simple, false, &list, "blue,black,brown"),
            (Style::Simple, false, &object, "R,100,G,200,B,150"),
            (Style::Simple, true, &object, "R=100,G=200,B=150"),
        ] {
            assert_eq!(path("color", value, style, explode), expect, "{style:?} {explode}");
        }
        for (style, explode, value, expect) in [
            (Style::Form, false, &text, "color=blue"),
            (Style::Form, false, &list, "color=blue,black,brown"),
            (Style::Form, false, &object, "color=R,100,G,200,B,150"),
            (Style::Form, true, &list, "color=blue&color=black&color=brown"),
            (Style::Form, true, &object, "R=100&G=200&B=150"),
            (Style::SpaceDelimited, false, &list, "color=blue%20black%20brown"),
            (Style::SpaceDelimited, false, &object, "color=R%20100%20G%20200%20B%20150"),
            (Style::PipeDelimited, false, &list, "color=blue%7Cblack%7Cbrown"),
            (Style::DeepObject, true, &object, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ] {
            let pairs = pairs("color", value, style, explode, Encoding::Strict).unwrap();
            let query = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
            assert_eq!(query, expect, "{style:?} {explode}");
        }
    }

    #[test]
    fn a_value_never_becomes_a_second_parameter() {
        let value = json!("a&admin=1#x+y/z");
        let pairs = pairs("q", &value, Style::Form, true, Encoding::Reserved).unwrap();
        assert_eq!(pairs, [("q".into(), "a%26admin%3D1%23x%2By/z".into())]);
        assert_eq!(path("p", &json!("../a/b?c"), Style::Simple, false), "..%2Fa%2Fb%3Fc");
    }
}
