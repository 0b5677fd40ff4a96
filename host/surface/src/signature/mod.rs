//! JSON Schemas of tools as typed signatures, for documentation and for models that write code.
//!
//! TypeScript has one namespace a server, Python one class; a tool is an asynchronous function of them. What types
//! cannot say stands in comments. Every tool's signature is bounded: of a schema that is too large, less is shown.
//!
//! # Layout
//!
//! - `identifier`: names as identifiers. - `shape`: types. - `lower`: JSON Schema to shapes.
//! - `declare`: which types have names of their own. - `typescript`, `python`: shapes as text.
//! - `bindings`: files for editors and type checkers. - `rust`: typed calls for components in Rust. - this file: whole documents.

mod bindings;
mod declare;
mod identifier;
mod lower;
mod python;
mod rust;
mod shape;
mod typescript;

pub use bindings::bindings;
pub use identifier::{IDENTIFIER_MAX_BYTES, identifier, identifiers, namespaces};
pub use rust::rust_bindings;

use crate::text::{first_sentence, is_plain, one_line};
use declare::{Scope, Typed, typed};
use shape::Shape;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tollgate_core::{Tool, ToolName};

/// The longest signature of one tool with its types, in bytes, while it can be shortened by reading less of the
/// schema.
pub const SIGNATURE_MAX_BYTES: usize = 16 * 1024;
/// How many parts of a schema are looked at, tried in turn until the signature is short enough.
const NODES: [usize; 4] = [1_000, 200, 40, 0];
/// How much of a tool's description is shown, in characters.
const DESCRIPTION_CHARS_MAX: usize = 400;
/// How much of it where every line counts.
const BRIEF_CHARS_MAX: usize = 120;
/// How many arguments a summary names.
const SUMMARY_ARGUMENTS_MAX: usize = 12;

/// A language that tools are called from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// TypeScript, and JavaScript with it.
    TypeScript,
    /// Python 3.11 or later.
    Python,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Types, and the first sentence about each tool.
    #[default]
    Brief,
    /// Also what is said about arguments and members, and what type checkers want.
    Full,
}

/// Tools by the identifiers of server and tool.
type Groups<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Tool>>;

/// The identifiers of a catalog's tools in a language, and documents with them.
///
/// Made from the whole catalog, not from the tools that are shown: so a tool has the same identifier in each answer.
pub struct Signatures {
    language: Language,
    servers: BTreeMap<String, String>,
    tools: BTreeMap<ToolName, String>,
    /// The tools behind identifiers: server, then tool.
    behind: BTreeMap<(String, String), ToolName>,
}

impl Signatures {
    /// Names the tools of a catalog. Their order does not matter.
    pub fn new(catalog: &[Arc<Tool>], language: Language) -> Self {
        let mut by_server: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for tool in catalog {
            by_server.entry(&tool.server).or_default().insert(&tool.name);
        }
        let names: Vec<&str> = by_server.keys().copied().collect();
        let servers: BTreeMap<String, String> =
            by_server.keys().map(|name| (*name).to_owned()).zip(namespaces(&names, language)).collect();
        let mut tools = BTreeMap::new();
        for (server, names) in by_server {
            let names: Vec<&str> = names.into_iter().collect();
            for (name, id) in names.iter().zip(identifiers(&names, language)) {
                tools.insert(ToolName { server: server.to_owned(), tool: (*name).to_owned() }, id);
            }
        }
        let behind = tools
            .iter()
            .filter_map(|(name, id)| Some(((servers.get(&name.server)?.clone(), id.clone()), name.clone())));
        let behind = behind.collect();
        Self { language, servers, tools, behind }
    }

    /// The identifiers of a tool's server and of the tool.
    pub fn path_of(&self, tool: &ToolName) -> Option<(&str, &str)> {
        Some((self.servers.get(&tool.server)?, self.tools.get(tool)?))
    }

    /// The tool behind two identifiers.
    pub fn tool_at(&self, server: &str, tool: &str) -> Option<&ToolName> {
        self.behind.get(&(server.to_owned(), tool.to_owned()))
    }

    /// The signatures of some of the catalog's tools, by server and name, as one document of the language. Tools
    /// that are not in the catalog are left out.
    pub fn document(&self, tools: &[Arc<Tool>], detail: Detail) -> String {
        let mut groups: Groups<'_> = BTreeMap::new();
        for tool in tools {
            if let Some((server, name)) = self.path_of(&name_of(tool)) {
                groups.entry(server).or_default().insert(name, tool);
            }
        }
        if groups.is_empty() {
            return String::new();
        }
        match self.language {
            Language::TypeScript => typescript_document(&groups, detail),
            Language::Python => python_document(&groups, detail),
        }
    }

    /// One line a tool: `server.tool(argument, optional?): what it does`.
    pub fn summaries(&self, tools: &[Arc<Tool>]) -> String {
        let mut lines = BTreeSet::new();
        for tool in tools {
            let Some((server, name)) = self.path_of(&name_of(tool)) else { continue };
            let input = fitted(tool, self.language).input;
            let listed = match (&input, self.language) {
                (Shape::Object(object), Language::TypeScript) => {
                    object.fields.iter().map(|field| (one_line(&field.name, 40), field.required)).collect()
                }
                (_, Language::TypeScript) => vec![("…".to_owned(), true)],
                (input, Language::Python) => {
                    let (parameters, more) = python::parameters(input);
                    let more = more.map(|_| ("**".to_owned(), true));
                    parameters.into_iter().map(|(name, field)| (name, field.required)).chain(more).collect()
                }
            };
            let mut arguments: Vec<String> =
                listed.into_iter().map(|(name, required)| name + if required { "" } else { "?" }).collect();
            if arguments.len() > SUMMARY_ARGUMENTS_MAX {
                arguments.truncate(SUMMARY_ARGUMENTS_MAX);
                arguments.push("…".to_owned());
            }
            let said = about(tool, Detail::Brief);
            let said = if said.is_empty() { said } else { format!(": {said}") };
            lines.insert(format!("{server}.{name}({}){said}\n", arguments.join(", ")));
        }
        lines.into_iter().collect()
    }
}

/// The tools' signatures in TypeScript, as [`Signatures::document`] writes them for a catalog of just these.
pub fn typescript(tools: &[Arc<Tool>], detail: Detail) -> String {
    Signatures::new(tools, Language::TypeScript).document(tools, detail)
}

/// The tools' signatures in Python, as [`Signatures::document`] writes them for a catalog of just these.
pub fn python(tools: &[Arc<Tool>], detail: Detail) -> String {
    Signatures::new(tools, Language::Python).document(tools, detail)
}

/// One line a tool, as [`Signatures::summaries`] writes them for a catalog of just these.
pub fn summaries(tools: &[Arc<Tool>], language: Language) -> String {
    Signatures::new(tools, language).summaries(tools)
}

/// The keyword parameters of a tool's function in Python, each with the argument that it stands for.
pub fn python_parameters(tool: &Tool) -> Vec<(String, String)> {
    let input = fitted(tool, Language::Python).input;
    python::parameters(&input).0.into_iter().map(|(parameter, field)| (parameter, field.name.clone())).collect()
}

fn name_of(tool: &Tool) -> ToolName {
    ToolName { server: tool.server.clone(), tool: tool.name.clone() }
}

/// What is said about a tool, on one line.
fn about(tool: &Tool, detail: Detail) -> String {
    let said = [tool.description.as_str(), tool.title.as_deref().unwrap_or_default()];
    let said = said.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
    match detail {
        Detail::Full => one_line(said, DESCRIPTION_CHARS_MAX),
        Detail::Brief => one_line(first_sentence(&one_line(said, DESCRIPTION_CHARS_MAX)), BRIEF_CHARS_MAX),
    }
}

/// A tool's types, of as much of its schemas as makes no signature over [`SIGNATURE_MAX_BYTES`]. It does not depend
/// on how much is then said, so that a tool has the same parameters everywhere.
fn fitted(tool: &Tool, language: Language) -> Typed {
    let mut fit = typed(tool, 0, language);
    for nodes in NODES {
        let candidate = typed(tool, nodes, language);
        let mut scope = Scope::default();
        let function = match language {
            Language::TypeScript => typescript_text(tool, &tool.name, &candidate, Detail::Full, &mut scope),
            Language::Python => python_text(tool, &tool.name, &candidate, "", Detail::Full, &mut scope),
        };
        if function.len() + scope.bodies.values().map(String::len).sum::<usize>() <= SIGNATURE_MAX_BYTES {
            fit = candidate;
            break;
        }
    }
    fit
}

/// A tool's function; its types are taken up into the scope.
fn typescript_text(tool: &Tool, name: &str, typed: &Typed, detail: Detail, scope: &mut Scope) -> String {
    let names = scope.take_up(&tool.name, "", &typed.declared, Language::TypeScript, |name, shape, names| {
        typescript::Writer { names, detail }.declaration(name, shape)
    });
    let function = typescript::Writer { names: &names, detail }.function(name, &typed.input, typed.output.as_ref());
    typescript::doc(&about(tool, detail)) + &function
}

/// A tool's function; its types are taken up into the scope, their names beginning with `prefix`.
fn python_text(tool: &Tool, name: &str, typed: &Typed, prefix: &str, detail: Detail, scope: &mut Scope) -> String {
    let owner = name_of(tool).to_string();
    let names = scope.take_up(&owner, prefix, &typed.declared, Language::Python, |name, shape, names| {
        python::Writer { names, detail }.declaration(name, shape)
    });
    python::Writer { names: &names, detail }.function(name, &about(tool, detail), &typed.input, typed.output.as_ref())
}

fn typescript_document(groups: &Groups<'_>, detail: Detail) -> String {
    let mut out = String::new();
    if groups.values().flat_map(BTreeMap::values).any(|tool| tool.output_schema.is_none()) {
        out += "/** The answer of a tool that declares no type: look at it before you use it. */\n";
        out += &format!("type {} = unknown;\n", typescript::UNTYPED);
    }
    for (server, tools) in groups {
        let mut scope = Scope::default();
        let mut functions = String::new();
        for (name, tool) in tools {
            functions += &typescript_text(tool, name, &fitted(tool, Language::TypeScript), detail, &mut scope);
        }
        let types: String = scope.bodies.into_values().collect();
        out += &format!("declare namespace {server} {{\n{types}{functions}}}\n");
    }
    out
}

fn python_document(groups: &Groups<'_>, detail: Detail) -> String {
    // Types and classes of servers stand in one scope.
    let mut scope = Scope::default();
    scope.bodies.extend(groups.keys().map(|server| ((*server).to_owned(), String::new())));
    let mut classes = String::new();
    for (server, tools) in groups {
        classes += &format!("class {server}:\n");
        for (name, tool) in tools {
            let typed = fitted(tool, Language::Python);
            classes += &python_text(tool, name, &typed, &identifier::type_name(&tool.server), detail, &mut scope);
        }
    }
    let types: String = scope.bodies.into_values().collect();
    format!("{}{types}{classes}", python::HEADER)
}

/// Text as a string of either language. What ends a line, hides or reorders is escaped.
fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_plain(c) => out.push(c),
            // The languages write what is beyond four digits differently. Only invisible tags get here.
            c if u32::from(c) > 0xffff => out.push('\u{fffd}'),
            c => out += &format!("\\u{:04x}", u32::from(c)),
        }
    }
    out + "\""
}
