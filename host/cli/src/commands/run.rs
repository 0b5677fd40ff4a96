//! `tollgate run`.

use crate::args::{self, Global, Run};
use crate::commands::exec;
use crate::exit::Failure;
use crate::print::{self, BAD, GOOD, ODD, styled};
use crate::setup;
use crate::terminal::Terminal;
use crate::timeline::{Detail, Timeline};
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use tollgate::config::Config;
use tollgate::config::model::Code;
use tollgate::{ComponentSource, Grants, Host, Outcome, Principal, RunReport, RunRequest, Status};

/// The shipped policy that runs plans.
const PLANNER: &str = "planner";

pub(crate) async fn run(global: &Global, run: Run) -> Result<u8, Failure> {
    if is_path(&run.policy) && exec::language_of(&run.policy).is_some() {
        if run.resume.is_some() {
            return Err(Failure::usage(
                "--resume goes with plans (`tollgate run planner`); a script begins anew each time",
            ));
        }
        return exec::exec(global, run.into()).await;
    }
    let input = setup::json_argument("input", &run.input).await?;
    let input = match &run.resume {
        Some(id) => resumed(&input, id)?,
        None => input,
    };
    let mut grants = args::grants(&run.flags.grants)?;
    let config = setup::configuration(global)?;
    let config_file = config.as_ref().map(|c| c.file.clone());
    let no_config = config.is_none();
    let is_plan = is_planner(config.as_ref(), &run.policy);

    let timeline = Arc::new(Timeline::new(if run.flags.trace { Detail::EachCall } else { Detail::Live }));
    let host = setup::builder(vec![timeline.clone()], run.flags.journal.as_deref())?;
    let host = host.config(config.unwrap_or_default()).build().await?;

    let named = host.policies().into_iter().find(|policy| policy.name == run.policy);
    let (request, has_grants) = match &named {
        Some(policy) => (RunRequest::named(&run.policy), !policy.grants.is_empty()),
        None if is_path(&run.policy) => (RunRequest::file(&run.policy), false),
        // Unknown both ways: the host's error lists the names.
        None => (RunRequest::named(&run.policy), false),
    };
    let has_name = named.is_some() || host.is_shipped(&run.policy);
    if grants.is_empty() && !has_grants && (has_name || is_path(&run.policy)) {
        grants.extend(asked_grants(&host, &run.policy, has_name).await?);
    }
    let request = run
        .flags
        .limits
        .0
        .iter()
        .fold(request, |request, &(kind, value)| request.limit(kind, value))
        .input(input)
        .grants(grants)
        .approvals(args::approvals(&run.flags.approve)?)
        .client(Terminal::new(false, timeline.clone()))
        .principal(Principal::new("cli"));

    let report = tokio::select! {
        report = host.run_until(request, setup::stopped()) => report?,
        () = setup::reload_on_hangup(host.clone(), global, config_file) => return Ok(crate::exit::ERROR),
    };
    timeline.close();
    if no_config && report.calls.iter().any(|call| call.outcome == Outcome::UnknownTool) {
        print::warn("there is no configuration, so there are no servers: name one with --config FILE");
    }
    show(&host, &report, run.flags.json, false)?;
    host.shutdown().await;
    if is_plan && !run.allow_partial && report.output.as_deref().is_some_and(is_partial) {
        print::note("the plan was done in part: `errors` says what failed; --allow-partial makes this exit with 0");
        return Ok(crate::exit::ERROR);
    }
    Ok(report.status.exit_code())
}

/// Tells the shipped planner from other policies, by the configuration.
fn is_planner(config: Option<&Config>, policy: &str) -> bool {
    let configured = config.and_then(|config| config.policies.iter().find(|named| named.name.as_str() == policy));
    match configured.map(|named| &named.code) {
        Some(Code::Shipped(name)) => name.value == PLANNER,
        Some(_) => false,
        None => policy == PLANNER,
    }
}

/// A plan's report has `partial: true` where a step failed or was not done wholly.
fn is_partial(output: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Report {
        partial: bool,
    }
    serde_json::from_str(output).is_ok_and(|report: Report| report.partial)
}

/// The input of a plan that goes on where it ended.
fn resumed(input: &str, id: &str) -> Result<String, Failure> {
    let mut input: serde_json::Value = serde_json::from_str(input).unwrap_or_default();
    let Some(members) = input.as_object_mut() else {
        return Err(Failure::usage("--resume goes with an input that is an object, or with none"));
    };
    members.insert("id".to_owned(), id.into());
    members.insert("resume".to_owned(), true.into());
    Ok(input.to_string())
}

/// Whether a policy is meant as a path. A name of the configuration goes first.
fn is_path(policy: &str) -> bool {
    policy.contains('/') || policy.ends_with(".wasm") || Path::new(policy).is_file()
}

/// What a policy asks for, when nothing was granted: the person at the terminal decides; without one,
/// nothing is granted, and a warning says what is missing.
async fn asked_grants(host: &Host, policy: &str, named: bool) -> Result<Grants, Failure> {
    let descriptor = if named {
        host.describe(policy).await?
    } else {
        match host.check(&ComponentSource::File(policy.into())).await?.descriptor {
            Some(descriptor) => descriptor,
            // An adapter: running it gives the error that says so.
            None => return Ok(Grants::default()),
        }
    };
    if descriptor.grants.is_empty() {
        return Ok(Grants::default());
    }
    // The component's own words: shown only after they were read as grants.
    let asked = Grants::parse(&descriptor.grants)
        .map_err(|error| Failure::usage(format!("{policy} asks for what is no grant: {error}")))?;
    let list = asked.iter().map(|g| format!("--grant '{g}'")).collect::<Vec<_>>().join(" ");
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        print::warn(format_args!("{policy} asks for grants and has none; give them with {list}"));
        return Ok(Grants::default());
    }
    print::note(format_args!("{} asks to:", styled(print::BOLD, policy)));
    for grant in asked.iter() {
        print::note(format_args!("  {}", print::name(&grant.to_string())));
    }
    match setup::answers_yes("Grant this for this run? [y/N] ").await {
        Some(true) => Ok(asked),
        Some(false) => Err(Failure {
            code: Status::Denied.exit_code(),
            message: format!("not granted; nothing ran (grant it with {list})"),
        }),
        None => Err(Failure::cancelled("cancelled; nothing ran")),
    }
}

/// Prints how a run ended. What it wrote and `streamed` says was printed already is not printed again, and a run of which
/// that is so may have nothing to return.
pub(crate) fn show(host: &Host, report: &RunReport, json: bool, streamed: bool) -> Result<(), Failure> {
    if report.status != Status::Ok {
        setup::warn_of_failed(host);
    }
    if let Some(dropped) = report.dropped_log() {
        print::warn(dropped);
    }
    if json {
        print::json(report)?;
    } else {
        let error = report.error.as_ref().map(ToString::to_string);
        // The message of a trap has what was said last.
        let repeated = |text: &str| error.as_ref().is_some_and(|error| error.contains(text.trim()));
        let streams = if streamed { ["", ""] } else { [report.stdout.as_str(), report.stderr.as_str()] };
        for text in streams.into_iter().filter(|text| !text.is_empty() && !repeated(text)) {
            anstream::eprint!("{}", print::visible(text));
        }
        if let Some(output) = report.output.as_ref().filter(|output| !streamed || *output != "null") {
            let value: serde_json::Value = serde_json::from_str(output).unwrap_or_default();
            print::out(print::tame(&format!("{value:#}")))?;
        }
        if let Some(error) = &error {
            print::error(&print::visible(error));
        }
    }
    if !json && std::io::stderr().is_terminal() {
        let style = match report.status {
            Status::Ok => GOOD,
            Status::Cancelled => ODD,
            _ => BAD,
        };
        let calls = report.calls.len() as u64 + report.calls_not_kept;
        print::note(styled(
            print::DIM,
            format_args!(
                "{} in {}, {calls} {}, {} fuel",
                styled(style, report.status),
                print::duration(report.elapsed),
                if calls == 1 { "call" } else { "calls" },
                report.fuel_used,
            ),
        ));
    }
    Ok(())
}
