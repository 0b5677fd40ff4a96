//! Running a command for the secret that it prints: a password manager, a cloud's own tool.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tollgate_children::{Enrolled, Starting};
use zeroize::Zeroizing;

/// How long a command may take, a person's answer to its question included.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// The variables that a command gets, where the host has them, besides those that begin with `LC_`: what finds programs,
/// and what password managers find their own agents by.
pub const COMMAND_ENV: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "GPG_TTY",
    "SSH_AUTH_SOCK",
];

/// Why a command gave no secret. Nothing that it printed is part of it.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no program to start.
    #[error("the command is empty")]
    Empty,
    /// It could not be started.
    #[error("`{0}` cannot be started: {1}")]
    Start(String, std::io::Error),
    /// It ended with an error.
    #[error("`{0}` failed ({1}); run it by hand to see what it says")]
    Failed(String, ExitStatus),
    /// It did not end, and was ended.
    #[error("`{0}` did not end within {1:?}")]
    Late(String, Duration),
    /// It printed more than a secret has.
    #[error("`{0}` printed more than {1} bytes")]
    TooLong(String, u64),
}

/// What a command prints to its standard output: no shell, nothing on its standard input, its standard error thrown away
/// (it may repeat the secret), the environment of [`COMMAND_ENV`], a process group that is ended with it. It blocks.
///
/// # Errors
/// See [`CommandError`].
pub fn output(argv: &[String], timeout: Duration, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let (program, arguments) = argv.split_first().ok_or(CommandError::Empty)?;
    let environment = std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| COMMAND_ENV.contains(&name) || name.starts_with("LC_")));
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let starting = Starting::of(&mut command);
    let child = command.spawn().map_err(|error| CommandError::Start(program.clone(), error))?;
    let enrolled = starting.made(Some(child.id()));
    let mut group = Group { child, is_reaped: false, _enrolled: enrolled };
    let stdout = group.child.stdout.take();
    let (send, receive) = channel();
    let deadline = Instant::now() + timeout;
    // It ends when nobody has the pipe's other end any more, which ending the group sees to.
    std::thread::spawn(move || {
        // Room from the start: growing would leave copies behind.
        let mut read = Zeroizing::new(Vec::with_capacity(usize::try_from(max_bytes).unwrap_or_default() + 32));
        let result = match stdout {
            Some(stdout) => stdout.take(max_bytes + 1).read_to_end(&mut read).map(|_| read),
            None => Ok(read),
        };
        let _ = send.send(result);
    });
    let late = || CommandError::Late(program.clone(), timeout);
    let printed = match receive.recv_timeout(timeout) {
        Ok(Ok(printed)) => printed,
        Ok(Err(error)) => return Err(CommandError::Start(program.clone(), error)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(late()),
    };
    if printed.len() as u64 > max_bytes {
        return Err(CommandError::TooLong(program.clone(), max_bytes));
    }
    while !group.has_ended() {
        if Instant::now() >= deadline {
            return Err(late());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = group.end().map_err(|error| CommandError::Start(program.clone(), error))?;
    if status.success() { Ok(printed) } else { Err(CommandError::Failed(program.clone(), status)) }
}

/// A child and what it started. All of it ends with this.
struct Group {
    child: Child,
    is_reaped: bool,
    _enrolled: Option<Enrolled>,
}

impl Group {
    /// Whether the child has ended. It is left to be waited for, so that its number stays its own.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match self.pid() {
            Some(pid) => !matches!(waitid(WaitId::Pid(pid), look), Ok(None)),
            None => true,
        }
    }

    fn end(&mut self) -> std::io::Result<ExitStatus> {
        if let Some(group) = self.pid().filter(|_| !self.is_reaped) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.is_reaped = true;
        self.child.wait()
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_reaped {
            let _ = self.end();
        }
    }
}
