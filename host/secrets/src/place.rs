//! The places that a configuration names for a secret.

use crate::command::{self, CommandError};
use crate::private;
use std::path::PathBuf;
use tollgate_core::Secret;
use zeroize::Zeroizing;

/// The longest secret, in bytes.
pub const SECRET_MAX_BYTES: u64 = 64 << 10;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A variable of the host's environment.
    Env(String),
    /// A file that only its owner can read and write (0600 or less): this user, or root. The path may be a link to it.
    File(PathBuf),
    /// The standard output of a command: program and arguments, no shell.
    Command(Vec<String>),
}

/// The host's environment, or what stands for it.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Why there is no secret: what happened, and what to do. Never with a value in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct PlaceError {
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
}

fn error<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, PlaceError> {
    Err(PlaceError { message: message.into(), help: help.into() })
}

impl Place {
    /// Reads the secret, without the one newline that editors and commands put at the end. It blocks: on a disk, and on
    /// a command for up to [`command::COMMAND_TIMEOUT`].
    ///
    /// # Errors
    /// It is not there, is longer than [`SECRET_MAX_BYTES`], is not UTF-8, or others may have read or written it.
    pub fn read(&self, environment: &Environment<'_>) -> Result<Secret, PlaceError> {
        match self {
            Self::Env(name) => match environment(name) {
                Some(value) => Ok(Secret::from(value)),
                None => error(format!("the environment variable `{name}` is not set"), "set it before the host starts"),
            },
            Self::File(path) => {
                let shown = path.display();
                let bytes = match private::read_given(path, SECRET_MAX_BYTES) {
                    Ok(Some((bytes, _))) => Zeroizing::new(bytes),
                    Ok(None) => return error(format!("{shown} is not there"), "check the path"),
                    Err(why) => {
                        return error(
                            format!("{shown} is refused: {why}"),
                            format!("check that it is the right file, and run `chmod 600 {shown}`"),
                        );
                    }
                };
                line(bytes).or_else(|_| error(format!("{shown} is not UTF-8 text"), "check that it is the right file"))
            }
            Self::Command(argv) => match command::output(argv, command::COMMAND_TIMEOUT, SECRET_MAX_BYTES) {
                Ok(bytes) => match line(bytes) {
                    Ok(secret) if secret.expose().is_empty() => {
                        error(format!("`{}` printed nothing", program(argv)), "run it by hand")
                    }
                    Ok(secret) => Ok(secret),
                    Err(()) => error(format!("what `{}` printed is not UTF-8 text", program(argv)), "run it by hand"),
                },
                Err(why @ CommandError::Failed(..)) => {
                    error(why.to_string(), "it must print the secret and end with 0")
                }
                Err(why) => error(why.to_string(), "check `command`: a program and its arguments, without a shell"),
            },
        }
    }
}

fn program(argv: &[String]) -> &str {
    argv.first().map_or("", String::as_str)
}

/// The text without its last line's end.
pub(crate) fn line(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, ()> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    // The check first: the error of `from_utf8` would carry the bytes.
    if std::str::from_utf8(&bytes).is_err() {
        return Err(());
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Secret::from).map_err(|_| ())
}
