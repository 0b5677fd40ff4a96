//! JSON Schema (2020-12, and what older drafts and OpenAPI write otherwise) to shapes.
//!
//! Keywords that types cannot say (`not`, `if`, `dependentSchemas`, …) are passed over: the type is then wider than
//! the schema, never narrower. Work is bounded by a number of nodes; past it, everything is `Any`.

use super::shape::{Field, Literal, Object, Shape};
use crate::text::one_line;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How deep schemas are read.
const DEPTH_MAX: usize = 24;
/// How many types of one schema are declared on their own.
const NAMED_MAX: usize = 128;
/// The longest name of a member, in bytes; a longer one is left out.
const FIELD_NAME_MAX_BYTES: usize = 128;
/// How much of a member's description is shown, in characters.
const NOTE_CHARS_MAX: usize = 160;

type Schema = Map<String, Value>;

/// A schema as shapes.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) root: Shape,
    /// The types that `$ref`s lead to, by JSON pointer.
    pub(super) named: BTreeMap<String, Shape>,
}

/// Reads a schema, looking at `nodes` parts of it at most.
pub(super) fn lower(schema: &Value, nodes: usize) -> Lowered {
    let mut reader = Reader { document: schema, named: BTreeMap::new(), queue: VecDeque::new(), nodes };
    let root = reader.shape(schema, 0);
    while let Some(key) = reader.queue.pop_front() {
        reader.declare(&key, 0);
    }
    let mut lowered =
        Lowered { root, named: reader.named.into_iter().map(|(key, s)| (key, s.unwrap_or(Shape::Any))).collect() };
    lowered.break_bare_cycles();
    lowered
}

impl Lowered {
    /// A type that is itself, or itself or something (`type A = A | string`), is none. What leads back to itself
    /// through an object or a list is fine.
    fn break_bare_cycles(&mut self) {
        let bare = |shape: &'_ Shape| -> Vec<String> {
            let members = match shape {
                Shape::Union(members) => members.as_slice(),
                shape => std::slice::from_ref(shape),
            };
            let name = |member: &Shape| if let Shape::Named(key) = member { Some(key.clone()) } else { None };
            members.iter().filter_map(name).collect()
        };
        let mut edges: BTreeMap<String, Vec<String>> =
            self.named.iter().map(|(key, shape)| (key.clone(), bare(shape))).collect();
        for (key, shape) in &mut self.named {
            if leads_back(key, &edges) {
                *shape = Shape::Any;
                edges.remove(key);
            }
        }
    }

    /// The named types that contain themselves.
    pub(super) fn recursive(&self) -> BTreeSet<String> {
        let names = |shape: &Shape| {
            let mut names = Vec::new();
            shape.names(&mut names);
            names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let edges = self.named.iter().map(|(key, shape)| (key.clone(), names(shape))).collect();
        self.named.keys().filter(|key| leads_back(key, &edges)).cloned().collect()
    }
}

/// Whether one comes from a key back to it.
fn leads_back(key: &str, edges: &BTreeMap<String, Vec<String>>) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut todo = vec![key];
    while let Some(at) = todo.pop() {
        for next in edges.get(at).into_iter().flatten() {
            if next == key {
                return true;
            }
            if seen.insert(next) {
                todo.push(next);
            }
        }
    }
    false
}

struct Reader<'a> {
    document: &'a Value,
    /// By pointer; `None` while it is read, or waits for it.
    named: BTreeMap<String, Option<Shape>>,
    queue: VecDeque<String>,
    nodes: usize,
}

impl Reader<'_> {
    fn shape(&mut self, schema: &Value, depth: usize) -> Shape {
        if depth > DEPTH_MAX || self.nodes == 0 {
            return Shape::Any;
        }
        self.nodes -= 1;
        let schema = match schema {
            Value::Bool(false) => return Shape::Never,
            Value::Object(schema) => schema,
            _ => return Shape::Any,
        };
        let mut shape = self.own(schema, depth);
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.reference(target);
            shape = self.both(shape, target, depth);
        }
        for part in list(schema, "allOf") {
            let part = self.shape(part, depth + 1);
            shape = self.both(shape, part, depth);
        }
        for key in ["anyOf", "oneOf"] {
            let parts: Vec<Shape> = list(schema, key).iter().map(|part| self.shape(part, depth + 1)).collect();
            // Alternatives that only say which members must be there are more words than worth.
            let only_required = |part: &Shape| match part {
                Shape::Object(object) => object.fields.iter().all(|field| field.shape == Shape::Any),
                part => *part == Shape::Any,
            };
            let has_fields = matches!(&shape, Shape::Object(object) if !object.fields.is_empty());
            let says_nothing = parts.is_empty() || (has_fields && parts.iter().all(only_required));
            if !says_nothing {
                shape = self.both(shape, Shape::union(parts), depth);
            }
        }
        if schema.get("nullable") == Some(&Value::Bool(true)) {
            shape = Shape::union([shape, Shape::Null]);
        }
        shape
    }

    /// What a schema says by itself, without what it refers to.
    fn own(&mut self, schema: &Schema, depth: usize) -> Shape {
        if let Some(value) = schema.get("const") {
            return Shape::one_of_values(std::slice::from_ref(value));
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return Shape::one_of_values(values);
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.typed(name, schema, depth),
            Some(Value::Array(names)) => {
                let names = names.iter().take(8).filter_map(Value::as_str);
                Shape::union(names.map(|name| self.typed(name, schema, depth)).collect::<Vec<_>>())
            }
            _ if ["properties", "required", "additionalProperties", "patternProperties"]
                .iter()
                .any(|k| schema.contains_key(*k)) =>
            {
                self.object(schema, depth)
            }
            _ if schema.contains_key("items") || schema.contains_key("prefixItems") => self.array(schema, depth),
            _ => Shape::Any,
        }
    }

    fn typed(&mut self, name: &str, schema: &Schema, depth: usize) -> Shape {
        match name {
            "null" => Shape::Null,
            "boolean" => Shape::Boolean,
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "string" => Shape::String,
            "array" => self.array(schema, depth),
            "object" => self.object(schema, depth),
            _ => Shape::Any,
        }
    }

    fn array(&mut self, schema: &Schema, depth: usize) -> Shape {
        // Before 2020-12, a tuple's types stood in `items` and the others' in `additionalItems`.
        let (first, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(Value::Array(first)), rest) => (first.as_slice(), rest),
            (_, Some(Value::Array(first))) => (first.as_slice(), schema.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        let first: Vec<Shape> = first.iter().take(self.nodes).map(|item| self.shape(item, depth + 1)).collect();
        match (first.is_empty(), rest) {
            (false, Some(Value::Bool(false))) => Shape::Tuple(first, None),
            (false, rest) => {
                let rest = rest.map_or(Shape::Any, |rest| self.shape(rest, depth + 1));
                Shape::Tuple(first, Some(Box::new(rest)))
            }
            (true, rest) => Shape::Array(Box::new(rest.map_or(Shape::Any, |rest| self.shape(rest, depth + 1)))),
        }
    }

    fn object(&mut self, schema: &Schema, depth: usize) -> Shape {
        let required: BTreeSet<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        let mut fields: Vec<Field> = Vec::new();
        let mut left_out = false;
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if name.len() > FIELD_NAME_MAX_BYTES || self.nodes == 0 {
                left_out = true;
                continue;
            }
            fields.push(Field {
                name: name.clone(),
                shape: self.shape(property, depth + 1),
                required: required.contains(name.as_str()),
                default: property.get("default").and_then(Literal::read),
                note: note(property),
            });
        }
        let known: BTreeSet<String> = fields.iter().map(|field| field.name.clone()).collect();
        for name in required.into_iter().filter(|name| !known.contains(*name)) {
            if name.len() > FIELD_NAME_MAX_BYTES || self.nodes == 0 {
                left_out = true;
                continue;
            }
            self.nodes -= 1;
            let (name, note) = (name.to_owned(), String::new());
            fields.push(Field { name, shape: Shape::Any, required: true, default: None, note });
        }
        // What must be given comes first, as the reader wants it.
        fields.sort_by_key(|field| !field.required);
        let mut more: Vec<Shape> = Vec::new();
        for pattern in schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values) {
            more.push(self.shape(pattern, depth + 1));
        }
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(false)) => {}
            Some(others) => more.push(self.shape(others, depth + 1)),
        }
        if left_out {
            more.push(Shape::Any);
        }
        let more = (!more.is_empty()).then(|| Box::new(Shape::union(more)));
        Shape::Object(Object { fields, more })
    }

    /// The type behind a `$ref`. Only pointers into the same document are followed.
    fn reference(&mut self, target: &str) -> Shape {
        let Some(pointer) = target.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
        else {
            return Shape::Any;
        };
        let key = percent_decoded(pointer);
        if !self.named.contains_key(&key) {
            if self.named.len() >= NAMED_MAX || self.document.pointer(&key).is_none() {
                return Shape::Any;
            }
            self.named.insert(key.clone(), None);
            self.queue.push_back(key.clone());
        }
        Shape::Named(key)
    }

    /// Reads the type that a key stands for, unless it was read.
    fn declare(&mut self, key: &str, depth: usize) {
        let document = self.document;
        if let (Some(None), Some(schema)) = (self.named.get(key), document.pointer(key)) {
            let shape = self.shape(schema, depth);
            self.named.insert(key.to_owned(), Some(shape));
        }
    }

    /// The type behind a key, written out. While it is itself read, it says nothing.
    fn written_out(&mut self, key: &str, depth: usize) -> Shape {
        if let Some(at) = self.queue.iter().position(|waiting| waiting == key) {
            self.queue.remove(at);
            self.declare(key, depth + 1);
        }
        let shape = self.named.get(key).cloned().flatten().unwrap_or(Shape::Any);
        self.nodes = self.nodes.saturating_sub(shape.size());
        shape
    }

    /// What is of both types (`allOf`).
    fn both(&mut self, one: Shape, other: Shape, depth: usize) -> Shape {
        match (one, other) {
            (Shape::Any, shape) | (shape, Shape::Any) => shape,
            (one, other) if one == other => one,
            _ if depth > DEPTH_MAX || self.nodes == 0 => Shape::Any,
            (one, other) => {
                self.nodes -= 1;
                self.both_of_two(one, other, depth + 1)
            }
        }
    }

    fn both_of_two(&mut self, one: Shape, other: Shape, depth: usize) -> Shape {
        match (one, other) {
            (Shape::Named(key), other) => {
                let one = self.written_out(&key, depth);
                self.both(one, other, depth)
            }
            (one, Shape::Named(key)) => {
                let other = self.written_out(&key, depth);
                self.both(one, other, depth)
            }
            (Shape::Union(members), other) => {
                self.nodes = self.nodes.saturating_sub(members.len() * other.size());
                Shape::union(members.into_iter().map(|one| self.both(one, other.clone(), depth)).collect::<Vec<_>>())
            }
            (one, Shape::Union(members)) => {
                self.nodes = self.nodes.saturating_sub(members.len() * one.size());
                Shape::union(members.into_iter().map(|other| self.both(one.clone(), other, depth)).collect::<Vec<_>>())
            }
            (Shape::Integer, Shape::Number) | (Shape::Number, Shape::Integer) => Shape::Integer,
            (Shape::Literals(literals), shape) | (shape, Shape::Literals(literals)) => {
                let fits = |literal: &Literal| match (&shape, literal.shape()) {
                    (Shape::Literals(others), _) => others.contains(literal),
                    (Shape::Number, Shape::Integer) => true,
                    (shape, own) => *shape == own,
                };
                let literals: Vec<Literal> = literals.into_iter().filter(fits).collect();
                if literals.is_empty() { Shape::Never } else { Shape::Literals(literals) }
            }
            (Shape::Array(one), Shape::Array(other)) => Shape::Array(Box::new(self.both(*one, *other, depth))),
            (tuple @ Shape::Tuple(..), Shape::Array(_) | Shape::Tuple(..))
            | (Shape::Array(_), tuple @ Shape::Tuple(..)) => tuple,
            (Shape::Object(one), Shape::Object(other)) => Shape::Object(self.both_objects(one, other, depth)),
            _ => Shape::Never,
        }
    }

    fn both_objects(&mut self, mut one: Object, other: Object, depth: usize) -> Object {
        for field in other.fields {
            match one.fields.iter_mut().find(|known| known.name == field.name) {
                Some(known) => {
                    let before = std::mem::replace(&mut known.shape, Shape::Any);
                    known.shape = self.both(before, field.shape, depth);
                    known.required |= field.required;
                    known.default = known.default.take().or(field.default);
                    if known.note.is_empty() {
                        known.note = field.note;
                    }
                }
                None => one.fields.push(field),
            }
        }
        one.fields.sort_by_key(|field| !field.required);
        one.more = match (one.more, other.more) {
            (Some(one), Some(other)) => Some(Box::new(self.both(*one, *other, depth))),
            (one, other) => one.or(other),
        };
        one
    }
}

fn list<'a>(schema: &'a Schema, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// One line about a member: its description, and what its type does not say.
fn note(schema: &Value) -> String {
    let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut facts: Vec<String> = Vec::new();
    if !text("format").is_empty() {
        facts.push(one_line(text("format"), 40));
    }
    if !text("pattern").is_empty() {
        facts.push(format!("/{}/", one_line(text("pattern"), 40)));
    }
    let number = |keys: [&str; 2]| keys.iter().find_map(|key| schema.get(*key)).filter(|value| value.is_number());
    for (low, high, of) in [
        (["minimum", "exclusiveMinimum"], ["maximum", "exclusiveMaximum"], ""),
        (["minLength", ""], ["maxLength", ""], " characters"),
        (["minItems", ""], ["maxItems", ""], " items"),
    ] {
        match (number(low), number(high)) {
            (Some(low), Some(high)) => facts.push(format!("{low}..{high}{of}")),
            (Some(low), None) => facts.push(format!(">= {low}{of}")),
            (None, Some(high)) => facts.push(format!("<= {high}{of}")),
            (None, None) => {}
        }
    }
    if let Some(default) = schema.get("default") {
        let shown = Literal::read(default).map(|_| default.to_string());
        facts.extend(shown.map(|shown| format!("default {}", one_line(&shown, 80))));
    }
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        facts.push("deprecated".to_owned());
    }
    let said = one_line(text("description"), NOTE_CHARS_MAX);
    match (said.is_empty(), facts.is_empty()) {
        (_, true) => said,
        (true, false) => facts.join(", "),
        (false, false) => format!("{} ({})", said.trim_end_matches('.'), facts.join(", ")),
    }
}

/// A URI fragment as text. What is no escape of UTF-8 stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped =
            text.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
