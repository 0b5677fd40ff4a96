//! `tollgate servers`.

use crate::args::{Global, Servers};
use crate::exit::Failure;
use crate::print::{self, BAD, BOLD, GOOD, ODD, styled};
use crate::{setup, wait};
use tollgate::{ServerState, ServerStatus, Status};

pub(crate) async fn servers(global: &Global, args: Servers) -> Result<u8, Failure> {
    let config = setup::needed_configuration(global)?;
    let host = setup::builder(vec![], None)?.config(config).build().await?;
    tokio::select! {
        () = wait::wait(|| wait::connecting(&host), host.settled()) => {}
        () = setup::interrupted() => {
            host.shutdown().await;
            return Err(Failure::cancelled("cancelled"));
        }
    }
    let servers = host.servers();
    if servers.is_empty() {
        print::note("the configuration has no servers");
    }
    let shown = if args.json { print::json(&servers) } else { print::out(table(&servers)) };
    setup::warn_of_quarantined(&host);
    host.shutdown().await;
    let is_well = servers.is_empty() || servers.iter().any(ServerStatus::is_there);
    let is_well = is_well && !servers.iter().any(ServerStatus::is_missing);
    shown.map(|()| if is_well { 0 } else { Status::Unavailable.exit_code() })
}

fn table(servers: &[ServerStatus]) -> String {
    let rows = servers.iter().map(|server| {
        let (style, state) = match server.state {
            ServerState::Ready => (GOOD, "ready"),
            ServerState::Connecting => (ODD, "connecting"),
            ServerState::Idle => (ODD, "idle"),
            ServerState::Stopped => (ODD, "stopped"),
            ServerState::Failed => (BAD, "failed"),
        };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            styled(BOLD, &server.name),
            styled(style, state),
            server.transport.to_string(),
            or_dash(server.protocol.clone()),
            or_dash(server.version.as_ref().map(|v| print::line(v, 40))),
            server.tools.to_string(),
            or_dash(server.connect_ms.map(|ms| format!("{ms} ms"))),
            server.error.as_ref().map(|e| print::line(e, 300)).unwrap_or_default(),
        ]
    });
    print::table(&["SERVER", "STATE", "TRANSPORT", "PROTOCOL", "VERSION", "TOOLS", "CONNECT", "ERROR"], rows)
}
