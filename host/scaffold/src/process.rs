//! Running the tools of a build: a bounded output, a time limit, a process group of its own, a minimal environment.

use crate::Error;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tollgate_children::{Enrolled, Starting};

/// How much of what a command prints is kept, from its end, in bytes.
const OUTPUT_KEPT_BYTES: usize = 32 << 10;
/// How long a step may take. The longest are downloads of a hundred megabytes over a slow line.
const STEP_MAX: Duration = Duration::from_secs(30 * 60);
/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How long a process group has between the polite end and the other one.
const GRACE: Duration = Duration::from_millis(500);

/// What a tool needs to work at all and to reach a registry as its user does; nothing else of the environment.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "PYENV_ROOT",
    "PYENV_VERSION",
];

/// The same by prefix: which registry, through what, with which certificates.
const KEPT_PREFIXES: &[&str] = &["PIP_", "npm_config_", "NPM_CONFIG_", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];

/// Cancels a build from another thread, as on Ctrl-C.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A build that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the running command and all that it started; the build then ends with [`Error::Cancelled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// One command of a build.
pub(crate) struct Step {
    what: &'static str,
    command: Command,
    advice: String,
    missing: &'static str,
}

impl Step {
    /// A command for this purpose ("fetching the tools"), in this folder.
    pub fn new(what: &'static str, program: impl AsRef<OsStr>, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear();
        for (name, value) in std::env::vars_os() {
            let kept = name.to_str().is_some_and(|name| {
                KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            });
            if kept {
                command.env(name, value);
            }
        }
        Self { what, command, advice: String::new(), missing: "install it, or put it on the PATH" }
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What to do where it fails.
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// What to do where the program is not there.
    pub fn missing(mut self, advice: &'static str) -> Self {
        self.missing = advice;
        self
    }

    /// Runs it to its end, and returns what it printed on stdout (at most its last 32 KiB).
    pub fn run(mut self, cancel: &Cancel) -> Result<String, Error> {
        let shown = shown(&self.command);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let starting = Starting::of(&mut self.command);
        let mut group = match self.command.spawn() {
            Ok(child) => Group { _enrolled: starting.made(Some(child.id())), child, over: false },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let program = self.command.get_program().to_string_lossy().into_owned();
                return Err(Error::Missing { program, advice: self.missing });
            }
            Err(error) => return Err(Error::io("run", Path::new(self.command.get_program()), error)),
        };
        let both = Arc::new(Mutex::new(VecDeque::new()));
        let only_out = Arc::new(Mutex::new(VecDeque::new()));
        let readers = [
            group.child.stdout.take().map(|pipe| keep(pipe, vec![both.clone(), only_out.clone()])),
            group.child.stderr.take().map(|pipe| keep(pipe, vec![both.clone()])),
        ];
        let ended = group.wait(cancel);
        // Also what it started and left behind: else the pipes would stay open.
        group.end();
        for reader in readers.into_iter().flatten() {
            let _ = reader.join();
        }
        let status = match ended {
            Ended::By(status) => status,
            Ended::Cancelled => return Err(Error::Cancelled),
            Ended::TooLong => {
                let minutes = STEP_MAX.as_secs() / 60;
                return Err(Error::TooLong { what: self.what.to_owned(), command: shown, minutes });
            }
            Ended::Lost(error) => return Err(Error::io("waited for", Path::new(self.command.get_program()), error)),
        };
        if status.success() {
            return Ok(text(&only_out));
        }
        Err(Error::Command {
            what: self.what.to_owned(),
            command: shown,
            status: status.to_string(),
            output: text(&both).trim_end().to_owned(),
            advice: self.advice,
        })
    }
}

/// A command and all that it starts. Ended when it is dropped.
struct Group {
    child: Child,
    over: bool,
    _enrolled: Option<Enrolled>,
}

enum Ended {
    By(ExitStatus),
    Cancelled,
    TooLong,
    Lost(io::Error),
}

impl Group {
    fn wait(&mut self, cancel: &Cancel) -> Ended {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ended::By(status),
                Ok(None) if cancel.is_cancelled() => return Ended::Cancelled,
                Ok(None) if start.elapsed() > STEP_MAX => return Ended::TooLong,
                Ok(None) => thread::sleep(POLL),
                Err(error) => return Ended::Lost(error),
            }
        }
    }

    fn end(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(group) = group.filter(|_| !self.over) else { return };
        self.over = true;
        // No such group: nothing is left of it.
        if kill_process_group(group, Signal::TERM).is_ok() {
            let start = Instant::now();
            while start.elapsed() < GRACE && rustix::process::test_kill_process_group(group).is_ok() {
                let _ = self.child.try_wait();
                thread::sleep(POLL);
            }
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

type Kept = Arc<Mutex<VecDeque<u8>>>;

/// Reads a pipe to its end, so that the command never waits for us, and keeps the last of it.
fn keep(mut pipe: impl Read + Send + 'static, into: Vec<Kept>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut chunk = [0; 8 << 10];
        while let Ok(len @ 1..) = pipe.read(&mut chunk) {
            for kept in &into {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(chunk.get(..len).unwrap_or_default());
                let over = kept.len().saturating_sub(OUTPUT_KEPT_BYTES);
                kept.drain(..over);
            }
        }
    })
}

/// What was printed, without what a terminal would obey.
fn text(kept: &Kept) -> String {
    let bytes: Vec<u8> = kept.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    let text = String::from_utf8_lossy(&bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\x1b' && chars.peek() == Some(&'[') {
            // A colour: `ESC [ … letter`.
            chars.next();
            while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
        } else if c == '\n' || c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

/// A command as one would write it in a shell.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=:,@+".contains(&b);
        if !word.is_empty() && word.bytes().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Step {
        Step::new("the test", "sh", Path::new("/")).args(["-c", script])
    }

    #[test]
    fn what_a_command_prints_comes_back() {
        assert_eq!(shell("echo out; echo err >&2").run(&Cancel::new()).unwrap(), "out\n");
    }

    #[test]
    fn a_failure_has_the_command_its_end_and_the_advice() {
        let error = shell("echo 'no \x1b[31msuch\x1b[0m thing' >&2; exit 3").advice("look again").run(&Cancel::new());
        let error = error.unwrap_err().to_string();
        for part in ["the test failed (exit status: 3): sh -c 'echo", "\nno such thing\n", "look again"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let out = shell("yes 0123456789 | head -c 1000000; echo last").run(&Cancel::new()).unwrap();
        assert!(out.len() <= OUTPUT_KEPT_BYTES && out.ends_with("last\n"), "{}", out.len());
    }

    #[test]
    fn a_program_that_is_not_there_says_what_to_do() {
        let step = Step::new("the test", "no-such-program-here", Path::new("/")).missing("install it");
        let error = step.run(&Cancel::new()).unwrap_err().to_string();
        assert_eq!(error, "`no-such-program-here` was not found: install it");
    }

    #[test]
    fn cancelling_ends_all_that_was_started() {
        let cancel = Cancel::new();
        let canceller = cancel.clone();
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let step = shell(&format!("sleep 600 & echo $! > '{}'; wait", pid_file.display()));
        let waiting = pid_file.clone();
        let thread = thread::spawn(move || {
            while !std::fs::read_to_string(&waiting).is_ok_and(|text| text.ends_with('\n')) {
                thread::sleep(POLL);
            }
            canceller.cancel();
        });
        assert!(matches!(step.run(&cancel), Err(Error::Cancelled)));
        thread.join().unwrap();
        let pid: i32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
        // Gone, or waiting to be reaped by the parent that it was left to.
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    #[test]
    fn what_a_command_leaves_behind_does_not_hold_the_build_up() {
        let start = Instant::now();
        assert_eq!(shell("sleep 600 & echo done").run(&Cancel::new()).unwrap(), "done\n");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn the_environment_is_minimal() {
        let out = shell("env").run(&Cancel::new()).unwrap();
        assert!(out.contains("PATH="), "{out}");
        // Cargo sets this for every test.
        assert!(!out.contains("CARGO_MANIFEST_DIR"), "{out}");
    }

    #[test]
    fn commands_are_shown_as_for_a_shell() {
        let mut command = Command::new("cc");
        command.args(["-o", "a b", "it's", ""]);
        assert_eq!(shown(&command), r"cc -o 'a b' 'it'\''s' ''");
    }
}
