//! The rest of an answer whose reader has what it wanted. It is read to its end, so that the connection can be used again: HTTP/1.1
//! has no other way to reach the next answer. Servers end a stream of events right after the answer that it is for.

use crate::carry::{Belongs, InFlight};
use crate::http::rewrite;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::Response;
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::Sse;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Semaphore;

/// For how long a rest is read. A connection whose rest takes longer is closed.
const TIME: Duration = Duration::from_secs(2);
/// How many pieces of a rest are read.
const PIECES: usize = 32;
/// Rests that are read at once, of all servers together. Further connections are closed: a server that ends no stream must not have
/// the host keep a socket for two seconds for each call.
const AT_ONCE: usize = 64;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Reads the rest of a response of which only the head is wanted.
pub(crate) fn leave(response: Response) {
    if response.content_length() != Some(0) {
        read_rest(response.bytes_stream());
    }
}

fn read_rest<T>(rest: impl Stream<Item = T> + Send + 'static) {
    // Without a runtime, as while a process ends, the connection ends too.
    if let (Ok(runtime), Ok(place)) = (tokio::runtime::Handle::try_current(), PLACES.try_acquire()) {
        let read = async { rest.take(PIECES).for_each(|_| std::future::ready(())).await };
        runtime.spawn(async {
            drop(tokio::time::timeout(TIME, read).await);
            drop(place);
        });
    }
}

/// The stream of events that answers one request. Dropped before the answer it closes the connection, which cancels the
/// request; dropped after it, the rest is read.
pub(super) struct AnswerEvents {
    events: BoxStream<'static, Result<Sse, SseError>>,
    in_flight: InFlight,
    is_answered: bool,
}

impl AnswerEvents {
    pub(super) fn new(events: BoxStream<'static, Result<Sse, SseError>>, in_flight: InFlight) -> Self {
        Self { events, in_flight, is_answered: false }
    }

    /// Reads an event. An answer to another request is left out: it is not this stream's to bring.
    fn read(&mut self, mut event: Sse) -> Sse {
        let belongs = event.data.as_ref().map(|data| self.in_flight.belongs(data.as_bytes()));
        match belongs {
            Some(Belongs::ToAnother) => {
                tracing::debug!(target: crate::LOG, "an answer to another request is left out");
                event.data = None;
                return event;
            }
            Some(Belongs::Answer) => self.is_answered = true,
            Some(Belongs::Message) | None => {}
        }
        rewrite(event, |data| self.in_flight.carried(data))
    }
}

impl Stream for AnswerEvents {
    type Item = Result<Sse, SseError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.events.poll_next_unpin(context));
        // At its end there is no rest.
        self.is_answered &= event.is_some();
        Poll::Ready(event.map(|event| event.map(|event| self.read(event))))
    }
}

impl Drop for AnswerEvents {
    fn drop(&mut self) {
        if self.is_answered {
            read_rest(std::mem::replace(&mut self.events, futures::stream::empty().boxed()));
        }
    }
}
