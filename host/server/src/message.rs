//! Messages of clients, as they are read.
//!
//! rmcp reads a message by trying what it might be, each time from a copy of the whole, which costs more than a call's
//! way through the host, and says only that a message is wrong.

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, ErrorData, GetMeta, JsonRpcRequest,
    RequestId, ServerJsonRpcMessage,
};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::{self, Formatter};

/// The most messages in a batch.
const MAX_BATCH: usize = 1_024;

/// What is no message, and may be a request.
pub(crate) struct Misread {
    id: Option<RequestId>,
    error: ErrorData,
}

impl Misread {
    /// One that is JSON-RPC, and wrong. `why` goes on from "it".
    fn invalid(id: Option<RequestId>, why: &str) -> Self {
        let error = ErrorData::invalid_request(format!("this is not a message of MCP: {why}"), None);
        Self { id, error }
    }

    /// One that nobody would answer if it came as a line; a request of HTTP is always answered.
    pub(crate) fn unknown() -> Self {
        Self::invalid(None, "it is no JSON, or a notification that does not fit")
    }

    pub(crate) fn answer(self) -> ServerJsonRpcMessage {
        ServerJsonRpcMessage::error(self.error, self.id)
    }
}

/// Reads a message. Of what is none: what is wrong, if it is to be answered.
pub(crate) fn read(text: &[u8]) -> Result<ClientJsonRpcMessage, Option<Misread>> {
    match read_call(text) {
        Some(call) => Ok(ClientJsonRpcMessage::Request(call)),
        None => serde_json::from_slice(text).or_else(|_| misread(text)),
    }
}

/// The messages of a batch (JSON-RPC 2.0, section 6; MCP 2025-03-26 has them).
pub(crate) fn read_batch(text: &[u8]) -> Option<VecDeque<Box<str>>> {
    struct Messages;
    impl<'de> Visitor<'de> for Messages {
        type Value = VecDeque<Box<str>>;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            write!(f, "a batch of at most {MAX_BATCH} messages")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut batch: A) -> Result<Self::Value, A::Error> {
            let mut messages = VecDeque::new();
            while let Some(message) = batch.next_element::<&RawValue>()? {
                if messages.len() >= MAX_BATCH {
                    return Err(serde::de::Error::invalid_length(messages.len(), &self));
                }
                messages.push_back(message.get().into());
            }
            Ok(messages)
        }
    }
    if !text.starts_with(b"[") {
        return None;
    }
    let mut read = serde_json::Deserializer::from_slice(text);
    read.deserialize_seq(Messages).ok().filter(|messages| !messages.is_empty() && read.end().is_ok())
}

/// What makes a message one, however wrong the rest of it is.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// What is there, `null` too.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

/// What is wrong with what rmcp reads as no message.
fn misread(text: &[u8]) -> Result<ClientJsonRpcMessage, Option<Misread>> {
    let invalid = |id, why: &str| Err(Some(Misread::invalid(id, why)));
    // Neither what is no UTF-8 nor how deep it nests is looked at.
    let lossy = String::from_utf8_lossy(text);
    if serde_json::from_str::<IgnoredAny>(&lossy).is_err() {
        // What is no JSON is not answered, as by other hosts: two programs could tell each other so for ever.
        return Err(None);
    }
    match lossy.trim_start().as_bytes().first() {
        Some(b'{') => {}
        Some(b'[') => {
            let why = format!("it is no batch of 1 to {MAX_BATCH} messages, or batches are not taken here");
            return invalid(None, &why);
        }
        _ => return invalid(None, "it is not an object"),
    }
    let Ok(message) = serde_json::from_str::<Envelope<'_>>(&lossy) else {
        return invalid(None, "a member of it comes twice");
    };
    let id = message.id.and_then(|id| serde_json::from_str::<RequestId>(id.get()).ok());
    let is_answer = message.result.is_some() || message.error.is_some();
    let Some(method) = message.method else {
        return match id {
            // Whoever asked learns that there is no answer. An error, to the client, would be one about a request of its own.
            Some(id) if is_answer => {
                let error = ErrorData::internal_error("the client's answer is none of MCP's", None);
                Ok(ClientJsonRpcMessage::error(error, Some(id)))
            }
            _ if is_answer => Err(None),
            id => invalid(id, "it has no `method`, and no `result` or `error` with an `id`"),
        };
    };
    if message.id.is_none() {
        // A notice that nobody knows.
        return Err(None);
    }
    if message.jsonrpc.is_none_or(|version| version.get() != r#""2.0""#) {
        return invalid(id, "its `jsonrpc` is not \"2.0\"");
    }
    if id.is_none() {
        return invalid(id, "its `id` is neither a string nor a whole number of 64 bits");
    }
    if !method.get().starts_with('"') {
        return invalid(id, "its `method` is not a string");
    }
    if is_answer {
        return invalid(id, "it is a request and an answer at once");
    }
    // Half a surrogate, a number without end, too deep, no UTF-8.
    if let Err(error) = serde_json::from_slice::<Value>(text) {
        let error = ErrorData::parse_error(format!("the message cannot be read: {error}"), None);
        return Err(Some(Misread { id, error }));
    }
    let params = message.params.map_or(Ok(Value::Null), |params| serde_json::from_str(params.get()));
    match params {
        Ok(Value::Object(params)) if params.get("_meta").is_none_or(Value::is_object) => {
            invalid(id, "a member of its `params` comes twice")
        }
        Ok(Value::Object(_)) => invalid(id, "the `_meta` of its `params` is not an object"),
        _ => invalid(id, "its `params` are not an object"),
    }
}

/// Reads what nearly every message is. `None` for all else.
fn read_call(text: &[u8]) -> Option<JsonRpcRequest<ClientRequest>> {
    // serde would read an array as well.
    if !text.starts_with(b"{") {
        return None;
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request<'a> {
        #[serde(borrow)]
        jsonrpc: Cow<'a, str>,
        id: RequestId,
        #[serde(borrow)]
        method: Cow<'a, str>,
        #[serde(borrow)]
        params: &'a RawValue,
    }
    let Request { jsonrpc, id, method, params } = serde_json::from_slice(text).ok()?;
    if jsonrpc != "2.0" || method != "tools/call" {
        return None;
    }
    let mut params: CallToolRequestParams = serde_json::from_str(params.get()).ok()?;
    let meta = params.meta.take();
    let mut request = ClientRequest::from(CallToolRequest::new(params));
    if let Some(meta) = meta {
        *request.get_meta_mut() = meta;
    }
    Some(JsonRpcRequest::new(id, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How rmcp reads it.
    fn as_rmcp(line: &str) -> Option<JsonRpcRequest<ClientRequest>> {
        match serde_json::from_str(line).ok()? {
            ClientJsonRpcMessage::Request(request) => Some(request),
            _ => None,
        }
    }

    #[test]
    fn calls_are_read_as_rmcp_reads_them() {
        let calls = [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"e__echo","arguments":{"a":[1,{"b":null}]}}}"#,
            r#"{"method":"tools/call","params":{"name":"e\"","_meta":{"progressToken":"x","k":{}}},"jsonrpc":"2.0","id":"1"}"#,
            r#"{"jsonrpc":"2.0","id":-1,"method":"tools\/call","params":{"name":"","arguments":null,"more":1}}"#,
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x","requestState":"s","inputResponses":{}}}"#,
        ];
        for call in calls {
            let (ours, theirs) = (read_call(call.as_bytes()).expect(call), as_rmcp(call).expect(call));
            assert_eq!(ours.id, theirs.id, "{call}");
            assert_eq!(ours.request.get_meta(), theirs.request.get_meta(), "{call}");
            match (ours.request, theirs.request) {
                (ClientRequest::CallToolRequest(ours), ClientRequest::CallToolRequest(theirs)) => {
                    assert_eq!(ours.params, theirs.params, "{call}");
                }
                other => panic!("{call}: {other:?}"),
            }
        }
        let others = [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"x"}}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"},"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":[]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"["2.0",1,"tools/call",{"name":"x"}]"#,
        ];
        for other in others {
            assert!(read_call(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_no_message_is_answered_with_what_is_wrong() {
        let said = |line: &[u8]| match read(line) {
            Ok(message) => format!("{message:?}"),
            Err(None) => "nothing".to_owned(),
            Err(Some(misread)) => {
                let answer = serde_json::to_value(misread.answer()).unwrap();
                let id = answer.get("id").map(|id| format!("{id}: ")).unwrap_or_default();
                let (code, message) = (&answer["error"]["code"], answer["error"]["message"].as_str().unwrap());
                format!("{id}{code} {}", message.replace("this is not a message of MCP: ", ""))
            }
        };
        let deep =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{}{}}}"#, "[".repeat(500), "]".repeat(500));
        let cases = [
            ("garbage", "nothing"),
            (r#"{"jsonrpc":"1.0","method":"textDocument/didOpen"}"#, "nothing"),
            (r#"{"jsonrpc":"2.0","error":{"code":-1}}"#, "nothing"),
            (
                r#"{"jsonrpc":"2.0","id":5,"metho":"ping"}"#,
                "5: -32600 it has no `method`, and no `result` or `error` with an `id`",
            ),
            (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, r#""a": -32600 its `jsonrpc` is not "2.0""#),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
                "-32600 its `id` is neither a string nor a whole number of 64 bits",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
                "-32600 its `id` is neither a string nor a whole number of 64 bits",
            ),
            (
                r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#,
                "-32600 its `id` is neither a string nor a whole number of 64 bits",
            ),
            (r#"{"jsonrpc":"2.0","id":5,"method":7}"#, "5: -32600 its `method` is not a string"),
            (
                r#"{"jsonrpc":"2.0","id":5,"method":"ping","result":{}}"#,
                "5: -32600 it is a request and an answer at once",
            ),
            (r#"{"jsonrpc":"2.0","id":5,"method":"ping","params":[]}"#, "5: -32600 its `params` are not an object"),
            (
                r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"_meta":5}}"#,
                "5: -32600 the `_meta` of its `params` is not an object",
            ),
            (r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}"#, "-32600 a member of it comes twice"),
            ("[]", "-32600 it is no batch of 1 to 1024 messages, or batches are not taken here"),
            ("5", "-32600 it is not an object"),
            (
                r#"{"jsonrpc":"2.0","id":5,"method":"x","params":{"a":"\ud83d"}}"#,
                "5: -32700 the message cannot be read: unexpected end of hex escape at line 1 column 59",
            ),
            (
                r#"{"jsonrpc":"2.0","id":5,"method":"x","params":{"a":1e400}}"#,
                "5: -32700 the message cannot be read: number out of range at line 1 column 56",
            ),
            (&deep, "1: -32700 the message cannot be read: recursion limit exceeded at line 1 column 173"),
        ];
        for (line, expected) in cases {
            assert_eq!(said(line.as_bytes()), expected, "{line}");
        }
        let no_text = said(b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"x\",\"params\":{\"a\":\"\xff\"}}");
        assert!(no_text.starts_with("5: -32700 the message cannot be read: invalid unicode"), "{no_text}");
    }

    #[test]
    fn an_answer_that_is_none_is_an_error_for_whoever_asked() {
        let broken = r#"{"jsonrpc":"2.0","id":14,"error":{"code":-1}}"#;
        match read(broken.as_bytes()) {
            Ok(ClientJsonRpcMessage::Error(error)) => assert_eq!(error.id, Some(RequestId::Number(14))),
            other => panic!("{:?}", other.is_ok()),
        }
    }

    #[test]
    fn batches_are_taken_apart_up_to_a_number_of_messages() {
        let batch = |text: &str| read_batch(text.as_bytes());
        let messages = batch(r#"[{"a":[1]}, 5 ,[]]"#).unwrap();
        assert_eq!(messages.iter().map(|message| &**message).collect::<Vec<_>>(), [r#"{"a":[1]}"#, "5", "[]"]);
        for none in ["[]", "[1", "[1] 2", "{}", "5", ""] {
            assert_eq!(batch(none), None, "{none}");
        }
        let many = |number: usize| format!("[{}1]", "1,".repeat(number - 1));
        assert_eq!(batch(&many(MAX_BATCH)).unwrap().len(), MAX_BATCH);
        assert_eq!(batch(&many(MAX_BATCH + 1)), None);
    }
}
