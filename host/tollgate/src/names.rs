//! The names that scripts have for the tools of the catalog.

use crate::host::Host;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tollgate_core::{Function, Grants, Names, Namespace, Parameter, Tool, ToolName};
use tollgate_surface::signature::python_parameters;
use tollgate_surface::{Language, Signatures, namespaces};

/// The names of a whole catalog in one language. Made once for each state of the catalog; what belongs to single servers
/// is made when a script asks for it.
pub(crate) struct CatalogNames {
    version: u64,
    language: Language,
    tools: BTreeMap<String, Vec<Arc<Tool>>>,
    signatures: Signatures,
    /// Every server that there is, with its identifier.
    servers: Vec<Namespace>,
    functions: Mutex<HashMap<String, Functions>>,
}

/// A server's tools, each with what scripts call it.
type Functions = Arc<[(Arc<Tool>, Function)]>;

/// The catalog's names as they were made last, in each language.
#[derive(Default)]
pub(crate) struct NamesCache(Mutex<HashMap<Language, Arc<CatalogNames>>>);

impl NamesCache {
    /// The names of everything that is there now.
    pub(crate) fn of(&self, host: &Host, language: Language) -> Arc<CatalogNames> {
        let version = host.catalog_version();
        let mut cache = self.0.lock();
        match cache.get(&language) {
            Some(names) if names.version == version => names.clone(),
            _ => {
                let names = Arc::new(CatalogNames::new(version, host, language));
                cache.insert(language, names.clone());
                names
            }
        }
    }
}

impl CatalogNames {
    fn new(version: u64, host: &Host, language: Language) -> Self {
        let all = host.tools_now();
        let signatures = Signatures::new(&all, language);
        let mut tools: BTreeMap<String, Vec<Arc<Tool>>> = BTreeMap::new();
        for tool in all {
            tools.entry(tool.server.clone()).or_default().push(tool);
        }
        // A server that is not there has a name too: a call of it says why it is not.
        let missing = host.servers().into_iter().map(|server| server.name).filter(|name| !tools.contains_key(name));
        let missing: Vec<String> = missing.collect();
        let ids = namespaces(&missing.iter().map(String::as_str).collect::<Vec<_>>(), language);
        let there = tools.iter().filter_map(|(server, tools)| {
            let name = ToolName { server: server.clone(), tool: tools.first()?.name.clone() };
            Some(Namespace { name: signatures.path_of(&name)?.0.to_owned(), server: server.clone() })
        });
        let mut servers: Vec<Namespace> = there.collect();
        for (name, server) in ids.into_iter().zip(missing) {
            if servers.iter().all(|taken| taken.name != name) {
                servers.push(Namespace { name, server });
            }
        }
        servers.sort_by(|one, other| one.server.cmp(&other.server));
        Self { version, language, tools, signatures, servers, functions: Mutex::default() }
    }

    /// The servers that a script's text mentions, by identifier or by name; all, where it speaks of `tools`.
    pub(crate) fn mentioned(&self, code: &str) -> impl Iterator<Item = &Namespace> {
        let all = code.contains("tools");
        self.servers.iter().filter(move |n| all || code.contains(&n.name) || code.contains(&n.server))
    }

    fn functions(&self, server: &str) -> Functions {
        if let Some(functions) = self.functions.lock().get(server) {
            return functions.clone();
        }
        let tools = self.tools.get(server).map(Vec::as_slice).unwrap_or_default();
        let mut tools: Vec<_> = tools.iter().collect();
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        let functions: Functions =
            tools.into_iter().filter_map(|tool| Some((tool.clone(), self.function(tool)?))).collect();
        self.functions.lock().insert(server.to_owned(), functions.clone());
        functions
    }

    fn function(&self, tool: &Tool) -> Option<Function> {
        let name = ToolName { server: tool.server.clone(), tool: tool.name.clone() };
        let (_, id) = self.signatures.path_of(&name)?;
        let parameters = match self.language {
            Language::Python => python_parameters(tool),
            Language::TypeScript => {
                let properties = tool.input_schema.get("properties").and_then(|properties| properties.as_object());
                properties.into_iter().flat_map(|p| p.keys()).map(|key| (key.clone(), key.clone())).collect()
            }
        };
        let parameters = parameters.into_iter().map(|(name, argument)| Parameter { name, argument }).collect();
        Some(Function { name: id.to_owned(), tool: tool.name.clone(), parameters })
    }
}

/// The names that one run has: those of what it was granted.
pub(crate) struct Granted {
    pub(crate) names: Arc<CatalogNames>,
    pub(crate) grants: Grants,
}

impl Names for Granted {
    fn servers(&self) -> Vec<Namespace> {
        self.names.servers.iter().filter(|namespace| self.grants.reaches(&namespace.server)).cloned().collect()
    }

    fn functions(&self, server: &str) -> Vec<Function> {
        let functions = self.names.functions(server);
        let granted = functions.iter().filter(|(tool, _)| self.grants.allows(server, &tool.name, tool.effect));
        granted.map(|(_, function)| function.clone()).collect()
    }
}
