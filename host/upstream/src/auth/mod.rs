//! Authorisation towards servers: OAuth 2.1 as MCP's specification has it. rmcp does the protocol; what is here
//! decides where requests may go, keeps the tokens, and puts them on requests.
//!
//! **Architecture invariant:** the tokens on a request to a server are those that were got for it here. There is
//! no way in for the token of whoever calls the host, so none can be passed on.
//!
//! **Architecture invariant:** what a server's metadata names is reached through `guard` and no other way.
//!
//! # Layout
//!
//! - [`spec`]: what the configuration says. [`store`]: where tokens are kept; [`mod@file`]: in files.
//! - `guard`: which addresses may be reached for it, and the HTTP client that keeps to that.
//! - `authority`: one authorization server, found and spoken with. `entry`: what is kept of a login.
//! - `access`: the tokens of one server while it runs: renewed, stepped up, forgotten.
//! - [`login`]: a person logs in. `listener`: where the browser comes back to.

pub(crate) mod access;
mod authority;
mod entry;
pub mod file;
mod guard;
mod listener;
pub mod login;
pub mod spec;
pub mod store;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthFault {
    /// A person has to log in.
    #[error("{0}")]
    NeedsLogin(String),
    /// It did not work, and may work later.
    #[error("{0}")]
    Unavailable(String),
}

const MAX_SHOWN_CHARS: usize = 300;

/// An error and its causes, fit to be shown.
fn chain_text(error: &dyn std::error::Error) -> String {
    crate::text::clean(&without_users(&crate::text::with_causes(error)), MAX_SHOWN_CHARS)
}

/// Without what stands before an `@` in URLs.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| "/?# `\"".contains(c)).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or_default();
        out = format!("{out}://{host}{rest}");
    }
    out
}

/// rmcp logs codes and what else token endpoints send. Nothing of it is logged here.
async fn quiet<F: Future>(future: F) -> F::Output {
    use tracing::instrument::WithSubscriber;
    future.with_subscriber(tracing::subscriber::NoSubscriber::new()).await
}
