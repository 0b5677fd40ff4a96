//! JSON Schemas in the dialects that providers bind a model with.
//!
//! OpenAI's `strict` wants every property of an object required and no others, knows no maps, and only some keywords. What
//! is optional may be null there instead, and [`Adapted::unadapt`] takes such nulls out again. Constraints that the dialect
//! does not know are told in the description; `oneOf` becomes `anyOf`. So what a model writes under the adapted schema has the
//! original's shape, and may still break a constraint that was only told: whoever uses it checks.
//!
//! Where a schema cannot be put like that (maps, `allOf`, conditions, unions at the root, more than the provider takes), it
//! is not adapted at all, and describes only.

use crate::back::Back;
use crate::keywords::{Fate, fate, is_annotation};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What OpenAI takes ("Structured Outputs", "Supported schemas"): objects within objects, properties in all, values of all
/// enumerations, and the characters of their names and texts.
const MAX_LEVELS: usize = 10;
const MAX_PROPERTIES: usize = 5_000;
const MAX_ENUM_VALUES: usize = 1_000;
const MAX_NAME_BYTES: usize = 120_000;
/// Definitions in one schema. Finding circles among them takes the square of it.
const MAX_DEFINITIONS: usize = 500;
/// How deep a schema may nest in any way.
const MAX_DEPTH: usize = 100;
/// The longest value that is told in a description, in characters.
const MAX_TOLD: usize = 200;
/// How many references lead to a schema at most.
const MAX_HOPS: usize = 32;

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "string", "number", "integer"];

/// Whose subset of JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's `strict`, of tools and of `response_format`.
    OpenAi,
    /// Anthropic's structured outputs (`output_config.format`): optional properties stay so, recursion is refused.
    Anthropic,
}

/// A schema as a provider is given it.
#[derive(Clone, Debug)]
pub struct Adapted {
    /// What is sent.
    pub schema: Value,
    is_strict: bool,
    original: Option<Value>,
}

impl Adapted {
    /// One that only describes.
    pub(crate) fn loose(schema: Map<String, Value>) -> Self {
        Self { schema: Value::Object(schema), is_strict: false, original: None }
    }

    /// Whether it binds the model.
    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// What a model wrote, without the nulls that stand for what is absent. Text that is not JSON, or that does not need
    /// it, stays as it is.
    pub fn unadapt(&self, text: &str) -> String {
        let undone = || {
            let original = self.original.as_ref()?;
            let value: Value = serde_json::from_str(text).ok()?;
            let undone = Back::to(original).undo(&value)?;
            (undone != value).then(|| undone.to_string())
        };
        undone().unwrap_or_else(|| text.to_owned())
    }
}

/// The schema in a dialect.
///
/// # Errors
/// What of it cannot be put so.
pub fn adapt_schema(schema: &Map<String, Value>, dialect: Dialect) -> Result<Adapted, String> {
    let original = Value::Object(schema.clone());
    let refers = schema.contains_key("$ref") && schema.iter().all(|(k, v)| k == "$ref" || is_annotation(k, v, dialect));
    let root = if refers { resolve(&original, &original).ok_or("its root leads nowhere")? } else { &original };
    let mut adapter = Adapter {
        original: &original,
        dialect,
        known: BTreeSet::new(),
        wanted: BTreeSet::new(),
        uses: BTreeMap::new(),
        within: String::new(),
        properties: 0,
        values: 0,
        bytes: 0,
    };
    let mut out = adapter.node(root, 0, 0)?;
    if out.get("type") != Some(&Value::from("object")) {
        return Err("its root is not of an object".to_owned());
    }
    let mut definitions = Map::new();
    while let Some(pointer) = adapter.wanted.pop_first() {
        let name = definition_name(&pointer).ok_or("a reference leads out of it")?;
        if definitions.contains_key(name) {
            return Err(format!("it has two definitions `{name}`"));
        }
        let definition =
            definition(&original, &pointer).ok_or_else(|| format!("the reference `{pointer}` leads nowhere"))?;
        adapter.bytes += name.len();
        adapter.within.clone_from(&pointer);
        definitions.insert(name.to_owned(), adapter.node(definition, 0, 0)?.into());
    }
    if dialect == Dialect::Anthropic && adapter.is_recursive() {
        return Err("it is recursive".to_owned());
    }
    let Adapter { properties, values, bytes, .. } = adapter;
    if properties > MAX_PROPERTIES || values > MAX_ENUM_VALUES || bytes > MAX_NAME_BYTES {
        return Err("it has more properties, values or text than the provider takes".to_owned());
    }
    if !definitions.is_empty() {
        out.insert("$defs".to_owned(), definitions.into());
    }
    let original = (dialect == Dialect::OpenAi).then_some(original);
    Ok(Adapted { schema: Value::Object(out), is_strict: true, original })
}

/// The name in `#/$defs/NAME` or `#/definitions/NAME`.
fn definition_name(pointer: &str) -> Option<&str> {
    let name = pointer.strip_prefix("#/$defs/").or_else(|| pointer.strip_prefix("#/definitions/"))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.chars().all(is_plain)).then_some(name)
}

fn definition<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    definition_name(pointer)?;
    root.pointer(pointer.strip_prefix('#')?)
}

/// What a schema stands for: where its reference, or the only member of its `allOf`, leads.
pub(crate) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut schema = schema;
    for _ in 0..MAX_HOPS {
        schema = match (schema.get("$ref").and_then(Value::as_str), schema.get("allOf").and_then(Value::as_array)) {
            (Some("#"), _) => root,
            (Some(pointer), _) => definition(root, pointer)?,
            (None, Some(all)) => match all.as_slice() {
                [only] => only,
                _ => return Some(schema),
            },
            (None, None) => return Some(schema),
        };
    }
    None
}

/// The types that a schema names.
pub(crate) fn types(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether a value is of a type.
pub(crate) fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => false,
    }
}

struct Adapter<'a> {
    original: &'a Value,
    dialect: Dialect,
    /// Definitions that something refers to.
    known: BTreeSet<String>,
    /// Those that are still to be adapted.
    wanted: BTreeSet<String>,
    /// Which definition (or the root, `#`) refers to which.
    uses: BTreeMap<String, BTreeSet<String>>,
    within: String,
    properties: usize,
    values: usize,
    bytes: usize,
}

type Node = Map<String, Value>;

impl Adapter<'_> {
    /// `level` counts the objects around it.
    fn node(&mut self, schema: &Value, level: usize, depth: usize) -> Result<Node, String> {
        let Value::Object(members) = schema else {
            return Err("it has a schema that allows everything or nothing".to_owned());
        };
        if depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH}"));
        }
        if depth > 0 && members.contains_key("$id") {
            return Err("it has a `$id` within".to_owned());
        }
        let mut told = Vec::new();
        for (keyword, value) in members {
            match fate(keyword, value, self.dialect) {
                Fate::Refused => return Err(format!("it has `{keyword}`")),
                Fate::Told => told.push(format!("{keyword}: {}", short(value))),
                Fate::Kept | Fate::Dropped => {}
            }
        }
        let lead = ["$ref", "allOf", "anyOf", "oneOf"].into_iter().find(|keyword| members.contains_key(*keyword));
        let mut out = match lead {
            None => self.plain(schema, members, level, depth)?,
            Some(lead) => {
                let is_other = |(keyword, value): (&String, &Value)| {
                    keyword != lead && !is_annotation(keyword, value, self.dialect)
                };
                if members.iter().any(is_other) {
                    return Err(format!("it has `{lead}` beside keywords that bind too"));
                }
                self.lead(lead, schema, level, depth)?
            }
        };
        describe(&mut out, members.get("description").and_then(Value::as_str), &told);
        Ok(out)
    }

    /// A reference or a union.
    fn lead(&mut self, lead: &str, schema: &Value, level: usize, depth: usize) -> Result<Node, String> {
        let of = schema.get(lead).unwrap_or(&Value::Null);
        if lead == "$ref" {
            let pointer = of.as_str().unwrap_or_default();
            let to = match definition_name(pointer) {
                Some(name) => {
                    if self.known.insert(pointer.to_owned()) {
                        self.wanted.insert(pointer.to_owned());
                    }
                    if self.known.len() > MAX_DEFINITIONS {
                        return Err(format!("it has more than {MAX_DEFINITIONS} definitions"));
                    }
                    format!("#/$defs/{name}")
                }
                None if pointer == "#" => "#".to_owned(),
                None => return Err("it refers to something that is no definition of its own".to_owned()),
            };
            self.uses.entry(self.within.clone()).or_default().insert(pointer.to_owned());
            return Ok(Node::from_iter([("$ref".to_owned(), to.into())]));
        }
        let Some(branches) = of.as_array().filter(|branches| !branches.is_empty()) else {
            return Err(format!("its `{lead}` has no members"));
        };
        match (lead, branches.as_slice()) {
            ("allOf", [only]) => self.node(only, level, depth + 1),
            ("allOf", _) => Err("it has `allOf` of several".to_owned()),
            (_, branches) => {
                let branches = branches.iter().map(|branch| self.node(branch, level, depth + 1).map(Value::Object));
                let branches: Vec<Value> = branches.collect::<Result<_, _>>()?;
                Ok(Node::from_iter([("anyOf".to_owned(), branches.into())]))
            }
        }
    }

    /// One with types of its own.
    fn plain(&mut self, schema: &Value, members: &Node, level: usize, depth: usize) -> Result<Node, String> {
        let values = self.values(members)?;
        let mut kinds: Vec<&str> = match types(schema) {
            Some(types) => types,
            None if members.contains_key("type") => return Err("it has a `type` that is none".to_owned()),
            None if values.is_some() => values.iter().flatten().map(kind).collect(),
            None if members.contains_key("properties") => vec!["object"],
            None if members.contains_key("items") => vec!["array"],
            None => return Err("it has a schema of no type".to_owned()),
        };
        let mut seen = BTreeSet::new();
        kinds.retain(|kind| seen.insert(*kind));
        if kinds.iter().any(|kind| !TYPES.contains(kind)) {
            return Err("it has a `type` that is none".to_owned());
        }
        let is = |names: &[&str]| kinds.iter().any(|kind| names.contains(kind));
        let mut out = Node::new();
        let only = match kinds.as_slice() {
            [] => return Err("it has a schema of no type".to_owned()),
            [one] => Value::from(*one),
            several => Value::from(several.to_vec()),
        };
        out.insert("type".to_owned(), only);
        if let Some(mut values) = values {
            values.retain(|value| kinds.iter().any(|kind| is_of(value, kind)));
            if values.is_empty() {
                return Err("it has an enumeration without a value of its type".to_owned());
            }
            out.insert("enum".to_owned(), values.into());
        }
        for (keyword, value) in members {
            let on: &[&str] = match keyword.as_str() {
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                    &["number", "integer"]
                }
                "minItems" | "maxItems" => &["array"],
                "format" | "pattern" => &["string"],
                _ => continue,
            };
            if is(on) && fate(keyword, value, self.dialect) == Fate::Kept {
                out.insert(keyword.clone(), value.clone());
            }
        }
        if is(&["array"]) {
            let items = members.get("items").ok_or("it has a list of anything")?;
            out.insert("items".to_owned(), self.node(items, level, depth + 1)?.into());
        }
        if is(&["object"]) {
            self.object(members, &mut out, level, depth)?;
        }
        Ok(out)
    }

    fn object(&mut self, members: &Node, out: &mut Node, level: usize, depth: usize) -> Result<(), String> {
        if level >= MAX_LEVELS {
            return Err(format!("its objects nest deeper than {MAX_LEVELS}"));
        }
        let is_closed = match members.get("additionalProperties") {
            None => false,
            Some(Value::Bool(false)) => true,
            Some(_) => return Err("it has an object with properties of any name".to_owned()),
        };
        let none = Node::new();
        let properties = match members.get("properties") {
            Some(Value::Object(properties)) => properties,
            None if is_closed => &none,
            _ => return Err("it has an object of anything".to_owned()),
        };
        // A tool without arguments is written so; within, it is an object of anything.
        if properties.is_empty() && !is_closed && depth > 0 {
            return Err("it has an object of anything".to_owned());
        }
        let required: BTreeSet<&str> =
            members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if required.iter().any(|name| !properties.contains_key(*name)) {
            return Err("it requires a property that it does not describe".to_owned());
        }
        let mut adapted = Node::new();
        for (name, schema) in properties {
            self.properties += 1;
            self.bytes += name.len();
            let mut node = self.node(schema, level + 1, depth + 1)?;
            if self.dialect == Dialect::OpenAi && !required.contains(name.as_str()) {
                node = nullable(node);
            }
            adapted.insert(name.clone(), node.into());
        }
        let required: Vec<&str> = match self.dialect {
            Dialect::OpenAi => properties.keys().map(String::as_str).collect(),
            Dialect::Anthropic => required.into_iter().collect(),
        };
        out.insert("required".to_owned(), required.into());
        out.insert("properties".to_owned(), adapted.into());
        out.insert("additionalProperties".to_owned(), false.into());
        Ok(())
    }

    /// The values of `enum` or `const`.
    fn values(&mut self, members: &Node) -> Result<Option<Vec<Value>>, String> {
        let values = match (members.get("enum"), members.get("const")) {
            (None, None) => return Ok(None),
            (Some(Value::Array(values)), None) => values.clone(),
            (None, Some(value)) => vec![value.clone()],
            _ => return Err("it has an enumeration that is none".to_owned()),
        };
        if values.iter().any(|value| value.is_object() || value.is_array()) {
            return Err("it has an enumeration of lists or objects".to_owned());
        }
        self.values += values.len();
        self.bytes += values.iter().filter_map(Value::as_str).map(str::len).sum::<usize>();
        Ok(Some(values))
    }

    /// Whether a definition leads back to itself, or something to the root.
    fn is_recursive(&self) -> bool {
        let reaches_itself = |start: &String| {
            let mut open: Vec<&String> = self.uses.get(start).into_iter().flatten().collect();
            let mut seen = BTreeSet::new();
            while let Some(next) = open.pop() {
                if next == start {
                    return true;
                }
                if seen.insert(next) {
                    open.extend(self.uses.get(next).into_iter().flatten());
                }
            }
            false
        };
        self.uses.values().any(|uses| uses.contains("#"))
            || self.uses.keys().any(reaches_itself)
            // The root may be a definition itself.
            || self.original.get("$ref").and_then(Value::as_str).is_some_and(|root| {
                self.uses.values().any(|uses| uses.contains(root))
            })
    }
}

/// The type of a value of an enumeration.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Number(_) if is_of(value, "integer") => "integer",
        Value::Number(_) => "number",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The same, or null.
fn nullable(mut node: Node) -> Node {
    // Not called `null`, which is a word of the macro.
    let nothing = json!({ "type": "null" });
    if node.contains_key("$ref") {
        return Node::from_iter([("anyOf".to_owned(), json!([node, nothing]))]);
    }
    if let Some(Value::Array(branches)) = node.get_mut("anyOf") {
        if !branches.contains(&nothing) {
            branches.push(nothing);
        }
        return node;
    }
    match node.get_mut("type") {
        Some(Value::Array(types)) if types.contains(&"null".into()) => {}
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) if *one != "null" => *one = json!([one.take(), "null"]),
        _ => {}
    }
    if let Some(Value::Array(values)) = node.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    node
}

/// Puts a description to a node, with what could not be said otherwise.
fn describe(node: &mut Node, description: Option<&str>, told: &[String]) {
    let own = node.get("description").and_then(Value::as_str).map(str::to_owned);
    let told = (!told.is_empty()).then(|| format!("({})", told.join(", ")));
    let texts: Vec<&str> =
        description.into_iter().chain(own.as_deref()).chain(told.as_deref()).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() {
        return;
    }
    // Nothing may stand beside a reference.
    if node.contains_key("$ref") {
        let reference = std::mem::take(node);
        node.insert("anyOf".to_owned(), json!([reference]));
    }
    node.insert("description".to_owned(), texts.join(" ").into());
}

/// A value in a description.
pub(crate) fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_TOLD) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
