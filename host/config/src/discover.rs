//! Finding the configuration when none is named.

use crate::diagnostic::{ConfigError, Diagnostic};
use std::path::{Path, PathBuf};

/// The names of a configuration, without the folder.
pub const FILE_NAMES: [&str; 4] = ["tollgate.yaml", "tollgate.yml", "tollgate.toml", "tollgate.json"];

/// Where a user's files are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// The home folder.
    pub home: Option<PathBuf>,
    /// The folder of the user's configuration: `$XDG_CONFIG_HOME/tollgate`, or `~/.config/tollgate`.
    pub config: Option<PathBuf>,
    /// The folder of what the host remembers: `$XDG_STATE_HOME/tollgate`, or `~/.local/state/tollgate`.
    pub state: Option<PathBuf>,
}

impl Folders {
    /// Finds them by the XDG rules, which hold on macOS here too. Relative paths in these variables are ignored, as the
    /// rules say.
    pub fn from_env(env: &dyn Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let folder = |name, default| {
            let base = absolute(name).or_else(|| home.as_ref().map(|home| home.join(default)));
            base.map(|base| base.join("tollgate"))
        };
        Self {
            config: folder("XDG_CONFIG_HOME", ".config"),
            state: folder("XDG_STATE_HOME", ".local/state"),
            home: home.clone(),
        }
    }
}

/// The configuration in `cwd`, else the one in the user's folder. It may start something only after
/// [`TrustStore::check`](crate::TrustStore::check).
///
/// # Errors
/// A folder has two of them: nobody could tell which one counts.
pub fn discover(cwd: &Path, user: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    for folder in [Some(cwd), user].into_iter().flatten() {
        let mut found = FILE_NAMES.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => {
                let message = format!("{} is there too", second.display());
                return Err(Diagnostic::of_file(&first, message).help("keep one, or name one with --config").into());
            }
            (Some(first), None) => return Ok(Some(first)),
            _ => {}
        }
    }
    Ok(None)
}
