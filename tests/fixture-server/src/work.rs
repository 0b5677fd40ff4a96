//! Tools whose work becomes a task, for clients that declare the tasks extension (SEP-2663).

use crate::ask::{Asked, Client, answer, form, text_form};
use crate::content::{argument, text};
use rmcp::model::{
    CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult, ErrorData, JsonObject,
};
use rmcp::task_manager::{TaskContext, TaskExit, TaskOptions};
use serde_json::{Value, json};
use std::time::Duration;

type Called = Result<CallToolResponse, ErrorData>;
type Worked = Result<CallToolResult, TaskExit>;

/// How often a client should look after a task.
const POLL_MS: u64 = 100;
/// The longest that `slow_compute` takes.
const MAX_SECONDS: f64 = 600.0;

fn has_tasks(client: &Client<'_>) -> bool {
    client.capabilities().supports_tasks()
}

/// Refuses a client that cannot take a task.
fn require_tasks(client: &Client<'_>) -> Result<(), ErrorData> {
    if has_tasks(client) {
        return Ok(());
    }
    Err(ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_tasks().build()))
}

fn task<F, W>(client: &Client<'_>, work: F) -> Called
where
    F: FnOnce(TaskContext) -> W,
    W: Future<Output = Worked> + Send + 'static,
{
    let options = TaskOptions::new().with_poll_interval_ms(POLL_MS);
    let task = client.fixture.shared.tasks.spawn(options, |context| Box::pin(work(context)));
    Ok(CreateTaskResult::new(task).into())
}

pub(crate) async fn slow_compute(client: &Client<'_>, args: &JsonObject) -> Called {
    let seconds = args.get("seconds").and_then(Value::as_f64).unwrap_or(0.0).clamp(0.0, MAX_SECONDS);
    let time = Duration::from_secs_f64(seconds);
    let done = text(format!("{} took {seconds} seconds.", argument(args, "label")));
    if has_tasks(client) {
        return task(client, |context| async move {
            tokio::select! {
                () = tokio::time::sleep(time) => Ok(done),
                () = context.cancelled() => Err(TaskExit::Cancelled),
            }
        });
    }
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(done.into()),
        () = client.cx.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
    }
}

pub(crate) fn failing_job(client: &Client<'_>) -> Called {
    require_tasks(client)?;
    task(client, |_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(CallToolResult::error(vec![ContentBlock::text("The job failed, as it always does.")]))
    })
}

pub(crate) fn protocol_error_job(client: &Client<'_>) -> Called {
    require_tasks(client)?;
    task(client, |_| async { Err(ErrorData::internal_error("The job broke, as it always does.", None).into()) })
}

pub(crate) fn confirm_delete(client: &Client<'_>, args: &JsonObject) -> Called {
    require_tasks(client)?;
    let file = argument(args, "filename").to_owned();
    let request = form(&format!("Delete {file}?"), json!({ "confirm": { "type": "boolean" } }), &["confirm"])?;
    task(client, |context| async move {
        let answer = context.request_input("confirm", request).await?;
        let accepted = answer.get("action").and_then(Value::as_str) == Some("accept");
        Ok(text(format!("{file} is {}deleted.", if accepted { "" } else { "not " })))
    })
}

pub(crate) fn multi_input(client: &Client<'_>) -> Called {
    require_tasks(client)?;
    let (first, second) = (text_form("Your name?", "name")?, text_form("Your color?", "color")?);
    task(client, |context| async move {
        let (first, second) =
            tokio::try_join!(context.request_input("first", first), context.request_input("second", second))?;
        Ok(text(format!("{first} {second}")))
    })
}

/// Asks first, and makes a task of the rest.
pub(crate) async fn input_then_task(client: &Client<'_>) -> Called {
    require_tasks(client)?;
    match client.ask(vec![("user_name", text_form("What is your name?", "name")?)], None).await? {
        Asked::Pending(pending) => Ok(pending.into()),
        Asked::Answers(answers) => {
            let name = answer(&answers, "user_name", "/content/name").to_owned();
            task(client, |_| async move { Ok(text(format!("Hello, {name}!"))) })
        }
    }
}
