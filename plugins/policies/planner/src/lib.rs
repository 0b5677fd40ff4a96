//! Runs a plan: steps that call tools, with references to each other's results.
//!
//! ```json
//! {"plan": {"steps": [
//!     {"id": "issues", "tool": "github:list_issues", "arguments": {"state": "open", "labels": ["bug"]}},
//!     {"id": "known", "tool": "jira:search_issues", "for_each": "steps.issues.result",
//!      "arguments": {"query": "summary ~ \"#${item.number}\""}},
//!     {"id": "create", "tool": "jira:create_issue", "for_each": "steps.known.items[?!result].item",
//!      "arguments": {"project": "API", "summary": "#${item.number} ${item.title}"}}
//! ]}, "id": "sync-001"}
//! ```
//!
//! - [`plan`]: what a plan is. [`template`], [`expression`]: references in it.
//! - [`check`], [`catalog`]: all that is wrong with a plan, found before the first call.
//! - [`run`], [`call`]: running it. [`report`]: what is told of that.
//! - [`checkpoint`]: what is kept, so that a plan can be gone on with, and no call with an effect is made twice.
//! - [`goal`]: a plan that a model writes.
//!
//! Grants: `tool=…` for the tools of the plans; `state=plan/*` for plans with an `id`; `model` for goals.

mod call;
mod catalog;
mod check;
mod checkpoint;
mod expression;
mod goal;
mod plan;
#[cfg(test)]
mod properties;
mod report;
mod run;
mod template;
#[cfg(test)]
mod tests;

use tollgate_sdk::prelude::*;

use catalog::Catalog;
use check::Workflow;
use checkpoint::Checkpoint;
use plan::Plan;
use report::Report;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The plan. With `resume` it may be left out.
    #[schemars(with = "Option<Plan>")]
    plan: Option<Value>,
    /// What is to be done, in words, in place of a plan: a model writes one. With `resume` it is not looked at: the plan
    /// that was written is kept.
    goal: Option<String>,
    /// What the plan's references see as `input`.
    #[serde(default)]
    input: Value,
    /// A name under which completed steps are kept: 1 to 100 letters, digits, `.`, `_`, `-`. Without it nothing is kept.
    id: Option<String>,
    /// Goes on with the plan that is kept as `id`, without repeating its completed steps.
    #[serde(default)]
    resume: bool,
    /// Steps (`STEP`, `STEP/INDEX`) that are called again though an earlier call may have had its effect.
    #[serde(default)]
    retry: Vec<String>,
    /// Deletes what is kept as `id`: at once where there is no plan, else once the plan is done wholly.
    #[serde(default)]
    forget: bool,
    /// Checks the plan, and calls nothing.
    #[serde(default)]
    dry_run: bool,
    /// Which model writes the plan for a goal.
    model: Option<String>,
}

/// Runs a plan of tool calls: steps with references to each other's results, conditions and for-each. All of it is checked
/// before the first call; independent steps run at once; a plan with an `id` can be resumed. A `goal` in place of a plan has
/// a model write one. Where a step failed, `partial` is true; a plan of which no step was done is an error, `plan-failed`, whose data
/// is the report.
#[policy(title = "Planner", grants = ["tool=*:*", "state=plan/*", "model"])]
async fn planner(input: Input) -> Result<Report> {
    let report = planned(input).await?;
    match report.errors.first() {
        Some(first) if report.completed_steps.is_empty() => {
            let message = format!("no step of the plan was done: `{}`: {}", first.step, first.message);
            let told = serde_json::to_value(&report).unwrap_or_default();
            Err(Error::new(message).code("plan-failed").data(told))
        }
        _ => Ok(report),
    }
}

async fn planned(input: Input) -> Result<Report> {
    if let Some(id) = &input.id {
        checkpoint::check_id(id)?;
    } else if input.resume || input.forget || !input.retry.is_empty() {
        return Err(Error::new("`resume`, `retry` and `forget` want the plan's `id`").code("invalid-input"));
    }
    if !input.retry.is_empty() && !input.resume {
        return Err(Error::new("`retry` goes with `resume`").code("invalid-input"));
    }
    match &input.id {
        Some(id) if input.forget && input.plan.is_none() && input.goal.is_none() && !input.resume => {
            let found = checkpoint::forget(id).await?;
            let warnings = if found { Vec::new() } else { vec![format!("there was no plan `{id}`")] };
            Ok(Report { id: Some(id.clone()), warnings, ..Report::default() })
        }
        Some(id) if input.resume => resume(&input, id).await,
        _ => begin(&input).await,
    }
}

async fn begin(input: &Input) -> Result<Report> {
    let catalog = Catalog::of_host().await;
    let (plan, workflow) = match (&input.plan, &input.goal) {
        (Some(plan), None) => (plan.clone(), checked(plan, &catalog)?),
        (None, Some(goal)) => goal::plan(goal, &input.input, &catalog, input.model.as_deref()).await?,
        _ => return Err(Error::new("give either a `plan` or a `goal`").code("invalid-input")),
    };
    let written = input.goal.is_some().then(|| plan.clone());
    if input.dry_run {
        return Ok(dry(&workflow, plan));
    }
    let keep = match &input.id {
        Some(id) => Some(Checkpoint::begin(id, &plan, &input.input).await?),
        None => None,
    };
    let mut report = run::run(&workflow, &input.input, keep.as_ref(), &[]).await;
    report.plan = written;
    finish(input, report).await
}

async fn resume(input: &Input, id: &str) -> Result<Report> {
    let Some(kept) = checkpoint::header(id).await? else {
        return Err(Error::new(format!("there is no plan `{id}` to resume")).code("no-such-plan"));
    };
    let changed = |what: &str| {
        let message = format!(
            "the {what} is not the one that was begun as `{id}`: resume without it, or begin under another id (`forget` \
             deletes this one)"
        );
        Err(Error::new(message).code("plan-changed"))
    };
    if input.plan.as_ref().is_some_and(|plan| *plan != kept.plan) {
        return changed("plan");
    }
    if !input.input.is_null() && input.input != kept.input {
        return changed("input");
    }
    let workflow = checked(&kept.plan, &Catalog::of_host().await)?;
    if input.dry_run {
        return Ok(dry(&workflow, kept.plan));
    }
    let keep = Checkpoint::load(id).await?;
    let mut report = run::run(&workflow, &kept.input, Some(&keep), &input.retry).await;
    report.plan = Some(kept.plan);
    finish(input, report).await
}

async fn finish(input: &Input, mut report: Report) -> Result<Report> {
    if let Some(id) = input.id.as_ref().filter(|_| input.forget && !report.partial)
        && let Err(error) = checkpoint::forget(id).await
    {
        report.warnings.push(format!("what is kept of the plan could not be deleted: {error}"));
    }
    report.id.clone_from(&input.id);
    Ok(report)
}

fn checked(plan: &Value, catalog: &Catalog) -> Result<Workflow> {
    check::check(plan, catalog).map_err(|faults| goal::invalid(&faults, None))
}

/// What a plan would do: which steps could run at once, one group after the other.
fn dry(workflow: &Workflow, plan: Value) -> Report {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut level = vec![0; workflow.steps.len()];
    // Each pass settles the steps whose predecessors are settled; there are no cycles.
    for _ in 0..workflow.steps.len() {
        for (at, step) in workflow.steps.iter().enumerate() {
            let after = step.after.iter().filter_map(|other| level.get(*other)).max().map_or(0, |latest| latest + 1);
            if let Some(place) = level.get_mut(at) {
                *place = after;
            }
        }
    }
    for (step, level) in workflow.steps.iter().zip(level) {
        if groups.len() <= level {
            groups.resize(level + 1, Vec::new());
        }
        if let Some(group) = groups.get_mut(level) {
            group.push(&step.id);
        }
    }
    Report { output: json!({"valid": true, "groups": groups}), plan: Some(plan), ..Report::default() }
}
