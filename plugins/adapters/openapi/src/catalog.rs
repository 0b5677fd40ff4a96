//! A whole document as a catalog: a tool an operation.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::operation::Operation;
use crate::options::{Candidate, Category, Options};
use crate::parameters::Inputs;
use crate::schema::{Converter, Use};
use crate::servers::Credentials;
use crate::{body, parameters, responses, servers, text};

/// The most operations of a document.
const MAX_OPERATIONS: usize = 20_000;
/// The most warnings, and the most entries of what was skipped, that are told one by one.
const MAX_NOTES: usize = 1_000;
/// The size, in bytes, from which an input schema goes without its descriptions.
const LARGE_SCHEMA: usize = 256 << 10;
/// The largest input schema, in bytes.
const MAX_SCHEMA: usize = 512 << 10;
/// The largest catalog, in bytes.
const MAX_CATALOG: usize = 128 << 20;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What the host keeps of a document.
#[derive(Clone, Debug, Serialize)]
pub struct Catalog {
    /// The API's title.
    pub title: String,
    /// The API's version.
    pub version: String,
    /// The tools, in the document's order.
    pub tools: Vec<Entry>,
    /// The base URLs of all operations: what the component must be granted.
    pub servers: BTreeSet<String>,
    /// The security schemes by name: `type`, `in`, `name`, `scheme`, `tokenUrl`, `scopes`, `flows`.
    pub security: Map<String, Value>,
    /// What is odd, and what was done about it.
    pub warnings: Vec<String>,
    /// Operations that are no tools. Those that a filter leaves out are not among them.
    pub skipped: Vec<Skipped>,
}

/// One tool and its operation.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The tool as MCP has it.
    pub tool: Value,
    /// What a call of it needs.
    pub operation: Operation,
}

/// An operation that is no tool.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// Its method and path.
    pub operation: String,
    /// Why.
    pub reason: String,
}

/// An operation as the document has it.
struct Found<'d> {
    method: String,
    path: &'d str,
    item: &'d Value,
    object: &'d Value,
    name: String,
}

/// Reads a document. Options as in [`Options`].
///
/// # Errors
/// A sentence for the person who configured the document: what is wrong, and what to do.
pub fn read(document: &str, options: &str) -> Result<Catalog, String> {
    let options = Options::parse(options)?;
    let document = Document::parse(document)?;
    let info = |member: &str| match document.root().pointer(&format!("/info/{member}")) {
        Some(Value::String(text)) => text::shortened(text, 200),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let mut warnings: Vec<String> = document.warning.iter().cloned().collect();
    let mut catalog = Catalog {
        title: info("title"),
        version: info("version"),
        tools: Vec::new(),
        servers: BTreeSet::new(),
        security: servers::schemes(&document, &mut warnings),
        warnings,
        skipped: Vec::new(),
    };
    let mut skipped = Vec::new();
    let found = operations(&document, &mut skipped)?;
    let mut without_output = 0usize;
    let mut filtered = 0usize;
    let mut size = 0usize;
    for found in &found {
        let tags = found.object.get("tags").and_then(Value::as_array);
        let tags = tags.into_iter().flatten().filter_map(Value::as_str).collect();
        if !options.admit(&Candidate { method: &found.method, path: found.path, name: &found.name, tags }) {
            filtered += 1;
            continue;
        }
        match entry(&document, found, &options, &catalog.security) {
            Ok((entry, dropped)) => {
                without_output += usize::from(dropped);
                size += entry.tool.to_string().len();
                if size > MAX_CATALOG {
                    return Err(format!(
                        "the catalog has more than {MAX_CATALOG} bytes; take fewer operations, by `tags`, `paths` or `operations`"
                    ));
                }
                catalog.servers.insert(entry.operation.server.clone());
                catalog.tools.push(entry);
            }
            Err(reason) => skipped.push(Skipped { operation: format!("{} {}", found.method, found.path), reason }),
        }
    }
    if let (true, Some(first)) = (catalog.tools.is_empty(), skipped.first()) {
        return Err(format!("no operation could become a tool; the first, {}: {}", first.operation, first.reason));
    }
    if catalog.tools.is_empty() {
        catalog.warnings.push(format!("no operation is a tool; the filters left out {filtered}"));
    }
    if without_output > 0 {
        catalog
            .warnings
            .push(format!("{without_output} tools have no output schema, because theirs is too large or broken"));
    }
    if skipped.len() > MAX_NOTES {
        catalog.warnings.push(format!("{} operations were skipped; {MAX_NOTES} of them are listed", skipped.len()));
        skipped.truncate(MAX_NOTES);
    }
    catalog.skipped = skipped;
    Ok(catalog)
}

/// All operations, named. Names depend on the document alone, so a filter changes none.
fn operations<'d>(document: &'d Document, skipped: &mut Vec<Skipped>) -> Result<Vec<Found<'d>>, String> {
    let mut all = Vec::new();
    let paths = document.root().get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten().filter(|(path, _)| !path.starts_with("x-")) {
        let item = match document.resolve(item) {
            Ok(item) => item,
            Err(reason) => {
                skipped.push(Skipped { operation: text::shortened(path, 500), reason });
                continue;
            }
        };
        let Some(members) = item.as_object() else { continue };
        for (method, object) in members {
            if METHODS.contains(&method.as_str()) && object.is_object() {
                all.push(Found { method: method.to_ascii_uppercase(), path, item, object, name: String::new() });
            }
        }
        if all.len() > MAX_OPERATIONS {
            return Err(format!("the document has more than {MAX_OPERATIONS} operations"));
        }
    }
    let mut taken: HashMap<String, ()> = HashMap::new();
    for found in &mut all {
        let name = name(found.object, &found.method, found.path);
        let place = format!("{} {}", found.method, found.path);
        let mut chosen = name.clone();
        let mut salt = place.clone();
        while taken.contains_key(&chosen) {
            chosen = suffixed(&name, &salt);
            salt.push('+');
        }
        taken.insert(chosen.clone(), ());
        found.name = chosen;
    }
    Ok(all)
}

/// A tool's name: from `operationId`, else from method and path. At most 64 characters.
fn name(object: &Value, method: &str, path: &str) -> String {
    let id = object.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let name = text::identifier(id, 200);
    let name = if name.is_empty() {
        text::identifier(&format!("{}_{}", method.to_ascii_lowercase(), text::identifier(path, 200)), 200)
    } else {
        name
    };
    if name.len() > 64 { suffixed(&name, &format!("{method} {path}")) } else { name }
}

/// A name with eight digits that stand for the operation's method and path.
fn suffixed(name: &str, place: &str) -> String {
    format!("{}_{}", name.chars().take(55).collect::<String>(), text::digest(place))
}

/// The tool of an operation, and whether it lost its output schema.
fn entry(
    document: &Document,
    found: &Found<'_>,
    options: &Options,
    schemes: &Map<String, Value>,
) -> Result<(Entry, bool), String> {
    if found.method == "TRACE" {
        return Err("TRACE sends credentials back; it is not offered".into());
    }
    // A fragment is never sent: documents tell operations of one path apart by it.
    let path = found.path.split('#').next().unwrap_or_default();
    if !path.starts_with('/') || path.contains('\\') || path.chars().any(char::is_control) {
        return Err("its path is no path of a URL".into());
    }
    let server = servers::base_url([found.object, found.item, document.root()], options)?;
    let security = servers::security(document, found.object);
    let credentials = Credentials::new(schemes, &security);
    let responses = responses::read(document, found.object);
    let read = |purpose| -> Result<_, String> {
        let mut converter = Converter::new(document, purpose);
        let mut inputs = Inputs::default();
        let owners = (path, found.item, found.object);
        let parameters = parameters::read(document, owners, &credentials, &mut converter, &mut inputs)?;
        let body = match found.method.as_str() {
            // A body has no meaning there.
            "GET" | "HEAD" | "OPTIONS" => None,
            _ => body::read(document, found.object, &credentials, &mut converter, &mut inputs)?,
        };
        let definitions = converter.definitions()?;
        Ok((parameters, body, inputs.into_schema(definitions)))
    };
    let (mut parameters, mut body, mut schema) = read(Use::Input)?;
    if schema.to_string().len() > LARGE_SCHEMA {
        (parameters, body, schema) = read(Use::BriefInput)?;
        let size = schema.to_string().len();
        if size > MAX_SCHEMA {
            return Err(format!("its input schema has {size} bytes; at most {MAX_SCHEMA} are taken"));
        }
    }
    let mut tool = Map::new();
    tool.insert("name".into(), found.name.as_str().into());
    let summary = found.object.get("summary").and_then(Value::as_str).unwrap_or_default().trim();
    if !summary.is_empty() {
        tool.insert("title".into(), text::shortened(summary, 200).into());
    }
    tool.insert("description".into(), description(found, summary).into());
    tool.insert("inputSchema".into(), schema);
    if let Some(schema) = responses.schema {
        tool.insert("outputSchema".into(), schema);
    }
    tool.insert("annotations".into(), annotations(&found.method));
    let operation = Operation {
        method: found.method.clone(),
        server,
        path: path.to_owned(),
        parameters,
        body,
        accept: responses.accept,
        security,
        output: responses.output,
    };
    Ok((Entry { tool: tool.into(), operation }, responses.dropped.is_some()))
}

fn description(found: &Found<'_>, summary: &str) -> String {
    let said = found.object.get("description").and_then(Value::as_str).unwrap_or_default().trim();
    let deprecated = found.object.get("deprecated") == Some(&Value::Bool(true));
    let parts = [
        if deprecated { "Deprecated.".to_owned() } else { String::new() },
        if said.starts_with(summary) { String::new() } else { text::shortened(summary, 500) },
        text::shortened(said, 4_000),
        format!("{} {}", found.method, text::shortened(found.path, 500)),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// MCP's annotations, from what HTTP says of the method (RFC 9110, section 9.2).
fn annotations(method: &str) -> Value {
    match method {
        _ if Category::of(method) == Category::Read => json!({"readOnlyHint": true, "openWorldHint": true}),
        "PUT" => json!({"readOnlyHint": false, "idempotentHint": true, "openWorldHint": true}),
        "DELETE" => {
            json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": true, "openWorldHint": true})
        }
        // Nothing more is known: a POST may well destroy, and MCP assumes so of what says nothing.
        _ => json!({"readOnlyHint": false, "idempotentHint": false, "openWorldHint": true}),
    }
}
