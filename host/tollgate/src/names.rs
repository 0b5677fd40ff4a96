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
    functions: Mutex<HashMap<String, Arc<Functions>>>,
}

/// A server's tools, each with what scripts call it.
#[derive(Default)]
struct Functions {
    all: Vec<(Arc<Tool>, Function)>,
    /// Where each is, by its identifier and by its own name: a name that can be an identifier is no other tool's.
    by_name: HashMap<String, usize>,
}

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

    fn functions(&self, server: &str) -> Arc<Functions> {
        if let Some(functions) = self.functions.lock().get(server) {
            return functions.clone();
        }
        // A script may ask for any name, as often as it likes: nothing is kept for those that are none.
        let Some(tools) = self.tools.get(server) else { return Arc::default() };
        let mut tools: Vec<_> = tools.iter().collect();
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        let all: Vec<_> = tools.into_iter().filter_map(|tool| Some((tool.clone(), self.function(tool)?))).collect();
        let names = |(at, (_, function)): (usize, &(_, Function))| {
            [&function.name, &function.tool].map(|name| (name.clone(), at))
        };
        let by_name = all.iter().enumerate().flat_map(names).collect();
        let functions = Arc::new(Functions { all, by_name });
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

impl Granted {
    fn granted(&self, tool: &Tool, function: &Function) -> Option<Function> {
        self.grants.allows(&tool.server, &tool.name, tool.effect).then(|| function.clone())
    }
}

impl Names for Granted {
    fn servers(&self) -> Vec<Namespace> {
        self.names.servers.iter().filter(|namespace| self.grants.reaches(&namespace.server)).cloned().collect()
    }

    fn functions(&self, server: &str) -> Vec<Function> {
        let functions = self.names.functions(server);
        functions.all.iter().filter_map(|(tool, function)| self.granted(tool, function)).collect()
    }

    fn find(&self, server: &str, name: &str) -> Option<Function> {
        let functions = self.names.functions(server);
        let (tool, function) = functions.all.get(*functions.by_name.get(name)?)?;
        self.granted(tool, function)
    }
}
