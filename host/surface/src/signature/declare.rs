//! Which types of a tool are declared on their own, and under which names.

use super::Language;
use super::identifier::{is_reserved, type_name};
use super::lower::{Lowered, lower};
use super::shape::{Field, Object, Shape};
use crate::text::digest;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use tollgate_core::Tool;

/// How deep types are written.
const DEPTH_MAX: usize = 32;
/// Up to this size a type that is not recursive is written out wherever it is used.
const SMALL: usize = 2;

/// A tool's types, ready to be written.
pub(super) struct Typed {
    pub(super) input: Shape,
    pub(super) output: Option<Shape>,
    /// By key: the name that a type should have, and what it is.
    pub(super) declared: BTreeMap<String, (String, Shape)>,
}

/// How often types are told apart before every one gets a name of its own.
const ROUNDS_MAX: usize = 4;

/// Reads a tool's schemas, looking at `nodes` parts of each at most. Python has no types for objects that are
/// written where they are used: there, each is declared.
pub(super) fn typed(tool: &Tool, nodes: usize, language: Language) -> Typed {
    let mut declared = BTreeMap::new();
    let name = type_name(&tool.name);
    let mut read = |schema: &Value, side: &str, wanted: &str| {
        let lowered = lower(schema, nodes);
        let recursive = lowered.recursive();
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        let mut names = Vec::new();
        lowered.root.names(&mut names);
        lowered.named.values().for_each(|shape| shape.names(&mut names));
        names.into_iter().for_each(|name| *uses.entry(name.to_owned()).or_default() += 1);
        let hoists = language == Language::Python;
        let mut placer = Placer { lowered: &lowered, recursive, uses, side, hoists, declared: &mut declared };
        match (side, placer.opened(&lowered.root)) {
            // The arguments of a Python function are no type.
            (INPUT, Some(object)) => Shape::Object(placer.object(object, wanted, 0)),
            _ => placer.place(&lowered.root, wanted, 0),
        }
    };
    // Arguments are always an object, whatever the schema fails to say.
    let input = match read(&tool.input_schema, INPUT, &name) {
        shape @ (Shape::Object(_) | Shape::Union(_) | Shape::Named(_)) => shape,
        _ => Shape::Object(Object { fields: Vec::new(), more: Some(Box::new(Shape::Any)) }),
    };
    let output = tool.output_schema.as_ref().map(|schema| read(&of_value(schema), "out", &format!("{name}Result")));
    Typed { input, output, declared }
}

/// The schema of what a script gets: servers write a value that is no object as `{"result": value}`, and say so by a mark
/// (FastMCP), or by a title that they give nothing else (the Python SDK: `addOutput`).
fn of_value(schema: &Value) -> Cow<'_, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Cow::Borrowed(schema) };
    let (Some(result), 1) = (properties.get("result"), properties.len()) else { return Cow::Borrowed(schema) };
    let is_marked = schema.get("x-fastmcp-wrap-result") == Some(&Value::Bool(true));
    let is_titled = schema.get("title").and_then(Value::as_str).is_some_and(|title| title.ends_with("Output"));
    let (true, Some(members)) = (is_marked || is_titled, result.as_object()) else { return Cow::Borrowed(schema) };
    let mut members = members.clone();
    for definitions in ["$defs", "definitions"] {
        if let Some(named) = schema.get(definitions) {
            members.insert(definitions.to_owned(), named.clone());
        }
    }
    Cow::Owned(Value::Object(members))
}

const INPUT: &str = "in";

struct Placer<'a> {
    lowered: &'a Lowered,
    recursive: BTreeSet<String>,
    uses: BTreeMap<String, usize>,
    side: &'a str,
    hoists: bool,
    declared: &'a mut BTreeMap<String, (String, Shape)>,
}

impl<'a> Placer<'a> {
    /// The object that a root is: itself, behind a reference, or, in Python, what all its alternatives take together.
    fn opened(&self, root: &'a Shape) -> Option<Object> {
        match root {
            Shape::Object(object) => Some(object.clone()),
            Shape::Named(key) => match self.lowered.named.get(key) {
                Some(Shape::Object(object)) => Some(object.clone()),
                _ => None,
            },
            Shape::Union(members) if self.hoists => {
                let objects: Option<Vec<Object>> = members.iter().map(|member| self.opened(member)).collect();
                objects.map(|objects| any_of(&objects))
            }
            _ => None,
        }
    }

    fn place(&mut self, shape: &Shape, wanted: &str, depth: usize) -> Shape {
        if depth > DEPTH_MAX {
            return Shape::Any;
        }
        match shape {
            Shape::Named(key) => self.named(key, depth),
            Shape::Object(object) if self.hoists && !object.fields.is_empty() => {
                let key = format!("{}@{wanted}", self.side);
                // Members of different names may want one type name.
                let key = if self.declared.contains_key(&key) { format!("{key}@{}", self.declared.len()) } else { key };
                self.declared.insert(key.clone(), (wanted.to_owned(), Shape::Any));
                let object = self.object(object.clone(), wanted, depth);
                self.declared.insert(key.clone(), (wanted.to_owned(), Shape::Object(object)));
                Shape::Named(key)
            }
            Shape::Object(object) => Shape::Object(self.object(object.clone(), wanted, depth)),
            Shape::Array(items) => Shape::Array(Box::new(self.place(items, &format!("{wanted}Item"), depth + 1))),
            Shape::Tuple(first, rest) => {
                let first = first.iter().map(|shape| self.place(shape, &format!("{wanted}Item"), depth + 1)).collect();
                Shape::Tuple(
                    first,
                    rest.as_ref().map(|rest| Box::new(self.place(rest, &format!("{wanted}Item"), depth + 1))),
                )
            }
            Shape::Union(members) => {
                Shape::union(members.iter().map(|member| self.place(member, wanted, depth + 1)).collect::<Vec<_>>())
            }
            other => other.clone(),
        }
    }

    fn object(&mut self, mut object: Object, wanted: &str, depth: usize) -> Object {
        for field in &mut object.fields {
            field.shape = self.place(&field.shape, &longer(wanted, &type_name(&field.name)), depth + 1);
        }
        object.more = object.more.map(|more| Box::new(self.place(&more, &format!("{wanted}Value"), depth + 1)));
        object
    }

    fn named(&mut self, key: &str, depth: usize) -> Shape {
        let Some(shape) = self.lowered.named.get(key) else { return Shape::Any };
        let wanted = type_name(key.rsplit('/').next().unwrap_or_default());
        let once = self.uses.get(key) == Some(&1);
        let small = match shape {
            Shape::Literals(literals) => literals.len() <= SMALL,
            shape => shape.size() <= SMALL,
        };
        if (once || small) && !self.recursive.contains(key) {
            return self.place(shape, &wanted, depth + 1);
        }
        let full = format!("{}{key}", self.side);
        if !self.declared.contains_key(&full) {
            self.declared.insert(full.clone(), (wanted.clone(), Shape::Any));
            let shape = match shape {
                Shape::Object(object) => Shape::Object(self.object(object.clone(), &wanted, depth + 1)),
                other => self.place(other, &wanted, depth + 1),
            };
            self.declared.insert(full.clone(), (wanted, shape));
        }
        Shape::Named(full)
    }
}

/// A type's name with that of a member, of a length that people still read.
fn longer(name: &str, member: &str) -> String {
    if name.len() + member.len() <= 64 { format!("{name}{member}") } else { member.to_owned() }
}

/// All that any of the objects takes; required is what all require.
fn any_of(objects: &[Object]) -> Object {
    let mut fields: Vec<Field> = Vec::new();
    for field in objects.iter().flat_map(|object| &object.fields) {
        match fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.shape = Shape::union([known.shape.clone(), field.shape.clone()]),
            None => fields.push(field.clone()),
        }
    }
    for known in &mut fields {
        known.required =
            objects.iter().all(|o| o.fields.iter().any(|field| field.name == known.name && field.required));
    }
    fields.sort_by_key(|field| !field.required);
    Object { fields, more: objects.iter().find_map(|object| object.more.clone()) }
}

/// The types that stand in one scope, by name.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) bodies: BTreeMap<String, String>,
}

impl Scope {
    /// Names a tool's types and takes them up. Types of one name and one body are one. Those that differ get a
    /// digest of what they are, and, where that does not tell them apart, of `owner`, the tool.
    pub(super) fn take_up(
        &mut self,
        owner: &str,
        prefix: &str,
        declared: &BTreeMap<String, (String, Shape)>,
        language: Language,
        write: impl Fn(&str, &Shape, &BTreeMap<String, String>) -> String,
    ) -> BTreeMap<String, String> {
        let plain = |wanted: &str| format!("{prefix}{wanted}");
        let all = |names: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let body = |(key, (_, shape)): (&String, &(String, Shape))| {
                Some((key.clone(), write(names.get(key)?, shape, names)))
            };
            declared.iter().filter_map(body).collect()
        };
        let first = all(&declared.iter().map(|(key, (wanted, _))| (key.clone(), plain(wanted))).collect());
        // By key: 0 is the plain name, 1 one with a digest of the body, 2 one with a digest of the owner.
        let mut levels: BTreeMap<&str, u8> = BTreeMap::new();
        // Each round tells more types apart, and the bodies of those that refer to them change.
        for round in 0..=ROUNDS_MAX {
            let mut names: BTreeMap<String, String> = BTreeMap::new();
            let mut used: BTreeMap<String, &str> = BTreeMap::new();
            for (key, (wanted, _)) in declared {
                let level = levels.get(key.as_str()).copied().unwrap_or_default();
                let level = level.max(u8::from(is_reserved(&plain(wanted), language)));
                let body = first.get(key).map(String::as_str).unwrap_or_default();
                let name = match if round == ROUNDS_MAX { 2 } else { level } {
                    0 => plain(wanted),
                    1 => format!("{}_{}", plain(wanted), digest(body, 6)),
                    _ => format!("{}_{}", plain(wanted), digest(&format!("{owner} {key}"), 10)),
                };
                used.insert(name.clone(), key);
                names.insert(key.clone(), name);
            }
            let bodies = all(&names);
            let clashing: Vec<&str> = declared
                .keys()
                .filter(|key| {
                    let Some(name) = names.get(*key) else { return false };
                    let taken = self.bodies.get(name).is_some_and(|body| Some(body) != bodies.get(*key));
                    taken || used.get(name).is_some_and(|other| other != key && bodies.get(*other) != bodies.get(*key))
                })
                .map(String::as_str)
                .collect();
            if clashing.is_empty() || round == ROUNDS_MAX {
                let named = names.iter().filter_map(|(key, name)| Some((name.clone(), bodies.get(key)?.clone())));
                self.bodies.extend(named);
                return names;
            }
            clashing.into_iter().for_each(|key| *levels.entry(key).or_default() += 1);
        }
        BTreeMap::new()
    }
}
