//! `tollgate serve`.

use crate::args::{Global, Names, Serve};
use crate::exit::{ERROR, Failure};
use crate::print;
use crate::setup;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tollgate::{FileJournal, Grants, Host, Principal, Secret, ServerSpec, ToolName, Transport};
use tollgate_server::http::{HttpOptions, HttpServeError, Token};
use tollgate_server::{Expose, Front, Options, http, stdio};
use tollgate_surface::{Naming, Strategy};

pub(crate) async fn serve(global: &Global, serve: Serve) -> Result<u8, Failure> {
    if let Some(url) = &serve.to {
        return bridge(url, serve.to_token_file.as_deref()).await;
    }
    let config = setup::needed_configuration(global)?;
    let options = options(&serve, &config)?;
    let http = serve.http.map(|address| http_options(address, &serve)).transpose()?;
    let config_file = config.file.clone();
    let host = setup::builder(vec![], None)?.with_clients();
    let host = match &serve.journal {
        Some(file) => {
            let journal = FileJournal::open(file).map_err(|error| Failure::usage(error.to_string()))?;
            host.journal(Arc::new(journal))
        }
        None => host,
    };
    let host = host.config(config).build().await?;
    let front = Front::new(host.clone(), options);
    let stop = stop_at_signal();
    let served = async {
        match http {
            Some(options) => over_http(front, options, stop).await,
            None => over_stdio(&front, stop).await,
        }
    };
    let code = tokio::select! {
        code = served => code,
        () = setup::reload_on_hangup(host.clone(), Some(config_file)) => Ok(ERROR),
    };
    host.shutdown().await;
    code
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

async fn over_http(front: Front, options: HttpOptions, stop: CancellationToken) -> Result<u8, Failure> {
    let listening = http::listen(front, options).await.map_err(|error| match error {
        HttpServeError::Serve(_) => Failure { code: ERROR, message: error.to_string() },
        error => Failure::usage(error.to_string()),
    })?;
    print::out(format_args!("http://{}/mcp", listening.address))?;
    let served = listening.serve(stop).await;
    served.map(|()| 0).map_err(|error| Failure { code: ERROR, message: error.to_string() })
}

/// Speaks for a host that runs already: its tools, resources and prompts under their names there.
async fn bridge(url: &str, token_file: Option<&Path>) -> Result<u8, Failure> {
    let mut headers = BTreeMap::new();
    if let Some(file) = token_file {
        let token = read(file)?;
        headers.insert("Authorization".to_owned(), Secret::from(format!("Bearer {}", token.trim()).as_str()));
    }
    let transport = Transport::Http { url: url.to_owned(), headers, kind: tollgate::HttpKind::Streamable };
    let host = Host::builder().with_clients().server(ServerSpec::new("host", transport)).build().await?;
    let options = Options {
        expose: Expose::All,
        naming: Naming::new(Strategy::None),
        prefix_resources: false,
        principal: Principal::new("bridge"),
        ..Options::default()
    };
    host.settled().await;
    setup::warn_of_failed(&host);
    let front = Front::new(host.clone(), options);
    let code = over_stdio(&front, stop_at_signal()).await;
    host.shutdown().await;
    code
}

fn stop_at_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        setup::interrupted().await;
        cancelled.cancel();
    });
    stop
}

fn options(serve: &Serve, config: &tollgate::config::Config) -> Result<Options, Failure> {
    let strategy = match serve.names {
        Names::Prefix => Strategy::Prefix,
        Names::Priority => Strategy::Priority,
        Names::Label => Strategy::Label,
        Names::Ask => Strategy::Ask,
        Names::None => Strategy::None,
    };
    // A server without a priority comes after those that have one, in the order of the file.
    let priorities = config.enabled().enumerate().map(|(place, server)| {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        (server.name.value.clone(), server.priority.map_or(1_000 + place, i64::from))
    });
    let naming = Naming::new(strategy)
        .priorities(priorities)
        .separator(&serve.separator)
        .and_then(|naming| naming.renames(renames(&serve.renames).unwrap_or_default()))
        .map_err(|error| Failure::usage(error.to_string()))?;
    renames(&serve.renames)?;
    let mut options = Options {
        expose: serve.expose.clone(),
        naming,
        prefix_resources: !matches!(serve.names, Names::None),
        ..Options::default()
    };
    if !serve.grants.is_empty() {
        options.grants = Grants::parse(&serve.grants).map_err(|error| Failure::usage(format!("--grant: {error}")))?;
    }
    Ok(options)
}

fn renames(renames: &[String]) -> Result<Vec<(ToolName, String)>, Failure> {
    let parse = |rename: &String| {
        let wrong =
            || Failure::usage(format!("--rename `{rename}`: write SERVER:TOOL=NAME, as `crm:get_customer=customer`"));
        let (tool, name) = rename.rsplit_once('=').ok_or_else(wrong)?;
        Ok((tool.parse().map_err(|_| wrong())?, name.to_owned()))
    };
    renames.iter().map(parse).collect()
}

fn http_options(address: std::net::SocketAddr, serve: &Serve) -> Result<HttpOptions, Failure> {
    let mut options = HttpOptions::new(address);
    options.hosts.clone_from(&serve.hosts);
    options.origins.clone_from(&serve.origins);
    if let Some(file) = &serve.token_file {
        options.tokens = tokens(file)?;
    }
    Ok(options)
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
