//! The tables of small scripts, `javascript.toml` and `python.toml`: what each gives, or how it fails.

use super::host;
use crate::support::root;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tollgate::{Grants, LimitKind, RunReport, RunRequest, Script, ScriptLanguage};

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    code: String,
    input: Option<String>,
    output: Option<String>,
    stdout: Option<String>,
    stderr: Option<String>,
    error: Option<Failure>,
    grants: Option<Vec<String>>,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
    /// The session's variables before, as JSON text; and after, where it ends well.
    session: Option<String>,
    session_after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    r#type: Option<String>,
    message: Option<String>,
    line: Option<u64>,
    column: Option<u64>,
    kind: Option<String>,
    /// The run's status as a word, or its exit code.
    status: Option<toml::Value>,
}

impl Case {
    fn request(&self, language: ScriptLanguage) -> RunRequest {
        let usual = ["lab:*", "my-server:*", "crm:*"].map(str::to_owned).to_vec();
        let grants = Grants::parse(self.grants.as_ref().unwrap_or(&usual)).unwrap();
        let file = format!("script.{}", language.extension());
        let request = RunRequest::script(Script { language, code: self.code.clone(), file });
        let request = request.grants(grants).input(self.input.as_deref().unwrap_or("null"));
        self.limits.iter().fold(request, |request, (name, value)| {
            let kind = LimitKind::ALL.iter().find(|kind| kind.name() == name).unwrap();
            request.limit(*kind, *value)
        })
    }

    /// What is not as the table says.
    fn wrong(&self, report: &RunReport) -> Vec<String> {
        let whole = serde_json::to_value(report).unwrap();
        let mut wrong = Vec::new();
        let mut hold = |what: &str, is: &Value, should: Value| {
            if *is != should {
                wrong.push(format!("{what} is {is}, not {should}"));
            }
        };
        for (what, should) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if let Some(should) = should {
                hold(what, &whole[what], should.as_str().into());
            }
        }
        let error = &whole["error"];
        let Some(failure) = &self.error else {
            hold("error", error, Value::Null);
            let output = self.output.as_deref().unwrap_or("null");
            hold("output", &whole["output"], serde_json::from_str(output).unwrap());
            return wrong;
        };
        if error.is_null() {
            return vec![format!("it did not fail: {}", whole["output"])];
        }
        for (key, should) in [("line", failure.line), ("column", failure.column)] {
            if let Some(should) = should {
                hold(key, &error[key], should.into());
            }
        }
        if let Some(should) = &failure.r#type {
            hold("type", &error["type"], should.as_str().into());
        }
        if let Some(should) = &failure.kind {
            hold("kind", &error["caused_by"]["kind"], should.as_str().into());
        }
        match &failure.status {
            Some(toml::Value::Integer(code)) if *code != i64::from(report.status.exit_code()) => {
                wrong.push(format!("status is {}, not that of exit code {code}", report.status));
            }
            Some(toml::Value::String(word)) => hold("status", &whole["status"], word.as_str().into()),
            _ => {}
        }
        let message = error["message"].as_str().unwrap_or_default();
        if let Some(part) = failure.message.as_ref().filter(|part| !message.contains(part.as_str())) {
            wrong.push(format!("message is {message:?}, without {part:?}"));
        }
        wrong
    }
}

async fn replay(language: ScriptLanguage, file: &str) {
    let text = std::fs::read_to_string(root().join("tests/scripts").join(file)).unwrap();
    let table: Table = toml::from_str(&text).unwrap();
    let host = host().await;
    let mut failed = Vec::new();
    for (number, case) in table.case.iter().enumerate() {
        let mut request = case.request(language);
        if let Some(session) = &case.session {
            let fill = match language {
                ScriptLanguage::Python => "session.update(input)",
                _ => "Object.assign(session, input); 0",
            };
            let id = format!("case {number}");
            let before = RunRequest::script(Script { language, code: fill.to_owned(), file: "before".to_owned() });
            let before = host.run(before.input(session).session(&id)).await.unwrap();
            assert!(before.error.is_none(), "{}: {}", case.name, before.error.unwrap());
            request = request.session(&id);
        }
        let report = host.run(request).await.unwrap();
        let mut wrong = case.wrong(&report);
        let kept = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        if let Some(after) = &case.session_after
            && report.session.as_deref().map(kept) != Some(kept(after))
        {
            wrong.push(format!("session is {:?}, not {after}", report.session));
        }
        if !wrong.is_empty() {
            failed.push(format!("{}: {}", case.name, wrong.join("; ")));
        }
    }
    let fails = table.case.iter().filter(|case| case.error.is_some()).count();
    println!("{file}: {} cases, {fails} of them fail as they should", table.case.len());
    assert!(table.case.len() >= 80, "{} cases", table.case.len());
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), table.case.len(), failed.join("\n"));
    host.shutdown().await;
}

#[tokio::test]
async fn javascript_does_what_its_table_says() {
    replay(ScriptLanguage::JavaScript, "javascript.toml").await;
}

#[tokio::test]
async fn python_does_what_its_table_says() {
    replay(ScriptLanguage::Python, "python.toml").await;
}
