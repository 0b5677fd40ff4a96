//! A connection of lines (MCP's stdio transport) on the agent's side, and the short way of requests over it: a task for
//! each works on it and writes the answer. All else goes to rmcp.
//!
//! rmcp has such a transport. It reads a message by trying what it might be, each time from a copy of the whole, which
//! costs more than a call's way through the host; says only that a message is wrong; and drops one over the limit in
//! silence, so that whoever sent it waits for ever.

use crate::link::{Link, Served};
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData,
    GetExtensions, GetMeta, JsonRpcRequest, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_lines::{Fate, LineError, LineReader, LineWriter, Next};

/// The longest message of a client, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// The most answers that wait for a client that does not read. Nothing more is read from it then.
const MAX_ANSWERS: usize = 2_048;
/// How long answers are waited for when the client has closed its end.
const FINISH: Duration = Duration::from_secs(5);
/// How long answers are waited for when the host stops.
const STOP: Duration = Duration::from_secs(2);

/// Which requests are worked on, by their identities.
type Cancels = Arc<Mutex<HashMap<RequestId, CancellationToken>>>;

/// The transport.
pub(crate) struct LineTransport<R, W> {
    reader: LineReader<R>,
    requests: Requests<W>,
}

/// Requests on the short way.
struct Requests<W> {
    writer: Arc<LineWriter<W>>,
    link: Arc<Link>,
    /// Those whose answers are not written.
    working: TaskTracker,
    room: Arc<Semaphore>,
    /// For the next of them.
    place: Option<OwnedSemaphorePermit>,
    cancels: Cancels,
}

impl<R: AsyncRead + Unpin, W> LineTransport<R, W> {
    pub(crate) fn new(read: R, write: W) -> Self {
        let link = Link::new();
        // rmcp reads no further before it is as far that requests can come.
        link.open();
        let requests = Requests {
            writer: LineWriter::new(write),
            link,
            working: TaskTracker::new(),
            room: Arc::new(Semaphore::new(MAX_ANSWERS)),
            place: None,
            cancels: Cancels::default(),
        };
        Self { reader: LineReader::new(read, MAX_BYTES), requests }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Requests<W> {
    /// Waits for room for one more. Before it is read: what is dropped while it waits must not have been.
    async fn make_room(&mut self) {
        if self.place.is_none() {
            if !self.link.has_room() {
                // Those that came in one piece with the last one have not been looked at yet.
                tokio::task::yield_now().await;
            }
            self.place = self.room.clone().acquire_owned().await.ok();
        }
    }

    /// Works on a request, in a task of its own.
    fn work(&self, served_by: &Served, request: JsonRpcRequest<ClientRequest>, place: Option<OwnedSemaphorePermit>) {
        let cancelled = self.link.ended().child_token();
        let known = Known::new(&self.cancels, request.id.clone(), cancelled.clone());
        let work = self.link.work(served_by, request, cancelled.clone());
        let writer = self.writer.clone();
        self.working.spawn(async move {
            let answer = tokio::select! {
                biased;
                // It is answered by nobody.
                () = cancelled.cancelled() => return,
                answer = work => answer,
            };
            drop(known);
            if let Err(error) = write(writer, &answer).await {
                tracing::debug!(target: crate::LOG, %error, "an answer could not be written");
            }
            drop(place);
        });
    }

    fn cancel(&self, id: &RequestId) {
        if let Some(cancel) = self.cancels.lock().get(id) {
            cancel.cancel();
        }
    }

    /// Waits for the answers, and gives up what is left of them.
    async fn finish(&self, timeout: Duration) {
        self.working.close();
        if tokio::time::timeout(timeout, self.working.wait()).await.is_err() {
            tracing::warn!(target: crate::LOG, "requests were given up: the connection has ended");
        }
        self.link.ended().cancel();
    }
}

async fn write<W: AsyncWrite + Unpin + Send + 'static>(
    writer: Arc<LineWriter<W>>,
    message: &ServerJsonRpcMessage,
) -> Result<(), LineError> {
    let text = serde_json::to_vec(message).map_err(|error| LineError::NotSent(error.into()))?;
    writer.write(text, &Fate::default()).await
}

/// A request that can be cancelled, until it is dropped.
struct Known {
    cancels: Cancels,
    id: RequestId,
}

impl Known {
    fn new(cancels: &Cancels, id: RequestId, cancel: CancellationToken) -> Self {
        cancels.lock().insert(id.clone(), cancel);
        Self { cancels: cancels.clone(), id }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.cancels.lock().remove(&self.id);
    }
}

/// Nobody works for a connection that is gone.
impl<W> Drop for Requests<W> {
    fn drop(&mut self) {
        self.link.ended().cancel();
    }
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = LineError;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let writer = self.requests.writer.clone();
        async move { write(writer, &message).await }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            self.requests.make_room().await;
            match self.reader.next().await {
                Next::Line => {}
                Next::TooLong => {
                    let why = format!("a message is over {} MiB", MAX_BYTES >> 20);
                    let answer = ServerJsonRpcMessage::error(ErrorData::invalid_request(why, None), None);
                    write(self.requests.writer.clone(), &answer).await.ok()?;
                    continue;
                }
                Next::End => {
                    // What they tell until then is rmcp's to write, so that has to go on.
                    self.requests.finish(FINISH).await;
                    return None;
                }
                Next::Failed(error) => {
                    tracing::warn!(target: crate::LOG, %error, "the client cannot be read from");
                    return None;
                }
            }
            let line = self.reader.line();
            if line.is_empty() {
                continue;
            }
            let message = match read(line) {
                Ok(message) => message,
                Err(Some(refusal)) => {
                    write(self.requests.writer.clone(), &refusal).await.ok()?;
                    continue;
                }
                Err(None) => continue,
            };
            let place = self.requests.place.take();
            match (message, self.requests.link.served_by()) {
                // A subscription is rmcp's.
                (ClientJsonRpcMessage::Request(request), Some(served_by))
                    if !matches!(request.request, ClientRequest::SubscriptionsListenRequest(_)) =>
                {
                    self.requests.work(served_by, request, place);
                }
                (ClientJsonRpcMessage::Request(mut request), _) => {
                    // The agent that gets it says that it is the one.
                    request.request.extensions_mut().insert(self.requests.link.clone());
                    return Some(ClientJsonRpcMessage::Request(request));
                }
                (message, _) => {
                    if let ClientJsonRpcMessage::Notification(notification) = &message
                        && let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                        && let Some(id) = &cancelled.params.request_id
                    {
                        self.requests.cancel(id);
                    }
                    return Some(message);
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.requests.finish(STOP).await;
        self.requests.writer.close().await;
        Ok(())
    }
}

/// Reads a message. What is none is answered, where it may be a request, with what is wrong.
fn read(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<ServerJsonRpcMessage>> {
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
        let error = ErrorData::invalid_request(format!("this is not a message of MCP: {why}"), None);
        Some(ServerJsonRpcMessage::error(error, id))
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
            Err(Some(answer)) => serde_json::to_string(&answer).unwrap(),
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
