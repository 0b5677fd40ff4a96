//! Results cross the host as the text that the server sent. rmcp's types would cut it: they know some
//! members of a result, and drop the rest.
//!
//! So our transports, which see each message before rmcp does, put the text of a result whole into one
//! member of the typed result, and hand that on; what is below takes it out again at the other end. rmcp
//! still does all of the protocol: identities, lifecycles, cancellation, headers.

use crate::callers::Callers;
use crate::charge::{self, Charge};
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, CustomResult, DiscoverRequestMethod, DiscoverResult,
    ErrorCode, ErrorData, JsonObject, JsonRpcError, JsonRpcVersion2_0, ListToolsResult, MetaObject, NumberOrString,
    ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult, Tool,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use tollgate_core::json;

/// The most that a request, a notification or an error of a server takes as a tree, in bytes, which no run pays for.
const ASKED_TREE_MAX_BYTES: usize = 16 << 20;
/// The most that a list takes, or the error that answers a request.
pub(crate) const TREE_MAX_BYTES: usize = 64 << 20;

/// Where the text of a `tools/list` result travels: a member of `_meta` that no server can set, because
/// the whole `_meta` is ours.
const TEXT: &str = "text";

/// A request whose answer is not handed to rmcp as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// What we read ourselves: carried as text.
    Text,
    /// `tools/list`: carried as text, beside what rmcp reads of it.
    Tools,
    /// `server/discover`: see [`older_server`].
    Discover,
}

impl Carried {
    pub(crate) fn of(request: &ClientRequest) -> Option<Self> {
        match request {
            ClientRequest::CallToolRequest(_)
            | ClientRequest::ReadResourceRequest(_)
            | ClientRequest::GetPromptRequest(_)
            | ClientRequest::CompleteRequest(_)
            | ClientRequest::SubscribeRequest(_)
            | ClientRequest::UnsubscribeRequest(_)
            | ClientRequest::ListResourcesRequest(_)
            | ClientRequest::ListResourceTemplatesRequest(_)
            | ClientRequest::ListPromptsRequest(_) => Some(Self::Text),
            ClientRequest::ListToolsRequest(_) => Some(Self::Tools),
            ClientRequest::DiscoverRequest(_) => Some(Self::Discover),
            _ => None,
        }
    }

    /// The answer to request `id` that carries `text`.
    fn carry(self, id: RequestId, text: &str) -> Option<ServerJsonRpcMessage> {
        if self != Self::Text
            && let Err(error) = json::check_tree(text.as_bytes(), TREE_MAX_BYTES)
        {
            let error = ErrorData::internal_error(error.to_string(), None);
            return Some(ServerJsonRpcMessage::error(error, Some(id)));
        }
        let result = match self {
            Self::Discover => {
                // What is no such result comes of a server that answers whatever it is asked, an older one.
                let result = serde_json::from_str::<DiscoverResult>(text);
                if result.is_ok_and(|r| r.supported_versions.contains(&ProtocolVersion::V_2026_07_28)) {
                    return None;
                }
                let error = ErrorData::method_not_found::<DiscoverRequestMethod>();
                return Some(ServerJsonRpcMessage::error(error, Some(id)));
            }
            Self::Text => ServerResult::CustomResult(CustomResult::new(Value::String(text.to_owned()))),
            Self::Tools => {
                // rmcp reads the schemas, for the headers that a tool may ask for (`x-mcp-header`).
                let tools = tools_of(text).iter().filter_map(|raw| typed_tool(raw.get())).collect();
                let mut result = ListToolsResult::with_all_items(tools);
                let meta = JsonObject::from_iter([(TEXT.to_owned(), Value::String(text.to_owned()))]);
                result.meta = Some(MetaObject(meta));
                ServerResult::ListToolsResult(result)
            }
        };
        Some(ServerJsonRpcMessage::response(result, id))
    }
}

/// A server may know `server/discover` and speak none of the versions that have it: a newer SDK, held to
/// older versions. rmcp takes that for the end; to a server that says it does not know the method it speaks
/// as to an older one, which is what we want of it.
pub(crate) fn older_server(error: ErrorData) -> ErrorData {
    let supported = error.data.as_ref().and_then(|d| d.get("supported")).and_then(Value::as_array);
    let modern = Value::from(ProtocolVersion::V_2026_07_28.as_str());
    let is_older = supported.is_some_and(|s| !s.is_empty() && !s.contains(&modern));
    if error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION && is_older {
        ErrorData::method_not_found::<DiscoverRequestMethod>()
    } else {
        error
    }
}

/// The message as it is carried, for an answer on a stream that does not tell what it answers (a resumed
/// one): what is not the list of tools is read by ourselves.
pub(crate) fn carried_by_shape(text: &[u8]) -> Option<ServerJsonRpcMessage> {
    #[derive(Deserialize)]
    struct Shape {
        tools: Option<Vec<IgnoredAny>>,
    }
    let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
    let (id, result) = (envelope.id?, envelope.result?.get());
    let is_tools = serde_json::from_str(result).is_ok_and(|shape: Shape| shape.tools.is_some());
    if is_tools { Carried::Tools.carry(id, result) } else { Carried::Text.carry(id, result) }
}

/// The text of a result. `None` when it came past our transports.
pub(crate) fn result_text(result: ServerResult) -> Option<String> {
    match result {
        ServerResult::CustomResult(CustomResult(Value::String(text))) => Some(text),
        _ => None,
    }
}

/// The text of a list of tools, and the names that rmcp let pass.
pub(crate) fn list_text(result: ListToolsResult) -> Option<(String, Vec<String>)> {
    let names = result.tools.into_iter().map(|t| t.name.into_owned()).collect();
    match result.meta?.0.remove(TEXT)? {
        Value::String(text) => Some((text, names)),
        _ => None,
    }
}

#[derive(Deserialize)]
struct ToolList<'a> {
    #[serde(borrow, default)]
    tools: Vec<&'a RawValue>,
}

/// The text of each tool in a `tools/list` result.
pub(crate) fn tools_of(text: &str) -> Vec<&RawValue> {
    serde_json::from_str::<ToolList<'_>>(text).map(|l| l.tools).unwrap_or_default()
}

/// The tool as rmcp needs it. What else is in it may be malformed: only name and schema matter here.
fn typed_tool(text: &str) -> Option<Tool> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Needed {
        name: String,
        input_schema: JsonObject,
    }
    let needed: Needed = serde_json::from_str(text).ok()?;
    Some(Tool::new(needed.name, "", Arc::new(needed.input_schema)))
}

/// Reads a message that is an error. Charges what it takes as a tree.
pub(crate) fn read_error(message: &[u8], charge: Option<&Charge>) -> Result<ErrorData, String> {
    json::check_tree(message, TREE_MAX_BYTES).map_err(|error| error.to_string())?;
    charge::grow(charge, json::tree_bytes(message)).map_err(|reached| reached.to_string())?;
    serde_json::from_slice::<JsonRpcError>(message).map(|error| error.error).map_err(|error| error.to_string())
}

/// The requests in flight whose answers are not handed on as they are. One belongs to one stream.
pub(crate) struct InFlight {
    requests: HashMap<RequestId, (Carried, Option<Charge>)>,
    callers: Arc<Callers>,
    /// The request that everything on this stream belongs to.
    only: Option<RequestId>,
}

/// What a message is to the request that its stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// Its answer.
    Answer,
    /// The answer to another request.
    ToAnother,
    /// A request or a notification of the server, or no message.
    Message,
}

/// Whether two identities are one. Some servers answer a number with its text.
pub(crate) fn same_id(one: &RequestId, other: &RequestId) -> bool {
    match (one, other) {
        (NumberOrString::Number(number), NumberOrString::String(text))
        | (NumberOrString::String(text), NumberOrString::Number(number)) => text.parse() == Ok(*number),
        (one, other) => one == other,
    }
}

/// The number that an identity is. Some servers answer a number with its text.
pub(crate) fn number_of(id: &RequestId) -> Option<i64> {
    match id {
        NumberOrString::Number(number) => Some(*number),
        NumberOrString::String(text) => text.parse().ok(),
    }
}

/// The members of a JSON-RPC message that tell what it is.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    #[serde(default)]
    pub(crate) id: Option<RequestId>,
    #[serde(borrow, default)]
    pub(crate) method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) error: Option<IgnoredAny>,
}

impl InFlight {
    /// For a stream that many requests share.
    pub(crate) fn new(callers: Arc<Callers>) -> Self {
        Self { requests: HashMap::new(), callers, only: None }
    }

    /// For the stream that answers `message`.
    pub(crate) fn answering(message: &ClientJsonRpcMessage, callers: Arc<Callers>) -> Self {
        let mut in_flight = Self::new(callers);
        if let ClientJsonRpcMessage::Request(request) = message {
            in_flight.only = Some(request.id.clone());
        }
        in_flight.sent(message);
        in_flight
    }

    /// Notes what goes out.
    pub(crate) fn sent(&mut self, message: &ClientJsonRpcMessage) {
        Callers::sent(message);
        match message {
            ClientJsonRpcMessage::Request(request) => {
                if let Some(carried) = Carried::of(&request.request) {
                    self.requests.insert(request.id.clone(), (carried, charge::of(message)));
                }
            }
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.requests.remove(id);
                }
            }
            _ => {}
        }
    }

    /// Reads one message of the server. The answer to a request of ours is carried, whatever is in it.
    ///
    /// # Errors
    /// It is no JSON-RPC message.
    pub(crate) fn read(&mut self, text: &[u8]) -> Result<ServerJsonRpcMessage, serde_json::Error> {
        if let Some(message) = self.carried(text) {
            return Ok(message);
        }
        json::check_tree(text, ASKED_TREE_MAX_BYTES).map_err(serde::de::Error::custom)?;
        let mut message = serde_json::from_slice(text)?;
        if let ServerJsonRpcMessage::Error(error) = &mut message
            && let Some((_, (Carried::Discover, _))) = error.id.clone().and_then(|id| self.take(id))
        {
            error.error = older_server(error.error.clone());
        }
        Ok(message)
    }

    /// The message as it is carried, if it answers a request of ours.
    pub(crate) fn carried(&mut self, text: &[u8]) -> Option<ServerJsonRpcMessage> {
        let envelope: Envelope<'_> = serde_json::from_slice(text).ok()?;
        if let Some(method) = envelope.method {
            match envelope.id {
                Some(id) => self.callers.questioned(id, &method, self.only.as_ref()),
                None => self.callers.heard(&method, envelope.params, self.only.as_ref()),
            }
            return None;
        }
        if envelope.error.is_some() {
            return None;
        }
        let (id, (carried, charge)) = self.take(envelope.id?)?;
        let result = envelope.result.map_or("null", RawValue::get);
        match charge::grow(charge.as_ref(), result.len()) {
            Ok(()) => carried.carry(id, result),
            Err(reached) => {
                let error = ErrorData::internal_error(reached.to_string(), None);
                Some(ServerJsonRpcMessage::error(error, Some(id)))
            }
        }
    }

    /// What a message is to the request that its stream is for.
    pub(crate) fn belongs(&self, text: &[u8]) -> Belongs {
        match (serde_json::from_slice(text), &self.only) {
            (Ok(Envelope { id: Some(id), method: None, .. }), Some(only)) if same_id(only, &id) => Belongs::Answer,
            (Ok(Envelope { id: Some(_), method: None, .. }), Some(_)) => Belongs::ToAnother,
            _ => Belongs::Message,
        }
    }

    /// Some servers answer a number with its text.
    fn take(&mut self, id: RequestId) -> Option<(RequestId, (Carried, Option<Charge>))> {
        let number = number_of(&id).map(NumberOrString::Number);
        [Some(id), number].into_iter().flatten().find_map(|id| self.requests.remove_entry(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::ManualClock;

    #[test]
    fn a_servers_own_message_that_is_too_long_is_not_read() {
        let clock = Arc::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
        let mut in_flight = InFlight::new(Callers::new("s", clock));
        let message = |zeros: usize| {
            let zeros = vec!["0"; zeros].join(",");
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":[{zeros}]}}}}"#
            )
        };
        assert!(in_flight.read(message(10).as_bytes()).is_ok());
        let error = in_flight.read(message(ASKED_TREE_MAX_BYTES / 100).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("MiB of memory, and 16 are taken"), "{error}");
    }
}
