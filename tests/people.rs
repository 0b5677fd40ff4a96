//! Questions to the people behind runs, and approvals of calls; questions to language models.

use crate::support::{evil_server, shared_cache};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tollgate::model::{Finish, Message, Meter, Role, Usage};
use tollgate::{
    Approvals, Ask, AskKind, BoxFuture, Client, Completion, Event, Grants, Host, HostBuilder, LimitKind, MemoryJournal,
    Model, ModelError, ModelRequest, Notice, RpcError, RunReport, RunRequest, ServerSpec, Status, Transport,
};
use tollgate_core::RunContext;
use tollgate_test_guests as guests;

/// A client that answers every question alike, and remembers what it was asked.
#[derive(Debug)]
struct Person {
    answer: Result<Value, ()>,
    after: Duration,
    asked: Mutex<Vec<Ask>>,
}

impl Person {
    fn new(answer: Value) -> Arc<Self> {
        Arc::new(Self { answer: Ok(answer), after: Duration::ZERO, asked: Mutex::default() })
    }

    fn message(&self) -> String {
        let asked = self.asked.lock();
        let params: Value = serde_json::from_str(&asked[0].params).unwrap();
        params["message"].as_str().unwrap().to_owned()
    }
}

impl Client for Person {
    fn agent(&self) -> &str {
        "person"
    }

    fn capabilities(&self) -> &str {
        r#"{"elicitation":{"form":{}}}"#
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<String, RpcError>> {
        self.asked.lock().push(ask);
        Box::pin(async move {
            tokio::time::sleep(self.after).await;
            let refused = RpcError { code: -32601, message: "this client cannot ask".to_owned(), data: None };
            self.answer.clone().map(|answer| answer.to_string()).map_err(|()| refused)
        })
    }

    fn tell(&self, _: Notice) {}
}

fn builder() -> HostBuilder {
    Host::builder().cache_dir(shared_cache().join("tollgate/components"))
}

fn good() -> ServerSpec {
    let server = evil_server("good", "");
    ServerSpec::new("good", Transport::stdio(server["command"].as_str().unwrap(), ["good", ""]))
}

fn echoes(text: &str) -> RunRequest {
    let calls = json!({"mode": "sequence", "calls": [{"server": "good", "tool": "echo", "args": {"text": text}}]});
    RunRequest::file(guests::POLICY_CALLS).input(calls.to_string()).grants(grants(&["good:*"]))
}

fn asks(input: Value, granted: &[&str]) -> RunRequest {
    RunRequest::file(guests::POLICY_ASKS).input(input.to_string()).grants(grants(granted))
}

fn grants(granted: &[&str]) -> Grants {
    Grants::parse(granted).unwrap()
}

fn output(report: &RunReport) -> Value {
    assert_eq!(report.status, Status::Ok, "{:?}", report.error);
    report.output_as().unwrap()
}

#[tokio::test]
async fn a_call_that_needs_approval_is_shown_and_made_once_it_has_it() {
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().server(good()).journal(journal.clone()).build().await.unwrap();
    let person = Person::new(json!({"action": "accept", "content": {}}));
    let approvals = Approvals::parse(["*:ech?"]).unwrap();
    let request = echoes("delete \u{202e}everything").approvals(approvals).client(person.clone());
    let said = output(&host.run(request).await.unwrap());
    assert!(said[0]["ok"].to_string().contains("everything"), "{said}");
    let message = person.message();
    assert!(message.contains("good:echo") && message.contains("policy_calls"), "{message}");
    assert!(message.contains("everything") && !message.contains('\u{202e}'), "what hides is shown: {message}");
    let asked = journal.entries().into_iter().find_map(|entry| match entry.event {
        Event::Asked { approves, .. } => approves,
        _ => None,
    });
    let digest = asked.expect("the question is in the journal, before the call");
    assert!(message.contains(&digest[..16]), "{message}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_call_that_is_not_approved_is_denied_and_never_sent() {
    let host = builder().server(good()).build().await.unwrap();
    let approvals = || Approvals::parse(["good:*"]).unwrap();
    for (answer, why) in [("decline", "declined"), ("cancel", "closed without an answer"), ("sure", "none of accept")] {
        let person = Person::new(json!({"action": answer}));
        let report = host.run(echoes("x").approvals(approvals()).client(person)).await.unwrap();
        let error = output(&report)[0]["error"].to_string();
        assert!(error.contains("denied") && error.contains(why), "{answer}: {error}");
        assert_eq!(report.calls[0].attempts, 0);
    }
    let report = host.run(echoes("x").approvals(approvals())).await.unwrap();
    let error = output(&report)[0]["error"].to_string();
    assert!(error.contains("nobody can be asked"), "{error}");
    let person = Person::new(json!({"action": "accept", "content": {}}));
    let report = host.run(echoes(&"x".repeat(9_000)).approvals(approvals()).client(person.clone())).await.unwrap();
    assert!(output(&report)[0]["error"].to_string().contains("longer than can be shown"));
    assert!(person.asked.lock().is_empty(), "what cannot be shown is not asked for");
    host.shutdown().await;
}

#[tokio::test]
async fn an_approval_covers_all_that_the_caller_supplied() {
    let server = evil_server("meta", "");
    let spec = ServerSpec::new("meta", Transport::stdio(server["command"].as_str().unwrap(), ["meta", ""]));
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().server(spec).journal(journal.clone()).build().await.unwrap();
    let call = async |meta: Option<&str>| {
        let person = Person::new(json!({"action": "accept", "content": {}}));
        let approvals = Approvals::parse(["meta:*"]).unwrap();
        let behalf = tollgate::Behalf { approvals, client: Some(person.clone()), ..Default::default() };
        let call = tollgate::Call::new("meta:echo".parse().unwrap(), "{}");
        let result = host.call_as(behalf, tollgate::Call { meta: meta.map(str::to_owned), ..call }).await.unwrap();
        let result: Value = serde_json::from_str(&result.json).unwrap();
        (person.message(), result["structuredContent"].clone())
    };
    let supplied = r#"{ "example.com/to": "mallory", "progressToken": "mine", "io.tollgate/run": "mine",
        "io.modelcontextprotocol/clientInfo": "mine", "traceparent": "mine" }"#;
    let (message, seen) = call(Some(supplied)).await;
    assert!(message.contains("`_meta`") && message.contains(r#"{"example.com/to":"mallory"}"#), "{message}");
    assert!(!message.contains("mine"), "what is not sent is not shown: {message}");
    assert_eq!(seen["example.com/to"], "mallory");
    assert!(
        !seen.to_string().contains("mine") && seen["traceparent"].is_string(),
        "the host's own is the host's: {seen}"
    );
    let (other, _) = call(Some(r#"{"example.com/to": "ada"}"#)).await;
    let (none, _) = call(None).await;
    let digest = |message: &str| message.split("(sha256 ").nth(1).unwrap()[..16].to_owned();
    assert!(digest(&message) != digest(&other) && digest(&other) != digest(&none) && !none.contains("_meta"));
    let started = journal.entries().into_iter().filter_map(|entry| match entry.event {
        Event::CallStarted { meta_sha256, .. } => Some(meta_sha256.is_some()),
        _ => None,
    });
    assert_eq!(started.collect::<Vec<_>>(), [true, true, false]);
    let (long, nothing) = ("x".repeat(9_000), Person::new(json!({"action": "accept"})));
    let behalf = tollgate::Behalf {
        approvals: Approvals::parse(["meta:*"]).unwrap(),
        client: Some(nothing.clone()),
        ..Default::default()
    };
    let call = tollgate::Call::new("meta:echo".parse().unwrap(), "{}");
    let meta = Some(json!({"example.com/long": long}).to_string());
    let failure = host.call_as(behalf, tollgate::Call { meta, ..call }).await.unwrap_err();
    assert!(failure.to_string().contains("`_meta` are longer than can be shown"), "{failure}");
    assert!(nothing.asked.lock().is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn a_journal_has_no_words_of_servers_and_clients_and_no_arguments() {
    let server = evil_server("odd-results", "");
    let spec = ServerSpec::new("good", Transport::stdio(server["command"].as_str().unwrap(), ["odd-results", ""]));
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().server(spec).journal(journal.clone()).build().await.unwrap();
    let mut messages = Vec::new();
    for text in ["failed", "error", "number"] {
        messages.extend(host.run(echoes(text)).await.unwrap().calls[0].message.clone());
    }
    let input = json!({"mode": "sequence", "calls": [{"server": "good", "tool": "echo", "args": {"text": 667_788}}]});
    let wrong = RunRequest::file(guests::POLICY_CALLS).input(input.to_string()).grants(grants(&["good:*"]));
    messages.extend(host.run(wrong).await.unwrap().calls[0].message.clone());
    assert!(
        messages[0].contains("no luck") && messages[3].contains("/text: value is not"),
        "the report has them: {messages:?}"
    );
    let approvals = || Approvals::parse(["good:*"]).unwrap();
    let person = Person::new(json!({"action": "decline"}));
    host.run(echoes("a secret argument").approvals(approvals()).client(person)).await.unwrap();
    let cannot = Arc::new(Person { answer: Err(()), after: Duration::ZERO, asked: Mutex::default() });
    let report = host.run(echoes("a secret argument").approvals(approvals()).client(cannot)).await.unwrap();
    assert!(output(&report)[0]["error"].to_string().contains("JSON-RPC -32601"));
    let written =
        journal.entries().iter().map(|entry| serde_json::to_string(entry).unwrap()).collect::<Vec<_>>().join("\n");
    for words in ["no luck", "[2Jno", "667788", "something else than", "secret argument", "this client cannot ask"] {
        assert!(!written.contains(words), "{words}: {written}");
    }
    for kept in [
        "approval of good:echo",
        r#""reply":"declined""#,
        r#""reply":"unavailable""#,
        "it was declined",
        "message_sha256",
    ] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_policy_asks_the_person_and_gets_an_answer_that_follows_its_schema() {
    let host = builder().build().await.unwrap();
    let question = json!({"ask": {"message": "Which colour?", "schema": r#"{"type":"object","properties":{"colour":{"type":"string","enum":["red","blue"]}},"required":["colour"]}"#}});
    for (answer, want) in [
        (json!({"action": "accept", "content": {"colour": "red"}}), json!({"ok": {"accepted": {"colour": "red"}}})),
        (json!({"action": "decline"}), json!({"ok": "declined"})),
        (json!({"action": "cancel"}), json!({"ok": "dismissed"})),
    ] {
        let person = Person::new(answer);
        let said = output(&host.run(asks(question.clone(), &["ask"]).client(person.clone())).await.unwrap());
        assert_eq!(said["ask"], want);
        let asked = person.asked.lock();
        assert_eq!((asked[0].kind, asked[0].server.as_str()), (AskKind::Elicitation, "policy_asks"));
    }
    let wrong = Person::new(json!({"action": "accept", "content": {"colour": "mauve"}}));
    let said = output(&host.run(asks(question.clone(), &["ask"]).client(wrong)).await.unwrap());
    assert!(said["ask"]["error"].to_string().contains("does not follow the schema"), "{said}");
    let ungranted = Person::new(json!({"action": "decline"}));
    let said = output(&host.run(asks(question.clone(), &[]).client(ungranted.clone())).await.unwrap());
    assert!(said["ask"]["error"].to_string().contains("no grant for ask"), "{said}");
    assert!(ungranted.asked.lock().is_empty());
    let said = output(&host.run(asks(question, &["ask"])).await.unwrap());
    assert!(said["ask"]["error"].to_string().contains("Unavailable"), "{said}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_question_that_no_form_can_ask_is_refused_and_the_number_of_questions_is_limited() {
    let host = builder().build().await.unwrap();
    let person = Person::new(json!({"action": "accept", "content": {}}));
    let nested =
        json!({"ask": {"message": "x", "schema": r#"{"type":"object","properties":{"a":{"type":"object"}}}"#}});
    let said = output(&host.run(asks(nested, &["ask"]).client(person.clone())).await.unwrap());
    assert!(said["ask"]["error"].to_string().contains("InvalidQuestion"), "{said}");
    let question = json!({"ask": {"message": "x", "schema": ""}});
    let request = asks(question, &["ask"]).client(person.clone()).limit(LimitKind::Questions, 0);
    let said = output(&host.run(request).await.unwrap());
    assert!(said["ask"]["error"].to_string().contains("questions"), "{said}");
    assert!(person.asked.lock().is_empty());
    host.shutdown().await;
}

#[tokio::test]
async fn the_time_that_a_person_takes_is_not_the_runs() {
    let host = builder().build().await.unwrap();
    let answer = json!({"action": "accept", "content": {}});
    let person = Arc::new(Person { answer: Ok(answer), after: Duration::from_millis(900), asked: Mutex::default() });
    let request = asks(json!({"ask": {"message": "Well?", "schema": ""}}), &["ask"]).client(person);
    let report = host.run(request.limit(LimitKind::Timeout, 500)).await.unwrap();
    assert_eq!(output(&report)["ask"]["ok"]["accepted"], json!({}));
    host.shutdown().await;
}

/// A model that says the same to everything.
struct Parrot(Result<&'static str, ModelError>);

impl Model for Parrot {
    fn complete<'a>(
        &'a self,
        request: ModelRequest,
        _: &'a RunContext,
        _: &'a Meter,
    ) -> BoxFuture<'a, Result<Completion, ModelError>> {
        Box::pin(async move {
            let content = format!("{} {}", self.0.clone()?, request.messages[0].content);
            let message =
                Message { role: Role::Assistant, content, tool_uses: vec![], tool_use_id: None, is_error: false };
            let usage = Usage { input_tokens: 60, output_tokens: 50 };
            Ok(Completion { message, finish: Finish::Stop, model: "parrot-1".to_owned(), usage })
        })
    }
}

#[tokio::test]
async fn a_policy_asks_the_model_that_it_was_granted_and_tokens_are_counted() {
    let journal = Arc::new(MemoryJournal::new(100));
    let host = builder().model(Arc::new(Parrot(Ok("you said")))).journal(journal.clone()).build().await.unwrap();
    let question = || json!({"complete": "hello"});
    let said = output(&host.run(asks(question(), &["model"])).await.unwrap());
    assert_eq!(said["complete"], json!({"ok": "you said hello", "model": "parrot-1", "tokens": 50}));
    let usage = journal.entries().into_iter().find_map(|entry| match entry.event {
        Event::ModelEnded { outcome: "ok", usage, .. } => Some(usage.total()),
        _ => None,
    });
    assert_eq!(usage, Some(110));
    for (granted, limit, want) in [
        (&[][..], None, "no grant for model"),
        (&["model=other-*"], None, ""),
        (&["model"], Some((LimitKind::ModelCalls, 0)), "model_calls"),
    ] {
        let mut request = asks(question(), granted);
        if let Some((kind, value)) = limit {
            request = request.limit(kind, value);
        }
        let said = output(&host.run(request).await.unwrap());
        assert!(said["complete"].to_string().contains(want), "{granted:?}: {said}");
    }
    let named = json!({"complete": "hello", "model": "gpt"});
    let said = output(&host.run(asks(named, &["model=claude-*"])).await.unwrap());
    assert!(said["complete"]["error"].to_string().contains("model=gpt"), "{said}");
    host.shutdown().await;
}

#[tokio::test]
async fn without_a_model_or_with_one_that_fails_a_policy_is_told_why() {
    let host = builder().build().await.unwrap();
    let said = output(&host.run(asks(json!({"complete": "hi"}), &["model"])).await.unwrap());
    assert!(said["complete"]["error"].to_string().contains("Unavailable"), "{said}");
    host.shutdown().await;
    let busy = Parrot(Err(ModelError::RateLimited(Some(1_500))));
    let host = builder().model(Arc::new(busy)).build().await.unwrap();
    let said = output(&host.run(asks(json!({"complete": "hi"}), &["model"])).await.unwrap());
    assert!(said["complete"]["error"].to_string().contains("1500"), "{said}");
    host.shutdown().await;
}
