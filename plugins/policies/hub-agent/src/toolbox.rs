//! The tools as the model sees them: each by itself where there are few, else by search.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tollgate_sdk::model::{self, ToolUse};
use tollgate_sdk::prelude::*;
use tollgate_sdk::servers;

use crate::names;

/// How many tools a model is given at once. Beyond that it chooses badly, and the list costs more than the question.
const MOST_GIVEN: usize = 40;
/// How many tools a search finds.
const MOST_FOUND: usize = 8;
/// The longest description of a tool, in characters.
const DESCRIPTION_MAX_CHARS: usize = 1_000;
/// The longest schema that a search shows, in bytes.
const SCHEMA_MAX_BYTES: usize = 6_000;
/// How many servers are named.
const MOST_SERVERS: usize = 50;

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "as with Call")]
struct Search {
    /// Words of what the tool should do.
    query: String,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema is used: what a model writes is read more patiently")]
struct Call {
    /// The tool's name as search_tools gives it: `server:tool`.
    tool: String,
    /// What the tool's input schema asks for.
    arguments: BTreeMap<String, Value>,
}

/// The tools of a question.
pub struct Toolbox {
    tools: Vec<Entry>,
    searched: bool,
}

struct Entry {
    /// What the model calls it.
    name: String,
    tool: servers::Tool,
}

/// What a model wants with a tool use.
pub enum Wanted {
    /// A call of a tool.
    Call { tool: String, args: Value },
    /// The answer to a search.
    Found(String),
    /// What it should have written instead.
    Mistake(String),
}

impl Toolbox {
    /// The tools whose `server:tool` one of the patterns covers; all where there is no pattern.
    pub fn new(mut tools: Vec<servers::Tool>, patterns: &[String]) -> Self {
        if !patterns.is_empty() {
            tools.retain(|tool| patterns.iter().any(|pattern| covers(pattern, &tool.full_name())));
        }
        let full: Vec<_> = tools.iter().map(servers::Tool::full_name).collect();
        let names = names::of_tools(&full);
        let tools: Vec<_> = names.into_iter().zip(tools).map(|(name, tool)| Entry { name, tool }).collect();
        Self { searched: tools.len() > MOST_GIVEN, tools }
    }

    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// What the model may use.
    pub fn given(&self) -> Vec<model::Tool> {
        if self.searched {
            return vec![
                model::Tool::of::<Search>("search_tools", "Finds tools by what they do, with their input schemas."),
                model::Tool::of::<Call>("call_tool", "Calls a tool that search_tools found."),
            ];
        }
        let given = |Entry { name, tool }: &Entry| model::Tool {
            name: name.clone(),
            description: format!("[{}] {}", tool.server, cut(&tool.description, DESCRIPTION_MAX_CHARS)),
            input_schema: tool.input_schema.clone(),
        };
        self.tools.iter().map(given).collect()
    }

    /// What the model is told of the servers.
    pub fn servers(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &self.tools {
            *counts.entry(&entry.tool.server).or_default() += 1;
        }
        let mut text = String::new();
        for (server, tools) in counts.iter().take(MOST_SERVERS) {
            let _ = writeln!(text, "- {server} ({tools} tools)");
        }
        if counts.len() > MOST_SERVERS {
            let _ = writeln!(text, "- and {} more", counts.len() - MOST_SERVERS);
        }
        if self.searched {
            text.push_str(
                "There are many tools: find the right ones with search_tools, then use them with call_tool.\n",
            );
        }
        text
    }

    /// Reads what the model wants. Its mistakes are for it to mend.
    pub fn read(&self, wanted: &ToolUse) -> Wanted {
        let args = match wanted.args() {
            Ok(args) => args,
            Err(mistake) => {
                return Wanted::Mistake(format!("{mistake}; write a JSON object that follows the tool's schema"));
            }
        };
        match (wanted.name.as_str(), self.searched) {
            ("search_tools", true) => match args.get("query").and_then(Value::as_str) {
                Some(query) => Wanted::Found(self.search(query)),
                None => Wanted::Mistake("search_tools wants a `query`".to_owned()),
            },
            ("call_tool", true) => self.read_call(&args),
            (name, _) => match self.entry(name) {
                Some(entry) => Wanted::Call { tool: entry.tool.full_name(), args },
                None => Wanted::Mistake(self.unknown(name)),
            },
        }
    }

    fn read_call(&self, args: &Value) -> Wanted {
        let Some(name) = args.get("tool").and_then(Value::as_str) else {
            return Wanted::Mistake("call_tool wants a `tool`, named as search_tools gives it".to_owned());
        };
        let Some(entry) = self.entry(name) else { return Wanted::Mistake(self.unknown(name)) };
        let args = match args.get("arguments") {
            None | Some(Value::Null) => json!({}),
            Some(args @ Value::Object(_)) => args.clone(),
            // Some models write the object as a text.
            Some(Value::String(text)) => match ToolUse::new("", name, text).args() {
                Ok(args) => args,
                Err(mistake) => return Wanted::Mistake(mistake),
            },
            Some(_) => return Wanted::Mistake(format!("the `arguments` of {name} are not an object")),
        };
        Wanted::Call { tool: entry.tool.full_name(), args }
    }

    /// A tool by the model's name for it, or by its own.
    fn entry(&self, name: &str) -> Option<&Entry> {
        let own = |entry: &&Entry| entry.tool.full_name() == name;
        self.tools.iter().find(|entry| entry.name == name).or_else(|| self.tools.iter().find(own))
    }

    fn unknown(&self, name: &str) -> String {
        if self.searched {
            return format!("there is no tool {name:?}; find one with search_tools");
        }
        let names: Vec<_> = self.ranked(name).map(|entry| entry.name.as_str()).take(3).collect();
        match names.as_slice() {
            [] => format!("there is no tool {name:?}"),
            near => format!("there is no tool {name:?}; there are {}", near.join(", ")),
        }
    }

    fn search(&self, query: &str) -> String {
        let show = |Entry { tool, .. }: &Entry| {
            let schema = tool.input_schema.to_string();
            let schema =
                if schema.len() > SCHEMA_MAX_BYTES { json!("too long to be shown") } else { tool.input_schema.clone() };
            let description = cut(&tool.description, DESCRIPTION_MAX_CHARS);
            json!({"tool": tool.full_name(), "description": description, "input_schema": schema})
        };
        let found: Vec<_> = self.ranked(query).take(MOST_FOUND).map(show).collect();
        if found.is_empty() {
            return format!(
                "no tool has a word of {query:?}; try other words, or the name of a server:\n{}",
                self.servers()
            );
        }
        json!(found).to_string()
    }

    /// The tools that have words of a query, the best first: words in names count thrice.
    fn ranked(&self, query: &str) -> impl Iterator<Item = &Entry> {
        let wanted: Vec<_> = words(query).collect();
        let score = |entry: &Entry| -> usize {
            let named: Vec<_> = words(&entry.tool.full_name()).collect();
            let described: Vec<_> = words(&entry.tool.description).collect();
            let one = |word: &String| 3 * usize::from(named.contains(word)) + usize::from(described.contains(word));
            wanted.iter().map(one).sum()
        };
        let mut scored: Vec<_> =
            self.tools.iter().map(|entry| (score(entry), entry)).filter(|(score, _)| *score > 0).collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, entry)| entry)
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    // `customers` finds `customer`.
    words.map(|word| word.to_lowercase().trim_end_matches('s').to_owned())
}

/// A pattern's stars stand for any text.
fn covers(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// The beginning of a text.
pub fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, fits) in [
            ("crm:*", "crm:search", true),
            ("crm:*", "mail:send", false),
            ("*", "a:b", true),
            ("*:get_*", "crm:get_it", true),
            ("*:get_*", "crm:forget", false),
            ("a:b", "a:b", true),
            ("a:b", "a:bc", false),
            ("a*b*c", "abc", true),
            ("a*bc*c", "abc", false),
            ("", "a:b", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(covers(pattern, name), fits, "{pattern} {name}");
        }
    }
}
