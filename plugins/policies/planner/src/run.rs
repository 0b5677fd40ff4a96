//! Running a checked plan: what can run runs, at most so many calls at once, until nothing is left.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jmespath::{Rcvar, Variable};
use serde_json::{Value, json};
use tollgate_sdk::progress;

use crate::call::{Call, Ended, Failure, make};
use crate::check::{Ready, Workflow};
use crate::checkpoint::Checkpoint;
use crate::expression::{truthy, variable};
use crate::plan::OnError;
use crate::report::{Completed, Report, Skipped, StepError};

/// How many calls at once, of all steps together.
const AT_ONCE: usize = 16;
/// The most items of a `for_each`.
const MAX_ITEMS: usize = 1_000;
/// How many errors of one step are told.
const MAX_ERRORS: usize = 20;

/// How far a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Open,
    Completed,
    /// Some items were not done.
    Partial,
    Failed,
    Skipped,
}

struct State {
    stage: Stage,
    /// What it runs for: one null where there is no `for_each`.
    items: Vec<Value>,
    results: Vec<Value>,
    /// How many items were begun, are on their way, were done, failed, and were skipped by the condition.
    begun: usize,
    on_the_way: usize,
    done: usize,
    failed: usize,
    passed_over: usize,
    attempts: u32,
    resumed: bool,
    started_ms: u64,
}

struct Run<'a> {
    steps: &'a [Ready],
    states: Vec<State>,
    retry: &'a [String],
    /// What expressions see of the steps.
    seen: BTreeMap<String, Rcvar>,
    input: Rcvar,
    /// The step whose failure ended the plan.
    stopped: Option<String>,
    begun: Instant,
    report: Report,
}

/// Runs a plan.
pub async fn run(workflow: &Workflow, input: &Value, keep: Option<&Checkpoint>, retry: &[String]) -> Report {
    let state = |_: &Ready| State {
        stage: Stage::Waiting,
        items: Vec::new(),
        results: Vec::new(),
        begun: 0,
        on_the_way: 0,
        done: 0,
        failed: 0,
        passed_over: 0,
        attempts: 0,
        resumed: true,
        started_ms: 0,
    };
    let mut run = Run {
        steps: &workflow.steps,
        states: workflow.steps.iter().map(state).collect(),
        retry,
        seen: BTreeMap::new(),
        input: variable(input),
        stopped: None,
        begun: Instant::now(),
        report: Report::default(),
    };
    let mut calls = FuturesUnordered::new();
    loop {
        while run.open_steps() {}
        while calls.len() < AT_ONCE
            && let Some(call) = run.next_call()
        {
            calls.push(make(call, keep));
        }
        match calls.next().await {
            Some(ended) => run.ended(ended),
            // What was passed over, failed before its call, or was stopped may have made room for others.
            None if run.close_all() || run.open_steps() => {}
            None => break,
        }
    }
    run.finish(workflow)
}

impl Run<'_> {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Opens or skips every step whose turn it is. Tells whether there was one.
    fn open_steps(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.steps.len() {
            let (Some(step), Some(state)) = (self.steps.get(at), self.states.get(at)) else { continue };
            let ended = |other: &usize| {
                self.states.get(*other).is_none_or(|state| !matches!(state.stage, Stage::Waiting | Stage::Open))
            };
            if state.stage != Stage::Waiting || !step.after.iter().all(ended) {
                continue;
            }
            any = true;
            match self.reason_to_skip(step) {
                Some(reason) => self.skip(at, reason),
                None => self.open(at),
            }
        }
        any
    }

    fn reason_to_skip(&self, step: &Ready) -> Option<String> {
        if let Some(culprit) = &self.stopped {
            return Some(format!("the plan was stopped after `{culprit}` failed"));
        }
        step.needs.iter().find_map(|other| {
            let (needed, state) = (self.steps.get(*other)?, self.states.get(*other)?);
            match state.stage {
                Stage::Failed if needed.on_error == OnError::Skip => {
                    Some(format!("it needs `{}`, which failed", needed.id))
                }
                // A condition of its own decides about what was skipped.
                Stage::Skipped if step.condition.is_none() => {
                    Some(format!("it needs `{}`, which was skipped", needed.id))
                }
                _ => None,
            }
        })
    }

    fn skip(&mut self, at: usize, reason: String) {
        let Some(step) = self.steps.get(at) else { return };
        self.report.skipped_steps.push(Skipped { id: step.id.clone(), reason });
        self.settle(at, Stage::Skipped);
    }

    fn open(&mut self, at: usize) {
        let now = self.now_ms();
        let Some(step) = self.steps.get(at) else { return };
        let items = match &step.for_each {
            None => Ok(vec![Value::Null]),
            Some(list) => list.eval(&self.scope(None)).and_then(|list| match list {
                Value::Array(items) if items.len() > MAX_ITEMS => {
                    Err(format!("`for_each` gives {} items; {MAX_ITEMS} at most", items.len()))
                }
                Value::Array(items) => Ok(items),
                other => Err(format!("`for_each` gives no list but {}", kind(&other))),
            }),
        };
        let Some(state) = self.states.get_mut(at) else { return };
        state.stage = Stage::Open;
        state.started_ms = now;
        match items {
            Ok(items) => {
                state.results = vec![Value::Null; items.len()];
                state.items = items;
            }
            Err(message) => {
                state.failed = 1;
                self.failed(at, None, Failure::new("for-each", message));
            }
        }
        self.close(at);
    }

    /// The next call that there is room for.
    fn next_call(&mut self) -> Option<Call> {
        for at in 0..self.steps.len() {
            while let Some(item) = self.next_item(at) {
                match self.prepare(at, item) {
                    Ok(Some(call)) => {
                        if let Some(state) = self.states.get_mut(at) {
                            state.on_the_way += 1;
                        }
                        return Some(call);
                    }
                    Ok(None) => {
                        if let Some(state) = self.states.get_mut(at) {
                            state.passed_over += 1;
                        }
                    }
                    Err(failure) => {
                        if let Some(state) = self.states.get_mut(at) {
                            state.failed += 1;
                        }
                        self.failed(at, Some(item), failure);
                    }
                }
                self.close(at);
            }
        }
        None
    }

    fn next_item(&mut self, at: usize) -> Option<usize> {
        let (step, state) = (self.steps.get(at)?, self.states.get_mut(at)?);
        let room = state.stage == Stage::Open && state.on_the_way < step.at_once && self.stopped.is_none();
        if !room || state.begun >= state.items.len() {
            return None;
        }
        state.begun += 1;
        Some(state.begun - 1)
    }

    /// The call for an item; none where the condition does not hold.
    fn prepare(&self, at: usize, item: usize) -> Result<Option<Call>, Failure> {
        let gone = || Failure::new("reference", "the step is not there");
        let (step, state) = (self.steps.get(at).ok_or_else(gone)?, self.states.get(at).ok_or_else(gone)?);
        let each = step.for_each.as_ref().and(state.items.get(item)).map(|value| (value, item));
        let scope = self.scope(each);
        if let Some(condition) = &step.condition {
            let holds = condition.eval(&scope).map_err(|message| Failure::new("condition", message))?;
            if !truthy(&holds) {
                return Ok(None);
            }
        }
        let arguments = step.arguments.eval(&scope).map_err(|message| Failure::new("reference", message))?;
        let unit = if step.for_each.is_some() { format!("{}/{item}", step.id) } else { step.id.clone() };
        let retry = self.retry.iter().any(|wanted| *wanted == step.id || *wanted == unit);
        let (tool, repeatable) = (step.tool.clone(), step.repeatable);
        Ok(Some(Call { step: at, item, unit, tool, arguments, repeatable, retry }))
    }

    /// What expressions see.
    fn scope(&self, each: Option<(&Value, usize)>) -> Rcvar {
        let mut members = BTreeMap::from([
            ("steps".to_owned(), Rcvar::new(Variable::Object(self.seen.clone()))),
            ("input".to_owned(), self.input.clone()),
        ]);
        if let Some((item, index)) = each {
            members.insert("item".to_owned(), variable(item));
            members.insert("index".to_owned(), variable(&json!(index)));
        }
        Rcvar::new(Variable::Object(members))
    }

    fn ended(&mut self, ended: Ended) {
        let Ended { step: at, item, outcome, attempts, resumed, warning } = ended;
        self.report.warnings.extend(warning);
        let Some(state) = self.states.get_mut(at) else { return };
        state.on_the_way -= 1;
        state.attempts = state.attempts.max(attempts);
        state.resumed &= resumed;
        match outcome {
            Ok(value) => {
                state.done += 1;
                if let Some(place) = state.results.get_mut(item) {
                    *place = value;
                }
            }
            Err(failure) => {
                state.failed += 1;
                self.failed(at, Some(item), failure);
            }
        }
        self.close(at);
    }

    fn failed(&mut self, at: usize, item: Option<usize>, failure: Failure) {
        let Some(step) = self.steps.get(at) else { return };
        if step.on_error == OnError::Stop || failure.final_ {
            self.stopped.get_or_insert_with(|| step.id.clone());
        }
        let told = self.report.errors.iter().filter(|error| error.step == step.id).count();
        let index = item.filter(|_| step.for_each.is_some());
        let Failure { kind, message, .. } = failure;
        if told < MAX_ERRORS {
            self.report.errors.push(StepError { step: step.id.clone(), index, kind, message });
        }
    }

    /// Ends every step that has nothing more to do. Tells whether there was one.
    fn close_all(&mut self) -> bool {
        let open = |run: &Self| run.states.iter().filter(|state| state.stage == Stage::Open).count();
        let before = open(self);
        (0..self.steps.len()).for_each(|at| self.close(at));
        open(self) != before
    }

    /// Ends a step that has nothing more to do.
    fn close(&mut self, at: usize) {
        let stopped = self.stopped.clone();
        let Some(step) = self.steps.get(at) else { return };
        let Some(state) = self.states.get(at).filter(|state| state.stage == Stage::Open) else { return };
        let left = state.items.len() - state.begun;
        if state.on_the_way > 0 || (left > 0 && stopped.is_none()) {
            return;
        }
        let stage = match (state.done, state.failed) {
            (0, 1..) => Stage::Failed,
            (_, 1..) => Stage::Partial,
            // Nothing was begun, or the condition did not hold for any of them.
            (0, 0) if left > 0 || state.passed_over > 0 => Stage::Skipped,
            (_, 0) if left > 0 => Stage::Partial,
            _ => Stage::Completed,
        };
        let reason = match &stopped {
            Some(culprit) if left > 0 => {
                Some(format!("{left} of {} items were not run: `{culprit}` failed", state.items.len()))
            }
            _ if stage == Stage::Skipped => Some("its condition does not hold".to_owned()),
            _ => None,
        };
        if let Some(reason) = reason {
            self.report.skipped_steps.push(Skipped { id: step.id.clone(), reason });
        }
        self.settle(at, stage);
    }

    fn settle(&mut self, at: usize, stage: Stage) {
        let now = self.now_ms();
        let (Some(step), Some(state)) = (self.steps.get(at), self.states.get_mut(at)) else { return };
        state.stage = stage;
        let status = match stage {
            Stage::Completed => "completed",
            Stage::Partial => "partial",
            Stage::Failed => "failed",
            Stage::Skipped | Stage::Waiting | Stage::Open => "skipped",
        };
        let each = step.for_each.is_some();
        let result = match stage {
            Stage::Completed | Stage::Partial if each => Value::Array(state.results.clone()),
            Stage::Completed => state.results.first().cloned().unwrap_or_default(),
            _ => Value::Null,
        };
        let mut seen = json!({"status": status, "result": result});
        if each && let Some(members) = seen.as_object_mut() {
            // What an item became: expressions cannot pair two lists.
            let pair = |(index, (item, result))| json!({"index": index, "item": item, "result": result});
            let pairs = state.items.iter().zip(&state.results).enumerate().map(pair).collect();
            members.insert("items".to_owned(), Value::Array(pairs));
        }
        self.seen.insert(step.id.clone(), variable(&seen));
        if matches!(stage, Stage::Completed | Stage::Partial) {
            self.report.completed_steps.push(Completed {
                id: step.id.clone(),
                name: step.name.clone(),
                tool: step.tool.clone(),
                status: status.to_owned(),
                result,
                started_ms: state.started_ms,
                elapsed_ms: now.saturating_sub(state.started_ms),
                attempts: state.attempts,
                resumed: state.resumed && state.done > 0,
            });
        }
        let ended = self.states.iter().filter(|state| !matches!(state.stage, Stage::Waiting | Stage::Open)).count();
        progress(ended as f64, self.steps.len() as f64, &format!("{}: {status}", step.name));
    }

    fn finish(mut self, workflow: &Workflow) -> Report {
        let unfinished = |state: &State| matches!(state.stage, Stage::Partial | Stage::Failed);
        self.report.partial = self.stopped.is_some() || self.states.iter().any(unfinished);
        let output = workflow.output.as_ref().map(|output| output.eval(&self.scope(None)));
        self.report.output = match output {
            Some(Ok(output)) => output,
            Some(Err(message)) => {
                // After a failure it is no wonder that something is missing.
                if !self.report.partial {
                    self.report.warnings.push(format!("output: {message}"));
                }
                Value::Null
            }
            None => {
                let last = self
                    .steps
                    .iter()
                    .rev()
                    .find_map(|step| self.report.completed_steps.iter().find(|completed| completed.id == step.id));
                last.map(|step| step.result.clone()).unwrap_or_default()
            }
        };
        self.report
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
