//! New projects for policies and adapters, in every guest language, and their builds.
//!
//! [`new`] writes a project: the author's own few files, and under `tollgate/` the helper package of its language and the
//! WIT. It needs nothing else of ours. [`build`] fetches the language's tools once, pinned by the project's lock file,
//! into the project's own folder, builds, makes a component of it, and checks that a host will take it.
//!
//! # Layout
//!
//! - `language`: the languages, and which kind of project each has. `name`: what a project may be called.
//! - `new`, `files`: the templates, and writing them.
//! - `project`: the file that a build reads.
//! - `build`: one module a language. `tools`: fetching what they need. `process`: running it.
//! - `component`: from a module to a component, and the check of it.

mod build;
mod component;
mod error;
mod files;
mod language;
mod name;
mod new;
mod process;
mod project;
mod tools;

pub use build::{Built, Event, build};
pub use component::{World, check, is_offered};
pub use error::Error;
pub use language::{Kind, Language};
pub use name::check_name;
pub use new::{Created, new};
pub use process::Cancel;
pub use project::{PROJECT_FILE, Project};
