//! Arguments held against a tool's input schema, before anything is sent.
//!
//! Schemas come from outside. Nothing that a `$ref` names is ever fetched, and patterns run in linear time.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};
use std::sync::OnceLock;
use tollgate_core::{CallError, Violation};

/// The most violations that one error tells.
const MAX_VIOLATIONS: usize = 16;
const MAX_MESSAGE_CHARS: usize = 300;
/// The largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A tool's compiled input schema. Compiled at the first call.
#[derive(Default)]
pub(crate) struct ArgumentCheck(OnceLock<Result<Validator, String>>);

impl ArgumentCheck {
    /// Reads `args` and holds them against `schema`. `warn` hears once why there is no check, if so.
    ///
    /// # Errors
    /// [`CallError::InvalidArguments`].
    pub(crate) fn read(
        &self,
        schema: &Value,
        args: &str,
        warn: impl FnOnce(&str),
    ) -> Result<Map<String, Value>, CallError> {
        let args = parse(args)?;
        let mut warn = Some(warn);
        let validator = self.0.get_or_init(|| {
            let compiled = compile(schema);
            if let (Err(why), Some(warn)) = (&compiled, warn.take()) {
                warn(why);
            }
            compiled
        });
        let Ok(validator) = validator else { return Ok(args) };
        let args = Value::Object(args);
        let violations: Vec<_> = validator
            .iter_errors(&args)
            .take(MAX_VIOLATIONS)
            .map(|error| violation(error.instance_path().as_str(), &error.to_string()))
            .collect();
        match args {
            Value::Object(args) if violations.is_empty() => Ok(args),
            _ => Err(CallError::InvalidArguments(violations)),
        }
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
    jsonschema::options()
        .offline()
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| crate::text::clean(&error.to_string(), MAX_MESSAGE_CHARS))
}

/// Reads the text of a JSON object; serde_json refuses one that is nested deeper than 127 levels.
fn parse(args: &str) -> Result<Map<String, Value>, CallError> {
    let refused = |message: &str| CallError::InvalidArguments(vec![violation("", message)]);
    if args.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(args) {
        Ok(Value::Object(args)) => Ok(args),
        Ok(other) => Err(refused(&format!("arguments are a JSON object, this is {}", kind(&other)))),
        Err(error) => Err(refused(&format!("not JSON: {error}"))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn violation(path: &str, message: &str) -> Violation {
    Violation {
        path: path.chars().take(MAX_MESSAGE_CHARS).collect(),
        message: crate::text::clean(message, MAX_MESSAGE_CHARS),
    }
}
