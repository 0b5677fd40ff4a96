//! What the person behind a run is asked: a policy's questions, and whether a call may be made.

use crate::session::{Session, cut};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tollgate_core::budget::Paid;
use tollgate_core::json::unambiguous;
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::text::exact;
use tollgate_core::{Ask, AskError, AskKind, Call, CallError, Candidates, Question, Reply};
use tollgate_journal::Event;

/// The longest question, in bytes.
const MESSAGE_MAX_BYTES: usize = 16 << 10;
/// The longest schema of an answer, in bytes.
const SCHEMA_MAX_BYTES: usize = 64 << 10;
/// The longest arguments that are shown for approval, in characters. What cannot be shown cannot be approved.
const SHOWN_ARGS_MAX_CHARS: usize = 8_000;
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is recorded of an approval: which call it is for, and the digest of what was shown.
struct Approval {
    of: String,
    sha256: String,
}

/// A question that is open. Also one that is dropped ends the wait.
struct Open<'a>(&'a Session);

impl<'a> Open<'a> {
    fn new(session: &'a Session) -> Self {
        session.context.budget.asked(session.gate.clock.monotonic());
        Self(session)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.context.budget.answered(self.0.gate.clock.monotonic());
    }
}

impl Session {
    /// Asks the person behind the run what the component wants to know.
    pub(crate) async fn ask_person(&self, question: Question) -> Result<Reply, AskError> {
        if !self.context.grants.ask() {
            return Err(AskError::Denied(self.no_grant("ask")));
        }
        let paid = self.context.budget.take_question().map_err(AskError::BudgetExhausted)?;
        let schema = checked(&question)?;
        self.put(&paid, &question.message, schema, None).await
    }

    /// Has a person approve the call, if it needs that. What is sent afterwards is what was shown, to the character.
    pub(crate) async fn approved(&self, call: &mut Call, tools: &Candidates) -> Result<(), CallError> {
        let approvals = &self.context.approvals;
        if approvals.is_empty() || !tools.iter().any(|tool| approvals.wanted(&tool.server, &tool.name)) {
            return Ok(());
        }
        let name = format!("{}:{}", call.server, call.tool);
        let denied = |why: String| CallError::Denied(format!("{name} needs a person's approval, and {why}"));
        let args = if call.args.trim().is_empty() { "{}" } else { &call.args };
        let args = unambiguous(args).map_err(|why| denied(format!("its arguments cannot be shown: {why}")))?;
        let meta = call.meta.as_deref().unwrap_or_default();
        if args.chars().count() + meta.chars().count() > SHOWN_ARGS_MAX_CHARS {
            let what = if meta.is_empty() { "its arguments are" } else { "its arguments and `_meta` are" };
            return Err(denied(format!("{what} longer than can be shown ({SHOWN_ARGS_MAX_CHARS} characters)")));
        }
        // Each is a question: nobody is to be worn down by them.
        let paid = self.context.budget.take_question().map_err(CallError::BudgetExhausted)?;
        let servers: Vec<_> = tools.iter().map(|tool| tool.server.as_str()).collect();
        let of = if call.server.starts_with(DOMAIN_PREFIX) {
            format!(" (of {})", servers.join(", or "))
        } else {
            String::new()
        };
        let digest = digest(call, &servers, &args, meta);
        let and_meta = if meta.is_empty() { String::new() } else { format!("\nand this `_meta`:\n{meta}") };
        let message = exact(&format!(
            "`{who}` wants to call {name}{of} with these arguments:\n{args}{and_meta}\n(sha256 {short}…) May it?",
            who = self.context.name,
            short = digest.get(..16).unwrap_or_default(),
        ));
        let approval = Approval { of: format!("approval of {name}{of}"), sha256: digest };
        call.args = args;
        let schema = json!({"type": "object", "properties": {}});
        match self.put(&paid, &message, schema, Some(approval)).await {
            Ok(Reply::Accepted(_)) => Ok(()),
            Ok(Reply::Declined) => Err(denied("it was declined".to_owned())),
            Ok(Reply::Dismissed) => Err(denied("the question was closed without an answer".to_owned())),
            Err(AskError::Cancelled) => Err(CallError::Cancelled),
            Err(error) => Err(denied(error.to_string())),
        }
    }

    /// Puts a question, and records it and its answer.
    async fn put(
        &self,
        paid: &Paid,
        message: &str,
        schema: Value,
        approval: Option<Approval>,
    ) -> Result<Reply, AskError> {
        let question = self.next_question.fetch_add(1, Ordering::Relaxed);
        let is_approval = approval.is_some();
        let asked = match approval {
            Some(Approval { of, sha256 }) => Event::Asked { question, approves: Some(sha256), message: cut(&of) },
            None => Event::Asked { question, approves: None, message: cut(message) },
        };
        let appended = self.record(paid, asked).await;
        appended.map_err(|error| AskError::Unavailable(format!("nothing was asked, because {error}")))?;
        let reply = self.answer(message, schema, is_approval).await;
        let word = match &reply {
            Ok(Reply::Accepted(_)) => "accepted",
            Ok(Reply::Declined) => "declined",
            Ok(Reply::Dismissed) => "dismissed",
            Err(error) => error.code(),
        };
        self.note(paid, Event::Answered { question, reply: word });
        reply
    }

    async fn answer(&self, message: &str, schema: Value, is_approval: bool) -> Result<Reply, AskError> {
        let Some(client) = &self.context.client else {
            return Err(AskError::Unavailable("no agent and no terminal stands behind this run".to_owned()));
        };
        let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
        let ask = Ask {
            server: self.context.name.to_string(),
            key: None,
            kind: AskKind::Elicitation,
            params: params.to_string(),
        };
        let _open = Open::new(self);
        let answered = tokio::select! {
            biased;
            answered = client.ask(ask) => answered,
            () = self.gate.clock.sleep(PATIENCE) => {
                return Err(AskError::Unavailable("nobody answered within 10 minutes".to_owned()));
            }
        };
        let answered = answered.map_err(|error| {
            // Why a call was denied stands in the journal, and a client's words do not.
            let refused = || format!("the client refuses to ask (JSON-RPC {})", error.code);
            AskError::Unavailable(if is_approval { refused() } else { cut(&error.message) })
        })?;
        let answered: Value = serde_json::from_str(&answered).unwrap_or_default();
        match answered.get("action").and_then(Value::as_str) {
            Some("accept") => {
                let content = answered.get("content").filter(|c| !c.is_null()).cloned().unwrap_or_else(|| json!({}));
                match jsonschema::draft202012::new(&schema)
                    .map(|check| check.validate(&content).map_err(|e| e.to_string()))
                {
                    Ok(Ok(())) => Ok(Reply::Accepted(content.to_string())),
                    Ok(Err(_)) if is_approval => {
                        Err(AskError::Unavailable("the answer is not an empty object".to_owned()))
                    }
                    Ok(Err(why)) => {
                        Err(AskError::Unavailable(format!("the answer does not follow the schema: {}", cut(&why))))
                    }
                    Err(error) => Err(AskError::InvalidQuestion(cut(&error.to_string()))),
                }
            }
            Some("decline") => Ok(Reply::Declined),
            Some("cancel") => Ok(Reply::Dismissed),
            _ => Err(AskError::Unavailable("the client's answer is none of accept, decline and cancel".to_owned())),
        }
    }
}

/// The question's schema, if it can be asked: an object of plain members, which is what clients can show as a form.
fn checked(question: &Question) -> Result<Value, AskError> {
    let invalid = |why: &str| Err(AskError::InvalidQuestion(why.to_owned()));
    if question.message.trim().is_empty() {
        return invalid("it has no message");
    }
    if question.message.len() > MESSAGE_MAX_BYTES {
        return invalid("its message is over 16 KiB");
    }
    if question.schema.trim().is_empty() {
        return Ok(json!({"type": "object", "properties": {}}));
    }
    if question.schema.len() > SCHEMA_MAX_BYTES {
        return invalid("its schema is over 64 KiB");
    }
    if let Err(error) = tollgate_core::json::check(&question.schema) {
        return invalid(&format!("its schema is not JSON: {error}"));
    }
    let schema: Value = serde_json::from_str(&question.schema).unwrap_or_default();
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return invalid("its schema is not that of an object (`\"type\": \"object\"`)");
    }
    // What an answer is held against must end soon, whatever the answer.
    if let Some(word) = forbidden(&schema) {
        return invalid(&format!("its schema has `{word}`, which a form cannot ask for"));
    }
    for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let plain = match member.get("type").and_then(Value::as_str) {
            Some("string" | "number" | "integer" | "boolean") => true,
            // A choice of several: MCP's multi-select.
            Some("array") => member.pointer("/items/enum").is_some() || member.pointer("/items/anyOf").is_some(),
            _ => member.get("enum").is_some() || member.get("oneOf").is_some(),
        };
        if !plain {
            return invalid(&format!(
                "the member `{name}` of its schema is no string, number, integer, boolean or choice"
            ));
        }
    }
    let mut schema = schema;
    if let Value::Object(members) = &mut schema {
        members.entry("properties").or_insert_with(|| json!({}));
    }
    Ok(schema)
}

/// A word of JSON Schema that makes an answer's check long, or means what no form shows.
fn forbidden(schema: &Value) -> Option<&'static str> {
    const WORDS: [&str; 9] =
        ["$ref", "$dynamicRef", "pattern", "patternProperties", "allOf", "not", "if", "contains", "propertyNames"];
    match schema {
        Value::Object(members) => members.iter().find_map(|(key, member)| match (key.as_str(), member) {
            // Names of members, which may be any word.
            ("properties", Value::Object(properties)) => properties.values().find_map(forbidden),
            // What is no schema.
            ("default" | "enum" | "const" | "enumNames", _) => None,
            _ => WORDS.into_iter().find(|word| word == key).or_else(|| forbidden(member)),
        }),
        Value::Array(items) => items.iter().find_map(forbidden),
        _ => None,
    }
}

/// What an approval is bound to: this tool of these servers with these arguments and this `_meta`, and no other.
fn digest(call: &Call, servers: &[&str], args: &str, meta: &str) -> String {
    let mut sha = Sha256::new();
    for part in [&*call.server, &*call.tool, args, meta].into_iter().chain(servers.iter().copied()) {
        // Lengths keep the parts apart.
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    hex::encode(sha.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_that_no_form_can_ask_are_refused() {
        let ask = |message: &str, schema: &str| checked(&Question { message: message.into(), schema: schema.into() });
        assert!(ask("Really?", "").is_ok());
        assert!(ask("Which?", r#"{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]}}}"#).is_ok());
        // Words of JSON Schema as names of members.
        assert!(
            ask("Which?", r#"{"type":"object","properties":{"pattern":{"type":"string"},"not":{"type":"boolean"}}}"#)
                .is_ok()
        );
        for (message, schema) in [
            (" ", ""),
            ("x", "nonsense"),
            ("x", "[]"),
            ("x", r#"{"type":"array"}"#),
            ("x", r#"{"type":"object","properties":{"a":{"type":"string","pattern":"(a+)+b"}}}"#),
            ("x", r##"{"type":"object","properties":{"a":{"type":"string","$ref":"#"}}}"##),
            ("x", r#"{"type":"object","properties":{"a":{"type":"object"}}}"#),
            ("x", r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}}}}"#),
        ] {
            assert!(matches!(ask(message, schema), Err(AskError::InvalidQuestion(_))), "{message} {schema}");
        }
        assert!(ask(&"x".repeat(MESSAGE_MAX_BYTES + 1), "").is_err());
    }

    #[test]
    fn another_tool_or_argument_is_another_digest() {
        let with_meta = |server: &str, tool: &str, args: &str, meta: &str| {
            digest(&Call { server: server.into(), tool: tool.into(), args: args.into(), meta: None }, &[], args, meta)
        };
        let call = |server: &str, tool: &str, args: &str| with_meta(server, tool, args, "");
        assert_ne!(call("ab", "c", "{}"), with_meta("ab", "c", "{}", r#"{"a":1}"#));
        let one = call("ab", "c", "{}");
        assert_ne!(one, call("a", "bc", "{}"));
        assert_ne!(one, call("ab", "c", "{ }"));
        assert_eq!(one, call("ab", "c", "{}"));
    }
}
