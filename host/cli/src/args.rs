//! The command line.

mod limits;
mod serve;
mod state;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
pub(crate) use limits::LimitFlags;
pub(crate) use serve::{Approve, CacheCommand, Login, Logout, Names, Running, Serve, Status};
pub(crate) use state::{Owner, StateCommand};
use std::path::PathBuf;
use tollgate::{Approvals, Grants, LimitKind, ToolName};

/// A WebAssembly host for MCP: sandboxed policies call the tools of many servers.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Commands,
}

/// What every command has stands below its own options.
const GLOBAL: &str = "Global options";

#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// The configuration file (YAML, TOML or JSON; an `mcpServers` file of another client works). Naming it is consent to start what it says
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Say more on stderr; twice for still more
    #[arg(short, long, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// What to log on stderr: `warn`, `debug`, or a filter such as `tollgate=debug,rmcp=info`
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILTER", value_parser = filter, conflicts_with = "verbose")]
    pub(crate) log_level: Option<String>,
    /// When to use colours; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    /// Run five servers and one policy, with no set-up
    Demo(Demo),
    /// Run a policy: a component, a script, or a name from the configuration
    Run(Run),
    /// Run a script: JavaScript, TypeScript or Python
    Exec(Exec),
    /// Call one tool
    Call(Call),
    /// List or search the tools of all servers
    Tools(Tools),
    /// List the servers and their state
    Servers(Servers),
    /// Have a language model answer a question with the tools
    Ask(Ask),
    /// Be an MCP server in front of all servers and policies
    Serve(Serve),
    /// Show the servers, calls and cache of a host that serves
    Status(Status),
    /// Show or clear the answers that a serving host keeps
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Log in to a server (OAuth)
    Login(Login),
    /// Forget a login
    Logout(Logout),
    /// Review tools that changed, and approve them as they are now
    Approve(Approve),
    /// Write the types of all tools, for your editor
    Bindings(Bindings),
    /// List the interpreters of scripts, or compile them
    Interpreters(Interpreters),
    /// Show what a component imports, exports and may use
    Check(Check),
    /// Create a project that builds and runs
    New(New),
    /// Build a project
    Build(Build),
    /// List, set or check secrets
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Show or clear what components keep from run to run
    #[command(subcommand)]
    State(StateCommand),
    /// Pin components and API documents, or show what changed
    Lock(Lock),
    /// Add a server: an API, a component, a URL
    #[command(subcommand)]
    Add(AddCommand),
    /// Convert another program's configuration
    Import(Import),
    /// Check the configuration, or print its schema
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Allow a configuration that was found to start its commands
    Trust(Trust),
    /// Print a completion script for a shell
    Completions(Completions),
}

impl Commands {
    /// Whether one JSON document was asked for.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Demo(Demo { json, .. })
            | Self::Run(Run { flags: RunFlags { json, .. }, .. })
            | Self::Exec(Exec { flags: RunFlags { json, .. }, .. })
            | Self::Call(Call { json, .. })
            | Self::Tools(Tools { json, .. })
            | Self::Servers(Servers { json })
            | Self::Status(Status { json, .. })
            | Self::Cache(CacheCommand::Stats { json, .. } | CacheCommand::Clear { json, .. })
            | Self::Ask(Ask { flags: RunFlags { json, .. }, .. })
            | Self::Interpreters(Interpreters { json, .. })
            | Self::Lock(Lock { json, .. })
            | Self::Secrets(SecretsCommand::List { json } | SecretsCommand::Check { json })
            | Self::State(
                StateCommand::List { json, .. } | StateCommand::Get { json, .. } | StateCommand::Clear { json, .. },
            )
            | Self::Check(Check { json, .. }) => *json,
            Self::Serve(_)
            | Self::Login(_)
            | Self::Logout(_)
            | Self::Approve(_)
            | Self::Bindings(_)
            | Self::New(_)
            | Self::Build(_)
            | Self::Secrets(SecretsCommand::Set { .. })
            | Self::Import(_)
            | Self::Add(_)
            | Self::Config(_)
            | Self::Trust(_)
            | Self::Completions(_) => false,
        }
    }

    /// Whether that document would be a run's report.
    pub(crate) fn is_run(&self) -> bool {
        matches!(self, Self::Demo(_) | Self::Run(_) | Self::Exec(_) | Self::Ask(_))
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// The customer to ask about
    #[arg(long, default_value = "john.smith@acme.com")]
    pub(crate) email: String,
    /// Print one JSON document on stdout: the run's report
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The component's file, a script's, or a policy's name in the configuration
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) policy: String,
    /// The input: JSON, `@FILE`, or `-` for stdin
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "{}", hide_default_value = true)]
    pub(crate) input: String,
    /// Go on with a plan that was begun under this name, without repeating what is done (for `planner`)
    #[arg(long, value_name = "ID")]
    pub(crate) resume: Option<String>,
    /// Exit with 0 though a plan was done in part only (for `planner`)
    #[arg(long)]
    pub(crate) allow_partial: bool,
    #[command(flatten)]
    pub(crate) flags: RunFlags,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Exec {
    /// The script's file, or `-` for stdin
    #[arg(default_value = "-", hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: String,
    /// Its language; without, the file's extension or its first line (`#!`) says it
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: Option<String>,
    /// What the script sees as `input`: JSON, `@FILE`, or `-` for stdin
    #[arg(long, value_name = "JSON|@FILE|-", default_value = "null", hide_default_value = true)]
    pub(crate) input: String,
    #[command(flatten)]
    pub(crate) flags: RunFlags,
}

/// What each run can be told, of a policy or a script.
#[derive(Debug, ClapArgs)]
pub(crate) struct RunFlags {
    /// Grant the run something: `crm:*`, `tool=crm:get_*`, `crm:*!read-only`, `read-only`. May be repeated
    #[arg(long = "grant", value_name = "SCOPE")]
    pub(crate) grants: Vec<String>,
    /// Ask before each call of these tools, as `*:delete_*`: the call is shown, and made if you say so. May be repeated
    #[arg(long = "approve", value_name = "SERVER:TOOL")]
    pub(crate) approve: Vec<String>,
    /// Show each call on stderr when it ends
    #[arg(long)]
    pub(crate) trace: bool,
    /// Append the journal to this file, as JSON lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) journal: Option<PathBuf>,
    /// Print one JSON document on stdout: the run's report
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Bindings {
    /// The language: `ts` (`tollgate.d.ts`), `python` (`unified_api.pyi`) or `rust` (`tollgate_tools.rs`)
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) lang: String,
    /// The folder to write them to
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
}

impl From<Run> for Exec {
    /// `run FILE.py` is `exec FILE.py`.
    fn from(run: Run) -> Self {
        let Run { policy: file, input, flags, .. } = run;
        Self { file, lang: None, input, flags }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct New {
    /// `policy` (a workflow) or `adapter` (it provides tools)
    #[arg(value_name = "policy|adapter", value_parser = |text: &str| text.parse::<tollgate_scaffold::Kind>())]
    pub(crate) kind: tollgate_scaffold::Kind,
    /// The project's name, as `weekly-report`
    pub(crate) name: String,
    /// Its language: rust, js, ts, python, go or c (adapters: rust, js, ts, python)
    #[arg(long, value_name = "LANGUAGE", value_parser = |text: &str| text.parse::<tollgate_scaffold::Language>().map_err(|e| e.to_string()))]
    pub(crate) lang: tollgate_scaffold::Language,
    /// The folder to make; the name without
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// The project's folder
    #[arg(default_value = ".", hide_default_value = true, value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// The secrets that there are, and where: never their values
    List {
        /// Print one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Keep a secret for this user; its value is read from the terminal, unseen, or from stdin
    Set {
        /// The name, as the configuration uses it
        name: String,
    },
    /// Whether every secret that the configuration uses can be had; nothing of a value is shown
    Check {
        /// Print one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Lock {
    /// Write `tollgate.lock`: what there is now is what may run
    #[arg(long)]
    pub(crate) update: bool,
    /// Print one JSON document on stdout: the changes
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Interpreters {
    #[command(subcommand)]
    pub(crate) command: Option<InterpretersCommand>,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InterpretersCommand {
    /// Compile them for this program on this machine; takes up to a minute
    Compile {
        /// The folder with `javascript.wasm` and `python.wasm`; without, those that are found
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        from: Option<PathBuf>,
        /// Where to put them; without, the cache folder of this user
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        to: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Call {
    /// The tool, as `server:tool`
    pub(crate) tool: ToolName,
    /// The arguments: a JSON object, `@FILE`, or `-` for stdin
    #[arg(value_name = "JSON|@FILE|-", default_value = "{}", hide_default_value = true)]
    pub(crate) arguments: String,
    /// Append the journal to this file, as JSON lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) journal: Option<PathBuf>,
    /// Print one JSON document on stdout: the MCP CallToolResult, or the error
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tools {
    /// Only tools whose name or description has all of these words
    pub(crate) query: Vec<String>,
    /// Only tools of this server
    #[arg(long, value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Only tools that declare themselves read-only
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Servers {
    /// Print one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

/// A model takes its time, and is asked several times: the wall time of `ask`, where no flag says another.
pub(crate) const ASK_TIMEOUT_MS: u64 = 600_000;

#[derive(Debug, ClapArgs)]
#[command(mut_arg(LimitKind::Timeout.name(), |flag| flag.help(limits::help(LimitKind::Timeout, ASK_TIMEOUT_MS))))]
pub(crate) struct Ask {
    /// The question
    pub(crate) question: String,
    /// What the model is told first, in place of the usual
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Which model, where the configuration's endpoint has several
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The most times that the model is asked
    #[arg(long, value_name = "N", default_value = "15")]
    pub(crate) max_turns: u32,
    #[command(flatten)]
    pub(crate) flags: RunFlags,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddCommand {
    /// An API that has an OpenAPI document (3.0 or 3.1): its operations become tools
    Openapi {
        /// The document: a file, or an https URL
        document: String,
        /// The server's name; without, one of the document's file name
        #[arg(long)]
        name: Option<String>,
    },
    /// A component that exports tools, or ordinary functions
    Component {
        /// The component's file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The server's name; without, one of the file's
        #[arg(long)]
        name: Option<String>,
    },
    /// A server that speaks MCP over HTTP
    Url {
        /// Its URL
        url: String,
        /// The server's name
        #[arg(long)]
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// The file: an `mcpServers` JSON (Claude Desktop, Cursor, VS Code …), or an orchestrator's YAML with `mcp_servers`
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where to write the configuration; without, to stdout. A file that is there is not replaced
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Copy secrets that stand in the file in plain text; without, the new file says `${secret:NAME}`
    #[arg(long)]
    pub(crate) keep_secrets: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The component's file, or the name of a policy or server (`policy:NAME`, `server:NAME` where both have it)
    #[arg(value_name = "FILE|NAME", value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the configuration and say what is wrong with it; starts nothing
    Check {
        /// The file; without it, the one of --config, or the one that is found
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Print the JSON Schema of the configuration file
    Schema,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Trust {
    /// The file; without it, the one of --config, or the one that is found
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Checks a `--log-level`, which stays a text: the filter itself cannot be cloned.
fn filter(text: &str) -> Result<String, String> {
    let parsed = tracing_subscriber::EnvFilter::try_new(text);
    parsed.map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Reads `--approve`s.
pub(crate) fn approvals(texts: &[String]) -> Result<Approvals, crate::exit::Failure> {
    Approvals::parse(texts).map_err(|error| crate::exit::Failure::usage(format!("--approve: {error}")))
}

/// Reads `--grant`s, and says what is doubtful about them.
pub(crate) fn grants(texts: &[String]) -> Result<Grants, crate::exit::Failure> {
    let grants = Grants::parse(texts).map_err(|error| crate::exit::Failure::usage(error.to_string()))?;
    for doubt in grants.iter().filter_map(tollgate::Grant::doubt) {
        crate::print::warn(format_args!("--grant: {doubt}; name those that you mean"));
    }
    Ok(grants)
}
