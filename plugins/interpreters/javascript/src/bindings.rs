//! Code generated from the WIT.

#![allow(missing_docs, clippy::all, clippy::restriction)]

wit_bindgen::generate!({
    path: ["../../../wit", "wit"],
    world: "tollgate:javascript/guest",
    generate_all,
    pub_export_macro: true,
});

pub use tollgate::ask::ask_types::{AskError, Reply};
pub use tollgate::log::log::Level;
pub use tollgate::model::model_types as model;
pub use tollgate::script::names::{Function, Namespace, Parameter};
pub use tollgate::servers::servers_types::{Health, Server};
pub use tollgate::state::state_types as state;
pub use tollgate::types::types::{CallError, CallFailure, Limit, RpcError, ToolResult, Violation};
