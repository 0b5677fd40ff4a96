//! Shapes as TypeScript.

use super::identifier::is_plain;
use super::shape::{Field, Literal, Object, Shape};
use super::{Detail, quoted};
use std::collections::BTreeMap;

/// What a tool answers that declares no output schema.
pub(super) const UNTYPED: &str = "Untyped";

/// Writes types with the names of those that are declared.
pub(super) struct Writer<'a> {
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) detail: Detail,
}

impl Writer<'_> {
    /// A type's declaration.
    pub(super) fn declaration(&self, name: &str, shape: &Shape) -> String {
        format!("  type {name} = {};\n", self.shape(shape, 1))
    }

    /// A function's declaration, without its documentation.
    pub(super) fn function(&self, name: &str, input: &Shape, output: Option<&Shape>) -> String {
        let args = match input {
            Shape::Object(Object { fields, more: None }) if fields.is_empty() => String::new(),
            Shape::Object(Object { fields, .. }) if fields.iter().all(|field| !field.required) => {
                format!("args?: {}", self.shape(input, 1))
            }
            input => format!("args: {}", self.shape(input, 1)),
        };
        let answer = output.map_or_else(|| UNTYPED.to_owned(), |output| self.shape(output, 1));
        format!("  function {name}({args}): Promise<{answer}>;\n")
    }

    pub(super) fn shape(&self, shape: &Shape, indent: usize) -> String {
        match shape {
            Shape::Any => "unknown".to_owned(),
            Shape::Never => "never".to_owned(),
            Shape::Null => "null".to_owned(),
            Shape::Boolean => "boolean".to_owned(),
            Shape::Integer | Shape::Number => "number".to_owned(),
            Shape::String => "string".to_owned(),
            Shape::Literals(literals) => literals.iter().map(literal).collect::<Vec<_>>().join(" | "),
            Shape::Array(items) => format!("{}[]", self.operand(items, indent)),
            Shape::Tuple(first, rest) => {
                let mut parts: Vec<String> = first.iter().map(|shape| self.shape(shape, indent)).collect();
                parts.extend(rest.as_ref().map(|rest| format!("...{}[]", self.operand(rest, indent))));
                format!("[{}]", parts.join(", "))
            }
            Shape::Object(object) => self.object(object, indent),
            Shape::Union(members) => {
                members.iter().map(|shape| self.shape(shape, indent)).collect::<Vec<_>>().join(" | ")
            }
            Shape::Named(key) => self.names.get(key).cloned().unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// A type that something follows.
    fn operand(&self, shape: &Shape, indent: usize) -> String {
        let text = self.shape(shape, indent);
        match shape {
            Shape::Union(_) => format!("({text})"),
            Shape::Literals(literals) if literals.len() > 1 => format!("({text})"),
            _ => text,
        }
    }

    fn object(&self, object: &Object, indent: usize) -> String {
        // An index's type must hold the members' too: beside members, it is left open.
        let more = match (object.fields.is_empty(), &object.more) {
            (true, None) => Some("unknown".to_owned()),
            (true, Some(more)) => Some(self.shape(more, indent)),
            (false, Some(_)) => Some("unknown".to_owned()),
            (false, None) => None,
        };
        let more = more.map(|more| format!("[key: string]: {more}"));
        let full = self.detail == Detail::Full;
        if full && object.fields.iter().any(|field| !note(field).is_empty()) {
            let inner = "  ".repeat(indent + 1);
            let mut out = "{\n".to_owned();
            for field in &object.fields {
                let note = note(field);
                let comment = if note.is_empty() { String::new() } else { format!(" // {note}") };
                out += &format!("{inner}{};{comment}\n", self.field(field, indent + 1));
            }
            out += &more.map(|more| format!("{inner}{more};\n")).unwrap_or_default();
            return out + &"  ".repeat(indent) + "}";
        }
        let members = object.fields.iter().map(|field| self.field(field, indent)).chain(more);
        format!("{{ {} }}", members.collect::<Vec<_>>().join("; "))
    }

    fn field(&self, field: &Field, indent: usize) -> String {
        let name = if is_plain(&field.name) { field.name.clone() } else { quoted(&field.name) };
        let mark = if field.required { "" } else { "?" };
        format!("{name}{mark}: {}", self.shape(&field.shape, indent))
    }
}

fn note(field: &Field) -> String {
    match (&field.shape, field.note.is_empty()) {
        (Shape::Integer, true) => "integer".to_owned(),
        (Shape::Integer, false) => format!("{} [integer]", field.note),
        _ => field.note.clone(),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(value) => value.to_string(),
        Literal::Float(value) => format!("{value:?}"),
        Literal::String(text) => quoted(text),
    }
}

/// A documentation comment of one line.
pub(super) fn doc(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("  /** {} */\n", line.replace("*/", "*\\/")) }
}
