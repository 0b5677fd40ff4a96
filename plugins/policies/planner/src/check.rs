//! Whether a plan can be run: all that is wrong is found before the first call.

use std::collections::{BTreeSet, HashMap};

use jsonschema::Validator;
use serde_json::Value;
use tollgate_sdk::servers::Tool;

use crate::catalog::{Catalog, misfits, near, validator};
use crate::expression::{Expr, Found};
use crate::plan::{Fault, Mode, OnError, Step};
use crate::template::Template;

/// The most steps of a plan.
const MAX_STEPS: usize = 200;
/// The most faults that are told.
const MAX_FAULTS: usize = 100;
/// How many items of a step run at once where it does not say.
const AT_ONCE: usize = 8;
const MOST_AT_ONCE: usize = 32;

/// A plan that can be run.
pub struct Workflow {
    pub steps: Vec<Ready>,
    pub output: Option<Template>,
}

/// A step that can be run.
pub struct Ready {
    pub id: String,
    pub name: String,
    pub tool: String,
    pub arguments: Template,
    pub condition: Option<Expr>,
    pub for_each: Option<Template>,
    pub at_once: usize,
    pub on_error: OnError,
    /// The steps that must have ended before, by their places.
    pub after: BTreeSet<usize>,
    /// Those among them whose results it needs.
    pub needs: BTreeSet<usize>,
    /// Whether a second call does no harm.
    pub repeatable: bool,
}

/// The expression of a `condition`, which may stand in `${…}` as those of texts do.
fn bare(text: &str) -> &str {
    let inner = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.filter(|inner| !inner.contains("${")).unwrap_or(text)
}

/// Reads and checks a plan.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(plan: &Value, catalog: &Catalog) -> Result<Workflow, Vec<Fault>> {
    let mut checker = Checker { catalog, faults: Vec::new(), step: None, validators: HashMap::new() };
    let workflow = checker.plan(plan);
    let mut faults = checker.faults;
    let more = faults.len().saturating_sub(MAX_FAULTS);
    if more > 0 {
        faults.truncate(MAX_FAULTS);
        faults.push(Fault { at: String::new(), step: None, message: format!("and {more} more faults") });
    }
    match workflow {
        Some(workflow) if faults.is_empty() => Ok(workflow),
        _ => Err(faults),
    }
}

struct Checker<'a> {
    catalog: &'a Catalog,
    faults: Vec<Fault>,
    /// The step that is looked at.
    step: Option<String>,
    /// By tool: steps share tools.
    validators: HashMap<String, Option<Validator>>,
}

impl Checker<'_> {
    fn fault(&mut self, at: &str, message: impl Into<String>) {
        self.faults.push(Fault { at: at.to_owned(), step: self.step.clone(), message: message.into() });
    }

    fn plan(&mut self, plan: &Value) -> Option<Workflow> {
        let Some(members) = plan.as_object() else {
            self.fault("", "a plan is an object: {\"steps\": [...], \"mode\": \"mixed\"}");
            return None;
        };
        for key in members.keys().filter(|key| !["steps", "mode", "output"].contains(&key.as_str())) {
            self.fault(
                &format!("/{key}"),
                format!("a plan has no member `{key}`; it has `steps`, `mode` and `output`"),
            );
        }
        let mode = match members.get("mode").map(|mode| serde_json::from_value(mode.clone())) {
            None => Mode::default(),
            Some(Ok(mode)) => mode,
            Some(Err(error)) => {
                self.fault("/mode", error.to_string());
                Mode::default()
            }
        };
        let Some(steps) = members.get("steps").and_then(Value::as_array).filter(|steps| !steps.is_empty()) else {
            self.fault("/steps", "a plan has at least one step");
            return None;
        };
        if steps.len() > MAX_STEPS {
            self.fault("/steps", format!("a plan has at most {MAX_STEPS} steps, not {}", steps.len()));
            return None;
        }
        let read: Vec<_> = steps.iter().enumerate().map(|(at, step)| self.read(at, step)).collect();
        // Also of those that cannot be read: others may well refer to them.
        let mut places = HashMap::new();
        for (at, step) in steps.iter().enumerate() {
            let Some(id) = step.get("id").and_then(Value::as_str) else { continue };
            if let Some(first) = places.insert(id.to_owned(), at) {
                self.step = Some(id.to_owned());
                self.fault(&format!("/steps/{at}/id"), format!("steps {first} and {at} are both called `{id}`"));
            }
        }
        let ready: Vec<_> =
            read.into_iter().enumerate().map(|(at, step)| Some(self.ready(at, step?, mode, &places))).collect();
        self.step = None;
        let output = members.get("output").map(|output| self.template(output, "/output", false, &places).0);
        let mut steps: Vec<Ready> = ready.into_iter().collect::<Option<_>>()?;
        self.order(&mut steps, mode);
        Some(Workflow { steps, output })
    }

    fn read(&mut self, at: usize, step: &Value) -> Option<Step> {
        self.step = step.get("id").and_then(Value::as_str).map(str::to_owned);
        let step: Step = match serde_json::from_value(step.clone()) {
            Ok(step) => step,
            Err(error) => {
                self.fault(&format!("/steps/{at}"), error.to_string());
                return None;
            }
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let begins = step.id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || step.id.len() > 64 || !step.id.chars().all(word) {
            let rule = "is letters, digits, `_` and `-`, a letter or `_` first, 64 at most";
            self.fault(&format!("/steps/{at}/id"), format!("an id {rule}; {:?} is not", step.id));
        }
        if step.concurrency.is_some_and(|many| !(1..=MOST_AT_ONCE).contains(&many)) {
            self.fault(&format!("/steps/{at}/concurrency"), format!("it is from 1 to {MOST_AT_ONCE}"));
        }
        Some(step)
    }

    fn ready(&mut self, at: usize, step: Step, mode: Mode, places: &HashMap<String, usize>) -> Ready {
        self.step = Some(step.id.clone());
        let place = format!("/steps/{at}");
        let each = step.for_each.is_some();

        let (arguments, mut found) = self.template(&step.arguments, &format!("{place}/arguments"), each, places);
        if !step.arguments.is_object() {
            self.fault(&format!("{place}/arguments"), "arguments are an object");
        }
        let condition = step.condition.as_ref().and_then(|text| {
            let at = format!("{place}/condition");
            let expression = Expr::parse(bare(text)).map_err(|error| self.fault(&at, error)).ok()?;
            let mut here = Found::default();
            expression.find(&mut here);
            found.extend(self.resolved(&here, &at, each, places));
            Some(expression)
        });
        let for_each = step.for_each.as_ref().map(|list| {
            let at = format!("{place}/for_each");
            // A bare text is an expression here: a list is never a text.
            let list = match list {
                Value::String(text) if !text.contains("${") => serde_json::json!({"$jmespath": text}),
                list => list.clone(),
            };
            let (list, here) = self.template(&list, &at, false, places);
            if matches!(&list, Template::Literal(value) if !value.is_array()) {
                self.fault(&at, "it is a list, or an expression that gives one");
            }
            found.extend(here);
            list
        });
        let mut wanted = BTreeSet::new();
        for (nth, id) in step.depends_on.iter().enumerate() {
            match places.get(id) {
                Some(place) => {
                    wanted.insert(*place);
                }
                None => self.fault(&format!("{place}/depends_on/{nth}"), unknown_step(id, places)),
            }
        }

        let catalog = self.catalog;
        let tool = catalog.find(&step.tool).map_err(|error| self.fault(&format!("{place}/tool"), error)).ok();
        let validator = tool.and_then(|tool| {
            self.validators.entry(step.tool.clone()).or_insert_with(|| validator(&tool.input_schema)).as_ref()
        });
        for (below, message) in misfits(validator, &arguments) {
            self.fault(&format!("{place}/arguments{below}"), format!("{}: {message}", step.tool));
        }
        let needs = match mode {
            // References are checked against the order once it is known.
            Mode::Parallel => wanted,
            Mode::Sequential | Mode::Mixed => wanted.union(&found).copied().collect(),
        };
        if mode == Mode::Parallel {
            for other in found.difference(&needs) {
                let id = places.iter().find(|(_, place)| *place == other).map_or("?", |(id, _)| id);
                let what =
                    "the step refers to it and does not depend on it: add it to `depends_on`, or use the mode `mixed`";
                self.fault(&place, format!("`{id}`: {what}"));
            }
        }
        let at_once = step.concurrency.unwrap_or(if mode == Mode::Sequential { 1 } else { AT_ONCE });
        Ready {
            name: step.name.unwrap_or_else(|| step.id.clone()),
            id: step.id,
            tool: step.tool,
            arguments,
            condition,
            for_each,
            at_once,
            on_error: step.on_error,
            after: needs.clone(),
            needs,
            repeatable: tool.is_some_and(Tool::is_repeatable),
        }
    }

    fn template(
        &mut self,
        value: &Value,
        at: &str,
        each: bool,
        places: &HashMap<String, usize>,
    ) -> (Template, BTreeSet<usize>) {
        let template = Template::parse(value, at, &mut |at, message| self.fault(at, message));
        let mut found = Found::default();
        template.find(&mut found);
        let steps = self.resolved(&found, at, each, places);
        (template, steps)
    }

    /// The places of the steps that are referred to.
    fn resolved(&mut self, found: &Found, at: &str, each: bool, places: &HashMap<String, usize>) -> BTreeSet<usize> {
        if found.vague {
            self.fault(
                at,
                "a reference names its step, as `steps.ID.result`; a negation wants brackets, as `!(steps.ID.result)`",
            );
        }
        for root in &found.roots {
            match root.as_str() {
                "input" => {}
                "item" | "index" if each => {}
                "item" | "index" => self.fault(at, format!("`{root}` is only there in a step with `for_each`")),
                root if places.contains_key(root) => {
                    self.fault(at, format!("there is no `{root}` here; the step's result is `steps.{root}.result`"));
                }
                root => self.fault(at, format!("there is no `{root}` here, only `steps`, `input`, `item` and `index`")),
            }
        }
        let mut steps = BTreeSet::new();
        for id in &found.steps {
            match places.get(id) {
                Some(place) => {
                    steps.insert(*place);
                }
                None => self.fault(at, unknown_step(id, places)),
            }
        }
        steps
    }

    /// Looks for cycles, and adds the written order in mode `sequential`.
    fn order(&mut self, steps: &mut [Ready], mode: Mode) {
        if mode == Mode::Sequential {
            let ids: Vec<_> = steps.iter().map(|step| step.id.clone()).collect();
            for (at, step) in steps.iter_mut().enumerate() {
                self.step = Some(step.id.clone());
                for later in step.needs.range(at..) {
                    let later = ids.get(*later).map_or("", String::as_str);
                    self.fault(&format!("/steps/{at}"), format!("it needs `{later}`, which does not come before it"));
                }
                step.after.extend(at.checked_sub(1));
            }
            self.step = None;
            return;
        }
        if let Some(cycle) = cycle(steps) {
            self.step = None;
            self.fault("/steps", format!("these steps wait for each other: {}", cycle.join(" → ")));
        }
    }
}

fn unknown_step(id: &str, places: &HashMap<String, usize>) -> String {
    match near(id, places.keys().cloned()).as_slice() {
        [] => format!("there is no step `{id}`"),
        near => format!("there is no step `{id}`; near it: {}", near.join(", ")),
    }
}

/// Steps that wait for each other, the first again at the end.
fn cycle(steps: &[Ready]) -> Option<Vec<String>> {
    let mut left: BTreeSet<usize> = (0..steps.len()).collect();
    let waits = |at: usize, left: &BTreeSet<usize>| {
        steps.get(at).and_then(|step| step.after.iter().find(|other| left.contains(other)).copied())
    };
    while let Some(free) = left.iter().copied().find(|at| waits(*at, &left).is_none()) {
        left.remove(&free);
    }
    // Whoever is left waits for somebody who is left: following that must come round.
    let mut way = vec![left.first().copied()?];
    loop {
        let next = waits(*way.last()?, &left)?;
        if let Some(begin) = way.iter().position(|at| *at == next) {
            way.drain(..begin);
            way.push(next);
            return Some(way.iter().filter_map(|at| steps.get(*at)).map(|step| step.id.clone()).collect());
        }
        way.push(next);
    }
}
