//! Pattern: error recovery. Each kind of failure has its own answer: what may pass is tried again after a
//! growing pause, what the tool refuses is tried another way, and anything else ends the policy.

use std::time::Duration;

use tollgate_sdk::prelude::*;

/// How often one call is made at most.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Serialize, JsonSchema)]
struct Output {
    meeting: Value,
    /// The slots that were refused before, and why.
    refused: Vec<String>,
}

/// Books a meeting at the first of several times that is free.
#[policy(grants = ["tool=calendar:create_meeting"])]
async fn error_recovery(
    title: String,
    /// Times to try in this order, in UTC, as `2026-11-24T15:00:00Z`.
    #[schemars(length(min = 1, max = 10))]
    slots: Vec<String>,
) -> Result<Output> {
    let mut refused = Vec::new();
    for slot in &slots {
        let args = json!({"title": title, "starts": slot});
        match call_with_retries("calendar:create_meeting", &args).await {
            Ok(meeting) => return Ok(Output { meeting: meeting.json()?, refused }),
            Err(CallFailure { error: CallError::Failed(answer), .. }) => {
                log::info!("{slot} is refused: {}", answer.text());
                refused.push(answer.text());
            }
            // Not known whether the meeting was made, or no way to make it: another slot would be wrong.
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Error::new(format!("none of the {} slots is free", slots.len())).code("no-slot").data(refused))
}

/// Calls a tool, and calls it again where that is safe and may help.
async fn call_with_retries(tool: &str, args: &Value) -> Result<ToolResult, CallFailure> {
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        match call(tool, args).await {
            Err(failure) if failure.is_retryable() && attempt < ATTEMPTS => {
                let wait = failure.retry_after().unwrap_or(pause);
                log::warn!("{failure}; attempt {attempt} of {ATTEMPTS}, the next in {} ms", wait.as_millis());
                sleep(wait).await;
                pause *= 2;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
