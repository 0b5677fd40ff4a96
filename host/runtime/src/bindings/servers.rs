//! The host's side of `tollgate:servers`.

use super::generated::tollgate::servers::servers_types as own;
use super::{add, ended, wit};
use crate::store::RunState;
use std::sync::Arc;
use tollgate_core::{Caller, Health, ServerInfo, Tool};
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker.instance("tollgate:servers/servers-types@0.1.0")?;
    for twin in ["servers", "servers-blocking"] {
        let mut servers = linker.instance(&format!("tollgate:servers/{twin}@0.1.0"))?;
        servers.func_wrap("list-servers", |store: StoreContextMut<'_, RunState>, (): ()| {
            Ok((store.data().caller.servers().into_iter().map(server).collect::<Vec<_>>(),))
        })?;
    }
    add(linker, "servers", "list-tools", |caller: Arc<dyn Caller>, (): ()| async move {
        let tools = caller.tools().await.map_err(ended)?;
        Ok::<_, wasmtime::Error>(tools.iter().map(|each| tool(each)).collect::<Vec<_>>())
    })?;
    add(
        linker,
        "servers",
        "gather-resources",
        |caller: Arc<dyn Caller>, asked: (Option<String>, Option<bool>)| async move {
            let (domain, fail_fast) = asked;
            Ok::<_, wasmtime::Error>(caller.gather(domain, fail_fast).await.map_err(wit::CallFailure::from))
        },
    )
}

fn server(info: ServerInfo) -> own::Server {
    own::Server {
        name: info.name,
        health: match info.health {
            Health::Ready => own::Health::Ready,
            Health::Connecting => own::Health::Connecting,
            Health::Idle => own::Health::Idle,
            Health::Failed => own::Health::Failed,
            Health::Broken => own::Health::Broken,
            Health::Stopped => own::Health::Stopped,
        },
        priority: info.priority,
        domains: info.domains,
        capabilities: info.capabilities,
        error: info.error,
    }
}

fn tool(tool: &Tool) -> own::ServerTool {
    own::ServerTool {
        server: tool.server.clone(),
        tool: wit::Tool {
            name: tool.name.clone(),
            title: tool.title.clone(),
            description: tool.description.clone(),
            input_schema: tool.input_schema.to_string(),
            output_schema: tool.output_schema.as_ref().map(ToString::to_string),
            annotations: tool.annotations.as_ref().map(ToString::to_string),
        },
    }
}
