//! The Python interpreter: CPython as componentize-py brings it, with the modules under
//! `plugins/interpreters/python`, as one component.

use crate::{Result, root, run, target_dir};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the component is made of, under `plugins/interpreters/python`. The tests beside it are no part of it.
const ENTRY: &str = "app.py";
const PACKAGE: &str = "tollgate_python";

/// Builds `out` (`…/python.wasm`), unless it is there and was made from the same sources, interfaces and lock file.
///
/// # Errors
/// Says which command failed, or which file cannot be read or written.
pub(crate) fn build(out: &Path) -> Result {
    let interpreters = root().join("plugins/interpreters");
    let lock = interpreters.join("requirements.txt");
    let sources = sources(&interpreters.join("python"))?;
    let made_from = made_from(&sources, &lock)?;
    let stamp = out.with_extension("wasm.made-from");
    if out.exists() && fs::read(&stamp).is_ok_and(|before| before == made_from) {
        return Ok(());
    }
    let work = target_dir().join("interpreters");
    let venv = venv(&work, &lock)?;
    // A copy: the build writes bytecode beside what it imports, and takes the whole folder into the component.
    let copy = work.join("python");
    copy_sources(&sources, &interpreters.join("python"), &copy)?;
    let making = out.with_extension("wasm.making");
    run(Command::new(venv.join("bin/componentize-py"))
        .current_dir(root())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-d", "wit", "-w", "interpreter", "componentize", "-p"])
        .arg(&copy)
        .args(["app", "-o"])
        .arg(&making))?;
    fs::rename(&making, out).map_err(|error| failed("written", out, &error))?;
    fs::write(&stamp, made_from).map_err(|error| failed("written", &stamp, &error))
}

/// The Python modules, in the order of their names.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_of(&folder.join(PACKAGE), "py")?;
    files.push(folder.join(ENTRY));
    Ok(files)
}

/// Everything that the component depends on, one after another.
fn made_from(sources: &[PathBuf], lock: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut files = sources.to_vec();
    files.push(lock.to_owned());
    files.extend(files_of(&root().join("wit"), "wit")?);
    for file in files {
        let name = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        all.extend_from_slice(format!("\0{name}\0").as_bytes());
        all.extend(fs::read(&file).map_err(|error| failed("read", &file, &error))?);
    }
    Ok(all)
}

/// The files of a folder and those under it that have this extension, in the order of their paths.
fn files_of(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| failed("read", &folder, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| failed("read", &folder, &error))?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|own| own == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn copy_sources(sources: &[PathBuf], from: &Path, to: &Path) -> Result {
    if to.exists() {
        fs::remove_dir_all(to).map_err(|error| failed("removed", to, &error))?;
    }
    for source in sources {
        let copy = to.join(source.strip_prefix(from).unwrap_or(source));
        let folder = copy.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(|error| failed("made", folder, &error))?;
        fs::copy(source, &copy).map_err(|error| failed("written", &copy, &error))?;
    }
    Ok(())
}

/// A virtual environment with componentize-py, as the lock file has it.
fn venv(work: &Path, lock: &Path) -> Result<PathBuf> {
    let venv = work.join("venv");
    let stamp = venv.join(".installed-from");
    let wanted = fs::read(lock).map_err(|error| failed("read", lock, &error))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(venv);
    }
    fs::create_dir_all(work).map_err(|error| failed("made", work, &error))?;
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(venv.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"])
        .arg(lock))?;
    fs::write(&stamp, wanted).map_err(|error| failed("written", &stamp, &error))?;
    Ok(venv)
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be {what}: {error}", path.display())
}
