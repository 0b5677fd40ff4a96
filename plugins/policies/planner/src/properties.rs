//! What holds of every plan, whoever wrote it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_sdk::servers::Tool;
use tollgate_sdk::testing::{FakeHost, block_on};
use tollgate_sdk::{CallError, ToolResult};

use crate::Input;
use crate::expression::{Expr, Found, json, variable};
use crate::template::Template;

fn host() -> FakeHost {
    FakeHost::new()
        .tool(Tool::new("s", "ok", json!({"type": "object"})))
        .tool(Tool::new("s", "fails", json!({"type": "object"})))
        .with("s:ok", |args| Ok(ToolResult::from_text(json!({"id": args["id"], "list": [1, 2, 3]}).to_string())))
        .fail("s:fails", CallError::Overloaded)
}

/// Pieces of expressions, put together anyhow.
fn expression() -> impl Strategy<Value = String> {
    let pieces = [
        "steps",
        ".",
        "a",
        "result",
        "[",
        "]",
        "[*]",
        "[?",
        "[]",
        "{",
        "}",
        ":",
        ",",
        "(",
        ")",
        "&",
        "&&",
        "||",
        "|",
        "!",
        "==",
        "<",
        "@",
        "*",
        "`1`",
        "`[1, 2]`",
        "'x'",
        "\"q\"",
        "length",
        "sort_by",
        "map",
        "to_number",
        "input",
        "item",
        "0",
        "-1",
        "2147483647",
        "-2147483648",
        "::",
        "`",
        "'",
        "\"",
        "\\",
        "ü",
        " ",
        "${",
        "$${",
        "sum",
        "max_by",
        "join",
        "not_null",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..14).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        expression().prop_map(|text| json!(format!("${{{text}}}"))),
        expression().prop_map(Value::from),
        prop::sample::select(vec!["s:ok", "s:fails", "s:no", "a", "b", "mixed", "#/steps/a/result", "#/~2//"])
            .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "steps",
        "mode",
        "id",
        "tool",
        "arguments",
        "depends_on",
        "condition",
        "for_each",
        "on_error",
        "concurrency",
        "name",
        "output",
        "$ref",
        "$jmespath",
        "$literal",
        "x/~y",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(keys.clone(), inner, 0..6).prop_map(|members: BTreeMap<_, _>| json!(members)),
        ]
    })
}

#[derive(Clone, Debug)]
struct Drawn {
    tool: &'static str,
    on_error: &'static str,
    depends_on: BTreeSet<usize>,
    refers_to: BTreeSet<usize>,
    condition: Option<bool>,
    for_each: Option<usize>,
}

/// Steps that need only earlier ones.
fn steps() -> impl Strategy<Value = Vec<Drawn>> {
    let one = (
        prop::sample::select(vec!["s:ok", "s:ok", "s:ok", "s:fails"]),
        prop::sample::select(vec!["stop", "continue", "skip"]),
        prop::collection::btree_set(0..20_usize, 0..3),
        prop::collection::btree_set(0..20_usize, 0..3),
        prop::option::of(any::<bool>()),
        prop::option::of(0..20_usize),
    );
    let drawn = one.prop_map(|(tool, on_error, depends_on, refers_to, condition, for_each)| Drawn {
        tool,
        on_error,
        depends_on,
        refers_to,
        condition,
        for_each,
    });
    prop::collection::vec(drawn, 1..20).prop_map(|mut steps| {
        for (at, step) in steps.iter_mut().enumerate() {
            step.depends_on.retain(|other| *other < at);
            step.refers_to.retain(|other| *other < at);
        }
        steps
    })
}

fn written(steps: &[Drawn], mode: &str) -> Value {
    let id = |at: &usize| format!("s{at}");
    let step = |(at, step): (usize, &Drawn)| {
        let refers: Vec<_> =
            step.refers_to.iter().map(|other| json!({"$jmespath": format!("steps.s{other}.result")})).collect();
        let mut depends_on = step.depends_on.clone();
        if mode == "parallel" {
            depends_on.extend(&step.refers_to);
        }
        let mut written = json!({
            "id": id(&at), "tool": step.tool, "on_error": step.on_error, "arguments": {"id": id(&at), "refers": refers},
            "depends_on": depends_on.iter().map(id).collect::<Vec<_>>(),
        });
        if let Some(holds) = step.condition {
            written["condition"] = json!(format!("`{holds}`"));
        }
        if let Some(many) = step.for_each {
            written["for_each"] = json!((0..many).collect::<Vec<_>>());
        }
        written
    };
    json!({"mode": mode, "steps": steps.iter().enumerate().map(step).collect::<Vec<_>>()})
}

fn run(input: Value) -> tollgate_sdk::Result<crate::Report> {
    let input: Input = serde_json::from_value(input).unwrap();
    block_on(crate::planned(input))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_is_evaluated_or_refused(text in expression()) {
        if let Ok(expression) = Expr::parse(&text) {
            expression.find(&mut Found::default());
            let scope = variable(&json!({"steps": {"a": {"result": [{"q": 1, "a": "x"}, {"a": [2, 3]}]}}, "input": {"a": null}}));
            let _ = expression.eval(&scope).map(|value| json(&value));
        }
    }

    #[test]
    fn any_json_is_a_template_or_refused(value in any_json()) {
        let mut faults = 0;
        let template = Template::parse(&value, "", &mut |_, _| faults += 1);
        template.find(&mut Found::default());
        let _ = template.eval(&variable(&json!({"steps": {"a": {"result": 1}}})));
        prop_assert!(faults <= value.to_string().len());
    }

    #[test]
    fn any_json_as_a_plan_is_run_or_refused_before_the_first_call(plan in any_json()) {
        let host = host().install();
        if run(json!({"plan": plan, "input": {}})).is_err() {
            prop_assert!(host.calls().is_empty());
        }
    }

    #[test]
    fn every_plan_ends_and_every_step_is_accounted_for_once(
        steps in steps(),
        mode in prop::sample::select(vec!["sequential", "parallel", "mixed"]),
    ) {
        let host = host().install();
        let report = run(json!({"plan": written(&steps, mode)})).unwrap();
        let partial: BTreeSet<_> = report.completed_steps.iter().filter(|s| s.status == "partial").map(|s| &s.id).collect();
        let failed: BTreeSet<_> = report.errors.iter().map(|e| &e.step).filter(|id| !partial.contains(id)).collect();
        for at in 0..steps.len() {
            let id = format!("s{at}");
            let completed = report.completed_steps.iter().filter(|s| s.id == id).count();
            // A step that failed or was done in part may also say which items were not run.
            let skipped = report.skipped_steps.iter().filter(|s| s.id == id && !s.reason.contains("items were not run")).count();
            let skipped = skipped + usize::from(
                !failed.contains(&id) && completed == 0
                    && report.skipped_steps.iter().any(|s| s.id == id && s.reason.contains("items were not run")),
            );
            prop_assert_eq!(completed + skipped + usize::from(failed.contains(&id)), 1, "{} in {:?}", id, report);
        }
        prop_assert_eq!(report.partial, !report.errors.is_empty());
        let most = if mode == "sequential" { 1 } else { 16 };
        prop_assert!(host.most_in_flight() <= most);
        // Nobody is called before whom they wait for.
        let calls = host.calls();
        let place = |id: &str, last: bool| {
            let of = |(_, args): &(String, Value)| args["id"] == id;
            if last { calls.iter().rposition(of) } else { calls.iter().position(of) }
        };
        for (at, step) in steps.iter().enumerate() {
            for other in step.depends_on.iter().chain(&step.refers_to) {
                if let (Some(begin), Some(end)) = (place(&format!("s{at}"), false), place(&format!("s{other}"), true)) {
                    prop_assert!(end < begin, "s{} was called before s{} had ended", at, other);
                }
            }
        }
    }

    #[test]
    fn a_plan_that_is_resumed_makes_no_call_with_an_effect_twice(steps in steps()) {
        let host = host().install();
        let plan = written(&steps, "mixed");
        let first = run(json!({"plan": plan, "id": "x"})).unwrap();
        let second = run(json!({"id": "x", "resume": true})).unwrap();
        // A step that was stopped among its items goes on with those that were not run.
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.tool == "s:ok") {
            let id = format!("s{at}");
            let made = host.calls().iter().filter(|(_, args)| args["id"] == id.as_str()).count();
            prop_assert!(made <= step.for_each.unwrap_or(1), "{} was called {} times: {:?}", id, made, second);
        }
        let ids = |report: &crate::Report| report.completed_steps.iter().map(|step| step.id.clone()).collect::<BTreeSet<_>>();
        // A step that fails anew may stop those that were not looked at again yet.
        if first.errors.is_empty() {
            prop_assert_eq!(ids(&first), ids(&second));
        }
    }
}
