//! The MCP client side of Tollgate: connections to many servers, their catalogs, and calls of their tools.
//!
//! [`Fleet`] is the way in: it implements [`tollgate_route::Backend`] over all servers that were added: one attempt at a
//! time. What is tried again, and where, is routing's matter. rmcp does the protocol and stays inside this crate.
//!
//! **Architecture invariant:** a result crosses as the text that the server sent. Nothing here parses it into
//! types and writes it again, so nothing of it is lost.
//!
//! **Architecture invariant:** each server has a task of its own, and no lock is shared between servers while
//! anything is awaited: one that is slow, missing, crashing or lying disturbs no other.
//!
//! # Layout
//!
//! - [`spec`]: what a server is, as the configuration says it; secrets that do not show.
//! - [`fleet`]: all servers under their names; reload. `server`: one of them, kept connected;
//!   attempts and what their failures mean (`server::calls`), how far it is (`server::phase`), its start and end on demand
//!   (`server::lazy`). `connect`: one try. [`status`]: how each server is. `kept`: catalogs on disk.
//! - `client`: one MCP session over rmcp: requests; `lists`, `subscriptions`, `fault` in it. `sending`: what goes over it. `carry`: how results pass rmcp as text.
//!   `freshness`: how long they may be kept.
//! - `handler`: what servers ask of us and tell us. `callers`: whose requests are in flight, so to whom that goes.
//! - Transports: `line` (child processes and streams) with `child`, and `direct`, the short way of requests over it; `http` under rmcp's Streamable HTTP;
//!   `sse` (HTTP+SSE of 2024-11-05). [`provider`]: servers that are not MCP.
//! - [`auth`]: OAuth towards servers. [`web`]: the HTTP clients of both, and what they keep to.
//! - `catalog`: the tools of a server. `schema`: arguments held against them, where that is `tame`. `near`: near names.
//! - `pins`: what was approved of tools, and the quarantine of those that are something else.
//! - `text`: foreign text made fit to be shown. Files for this user alone are `tollgate_secrets::private`'s matter.

pub mod auth;
mod callers;
mod carry;
mod catalog;
mod charge;
mod child;
mod client;
mod connect;
mod direct;
pub mod fleet;
mod freshness;
mod handler;
mod http;
mod kept;
mod line;
mod near;
mod pins;
pub mod provider;
mod schema;
mod sending;
mod server;
pub mod spec;
mod sse;
pub mod status;
mod tame;
mod text;
pub mod web;

pub use auth::file::FileTokenStore;
pub use auth::login::{LoginDone, LoginError, LoginPrompt, LoginUi, LogoutDone};
pub use auth::spec::{AuthSpec, ClientKey, KeyAlgorithm, OAuthGrant, OAuthSpec};
pub use auth::store::{Logins, MemoryTokenStore, StoreError, StoreLock, TokenKey, TokenOwner, TokenStore};
pub use child::INHERITED_ENV;
pub use fleet::{AddError, Applied, Fleet, FleetOptions};
pub use kept::CatalogStore;
pub use pins::file::PinStore;
pub use pins::{PinError, Quarantined};
pub use provider::ToolProvider;
pub use spec::{Duplex, HttpKind, Lazy, ServerSpec, StreamSource, Transport};
pub use status::{ServerState, ServerStatus};

use std::time::Duration;
use tollgate_core::Clock;

/// The target of this crate's log lines.
const LOG: &str = "tollgate::upstream";

/// `None` when `future` takes longer than `limit`.
async fn within<F: Future>(clock: &dyn Clock, limit: Duration, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.limit(limit) => None,
    }
}

fn bytes_text(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

fn duration_text(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64()).replace(".0 s", " s")
    }
}
