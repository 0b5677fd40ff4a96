//! What the front end's own tools say: texts for models, and the same with structure for programs.

use crate::agent::{Agent, failed};
use crate::catalog::Catalog;
use crate::drive::Outcome;
use crate::tools;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use tollgate::{ServerState, Tool};
use tollgate_surface::Language;

/// The most text of one answer, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 60_000;

pub(crate) fn overview(catalog: &Catalog) -> String {
    let servers = servers_of(&catalog.tools);
    let mut text = format!("{} tools of {} servers:\n", catalog.tools.len(), servers.len());
    for (server, count) in servers {
        let _ = match catalog.domains.get(server) {
            Some(domains) => writeln!(text, "{server} ({count}; domains: {})", domains.join(", ")),
            None => writeln!(text, "{server} ({count})"),
        };
    }
    if !catalog.domains.is_empty() {
        text.push_str(
            "`domain:NAME:TOOL` in place of `SERVER:TOOL` calls the best server of a domain that has the tool.\n",
        );
    }
    text
}

/// How many tools each server has, in the catalog's order.
pub(crate) fn servers_of(tools: &[Arc<Tool>]) -> Vec<(&str, usize)> {
    let mut servers: Vec<(&str, usize)> = Vec::new();
    for tool in tools {
        match servers.last_mut() {
            Some((server, count)) if *server == tool.server => *count += 1,
            _ => servers.push((&tool.server, 1)),
        }
    }
    servers
}

/// The tools by server, each with its signature; without those where they are too many to be read.
pub(crate) fn listed(catalog: &Catalog, tools: &[Arc<Tool>], language: Language) -> Value {
    let signatures = catalog.signatures(language);
    let mut bytes = 0;
    let mut servers = Map::new();
    for tool in tools {
        let signature = signatures.summaries(std::slice::from_ref(tool)).trim_end().to_owned();
        bytes += signature.len();
        let entry = if bytes > MAX_ANSWER_BYTES {
            json!({"name": tool.name})
        } else {
            json!({"name": tool.name, "signature": signature})
        };
        let server = servers.entry(tool.server.clone()).or_insert_with(|| {
            let domains = catalog.domains.get(&tool.server).cloned().unwrap_or_default();
            json!({"domains": domains, "tools": []})
        });
        if let Some(tools) = server.get_mut("tools").and_then(Value::as_array_mut) {
            tools.push(entry);
        }
    }
    json!({"total_servers": servers.len(), "total_tools": tools.len(), "servers": servers})
}

/// The servers whose tools are not among what was found.
pub(crate) fn absent(agent: &Agent) -> String {
    let servers = agent.view().servers();
    let mut text = String::new();
    for (state, before, after) in [
        (ServerState::Connecting, "Still starting, so not included", ". Ask again in a moment."),
        (ServerState::Failed, "Not available, so not included", "."),
    ] {
        let names: Vec<&str> = servers.iter().filter(|s| s.state == state).map(|s| s.name.as_str()).collect();
        if !names.is_empty() {
            let _ = write!(text, "\n{before}: {}{after}", names.join(", "));
        }
    }
    text
}

pub(crate) fn answer(text: String) -> Outcome {
    tools::text_of(&CallToolResult::success(vec![ContentBlock::text(cut(text))]))
}

/// An answer of text for the model, and the same for programs.
pub(crate) fn structured(text: String, value: Value) -> Outcome {
    let mut result = CallToolResult::success(vec![ContentBlock::text(cut(text))]);
    result.structured_content = Some(value);
    tools::text_of(&result)
}

/// As much of a text as an answer may have.
pub(crate) fn cut(mut text: String) -> String {
    if text.len() > MAX_ANSWER_BYTES {
        let end = (0..=MAX_ANSWER_BYTES).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n(cut; ask for less: one server, one tool, or a query)");
    }
    text
}

pub(crate) fn told(why: String) -> Outcome {
    tools::text_of(&failed(&why))
}
