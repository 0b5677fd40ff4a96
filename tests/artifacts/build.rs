//! Builds the guests of the tests, and names their files: those of Rust crates, and those written as text.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};
use tollgate_guest_build::Guests;

fn main() -> Result<(), Box<dyn Error>> {
    Guests::new("../guests").watch("../../guest-sdk/rust").watch("../../wit").build()?.paths("guests.rs")?;
    texts(Path::new("../guests/wat"), &PathBuf::from(env::var("OUT_DIR")?))
}

/// Writes each component that is text as a file beside the others, and a constant with its path.
fn texts(folder: &Path, out_dir: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut constants = String::new();
    for file in fs::read_dir(folder)? {
        let text = file?.path();
        let name = text.file_stem().ok_or("a file has no name")?.to_string_lossy().into_owned();
        let component = out_dir.join(&name).with_extension("wasm");
        fs::write(&component, wat::parse_file(&text)?)?;
        let constant = name.to_uppercase();
        constants += &format!("/// The component `{name}`.\npub const {constant}: &str = {component:?};\n");
    }
    Ok(fs::write(out_dir.join("texts.rs"), constants)?)
}
