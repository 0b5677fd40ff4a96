//! Input schemas of saved scripts. They come from agents, so the work that they make is bounded before it is done:
//! without `$ref` a validator visits each part of a schema at most once for each part of an input.

use super::LibraryError;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// The longest schema, in bytes of JSON.
pub const SCHEMA_MAX_BYTES: usize = 64 << 10;
/// The most that an input's bytes times its schema's parts may be.
pub const INPUT_MAX_STEPS: usize = 50_000_000;
/// How deep a schema may nest.
const DEPTH_MAX: usize = 64;
/// The size of the automaton of one regular expression, in bytes.
const PATTERN_MAX_BYTES: usize = 1 << 20;
/// How many regular expressions a schema may have.
const PATTERNS_MAX: usize = 16;
/// How many reasons are told.
const REASONS_MAX: usize = 5;
/// The longest reason, in characters.
const REASON_MAX_CHARS: usize = 300;

/// What a schema holds.
#[derive(Default)]
struct Survey {
    parts: usize,
    patterns: usize,
}

impl Survey {
    fn of(schema: &Value) -> Result<Self, String> {
        let mut survey = Self::default();
        survey.value(schema, 0)?;
        Ok(survey)
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("it nests deeper than {DEPTH_MAX} levels"));
        }
        self.parts += 1;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item, depth + 1)),
            Value::Object(members) => members.iter().try_for_each(|(key, member)| {
                match key.as_str() {
                    "$ref" | "$dynamicRef" | "$recursiveRef" if member.is_string() => {
                        return Err(format!("it has a `{key}`: write the type where it is used"));
                    }
                    "pattern" => self.patterns += 1,
                    "patternProperties" => self.patterns += member.as_object().map_or(0, serde_json::Map::len),
                    _ => {}
                }
                if self.patterns > PATTERNS_MAX {
                    return Err(format!("it has more than {PATTERNS_MAX} regular expressions"));
                }
                self.value(member, depth + 1)
            }),
            _ => Ok(()),
        }
    }
}

/// Makes a schema ready, or tells why it cannot be used.
pub(super) fn compile(schema: &Value) -> Result<(usize, Validator), String> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err("a JSON Schema is an object".to_owned());
    }
    let parts = Survey::of(schema)?.parts;
    if schema.to_string().len() > SCHEMA_MAX_BYTES {
        return Err(format!("it is longer than {SCHEMA_MAX_BYTES} bytes"));
    }
    let patterns = PatternOptions::regex().size_limit(PATTERN_MAX_BYTES).dfa_size_limit(PATTERN_MAX_BYTES);
    let validator = jsonschema::options().offline().with_pattern_options(patterns).build(schema);
    validator.map(|validator| (parts, validator)).map_err(|error| short(&error.to_string()))
}

/// Holds an input, which is JSON, against a schema.
pub(super) fn check(schema: &Value, input: &str) -> Result<(), LibraryError> {
    let (parts, validator) = compile(schema).map_err(LibraryError::Schema)?;
    if parts.saturating_mul(input.len()) > INPUT_MAX_STEPS {
        return Err(LibraryError::Input("it is too large to be held against a schema of this size".to_owned()));
    }
    let input: Value = serde_json::from_str(input).map_err(|error| LibraryError::Input(error.to_string()))?;
    let reason = |error: jsonschema::ValidationError<'_>| {
        let at = error.instance_path().to_string();
        // Masked: the input may hold what is not for logs.
        format!("{}: {}", if at.is_empty() { "(whole)" } else { &at }, short(&error.masked().to_string()))
    };
    let reasons: Vec<String> = validator.iter_errors(&input).take(REASONS_MAX).map(reason).collect();
    if reasons.is_empty() { Ok(()) } else { Err(LibraryError::Input(reasons.join("; "))) }
}

fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_MAX_CHARS).collect()
}
