//! One JSON-RPC message a line, over any stream of bytes: child processes and servers in this process.
//!
//! rmcp has such a transport. Ours carries results as text ([`crate::carry`]), ends the connection on a
//! message over the limit instead of waiting for an answer that was thrown away, and remembers what was
//! wrong, so that an error can say it.

use crate::callers::Callers;
use crate::carry::InFlight;
use crate::direct::Lines;
use crate::text::clean;
use parking_lot::Mutex;
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tollgate_lines::{Fate, LineError, LineReader, Next};

/// Lines in a row that are no messages before the peer counts as none of ours.
const MAX_STRAY_LINES: usize = 1_000;

/// The most messages of a batch. A longer one is none: each of its parts is looked at on a worker that others need.
const MAX_BATCH_PARTS: usize = 1_024;

/// What was wrong with the lines of one connection.
#[derive(Debug, Default)]
pub(crate) struct LineFaults(Mutex<Faults>);

#[derive(Debug, Default)]
struct Faults {
    first_stray: Option<String>,
    strays: usize,
    fatal: Option<String>,
}

impl LineFaults {
    /// The lines that were no messages, which may explain that a connection never began.
    pub(crate) fn stray_lines(&self) -> Option<String> {
        let faults = self.0.lock();
        faults.first_stray.as_ref().map(|line| {
            let lines = if faults.strays == 1 { "a line" } else { "lines" };
            format!("wrote {lines} to its standard output that are not MCP messages, first: `{line}`")
        })
    }

    /// Why the connection was ended, if we ended it.
    pub(crate) fn fatal(&self) -> Option<String> {
        self.0.lock().fatal.clone()
    }

    fn end(&self, why: String) {
        self.0.lock().fatal.get_or_insert(why);
    }

    fn stray(&self, line: &[u8]) {
        let start = String::from_utf8_lossy(line.get(..400).unwrap_or(line));
        let mut faults = self.0.lock();
        faults.strays += 1;
        if faults.first_stray.is_none() {
            faults.first_stray = Some(clean(&start, 120));
        }
    }
}

/// The transport.
pub(crate) struct LineTransport<R, W> {
    reader: LineReader<R>,
    max_bytes: usize,
    lines: Arc<Lines<W>>,
    in_flight: InFlight,
    /// Messages of a batch (2025-03-26) that are not handed on yet.
    batch: VecDeque<ServerJsonRpcMessage>,
    /// The last `server/discover`, and whether we gave it up for `initialize`: a server that starts
    /// slowly answers it late, and rmcp would take that for a wrong answer to `initialize`.
    discover: Option<RequestId>,
    gave_up_discover: bool,
    strays_in_a_row: usize,
    faults: Arc<LineFaults>,
}

impl<R: AsyncRead + Unpin + Send, W: AsyncWrite + Unpin + Send + 'static> LineTransport<R, W> {
    pub(crate) fn new(read: R, write: W, max_bytes: usize, callers: Arc<Callers>) -> (Self, Arc<LineFaults>) {
        let faults = Arc::new(LineFaults::default());
        callers.begin_stream();
        let transport = Self {
            reader: LineReader::new(read, max_bytes),
            max_bytes,
            lines: Lines::new(write),
            in_flight: InFlight::new(callers),
            batch: VecDeque::new(),
            discover: None,
            gave_up_discover: false,
            strays_in_a_row: 0,
            faults: faults.clone(),
        };
        (transport, faults)
    }

    /// The short way over this connection.
    pub(crate) fn direct(&self) -> Arc<Lines<W>> {
        self.lines.clone()
    }

    /// Reads on until there is a whole line. False at the end of the stream.
    async fn read_line(&mut self) -> bool {
        match self.reader.next().await {
            Next::Line => return true,
            Next::TooLong => self.faults.end(format!("sent a message over {}", crate::bytes_text(self.max_bytes))),
            Next::End => {}
            Next::Failed(error) => self.faults.end(format!("could not be read from: {error}")),
        }
        false
    }

    /// Turns the line into the messages that it holds: none, one, or those of a batch.
    fn take_line(&mut self) {
        let line = self.reader.line();
        if line.is_empty() {
            return;
        }
        let parts: Vec<Cow<'_, [u8]>> = if line.starts_with(b"[") {
            let parts: Result<Vec<&RawValue>, _> = serde_json::from_slice(line);
            let parts = parts.ok().filter(|parts| parts.len() <= MAX_BATCH_PARTS);
            parts.unwrap_or_default().iter().map(|p| Cow::Borrowed(p.get().as_bytes())).collect()
        } else {
            vec![Cow::Borrowed(line)]
        };
        let mut any = false;
        for part in parts {
            if self.lines.take(&part) {
                any = true;
                continue;
            }
            match self.in_flight.read(&part) {
                Ok(message) => {
                    any = true;
                    if !is_late_discover(self.discover.as_ref(), self.gave_up_discover, &message) {
                        self.batch.push_back(message);
                    }
                }
                Err(error) => tracing::debug!(target: crate::LOG, %error, "a line is no MCP message"),
            }
        }
        if any {
            self.strays_in_a_row = 0;
        } else {
            self.strays_in_a_row += 1;
            self.faults.stray(line);
        }
    }
}

/// Nobody reads any more, whatever the reason.
impl<R, W> Drop for LineTransport<R, W> {
    fn drop(&mut self) {
        self.lines.lose();
    }
}

fn is_late_discover(discover: Option<&RequestId>, gave_up: bool, message: &ServerJsonRpcMessage) -> bool {
    let id = match message {
        ServerJsonRpcMessage::Response(response) => Some(&response.id),
        ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
        _ => None,
    };
    gave_up && id.is_some() && id == discover
}

impl<R, W> Transport<RoleClient> for LineTransport<R, W>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = LineError;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.in_flight.sent(&message);
        if let ClientJsonRpcMessage::Request(request) = &message {
            match &request.request {
                ClientRequest::DiscoverRequest(_) => self.discover = Some(request.id.clone()),
                ClientRequest::InitializeRequest(_) => self.gave_up_discover = true,
                _ => {}
            }
        }
        let lines = self.lines.clone();
        async move { lines.write(&message, &Fate::default()).await }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.batch.pop_front() {
                return Some(message);
            }
            if !self.read_line().await {
                self.lines.lose();
                return None;
            }
            self.take_line();
            if self.strays_in_a_row >= MAX_STRAY_LINES {
                self.faults.end(format!("wrote {MAX_STRAY_LINES} lines in a row that are not MCP messages"));
                self.lines.lose();
                return None;
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // Closing its standard input asks a child to end.
        self.lines.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tollgate_core::SystemClock;

    /// It kept a worker busy for half a minute.
    #[tokio::test]
    async fn a_batch_of_too_many_parts_is_no_message() {
        let (mut theirs, ours) = tokio::io::duplex(1 << 20);
        let (read, write) = tokio::io::split(ours);
        let callers = Callers::new("s", Arc::new(SystemClock::default()));
        let (mut transport, faults) = LineTransport::new(read, write, 1 << 24, callers);
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let said = format!("[{}]\n[{ping},{ping}]\n", vec![ping; MAX_BATCH_PARTS + 1].join(","));
        theirs.write_all(said.as_bytes()).await.unwrap();
        drop(theirs);
        let mut heard = 0;
        while transport.receive().await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, 2);
        assert!(faults.stray_lines().is_some_and(|what| what.contains("not MCP messages")));
    }
}
