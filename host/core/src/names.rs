//! The names that a script has for what it may call.
//!
//! A script calls `my_server.list_issues(...)`; the server is named `my-server` and its tool `list-issues`. Which
//! identifiers stand for which names depends on the script's language. An interpreter asks when a script mentions a
//! server, so that a script pays nothing for the tools that it does not use.

/// A server, as a script names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// An identifier of the script's language.
    pub name: String,
    /// The server's name in the host's configuration.
    pub server: String,
}

/// A tool, as a script names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// An identifier of the script's language.
    pub name: String,
    /// The tool's name as its server lists it.
    pub tool: String,
    /// The tool's arguments, in the order of its schema.
    pub parameters: Vec<Parameter>,
}

/// An argument of a tool, as a script names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// An identifier of the script's language.
    pub name: String,
    /// The member of the tool's arguments that it becomes.
    pub argument: String,
}

/// The names that one run's script has for what the run may call.
pub trait Names: Send + Sync + 'static {
    /// The servers with tools that the run may call, by name.
    fn servers(&self) -> Vec<Namespace>;

    /// The tools of a server that the run may call, by name. None where there is no such server.
    fn functions(&self, server: &str) -> Vec<Function>;

    /// One of them: by its identifier, or by the name that its server lists it by. No tool's identifier is another's name.
    fn find(&self, server: &str, name: &str) -> Option<Function>;
}
