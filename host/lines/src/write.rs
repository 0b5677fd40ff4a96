//! Writing lines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Nothing of it was written.
    #[error("{0}")]
    NotSent(io::Error),
    /// Some of it was. Who reads the half of a line up to its end may take it for a message.
    #[error("{0}")]
    Lost(io::Error),
}

/// What becomes of a message that is about to be written, known to who writes it and to who wants it written.
#[derive(Clone, Debug, Default)]
pub struct Fate(Arc<AtomicU8>);

impl Fate {
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    fn becomes(&self, what: u8) -> bool {
        self.0.compare_exchange(0, what, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Begins to write it. False when it was given up before.
    fn begin(&self) -> bool {
        self.becomes(Self::BEGUN)
    }

    /// Gives it up. False when some of it was, or is being, written.
    pub fn give_up(&self) -> bool {
        self.becomes(Self::GIVEN_UP)
    }
}

/// The writing end of a connection. Lines are written one after the other, each whole.
#[derive(Debug)]
pub struct LineWriter<W> {
    /// `None` once it is closed.
    stream: Mutex<Option<W>>,
    closed: CancellationToken,
}

impl<W> LineWriter<W> {
    /// Writes to `stream`.
    pub fn new(stream: W) -> Arc<Self> {
        Arc::new(Self { stream: Mutex::new(Some(stream)), closed: CancellationToken::new() })
    }

    /// Waits for nobody who does not read: lines that are half written stay so.
    pub fn give_up(&self) {
        self.closed.cancel();
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> LineWriter<W> {
    /// Writes a line whole, once it has begun, though the future is dropped. `text` ends without the end of the line.
    ///
    /// # Errors
    /// The stream is closed or broken, or `fate` was given up.
    pub async fn write(self: Arc<Self>, mut text: Vec<u8>, fate: &Fate) -> Result<(), LineError> {
        text.push(b'\n');
        let mut writing = Box::pin(self.clone().write_line(text, fate.clone()));
        // Nearly always it is done at once. What is not has a task of its own: whoever called may not be polled for long, or
        // never again, and others want to write.
        let first = std::future::poll_fn(|context| Poll::Ready(writing.as_mut().poll(context))).await;
        if let Poll::Ready(written) = first {
            return written;
        }
        let task = tokio::spawn(async move {
            tokio::select! {
                written = writing => written,
                () = self.closed.cancelled() => Err(LineError::Lost(io::ErrorKind::NotConnected.into())),
            }
        });
        task.await.unwrap_or_else(|error| Err(LineError::Lost(io::Error::other(error))))
    }

    async fn write_line(self: Arc<Self>, text: Vec<u8>, fate: Fate) -> Result<(), LineError> {
        let mut stream = self.stream.lock().await;
        let Some(stream) = stream.as_mut() else {
            return Err(LineError::NotSent(io::ErrorKind::NotConnected.into()));
        };
        if !fate.begin() {
            return Err(LineError::NotSent(io::ErrorKind::Interrupted.into()));
        }
        let mut written = 0;
        while written < text.len() {
            let failed = if written == 0 { LineError::NotSent } else { LineError::Lost };
            match stream.write(text.get(written..).unwrap_or_default()).await {
                Ok(0) => return Err(failed(io::ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) => return Err(failed(error)),
            }
        }
        stream.flush().await.map_err(LineError::Lost)
    }

    /// Closes the stream, though nobody reads what is half written.
    pub async fn close(&self) {
        self.give_up();
        if let Some(mut stream) = self.stream.lock().await.take() {
            let _ = stream.shutdown().await;
        }
    }
}
