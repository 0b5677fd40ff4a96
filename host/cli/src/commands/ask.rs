//! `tollgate ask`: a question, answered by a language model with the tools of all servers.

use crate::args::{self, ASK_TIMEOUT_MS, Ask, Global};
use crate::commands::run::show;
use crate::exit::Failure;
use crate::terminal::Terminal;
use crate::timeline::{Detail, Timeline};
use crate::{print, setup};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::sync::Arc;
use tollgate::{Grants, LimitKind, Principal, RunRequest, Status};

pub(crate) async fn ask(global: &Global, ask: Ask) -> Result<u8, Failure> {
    let mut grants = args::grants(&ask.flags.grants)?;
    let config = setup::needed_configuration(global)?;
    let config_file = config.file.clone();
    let timeline = Arc::new(Timeline::new(if ask.flags.trace { Detail::EachCall } else { Detail::Live }));
    let host = setup::builder(vec![timeline.clone()], ask.flags.journal.as_deref())?.config(config).build().await?;
    if grants.is_empty() && !host.servers().is_empty() {
        grants = granted().await?;
    }
    grants.extend(Grants::parse(["model"]).map_err(|error| Failure::usage(error.to_string()))?);

    let mut input = json!({"question": ask.question, "max_turns": ask.max_turns});
    for (key, value) in [("system", &ask.system), ("model", &ask.model)] {
        if let (Some(members), Some(value)) = (input.as_object_mut(), value) {
            members.insert(key.to_owned(), value.as_str().into());
        }
    }
    let request = RunRequest::named("hub-agent").limit(LimitKind::Timeout, ASK_TIMEOUT_MS);
    let limits = &ask.flags.limits.0;
    let request = limits
        .iter()
        .fold(request, |request, &(kind, value)| request.limit(kind, value))
        .input(input.to_string())
        .grants(grants)
        .approvals(args::approvals(&ask.flags.approve)?)
        .client(Terminal::new(false, timeline.clone()))
        .principal(Principal::new("cli"));
    let report = tokio::select! {
        report = host.run_until(request, setup::stopped()) => report?,
        () = setup::reload_on_hangup(host.clone(), global, Some(config_file)) => return Ok(crate::exit::ERROR),
    };
    timeline.close();
    let answer = report.output_as::<Value>().unwrap_or_default();
    match answer.get("answer").and_then(Value::as_str) {
        Some(answer) if !ask.flags.json && report.status == Status::Ok => print::out(print::visible(answer))?,
        _ => show(&host, &report, ask.flags.json, false)?,
    }
    host.shutdown().await;
    Ok(report.status.exit_code())
}

/// A model decides which tools it calls, so the person at the terminal decides about all at once. Without a terminal nothing
/// is granted.
async fn granted() -> Result<Grants, Failure> {
    const HOW: &str = "grant them with --grant 'SERVER:*', or --grant read-only";
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        print::warn(format_args!("the model may use no tools; {HOW}"));
        return Ok(Grants::default());
    }
    match setup::answers_yes("May the model call every tool of the configuration for this question? [y/N] ").await {
        Some(true) => Ok(Grants::all()),
        Some(false) => Ok(Grants::default()),
        None => Err(Failure::cancelled("cancelled; nothing ran")),
    }
}
