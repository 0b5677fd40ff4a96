//! `tollgate tools`, against a bare client of the same server: what the host adds to the server's own start.

use crate::{line_over, median};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Times both in turn, over the official "everything" server.
pub(crate) async fn tools() {
    let server = everything();
    let tollgate = tollgate();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("servers.json");
    let file = serde_json::json!({"mcpServers": {"everything": {"command": "node", "args": [server, "stdio"]}}});
    std::fs::write(&config, file.to_string()).unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..crate::times(11) {
        let start = Instant::now();
        let output = Command::new(&tollgate).arg("--config").arg(&config).args(["tools", "--json"]).output().unwrap();
        ours.push(start.elapsed());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        bare.push(bare_start(&server));
    }
    line_over("tollgate tools; baseline: the server's own start", median(ours), median(bare), "≤ 50 ms");
}

/// The official "everything" server's program, for node.
pub(crate) fn everything() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("tests/fleet/node_modules/@modelcontextprotocol/server-everything/dist/index.js")
}

pub(crate) fn tollgate() -> PathBuf {
    let beside = std::env::current_exe().unwrap().with_file_name("tollgate");
    assert!(beside.exists(), "{} is missing: run `cargo build --release` first", beside.display());
    beside
}

/// How long the server takes to answer `initialize` and `tools/list`, with nothing but pipes between.
fn bare_start(server: &Path) -> Duration {
    use std::io::{BufRead as _, BufReader, Write as _};
    let start = Instant::now();
    let mut child = Command::new("node")
        .arg(server)
        .arg("stdio")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |message: serde_json::Value| writeln!(stdin, "{message}").unwrap();
    let client = serde_json::json!({"name": "bare", "version": "0"});
    ask(serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params":
        {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}}));
    let mut wait_for = |id: &str| while !lines.next().unwrap().unwrap().contains(id) {};
    wait_for("\"id\":1");
    ask(serde_json::json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    ask(serde_json::json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}));
    wait_for("\"id\":2");
    let took = start.elapsed();
    drop(stdin);
    child.kill().unwrap();
    child.wait().unwrap();
    took
}
