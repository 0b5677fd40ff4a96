//! Scripts of agents: running them, and what is told of a run.

use crate::agent::{Agent, failed};
use crate::answers::answer;
use crate::drive::Outcome;
use crate::tools::text_of;
use rmcp::model::{CallToolResult, ContentBlock, ErrorData};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;
use tollgate::{
    Client, Identity, Library, LibraryError, LimitKind, NewScript, RunError, RunFailure, RunReport, RunRequest,
    SavedScript, Script, ScriptLanguage, Status, View, text,
};

/// The longest time that an agent may give a script, in whole seconds: what the limit `timeout` allows.
pub(crate) fn max_timeout_seconds(view: &View) -> u64 {
    view.limit(LimitKind::Timeout).div_ceil(1_000).max(1)
}

/// The most of each stream that an answer shows, in bytes: its beginning and its end.
const MAX_SHOWN_BYTES: usize = 16 << 10;
/// The most calls that an answer lists.
const MAX_SHOWN_CALLS: usize = 100;
/// The most characters of a script's description in a list.
const MAX_DESCRIPTION_CHARS: usize = 1_000;

/// The arguments of `execute_code`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteArgs {
    language: String,
    code: String,
    #[serde(default)]
    input: Value,
    timeout: Option<u64>,
    session: Option<String>,
}

/// Runs a script that an agent wrote. It may do what the agent may do itself.
pub(crate) async fn execute(
    agent: &Agent,
    client: Arc<dyn Client>,
    args: ExecuteArgs,
    cancelled: CancellationToken,
) -> Outcome {
    let language: ScriptLanguage = match args.language.parse() {
        Ok(language) => language,
        Err(error) => return told(&format!("{error}")),
    };
    let file = format!("script.{}", language.extension());
    let request = RunRequest::script(Script { language, code: args.code, file }).input(args.input.to_string());
    let request = match args.session {
        Some(session) => request.session(session),
        None => request,
    };
    run(agent, client, request, args.timeout, cancelled).await
}

/// The arguments of `save_script`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SaveArgs {
    name: String,
    language: String,
    code: String,
    description: String,
    input_schema: Option<Value>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    share: bool,
}

/// The arguments of `run_script`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunArgs {
    name: String,
    #[serde(default)]
    input: Value,
    timeout: Option<u64>,
    session: Option<String>,
}

/// Works on the agent's saved scripts, on a thread that may wait for the disk.
async fn in_library<T: Send + 'static>(
    agent: &Agent,
    work: impl FnOnce(Library) -> Result<T, LibraryError> + Send + 'static,
) -> Result<T, String> {
    let view = agent.view().clone();
    let done = tokio::task::spawn_blocking(move || {
        let library = view.library().ok_or_else(|| "this host keeps no scripts".to_owned())?;
        work(library).map_err(|error| error.to_string())
    });
    done.await.map_err(|error| error.to_string())?
}

/// Saves a script under a name.
pub(crate) async fn save(agent: &Agent, args: SaveArgs) -> Outcome {
    let language: ScriptLanguage = match args.language.parse() {
        Ok(language) => language,
        Err(error) => return told(&format!("{error}")),
    };
    let Identity { principal, tenant } = agent.identity().clone();
    let saved = in_library(agent, move |library| {
        let script = NewScript {
            name: &args.name,
            language,
            code: &args.code,
            description: &args.description,
            input_schema: args.input_schema.as_ref(),
            principal: &principal,
            tenant: &tenant,
            overwrite: args.overwrite,
        };
        let saved = library.save(&script, SystemTime::now())?;
        let shared = if args.share { Some(library.share(&args.name)?) } else { None };
        Ok((saved, shared))
    });
    match saved.await {
        Ok((saved, shared)) => {
            let mut text = format!("saved `{}` (sha256:{}); run it with run_script", saved.name, saved.sha256);
            if let Some(shared) = shared {
                let _ = write!(text, "; shared as it is now, for others to run as `{shared}`");
            }
            text_of(&CallToolResult::success(vec![ContentBlock::text(text)]))
        }
        Err(why) => told(&why),
    }
}

/// Lists the agent's saved scripts, and those that others share.
pub(crate) async fn list(agent: &Agent) -> Outcome {
    let listed = in_library(agent, |library| Ok((library.list()?, library.shared()?)));
    let (own, shared) = match listed.await {
        Ok(listed) => listed,
        Err(why) => return told(&why),
    };
    let mut text = String::new();
    let told_of = |SavedScript { name, language, description, input_schema, .. }: &SavedScript| {
        let input = input_schema.as_ref().map(|schema| format!("\n  input: {schema}")).unwrap_or_default();
        // One line each: a description cannot look like the line of another script, by another author.
        format!("{name} ({language}): {}{input}", text::line(description, MAX_DESCRIPTION_CHARS))
    };
    for script in own {
        let _ = match script {
            Ok(script) => writeln!(text, "{}", told_of(&script)),
            Err(error) => writeln!(text, "({error})"),
        };
    }
    for script in &shared {
        let _ = writeln!(text, "shared by {}: {}", script.principal, told_of(script));
    }
    if text.is_empty() {
        text.push_str("There are no saved scripts.");
    }
    answer(text)
}

/// Runs a saved script.
pub(crate) async fn run_saved(
    agent: &Agent,
    client: Arc<dyn Client>,
    args: RunArgs,
    cancelled: CancellationToken,
) -> Outcome {
    let RunArgs { name, input, timeout, session } = args;
    let input = input.to_string();
    let found = in_library(agent, {
        let input = input.clone();
        move |library| {
            let (saved, code) = library.get(&name)?;
            saved.check_input(&input)?;
            Ok((saved, code))
        }
    });
    let (saved, code) = match found.await {
        Ok(found) => found,
        Err(why) => return told(&why),
    };
    let file = format!("{}.{}", saved.name, saved.language.extension());
    let request = RunRequest::script(Script { language: saved.language, code, file }).input(input);
    let request = match session {
        Some(session) => request.session(session),
        None => request,
    };
    run(agent, client, request, timeout, cancelled).await
}

/// Runs a script as the agent, and tells how it ended.
async fn run(
    agent: &Agent,
    client: Arc<dyn Client>,
    request: RunRequest,
    timeout: Option<u64>,
    cancelled: CancellationToken,
) -> Outcome {
    let request = match timeout {
        Some(0) => return told("`timeout` is at least 1 second"),
        // It lowers what the operator allows, and raises nothing.
        Some(seconds) => request.at_most(LimitKind::Timeout, seconds.saturating_mul(1_000)),
        None => request,
    };
    match agent.view().run(request, agent.context(Some(client)), cancelled.cancelled_owned()).await {
        Ok(report) if report.status == Status::Cancelled => Err(ErrorData::internal_error("cancelled", None)),
        Ok(report) => {
            let mut result = result(&report);
            if is_out_of_time(&report) {
                let most = max_timeout_seconds(agent.view());
                let hint = match timeout {
                    Some(seconds) if seconds < most => format!("Give a longer `timeout`: up to {most} seconds."),
                    _ => "Do less in one script: no longer `timeout` is allowed here.".to_owned(),
                };
                result.content.push(ContentBlock::text(hint));
            }
            text_of(&result)
        }
        Err(error) => told(&error.to_string()),
    }
}

fn is_out_of_time(report: &RunReport) -> bool {
    matches!(&report.error, Some(RunFailure::Host(RunError::Limit(reached))) if reached.kind == LimitKind::Timeout)
}

fn told(why: &str) -> Outcome {
    text_of(&failed(why))
}

/// What an agent is told of a run: all of it structured, and as little text as a model needs to go on.
fn result(report: &RunReport) -> CallToolResult {
    let mut whole = serde_json::to_value(report).unwrap_or_default();
    let mut text = String::new();
    if let Some(members) = whole.as_object_mut() {
        for (name, stream) in [("stdout", &report.stdout), ("stderr", &report.stderr)] {
            let shown = ends(stream);
            if !shown.is_empty() {
                let _ = write!(text, "{name}:\n{shown}{}", if shown.ends_with('\n') { "" } else { "\n" });
            }
            members.insert(name.to_owned(), shown.into());
        }
        if let Some(calls) = members.get_mut("calls").and_then(Value::as_array_mut) {
            let more = calls.len().saturating_sub(MAX_SHOWN_CALLS);
            calls.truncate(MAX_SHOWN_CALLS);
            for call in calls {
                if let Some(call) = call.as_object_mut() {
                    call.retain(|key, _| {
                        matches!(key.as_str(), "server" | "tool" | "outcome" | "elapsed_ms" | "message")
                    });
                    call.retain(|_, value| !value.is_null());
                }
            }
            if more > 0 {
                members.insert("calls_not_shown".to_owned(), more.into());
            }
        }
    }
    if let Some(dropped) = report.dropped_log() {
        let _ = writeln!(text, "{dropped}");
    }
    let mut result = match (&report.error, &report.output) {
        (Some(error), _) => {
            let _ = write!(text, "error: {error}");
            let made = report.calls.len();
            if made > 0 {
                // What was done is done: a model that tries again must know.
                let last: Vec<_> = report.calls.iter().rev().take(5).rev().collect();
                let last: Vec<_> =
                    last.iter().map(|c| format!("{}:{} {}", c.server, c.tool, c.outcome.as_str())).collect();
                let _ = write!(text, "\n{made} calls were made, the last: {}", last.join(", "));
            }
            failed(&text)
        }
        (None, output) => {
            let output = output.as_deref().unwrap_or("null");
            if output != "null" || text.is_empty() {
                let _ = write!(text, "{}{output}", if text.is_empty() { "" } else { "result: " });
            }
            CallToolResult::success(vec![ContentBlock::text(text)])
        }
    };
    result.structured_content = Some(whole);
    let run = json!({"io.tollgate/run": report.run.to_string(), "io.tollgate/status": report.status.as_str()});
    result.meta = serde_json::from_value(run).ok();
    result
}

/// A stream's beginning and end, with how much is left out between.
fn ends(stream: &str) -> String {
    if stream.len() <= MAX_SHOWN_BYTES {
        return stream.to_owned();
    }
    let head = stream.floor_char_boundary(MAX_SHOWN_BYTES / 2);
    let tail = stream.ceil_char_boundary(stream.len() - MAX_SHOWN_BYTES / 2);
    let (start, end) = (stream.get(..head).unwrap_or_default(), stream.get(tail..).unwrap_or_default());
    format!("{start}\n… {} bytes are left out …\n{end}", tail - head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_streams_both_ends_are_shown() {
        assert_eq!(ends("short"), "short");
        let long = format!("begin{}end", "é".repeat(MAX_SHOWN_BYTES));
        let shown = ends(&long);
        assert!(shown.starts_with("begin") && shown.ends_with("end") && shown.contains("bytes are left out"));
        assert!(shown.len() < MAX_SHOWN_BYTES + 100);
    }
}
