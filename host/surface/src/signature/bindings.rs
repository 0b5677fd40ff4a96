//! Files that tell editors and type checkers what a script has: all of a catalog, and the globals.
//!
//! TypeScript has one file, `tollgate.d.ts`, of ambient declarations. Python has `unified_api.pyi`, which scripts may
//! import (`from unified_api import *`), as mypy wants it, and `__builtins__.pyi`, by which pyright knows the same
//! names where nothing is imported.

use super::declare::Scope;
use super::identifier::type_name;
use super::shape::{Object, Shape};
use super::{Detail, Groups, Language, Signatures, about, fitted, name_of, python, quoted, typescript};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tollgate_core::Tool;

const TYPESCRIPT_GLOBALS: &str = include_str!("globals.d.ts");
const PYTHON_GLOBALS: &str = include_str!("globals.pyi");

/// The files of a language for a whole catalog, each with its name.
pub fn bindings(catalog: &[Arc<Tool>], language: Language) -> Vec<(&'static str, String)> {
    let signatures = Signatures::new(catalog, language);
    let mut groups: Groups<'_> = BTreeMap::new();
    for tool in catalog {
        if let Some((server, name)) = signatures.path_of(&name_of(tool)) {
            groups.entry(server).or_default().insert(name, tool);
        }
    }
    match language {
        Language::TypeScript => vec![("tollgate.d.ts", typescript_file(&groups))],
        Language::Python => vec![
            ("unified_api.pyi", python_file(&groups)),
            ("__builtins__.pyi", "from unified_api import *\n".to_owned()),
        ],
    }
}

/// How many arguments may be given by position: as far as the schema's own order is that of the function, which
/// begins with what is required.
fn positional(tool: &Tool, input: &Shape) -> usize {
    let Shape::Object(Object { fields, .. }) = input else { return 0 };
    let names = tool.input_schema.get("properties").and_then(serde_json::Value::as_object);
    let names = names.into_iter().flat_map(serde_json::Map::keys);
    names.zip(fields).take_while(|(name, field)| **name == field.name).count()
}

fn typescript_file(groups: &Groups<'_>) -> String {
    let mut out = TYPESCRIPT_GLOBALS.to_owned();
    let (mut flat, mut all) = (String::new(), String::new());
    for (server, tools) in groups {
        let mut scope = Scope::default();
        let (mut functions, mut exact) = (String::new(), String::new());
        let mut owner = "";
        for (name, tool) in tools {
            owner = &tool.server;
            functions += &typescript_tool(tool, name, &mut scope);
            flat += &format!("declare const {server}__{name}: typeof {server}.{name};\n");
            if tool.name != **name {
                exact += &format!("    readonly {}: typeof {server}.{name};\n", quoted(&tool.name));
            }
        }
        let types: String = scope.bodies.into_values().collect();
        out += &format!("declare namespace {server} {{\n{types}{functions}}}\n");
        let names: BTreeSet<String> = [quoted(owner), quoted(server)].into();
        for name in names {
            let exact = if exact.is_empty() { String::new() } else { format!(" & {{\n{exact}  }}") };
            all += &format!("  readonly {name}: typeof {server}{exact};\n");
        }
    }
    out + &flat
        + "/** Every server by its name, and its tools by theirs; identifiers do as well. */\ndeclare const tools: {\n"
        + &all
        + "};\n"
}

fn typescript_tool(tool: &Tool, name: &str, scope: &mut Scope) -> String {
    let typed = fitted(tool, Language::TypeScript);
    let detail = Detail::Full;
    let names = scope.take_up(&tool.name, "", &typed.declared, Language::TypeScript, |name, shape, names| {
        typescript::Writer { names, detail }.declaration(name, shape)
    });
    let writer = typescript::Writer { names: &names, detail };
    let doc = typescript::doc(&about(tool, detail));
    let named = writer.function(name, &typed.input, typed.output.as_ref());
    let mut out = format!("{doc}{named}");
    if let Shape::Object(Object { fields, .. }) = &typed.input {
        let first = fields.iter().take(positional(tool, &typed.input));
        let by_position: Vec<String> = first
            .enumerate()
            .map(|(at, field)| {
                let mark = if field.required { "" } else { "?" };
                // A parameter's name says something to people alone.
                let name = format!("{}_{at}", super::identifier(&field.name, Language::TypeScript));
                let name = name
                    .strip_suffix(&format!("_{at}"))
                    .filter(|n| !n.ends_with('_'))
                    .map_or(name.clone(), str::to_owned);
                format!("{name}{mark}: {}", writer.shape(&field.shape, 1))
            })
            .collect();
        let names: BTreeSet<&str> = by_position.iter().filter_map(|p| p.split([':', '?']).next()).collect();
        let required = fields.iter().filter(|field| field.required).count();
        // An only argument that is an object names the arguments.
        let names_them =
            matches!(fields.first().map(|field| &field.shape), Some(Shape::Object(_) | Shape::Named(_) | Shape::Any));
        if !by_position.is_empty() && by_position.len() >= required && !names_them && names.len() == by_position.len() {
            let answer =
                typed.output.as_ref().map_or_else(|| typescript::UNTYPED.to_owned(), |shape| writer.shape(shape, 1));
            out += &format!("  function {name}({}): Promise<{answer}>;\n", by_position.join(", "));
        }
    }
    let raw = writer.function("raw", &typed.input, None).replace(typescript::UNTYPED, "ToolResult");
    out + &format!("  namespace {name} {{\n  /** The whole result, as MCP has it. */\n{raw}  }}\n")
}

fn python_file(groups: &Groups<'_>) -> String {
    let mut scope = Scope::default();
    scope.bodies.extend(groups.keys().map(|server| ((*server).to_owned(), String::new())));
    let (mut classes, mut flat) = (String::new(), String::new());
    for (server, tools) in groups {
        classes += &format!("class {server}:\n");
        for (name, tool) in tools {
            classes += &python_tool(tool, name, &mut scope);
            flat += &format!("{server}__{name} = {server}.{name}\n");
        }
    }
    let types: String = scope.bodies.into_values().collect();
    format!("{PYTHON_GLOBALS}{types}{classes}{flat}")
}

fn python_tool(tool: &Tool, name: &str, scope: &mut Scope) -> String {
    let typed = fitted(tool, Language::Python);
    let (owner, prefix, detail) = (name_of(tool).to_string(), type_name(&tool.server), Detail::Full);
    let names = scope.take_up(&owner, &prefix, &typed.declared, Language::Python, |name, shape, names| {
        python::Writer { names, detail }.declaration(name, shape)
    });
    let writer = python::Writer { names: &names, detail };
    let called = writer.function("__call__", &about(tool, detail), &typed.input, typed.output.as_ref());
    // The same function as a method, its first arguments also by position.
    let parameters = ["self".to_owned()].into_iter().chain(writer.listed(&typed.input, positional(tool, &typed.input)));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let answer = typed.output.as_ref().map_or_else(|| "Any".to_owned(), |shape| writer.shape(shape));
    let body: String =
        called.split_once(":\n").map_or_else(String::new, |(_, body)| body.replace("\n        ", "\n            "));
    let head = format!("        async def __call__({parameters}) -> {answer}:");
    let doc =
        if body.trim_start().starts_with("\"\"\"") { format!("{head}\n    {body}") } else { format!("{head} ...\n") };
    format!("    class _{name}:\n{doc}        async def raw({parameters}) -> ToolResult: ...\n    {name}: _{name}\n")
}
