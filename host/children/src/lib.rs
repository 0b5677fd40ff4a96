//! Child processes that end with this process, however it ends.
//!
//! A process that is killed (`kill -9`, out of memory) ends none of its children, and many servers do not end when their
//! standard input closes. So a small process, the watchdog, waits for the end of a pipe that only this process holds. Then
//! it ends the process groups that it was told of: it gives them a second, sends SIGTERM, a second later SIGKILL.
//!
//! The watchdog is a script of `/bin/sh`, started with the first child, one a process: a program that embeds the host has no
//! other binary to start. `PR_SET_PDEATHSIG` would end the child alone and not what it started, and would end it with the
//! *thread* that made it.
//!
//! A group is enrolled by the child itself, between fork and exec, when it holds the pipe too: so there is no moment at which
//! this process can die and leave a child that the watchdog does not know. On Linux the watchdog also ends processes that
//! descend from a group's processes and have left it (`setsid`). What its parents did not wait for (a daemon) is nobody's
//! descendant any more; only a PID namespace ends it.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::io::{self, PipeWriter, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Reads lines: `? N`, a group is being made; `+ N`, it is there; `- N`, it ended; `!`, it was not made.
const SCRIPT: &str = include_str!("watchdog.sh");

static CHILDREN: Mutex<Children> = Mutex::new(Children { watchdog: None, groups: BTreeSet::new() });

/// The children of this process.
struct Children {
    watchdog: Option<Watchdog>,
    groups: BTreeSet<u32>,
}

struct Watchdog {
    process: Child,
    pipe: Arc<PipeWriter>,
}

/// A child that is about to be started. Dropped without [`Starting::made`], it was not.
pub struct Starting(MutexGuard<'static, Children>);

/// A process group that the watchdog ends after this process. Drop it once the group has ended.
#[derive(Debug)]
pub struct Enrolled(u32);

impl Starting {
    /// Makes the command the leader of a process group that ends with this process. It must be spawned next, on this thread;
    /// no other child is started meanwhile.
    ///
    /// Without `/bin/sh` the child is started all the same, and a warning is logged.
    pub fn of(command: &mut Command) -> Self {
        let mut children = CHILDREN.lock();
        command.process_group(0);
        match children.pipe() {
            Ok(pipe) => enroll(command, pipe),
            Err(error) => {
                tracing::warn!(target: "tollgate::children", "if this process is killed, its children go on: /bin/sh cannot be started: {error}");
            }
        }
        Self(children)
    }

    /// Says that the child was made. `None` where it has ended already.
    pub fn made(mut self, child: Option<u32>) -> Option<Enrolled> {
        let child = child?;
        self.0.groups.insert(child);
        self.0.tell(&format!("+ {child}\n"));
        Some(Enrolled(child))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // Of a child that was made this forgets nothing: it is no longer one that is being made.
        self.0.tell("!\n");
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        let mut children = CHILDREN.lock();
        children.groups.remove(&self.0);
        children.tell(&format!("- {}\n", self.0));
    }
}

impl Children {
    /// The way to the watchdog, which is started if it is not there.
    fn pipe(&mut self) -> io::Result<Arc<PipeWriter>> {
        if let Some(Watchdog { process, pipe }) = &mut self.watchdog
            && matches!(process.try_wait(), Ok(None))
        {
            return Ok(pipe.clone());
        }
        let (reader, writer) = io::pipe()?;
        // A watchdog that is stopped must not stop this process.
        rustix::io::ioctl_fionbio(&writer, true)?;
        let mut command = Command::new("/bin/sh");
        // As a variable, so that lists of processes show a short line.
        command.args(["-c", "eval \"$WATCHDOG\"", "tollgate-watchdog"]).current_dir("/");
        command.env_clear().env("PATH", "/usr/bin:/bin").env("WATCHDOG", SCRIPT);
        // A group of its own: what ends this process's group must not end the watchdog.
        command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let pipe = Arc::new(writer);
        self.watchdog = Some(Watchdog { process: command.spawn()?, pipe: pipe.clone() });
        for group in self.groups.clone() {
            self.tell(&format!("+ {group}\n"));
        }
        Ok(pipe)
    }

    fn tell(&mut self, line: &str) {
        if let Some(Watchdog { pipe, .. }) = &self.watchdog {
            // Fails where the watchdog was killed; the next one is told of all groups.
            let _ = (&**pipe).write_all(line.as_bytes());
        }
    }
}

/// Has the child enroll itself before it becomes the command.
#[allow(unsafe_code)]
fn enroll(command: &mut Command, pipe: Arc<PipeWriter>) {
    let enroll = move || -> io::Result<()> {
        let mut line = [0; 16];
        let mut rest = line.as_mut_slice();
        writeln!(rest, "? {}", rustix::process::getpid().as_raw_pid())?;
        let left = rest.len();
        let written = line.get(..line.len() - left).unwrap_or_default();
        rustix::io::write(&*pipe, written)?;
        Ok(())
    };
    // SAFETY: between fork and exec only what is safe in a signal handler may be done. This writes a number into an array on
    // the stack and makes two system calls, getpid and write; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(enroll) };
}
