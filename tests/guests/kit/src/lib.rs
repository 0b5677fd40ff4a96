//! What the test guests share: the worlds' bindings without the SDK's care (nothing is checked, nothing is
//! tidied up), and short forms of a guest's exports.
//!
//! A guest is a crate of type `cdylib` whose `lib.rs` is one function and one of the macros:
//!
//! ```ignore
//! kit::policy!(run);
//!
//! async fn run(input: String) -> kit::Output {
//!     Ok(input)
//! }
//! ```

pub use futures_util::future::join_all;
pub use serde_json::{self, Value, json};
pub use wit_bindgen;

/// The world `policy`.
pub mod policy {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "policy",
        generate_all,
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// The world `policy-blocking`.
pub mod policy_blocking {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "policy-blocking",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::policy::tollgate::types::types,
            "tollgate:log/log@0.1.0": crate::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::policy::tollgate::log::progress,
        },
    });
}

/// The world `adapter`.
pub mod adapter {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "adapter",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::policy::tollgate::types::types,
            "tollgate:log/log@0.1.0": crate::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::policy::tollgate::log::progress,
            "tollgate:tools/tools@0.1.0": crate::policy::tollgate::tools::tools,
            "tollgate:resources/resources@0.1.0": crate::policy::tollgate::resources::resources,
            "tollgate:prompts/prompts@0.1.0": crate::policy::tollgate::prompts::prompts,
            "tollgate:timer/timer@0.1.0": crate::policy::tollgate::timer::timer,
        },
    });
}

/// The world `adapter-blocking`.
pub mod adapter_blocking {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "adapter-blocking",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::policy::tollgate::types::types,
            "tollgate:log/log@0.1.0": crate::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::policy::tollgate::log::progress,
            "tollgate:tools/tools-blocking@0.1.0": crate::policy_blocking::tollgate::tools::tools_blocking,
            "tollgate:resources/resources-blocking@0.1.0":
                crate::policy_blocking::tollgate::resources::resources_blocking,
            "tollgate:prompts/prompts-blocking@0.1.0": crate::policy_blocking::tollgate::prompts::prompts_blocking,
            "tollgate:timer/timer-blocking@0.1.0": crate::policy_blocking::tollgate::timer::timer_blocking,
        },
    });
}

/// Questions to people.
pub mod ask {
    pub use crate::policy::tollgate::ask::ask::ask;
    pub use crate::policy::tollgate::ask::ask_types::*;
}
/// Questions to models.
pub mod model {
    pub use crate::policy::tollgate::model::model::complete;
    pub use crate::policy::tollgate::model::model_types::*;
}
/// What servers there are.
pub mod servers {
    pub use crate::policy::tollgate::servers::servers::{gather_resources, list_servers, list_tools};
    pub use crate::policy::tollgate::servers::servers_types::*;
}
pub use policy::tollgate::log::{log, progress};
pub use policy::tollgate::prompts::prompts;
pub use policy::tollgate::resources::resources;
pub use policy::tollgate::timer::timer;
pub use policy::tollgate::tools::tools;
pub use policy::tollgate::types::types;
pub use policy_blocking::tollgate::{timer::timer_blocking, tools::tools_blocking};
pub use types::{CallError, CallFailure, Descriptor, PolicyError, Tool, ToolError, ToolResult};

/// What a policy's `run` returns.
pub type Output = Result<String, PolicyError>;
/// What an adapter's `call-tool` returns.
pub type Answer = Result<ToolResult, ToolError>;

/// Exports an `async fn run(input: String) -> kit::Output` as a policy; a second name is its `fn describe()
/// -> Descriptor`.
#[macro_export]
macro_rules! policy {
    ($run:ident) => {
        fn describe_plainly() -> $crate::Descriptor {
            $crate::descriptor(env!("CARGO_PKG_NAME"))
        }
        $crate::policy!($run, describe_plainly);
    };
    ($run:ident, $describe:ident) => {
        struct Exports;
        impl $crate::policy::Guest for Exports {
            fn describe() -> $crate::Descriptor {
                $describe()
            }
            async fn run(input: String) -> $crate::Output {
                $run(input).await
            }
        }
        $crate::policy::export!(Exports with_types_in $crate::policy);
    };
}

/// Exports a `fn run(input: String) -> kit::Output` as a blocking policy; a second name is its `describe`.
#[macro_export]
macro_rules! policy_blocking {
    ($run:ident) => {
        fn describe_plainly() -> $crate::Descriptor {
            $crate::descriptor(env!("CARGO_PKG_NAME"))
        }
        $crate::policy_blocking!($run, describe_plainly);
    };
    ($run:ident, $describe:ident) => {
        struct Exports;
        impl $crate::policy_blocking::Guest for Exports {
            fn describe() -> $crate::Descriptor {
                $describe()
            }
            fn run(input: String) -> $crate::Output {
                $run(input)
            }
        }
        $crate::policy_blocking::export!(Exports with_types_in $crate::policy_blocking);
    };
}

/// Exports a `fn list_tools() -> Vec<Tool>` and an `async fn call_tool(name: String, args: String) ->
/// kit::Answer` as an adapter.
#[macro_export]
macro_rules! adapter {
    ($list_tools:ident, $call_tool:ident) => {
        struct Exports;
        impl $crate::adapter::Guest for Exports {
            fn list_tools() -> Vec<$crate::Tool> {
                $list_tools()
            }
            async fn call_tool(name: String, args: String) -> $crate::Answer {
                $call_tool(name, args).await
            }
        }
        $crate::adapter::export!(Exports with_types_in $crate::adapter);
    };
}

/// Exports a `fn list_tools() -> Vec<Tool>` and a `fn call_tool(name: String, args: String) -> kit::Answer` as
/// a blocking adapter.
#[macro_export]
macro_rules! adapter_blocking {
    ($list_tools:ident, $call_tool:ident) => {
        struct Exports;
        impl $crate::adapter_blocking::Guest for Exports {
            fn list_tools() -> Vec<$crate::Tool> {
                $list_tools()
            }
            fn call_tool(name: String, args: String) -> $crate::Answer {
                $call_tool(name, args)
            }
        }
        $crate::adapter_blocking::export!(Exports with_types_in $crate::adapter_blocking);
    };
}

/// A description that says nothing of interest.
pub fn descriptor(name: &str) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        title: None,
        description: format!("The test guest {name}."),
        input_schema: "{}".to_owned(),
        output_schema: None,
        grants: vec![],
    }
}

/// A tool that takes any object.
pub fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        title: None,
        description: format!("The tool {name} of a test guest."),
        input_schema: r#"{"type":"object"}"#.to_owned(),
        output_schema: None,
        annotations: None,
    }
}

/// A tool's answer of one text.
pub fn text_result(text: &str) -> Answer {
    Ok(ToolResult { json: json!({"content": [{"type": "text", "text": text}]}).to_string() })
}

/// A failure with nothing but a message.
pub fn policy_error(message: impl Into<String>) -> PolicyError {
    PolicyError { message: message.into(), code: None, data: None, caused_by: None }
}

/// Reads the input, or a tool's arguments. A test that gives something else has a mistake: the guest traps.
pub fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("a test gives its guests JSON")
}

/// The case of a call's error, as the WIT names it.
pub fn kind(error: &CallError) -> &'static str {
    match error {
        CallError::Denied(_) => "denied",
        CallError::UnknownTool(_) => "unknown-tool",
        CallError::InvalidArguments(_) => "invalid-arguments",
        CallError::Failed(_) => "failed",
        CallError::Rejected(_) => "rejected",
        CallError::InvalidResponse(_) => "invalid-response",
        CallError::AuthRequired(_) => "auth-required",
        CallError::Unavailable(_) => "unavailable",
        CallError::Overloaded => "overloaded",
        CallError::TooLarge(_) => "too-large",
        CallError::TimedOut(_) => "timed-out",
        CallError::RateLimited(_) => "rate-limited",
        CallError::BudgetExhausted(_) => "budget-exhausted",
        CallError::Cancelled => "cancelled",
        CallError::OutcomeUnknown(_) => "outcome-unknown",
    }
}

/// What a call gave, with every field: `{"ok": CallToolResult}` or `{"error": {…}}`.
pub fn outcome(answer: &Result<ToolResult, CallFailure>) -> Value {
    let failure = match answer {
        Ok(result) => return json!({"ok": parse(&result.json)}),
        Err(failure) => failure,
    };
    let detail = match &failure.error {
        CallError::Denied(text)
        | CallError::InvalidResponse(text)
        | CallError::AuthRequired(text)
        | CallError::Unavailable(text)
        | CallError::TooLarge(text)
        | CallError::TimedOut(text)
        | CallError::OutcomeUnknown(text) => json!(text),
        CallError::UnknownTool(near) => json!(near),
        CallError::InvalidArguments(violations) => {
            violations.iter().map(|v| json!({"path": v.path, "message": v.message})).collect()
        }
        CallError::Failed(result) => parse(&result.json),
        CallError::Rejected(e) => {
            json!({"code": e.code, "message": e.message, "data": e.data.as_deref().map(parse)})
        }
        CallError::RateLimited(after_ms) => json!(after_ms),
        CallError::BudgetExhausted(limit) => {
            json!({"name": limit.name, "value": limit.value, "message": limit.message})
        }
        CallError::Overloaded | CallError::Cancelled => Value::Null,
    };
    json!({"error": {
        "server": failure.server,
        "tool": failure.tool,
        "attempts": failure.attempts,
        "elapsed_ms": failure.elapsed_ms,
        "kind": kind(&failure.error),
        "detail": detail,
    }})
}
