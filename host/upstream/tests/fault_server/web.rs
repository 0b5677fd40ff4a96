//! Streamable HTTP on loopback, by hand: a library would not send half of an answer. One request a connection.

use crate::dice::Fault;
use crate::{Planned, Server, error};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest request, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;
/// How long nobody is answered after a restart.
const DOWN: Duration = Duration::from_millis(40);
/// How long a call without an answer keeps its connection.
const SILENCE: Duration = Duration::from_secs(2);

pub(crate) fn serve(server: Arc<Server>) {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { std::process::exit(1) };
    let port = listener.local_addr().map_or(0, |address| address.port());
    println!("{port}");
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let up_at = Arc::new(Mutex::new(Instant::now()));
    for stream in listener.incoming().flatten() {
        if *up_at.lock() > Instant::now() {
            continue;
        }
        let (server, up_at) = (server.clone(), up_at.clone());
        std::thread::spawn(move || exchange(&server, stream, &up_at));
    }
}

fn exchange(server: &Server, mut stream: TcpStream, up_at: &Mutex<Instant>) {
    let Some((method, body)) = read(&stream) else { return };
    if method != "POST" {
        return respond(&mut stream, "405 Method Not Allowed", "", "");
    }
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    match server.plan(&message) {
        Some(planned) => call(server, &planned, &mut stream, up_at),
        None => match server.plain(&message) {
            Some(answer) => respond(&mut stream, "200 OK", JSON, &answer.to_string()),
            None => respond(&mut stream, "202 Accepted", "", ""),
        },
    }
}

/// The method and the body of a request.
fn read(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let method = line.split(' ').next()?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; usize::min(length, MAX_BODY_BYTES)];
    reader.read_exact(&mut body).ok()?;
    Some((method, body))
}

const JSON: &str = "Content-Type: application/json\r\n";

fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// A stream of events, which ends with the connection.
fn events(stream: &mut TcpStream, events: &[String]) {
    let mut text = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n".to_owned();
    for event in events {
        text.push_str(&format!("data: {event}\n\n"));
    }
    let _ = stream.write_all(text.as_bytes());
}

fn call(server: &Server, planned: &Planned, stream: &mut TcpStream, up_at: &Mutex<Instant>) {
    std::thread::sleep(planned.pause);
    match planned.fault {
        Fault::DropBefore => return,
        Fault::SlowDown => return respond(stream, "429 Too Many Requests", "Retry-After: 0\r\n", "later"),
        Fault::Unavailable => return respond(stream, "503 Service Unavailable", "", "not now"),
        Fault::Internal if planned.pause.is_zero() => return respond(stream, "500 Internal Server Error", "", "oh no"),
        Fault::Internal => {
            let error = error(&planned.id, -32603, "oh no", &Value::Null);
            return respond(stream, "200 OK", JSON, &error.to_string());
        }
        _ => {}
    }
    let answer = server.act(planned).to_string();
    match planned.fault {
        Fault::DropAfter => {}
        Fault::Half => {
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{JSON}\r\n", answer.len());
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(answer.as_bytes().get(..answer.len() / 2).unwrap_or_default());
        }
        Fault::Silent => {
            events(stream, &[]);
            std::thread::sleep(SILENCE);
        }
        Fault::Twice => events(stream, &[answer.clone(), answer]),
        // By itself, or before the right one.
        Fault::WrongId if planned.pause.is_zero() => {
            let wrong = crate::answer(&json!(900_000_001), "get", "another's").to_string();
            respond(stream, "200 OK", JSON, &wrong);
        }
        Fault::WrongId => {
            let mut lines: Vec<String> = server.wrong().iter().map(Value::to_string).collect();
            lines.push(answer);
            events(stream, &lines);
        }
        Fault::Garbage => events(stream, &["Listening on port 3000".to_owned(), "{\"half\": ".to_owned(), answer]),
        Fault::Restart => {
            respond(stream, "200 OK", JSON, &answer);
            *up_at.lock() = Instant::now() + DOWN;
        }
        _ => respond(stream, "200 OK", JSON, &answer),
    }
    server.is_answered(&planned.id);
}
