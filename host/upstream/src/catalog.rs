//! The tools of one server, and the names near one that is not there.

use crate::carry::tools_of;
use crate::pins::Held;
use crate::pins::file::Stamp;
use crate::schema::ArgumentCheck;
use crate::spec::ServerSpec;
use crate::text::clean;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tollgate_core::name::check_tool_name;
use tollgate_core::{EffectClass, Tool};

/// The most tools that one server may have.
pub(crate) const MAX_TOOLS: usize = 10_000;

/// One tool, with its compiled schema.
pub(crate) struct Entry {
    pub(crate) tool: Arc<Tool>,
    pub(crate) check: ArgumentCheck,
}

/// The tools of one server, in the server's order.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    by_name: HashMap<String, Arc<Entry>>,
    /// Those that the configuration does not hide.
    listed: Arc<Vec<Arc<Tool>>>,
    /// Of these, those that are not quarantined.
    tools: Arc<Vec<Arc<Tool>>>,
    held: Held,
    /// The approvals that `held` goes by.
    stamp: Option<Stamp>,
}

impl Catalog {
    /// A catalog of `tools`, without those that the configuration hides, and with the effects that it gives them.
    pub(crate) fn new(spec: &ServerSpec, tools: impl IntoIterator<Item = Tool>) -> Self {
        let mut catalog = Self::default();
        let mut listed = Vec::new();
        for mut tool in tools {
            if let Err(error) = check_tool_name(&tool.name) {
                skipped(spec, &tool.name, &error.to_string());
            } else if !tool.input_schema.is_object() {
                skipped(spec, &tool.name, "its inputSchema is not an object");
            } else if catalog.by_name.contains_key(&tool.name) {
                skipped(spec, &tool.name, "another tool of the server has this name");
            } else if spec.offers(&tool.name) {
                if let Some(effect) = spec.route.tool(&tool.name).and_then(|route| route.effect) {
                    tool.effect = effect;
                }
                let tool = Arc::new(tool);
                let entry = Entry { tool: tool.clone(), check: ArgumentCheck::default() };
                catalog.by_name.insert(tool.name.clone(), Arc::new(entry));
                listed.push(tool);
            }
        }
        catalog.listed = Arc::new(listed);
        catalog.tools = catalog.listed.clone();
        catalog
    }

    /// The same tools, without those that are `held`.
    pub(crate) fn hold(mut self, held: Held, stamp: Option<Stamp>) -> Self {
        self.tools = if held.is_empty() {
            self.listed.clone()
        } else {
            Arc::new(self.listed.iter().filter(|tool| !held.contains_key(&tool.name)).cloned().collect())
        };
        (self.held, self.stamp) = (held, stamp);
        self
    }

    /// The tool, if it may be used.
    pub(crate) fn get(&self, tool: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(tool).filter(|_| !self.held.contains_key(tool))
    }

    /// Every tool, those too that are quarantined.
    pub(crate) fn listed(&self) -> &Arc<Vec<Arc<Tool>>> {
        &self.listed
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// The tools that may be used.
    pub(crate) fn tools(&self) -> &[Arc<Tool>] {
        &self.tools
    }
}

fn skipped(spec: &ServerSpec, tool: &str, why: &str) {
    let (server, tool, why) = (&spec.name, clean(tool, 80), clean(why, 300));
    tracing::warn!(target: crate::LOG, %server, %tool, "a tool is left out: {why}");
}

/// Reads the tools of one page of `tools/list`. `passed` are the names that rmcp let pass; it drops those
/// whose `x-mcp-header` breaks the rules, as the specification wants.
pub(crate) fn read_tools(spec: &ServerSpec, page: &str, passed: &[String]) -> Vec<Tool> {
    let passed: HashSet<&str> = passed.iter().map(String::as_str).collect();
    let mut tools = Vec::new();
    for text in tools_of(page) {
        match read_tool(&spec.name, text.get()) {
            Ok(tool) if tool.input_schema.is_object() && !passed.contains(tool.name.as_str()) => {
                skipped(spec, &tool.name, "its x-mcp-header breaks the rules");
            }
            Ok(tool) => tools.push(tool),
            Err((name, why)) => skipped(spec, &name, why),
        }
    }
    tools
}

/// Reads MCP's `Tool`, or says of which there is what wrong. Members of the wrong type are as good as absent, except those that a call needs.
pub(crate) fn read_tool(server: &str, text: &str) -> Result<Tool, (String, &'static str)> {
    let mut members: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| (clean(text, 80), "it is not a JSON object, or nested too deep"))?;
    let Some(Value::String(name)) = members.remove("name") else {
        return Err((clean(text, 80), "it has no name"));
    };
    let Some(input_schema) = members.remove("inputSchema") else {
        return Err((name, "it has no inputSchema"));
    };
    let text_of = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let annotations = members.remove("annotations").filter(Value::is_object);
    Ok(Tool {
        server: server.to_owned(),
        title: text_of(members.remove("title")),
        description: text_of(members.remove("description")).unwrap_or_default(),
        input_schema,
        output_schema: members.remove("outputSchema").filter(Value::is_object),
        effect: EffectClass::from_annotations(annotations.as_ref()),
        annotations,
        other: members,
        name,
    })
}
