//! Takes the helper packages, the WIT and the templates into the crate: a new project needs nothing of ours but what
//! is written into it.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is no source: left by builds and tests, or only for our own tests of the helper packages.
const LEFT_OUT: &[&str] = &["target", "node_modules", "__pycache__", "tests", "test"];

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.join("../..").canonicalize()?;
    let mut files = Vec::new();
    list(&root.join("guest-sdk"), LEFT_OUT, &mut files)?;
    list(&root.join("wit"), &[], &mut files)?;
    let mut out = String::from("pub static VENDORED: &[(&str, &[u8])] = &[\n");
    write(&mut out, &root, &files)?;
    files.clear();
    let templates = here.join("templates");
    list(&templates, &["target", "node_modules", "__pycache__"], &mut files)?;
    out += "];\npub static TEMPLATES: &[(&str, &[u8])] = &[\n";
    write(&mut out, &templates, &files)?;
    out += "];\n";
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("files.rs"), out)?;
    Ok(())
}

fn list(folder: &Path, left_out: &[&str], files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    // A new file changes its folder.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || name.ends_with(".pyc") || left_out.contains(&&*name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&path, left_out, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

fn write(out: &mut String, root: &Path, files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    for file in files {
        let name = file.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
        writeln!(out, "    ({name:?}, include_bytes!({:?})),", file.display().to_string())?;
    }
    Ok(())
}
