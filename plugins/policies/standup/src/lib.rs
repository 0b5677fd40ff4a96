//! Three official MCP servers together: what happened in a repository (git), what the notes say (filesystem),
//! and when that was (time). They are asked at once.

use tollgate_sdk::prelude::*;

/// Writes a standup note from a repository: its last commits, its notes, and the time.
#[policy(grants = ["tool=git:git_log", "tool=filesystem:read_text_file", "tool=time:get_current_time"])]
async fn standup(
    /// The repository, as an absolute path that both git and filesystem may see.
    repository: String,
    /// The notes, as a path below the repository.
    notes: String,
    /// A time zone of the IANA database, as `Europe/Berlin`.
    timezone: String,
) -> Result<String> {
    let path = format!("{repository}/{notes}");
    let (log, notes, time) = join!(
        call("git:git_log", json!({"repo_path": repository, "max_count": 5})),
        call("filesystem:read_text_file", json!({"path": path})),
        call("time:get_current_time", json!({"timezone": timezone})),
    );
    let time: Value = time?.json()?;
    let when = time.get("datetime").and_then(Value::as_str).unwrap_or("some time");
    Ok(format!("Standup of {when}\n\nCommits:\n{}\n\nNotes:\n{}", log?.text().trim(), notes?.text().trim()))
}
