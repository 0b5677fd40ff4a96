//! From the command line to a host.

use crate::args::{Color, Global};
use crate::exit::Failure;
use crate::print;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate::config::model::Transport;
use tollgate::config::{self, Config, ConfigError, Folders, TrustStore};
use tollgate::secrets::{FolderStore, SecretStore};
use tollgate::state::{LazySqliteStore, Quota, SqliteOptions};
use tollgate::{
    CallError, ComponentSource, DOMAIN_PREFIX, FileJournal, FileTokenStore, Host, HostBuilder, Journal, Logins,
    ServerState, ServerStatus,
};

/// The components that came with the program.
#[allow(dead_code, reason = "not all that are built come with it")]
pub(crate) mod plugins {
    include!(concat!(env!("OUT_DIR"), "/plugins.rs"));
}

/// The policies that a configuration may use as `tollgate:NAME`.
const SHIPPED: [(&str, &[u8]); 2] = [("hub-agent", plugins::POLICY_HUB_AGENT), ("planner", plugins::POLICY_PLANNER)];

/// The names of the policies that come with the program.
pub(crate) fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// Sets colours and logs up. Logs go to stderr.
pub(crate) fn init_output(global: &Global) {
    match global.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    let filter = match (&global.log_level, global.verbose) {
        (Some(filter), _) => filter.clone(),
        // rmcp logs the contents of messages at `info` and below, and as errors what the host tells in better words:
        // each try to connect that failed.
        (None, 0) => "error,rmcp=off".to_owned(),
        (None, 1) => "warn,tollgate=info,rmcp=off".to_owned(),
        (None, 2) => "info,tollgate=debug,rmcp=warn".to_owned(),
        (None, _) => "debug,tollgate=trace,rmcp=warn".to_owned(),
    };
    // The command line has checked a filter of its own.
    let filter = tracing_subscriber::EnvFilter::new(filter);
    let ansi = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}

/// What `~/` stands for.
pub(crate) fn home() -> Option<PathBuf> {
    folders().home
}

fn folders() -> Folders {
    Folders::from_env(&|name| std::env::var_os(name))
}

fn trust_store(folders: &Folders) -> Result<TrustStore, Failure> {
    let state = folders.state.as_deref().ok_or_else(|| {
        Failure::usage("there is no home folder to remember trust in: set HOME, or name the file with --config")
    })?;
    Ok(TrustStore::new(state))
}

/// The file that is used when none is named.
pub(crate) fn discovered() -> Result<Option<PathBuf>, Failure> {
    let cwd = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("the working folder cannot be found: {error}")))?;
    Ok(config::discover(&cwd, folders().config.as_deref())?)
}

/// Why a server that somebody named cannot be used.
pub(crate) enum Absent {
    /// There is none of this name; one that is near.
    Unknown { near: Option<String>, known: String },
    /// It is disabled.
    Disabled,
}

impl Absent {
    /// The error for a command that takes the name as an option.
    pub(crate) fn usage(&self, name: &str) -> Failure {
        let name = print::visible(name);
        Failure::usage(match self {
            Self::Unknown { near: Some(near), .. } => format!("no server is named `{name}`; did you mean `{near}`?"),
            Self::Unknown { near: None, known } => {
                format!("no server is named `{name}`; the configuration has {known}")
            }
            Self::Disabled => disabled(&name),
        })
    }

    /// The error of a call, in the words of all calls.
    pub(crate) fn call_error(&self, called: &tollgate::ToolName) -> CallError {
        match self {
            Self::Unknown { near, .. } => {
                CallError::UnknownTool(near.iter().map(|near| format!("{near}:{}", called.tool)).collect())
            }
            Self::Disabled => CallError::Unavailable(disabled(&called.server)),
        }
    }
}

fn disabled(name: &str) -> String {
    format!("the server `{name}` is disabled; take `disabled: true` out of its configuration to use it")
}

/// Leaves in the configuration only the server that is to be called, so that no other is started. What names a domain may be
/// answered by any, and an adapter may call the others.
///
/// # Errors
/// There is no such server, or it may not be started.
pub(crate) fn only_called(config: &mut Config, called: &str) -> Result<(), Absent> {
    if called.starts_with(DOMAIN_PREFIX) {
        return Ok(());
    }
    let Some(server) = config.servers.iter().find(|server| server.name.value == called) else {
        let known: Vec<&str> = config.servers.iter().map(|server| server.name.value.as_str()).collect();
        let near = config::suggest(called, &known).map(str::to_owned);
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Absent::Unknown { near, known });
    };
    if server.disabled {
        return Err(Absent::Disabled);
    }
    if !matches!(&server.transport, Transport::Adapter(adapter) if !adapter.grants.is_empty()) {
        config.servers.retain(|server| server.name.value == called);
    }
    Ok(())
}

/// Reads a file and says what is odd about it.
pub(crate) fn load(file: &Path) -> Result<Config, Failure> {
    let cwd = std::env::current_dir().unwrap_or_default();
    let config = config::load(&cwd.join(file), folders().home.as_deref())?;
    let errors = config::unknown_shipped(&config, &SHIPPED.map(|(name, _)| name));
    if !errors.is_empty() {
        return Err(ConfigError { errors, warnings: Vec::new() }.into());
    }
    for warning in &config.warnings {
        print::warn(warning);
    }
    Ok(config)
}

/// The configuration of this command: the one that is named, else the one that is found and trusted.
pub(crate) fn configuration(global: &Global) -> Result<Option<Config>, Failure> {
    let file = match &global.config {
        Some(file) => Some(file.clone()),
        None => discovered()?,
    };
    file.map(|file| admitted(global, &file)).transpose()
}

/// Reads the configuration of a command. The start and every reload ask here: a file that was found, not named, must be
/// trusted as it is now.
fn admitted(global: &Global, file: &Path) -> Result<Config, Failure> {
    let config = load(file)?;
    if global.config.is_none() {
        trust_store(&folders())?.check(&config)?;
    }
    Ok(config)
}

/// The configuration of a command that can do nothing without one.
pub(crate) fn needed_configuration(global: &Global) -> Result<Config, Failure> {
    configuration(global)?.ok_or_else(|| {
        Failure::usage(
            "there is no configuration: name one with --config FILE, or write ./tollgate.yaml (`tollgate config schema` says what goes in); `tollgate demo` needs none",
        )
    })
}

/// Records that a configuration is trusted as it is now.
pub(crate) fn trust(config: &Config) -> Result<(), Failure> {
    Ok(trust_store(&folders())?.trust(config)?)
}

/// A host builder with what every command has: the compile cache, and the journals.
pub(crate) fn builder(journals: Vec<Arc<dyn Journal>>, file: Option<&Path>) -> Result<HostBuilder, Failure> {
    let mut builder = Host::builder();
    if let Some(dir) = cache_dir() {
        builder = builder.cache_dir(dir);
    }
    if let Some(dir) = cache_dir() {
        builder = builder.catalogs(dir.with_file_name("catalogs"));
    }
    if let Some(dir) = bundled("components") {
        builder = builder.bundled_components(dir);
    }
    for dir in interpreter_folders() {
        builder = builder.interpreters(dir);
    }
    if let Some(file) = state_file() {
        let kept = LazySqliteStore::new(file, SqliteOptions::default());
        builder = builder.state(Arc::new(kept), Quota::default());
    }
    if let Some(state) = folders().state {
        match FileTokenStore::open(state.join("logins")) {
            Ok(store) => builder = builder.logins(Logins::new(Arc::new(store))),
            Err(error) => tracing::warn!("logins are kept in memory only: {error}"),
        }
        builder = builder.pins(state.join("pins")).scripts(state.join("scripts"));
    }
    if let Some(store) = secret_folder() {
        builder = builder.secrets(Arc::new(store));
    }
    builder = builder.openapi_adapter(ComponentSource::Bytes(plugins::ADAPTER_OPENAPI.into()));
    for (name, component) in SHIPPED {
        builder = builder.shipped_policy(name, ComponentSource::Bytes(component.into()));
    }
    for journal in journals {
        builder = builder.journal(journal);
    }
    if let Some(file) = file {
        let journal = FileJournal::open(file).map_err(|error| Failure::usage(error.to_string()))?;
        builder = builder.journal(Arc::new(journal));
    }
    Ok(builder)
}

/// Where components keep their state, if the configuration names no other file.
pub(crate) fn state_file() -> Option<PathBuf> {
    Some(folders().state?.join("state.db"))
}

/// Where `tollgate secrets set` keeps secrets: `$XDG_CONFIG_HOME/tollgate/secrets`, or `~/.config/…`.
pub(crate) fn secret_folder() -> Option<FolderStore> {
    folders().config.map(|config| FolderStore::new(config.join("secrets")))
}

/// Where the secrets of a configuration are.
pub(crate) fn secret_store(config: &Config) -> Arc<dyn SecretStore> {
    tollgate::secret_store(config, secret_folder().map(|store| Arc::new(store) as Arc<dyn SecretStore>))
}

/// `$XDG_CACHE_HOME/tollgate/components`, or `~/.cache/…`.
fn cache_dir() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("tollgate").join("components"))
}

/// Where an archive has what came with the program: `bin/tollgate` beside `share/tollgate`.
fn bundled(what: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let dir = program.parent()?.parent()?.join("share/tollgate").join(what);
    dir.is_dir().then_some(dir)
}

/// Where this user's own compiled interpreters are, before those that came with the program.
fn interpreter_folders() -> Vec<PathBuf> {
    own_interpreters().into_iter().chain(bundled("interpreters")).collect()
}

/// Where this user's own compiled interpreters are.
pub(crate) fn own_interpreters() -> Option<PathBuf> {
    Some(cache_dir()?.with_file_name("interpreters"))
}

/// Reads JSON from where the command line says: itself, `@FILE`, or `-` for stdin.
pub(crate) async fn json_argument(what: &str, argument: &str) -> Result<String, Failure> {
    use tokio::io::AsyncReadExt as _;
    /// More than any limit lets a call or a run take.
    const MAX_BYTES: u64 = 256 << 20;
    let read = if argument == "-" {
        let mut text = String::new();
        tokio::io::stdin().take(MAX_BYTES).read_to_string(&mut text).await.map(|_| text)
    } else if let Some(file) = argument.strip_prefix('@') {
        tokio::fs::read_to_string(file).await
    } else {
        Ok(argument.to_owned())
    };
    let text = read.map_err(|error| Failure::usage(format!("the {what} `{argument}` cannot be read: {error}")))?;
    if let Err(error) = tollgate::check_json(&text) {
        let (place, hint) = match argument.strip_prefix('@') {
            Some(file) => (format!(" in {file}"), ""),
            None if argument == "-" => (" on stdin".to_owned(), ""),
            None => (String::new(), "; quote it for the shell, as '{\"id\": 1}'"),
        };
        let error = if text.trim().is_empty() { "it is empty".to_owned() } else { error.to_string() };
        return Err(Failure::usage(format!("the {what} cannot be read as JSON{place}: {error}{hint}")));
    }
    Ok(text)
}

/// Reloads the configuration at every SIGHUP, for as long as the future lives. A file that was found is read under the same
/// condition as at the start. A SIGHUP because the terminal was closed reloads nothing: it ends the command ([`stopped`]).
pub(crate) async fn reload_on_hangup(host: Host, global: &Global, file: Option<PathBuf>) {
    reload_on_hangup_and(host, global, file, &|_| Ok(Box::new(|| {}))).await;
}

/// A further change of a reload: worked out from the new configuration before anything changes, and done when the host has it.
pub(crate) type Also<'a> = &'a dyn Fn(&Config) -> Result<Box<dyn FnOnce() + 'a>, Failure>;

/// As [`reload_on_hangup`], with what else has to change.
pub(crate) async fn reload_on_hangup_and(host: Host, global: &Global, file: Option<PathBuf>, also: Also<'_>) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminal = Terminal::now();
    let (Some(file), Ok(mut hangup)) = (file, signal(SignalKind::hangup())) else {
        return std::future::pending().await;
    };
    while hangup.recv().await.is_some() {
        if terminal.is_closed() {
            continue;
        }
        let outcome = match admitted(global, &file).and_then(|config| Ok((also(&config)?, config))) {
            Ok((also, config)) => host.reload(config).await.map(|()| also()).map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(()) => {
                tracing::info!(file = %file.display(), "the configuration was reloaded");
                // Also those that it leaves alone: their tools may have changed though they did not say so.
                host.ask_anew().await;
            }
            Err(failure) => {
                print::error(&format!("the configuration stays as it was until the next SIGHUP: {}", failure.message));
            }
        }
    }
}

/// The terminal that a command was started on.
#[derive(Clone, Copy)]
struct Terminal {
    /// There is one, and stdin, stdout or stderr is a terminal. `nohup` takes these away, `setsid` and services have none.
    attached: bool,
}

impl Terminal {
    fn now() -> Self {
        let streams =
            [std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
        Self { attached: streams.contains(&true) && Self::is_there() }
    }

    /// Whether this process has a controlling terminal: one that is closed is taken from all its processes before they
    /// hear of it.
    fn is_there() -> bool {
        std::fs::File::open("/dev/tty").is_ok()
    }

    fn is_closed(self) -> bool {
        self.attached && !Self::is_there()
    }
}

/// Completes as [`interrupted`] does, and when the terminal of the command is closed. For commands that reload at SIGHUP;
/// others end at any.
pub(crate) fn stopped() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupted, terminal, hangup) = (interrupted(), Terminal::now(), signal(SignalKind::hangup()));
    async move {
        let closed = async {
            if let Ok(mut hangup) = hangup {
                while hangup.recv().await.is_some() {
                    if terminal.is_closed() {
                        return;
                    }
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            () = interrupted => {}
            () = closed => {}
        }
    }
}

/// Completes at Ctrl-C or SIGTERM. It listens from now on, not only from when it is first awaited: a signal that comes in
/// between must not end the process as if nobody cared.
pub(crate) fn interrupted() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [interrupt, terminate] = signals;
        let once = async |signal: std::io::Result<tokio::signal::unix::Signal>| match signal {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        };
        tokio::select! {
            () = once(interrupt) => {}
            () = once(terminate) => {}
        }
    }
}

/// Asks the person at the terminal. `None` at Ctrl-C or SIGTERM.
pub(crate) async fn answers_yes(question: &str) -> Option<bool> {
    use std::io::Write as _;
    anstream::eprint!("{question}");
    drop(std::io::stderr().flush());
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        answer = answer => {
            let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
            Some(matches!(answer.trim(), "y" | "Y" | "yes"))
        }
        () = interrupted() => {
            // The terminal stands behind the question and its `^C`.
            print::note("");
            None
        }
    }
}

/// Says which servers have tools that are quarantined.
pub(crate) fn warn_of_quarantined(host: &Host) {
    for server in host.servers().iter().filter(|server| server.quarantined > 0) {
        let (name, count) = (&server.name, server.quarantined);
        let tools = if count == 1 { "tool" } else { "tools" };
        print::warn(format_args!(
            "{count} {tools} of `{name}` changed or came since they were approved, and cannot be used; look at them with `tollgate approve {name}`"
        ));
    }
}

/// Says which servers have failed, or have been silent for as long as they were waited for.
pub(crate) fn warn_of_failed(host: &Host) {
    let is_absent = |server: &&ServerStatus| {
        server.state == ServerState::Failed || (server.state == ServerState::Connecting && server.error.is_some())
    };
    for server in host.servers().iter().filter(is_absent) {
        let why = server.error.as_deref().unwrap_or("no reason known");
        print::warn(format_args!("server `{}` is not available: {why}", server.name));
    }
}
