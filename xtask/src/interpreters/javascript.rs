//! QuickJS behind Rust: a core module for wasm32-unknown-unknown, whose C is compiled by Zig. It is made a component when it is
//! initialised.

use super::{python, quietly, sources, when_changed};
use crate::{Result, cargo, install, target_dir};
use anyhow::Context as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Not `wasm32-wasip2`: the engine then asks the system for nothing but what its own WIT names.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// What the component is made of.
const INPUTS: [&str; 6] = [
    "plugins/interpreters/javascript",
    "plugins/interpreters/requirements.txt",
    "rust-toolchain.toml",
    "wit",
    "xtask/src/interpreters/mod.rs",
    "xtask/src/interpreters/javascript.rs",
];

/// Makes `javascript.wasm`, a core module, in the folder.
pub(super) fn build(out: &Path) -> Result {
    let wanted = out.join("javascript.wasm");
    when_changed(&wanted, &INPUTS, || {
        let module = compile(out)?;
        fs::copy(&module, &wanted).map(drop).with_context(|| format!("{}", wanted.display()))
    })
}

/// Compiles the core module.
fn compile(out: &Path) -> Result<PathBuf> {
    let python = python()?;
    let tools = out.join("tools");
    fs::create_dir_all(&tools).with_context(|| format!("{} cannot be made", tools.display()))?;
    // Zig has its own words for targets, and build scripts pass those of clang.
    let cc = format!(
        "for arg do\n  shift\n  case \"$arg\" in\n    --target=*) ;;\n    *) set -- \"$@\" \"$arg\" ;;\n  esac\ndone\n\
         exec '{}' -m ziglang cc -target wasm32-freestanding \"$@\"\n",
        python.display()
    );
    let ar = format!("exec '{}' -m ziglang ar \"$@\"\n", python.display());
    let (cc, ar) = (tool(&tools, "cc", &cc)?, tool(&tools, "ar", &ar)?);
    install::target(TARGET)?;
    let guests = target_dir().join("guests/javascript");
    let mut build = cargo(&["build", "--release", "--locked", "--target", TARGET]);
    build.current_dir(sources().join("javascript")).arg("--target-dir").arg(&guests);
    build.env("CC_wasm32_unknown_unknown", cc).env("AR_wasm32_unknown_unknown", ar);
    // For a target without a system Zig has clang take `memcpy` for a function like any other: each read of an operand of
    // the engine's bytecode would be a call.
    build.env("CFLAGS_wasm32_unknown_unknown", "-fhosted");
    build.env("ZIG_GLOBAL_CACHE_DIR", tools.join("zig")).env_remove("CFLAGS").env_remove("RUSTFLAGS");
    quietly("building the JavaScript interpreter", &mut build)?;
    Ok(guests.join(TARGET).join("release/tollgate_javascript.wasm"))
}

/// Writes a tool's script.
fn tool(folder: &Path, name: &str, body: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    let written = fs::write(&path, format!("#!/bin/sh\n{body}"))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}
