//! What cargo tells a build script, and what a cargo inside of it must not hear.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// What cargo tells every build script.
pub(crate) struct Variables {
    /// The cargo that builds.
    pub cargo: OsString,
    /// The compiler that it uses.
    pub rustc: OsString,
    pub out_dir: PathBuf,
}

impl Variables {
    pub fn of_build_script() -> Result<Self, Error> {
        let get = |name: &str| {
            env::var_os(name).ok_or_else(|| Error(format!("{name} is not set; guests are built by a build script")))
        };
        Ok(Self { cargo: get("CARGO")?, rustc: get("RUSTC")?, out_dir: get("OUT_DIR")?.into() })
    }

    /// The outer build's target directory: `OUT_DIR` is `PROFILE/build/PACKAGE/out` in it.
    pub fn target_dir(&self) -> Result<&Path, Error> {
        let target_dir = self.out_dir.ancestors().nth(4);
        target_dir.ok_or_else(|| Error(format!("OUT_DIR is not in a target directory: {}", self.out_dir.display())))
    }
}

/// Takes from a cargo command what belongs to the outer build.
pub(crate) fn clear(cargo: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_build) {
            cargo.env_remove(name);
        }
    }
}

/// The compiler of the guests' own crates, where it is not rustc: clippy's, which lints what it compiles. The outer build's own
/// wrapper is another matter: `cargo clippy` checks without compiling, and would have the guests compiled twice.
pub(crate) const WRAPPER: &str = "TOLLGATE_GUEST_WRAPPER";

/// Has a cargo command compile guests by [`WRAPPER`], where that is set.
pub(crate) fn wrap(cargo: &mut Command) {
    if let Some(wrapper) = env::var_os(WRAPPER) {
        cargo.env("RUSTC_WORKSPACE_WRAPPER", wrapper);
    }
}

/// Flags, wrappers (Clippy is one), the target directory, the profile and the package of the outer build would
/// change or break the guests. Where cargo finds crates and toolchains, how it talks and how many jobs all
/// cargos run together stays.
fn belongs_to_outer_build(name: &str) -> bool {
    const KEPT: [&str; 4] = ["CARGO", "CARGO_HOME", "CARGO_MAKEFLAGS", "RUSTC"];
    const KEPT_PREFIXES: [&str; 5] =
        ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_TERM_"];
    let outer = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS"].iter().any(|prefix| name.starts_with(prefix));
    outer && !KEPT.contains(&name) && !KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_wrappers_and_the_outer_package_are_taken_away() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOCFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_MANIFEST_DIR",
        ] {
            assert!(belongs_to_outer_build(name), "{name}");
        }
    }

    #[test]
    fn what_finds_crates_and_toolchains_stays() {
        for name in
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_CORP_INDEX", "RUSTUP_TOOLCHAIN", "RUSTC", "PATH"]
        {
            assert!(!belongs_to_outer_build(name), "{name}");
        }
    }

    #[test]
    fn the_target_directory_is_that_of_the_outer_build() {
        let out_dir = PathBuf::from("/src/target/debug/build/tollgate-cli-0123/out");
        let variables = Variables { cargo: "cargo".into(), rustc: "rustc".into(), out_dir };
        assert_eq!(variables.target_dir().unwrap(), Path::new("/src/target"));
    }
}
