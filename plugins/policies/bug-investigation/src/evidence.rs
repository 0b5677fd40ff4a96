//! What is known of a bug, from the servers.

use std::collections::BTreeSet;

use tollgate_sdk::prelude::*;

/// How many commits are looked at.
const MOST_COMMITS: usize = 5;
/// How many files are read.
const MOST_FILES: usize = 3;
/// How much of one part the model sees, in characters.
const PART_MAX_CHARS: usize = 12_000;

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Commits {
    Bare(Vec<Commit>),
    Wrapped {
        #[serde(alias = "items", alias = "result")]
        commits: Vec<Commit>,
    },
}

/// What was found.
#[derive(Default)]
pub struct Evidence {
    /// Titles and texts.
    parts: Vec<(String, String)>,
    /// What could not be found out, and why.
    pub missing: Vec<String>,
}

impl Evidence {
    /// Asks all servers. Each may fail without harm to the others.
    ///
    /// # Errors
    /// Only where the input is none.
    pub async fn gather(&mut self, symptom: &str, repository: &str, since: &str, root: &str) -> Result<()> {
        let Some((owner, repo)) = repository.split_once('/') else { bail!("{repository:?} is no owner/name") };
        // It stands in a query.
        if since.is_empty() || !since.chars().all(|c| c.is_ascii_digit() || "-:.+TZ ".contains(c)) {
            bail!("{since:?} is no time; write it as 2026-11-21T20:00:00Z");
        }
        let sql = format!("SELECT * FROM errors WHERE timestamp > '{since}' ORDER BY timestamp DESC LIMIT 100");
        progress(0.0, 4.0, "error log, commits, known issues");
        let (errors, commits, issues) = join!(
            call("postgres:run_query", json!({"sql": sql})),
            call("github:list_commits", json!({"owner": owner, "repo": repo, "since": since})),
            call("github:search_issues", json!({"q": format!("{symptom} repo:{repository}")})),
        );
        let errors = self.note("The error log", errors);
        let listed = commits.as_ref().ok().and_then(|result| result.json::<Commits>().ok());
        self.note("The commits since then", commits);
        self.note("Known issues", issues);

        let commits = match listed {
            Some(Commits::Bare(commits) | Commits::Wrapped { commits }) => commits,
            None => Vec::new(),
        };
        progress(1.0, 4.0, "what was changed");
        let diffs =
            join_all(commits.iter().take(MOST_COMMITS).map(|Commit { sha }| {
                call("github:get_commit_diff", json!({"owner": owner, "repo": repo, "sha": sha}))
            }))
            .await;
        let mut files = BTreeSet::new();
        for (Commit { sha }, diff) in commits.iter().zip(diffs) {
            files.extend(changed(&self.note(&format!("The diff of {sha}"), diff)));
        }

        progress(2.0, 4.0, "the changed code");
        // Those that the log names first.
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by_key(|file| !errors.contains(file.rsplit('/').next().unwrap_or(file)));
        files.truncate(MOST_FILES);
        let root = root.trim_end_matches('/');
        let path = |file: &String| if root.is_empty() { file.clone() } else { format!("{root}/{file}") };
        let read = join_all(files.iter().map(|file| call("filesystem:read_file", json!({"path": path(file)})))).await;
        for (file, code) in files.iter().zip(read) {
            self.note(&format!("The file {file}"), code);
        }
        Ok(())
    }

    /// Adds an answer, or a note that it is missing. Gives its text.
    fn note(&mut self, title: &str, answer: Result<ToolResult, CallFailure>) -> String {
        let text = match answer {
            Ok(result) => match result.text() {
                // Structured content alone.
                text if text.is_empty() => result.json::<Value>().map(|value| value.to_string()).unwrap_or_default(),
                text => text,
            },
            Err(failure) => {
                self.missing.push(format!("{title}: {failure}"));
                return String::new();
            }
        };
        self.parts.push((title.to_owned(), text.chars().take(PART_MAX_CHARS).collect()));
        text
    }

    /// All of it, for a model.
    pub fn text(&self) -> String {
        let missing = self.missing.iter().map(|what| ("Not known".to_owned(), what.clone()));
        let parts = self.parts.iter().cloned().chain(missing);
        parts.map(|(title, text)| format!("## {title}\n{text}\n\n")).collect()
    }
}

/// The files that a diff changes: the heads of a unified diff, or `filename` as GitHub's API has it. A path that leads out of
/// the repository is none.
fn changed(diff: &str) -> Vec<String> {
    let heads = diff.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(str::to_owned);
    let json: Value = serde_json::from_str(diff).unwrap_or_default();
    let named = json.get("files").and_then(Value::as_array).into_iter().flatten();
    let named = named.filter_map(|file| file.get("filename")?.as_str().map(str::to_owned));
    let inside = |path: &String| !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..");
    heads.chain(named).filter(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_are_found_in_diffs_and_in_json_and_stay_inside() {
        assert_eq!(changed("+++ b/src/a.py\n+x\n+++ b/../../etc/passwd\n+++ b//etc/passwd"), ["src/a.py"]);
        assert_eq!(changed(r#"{"files": [{"filename": "b.py"}, {"filename": "/c"}]}"#), ["b.py"]);
        assert!(changed("nothing").is_empty());
    }
}
