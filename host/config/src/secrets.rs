//! `secrets`: where each of them is.

use crate::read::{Cx, Key, Read, Unknown, exactly_one, keys};
use crate::template::is_variable_name;
use crate::tree::{Node, Value};
use crate::values::Argument;
use serde_json::json;
use std::path::PathBuf;
use tollgate_secrets::Place;

/// The name of a variable that a secret comes from.
pub(crate) struct SecretVariable(String);

impl Read for SecretVariable {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let name = cx.text(node, key)?;
        if !is_variable_name(name) {
            // Whoever puts the secret itself here should not see it repeated.
            cx.error(node.line, key, "expected the name of an environment variable");
            return None;
        }
        Some(Self(name.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})
    }
}

/// A program and its arguments, which no shell sees.
pub(crate) struct CommandLine(Vec<String>);

impl Read for CommandLine {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(node.value, Value::Text(_)) {
            let help = "write a list, as `[pass, show, api]`; no shell reads it";
            cx.error_help(node.line, key, "expected a program and its arguments", help);
            return None;
        }
        let words: Vec<String> = Vec::<Argument>::read(node, key, cx)?.into_iter().map(|word| word.0).collect();
        if words.first().is_none_or(String::is_empty) {
            cx.error_help(node.line, key, "names no program", "write it first, as `[pass, show, api]`");
            return None;
        }
        if words.iter().any(|word| word.contains('\0')) {
            cx.error(node.line, key, "holds a NUL character");
            return None;
        }
        Some(Self(words))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": Argument::schema(), "minItems": 1})
    }
}

keys! {
    /// Where a secret comes from: one of the keys.
    struct SecretKeys {
        /// The environment variable that holds it.
        env "env": SecretVariable,
        /// The file that holds it: this user's, no link, and nobody else may be able to read it (mode 0600).
        file "file": PathBuf,
        /// The program that prints it, and its arguments; no shell reads them.
        command "command": CommandLine,
    }
}

const PLACES: [&str; 3] = ["env", "file", "command"];

impl Read for Place {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if matches!(node.value, Value::Text(_)) {
            cx.error_help(
                node.line,
                key,
                "a secret itself is never written here",
                "say where it is: `{env: VARIABLE}`, `{file: PATH}` or `{command: [PROGRAM, ARGUMENT]}`",
            );
            return None;
        }
        let given = PLACES.iter().filter(|place| node.get(place).is_some()).count();
        let keys = SecretKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        if given != 1 {
            let said = if given == 0 { "names no place" } else { "names more than one place" };
            cx.error_help(node.line, key, said, "write one of `env`, `file` and `command`");
            return None;
        }
        let env = keys.env.map(|env| Self::Env(env.value.0));
        let file = keys.file.map(|file| Self::File(file.value));
        env.or(file).or(keys.command.map(|command| Self::Command(command.value.0)))
    }

    fn schema() -> serde_json::Value {
        let mut schema = SecretKeys::schema_of_keys();
        exactly_one(&mut schema, &PLACES);
        schema
    }
}
