//! Whole plans over a fake host.

use tollgate_sdk::Limit;
use tollgate_sdk::model::ModelError;
use tollgate_sdk::prelude::*;
use tollgate_sdk::servers::{Server, Tool};
use tollgate_sdk::testing::{FakeHost, block_on};

use crate::Input;
use crate::report::Report;

fn tool(name: &str, schema: Value) -> Tool {
    let (server, name) = name.split_once(':').unwrap();
    Tool::new(server, name, schema)
}

/// Two servers: `github` reads, `jira:create_issue` has an effect.
fn host() -> FakeHost {
    let object = json!({"type": "object"});
    let read = json!({"readOnlyHint": true});
    let create = json!({
        "type": "object",
        "properties": {"summary": {"type": "string"}, "project": {"type": "string"}},
        "required": ["project", "summary"],
        "additionalProperties": false,
    });
    FakeHost::new()
        .tool(tool("github:list_issues", object.clone()).annotated(read.clone()))
        .tool(tool("github:get_issue", object.clone()).annotated(read.clone()))
        .tool(tool("jira:search_issues", object).annotated(read))
        .tool(tool("jira:create_issue", create).described("Creates an issue."))
        .answer("github:list_issues", json!([{"number": 1, "title": "A"}, {"number": 2, "title": "B"}]))
        .with("github:get_issue", |args| Ok(ToolResult::from_text(format!("issue {}", args["n"]))))
        .with("jira:search_issues", |args| {
            let found = if args["q"] == "#1" { json!({"total": 1}) } else { json!({"total": 0}) };
            Ok(ToolResult::from_text(found.to_string()))
        })
        .with("jira:create_issue", |args| {
            Ok(ToolResult::from_text(format!("made {}", args["summary"].as_str().unwrap())))
        })
}

fn plan(input: Value) -> Result<Report> {
    let input: Input = serde_json::from_value(input).unwrap();
    block_on(crate::planned(input))
}

fn names(host: &FakeHost) -> Vec<String> {
    host.calls().into_iter().map(|(name, _)| name).collect()
}

fn code(error: Error) -> (String, String) {
    let shown = format!("{error:?}");
    (error.to_string(), shown)
}

fn step(id: &str, tool: &str, arguments: Value) -> Value {
    json!({"id": id, "tool": tool, "arguments": arguments})
}

fn with(mut step: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        step[key] = value.clone();
    }
    step
}

fn sync() -> Value {
    json!({"steps": [
        step("issues", "github:list_issues", json!({"labels": ["bug"]})),
        with(step("known", "jira:search_issues", json!({"q": "#${item.number}"})), json!({"for_each": "steps.issues.result"})),
        with(
            step("create", "jira:create_issue", json!({"project": "API", "summary": "#${item.number} ${item.title}"})),
            json!({"for_each": "steps.known.items[?result.total==`0`].item"}),
        ),
    ]})
}

#[test]
fn issues_that_are_not_known_are_created() {
    let host = host().install();
    let report = plan(json!({"plan": sync()})).unwrap();
    assert!(!report.partial, "{report:?}");
    assert_eq!(report.output, json!(["made #2 B"]));
    assert_eq!(
        report.completed_steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(),
        ["issues", "known", "create"]
    );
    assert_eq!(host.calls().last().unwrap().1, json!({"project": "API", "summary": "#2 B"}));
    assert_eq!(host.most_in_flight(), 2);
    assert_eq!(host.progress().len(), 3);
    assert!(host.state().is_empty());
}

#[test]
fn independent_steps_run_at_once_and_others_wait() {
    let steps = json!([
        step("a", "github:get_issue", json!({"n": 1})),
        step("b", "github:get_issue", json!({"n": 2})),
        step("c", "github:get_issue", json!({"n": "${steps.a.result} and ${steps.b.result}"})),
    ]);
    for (mode, at_once) in [("mixed", 2), ("sequential", 1)] {
        let host = host().install();
        let report = plan(json!({"plan": {"steps": steps, "mode": mode}})).unwrap();
        assert_eq!(report.output, json!("issue \"issue 1 and issue 2\""));
        assert_eq!(host.most_in_flight(), at_once, "{mode}");
    }
    // In mode parallel nothing waits but for `depends_on`.
    let host = host().install();
    let error = plan(json!({"plan": {"steps": steps, "mode": "parallel"}})).unwrap_err();
    assert!(error.to_string().contains("does not depend on it"), "{error}");
    let mut steps = steps;
    steps[2]["depends_on"] = json!(["a", "b"]);
    assert!(!plan(json!({"plan": {"steps": steps, "mode": "parallel"}})).unwrap().partial);
    assert_eq!(host.most_in_flight(), 2);
}

#[test]
fn a_list_is_worked_on_so_many_items_at_once() {
    let issues: Vec<_> = (0..100).map(|n| json!({"number": n})).collect();
    for (concurrency, most) in [(json!(3), 3), (Value::Null, 8), (json!(32), 16)] {
        let host = host().answer("github:list_issues", &issues).install();
        let get = step("get", "github:get_issue", json!({"n": {"$ref": "#/item/number"}, "i": {"$jmespath": "index"}}));
        let get = with(get, json!({"for_each": "steps.list.result", "concurrency": concurrency}));
        let report = plan(json!({"plan": {"steps": [step("list", "github:list_issues", json!({})), get]}})).unwrap();
        assert_eq!(report.output.as_array().unwrap().len(), 100);
        assert_eq!(report.output[99], "issue 99");
        assert_eq!((host.most_in_flight(), report.completed_steps[1].attempts), (most, 1));
    }
}

#[test]
fn everything_that_is_wrong_is_told_before_the_first_call() {
    let host = host().install();
    let error = plan(json!({"plan": {"mode": "fast", "retries": 3, "steps": [
        step("a", "github:list_issue", json!({"x": {"$ref": "#/steps/b/result"}})),
        step("b", "jira:create_issue", json!({"sumary": "x", "project": 7})),
        step("b", "github:get_issue", json!({"n": "${steps.nobody.result}", "m": {"$jmespath": "a.["}})),
        with(step("c", "github:get_issue", json!({"n": "${item.x}"})), json!({"depends_on": ["d"], "condition": "known"})),
        with(step("d", "github:get_issue", json!({"n": "${steps.c.result}"})), json!({"on_error": "retry"})),
        with(step("e", "github:get_issue", json!({})), json!({"for_each": 5})),
        step("1", "github:get_issue", json!([1])),
    ]}}))
    .unwrap_err();
    let (text, shown) = code(error);
    for fault in [
        "/mode: unknown variant `fast`",
        "/retries: a plan has no member `retries`",
        "step `a` (/steps/0/tool): there is no tool `github:list_issue` that this run may call; near it: github:list_issues",
        "jira:create_issue: \"summary\" is a required property",
        "/steps/1/arguments): jira:create_issue: Additional properties are not allowed ('sumary' was unexpected)",
        "step `b` (/steps/1/arguments/project): jira:create_issue: 7 is not of type \"string\"",
        "steps 1 and 2 are both called `b`",
        "there is no step `nobody`",
        "/steps/2/arguments/m): `a.[` is no JMESPath expression",
        "`item` is only there in a step with `for_each`",
        "there is no `known` here",
        "step `d` (/steps/4): unknown variant `retry`",
        "/steps/5/for_each): it is a list",
        "an id is letters",
        "arguments are an object",
    ] {
        assert!(text.contains(fault), "{fault}\nnot in\n{text}");
    }
    assert!(shown.contains("invalid-plan"));
    assert!(host.calls().is_empty());
}

#[test]
fn steps_that_wait_for_each_other_are_named() {
    let _host = host().install();
    let error = plan(json!({"plan": {"steps": [
        step("free", "github:list_issues", json!({})),
        step("a", "github:get_issue", json!({"n": "${steps.c.result} ${steps.free.result}"})),
        step("b", "github:get_issue", json!({"n": "${steps.a.result}"})),
        with(step("c", "github:get_issue", json!({})), json!({"depends_on": ["b"]})),
    ]}}))
    .unwrap_err();
    assert!(error.to_string().contains("these steps wait for each other: a → c → b → a"), "{error}");
    let alone = json!({"steps": [step("a", "github:get_issue", json!({"n": "${steps.a.result}"}))]});
    assert!(plan(json!({"plan": alone})).unwrap_err().to_string().contains("a → a"));
    let later = json!({"mode": "sequential", "steps": [
        step("a", "github:get_issue", json!({"n": "${steps.b.result}"})), step("b", "github:get_issue", json!({})),
    ]});
    assert!(plan(json!({"plan": later})).unwrap_err().to_string().contains("`b`, which does not come before it"));
}

#[test]
fn plans_that_are_no_plans_are_refused() {
    let _host = host().install();
    let many: Vec<_> = (0..201).map(|n| step(&format!("s{n}"), "github:get_issue", json!({}))).collect();
    for (given, expected) in [
        (json!({"plan": []}), "a plan is an object"),
        (json!({"plan": {"steps": []}}), "at least one step"),
        (json!({"plan": {"steps": many}}), "at most 200 steps, not 201"),
        (json!({"plan": {"steps": [1]}}), "/steps/0"),
        (json!({}), "either a `plan` or a `goal`"),
        (json!({"plan": sync(), "goal": "x"}), "either a `plan` or a `goal`"),
        (json!({"plan": sync(), "id": "a/b"}), "no id"),
        (json!({"plan": sync(), "resume": true}), "the plan's `id`"),
        (json!({"id": "none", "resume": true}), "no plan `none` to resume"),
        (json!({"plan": sync(), "id": "x", "retry": ["a"]}), "goes with `resume`"),
    ] {
        let error = plan(given.clone()).unwrap_err();
        assert!(error.to_string().contains(expected), "{given}: {error}");
    }
}

/// `a` fails; `b` needs it, `c` does not and comes later in time.
fn failing(on_error: &str) -> (Vec<String>, Report) {
    let host =
        host().fail("github:list_issues", CallError::Failed(ToolResult::from_text("no such repository"))).install();
    let report = plan(json!({"plan": {"steps": [
        with(step("a", "github:list_issues", json!({})), json!({"on_error": on_error})),
        step("first", "github:get_issue", json!({"n": 0})),
        step("b", "github:get_issue", json!({"n": {"$jmespath": "steps.a.result"}})),
        step("c", "github:get_issue", json!({"n": {"$jmespath": "steps.first.status"}})),
    ]}}))
    .unwrap();
    (host.calls().into_iter().map(|(_, args)| args["n"].to_string()).collect(), report)
}

#[test]
fn a_failure_stops_the_plan_or_skips_what_needs_it_or_neither() {
    let ids = |report: &Report| report.completed_steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>();
    let (_, stopped) = failing("stop");
    assert!(stopped.partial);
    assert_eq!(ids(&stopped), ["first"]);
    assert_eq!((stopped.errors[0].step.as_str(), stopped.errors[0].kind.as_str()), ("a", "failed"));
    assert!(stopped.errors[0].message.contains("no such repository"));
    assert_eq!(stopped.skipped_steps.len(), 2);
    assert!(stopped.skipped_steps[1].reason.contains("stopped after `a` failed"));

    let (calls, skipped) = failing("skip");
    assert_eq!(ids(&skipped), ["first", "c"]);
    assert_eq!(skipped.skipped_steps[0].reason, "it needs `a`, which failed");
    assert!(skipped.partial && calls.contains(&"\"completed\"".to_owned()));

    let (calls, gone_on) = failing("continue");
    assert_eq!(ids(&gone_on).len(), 3);
    assert!(gone_on.partial && calls.contains(&"null".to_owned()));
}

#[test]
fn a_plan_of_which_no_step_was_done_is_an_error_with_its_report() {
    let _host =
        host().fail("github:list_issues", CallError::Failed(ToolResult::from_text("no such repository"))).install();
    let steps = json!([step("a", "github:list_issues", json!({})), step("b", "github:list_issues", json!({}))]);
    let input = serde_json::from_value(json!({"plan": {"steps": steps}})).unwrap();
    let (message, shown) = code(block_on(crate::planner(input)).unwrap_err());
    assert!(
        message.contains("no step of the plan was done: `a`: ") && message.contains("no such repository"),
        "{message}"
    );
    assert!(shown.contains("plan-failed") && shown.contains("skipped_steps"), "{shown}");
}

#[test]
fn a_condition_skips_a_step_and_those_that_need_it_unless_they_have_one() {
    let host = host().install();
    let report = plan(json!({"input": {"go": false}, "plan": {"steps": [
        with(step("a", "github:get_issue", json!({"n": 1})), json!({"condition": "${input.go}"})),
        step("b", "github:get_issue", json!({"n": {"$ref": "#/steps/a/result"}})),
        with(step("c", "github:get_issue", json!({"n": {"$jmespath": "steps.a.result || 'other'"}})),
            json!({"when": "steps.a.status == 'skipped'"})),
    ]}}))
    .unwrap();
    assert!(!report.partial, "a condition is no failure");
    assert_eq!(host.calls().len(), 1);
    assert_eq!(report.output, "issue \"other\"");
    let reasons: Vec<_> = report.skipped_steps.iter().map(|step| step.reason.as_str()).collect();
    assert_eq!(reasons, ["its condition does not hold", "it needs `a`, which was skipped"]);
}

#[test]
fn what_is_no_list_and_what_leads_nowhere_are_errors_of_their_steps() {
    let _host = host().install();
    let report = plan(json!({"plan": {"steps": [
        with(step("a", "github:get_issue", json!({})), json!({"on_error": "skip"})),
        with(step("b", "github:get_issue", json!({})), json!({"for_each": "steps.a.result", "on_error": "skip"})),
        with(step("c", "github:get_issue", json!({"n": {"$ref": "#/steps/a/result/x"}})), json!({"on_error": "skip"})),
        with(step("d", "github:get_issue", json!({})), json!({"condition": "length(`1`)", "on_error": "skip"})),
    ]}}))
    .unwrap();
    let mut errors: Vec<_> = report.errors.iter().map(|error| (error.step.as_str(), error.kind.as_str())).collect();
    errors.sort_unstable();
    assert_eq!(errors, [("b", "for-each"), ("c", "reference"), ("d", "condition")], "{report:?}");
}

#[test]
fn an_item_that_fails_leaves_a_gap_and_the_others_are_told() {
    for (on_error, done) in [("stop", 1), ("continue", 3)] {
        let host = host().with("github:get_issue", |args| match args["n"].as_u64() {
            Some(2) => Err(CallError::TimedOut("30 s".into())),
            _ => Ok(ToolResult::from_text("ok")),
        });
        let _host = host.install();
        let get = step("get", "github:get_issue", json!({"n": "${item}"}));
        let get = with(get, json!({"for_each": [1, 2, 3, 4], "on_error": on_error, "concurrency": 1}));
        let report = plan(json!({"plan": {"steps": [get]}})).unwrap();
        assert!(report.partial);
        assert_eq!((report.errors[0].index, report.errors[0].kind.as_str()), (Some(1), "timed-out"));
        let step = &report.completed_steps[0];
        assert_eq!(step.status, "partial");
        assert_eq!(step.result.as_array().unwrap().iter().filter(|result| !result.is_null()).count(), done);
        assert_eq!(report.skipped_steps.len(), usize::from(on_error == "stop"));
    }
}

#[test]
fn a_used_up_budget_ends_the_plan_whatever_its_steps_say() {
    let limit = Limit { name: "calls".into(), value: 1, message: "raise --calls".into() };
    let host = host().fail("github:get_issue", CallError::BudgetExhausted(Box::new(limit))).install();
    let get = with(
        step("get", "github:get_issue", json!({})),
        json!({"for_each": (0..500).collect::<Vec<_>>(), "on_error": "continue"}),
    );
    let report = plan(json!({"plan": {"steps": [get]}})).unwrap();
    assert!(report.partial && host.calls().len() < 20, "{}", host.calls().len());
}

#[test]
fn a_resumed_plan_repeats_nothing_that_was_done() {
    let host = host().fail("jira:create_issue", CallError::Unavailable("down".into())).install();
    let first = plan(json!({"plan": sync(), "id": "s-1"})).unwrap();
    assert!(first.partial);
    assert_eq!(first.id.as_deref(), Some("s-1"));
    // The call had no effect, so nothing says that it was begun.
    assert!(!host.state().contains_key("plan/s-1/create/0"), "{:?}", host.state());
    assert!(plan(json!({"plan": sync(), "id": "s-1"})).unwrap_err().to_string().contains("was begun before"));

    let host = host.answer("jira:create_issue", "made").install();
    let before = host.calls().len();
    let second = plan(json!({"id": "s-1", "resume": true})).unwrap();
    assert!(!second.partial);
    assert_eq!(names(&host)[before..], ["jira:create_issue"]);
    let resumed: Vec<_> = second.completed_steps.iter().map(|step| (step.resumed, step.attempts)).collect();
    assert_eq!(resumed, [(true, 0), (true, 0), (false, 1)]);
    assert_eq!(second.plan, Some(sync()));

    // Once more: all is done.
    let third = plan(json!({"id": "s-1", "resume": true, "plan": sync(), "forget": true})).unwrap();
    assert_eq!(third.output, json!(["made"]));
    assert_eq!(host.calls().len(), before + 1);
    assert!(host.state().is_empty(), "{:?}", host.state());
}

#[test]
fn a_changed_plan_or_input_is_not_resumed() {
    let _host = host().install();
    plan(json!({"plan": sync(), "input": {"a": 1}, "id": "x"})).unwrap();
    let mut changed = sync();
    changed["steps"][0]["arguments"]["labels"] = json!(["feature"]);
    for (given, what) in
        [(json!({"plan": changed}), "the plan is not"), (json!({"input": {"a": 2}}), "the input is not")]
    {
        let error = plan(with(given, json!({"id": "x", "resume": true}))).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_call_whose_end_is_not_known_is_made_again_only_by_request() {
    let one = json!({"steps": [step("create", "jira:create_issue", json!({"project": "API", "summary": "S"}))]});
    let host = host().fail("jira:create_issue", CallError::OutcomeUnknown("connection reset".into())).install();
    plan(json!({"plan": one, "id": "x"})).unwrap();
    assert!(host.state()["plan/x/create"].get("begun").is_some(), "{:?}", host.state());

    let host = host.answer("jira:create_issue", "made").install();
    let refused = plan(json!({"id": "x", "resume": true})).unwrap();
    assert_eq!(host.calls().len(), 1, "it was not called again");
    assert_eq!(refused.errors[0].kind, "outcome-unknown");
    assert!(refused.errors[0].message.contains(r#""retry": ["create"]"#), "{}", refused.errors[0].message);

    let again = plan(json!({"id": "x", "resume": true, "retry": ["create"]})).unwrap();
    assert_eq!((again.partial, again.output), (false, json!("made")));
    assert_eq!(host.state()["plan/x/create"]["done"]["result"], "made");
}

#[test]
fn a_call_that_only_reads_is_made_again_without_request() {
    let one = json!({"steps": [step("get", "github:get_issue", json!({"n": 1}))]});
    let kept = json!({"plan": one, "input": null});
    let host = host().kept("plan/x", kept).kept("plan/x/get", json!({"begun": {"arguments": "?"}})).install();
    assert_eq!(plan(json!({"id": "x", "resume": true})).unwrap().output, "issue 1");
    assert_eq!(host.calls().len(), 1);
}

#[test]
fn a_call_that_was_made_with_other_arguments_is_not_taken_for_done() {
    let two = json!({"steps": [
        with(step("list", "github:list_issues", json!({})), json!({"on_error": "continue"})),
        step("create", "jira:create_issue", json!({"project": "A", "summary": {"$jmespath": "steps.list.result[0].title || 'none'"}})),
    ]});
    let host = host().fail("github:list_issues", CallError::Overloaded).install();
    assert!(plan(json!({"plan": two, "id": "x"})).unwrap().partial);
    let host = host.answer("github:list_issues", json!([{"title": "A"}])).install();
    let resumed = plan(json!({"id": "x", "resume": true})).unwrap();
    assert_eq!((resumed.errors[0].step.as_str(), resumed.errors[0].kind.as_str()), ("create", "arguments-changed"));
    let again = plan(json!({"id": "x", "resume": true, "retry": ["create"]})).unwrap();
    assert_eq!((again.partial, again.output), (false, json!("made A")));
    assert_eq!(names(&host).iter().filter(|name| *name == "jira:create_issue").count(), 2);
}

#[test]
fn without_a_checkpoint_no_call_with_an_effect_is_made() {
    let host = host().install();
    let two = json!({"steps": [
        step("get", "github:get_issue", json!({"n": 1})),
        with(step("create", "jira:create_issue", json!({"project": "A", "summary": "S"})), json!({"depends_on": ["get"]})),
    ]});
    // The plan's beginning can be kept, and then nothing more.
    let full = host.clone();
    let host = host.with("github:get_issue", move |_| {
        full.fill_state();
        Ok(ToolResult::from_text("ok"))
    });
    let report = plan(json!({"plan": two, "id": "x"})).unwrap();
    assert_eq!(names(&host), ["github:get_issue"]);
    assert_eq!(report.errors[0].kind, "state");
    assert!(report.warnings[0].contains("cannot be kept"), "{:?}", report.warnings);
}

#[test]
fn what_is_kept_can_be_forgotten() {
    let host = host().install();
    plan(json!({"plan": sync(), "id": "x"})).unwrap();
    plan(json!({"plan": sync(), "id": "xy"})).unwrap();
    plan(json!({"id": "x", "forget": true})).unwrap();
    assert!(host.state().keys().all(|key| key.starts_with("plan/xy")), "{:?}", host.state());
    assert_eq!(plan(json!({"id": "x", "forget": true})).unwrap().warnings, ["there was no plan `x`"]);
}

#[test]
fn a_dry_run_calls_nothing_and_tells_the_order() {
    let host = host().install();
    let report = plan(json!({"plan": sync(), "id": "x", "dry_run": true})).unwrap();
    assert_eq!(report.output, json!({"valid": true, "groups": [["issues"], ["known"], ["create"]]}));
    assert!(host.calls().is_empty() && host.state().is_empty());
}

#[test]
fn the_output_is_what_the_plan_says() {
    let _host = host().install();
    let mut plan_ = sync();
    plan_["output"] = json!({"made": {"$jmespath": "length(steps.create.result)"}, "of": "${input.repo}"});
    let report = plan(json!({"plan": plan_, "input": {"repo": "a/b"}})).unwrap();
    assert_eq!(report.output, json!({"made": 1, "of": "a/b"}));
}

#[test]
fn a_domain_may_stand_for_a_server() {
    let server = Server { domains: vec!["code".into()], ..Server::new("github") };
    let host = host().server(server).answer("domain:code:get_issue", "found").install();
    let report = plan(json!({"plan": {"steps": [step("a", "domain:code:get_issue", json!({}))]}})).unwrap();
    assert_eq!(report.output, "found");
    assert_eq!(names(&host), ["domain:code:get_issue"]);
    let error = plan(json!({"plan": {"steps": [step("a", "domain:shop:get_issue", json!({}))]}})).unwrap_err();
    assert!(error.to_string().contains("near it: github:get_issue"), "{error}");
}

#[test]
fn a_models_plan_is_mended_once_from_its_faults() {
    let bad = json!({"steps": [step("a", "jira:create_isue", json!({"summary": "x"}))]}).to_string();
    let host = host().says(bad).says(format!("Sorry!\n```json\n{}\n```", sync())).install();
    let report = plan(json!({"goal": "Create what is missing in Jira", "input": {"repo": "a/b"}})).unwrap();
    assert_eq!(report.output, json!(["made #2 B"]));
    assert_eq!(report.plan, Some(sync()));
    let requests = host.requests();
    assert!(requests[0].messages[0].content.contains("jira:create_issue: Creates an issue."));
    assert!(requests[0].messages[1].content.contains("\"repo\": \"a/b\""));
    let told = &requests[1].messages[3].content;
    assert!(told.contains("near it: jira:create_issue"), "{told}");
}

#[test]
fn a_model_that_writes_no_plan_twice_is_an_error_with_its_plan() {
    let host = host().says("I cannot do that.").says(r#"{"steps": []}"#).install();
    let (text, shown) = code(plan(json!({"goal": "x"})).unwrap_err());
    assert!(text.contains("at least one step") && shown.contains("invalid-plan"), "{shown}");
    assert_eq!(host.requests().len(), 2);
    assert!(host.requests()[1].messages[3].content.contains("not JSON"));
    assert!(host.calls().is_empty());
    let _host = host.completes(Err(ModelError::Unavailable("none".into()))).install();
    let (text, shown) = code(plan(json!({"goal": "x"})).unwrap_err());
    assert!(text.contains("no model is available") && shown.contains("\"model\""), "{shown}");
}
