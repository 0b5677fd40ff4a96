//! Dependencies: each is used, and Wasmtime is compiled with the same features whichever packages are built.

use crate::{HOST, cargo, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The package that is nothing but dependencies.
const UNIFIED: &str = "tollgate-unified";

/// Packages that depend on Wasmtime and are built alone, by developers and by `cargo test -p`.
const WITH_WASMTIME: [&str; 6] =
    ["tollgate-runtime", "tollgate", "tollgate-server", "tollgate-cli", "tollgate-bench", "tollgate-preinit"];

/// The features of each dependency of some packages, by its name and version.
fn features(packages: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut tree = cargo(&["tree", "--locked", "--prefix", "none", "--edges", "normal,build", "--format", "{p}|{f}"]);
    let output = tree.args(packages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (package, features) in String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.split_once('|')) {
        // What follows the version says where a package of this workspace is, or that it is a macro.
        let (name, version) = package.split_once(' ').unwrap();
        let version = version.split(' ').next().unwrap();
        found.entry(format!("{name} {version}")).or_default().insert(features.trim_end_matches(" (*)").to_owned());
    }
    found
}

#[test]
fn wasmtime_has_the_same_features_whichever_packages_are_built() {
    let all = features(&HOST);
    let wasmtime: BTreeSet<String> = all.keys().filter(|name| name.starts_with("wasmtime")).cloned().collect();
    assert!(wasmtime.len() > 10, "{wasmtime:?}");
    let of_wasmtime: Vec<String> = ["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http"]
        .iter()
        .flat_map(|name| features(&["--package", &format!("{name}@48.0.8")]).into_keys())
        .collect();
    for package in WITH_WASMTIME {
        let alone = features(&["--package", package]);
        assert!(alone.keys().any(|name| name.starts_with("wasmtime v")), "{package}");
        for (name, alone) in alone.iter().filter(|(name, _)| of_wasmtime.contains(name)) {
            let together = all.get(name).unwrap();
            assert!(
                alone.is_subset(together),
                "{name} has {alone:?} in a build of {package} alone and {together:?} in one of all: name its features in \
                 host/unified/Cargo.toml"
            );
        }
    }
}

/// The names of the dependencies that a manifest has, as they stand in code.
fn named(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_of_dependencies = false;
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            is_of_dependencies = section.trim_end_matches(']').ends_with("dependencies");
        } else if is_of_dependencies && !line.starts_with(['#', ' ']) {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if !name.is_empty() {
                names.push(name.replace('-', "_"));
            }
        }
    }
    names
}

/// The code of a package: all its Rust files, and those that its manifest names elsewhere.
fn code(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", ".venv", "fixtures", "snapshots", "corpus"].contains(&&*name) {
            code(&path, out);
        } else if name.ends_with(".rs") {
            out.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

fn is_used(name: &str, code: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + name.len()..].starts_with(is_word))
}

#[test]
fn every_dependency_is_used() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = workspace.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 20, "{members:?}");
    let mut unused = Vec::new();
    for member in members.iter().filter(|member| **member != "host/unified") {
        let folder = root().join(member);
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let mut text = String::new();
        code(&folder, &mut text);
        // The command's tests stand at the top.
        if manifest.contains("../../tests/main.rs") {
            code(&root().join("tests"), &mut text);
        }
        let names = named(&manifest).into_iter().filter(|name| *name != UNIFIED.replace('-', "_"));
        unused.extend(names.filter(|name| !is_used(name, &text)).map(|name| format!("{member}: {name}")));
    }
    assert!(unused.is_empty(), "not used: {}", unused.join(", "));
}

#[test]
fn a_dependency_that_is_not_used_is_found() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why\na-b = \"1\"\nc.workspace = true\n[dev-dependencies]\nd = { version = \"1\" }\n";
    assert_eq!(named(manifest), ["a_b", "c", "d"]);
    assert!(is_used("a_b", "use a_b::X;") && !is_used("a_b", "use a_bc::X; my_a_b"));
}
