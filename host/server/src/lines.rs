//! A connection of lines (MCP's stdio transport) on the agent's side, and the short way of requests over it: a task for
//! each works on it and writes the answer. All else goes to rmcp.
//!
//! rmcp has such a transport. It drops a message over the limit in silence, so that whoever sent it waits for ever, and
//! reads the others as [`message`] says.

use crate::link::{Link, MAX_REQUESTS};
use crate::message;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, GetExtensions, JsonRpcRequest, RequestId,
    ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tollgate_lines::{Fate, LineError, LineReader, LineWriter, Next};

/// The longest message of a client, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// The most requests that are not answered, or whose answers wait for a client that does not read. Nothing more is read
/// from it then.
const MAX_WAITING: usize = 2_048;
/// How long answers are waited for when the client has closed its end.
const FINISH: Duration = Duration::from_secs(5);
/// How long answers are waited for when the host stops.
const STOP: Duration = Duration::from_secs(2);
/// How long who gives up a request may take to say so.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The transport.
pub(crate) struct LineTransport<R, W> {
    reader: LineReader<R>,
    /// What is left of the batch that came last.
    batch: VecDeque<Box<str>>,
    requests: Requests<W>,
}

/// The requests of a client.
struct Requests<W> {
    writer: Arc<LineWriter<W>>,
    link: Arc<Link>,
    /// Those whose answers are not written.
    waiting: TaskTracker,
    room: Arc<Semaphore>,
    /// Which of them are worked on.
    turns: Arc<Semaphore>,
    /// For the next of them.
    place: Option<OwnedSemaphorePermit>,
    /// Those that have begun, and those that wait for their turn.
    known: Arc<Mutex<HashMap<RequestId, Known>>>,
    next_number: u64,
    /// When those that are left are given up.
    given_up: Option<Instant>,
}

/// A request that is not answered.
struct Known {
    /// A client may use an identity twice.
    number: u64,
    cancelled: CancellationToken,
    /// What one that rmcp answers holds until then.
    _held: Option<(OwnedSemaphorePermit, TaskTrackerToken)>,
}

impl<R: AsyncRead + Unpin, W> LineTransport<R, W> {
    pub(crate) fn new(read: R, write: W) -> Self {
        let link = Link::new();
        // rmcp reads no further before it is as far that requests can come.
        link.open();
        let requests = Requests {
            writer: LineWriter::new(write),
            link,
            waiting: TaskTracker::new(),
            room: Arc::new(Semaphore::new(MAX_WAITING)),
            turns: Arc::new(Semaphore::new(MAX_REQUESTS)),
            place: None,
            known: Arc::default(),
            next_number: 0,
            given_up: None,
        };
        Self { reader: LineReader::new(read, MAX_BYTES), batch: VecDeque::new(), requests }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Requests<W> {
    /// Waits for room for one more. Before it is read: what is dropped while it waits must not have been.
    async fn make_room(&mut self) {
        if self.place.is_none() {
            self.place = self.room.clone().acquire_owned().await.ok();
        }
    }

    /// Works on a request, in a task of its own.
    fn work(&mut self, request: JsonRpcRequest<ClientRequest>) {
        let place = self.place.take();
        let (number, cancelled) = self.know(&request.id, None);
        let (link, writer, turns, known) =
            (self.link.clone(), self.writer.clone(), self.turns.clone(), self.known.clone());
        self.waiting.spawn(async move {
            let id = request.id.clone();
            let answer = {
                let work = async {
                    let turn = turns.acquire().await;
                    let answer = link.work(request, cancelled.clone()).await;
                    (answer, turn.ok())
                };
                tokio::select! {
                    biased;
                    () = cancelled.cancelled() => None,
                    answer = work => Some(answer),
                }
            };
            forget(&known, &id, number);
            let (answer, turn) = match answer {
                Some(answer) => answer,
                // It is answered by nobody.
                None if !link.ended().is_cancelled() => return,
                None => {
                    let error = ErrorData::internal_error("cancelled: the connection ends", None);
                    (ServerJsonRpcMessage::error(error, Some(id)), None)
                }
            };
            if let Err(error) = write(writer, &answer).await {
                tracing::debug!(target: crate::LOG, %error, "an answer could not be written");
            }
            drop((turn, place));
        });
    }

    /// Notes a request that rmcp answers.
    fn hand_on(&mut self, id: &RequestId) {
        let held = self.place.take().map(|place| (place, self.waiting.token()));
        self.know(id, held);
    }

    fn know(
        &mut self,
        id: &RequestId,
        held: Option<(OwnedSemaphorePermit, TaskTrackerToken)>,
    ) -> (u64, CancellationToken) {
        self.next_number += 1;
        let (number, cancelled) = (self.next_number, self.link.ended().child_token());
        let known = Known { number, cancelled: cancelled.clone(), _held: held };
        self.known.lock().insert(id.clone(), known);
        (number, cancelled)
    }

    fn cancel(&self, id: &RequestId) {
        if let Some(known) = self.known.lock().remove(id) {
            known.cancelled.cancel();
        }
    }

    /// Waits for the answers, and gives up what is left of them after a while, counted from the first time.
    async fn finish(&mut self, patience: Duration) {
        let given_up = *self.given_up.get_or_insert_with(|| Instant::now() + patience);
        self.waiting.close();
        if tokio::time::timeout_at(given_up, self.waiting.wait()).await.is_err() {
            tracing::warn!(target: crate::LOG, "requests were given up: the connection has ended");
            self.link.ended().cancel();
            self.known.lock().clear();
            let _ = tokio::time::timeout(LAST_WORDS, self.waiting.wait()).await;
        }
        self.link.ended().cancel();
    }
}

/// A request was answered.
fn forget(known: &Mutex<HashMap<RequestId, Known>>, id: &RequestId, number: u64) {
    let mut known = known.lock();
    if known.get(id).is_some_and(|known| known.number == number) {
        known.remove(id);
    }
}

async fn write<W: AsyncWrite + Unpin + Send + 'static>(
    writer: Arc<LineWriter<W>>,
    message: &ServerJsonRpcMessage,
) -> Result<(), LineError> {
    let text = serde_json::to_vec(message).map_err(|error| LineError::NotSent(error.into()))?;
    writer.write(text, &Fate::default()).await
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
        let answered = match &message {
            ServerJsonRpcMessage::Response(response) => Some(&response.id),
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        // Given back when it is written.
        let known = answered.and_then(|id| self.requests.known.lock().remove(id));
        async move {
            let written = write(writer, &message).await;
            drop(known);
            written
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            self.requests.make_room().await;
            let read = match self.batch.pop_front() {
                Some(message) => message::read(message.as_bytes()),
                None => match self.reader.next().await {
                    Next::Line if self.reader.line().is_empty() => continue,
                    Next::Line => match message::read_batch(self.reader.line()) {
                        Some(batch) => {
                            self.batch = batch;
                            continue;
                        }
                        None => message::read(self.reader.line()),
                    },
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
                },
            };
            match read {
                Ok(ClientJsonRpcMessage::Request(mut request)) => {
                    // A subscription is rmcp's, and answered when it ends.
                    let is_subscription = matches!(request.request, ClientRequest::SubscriptionsListenRequest(_));
                    if self.requests.link.is_ready() && !is_subscription {
                        self.requests.work(request);
                        continue;
                    }
                    if !is_subscription {
                        self.requests.hand_on(&request.id);
                    }
                    // The agent that gets it says that it is the one.
                    request.request.extensions_mut().insert(self.requests.link.clone());
                    return Some(ClientJsonRpcMessage::Request(request));
                }
                Ok(message) => {
                    if let ClientJsonRpcMessage::Notification(notification) = &message
                        && let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                        && let Some(id) = &cancelled.params.request_id
                    {
                        self.requests.cancel(id);
                    }
                    return Some(message);
                }
                Err(Some(misread)) => write(self.requests.writer.clone(), &misread.answer()).await.ok()?,
                Err(None) => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.requests.link.stop_telling();
        self.requests.finish(STOP).await;
        self.requests.writer.close().await;
        Ok(())
    }
}
