//! Child processes: their environment, their last words, their end.
//!
//! A child leads a process group of its own, so that what it starts ends with it, and with this process
//! ([`tollgate_children`]). rmcp's child transport
//! hands on the host's whole environment; ours hands on [`INHERITED_ENV`] only.

use crate::text::clean;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tollgate_children::{Enrolled, Starting};
use tollgate_core::Clock;
use tollgate_core::Secret;

/// The variables that a child process inherits, where the host has them, besides those that begin with
/// `LC_`. What else it needs, the configuration names.
pub const INHERITED_ENV: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "TMPDIR", "TZ"];

/// How long a child may take to end after its standard input was closed.
const CLOSE_GRACE: Duration = Duration::from_millis(1_500);
/// How long its process group may take to end after SIGTERM.
const TERM_GRACE: Duration = Duration::from_millis(1_000);
/// How long to wait for the rest of what it wrote to its standard error.
const TAIL_GRACE: Duration = Duration::from_millis(100);

const TAIL_LINES: usize = 20;
const TAIL_LINE_BYTES: usize = 500;

/// A running child process. Dropping it kills its process group at once.
pub(crate) struct ChildServer {
    child: Child,
    /// `None` once the group is known to be gone, when its number may mean another.
    group: Option<Pid>,
    /// Has the group ended where this process is killed.
    enrolled: Option<Enrolled>,
    tail: Arc<Tail>,
    tail_task: JoinHandle<()>,
}

/// How a child ended.
pub(crate) struct ChildEnd {
    /// `exited with status 1`, or the like.
    pub(crate) status: String,
    /// The end of what it wrote to its standard error.
    pub(crate) last_words: String,
}

/// The last lines that the child wrote to its standard error.
#[derive(Default)]
struct Tail(Mutex<VecDeque<String>>);

impl ChildServer {
    /// Starts `command`.
    ///
    /// # Errors
    /// What the operating system says, with the command's name and what to do.
    pub(crate) fn spawn(
        command: &str,
        args: &[String],
        env: &BTreeMap<String, Secret>,
        cwd: Option<&Path>,
    ) -> Result<(Self, ChildStdin, ChildStdout), String> {
        let inherited = std::env::vars_os().filter(|(name, _)| {
            name.to_str().is_some_and(|name| INHERITED_ENV.contains(&name) || name.starts_with("LC_"))
        });
        let mut process = Command::new(command);
        process
            .args(args)
            .env_clear()
            .envs(inherited)
            .envs(env.iter().map(|(name, value)| (name, value.expose())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(cwd) = cwd {
            process.current_dir(cwd);
        }
        let starting = Starting::of(process.as_std_mut());
        let mut child = process.spawn().map_err(|error| spawn_error(command, cwd, &error))?;
        let enrolled = starting.made(child.id());
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("`{command}` was started without its pipes"));
        };
        let tail = Arc::new(Tail::default());
        let tail_task = tokio::spawn(read_tail(stderr, tail.clone()));
        Ok((Self { child, group, enrolled, tail, tail_task }, stdin, stdout))
    }

    /// Ends the child, whose standard input must be closed by now, and all that it started.
    pub(crate) async fn end(&mut self, clock: &dyn Clock) -> ChildEnd {
        let ended_by_itself = crate::within(clock, CLOSE_GRACE, self.child.wait()).await;
        let status = match ended_by_itself {
            Some(status) => status.ok().map(describe_status),
            None => {
                self.signal(Signal::TERM);
                if crate::within(clock, TERM_GRACE, self.child.wait()).await.is_none() {
                    self.signal(Signal::KILL);
                    let _ = self.child.wait().await;
                }
                Some("closed its output and was stopped".to_owned())
            }
        };
        // What it started outlives it unless we see to it. The group's number cannot have been given to
        // another as long as any member lives, and right after the leader's end hardly so.
        self.signal(Signal::KILL);
        self.group = None;
        self.enrolled = None;
        // A grandchild that left the group may hold standard error open.
        let _ = crate::within(clock, TAIL_GRACE, &mut self.tail_task).await;
        let status = status.unwrap_or_else(|| "ended".to_owned());
        let last_words = self.tail.0.lock().iter().cloned().collect::<Vec<_>>().join(" | ");
        ChildEnd { status, last_words }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that nobody is left to hear it.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.tail_task.abort();
        // `kill_on_drop` hands the child to tokio, which reaps it.
    }
}

fn spawn_error(command: &str, cwd: Option<&Path>, error: &io::Error) -> String {
    if let Some(cwd) = cwd
        && !cwd.is_dir()
    {
        return format!("`{command}` could not be started: its working directory `{}` is no folder", cwd.display());
    }
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("`{command}` was not found: install it, put it on PATH, or write its whole path")
        }
        io::ErrorKind::PermissionDenied => format!("`{command}` may not be executed: {error}"),
        _ => format!("`{command}` could not be started: {error}"),
    }
}

fn describe_status(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Reads to the end, always, so that a child that writes much never waits for us; keeps little.
async fn read_tail(mut stderr: impl AsyncRead + Unpin, tail: Arc<Tail>) {
    let mut chunk = vec![0; 8 << 10];
    let mut line = Vec::new();
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        for byte in chunk.get(..count).unwrap_or_default() {
            match byte {
                b'\n' => tail.push(&mut line),
                _ if line.len() < TAIL_LINE_BYTES => line.push(*byte),
                _ => {}
            }
        }
    }
    tail.push(&mut line);
}

impl Tail {
    fn push(&self, line: &mut Vec<u8>) {
        let text = clean(&String::from_utf8_lossy(line), TAIL_LINE_BYTES);
        line.clear();
        if text.is_empty() {
            return;
        }
        tracing::debug!(target: crate::LOG, stderr = %text);
        let mut lines = self.0.lock();
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }
}
