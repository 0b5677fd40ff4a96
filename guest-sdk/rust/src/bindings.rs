//! Code generated from the WIT, one module a world.
//!
//! The asynchronous worlds and the blocking ones share the types and the plain interfaces.
//! All are compiled here once; a component takes the exports of the one that its macro names,
//! and the linker drops every import that it does not call.

#![allow(missing_docs, clippy::all, clippy::restriction, reason = "it is generated")]

pub mod policy {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy",
        generate_all,
        pub_export_macro: true,
    });
}

pub mod policy_blocking {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy-blocking",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::bindings::policy::tollgate::types::types,
            "tollgate:state/state-types@0.1.0": crate::bindings::policy::tollgate::state::state_types,
            "tollgate:servers/servers-types@0.1.0": crate::bindings::policy::tollgate::servers::servers_types,
            "tollgate:model/model-types@0.1.0": crate::bindings::policy::tollgate::model::model_types,
            "tollgate:ask/ask-types@0.1.0": crate::bindings::policy::tollgate::ask::ask_types,
            "tollgate:log/log@0.1.0": crate::bindings::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::bindings::policy::tollgate::log::progress,
        },
    });
}

pub mod adapter {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "adapter",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::bindings::policy::tollgate::types::types,
            "tollgate:state/state-types@0.1.0": crate::bindings::policy::tollgate::state::state_types,
            "tollgate:servers/servers-types@0.1.0": crate::bindings::policy::tollgate::servers::servers_types,
            "tollgate:model/model-types@0.1.0": crate::bindings::policy::tollgate::model::model_types,
            "tollgate:ask/ask-types@0.1.0": crate::bindings::policy::tollgate::ask::ask_types,
            "tollgate:log/log@0.1.0": crate::bindings::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::bindings::policy::tollgate::log::progress,
            "tollgate:tools/tools@0.1.0": crate::bindings::policy::tollgate::tools::tools,
            "tollgate:resources/resources@0.1.0": crate::bindings::policy::tollgate::resources::resources,
            "tollgate:prompts/prompts@0.1.0": crate::bindings::policy::tollgate::prompts::prompts,
            "tollgate:timer/timer@0.1.0": crate::bindings::policy::tollgate::timer::timer,
            "tollgate:state/state@0.1.0": crate::bindings::policy::tollgate::state::state,
            "tollgate:servers/servers@0.1.0": crate::bindings::policy::tollgate::servers::servers,
            "tollgate:model/model@0.1.0": crate::bindings::policy::tollgate::model::model,
            "tollgate:ask/ask@0.1.0": crate::bindings::policy::tollgate::ask::ask,
        },
    });
}

pub mod adapter_blocking {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "adapter-blocking",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::bindings::policy::tollgate::types::types,
            "tollgate:state/state-types@0.1.0": crate::bindings::policy::tollgate::state::state_types,
            "tollgate:servers/servers-types@0.1.0": crate::bindings::policy::tollgate::servers::servers_types,
            "tollgate:model/model-types@0.1.0": crate::bindings::policy::tollgate::model::model_types,
            "tollgate:ask/ask-types@0.1.0": crate::bindings::policy::tollgate::ask::ask_types,
            "tollgate:log/log@0.1.0": crate::bindings::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::bindings::policy::tollgate::log::progress,
            "tollgate:tools/tools-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::tools::tools_blocking,
            "tollgate:resources/resources-blocking@0.1.0":
                crate::bindings::policy_blocking::tollgate::resources::resources_blocking,
            "tollgate:prompts/prompts-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::prompts::prompts_blocking,
            "tollgate:timer/timer-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::timer::timer_blocking,
            "tollgate:state/state-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::state::state_blocking,
            "tollgate:servers/servers-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::servers::servers_blocking,
            "tollgate:model/model-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::model::model_blocking,
            "tollgate:ask/ask-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::ask::ask_blocking,
        },
    });
}

pub mod full_adapter {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "full-adapter",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::bindings::policy::tollgate::types::types,
            "tollgate:state/state-types@0.1.0": crate::bindings::policy::tollgate::state::state_types,
            "tollgate:servers/servers-types@0.1.0": crate::bindings::policy::tollgate::servers::servers_types,
            "tollgate:model/model-types@0.1.0": crate::bindings::policy::tollgate::model::model_types,
            "tollgate:ask/ask-types@0.1.0": crate::bindings::policy::tollgate::ask::ask_types,
            "tollgate:log/log@0.1.0": crate::bindings::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::bindings::policy::tollgate::log::progress,
            "tollgate:tools/tools@0.1.0": crate::bindings::policy::tollgate::tools::tools,
            "tollgate:resources/resources@0.1.0": crate::bindings::policy::tollgate::resources::resources,
            "tollgate:prompts/prompts@0.1.0": crate::bindings::policy::tollgate::prompts::prompts,
            "tollgate:timer/timer@0.1.0": crate::bindings::policy::tollgate::timer::timer,
            "tollgate:state/state@0.1.0": crate::bindings::policy::tollgate::state::state,
            "tollgate:servers/servers@0.1.0": crate::bindings::policy::tollgate::servers::servers,
            "tollgate:model/model@0.1.0": crate::bindings::policy::tollgate::model::model,
            "tollgate:ask/ask@0.1.0": crate::bindings::policy::tollgate::ask::ask,
        },
    });
}

pub mod full_adapter_blocking {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "full-adapter-blocking",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:resources/resources-types@0.1.0": crate::bindings::full_adapter::tollgate::resources::resources_types,
            "tollgate:prompts/prompts-types@0.1.0": crate::bindings::full_adapter::tollgate::prompts::prompts_types,
            "tollgate:types/types@0.1.0": crate::bindings::policy::tollgate::types::types,
            "tollgate:state/state-types@0.1.0": crate::bindings::policy::tollgate::state::state_types,
            "tollgate:servers/servers-types@0.1.0": crate::bindings::policy::tollgate::servers::servers_types,
            "tollgate:model/model-types@0.1.0": crate::bindings::policy::tollgate::model::model_types,
            "tollgate:ask/ask-types@0.1.0": crate::bindings::policy::tollgate::ask::ask_types,
            "tollgate:log/log@0.1.0": crate::bindings::policy::tollgate::log::log,
            "tollgate:log/progress@0.1.0": crate::bindings::policy::tollgate::log::progress,
            "tollgate:tools/tools-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::tools::tools_blocking,
            "tollgate:resources/resources-blocking@0.1.0":
                crate::bindings::policy_blocking::tollgate::resources::resources_blocking,
            "tollgate:prompts/prompts-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::prompts::prompts_blocking,
            "tollgate:timer/timer-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::timer::timer_blocking,
            "tollgate:state/state-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::state::state_blocking,
            "tollgate:servers/servers-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::servers::servers_blocking,
            "tollgate:model/model-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::model::model_blocking,
            "tollgate:ask/ask-blocking@0.1.0": crate::bindings::policy_blocking::tollgate::ask::ask_blocking,
        },
    });
}

pub mod document_adapter {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "document-adapter",
        generate_all,
        pub_export_macro: true,
        with: {
            "tollgate:types/types@0.1.0": crate::bindings::policy::tollgate::types::types,
            "tollgate:log/log@0.1.0": crate::bindings::policy::tollgate::log::log,
            "tollgate:timer/timer@0.1.0": crate::bindings::policy::tollgate::timer::timer,
        },
    });
}

pub use policy::tollgate::types::types;
