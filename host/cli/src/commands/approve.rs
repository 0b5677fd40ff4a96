//! `tollgate approve`.

use crate::args::{Approve, Global};
use crate::exit::{ERROR, Failure};
use crate::print::{self, BOLD, styled};
use crate::setup;
use std::io::IsTerminal as _;
use tollgate::config::Config;
use tollgate::{Host, Quarantined, ServerState, Status};

pub(crate) async fn approve(global: &Global, args: Approve) -> Result<u8, Failure> {
    let (server, tool) = match args.what.split_once(':') {
        Some((server, tool)) => (server, Some(tool)),
        None => (args.what.as_str(), None),
    };
    let mut config = setup::needed_configuration(global)?;
    check_pinned(&config, server)?;
    // The others are not needed, so they are not started.
    config.servers.retain(|other| *other.name == server);
    let host = setup::builder(vec![], None)?.config(config).build().await?;
    let done = tokio::select! {
        done = look_and_approve(&host, server, tool, args.yes) => done,
        () = setup::interrupted() => Err(cancelled()),
    };
    host.shutdown().await;
    done
}

fn check_pinned(config: &Config, server: &str) -> Result<(), Failure> {
    match config.enabled().find(|known| *known.name == server) {
        Some(known) if known.tools.pin => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "`{server}` is not pinned, so none of its tools needs approval; pin it with `tools: {{pin: true}}`"
        ))),
        None => {
            let known: Vec<_> = config.enabled().map(|server| server.name.value.as_str()).collect();
            Err(Failure::usage(format!("no server is named `{server}`; there is {}", known.join(", "))))
        }
    }
}

async fn look_and_approve(host: &Host, server: &str, tool: Option<&str>, yes: bool) -> Result<u8, Failure> {
    let tools = host.tools().await;
    if let Some(status) = host.servers().into_iter().find(|status| status.state != ServerState::Ready) {
        let why = print::visible(status.error.as_deref().unwrap_or("it is not ready"));
        let message = format!("`{server}` is not available: {why}");
        return Err(Failure { code: Status::Unavailable.exit_code(), message });
    }
    let mut quarantined = host.quarantined();
    if let Some(tool) = tool {
        quarantined.retain(|held| held.tool() == tool);
        if quarantined.is_empty() && !tools.iter().any(|known| known.name == tool) {
            return Err(Failure::usage(format!(
                "`{server}` has no tool `{tool}`; `tollgate tools` lists what there is"
            )));
        }
    }
    if quarantined.is_empty() {
        print::note("nothing is quarantined");
        return Ok(0);
    }
    let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !yes && !can_ask {
        quarantined.iter().for_each(show);
        let message = "there is no terminal to ask on; give --yes to approve this".to_owned();
        return Err(Failure { code: Status::Denied.exit_code(), message });
    }
    let (mut approved, mut refused) = (Vec::new(), 0);
    for held in quarantined {
        show(&held);
        // The person at the terminal decides about each tool.
        if yes || setup::answers_yes("Approve this? [y/N] ").await.ok_or_else(cancelled)? {
            approved.push(held);
        } else {
            refused += 1;
        }
    }
    host.approve(&approved)
        .await
        .map_err(|error| Failure { code: ERROR, message: print::visible(&error.to_string()) })?;
    print::note(format_args!("{} approved, {refused} still quarantined", approved.len()));
    Ok(if refused > 0 { Status::Denied.exit_code() } else { 0 })
}

fn show(held: &Quarantined) {
    let name = format!("{}:{}", held.server(), held.tool());
    print::note(format_args!("{} {}", styled(BOLD, print::name(&name)), print::visible(&held.why())));
    for change in held.changes() {
        print::note(format_args!("  {}", print::visible(&change)));
    }
}

fn cancelled() -> Failure {
    Failure { code: Status::Cancelled.exit_code(), message: "cancelled; nothing was approved".into() }
}
