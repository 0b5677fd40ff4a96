//! docs/commands-and-keys.md, made of the command line and of the parser's table of keys: a test holds it to them.

use crate::args::Args;
use crate::help::{GROUPS, command};
use clap::{Arg, Command, CommandFactory as _};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Writes the page anew where it is set.
const UPDATE: &str = "TOLLGATE_UPDATE_REFERENCE";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands-and-keys.md");

/// Text as it stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

fn page() -> String {
    let mut out = String::from(
        "# Every command, flag and key\n\nA test makes this page of the program itself, so it has all of them. The [reference](reference.md) says more \
         about each.\n",
    );
    commands(&mut out);
    keys(&mut out);
    out
}

fn commands(out: &mut String) {
    let whole = command();
    for (group, names) in GROUPS {
        let _ = writeln!(out, "\n## {group}");
        for name in names {
            let found = whole.find_subcommand(name).unwrap();
            one(found, &format!("tollgate {name}"), out);
        }
    }
    out.push_str("\n## Flags of every command\n\n");
    flags(&Args::command(), out);
}

/// A command, and those below it.
fn one(command: &Command, path: &str, out: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(out, "\n### `{path}`\n\n{}.", about.trim_end_matches('.'));
    let mut table = String::new();
    flags(command, &mut table);
    if !table.is_empty() {
        let _ = write!(out, "\n{table}");
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        one(below, &format!("{path} {}", below.get_name()), out);
    }
}

fn flags(command: &Command, out: &mut String) {
    let is_own = |arg: &&Arg| !["help", "version"].contains(&arg.get_id().as_str()) && !arg.is_hide_set();
    let is_own = |arg: &&Arg| is_own(arg) && (command.get_name() == "tollgate" || !arg.is_global_set());
    let rows: Vec<String> = command.get_arguments().filter(is_own).map(row).collect();
    if !rows.is_empty() {
        let _ = write!(out, "| | |\n|---|---|\n{}", rows.concat());
    }
}

fn row(arg: &Arg) -> String {
    let values =
        arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let takes_value = arg.get_action().takes_values();
    let name = match arg.get_long() {
        Some(long) if takes_value => format!("--{long} {values}"),
        Some(long) => format!("--{long}"),
        None => values,
    };
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let default = if defaults.is_empty() || arg.is_hide_default_value_set() || !takes_value {
        String::new()
    } else {
        format!(". Unless given: `{}`", defaults.join(" "))
    };
    format!("| {short}`{}` | {}{default} |\n", name.replace('|', "\\|"), cell(&help))
}

fn keys(out: &mut String) {
    let schema = tollgate::config::schema();
    out.push_str("\n## Keys of the configuration\n\n| key | value | what |\n|---|---|---|\n");
    let properties = schema["properties"].as_object().unwrap();
    for (key, value) in properties.iter().filter(|(key, _)| !["$schema", "mcpServers"].contains(&key.as_str())) {
        rows("", key, value, &schema, 0, out);
    }
}

/// A key, and those below it.
fn rows(before: &str, key: &str, given: &Value, schema: &Value, depth: usize, out: &mut String) {
    let path = if before.is_empty() { key.to_owned() } else { format!("{before}.{key}") };
    // An alternative says more of a key that is there.
    if out.contains(&format!("\n| `{path}` |")) {
        return;
    }
    let value = resolved(given, schema);
    let what = [given, value].iter().find_map(|schema| schema["description"].as_str()).unwrap_or_default();
    let _ = writeln!(out, "| `{path}` | {} | {} |", cell(&kind(value, schema)), cell(what));
    if depth < 8 {
        below(&path, value, schema, depth, out);
    }
}

fn below(path: &str, value: &Value, schema: &Value, depth: usize, out: &mut String) {
    let value = resolved(value, schema);
    for (key, each) in value["properties"].as_object().unwrap_or(&Map::new()) {
        rows(path, key, each, schema, depth + 1, out);
    }
    if value["additionalProperties"].is_object() {
        below(&format!("{path}.NAME"), &value["additionalProperties"], schema, depth + 1, out);
    }
    if value["items"].is_object() {
        below(&format!("{path}[]"), &value["items"], schema, depth + 1, out);
    }
    for each in alternatives(value) {
        below(path, each, schema, depth + 1, out);
    }
}

fn alternatives(value: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(|key| value[key].as_array()).flatten()
}

fn resolved<'v>(value: &'v Value, schema: &'v Value) -> &'v Value {
    match value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        Some(path) => schema.pointer(path).unwrap(),
        None => value,
    }
}

/// The type of a value, in a word or two.
fn kind(value: &Value, schema: &Value) -> String {
    let value = resolved(value, schema);
    let words = |list: &Value| {
        let words =
            list.as_array().into_iter().flatten().map(|word| word.as_str().map_or(word.to_string(), str::to_owned));
        words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    if value["enum"].is_array() {
        return words(&value["enum"]);
    }
    let mut kinds: Vec<String> = Vec::new();
    let mut add = |kind: String| {
        if !kind.is_empty() && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    match value["type"].as_str() {
        Some("object") => add("map".to_owned()),
        Some("array") => {
            let of = kind(&value["items"], schema);
            add(if of.is_empty() { "list".to_owned() } else { format!("list of {of}") });
        }
        Some("string") => add("text".to_owned()),
        Some("integer" | "number") => add("number".to_owned()),
        Some("boolean") => add("`true`, `false`".to_owned()),
        _ => {}
    }
    for each in alternatives(value).filter(|each| each.get("required").is_none() || each.get("type").is_some()) {
        add(kind(each, schema));
    }
    kinds.join(" or ")
}

#[test]
fn the_page_of_commands_and_keys_is_true() {
    let made = page();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(PAGE, &made).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == made,
        "docs/commands-and-keys.md is not what the program says; make it anew: {UPDATE}=1 cargo test --release -p tollgate-cli reference"
    );
}
