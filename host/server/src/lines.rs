//! A connection of lines (MCP's stdio transport) on the agent's side, and the short way of requests over it: a task for
//! each works on it and writes the answer. All else goes to rmcp.
//!
//! rmcp has such a transport. It drops a message over the limit in silence, so that whoever sent it waits for ever, and
//! reads the others as [`message`] says.

use crate::link::Link;
use crate::message;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, ClientNotification, ClientRequest,
    ErrorData, GetExtensions, JsonRpcRequest, RequestId, ServerJsonRpcMessage,
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
use tollgate::json;
use tollgate_lines::{Fate, LineError, LineReader, LineWriter, Next};

/// The longest message of a client, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// How much requests that are not answered may take, in bytes; the next is refused. What else a client says is read all
/// the same: the answers to questions that requests wait for are among it.
const MAX_WAITING_BYTES: usize = 256 << 20;
/// The most that a message takes as a tree, in bytes.
const TREE_MAX_BYTES: usize = 64 << 20;
/// What one request takes beside its text, as it is counted.
const REQUEST_BYTES: usize = 4 << 10;
/// The most answers that wait for a client that does not read. Nothing more is read from it then.
const MAX_UNWRITTEN: usize = 1_024;
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
    ending: Option<Ending>,
}

/// The client has closed its end.
struct Ending {
    /// When those that are left are given up.
    at: Instant,
    /// They were.
    is_given_up: bool,
    /// What rmcp is to end.
    cancels: VecDeque<RequestId>,
}

/// The requests of a client.
struct Requests<W> {
    writer: Arc<LineWriter<W>>,
    link: Arc<Link>,
    /// Those whose answers are not written.
    waiting: TaskTracker,
    /// In bytes.
    room: Arc<Semaphore>,
    /// For answers that wait to be written.
    unwritten: Arc<Semaphore>,
    known: Arc<Mutex<HashMap<RequestId, Known>>>,
    next_number: u64,
}

/// A request that is not answered.
struct Known {
    /// A client may use an identity twice.
    number: u64,
    cancelled: CancellationToken,
    by_rmcp: Option<ByRmcp>,
}

/// What a request holds that rmcp answers.
struct ByRmcp {
    _place: OwnedSemaphorePermit,
    /// None of a subscription, which is answered when it ends.
    owed: Option<TaskTrackerToken>,
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
            room: Arc::new(Semaphore::new(MAX_WAITING_BYTES)),
            unwritten: Arc::new(Semaphore::new(MAX_UNWRITTEN)),
            known: Arc::default(),
            next_number: 0,
        };
        Self { reader: LineReader::new(read, MAX_BYTES), batch: VecDeque::new(), requests, ending: None }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Requests<W> {
    /// Waits until the client reads. Before more is read from it: what is dropped while it waits must not have been.
    async fn wait_for_reader(&self) {
        drop(self.unwritten.acquire().await);
    }

    /// Room for a request that takes so many bytes.
    fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes.saturating_add(REQUEST_BYTES)).ok()?;
        self.room.clone().try_acquire_many_owned(bytes).ok()
    }

    /// Works on a request, in a task of its own.
    fn work(&mut self, request: JsonRpcRequest<ClientRequest>, place: OwnedSemaphorePermit) {
        let (number, cancelled) = self.know(&request.id, None);
        let (link, writer, unwritten, known) =
            (self.link.clone(), self.writer.clone(), self.unwritten.clone(), self.known.clone());
        self.waiting.spawn(async move {
            let id = request.id.clone();
            let worked = async {
                let turn = link.turn(&request.request).await;
                // Kept until the answer is written: one that nobody reads takes room, too.
                (link.work(request, cancelled.clone()).await, Some(turn))
            };
            let worked = tokio::select! {
                biased;
                () = cancelled.cancelled() => None,
                worked = worked => Some(worked),
            };
            forget(&known, &id, number);
            let (answer, turn) = match worked {
                Some(worked) => worked,
                // It is answered by nobody.
                None if !link.ended().is_cancelled() => return,
                None => (connection_ends(id), None),
            };
            let written = {
                let _unwritten = unwritten.acquire().await;
                write(writer, &answer).await
            };
            if let Err(error) = written {
                tracing::debug!(target: crate::LOG, %error, "an answer could not be written");
            }
            drop((turn, place));
        });
    }

    /// Answers with an error. `None` when the client is gone.
    async fn refuse(&self, error: ErrorData, id: Option<RequestId>) -> Option<()> {
        write(self.writer.clone(), &ServerJsonRpcMessage::error(error, id)).await.ok()
    }

    fn know(&mut self, id: &RequestId, by_rmcp: Option<ByRmcp>) -> (u64, CancellationToken) {
        self.next_number += 1;
        let (number, cancelled) = (self.next_number, self.link.ended().child_token());
        let known = Known { number, cancelled: cancelled.clone(), by_rmcp };
        self.known.lock().insert(id.clone(), known);
        (number, cancelled)
    }

    fn cancel(&self, id: &RequestId) {
        if let Some(known) = self.known.lock().remove(id) {
            known.cancelled.cancel();
        }
    }

    /// Ends subscriptions: their answers are owed now.
    fn end_subscriptions(&self) {
        for known in self.known.lock().values_mut() {
            if let Some(by_rmcp) = &mut known.by_rmcp {
                by_rmcp.owed.get_or_insert_with(|| self.waiting.token());
            }
        }
        self.link.closing().cancel();
    }

    /// What rmcp has not answered.
    fn left_by_rmcp(&self) -> VecDeque<RequestId> {
        let known = self.known.lock();
        known.iter().filter(|(_, known)| known.by_rmcp.is_some()).map(|(id, _)| id.clone()).collect()
    }

    /// Waits for the answers until then. False when some are left.
    async fn wait_until(&self, then: Instant) -> bool {
        self.waiting.close();
        tokio::time::timeout_at(then, self.waiting.wait()).await.is_ok()
    }

    /// Answers a request that rmcp does not answer when it is told that it is cancelled.
    fn give_up_for_rmcp(&self, id: &RequestId) {
        let Some(known) = self.known.lock().remove(id) else { return };
        let (writer, id) = (self.writer.clone(), id.clone());
        self.waiting.spawn(async move {
            drop(write(writer, &connection_ends(id)).await);
            drop(known);
        });
    }

    fn give_up(&self) {
        tracing::warn!(target: crate::LOG, "requests were given up: the connection has ended");
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

/// The answer to a request that is given up.
fn connection_ends(id: RequestId) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::error(ErrorData::internal_error("cancelled: the connection ends", None), Some(id))
}

/// What a client says that is not interested in a request any more.
fn cancellation(id: RequestId) -> ClientJsonRpcMessage {
    let reason = Some("the connection ends".to_owned());
    let notification = CancelledNotification::new(CancelledNotificationParam::new(Some(id), reason));
    ClientJsonRpcMessage::notification(ClientNotification::CancelledNotification(notification))
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
            if let Some(ending) = &mut self.ending {
                // What is told until then is rmcp's to write, so that has to go on.
                if let Some(id) = ending.cancels.pop_front() {
                    self.requests.give_up_for_rmcp(&id);
                    return Some(cancellation(id));
                }
                if self.requests.wait_until(ending.at).await || ending.is_given_up {
                    return None;
                }
                self.requests.give_up();
                let cancels = self.requests.left_by_rmcp();
                *ending = Ending { at: Instant::now() + LAST_WORDS, is_given_up: true, cancels };
                continue;
            }
            self.requests.wait_for_reader().await;
            let (read, bytes) = match self.batch.pop_front() {
                Some(message) => (message::read(message.as_bytes()), json::tree_bytes(message.as_bytes())),
                None => match self.reader.next().await {
                    Next::Line if self.reader.line().is_empty() => continue,
                    Next::Line if let Err(error) = json::check_tree(self.reader.line(), TREE_MAX_BYTES) => {
                        let why = format!("a message is too large: {error}");
                        self.requests.refuse(ErrorData::invalid_request(why, None), None).await?;
                        continue;
                    }
                    Next::Line => match message::read_batch(self.reader.line()) {
                        Some(batch) => {
                            self.batch = batch;
                            continue;
                        }
                        None => (message::read(self.reader.line()), json::tree_bytes(self.reader.line())),
                    },
                    Next::TooLong => {
                        let why = format!("a message is over {} MiB", MAX_BYTES >> 20);
                        self.requests.refuse(ErrorData::invalid_request(why, None), None).await?;
                        continue;
                    }
                    end @ (Next::End | Next::Failed(_)) => {
                        if let Next::Failed(error) = end {
                            tracing::warn!(target: crate::LOG, %error, "the client cannot be read from");
                        }
                        self.requests.end_subscriptions();
                        let (at, cancels) = (Instant::now() + FINISH, VecDeque::new());
                        self.ending = Some(Ending { at, is_given_up: false, cancels });
                        continue;
                    }
                },
            };
            match read {
                Ok(ClientJsonRpcMessage::Request(mut request)) => {
                    let Some(place) = self.requests.room_for(bytes) else {
                        let why = format!("{} MiB of requests wait already; wait for answers", MAX_WAITING_BYTES >> 20);
                        self.requests.refuse(ErrorData::internal_error(why, None), Some(request.id)).await?;
                        continue;
                    };
                    // A subscription is rmcp's.
                    let is_subscription = matches!(request.request, ClientRequest::SubscriptionsListenRequest(_));
                    if self.requests.link.is_ready() && !is_subscription {
                        self.requests.work(request, place);
                        continue;
                    }
                    let owed = (!is_subscription).then(|| self.requests.waiting.token());
                    self.requests.know(&request.id, Some(ByRmcp { _place: place, owed }));
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
        if !self.requests.wait_until(Instant::now() + STOP).await {
            self.requests.give_up();
            self.requests.wait_until(Instant::now() + LAST_WORDS).await;
        }
        self.requests.writer.close().await;
        Ok(())
    }
}
