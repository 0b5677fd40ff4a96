//! What a run writes to stdout and stderr, kept up to the limit `log_bytes`. Log lines and progress
//! messages draw on the same allowance. What is over it is dropped and counted, and the run goes on: a
//! chatty run is no broken run.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

#[derive(Clone, Default)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Default)]
struct Shared {
    left: AtomicU64,
    dropped: AtomicU64,
    stdout: Mutex<Vec<u8>>,
    stderr: Mutex<Vec<u8>>,
}

impl Output {
    pub(crate) fn new(log_bytes: u64) -> Self {
        Self(Arc::new(Shared { left: AtomicU64::new(log_bytes), ..Shared::default() }))
    }

    pub(crate) fn stdout(&self) -> Sink {
        Sink { output: self.clone(), error: false }
    }

    pub(crate) fn stderr(&self) -> Sink {
        Sink { output: self.clone(), error: true }
    }

    /// Takes room for a message; `false` (and counted) when there is too little left.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let want = bytes as u64;
        let enough = self.take_up_to(want) == want;
        if !enough {
            self.0.dropped.fetch_add(want, Ordering::Relaxed);
        }
        enough
    }

    fn take_up_to(&self, want: u64) -> u64 {
        let before = self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n - want.min(n)));
        before.unwrap_or(0).min(want)
    }

    /// What was written, and how many bytes were dropped. Bytes that are no UTF-8 are replaced.
    pub(crate) fn collect(&self) -> (String, String, u64) {
        let text = |buffer: &Mutex<Vec<u8>>| match String::from_utf8(std::mem::take(&mut *buffer.lock())) {
            Ok(text) => text,
            Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
        };
        (text(&self.0.stdout), text(&self.0.stderr), self.0.dropped.load(Ordering::Relaxed))
    }

    fn write(&self, error: bool, bytes: &[u8]) {
        let kept = usize::try_from(self.take_up_to(bytes.len() as u64)).unwrap_or(usize::MAX);
        let (keep, drop) = bytes.split_at_checked(kept).unwrap_or((bytes, &[]));
        let buffer = if error { &self.0.stderr } else { &self.0.stdout };
        buffer.lock().extend_from_slice(keep);
        self.0.dropped.fetch_add(drop.len() as u64, Ordering::Relaxed);
    }
}

/// One of the two streams.
#[derive(Clone)]
pub(crate) struct Sink {
    output: Output,
    error: bool,
}

impl IsTerminal for Sink {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Sink {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Sink {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output.write(self.error, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Sink {
    async fn ready(&mut self) {}
}

impl tokio::io::AsyncWrite for Sink {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.output.write(self.error, bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_allowance_is_dropped_and_counted() {
        let output = Output::new(10);
        output.write(false, b"12345");
        assert!(!output.take(6), "a message is kept whole or not at all");
        output.write(true, b"678901");
        let (stdout, stderr, dropped) = output.collect();
        assert_eq!((stdout.as_str(), stderr.as_str()), ("12345", ""));
        assert_eq!(dropped, 12);
    }
}
