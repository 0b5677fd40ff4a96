//! The HTTP API of a host that is running, for commands that ask it something.

use crate::args::{Global, Running};
use crate::exit::{ERROR, Failure};
use crate::{print, setup};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tollgate::Status;

/// How long the host may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// The address at which this machine reaches what listens on one. All addresses are also the loopback one.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

/// Refuses to send a token where everybody on the way can read it. `flag` is the one that allows it.
///
/// # Errors
/// Why not, and what to do.
pub(crate) fn refuse_clear_http(url: &reqwest::Url, flag: &str) -> Result<(), String> {
    match tollgate::web::in_the_clear(url, "the token") {
        Some(why) => Err(format!("{why}; use https, or add `{flag}` if it may")),
        None => Ok(()),
    }
}

/// A running host.
pub(crate) struct Api {
    base: reqwest::Url,
    token: Option<String>,
    client: reqwest::Client,
}

impl Api {
    /// The host that the flags or the configuration name.
    pub(crate) fn of(global: &Global, running: &Running) -> Result<Self, Failure> {
        let url = match &running.to {
            Some(url) => url.clone(),
            None => {
                let listen = setup::configuration(global)?.and_then(|config| config.serve.http.listen);
                let listen = listen.ok_or_else(|| {
                    Failure::usage(
                        "which host? Name one that serves HTTP with --to http://127.0.0.1:8080 (or TOLLGATE_URL), or have `serve.http.listen` in the configuration; `tollgate servers` starts the servers here and shows them",
                    )
                })?;
                format!("http://{}", reachable(listen))
            }
        };
        let wrong = |why: &str| Failure::usage(format!("--to `{}`: {why}", print::line(&url, 200)));
        let mut base: reqwest::Url = url.parse().map_err(|_| wrong("write a URL, as http://127.0.0.1:8080"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("write a URL, as http://127.0.0.1:8080"));
        }
        // `serve --to` wants the path, so people give it here too.
        let path = base.path().trim_end_matches('/').trim_end_matches("/mcp").to_owned();
        base.set_path(&format!("{path}/"));
        base.set_query(None);
        let token = match &running.token_file {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text =
                    text.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))?;
                Some(text.trim().to_owned())
            }
            None => None,
        };
        if token.is_some() && !running.allow_http {
            refuse_clear_http(&base, "--allow-http").map_err(|why| wrong(&why))?;
        }
        let client = tollgate::web::client_builder(None)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Failure::error(error.to_string()))?;
        Ok(Self { base, token, client })
    }

    /// Asks for a path below the host's URL.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(reqwest::Method::GET, path, &[]).await
    }

    /// Deletes what is at a path below the host's URL.
    pub(crate) async fn delete(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send(reqwest::Method::DELETE, path, query).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut url = self.base.join(path).map_err(|error| Failure::usage(error.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let host = self.base.as_str().trim_end_matches('/');
        let gone = |error: reqwest::Error| {
            let why = if error.is_connect() {
                "nothing answers there; start one with `tollgate serve --http ADDRESS`".to_owned()
            } else {
                print::line(&error.without_url().to_string(), 200)
            };
            Failure { code: Status::Unavailable.exit_code(), message: format!("{host}: {why}") }
        };
        let asked = async {
            let mut response = request.send().await.map_err(gone)?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(gone)? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > MAX_BYTES {
                    return Err(Failure::error(format!("{host}: the answer is over 32 MiB")));
                }
            }
            Ok((status, bytes))
        };
        let (status, bytes) = tokio::select! {
            answer = asked => answer?,
            () = setup::interrupted() => return Err(Failure::cancelled("cancelled")),
        };
        let text = String::from_utf8_lossy(&bytes);
        if status.is_success() {
            return serde_json::from_str(&text).map_err(|error| {
                Failure::error(format!("{host}: the answer is not JSON: {error}; is it a Tollgate host?"))
            });
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let why = said.pointer("/error/message").and_then(Value::as_str).unwrap_or(text.trim());
        let help = match status.as_u16() {
            401 => "; name a file with the token: --token-file FILE",
            404 if said.is_null() => "; is it a Tollgate host of this version?",
            _ => "",
        };
        Err(Failure { code: ERROR, message: format!("{host}: {status}: {}{help}", print::line(why, 400)) })
    }
}
