//! The archive: the binary, the interpreters and the demo's components compiled for this machine.

use crate::{Result, cargo, interpreters, root, run, target_dir};
use anyhow::Context as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Makes the archive. The components are compiled by the binary itself, into the folder where it looks for
/// them beside itself; on a processor with other features it compiles them anew.
pub(crate) fn dist() -> Result {
    interpreters::build()?;
    run(&mut cargo(&["build", "--release", "--locked"]))?;
    let name = format!("tollgate-{}-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    let dist = target_dir().join("dist");
    let folder = dist.join(&name);
    let filled = || format!("{} cannot be filled", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(filled)?;
    }
    let (bin, components) = (folder.join("bin"), folder.join("share/tollgate/components"));
    fs::create_dir_all(&bin).with_context(filled)?;
    fs::create_dir_all(&components).with_context(filled)?;
    fs::copy(target_dir().join("release/tollgate"), bin.join("tollgate")).with_context(filled)?;
    fs::create_dir_all(folder.join("docs")).with_context(filled)?;
    // The pages that the README sends its reader to.
    for file in [
        "README.md",
        "LICENSE",
        "docs/guide.md",
        "docs/reference.md",
        "docs/commands-and-keys.md",
        "docs/scripts-javascript.md",
        "docs/scripts-python.md",
        "docs/architecture.md",
        "docs/threat-model.md",
    ] {
        fs::copy(root().join(file), folder.join(file)).with_context(filled)?;
    }
    run(Command::new("strip").arg(bin.join("tollgate")))?;
    compile_components(&bin.join("tollgate"), &components)?;
    let interpreters = folder.join("share/tollgate/interpreters");
    fs::create_dir_all(&interpreters).with_context(filled)?;
    for name in ["javascript", "python"] {
        for kind in ["wasm", "cwasm", "json"] {
            let file = format!("{name}.{kind}");
            let made = target_dir().join("share/tollgate/interpreters").join(&file);
            fs::copy(&made, interpreters.join(&file)).with_context(filled)?;
        }
    }
    let archive = format!("{name}.tar.gz");
    run(Command::new("tar").current_dir(&dist).args(["-czf", &archive, &name]))?;
    println!("{}", dist.join(archive).display());
    Ok(())
}

/// Runs the demo with an empty cache, and takes what it compiled.
fn compile_components(tollgate: &Path, components: &Path) -> Result {
    let cache = components.with_extension("making");
    let filled = || format!("{} cannot be filled", components.display());
    run(Command::new(tollgate)
        .args(["demo", "--json"])
        .env("XDG_CACHE_HOME", &cache)
        .stdout(std::process::Stdio::null()))?;
    fs::remove_dir_all(components).with_context(filled)?;
    fs::rename(cache.join("tollgate/components"), components).with_context(filled)?;
    fs::remove_dir_all(&cache).with_context(filled)
}
