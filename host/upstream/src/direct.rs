//! The short way of a request over a stream of lines: written by who makes it, and answered by who reads the stream.
//!
//! rmcp takes each request through the queue of its session, a task that writes it, and the session again: as long, for
//! a server on the same machine, as all the rest of a call. It still opens and keeps the session, and has all other
//! messages; a request that goes this way has an identity that rmcp never gives.

use crate::callers::Callers;
use crate::carry::{Envelope, number_of, read_error};
use crate::charge::{self, Charge};
use parking_lot::Mutex;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, NumberOrString, ProgressToken, RequestId};
use rmcp::model::{GetExtensions, GetMeta};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;
use tollgate_core::BoxFuture;
use tollgate_lines::{Fate, LineError, LineWriter};

/// The first identity of a request that goes this way. rmcp counts from 0, and 2³⁰ requests are the work of months.
/// Servers that keep identities in 32 bits have room above it.
const FIRST_ID: i64 = 1 << 30;

/// The text of a result, or the error that the server answered with.
pub(crate) type Answer = Result<String, ErrorData>;

/// Sends requests past rmcp.
pub(crate) trait Direct: Send + Sync {
    /// An identity for a request.
    fn next_id(&self) -> RequestId;

    /// Sends a request under an identity of [`Direct::next_id`] and waits for its answer. When the future is dropped,
    /// nobody waits any more, and the server does not know; whether it has any of it, `fate` tells.
    fn request(
        &self,
        id: RequestId,
        request: ClientRequest,
        fate: &Fate,
    ) -> BoxFuture<'static, Result<Answer, LineError>>;
}

/// Who waits for which answer. `None` once nobody reads answers any more.
#[derive(Default)]
struct Waiting(Mutex<Option<HashMap<i64, Waiter>>>);

struct Waiter {
    reply: oneshot::Sender<Answer>,
    charge: Option<Charge>,
}

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
    writer: Arc<LineWriter<W>>,
    waiting: Waiting,
    next_id: AtomicI64,
}

impl<W> Lines<W> {
    /// Nobody reads answers any more: whoever waits learns that the connection was lost.
    pub(crate) fn lose(&self) {
        self.writer.give_up();
        drop(self.waiting.0.lock().take());
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Lines<W> {
    pub(crate) fn new(write: W) -> Arc<Self> {
        Arc::new(Self {
            writer: LineWriter::new(write),
            waiting: Waiting(Mutex::new(Some(HashMap::new()))),
            next_id: AtomicI64::new(FIRST_ID),
        })
    }

    /// Writes a message whole, once it has begun.
    pub(crate) async fn write(&self, message: &ClientJsonRpcMessage, fate: &Fate) -> Result<(), LineError> {
        let text = serde_json::to_vec(message).map_err(|error| LineError::NotSent(error.into()))?;
        self.writer.clone().write(text, fate).await
    }

    /// Hands the answer of a request that went this way to who waits for it. False for every other message.
    pub(crate) fn take(&self, message: &[u8]) -> bool {
        if self.waiting.0.lock().as_ref().is_none_or(HashMap::is_empty) {
            return false;
        }
        let Ok(Envelope { id: Some(id), method: None, result, error, .. }) = serde_json::from_slice(message) else {
            return false;
        };
        let Some(Waiter { reply, charge }) = number_of(&id).and_then(|id| self.waiting.remove(id)) else {
            return false;
        };
        let result = result.map_or("null", RawValue::get);
        let answer = if error.is_some() {
            match read_error(message, charge.as_ref()) {
                Ok(error) => Err(error),
                Err(why) => Err(ErrorData::internal_error(format!("an error that is none of JSON-RPC: {why}"), None)),
            }
        } else {
            match charge::grow(charge.as_ref(), result.len()) {
                Ok(()) => Ok(result.to_owned()),
                Err(reached) => Err(ErrorData::internal_error(reached.to_string(), None)),
            }
        };
        // Who gave up hears nothing.
        let _ = reply.send(answer);
        true
    }

    /// Closes the stream, though the server reads nothing.
    pub(crate) async fn close(&self) {
        self.lose();
        self.writer.close().await;
    }
}

impl Waiting {
    /// `None` when the connection was lost.
    fn enter(&self, id: i64, charge: Option<Charge>) -> Option<Place<'_>> {
        let (reply, answer) = oneshot::channel();
        self.0.lock().as_mut()?.insert(id, Waiter { reply, charge });
        Some(Place { waiting: self, id, answer })
    }

    fn remove(&self, id: i64) -> Option<Waiter> {
        self.0.lock().as_mut()?.remove(&id)
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Direct for Arc<Lines<W>> {
    fn next_id(&self) -> RequestId {
        NumberOrString::Number(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    fn request(
        &self,
        id: RequestId,
        mut request: ClientRequest,
        fate: &Fate,
    ) -> BoxFuture<'static, Result<Answer, LineError>> {
        request.get_meta_mut().set_progress_token(ProgressToken(id.clone()));
        let number = number_of(&id);
        let charge = request.extensions().get::<Charge>().cloned();
        let message = ClientJsonRpcMessage::request(request, id);
        let (lines, fate) = (self.clone(), fate.clone());
        Box::pin(async move {
            let place = number.and_then(|number| lines.waiting.enter(number, charge));
            let mut place = place.ok_or_else(|| LineError::NotSent(io::ErrorKind::NotConnected.into()))?;
            Callers::sent(&message);
            lines.write(&message, &fate).await?;
            // Many may wait long.
            drop((message, fate));
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
    use tollgate_core::{HostMemory, Limits};

    /// Of a request that is not given up.
    fn sent() -> Fate {
        Fate::default()
    }

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
        let [one, two, three] = ids.clone().map(|id| lines.request(id, call("x"), &sent()));
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
    async fn an_answer_is_charged_from_when_it_comes() {
        let (lines, _server) = lines(1 << 16);
        let memory = HostMemory::new(&Limits { host_memory_bytes: 100, ..Limits::default() });
        let charge = Charge::new(memory.clone());
        let mut request = call("x");
        request.extensions_mut().insert(charge.clone());
        let waits = lines.request(lines.next_id(), request, &sent());
        let mut waits = Box::pin(waits);
        assert!(futures::poll!(waits.as_mut()).is_pending());
        let answer =
            |length: usize| format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"result":"{}"}}"#, "x".repeat(length));
        assert!(lines.take(answer(90).as_bytes()));
        assert!(memory.hold(10).is_err(), "nobody has taken it");
        assert!(waits.await.unwrap().is_ok() && charge.reached().is_none());
        drop(charge);
        let charge = Charge::new(memory.clone());
        let mut request = call("x");
        request.extensions_mut().insert(charge.clone());
        let waits = lines.request(lines.next_id(), request, &sent());
        let comes = async {
            assert!(lines.take(answer(200).replace(&FIRST_ID.to_string(), &(FIRST_ID + 1).to_string()).as_bytes()))
        };
        let (refused, ()) = tokio::join!(waits, comes);
        assert!(refused.unwrap().is_err() && charge.reached().is_some());
    }

    #[tokio::test]
    async fn an_error_that_is_none_is_an_error_still() {
        let (lines, _server) = lines(1 << 16);
        let id = lines.next_id();
        let answer =
            async { assert!(lines.take(format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"error":"no"}}"#).as_bytes())) };
        let (told, ()) = tokio::join!(lines.request(id, call("x"), &sent()), answer);
        assert!(told.unwrap().unwrap_err().message.contains("none of JSON-RPC"));
    }

    #[tokio::test]
    async fn a_line_is_whole_though_who_wrote_it_went_away_and_holds_nobody_up() {
        let (lines, mut server) = lines(64);
        let long = "x".repeat(1_000);
        let (first, second) = (sent(), sent());
        let soon = |request| tokio::time::timeout(std::time::Duration::from_millis(50), request);
        let gone = lines.request(lines.next_id(), call(&long), &first);
        assert!(soon(gone).await.is_err());
        assert!(!first.give_up(), "the server has some of it");
        // One that never came to be written leaves nothing.
        let unwritten = lines.request(lines.next_id(), call("never"), &second);
        assert!(soon(unwritten).await.is_err());
        assert!(second.give_up());
        assert!(lines.waiting.0.lock().as_ref().unwrap().is_empty(), "who went away waits no more");
        // Whoever is not polled any more holds nobody up: here, the one whose line does not fit.
        let held = lines.request(lines.next_id(), call(&long), &sent());
        let mut held = Box::pin(held);
        assert!(futures::poll!(held.as_mut()).is_pending());
        let next = lines.request(lines.next_id(), call("short"), &sent());
        let serve = async {
            for _ in 0..2 {
                assert_eq!(read(&mut server).await["params"]["arguments"]["text"], long);
            }
            assert_eq!(read(&mut server).await["params"]["arguments"]["text"], "short");
            lines.lose();
        };
        let (lost, ()) = tokio::join!(next, serve);
        assert!(matches!(lost, Err(LineError::Lost(_))), "{lost:?}");
        assert!(matches!(held.await, Err(LineError::Lost(_))));
        let late = lines.request(lines.next_id(), call("late"), &sent()).await;
        assert!(matches!(late, Err(LineError::NotSent(_))), "{late:?}");
    }

    #[tokio::test]
    async fn closing_waits_for_no_server_that_does_not_read() {
        let (lines, _server) = lines(64);
        let stuck = lines.request(lines.next_id(), call(&"x".repeat(1_000)), &sent());
        let close = async {
            tokio::task::yield_now().await;
            lines.close().await;
        };
        let both = async { tokio::join!(stuck, close) };
        let (lost, ()) = tokio::time::timeout(std::time::Duration::from_secs(60), both).await.expect("it closes");
        assert!(matches!(lost, Err(LineError::Lost(_))), "{lost:?}");
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_told_from_what_was_written_in_part() {
        let (lines, server) = lines(64);
        let long = lines.request(lines.next_id(), call(&"x".repeat(1_000)), &sent());
        let close = async { drop(server) };
        let (lost, ()) = tokio::join!(long, close);
        assert!(matches!(lost, Err(LineError::Lost(_))), "{lost:?}");
        let unsent = lines.request(lines.next_id(), call("x"), &sent()).await;
        assert!(matches!(unsent, Err(LineError::NotSent(_))), "{unsent:?}");
    }
}
