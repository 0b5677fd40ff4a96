//! `tollgate serve`.

use crate::args::{self, Global, Names, Serve};
use crate::commands::api::refuse_clear_http;
use crate::exit::{ERROR, Failure};
use crate::print;
use crate::setup;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tollgate::config::Config;
use tollgate::config::model::{self, NameStrategy, ServeHttp};
use tollgate::{
    Access, Expose, FileJournal, Grants, Host, Metrics, Principal, Rights, Rules, Secret, ServerSpec, ToolName,
    Transport,
};
use tollgate_server::http::{HttpOptions, Listening, Token};
use tollgate_server::{Front, Options, http, stdio};
use tollgate_surface::names::SEPARATOR;
use tollgate_surface::{Naming, Strategy};

pub(crate) async fn serve(global: &Global, serve: Serve) -> Result<u8, Failure> {
    if let Some(url) = &serve.to {
        return bridge(url, serve.to_token_file.as_deref(), serve.to_allow_http).await;
    }
    let config = setup::needed_configuration(global)?;
    let (options, rules) = (options(&serve, &config)?, rules_of(&serve, &config)?);
    let http = http_options(&serve, &config.serve.http)?;
    if let Some(http) = &http {
        raise_file_limit(http.max_requests());
    }
    let config_file = config.file.clone();
    let host = setup::builder(vec![], None)?.with_clients();
    let host = match &serve.journal {
        Some(file) => {
            let journal = FileJournal::open(file).map_err(|error| Failure::usage(error.to_string()))?;
            host.journal(Arc::new(journal))
        }
        None => host,
    };
    let metrics = Metrics::new();
    let host = host.journal(metrics.clone()).config(config).build().await?;
    let access = Access::new(host.clone(), &rules);
    let front = Front::new(access.clone(), Options { metrics: Some(metrics), ..options });
    let stop = stop_at(setup::stopped());
    let listening = match http {
        Some(options) => {
            let listening = http::listen(front.clone(), options).await;
            Some(listening.map_err(|error| Failure::usage(error.to_string()))?)
        }
        None => None,
    };
    tokio::spawn(tell_what_is_served(host.clone()));
    let known_tokens = listening.as_ref().map(Listening::tokens);
    // Rights and tokens follow the file as it is now.
    let also = |config: &Config| -> Result<Box<dyn FnOnce()>, Failure> {
        let (access, known_tokens) = (access.clone(), known_tokens.clone());
        let (rules, tokens) = (rules_of(&serve, config)?, tokens_of(&serve, &config.serve.http)?);
        Ok(Box::new(move || {
            access.set_rules(&rules);
            if let Some(known) = known_tokens {
                known.set(tokens);
            }
        }))
    };
    let served = async {
        match listening {
            Some(listening) => over_http(listening, stop).await,
            None => over_stdio(&front, stop).await,
        }
    };
    let code = tokio::select! {
        code = served => code,
        () = setup::reload_on_hangup_and(host.clone(), global, Some(config_file), &also) => Ok(ERROR),
    };
    host.shutdown().await;
    code
}

/// Says on stderr, once every server is ready or has failed, what there is, and what there is not.
async fn tell_what_is_served(host: Host) {
    host.settled().await;
    let tools = host.tools_now();
    let servers: BTreeSet<&str> = tools.iter().map(|tool| tool.server.as_str()).collect();
    let counted = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    print::note(format_args!("{} of {}", counted(tools.len(), "tool"), counted(servers.len(), "server")));
    setup::warn_of_failed(&host);
}

async fn over_stdio(front: &Front, stop: CancellationToken) -> Result<u8, Failure> {
    use std::io::IsTerminal as _;
    if std::io::stdin().is_terminal() {
        print::note("Serving MCP on stdin and stdout; a client is to start this command. Ctrl-C ends it.");
    }
    let (read, write) = stdio::open();
    match front.serve(read, write, stop).await {
        Ok(()) => Ok(0),
        Err(error) => Err(Failure { code: ERROR, message: error.to_string() }),
    }
}

async fn over_http(listening: Listening, stop: CancellationToken) -> Result<u8, Failure> {
    print::out(format_args!("http://{}/mcp", listening.address))?;
    listening.serve(stop).await;
    Ok(0)
}

/// Each connection is an open file, and systems begin with few: asks for as many as are needed, up to what is allowed.
fn raise_file_limit(connections: usize) {
    /// Those of servers, guests and the journal.
    const OTHERS: u64 = 1_024;
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let wanted = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|current| current < wanted) {
        // Without it fewer connections are accepted at once.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}

/// Speaks for a host that runs already: its tools, resources and prompts under their names there.
async fn bridge(url: &str, token_file: Option<&Path>, allow_http: bool) -> Result<u8, Failure> {
    let mut headers = BTreeMap::new();
    if let Some(file) = token_file {
        let wrong = |why: &str| Failure::usage(format!("--to `{}`: {why}", print::line(url, 200)));
        let parsed: reqwest::Url = url.parse().map_err(|_| wrong("write a URL, as http://127.0.0.1:8080/mcp"))?;
        if !allow_http {
            refuse_clear_http(&parsed, "--to-allow-http").map_err(|why| wrong(&why))?;
        }
        let token = read(file)?;
        headers.insert("Authorization".to_owned(), Secret::from(format!("Bearer {}", token.trim()).as_str()));
    }
    let transport = Transport::Http { url: url.to_owned(), headers, kind: tollgate::HttpKind::Streamable };
    let spec = ServerSpec { allow_http, ..ServerSpec::new("host", transport) };
    let host = Host::builder().with_clients().server(spec).build().await?;
    let options = Options {
        naming: Naming::new(Strategy::None),
        prefix_resources: false,
        principal: Principal::new("bridge"),
        ..Options::default()
    };
    host.settled().await;
    setup::warn_of_failed(&host);
    let all = Rights { expose: Expose::All, ..Rights::default() };
    let front = Front::new(Access::new(host.clone(), &Rules { all, callers: None }), options);
    let code = over_stdio(&front, stop_at(setup::interrupted())).await;
    host.shutdown().await;
    code
}

fn stop_at(signal: impl Future<Output = ()> + Send + 'static) -> CancellationToken {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        signal.await;
        cancelled.cancel();
    });
    stop
}

/// How the flags say that it is served, and where they say nothing, the configuration.
fn options(serve: &Serve, config: &Config) -> Result<Options, Failure> {
    let configured = &config.serve;
    let strategy = match (serve.names, configured.names.strategy) {
        (Some(Names::Prefix), _) | (None, Some(NameStrategy::Prefix) | None) => Strategy::Prefix,
        (Some(Names::Priority), _) | (None, Some(NameStrategy::Priority)) => Strategy::Priority,
        (Some(Names::Label), _) | (None, Some(NameStrategy::Label)) => Strategy::Label,
        (Some(Names::Ask), _) | (None, Some(NameStrategy::Ask)) => Strategy::Ask,
        (Some(Names::None), _) | (None, Some(NameStrategy::None)) => Strategy::None,
    };
    // A server without a priority comes after those that have one, in the order of the file.
    let priorities = config.enabled().enumerate().map(|(place, server)| {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        (server.name.value.clone(), server.priority.map_or(1_000 + place, i64::from))
    });
    let separator = serve.separator.as_deref().or(configured.names.separator.as_deref()).unwrap_or(SEPARATOR);
    // A later one of the same tool goes before an earlier one.
    let renames = configured.names.rename.iter().map(|(tool, name)| (tool.clone(), name.value.clone()));
    let renames: Vec<_> = renames.chain(flag_renames(&serve.renames)?).collect();
    let naming = Naming::new(strategy)
        .priorities(priorities)
        .separator(separator)
        .and_then(|naming| naming.renames(renames))
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Options { naming, prefix_resources: strategy != Strategy::None, ..Options::default() })
}

/// Rights by the flags; where a flag is absent, by the configuration.
fn rules_of(serve: &Serve, config: &Config) -> Result<Rules, Failure> {
    let configured = &config.serve;
    let mut all = Rights::default();
    if let Some(expose) = serve.expose.clone().or_else(|| configured.expose.as_ref().map(Expose::from)) {
        all.expose = expose;
    }
    all.approvals = configured.approve.iter().map(|pattern| pattern.value.clone()).collect();
    all.approvals.extend(&args::approvals(&serve.approve)?);
    if !serve.grants.is_empty() {
        all.grants = Grants::parse(&serve.grants).map_err(|error| Failure::usage(format!("--grant: {error}")))?;
    } else if let Some(grants) = &configured.grants {
        all.grants = grants.iter().map(|grant| grant.value.clone()).collect();
    }
    Ok(Rules::new(all, config))
}

fn flag_renames(renames: &[String]) -> Result<Vec<(ToolName, String)>, Failure> {
    let parse = |rename: &String| {
        let wrong =
            || Failure::usage(format!("--rename `{rename}`: write SERVER:TOOL=NAME, as `crm:get_customer=customer`"));
        let (tool, name) = rename.rsplit_once('=').ok_or_else(wrong)?;
        Ok((tool.parse().map_err(|_| wrong())?, name.to_owned()))
    };
    renames.iter().map(parse).collect()
}

/// How to serve over HTTP; `None` is over stdio. A list that a flag gives stands in place of the configuration's.
fn http_options(serve: &Serve, configured: &ServeHttp) -> Result<Option<HttpOptions>, Failure> {
    let listen = if serve.stdio { None } else { serve.http.or(configured.listen) };
    let Some(listen) = listen else {
        let given = [
            (serve.token_file.is_some(), "--token-file"),
            (!serve.hosts.is_empty(), "--allow-host"),
            (!serve.origins.is_empty(), "--allow-origin"),
        ];
        return match given.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, flag)) => Err(Failure::usage(format!(
                "{flag} is of use over HTTP only; add `--http 127.0.0.1:8080`, or `serve.http.listen` to the configuration"
            ))),
            None => Ok(None),
        };
    };
    let mut options = HttpOptions::new(listen);
    options.hosts.clone_from(if serve.hosts.is_empty() { &configured.hosts } else { &serve.hosts });
    options.origins.clone_from(if serve.origins.is_empty() { &configured.origins } else { &serve.origins });
    options.tokens = tokens_of(serve, configured)?;
    // What is larger than the address space is as good as no limit.
    let size = |given: Option<u64>, default| given.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX));
    options.max_sessions = size(configured.max_sessions, options.max_sessions);
    options.max_body_bytes = size(configured.max_body_bytes, options.max_body_bytes);
    options.session_timeout = configured.session_timeout.unwrap_or(options.session_timeout);
    options.idle_timeout = configured.idle_timeout.unwrap_or(options.idle_timeout);
    options.grace = configured.grace.unwrap_or(options.grace);
    Ok(Some(options))
}

/// The tokens that let in: those of the flag's file, and without it the configuration's.
fn tokens_of(serve: &Serve, configured: &ServeHttp) -> Result<Vec<Token>, Failure> {
    let token = |token: &model::Token| {
        let principal = Principal::new(token.name.as_str());
        Token { principal, sha256: token.sha256.value.0 }
    };
    match &serve.token_file {
        Some(file) => tokens(file),
        None => Ok(configured.tokens.iter().map(token).collect()),
    }
}

/// Reads the tokens of a file: one a line, `NAME TOKEN` or `NAME sha256:HEX`.
fn tokens(file: &Path) -> Result<Vec<Token>, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let file = file.display();
        return Err(Failure::usage(format!("{file} holds tokens and is open to other users; run `chmod 600 {file}`")));
    }
    let text = read(file)?;
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |why: &str| Failure::usage(format!("{}:{}: {why}", file.display(), number + 1));
        let (name, token) = line.split_once(char::is_whitespace).ok_or_else(|| at("write `NAME TOKEN`"))?;
        let (principal, token) = (Principal::new(name), token.trim());
        tokens.push(match token.strip_prefix("sha256:") {
            Some(hash) => {
                let sha256 = sha256(hash).ok_or_else(|| at("after `sha256:` come 64 hexadecimal digits"))?;
                Token { principal, sha256 }
            }
            None if token.len() < 16 => return Err(at("a token has 16 characters or more")),
            None => Token::of(principal, token),
        });
    }
    if tokens.is_empty() {
        return Err(Failure::usage(format!("{} has no tokens: write a line `NAME TOKEN` for each", file.display())));
    }
    Ok(tokens)
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))
}
