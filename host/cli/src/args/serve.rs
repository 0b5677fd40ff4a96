//! The commands around a host that serves: what it is told, how one that runs is asked, who logs in, what is approved.

use clap::{Args as ClapArgs, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Which host is meant that is running.
#[derive(Debug, ClapArgs)]
pub(crate) struct Running {
    /// The host's URL, as `http://127.0.0.1:8080`; without, the configuration's `serve.http.listen`
    #[arg(long, value_name = "URL", env = "TOLLGATE_URL")]
    pub(crate) to: Option<String>,
    /// A file with the bearer token that lets you in
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// Send the token over http to another machine too, where everybody on the way can read it
    #[arg(long, requires = "token_file")]
    pub(crate) allow_http: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) host: Running,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// How often it answered, and how much it holds
    Stats {
        #[command(flatten)]
        host: Running,
        /// Print one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Forget what is kept: all of it, or one server's
    Clear {
        /// Only this server's
        server: Option<String>,
        /// Only what is too old to be used
        #[arg(long, conflicts_with = "server")]
        expired: bool,
        #[command(flatten)]
        host: Running,
        /// Print one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
#[command(group(clap::ArgGroup::new("transport").args(["stdio", "http"])))]
pub(crate) struct Serve {
    /// Speak MCP on stdin and stdout (the default, unless the configuration has `serve.http.listen`)
    #[arg(long)]
    pub(crate) stdio: bool,
    /// Speak MCP over HTTP at this address, as `127.0.0.1:8080`, at the path /mcp. Port 0 takes one that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<std::net::SocketAddr>,
    /// With --stdio: speak for the host that serves HTTP at this URL, so that several clients share one set of servers
    #[arg(long, value_name = "URL", conflicts_with_all = ["http", "expose", "names"])]
    pub(crate) to: Option<String>,
    /// With --to: a file with the bearer token
    #[arg(long, value_name = "FILE", requires = "to", value_hint = ValueHint::FilePath)]
    pub(crate) to_token_file: Option<PathBuf>,
    /// With --to: send the token over http to another machine too, where everybody on the way can read it
    #[arg(long, requires = "to_token_file")]
    pub(crate) to_allow_http: bool,
    /// What agents see: `meta` (a few tools that find and call all others), `meta-full`, `policies`, `all`, or a list as `crm:*,customer-360` [default: meta, or the configuration's `serve.expose`]
    #[arg(long, value_name = "WHAT")]
    pub(crate) expose: Option<tollgate::Expose>,
    /// How tools are named [default: prefix, or the configuration's `serve.names.strategy`]
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) names: Option<Names>,
    /// What stands between server and tool [default: __, or the configuration's `serve.names.separator`]
    #[arg(long, value_name = "TEXT")]
    pub(crate) separator: Option<String>,
    /// Give a tool another name, as `crm:get_customer=customer`; beside those of the configuration. May be repeated
    #[arg(long = "rename", value_name = "SERVER:TOOL=NAME")]
    pub(crate) renames: Vec<String>,
    /// Grant agents only this: `crm:*`, `read-only`, `resource=files:*`. May be repeated; without, and without the configuration's `serve.grants`, they may use everything
    #[arg(long = "grant", value_name = "SCOPE")]
    pub(crate) grants: Vec<String>,
    /// Over HTTP, a file with bearer tokens, one a line as `NAME TOKEN` or `NAME sha256:HEX`; required when the address is not loopback and the configuration has none
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stdio", "to"], value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// Over HTTP, a name under which the host is reached, beside loopback's. May be repeated
    #[arg(long = "allow-host", value_name = "HOST", conflicts_with_all = ["stdio", "to"])]
    pub(crate) hosts: Vec<String>,
    /// Over HTTP, an origin whose web pages may call, as `https://app.example.com`. May be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN", conflicts_with_all = ["stdio", "to"])]
    pub(crate) origins: Vec<String>,
    /// Have the person behind the agent approve each call of these tools, as `*:delete_*`. May be repeated
    #[arg(long = "approve", value_name = "SERVER:TOOL")]
    pub(crate) approve: Vec<String>,
    /// Append the journal to this file, as JSON lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) journal: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Names {
    /// `server__tool`
    Prefix,
    /// Their own names; of several that want one, the first server of the configuration keeps it
    Priority,
    /// Their own names, the server in the description
    Label,
    /// Their own names; collisions are prefixed, and said in the log until `--rename` settles them
    Ask,
    /// Their own names, and resources under their own URIs: for a single server
    None,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Login {
    /// The server's name
    pub(crate) server: String,
    /// Print the address to open, and do not open it
    #[arg(long)]
    pub(crate) no_browser: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Logout {
    /// The server's name
    pub(crate) server: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Approve {
    /// A server, for all of its tools that are quarantined; or one tool, as `server:tool`
    #[arg(value_name = "SERVER[:TOOL]")]
    pub(crate) what: String,
    /// Approve without asking
    #[arg(long)]
    pub(crate) yes: bool,
}
