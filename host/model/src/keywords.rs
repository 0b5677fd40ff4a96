//! Which keyword of JSON Schema (2020-12, and what older drafts call differently) becomes what in a provider's dialect.

use crate::schema::Dialect;
use serde_json::Value;

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stands, or its value is adapted.
    Kept,
    /// It says something to people only.
    Dropped,
    /// It would bind; now it is told in the description.
    Told,
    /// The schema cannot bind the model with it.
    Refused,
}

/// Formats that both providers know.
const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// What becomes of a keyword other than `$ref`.
pub(crate) fn fate(keyword: &str, value: &Value, dialect: Dialect) -> Fate {
    let is_openai = dialect == Dialect::OpenAi;
    let kept_if = |kept: bool| if kept { Fate::Kept } else { Fate::Told };
    match keyword {
        "type"
        | "enum"
        | "const"
        | "anyOf"
        | "oneOf"
        | "allOf"
        | "properties"
        | "required"
        | "additionalProperties"
        | "items"
        | "description" => Fate::Kept,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            kept_if(is_openai && value.is_number())
        }
        "minItems" => kept_if(value.as_u64().is_some_and(|min| is_openai || min <= 1)),
        "maxItems" => kept_if(is_openai && value.is_u64()),
        "format" => kept_if(value.as_str().is_some_and(|format| FORMATS.contains(&format))),
        "pattern" => kept_if(is_openai && value.as_str().is_some_and(is_simple_pattern)),
        "default" | "examples" | "minLength" | "maxLength" | "contains" | "minContains" | "maxContains"
        | "minProperties" | "maxProperties" | "contentEncoding" | "contentMediaType" => Fate::Told,
        "uniqueItems" if value == &Value::Bool(true) => Fate::Told,
        // Beside `additionalProperties: false`, which every object has, it says nothing.
        "unevaluatedProperties" if value == &Value::Bool(false) => Fate::Dropped,
        "patternProperties"
        | "propertyNames"
        | "not"
        | "if"
        | "then"
        | "else"
        | "dependentRequired"
        | "dependentSchemas"
        | "dependencies"
        | "unevaluatedProperties"
        | "unevaluatedItems"
        | "prefixItems"
        | "additionalItems"
        | "$dynamicRef"
        | "$recursiveRef" => Fate::Refused,
        _ => Fate::Dropped,
    }
}

/// Whether it binds nothing, so that it may stand beside a reference or a union.
pub(crate) fn is_annotation(keyword: &str, value: &Value, dialect: Dialect) -> bool {
    matches!(keyword, "description" | "default" | "examples") || fate(keyword, value, dialect) == Fate::Dropped
}

/// Whether every engine reads it alike: no groups with `?`, no classes by name, no references back.
fn is_simple_pattern(pattern: &str) -> bool {
    let is_odd_escape =
        |pair: &[u8]| matches!(pair, [b'\\', next] if next.is_ascii_alphanumeric() && !b"dDwWsSnrt".contains(next));
    pattern.is_ascii() && !pattern.contains("(?") && !pattern.as_bytes().windows(2).any(is_odd_escape)
}
