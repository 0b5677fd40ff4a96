//! A connection of lines (MCP's stdio transport) on the agent's side, and the short way of requests over it: a task for
//! each works on it and writes the answer. All else goes to rmcp.
//!
//! rmcp has such a transport. It drops a message over the limit in silence, so that whoever sent it waits for ever, and
//! reads the others as [`message`] says.

use crate::link::{Link, Served};
use crate::message;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData, GetExtensions, JsonRpcRequest, RequestId,
    ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
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
            let message = match message::read(line) {
                Ok(message) => message,
                Err(Some(misread)) => {
                    write(self.requests.writer.clone(), &misread.answer()).await.ok()?;
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
