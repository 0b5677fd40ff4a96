//! Typed calls for policies and adapters in Rust: one module of source text for a whole catalog.
//!
//! A server is a module, a tool a function in it; what the function takes and gives stands in a module of the same name,
//! so that no two tools share a scope. Whatever a server calls its tools, or writes into their schemas, the text
//! compiles: names become identifiers, types that cannot be said become any JSON.

use super::about;
use super::identifier::type_name;
use super::lower::{Lowered, lower};
use super::shape::{Field, Literal, Object, Shape};
use super::{Detail, IDENTIFIER_MAX_BYTES, NODES};
use crate::text::{digest, one_line};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use tollgate_core::Tool;

/// The most text of one tool, in bytes, while it can be shortened by reading less of its schemas.
const TOOL_MAX_BYTES: usize = 64 << 10;
/// How deep types are written.
const DEPTH_MAX: usize = 16;
/// The most elements of a tuple for which there are traits.
const TUPLE_MAX: usize = 12;
/// How much of a server's or tool's name is shown in a comment, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Words that cannot name a function, module or member. (Raw identifiers do not exist for all of them.)
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Types that the text names without a path.
const TAKEN_TYPES: &[&str] =
    &["Args", "BTreeMap", "Box", "Err", "None", "Ok", "Option", "Output", "Self", "Some", "String", "Value", "Vec"];

const HEADER: &str = "\
// The tools of the configured servers, for code that uses `tollgate-sdk`. Written by `tollgate bindings --lang rust`;
// write it anew when the servers change. Put it beside your code, and `mod tollgate_tools;` into that.

";

const ALLOWED: &str =
    "#[allow(dead_code, unused_imports, non_snake_case, non_camel_case_types, rustdoc::all, clippy::all)]\n";

/// The file of typed calls in Rust, with its name. It needs no crate but `tollgate-sdk`.
pub fn rust_bindings(catalog: &[Arc<Tool>]) -> (&'static str, String) {
    let mut servers: BTreeMap<&str, BTreeMap<&str, &Tool>> = BTreeMap::new();
    for tool in catalog {
        servers.entry(&tool.server).or_default().insert(&tool.name, tool);
    }
    let mut out = HEADER.to_owned();
    let modules = distinct(&servers.keys().copied().collect::<Vec<_>>());
    for ((server, tools), module) in servers.iter().zip(modules) {
        let _ = writeln!(out, "/// The server {}.\n{ALLOWED}pub mod {module} {{", shown(server));
        let functions = distinct(&tools.keys().copied().collect::<Vec<_>>());
        for (tool, function) in tools.values().zip(functions) {
            out += &fitted(tool, &function);
        }
        out += "}\n\n";
    }
    ("tollgate_tools.rs", out)
}

/// A tool's function and types, of as much of its schemas as is not too long.
fn fitted(tool: &Tool, function: &str) -> String {
    let mut text = String::new();
    for nodes in NODES {
        text = written(tool, function, nodes);
        if text.len() <= TOOL_MAX_BYTES {
            break;
        }
    }
    text
}

fn written(tool: &Tool, function: &str, nodes: usize) -> String {
    let mut types = Types { text: String::new(), taken: TAKEN_TYPES.iter().map(|name| (*name).to_owned()).collect() };
    let lowered = lower(&tool.input_schema, nodes);
    let takes = Side::new(&lowered, true, &mut types).arguments();
    let lowered = tool.output_schema.as_ref().map(|schema| lower(schema, nodes));
    match &lowered {
        Some(lowered) => Side::new(lowered, false, &mut types).root(&lowered.root, "Output"),
        None => types.alias("Output", "Value"),
    }
    let name = format!("{}:{}", tool.server, tool.name);
    let doc = match about(tool, Detail::Full) {
        said if said.is_empty() => format!("Calls {}.", shown(&name)),
        said => said,
    };
    let (parameter, argument) = match takes {
        true => (format!("args: {function}::Args"), "args"),
        false => (String::new(), "::tollgate_sdk::prelude::json!({})"),
    };
    format!(
        "    /// {doc}\n    \
         pub async fn {function}({parameter}) -> ::tollgate_sdk::Result<{function}::Output> {{\n        \
         ::tollgate_sdk::call_as({name:?}, {argument}).await\n    }}\n\n    \
         /// What [`{function}()`] takes and gives.\n    \
         pub mod {function} {{\n        \
         use ::std::collections::BTreeMap;\n        \
         use ::tollgate_sdk::prelude::Value;\n\n{}    }}\n\n",
        types.text
    )
}

/// The types of one tool's module.
struct Types {
    text: String,
    taken: BTreeSet<String>,
}

impl Types {
    fn alias(&mut self, name: &str, type_: &str) {
        let _ = writeln!(self.text, "        pub type {name} = {type_};\n");
    }

    /// A name for a type that is not taken yet, as near to this as there is.
    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut count = 1_usize;
        while self.taken.contains(&name) {
            count += 1;
            name = format!("{wanted}{count}");
        }
        self.taken.insert(name.clone());
        name
    }
}

/// The arguments or the result of a tool.
struct Side<'a> {
    lowered: &'a Lowered,
    recursive: BTreeSet<String>,
    /// What is declared already, by key.
    named: BTreeMap<String, String>,
    /// Arguments are held to what the schema says; a result may have more in it than was known.
    is_input: bool,
    types: &'a mut Types,
}

impl<'a> Side<'a> {
    fn new(lowered: &'a Lowered, is_input: bool, types: &'a mut Types) -> Self {
        Self { lowered, recursive: lowered.recursive(), named: BTreeMap::new(), is_input, types }
    }

    /// Declares `Args`, unless the tool takes none.
    fn arguments(&mut self) -> bool {
        let lowered = self.lowered;
        let opened = match &lowered.root {
            Shape::Named(key) => lowered.named.get(key).unwrap_or(&Shape::Any),
            root => root,
        };
        match opened {
            Shape::Object(object) if object.fields.is_empty() && object.more.is_none() => return false,
            root @ (Shape::Object(_) | Shape::Union(_)) => self.root(root, "Args"),
            // Arguments are always an object, whatever the schema fails to say.
            _ => self.types.alias("Args", "BTreeMap<String, Value>"),
        }
        true
    }

    /// Declares a type of just this name.
    fn root(&mut self, shape: &Shape, name: &str) {
        match shape {
            Shape::Object(object) if !object.fields.is_empty() => self.structure(object, name, 0),
            shape => {
                let type_ = self.type_of(shape, &format!("{name}Value"), 0);
                self.types.alias(name, &type_);
            }
        }
    }

    fn type_of(&mut self, shape: &Shape, wanted: &str, depth: usize) -> String {
        if depth > DEPTH_MAX {
            return "Value".to_owned();
        }
        match shape {
            Shape::Any | Shape::Never => "Value".to_owned(),
            Shape::Null => "()".to_owned(),
            Shape::Boolean => "bool".to_owned(),
            Shape::Integer => "i64".to_owned(),
            Shape::Number => "f64".to_owned(),
            Shape::String => "String".to_owned(),
            Shape::Literals(literals) => self.literals(literals, wanted),
            Shape::Array(items) => format!("Vec<{}>", self.type_of(items, &format!("{wanted}Item"), depth + 1)),
            Shape::Tuple(first, None) if (1..=TUPLE_MAX).contains(&first.len()) => {
                let each: String =
                    first.iter().map(|shape| self.type_of(shape, &format!("{wanted}Item"), depth + 1) + ", ").collect();
                format!("({})", each.trim_end())
            }
            Shape::Tuple(..) => "Vec<Value>".to_owned(),
            Shape::Object(Object { fields, more }) if fields.is_empty() => match more {
                Some(more) => format!("BTreeMap<String, {}>", self.type_of(more, &format!("{wanted}Value"), depth + 1)),
                None => "BTreeMap<String, Value>".to_owned(),
            },
            Shape::Object(object) => {
                let name = self.types.name(wanted);
                self.structure(object, &name, depth);
                name
            }
            Shape::Union(members) => self.union(members, wanted, depth),
            Shape::Named(key) => self.reference(key, depth),
        }
    }

    fn reference(&mut self, key: &str, depth: usize) -> String {
        let Some(shape) = self.lowered.named.get(key) else { return "Value".to_owned() };
        let boxed = |name: &str, recursive: bool| if recursive { format!("Box<{name}>") } else { name.to_owned() };
        let recursive = self.recursive.contains(key);
        if let Some(name) = self.named.get(key) {
            return boxed(name, recursive);
        }
        let name = self.types.name(&type_name(key.rsplit('/').next().unwrap_or_default()));
        self.named.insert(key.to_owned(), name.clone());
        // Its own depth begins anew: each is declared once.
        match shape {
            Shape::Object(object) if !object.fields.is_empty() => self.structure(object, &name, 0),
            shape => {
                let type_ = self.type_of(shape, &format!("{name}Value"), depth.min(1));
                // Of its own, not an alias: it may contain itself.
                let _ = writeln!(self.types.text, "{}        pub struct {name}(pub {type_});\n", derives());
            }
        }
        boxed(&name, recursive)
    }

    fn literals(&mut self, literals: &[Literal], wanted: &str) -> String {
        let texts: Option<Vec<&str>> = literals
            .iter()
            .map(|one| if let Literal::String(text) = one { Some(text.as_str()) } else { None })
            .collect();
        match texts {
            Some(texts) if self.is_input && !texts.is_empty() => {
                let name = self.types.name(wanted);
                let mut taken = BTreeSet::new();
                let variants: String = texts
                    .iter()
                    .map(|text| {
                        format!(
                            "            #[serde(rename = {text:?})]\n            {},\n",
                            variant(&type_name(text), &mut taken)
                        )
                    })
                    .collect();
                let _ = writeln!(self.types.text, "{}        pub enum {name} {{\n{variants}        }}\n", derives());
                name
            }
            Some(_) => "String".to_owned(),
            None if literals.iter().all(|one| matches!(one, Literal::Integer(_))) => "i64".to_owned(),
            None if literals.iter().all(|one| matches!(one, Literal::Boolean(_))) => "bool".to_owned(),
            None => "Value".to_owned(),
        }
    }

    fn union(&mut self, members: &[Shape], wanted: &str, depth: usize) -> String {
        let some: Vec<&Shape> = members.iter().filter(|member| **member != Shape::Null).collect();
        let type_ = match some.as_slice() {
            [] => "Value".to_owned(),
            [one] => self.type_of(one, wanted, depth + 1),
            several => {
                let name = self.types.name(wanted);
                let mut taken = BTreeSet::new();
                let mut variants = String::new();
                for member in several {
                    let kind = variant(kind_of(member), &mut taken);
                    let type_ = self.type_of(member, &format!("{name}{kind}"), depth + 1);
                    let _ = writeln!(variants, "            {kind}({type_}),");
                }
                let text = format!(
                    "{}        #[serde(untagged)]\n        pub enum {name} {{\n{variants}        }}\n",
                    derives()
                );
                let _ = writeln!(self.types.text, "{text}");
                name
            }
        };
        if some.len() < members.len() { optional(type_) } else { type_ }
    }

    fn structure(&mut self, object: &Object, name: &str, depth: usize) {
        let names: Vec<&str> = object.fields.iter().map(|field| field.name.as_str()).collect();
        let members = distinct(&names);
        let mut fields = String::new();
        let (mut parameters, mut values) = (String::new(), String::new());
        for (Field { name: exact, shape, required, note, .. }, member) in object.fields.iter().zip(&members) {
            let type_ = self.type_of(shape, &longer(name, &type_name(exact)), depth + 1);
            if !note.is_empty() {
                let _ = writeln!(fields, "            /// {note}");
            }
            let mut options = Vec::new();
            if exact != member {
                options.push(format!("rename = {exact:?}"));
            }
            let type_ = if *required {
                let (parameter, value) = match type_.as_str() {
                    "String" => ("impl Into<String>".to_owned(), format!("{member}: {member}.into()")),
                    other => (other.to_owned(), member.clone()),
                };
                let _ = write!(parameters, "{member}: {parameter}, ");
                let _ = write!(values, "{value}, ");
                type_
            } else {
                options.push("default, skip_serializing_if = \"Option::is_none\"".to_owned());
                let _ = write!(values, "{member}: None, ");
                optional(type_)
            };
            if !options.is_empty() {
                let _ = writeln!(fields, "            #[serde({})]", options.join(", "));
            }
            let _ = writeln!(fields, "            pub {member}: {type_},");
        }
        if let Some(more) = object.more.as_deref().filter(|_| self.is_input) {
            let type_ = self.type_of(more, &format!("{name}Value"), depth + 1);
            let mut member = "more".to_owned();
            while members.contains(&member) {
                member.push('_');
            }
            let _ = writeln!(fields, "            /// Other members.\n            #[serde(flatten)]");
            let _ = writeln!(fields, "            pub {member}: BTreeMap<String, {type_}>,");
            let _ = write!(values, "{member}: BTreeMap::new(), ");
        }
        let text = &mut self.types.text;
        let _ = writeln!(text, "{}        pub struct {name} {{\n{fields}        }}\n", derives());
        if self.is_input {
            let (parameters, values) = (parameters.trim_end_matches(", "), values.trim_end_matches(", "));
            let _ = writeln!(
                text,
                "        impl {name} {{\n            /// With what must be given; the rest is left out.\n            pub fn new({parameters}) -> Self {{\n                Self {{ {values} }}\n            }}\n        }}\n"
            );
        }
    }
}

fn derives() -> &'static str {
    "        #[derive(Clone, Debug, PartialEq, ::tollgate_sdk::prelude::Serialize, ::tollgate_sdk::prelude::Deserialize)]\n        #[serde(crate = \"::tollgate_sdk::__private::serde\")]\n"
}

fn optional(type_: String) -> String {
    if type_.starts_with("Option<") { type_ } else { format!("Option<{type_}>") }
}

fn kind_of(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any | Shape::Never | Shape::Union(_) => "Any",
        Shape::Null => "Null",
        Shape::Boolean => "Boolean",
        Shape::Integer => "Integer",
        Shape::Number => "Number",
        Shape::String => "Text",
        Shape::Literals(_) => "OneOf",
        Shape::Array(_) | Shape::Tuple(..) => "List",
        Shape::Object(_) | Shape::Named(_) => "Object",
    }
}

/// A variant's name that is not taken yet.
fn variant(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let wanted = if wanted == "Self" { "Self_" } else { wanted };
    let mut name = wanted.to_owned();
    let mut count = 1_usize;
    while !taken.insert(name.clone()) {
        count += 1;
        name = format!("{wanted}{count}");
    }
    name
}

/// A type's name with a word more; not longer and longer in deep schemas.
fn longer(name: &str, word: &str) -> String {
    if name.len() + word.len() > IDENTIFIER_MAX_BYTES { word.to_owned() } else { format!("{name}{word}") }
}

/// Names that stand side by side as identifiers, all different. One that is an identifier already keeps it.
fn distinct(names: &[&str]) -> Vec<String> {
    let mut taken: BTreeSet<String> =
        names.iter().filter(|name| plain(name) == **name).map(|name| (*name).to_owned()).collect();
    let identifier = |name: &&str| {
        let id = plain(name);
        if id == **name {
            return id;
        }
        let mut candidate = id.clone();
        let mut round = 0_usize;
        while !taken.insert(candidate.clone()) {
            round += 1;
            candidate = format!("{id}_{}", digest(&format!("{round}:{name}"), 6));
        }
        candidate
    };
    names.iter().map(identifier).collect()
}

/// A name as an identifier of Rust.
fn plain(name: &str) -> String {
    let mut mapped: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !mapped.contains(|c: char| c != '_') {
        return format!("x_{}", digest(name, 6));
    }
    if mapped.starts_with(|c: char| c.is_ascii_digit()) {
        mapped.insert(0, '_');
    }
    if mapped.len() > IDENTIFIER_MAX_BYTES {
        mapped.truncate(IDENTIFIER_MAX_BYTES - 7);
        mapped = format!("{mapped}_{}", digest(name, 6));
    }
    if KEYWORDS.binary_search(&mapped.as_str()).is_ok() {
        mapped.push('_');
    }
    mapped
}

/// A name in a comment.
fn shown(name: &str) -> String {
    format!("`{}`", one_line(name, NAME_CHARS_MAX).replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn names_that_come_to_the_same_are_kept_apart() {
        let ids = distinct(&["a-b", "a.b", "a_b", "fn", "fn_", "1", "搜索", "Self"]);
        let different: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "{ids:?}");
        assert_eq!((&*ids[2], &*ids[4], &*ids[5], &*ids[7]), ("a_b", "fn_", "_1", "Self_"));
        assert!(ids[3].starts_with("fn__"), "{ids:?}");
    }
}
