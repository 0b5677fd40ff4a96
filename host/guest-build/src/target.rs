//! Sees to it that the compiler has the standard library of the Wasm target.

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs, io};

use crate::Error;
use crate::environment::Variables;

/// Adds the target with rustup where it is missing. An ordinary `rustup` reads it from `rust-toolchain.toml`;
/// this is for where its automatic installation is off.
pub(crate) fn ensure(variables: &Variables, workspace: &Path, target: &str) -> Result<(), Error> {
    if is_installed(variables, target)? {
        return Ok(());
    }
    let mut args = vec!["target".to_owned(), "add".to_owned(), target.to_owned()];
    if let Some(toolchain) = env::var("RUSTUP_TOOLCHAIN").ok().or_else(|| toolchain_of(workspace)) {
        args.extend(["--toolchain".to_owned(), toolchain]);
    }
    let command = format!("rustup {}", args.join(" "));
    println!("cargo::warning=the Rust target {target} is missing; running: {command}");
    match Command::new("rustup").args(&args).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Error(format!(
            "the Rust target {target} is missing, and this failed: {command}\n{}",
            String::from_utf8_lossy(&output.stderr)
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error(format!(
            "the Rust target {target} is missing, and rustup is not there to add it; install rustup and run: {command}"
        ))),
        Err(error) => Err(Error::io("run", Path::new("rustup"), error)),
    }
}

fn is_installed(variables: &Variables, target: &str) -> Result<bool, Error> {
    let mut rustc = Command::new(&variables.rustc);
    let Output { status, stdout, stderr } = rustc
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .map_err(|error| Error::io("run", Path::new(&variables.rustc), error))?;
    if !status.success() {
        let stderr = String::from_utf8_lossy(&stderr);
        return Err(Error(format!("the compiler does not know the target {target}; update Rust:\n{stderr}")));
    }
    Ok(Path::new(String::from_utf8_lossy(&stdout).trim()).exists())
}

/// The channel in the nearest `rust-toolchain.toml`.
fn toolchain_of(workspace: &Path) -> Option<String> {
    let workspace = fs::canonicalize(workspace).ok()?;
    let file = workspace.ancestors().find_map(|folder| fs::read_to_string(folder.join("rust-toolchain.toml")).ok())?;
    channel(&file)
}

fn channel(toolchain_file: &str) -> Option<String> {
    toolchain_file.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let quoted = value.split(['"', '\'']).nth(1)?;
        (key.trim() == "channel").then(|| quoted.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_is_read_from_a_toolchain_file() {
        let file = "[toolchain]\n# channel = \"1.0\"\ntargets = [\"a\"]\nchannel = \"1.95.0\" # pinned\n";
        assert_eq!(channel(file).as_deref(), Some("1.95.0"));
        assert_eq!(channel("[toolchain]\nchannel='nightly'").as_deref(), Some("nightly"));
        assert_eq!(channel("[toolchain]\nprofile = \"minimal\"\n"), None);
    }
}
