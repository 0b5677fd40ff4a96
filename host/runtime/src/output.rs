//! What a run writes to stdout and stderr, kept up to the limit `log_bytes`. Log lines and progress
//! messages draw on the same allowance. What is over it is dropped and counted, and the run goes on: a
//! chatty run is no broken run. The caller is told whole lines as they are written.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use tollgate_core::Caller;
use tollgate_core::budget::{LogAllowance, Paid};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

#[derive(Clone)]
pub(crate) struct Output(Arc<Shared>);

struct Shared {
    caller: Arc<dyn Caller>,
    allowance: LogAllowance,
    stdout: Mutex<Text>,
    stderr: Mutex<Text>,
}

/// What was written to one stream.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// How much of it the caller was told.
    told: usize,
}

impl Output {
    pub(crate) fn new(log_bytes: u64, caller: Arc<dyn Caller>) -> Self {
        let allowance = LogAllowance::new(log_bytes);
        Self(Arc::new(Shared { caller, allowance, stdout: Mutex::default(), stderr: Mutex::default() }))
    }

    pub(crate) fn stdout(&self) -> Sink {
        Sink { output: self.clone(), error: false }
    }

    pub(crate) fn stderr(&self) -> Sink {
        Sink { output: self.clone(), error: true }
    }

    /// Pays for a log line or a progress; `None` (and counted) when there is too little left.
    pub(crate) fn take(&self, text: &str) -> Option<Paid> {
        self.0.allowance.take_entry(text)
    }

    /// What was written, and how many bytes were dropped. Bytes that are no UTF-8 are replaced.
    pub(crate) fn collect(&self) -> (String, String, u64) {
        let text = |error| {
            let mut stream = self.stream(error).lock();
            self.tell(error, &mut stream, usize::MAX);
            match String::from_utf8(std::mem::take(&mut stream.bytes)) {
                Ok(text) => text,
                Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
            }
        };
        (text(false), text(true), self.0.allowance.dropped())
    }

    fn stream(&self, error: bool) -> &Mutex<Text> {
        if error { &self.0.stderr } else { &self.0.stdout }
    }

    /// Tells the caller what it was not told yet, up to `end`.
    fn tell(&self, error: bool, stream: &mut Text, end: usize) {
        let end = end.min(stream.bytes.len());
        if let Some(news @ [_, ..]) = stream.bytes.get(stream.told..end) {
            self.0.caller.output(error, &String::from_utf8_lossy(news));
            stream.told = end;
        }
    }

    fn write(&self, error: bool, bytes: &[u8]) {
        let kept = usize::try_from(self.0.allowance.take_up_to(bytes.len() as u64)).unwrap_or(usize::MAX);
        let keep = bytes.get(..kept).unwrap_or(bytes);
        let mut stream = self.stream(error).lock();
        let before = stream.bytes.len();
        stream.bytes.extend_from_slice(keep);
        if let Some(newline) = keep.iter().rposition(|byte| *byte == b'\n') {
            self.tell(error, &mut stream, before + newline + 1);
        }
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
    use tollgate_core::{BoxFuture, Call, CallFailure, LogLevel, Means, ToolResult};

    #[derive(Default)]
    struct Listener(Mutex<Vec<(bool, String)>>);

    impl Caller for Listener {
        fn call(&self, _: Call, _: Means) -> BoxFuture<'_, (Result<ToolResult, CallFailure>, u64)> {
            Box::pin(std::future::pending())
        }

        fn log(&self, _: Paid, _: LogLevel, _: String) {}

        fn progress(&self, _: Paid, _: f64, _: Option<f64>, _: Option<String>) {}

        fn output(&self, error: bool, text: &str) {
            self.0.lock().push((error, text.to_owned()));
        }
    }

    #[test]
    fn what_is_over_the_allowance_is_dropped_and_counted() {
        let output = Output::new(10, Arc::new(Listener::default()));
        output.write(false, b"12345");
        assert!(output.take("").is_none(), "an entry costs more than its text, and is kept whole or not at all");
        output.write(true, b"678901");
        let (stdout, stderr, dropped) = output.collect();
        assert_eq!((stdout.as_str(), stderr.as_str()), ("12345", ""));
        assert_eq!(dropped, 128 + 6);
    }

    #[test]
    fn the_caller_hears_whole_lines_at_once_and_the_rest_at_the_end() {
        let listener = Arc::new(Listener::default());
        let output = Output::new(1_000, listener.clone());
        // A character that comes in two parts is told as one.
        for part in ["one\ntw", "o", "\nthr"].map(str::as_bytes).into_iter().chain([&b"\xc3"[..], b"\xa9", b"e"]) {
            output.write(false, part);
        }
        output.write(true, b"careful\n");
        assert_eq!(output.collect().0, "one\ntwo\nthr\u{e9}e");
        let told = listener.0.lock().clone();
        let told: Vec<_> = told.iter().map(|(error, text)| (*error, text.as_str())).collect();
        assert_eq!(told, [(false, "one\n"), (false, "two\n"), (true, "careful\n"), (false, "thr\u{e9}e")]);
    }
}
