//! What the front end adds to a call: an echo of a real server (server-everything over stdio), called directly, through
//! `tollgate serve` over stdio and over HTTP, through `mcp-proxy` over HTTP where that is installed, and through a process that
//! does nothing but pass it on.
//!
//! The clients are as bare as can be: they write a request and read its answer, on one thread, without a runtime.

use crate::memory::resident_bytes;
use crate::startup::{everything, tollgate};
use crate::{line, line_over, median};
use raw_http::RawHttp;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/support/raw_http.rs"]
mod raw_http;

/// A tool of the Rust SDK's server, which always says the same.
const PLAIN: &str = "test_simple_text";
const ROUNDS: usize = 3_000;
const WARM: usize = 300;

trait Client {
    /// Sends a message and gives the answer of a request.
    fn send(&mut self, message: &str, wants_answer: bool) -> String;

    fn echo(&mut self, tool: &str, n: usize) -> Duration {
        let nonce = format!("nonce {n}.");
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"message":"{nonce}"}}}}}}"#,
            n + 1
        );
        let start = Instant::now();
        let answer = self.send(&call, true);
        let took = start.elapsed();
        let says_its_own = tool.ends_with(PLAIN);
        assert!(answer.contains(if says_its_own { "\"content\"" } else { &nonce }), "{answer}");
        took
    }
}

/// A client over stdio, of a server of its own.
pub(crate) struct Pipes {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Pipes {
    fn begin(&mut self) {
        let version = "2025-11-25";
        let hello = format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"bench","version":"1"}}}}}}"#
        );
        let answer = self.send(&hello, true);
        assert!(answer.contains("serverInfo"), "{answer}");
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, false);
    }

    /// Starts the server and shakes hands with it.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut client = Self { stdin: child.stdin.take(), stdout, child };
        client.begin();
        client
    }

    /// The server's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn write(&mut self, message: &str) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(format!("{message}\n").as_bytes()).expect("it reads");
    }

    /// The next answer, whichever request it is of.
    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        while !(line.contains("\"result\"") || line.contains("\"error\"")) {
            line.clear();
            assert!(self.stdout.read_line(&mut line).expect("it answers") > 0, "it ended");
        }
        line
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}

impl Client for Pipes {
    fn send(&mut self, message: &str, wants_answer: bool) -> String {
        self.write(message);
        if wants_answer { self.answer() } else { String::new() }
    }
}

struct Http {
    child: Child,
    url: String,
    connection: RawHttp,
}

impl Http {
    /// Starts a server that says first where it listens.
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut said).expect("it says where");
        let address = said.trim().trim_start_matches("http://").trim_end_matches("/mcp").to_owned();
        Self::connect(child, &address, "/mcp")
    }

    fn connect(child: Child, address: &str, path: &str) -> Self {
        let url = format!("http://{address}{path}");
        let mut client = Self { child, url, connection: RawHttp::connect(address, path, "") };
        client.connection.begin();
        client
    }
}

impl<C: Client + ?Sized> Client for Box<C> {
    fn send(&mut self, message: &str, wants_answer: bool) -> String {
        (**self).send(message, wants_answer)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        drop(self.child.wait());
    }
}

impl Client for Http {
    fn send(&mut self, message: &str, _: bool) -> String {
        self.connection.send(message)
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Echoes of servers over HTTP, called directly and through `tollgate serve`: server-everything in Node, and the Rust SDK's server,
/// which waits for acknowledgements.
pub(crate) fn echo_over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut clients: Vec<(&str, &str, Http)> = Vec::new();
    let port = free_port();
    let mut everything = Command::new("node");
    everything.arg(crate::startup::everything()).arg("streamableHttp").env("PORT", port.to_string());
    let everything = everything.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    clients.push(("Node's server", "echo", Http::connect(everything, &format!("127.0.0.1:{port}"), "/mcp")));
    let mut rust = Command::new(tollgate().with_file_name("tollgate-fixture-server"));
    // It ends when its input does.
    rust.args(["--http", "0"]).stdin(Stdio::piped());
    let rust = Http::start(rust);
    let rust_url = rust.url.clone();
    clients.push(("the Rust SDK's server", PLAIN, rust));
    for (name, url) in [("node", format!("http://127.0.0.1:{port}/mcp")), ("rust", rust_url)] {
        let config = folder.path().join(format!("{name}.json"));
        let servers = serde_json::json!({"mcpServers": {"e": {"url": url}}});
        std::fs::write(&config, servers.to_string()).expect("a file");
        let mut serve = Command::new(tollgate());
        serve.args(["serve", "--expose", "all", "--http", "127.0.0.1:0", "--config"]).arg(&config);
        let (name, tool) = match name {
            "node" => ("serve, to Node's server", "e__echo"),
            _ => ("serve, to the Rust SDK's server", "e__test_simple_text"),
        };
        clients.push((name, tool, Http::start(serve)));
    }
    let medians = echoes(&mut clients);
    for (name, median, direct) in [(0, None), (2, Some(0)), (1, None), (3, Some(1))]
        .map(|(at, direct): (usize, Option<usize>)| (clients[at].0, medians[at], direct.map(|direct| medians[direct])))
    {
        match direct {
            None => line(&format!("echo over HTTP: {name}"), median, None, ""),
            Some(direct) => line_over(&format!("echo over HTTP: {name}"), median, direct, ""),
        }
    }
}

/// The median time of an echo by each client, all in turn.
fn echoes<C: Client>(clients: &mut [(&str, &str, C)]) -> Vec<Duration> {
    let mut times = vec![Vec::new(); clients.len()];
    for round in 0..crate::times(WARM) + crate::times(ROUNDS) {
        for ((_, tool, client), times) in clients.iter_mut().zip(&mut times) {
            let took = client.echo(tool, round);
            if round >= crate::times(WARM) {
                times.push(took);
            }
        }
    }
    times.into_iter().map(median).collect()
}

/// What stands between a client and the server's echo.
pub(crate) fn echo() {
    let fleet = everything();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tollgate.json");
    let servers = serde_json::json!({"mcpServers": {"e": {"command": "node", "args": [fleet, "stdio"]}}});
    std::fs::write(&config, servers.to_string()).expect("a file");
    let tollgate = tollgate();
    let serve = |args: &[&str]| {
        let mut command = Command::new(&tollgate);
        command.arg("serve").args(["--expose", "all", "--config"]).arg(&config).args(args);
        command
    };
    let server = || {
        let mut command = Command::new("node");
        command.arg(&fleet).arg("stdio");
        command
    };

    // What one more process in the way costs, whatever it does.
    let relay = |kind: &str| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["relay", kind, "node"]).arg(&fleet).arg("stdio");
        command
    };
    let mut clients: Vec<(&str, &str, Box<dyn Client>)> = vec![
        ("direct, stdio", "echo", Box::new(Pipes::start(server()))),
        ("bare relay, stdio", "echo", Box::new(Pipes::start(relay("stdio")))),
        ("tollgate serve, stdio", "e__echo", Box::new(Pipes::start(serve(&[])))),
    ];
    clients.push(("bare relay, HTTP", "echo", Box::new(Http::start(relay("http")))));
    let http = Http::start(serve(&["--http", "127.0.0.1:0"]));
    let http_pid = http.child.id();
    clients.push(("tollgate serve, HTTP", "e__echo", Box::new(http)));
    let port = free_port();
    let proxy_config = folder.path().join("proxy.toml");
    let backend = format!(
        "[proxy]\nname = \"p\"\nseparator = \"/\"\n[proxy.listen]\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[backends]]\nname = \"e\"\ntransport = \"stdio\"\ncommand = \"node\"\nargs = [{fleet:?}, \"stdio\"]\n"
    );
    std::fs::write(&proxy_config, backend).expect("a file");
    let mut proxy = Command::new("mcp-proxy");
    proxy.arg("--config").arg(&proxy_config);
    match proxy.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => {
            let client = Http::connect(child, &format!("127.0.0.1:{port}"), "/");
            clients.push(("mcp-proxy, HTTP", "e/echo", Box::new(client)));
        }
        Err(_) => {
            println!(
                "mcp-proxy is not on PATH, so it is not measured: `cargo install mcp-proxy --version 0.6.0 --locked --no-default-features --features yaml`"
            )
        }
    }

    let idle = resident_bytes(http_pid);
    let medians = echoes(&mut clients);
    line("echo: direct, stdio", medians[0], None, "");
    let targets = ["", "", "≤ 60 µs", "", "≤ half of mcp-proxy's", ""];
    for (((name, ..), median), target) in clients.iter().zip(&medians).zip(targets).skip(1) {
        line_over(&format!("echo: {name}"), *median, medians[0], target);
    }
    for (name, bytes, target) in
        [("serve: memory, idle", idle, "≤ 25 MiB"), ("serve: memory after these calls", resident_bytes(http_pid), "")]
    {
        println!("{name:<48} {:>12} {:>12} {:>8}  {target}", format!("{} MiB", bytes / (1 << 20)), "-", "-");
    }
}

/// From the start of `tollgate serve` to its answer to `tools/list`, with no server behind it.
pub(crate) fn first_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("tollgate.json");
    std::fs::write(&config, r#"{"mcpServers":{}}"#).expect("a file");
    let tollgate = tollgate();
    let mut times = Vec::new();
    for _ in 0..crate::times(41) {
        let mut command = Command::new(&tollgate);
        command.args(["serve", "--config"]).arg(&config);
        let start = Instant::now();
        let mut client = Pipes::start(command);
        let answer = client.send(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, true);
        times.push(start.elapsed());
        assert!(answer.contains("search_tools"), "{answer}");
    }
    line("serve: from start to tools/list", median(times), None, "≤ 20 ms");
}
