//! The short way of a request over a stream of lines: written by who makes it, and answered by who reads the stream.
//!
//! rmcp takes each request through the queue of its session, a task that writes it, and the session again: as long, for
//! a server on the same machine, as all the rest of a call. It still opens and keeps the session, and has all other
//! messages; a request that goes this way has an identity that rmcp never gives.

use crate::callers::Callers;
use crate::carry::{Envelope, number_of};
use parking_lot::Mutex;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, NumberOrString, ProgressToken, RequestId};
use rmcp::model::{GetMeta, JsonRpcError};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tollgate_core::BoxFuture;

/// The first identity of a request that goes this way. rmcp counts from 0, and 2³⁰ requests are the work of months.
/// Servers that keep identities in 32 bits have room above it.
const FIRST_ID: i64 = 1 << 30;

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// Nothing of it was written.
    #[error("{0}")]
    NotSent(io::Error),
    /// Some of it was. Who reads the half of a line up to its end may take it for a message.
    #[error("{0}")]
    Lost(io::Error),
}

/// The text of a result, or the error that the server answered with.
pub(crate) type Answer = Result<String, ErrorData>;

/// Sends requests past rmcp.
pub(crate) trait Direct: Send + Sync {
    /// An identity for a request.
    fn next_id(&self) -> RequestId;

    /// Sends a request under an identity of [`Direct::next_id`] and waits for its answer. When the future is dropped,
    /// nobody waits any more, and the server does not know; `sent` says whether it has any of it by then.
    fn request<'a>(
        &'a self,
        id: RequestId,
        request: ClientRequest,
        sent: &'a AtomicBool,
    ) -> BoxFuture<'a, Result<Answer, LineError>>;
}

/// Who waits for which answer. `None` once nobody reads answers any more.
#[derive(Default)]
struct Waiting(Mutex<Option<HashMap<i64, oneshot::Sender<Answer>>>>);

/// A place among those who wait, given up when it is dropped.
struct Place<'a> {
    waiting: &'a Waiting,
    id: i64,
    answer: oneshot::Receiver<Answer>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        drop(self.waiting.remove(self.id));
    }
}

/// The writing end of a connection.
pub(crate) struct Lines<W> {
    stream: tokio::sync::Mutex<Option<Stream<W>>>,
    waiting: Waiting,
    next_id: AtomicI64,
}

struct Stream<W> {
    write: W,
    /// The rest of a line whose sender went away while it was written.
    rest: Vec<u8>,
}

/// A line that is being written; what is left of it when its sender goes away comes before the next.
struct Line<'a, W> {
    stream: &'a mut Stream<W>,
    text: Vec<u8>,
    written: usize,
}

impl<W> Drop for Line<'_, W> {
    fn drop(&mut self) {
        if self.written > 0 {
            self.stream.rest.extend(self.text.drain(self.written..));
        }
    }
}

impl<W: AsyncWrite + Unpin> Lines<W> {
    pub(crate) fn new(write: W) -> Arc<Self> {
        let stream = tokio::sync::Mutex::new(Some(Stream { write, rest: Vec::new() }));
        let waiting = Waiting(Mutex::new(Some(HashMap::new())));
        Arc::new(Self { stream, waiting, next_id: AtomicI64::new(FIRST_ID) })
    }

    /// Writes a message. `begun` is set with its first byte: from then on it is written whole, if need be with the next.
    pub(crate) async fn write(&self, message: &ClientJsonRpcMessage, begun: &AtomicBool) -> Result<(), LineError> {
        let mut text = serde_json::to_vec(message).map_err(|error| LineError::NotSent(error.into()))?;
        text.push(b'\n');
        let mut stream = self.stream.lock().await;
        let Some(stream) = stream.as_mut() else {
            return Err(LineError::NotSent(io::ErrorKind::NotConnected.into()));
        };
        while !stream.rest.is_empty() {
            let written = write_some(&mut stream.write, &stream.rest).await.map_err(LineError::NotSent)?;
            stream.rest.drain(..written);
        }
        let mut line = Line { stream, text, written: 0 };
        while line.written < line.text.len() {
            let rest = line.text.get(line.written..).unwrap_or_default();
            let failed = if line.written == 0 { LineError::NotSent } else { LineError::Lost };
            line.written += write_some(&mut line.stream.write, rest).await.map_err(failed)?;
            begun.store(true, Ordering::Relaxed);
        }
        line.stream.write.flush().await.map_err(LineError::Lost)
    }

    /// Hands the answer of a request that went this way to who waits for it. False for every other message.
    pub(crate) fn take(&self, message: &[u8]) -> bool {
        if self.waiting.0.lock().as_ref().is_none_or(HashMap::is_empty) {
            return false;
        }
        let Ok(Envelope { id: Some(id), method: None, result, error, .. }) = serde_json::from_slice(message) else {
            return false;
        };
        let Some(reply) = number_of(&id).and_then(|id| self.waiting.remove(id)) else { return false };
        let answer = if error.is_some() {
            match serde_json::from_slice::<JsonRpcError>(message) {
                Ok(answer) => Err(answer.error),
                Err(error) => {
                    Err(ErrorData::internal_error(format!("an error that is none of JSON-RPC: {error}"), None))
                }
            }
        } else {
            Ok(result.map_or("null", RawValue::get).to_owned())
        };
        // Who gave up hears nothing.
        let _ = reply.send(answer);
        true
    }

    /// Nobody reads answers any more: whoever waits learns that the connection was lost.
    pub(crate) fn lose(&self) {
        drop(self.waiting.0.lock().take());
    }

    /// Closes the stream.
    pub(crate) async fn close(&self) {
        self.lose();
        if let Some(mut stream) = self.stream.lock().await.take() {
            let _ = stream.write.shutdown().await;
        }
    }
}

async fn write_some(write: &mut (impl AsyncWrite + Unpin), text: &[u8]) -> io::Result<usize> {
    match write.write(text).await {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    }
}

impl Waiting {
    /// `None` when the connection was lost.
    fn enter(&self, id: i64) -> Option<Place<'_>> {
        let (reply, answer) = oneshot::channel();
        self.0.lock().as_mut()?.insert(id, reply);
        Some(Place { waiting: self, id, answer })
    }

    fn remove(&self, id: i64) -> Option<oneshot::Sender<Answer>> {
        self.0.lock().as_mut()?.remove(&id)
    }
}

impl<W: AsyncWrite + Unpin + Send> Direct for Lines<W> {
    fn next_id(&self) -> RequestId {
        NumberOrString::Number(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    fn request<'a>(
        &'a self,
        id: RequestId,
        mut request: ClientRequest,
        sent: &'a AtomicBool,
    ) -> BoxFuture<'a, Result<Answer, LineError>> {
        request.get_meta_mut().set_progress_token(ProgressToken(id.clone()));
        let number = number_of(&id);
        let message = ClientJsonRpcMessage::request(request, id);
        Box::pin(async move {
            let place = number.and_then(|number| self.waiting.enter(number));
            let mut place = place.ok_or_else(|| LineError::NotSent(io::ErrorKind::NotConnected.into()))?;
            Callers::sent(&message);
            self.write(&message, sent).await?;
            // Many may wait long.
            drop(message);
            // Whoever is dropped without an answer was lost with the connection.
            (&mut place.answer).await.map_err(|_| LineError::Lost(io::ErrorKind::ConnectionAborted.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{CallToolRequest, CallToolRequestParams};
    use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream};

    /// Of those whose drop is not looked at.
    static SENT: AtomicBool = AtomicBool::new(false);

    fn lines(room: usize) -> (Arc<Lines<DuplexStream>>, BufReader<DuplexStream>) {
        let (ours, theirs) = tokio::io::duplex(room);
        (Lines::new(ours), BufReader::new(theirs))
    }

    fn call(text: &str) -> ClientRequest {
        let args = serde_json::Map::from_iter([("text".to_owned(), text.into())]);
        ClientRequest::CallToolRequest(CallToolRequest::new(CallToolRequestParams::new("echo").with_arguments(args)))
    }

    async fn read(server: &mut BufReader<DuplexStream>) -> serde_json::Value {
        let mut line = String::new();
        server.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    #[tokio::test]
    async fn answers_go_to_who_asked_and_all_else_is_left() {
        let (lines, mut server) = lines(1 << 16);
        let ids = [lines.next_id(), lines.next_id(), lines.next_id()];
        let [one, two, three] = ids.clone().map(|id| lines.request(id, call("x"), &SENT));
        let serve = async {
            let asked = read(&mut server).await;
            assert_eq!(asked["id"], FIRST_ID);
            assert_eq!(asked["params"]["_meta"]["progressToken"], FIRST_ID);
            drop((read(&mut server).await, read(&mut server).await));
            let others = [
                r#"{"jsonrpc":"2.0","id":0,"result":{}}"#.to_owned(),
                format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"ping"}}"#),
                format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, FIRST_ID + 3),
                format!(r#"{{"id":{FIRST_ID},"result":{{}}}}"#),
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"?"}}"#.to_owned(),
                "no message".to_owned(),
            ];
            for other in &others {
                assert!(!lines.take(other.as_bytes()), "{other}");
            }
            let (second, third) = (FIRST_ID + 1, FIRST_ID + 2);
            // Numbers come back as text from some servers, and in any order.
            assert!(lines.take(format!(r#"{{"jsonrpc":"2.0","id":"{second}","result":{{"n": 2}}}}"#).as_bytes()));
            let error = r#"{"code":-32000,"message":"no"}"#;
            assert!(lines.take(format!(r#"{{"jsonrpc":"2.0","id":{third},"error":{error}}}"#).as_bytes()));
            assert!(lines.take(format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID}}}"#).as_bytes()));
            // An answer that comes twice is nobody's.
            assert!(!lines.take(format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"result":{{}}}}"#).as_bytes()));
        };
        let (one, two, three, ()) = tokio::join!(one, two, three, serve);
        assert_eq!(one.unwrap().unwrap(), "null");
        assert_eq!(two.unwrap().unwrap(), r#"{"n": 2}"#);
        assert_eq!(three.unwrap().unwrap_err().message, "no");
    }

    #[tokio::test]
    async fn an_error_that_is_none_is_an_error_still() {
        let (lines, _server) = lines(1 << 16);
        let id = lines.next_id();
        let answer =
            async { assert!(lines.take(format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"error":"no"}}"#).as_bytes())) };
        let (told, ()) = tokio::join!(lines.request(id, call("x"), &SENT), answer);
        assert!(told.unwrap().unwrap_err().message.contains("none of JSON-RPC"));
    }

    #[tokio::test]
    async fn a_line_is_whole_though_who_wrote_it_went_away() {
        let (lines, mut server) = lines(64);
        let long = "x".repeat(1_000);
        let sent = AtomicBool::new(false);
        let gone = lines.request(lines.next_id(), call(&long), &sent);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), gone).await.is_err());
        assert!(sent.load(Ordering::Relaxed), "the server has some of it");
        // One that never came to be written leaves nothing.
        let (other, unsent) = (lines.stream.lock().await, AtomicBool::new(false));
        let unwritten = lines.request(lines.next_id(), call("never"), &unsent);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), unwritten).await.is_err());
        assert!(!unsent.load(Ordering::Relaxed));
        drop(other);
        assert!(lines.waiting.0.lock().as_ref().unwrap().is_empty(), "who went away waits no more");
        let next = lines.request(lines.next_id(), call("short"), &SENT);
        let serve = async {
            let first = read(&mut server).await;
            assert_eq!(first["params"]["arguments"]["text"], long);
            assert_eq!(read(&mut server).await["params"]["arguments"]["text"], "short");
            lines.lose();
        };
        let (lost, ()) = tokio::join!(next, serve);
        assert!(matches!(lost, Err(LineError::Lost(_))), "{lost:?}");
        let late = lines.request(lines.next_id(), call("late"), &SENT).await;
        assert!(matches!(late, Err(LineError::NotSent(_))), "{late:?}");
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_told_from_what_was_written_in_part() {
        let (lines, server) = lines(64);
        let long = lines.request(lines.next_id(), call(&"x".repeat(1_000)), &SENT);
        let close = async { drop(server) };
        let (lost, ()) = tokio::join!(long, close);
        assert!(matches!(lost, Err(LineError::Lost(_))), "{lost:?}");
        let unsent = lines.request(lines.next_id(), call("x"), &SENT).await;
        assert!(matches!(unsent, Err(LineError::NotSent(_))), "{unsent:?}");
    }
}
