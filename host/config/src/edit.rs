//! Adding to a configuration file what was written by hand otherwise: the rest of the file, comments too, stays as it is.

use crate::{ConfigError, Format, parse};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use std::path::Path;
use tollgate_core::name::check_server_name;

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The name is none, or taken.
    #[error("{0}")]
    Name(String),
    /// The file cannot be read as it is.
    #[error(transparent)]
    Before(Box<ConfigError>),
    /// The file is written in a way that cannot be added to.
    #[error("{} is written in a way that this cannot add to; add it by hand:\n{by_hand}", file.display())]
    ByHand {
        /// The file.
        file: std::path::PathBuf,
        /// What to add, and where.
        by_hand: String,
    },
    /// The result would be no configuration.
    #[error("with it, the configuration would be wrong:\n{0}")]
    After(Box<ConfigError>),
}

/// Adds a server to the text of a configuration file. `entries` are its keys with their values, which are texts. An empty
/// text is a new file.
///
/// # Errors
/// Nothing was added, and why.
pub fn add_server(
    file: &Path,
    home: Option<&Path>,
    text: &str,
    name: &str,
    entries: &[(&str, &str)],
) -> Result<String, EditError> {
    check_server_name(name).map_err(|error| EditError::Name(error.to_string()))?;
    if !text.trim().is_empty() {
        let before = parse(file, home, text.as_bytes()).map_err(|error| EditError::Before(Box::new(error)))?;
        if before.servers.iter().any(|server| *server.name == name) {
            return Err(EditError::Name(format!(
                "{} has a server `{name}` already; give another name",
                file.display()
            )));
        }
    }
    let by_hand = || EditError::ByHand { file: file.to_owned(), by_hand: yaml_lines("servers:", 2, name, entries) };
    let added = match Format::of(file) {
        Some(Format::Yaml) => add_yaml(text, name, entries),
        Some(Format::Toml) => Some(add_toml(text, name, entries)),
        Some(Format::Json) => add_json(text, name, entries),
        None => None,
    };
    let added = added.ok_or_else(by_hand)?;
    let after = parse(file, home, added.as_bytes()).map_err(|error| EditError::After(Box::new(error)))?;
    // What reads as something else than was meant is not written.
    if after.servers.iter().any(|server| *server.name == name) { Ok(added) } else { Err(by_hand()) }
}

/// A JSON string is a double-quoted one of YAML and a basic one of TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn yaml_lines(head: &str, indent: usize, name: &str, entries: &[(&str, &str)]) -> String {
    let mut lines = String::new();
    if !head.is_empty() {
        lines.push_str(head);
        lines.push('\n');
    }
    lines.push_str(&format!("{}{name}:\n", " ".repeat(indent)));
    for (key, value) in entries {
        lines.push_str(&format!("{}{key}: {}\n", " ".repeat(indent * 2), quoted(value)));
    }
    lines
}

/// Below the line `servers:`, indented as what stands there; a new one at the end where there is none.
fn add_yaml(text: &str, name: &str, entries: &[(&str, &str)]) -> Option<String> {
    let is_head = |line: &str| {
        let rest = line.strip_prefix("servers:").map(str::trim_start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
    };
    let is_empty_map = |line: &str| line.strip_prefix("servers:").is_some_and(|rest| rest.trim() == "{}");
    let mut before = 0;
    for line in text.split_inclusive('\n') {
        if is_empty_map(line) {
            let (head, rest) = text.split_at_checked(before)?;
            return Some(format!("{head}{}{}", yaml_lines("servers:", 2, name, entries), rest.strip_prefix(line)?));
        }
        before += line.len();
        if is_head(line.trim_end()) {
            let (head, rest) = text.split_at_checked(before)?;
            let first = rest.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
            let indent = first.map_or(0, |line| line.len() - line.trim_start_matches(' ').len());
            let indent = if indent == 0 { 2 } else { indent };
            let newline = if head.ends_with('\n') { "" } else { "\n" };
            return Some(format!("{head}{newline}{}{rest}", yaml_lines("", indent, name, entries)));
        }
    }
    // Written in another way, as `servers: {…}`: two of them would be an error.
    if text.lines().any(|line| line.trim_start().starts_with("servers") || line.trim_start().starts_with("\"servers\""))
    {
        return None;
    }
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    Some(format!("{text}{gap}{}", yaml_lines("servers:", 2, name, entries)))
}

fn add_toml(text: &str, name: &str, entries: &[(&str, &str)]) -> String {
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let mut lines = format!("{text}{gap}[servers.{}]\n", quoted(name));
    for (key, value) in entries {
        lines.push_str(&format!("{key} = {}\n", quoted(value)));
    }
    lines
}

fn add_json(text: &str, name: &str, entries: &[(&str, &str)]) -> Option<String> {
    let text = if text.trim().is_empty() { "{\n}\n" } else { text };
    let root = CstRootNode::parse(text, &ParseOptions::default()).ok()?;
    let top = root.object_value()?;
    let key = if top.get("servers").is_none() && top.get("mcpServers").is_some() { "mcpServers" } else { "servers" };
    let servers = top.object_value_or_create(key)?;
    let members = entries.iter().map(|(key, value)| ((*key).to_owned(), CstInputValue::from(*value)));
    servers.append(name, CstInputValue::Object(members.collect()));
    Some(root.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn add(file: &str, text: &str) -> Result<String, EditError> {
        add_server(Path::new(file), None, text, "petstore", &[("openapi", "./pets.yaml")])
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let yaml = "# Ours\nservers: # all of them\n    # the first\n    crm:\n        url: https://crm.example/mcp # x\nlimits:\n  calls: 5\n";
        let added = add("a.yaml", yaml).unwrap();
        insta_like(
            &added,
            &[
                "# Ours",
                "    petstore:\n        openapi: \"./pets.yaml\"\n",
                "    # the first\n    crm:",
                "# x\nlimits:",
            ],
        );
        for (empty, rest) in
            [("servers: {}\n", ""), ("# a\nservers:  {}  \nlimits: {calls: 5}\n", "limits: {calls: 5}\n")]
        {
            let added = add("a.yaml", empty).unwrap();
            assert!(
                added.ends_with(&format!("servers:\n  petstore:\n    openapi: \"./pets.yaml\"\n{rest}")),
                "{added}"
            );
        }
        let json =
            "{\n  // Ours\n  \"mcpServers\": {\n    \"crm\": {\"url\": \"https://crm.example/mcp\"}, // x\n  }\n}\n";
        let added = add("a.json", json).unwrap();
        insta_like(&added, &["// Ours", "// x", "\"petstore\"", "\"openapi\": \"./pets.yaml\""]);
        let toml = "limits = {calls = 5} # x\n[servers.crm]\nurl = \"https://crm.example/mcp\"\n";
        let added = add("a.toml", toml).unwrap();
        assert!(
            added.starts_with(toml) && added.ends_with("[servers.\"petstore\"]\nopenapi = \"./pets.yaml\"\n"),
            "{added}"
        );
    }

    fn insta_like(text: &str, parts: &[&str]) {
        for part in parts {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
    }

    #[test]
    fn a_new_file_is_begun() {
        for file in ["a.yaml", "a.json", "a.toml"] {
            let added = add(file, "").unwrap();
            let config = parse(Path::new(file), None, added.as_bytes()).unwrap();
            assert_eq!(config.servers.len(), 1, "{added}");
        }
    }

    #[test]
    fn what_cannot_be_added_to_is_refused_and_told() {
        assert!(matches!(
            add("a.yaml", "servers: {crm: {url: https://crm.example/mcp}}"),
            Err(EditError::ByHand { .. })
        ));
        assert!(matches!(
            add("a.yaml", "servers:\n  petstore: {url: https://x.example/mcp}\n"),
            Err(EditError::Name(_))
        ));
        assert!(matches!(add("a.yaml", "sorvers: {}"), Err(EditError::Before(_))));
        assert!(matches!(add("a.json", "[]"), Err(EditError::Before(_))));
        let bad = add_server(Path::new("a.yaml"), None, "", "no name", &[]);
        assert!(matches!(bad, Err(EditError::Name(_))));
        let after = add_server(Path::new("a.yaml"), None, "", "x", &[("opanapi", "y")]);
        assert!(matches!(after, Err(EditError::After(_))));
    }

    proptest! {
        #[test]
        fn any_value_reads_back(value in "[ -~]{1,40}|\\PC{1,20}", file in prop_oneof!["a.yaml", "a.json", "a.toml"].prop_map(String::from)) {
            prop_assume!(!value.trim().is_empty());
            if let Ok(added) = add_server(Path::new("x.yaml"), None, "", "s", &[("command", &value)]) {
                prop_assert!(added.contains("command"));
            }
            let _ = add_server(Path::new(&file), None, &value, "s", &[("command", "x")]);
        }
    }
}
