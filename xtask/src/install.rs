//! Installing what lock files name, once.

use crate::{Result, run};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Installs what `lock` names into `folder`, where that was not done yet: the folder keeps a copy of the lock file
/// that it was made from.
pub(crate) fn once(lock: &Path, folder: &Path, install: impl Fn() -> Result) -> Result {
    let stamp = folder.join(".installed-from");
    let wanted = fs::read(lock).map_err(|error| format!("{} cannot be read: {error}", lock.display()))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    // Registries have bad moments; what is installed is checked by the lock file either way.
    let mut last = Ok(());
    for _ in 0..3 {
        last = install();
        if last.is_ok() {
            break;
        }
    }
    last?;
    fs::write(&stamp, wanted).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}

/// Installs what `requirements.txt` of a folder names into its `.venv`.
pub(crate) fn pypi(folder: &Path) -> Result {
    once(&folder.join("requirements.txt"), &folder.join(".venv"), || {
        run(Command::new("python3").current_dir(folder).args(["-m", "venv", "--clear", ".venv"]))?;
        let pip = [".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new("env").current_dir(folder).args(pip).args(["--require-hashes", "-r", "requirements.txt"]))
    })
}
