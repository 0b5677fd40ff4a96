//! Building a project.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use crate::process::Cancel;
use crate::{Error, Language, Project, component};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a build does now. The texts are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Tools are fetched, as the project's lock file pins them: once, and again when it changes.
    Fetching(&'static str),
    /// A step of the build has begun.
    Step(&'static str),
}

/// What was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The component, in the project's folder.
    pub path: PathBuf,
    /// Its size.
    pub bytes: usize,
    /// Its outside.
    pub world: component::World,
    /// How long all of it took, with the fetching of tools.
    pub took: Duration,
}

/// Builds the project of a folder. Blocks; `cancel` ends it from another thread.
///
/// # Errors
/// Where there is no project, a tool is missing or cannot be fetched, the source does not build, or the result is no
/// component that a host takes. The error has the command, the last of what it printed, and what to do next.
pub fn build(folder: &Path, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Built, Error> {
    let start = Instant::now();
    let project = Project::open(folder)?;
    let work = project.work();
    fs::create_dir_all(&work).map_err(|error| Error::io("made", &work, error))?;
    let bytes = match project.language {
        Language::Rust => rust::build(&project, cancel, progress),
        Language::JavaScript | Language::TypeScript => javascript::build(&project, cancel, progress),
        Language::Python => python::build(&project, cancel, progress),
        Language::Go => go::build(&project, cancel, progress),
        Language::C => c::build(&project, cancel, progress),
    }?;
    let path = project.component();
    let world = component::check(&path, &bytes)?;
    if world.kind != project.kind {
        let why = format!(
            "the project is a{} {}, but this exports what makes {}",
            if project.kind == crate::Kind::Adapter { "n" } else { "" },
            project.kind,
            world.kind
        );
        return Err(Error::Component { path, why });
    }
    // Renamed into place: a host that reads it now sees the old one or the new one.
    let making = work.join("component.wasm");
    fs::write(&making, &bytes).map_err(|error| Error::io("written", &making, error))?;
    fs::rename(&making, &path).map_err(|error| Error::io("written", &path, error))?;
    Ok(Built { path, bytes: bytes.len(), world, took: start.elapsed() })
}

/// What a step of the build wrote.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::io("read", path, error))
}
