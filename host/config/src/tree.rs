//! What the three formats have in common: a tree of values, each with its line.

use crate::diagnostic::quoted;
use crate::read::{Cx, Key};
use std::collections::HashMap;

/// How deep a file may nest. The deepest key of a configuration is at 6.
const DEPTH_MAX: usize = 64;

/// Why a text is not of its format.
pub(crate) struct SyntaxError {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// A value and the line where it begins; in a map, the line of its key, where a reader looks first.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As it was written, so that `1.10` in an `env` stays `1.10`.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file. A key may be there twice, until [`check`] has refused it.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// What it is, as an error calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing (null)",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map of keys",
        }
    }
}

/// Finds lines by byte offset.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i).collect())
    }

    /// The line of a byte, from 1.
    pub(crate) fn of(&self, offset: usize) -> u32 {
        line_number(self.0.partition_point(|newline| *newline < offset) + 1)
    }
}

/// A file is at most 4 MiB, so this never saturates.
pub(crate) fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Refuses what is wrong in any file, whatever its keys mean: keys written twice, NUL, too deep a nesting.
pub(crate) fn check(node: &Node, key: &Key<'_>, depth: usize, cx: &mut Cx<'_>) {
    if depth > DEPTH_MAX {
        return cx.error(node.line, key, format!("nested deeper than {DEPTH_MAX} levels"));
    }
    match &node.value {
        Value::Text(text) if text.contains('\0') => cx.error(node.line, key, "holds a NUL character"),
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                check(item, &key.index(i), depth + 1, cx);
            }
        }
        Value::Map(entries) => {
            let mut seen: HashMap<&str, u32> = HashMap::new();
            for (name, child) in entries {
                // Nobody reads more, and a hostile file may hold a million.
                if cx.errors.is_full() {
                    return;
                }
                let child_key = key.child(name);
                if let Some(first) = seen.insert(name, child.line) {
                    cx.error(
                        child.line,
                        &child_key,
                        format!("{} is written twice; line {first} has it too", quoted(name)),
                    );
                }
                if name.contains('\0') {
                    cx.error(child.line, &child_key, "a key holds a NUL character");
                }
                check(child, &child_key, depth + 1, cx);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}
