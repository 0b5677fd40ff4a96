//! Messages of clients, as they are read.
//!
//! rmcp reads a message by trying what it might be, each time from a copy of the whole, which costs more than a call's
//! way through the host, and says only that a message is wrong.

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, ErrorData, GetMeta, JsonRpcRequest,
    RequestId, ServerJsonRpcMessage,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What is no message, and may be a request.
pub(crate) struct Misread {
    id: Option<RequestId>,
    why: &'static str,
}

impl Misread {
    pub(crate) fn answer(self) -> ServerJsonRpcMessage {
        let why = format!("this is not a message of MCP: {}", self.why);
        ServerJsonRpcMessage::error(ErrorData::invalid_request(why, None), self.id)
    }
}

/// Reads a message. Of what is none: what is wrong, if it is to be answered.
pub(crate) fn read(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<Misread>> {
    if let Some(call) = read_call(line) {
        return Ok(ClientJsonRpcMessage::Request(call));
    }
    serde_json::from_slice(line).map_err(|_| {
        // What is no JSON is not answered, as by other hosts: two programs could tell each other so for ever.
        let value: Value = serde_json::from_slice(line).ok()?;
        let id = value.get("id").and_then(|id| RequestId::deserialize(id).ok());
        let why = match &value {
            Value::Object(message) => {
                let has = |key: &str| message.contains_key(key);
                match message.get("method") {
                    // A notice that nobody knows.
                    Some(_) if !has("id") => return None,
                    _ if message.get("jsonrpc").is_none_or(|version| version != "2.0") => {
                        "its `jsonrpc` is not \"2.0\""
                    }
                    Some(_) if id.is_none() => "its `id` is neither a string nor a whole number",
                    Some(Value::String(_)) if has("result") || has("error") => "it is a request and an answer at once",
                    Some(Value::String(_)) => "its `params` are not an object, or their `_meta` is not",
                    _ => "it has no `method`, and no `result` or `error` with an `id`",
                }
            }
            Value::Array(_) => "it is a batch; send one message a line",
            _ => "it is not an object",
        };
        Some(Misread { id, why })
    })
}

/// Reads what nearly every message is. `None` for all else.
fn read_call(line: &[u8]) -> Option<JsonRpcRequest<ClientRequest>> {
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
    let Request { jsonrpc, id, method, params } = serde_json::from_slice(line).ok()?;
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
        ];
        for other in others {
            assert!(read_call(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_no_message_is_answered_with_what_is_wrong() {
        let said = |line: &str| match read(line.as_bytes()) {
            Ok(message) => format!("{message:?}"),
            Err(None) => "nothing".to_owned(),
            Err(Some(misread)) => serde_json::to_string(&misread.answer()).unwrap(),
        };
        let answer = |id: &str, why: &str| {
            let message = format!("this is not a message of MCP: {why}");
            format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32600,"message":"{message}"}}}}"#)
        };
        assert_eq!(said("garbage"), "nothing");
        assert_eq!(said(r#"{"jsonrpc":"1.0","method":"textDocument/didOpen"}"#), "nothing");
        let no_method = "it has no `method`, and no `result` or `error` with an `id`";
        assert_eq!(said(r#"{"jsonrpc":"2.0","id":5,"metho":"ping"}"#), answer(r#""id":5,"#, no_method));
        let version = r#"its `jsonrpc` is not \"2.0\""#;
        assert_eq!(said(r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#), answer(r#""id":"a","#, version));
        let id = "its `id` is neither a string nor a whole number";
        assert_eq!(said(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), answer("", id));
        assert_eq!(said(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#), answer("", id));
        let both = "it is a request and an answer at once";
        assert_eq!(said(r#"{"jsonrpc":"2.0","id":5,"method":"ping","result":{}}"#), answer(r#""id":5,"#, both));
        assert_eq!(said("[]"), answer("", "it is a batch; send one message a line"));
        assert_eq!(said("5"), answer("", "it is not an object"));
    }
}
