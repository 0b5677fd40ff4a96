//! The host's functions: those that a component imports, or those of [`testing`](crate::testing) where there is no Wasm.

#[cfg(target_family = "wasm")]
mod here {
    pub use crate::bindings::policy::tollgate::log::log::log;
    pub use crate::bindings::policy::tollgate::log::progress::progress;
    pub use crate::bindings::policy::tollgate::timer::timer::sleep;
    pub use crate::bindings::policy::tollgate::tools::tools::call_tool;
    pub use crate::bindings::policy::tollgate::{ask::ask, model::model, servers::servers, state::state};

    pub mod blocking {
        use crate::bindings::policy_blocking::tollgate as own;

        pub use own::timer::timer_blocking::sleep;
        pub use own::tools::tools_blocking::{call_tool, call_tools};
        pub use own::{
            ask::ask_blocking as ask, model::model_blocking as model, servers::servers_blocking as servers,
            state::state_blocking as state,
        };
    }
}

#[cfg(not(target_family = "wasm"))]
#[allow(clippy::result_large_err, reason = "as the generated bindings have it")]
mod here {
    use crate::bindings::policy::tollgate::log::log::Level;
    use crate::bindings::types::{CallFailure, ToolResult};
    use crate::testing;

    pub async fn call_tool(server: String, tool: String, args: String) -> Result<ToolResult, CallFailure> {
        testing::call_tool_at_once(&server, &tool, &args).await
    }

    pub async fn sleep(duration_ms: u64) {
        testing::sleep(duration_ms);
    }

    pub fn log(_level: Level, line: &str) {
        testing::log(line);
    }

    pub fn progress(_done: f64, _total: Option<f64>, message: Option<&str>) {
        testing::progress(message.unwrap_or_default());
    }

    pub mod state {
        use crate::bindings::policy::tollgate::state::state_types::{Entry, Expected, Page, StateError, Version};
        use crate::testing::state as fake;

        pub async fn get(key: String) -> Result<Option<Entry>, StateError> {
            fake::get(&key)
        }

        pub async fn set(key: String, value: String, expected: Expected) -> Result<Version, StateError> {
            fake::set(&key, &value, expected)
        }

        pub async fn delete(key: String, expected: Option<Version>) -> Result<bool, StateError> {
            fake::delete(&key, expected)
        }

        pub async fn list_keys(prefix: String, after: Option<String>, limit: Option<u32>) -> Result<Page, StateError> {
            fake::list_keys(&prefix, after.as_deref(), limit)
        }
    }

    pub mod model {
        use crate::bindings::policy::tollgate::model::model_types::{Completion, Message, ModelError, Options, Tool};

        pub async fn complete(
            messages: Vec<Message>,
            tools: Vec<Tool>,
            options: Options,
        ) -> Result<Completion, ModelError> {
            crate::testing::complete(&messages, &tools, &options)
        }
    }

    pub mod ask {
        use crate::bindings::policy::tollgate::ask::ask_types::{AskError, Reply};

        pub async fn ask(message: String, schema: String) -> Result<Reply, AskError> {
            crate::testing::ask(&message, &schema)
        }
    }

    pub mod servers {
        use crate::bindings::policy::tollgate::servers::servers_types::ServerTool;
        use crate::bindings::types::CallFailure;
        use crate::testing::servers as fake;
        pub(crate) use fake::list_servers;

        pub async fn list_tools() -> Vec<ServerTool> {
            fake::list_tools()
        }

        pub async fn gather_resources(domain: Option<String>, fail_fast: Option<bool>) -> Result<String, CallFailure> {
            fake::gather_resources(domain.as_deref(), fail_fast)
        }
    }

    pub mod blocking {
        use crate::bindings::types::{Call, CallFailure, ToolResult};
        pub(crate) use crate::testing::{call_tool, sleep};

        pub fn call_tools(calls: &[Call]) -> Vec<Result<ToolResult, CallFailure>> {
            calls.iter().map(|call| call_tool(&call.server, &call.tool, &call.args)).collect()
        }

        pub(crate) mod state {
            pub(crate) use crate::testing::state::{delete, get, list_keys, set};
        }

        pub(crate) mod model {
            pub(crate) use crate::testing::complete;
        }

        pub(crate) mod ask {
            pub(crate) use crate::testing::ask;
        }

        pub(crate) mod servers {
            pub(crate) use crate::testing::servers::{gather_resources, list_servers, list_tools};
        }
    }
}

pub use here::*;
