//! Schemas that only describe a tool's arguments. Both providers want an object at the root, and no union, condition or
//! reference there.

use crate::schema::{resolve, short};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};

/// The most forms that one property is described in.
const MAX_BRANCHES: usize = 32;

/// What may not stand at the root.
const REFUSED: [&str; 11] =
    ["anyOf", "oneOf", "allOf", "not", "enum", "const", "if", "then", "else", "$ref", "$schema"];

/// The schema with an object at its root. The properties of a union's branches are all there, and none is required that is
/// not so in each of them; what the union said is told in the description.
pub(crate) fn flat(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut out = schema.clone();
    let whole = Value::Object(schema.clone());
    for keyword in REFUSED {
        let Some(value) = out.shift_remove(keyword) else { continue };
        match (keyword, &value) {
            ("$schema", _) => continue,
            ("$ref", _) => {
                if let Some(Value::Object(target)) = resolve(&whole, &whole) {
                    let target = flat(target);
                    merge(&mut out, &target);
                    require(&mut out, required(&target));
                }
                continue;
            }
            ("allOf", Value::Array(branches)) => {
                let mut all = BTreeSet::new();
                for branch in parts(&whole, branches) {
                    merge(&mut out, branch);
                    all.extend(required(branch));
                }
                require(&mut out, all);
            }
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                let branches = parts(&whole, branches);
                let common = branches.iter().map(|branch| required(branch)).reduce(|a, b| &a & &b).unwrap_or_default();
                for branch in &branches {
                    merge(&mut out, branch);
                }
                require(&mut out, common);
            }
            _ => {}
        }
        let before = out.get("description").and_then(Value::as_str).map(|text| format!("{text} "));
        out.insert(
            "description".to_owned(),
            format!("{}({keyword}: {})", before.unwrap_or_default(), short(&value)).into(),
        );
    }
    out.insert("type".to_owned(), "object".into());
    if !out.get("properties").is_some_and(Value::is_object) {
        out.insert("properties".to_owned(), json!({}));
    }
    out
}

/// What the branches stand for, each once: were many to refer to the same, it would be read as often.
fn parts<'a>(whole: &'a Value, branches: &'a [Value]) -> Vec<&'a Map<String, Value>> {
    let mut seen = HashSet::new();
    let parts = branches.iter().filter_map(|branch| resolve(whole, branch)?.as_object());
    parts.filter(|part| seen.insert(std::ptr::from_ref(*part))).collect()
}

fn required(schema: &Map<String, Value>) -> BTreeSet<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn require(out: &mut Map<String, Value>, names: BTreeSet<String>) {
    let names = &required(out) | &names;
    if !names.is_empty() {
        out.insert("required".to_owned(), names.into_iter().collect());
    }
}

/// Adds what a part says; a property that is there already in another form may have either.
fn merge(out: &mut Map<String, Value>, part: &Map<String, Value>) {
    for (keyword, value) in part {
        match keyword.as_str() {
            "properties" => {
                let Value::Object(properties) = out.entry("properties").or_insert_with(|| json!({})) else { continue };
                for (name, schema) in value.as_object().into_iter().flatten() {
                    match properties.get_mut(name) {
                        Some(known) => either(known, schema),
                        None => drop(properties.insert(name.clone(), schema.clone())),
                    }
                }
            }
            // What one branch wants or forbids may be otherwise in another.
            "required" | "additionalProperties" | "unevaluatedProperties" => {}
            // Told with the whole.
            keyword if REFUSED.contains(&keyword) => {}
            keyword => drop(out.entry(keyword).or_insert_with(|| value.clone())),
        }
    }
}

/// Makes a schema allow what another does. They stand side by side, however many there are: what nests deep could not be
/// written out.
fn either(known: &mut Value, other: &Value) {
    if known == other {
        return;
    }
    let branches = known.as_object_mut().filter(|members| members.len() == 1).and_then(|m| m.get_mut("anyOf"));
    match branches {
        Some(Value::Array(branches)) => {
            if branches.len() < MAX_BRANCHES && !branches.contains(other) {
                branches.push(other.clone());
            }
        }
        _ => *known = json!({ "anyOf": [known.take(), other] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_long_schema_is_flat_soon() {
        let names: Vec<String> = (0..30_000).map(|n| format!("p{n}")).collect();
        let properties: Map<String, Value> = names.iter().map(|name| (name.clone(), json!({}))).collect();
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let started = Instant::now();
            let branches = vec![json!({ "$ref": "#/$defs/all" }); names.len()];
            let schema =
                json!({ keyword: branches, "$defs": { "all": { "properties": properties, "required": names } } });
            let flat = flat(schema.as_object().unwrap());
            assert_eq!((&flat["properties"], required(&flat).len()), (&json!(properties), names.len()));
            let branches: Vec<Value> = names.iter().map(|name| json!({ "required": [name] })).collect();
            let flat = super::flat(json!({ keyword: branches }).as_object().unwrap());
            assert_eq!(required(&flat).len(), if keyword == "allOf" { names.len() } else { 0 });
            assert!(started.elapsed() < Duration::from_secs(20), "{keyword}: {:?}", started.elapsed());
        }
    }
}
