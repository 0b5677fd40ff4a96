//! Where the browser comes back to: one address of loopback, for the time of one login.

use super::spec::OAuthSpec;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::Url;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_core::address::is_loopback_host;

/// Browsers open connections ahead, and other programs may knock.
const MAX_CONNECTIONS: usize = 16;
const MAX_REQUEST_BYTES: usize = 16 << 10;
/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
const PATH: &str = "/callback";

/// What came back from the authorization server. It has no `Debug`: a code is a secret.
#[derive(PartialEq, Eq)]
pub(crate) struct Callback {
    /// Who says that it answered (RFC 9207).
    pub(crate) issuer: Option<String>,
    /// The code; or the error and what it says of it.
    pub(crate) answer: Result<String, (String, String)>,
}

impl Callback {
    /// Reads the URL that the browser was sent to.
    ///
    /// # Errors
    /// It does not belong to the login with this state. Anybody may have sent it, so it means nothing.
    pub(crate) fn parse(url: &str, state: &str) -> Result<Self, &'static str> {
        let url = Url::parse(url.trim()).map_err(|_| "that is not a URL")?;
        let value = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(Some(value)),
                (None, _) => Ok(None),
                (Some(_), Some(_)) => Err("the URL says something twice"),
            }
        };
        if value("state")?.is_none_or(|found| found != state) {
            return Err("the URL is not of this login");
        }
        let issuer = value("iss")?;
        let answer = match (value("error")?, value("code")?) {
            (Some(error), _) => Err((error, value("error_description")?.unwrap_or_default())),
            (None, Some(code)) if !code.is_empty() => Ok(code),
            (None, _) => return Err("the URL has no code"),
        };
        Ok(Self { issuer, answer })
    }
}

/// The open address. Dropping it closes it.
pub(crate) struct Listener {
    socket: TcpListener,
    path: String,
    /// Its URL, as the authorization server gets it.
    pub(crate) url: String,
}

impl Listener {
    /// Opens it, where the configuration says or on a free port.
    pub(crate) async fn open(spec: &OAuthSpec) -> io::Result<Self> {
        let Some(url) = &spec.redirect_url else {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, spec.redirect_port.unwrap_or(0))).await?;
            let url = format!("http://127.0.0.1:{}{PATH}", socket.local_addr()?.port());
            return Ok(Self { socket, path: PATH.to_owned(), url });
        };
        let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "http");
        let parsed = parsed.as_ref().and_then(|url| Some((url, url.host_str()?, url.port()?)));
        let Some((parsed, host, port)) = parsed.filter(|(_, host, _)| is_loopback_host(host)) else {
            return Err(io::Error::other("its URL is not one of http on loopback, with a port"));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // A browser that tries ::1 for `localhost` tries 127.0.0.1 then.
        let address = host.parse::<IpAddr>().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let socket = TcpListener::bind((address, port)).await?;
        Ok(Self { socket, path: parsed.path().to_owned(), url: url.clone() })
    }

    /// Waits for the browser of the login with this state. Whatever else comes is told off and forgotten.
    pub(crate) async fn wait(&self, state: &str) -> Callback {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept(), if open.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => open.push(tokio::time::timeout(PATIENCE, answer(stream, &self.path, state))),
                    // Out of file descriptors, perhaps.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(answered) = open.next(), if !open.is_empty() => {
                    if let Ok(Ok(Some(callback))) = answered {
                        return callback;
                    }
                }
            }
        }
    }
}

async fn answer(mut stream: TcpStream, path: &str, state: &str) -> io::Result<Option<Callback>> {
    let Some(target) = read_target(&mut stream).await? else { return Ok(None) };
    let (status, text, callback) = if target.split('?').next() != Some(path) {
        ("404 Not Found", "There is nothing here.", None)
    } else {
        match Callback::parse(&format!("http://127.0.0.1{target}"), state) {
            Ok(callback) if callback.answer.is_ok() => {
                ("200 OK", "The answer has arrived. You can close this page and go back.", Some(callback))
            }
            Ok(callback) => ("200 OK", "The login was refused. You can close this page.", Some(callback)),
            Err(_) => ("400 Bad Request", "This page does not belong to the login that is awaited.", None),
        }
    };
    // Whether the page arrives changes nothing.
    let _ = write_page(&mut stream, status, text).await;
    Ok(callback)
}

/// The target of a GET; its headers are read and ignored.
async fn read_target(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut chunk = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await?;
        if count == 0 || head.len() + count > MAX_REQUEST_BYTES {
            return Ok(None);
        }
        head.extend(chunk.iter().take(count));
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    Ok(match (words.next(), words.next()) {
        (Some("GET"), Some(target)) => Some(target.to_owned()),
        _ => None,
    })
}

async fn write_page(stream: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tollgate</title>\
         <body style=\"font: 1.2em sans-serif; margin: 4em\"><h1>Tollgate</h1><p>{text}</p></body></html>\n"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_url_of_this_login_is_taken() {
        let take = |query: &str| Callback::parse(&format!("http://127.0.0.1:9/callback?{query}"), "s1");
        assert!(take("code=c&state=s1").is_ok_and(|c| c.answer == Ok("c".to_owned()) && c.issuer.is_none()));
        assert!(take("code=c&state=s1&iss=https%3A%2F%2Fa").is_ok_and(|c| c.issuer.as_deref() == Some("https://a")));
        assert!(take("error=access_denied&state=s1").is_ok_and(|c| c.answer.is_err()));
        for query in ["code=c&state=s2", "code=c", "code=c&code=d&state=s1", "state=s1", "code=&state=s1", "error=x"] {
            assert!(take(query).is_err(), "{query}");
        }
        assert!(Callback::parse("code=c&state=s1", "s1").is_err(), "not a URL");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in ".*") {
            let _ = Callback::parse(&text, "s1");
            let _ = Callback::parse(&format!("http://127.0.0.1/callback?{text}"), "s1");
        }
    }
}
