//! An MCP client over HTTP on one connection, as small as it can be. The measurements use it too.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const VERSION: &str = "2025-11-25";

/// One connection, in one session.
pub struct RawHttp {
    stream: BufReader<TcpStream>,
    path: String,
    pub session: String,
}

impl RawHttp {
    /// Connects, and waits up to ten seconds for somebody who listens.
    pub fn connect(address: &str, path: &str, session: &str) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(address).ok();
            if stream.is_none() {
                std::thread::sleep(Duration::from_millis(20));
            }
            stream
        };
        let stream = (0..500).find_map(connect).unwrap_or_else(|| panic!("nobody listens at {address}"));
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream: BufReader::new(stream), path: path.to_owned(), session: session.to_owned() }
    }

    /// Begins a session.
    pub fn begin(&mut self) {
        let params = format!(
            r#"{{"protocolVersion":"{VERSION}","capabilities":{{}},"clientInfo":{{"name":"raw","version":"1"}}}}"#
        );
        let answer = self.send(&format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#));
        assert!(answer.contains("serverInfo"), "{answer}");
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    /// Sends a message and reads its answer, whole: JSON, or a stream of events to its end.
    pub fn send(&mut self, message: &str) -> String {
        self.write("POST", message);
        self.read()
    }

    /// Sends a request and does not read what comes back.
    pub fn write(&mut self, method: &str, message: &str) {
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!("mcp-session-id: {session}\r\nmcp-protocol-version: {VERSION}\r\n"),
        };
        let request = format!(
            "{method} {} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json, text/event-stream\r\n\
             content-type: application/json\r\n{session}content-length: {}\r\n\r\n{message}",
            self.path,
            message.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stream.read_line(&mut line).unwrap() > 0, "the connection ended");
        line.trim_end().to_owned()
    }

    /// Reads an answer.
    pub fn read(&mut self) -> String {
        let status = self.line();
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = self.line();
            let Some((name, value)) = header.split_once(':') else { break };
            match (name.to_ascii_lowercase().as_str(), value.trim()) {
                ("content-length", value) => length = value.parse().unwrap(),
                ("transfer-encoding", "chunked") => chunked = true,
                ("mcp-session-id", value) => value.clone_into(&mut self.session),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        while chunked {
            let size = usize::from_str_radix(&self.line(), 16).unwrap();
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..]).unwrap();
            self.line();
            chunked = size > 0;
        }
        let body = String::from_utf8(body).unwrap();
        assert!(status.contains(" 20"), "{status}: {body}");
        body
    }
}

/// Gets a page: its status, and its body or where it redirects to.
pub fn get(url: &str) -> (u16, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.to_owned())
    });
    (status, location.unwrap_or_else(|| body.to_owned()))
}
