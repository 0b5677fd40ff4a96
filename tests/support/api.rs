//! An HTTP API of this machine: `/echo` tells what was asked, `/encoded` tells it in other spellings, `/token` gives a token,
//! `/redirect/…` sends elsewhere, `/gone` answers 404, `/refuse/STATUS` that status, `/refuse/STATUS/SECONDS` with a `Retry-After`, `/silent` never.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What `/token` gives, by RFC 6749 section 5.1.
pub const TOKEN: &str = "tg-token/2c9a+71~f40b8e==";

/// Ends with its last holder.
pub struct Api {
    pub url: String,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Api {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, counted.clone()));
            }
        });
        Self { url, asked, task }
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, asked: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_owned());
        }
        asked.fetch_add(1, Ordering::Relaxed);
        let mut first = head[0].split(' ').map(str::to_owned);
        let (method, target) = (first.next().unwrap(), first.next().unwrap());
        let headers: Map<String, Value> = head[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
            .collect();
        let length = headers.get("content-length").and_then(|v| v.as_str()?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        if target == "/silent" {
            std::future::pending::<()>().await;
        }
        let refused: String;
        let (status, extra, answer) = match target.strip_prefix("/redirect/") {
            Some(to) => ("302 Found", format!("location: {to}\r\n"), String::new()),
            None if target == "/gone" => ("404 Not Found", String::new(), json!({"message": "it is gone"}).to_string()),
            None if target.starts_with("/refuse/") => {
                let mut parts = target["/refuse/".len()..].split('/');
                let status = format!("{} Refused", parts.next().unwrap());
                let wait = parts.next().map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
                refused = status;
                (refused.as_str(), wait, json!({"errorMessages": ["not for you"], "errors": {}}).to_string())
            }
            None if target == "/token" => {
                let token = json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600});
                ("200 OK", String::new(), token.to_string())
            }
            None if target.starts_with("/encoded") => ("200 OK", String::new(), encoded(&target, &headers).to_string()),
            None => {
                // What came is told in a header too.
                let told = headers.get("authorization").and_then(Value::as_str).unwrap_or("none").to_owned();
                let body = String::from_utf8_lossy(&body).into_owned();
                let answer = json!({"method": method, "target": target, "headers": headers, "body": body});
                ("200 OK", format!("x-told: {told}\r\n"), answer.to_string())
            }
        };
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{extra}content-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What a server makes of a request, and then writes in every way that there is.
fn encoded(target: &str, headers: &Map<String, Value>) -> Value {
    let mut told = format!("{}\n", String::from_utf8_lossy(&without_percent(target)));
    for (name, value) in headers {
        let value = value.as_str().unwrap_or_default();
        let pair = value.strip_prefix("Basic ").map(|pair| STANDARD.decode(pair).unwrap());
        told += &format!("{name}: {}\n", pair.map_or(value.into(), |pair| String::from_utf8(pair).unwrap()));
    }
    json!({
        "base64": STANDARD.encode(&told),
        "base64url": URL_SAFE_NO_PAD.encode(&told),
        "hex": hex::encode(&told),
        "hex_upper": hex::encode_upper(&told),
        "json": Value::from(told.as_str()).to_string(),
        "percent": told.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>(),
        "plain": told,
    })
}

fn without_percent(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        out.push(u8::from_str_radix(digits, 16).unwrap());
        out.extend_from_slice(rest.as_bytes());
    }
    out
}
