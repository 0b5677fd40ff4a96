//! Schemas of OpenAPI as JSON Schema 2020-12.
//!
//! A reference stays one: what it leads to becomes a member of `$defs`, so recursive schemas need no care, and the
//! work is a queue and no recursion through references.
//!
//! **Inputs** are exact, but for what a caller cannot use: `readOnly` members are left out.
//!
//! **Outputs** are loose. Structured content must fit the schema that a tool declares, clients check it, and APIs
//! answer with more than they document. So an output schema keeps types and members, and drops what is broken in
//! practice: required members, enumerations (they stay as examples), patterns, bounds; and everything may be null.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Map, Value, json};

use crate::document::{Document, Version};
use crate::{pattern, text};

/// How deep schemas may nest in each other, references not counted.
const MAX_DEPTH: usize = 48;
/// The most nodes of one tool's schema.
const MAX_NODES: usize = 20_000;
/// The largest output schema, in bytes. A larger one costs those who read it more than it tells them.
pub const MAX_OUTPUT: usize = 64 << 10;
/// The longest default, example or value of an annotation, in bytes.
const MAX_ANNOTATION: usize = 512;

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
const NUMBERS: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
const COUNTS: [&str; 8] =
    ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"];
/// Keywords of 3.1 whose value is a schema.
const SCHEMAS_31: [&str; 7] =
    ["if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"];

/// What a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// What a caller gives: exact.
    Input,
    /// What a caller gives, without descriptions and examples: for schemas that would be too large.
    BriefInput,
    /// What a caller gets: loose.
    Output,
}

/// Converts the schemas of one tool.
#[derive(Debug)]
pub struct Converter<'d> {
    document: &'d Document,
    purpose: Use,
    /// Names in `$defs`, by pointer.
    names: HashMap<String, String>,
    taken: HashSet<String>,
    queue: VecDeque<(String, &'d Value)>,
    nodes: usize,
    /// At least so many bytes is the result long. To stop early saves most of the time on documents where everything
    /// refers to everything (Stripe's).
    bytes: usize,
}

impl<'d> Converter<'d> {
    /// A converter for one tool's input or output.
    pub fn new(document: &'d Document, purpose: Use) -> Self {
        Self {
            document,
            purpose,
            names: HashMap::new(),
            taken: HashSet::new(),
            queue: VecDeque::new(),
            nodes: 0,
            bytes: 0,
        }
    }

    /// Converts one schema. What it refers to follows in [`definitions`](Self::definitions).
    ///
    /// # Errors
    /// A reference that cannot be followed; a schema that is too deep or too large.
    pub fn convert(&mut self, schema: &'d Value) -> Result<Value, String> {
        self.at(schema, 0)
    }

    /// The definitions that the converted schemas refer to.
    ///
    /// # Errors
    /// Those of [`convert`](Self::convert).
    pub fn definitions(&mut self) -> Result<Map<String, Value>, String> {
        let mut definitions = Map::new();
        while let Some((name, schema)) = self.queue.pop_front() {
            let converted = self.at(schema, 0)?;
            definitions.insert(name, converted);
        }
        Ok(definitions)
    }

    fn at(&mut self, schema: &'d Value, depth: usize) -> Result<Value, String> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(format!("a schema nests deeper than {MAX_DEPTH}"));
        }
        if self.nodes > MAX_NODES {
            return Err(format!("its schema has more than {MAX_NODES} parts"));
        }
        if self.purpose == Use::Output && self.bytes > MAX_OUTPUT {
            return Err(format!("it has more than {MAX_OUTPUT} bytes"));
        }
        match schema {
            Value::Object(members) => self.object(members, depth).map(Value::Object),
            Value::Bool(false) if self.purpose != Use::Output => Ok(Value::Bool(false)),
            _ => Ok(Value::Bool(true)),
        }
    }

    fn object(&mut self, schema: &'d Map<String, Value>, depth: usize) -> Result<Map<String, Value>, String> {
        let mut out = Map::new();
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            out.insert("$ref".into(), self.reference(reference)?.into());
            if self.document.version == Version::V30 {
                self.describe(schema, &mut out);
                return Ok(out);
            }
        }
        self.types(schema, &mut out);
        self.describe(schema, &mut out);
        self.members(schema, &mut out, depth)?;
        self.items(schema, &mut out, depth)?;
        self.combined(schema, &mut out, depth)?;
        if self.purpose == Use::Output {
            if let Some(Value::Array(values)) = schema.get("enum") {
                let values: Vec<_> = values.iter().filter(|value| !value.is_null()).take(24).cloned().collect();
                if !values.is_empty() {
                    out.insert("examples".into(), values.into());
                }
            }
        } else {
            limits(schema, &mut out);
        }
        Ok(out)
    }

    /// The name in `$defs` of what a reference leads to, which is queued when it is new.
    fn reference(&mut self, reference: &str) -> Result<String, String> {
        let (pointer, found) = self.document.lookup(reference)?;
        if let Some(name) = self.names.get(pointer.as_ref()) {
            return Ok(format!("#/$defs/{name}"));
        }
        let last = pointer.rsplit('/').next().unwrap_or_default();
        let base = text::identifier(last, 64);
        let base = if base.is_empty() { "schema".to_owned() } else { base };
        let name = text::unique(&base, |name| self.taken.contains(name));
        self.taken.insert(name.clone());
        self.names.insert(pointer.into_owned(), name.clone());
        self.queue.push_back((name.clone(), found));
        Ok(format!("#/$defs/{name}"))
    }

    /// `type`, which in 3.0 may come with `nullable`. Unknown types are dropped: then any value fits.
    fn types(&self, schema: &Map<String, Value>, out: &mut Map<String, Value>) {
        let mut types: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        if types.is_empty() || types.iter().any(|name| !TYPES.contains(name)) {
            return;
        }
        let nullable = schema.get("nullable").and_then(Value::as_bool).unwrap_or(false);
        if self.purpose == Use::Output || (nullable && self.document.version == Version::V30) {
            types.push("null");
        }
        let mut seen = HashSet::new();
        types.retain(|name| seen.insert(*name));
        let value = match types.as_slice() {
            [only] => Value::from(*only),
            _ => Value::from(types),
        };
        out.insert("type".into(), value);
    }

    /// Annotations: what a schema says to its reader.
    fn describe(&mut self, schema: &Map<String, Value>, out: &mut Map<String, Value>) {
        if self.purpose == Use::BriefInput {
            return;
        }
        let limit = if self.purpose == Use::Output { 200 } else { 2_000 };
        let mut description = schema.get("description").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if let Some(property) = schema.get("discriminator").and_then(|d| d.get("propertyName")).and_then(Value::as_str)
        {
            let values: Vec<&str> = schema
                .get("discriminator")
                .and_then(|d| d.get("mapping"))
                .and_then(Value::as_object)
                .map(|mapping| mapping.keys().map(String::as_str).take(24).collect())
                .unwrap_or_default();
            let named = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
            description = format!("{description}\n`{property}` tells which{named}.").trim().to_owned();
        }
        if !description.is_empty() {
            let description = text::shortened(&description, limit);
            self.bytes += description.len() + r#""description":"","#.len();
            out.insert("description".into(), description.into());
        }
        if schema.get("deprecated") == Some(&Value::Bool(true)) {
            out.insert("deprecated".into(), true.into());
        }
        if let Some(format) = schema.get("format").and_then(Value::as_str) {
            out.insert("format".into(), text::shortened(format, 64).into());
        }
        if self.purpose == Use::Output {
            return;
        }
        if let Some(title) = schema.get("title").and_then(Value::as_str) {
            out.insert("title".into(), text::shortened(title, 200).into());
        }
        if let Some(default) = schema.get("default").filter(|value| !value.is_null() && is_small(value)) {
            out.insert("default".into(), default.clone());
        }
        let examples: Vec<Value> = match (schema.get("example"), schema.get("examples")) {
            (Some(example), _) => vec![example.clone()],
            (None, Some(Value::Array(examples))) => examples.iter().take(3).cloned().collect(),
            _ => Vec::new(),
        };
        let examples: Vec<Value> = examples.into_iter().filter(|value| !value.is_null() && is_small(value)).collect();
        if !examples.is_empty() {
            out.insert("examples".into(), examples.into());
        }
        for keyword in ["contentMediaType", "contentEncoding"] {
            if let Some(value) = schema.get(keyword).and_then(Value::as_str) {
                out.insert(keyword.into(), text::shortened(value, 100).into());
            }
        }
        if schema.get("format").and_then(Value::as_str) == Some("byte") {
            out.insert("contentEncoding".into(), "base64".into());
        }
    }

    fn members(
        &mut self,
        schema: &'d Map<String, Value>,
        out: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), String> {
        let mut hidden = HashSet::new();
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let mut kept = Map::new();
            for (name, property) in properties {
                if is_hidden(self.document, property, self.purpose) {
                    hidden.insert(name.as_str());
                } else {
                    self.bytes += name.len() + r#""":{}"#.len();
                    kept.insert(name.clone(), self.at(property, depth + 1)?);
                }
            }
            out.insert("properties".into(), kept.into());
        }
        match schema.get("additionalProperties") {
            Some(rest @ Value::Object(_)) => {
                out.insert("additionalProperties".into(), self.at(rest, depth + 1)?);
            }
            Some(Value::Bool(any)) if self.purpose != Use::Output => {
                out.insert("additionalProperties".into(), (*any).into());
            }
            _ => {}
        }
        if self.purpose == Use::Output {
            return Ok(());
        }
        if let Some(Value::Array(required)) = schema.get("required") {
            let mut seen = HashSet::new();
            let required: Vec<&str> = required
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| !hidden.contains(name) && seen.insert(*name))
                .collect();
            if !required.is_empty() {
                out.insert("required".into(), required.into());
            }
        }
        if self.document.version == Version::V31 {
            for keyword in ["patternProperties", "dependentSchemas"] {
                let Some(Value::Object(schemas)) = schema.get(keyword) else { continue };
                let mut kept = Map::new();
                for (key, value) in schemas {
                    if keyword == "dependentSchemas" || pattern::is_portable(key) {
                        kept.insert(key.clone(), self.at(value, depth + 1)?);
                    } else {
                        // What it would allow must not be refused by the schema for all others.
                        out.remove("additionalProperties");
                    }
                }
                out.insert(keyword.into(), kept.into());
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        schema: &'d Map<String, Value>,
        out: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), String> {
        match schema.get("items") {
            Some(items @ (Value::Object(_) | Value::Bool(_))) => {
                out.insert("items".into(), self.at(items, depth + 1)?);
            }
            // Tuples of the drafts before 2020-12.
            Some(Value::Array(tuple)) if !tuple.is_empty() => {
                out.insert("prefixItems".into(), self.all(tuple, depth)?);
            }
            _ => {}
        }
        if self.document.version == Version::V30 {
            return Ok(());
        }
        if let Some(Value::Array(tuple)) =
            schema.get("prefixItems").filter(|v| v.as_array().is_some_and(|a| !a.is_empty()))
        {
            out.insert("prefixItems".into(), self.all(tuple, depth)?);
        }
        Ok(())
    }

    fn combined(
        &mut self,
        schema: &'d Map<String, Value>,
        out: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), String> {
        let loose = self.purpose == Use::Output;
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let Some(Value::Array(schemas)) = schema.get(keyword) else { continue };
            if schemas.is_empty() {
                continue;
            }
            let converted = self.all(schemas, depth)?;
            // Loose schemas overlap: exactly one would be too much to ask.
            if loose && keyword == "oneOf" {
                if out.contains_key("anyOf") {
                    continue;
                }
                out.insert("anyOf".into(), converted);
            } else {
                out.insert(keyword.into(), converted);
            }
        }
        if loose {
            return Ok(());
        }
        if let Some(not @ Value::Object(_)) = schema.get("not") {
            out.insert("not".into(), self.at(not, depth + 1)?);
        }
        if self.document.version == Version::V31 {
            for keyword in SCHEMAS_31 {
                if let Some(value @ (Value::Object(_) | Value::Bool(_))) = schema.get(keyword) {
                    out.insert(keyword.into(), self.at(value, depth + 1)?);
                }
            }
        }
        Ok(())
    }

    fn all(&mut self, schemas: &'d [Value], depth: usize) -> Result<Value, String> {
        schemas.iter().map(|schema| self.at(schema, depth + 1)).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }
}

/// Keywords that bound a value, where they have a meaning.
fn limits(schema: &Map<String, Value>, out: &mut Map<String, Value>) {
    for keyword in NUMBERS {
        if let Some(number) = schema.get(keyword).filter(|value| value.is_number()) {
            out.insert(keyword.into(), number.clone());
        }
    }
    // Draft 4 and 3.0: a boolean beside the bound.
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if schema.get(exclusive) == Some(&Value::Bool(true))
            && let Some(number) = out.shift_remove(bound)
        {
            out.insert(exclusive.into(), number);
        }
    }
    if let Some(number) = schema.get("multipleOf").filter(|value| value.as_f64().is_some_and(|number| number > 0.0)) {
        out.insert("multipleOf".into(), number.clone());
    }
    for keyword in COUNTS {
        let count = schema.get(keyword).and_then(|value| {
            let whole = |number: f64| number.fract() == 0.0 && (0.0..9e15).contains(&number);
            value.as_u64().or_else(|| value.as_f64().filter(|number| whole(*number)).map(|number| number as u64))
        });
        if let Some(count) = count {
            out.insert(keyword.into(), count.into());
        }
    }
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        out.insert("uniqueItems".into(), true.into());
    }
    if let Some(Value::Array(values)) = schema.get("enum")
        && !values.is_empty()
    {
        let texts_only = schema.get("type").and_then(Value::as_str) == Some("string");
        let value = |value: &Value| match value {
            // YAML reads an unquoted `1` as a number.
            Value::Number(number) if texts_only => Value::from(number.to_string()),
            value => value.clone(),
        };
        let mut unique: Vec<Value> = Vec::new();
        let mut seen = HashSet::new();
        unique.extend(values.iter().map(value).filter(|value| seen.insert(value.to_string())));
        out.insert("enum".into(), unique.into());
    }
    if let Some(value) = schema.get("const") {
        out.insert("const".into(), value.clone());
    }
    if let Some(Value::Object(lists)) = schema.get("dependentRequired") {
        let lists: Map<String, Value> = lists
            .iter()
            .filter(|(_, names)| names.as_array().is_some_and(|names| names.iter().all(Value::is_string)))
            .map(|(name, names)| (name.clone(), names.clone()))
            .collect();
        out.insert("dependentRequired".into(), lists.into());
    }
    if let Some(text) = schema.get("pattern").and_then(Value::as_str) {
        if pattern::is_portable(text) {
            out.insert("pattern".into(), text.into());
        } else {
            let description = out.get("description").and_then(Value::as_str).unwrap_or_default();
            let pattern = text::shortened(text, 200);
            let described = format!("{description}\nPattern: {pattern}").trim().to_owned();
            out.insert("description".into(), described.into());
        }
    }
}

/// Whether a member is none of the schema's use: `readOnly` for inputs, `writeOnly` for outputs.
pub fn is_hidden(document: &Document, property: &Value, purpose: Use) -> bool {
    let flag = if purpose == Use::Output { "writeOnly" } else { "readOnly" };
    let set = |value: &Value| value.get(flag) == Some(&Value::Bool(true));
    set(property) || document.resolve(property).is_ok_and(set)
}

/// Whether a schema says that its values are objects. `depth` bounds how far references and combinations are
/// followed.
pub fn is_object(document: &Document, schema: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let Ok(schema) = document.resolve(schema) else { return false };
    match schema.get("type") {
        Some(Value::String(name)) => return name == "object",
        Some(Value::Array(names)) => {
            return names.contains(&json!("object")) && names.iter().all(|name| name == "object" || name == "null");
        }
        _ => {}
    }
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array).filter(|list| !list.is_empty());
    let choice = |keyword| list(keyword).is_some_and(|list| list.iter().all(|s| is_object(document, s, depth)));
    schema.get("properties").is_some_and(Value::is_object)
        || list("allOf").is_some_and(|list| list.iter().any(|schema| is_object(document, schema, depth)))
        || choice("anyOf")
        || choice("oneOf")
}

fn is_small(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= MAX_ANNOTATION,
        Value::Array(_) | Value::Object(_) => value.to_string().len() <= MAX_ANNOTATION,
        _ => true,
    }
}
