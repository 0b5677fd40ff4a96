//! The names of everything that exists for somebody, at one moment.

use crate::options::Options;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tollgate::{Surface, Tool, ToolName, View};
use tollgate_surface::{Exposed, Index, Language, Signatures};

/// The tools of a view of all servers that are ready, and the names of those that are seen directly.
pub(crate) struct Catalog {
    pub(crate) version: (u64, u64),
    /// Every tool of the view, in the order of servers.
    pub(crate) tools: Vec<Arc<Tool>>,
    /// The policies' names.
    pub(crate) policies: Vec<String>,
    /// The topics that servers answer for, by server; those that have some.
    pub(crate) domains: BTreeMap<String, Vec<String>>,
    exposed: Exposed,
    index: OnceLock<Index>,
    signatures: [OnceLock<Signatures>; 2],
}

impl Catalog {
    pub(crate) fn new(view: &View, options: &Options) -> Self {
        let (version, tools) = (view.version(), view.tools());
        let seen = if view.surface() == Surface::Direct { &*tools } else { &[] };
        let exposed = options.naming.expose(seen.iter().map(|tool| name_of(tool)));
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
        Self {
            version,
            policies: view.policies(),
            domains: view
                .status()
                .servers
                .into_iter()
                .filter(|server| !server.domains.is_empty())
                .map(|server| (server.name, server.domains))
                .collect(),
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
