//! One request of a session over HTTP, and what is told on its stream.

use futures::Stream;
use parking_lot::Mutex;
use rmcp::model::{ProgressToken, RequestId, ServerJsonRpcMessage};
use rmcp::transport::common::server_side_http::ServerSseMessage;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// How long a client that lost its stream is told to wait before it comes back.
const RETRY: Duration = Duration::from_secs(3);
/// The most messages of one request that are kept for such a client, and that wait for one that reads slowly.
const MAX_MESSAGES: usize = 64;

/// One request of a client, and what is told on its stream.
pub(crate) struct Exchange {
    pub(crate) number: u64,
    pub(crate) id: RequestId,
    pub(crate) token: Option<ProgressToken>,
    pub(crate) cancelled: CancellationToken,
    /// Something was told: the response has to be a stream.
    pub(crate) told: Notify,
    /// Another reader came.
    replaced: Notify,
    stream: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The latest events, for a client that comes back.
    events: VecDeque<(u64, ServerSseMessage)>,
    last: u64,
    /// Who reads them.
    reader: Option<mpsc::Sender<ServerSseMessage>>,
    has_ended: bool,
    /// The questions that were put to the client.
    asked: Vec<RequestId>,
}

impl Exchange {
    pub(crate) fn new(number: u64, id: RequestId, token: Option<ProgressToken>, cancelled: CancellationToken) -> Self {
        let (told, replaced, stream) = (Notify::new(), Notify::new(), Mutex::default());
        Self { number, id, token, cancelled, told, replaced, stream }
    }

    /// Notes a question that was put to the client.
    pub(crate) fn asks(&self, question: RequestId) {
        self.stream.lock().asked.push(question);
    }

    pub(crate) fn has_asked(&self, question: &RequestId) -> bool {
        self.stream.lock().asked.contains(question)
    }

    /// The identity of an event: rmcp's own begin with a digit.
    fn event_id(&self, index: u64) -> String {
        format!("r{}-{index}", self.number)
    }

    /// The request and the event that an identity names.
    pub(crate) fn read_event_id(id: &str) -> Option<(u64, u64)> {
        let (number, index) = id.strip_prefix('r')?.split_once('-')?;
        Some((number.parse().ok()?, index.parse().ok()?))
    }

    /// Tells the client something. Waits for one that reads slowly.
    pub(crate) async fn tell(&self, message: ServerJsonRpcMessage) {
        let mut replaced = std::pin::pin!(self.replaced.notified());
        replaced.as_mut().enable();
        let (event, reader) = {
            let mut told = self.stream.lock();
            told.last += 1;
            let index = told.last;
            let event = ServerSseMessage::new(self.event_id(index), message);
            if told.events.len() >= MAX_MESSAGES {
                told.events.pop_front();
            }
            told.events.push_back((index, event.clone()));
            (event, told.reader.clone())
        };
        self.told.notify_one();
        if let Some(reader) = reader {
            // One that is gone may come back for it, and has it then.
            tokio::select! {
                _ = reader.send(event) => {}
                () = replaced => {}
            }
        }
    }

    /// What was told after event `seen`, and all that will be. Whoever read before reads no more.
    pub(crate) fn read(&self, seen: u64) -> impl Stream<Item = ServerSseMessage> + Send + Sync + use<> {
        let mut told = self.stream.lock();
        let (sender, mut reader) = mpsc::channel(MAX_MESSAGES + 1);
        for (_, event) in told.events.iter().filter(|(index, _)| *index > seen) {
            // There is room for all that are kept.
            drop(sender.try_send(event.clone()));
        }
        told.reader = (!told.has_ended).then_some(sender);
        self.replaced.notify_waiters();
        futures::stream::poll_fn(move |cx| reader.poll_recv(cx))
    }

    /// The whole stream, after an event with which a client can come back.
    pub(crate) fn read_all(&self) -> impl Stream<Item = ServerSseMessage> + Send + Sync + use<> {
        use futures::StreamExt as _;
        let first = ServerSseMessage::priming(self.event_id(0), RETRY);
        futures::stream::iter([first]).chain(self.read(0))
    }

    pub(crate) fn has_told_nothing(&self) -> bool {
        self.stream.lock().last == 0
    }

    pub(crate) fn end(&self) {
        let mut told = self.stream.lock();
        (told.has_ended, told.reader) = (true, None);
    }
}
