//! The servers and tools that a fake host lists.

use serde_json::Value;

use super::{FakeHost, installed};
use crate::bindings::policy::tollgate::servers::servers_types as wit;
use crate::bindings::types;
use crate::failure::{CallError, CallFailure};
use crate::servers::{Server, Tool};

#[derive(Default)]
pub(super) struct Servers {
    servers: Vec<Server>,
    tools: Vec<Tool>,
    resources: Option<Value>,
}

impl FakeHost {
    /// A server to list. One that has a [`tool`](Self::tool) is there already.
    #[must_use]
    pub fn server(self, server: Server) -> Self {
        {
            let servers = &mut self.0.borrow_mut().servers.servers;
            servers.retain(|other| other.name != server.name);
            servers.push(server);
            servers.sort_by_key(|server| server.priority);
        }
        self
    }

    /// A tool to list, and its server. Calls of it are answered as without this: see [`answer`](Self::answer).
    #[must_use]
    pub fn tool(self, tool: Tool) -> Self {
        let known = self.0.borrow().servers.servers.iter().any(|server| server.name == tool.server);
        let host = if known { self } else { self.server(Server::new(tool.server.clone())) };
        host.0.borrow_mut().servers.tools.push(tool);
        host
    }

    /// What [`gather_resources`](crate::servers::gather_resources) gives.
    #[must_use]
    pub fn resources(self, resources: Value) -> Self {
        self.0.borrow_mut().servers.resources = Some(resources);
        self
    }
}

pub(crate) fn list_servers() -> Vec<wit::Server> {
    let told = |server: &Server| {
        let Server { name, health, priority, domains, capabilities, error } = server.clone();
        wit::Server { name, health, priority, domains, capabilities, error }
    };
    installed().0.borrow().servers.servers.iter().map(told).collect()
}

pub(crate) fn list_tools() -> Vec<wit::ServerTool> {
    let told = |tool: &Tool| {
        let Tool { server, name, title, description, input_schema, output_schema, annotations } = tool.clone();
        let text = |json: Value| json.to_string();
        let (output_schema, annotations) = (output_schema.map(text), annotations.map(text));
        let input_schema = input_schema.to_string();
        wit::ServerTool {
            server,
            tool: types::Tool { name, title, description, input_schema, output_schema, annotations },
        }
    };
    installed().0.borrow().servers.tools.iter().map(told).collect()
}

#[allow(clippy::result_large_err, reason = "as the generated bindings have it")]
pub(crate) fn gather_resources(domain: Option<&str>, _fail_fast: Option<bool>) -> Result<String, types::CallFailure> {
    let FakeHost(state) = installed();
    let nothing = || {
        let why = CallError::Unavailable("the fake host has no resources".to_owned());
        CallFailure::unsent(domain.unwrap_or("*"), "resources/list", why).into()
    };
    state.borrow().servers.resources.as_ref().map(Value::to_string).ok_or_else(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers;
    use crate::testing::block_on;
    use serde_json::json;

    #[test]
    fn servers_tools_and_resources_are_listed_on_both_ways() {
        let search = Tool::new("crm", "search", json!({"type": "object"})).annotated(json!({"idempotentHint": true}));
        let shop = Server { priority: 5, domains: vec!["products".into()], ..Server::new("shop") };
        let host = FakeHost::new().tool(search.clone()).server(shop);
        let _host = host.resources(json!({"shop": {"resources": {}}})).install();
        let names: Vec<_> = servers::list().into_iter().map(|server| server.name).collect();
        assert_eq!(names, ["shop", "crm"]);
        assert_eq!(block_on(servers::tools()), [search]);
        assert_eq!(servers::blocking::tools(), block_on(servers::tools()));
        assert!(servers::blocking::tools()[0].is_repeatable());
        assert!(!servers::blocking::tools()[0].is_read_only());
        assert_eq!(block_on(servers::gather_resources(None, false)).unwrap()["shop"]["resources"], json!({}));
        assert_eq!(servers::blocking::list().len(), 2);
    }

    #[test]
    fn resources_that_are_not_there_are_a_failed_call() {
        let _host = FakeHost::new().install();
        let error = servers::blocking::gather_resources(Some("products"), true).unwrap_err();
        assert_eq!(error.cause().unwrap().error.kind(), "unavailable");
    }
}
