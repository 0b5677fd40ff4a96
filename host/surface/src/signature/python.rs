//! Shapes as Python stubs.

use super::identifier::{identifiers, is_plain, is_reserved};
use super::shape::{Field, Literal, Shape};
use super::{Detail, Language, quoted};
use std::collections::BTreeMap;

/// What the stubs begin with.
pub(super) const HEADER: &str = "from __future__ import annotations\n\
    from typing import Any, Literal, Never, NotRequired, TypeAlias, TypedDict\n\n";

/// Writes types with the names of those that are declared.
pub(super) struct Writer<'a> {
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) detail: Detail,
}

impl Writer<'_> {
    /// A type's declaration.
    pub(super) fn declaration(&self, name: &str, shape: &Shape) -> String {
        let Shape::Object(object) = shape else {
            return format!("{name}: TypeAlias = {}\n", quoted(&self.shape(shape)));
        };
        if object.fields.is_empty() {
            return format!("{name}: TypeAlias = {}\n", quoted(&self.shape(shape)));
        }
        let keyword = |field: &Field| {
            !is_plain(&field.name) || field.name.starts_with("__") || is_reserved(&field.name, Language::Python)
        };
        if object.fields.iter().any(keyword) {
            // A class takes identifiers only.
            let fields =
                object.fields.iter().map(|field| format!("{}: {}", quoted(&field.name), quoted(&self.member(field))));
            return format!("{name} = TypedDict(\"{name}\", {{{}}})\n", fields.collect::<Vec<_>>().join(", "));
        }
        let mut out = format!("class {name}(TypedDict):\n");
        for field in &object.fields {
            let comment = match self.detail {
                Detail::Full if !field.note.is_empty() => format!("  # {}", field.note),
                _ => String::new(),
            };
            out += &format!("    {}: {}{comment}\n", field.name, self.member(field));
        }
        out
    }

    fn member(&self, field: &Field) -> String {
        let shape = self.shape(&field.shape);
        if field.required { shape } else { format!("NotRequired[{shape}]") }
    }

    /// A function's parameters as they are written; the first `positional` may be given by position.
    pub(super) fn listed(&self, input: &Shape, positional: usize) -> Vec<String> {
        let (parameters, more) = parameters(input);
        let mut listed: Vec<String> = Vec::new();
        for (at, (parameter, field)) in parameters.iter().enumerate() {
            if at == positional {
                listed.push("*".to_owned());
            }
            let default = match (&field.default, field.required) {
                (_, true) => String::new(),
                (Some(default), false) if field.shape.takes(default) => format!(" = {}", literal(default)),
                (_, false) => " = ...".to_owned(),
            };
            listed.push(format!("{parameter}: {}{default}", self.shape(&field.shape)));
        }
        if let Some(more) = more {
            let taken = |name: &str| parameters.iter().any(|(parameter, _)| parameter == name);
            let name = ["others", "other_arguments", "others_"].into_iter().find(|name| !taken(name));
            listed.extend(name.map(|name| format!("**{name}: {}", self.shape(&more))));
        }
        listed
    }

    /// A function's stub.
    pub(super) fn function(&self, name: &str, doc: &str, input: &Shape, output: Option<&Shape>) -> String {
        let (parameters, _) = parameters(input);
        let listed = self.listed(input, 0);
        let answer = output.map_or_else(|| "Any".to_owned(), |output| self.shape(output));
        let mut lines: Vec<String> = (!doc.is_empty()).then(|| doc.to_owned()).into_iter().collect();
        for (parameter, field) in &parameters {
            let renamed = (*parameter != field.name).then(|| format!("the argument {}", quoted(&field.name)));
            let note = (self.detail == Detail::Full && !field.note.is_empty()).then(|| field.note.clone());
            let about: Vec<String> = renamed.into_iter().chain(note).collect();
            if !about.is_empty() {
                lines.push(format!("{parameter}: {}", about.join("; ")));
            }
        }
        // Type checkers want it; a reader knows that nobody makes an instance.
        let mark = if self.detail == Detail::Full { "    @staticmethod\n" } else { "" };
        let head = format!("{mark}    async def {name}({}) -> {answer}:", listed.join(", "));
        match lines.as_slice() {
            [] => format!("{head} ...\n"),
            [line] => format!("{head}\n        \"\"\"{}\"\"\"\n", inside_docstring(line)),
            lines => {
                let text = inside_docstring(&(lines.join("\n        ") + "\n        "));
                format!("{head}\n        \"\"\"{text}\"\"\"\n")
            }
        }
    }

    pub(super) fn shape(&self, shape: &Shape) -> String {
        match shape {
            Shape::Any => "Any".to_owned(),
            Shape::Never => "Never".to_owned(),
            Shape::Null => "None".to_owned(),
            Shape::Boolean => "bool".to_owned(),
            Shape::Integer => "int".to_owned(),
            Shape::Number => "float".to_owned(),
            Shape::String => "str".to_owned(),
            Shape::Literals(literals) => {
                // A literal type takes no floats.
                let (floats, others): (Vec<&Literal>, Vec<&Literal>) =
                    literals.iter().partition(|literal| matches!(literal, Literal::Float(_)));
                let others: Vec<String> = others.into_iter().map(literal).collect();
                let named = (!others.is_empty()).then(|| format!("Literal[{}]", others.join(", ")));
                let float = (!floats.is_empty()).then(|| "float".to_owned());
                named.into_iter().chain(float).collect::<Vec<_>>().join(" | ")
            }
            Shape::Array(items) => format!("list[{}]", self.shape(items)),
            Shape::Tuple(first, None) => {
                format!("tuple[{}]", first.iter().map(|shape| self.shape(shape)).collect::<Vec<_>>().join(", "))
            }
            Shape::Tuple(first, Some(rest)) => {
                let all = Shape::union(first.iter().chain([&**rest]).cloned());
                format!("list[{}]", self.shape(&all))
            }
            Shape::Object(object) => match &object.more {
                Some(more) if object.fields.is_empty() => format!("dict[str, {}]", self.shape(more)),
                _ => "dict[str, Any]".to_owned(),
            },
            Shape::Union(members) => members.iter().map(|shape| self.shape(shape)).collect::<Vec<_>>().join(" | "),
            Shape::Named(key) => self.names.get(key).cloned().unwrap_or_else(|| "Any".to_owned()),
        }
    }
}

/// The keyword parameters that stand for the arguments, and the type of further ones.
pub(super) fn parameters(input: &Shape) -> (Vec<(String, &Field)>, Option<Shape>) {
    let Shape::Object(object) = input else {
        return (Vec::new(), Some(Shape::Any));
    };
    let names: Vec<&str> = object.fields.iter().map(|field| field.name.as_str()).collect();
    let parameters = identifiers(&names, Language::Python).into_iter().zip(&object.fields).collect();
    (parameters, object.more.as_deref().cloned())
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "None".to_owned(),
        Literal::Boolean(true) => "True".to_owned(),
        Literal::Boolean(false) => "False".to_owned(),
        Literal::Integer(value) => value.to_string(),
        Literal::Float(value) => format!("{value:?}"),
        Literal::String(text) => quoted(text),
    }
}

/// Text for a string between triple quotes: it has no quote that another or the end follows.
fn inside_docstring(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' if matches!(chars.peek(), None | Some('"')) => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}
