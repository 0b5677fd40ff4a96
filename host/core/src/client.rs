//! The agent's client behind a run: what servers may ask of it while they work for it, and what it is told.
//!
//! A server may want a language model's answer (sampling), a person's (elicitation), or the folders that it
//! may work in (roots). The host has none of these; the agent's client may. So a request of a server goes
//! to the client on whose behalf the server works at that moment, with the server's name.

use crate::BoxFuture;
use crate::call::RpcError;
use std::fmt;

/// What a server may ask a client for (MCP, "Client features").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AskKind {
    /// `sampling/createMessage`: an answer of the client's model.
    Sampling,
    /// `elicitation/create`: an answer of the person.
    Elicitation,
    /// `roots/list`: the folders that the client works in.
    Roots,
}

impl AskKind {
    /// The protocol's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Sampling => "sampling/createMessage",
            Self::Elicitation => "elicitation/create",
            Self::Roots => "roots/list",
        }
    }

    /// The kind of a method.
    pub fn of(method: &str) -> Option<Self> {
        [Self::Sampling, Self::Elicitation, Self::Roots].into_iter().find(|kind| kind.method() == method)
    }
}

/// A server's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The server that asks.
    pub server: String,
    /// The server's own name for the question, where it has one.
    pub key: Option<String>,
    /// What it asks for.
    pub kind: AskKind,
    /// The request's `params`, as JSON text.
    pub params: String,
}

/// What a client is told while a run of its goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// How far the run is.
    Progress {
        /// How much is done, in the run's own unit.
        done: f64,
        /// Of how much.
        total: Option<f64>,
        /// What it does now.
        message: Option<String>,
    },
    /// What the run wrote to stdout or stderr: whole lines, or the rest at its end.
    Output {
        /// Whether to stderr.
        error: bool,
        /// What it wrote. Bytes that were no UTF-8 are replaced.
        text: String,
    },
    /// A line of a log.
    Log {
        /// How grave it is, as MCP says it (RFC 5424): `debug` to `emergency`.
        level: String,
        /// Who wrote it: the server, or the policy.
        logger: String,
        /// What it says, as JSON text.
        data: String,
    },
}

/// The agent's client behind a run. A run that nobody's client asked for has none.
pub trait Client: fmt::Debug + Send + Sync + 'static {
    /// Which agent it belongs to: one connection of one principal. What is equal may answer for each other.
    fn agent(&self) -> &str;

    /// What it says that it can do: MCP's `ClientCapabilities`, as JSON text.
    fn capabilities(&self) -> &str;

    /// The least grave log lines that it wants of servers, as MCP says it (`debug` to `emergency`). One that says nothing
    /// else leaves it to each server.
    fn log_level(&self) -> Option<&str> {
        None
    }

    /// Asks the client, and waits for its answer: the result's JSON text. Dropping the future takes the
    /// question back.
    ///
    /// # Errors
    /// The client cannot, would not, or was not there any more.
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<String, RpcError>>;

    /// Tells the client. Never waits: a client that does not keep up misses some.
    fn tell(&self, notice: Notice);
}
