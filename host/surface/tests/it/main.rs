//! What agents see of tools, from outside: names, the search over 500 tools, signatures that compilers read.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod names;
mod rust;
mod search;
mod signature;
mod stubs;

use serde_json::Value;
use std::sync::Arc;
use tollgate_core::{EffectClass, Tool};

/// A tool as its server would list it.
fn tool(server: &str, name: &str, description: &str, input_schema: Value) -> Tool {
    Tool {
        server: server.to_owned(),
        name: name.to_owned(),
        title: None,
        description: description.to_owned(),
        input_schema,
        output_schema: None,
        annotations: None,
        other: serde_json::Map::new(),
        effect: EffectClass::Unknown,
    }
}

/// The 500 tools of 32 believable servers.
fn catalog() -> Vec<Arc<Tool>> {
    let listed: Vec<Value> = serde_json::from_str(include_str!("../data/tools.json")).unwrap();
    let read = |listed: &Value| {
        let text = |key: &str| listed[key].as_str().map(str::to_owned);
        let (server, name) = (text("server").unwrap(), text("name").unwrap());
        let mut tool = tool(&server, &name, &text("description").unwrap(), listed["inputSchema"].clone());
        tool.title = text("title");
        tool.annotations = listed.get("annotations").cloned();
        Arc::new(tool)
    };
    listed.iter().map(read).collect()
}
