//! Scripts: what one costs, beside the same work done otherwise.

use crate::memory::private_bytes;
use crate::server::{self, Direct};
use crate::startup::everything;
use crate::{line, line_over, median};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tollgate::{Grants, Host, LimitKind, RunRequest, Script, ScriptLanguage, ServerSpec, Status, Transport};

const LANGUAGES: [ScriptLanguage; 2] = [ScriptLanguage::JavaScript, ScriptLanguage::Python];

fn interpreters() -> PathBuf {
    let target =
        std::env::current_exe().expect("a path").parent().and_then(|p| p.parent()).expect("a folder").to_owned();
    let folder = target.join("share/tollgate/interpreters");
    assert!(folder.join("python.cwasm").exists(), "the interpreters are not built: run `cargo xtask plugins`");
    folder
}

async fn host(max_runs: u32) -> Host {
    let builder = Host::builder().in_process_server("echo", server::start()).max_runs(max_runs);
    let host = builder.interpreters(interpreters()).build().await.unwrap();
    host.settled().await;
    host
}

fn request(language: ScriptLanguage, code: &str) -> RunRequest {
    let file = format!("bench.{}", language.extension());
    RunRequest::script(Script { language, code: code.to_owned(), file })
        .grants(Grants::all())
        .limit(LimitKind::Timeout, 600_000)
}

async fn timed(host: &Host, language: ScriptLanguage, code: &str) -> Duration {
    let request = request(language, code);
    let start = Instant::now();
    let report = host.run(request).await.unwrap();
    let took = start.elapsed();
    assert_eq!(report.status, Status::Ok, "{:?}", report.error);
    took
}

/// A tiny script in a fresh instance; and the first of a process.
pub(crate) async fn tiny() {
    let warm = host(1_000).await;
    for (language, target) in LANGUAGES.into_iter().zip(["≤ 250 µs", "≤ 3 ms"]) {
        let mut times = Vec::new();
        for round in 0..crate::times(500) + 20 {
            let took = timed(&warm, language, "1 + 1").await;
            if round >= 20 {
                times.push(took);
            }
        }
        line(&format!("tiny script ({language})"), median(times), None, target);
        let mut first = Vec::new();
        for _ in 0..crate::times(11) {
            let fresh = host(1_000).await;
            first.push(timed(&fresh, language, "1 + 1").await);
            fresh.shutdown().await;
        }
        line(&format!("first script of a host ({language})"), median(first), None, "≤ 10 ms");
    }
    warm.shutdown().await;
}

const SEQUENCE: [&str; 2] = [
    "for (let n = 0; n < 10; n++) await echo.echo({message: 'hello'});",
    "for n in range(10):\n    await echo.echo(message='hello')",
];
const AT_ONCE: [&str; 2] = [
    "await Promise.all(Array.from({length: 10}, () => echo.echo({message: 'hello'})));",
    "import asyncio\nawait asyncio.gather(*[echo.echo(message='hello') for n in range(10)])",
];

/// Ten calls by a script, over ten direct calls: to a server in this process, then to a real one over stdio.
pub(crate) async fn ten_calls() {
    ten_calls_of("in process", host(1_000).await, Direct::connect().await).await;
    let command = |file: &Path| {
        let mut command = tokio::process::Command::new("node");
        command.arg(file).arg("stdio");
        command
    };
    let everything = everything();
    let transport = Transport::stdio("node", [everything.to_str().expect("a text"), "stdio"]);
    let builder = Host::builder().server(ServerSpec::new("echo", transport)).interpreters(interpreters());
    let real = builder.build().await.unwrap();
    real.settled().await;
    ten_calls_of("over stdio", real, Direct::spawn(command(&everything)).await).await;
    fastmcp(&everything);
}

/// The same by a process of Python that makes them over HTTP.
async fn ten_calls_of(place: &str, host: Host, direct: Direct) {
    let subprocess = Subprocess::new(host.clone());
    let mut times = vec![Vec::new(); 6];
    let mut processes = Vec::new();
    for round in 0..crate::times(200) + 20 {
        let start = Instant::now();
        for _ in 0..10 {
            direct.call().await;
        }
        let mut took = vec![start.elapsed()];
        let start = Instant::now();
        futures::future::join_all((0..10).map(|_| direct.call())).await;
        took.push(start.elapsed());
        for ((language, sequence), at_once) in LANGUAGES.into_iter().zip(SEQUENCE).zip(AT_ONCE) {
            took.push(timed(&host, language, sequence).await);
            took.push(timed(&host, language, at_once).await);
        }
        if round >= 20 {
            times.iter_mut().zip(took).for_each(|(all, one)| all.push(one));
        }
        if round % 20 == 0 {
            processes.push(subprocess.run());
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    let (sequence, at_once, process) = (medians[0], medians[1], median(processes));
    line(&format!("10 direct calls {place}, in sequence"), sequence, None, "");
    line_over("10 calls: python3 process over HTTP", process, sequence, "");
    for (language, (ours, target)) in LANGUAGES.into_iter().zip(medians[2..].chunks(2).zip(["≥ 100×", "≥ 20×"])) {
        line(&format!("10 calls by a script ({language})"), ours[0], Some(sequence), "≤ 1.15");
        line(&format!("10 calls at once by a script ({language})"), ours[1], Some(at_once), "≤ 1.15");
        let name = format!("  less overhead than the process ({language})");
        match ours[0].checked_sub(sequence).filter(|over| !over.is_zero()) {
            Some(over) => {
                let ratio = process.saturating_sub(sequence).as_secs_f64() / over.as_secs_f64();
                println!("{name:<48} {ratio:>11.0}×  {target}");
            }
            // The machine is noisy.
            None => println!("{name:<48} {:>12}  {target}", "none seen"),
        }
    }
    host.shutdown().await;
}

/// FastMCP's code mode over the same server, where it is installed.
fn fastmcp(server: &Path) {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let python = peers.join(".venv/bin/python");
    if !python.exists() {
        println!(
            "FastMCP is not measured: `python3 -m venv bench/peers/.venv && bench/peers/.venv/bin/pip install -r bench/peers/requirements.txt`"
        );
        return;
    }
    let output = Command::new(python).arg(peers.join("code_mode.py")).arg(server).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let medians: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let of = |name: &str| Duration::from_secs_f64(medians[name].as_f64().expect("a number") / 1e6);
    line("FastMCP code mode: tiny script", of("tiny"), None, "");
    line("FastMCP code mode: 10 calls", of("sequence"), Some(of("direct_sequence")), "");
    line("FastMCP code mode: 10 calls at once", of("at_once"), Some(of("direct_at_once")), "");
}

/// The way of an orchestrator that starts a Python process a script, which calls back over HTTP.
struct Subprocess {
    port: u16,
}

const PROCESS: &str = "
import json, sys, urllib.request
def call_tool(server, tool, arguments):
    body = json.dumps({'server': server, 'tool': tool, 'arguments': arguments}).encode()
    request = urllib.request.Request(f'http://127.0.0.1:{sys.argv[1]}/call_tool', body)
    return json.load(urllib.request.urlopen(request))
for n in range(10):
    call_tool('echo', 'echo', {'message': 'hello'})
";

impl Subprocess {
    fn new(host: Host) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = BufReader::new(stream);
                let mut length = 0;
                loop {
                    let mut header = String::new();
                    stream.read_line(&mut header).expect("a header");
                    if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                    if header.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).expect("a body");
                let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                let name = "echo:echo".parse().expect("a name");
                let answer = runtime.block_on(host.call(&name, body["arguments"].to_string())).expect("an answer");
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let length = answer.json.len();
                write!(stream.get_mut(), "{head}\r\ncontent-length: {length}\r\n\r\n{}", answer.json)
                    .expect("it reads");
            }
        });
        Self { port }
    }

    fn run(&self) -> Duration {
        let start = Instant::now();
        let mut process = Command::new("python3");
        process.args(["-c", PROCESS, &self.port.to_string()]).stdin(Stdio::null());
        assert!(process.status().expect("python3").success());
        start.elapsed()
    }
}

/// A thousand scripts at once, each waiting for a tool.
pub(crate) async fn waiting() {
    const SCRIPTS: usize = 1_000;
    for (language, code, target) in [
        (ScriptLanguage::JavaScript, "await echo.wait({ms: 15000}); 1", 400),
        (ScriptLanguage::Python, "await echo.wait(ms=15000)\n1", 3_000),
    ] {
        let host = host(SCRIPTS as u32 + 10).await;
        timed(&host, language, "1").await;
        let before = private_bytes(std::process::id());
        let start = Instant::now();
        let run = |_| {
            let (host, request) = (host.clone(), request(language, code).limit(LimitKind::Memory, 256 << 20));
            tokio::spawn(async move { host.run(request).await.unwrap() })
        };
        let runs: Vec<_> = (0..crate::times(SCRIPTS)).map(run).collect();
        // By now all have made their call, and none has its answer.
        tokio::time::sleep(Duration::from_secs(12)).await;
        let each = private_bytes(std::process::id()).saturating_sub(before) / crate::times(SCRIPTS) as u64;
        let mut well = 0;
        for run in runs {
            well += usize::from(run.await.unwrap().status == Status::Ok);
        }
        println!(
            "{:<48} {:>12} {:>12} {:>8}  ≤ {target} kB; {well} of {} ended well, in {:.1} s",
            format!("memory of a waiting script ({language})"),
            format!("{:.0} kB", each as f64 / 1e3),
            "-",
            "-",
            crate::times(SCRIPTS),
            start.elapsed().as_secs_f64(),
        );
        host.shutdown().await;
    }
}
