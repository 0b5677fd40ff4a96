//! The interpreters of scripts, compiled ahead of time.
//!
//! An interpreter is three files in one folder: `NAME.wasm`, `NAME.cwasm` (its machine code, for one build of the host
//! on one kind of processor) and `NAME.json` (what was found when it was inspected). It is megabytes of machine code, and
//! is loaded without reading them, so its files are trusted as the program itself is: they must belong to this user or to
//! the system, and nobody else may be able to write them.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tollgate_runtime::{Inspection, PrepareError, Program, Runtime};
use tollgate_script::Interpreter;

/// Where interpreters are, and those that are loaded.
pub(crate) struct Interpreters {
    folders: Vec<PathBuf>,
    loaded: Mutex<HashMap<Interpreter, Arc<OnceCell<Arc<Program>>>>>,
}

/// Why an interpreter cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// It is in none of the folders.
    #[error(
        "the {name} interpreter is not built: run `cargo xtask plugins` in the source tree, or use an archive that has it (looked in {})",
        shown(.folders)
    )]
    Missing {
        /// The interpreter.
        name: &'static str,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// It is there and is not compiled for this program on this machine.
    #[error(
        "the {name} interpreter in {} was compiled for another build or processor: run `tollgate interpreters compile` ({why})",
        folder.display()
    )]
    Stale {
        /// The interpreter.
        name: &'static str,
        /// Where it is.
        folder: PathBuf,
        /// What the engine says.
        why: String,
    },
    /// A file of it cannot be read, or is not as this module writes it.
    #[error("{}: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The component cannot be compiled.
    #[error("{}: {source}", file.display())]
    Component {
        /// The component.
        file: PathBuf,
        /// What is wrong with it.
        source: PrepareError,
    },
}

fn shown(folders: &[PathBuf]) -> String {
    match folders {
        [] => "no folder: this host was given none".to_owned(),
        folders => folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}

/// An interpreter as [`crate::Host::interpreters`] finds it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct InterpreterInfo {
    /// Its name: `javascript` or `python`.
    pub name: &'static str,
    /// The component's file, where there is one.
    pub file: Option<PathBuf>,
    /// Whether it can run as it is.
    pub ready: bool,
    /// Why not.
    pub error: Option<String>,
}

impl Interpreters {
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, loaded: Mutex::default() }
    }

    /// An interpreter, loaded at its first use.
    pub(crate) async fn program(
        &self,
        runtime: &Arc<Runtime>,
        interpreter: Interpreter,
    ) -> Result<Arc<Program>, InterpreterError> {
        let cell = self.loaded.lock().entry(interpreter).or_default().clone();
        let load = || async {
            let (runtime, folders) = (runtime.clone(), self.folders.clone());
            let loaded = tokio::task::spawn_blocking(move || find(&runtime, &folders, interpreter.name())).await;
            loaded.unwrap_or_else(|error| {
                Err(InterpreterError::File { file: PathBuf::new(), why: format!("loading it ended early: {error}") })
            })
        };
        cell.get_or_try_init(load).await.cloned()
    }

    /// Whether it is in one of the folders, compiled.
    pub(crate) fn is_there(&self, interpreter: Interpreter) -> bool {
        self.folders.iter().any(|folder| folder.join(format!("{}.cwasm", interpreter.name())).exists())
    }

    pub(crate) async fn list(&self, runtime: &Arc<Runtime>) -> Vec<InterpreterInfo> {
        let mut infos = Vec::new();
        for interpreter in Interpreter::ALL {
            let name = interpreter.name();
            let loaded = self.program(runtime, interpreter).await;
            let file = self.folders.iter().map(|folder| folder.join(format!("{name}.wasm"))).find(|f| f.exists());
            infos.push(InterpreterInfo {
                name,
                file,
                ready: loaded.is_ok(),
                error: loaded.err().map(|e| e.to_string()),
            });
        }
        infos
    }

    /// Compiles the interpreters of a folder, of those given or found, into another folder.
    pub(crate) fn compile(
        &self,
        runtime: &Runtime,
        from: Option<&Path>,
        into: &Path,
    ) -> Result<Vec<PathBuf>, InterpreterError> {
        let folders = from.map_or_else(|| self.folders.clone(), |folder| vec![folder.to_owned()]);
        let mut made = Vec::new();
        for interpreter in Interpreter::ALL {
            let wasm = |folder: &PathBuf| folder.join(format!("{}.wasm", interpreter.name()));
            if let Some(file) = folders.iter().map(wasm).find(|file| file.exists()) {
                made.push(compile(runtime, &file, into)?);
            }
        }
        match made.as_slice() {
            [] => Err(InterpreterError::Missing { name: "script", folders }),
            _ => Ok(made),
        }
    }
}

/// The first that can be loaded; without, what is wrong with the first that is there.
fn find(runtime: &Runtime, folders: &[PathBuf], name: &'static str) -> Result<Arc<Program>, InterpreterError> {
    let mut first = None;
    for folder in folders {
        match load(runtime, folder, name) {
            Ok(Some(program)) => return Ok(Arc::new(program)),
            Ok(None) => {}
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or_else(|| InterpreterError::Missing { name, folders: folders.to_vec() }))
}

fn load(runtime: &Runtime, folder: &Path, name: &'static str) -> Result<Option<Program>, InterpreterError> {
    let (code, about) = (folder.join(format!("{name}.cwasm")), folder.join(format!("{name}.json")));
    if !code.exists() {
        let stale =
            || InterpreterError::Stale { name, folder: folder.to_owned(), why: "it is not compiled".to_owned() };
        return if folder.join(format!("{name}.wasm")).exists() { Err(stale()) } else { Ok(None) };
    }
    for file in [folder, &code, &about] {
        check_owner(file)?;
    }
    let wrong = |why: String| InterpreterError::File { file: about.clone(), why };
    let text = std::fs::read(&about).map_err(|error| wrong(error.to_string()))?;
    let inspection: Inspection = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    // SAFETY: the file is one that `compile` wrote: it belongs to this user or the system, in a folder that does too, and
    // nobody else can write either. Whoever could change it could change this program.
    #[allow(unsafe_code)]
    let program = unsafe { runtime.load_compiled(&code, inspection) };
    program.map(Some).map_err(|error| InterpreterError::Stale {
        name,
        folder: folder.to_owned(),
        why: error.to_string(),
    })
}

fn check_owner(file: &Path) -> Result<(), InterpreterError> {
    let wrong = |why: String| InterpreterError::File { file: file.to_owned(), why };
    let found = std::fs::symlink_metadata(file).map_err(|error| wrong(error.to_string()))?;
    let ours = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    if found.is_symlink() || !ours || found.mode() & 0o022 != 0 {
        return Err(wrong("others could have written it, so it is not used".to_owned()));
    }
    Ok(())
}

fn compile(runtime: &Runtime, file: &Path, into: &Path) -> Result<PathBuf, InterpreterError> {
    let wrong =
        |file: &Path, error: std::io::Error| InterpreterError::File { file: file.to_owned(), why: error.to_string() };
    let bytes = std::fs::read(file).map_err(|error| wrong(file, error))?;
    let compiled = runtime.compile(&bytes);
    let (code, inspection) =
        compiled.map_err(|source| InterpreterError::Component { file: file.to_owned(), source })?;
    std::fs::create_dir_all(into).map_err(|error| wrong(into, error))?;
    let about = serde_json::to_vec(&inspection).unwrap_or_default();
    let target = into.join(file.file_name().unwrap_or_default());
    // The machine code last: where it is, the rest is there too.
    for (extension, content) in [("wasm", &bytes), ("json", &about), ("cwasm", &code)] {
        let path = target.with_extension(extension);
        if path == file {
            continue;
        }
        let mut aside = tempfile::NamedTempFile::new_in(into).map_err(|error| wrong(into, error))?;
        std::io::Write::write_all(&mut aside, content).map_err(|error| wrong(&path, error))?;
        // Whoever may run the program may read them.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        aside.as_file().set_permissions(readable).map_err(|error| wrong(&path, error))?;
        aside.persist(&path).map_err(|error| wrong(&path, error.error))?;
    }
    Ok(target.with_extension("cwasm"))
}
