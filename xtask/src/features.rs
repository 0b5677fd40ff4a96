//! Holds that Wasmtime is compiled once: what it depends on must have the same features in `cargo run` as with
//! all the tests, else cargo compiles it, and everything above it, twice.

use crate::{Result, cargo};
use std::collections::{BTreeMap, BTreeSet};

/// Fails with the packages that differ.
pub(crate) fn check() -> Result {
    let product = features(&["-p", "tollgate-cli", "-e", "normal,build"])?;
    let everything = features(&["--workspace", "-e", "normal,build,dev"])?;
    let below_wasmtime = features(&["-p", "wasmtime", "-p", "wasmtime-wasi", "-e", "normal,build"])?;
    let differ: Vec<_> = below_wasmtime
        .keys()
        .filter(|package| product.contains_key(*package) && product.get(*package) != everything.get(*package))
        .map(String::as_str)
        .collect();
    if differ.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Wasmtime would be compiled twice: with the tests, these have other features than without: {}; name them with \
         the missing features in host/runtime/Cargo.toml, or keep them out of the tests (`cargo tree -e features -i NAME`)",
        differ.join(", ")
    ))
}

/// Each package of a tree, with the sets of features that it is built with.
fn features(args: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut tree = cargo(&["tree", "--locked", "--prefix", "none", "-f", "{p}|{f}"]);
    let output = tree.args(args).output().map_err(|error| format!("cargo tree could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') {
            found.entry(package.to_owned()).or_default().insert(features.to_owned());
        }
    }
    Ok(found)
}
