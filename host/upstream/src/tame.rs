//! Whether holding arguments against a schema can hurt the host.
//!
//! Schemas come from servers and arguments from guests, and the two together can be hostile: a chain of
//! `$ref` as long as the stack is deep, or branches that double at each step, so that a kilobyte takes for
//! ever. The validator guards against cycles, not against these. So the work is foreseen: once for a
//! schema, and for each call by walking schema and arguments together, visiting at least what the validator
//! visits, and giving up early. What is not tame goes unchecked: the server checks it again in any case.

use serde_json::{Map, Value};
use std::collections::HashSet;

/// How deep compiling may nest: by the schema's own nesting, and by each `$ref` on the way.
const MAX_COMPILE_DEPTH: usize = 250;
/// How deep validating may nest.
const MAX_WALK_DEPTH: usize = 250;
/// The most steps of one validation.
const MAX_STEPS: u64 = 200_000;
/// Below this product of the schema's nodes and the arguments' bytes, a schema without `$ref` needs no walk.
const SURE_STEPS: u64 = 20_000_000;

const REFS: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// What was found out about a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tameness {
    nodes: u64,
    has_refs: bool,
}

impl Tameness {
    /// # Errors
    /// Why the schema must not be compiled.
    pub(crate) fn of(schema: &Value) -> Result<Self, String> {
        let mut survey = Survey { root: schema, nodes: 0, has_refs: false, has_odd: None, followed: HashSet::new() };
        survey.value(schema, 0)?;
        match survey.has_odd {
            Some(odd) if survey.has_refs => Err(format!("it has `{odd}` besides `$ref`, which is not foreseen")),
            _ => Ok(Self { nodes: survey.nodes, has_refs: survey.has_refs }),
        }
    }

    /// Whether `args`, whose text has `bytes`, can be held against `schema` in bounded time and depth.
    pub(crate) fn allows(self, schema: &Value, args: &Value, bytes: usize) -> bool {
        let product = self.nodes.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX));
        let sure = !self.has_refs && product <= SURE_STEPS;
        sure || Walk { root: schema, steps: 0 }.visit(schema, args, 0).is_some()
    }
}

struct Survey<'a> {
    root: &'a Value,
    nodes: u64,
    has_refs: bool,
    /// A keyword that changes what a `$ref` means or costs.
    has_odd: Option<&'static str>,
    /// Each target is compiled once.
    followed: HashSet<&'a str>,
}

impl<'a> Survey<'a> {
    fn value(&mut self, value: &'a Value, depth: usize) -> Result<(), String> {
        if depth > MAX_COMPILE_DEPTH {
            return Err(format!("it nests deeper than {MAX_COMPILE_DEPTH} levels, its `$ref`s followed"));
        }
        self.nodes += 1;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.value(item, depth + 1)),
            Value::Object(members) => {
                for (key, member) in members {
                    self.value(member, depth + 1)?;
                    match (key.as_str(), member) {
                        (key, Value::String(target)) if REFS.contains(&key) => self.reference(target, depth)?,
                        ("$id" | "id", Value::String(_)) if depth > 0 => self.has_odd = Some("$id"),
                        ("unevaluatedProperties", _) => self.has_odd = Some("unevaluatedProperties"),
                        ("unevaluatedItems", _) => self.has_odd = Some("unevaluatedItems"),
                        _ => {}
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn reference(&mut self, target: &'a str, depth: usize) -> Result<(), String> {
        self.has_refs = true;
        let Some(found) = resolve(self.root, target) else {
            return Err(format!("its `$ref` `{target}` is no JSON Pointer into it; nothing is fetched"));
        };
        if self.followed.insert(target) { self.value(found, depth + 1) } else { Ok(()) }
    }
}

/// The target of a `$ref` that is a JSON Pointer into the same document. A percent sign would need decoding,
/// and no generator of schemas writes one.
fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    root.pointer(target.strip_prefix('#').filter(|pointer| !pointer.contains('%'))?)
}

/// Visits what the validator may visit: of each branch, all.
struct Walk<'a> {
    root: &'a Value,
    steps: u64,
}

impl<'a> Walk<'a> {
    /// `None` when it is too much.
    fn visit(&mut self, schema: &'a Value, instance: &Value, depth: usize) -> Option<()> {
        let Value::Object(schema) = schema else { return Some(()) };
        for key in ["enum", "required"] {
            self.steps += schema.get(key).and_then(Value::as_array).map_or(0, |a| a.len() as u64);
        }
        self.steps += 1;
        if depth > MAX_WALK_DEPTH || self.steps > MAX_STEPS {
            return None;
        }
        for key in REFS {
            if let Some(target) = schema.get(key).and_then(Value::as_str) {
                self.visit(resolve(self.root, target)?, instance, depth + 1)?;
            }
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for branch in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.visit(branch, instance, depth + 1)?;
            }
        }
        for key in ["not", "if", "then", "else"] {
            self.each(schema, key, [instance], depth)?;
        }
        for key in ["dependentSchemas", "dependencies"] {
            for branch in schema.get(key).and_then(Value::as_object).into_iter().flat_map(Map::values) {
                self.visit(branch, instance, depth + 1)?;
            }
        }
        match instance {
            Value::Object(members) => self.members(schema, members, depth),
            Value::Array(items) => self.items(schema, items, depth),
            _ => Some(()),
        }
    }

    fn members(&mut self, schema: &'a Map<String, Value>, members: &Map<String, Value>, depth: usize) -> Option<()> {
        for (name, branch) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.steps += 1;
            if let Some(member) = members.get(name) {
                self.visit(branch, member, depth + 1)?;
            }
        }
        for branch in schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values) {
            for member in members.values() {
                self.visit(branch, member, depth + 1)?;
            }
        }
        for key in ["additionalProperties", "unevaluatedProperties"] {
            self.each(schema, key, members.values(), depth)?;
        }
        for name in members.keys().filter(|_| schema.contains_key("propertyNames")) {
            self.each(schema, "propertyNames", [&Value::String(name.clone())], depth)?;
        }
        Some(())
    }

    fn items(&mut self, schema: &'a Map<String, Value>, items: &[Value], depth: usize) -> Option<()> {
        for key in ["prefixItems", "items"] {
            let branches = schema.get(key).and_then(Value::as_array);
            for (branch, item) in branches.into_iter().flatten().zip(items) {
                self.visit(branch, item, depth + 1)?;
            }
        }
        for key in ["items", "additionalItems", "contains", "unevaluatedItems"] {
            self.each(schema, key, items, depth)?;
        }
        Some(())
    }

    fn each<'i>(
        &mut self,
        schema: &'a Map<String, Value>,
        key: &str,
        instances: impl IntoIterator<Item = &'i Value>,
        depth: usize,
    ) -> Option<()> {
        let Some(branch) = schema.get(key) else { return Some(()) };
        instances.into_iter().try_for_each(|instance| self.visit(branch, instance, depth + 1))
    }
}
