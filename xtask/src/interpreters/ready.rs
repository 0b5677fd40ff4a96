//! Interpreters made ready to run: initialised before they run, and compiled to machine code, by the host that will
//! load them.

use super::{quietly, when_changed};
use crate::{Result, root, target_dir};
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;

/// The programs that make them ready.
pub(super) const TOOLS: [&str; 4] = ["--bin", "tollgate", "--bin", "tollgate-preinit"];

/// Makes the components of the folder `from` ready in `target/share/tollgate/interpreters`, where the program in
/// `target/release` looks for them.
pub(super) fn build(from: &Path) -> Result {
    let release = target_dir().join("release");
    let initialised = from.join("initialised");
    std::fs::create_dir_all(&initialised).with_context(|| format!("{} cannot be made", initialised.display()))?;

    let (javascript, python) = (from.join("javascript.wasm"), from.join("python.wasm"));
    // CPython was initialised when it was made a component.
    for (component, args, what) in [
        (&javascript, &[][..], "initialising the JavaScript interpreter"),
        (&python, &["--immortal"][..], "the Python interpreter: what is there already lasts"),
    ] {
        let to = initialised.join(component.file_name().unwrap_or_default());
        when_changed(&to, &[component.as_path(), &root().join("xtask/preinit")], || {
            quietly(what, Command::new(release.join("tollgate-preinit")).args(args).arg(component).arg(&to))
        })?;
    }
    let ready = target_dir().join("share/tollgate/interpreters");
    let tollgate = release.join("tollgate");
    let loads = || {
        let listed = Command::new(&tollgate).args(["interpreters", "--json"]).env("XDG_CACHE_HOME", from).output();
        let ready = |listed: std::process::Output| {
            let text = String::from_utf8_lossy(&listed.stdout).replace(char::is_whitespace, "");
            text.matches("\"ready\":true").count() == 2
        };
        listed.is_ok_and(ready)
    };
    let inputs = [initialised.join("javascript.wasm"), initialised.join("python.wasm")];
    let compile = || {
        let mut compile = Command::new(&tollgate);
        compile.args(["interpreters", "compile", "--from"]).arg(&initialised).arg("--to").arg(&ready);
        quietly("compiling the interpreters for this machine (about a minute)", &mut compile)
    };
    if ready.join("python.cwasm").exists() && !loads() {
        // They were compiled for a host that was built otherwise.
        compile()?;
    }
    when_changed(&ready.join("python.cwasm"), &inputs, compile)
}
