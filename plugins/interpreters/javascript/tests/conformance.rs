//! The table of tests/scripts/javascript.toml, over a stand-in for the host: its servers answer as the test adapter
//! `adapter_lab` and the demo's `crm` do, as far as the table asks.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fake;

use std::rc::Rc;

use fake::FakeHost;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_javascript::bindings::{CallError, CallFailure};
use tollgate_javascript::engine::Engine;
use tollgate_javascript::run::run;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    code: String,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    session: Option<String>,
    output: Option<String>,
    /// The session that the script leaves, where the case tells.
    session_after: Option<String>,
    stdout: Option<String>,
    stderr: Option<String>,
    error: Option<ExpectedError>,
    #[serde(default)]
    grants: Option<Vec<String>>,
    #[serde(default)]
    limits: Option<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    #[serde(rename = "type")]
    class: Option<String>,
    message: String,
    line: Option<u32>,
    column: Option<u32>,
    kind: Option<String>,
    status: Option<String>,
}

fn json_of(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// What is wrong with a case's outcome; nothing where it is as expected.
fn check(case: &Case) -> Vec<String> {
    let grants = case.grants.clone().unwrap_or_else(|| ["lab:*", "my-server:*", "crm:*"].map(str::to_owned).to_vec());
    let host = Rc::new(FakeHost::new(grants));
    let engine = Engine::new(host.clone()).unwrap();
    let input = json!({
        "code": case.code,
        "file": "script.js",
        "input": json_of(case.input.as_deref()),
        "session": json_of(case.session.as_deref()),
    });
    let ended = futures_executor::block_on(run(&engine, &input.to_string()));
    let mut wrong = Vec::new();
    let mut expect = |what: &str, holds: bool, found: String| {
        if !holds {
            wrong.push(format!("{what}: found {found}"));
        }
    };
    match (&case.error, ended) {
        (None, Ok(ended)) => {
            let ended: Value = serde_json::from_str(&ended).unwrap();
            let output = json_of(case.output.as_deref());
            expect("output", ended["output"] == output, ended["output"].to_string());
            if let Some(after) = &case.session_after {
                expect("session", ended["session"] == json_of(Some(after)), ended["session"].to_string());
            }
        }
        (None, Err(error)) => expect("no error", false, format!("{error:?}")),
        (Some(_), Ok(ended)) => expect("an error", false, ended),
        (Some(expected), Err(error)) => {
            let data = json_of(error.data.as_deref());
            expect("message", error.message.contains(&expected.message), error.message.clone());
            if let Some(class) = &expected.class {
                expect("type", data["type"] == **class, data["type"].to_string());
            }
            if let Some(line) = expected.line {
                expect("line", data["line"] == line, data.to_string());
            }
            if let Some(column) = expected.column {
                expect("column", data["column"] == column, data.to_string());
            }
            let code = match expected.class.as_deref() {
                Some("SyntaxError") => &["syntax-error", "exception"][..],
                _ => &["exception"],
            };
            expect(
                "code",
                error.code.as_deref().is_some_and(|found| code.contains(&found)),
                format!("{:?}", error.code),
            );
            let kind = error.caused_by.as_ref().map(kind);
            if expected.kind.is_some() || expected.status.as_deref() == Some("denied") {
                expect("kind", kind.as_deref() == expected.kind.as_deref(), format!("{kind:?}"));
            }
        }
    }
    let printed = host.printed.borrow();
    if let Some(stdout) = &case.stdout {
        expect("stdout", printed.0 == *stdout, format!("{:?}", printed.0));
    }
    if let Some(stderr) = &case.stderr {
        expect("stderr", printed.1 == *stderr, format!("{:?}", printed.1));
    }
    wrong
}

fn kind(failure: &CallFailure) -> String {
    let name = match failure.error {
        CallError::Denied(_) => "denied",
        CallError::UnknownTool(_) => "unknown-tool",
        CallError::InvalidArguments(_) => "invalid-arguments",
        CallError::Failed(_) => "failed",
        _ => "other",
    };
    name.to_owned()
}

#[test]
fn every_script_of_the_table_ends_as_the_table_says() {
    let table = include_str!("../../../../tests/scripts/javascript.toml");
    let table: Table = toml::from_str(table).unwrap();
    let only = std::env::var("CASE").ok();
    let (mut wrong, mut failing) = (String::new(), 0);
    for case in &table.case {
        // A limit is the host's matter.
        if case.limits.is_some() || only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
            continue;
        }
        failing += usize::from(case.error.is_some());
        for what in check(case) {
            wrong += &format!("{}\n    {what}\n", case.name);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    if only.is_none() {
        assert!(table.case.len() >= 90, "{} cases", table.case.len());
        assert!(failing >= 40, "{failing} cases that fail");
    }
}
