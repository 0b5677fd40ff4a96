//! Builds a workspace of Wasm guests from a build script, and names the components for the crate's code.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tollgate_guest_build::Guests;
//!
//! // In build.rs of a crate that embeds the components of `plugins/`:
//! let built = Guests::new("../../plugins").watch("../../guest-sdk/rust").watch("../../wit").build()?;
//! built.embed("plugins.rs")?;
//! # Ok(()) }
//! ```
//!
//! The crate then has one constant a component: `include!(concat!(env!("OUT_DIR"), "/plugins.rs"));`. A name
//! that no guest has fails its build.
//!
//! # Layout
//!
//! - This file: the nested build, and the generated code.
//! - `target`: sees to it that the compiler has the Wasm target.
//! - `environment`: what the nested cargo inherits, and what not.

mod environment;
mod target;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use environment::Variables;

/// Components for the system interface that the host offers, without a separate adapter step.
const TARGET: &str = "wasm32-wasip2";

/// A workspace of guests, to be built.
#[derive(Clone, Debug)]
pub struct Guests {
    workspace: PathBuf,
    watched: Vec<PathBuf>,
}

impl Guests {
    /// The guests of the cargo workspace in this directory, relative to the crate that is built. Its
    /// `Cargo.lock` must be there and up to date.
    pub fn new(workspace: impl Into<PathBuf>) -> Self {
        let workspace = workspace.into();
        Self { watched: vec![workspace.clone()], workspace }
    }

    /// Also builds again when a file below this directory changes: for what the guests use from elsewhere.
    #[must_use]
    pub fn watch(mut self, directory: impl Into<PathBuf>) -> Self {
        self.watched.push(directory.into());
        self
    }

    /// Builds all guests in the release profile, and copies the components into `OUT_DIR`.
    ///
    /// Adds the Wasm target to the toolchain first, where it is missing and rustup is there.
    ///
    /// # Errors
    /// Where the target cannot be added, and where a guest does not build: then with all that cargo said.
    pub fn build(self) -> Result<Built, Error> {
        let variables = Variables::of_build_script()?;
        println!("cargo::rerun-if-env-changed={}", environment::WRAPPER);
        for directory in &self.watched {
            rerun_if_changed(directory)?;
        }
        // Never the directory that the outer cargo builds in: it holds the lock of that one.
        let target_dir = variables.target_dir()?.join("guests");
        fs::create_dir_all(&target_dir).map_err(|error| Error::io("create", &target_dir, error))?;
        // Several build scripts may come here at once. Cargo's own lock ends with its build, before the
        // components are copied.
        let lock_path = target_dir.join("build.lock");
        let lock = File::create(&lock_path).map_err(|error| Error::io("create", &lock_path, error))?;
        lock.lock().map_err(|error| Error::io("lock", &lock_path, error))?;
        target::ensure(&variables, &self.workspace, TARGET)?;

        // What lies here afterwards is of this workspace and not of an earlier build: cargo links the
        // components that are up to date into place again.
        let release_dir = target_dir.join(TARGET).join("release");
        for stale in components(&release_dir)? {
            fs::remove_file(&stale).map_err(|error| Error::io("remove", &stale, error))?;
        }
        self.run_cargo(&variables, &target_dir)?;

        let mut artifacts = Vec::new();
        for component in components(&release_dir)? {
            let name = component.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            // Copied, so that the components stay when another build clears the directory.
            let path = variables.out_dir.join(format!("{name}.wasm"));
            fs::copy(&component, &path).map_err(|error| Error::io("copy", &component, error))?;
            artifacts.push(Artifact { name, path });
        }
        if artifacts.is_empty() {
            return Err(Error(format!(
                "no guest in {} is a component; give them `crate-type = [\"cdylib\"]` or a `main.rs`",
                self.workspace.display()
            )));
        }
        Ok(Built { artifacts, out_dir: variables.out_dir })
    }

    fn run_cargo(&self, variables: &Variables, target_dir: &Path) -> Result<(), Error> {
        let mut cargo = Command::new(&variables.cargo);
        // In the workspace, so that its own cargo configuration holds.
        cargo.current_dir(&self.workspace);
        cargo.args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"]).arg(target_dir);
        environment::clear(&mut cargo);
        environment::wrap(&mut cargo);
        let output = cargo.output().map_err(|error| Error::io("run", Path::new(&variables.cargo), error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error(format!(
            "the guests in {} do not build ({}):\n{}",
            self.workspace.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )))
    }
}

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its file's name without the extension, as `adapter_crm`.
    pub name: String,
    /// Its file, in `OUT_DIR`.
    pub path: PathBuf,
}

/// The components of a workspace, in the order of their names.
#[derive(Clone, Debug)]
pub struct Built {
    artifacts: Vec<Artifact>,
    out_dir: PathBuf,
}

impl Built {
    /// The components.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// Writes a file of this name to `OUT_DIR` that has the bytes of each component as a constant:
    /// `pub const ADAPTER_CRM: &[u8]`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn embed(&self, file_name: &str) -> Result<(), Error> {
        self.write(file_name, "&[u8]", |path| format!("include_bytes!({path})"))
    }

    /// Writes a file of this name to `OUT_DIR` that has the path of each component as a constant:
    /// `pub const EVIL_LOOP: &str`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn paths(&self, file_name: &str) -> Result<(), Error> {
        self.write(file_name, "&str", |path| path.to_owned())
    }

    fn write(&self, file_name: &str, kind: &str, value: impl Fn(&str) -> String) -> Result<(), Error> {
        let constants = self.artifacts.iter().map(|Artifact { name, path }| {
            // A path as Rust writes a string: quoted, with escapes.
            let value = value(&format!("{:?}", path.display().to_string()));
            format!("/// The component `{name}`.\npub const {}: {kind} = {value};\n", constant_name(name))
        });
        let file = self.out_dir.join(file_name);
        fs::write(&file, constants.collect::<String>()).map_err(|error| Error::io("write", &file, error))
    }
}

/// Why there are no guests.
pub struct Error(String);

impl Error {
    fn io(action: &str, path: &Path, error: io::Error) -> Self {
        Self(format!("cannot {action} {}: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The same text: a build script that returns an error shows it in this form.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// The `.wasm` files of a directory in the order of their names; none where there is no such directory.
fn components(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut found = entries(directory)?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    found.sort();
    Ok(found)
}

/// Tells cargo to build again when a file below `directory` changes.
///
/// Each file alone: cargo would look into a directory as a whole, and `target` always changes. A new file
/// counts only with a change of another, a `mod` line or a manifest; so does a new guest, with `Cargo.lock`.
fn rerun_if_changed(directory: &Path) -> Result<(), Error> {
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_file() {
            println!("cargo::rerun-if-changed={}", path.display());
        } else if name != "target" && !name.starts_with('.') {
            rerun_if_changed(&path)?;
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    list().map_err(|error| Error::io("list", directory, error))
}

/// `customer-360` becomes `CUSTOMER_360`.
fn constant_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_named_after_components() {
        assert_eq!(constant_name("adapter_crm"), "ADAPTER_CRM");
        assert_eq!(constant_name("customer-360"), "CUSTOMER_360");
    }
}
