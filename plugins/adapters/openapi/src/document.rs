//! The text of a document as a tree, and its local references.
//!
//! The tree is [`Value`]s and not a typed model of OpenAPI. Typed crates refuse a whole document for one part that is
//! not to their taste (`oas3` all of Plaid's for one relative URL, and all of Figma's for one schema), or know 3.0 only
//! (`openapiv3`). A catalog wants the opposite: an operation that cannot be read is skipped, with its reason, and all
//! others are tools.

use std::borrow::Cow;

use serde_json::Value;

/// The most bytes of a document. GitHub's, the largest in public use, has 13 million.
pub const MAX_BYTES: usize = 32 << 20;
/// How deep a document may nest. The host refuses JSON deeper than 128, and a catalog nests a little deeper than
/// its document.
const MAX_DEPTH: usize = 110;
/// The most nodes of a YAML document: maps, lists and scalars, each expansion of an alias counted.
const MAX_NODES: usize = 8_000_000;
/// The longest chain of references to references.
const MAX_CHAIN: usize = 16;

/// Which rules a document's schemas follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// OpenAPI 3.0: a dialect of JSON Schema of its own.
    V30,
    /// OpenAPI 3.1 and later: JSON Schema 2020-12.
    V31,
}

/// A document, parsed and of a known version.
#[derive(Debug)]
pub struct Document {
    root: Value,
    /// Its version.
    pub version: Version,
    /// What is odd about it as a whole.
    pub warning: Option<String>,
}

impl Document {
    /// Parses JSON (a text that starts with `{`) or YAML.
    ///
    /// # Errors
    /// A sentence: too large, not JSON or YAML, no OpenAPI document, or one of another version.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the document has {} bytes; at most {MAX_BYTES} are read", text.len()));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| format!("the document is not JSON: {error}"))?
        } else {
            yaml(text)?
        };
        if !depth_within(&root, MAX_DEPTH) {
            return Err(format!("the document nests deeper than {MAX_DEPTH}"));
        }
        let (version, warning) = version(&root)?;
        Ok(Self { root, version, warning })
    }

    /// The whole tree.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// What `value` stands for: itself, or what its `$ref` leads to.
    ///
    /// # Errors
    /// Those of [`lookup`](Self::lookup); a chain of references that does not end.
    pub fn resolve<'a>(&'a self, mut value: &'a Value) -> Result<&'a Value, String> {
        for _ in 0..MAX_CHAIN {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.lookup(reference)?.1,
                None => return Ok(value),
            }
        }
        Err("its references lead to each other".into())
    }

    /// What a local reference leads to, with the JSON Pointer that names it.
    ///
    /// # Errors
    /// Where the reference leaves the document, or leads nowhere.
    pub fn lookup<'r>(&self, reference: &'r str) -> Result<(Cow<'r, str>, &Value), String> {
        let shown: String = reference.chars().take(200).collect();
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(format!("`{shown}` refers to another document; bundle them into one first"));
        };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy();
        if !pointer.starts_with('/') {
            return Err(format!("`{shown}` is no JSON Pointer into the document"));
        }
        let found = self.root.pointer(&pointer).ok_or_else(|| format!("`{shown}` leads nowhere in the document"))?;
        Ok((pointer, found))
    }
}

fn yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_events: 2 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_documents: 1,
        },
        // As in JSON.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        // YAML 1.2: `no` and `on` are texts.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| format!("the document is not YAML: {error}"))
}

/// Whether nothing nests deeper. Without recursion, for it is what bounds all recursion after it.
pub(crate) fn depth_within(root: &Value, limit: usize) -> bool {
    let mut open = vec![(root, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > limit {
            return false;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => open.extend(members.values().map(|member| (member, depth + 1))),
            _ => {}
        }
    }
    true
}

fn version(root: &Value) -> Result<(Version, Option<String>), String> {
    if root.get("swagger").is_some() {
        return Err("this is a Swagger 2.0 document; convert it to OpenAPI 3 first, for example with \
                    `npx swagger2openapi FILE -o openapi.json`"
            .into());
    }
    let text = match root.get("openapi") {
        Some(Value::String(text)) => text.clone(),
        // YAML reads `openapi: 3.1` as a number.
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err("this is no OpenAPI document: it has no member `openapi` with a version".into()),
    };
    match text.split('.').take(2).collect::<Vec<_>>().as_slice() {
        ["3", "0"] => Ok((Version::V30, None)),
        ["3", "1"] => Ok((Version::V31, None)),
        ["3", _] => {
            let shown: String = text.chars().take(20).collect();
            Ok((Version::V31, Some(format!("OpenAPI {shown} is read as 3.1; what it adds is not used"))))
        }
        _ => Err(format!("OpenAPI `{}` is not known; 3.0 and 3.1 are", text.chars().take(20).collect::<String>())),
    }
}
