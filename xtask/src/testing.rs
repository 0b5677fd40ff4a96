//! `cargo xtask test`, stage by stage.
//!
//! Two lanes run side by side: the host with its tests is one long build, and beside it packages are fetched, the interpreters
//! built and the guests tested on this machine. The lanes meet before the host's tests run, which need all of it.

use crate::lints::{self, Lints};
use crate::stages::Stages;
use crate::{
    HOST, JAVASCRIPT, Result, cargo, fleet, in_workspace, install, interpreters, run, run_held_back, target_dir, tools,
};
use anyhow::{Context as _, anyhow};
use std::process::Command;

/// Tests that the usual run leaves out, because they fetch and run the compilers of other languages. What they build then
/// runs in the host.
const PROJECTS: [&str; 5] = [
    "every_template_builds_and_its_test_passes",
    "projects_with_every_interface_build",
    "components_of_every_language_run",
    "packages::",
    "the_compiler_takes_any_catalog_and_refuses_wrong_arguments",
];

/// For tests of guests on this machine, of which nothing is kept: their code is compiled in less time than it would gain.
const UNOPTIMISED: [&str; 2] = ["--config", "profile.release.opt-level=0"];

/// Runs every test; with `--lint` first among `args` everything is linted too. The other arguments go to `cargo test`.
///
/// # Errors
/// Says which command failed. What fails in one test binary does not hide what fails in another.
pub(crate) fn run_all(args: &[String]) -> Result {
    let (lints, args) = match args.split_first() {
        Some((first, rest)) if first == "--lint" => (Some(Lints::find()?), rest),
        _ => (None, args),
    };
    let stages = Stages::new();
    let done = all(&stages, &Host::new(lints)?, args);
    eprintln!("\n{}", stages.table());
    done
}

fn all(stages: &Stages, host: &Host, args: &[String]) -> Result {
    if host.lints.is_some() {
        stages.run("formatting", lints::format)?;
    }
    // Before the lanes part: two that add a target at once would be in each other's way.
    stages.run("targets of the compiler", || interpreters::TARGETS.into_iter().try_for_each(install::target))?;
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| beside_the_host(stages, host));
        let built = stages.run("host and tests: build", || run(&mut host.build()));
        let beside = beside.join().map_err(|_| anyhow!("a stage panicked"))?;
        built.and(beside)
    })?;
    stages.run("interpreters: initialise and compile", interpreters::make_ready)?;
    std::thread::scope(|scope| {
        let projects = args.is_empty().then(|| scope.spawn(|| projects(stages, host)));
        let tests = stages.run("host: tests", || run(host.documented(&mut host.tests(&[])).args(args)));
        let projects = projects.map_or(Ok(()), |lane| lane.join().map_err(|_| anyhow!("a stage panicked"))?);
        tests.and(projects)
    })
}

/// Projects in other languages, one after the other: a later test runs what an earlier one built. They wait for the network
/// much of their time, so the host's tests run beside them; what they print is held back until each ends.
fn projects(stages: &Stages, host: &Host) -> Result {
    let folder = target_dir().join("projects");
    let mut done = Ok(());
    for filter in PROJECTS {
        let mut tests = host.tests(&["--", "--ignored", filter]);
        done = done.and(stages.run(filter, || run_held_back(tests.env("TOLLGATE_PROJECTS", &folder))));
    }
    done.and(stages.run("measurements, a few times each", || run_held_back(crate::measurements().arg("--quick"))))
}

/// All that needs no host: packages, interpreters, and the guests' own tests on this machine.
fn beside_the_host(stages: &Stages, host: &Host) -> Result {
    stages.run("packages of npm and PyPI", fleet::install)?;
    if host.lints.is_some() {
        stages.run("dependencies: licences and sources", || tools::deny(&[]))?;
    }
    // In the profile that these commands are built in.
    stages.run("xtask: tests", || run(host.linted(&mut cargo(&["test", "--locked", "--package", "xtask"]))))?;
    stages.run("interpreters: build", interpreters::build_components)?;
    stages.run("Python interpreter: tests", interpreters::python::test)?;
    for (name, workspace) in [("guest SDK: tests", "guest-sdk/rust"), ("JavaScript interpreter: tests", JAVASCRIPT)] {
        let mut tests = in_workspace(workspace, &["test", "--locked", "--release"]);
        tests.args(UNOPTIMISED);
        stages.run(name, || run(host.linted(&mut tests)))?;
    }
    if host.lints.is_some() {
        stages.run("guest SDK: clippy", lints::sdk)?;
    }
    let plugins = || {
        let mut command = in_workspace("plugins", &["test", "--locked", "--release"]);
        command.args(UNOPTIMISED).args(["--config", "profile.release.lto=false"]);
        command.args(["--config", "profile.release.codegen-units=16"]);
        command
    };
    stages.run("plugins: tests", || {
        run(&mut plugins())?;
        // Named by its test and not by its package, which alone would have other features, and be compiled again.
        run(plugins().args(["--test", "it", "--", "--ignored", "real::real_documents"]))
    })
}

/// The commands that build and run the host's tests.
struct Host {
    lints: Option<Lints>,
    optimisation: Vec<String>,
}

impl Host {
    fn new(lints: Option<Lints>) -> Result<Self> {
        Ok(Self { lints, optimisation: optimisation()? })
    }

    /// Builds all that the tests run, and the programs that they leave out: `cargo test` builds a program for the tests of its
    /// own package only.
    fn build(&self) -> Command {
        let mut command = cargo(&[&["build", "--release", "--locked", "--all-targets"], &HOST[..]].concat());
        command.args(&self.optimisation);
        self.linted(&mut command);
        command
    }

    /// `cargo test` over the whole host, its documentation too. In one build: Wasmtime is compiled once. It says nothing of
    /// targets: those that are named would be tested even where their manifest says that they have no tests.
    fn tests(&self, args: &[&str]) -> Command {
        let mut command = cargo(&[&["test", "--release", "--locked", "--no-fail-fast"], &HOST[..]].concat());
        command.args(&self.optimisation).args(args);
        self.linted(&mut command);
        command
    }

    /// With lints, has the tests of the documentation also write it, which fails on warnings.
    fn documented<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.lints {
            Some(lints) => lints.rustdoc(command),
            None => command,
        }
    }

    fn linted<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.lints {
            Some(lints) => lints.clippy(command),
            None => command,
        }
    }
}

/// Arguments with which cargo leaves the host's own crates unoptimised, which compile with a quarter of the CPU. Dependencies
/// are those of the release profile, and are not compiled again.
fn optimisation() -> Result<Vec<String>> {
    let mut list = cargo(&["tree", "--locked", "--depth", "0", "--prefix", "none", "--format", "{p}"]);
    let output = list.args(HOST).output().context("cargo could not be started")?;
    if !output.status.success() {
        return Err(anyhow!("the crates of the workspace are unknown: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = names.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty());
    Ok(names.flat_map(|name| ["--config".to_owned(), format!("profile.release.package.{name}.opt-level=0")]).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_crates_of_the_host_are_not_optimised() {
        let args = super::optimisation().unwrap();
        assert!(args.contains(&"profile.release.package.tollgate-core.opt-level=0".to_owned()), "{args:?}");
        assert!(!args.iter().any(|arg| arg.contains("xtask") || arg.contains("wasmtime")), "{args:?}");
    }
}
