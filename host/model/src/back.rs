//! From what a model writes under an adapted schema back to what the original says: nulls that stand for what is absent go.

use crate::schema::{is_of, resolve, types};
use serde_json::{Map, Value};

/// The most steps. Schemas come from servers: branches within branches could double the work at each level.
const MAX_STEPS: usize = 500_000;
const MAX_DEPTH: usize = 400;

/// The way back to one schema.
pub(crate) struct Back<'a> {
    root: &'a Value,
    steps: usize,
}

impl<'a> Back<'a> {
    pub(crate) fn to(root: &'a Value) -> Self {
        Self { root, steps: 0 }
    }

    /// The value without the nulls that the adapting brought in; `None` where finding them takes too long.
    pub(crate) fn undo(mut self, value: &Value) -> Option<Value> {
        self.value(self.root, value, 0)
    }

    fn step(&mut self, depth: usize) -> Option<()> {
        self.steps += 1;
        (self.steps <= MAX_STEPS && depth <= MAX_DEPTH).then_some(())
    }

    fn value(&mut self, schema: &'a Value, value: &Value, depth: usize) -> Option<Value> {
        self.step(depth)?;
        if !value.is_object() && !value.is_array() {
            return Some(value.clone());
        }
        let schema = resolve(self.root, schema)?;
        if let Some(branches) = branches(schema) {
            for branch in branches {
                if self.fits(branch, value, depth + 1)? {
                    return self.value(branch, value, depth + 1);
                }
            }
            return Some(value.clone());
        }
        match value {
            Value::Object(members) => {
                let mut out = Map::new();
                for (name, value) in members {
                    let property = schema.get("properties").and_then(|properties| properties.get(name));
                    let value = match property {
                        Some(property) if value.is_null() && !requires(schema, name) => {
                            if !self.allows_null(property, depth + 1)? {
                                continue;
                            }
                            Value::Null
                        }
                        Some(property) => self.value(property, value, depth + 1)?,
                        None => value.clone(),
                    };
                    out.insert(name.clone(), value);
                }
                Some(Value::Object(out))
            }
            Value::Array(values) => match schema.get("items") {
                Some(items) => values
                    .iter()
                    .map(|value| self.value(items, value, depth + 1))
                    .collect::<Option<_>>()
                    .map(Value::Array),
                None => Some(value.clone()),
            },
            _ => Some(value.clone()),
        }
    }

    /// Whether a value could have been written under the adapted form of a schema: types, values, bounds, and the names of
    /// properties. Patterns and formats are not looked at.
    fn fits(&mut self, schema: &'a Value, value: &Value, depth: usize) -> Option<bool> {
        self.step(depth)?;
        let schema = resolve(self.root, schema)?;
        if let Some(branches) = branches(schema) {
            for branch in branches {
                if self.fits(branch, value, depth + 1)? {
                    return Some(true);
                }
            }
            return Some(false);
        }
        let is_type = types(schema).is_none_or(|types| types.iter().any(|name| is_of(value, name)));
        let is_value = match (schema.get("enum").and_then(Value::as_array), schema.get("const")) {
            (Some(values), _) => values.iter().any(|one| is_equal(one, value)),
            (None, Some(one)) => is_equal(one, value),
            (None, None) => true,
        };
        if !is_type || !is_value {
            return Some(false);
        }
        match value {
            Value::Object(members) => {
                let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
                    return Some(members.is_empty());
                };
                if members.len() != properties.len() {
                    return Some(false);
                }
                for (name, property) in properties {
                    let Some(value) = members.get(name) else { return Some(false) };
                    let is_absent = value.is_null() && !requires(schema, name);
                    if !is_absent && !self.fits(property, value, depth + 1)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Value::Array(values) => {
                let Some(items) = schema.get("items") else { return Some(true) };
                let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
                let count = values.len() as u64;
                if bound("minItems").is_some_and(|min| count < min) || bound("maxItems").is_some_and(|max| count > max)
                {
                    return Some(false);
                }
                for value in values {
                    if !self.fits(items, value, depth + 1)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Value::Number(number) => {
                let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
                let Some(n) = number.as_f64() else { return Some(true) };
                Some(
                    bound("minimum").is_none_or(|min| n >= min)
                        && bound("maximum").is_none_or(|max| n <= max)
                        && bound("exclusiveMinimum").is_none_or(|min| n > min)
                        && bound("exclusiveMaximum").is_none_or(|max| n < max),
                )
            }
            _ => Some(true),
        }
    }

    /// Whether null is a value of its own for a schema.
    fn allows_null(&mut self, schema: &'a Value, depth: usize) -> Option<bool> {
        self.step(depth)?;
        let schema = resolve(self.root, schema)?;
        if let Some(branches) = branches(schema) {
            for branch in branches {
                if self.allows_null(branch, depth + 1)? {
                    return Some(true);
                }
            }
            return Some(false);
        }
        let is_type = types(schema).is_none_or(|types| types.contains(&"null"));
        let is_value = schema.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(&Value::Null));
        Some(is_type && is_value && schema.get("const").is_none_or(Value::is_null))
    }
}

fn branches(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array)
}

fn requires(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|one| one == name))
}

/// As JSON Schema compares: 1 is 1.0.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
