//! Tools that are no part of the build: dependencies held to rules, and fuzzing.

use crate::{GUEST_WORKSPACES, JAVASCRIPT, Result, install, root, run};
use anyhow::{Context as _, anyhow};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A tool that PyPI has ready built, installed where it is not there yet.
fn tool(name: &str) -> Result<PathBuf> {
    let folder = root().join("xtask/tools");
    install::pypi(&folder)?;
    Ok(folder.join(".venv/bin").join(name))
}

/// Holds the dependencies of every workspace to `deny.toml`: licences, sources, bans; with `--advisories` also the RustSec
/// database, which is fetched.
///
/// # Errors
/// Where a dependency breaks a rule, or an argument is unknown.
pub(crate) fn deny(args: &[String]) -> Result {
    let mut checks = vec!["licenses", "bans", "sources"];
    match args {
        [] => {}
        [only] if only == "--advisories" => checks.push("advisories"),
        _ => return Err(anyhow!("`deny` takes nothing but --advisories")),
    }
    let deny = tool("cargo-deny")?;
    let config = root().join("deny.toml");
    for workspace in [""].into_iter().chain(GUEST_WORKSPACES).chain([JAVASCRIPT]) {
        let mut command = Command::new(&deny);
        command.current_dir(root().join(workspace)).args(["--locked", "--config"]).arg(&config).arg("check");
        run(command.args(["--allow", "license-not-encountered"]).args(&checks))?;
    }
    Ok(())
}

/// Runs fuzz targets with the nightly toolchain, each for some minutes, and merges what it finds into its corpus.
///
/// # Errors
/// Where a target finds an input that panics, hangs or takes too much memory; cargo-fuzz has then said which.
pub(crate) fn fuzz(args: &[String]) -> Result {
    let (minutes, wanted) = match args {
        [flag, minutes, wanted @ ..] if flag == "--minutes" => (minutes.as_str(), wanted),
        wanted => ("10", wanted),
    };
    let minutes: u64 = minutes.parse().map_err(|_| anyhow!("--minutes {minutes}: give a whole number of minutes"))?;
    let known = targets()?;
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(anyhow!("there is no fuzz target `{unknown}`; there are {}", known.join(", ")));
    }
    let fuzz = tool("cargo-fuzz")?;
    let corpora = root().join("fuzz/corpus");
    for name in if wanted.is_empty() { &known } else { wanted } {
        let corpus = corpora.join(name);
        // What is found goes into a folder of its own, and what of it is new into the corpus afterwards.
        let found = root().join("target/fuzz/found").join(name);
        fs::create_dir_all(&found).with_context(|| format!("{} cannot be made", found.display()))?;
        let target = |verb: &str| {
            let mut command = Command::new(&fuzz);
            command.current_dir(root()).env("RUSTUP_TOOLCHAIN", "nightly").arg(verb);
            // Without AddressSanitizer, which makes safe code only slower.
            command.args(["--fuzz-dir", "fuzz/targets", "--target-dir", "target/fuzz", "--sanitizer", "none", name]);
            command
        };
        let limits = [format!("-max_total_time={}", minutes * 60), "-timeout=10".into(), "-rss_limit_mb=4096".into()];
        run(target("run").arg(&found).arg(&corpus).arg("--").args(limits))?;
        // libFuzzer keeps the inputs that reach something which no kept one reaches.
        let small = ["-merge=1", "-max_len=4096"];
        run(target("run").arg(&corpus).arg(&found).arg("--").args(small))?;
    }
    Ok(())
}

/// The names of the fuzz targets: their files.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/targets/fuzz_targets");
    let unread = || format!("{} cannot be read", folder.display());
    let files: std::io::Result<Vec<_>> = fs::read_dir(&folder).with_context(unread)?.collect();
    let names = files.with_context(unread)?.into_iter().map(|file| file.path());
    let mut names: Vec<String> = names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fuzz_target_has_a_corpus() {
        let targets = targets().unwrap();
        assert!(targets.len() >= 10, "{targets:?}");
        for target in targets {
            let files = fs::read_dir(root().join("fuzz/corpus").join(&target)).unwrap();
            assert!(files.count() > 0, "fuzz/corpus/{target} is empty");
        }
    }

    /// What the host's crates name in their manifests stands in docs/dependencies.md with its reason, and nothing else does.
    #[test]
    fn every_direct_dependency_has_its_reason_written() {
        let mut list = crate::cargo(&["tree", "--workspace", "--locked", "--depth", "1", "--prefix", "depth"]);
        let output = list
            .args(["--no-dedupe", "--edges", "normal,build,dev", "--target", "all", "--format", " {p}"])
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        let direct = tree.lines().filter_map(|line| line.strip_prefix("1 ")).filter(|line| !line.contains(" (/"));
        let direct: BTreeSet<&str> = direct.filter_map(|line| line.split(' ').next()).collect();
        let page = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
        let written = rows.filter_map(|row| row.split('|').next()).flat_map(|names| names.split(','));
        let written: BTreeSet<&str> =
            written.map(str::trim).filter_map(|name| name.strip_prefix('`')?.strip_suffix('`')).collect();
        assert_eq!(direct.difference(&written).collect::<Vec<_>>(), Vec::<&&str>::new(), "have no reason");
        assert_eq!(written.difference(&direct).collect::<Vec<_>>(), Vec::<&&str>::new(), "are no dependencies");
    }
}
