//! Two servers in step: every open bug on GitHub has an issue in Jira. A bug counts as known in Jira where a summary has its
//! number, as `#123`; so the policy can run as often as one likes.
//!
//! Grants: the four tools that it names. It wants `github:list_issues` and `get_issue` to take `owner`, `repo` and GitHub's own
//! parameters, `jira:search_issues` to take `jql`, and `jira:create_issue` to take `project`, `type`, `summary` and
//! `description`.

use std::collections::BTreeMap;

use tollgate_sdk::prelude::*;

/// How many issues are looked at at once.
const AT_ONCE: usize = 8;
/// GitHub gives so many issues a page.
const PAGE: usize = 100;
const MOST_PAGES: usize = 10;

#[derive(Deserialize)]
struct Issue {
    number: u64,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    /// GitHub lists pull requests as issues.
    #[serde(default)]
    pull_request: Option<Value>,
}

#[derive(Deserialize)]
struct Ticket {
    key: String,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    fields: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    summary: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    key: String,
}

/// A list, bare or as the single member that servers like to put around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed<T> {
    Bare(Vec<T>),
    Wrapped {
        #[serde(alias = "items", alias = "result")]
        issues: Vec<T>,
    },
}

impl<T> Listed<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Bare(list) | Self::Wrapped { issues: list } => list,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Synced {
    number: u64,
    title: String,
    /// The issue's key in Jira; none in a dry run that would create it.
    key: Option<String>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Output {
    created: Vec<Synced>,
    /// Those that Jira knew already.
    known: Vec<Synced>,
    /// Those that could not be looked up or created, and why.
    errors: Vec<String>,
    /// Whether there are such.
    partial: bool,
}

/// Creates a Jira issue for each open GitHub issue of a label that has none yet. One that fails does not keep the others
/// from being created.
#[policy(title = "GitHub to Jira", grants = [
    "tool=github:list_issues",
    "tool=github:get_issue",
    "tool=jira:search_issues",
    "tool=jira:create_issue",
])]
async fn github_jira_sync(
    /// The repository, as `owner/name`.
    repository: String,
    /// The key of the Jira project, as `API`.
    #[schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9_]{0,31}$"))]
    project: String,
    #[serde(default = "default_label")] label: String,
    /// Only tells what would be created.
    #[serde(default)]
    dry_run: bool,
) -> Result<Output> {
    let Some((owner, repo)) = repository.split_once('/') else { bail!("{repository:?} is no owner/name") };
    // It stands in a query.
    if project.is_empty() || !project.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        bail!("{project:?} is no key of a Jira project");
    }
    let issues = open_issues(owner, repo, &label).await?;
    log::info!("{} open issues with the label {label}", issues.len());

    let mut output = Output::default();
    let mut seen = 0.0;
    for some in issues.chunks(AT_ONCE) {
        let synced = join_all(some.iter().map(|issue| sync(issue, owner, repo, &project, dry_run))).await;
        for (issue, synced) in some.iter().zip(synced) {
            let entry = |key| Synced { number: issue.number, title: issue.title.clone(), key };
            match synced {
                Ok(Found::Known(key)) => output.known.push(entry(Some(key))),
                Ok(Found::Created(key)) => output.created.push(entry(key)),
                Err(error) => output.errors.push(format!("#{}: {error}", issue.number)),
            }
            seen += 1.0;
        }
        progress(seen, issues.len() as f64, "");
    }
    output.partial = !output.errors.is_empty();
    Ok(output)
}

enum Found {
    Known(String),
    Created(Option<String>),
}

async fn open_issues(owner: &str, repo: &str, label: &str) -> Result<Vec<Issue>> {
    let mut issues = BTreeMap::new();
    for page in 1..=MOST_PAGES {
        let filter = json!({
            "owner": owner, "repo": repo, "state": "open", "labels": [label], "page": page, "per_page": PAGE,
        });
        let listed = call_as::<Listed<Issue>>("github:list_issues", filter).await?.into_vec();
        let (got, before) = (listed.len(), issues.len());
        issues.extend(listed.into_iter().filter(|i| i.pull_request.is_none()).map(|issue| (issue.number, issue)));
        // A server that knows no pages gives the same again.
        if got < PAGE || issues.len() == before {
            break;
        }
    }
    Ok(issues.into_values().collect())
}

async fn sync(issue: &Issue, owner: &str, repo: &str, project: &str, dry_run: bool) -> Result<Found> {
    let tag = format!("#{}", issue.number);
    let jql = format!("project = {project} AND summary ~ \"\\\"{tag}\\\"\"");
    let (tickets, details) = join!(
        call_as::<Listed<Ticket>>("jira:search_issues", json!({"jql": jql})),
        call_as::<Issue>("github:get_issue", json!({"owner": owner, "repo": repo, "issue_number": issue.number})),
    );
    // Jira's search finds more than asked for: #12 is also in #123.
    let known = tickets?.into_vec().into_iter().find(|ticket| has_tag(ticket.summary(), &tag));
    if let Some(ticket) = known {
        return Ok(Found::Known(ticket.key));
    }
    if dry_run {
        return Ok(Found::Created(None));
    }
    let details = details?;
    let link = details.html_url.unwrap_or_else(|| format!("https://github.com/{owner}/{repo}/issues/{}", issue.number));
    let new = json!({
        "project": project,
        "type": "Bug",
        "summary": format!("{tag} {}", issue.title),
        "description": format!("{}\n\n{link}", details.body.unwrap_or_default()).trim_start(),
    });
    // It is created, also where the answer does not tell its key.
    let created = call("jira:create_issue", new).await?;
    Ok(Found::Created(created.json::<Created>().ok().map(|created| created.key)))
}

impl Ticket {
    fn summary(&self) -> &str {
        let nested = || self.fields.as_ref().and_then(|fields| fields.summary.as_deref());
        self.summary.as_deref().or_else(nested).unwrap_or_default()
    }
}

fn has_tag(summary: &str, tag: &str) -> bool {
    summary.match_indices(tag).any(|(at, _)| {
        !summary.get(at + tag.len()..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

fn default_label() -> String {
    "bug".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_sdk::testing::{FakeHost, block_on};

    fn host() -> FakeHost {
        let issue = |n: u64| json!({"number": n, "title": format!("Bug {n}")});
        FakeHost::new()
            .answer(
                "github:list_issues",
                json!([issue(12), issue(7), {"number": 9, "title": "PR", "pull_request": {}}]),
            )
            .with("github:get_issue", |args| {
                let issue = json!({"number": args["issue_number"], "title": "", "body": "It broke."});
                Ok(ToolResult::from_text(issue.to_string()))
            })
            .with("jira:search_issues", |args| {
                let jql = args["jql"].as_str().unwrap();
                // Fuzzy, as Jira's own.
                let fields =
                    if jql.contains("#12") { json!({"summary": "#123 other"}) } else { json!({"summary": "Old: #7"}) };
                Ok(ToolResult::from_text(json!({"issues": [{"key": "API-1", "fields": fields}]}).to_string()))
            })
            .answer("jira:create_issue", json!({"key": "API-2"}))
    }

    fn sync(dry_run: bool) -> Output {
        block_on(github_jira_sync("a/b".into(), "API".into(), "bug".into(), dry_run)).unwrap()
    }

    #[test]
    fn what_jira_does_not_know_is_created() {
        let host = host().install();
        let output = sync(false);
        assert_eq!((output.created[0].number, output.created[0].key.as_deref()), (12, Some("API-2")));
        assert_eq!((output.known[0].number, output.known[0].key.as_deref()), (7, Some("API-1")));
        assert!(!output.partial);
        let (name, args) = host.calls().pop().unwrap();
        assert_eq!(name, "jira:create_issue");
        assert_eq!(args["summary"], "#12 Bug 12");
        assert_eq!(args["description"], "It broke.\n\nhttps://github.com/a/b/issues/12");
        // Both issues, and both questions about each, at once.
        assert_eq!(host.most_in_flight(), 4);
    }

    #[test]
    fn a_dry_run_creates_nothing() {
        let host = host().install();
        assert_eq!(sync(true).created[0].key, None);
        assert!(host.calls().iter().all(|(name, _)| name != "jira:create_issue"));
    }

    #[test]
    fn one_that_fails_does_not_keep_the_others() {
        let _host = host().fail("jira:create_issue", CallError::TimedOut("30 s".into())).install();
        let output = sync(false);
        assert!(output.partial && output.errors[0].starts_with("#12: "), "{output:?}");
        assert_eq!(output.known.len(), 1);
    }

    #[test]
    fn a_query_takes_no_project_that_is_more_than_a_key() {
        let error = block_on(github_jira_sync("a/b".into(), "X OR 1".into(), "bug".into(), true)).unwrap_err();
        assert!(error.to_string().contains("no key"), "{error}");
    }
}
