//! The bytes of the test guests. The one place that knows where they come from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A guest of `tests/guests`, by the name of its crate or of its file in `wat/`.
///
/// # Panics
/// When there is no such guest, or the guests do not build.
pub fn guest(name: &str) -> Vec<u8> {
    let text = workspace().join("wat").join(name).with_extension("wat");
    if text.exists() {
        return wat::parse_file(text).unwrap();
    }
    let file = built().join(name).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("no test guest is named `{name}`: {error}"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests")
}

/// The folder of the compiled guests. They are built once a process; cargo sees to it that this is quick.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target_dir = std::env::var_os("TOLLGATE_TEST_GUESTS_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests"), PathBuf::from);
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(workspace()).args(["build", "--release", "--locked", "--target", "wasm32-wasip2"]);
        cargo.arg("--target-dir").arg(&target_dir);
        // Flags for the host are not meant for the guests.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        let done = cargo.output().unwrap();
        assert!(done.status.success(), "the guests do not build:\n{}", String::from_utf8_lossy(&done.stderr));
        target_dir.join("wasm32-wasip2/release")
    })
}
