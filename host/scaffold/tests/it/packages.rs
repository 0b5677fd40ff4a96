//! The helper packages' own tests, in their own languages. They need Node and Python, so they run only where asked:
//! `cargo test -p tollgate-scaffold --test it -- --ignored packages`.

use std::path::Path;
use std::process::Command;

fn package(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk").join(name)
}

#[test]
#[ignore = "needs Node"]
fn javascript() {
    crate::build::run(Command::new("node").args(["--test", "test/"]).current_dir(package("js")));
}

#[test]
#[ignore = "needs Python"]
fn python() {
    let python = ["-B", "-W", "error", "-m", "unittest"];
    crate::build::run(Command::new("python3").args(python).current_dir(package("python")));
}
