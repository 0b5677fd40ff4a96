//! What the tests share.

pub mod api;
pub mod caller;
pub mod mcp;
pub mod raw_http;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a loaded machine, short enough to notice.
pub const SOON: Duration = Duration::from_secs(30);

/// A user's folders: a home and a working folder that nothing else uses, and the compile cache that all
/// tests share, so that each guest is compiled once.
pub struct Place {
    pub dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir }
    }

    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub fn write(&self, name: &str, text: impl AsRef<str>) -> PathBuf {
        let path = self.work().join(name);
        std::fs::write(&path, text.as_ref()).unwrap();
        path
    }

    /// The binary, in this place, with no terminal.
    pub fn tollgate<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command
            .args(args)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("home"))
            .env("XDG_CACHE_HOME", shared_cache())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(self.tollgate(args).output().unwrap())
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Its stdout, which must be one JSON document and nothing else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}\nstdout: {}\nstderr: {}", self.stdout, self.stderr))
    }

    /// Fails the test unless it ended with `code`.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

pub fn shared_cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
}

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

/// A server that misbehaves in the way of `mode`; `tollgate-upstream` has it.
pub fn evil_server(mode: &str, arg: &str) -> Value {
    let path = Path::new(env!("CARGO_BIN_EXE_tollgate")).with_file_name("tollgate-evil-server");
    assert!(path.exists(), "{} is missing: run the tests of the whole workspace", path.display());
    json!({"command": path, "args": [mode, arg]})
}

/// The real servers, as an `mcpServers` file has them. `folder` is theirs: a git repository, a folder of files.
pub fn fleet_config(folder: &Path) -> Value {
    let fleet = root().join("tests/fleet");
    let npm = |package: &str| fleet.join("node_modules/@modelcontextprotocol").join(package).join("dist/index.js");
    let python = |program: &str| fleet.join(".venv/bin").join(program);
    assert!(npm("server-everything").exists(), "the fleet is not installed: run `cargo xtask fleet`");
    assert!(python("mcp-server-git").exists(), "the fleet is not installed: run `cargo xtask fleet`");
    json!({"mcpServers": {
        "everything": {"command": "node", "args": [npm("server-everything"), "stdio"]},
        "filesystem": {"command": "node", "args": [npm("server-filesystem"), folder]},
        "memory": {"command": "node", "args": [npm("server-memory")],
            "env": {"MEMORY_FILE_PATH": folder.join("memory.jsonl")}},
        "sequential-thinking": {"command": "node", "args": [npm("server-sequential-thinking")]},
        "git": {"command": python("mcp-server-git"), "args": ["--repository", folder]},
        "time": {"command": python("mcp-server-time"), "args": ["--local-timezone", "Europe/Berlin"]},
        "sqlite": {"command": python("mcp-server-sqlite"), "args": ["--db-path", folder.join("test.db")]},
    }})
}

/// A git repository with one commit and a file `notes.txt`.
pub fn repository(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "remember the milk\n").unwrap();
    for args in [
        vec!["init", "--quiet"],
        vec!["add", "notes.txt"],
        vec!["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "First notes"],
    ] {
        let status = Command::new("git").args(args).current_dir(folder).status().unwrap();
        assert!(status.success());
    }
}

/// A port that is free now, on loopback.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until `check` finds something.
pub fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < SOON, "it never came to be: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a child a signal, as `-TERM`.
pub fn signal(child: &std::process::Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// A child that is killed when the test ends early.
pub struct Running(pub std::process::Child);

impl Running {
    pub fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    pub fn signal(&self, signal: &str) {
        self::signal(&self.0, signal);
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ended {
        use std::io::Read as _;
        let mut stderr = self.0.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            text
        });
        let mut stdout = Vec::new();
        self.0.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.0.wait().unwrap();
        Ended::of(Output { status, stdout, stderr: errors.join().unwrap() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The processes of this machine whose command line has `text` (proc(5) or ps).
pub fn processes_with(text: &str) -> Vec<String> {
    let output = Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter(|l| l.contains(text) && !l.contains("ps -eo")).map(str::to_owned).collect()
}
