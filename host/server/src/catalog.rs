//! The names of everything at one moment.

use crate::options::{Expose, Options};
use std::sync::{Arc, OnceLock};
use tollgate::{Host, Tool, ToolName, glob};
use tollgate_surface::{Exposed, Index, Language, Signatures};

/// The tools of all servers that are ready, and the names of those that agents see.
pub(crate) struct Catalog {
    pub(crate) version: u64,
    /// Every tool, in the order of servers.
    pub(crate) tools: Vec<Arc<Tool>>,
    /// The policies' names.
    pub(crate) policies: Vec<String>,
    exposed: Exposed,
    index: OnceLock<Index>,
    signatures: [OnceLock<Signatures>; 2],
}

impl Catalog {
    pub(crate) fn new(version: u64, host: &Host, options: &Options) -> Self {
        let tools = host.tools_now();
        let is_seen = |tool: &Arc<Tool>| match &options.expose {
            Expose::All => true,
            Expose::Only(items) => items.iter().any(|item| glob(item, &format!("{}:{}", tool.server, tool.name))),
            Expose::Meta | Expose::MetaFull | Expose::Policies => false,
        };
        let exposed = options.naming.expose(tools.iter().filter(|tool| is_seen(tool)).map(|tool| name_of(tool)));
        for collision in exposed.collisions() {
            let tools: Vec<String> = collision.tools.iter().map(|(tool, name)| format!("{tool} as {name}")).collect();
            tracing::warn!(
                target: crate::LOG,
                "{} tools want the name {}: {}{}",
                tools.len(),
                collision.name,
                tools.join(", "),
                if collision.ask { "; give one of them a name with --rename" } else { "" },
            );
        }
        let policies = host.policies().into_iter().map(|policy| policy.name);
        let policies = policies.filter(|name| match &options.expose {
            Expose::Policies | Expose::All | Expose::Meta | Expose::MetaFull => true,
            Expose::Only(items) => items.iter().any(|item| glob(item, name)),
        });
        Self {
            version,
            policies: policies.collect(),
            exposed,
            tools,
            index: OnceLock::new(),
            signatures: Default::default(),
        }
    }

    /// The tools that agents see, with the names under which they see them.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&str, &Arc<Tool>)> {
        self.tools.iter().filter_map(|tool| Some((self.exposed.name_of(&name_of(tool))?, tool)))
    }

    /// What an agent reads of a tool.
    pub(crate) fn description<'a>(&self, tool: &'a Tool) -> std::borrow::Cow<'a, str> {
        self.exposed.description(tool)
    }

    /// The tool that agents see under this name.
    pub(crate) fn tool_of(&self, name: &str) -> Option<&ToolName> {
        self.exposed.tool_of(name)
    }

    pub(crate) fn find(&self, name: &ToolName) -> Option<&Arc<Tool>> {
        self.tools.iter().find(|tool| tool.server == name.server && tool.name == name.tool)
    }

    /// For questions in an agent's own words.
    pub(crate) fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(&self.tools))
    }

    pub(crate) fn signatures(&self, language: Language) -> &Signatures {
        let [typescript, python] = &self.signatures;
        let slot = if language == Language::Python { python } else { typescript };
        slot.get_or_init(|| Signatures::new(&self.tools, language))
    }
}

pub(crate) fn name_of(tool: &Tool) -> ToolName {
    ToolName { server: tool.server.clone(), tool: tool.name.clone() }
}
