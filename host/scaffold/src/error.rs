//! Why there is no project, or no component.

use crate::{Kind, Language};
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no project, or no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such language.
    #[error("`{0}` is no language of projects: use rust, js, ts, python, go or c")]
    Language(String),
    /// The language has no project of this kind.
    #[error("there is no {kind} project in {language}: adapters are written in rust, js, ts or python")]
    Kind {
        /// What was asked for.
        kind: Kind,
        /// In which language.
        language: Language,
    },
    /// The name will not do.
    #[error("`{name}` cannot name a project: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is something in the folder already.
    #[error("{} is there already and is not empty; nothing was written: choose another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// There is no project in the folder.
    #[error("{} is no project: there is no {}; `tollgate new policy NAME --lang LANGUAGE` makes one", .0.display(), crate::PROJECT_FILE)]
    NoProject(PathBuf),
    /// The project's file is not as it should be.
    #[error("{}: {why}", .file.display())]
    Project {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{} cannot be {action}: {source}", .path.display())]
    Io {
        /// What was to be done: "read", "written".
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program that the build needs is not there.
    #[error("`{program}` was not found: {advice}")]
    Missing {
        /// The program.
        program: String,
        /// Where to get it.
        advice: &'static str,
    },
    /// A command failed.
    #[error("{what} failed ({status}): {command}\n{output}\n{advice}")]
    Command {
        /// The step that it was for.
        what: String,
        /// The command, as in a shell.
        command: String,
        /// How it ended.
        status: String,
        /// The last of what it printed.
        output: String,
        /// What to do next.
        advice: String,
    },
    /// A command took longer than a step may.
    #[error("{what} was stopped after {minutes} minutes: {command}")]
    TooLong {
        /// The step.
        what: String,
        /// The command, as in a shell.
        command: String,
        /// The limit.
        minutes: u64,
    },
    /// What was built is no component that a host takes.
    #[error("{}: {why}", .path.display())]
    Component {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The caller cancelled the build.
    #[error("the build was cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}
