//! The host's functions: those that a component imports, or those of [`testing`](crate::testing) where there is no Wasm.

#[cfg(target_family = "wasm")]
mod here {
    pub use crate::bindings::policy::tollgate::log::log::log;
    pub use crate::bindings::policy::tollgate::log::progress::progress;
    pub use crate::bindings::policy::tollgate::timer::timer::sleep;
    pub use crate::bindings::policy::tollgate::tools::tools::call_tool;

    pub mod blocking {
        pub use crate::bindings::policy_blocking::tollgate::timer::timer_blocking::sleep;
        pub use crate::bindings::policy_blocking::tollgate::tools::tools_blocking::{call_tool, call_tools};
    }
}

#[cfg(not(target_family = "wasm"))]
mod here {
    use crate::bindings::policy::tollgate::log::log::Level;
    use crate::bindings::types::{CallFailure, ToolResult};
    use crate::testing;

    #[allow(clippy::result_large_err, reason = "as the generated bindings have it")]
    pub async fn call_tool(server: String, tool: String, args: String) -> Result<ToolResult, CallFailure> {
        testing::call_tool(&server, &tool, &args)
    }

    pub async fn sleep(duration_ms: u64) {
        testing::sleep(duration_ms);
    }

    pub fn log(_level: Level, line: &str) {
        testing::log(line);
    }

    pub fn progress(_done: f64, _total: Option<f64>, _message: Option<&str>) {}

    #[allow(clippy::result_large_err, reason = "as the generated bindings have it")]
    pub mod blocking {
        use crate::bindings::types::{Call, CallFailure, ToolResult};
        pub(crate) use crate::testing::{call_tool, sleep};

        pub fn call_tools(calls: &[Call]) -> Vec<Result<ToolResult, CallFailure>> {
            calls.iter().map(|call| call_tool(&call.server, &call.tool, &call.args)).collect()
        }
    }
}

pub use here::*;
