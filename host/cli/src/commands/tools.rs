//! `tollgate tools`.

use crate::args::{Global, Tools};
use crate::exit::Failure;
use crate::print::{self, BOLD, DIM, styled};
use crate::{setup, wait};
use std::io::IsTerminal as _;
use std::sync::Arc;
use tollgate::{EffectClass, Tool};

pub(crate) async fn tools(global: &Global, args: Tools) -> Result<u8, Failure> {
    let mut config = setup::needed_configuration(global)?;
    if let Some(server) = &args.server {
        setup::only_called(&mut config, server).map_err(|absent| absent.usage(server))?;
    }
    let host = setup::builder(vec![], None)?.config(config).build().await?;
    let listed = async {
        let mut tools = host.tools().await;
        tools.retain(|tool| wanted(tool, &args));
        tools
    };
    let tools = tokio::select! {
        tools = wait::wait(|| wait::connecting(&host), listed) => tools,
        () = setup::interrupted() => {
            host.shutdown().await;
            return Err(Failure::cancelled("cancelled"));
        }
    };
    setup::warn_of_failed(&host);
    setup::warn_of_quarantined(&host);
    let shown = show(&tools, &args);
    host.shutdown().await;
    shown.map(|()| 0)
}

fn wanted(tool: &Tool, args: &Tools) -> bool {
    let text = format!("{}:{} {}", tool.server, tool.name, tool.description).to_lowercase();
    args.server.as_ref().is_none_or(|server| *server == tool.server)
        && (!args.read_only || tool.effect == EffectClass::Read)
        && args.query.iter().all(|word| text.contains(&word.to_lowercase()))
}

fn show(tools: &[Arc<Tool>], args: &Tools) -> Result<(), Failure> {
    if args.json {
        return print::json(&tools.iter().map(|tool| tool.document()).collect::<Vec<_>>());
    }
    if tools.is_empty() {
        let wanted = !args.query.is_empty() || args.server.is_some() || args.read_only;
        print::note(if wanted { "no tool matches" } else { "no server has tools" });
        return Ok(());
    }
    if !std::io::stdout().is_terminal() {
        for tool in tools {
            print::out(format_args!(
                "{}:{}\t{}",
                tool.server,
                print::name(&tool.name),
                print::line(&tool.description, 200)
            ))?;
        }
        return Ok(());
    }
    let rows = tools.iter().map(|tool| {
        let name =
            format!("{}{}", styled(DIM, format_args!("{}:", tool.server)), styled(BOLD, print::name(&tool.name)));
        vec![name, effect(tool.effect).to_owned(), print::line(&tool.description, 160)]
    });
    print::out(print::table(&["TOOL", "EFFECT", "DESCRIPTION"], rows))
}

fn effect(effect: EffectClass) -> &'static str {
    match effect {
        EffectClass::Read => "read",
        EffectClass::Idempotent => "idempotent",
        EffectClass::NonIdempotent => "write",
        EffectClass::Unknown => "",
    }
}
