//! Which servers there are, what they can do, and what they have together. What this run was not granted is not there.
//!
//! ```
//! use tollgate_sdk::prelude::*;
//! use tollgate_sdk::servers;
//! # use tollgate_sdk::testing::{FakeHost, block_on};
//!
//! /// The tools that only read, as `server:tool`.
//! async fn readers() -> Vec<String> {
//!     servers::tools().await.iter().filter(|tool| tool.is_read_only()).map(servers::Tool::full_name).collect()
//! }
//!
//! let search = servers::Tool::new("crm", "search", json!({"type": "object"})).annotated(json!({"readOnlyHint": true}));
//! let host = FakeHost::new().tool(search).install();
//! assert_eq!(block_on(readers()), ["crm:search"]);
//! ```
//!
//! A function that is not `async` has [`blocking`].

use serde_json::Value;

use crate::bindings::policy::tollgate::servers::servers_types as wit;
use crate::resources::parsed;
use crate::{CallFailure, Result, host};

pub use wit::Health;

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name in the host's configuration.
    pub name: String,
    /// How it is.
    pub health: Health,
    /// Which is asked first where several could answer: the lowest number, from 1 to 999.
    pub priority: u16,
    /// The topics that it answers for. A call may name one in place of a server: `domain:products:get_product`.
    pub domains: Vec<String>,
    /// Routing labels of what it can do.
    pub capabilities: Vec<String>,
    /// Why it is not there, where it is not.
    pub error: Option<String>,
}

impl Server {
    /// A server that answers, of priority 100, for tests.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            health: Health::Ready,
            priority: 100,
            domains: Vec::new(),
            capabilities: Vec::new(),
            error: None,
        }
    }
}

/// A tool, and its server.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The server's name in the host's configuration.
    pub server: String,
    /// The tool's name, as its server lists it.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it does. The server's own words: not to be trusted more than the server.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the structured result, where it is known.
    pub output_schema: Option<Value>,
    /// MCP's tool annotations, where there are any.
    pub annotations: Option<Value>,
}

impl Tool {
    /// A tool of this schema, for tests.
    pub fn new(server: impl Into<String>, name: impl Into<String>, input_schema: Value) -> Self {
        Self {
            server: server.into(),
            name: name.into(),
            title: None,
            description: String::new(),
            input_schema,
            output_schema: None,
            annotations: None,
        }
    }

    /// The same tool with this description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The same tool with these annotations.
    #[must_use]
    pub fn annotated(mut self, annotations: Value) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// `server:tool`, as [`call`](crate::call) takes it.
    pub fn full_name(&self) -> String {
        format!("{}:{}", self.server, self.name)
    }

    /// Whether the server says that the tool changes nothing (`readOnlyHint`).
    pub fn is_read_only(&self) -> bool {
        self.hint("readOnlyHint")
    }

    /// Whether the server says that a call made twice changes no more than one made once: the tool only reads, or is
    /// idempotent (`idempotentHint`).
    pub fn is_repeatable(&self) -> bool {
        self.is_read_only() || self.hint("idempotentHint")
    }

    fn hint(&self, name: &str) -> bool {
        self.annotations.as_ref().and_then(|hints| hints.get(name)).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// The servers of which this run may call or read something, the lowest priority number first. Waits for none.
pub fn list() -> Vec<Server> {
    host::servers::list_servers().into_iter().map(Into::into).collect()
}

/// The tools that this run may call. Waits for servers that are connecting.
pub async fn tools() -> Vec<Tool> {
    host::servers::list_tools().await.into_iter().map(Into::into).collect()
}

/// The resources of all servers at once: an object by server, each with `priority`, `domains`, `capabilities`, and
/// `resources` (by name) or `error`. With `fail_fast` the first error ends it (`None`: as the host is configured). With a domain, those of the best server of
/// the domain that answers, and only those. Needs grants `resource=SERVER:URI`.
///
/// # Errors
/// Those of [`call`](crate::call).
pub async fn gather_resources(domain: Option<&str>, fail_fast: impl Into<Option<bool>>) -> Result<Value> {
    parsed(
        host::servers::gather_resources(domain.map(str::to_owned), fail_fast.into())
            .await
            .map_err(CallFailure::from)?,
    )
}

impl From<wit::Server> for Server {
    fn from(server: wit::Server) -> Self {
        let wit::Server { name, health, priority, domains, capabilities, error } = server;
        Self { name, health, priority, domains, capabilities, error }
    }
}

impl From<wit::ServerTool> for Tool {
    fn from(wit::ServerTool { server, tool }: wit::ServerTool) -> Self {
        let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            server,
            name: tool.name,
            title: tool.title,
            description: tool.description,
            input_schema: json(&tool.input_schema),
            output_schema: tool.output_schema.as_deref().map(json),
            annotations: tool.annotations.as_deref().map(json),
        }
    }
}

/// The same for functions that are not `async`.
pub mod blocking {
    use super::{CallFailure, Result, Server, Tool, Value, parsed};
    use crate::host::blocking::servers as host;

    /// As [`super::list`].
    pub fn list() -> Vec<Server> {
        host::list_servers().into_iter().map(Into::into).collect()
    }

    /// As [`super::tools`].
    pub fn tools() -> Vec<Tool> {
        host::list_tools().into_iter().map(Into::into).collect()
    }

    /// As [`super::gather_resources`].
    ///
    /// # Errors
    /// Those of [`super::gather_resources`].
    pub fn gather_resources(domain: Option<&str>, fail_fast: impl Into<Option<bool>>) -> Result<Value> {
        parsed(host::gather_resources(domain, fail_fast.into()).map_err(CallFailure::from)?)
    }
}
