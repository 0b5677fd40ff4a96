//! Reading the tree into types. Each type knows how it is written ([`Read::read`]) and how that is said in JSON Schema
//! ([`Read::schema`]); [`keys!`] makes both for a map of keys from one table, with the keys' doc comments as the
//! descriptions. So the parser and the schema are the same list.

use crate::diagnostic::{Diagnostic, Report};
use crate::model::At;
use crate::tree::{Node, Value};
use serde_json::{Map, json};
use std::fmt;
use std::path::{Path, PathBuf};

/// A type that a value of the file is read into.
pub(crate) trait Read: Sized {
    /// Reads it, or says what is wrong with it and returns `None`.
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self>;

    /// What [`Read::read`] accepts.
    fn schema() -> serde_json::Value;
}

/// Where a value stands: all keys down to it. Rendered only when there is something to say about it.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    Root,
    Child(&'a Key<'a>, &'a str),
    Index(&'a Key<'a>, usize),
}

impl<'a> Key<'a> {
    pub(crate) fn child(&'a self, name: &'a str) -> Key<'a> {
        Key::Child(self, name)
    }

    pub(crate) fn index(&'a self, i: usize) -> Key<'a> {
        Key::Index(self, i)
    }

    /// The last key.
    pub(crate) fn name(&self) -> &'a str {
        match self {
            Key::Root => "",
            Key::Child(_, name) => name,
            Key::Index(list, _) => list.name(),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Root => Ok(()),
            Key::Index(list, i) => write!(f, "{list}[{i}]"),
            Key::Child(parent, name) => {
                if !matches!(parent, Key::Root) {
                    write!(f, "{parent}.")?;
                }
                let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-$".contains(&b));
                match name.char_indices().nth(64) {
                    None if plain => f.write_str(name),
                    None => write!(f, "\"{name}\""),
                    Some((end, _)) => write!(f, "\"{}…\"", name.get(..end).unwrap_or_default()),
                }
            }
        }
    }
}

/// The file that is being read, and what there is to say about it.
pub(crate) struct Cx<'a> {
    pub(crate) file: &'a Path,
    pub(crate) home: Option<&'a Path>,
    /// Inside `mcpServers`, which other clients wrote: what they allow is a warning at most.
    pub(crate) foreign: bool,
    pub(crate) errors: Report,
    pub(crate) warnings: Report,
}

/// What to do with a key that no table has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refuse,
    Warn,
}

impl Cx<'_> {
    pub(crate) fn error(&mut self, line: u32, key: &Key<'_>, message: impl Into<String>) {
        self.errors.push(Diagnostic::at(self.file, line, key, message));
    }

    pub(crate) fn error_help(&mut self, line: u32, key: &Key<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(Diagnostic::at(self.file, line, key, message).help(help));
    }

    pub(crate) fn warn(&mut self, line: u32, key: &Key<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(Diagnostic::at(self.file, line, key, message).help(help));
    }

    /// The value is not what it should be.
    pub(crate) fn expected(&mut self, node: &Node, key: &Key<'_>, what: &str) {
        let message = format!("expected {what}, found {}", node.kind());
        self.error(node.line, key, message);
    }

    pub(crate) fn entries<'n>(&mut self, node: &'n Node, key: &Key<'_>) -> Option<&'n [(String, Node)]> {
        if let Value::Map(entries) = &node.value {
            return Some(entries);
        }
        self.expected(node, key, "a map of keys");
        None
    }

    pub(crate) fn items<'n>(&mut self, node: &'n Node, key: &Key<'_>) -> Option<&'n [Node]> {
        if let Value::List(items) = &node.value {
            return Some(items);
        }
        self.expected(node, key, "a list");
        None
    }

    /// Text that is not empty.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, key: &Key<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if text.trim().is_empty() => self.error(node.line, key, "is empty"),
            Value::Text(text) => return Some(text),
            Value::Number(_) | Value::Bool(_) => {
                let message = format!("expected text, found {}", node.kind());
                self.error_help(node.line, key, message, "put it in quotes");
            }
            _ => self.expected(node, key, "text"),
        }
        None
    }

    /// Text, or a number or boolean as it is written: what an environment variable or an argument may be.
    pub(crate) fn scalar(&mut self, node: &Node, key: &Key<'_>) -> Option<String> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(boolean) => Some(boolean.to_string()),
            Value::Null => {
                self.error_help(node.line, key, "has no value", "write \"\" for an empty one");
                None
            }
            Value::List(_) | Value::Map(_) => {
                self.expected(node, key, "text");
                None
            }
        }
    }

    pub(crate) fn unknown(&mut self, line: u32, key: &Key<'_>, known: &[&str], unknown: Unknown) {
        // A file of a million unknown keys gets no million searches.
        let near = if self.errors.is_full() || self.warnings.is_full() { None } else { suggest(key.name(), known) };
        // A word for another key helps only where that key may stand: in a server, and `servers` at the top.
        let may_stand = known.contains(&"command") || known.contains(&"servers");
        let foreign = foreign_key(key.name()).filter(|_| may_stand);
        match (unknown, near) {
            (Unknown::Refuse, _) if foreign.is_some() => {
                self.error_help(line, key, "unknown key", foreign.unwrap_or_default());
            }
            (Unknown::Refuse, Some(near)) => {
                self.error_help(line, key, "unknown key", format!("did you mean `{near}`?"));
            }
            (Unknown::Refuse, None) => {
                self.error_help(line, key, "unknown key", format!("there is: {}", known.join(", ")));
            }
            (Unknown::Warn, near) => {
                let help = match (foreign, near) {
                    (Some(help), _) => help.to_owned(),
                    (None, Some(near)) => format!("did you mean `{near}`?"),
                    (None, None) => "another client's key, perhaps".to_owned(),
                };
                self.warn(line, key, "unknown key, ignored", help);
            }
        }
    }

    /// A path, relative to the file; `~/` is the home folder.
    pub(crate) fn path(&mut self, text: &str, line: u32, key: &Key<'_>) -> Option<PathBuf> {
        let Some(below_home) = text.strip_prefix("~/") else {
            return Some(self.file.parent().unwrap_or(Path::new("")).join(text));
        };
        if self.home.is_none() {
            self.error_help(line, key, "begins with `~/`, but no home folder is known", "write the whole path");
        }
        Some(self.home?.join(below_home))
    }
}

/// What to write instead of other clients' keys that mean something.
fn foreign_key(name: &str) -> Option<&'static str> {
    Some(match name {
        "alwaysAllow" => "what may be called is decided by grants",
        "disabledTools" | "excludeTools" => "write `tools: {deny: [...]}`",
        "includeTools" | "enabledTools" => "write `tools: {allow: [...]}`",
        "transportType" | "transport" => "write `type`",
        "httpUrl" | "serverUrl" => "write `url`",
        "enabled" => "write `disabled: true` in place of `enabled: false`",
        "mcp_servers" => "this is another program's file: `tollgate import FILE` makes a configuration of it",
        _ => return None,
    })
}

/// The nearest of `known`, if it is near: a slip of the finger, or another way to join the words.
pub fn suggest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let name = (name.len() <= 64).then(|| plain(name))?;
    known
        .iter()
        .map(|k| (strsim::osa_distance(&name, &plain(k)), *k))
        .filter(|(distance, k)| *distance <= 2 && *distance * 2 < k.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// A word of a few. A token may stand here by mistake, so one that is none of them is not repeated.
pub(crate) fn one_of<'w>(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>, words: &[&'w str]) -> Option<&'w str> {
    let text = cx.text(node, key)?;
    let found = words.iter().find(|word| **word == text).copied();
    if found.is_none() {
        let help = match suggest(text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is: {}", words.join(", ")),
        };
        cx.error_help(node.line, key, "not one of the words that it can be", help);
    }
    found
}

/// A map whose keys are known: a struct of `Option<At<T>>`, its reader and its schema.
macro_rules! keys {
    ($(#[doc = $about:literal])* struct $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident $key:literal: $type:ty,)*
    }) => {
        $(#[doc = $about])*
        #[derive(Default)]
        struct $name { $($field: Option<$crate::model::At<$type>>,)* }

        impl $name {
            const NAMES: &[&str] = &[$($key),*];

            fn read_keys(
                node: &$crate::tree::Node,
                key: &$crate::read::Key<'_>,
                cx: &mut $crate::read::Cx<'_>,
                unknown: $crate::read::Unknown,
            ) -> Option<Self> {
                let mut keys = Self::default();
                for (name, child) in cx.entries(node, key)? {
                    let key = key.child(name);
                    match name.as_str() {
                        $($key => keys.$field = $crate::read::at(child, &key, cx),)*
                        _ => cx.unknown(child.line, &key, Self::NAMES, unknown),
                    }
                }
                Some(keys)
            }

            fn schema_of_keys() -> serde_json::Value {
                $crate::read::object_schema(concat!($($about),*), [
                    $(($key, concat!($($doc),+), <$type as $crate::read::Read>::schema()),)*
                ])
            }
        }
    };
}
pub(crate) use keys;

/// Reads a value and keeps its line.
pub(crate) fn at<T: Read>(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<At<T>> {
    T::read(node, key, cx).map(|value| At { line: node.line, value })
}

pub(crate) fn object_schema<const N: usize>(
    about: &str,
    keys: [(&str, &str, serde_json::Value); N],
) -> serde_json::Value {
    let mut properties = Map::new();
    for (key, doc, mut schema) in keys {
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".into(), doc.trim().into());
        }
        properties.insert(key.into(), schema);
    }
    json!({"type": "object", "description": about.trim(), "properties": properties, "additionalProperties": false})
}

/// Adds to a schema that exactly one of these keys is there.
pub(crate) fn exactly_one(schema: &mut serde_json::Value, names: &[&str]) {
    let one_of: Vec<_> = names.iter().map(|name| json!({"required": [name]})).collect();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("oneOf".into(), one_of.into());
    }
}

impl Read for bool {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        match node.value {
            Value::Bool(boolean) => return Some(boolean),
            // YAML 1.2 has no other booleans: `yes` and `on` are text.
            Value::Text(_) => cx.error_help(
                node.line,
                key,
                "expected true or false, found text",
                "write true or false, without quotes",
            ),
            _ => cx.expected(node, key, "true or false"),
        }
        None
    }

    fn schema() -> serde_json::Value {
        json!({"type": "boolean"})
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let items = cx.items(node, key)?;
        Some(items.iter().enumerate().filter_map(|(i, item)| T::read(item, &key.index(i), cx)).collect())
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": T::schema()})
    }
}

impl<T: Read> Read for At<T> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        at(node, key, cx)
    }

    fn schema() -> serde_json::Value {
        T::schema()
    }
}

/// A kind of name that a map's keys are.
pub(crate) trait NameRule {
    /// What it accepts, as a pattern.
    const PATTERN: &str;

    /// Says what is wrong with a name.
    fn check(name: &str) -> Result<(), String>;
}

/// A map from names to values, in the order of the file.
pub(crate) struct Table<R, T> {
    pub(crate) entries: Vec<(At<String>, T)>,
    rule: std::marker::PhantomData<R>,
}

impl<R: NameRule, T: Read> Read for Table<R, T> {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let mut entries = Vec::new();
        for (name, child) in cx.entries(node, key)? {
            let key = key.child(name);
            if let Err(message) = R::check(name) {
                cx.error(child.line, &key, message);
            }
            if let Some(value) = T::read(child, &key, cx) {
                entries.push((At { line: child.line, value: name.clone() }, value));
            }
        }
        Some(Self { entries, rule: std::marker::PhantomData })
    }

    fn schema() -> serde_json::Value {
        json!({
            "type": "object",
            "propertyNames": {"pattern": R::PATTERN},
            "additionalProperties": T::schema(),
        })
    }
}
