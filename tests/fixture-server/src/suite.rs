//! The official conformance suite as a function: it runs, and its output files are read.
//!
//! `cargo xtask fleet` installs the suite, and the Node that it needs, into `tests/conformance`. What a revision of the
//! protocol requires is fixed by the suite (`--requirements`); it also runs scenarios that do not count, extensions
//! for one, and a [`Finding`] says which they are.

use serde::Deserialize;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// The longest that a run of the suite may take. The slowest scenario waits for seconds, and machines are loaded.
const MAX_TIME: Duration = Duration::from_secs(300);
/// How long one scenario may take, in milliseconds; the suite's own default suits a machine that does nothing else.
const SCENARIO_MS: &str = "90000";
/// The end of the suite's output that a report shows, in characters.
const SHOWN_CHARS: usize = 4_000;
/// `-2026-11-21T09-22-11-123Z` ends the name of each folder of results.
const STAMP_CHARS: usize = 25;

/// Why the suite could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// It is not there.
    #[error("the conformance suite is not installed: {} is missing; run `cargo xtask fleet`", .0.display())]
    NotInstalled(PathBuf),
    /// There is no set of requirements of this name.
    #[error("the conformance suite knows no requirements for `{0}`: {1}")]
    Requirements(String, io::Error),
    /// It could not be started, or its output could not be read.
    #[error("the conformance suite did not run: {0}")]
    Io(#[from] io::Error),
    /// A file that it wrote is not as expected.
    #[error("{} is no list of checks: {error}", file.display())]
    Output {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// It took too long.
    #[error("the conformance suite took over {} s and was ended", .0.as_secs())]
    TimedOut(Duration),
    /// It wrote nothing.
    #[error("the conformance suite checked nothing ({status}):\n{output}")]
    Nothing {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },
}

/// A check that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The scenario.
    pub scenario: String,
    /// The check's id, not unique within the scenario.
    pub check: String,
    /// What the suite says of it.
    pub message: String,
    /// The revision requires the scenario; else it ran for information only.
    pub scored: bool,
    /// The suite warns only: a SHOULD.
    pub warning: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning" } else { "failure" };
        let scored = if self.scored { "" } else { ", not scored" };
        write!(f, "{}:{} ({kind}{scored}): {}", self.scenario, self.check, self.message)
    }
}

/// What a run of the suite found.
#[derive(Clone, Debug)]
pub struct SuiteReport {
    /// Checks that passed, of every scenario.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// Checks that gave a warning.
    pub warnings: usize,
    /// Every check that failed or gave a warning, in order of scenarios.
    pub failures: Vec<Finding>,
    /// Scenarios that ran.
    pub scenarios: Vec<String>,
    /// Those of them in which nothing was checked, because it did not come to that. The suite takes them as passed.
    pub unchecked: Vec<String>,
    /// The suite's verdict on what the revision requires, its expected failures taken into account.
    pub ok: bool,
    /// The end of what it printed.
    pub output: String,
}

impl SuiteReport {
    /// What failed or gave a warning in scenarios that the revision requires.
    pub fn scored(&self) -> impl Iterator<Item = &Finding> {
        self.failures.iter().filter(|finding| finding.scored)
    }
}

impl fmt::Display for SuiteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.ok { "passed" } else { "failed" };
        let (scenarios, passed, failed, warnings) = (self.scenarios.len(), self.passed, self.failed, self.warnings);
        writeln!(f, "{verdict}: {scenarios} scenarios, {passed} passed, {failed} failed, {warnings} warnings")?;
        self.failures.iter().try_for_each(|finding| writeln!(f, "  {finding}"))?;
        self.unchecked.iter().try_for_each(|scenario| writeln!(f, "  {scenario}: nothing was checked"))
    }
}

/// Runs the server scenarios of `requirements` (`2025-11-25`, `2026-07-28`) against the server at `url`.
/// `expected_failures` is a file in the suite's format; the suite then also refuses entries that pass.
///
/// # Errors
/// The suite is not installed, or did not run to its end. Checks that fail are no error but in the report.
pub async fn run_server_suite(
    url: &str,
    requirements: &str,
    expected_failures: Option<&Path>,
) -> Result<SuiteReport, SuiteError> {
    run("server", ["--url", url], requirements, expected_failures).await
}

/// Runs the client scenarios of `requirements` with `command`, which the suite gives a server's URL as its last
/// argument. The command is split at spaces and goes through a shell: its path must not contain any.
///
/// # Errors
/// As [`run_server_suite`].
pub async fn run_client_suite(
    command: &str,
    requirements: &str,
    expected_failures: Option<&Path>,
) -> Result<SuiteReport, SuiteError> {
    run("client", ["--command", command], requirements, expected_failures).await
}

/// The folder that the suite is installed into.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance")
}

async fn run(
    mode: &'static str,
    target: [&str; 2],
    requirements: &str,
    expected_failures: Option<&Path>,
) -> Result<SuiteReport, SuiteError> {
    let home = home();
    let suite = home.join("node_modules/@modelcontextprotocol/conformance");
    let (node, program) = (home.join("node_modules/.bin/node"), suite.join("dist/index.js"));
    for file in [&node, &program] {
        if !file.exists() {
            return Err(SuiteError::NotInstalled(file.clone()));
        }
    }
    let required = std::fs::read_to_string(suite.join("requirements").join(format!("{requirements}.yaml")))
        .map_err(|error| SuiteError::Requirements(requirements.to_owned(), error))?;
    let required = scenarios_of(&required, mode);

    let results = tempfile::tempdir()?;
    let mut command = Command::new(node);
    command.arg("--require").arg(home.join("bind-loopback.cjs")).arg(program).arg(mode).args(target);
    command.args(["--requirements", requirements, "--timeout", SCENARIO_MS]).arg("-o").arg(results.path());
    if let Some(file) = expected_failures {
        command.args([OsStr::new("--expected-failures"), file.as_os_str()]);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(MAX_TIME, command.output()).await.map_err(|_| SuiteError::TimedOut(MAX_TIME))??;
    let printed = [output.stdout, output.stderr].concat();
    let printed = last_chars(&String::from_utf8_lossy(&printed), SHOWN_CHARS);

    let mut report = SuiteReport {
        passed: 0,
        failed: 0,
        warnings: 0,
        failures: Vec::new(),
        scenarios: Vec::new(),
        unchecked: Vec::new(),
        ok: output.status.success(),
        output: printed,
    };
    for file in files_of_checks(results.path())? {
        let scenario = scenario_of(&file, results.path(), mode);
        let scored = required.contains(&scenario);
        report.read(&file, scenario, scored)?;
    }
    if report.scenarios.is_empty() {
        return Err(SuiteError::Nothing { status: output.status, output: report.output });
    }
    report.scenarios.sort();
    report.unchecked.sort();
    report.failures.sort();
    Ok(report)
}

impl SuiteReport {
    fn read(&mut self, file: &Path, scenario: String, scored: bool) -> Result<(), SuiteError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Check {
            id: String,
            status: String,
            #[serde(default)]
            description: String,
            error_message: Option<String>,
        }
        let checks: Vec<Check> = serde_json::from_slice(&std::fs::read(file)?)
            .map_err(|error| SuiteError::Output { file: file.to_owned(), error })?;
        // Skipped says that the suite looked, and found that there is nothing to check.
        if !checks.iter().any(|check| matches!(check.status.as_str(), "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED")) {
            self.unchecked.push(scenario.clone());
        }
        for check in checks {
            let warning = match check.status.as_str() {
                "SUCCESS" => {
                    self.passed += 1;
                    continue;
                }
                "FAILURE" => false,
                "WARNING" => true,
                _ => continue,
            };
            *(if warning { &mut self.warnings } else { &mut self.failed }) += 1;
            self.failures.push(Finding {
                scenario: scenario.clone(),
                check: check.id,
                message: check.error_message.unwrap_or(check.description),
                scored,
                warning,
            });
        }
        self.scenarios.push(scenario);
        Ok(())
    }
}

/// The scenarios that a file of requirements lists under `mode`. Its form is `MODE:`, then `  - SCENARIO` lines.
fn scenarios_of(requirements: &str, mode: &str) -> Vec<String> {
    let lines = requirements.lines().skip_while(|line| line.strip_suffix(':') != Some(mode)).skip(1);
    lines.map_while(|line| line.strip_prefix("  - ")).map(|name| name.trim().to_owned()).collect()
}

/// Every `checks.json` below `folder`. Names of scenarios have slashes, so it is a tree.
fn files_of_checks(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_of_checks(&path)?);
        } else if path.file_name() == Some(OsStr::new("checks.json")) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The scenario whose checks `file` holds: its folder below `results`, without the mode before and the time after.
fn scenario_of(file: &Path, results: &Path, mode: &str) -> String {
    let folder = file.parent().and_then(|folder| folder.strip_prefix(results).ok()).unwrap_or(file);
    let name = folder.to_string_lossy();
    let name = name.strip_prefix(&format!("{mode}-")).filter(|_| mode == "server").unwrap_or(&name);
    name.len().checked_sub(STAMP_CHARS).and_then(|end| name.get(..end)).unwrap_or(name).to_owned()
}

fn last_chars(text: &str, chars: usize) -> String {
    let skipped = text.chars().count().saturating_sub(chars);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_scenarios_are_those_of_the_mode() {
        let text =
            "# client:\nserver:\n  - ping\n\nclient:\n  - initialize\n  - auth/x\n\nnot_scored:\n  - scenario: y\n";
        assert_eq!(scenarios_of(text, "server"), ["ping"]);
        assert_eq!(scenarios_of(text, "client"), ["initialize", "auth/x"]);
        assert_eq!(scenarios_of(text, "other"), [""; 0]);
    }

    #[test]
    fn scenarios_are_read_from_folders() {
        let results = Path::new("/r");
        for (folder, mode, want) in [
            ("/r/server-tools-list-2026-11-21T09-22-11-123Z", "server", "tools-list"),
            ("/r/server-server-stateless-2026-11-21T09-22-11-123Z", "server", "server-stateless"),
            ("/r/auth/metadata-default-2026-11-21T09-22-11-123Z", "client", "auth/metadata-default"),
        ] {
            assert_eq!(scenario_of(&Path::new(folder).join("checks.json"), results, mode), want);
        }
    }

    #[test]
    fn the_end_of_a_text_is_cut_between_characters() {
        assert_eq!(last_chars("aäöü", 2), "öü");
        assert_eq!(last_chars("a", 2), "a");
    }
}
