//! Rust: cargo makes the component by itself.

use super::{Event, read};
use crate::process::{Cancel, Step};
use crate::{Error, Project};
use std::path::{Path, PathBuf};

const TARGET: &str = "wasm32-wasip2";
const MISSING: &str = "install Rust with rustup (rustup.rs)";

pub(super) fn build(project: &Project, cancel: &Cancel, progress: &mut dyn FnMut(Event)) -> Result<Vec<u8>, Error> {
    let folder = &project.folder;
    let libraries = Step::new("looking for the Wasm target", "rustc", folder)
        .args(["--print", "target-libdir", "--target", TARGET])
        .missing(MISSING)
        .advice("this Rust is too old: update it, as with `rustup update`")
        .run(cancel)?;
    if !Path::new(libraries.trim()).exists() {
        progress(Event::Fetching("the Rust target wasm32-wasip2"));
        Step::new("fetching the Wasm target", "rustup", folder)
            .args(["target", "add", TARGET])
            .missing("this Rust has no wasm32-wasip2, and there is no rustup to add it: install Rust with rustup (rustup.rs)")
            .advice("add it by hand: rustup target add wasm32-wasip2")
            .run(cancel)?;
    }
    progress(Event::Step("cargo"));
    let target = project.folder.join("target");
    Step::new("cargo", "cargo", folder)
        .args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"])
        .args([&target])
        .args(["--config", &remapped(project)])
        .missing(MISSING)
        .advice("where cargo wants to change Cargo.lock, let it: `cargo update --workspace`; and commit the file")
        .run(cancel)?;
    let name = project.name.replace('-', "_");
    read(&target.join(TARGET).join("release").join(format!("{name}.wasm")))
}

/// Panics name source files: without the folders of this machine, and the same wherever it is built.
fn remapped(project: &Project) -> String {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    let folders = [(Some(project.folder.clone()), "/project"), (cargo_home, "/cargo")];
    let flags = folders.into_iter().filter_map(|(folder, name)| {
        // A flag has a form of TOML that takes every text; a folder that is none is left as it is.
        let flag = format!("--remap-path-prefix={}={name}", folder?.to_str()?);
        Some(toml::Value::String(flag).to_string())
    });
    format!("target.{TARGET}.rustflags=[{}]", flags.collect::<Vec<_>>().join(","))
}
