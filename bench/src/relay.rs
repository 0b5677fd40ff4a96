//! The least that a process between a client and a server can do: `tollgate-bench relay (stdio|http) COMMAND…` passes one message
//! at a time from one to the other, by calls that block, on one thread. Of a message it only finds out where it ends and, by a
//! search in its text, whether it is a request or an answer; what else a server sends it leaves out. What it adds to a call is
//! about the least that any gateway adds on the same machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// A server behind pipes.
struct Behind {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Behind {
    /// Passes a message on; a request gives its answer.
    fn pass(&mut self, message: &[u8]) -> Option<String> {
        self.stdin.write_all(message).expect("it reads");
        if !String::from_utf8_lossy(message).contains("\"id\":") {
            return None;
        }
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).expect("it answers") > 0, "it ended");
            if line.contains("\"result\"") || line.contains("\"error\"") {
                return Some(line);
            }
        }
    }
}

/// Runs until the client ends.
pub(crate) fn run(args: &[String]) {
    let [kind, program, rest @ ..] = args else { panic!("relay (stdio|http) COMMAND…") };
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let behind = Behind { stdin: child.stdin.take().expect("a pipe"), stdout };
    if kind == "http" {
        http(behind)
    } else {
        stdio(behind)
    }
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

fn stdio(mut behind: Behind) {
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut message = Vec::new();
    while input.read_until(b'\n', &mut message).expect("a client") > 0 {
        if let Some(answer) = behind.pass(&message) {
            std::io::stdout().write_all(answer.as_bytes()).expect("a client");
            std::io::stdout().flush().expect("a client");
        }
        message.clear();
    }
}

/// Says where it listens, and serves one connection.
fn http(mut behind: Behind) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("http://{}/mcp", listener.local_addr().expect("an address"));
    let (stream, _) = listener.accept().expect("a client");
    stream.set_nodelay(true).expect("a socket");
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut header = String::new();
            if stream.read_line(&mut header).expect("a client") == 0 {
                return;
            }
            match header.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().expect("a number"),
                None if header == "\r\n" => break,
                _ => {}
            }
        }
        let mut message = vec![0; length];
        stream.read_exact(&mut message).expect("a client");
        message.push(b'\n');
        let answer = match behind.pass(&message) {
            Some(body) => format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            None => "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        stream.get_mut().write_all(answer.as_bytes()).expect("a client");
    }
}
