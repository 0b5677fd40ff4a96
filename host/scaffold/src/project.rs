//! The file that a build reads.

use crate::{Error, Kind, Language, check_name};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The file's name, in the project's folder.
pub const PROJECT_FILE: &str = "tollgate-project.toml";

/// The longest that is read, in bytes.
const FILE_MAX_BYTES: u64 = 64 << 10;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The project's name; the component is `NAME.wasm`.
    pub name: String,
    /// What it makes.
    pub kind: Kind,
    /// What it is written in.
    pub language: Language,
    /// Whether it sends requests to the outside, in a language whose components import all that their world has.
    #[serde(default)]
    pub http: bool,
    /// Its folder, absolute.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl Project {
    /// Reads the project of this folder.
    ///
    /// # Errors
    /// Where there is none, and where the file is not as it should be: with the line.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join(PROJECT_FILE);
        let mut text = String::new();
        match File::open(&file) {
            Ok(open) => open.take(FILE_MAX_BYTES).read_to_string(&mut text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoProject(folder.to_owned())),
            Err(error) => Err(error),
        }
        .map_err(|error| Error::io("read", &file, error))?;
        let mut project: Self = toml::from_str(&text)
            .map_err(|error| Error::Project { file: file.clone(), why: error.to_string().trim_end().to_owned() })?;
        check_name(&project.name).map_err(|error| Error::Project { file: file.clone(), why: error.to_string() })?;
        if !project.language.has(project.kind) {
            let why = Error::Kind { kind: project.kind, language: project.language }.to_string();
            return Err(Error::Project { file, why });
        }
        if project.http && !project.language.imports_all() {
            let why = match project.language {
                Language::Rust => {
                    "in Rust, `http` is a feature: write `features = [\"http\"]` at tollgate-sdk in Cargo.toml"
                }
                _ => "`http` is for js, ts and python: the helper package of this language sends no requests",
            };
            return Err(Error::Project { file, why: why.to_owned() });
        }
        project.folder = folder.canonicalize().map_err(|error| Error::io("read", folder, error))?;
        Ok(project)
    }

    /// The component that a build makes.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }

    /// Where builds keep what is not worth keeping.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join(".tollgate/build")
    }

    /// The world of the component, in `tollgate/wit`.
    pub(crate) fn blocking_world(&self) -> String {
        format!("{}-blocking{}", self.kind, if self.http { "-http" } else { "" })
    }
}
