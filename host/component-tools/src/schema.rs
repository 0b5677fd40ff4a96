//! JSON Schema (2020-12) of shapes: it accepts what [`lower`](crate::lower()) accepts, but for what no schema can say: the
//! greatest of 64-bit integers written as strings, and how many values there are in all.

use crate::shape::{Case, Cases, Field, IntKind, Kind, Shape};
use serde_json::{Map, Value, json};

/// What base64 looks like.
const BASE64: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";

/// The schema of a type.
pub fn schema(shape: &Shape) -> Value {
    let mut schema = of_kind(&shape.kind);
    let listed = match &shape.kind {
        Kind::Enum(cases) | Kind::Flags(cases) => listed(cases),
        _ => None,
    };
    let parts: Vec<_> = shape.docs.as_deref().into_iter().chain(listed.as_deref()).collect();
    if !parts.is_empty() {
        describe(&mut schema, &parts.join("\n\n"));
    }
    schema
}

/// An object of these members. Nothing else may be in it.
pub(crate) fn object(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let mut member = schema(&field.shape);
        if let Some(docs) = &field.docs {
            // What the field is for goes before what its type is in general.
            describe(&mut member, docs);
        }
        properties.insert(field.json.clone(), member);
        if !field.is_optional() {
            required.push(field.json.as_str());
        }
    }
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (false, Some(object)) = (required.is_empty(), object.as_object_mut()) {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn describe(schema: &mut Value, text: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), text.into());
    }
}

/// The cases that have a comment, a line each: `enum` has no place for them.
fn listed(cases: &Cases) -> Option<String> {
    let lines: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("- `{}`: {}", case.json, case.docs.as_ref()?))).collect();
    Some(lines.join("\n")).filter(|text| !text.is_empty())
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Int(kind) => integer(*kind),
        Kind::Float32 => {
            float(json!({"type": "number", "minimum": f64::from(f32::MIN), "maximum": f64::from(f32::MAX)}))
        }
        Kind::Float64 => float(json!({"type": "number"})),
        Kind::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "string", "contentEncoding": "base64", "pattern": BASE64}),
        Kind::List(item) => json!({"type": "array", "items": schema(item)}),
        Kind::Record(fields) => object(fields),
        Kind::Tuple(items) => {
            let schemas: Vec<_> = items.iter().map(schema).collect();
            json!({"type": "array", "prefixItems": schemas, "minItems": items.len(), "maxItems": items.len()})
        }
        Kind::Enum(cases) => json!({"type": "string", "enum": names(cases)}),
        Kind::Flags(cases) => {
            json!({"type": "array", "items": {"type": "string", "enum": names(cases)}, "uniqueItems": true})
        }
        Kind::Option(inner) => {
            let some = match inner.kind {
                Kind::Option(_) => tagged("some", schema(inner)),
                _ => schema(inner),
            };
            json!({"anyOf": [some, {"type": "null"}]})
        }
        Kind::Variant(cases) | Kind::Result(cases) => variant(cases),
    }
}

fn integer(kind: IntKind) -> Value {
    let (least, greatest) = kind.range();
    // Every range fits into one of the two: serde_json has no 128 bits.
    let number = |value: i128| {
        i64::try_from(value).map_or_else(|_| json!(u64::try_from(value).unwrap_or(u64::MAX)), |v| json!(v))
    };
    let plain = json!({"type": "integer", "minimum": number(least), "maximum": number(greatest)});
    if !kind.is_wide() {
        return plain;
    }
    let digits = if least < 0 { "^(0|-?[1-9][0-9]{0,18})$" } else { "^(0|[1-9][0-9]{0,19})$" };
    json!({"anyOf": [plain, {"type": "string", "pattern": digits}]})
}

fn float(number: Value) -> Value {
    json!({"anyOf": [number, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]})
}

fn variant(cases: &Cases) -> Value {
    let of = |case: &Case| {
        let mut one = match &case.shape {
            Some(shape) => tagged(&case.json, schema(shape)),
            None => json!({"type": "string", "const": case.json}),
        };
        if let Some(docs) = &case.docs {
            describe(&mut one, docs);
        }
        one
    };
    json!({"anyOf": cases.iter().map(of).collect::<Vec<_>>()})
}

fn tagged(name: &str, payload: Value) -> Value {
    json!({"type": "object", "properties": {name: payload}, "required": [name], "additionalProperties": false})
}

fn names(cases: &Cases) -> Vec<&str> {
    cases.iter().map(|case| case.json.as_str()).collect()
}
